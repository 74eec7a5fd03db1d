//! Every call that seccomp refused is told, with its arguments, and nothing else is: what hotcell tells of a run is
//! compared with what strace saw of the same run, from outside the cell. Real engines, real kernel;
//! `scripts/with-engines.sh` starts them.
//!
//! strace sees that a call failed and not who failed it. So the profile is made to refuse with an errno that nothing
//! else returns: a call that failed with it was refused by the filter.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::cells::{Bench, c, filter};
use common::strace::Strace;
use common::{Engine, annotated, on_every_engine};
use hotcell::policy::Layer;
use hotcell::run::{Denial, EventKind};
use hotcell::seccomp::Action;
use hotcell::specimen::{DEFAULT_CAP, LanguageTable, Specimen};
use hotcell::supervise::Control;

/// What the profile refuses with: EHWPOISON, which no call of these specimens gets from the kernel.
const MARK: u16 = 133;

/// How strace writes the errnos of refused calls: the mark's, and ENOSYS, with which `clone3` is refused and which no
/// call that is in these specimens gets from this kernel.
const REFUSED: [&str; 2] = ["= -1 EHWPOISON ", "= -1 ENOSYS "];

/// A call that was refused: its name and each of its arguments.
type Call = (String, Vec<String>);

/// What strace saw refused, and how often; told once all that it traces is gone.
fn refused_by(witness: Strace) -> BTreeMap<Call, u64> {
    let mut calls = BTreeMap::new();
    for trace in witness.traces().values() {
        for line in refused(trace) {
            *calls.entry(call(line)).or_default() += 1;
        }
    }
    calls
}

/// The lines of one process's trace that tell of a refused call: it failed with the mark, or the process was killed in it.
fn refused(trace: &str) -> Vec<&str> {
    // What `rt_sigreturn` returns is the result of the call that the signal interrupted.
    let has_mark = |line: &&str| REFUSED.iter().any(|end| line.contains(end)) && !line.starts_with("rt_sigreturn");
    let mut lines: Vec<_> = trace.lines().filter(has_mark).collect();
    let mut last = trace.lines().rev().skip_while(|line| line.starts_with("[ "));
    if last.next().is_some_and(|line| line.starts_with("+++ killed by SIG")) {
        lines.extend(last.next());
    }
    lines
}

/// The call in a line of strace's, as in `socket(0x10 /* AF_NETLINK */, 0x3 /* SOCK_RAW */, 0) = -1 …`.
fn call(line: &str) -> Call {
    let (name, arguments) = line.split_once('(').unwrap();
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let mut list = vec![String::new()];
    for letter in arguments.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ')' if !quoted && depth == 0 => break,
            '{' | '[' | '(' if !quoted => depth += 1,
            '}' | ']' | ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                list.push(String::new());
                continue;
            }
            _ => {}
        }
        list.last_mut().unwrap().push(letter);
    }
    (name.to_owned(), list.into_iter().map(|argument| argument.trim().to_owned()).collect())
}

/// Whether an argument, as hotcell tells it, is the one that strace saw.
fn is_same(told: &str, seen: &str) -> bool {
    let told = told.strip_suffix(" (unreadable)").unwrap_or(told);
    let Seen { words, numbers, value } = Seen::read(seen);
    let known = OURS.iter().find(|(name, _)| *name == told).map(|(_, number)| *number);
    match seen.chars().next() {
        _ if told == seen => true,
        Some('{') if words.is_empty() => numbers.iter().all(|number| told.contains(number)),
        Some('{') => words.iter().all(|word| told.contains(word)),
        Some('"') => match told.strip_suffix("...") {
            Some(start) => unquoted(seen).starts_with(&unquoted(start)),
            None => unquoted(told) == unquoted(seen),
        },
        _ if known.or_else(|| number(told)).is_some_and(|told| told == value) => true,
        // A set of flags: the same ones, in whatever order.
        _ => {
            let names: BTreeSet<&str> = words.iter().flat_map(|word| word.split('|')).collect();
            told.split('|').collect::<BTreeSet<_>>() == names
        }
    }
}

/// Names that strace has not, or was told not to use.
const OURS: [(&str, i128); 5] =
    [("IPPROTO_IP", 0), ("NETLINK_ROUTE", 0), ("TIOCSTI", 0x5412), ("TIOCLINUX", 0x541c), ("TIOCVHANGUP", 0x5437)];

/// A number in the notations of strace and hotcell.
fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None if text == "NULL" => Some(0),
        None => text.parse().ok(),
    }
}

