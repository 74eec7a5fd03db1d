//! A specimen's output: read at the speed of the pipe, kept up to a cap,
//! counted to the byte.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;

use super::clock::Clock;
use crate::policy::Bytes;
use crate::run::{EventKind, Limit, LimitKind, RunEvent, Stream};

/// What one read takes at most; the pipe is asked to hold as much.
const CHUNK: usize = 1 << 20;

/// The time between two looks at what waits to be told.
const TICK: Duration = Duration::from_millis(50);

/// A pipe: the workbench's end and the specimen's.
///
/// # Errors
/// When the system is out of descriptors.
pub fn pipe() -> io::Result<(Receiver, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // A refusal (pipe-user-pages-soft) leaves the kernel's own size.
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, CHUNK);
    Ok((Receiver::from_owned_fd(reader)?, writer))
}

/// Decides of each chunk what is kept, and holds back the start of a character whose rest is still to come.
#[derive(Debug)]
struct Keeper {
    stream: Stream,
    room: u64,
    partial: Vec<u8>,
    dropped: u64,
    dropped_untold: u64,
}

impl Keeper {
    /// Keeps the first `cap` bytes.
    fn new(stream: Stream, cap: Bytes) -> Self {
        Self { stream, room: cap.0, partial: Vec::new(), dropped: 0, dropped_untold: 0 }
    }

    /// Takes what was written; gives what is kept of it.
    fn take(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let keep = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
        self.room -= keep as u64;
        let dropped = (bytes.len() - keep) as u64;
        self.dropped += dropped;
        self.dropped_untold += dropped;
        if keep == 0 {
            return None;
        }
        let mut kept = std::mem::take(&mut self.partial);
        kept.extend_from_slice(&bytes[..keep]);
        if self.room > 0 {
            self.partial = kept.split_off(kept.len() - unfinished_tail(&kept));
        }
        (!kept.is_empty()).then_some(kept)
    }

    /// The bytes held back, at the end of the stream.
    fn finish(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.partial);
        (!rest.is_empty()).then_some(rest)
    }

    /// Bytes dropped since this was last asked, and the limit event that goes with them.
    fn tell_dropped(&mut self, at: Duration) -> Option<[EventKind; 2]> {
        let bytes = std::mem::take(&mut self.dropped_untold);
        (bytes > 0).then_some([
            EventKind::Dropped { stream: self.stream, bytes },
            EventKind::Limit(Limit { kind: LimitKind::OutputCut(self.stream), count: self.dropped, at }),
        ])
    }
}

/// How many bytes at the end are the start of a UTF-8 sequence that is not whole yet.
fn unfinished_tail(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(3);
    (start..bytes.len())
        .find(|&at| {
            std::str::from_utf8(&bytes[at..])
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .map_or(0, |at| bytes.len() - at)
}

/// Hands on what is kept of one stream, and never waits for whoever reads it while the specimen runs: what finds no
/// room is joined to what comes next. That stays below the cap, since nothing else is kept.
pub struct Outbox {
    keeper: Keeper,
    clock: Clock,
    events: mpsc::Sender<RunEvent>,
    waiting: Vec<u8>,
}

impl Outbox {
    /// Keeps the first `cap` bytes.
    pub fn new(stream: Stream, cap: Bytes, clock: Clock, events: mpsc::Sender<RunEvent>) -> Self {
        Self { keeper: Keeper::new(stream, cap), clock, events, waiting: Vec::new() }
    }

    /// Takes what was written.
    pub fn take(&mut self, bytes: &[u8]) {
        self.waiting.extend(self.keeper.take(bytes).into_iter().flatten());
        self.offer();
    }

    /// Tells what waits, and how much was dropped since it was last told.
    pub fn tick(&mut self) {
        self.offer();
        if self.waiting.is_empty()
            && let Ok(places) = self.events.try_reserve_many(2)
        {
            for (place, kind) in places.zip(self.keeper.tell_dropped(self.clock.now()).into_iter().flatten()) {
                place.send(RunEvent { at: self.clock.now(), kind });
            }
        }
    }

    fn offer(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        // No room, or no reader at all: the specimen is not to notice.
        if let Ok(place) = self.events.try_reserve() {
            let output = EventKind::Output { stream: self.keeper.stream, bytes: std::mem::take(&mut self.waiting) };
            place.send(RunEvent { at: self.clock.now(), kind: output });
        }
    }

    /// Tells the rest, at the stream's end: there is nobody left to keep waiting.
    pub async fn close(mut self) {
        self.waiting.extend(self.keeper.finish().into_iter().flatten());
        let (stream, bytes) = (self.keeper.stream, self.waiting);
        let last = (!bytes.is_empty()).then_some(EventKind::Output { stream, bytes });
        for kind in last.into_iter().chain(self.keeper.tell_dropped(self.clock.now()).into_iter().flatten()) {
            // A reader that is gone has nothing to be told.
            let _ = self.events.send(RunEvent { at: self.clock.now(), kind }).await;
        }
    }
}

/// Reads one stream to its end.
///
/// # Errors
/// What reading the pipe said.
pub async fn drain(mut pipe: Receiver, mut outbox: Outbox) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            read = pipe.read(&mut buffer) => match read? {
                0 => break,
                length => outbox.take(&buffer[..length]),
            },
            _ = ticks.tick() => outbox.tick(),
        }
    }
    outbox.close().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: Option<Vec<u8>>) -> Vec<u8> {
        bytes.unwrap_or_default()
    }

    #[test]
    fn output_beyond_the_cap_is_dropped_and_counted() {
        let mut keeper = Keeper::new(Stream::Stdout, Bytes(5));
        assert_eq!(kept(keeper.take(b"abc")), b"abc");
        assert_eq!(kept(keeper.take(b"defgh")), b"de");
        assert_eq!(kept(keeper.take(b"ijk")), b"");
        let [dropped, limit] = keeper.tell_dropped(Duration::ZERO).unwrap();
        assert_eq!(dropped, EventKind::Dropped { stream: Stream::Stdout, bytes: 6 });
        let (kind, at) = (LimitKind::OutputCut(Stream::Stdout), Duration::ZERO);
        assert_eq!(limit, EventKind::Limit(Limit { kind, count: 6, at }));
        assert_eq!(keeper.tell_dropped(Duration::ZERO), None);
    }

    #[test]
    fn a_character_cut_by_a_read_stays_whole() {
        let mut keeper = Keeper::new(Stream::Stdout, Bytes(100));
        let text = "a\u{1f600}b".as_bytes();
        assert_eq!(kept(keeper.take(&text[..3])), b"a");
        assert_eq!(kept(keeper.take(&text[3..])), &text[1..]);
    }

    #[test]
    fn invalid_bytes_are_not_held_back_for_ever() {
        let mut keeper = Keeper::new(Stream::Stderr, Bytes(100));
        assert_eq!(kept(keeper.take(b"a\xff")), b"a\xff");
        assert_eq!(kept(keeper.take(b"\xf0\x9f")), b"");
        assert_eq!(kept(keeper.finish()), b"\xf0\x9f");
    }
}
