//! Repeats of one denial become a count. Pure: the listener feeds it and
//! sends on what it gives back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::policy::Layer;
use crate::run::{Denial, DenialId, Refusal, Source};
use crate::seccomp::decode::Call;

/// Distinct denials kept apart; beyond it, all are one a kind of answer.
pub const MOST_DISTINCT: usize = 4096;

/// Readings of where a call comes from that each call has at least, and how far apart those beyond are. In between, a
/// call is counted with the line that was read last: reading costs the specimen a hundred times the call.
const CLOSE_READINGS: u32 = 8;
const READING_INTERVAL: Duration = Duration::from_millis(5);

/// What makes two refused calls the same but for their line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    pid: u32,
    call: Call,
    refusal: Refusal,
}

/// Where the calls of one key came from.
#[derive(Debug)]
struct Lines {
    readings: u32,
    last_reading: Duration,
    /// The denial of each line, and of no known line.
    denials: Vec<(Option<u32>, usize)>,
    /// The denial of the line that was read last.
    last: usize,
}

/// What can be asked about a caller only while it stands still.
pub struct Caller {
    /// Its name.
    pub comm: String,
    /// Where it made the call.
    pub source: Source,
    /// The call's arguments as the kernel has them.
    pub registers: [u64; 6],
}

/// Denials by identity, and which of them changed since last sent.
#[derive(Debug, Default)]
pub struct Denials {
    keys: HashMap<Key, Lines>,
    all: Vec<Denial>,
    changed: Vec<usize>,
    /// Whether a denial stands in `changed`; as long as `all`.
    waiting: Vec<bool>,
}

impl Lines {
    fn new(first: usize) -> Self {
        Self { readings: 0, last_reading: Duration::ZERO, denials: Vec::new(), last: first }
    }

    fn is_due(&self, at: Duration) -> bool {
        self.readings < CLOSE_READINGS || at.saturating_sub(self.last_reading) >= READING_INTERVAL
    }
}

impl Denials {
    /// Counts one refused call of a process. `ask` is called where a new reading of its caller is due.
    pub fn count(&mut self, pid: u32, call: Call, refusal: Refusal, at: Duration, ask: impl FnOnce() -> Caller) {
        let mut key = Key { pid, call, refusal };
        let full = self.all.len() >= MOST_DISTINCT;
        if full && !self.keys.contains_key(&key) {
            key.pid = 0;
            // The specimen chooses numbers, arguments and processes: none of them may make one more.
            key.call = Call { name: "other calls".to_owned(), args: Vec::new() };
        }
        let index = match self.keys.get(&key) {
            Some(lines) if full || !lines.is_due(at) => lines.last,
            None if full => self.add(&key, at, None),
            Some(_) | None => self.read(&key, at, ask()),
        };
        self.all[index].count += 1;
        if !std::mem::replace(&mut self.waiting[index], true) {
            self.changed.push(index);
        }
    }

    /// The denial of this caller's line, a new one where it has none.
    fn read(&mut self, key: &Key, at: Duration, caller: Caller) -> usize {
        let line = caller.source.specimen_line();
        let known = self.keys.get(key).and_then(|lines| lines.denials.iter().find(|(known, _)| *known == line));
        let index = match known {
            Some((_, index)) => *index,
            None => self.add(key, at, Some(caller)),
        };
        self.all[index].located += u64::from(line.is_some());
        if let Some(lines) = self.keys.get_mut(key) {
            lines.readings += 1;
            lines.last_reading = at;
            lines.last = index;
        }
        index
    }

    fn add(&mut self, key: &Key, at: Duration, caller: Option<Caller>) -> usize {
        let index = self.all.len();
        let (comm, source, registers) =
            caller.map_or_else(Default::default, |caller| (caller.comm, Some(caller.source), caller.registers));
        let line = source.as_ref().and_then(Source::specimen_line);
        self.all.push(Denial {
            // Bounded by MOST_DISTINCT and the number of answers a profile can give.
            id: DenialId(u32::try_from(index).unwrap_or(u32::MAX)),
            layer: Layer::Seccomp,
            syscall: key.call.name.clone(),
            args: key.call.args.clone(),
            registers,
            refusal: key.refusal,
            pid: key.pid,
            comm,
            source: source.map(Arc::new),
            count: 0,
            located: 0,
            first: at,
        });
        self.waiting.push(false);
        let lines = self.keys.entry(key.clone()).or_insert_with(|| Lines::new(index));
        lines.denials.push((line, index));
        index
    }

