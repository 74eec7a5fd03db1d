//! Records of the audit daemon and of the kernel's log: `type=SECCOMP` (what a filter logged or refused) and
//! `type=SYSCALL` (what a rule of auditctl watched).

use super::{Import, Line, import, named, numbered};
use crate::seccomp::arch::Arch;

/// The records' types, by name and as the kernel's own log writes them (linux/audit.h).
const TYPES: [&str; 4] = ["SECCOMP", "SYSCALL", "1326", "1300"];

/// Reads audit records; those of other types tell nothing.
pub fn audit(file: &str, text: &str) -> Import {
    import(file, text, read)
}

fn read(line: &str) -> Line {
    // What auditd adds for people stands behind this separator.
    let line = line.split('\u{1d}').next().unwrap_or(line);
    let field = |name: &str| {
        let words = line.split_whitespace();
        words.filter_map(|word| word.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let Some(kind) = field("type") else {
        let separator = line.trim().is_empty() || line.starts_with("----") || line.starts_with("time->");
        return if separator { Line::Nothing } else { Line::Bad("it has no type=") };
    };
    if !TYPES.contains(&kind) {
        return Line::Nothing;
    }
    let (Some(arch), Some(call)) = (field("arch"), field("syscall")) else {
        return Line::Bad("it has no arch= or no syscall=");
    };
    let args = ["a0", "a1", "a2", "a3"].map(|name| u64::from_str_radix(field(name)?, 16).ok());
    let args = [args[0], args[1], args[2], args[3], None, None];
    let number = call.parse::<i32>().ok();
    match (abi(arch, number.unwrap_or_default()), number) {
        (None, _) => Line::Bad("its arch= is none that hotcell knows"),
        (Some(arch), Some(number)) => numbered(arch, Some(number), args),
        (Some(arch), None) => named(arch, call, args),
    }
}

/// The ABI by its `AUDIT_ARCH_*` token in hexadecimal, or by its name where ausearch -i wrote one.
fn abi(text: &str, number: i32) -> Option<Arch> {
    match text {
        "x86_64" => Some(Arch::X86_64),
        "i386" => Some(Arch::X86),
        "aarch64" => Some(Arch::AArch64),
        "armeb" | "arm" => Some(Arch::Arm),
        token => Arch::of_call(u32::from_str_radix(token, 16).ok()?, number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_filters_and_of_watches_are_read() {
        let text = "\
type=SECCOMP msg=audit(1700000000.123:42): auid=0 uid=0 pid=7 comm=\"x y\" exe=\"/x\" sig=0 arch=c000003e syscall=41 compat=0 ip=0x7f code=0x7ffc0000
type=SYSCALL msg=audit(1700000000.124:43): arch=c000003e syscall=41 success=yes exit=3 a0=2 a1=80001 a2=0 a3=0 items=0\u{1d}ARCH=x86_64 SYSCALL=socket
type=PROCTITLE msg=audit(1700000000.124:43): proctitle=2F62696E
audit: type=1326 audit(1700000000.1:1): pid=7 arch=40000003 syscall=11 compat=1
----
type=SYSCALL msg=audit(1): arch=x86_64 syscall=connect a0=3
";
        let import = audit("audit.log", text);
        assert_eq!(import.bad, []);
        let told: Vec<_> = import.uses.iter().map(|used| (used.arch, used.name.as_str(), used.args[1])).collect();
        assert_eq!(
            told,
            [
                (Arch::X86_64, "connect", None),
                (Arch::X86, "execve", None),
                (Arch::X86_64, "socket", None),
                (Arch::X86_64, "socket", Some(0x80001)),
            ]
        );
        assert_eq!(import.uses[0].reason, "first in audit.log line 6");
    }

    #[test]
    fn a_bad_record_is_named_and_never_fatal() {
        let text = "hello\ntype=SECCOMP\ntype=SECCOMP arch=zz syscall=1\ntype=SECCOMP arch=c000003e syscall=99999\ntype=SECCOMP arch=c000003e syscall=1\n";
        let import = audit("a", text);
        assert_eq!(import.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(import.uses.len(), 1);
    }
}