/// What strace says of an argument.
#[derive(Default)]
struct Seen {
    /// What it knows by name: flags, ports, addresses, strings.
    words: Vec<String>,
    /// Numbers that it has no name for.
    numbers: Vec<String>,
    /// All numbers, put together as flags are.
    value: i128,
}

impl Seen {
    fn read(text: &str) -> Self {
        let mut seen = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = if let Some(comment) = rest.strip_prefix("/* ") {
                let end = comment.find(" */").unwrap();
                // It explains the number before it.
                seen.numbers.pop();
                seen.words.extend(meaning(&comment[..end]));
                end + "/*  */".len()
            } else if first == '"' {
                let end = "\"\"".len() + closing_quote(&rest[1..]);
                // Or the bytes before it.
                if !rest[end..].starts_with(" /*") {
                    seen.words.push(String::from_utf8(unquoted(&rest[..end])).unwrap());
                }
                end
            } else if first.is_ascii_alphanumeric() || first == '-' {
                let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
                let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
                if let Some(value) = number(&rest[..end]) {
                    seen.numbers.push(rest[..end].to_owned());
                    seen.value |= value;
                }
                end
            } else {
                first.len_utf8()
            };
            rest = &rest[length..];
        }
        seen
    }
}

/// What a comment of strace's tells: `htons(443)`, `inet_addr("203.0.113.7")`, `makedev(0x1, 0x3)`, `CLONE_NEWUSER`.
fn meaning(comment: &str) -> Option<String> {
    let inside = |name: &str| comment.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(device) = inside("makedev") {
        let numbers: Vec<_> = device.split(", ").map(|part| number(part).unwrap().to_string()).collect();
        return Some(numbers.join(":"));
    }
    if inside("htonl").is_some() || comment.contains("???") {
        return None;
    }
    let address = inside("inet_addr").or_else(|| inside("inet_pton")?.strip_prefix("AF_INET6, "));
    Some(address.or_else(|| inside("htons")).unwrap_or(comment).trim_matches('"').to_owned())
}

/// Where the quote ends that began before `text`.
fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    let is_end = |letter| {
        let end = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        end
    };
    text.find(is_end).unwrap()
}

/// The bytes of a quoted string, in C's notation or hotcell's.
fn unquoted(text: &str) -> Vec<u8> {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let mut bytes = Vec::new();
    let mut rest = inside.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let digits = |radix: u32, most: usize, from: &[u8]| {
            from.iter().take(most).take_while(|digit| char::from(**digit).is_digit(radix)).count()
        };
        let octal = digits(8, 3, rest);
        let hex = if rest.starts_with(b"x") { digits(16, 2, &rest[1..]) } else { 0 };
        let (value, length) = match (octal, hex, rest.first()) {
            (1.., ..) => (u8::from_str_radix(std::str::from_utf8(&rest[..octal]).unwrap(), 8).unwrap(), octal),
            (_, 2, _) => (u8::from_str_radix(std::str::from_utf8(&rest[1..3]).unwrap(), 16).unwrap(), 3),
            (.., Some(letter)) => {
                let known = [(b'n', b'\n'), (b't', b'\t'), (b'r', b'\r'), (b'v', 11), (b'f', 12)];
                (known.iter().find(|(name, _)| name == letter).map_or(*letter, |(_, byte)| *byte), 1)
            }
            (.., None) => (b'\\', 0),
        };
        bytes.push(value);
        rest = &rest[length..];
    }
    bytes
}

/// What both agree on, and what one of them alone has.
#[derive(Default)]
struct Comparison {
    agreed: u64,
    missed: Vec<(u64, String)>,
    invented: Vec<(u64, String)>,
}

fn total(calls: &[(u64, String)]) -> u64 {
    calls.iter().map(|(count, _)| count).sum()
}

fn compare(told: &[Denial], seen: &BTreeMap<Call, u64>) -> Comparison {
    let mut comparison = Comparison::default();
    let mut left: Vec<u64> = told.iter().map(|denial| denial.count).collect();
    for ((name, arguments), &count) in seen {
        let mut missing = count;
        for (denial, left) in told.iter().zip(&mut left) {
            if is_call(denial, name, arguments) {
                let both = missing.min(*left);
                comparison.agreed += both;
                missing -= both;
                *left -= both;
            }
        }
        if missing > 0 {
            comparison.missed.push((missing, format!("{name}({})", arguments.join(", "))));
        }
    }
    for (denial, left) in told.iter().zip(left).filter(|(_, left)| *left > 0) {
        comparison.invented.push((left, format!("{}({})", denial.syscall, denial.args.join(", "))));
    }
    comparison
}

