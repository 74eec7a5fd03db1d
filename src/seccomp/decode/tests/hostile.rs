//! Pointers, lengths and bytes that are meant to harm the decoder or its reader.

use std::io;

use proptest::prelude::*;

use super::super::{Memory, RawCall, calls, decode};
use super::{Blocks, I386, P, Q, R, X86_64, raw, shown, words};

#[test]
fn pointers_to_nothing_say_so() {
    assert_eq!(shown("chdir", &[0], &[]), "chdir(NULL)");
    assert_eq!(shown("chdir", &[0xdead_beef], &[]), "chdir(0xdeadbeef (unreadable))");
    assert_eq!(shown("connect", &[3, P, 16], &[]), "connect(3, 0x1000 (unreadable), 16)");
    assert_eq!(
        shown("execve", &[P, Q, R], &[]),
        "execve(0x1000 (unreadable), 0x2000 (unreadable), 0x3000 (unreadable))"
    );
    for address in [u64::MAX, u64::MAX - 1, i64::MAX.cast_unsigned(), 1] {
        for name in ["chdir", "execve", "sendmsg", "connect", "clone3"] {
            let call = shown(name, &[address; 6], &[]);
            assert!(call.contains(&format!("{address:#x}")), "{call}");
        }
    }
}

#[test]
fn a_string_before_an_unmapped_page_is_read_up_to_the_page_end() {
    let mut memory = Blocks::new(&[(0x1ff8, b"/tmp/a\0.")]);
    memory.strict = true;
    let call = decode("chdir", &raw(X86_64, &[0x1ff8]), &mut memory);
    assert_eq!(call.args, ["\"/tmp/a\""]);
    assert_eq!(memory.reads, 2);
    let mut memory = Blocks::new(&[(0x1ff8, b"/tmp/abc")]);
    memory.strict = true;
    let call = decode("chdir", &raw(X86_64, &[0x1ff8]), &mut memory);
    assert_eq!(call.args, ["\"/tmp/abc\"..."]);
}

#[test]
fn the_usual_pointer_costs_one_read() {
    let mut memory = Blocks::new(&[(P, &[b'a'; 10]), (Q, b"x\0")]);
    decode("chdir", &raw(X86_64, &[Q]), &mut memory);
    assert_eq!((memory.reads, memory.bytes), (1, 256));
}

#[test]
fn long_strings_and_giant_lengths_are_cut() {
    let long = vec![b'a'; 5000];
    assert_eq!(shown("chdir", &[P], &[(P, &long)]), format!("chdir(\"{}\"...)", "a".repeat(256)));
    let accents = "é".repeat(200);
    let odd = format!("a{accents}");
    assert_eq!(shown("chdir", &[P], &[(P, odd.as_bytes())]), format!("chdir(\"a{}\"...)", "é".repeat(127)));
    assert_eq!(
        shown("write", &[1, P, u64::MAX], &[(P, &long)]),
        format!("write(1, \"{}\"..., {})", "a".repeat(128), u64::MAX)
    );
    let call = shown("connect", &[3, P, 0xffff_ffff], &[(P, &long)]);
    assert!(call.starts_with("connect(3, {0x6161, 0x6161") && call.len() < 300, "{call}");
    let call = shown("writev", &[1, P, u64::MAX], &[(P, &words(&[P, u64::MAX].repeat(50)))]);
    assert!(call.ends_with(", ...], -1)") && call.len() < 4000, "{call}");
}

#[test]
fn a_message_that_points_to_itself_is_read_a_bounded_number_of_times() {
    let circle = words(&[P; 64]);
    let mut memory = Blocks::new(&[(P, &circle)]);
    decode("sendmmsg", &raw(X86_64, &[P; 6]), &mut memory);
    assert!(memory.reads < 60, "{}", memory.reads);
}

#[test]
fn hostile_bytes_in_a_path_are_marked() {
    assert_eq!(
        shown("chdir", &[P], &[(P, b"\x1b]0;x\x07\xff\"\\\xe2\x80\xae\n\0")]),
        "chdir(\"\\x1b]0;x\\x07\\xff\\\"\\\\<U+202E>\\n\")"
    );
    assert_eq!(shown("a\x1b[2J", &[], &[]), "a\\x1b[2J(0x0, 0x0, 0x0, 0x0, 0x0, 0x0)");
}

/// Memory that answers every address, with bytes derived from it, in short pieces.
struct Chaos {
    bytes: Vec<u8>,
    reads: usize,
}

impl Memory for Chaos {
    fn read(&mut self, address: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        let Some(start) = usize::try_from(address).ok().and_then(|a| a.checked_rem(self.bytes.len())) else {
            return Err(io::Error::from_raw_os_error(libc::EFAULT));
        };
        let part = &self.bytes[start..];
        let count = part.len().min(buf.len());
        buf[..count].copy_from_slice(&part[..count]);
        // A memory that claims to have read more than it was asked for is believed only so far.
        Ok(if count == 1 { usize::MAX } else { count })
    }
}

fn is_safe(text: &str) -> bool {
    text.chars().all(|c| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}')
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_call_with_any_memory_panics_reads_without_end_or_shows_an_unsafe_character(
        args in prop::array::uniform6(prop_oneof![any::<u64>(), 0..8_u64, 0..2000_u64, (u64::MAX - 300)..]),
        pieces in prop::collection::vec(prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            Just("\u{202e}\u{200b}\x1b[31m".as_bytes().to_vec()),
            (0..4_u64).prop_map(|word| word.to_ne_bytes().to_vec()),
        ], 0..200),
        arch in prop_oneof![Just(X86_64), Just(I386), any::<u32>()],
        nr in any::<i32>(),
    ) {
        let bytes = pieces.concat();
        for name in calls::names() {
            let mut memory = Chaos { bytes: bytes.clone(), reads: 0 };
            let call = decode(name, &RawCall { arch, nr, args }, &mut memory);
            prop_assert!(memory.reads < 400, "{} read {} times", name, memory.reads);
            for shown in call.args {
                prop_assert!(is_safe(&shown), "{}: {:?}", name, shown);
                prop_assert!(shown.len() < 32 * 1024);
            }
        }
    }

    #[test]
    fn visible_text_is_safe_whatever_the_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), text in any::<String>()) {
        prop_assert!(is_safe(&crate::text::visible(&bytes)));
        prop_assert!(is_safe(&crate::text::visible_str(&text)));
    }
}
