//! The terminal: taken over, given back whatever happens.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, Event};
use crossterm::queue;
use crossterm::style::ResetColor;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Frame, TerminalOptions, Viewport};
use rustix::process::{Signal, kill_current_process_group};
use tokio::sync::Notify;

/// Whether the terminal is ours now. There is one terminal a process, and a panic in any thread has to give it back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A panic gave it back.
static PANICKED: Notify = Notify::const_new();

/// Longer than a signal needs to stop every thread.
const STOPPING: Duration = Duration::from_millis(50);

/// Buttons and drags, with places beyond column 223. Movement without a button is not asked for: it would wake the
/// workbench at each cell the pointer crosses.
const MOUSE: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";

/// The terminal, ours for as long as this lives.
#[derive(Debug)]
pub struct Terminal {
    screen: Screen,
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal over: raw mode, alternate screen, bracketed paste, no cursor, and the mouse where asked for.
    /// A panic in any thread gives it back before it is told.
    ///
    /// # Errors
    /// Where there is no terminal, with what to do instead, or it cannot be set up; then it is as it was before.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        need_terminal(io::stdin().is_terminal() && io::stdout().is_terminal())?;
        give_back_on_panic();
        let terminal = Self { screen: Screen::new(Viewport::Fullscreen)?, mouse };
        terminal.take()?;
        Ok(terminal)
    }

    /// Draws a frame: what has changed since the last, in one write, which the terminal shows at once.
    ///
    /// # Errors
    /// When it cannot be written, or the terminal was given back because a thread panicked.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            return Err(given_back());
        }
        send(&self.screen.frame(render)?)
    }

    /// Its size now.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn size(&self) -> io::Result<Size> {
        self.screen.inner.size()
    }

    /// Has the next frame drawn as a whole, over whatever stands there.
    ///
    /// # Errors
    /// When the size cannot be had.
    pub fn clear(&mut self) -> io::Result<()> {
        let size = self.size()?;
        self.screen.clear(size)
    }

    /// Gives the terminal back, stops until the shell continues us, and takes it over again for a whole new frame.
    ///
    /// The whole process group is stopped, by SIGTSTP, as the terminal's own Ctrl-Z does it: where a script started
    /// hotcell, its shell has to stop too, or the one that waits for it would never learn. Where no shell could
    /// continue us (the group is orphaned), the system ignores the signal and the workbench just stays. Call it from
    /// the main thread; nobody may handle SIGTSTP.
    ///
    /// # Errors
    /// When the terminal can be neither given back nor taken.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back()?;
        kill_current_process_group(Signal::TSTP)?;
        // Linux gives a process's signal to its main thread: any other may come this far before all are stopped.
        thread::sleep(STOPPING);
        self.take()?;
        self.clear()
    }

    fn take(&self) -> io::Result<()> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        taking(self.mouse).and_then(|bytes| send(&bytes)).inspect_err(|_| drop(give_back()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Who could be told, and where?
        let _ = give_back();
    }
}

/// Puts a text on the terminal's clipboard, by OSC 52. Nothing tells whether the terminal does it: some do not know it
/// or want to be allowed to, some take no more than 75 kB, and tmux passes it on only with `set -g set-clipboard on`.
///
/// # Errors
/// When it cannot be written.
pub fn copy(text: &str) -> io::Result<()> {
    let mut bytes = Vec::new();
    queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
    send(&bytes)
}

/// Reads keys, the mouse, pastes and sizes in a thread of its own, until `send` gives `false` or nothing can be read
/// any more: then `send` is dropped, by which the other end of a channel learns of it.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn_reader(send: impl Fn(Event) -> bool + Send + 'static) -> io::Result<()> {
    let read = move || while event::read().is_ok_and(&send) {};
    thread::Builder::new().name("terminal".to_owned()).spawn(read).map(drop)
}

fn need_terminal(present: bool) -> io::Result<()> {
    if present {
        return Ok(());
    }
    let message = "hotcell's workbench needs a terminal; for a pipeline use `hotcell run FILE`";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// What the terminal is sent when it is taken over.
fn taking(mouse: bool) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    queue!(bytes, EnterAlternateScreen, EnableBracketedPaste, Hide)?;
    bytes.extend(if mouse { MOUSE } else { &[] });
    Ok(bytes)
}

/// What it is sent when it is given back, in whatever state it is.
fn giving_back() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    queue!(
        bytes,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        ResetColor,
        LeaveAlternateScreen,
        Show
    )?;
    Ok(bytes)
}

/// Gives the terminal back as it was before; does nothing where it is not ours.
fn give_back() -> io::Result<()> {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let shown = giving_back().and_then(|bytes| send(&bytes));
    disable_raw_mode().and(shown)
}

/// Resolves once a panic has given the terminal back: nothing else would tell a workbench that waits for a key.
pub async fn panicked() -> io::Error {
    PANICKED.notified().await;
    given_back()
}

fn given_back() -> io::Error {
    io::Error::other("the terminal was given back, for a part of hotcell panicked")
}

/// Has every panic give the terminal back before its message is printed.
fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            let _ = give_back();
            PANICKED.notify_one();
            print(what);
        }));
    });
}

