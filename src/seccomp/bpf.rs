//! Classic BPF as seccomp uses it: an interpreter in agreement with the kernel, and the change
//! that makes a filter ask the supervisor instead of refusing.

use super::action::Action;

/// `sizeof(struct sock_filter)`, linux/filter.h.
const INSN_BYTES: usize = 8;
/// `sizeof(struct seccomp_data)`, linux/seccomp.h.
const DATA_BYTES: usize = 64;
/// What a filter loads from it at a time has 32 bits.
const DATA_WORDS: usize = DATA_BYTES / 4;
/// `BPF_MAXINSNS`, `linux/bpf_common.h`.
const MAX_INSNS: usize = 4096;

/// The instructions that libseccomp and runc emit (`linux/bpf_common.h`).
const LD_W_ABS: u16 = 0x20;
const ALU_AND_K: u16 = 0x54;
const JMP_JA: u16 = 0x05;
const JMP_JEQ_K: u16 = 0x15;
const JMP_JGT_K: u16 = 0x25;
const JMP_JGE_K: u16 = 0x35;
const JMP_JSET_K: u16 = 0x45;
const RET_K: u16 = 0x06;

/// One instruction: `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insn {
    /// The operation.
    pub code: u16,
    /// How many instructions to skip when the test holds.
    pub jt: u8,
    /// How many instructions to skip when it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// What a filter looks at: `struct seccomp_data`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeccompData {
    /// The call's number.
    pub nr: i32,
    /// `AUDIT_ARCH_*` of the ABI that the call came through.
    pub arch: u32,
    /// Where in the process the call was made.
    pub instruction_pointer: u64,
    /// The call's arguments.
    pub args: [u64; 6],
}

impl SeccompData {
    /// As it lies in memory: what a load takes is an aligned word (`seccomp_check_filter`).
    fn to_words(self) -> [u32; DATA_WORDS] {
        let mut bytes = [0; DATA_BYTES];
        bytes[0..4].copy_from_slice(&self.nr.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.arch.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.instruction_pointer.to_ne_bytes());
        for (slot, arg) in bytes[16..].chunks_exact_mut(8).zip(self.args) {
            slot.copy_from_slice(&arg.to_ne_bytes());
        }
        let mut words = [0; DATA_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_ne_bytes(*bytes);
        }
        words
    }
}

/// Why a program cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BpfError {
    /// The bytes are not a whole number of instructions.
    #[error("a BPF program of {0} bytes is not made of whole 8-byte instructions")]
    Ragged(usize),
    /// The kernel takes 1 to 4096 instructions.
    #[error("a BPF program has {0} instructions, and the kernel takes 1 to {MAX_INSNS}: shorten the profile")]
    Length(usize),
    /// An instruction that neither libseccomp nor runc emits.
    #[error("instruction {at} of the BPF program is {code:#06x}, which libseccomp does not emit")]
    Unsupported {
        /// Its place in the program, from 0.
        at: usize,
        /// Its operation.
        code: u16,
    },
    /// A jump or the last instruction leads out of the program.
    #[error("instruction {at} of the BPF program leads past its end")]
    PastEnd {
        /// Its place in the program, from 0.
        at: usize,
    },
    /// A load that does not lie in `struct seccomp_data`.
    #[error("instruction {at} of the BPF program loads byte {offset} of the call, which has {DATA_BYTES}")]
    Load {
        /// Its place in the program, from 0.
        at: usize,
        /// The byte that it loads from.
        offset: u32,
    },
}

/// A filter that the kernel would take. Every instruction was looked at when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(Vec<Insn>);

/// What follows an instruction.
enum Step {
    Continue,
    Skip(usize),
    Return(u32),
}

impl Program {
    /// Takes instructions, after the checks that the kernel makes (`seccomp_check_filter`).
    ///
    /// # Errors
    /// When the kernel would refuse them, or when one is not among those that libseccomp emits:
    /// in particular `RET A`, whose action cannot be told from the program.
    pub fn new(insns: Vec<Insn>) -> Result<Self, BpfError> {
        if insns.is_empty() || insns.len() > MAX_INSNS {
            return Err(BpfError::Length(insns.len()));
        }
        for (at, insn) in insns.iter().enumerate() {
            check(*insn, at, insns.len())?;
        }
        Ok(Self(insns))
    }

