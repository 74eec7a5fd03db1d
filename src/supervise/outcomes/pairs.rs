//! Failed calls, and the audit records of them, of which either may come first: the kernel tells its records when it
//! comes to it. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::calls::Ended;
use crate::run::Known;
use crate::run::attribution::{AuditRecord, Fit};
use crate::supervise::attempts::Attempt;

/// How long a failed call waits for its record. In an emulated machine, and a flood, the slowest of 4246 took 65 ms.
const WAIT: Duration = Duration::from_millis(200);

/// How long before the end of its call a record may have been made.
const LONGEST_CALL: Duration = Duration::from_millis(500);

/// By how much the clocks of both may differ.
const TOLERANCE: Duration = Duration::from_millis(10);

/// Records without a call, and calls without a record, that are kept.
const MOST: usize = 1024;

/// A failed call of which it is not yet said who refused it.
#[derive(Clone)]
pub struct Unjudged {
    /// How it ended.
    pub ended: Ended,
    /// What it was.
    pub attempt: Attempt,
    /// With what it failed.
    pub errno: i32,
    /// How that is known.
    pub known: Known,
    /// What its times are counted from, since the epoch.
    pub boot: Duration,
}

impl Unjudged {
    fn fit(&self, record: &AuditRecord) -> Fit {
        let (first, last) = (self.boot + self.ended.by.at, self.boot + self.ended.last);
        let meanwhile = record.at <= last + TOLERANCE && first.saturating_sub(record.at) <= LONGEST_CALL;
        if record.pid != self.ended.by.pid || !meanwhile {
            return Fit::No;
        }
        record.fit(&self.attempt.call.name, self.errno, &self.attempt.wants)
    }

    /// Takes one of its repeats out.
    fn take_one(&mut self) -> Self {
        self.ended.times -= 1;
        Self { ended: Ended { times: 1, ..self.ended.clone() }, ..self.clone() }
    }

    /// How far a record is from its first end.
    fn distance(&self, record: &AuditRecord) -> Duration {
        (self.boot + self.ended.by.at).abs_diff(record.at)
    }
}

/// A call, as often as it was made, and the record of it where there is one.
pub type Pair = (Unjudged, Option<AuditRecord>);

/// What waits for its other half.
#[derive(Default)]
pub struct Pairs {
    records: VecDeque<AuditRecord>,
    waiting: VecDeque<(Instant, Unjudged)>,
    found: Vec<Pair>,
}

impl Pairs {
    /// A record has come.
    pub fn note(&mut self, record: AuditRecord) {
        let of_it = self.waiting.iter().enumerate().filter(|(_, (_, call))| call.fit(&record) == Fit::Exact);
        let nearest = of_it.min_by_key(|(_, (_, call))| call.distance(&record)).map(|(index, _)| index);
        let Some(index) = nearest else {
            if self.records.len() >= MOST {
                self.records.pop_front();
            }
            self.records.push_back(record);
            return;
        };
        let call = &mut self.waiting[index].1;
        self.found.push((call.take_one(), Some(record)));
        if call.ended.times == 0 {
            self.waiting.remove(index);
        }
    }

    /// A call has failed.
    pub fn wait(&mut self, mut call: Unjudged, now: Instant) {
        self.pair(&mut call, Fit::Exact);
        if call.ended.times == 0 {
            return;
        }
        if self.waiting.len() >= MOST {
            self.give_up();
        }
        self.waiting.push_back((now + WAIT, call));
    }

    /// The calls of which no more will be known.
    pub fn take(&mut self, now: Instant) -> Vec<Pair> {
        while self.next_due().is_some_and(|due| due <= now) {
            self.give_up();
        }
        std::mem::take(&mut self.found)
    }

