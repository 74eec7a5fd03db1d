//! Repeats of one denial become a count. Pure: the listener feeds it and
//! sends on what it gives back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::untold::Untold;
use crate::policy::Layer;
use crate::run::{Denial, DenialId, Known, Refusal, Source};
use crate::seccomp::decode::Call;

/// Distinct denials kept apart; beyond it, all are one a kind of answer.
pub const MOST_DISTINCT: usize = 4096;

/// Readings of where a call comes from that each call has at least, and how far apart those beyond are. In between, a
/// call is counted with the line that was read last: reading costs the specimen a hundred times the call.
const CLOSE_READINGS: u32 = 8;
const READING_INTERVAL: Duration = Duration::from_millis(5);

/// A refused call: what makes two of them the same but for their line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// The process.
    pub pid: u32,
    /// The call.
    pub call: Call,
    /// The answer.
    pub refusal: Refusal,
    /// Whose answer it was.
    pub layer: Layer,
}

/// Whether the line of a call is to be read, after so many readings, the last so long ago.
pub fn is_due(readings: u32, since: Duration) -> bool {
    readings < CLOSE_READINGS || since >= READING_INTERVAL
}

impl Refused {
    /// With nothing known of its caller.
    fn denial(&self, id: DenialId, at: Duration) -> Denial {
        Denial {
            id,
            layer: self.layer,
            evidence: "many calls together: each for itself was seen to be refused by it".to_owned(),
            behind: Vec::new(),
            known: Known::Held,
            syscall: self.call.name.clone(),
            args: self.call.args.clone(),
            registers: [0; 6],
            refusal: self.refusal,
            pid: self.pid,
            comm: String::new(),
            source: None,
            count: 0,
            located: 0,
            first: at,
        }
    }
}

/// Where the calls of one kind came from.
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
    /// Where it made the call; `None` where it follows too closely on others of its kind to be looked at.
    pub source: Option<Source>,
    /// The call's arguments as the kernel has them.
    pub registers: [u64; 6],
    /// On what it rests who refused.
    pub evidence: String,
    /// Who would have too.
    pub behind: Vec<Layer>,
    /// How the call and its end are known.
    pub known: Known,
}

/// Numbers of a run's denials, whoever sees them.
#[derive(Clone, Debug, Default)]
pub struct Numbers(Arc<AtomicU32>);

impl Numbers {
    fn next(&self) -> DenialId {
        DenialId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Denials by identity, and which of them changed since last sent.
#[derive(Debug, Default)]
pub struct Denials {
    numbers: Numbers,
    keys: HashMap<Refused, Lines>,
    all: Vec<Denial>,
    untold: Untold,
}

impl Lines {
    fn new(first: usize) -> Self {
        Self { readings: 0, last_reading: Duration::ZERO, denials: Vec::new(), last: first }
    }

    fn is_due(&self, at: Duration) -> bool {
        is_due(self.readings, at.saturating_sub(self.last_reading))
    }
}

impl Denials {
    /// None yet, whose numbers are taken from these.
    pub fn numbered(numbers: &Numbers) -> Self {
        Self { numbers: numbers.clone(), ..Self::default() }
    }

    /// Counts a refused call, made so often. `ask` is called where a new reading of its caller is due.
    pub fn count(&mut self, refused: Refused, times: u64, at: Duration, ask: impl FnOnce() -> Caller) {
        let mut key = refused;
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
        self.all[index].count += times;
        self.untold.mark(index);
    }

    /// The denial of this caller's line, a new one where it has none.
    fn read(&mut self, key: &Refused, at: Duration, caller: Caller) -> usize {
        if caller.source.is_none()
            && let Some(lines) = self.keys.get(key)
        {
            return lines.last;
        }
        let line = caller.source.as_ref().and_then(Source::specimen_line);
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

    fn add(&mut self, key: &Refused, at: Duration, caller: Option<Caller>) -> usize {
        let index = self.all.len();
        let line = caller.as_ref().and_then(|caller| caller.source.as_ref()?.specimen_line());
        let id = self.numbers.next();
        self.all.push(match caller {
            Some(caller) => Denial {
                evidence: caller.evidence,
                behind: caller.behind,
                known: caller.known,
                registers: caller.registers,
                comm: caller.comm,
                source: caller.source.map(Arc::new),
                ..key.denial(id, at)
            },
            None => key.denial(id, at),
        });
        let lines = self.keys.entry(key.clone()).or_insert_with(|| Lines::new(index));
        lines.denials.push((line, index));
        index
    }

    /// Hands each changed denial to `send`, oldest first, until it refuses one; the rest stay changed.
    pub fn flush(&mut self, mut send: impl FnMut(Denial) -> bool) {
        let all = &self.all;
        self.untold.flush(|index| send(all[index].clone()));
    }

    /// How many distinct denials there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing waits to be sent.
    pub fn is_flushed(&self) -> bool {
        self.untold.is_empty()
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
        let caller = || Caller {
            comm: "python3".to_owned(),
            source: Some(source),
            registers: [0; 6],
            evidence: String::new(),
            behind: Vec::new(),
            known: Known::Held,
        };
        let refused = Refused { pid, call: call(args), refusal: Refusal::Errno(1), layer: Layer::Seccomp };
        denials.count(refused, 1, Duration::from_millis(at), caller);
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
