//! Calls that other tools have seen: logs of strace, records of the audit daemon.
//!
//! A log is whatever somebody recorded of untrusted code, so its words are hostile: a call counts only by a name that
//! exists, and a line that cannot be read is counted and told by its number.

mod audit;
mod strace;

use std::collections::BTreeMap;

use super::arch::Arch;
use super::minimize::{Use, telling};
use super::names::{resolve, syscall_name};

pub use audit::audit;
pub use strace::strace;

/// Lines told by number; the rest are counted.
const MOST_BAD: usize = 100;

/// What a log had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The calls, each kind of arguments once, by name.
    pub uses: Vec<Use>,
    /// Lines read.
    pub lines: usize,
    /// Lines that tell a call.
    pub calls: u64,
    /// The first lines that could not be read.
    pub bad: Vec<Bad>,
    /// How many could not be read.
    pub bad_lines: usize,
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// What one line tells.
enum Line {
    Call { arch: Arch, name: String, args: [Option<u64>; 6] },
    Nothing,
    Bad(&'static str),
}

/// Reads a log line by line; `file` is what it is called in the reasons.
fn import(file: &str, text: &str, mut read: impl FnMut(&str) -> Line) -> Import {
    let mut import = Import::default();
    let mut seen: BTreeMap<(String, Arch, [Option<u64>; 6]), Use> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        import.lines += 1;
        match read(line) {
            Line::Call { arch, name, args } => {
                import.calls += 1;
                let args = telling(&name, args);
                let first = || Use {
                    arch,
                    name: name.clone(),
                    args,
                    count: 0,
                    reason: format!("first in {file} line {}", at + 1),
                };
                seen.entry((name.clone(), arch, args)).or_insert_with(first).count += 1;
            }
            Line::Nothing => {}
            Line::Bad(why) => {
                import.bad_lines += 1;
                if import.bad.len() < MOST_BAD {
                    import.bad.push(Bad { line: at + 1, why });
                }
            }
        }
    }
    import.uses = seen.into_values().collect();
    import
}

/// A call by name, if there is one of that name.
fn named(arch: Arch, name: &str, args: [Option<u64>; 6]) -> Line {
    match resolve(name) {
        Some(_) => Line::Call { arch, name: name.to_owned(), args },
        None => Line::Bad("no system call has that name"),
    }
}

/// A call by its number.
fn numbered(arch: Arch, number: Option<i32>, args: [Option<u64>; 6]) -> Line {
    let token = if arch == Arch::X32 { Arch::X86_64 } else { arch }.audit_token();
    let name = token.zip(number).and_then(|(token, number)| syscall_name(token, number));
    name.map_or(Line::Bad("no system call has that number"), |name| Line::Call { arch, name, args })
}