    /// When the next call has waited long enough; `None` where none waits.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, _)| *due)
    }

    /// Whatever its record may be, the call that waits longest goes without one that is surely its own.
    fn give_up(&mut self) {
        let Some((_, mut call)) = self.waiting.pop_front() else { return };
        self.pair(&mut call, Fit::Kind);
        if call.ended.times > 0 {
            self.found.push((call, None));
        }
    }

    /// Gives a call the records that fit it so well.
    fn pair(&mut self, call: &mut Unjudged, least: Fit) {
        while call.ended.times > 0 {
            let of_it = self.records.iter().enumerate().filter(|(_, record)| call.fit(record) >= least);
            let nearest = of_it.min_by_key(|(_, record)| call.distance(record));
            let Some((index, _)) = nearest else { return };
            self.found.push((call.take_one(), self.records.remove(index)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::perf::Caller;
    use super::*;
    use crate::run::attribution::{Peer, Place, wants};
    use crate::seccomp::decode::Call;

    /// A call of process 7 that ended after so many milliseconds, and then each millisecond again.
    fn opened(path: Option<&str>, at: u64, times: u64) -> Unjudged {
        let at = Duration::from_millis(at);
        let by = Caller { pid: 7, tid: 7, at, instruction: 0, stack: 0, args: [0; 6] };
        let place = path.map(|path| Place { path: path.to_owned(), ..Place::default() });
        let wants = wants("openat", &[0; 6]).into_iter().map(|want| (want, place.clone())).collect();
        let call = Call { name: "openat".to_owned(), args: Vec::new() };
        let attempt = Attempt { call, wants, peer: Peer::Unknown, comm: String::new(), source: None };
        let ended =
            Ended { by, nr: 257, ret: -13, caps: Vec::new(), times, last: at + Duration::from_millis(times - 1) };
        Unjudged { ended, attempt, errno: 13, known: Known::After, boot: Duration::from_secs(100) }
    }

    fn record(path: &str, pid: u32, at: u64) -> AuditRecord {
        let text = format!(
            r#"audit({}.{:03}:1): apparmor="DENIED" operation="open" profile="p" name="{path}" pid={pid} comm="c""#,
            100 + at / 1000,
            at % 1000
        );
        AuditRecord::parse(text.as_bytes()).unwrap()
    }

    /// How often each was found with a record, and without.
    fn told(pairs: &[Pair]) -> (u64, u64) {
        let times = |with| pairs.iter().filter(|pair| pair.1.is_some() == with).map(|pair| pair.0.ended.times).sum();
        (times(true), times(false))
    }

    #[test]
    fn a_call_and_its_record_find_each_other_whichever_comes_first() {
        let (mut pairs, now) = (Pairs::default(), Instant::now());
        pairs.wait(opened(Some("/a"), 5000, 1), now);
        assert!(pairs.take(now).is_empty());
        pairs.note(record("/a", 7, 4996));
        pairs.note(record("/b", 7, 5004));
        pairs.wait(opened(Some("/b"), 5005, 1), now);
        assert_eq!(told(&pairs.take(now)), (2, 0));
        assert_eq!(pairs.next_due(), None);
    }

    #[test]
    fn without_a_record_of_its_own_a_call_waits_and_then_goes_without() {
        let (mut pairs, now) = (Pairs::default(), Instant::now());
        pairs.note(record("/a", 8, 4996));
        pairs.note(record("/b", 7, 4996));
        pairs.note(record("/a", 7, 1000));
        pairs.wait(opened(Some("/a"), 5000, 1), now);
        pairs.note(record("/a", 7, 5100));
        assert!(pairs.take(now).is_empty());
        assert_eq!(told(&pairs.take(now + WAIT)), (0, 1));
    }

    #[test]
    fn of_many_calls_as_many_are_told_with_a_record_as_there_are() {
        let (mut pairs, now) = (Pairs::default(), Instant::now());
        pairs.note(record("/a", 7, 5000));
        pairs.wait(opened(Some("/a"), 5000, 500), now);
        pairs.note(record("/a", 7, 5400));
        pairs.note(record("/a", 7, 5000));
        pairs.note(record("/a", 7, 5600));
        assert_eq!(told(&pairs.take(now + WAIT)), (3, 497));
    }

    #[test]
    fn where_the_file_is_not_known_what_is_left_over_is_its_own() {
        let (mut pairs, now) = (Pairs::default(), Instant::now());
        pairs.wait(opened(None, 5000, 1), now);
        pairs.note(record("/a", 7, 5000));
        assert!(pairs.take(now).is_empty(), "another call may ask for just this");
        pairs.wait(opened(Some("/a"), 5000, 1), now);
        assert_eq!(told(&pairs.take(now)), (1, 0));
        pairs.note(record("/b", 7, 5000));
        let left = pairs.take(now + WAIT);
        assert_eq!((told(&left), left[0].0.attempt.wants[0].1.is_none()), ((1, 0), true));
    }

    #[test]
    fn a_flood_of_either_is_bounded() {
        let (mut pairs, now) = (Pairs::default(), Instant::now());
        for _ in 0..3 * MOST {
            pairs.note(record("/b", 9, 5000));
            pairs.wait(opened(Some("/a"), 5000, 1), now);
        }
        assert_eq!((pairs.records.len(), pairs.waiting.len()), (MOST, MOST));
        assert_eq!(told(&pairs.take(now)), (0, 2 * MOST as u64));
    }
}