    /// Reads an array of `struct sock_filter` in this machine's byte order.
    ///
    /// # Errors
    /// As [`Self::new`], and when the bytes are no whole number of instructions.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BpfError> {
        let (chunks, rest) = bytes.as_chunks::<INSN_BYTES>();
        if !rest.is_empty() {
            return Err(BpfError::Ragged(bytes.len()));
        }
        let insn = |&[c0, c1, jt, jf, k0, k1, k2, k3]: &[u8; INSN_BYTES]| Insn {
            code: u16::from_ne_bytes([c0, c1]),
            jt,
            jf,
            k: u32::from_ne_bytes([k0, k1, k2, k3]),
        };
        Self::new(chunks.iter().map(insn).collect())
    }

    /// The array of `struct sock_filter` that `seccomp(2)` takes, in this machine's byte order.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * INSN_BYTES);
        for insn in &self.0 {
            bytes.extend(insn.code.to_ne_bytes());
            bytes.extend([insn.jt, insn.jf]);
            bytes.extend(insn.k.to_ne_bytes());
        }
        bytes
    }

    /// The instructions.
    pub fn insns(&self) -> &[Insn] {
        &self.0
    }

    /// What the kernel does with a call under this filter.
    ///
    /// # Errors
    /// When an instruction cannot be carried out; [`Self::new`] lets none such in.
    pub fn evaluate(&self, data: &SeccompData) -> Result<Action, BpfError> {
        let data = data.to_words();
        let mut accumulator = 0;
        let mut at = 0;
        while let Some(insn) = self.0.get(at) {
            match step(*insn, at, &data, &mut accumulator)? {
                Step::Continue => at += 1,
                Step::Skip(distance) => at += 1 + distance,
                Step::Return(ret) => return Ok(Action::from_ret(ret)),
            }
        }
        Err(BpfError::PastEnd { at })
    }

    /// The same filter, asking the supervisor (`SECCOMP_RET_USER_NOTIF`) wherever this one
    /// refuses: fails a call, kills, or raises SIGSYS. What is allowed or logged stays so.
    #[must_use]
    pub fn supervised(&self) -> Self {
        let ask = |insn: &Insn| {
            let refuses = insn.code == RET_K && Action::from_ret(insn.k).refuses();
            let k = if refuses { Action::Notify.to_ret() } else { insn.k };
            Insn { k, ..*insn }
        };
        Self(self.0.iter().map(ask).collect())
    }
}

/// A call that the supervisor is asked about before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its number.
    pub nr: i32,
    /// An argument, and bits of its lower half of which one is set; `None` for every call of the kind.
    pub bits: Option<(u32, u32)>,
}

impl Program {
    /// The same filter, which first asks the supervisor about these calls of one ABI, whatever it says to them itself.
    /// Where that makes it too long, it asks about none of them.
    #[must_use]
    pub fn asking(&self, arch: u32, calls: &[Asked]) -> Self {
        let insn = |code, jt, jf, k| Insn { code, jt, jf, k };
        let ask = insn(RET_K, 0, 0, Action::Notify.to_ret());
        let load_number = insn(LD_W_ABS, 0, 0, 0);
        let mut tests = vec![load_number];
        for call in calls {
            let is_it = |skip| insn(JMP_JEQ_K, 0, skip, call.nr.cast_unsigned());
            match call.bits {
                None => tests.extend([is_it(1), ask]),
                Some((argument, bits)) => {
                    let low = 16 + 8 * argument + if cfg!(target_endian = "little") { 0 } else { 4 };
                    let test = insn(JMP_JSET_K, 0, 1, bits);
                    tests.extend([is_it(4), insn(LD_W_ABS, 0, 0, low), test, ask, load_number]);
                }
            }
        }
        let skip = u32::try_from(tests.len()).unwrap_or(u32::MAX);
        let head = [insn(LD_W_ABS, 0, 0, 4), insn(JMP_JEQ_K, 1, 0, arch), insn(JMP_JA, 0, 0, skip)];
        let whole = head.into_iter().chain(tests).chain(self.0.iter().copied()).collect();
        Self::new(whole).unwrap_or_else(|_| self.clone())
    }