fn send(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// What ratatui draws on. Its own `clear` asks the terminal where the cursor is, which the reader would take the
/// answer of; nothing here asks.
#[derive(Debug)]
struct Screen {
    inner: ratatui::Terminal<CrosstermBackend<Held>>,
    held: Held,
}

impl Screen {
    fn new(viewport: Viewport) -> io::Result<Self> {
        let held = Held::default();
        let backend = CrosstermBackend::new(held.clone());
        let inner = ratatui::Terminal::with_options(backend, TerminalOptions { viewport })?;
        Ok(Self { inner, held })
    }

    /// The bytes that turn what the terminal shows into the next frame.
    fn frame(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<Vec<u8>> {
        self.inner.draw(render)?;
        let mut bytes = Vec::new();
        queue!(bytes, BeginSynchronizedUpdate)?;
        bytes.append(&mut self.held.bytes());
        queue!(bytes, EndSynchronizedUpdate)?;
        Ok(bytes)
    }

    fn clear(&mut self, size: Size) -> io::Result<()> {
        self.inner.resize(Rect::from((Position::ORIGIN, size)))
    }
}

/// Holds what is written, however often it is flushed, until the frame is whole.
#[derive(Clone, Debug, Default)]
struct Held(Arc<Mutex<Vec<u8>>>);

impl Held {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ratatui::widgets::Paragraph;
    use vt100::{MouseProtocolMode, Parser};

    use super::*;

    fn vt100() -> Parser {
        let (rows, columns) = (3.try_into().unwrap(), 20.try_into().unwrap());
        Parser::new(rows, columns, 0)
    }

    fn screen() -> Screen {
        Screen::new(Viewport::Fixed(Rect::new(0, 0, 20, 3))).unwrap()
    }

    fn says(text: &'static str) -> impl FnOnce(&mut Frame<'_>) {
        move |frame| frame.render_widget(Paragraph::new(text), frame.area())
    }

    fn count(bytes: &[u8], part: &[u8]) -> usize {
        bytes.windows(part.len()).filter(|window| *window == part).count()
    }

    #[test]
    fn without_a_terminal_it_is_told_what_to_do_instead() {
        assert!(need_terminal(true).is_ok());
        let error = need_terminal(false).unwrap_err().to_string();
        assert_eq!(error, "hotcell's workbench needs a terminal; for a pipeline use `hotcell run FILE`");
    }

    #[test]
    fn the_terminal_is_given_back_as_it_was() {
        let mut terminal = vt100();
        terminal.process(b"$ hotcell\r\n");
        let before = terminal.screen().clone();
        terminal.process(&taking(true).unwrap());
        assert!(terminal.screen().alternate_screen() && terminal.screen().hide_cursor());
        assert!(terminal.screen().bracketed_paste());
        assert_eq!(terminal.screen().mouse_protocol_mode(), MouseProtocolMode::ButtonMotion);
        terminal.process(&screen().frame(says("the workbench")).unwrap());
        assert_eq!(terminal.screen().contents(), "the workbench");
        terminal.process(&giving_back().unwrap());
        assert_eq!(terminal.screen().contents(), before.contents());
        assert_eq!(terminal.screen().cursor_position(), before.cursor_position());
        assert_eq!(terminal.screen().input_mode_formatted(), before.input_mode_formatted());
        assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor());
    }

    #[test]
    fn the_mouse_is_left_alone_where_it_is_not_asked_for() {
        let mut terminal = vt100();
        terminal.process(&taking(false).unwrap());
        assert_eq!(terminal.screen().mouse_protocol_mode(), MouseProtocolMode::None);
    }

    #[test]
    fn a_frame_is_one_whole_update_of_what_changed() {
        let (begin, end) = (b"\x1b[?2026h", b"\x1b[?2026l");
        let mut screen = screen();
        for (text, changed) in [("one two", "one two"), ("one six", "six"), ("one six", "")] {
            let bytes = screen.frame(says(text)).unwrap();
            assert!(bytes.starts_with(begin) && bytes.ends_with(end), "{bytes:?}");
            assert_eq!((count(&bytes, begin), count(&bytes, end)), (1, 1));
            assert!(count(&bytes, b"o") == changed.matches('o').count(), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn after_clearing_the_next_frame_is_drawn_as_a_whole_and_nothing_asks_the_terminal() {
        let mut terminal = vt100();
        let mut screen = screen();
        terminal.process(&screen.frame(says("one two")).unwrap());
        terminal.process(b"\x1b[2;1Hsomething else wrote this");
        screen.clear(Size::new(20, 3)).unwrap();
        let bytes = screen.frame(says("one two")).unwrap();
        assert_eq!(count(&bytes, b"\x1b[6n"), 0);
        terminal.process(&bytes);
        assert_eq!(terminal.screen().contents().trim_end(), "one two");
    }

    #[test]
    fn giving_back_what_was_never_taken_does_nothing() {
        assert!(give_back().is_ok() && give_back().is_ok());
    }

    #[tokio::test]
    async fn a_panic_in_any_thread_wakes_whoever_waits() {
        let waiting = tokio::spawn(panicked());
        give_back_on_panic();
        assert!(thread::spawn(|| panic!("on purpose")).join().is_err());
        let error = tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it wakes").unwrap();
        assert!(error.to_string().contains("panicked"), "{error}");
    }
}