    /// Hands each changed denial to `send`, oldest first, until it refuses one; the rest stay changed.
    pub fn flush(&mut self, mut send: impl FnMut(Denial) -> bool) {
        let mut told = 0;
        for &index in &self.changed {
            if !send(self.all[index].clone()) {
                break;
            }
            self.waiting[index] = false;
            told += 1;
        }
        self.changed.drain(..told);
    }

    /// How many distinct denials there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing waits to be sent.
    pub fn is_flushed(&self) -> bool {
        self.changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Frame;

    fn call(args: &[&str]) -> Call {
        Call { name: "connect".to_owned(), args: args.iter().map(ToString::to_string).collect() }
    }

    fn count(denials: &mut Denials, pid: u32, args: &[&str]) {
        count_at(denials, 5, pid, args, None);
    }

    /// Counts a call at so many milliseconds, whose line would be read as this one.
    fn count_at(denials: &mut Denials, at: u64, pid: u32, args: &[&str], line: Option<u32>) {
        let frame = |line| Frame { file: "/sandbox/a.py".to_owned(), line, function: "f".to_owned() };
        let source = Source { line: line.map(frame).ok_or_else(String::new), ..Source::unknown("") };
        let caller = || Caller { comm: "python3".to_owned(), source, registers: [0; 6] };
        denials.count(pid, call(args), Refusal::Errno(1), Duration::from_millis(at), caller);
    }

    /// Line, count and readings of what changed.
    fn lines(denials: &mut Denials) -> Vec<(Option<u32>, u64, u64)> {
        let mut seen = Vec::new();
        denials.flush(|denial| {
            seen.push((denial.line(), denial.count, denial.located));
            true
        });
        seen
    }

    fn sent(denials: &mut Denials) -> Vec<(u32, u64)> {
        let mut seen = Vec::new();
        denials.flush(|denial| {
            seen.push((denial.id.0, denial.count));
            true
        });
        seen
    }

    #[test]
    fn repeats_of_one_call_are_one_denial_with_a_count() {
        let mut denials = Denials::default();
        count(&mut denials, 7, &["3", "127.0.0.1:80"]);
        assert_eq!(sent(&mut denials), [(0, 1)]);
        for _ in 0..999 {
            count(&mut denials, 7, &["3", "127.0.0.1:80"]);
        }
        assert_eq!(sent(&mut denials), [(0, 1000)]);
        assert!(denials.is_flushed());
    }

    #[test]
    fn another_address_or_another_process_is_another_denial() {
        let mut denials = Denials::default();
        count(&mut denials, 7, &["3", "127.0.0.1:80"]);
        count(&mut denials, 7, &["3", "127.0.0.1:81"]);
        count(&mut denials, 8, &["3", "127.0.0.1:80"]);
        assert_eq!(sent(&mut denials), [(0, 1), (1, 1), (2, 1)]);
    }

    #[test]
    fn each_line_is_a_denial_of_its_own() {
        let mut denials = Denials::default();
        for line in [4, 9, 4] {
            count_at(&mut denials, 5, 7, &["a"], Some(line));
        }
        assert_eq!(lines(&mut denials), [(Some(4), 2, 2), (Some(9), 1, 1)]);
    }

    #[test]
    fn in_a_flood_of_one_call_its_line_is_read_now_and_then_and_it_says_how_often() {
        let mut denials = Denials::default();
        for at in 0..1000 {
            count_at(&mut denials, at / 100, 7, &["a"], Some(if at < 950 { 4 } else { 9 }));
        }
        assert_eq!(lines(&mut denials), [(Some(4), 1000, 9)]);
        // Calls further apart are each looked at.
        for at in 0..10 {
            count_at(&mut denials, 20 + at * 5, 7, &["a"], Some(9));
        }
        assert_eq!(lines(&mut denials), [(Some(9), 10, 10)]);
    }

    #[test]
    fn a_full_channel_delays_a_denial_and_loses_none() {
        let mut denials = Denials::default();
        count(&mut denials, 7, &["a"]);
        count(&mut denials, 7, &["b"]);
        let mut room = 1;
        denials.flush(|_| std::mem::replace(&mut room, 0) == 1);
        count(&mut denials, 7, &["b"]);
        assert_eq!(sent(&mut denials), [(1, 2)]);
    }

    #[test]
    fn a_flood_of_different_calls_is_bounded_and_every_one_is_counted() {
        let mut denials = Denials::default();
        let flood = MOST_DISTINCT as u64 + 500;
        for n in 0..flood {
            count(&mut denials, 7, &[&n.to_string()]);
        }
        let all = sent(&mut denials);
        assert_eq!(all.len(), MOST_DISTINCT + 1);
        assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), flood);
    }
}
