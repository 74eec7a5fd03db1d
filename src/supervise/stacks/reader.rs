//! The stack reader: hotcell under another name, one for each process of a specimen that is asked about. It parses
//! hostile memory and hostile executables by py-spy's library, and has given up everything else before it does.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use py_spy::config::LockingStrategy;
use py_spy::{Config, PythonSpy, StackTrace};

use super::jail;
use super::wire::{Answer, LONGEST_TEXT, MOST_FRAMES, Question, RawFrame};
use crate::kernel::procfs::{self, Image, Status, mapped_at};

/// Threads other than the one that is held go on meanwhile, and where the stack of one changes while all are read, all
/// are read again, for so long.
const PATIENCE: Duration = Duration::from_millis(50);

/// Between two readings, each of which takes a tenth of a millisecond.
const PAUSE: Duration = Duration::from_micros(200);

/// Answers questions about the process until there are no more. `own` is the specimen's file as its cell sees it.
///
/// # Errors
/// When the reader could not give up what it must not have.
pub fn serve(pid: u32, own: &str) -> Result<(), jail::JailError> {
    jail::enter(pid)?;
    let mut reader = Reader { pid, own: own.to_owned(), known: None };
    while let Some(question) = Question::read(io::stdin().lock()) {
        if reader.answer(question).write(io::stdout().lock()).is_err() {
            break;
        }
    }
    Ok(())
}

struct Reader {
    pid: u32,
    own: String,
    /// The program image that was looked at last: an `execve` makes another.
    known: Option<(Image, Interpreter)>,
}

/// What runs in a process.
enum Interpreter {
    /// Python, and how to read it.
    Python(Box<PythonSpy>),
    /// No Python is mapped.
    Other,
}

impl Reader {
    fn answer(&mut self, question: Question) -> Answer {
        let instruction = mapped_at(self.pid, question.instruction_pointer).ok();
        let mut answer = Answer { stack: Ok(Vec::new()), omitted: 0, own: None, instruction };
        match self.frames(question.tid) {
            Ok(frames) => {
                answer.own = frames.iter().find(|frame| frame.filename == self.own).map(raw);
                answer.omitted = u32::try_from(frames.len().saturating_sub(MOST_FRAMES)).unwrap_or(u32::MAX);
                answer.stack = Ok(frames.iter().take(MOST_FRAMES).map(raw).collect());
            }
            Err(reason) => answer.stack = Err(cut(&reason)),
        }
        answer
    }

    fn frames(&mut self, tid: u32) -> Result<Vec<py_spy::Frame>, String> {
        let image = Image::of(self.pid).map_err(|error| format!("the process cannot be read: {error}"))?;
        if self.known.as_ref().is_none_or(|(known, _)| *known != image) {
            self.known = Some((image, self.look()?));
        }
        let Some((_, Interpreter::Python(spy))) = &mut self.known else {
            return Err("the process is no Python interpreter".to_owned());
        };
        let start = Instant::now();
        let mut result = spy.get_stack_traces();
        while result.is_err() && start.elapsed() < PATIENCE {
            thread::sleep(PAUSE);
            result = spy.get_stack_traces();
        }
        let traces = result.map_err(|error| format!("Python's stack cannot be read: {error:#}"))?;
        of_thread(traces, self.pid, tid).map(|trace| trace.frames)
    }

    fn look(&self) -> Result<Interpreter, String> {
        // A process that is no Python yet may become one without an execve, but then has it mapped.
        if !procfs::maps_python(self.pid) {
            return Ok(Interpreter::Other);
        }
        let config = Config {
            blocking: LockingStrategy::NonBlocking,
            collect_thread_names: false,
            full_filenames: true,
            ..Config::default()
        };
        let pid = py_spy::Pid::try_from(self.pid).map_err(|_| "no such process".to_owned())?;
        let spy = PythonSpy::new(pid, &config);
        spy.map(|spy| Interpreter::Python(Box::new(spy)))
            .map_err(|error| format!("Python is not to be read, it may not have started yet: {error:#}"))
    }
}

/// The stack of one thread. From Python 3.11 the interpreter knows its threads by the numbers that they have in the
/// cell.
fn of_thread(mut traces: Vec<StackTrace>, pid: u32, tid: u32) -> Result<StackTrace, String> {
    let inner = Status::read(tid).ok().and_then(|status| status.innermost_pid());
    let is_it = |trace: &StackTrace| inner.is_some() && trace.os_thread_id == inner.map(u64::from);
    let all = || traces.iter().enumerate();
    // A thread that is about to be started bears the number of the one that starts it, and has no frames yet.
    let known = all().filter(|(_, trace)| is_it(trace)).max_by_key(|(_, trace)| trace.frames.len());
    let alone = || all().next().filter(|_| traces.len() == 1);
    // A child between fork and execve has its parent's stacks, and only the thread that forked.
    let forked = || all().find(|(_, trace)| trace.owns_gil).filter(|_| only_thread(pid));
    let at = known.or_else(alone).or_else(forked).map(|(at, _)| at);
    match at {
        Some(at) => Ok(traces.swap_remove(at)),
        None if traces.iter().all(|trace| trace.os_thread_id.is_none()) => {
            Err("this Python (before 3.11) does not tell which of its threads is which".to_owned())
        }
        None => Err("the calling thread is none of Python's".to_owned()),
    }
}

fn only_thread(pid: u32) -> bool {
    fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|threads| threads.count() == 1)
}

fn raw(frame: &py_spy::Frame) -> RawFrame {
    RawFrame { file: cut(&frame.filename), line: frame.line, function: cut(&frame.name) }
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_TEXT);
    text[..end].to_owned()
}
