//! The kernel's records of several tracepoints, put together to the calls that they are of.

use std::collections::HashMap;
use std::time::Duration;

use super::perf::{Caller, Record};

/// Threads whose lacking capabilities are remembered.
const MOST_THREADS: usize = 1024;

/// A call that ended, as often as it did so in a row.
#[derive(Clone, Debug)]
pub struct Ended {
    /// By whom and where; the time is that of the first.
    pub by: Caller,
    /// The call's number.
    pub nr: i32,
    /// What it returned.
    pub ret: i64,
    /// The capabilities that were looked for in it and not there.
    pub caps: Vec<u8>,
    /// How often.
    pub times: u64,
    /// When it did so last: `CLOCK_MONOTONIC`.
    pub last: Duration,
}

impl Ended {
    fn is_like(&self, other: &Self) -> bool {
        self.by.is_in_the_call_of(&other.by) && (self.nr, self.ret, &self.caps) == (other.nr, other.ret, &other.caps)
    }
}

/// What is known of calls that are not over.
#[derive(Debug, Default)]
pub struct Calls {
    /// By thread: its call, and the capabilities that were looked for in it.
    lacking: HashMap<u32, (Caller, Vec<u8>)>,
    /// Records that found no room.
    pub lost: u64,
}

impl Calls {
    /// The calls that ended, in order. In a flood, the same call again and again is one.
    pub fn take(&mut self, records: &mut [Record]) -> Vec<Ended> {
        records.sort_by_key(|record| match record {
            Record::Ended { by, .. } | Record::Lacking { by, .. } => by.at,
            Record::Lost(_) => Duration::ZERO,
        });
        let mut all: Vec<Ended> = Vec::new();
        for record in records {
            match *record {
                Record::Lost(count) => self.lost += count,
                Record::Lacking { by, cap } => self.note_lacking(by, cap),
                Record::Ended { by, nr, ret } => {
                    let lacking = self.lacking.remove(&by.tid).filter(|(call, _)| call.is_in_the_call_of(&by));
                    let caps = lacking.map_or_else(Vec::new, |(_, caps)| caps);
                    let ended = Ended { by, nr, ret, caps, times: 1, last: by.at };
                    match all.last_mut().filter(|before| before.is_like(&ended)) {
                        Some(before) => {
                            before.times += 1;
                            before.last = ended.last;
                        }
                        None => all.push(ended),
                    }
                }
            }
        }
        all
    }

    fn note_lacking(&mut self, by: Caller, cap: u8) {
        if self.lacking.len() >= MOST_THREADS {
            self.lacking.clear();
        }
        match self.lacking.get_mut(&by.tid).filter(|(call, _)| call.is_in_the_call_of(&by)) {
            Some((_, caps)) if !caps.contains(&cap) => caps.push(cap),
            Some(_) => {}
            None => drop(self.lacking.insert(by.tid, (by, vec![cap]))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(tid: u32, at: u64, first: u64) -> Caller {
        let args = [first, 0, 0, 0, 0, 0];
        Caller { pid: 1, tid, at: Duration::from_micros(at), instruction: 9, stack: 7, args }
    }

    fn ended(tid: u32, at: u64, first: u64) -> Record {
        Record::Ended { by: caller(tid, at, first), nr: 2, ret: -1 }
    }

    #[test]
    fn what_was_lacking_goes_to_the_call_it_was_looked_for_in() {
        let lacking = |tid, at, first, cap| Record::Lacking { by: caller(tid, at, first), cap };
        let mut records = [
            ended(1, 5, 0),
            lacking(1, 1, 0, 21),
            lacking(1, 2, 0, 6),
            lacking(1, 3, 0, 6),
            lacking(2, 4, 0, 1),
            ended(2, 6, 1),
        ];
        let calls = Calls::default().take(&mut records);
        let caps: Vec<_> = calls.iter().map(|call| (call.by.tid, call.caps.clone())).collect();
        assert_eq!(caps, [(1, vec![21, 6]), (2, vec![])], "the second thread is in another call by then");
    }

    #[test]
    fn one_call_again_and_again_is_one_and_what_comes_between_parts_it() {
        let mut calls = Calls::default();
        let mut records = [ended(1, 1, 0), ended(1, 3, 0), ended(1, 4, 8), ended(1, 9, 0), Record::Lost(4)];
        let taken = calls.take(&mut records);
        let all: Vec<_> =
            taken.iter().map(|call| (call.times, call.by.at.as_micros(), call.last.as_micros())).collect();
        assert_eq!(all, [(2, 1, 3), (1, 4, 4), (1, 9, 9)]);
        assert_eq!(calls.lost, 4);
    }
}
