//! Which devices a cell may use, as each that enforces it reads the rules: a bundle's `config.json`, the controller of
//! version 1, and for version 2, which has no controller for devices, a program of the kernel's (BPF). Pure, but for
//! [`filter`].

mod ffi;

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use serde_json::{Map, Value, json};

/// What may be done to a device, as bits of `BPF_DEVCG_ACC_*` (`include/uapi/linux/bpf.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Making a node of it.
    Make = 1,
    /// That, reading and writing.
    All = 7,
}

/// A kind of device: `BPF_DEVCG_DEV_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Block = 1,
    Character = 2,
}

/// Something that is allowed; all else is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowed {
    kind: Kind,
    major: Option<u16>,
    minor: Option<u16>,
    access: Access,
}

/// A device that every container has (runtime-spec, "Default Devices").
const fn usable(major: u16, minor: Option<u16>) -> Allowed {
    Allowed { kind: Kind::Character, major: Some(major), minor, access: Access::All }
}

/// Nodes of any, for they are of no use where they cannot be opened.
const fn node(kind: Kind) -> Allowed {
    Allowed { kind, major: None, minor: None, access: Access::Make }
}

/// After the nodes: null, zero, full, random, urandom, tty, console, ptmx, and any pseudo-terminal.
const ALLOWED: [Allowed; 11] = [
    node(Kind::Character),
    node(Kind::Block),
    usable(1, Some(3)),
    usable(1, Some(5)),
    usable(1, Some(7)),
    usable(1, Some(8)),
    usable(1, Some(9)),
    usable(5, Some(0)),
    usable(5, Some(1)),
    usable(5, Some(2)),
    usable(136, None),
];

impl Kind {
    const fn letter(self) -> &'static str {
        match self {
            Self::Block => "b",
            Self::Character => "c",
        }
    }
}

impl Access {
    const fn letters(self) -> &'static str {
        match self {
            Self::Make => "m",
            Self::All => "rwm",
        }
    }
}

/// The rules of a `config.json`.
pub fn rules() -> Vec<Value> {
    let rule = |allowed: &Allowed| {
        let mut rule = Map::new();
        rule.insert("allow".to_owned(), json!(true));
        rule.insert("type".to_owned(), json!(allowed.kind.letter()));
        rule.insert("access".to_owned(), json!(allowed.access.letters()));
        let numbers = [("major", allowed.major), ("minor", allowed.minor)];
        rule.extend(numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), json!(number?)))));
        Value::Object(rule)
    };
    std::iter::once(json!({ "allow": false, "access": "rwm" })).chain(ALLOWED.iter().map(rule)).collect()
}

/// `TYPE MAJOR:MINOR ACCESS`, as the controller of version 1 reads it.
impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u16>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        let (major, minor) = (number(self.major), number(self.minor));
        write!(f, "{} {major}:{minor} {}", self.kind.letter(), self.access.letters())
    }
}

/// What is written to which file of version 1, in turn.
pub fn written() -> Vec<(&'static str, String)> {
    let allowed = ALLOWED.iter().map(|allowed| ("devices.allow", allowed.to_string()));
    std::iter::once(("devices.deny", "a *:* rwm".to_owned())).chain(allowed).collect()
}

/// Has the kernel ask a program about each device that a process of a version 2 group wants to use, or of one below it.
///
/// # Errors
/// What the kernel said.
pub fn filter(group: impl AsFd) -> io::Result<()> {
    ffi::attach(&ffi::load(&program())?, group)
}

/// An instruction (`Documentation/bpf/standardization/instruction-set.rst`).
type Instruction = u64;

/// Registers: what is returned, where what is asked about lies, and the parts of it.
const ANSWER: u8 = 0;
const ASKED: u8 = 1;
const ACCESS: u8 = 2;
const KIND: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

// Operations on 64 bits, with a register or a number.
const LOAD_WORD: u8 = 0x61;
const COPY: u8 = 0xbf;
const SET: u8 = 0xb7;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const JUMP_UNLESS_EQUAL: u8 = 0x55;
const EXIT: u8 = 0x95;

const fn instruction(code: u8, to: u8, from: u8, offset: i16, number: i32) -> Instruction {
    let [offset_low, offset_high] = offset.to_le_bytes();
    let [a, b, c, d] = number.to_le_bytes();
    u64::from_ne_bytes([code, from << 4 | to, offset_low, offset_high, a, b, c, d])
}

