//! Repeats of one denial become a count. Pure: the listener feeds it and
//! sends on what it gives back.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use crate::policy::Layer;
use crate::run::{Denial, DenialId, Refusal};
use crate::seccomp::decode::Call;

/// Distinct denials kept apart; beyond it, all are one a kind of answer.
pub const MOST_DISTINCT: usize = 4096;

/// What makes two refused calls the same denial.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    pid: u32,
    call: Call,
    refusal: Refusal,
}

/// Denials by identity, and which of them changed since last sent.
#[derive(Debug, Default)]
pub struct Denials {
    ids: HashMap<Key, usize>,
    all: Vec<Denial>,
    changed: Vec<usize>,
    /// Whether a denial stands in `changed`; as long as `all`.
    waiting: Vec<bool>,
}

impl Denials {
    /// Counts one refused call of a process. Its name is asked for only where the denial is a new one.
    pub fn count(&mut self, pid: u32, call: Call, refusal: Refusal, at: Duration, comm: impl FnOnce() -> String) {
        let full = self.all.len() >= MOST_DISTINCT;
        let mut key = Key { pid, call, refusal };
        if full && !self.ids.contains_key(&key) {
            key.pid = 0;
            // The specimen chooses numbers, arguments and processes: none of them may make one more.
            key.call = Call { name: "other calls".to_owned(), args: Vec::new() };
        }
        let index = match self.ids.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(entry) => {
                let index = self.all.len();
                let pid = entry.key().pid;
                self.all.push(Denial {
                    // Bounded by MOST_DISTINCT and the number of answers a profile can give.
                    id: DenialId(u32::try_from(index).unwrap_or(u32::MAX)),
                    layer: Layer::Seccomp,
                    syscall: entry.key().call.name.clone(),
                    args: entry.key().call.args.clone(),
                    refusal,
                    pid,
                    comm: if pid == 0 { String::new() } else { comm() },
                    count: 0,
                    first: at,
                });
                self.waiting.push(false);
                *entry.insert(index)
            }
        };
        self.all[index].count += 1;
        if !std::mem::replace(&mut self.waiting[index], true) {
            self.changed.push(index);
        }
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

    fn call(args: &[&str]) -> Call {
        Call { name: "connect".to_owned(), args: args.iter().map(ToString::to_string).collect() }
    }

    fn count(denials: &mut Denials, pid: u32, args: &[&str]) {
        denials.count(pid, call(args), Refusal::Errno(1), Duration::from_millis(5), || "python3".to_owned());
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