    /// A filter that does the same with every call.
    pub fn always(action: Action) -> Self {
        Self(vec![Insn { code: RET_K, jt: 0, jf: 0, k: action.to_ret() }])
    }
}

/// Refuses an instruction that could not be carried out at `at` in a program of `length`.
fn check(insn: Insn, at: usize, length: usize) -> Result<(), BpfError> {
    let farthest = match insn.code {
        LD_W_ABS => {
            word(&[0; DATA_WORDS], at, insn.k)?;
            0
        }
        ALU_AND_K => 0,
        JMP_JEQ_K | JMP_JGT_K | JMP_JGE_K | JMP_JSET_K => usize::from(insn.jt.max(insn.jf)),
        JMP_JA => insn.k as usize,
        RET_K => return Ok(()),
        code => return Err(BpfError::Unsupported { at, code }),
    };
    if at + 1 + farthest < length { Ok(()) } else { Err(BpfError::PastEnd { at }) }
}

fn step(insn: Insn, at: usize, data: &[u32; DATA_WORDS], accumulator: &mut u32) -> Result<Step, BpfError> {
    let branch = |holds| Step::Skip(usize::from(if holds { insn.jt } else { insn.jf }));
    Ok(match insn.code {
        LD_W_ABS => {
            *accumulator = word(data, at, insn.k)?;
            Step::Continue
        }
        ALU_AND_K => {
            *accumulator &= insn.k;
            Step::Continue
        }
        JMP_JA => Step::Skip(insn.k as usize),
        JMP_JEQ_K => branch(*accumulator == insn.k),
        JMP_JGT_K => branch(*accumulator > insn.k),
        JMP_JGE_K => branch(*accumulator >= insn.k),
        JMP_JSET_K => branch(*accumulator & insn.k != 0),
        RET_K => Step::Return(insn.k),
        code => return Err(BpfError::Unsupported { at, code }),
    })
}