/// Answers 1 where a rule allows it, else 0.
fn program() -> Vec<Instruction> {
    let load = |to, offset| instruction(LOAD_WORD, to, ASKED, offset, 0);
    let mut program = vec![
        load(ACCESS, 0),
        instruction(COPY, KIND, ACCESS, 0, 0),
        instruction(AND, KIND, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, ACCESS, 0, 0, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
    ];
    program.extend(ALLOWED.iter().flat_map(allow));
    program.extend(answer(0));
    program
}

fn answer(answer: i32) -> [Instruction; 2] {
    [instruction(SET, ANSWER, 0, 0, answer), instruction(EXIT, 0, 0, 0, 0)]
}

/// One rule: where something does not fit, what follows it is next.
fn allow(allowed: &Allowed) -> Vec<Instruction> {
    let numbers = [(MAJOR, allowed.major), (MINOR, allowed.minor)];
    let fits = |(register, number): (u8, Option<u16>)| Some((register, i32::from(number?)));
    let mut wanted: Vec<(u8, i32)> = numbers.into_iter().filter_map(fits).collect();
    wanted.push((KIND, allowed.kind as i32));
    let mut rule = answer(1).to_vec();
    let before = |rule: &mut Vec<Instruction>, register, number| {
        let over = i16::try_from(rule.len()).unwrap_or(i16::MAX);
        rule.insert(0, instruction(JUMP_UNLESS_EQUAL, register, 0, over, number));
    };
    for (register, number) in wanted {
        before(&mut rule, register, number);
    }
    // Nothing is wanted beyond what is allowed.
    before(&mut rule, ANSWER, 0);
    rule.insert(0, instruction(AND, ANSWER, 0, 0, !(allowed.access as i32)));
    rule.insert(0, instruction(COPY, ANSWER, ACCESS, 0, 0));
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel does, on the instructions that it has.
    fn asked(access: u32, kind: Kind, major: u32, minor: u32) -> bool {
        let words = [access << 16 | kind as u32, major, minor];
        let mut registers = [0_u64; 6];
        let program = program();
        let mut at = 0;
        loop {
            let [code, registers_of, low, high, number @ ..] = program[at].to_ne_bytes();
            let (to, from) = (usize::from(registers_of & 15), usize::from(registers_of >> 4));
            let offset = i16::from_le_bytes([low, high]);
            let number = i64::from(i32::from_le_bytes(number)).cast_unsigned();
            at += 1;
            match code {
                LOAD_WORD => registers[to] = u64::from(words[usize::try_from(offset).unwrap() / 4]),
                COPY => registers[to] = registers[from],
                SET => registers[to] = number,
                AND => registers[to] &= number,
                SHIFT_RIGHT => registers[to] >>= number,
                JUMP_UNLESS_EQUAL if registers[to] != number => at += usize::try_from(offset).unwrap(),
                JUMP_UNLESS_EQUAL => {}
                EXIT => return registers[0] == 1,
                other => panic!("no such instruction: {other:#x}"),
            }
        }
    }

    #[test]
    fn the_program_allows_what_the_rules_do_and_nothing_else() {
        for (access, kind, major, minor) in [(1, Kind::Block, 8, 0), (1, Kind::Character, 1, 1)] {
            assert!(asked(access, kind, major, minor), "a node of anything is made");
        }
        for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, 0), (136, 77)] {
            assert!(asked(2, Kind::Character, major, minor) && asked(6, Kind::Character, major, minor));
            assert!(!asked(2, Kind::Block, major, minor), "{major}:{minor} is no disk");
        }
        for (major, minor) in [(1, 1), (1, 2), (1, 4), (1, 11), (10, 229), (8, 0)] {
            for access in [2, 4, 6, 3] {
                assert!(!asked(access, Kind::Character, major, minor) && !asked(access, Kind::Block, major, minor));
            }
        }
    }

    #[test]
    fn all_is_refused_before_anything_is_allowed() {
        let rules = rules();
        assert_eq!(rules[0], json!({ "allow": false, "access": "rwm" }));
        assert!(rules.iter().skip(1).all(|rule| rule["type"] == "c" || rule["access"] == "m"), "no disk can be used");
        let written = written();
        assert_eq!(written[0], ("devices.deny", "a *:* rwm".to_owned()));
        assert!(written.contains(&("devices.allow", "c 1:3 rwm".to_owned())));
        assert!(written.contains(&("devices.allow", "c 136:* rwm".to_owned())));
        assert!(written.contains(&("devices.allow", "b *:* m".to_owned())));
    }
}
