//! Which line a refused call comes from. The thread stands in its call, so its stack stands still; a [`reader`], a
//! process of its own for each process of the specimen, reads it and is believed nothing: it has a time limit, its
//! answer a size, and its words are made safe to show here.

mod jail;
mod reader;
mod wire;

pub use jail::JailError;
pub use reader::serve;

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::wire::{Answer, Incoming, Question, RawFrame};
use crate::run::{Frame, Instruction, Source};
use crate::text::visible_str;

/// The subcommand under which hotcell runs itself as a stack reader.
pub const SUBCOMMAND: &str = "__stacks";

/// How long a reader may take over an answer. The first takes some 10 ms on an idle machine, for the reader starts and
/// parses the interpreter's file; each later one a tenth of a millisecond.
const ANSWER_TIME: Duration = Duration::from_millis(500);

/// Readers that stand by; the one that was used longest ago makes way.
const MOST_READERS: usize = 4;

/// Readings of one process that may fail by time.
const MOST_LATE: u32 = 2;

/// What readings may cost a specimen: so much, and this part of its time.
const FREE_TIME: Duration = Duration::from_secs(1);
const TIME_SHARE: u32 = 4;

/// Processes remembered as too slow to be read; a flood of them starts over.
const MOST_SLOW: usize = 256;

/// Reads stacks for one run.
pub struct Stacks {
    /// The hotcell that is run as a reader.
    program: PathBuf,
    /// The specimen's file as the cell sees it.
    own: String,
    /// The last one was used last.
    readers: Vec<StackReader>,
    /// Processes whose readings came late, and how often.
    late: Vec<(u32, u32)>,
    since: Instant,
    spent: Duration,
}

impl Stacks {
    /// Of a run whose specimen is the file `own`, by readers that run this hotcell.
    pub fn new(program: PathBuf, own: String) -> Self {
        Self { program, own, readers: Vec::new(), late: Vec::new(), since: Instant::now(), spent: Duration::ZERO }
    }

    /// Where a thread that is held in a call made it. The process must not be let go before.
    pub fn source(&mut self, pid: u32, tid: u32, instruction_pointer: u64) -> Source {
        if self.spent > FREE_TIME + self.since.elapsed() / TIME_SHARE {
            return Source::unknown("not looked up: reading the stacks of this run has taken too long already");
        }
        if self.late.iter().any(|(late, times)| *late == pid && *times >= MOST_LATE) {
            return Source::unknown("not looked up: the stack of this process could not be read in time");
        }
        let asked = Instant::now();
        let answer = self.ask(pid, Question { tid, instruction_pointer });
        self.spent += asked.elapsed();
        match answer {
            Ok(answer) => judged(answer, &self.own),
            Err(error) => {
                // Whatever it does now, it is not asked again.
                self.readers.retain(|reader| reader.pid != pid);
                if error.kind() == io::ErrorKind::TimedOut {
                    self.note_late(pid);
                }
                Source::unknown(format!("the stack reader failed: {error}"))
            }
        }
    }

    fn ask(&mut self, pid: u32, question: Question) -> io::Result<Answer> {
        if let Some(at) = self.readers.iter().position(|reader| reader.pid == pid) {
            self.readers[at..].rotate_left(1);
        } else {
            if self.readers.len() >= MOST_READERS {
                self.readers.remove(0);
            }
            self.readers.push(StackReader::start(&self.program, pid, &self.own)?);
        }
        let Some(reader) = self.readers.last_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        reader.ask(question)
    }

    fn note_late(&mut self, pid: u32) {
        if self.late.len() >= MOST_SLOW {
            self.late.clear();
        }
        match self.late.iter_mut().find(|(late, _)| *late == pid) {
            Some((_, times)) => *times += 1,
            None => self.late.push((pid, 1)),
        }
    }
}

/// One reader.
struct StackReader {
    pid: u32,
    child: Child,
    questions: ChildStdin,
    answers: ChildStdout,
}

impl StackReader {
    fn start(program: &Path, pid: u32, own: &str) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg0("hotcell-stacks")
            .args([SUBCOMMAND, &pid.to_string(), own])
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(questions), Some(answers)) => Ok(Self { pid, child, questions, answers }),
            _ => Err(io::Error::other("it has no pipes")),
        }
    }

    fn ask(&mut self, question: Question) -> io::Result<Answer> {
        let until = Instant::now() + ANSWER_TIME;
        question.write(&self.questions)?;
        let mut incoming = Incoming::default();
        let mut piece = [0; 16 * 1024];
        loop {
            self.wait(until)?;
            let length = self.answers.read(&mut piece)?;
            if length == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended"));
            }
            if let Some(answer) = incoming.push(&piece[..length])? {
                return Ok(answer);
            }
        }
    }

    fn wait(&self, until: Instant) -> io::Result<()> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let limit = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
            let mut fds = [PollFd::from_borrowed_fd(self.answers.as_fd(), PollFlags::IN)];
            match poll(&mut fds, Some(&limit)) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long")),
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for StackReader {
    fn drop(&mut self) {
        // One that has ended already is only to be waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What of an answer is told on.
fn judged(answer: Answer, own: &str) -> Source {
    let instruction = answer.instruction.map(|(file, offset)| Instruction { file: visible_str(&file), offset });
    let (stack, line) = match answer.stack {
        Err(reason) => (Vec::new(), Err(visible_str(&reason))),
        Ok(frames) if frames.is_empty() => (Vec::new(), Err("Python runs no function at the time".to_owned())),
        Ok(frames) => {
            let line = answer.own.as_ref().map(shown).ok_or_else(|| format!("no frame of the stack is in {own}"));
            (frames.iter().map(shown).collect(), line)
        }
    };
    Source { line, stack, omitted: answer.omitted, instruction }
}

fn shown(frame: &RawFrame) -> Frame {
    Frame {
        file: visible_str(&frame.file),
        line: u32::try_from(frame.line).unwrap_or(0),
        function: visible_str(&frame.function),
    }
}

/// Reads a stack reader's arguments back; `None` where they are not what starting one gives.
pub fn parse_arguments(arguments: &[String]) -> Option<(u32, &str)> {
    let [pid, own] = arguments else { return None };
    Some((pid.parse().ok()?, own))
}