/// The 32-bit word at `offset` of the call, which must be aligned (`seccomp_check_filter`).
fn word(data: &[u32; DATA_WORDS], at: usize, offset: u32) -> Result<u32, BpfError> {
    let found = data.get(offset as usize / 4).filter(|_| offset.is_multiple_of(4));
    found.copied().ok_or(BpfError::Load { at, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RET_A: u16 = 0x16;

    fn insn(code: u16, jt: u8, jf: u8, k: u32) -> Insn {
        Insn { code, jt, jf, k }
    }

    fn returning(action: Action) -> Insn {
        insn(RET_K, 0, 0, action.to_ret())
    }

    /// Allows call 7, fails the rest with EACCES.
    fn only_seven() -> Program {
        Program::new(vec![
            insn(LD_W_ABS, 0, 0, 0),
            insn(JMP_JEQ_K, 0, 1, 7),
            returning(Action::Allow),
            returning(Action::Errno(13)),
        ])
        .unwrap()
    }

    fn call(nr: i32, args: [u64; 6]) -> SeccompData {
        SeccompData { nr, args, ..SeccompData::default() }
    }

    #[test]
    fn a_program_decides_by_the_number_of_the_call() {
        let program = only_seven();
        assert_eq!(program.evaluate(&call(7, [0; 6])), Ok(Action::Allow));
        assert_eq!(program.evaluate(&call(8, [0; 6])), Ok(Action::Errno(13)));
    }

    #[test]
    fn both_halves_of_an_argument_can_be_tested() {
        let low = if cfg!(target_endian = "little") { 16 } else { 20 };
        let program = Program::new(vec![
            insn(LD_W_ABS, 0, 0, low),
            insn(ALU_AND_K, 0, 0, 0xff00),
            insn(JMP_JGT_K, 4, 0, 0x2000),
            insn(JMP_JGE_K, 2, 0, 0x1000),
            insn(JMP_JSET_K, 2, 0, 0x0100),
            insn(JMP_JA, 0, 0, 2),
            returning(Action::Trap),
            returning(Action::Log),
            returning(Action::KillThread),
        ])
        .unwrap();
        let with = |arg| program.evaluate(&call(0, [arg, 0, 0, 0, 0, 0])).unwrap();
        assert_eq!(with(0x3000), Action::Log);
        assert_eq!(with(0x10ff), Action::Trap);
        assert_eq!(with(0x0100), Action::Log);
        assert_eq!(with(0xdead_beef_0000_0000), Action::KillThread);
    }

    #[test]
    fn a_supervised_program_asks_wherever_the_original_refuses() {
        let actions = [
            Action::Errno(38),
            Action::KillProcess,
            Action::KillThread,
            Action::Trap,
            Action::Allow,
            Action::Log,
            Action::Trace(3),
        ];
        let program = Program::new(actions.map(returning).to_vec()).unwrap();
        let asked = program.supervised();
        let became = asked.insns().iter().map(|insn| Action::from_ret(insn.k));
        let expected = [
            Action::Notify,
            Action::Notify,
            Action::Notify,
            Action::Notify,
            Action::Allow,
            Action::Log,
            Action::Notify,
        ];
        assert_eq!(became.collect::<Vec<_>>(), expected);
        let same_calls = only_seven().supervised();
        assert_eq!(same_calls.evaluate(&call(7, [0; 6])), Ok(Action::Allow));
        assert_eq!(same_calls.evaluate(&call(8, [0; 6])), Ok(Action::Notify));
    }

    #[test]
    fn a_filter_can_ask_about_calls_that_it_allows() {
        let asked = [Asked { nr: 7, bits: Some((2, 0b11)) }, Asked { nr: 9, bits: None }];
        let program = only_seven().asking(5, &asked);
        let of = |arch, nr, flags| {
            program.evaluate(&SeccompData { nr, arch, args: [0, 0, flags, 0, 0, 0], ..SeccompData::default() }).unwrap()
        };
        assert_eq!(of(5, 7, 0b10), Action::Notify);
        assert_eq!(of(5, 7, 0b100), Action::Allow);
        assert_eq!(of(5, 9, 0), Action::Notify);
        assert_eq!(of(5, 8, 0b11), Action::Errno(13));
        assert_eq!(of(6, 7, 0b10), Action::Allow);
        assert_eq!(of(6, 9, 0), Action::Errno(13));
        let long = Program::new(vec![returning(Action::Allow); 4090]).unwrap();
        assert_eq!(long.asking(5, &asked), long);
    }

    #[test]
    fn bytes_and_instructions_are_the_same_thing() {
        let program = only_seven();
        assert_eq!(Program::from_bytes(&program.to_bytes()), Ok(program));
        assert_eq!(Program::from_bytes(&[0; 9]), Err(BpfError::Ragged(9)));
    }

    #[test]
    fn programs_that_could_go_wrong_are_refused_when_they_are_made() {
        let ret = returning(Action::Allow);
        let cases = [
            (vec![], BpfError::Length(0)),
            (vec![ret; 4097], BpfError::Length(4097)),
            (vec![insn(RET_A, 0, 0, 0)], BpfError::Unsupported { at: 0, code: RET_A }),
            (vec![insn(ALU_AND_K, 0, 0, 0)], BpfError::PastEnd { at: 0 }),
            (vec![insn(JMP_JA, 0, 0, 1), ret], BpfError::PastEnd { at: 0 }),
            (vec![insn(JMP_JEQ_K, 1, 0, 0), ret], BpfError::PastEnd { at: 0 }),
            (vec![insn(LD_W_ABS, 0, 0, 64), ret], BpfError::Load { at: 0, offset: 64 }),
            (vec![insn(LD_W_ABS, 0, 0, 2), ret], BpfError::Load { at: 0, offset: 2 }),
        ];
        for (insns, expected) in cases {
            assert_eq!(Program::new(insns), Err(expected));
        }
    }
}
