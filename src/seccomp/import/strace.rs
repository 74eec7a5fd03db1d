//! Logs of `strace -f -o FILE`, with or without times, paths of descriptors (`-y`), and numbers instead of names
//! (`-X raw`), which alone tell arguments.

use super::{Import, Line, import, named, numbered};
use crate::seccomp::arch::Arch;

/// Reads a log of strace.
pub fn strace(file: &str, text: &str) -> Import {
    let mut arch = Arch::native();
    import(file, text, |line| read(line, &mut arch))
}

fn read(line: &str, arch: &mut Arch) -> Line {
    if let Some(mode) = line.split("runs in ").nth(1) {
        *arch = match mode.split_whitespace().next() {
            Some("32") if Arch::native() == Arch::X86_64 => Arch::X86,
            Some("32") => Arch::Arm,
            Some("x32") => Arch::X32,
            _ => Arch::native(),
        };
        return Line::Nothing;
    }
    let rest = without_prefix(line);
    // Signals, ends, a call told in two parts whose first has been counted, and what strace says of itself.
    let about_itself = ["---", "+++", "<...", "strace:", "<unfinished", "???"];
    if rest.is_empty() || about_itself.iter().any(|start| rest.starts_with(start)) {
        return Line::Nothing;
    }
    let end = rest.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    let Some((name, behind)) = end.map(|end| rest.split_at(end)) else {
        return Line::Bad("it has no call");
    };
    let Some(arguments) = behind.strip_prefix('(').filter(|_| !name.is_empty()) else {
        return Line::Bad("it has no call");
    };
    let args = arguments_of(arguments);
    match name.strip_prefix("syscall_0x") {
        Some(number) => numbered(*arch, i32::from_str_radix(number, 16).ok(), args),
        None => named(*arch, name, args),
    }
}

/// The line without process, time, number of the call (`-n`) and instruction pointer (`-i`).
fn without_prefix(line: &str) -> &str {
    let mut rest = line.trim_start();
    loop {
        let next = if let Some(inner) = rest.strip_prefix('[') {
            inner.split_once(']').map(|(_, behind)| behind)
        } else {
            let word = rest.split(' ').next().unwrap_or_default();
            let number = word.starts_with(|first: char| first.is_ascii_digit())
                && word.chars().all(|character| character.is_ascii_digit() || ".:".contains(character));
            number.then(|| &rest[word.len()..])
        };
        match next {
            Some(next) => rest = next.trim_start(),
            None => return rest,
        }
    }
}

/// The arguments that are plain numbers. Commas in quotes and brackets do not part arguments.
fn arguments_of(text: &str) -> [Option<u64>; 6] {
    let mut args = [None; 6];
    let (mut depth, mut quoted, mut escaped, mut start, mut at) = (0_usize, false, false, 0, 0);
    for (offset, character) in text.char_indices() {
        let ends = !quoted && depth == 0 && (character == ',' || character == ')');
        if ends {
            if let Some(slot) = args.get_mut(at) {
                *slot = number(text[start..offset].trim());
            }
            at += 1;
            start = offset + 1;
            if character == ')' || at == args.len() {
                break;
            }
        }
        match character {
            '"' if !escaped => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        escaped = quoted && character == '\\' && !escaped;
    }
    args
}

/// A number, or several flags, of which `-X raw` writes each by itself.
fn number(text: &str) -> Option<u64> {
    text.split('|').map(one_number).try_fold(0, |all, one| Some(all | one?))
}

fn one_number(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return u64::from_str_radix(text, 8).ok();
    }
    // A negative number is shown of an int: the register's lower half.
    text.parse().ok().or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(import: &Import) -> Vec<(&str, u64)> {
        import.uses.iter().map(|used| (used.name.as_str(), used.count)).collect()
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        let text = "\
100   execve(\"/bin/true\", [\"true\", \"a, b) = \\\"\"], 0x7ffe /* 9 vars */) = 0
100   12:00:01 openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY) = 3</etc/passwd>
[pid   101] 1700000000.123456 read(3</etc/passwd>, \"root\", 4096) = 4
101   12:00:01.123456 [ 257] openat(AT_FDCWD</>, \"x\", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
100   futex(0x7f, FUTEX_WAIT, 0, NULL <unfinished ...>
101   <... futex resumed>) = 0
100   --- SIGCHLD {si_signo=SIGCHLD} ---
strace: Process 102 attached
100   +++ exited with 0 +++

syscall_0x1ce(0, 0, 0) = -1 ENOSYS
";
        let import = strace("log", text);
        assert_eq!(import.bad, []);
        assert_eq!((import.lines, import.calls), (11, 6));
        assert_eq!(names(&import), [("execve", 1), ("futex", 1), ("mseal", 1), ("openat", 2), ("read", 1)]);
        assert_eq!(import.uses[3].reason, "first in log line 2");
    }

    #[test]
    fn arguments_are_taken_where_they_are_numbers() {
        let import = strace(
            "log",
            "socket(0x1, 0x1|0x80000, 0) = 3\nsocket(AF_UNIX, SOCK_STREAM, 0) = 4\nclone(0x1200011) = 9\n",
        );
        let args: Vec<_> = import.uses.iter().map(|used| (used.name.as_str(), used.args[0], used.args[1])).collect();
        assert_eq!(args, [("clone", Some(0), None), ("socket", None, None), ("socket", Some(1), Some(0x80001))]);
    }

    #[test]
    fn a_bad_line_is_named_and_the_others_count() {
        let import = strace("log", "read(0) = 0\nhello\nlaunch(1) = 0\nwrite(1, \"\x1b");
        assert_eq!(names(&import), [("read", 1), ("write", 1)]);
        assert_eq!(import.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(import.bad_lines, 2);
    }

    #[test]
    fn a_program_of_32_bits_is_told_by_strace() {
        let text = "strace: [ Process PID=5 runs in 32 bit mode. ]\nbrk(NULL) = 0\nstrace: [ Process PID=5 runs in 64 bit mode. ]\nbrk(NULL) = 0\n";
        let arches: Vec<Arch> = strace("log", text).uses.iter().map(|used| used.arch).collect();
        assert_eq!(arches.len(), 2);
        assert!(arches.contains(&Arch::native()));
    }
}