/// strace leaves out arguments that the call does not look at; those that it shows have to be told.
fn is_call(denial: &Denial, name: &str, arguments: &[String]) -> bool {
    let nameless = |text: &str| text.strip_prefix("syscall_").and_then(number).map(|nr| nr & 0xffff_ffff);
    let same_name = name == denial.syscall || nameless(name).is_some_and(|nr| nameless(&denial.syscall) == Some(nr));
    let is_told = |(index, argument): (usize, &String)| match argument.split_once('=') {
        // Where it names an argument it may change their order.
        Some((_, value)) if argument.starts_with(char::is_alphabetic) => {
            denial.args.iter().any(|told| is_same(told, value))
        }
        _ => argument.is_empty() || denial.args.get(index).is_some_and(|told| is_same(told, argument)),
    };
    same_name && arguments.iter().enumerate().all(is_told)
}

fn specimens() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/witness");
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn load(path: &Path) -> Specimen {
    if path.extension().is_some_and(|extension| extension == "c") {
        return c(&fs::read_to_string(path).unwrap());
    }
    Specimen::load(path, &LanguageTable::default(), None, DEFAULT_CAP).unwrap()
}

/// Runs it under the witness: what hotcell told, and what strace saw.
fn run(bench: &Bench, path: &Path) -> (Vec<Denial>, BTreeMap<Call, u64>) {
    let mut profile = filter("python").profile;
    profile.default_action = Action::Errno(MARK);
    let specimen = load(path);
    let settings = [(Layer::Timeout, "60s"), (Layer::Ulimits, "nproc=256")];
    let cell = bench.cell(bench.plan_under(bench.policy(&settings), profile), &specimen);
    let witness = Strace::of(bench.shim(), &["raw=ioctl"]);
    let (_, _, events) = bench.start(cell, specimen, Control::Go).end();
    let mut told: BTreeMap<_, Denial> = BTreeMap::new();
    for event in events {
        // What other layers refuse, fails with other errnos: tests/attribution.rs looks at that.
        if let EventKind::Denial(denial) = event.kind
            && denial.layer == Layer::Seccomp
        {
            told.insert(denial.id, denial);
        }
    }
    (told.into_values().collect(), refused_by(witness))
}

/// Denials whose line is another than the comments say, and comments of lines that no denial has. Calls of programs
/// other than the specimen, `# denied elsewhere: CALL`, have no line.
fn wrong_lines(code: &str, told: &[Denial]) -> Vec<String> {
    let expected = annotated(code);
    let is_right = |denial: &&Denial| match denial.line() {
        Some(line) => expected.contains(&(line.into(), denial.syscall.clone())),
        None => code.contains(&format!("# denied elsewhere: {}\n", denial.syscall)),
    };
    let wrong = told.iter().filter(|denial| !is_right(denial)).map(|denial| {
        let source = denial.source.as_ref().map(|source| &source.line);
        format!("{}({}) at {source:?}", denial.syscall, denial.args.join(", "))
    });
    let lines: BTreeSet<u64> = told.iter().filter_map(|denial| denial.line().map(u64::from)).collect();
    let missing = expected.iter().filter(|(line, _)| !lines.contains(line));
    wrong.chain(missing.map(|(line, call)| format!("line {line} has no {call}"))).collect()
}

fn every_refused_call_is_told_and_no_other(engine: Engine) {
    let bench = Bench::at(engine);
    let all = specimens();
    let (mut agreed, mut missed, mut invented, mut wrong) = (0, 0, 0, Vec::new());
    for path in &all {
        let name = path.file_name().unwrap().to_string_lossy();
        let (told, seen) = run(&bench, path);
        let found = compare(&told, &seen);
        agreed += found.agreed;
        missed += total(&found.missed);
        invented += total(&found.invented);
        wrong.extend(found.missed.iter().map(|(count, call)| format!("{name}: not told: {count} times {call}")));
        wrong.extend(found.invented.iter().map(|(count, call)| format!("{name}: not seen: {count} times {call}")));
        if name.ends_with(".py") {
            let lines = wrong_lines(&fs::read_to_string(path).unwrap(), &told);
            wrong.extend(lines.iter().map(|line| format!("{name}: {line}")));
        }
    }
    let percent = |of: u64| {
        let hundredths = agreed * 10_000 / (agreed + of);
        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    };
    println!(
        "{engine:?}: {} specimens, {agreed} refused calls told and seen: recall {}, precision {}",
        all.len(),
        percent(missed),
        percent(invented)
    );
    assert!(all.len() >= 30 && agreed > 3000 && wrong.is_empty(), "{wrong:#?}");
}

on_every_engine!(every_refused_call_is_told_and_no_other);
