//! A terminal to test with: a real pseudo-terminal, a program in it, and the screen that it draws.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::Parser;

/// No screen in these tests takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a screen that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// A program in a terminal.
pub struct Screen {
    parser: Arc<Mutex<Parser>>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    pub child: Box<dyn Child + Send + Sync>,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn some(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).expect("a screen has cells")
}

impl Screen {
    /// Starts a program in a terminal of that size.
    pub fn start(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        let pty = native_pty_system().openpty(size(columns, rows)).unwrap();
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let parser = Arc::new(Mutex::new(Parser::new(some(rows), some(columns), 0)));
        let mut reader = pty.master.try_clone_reader().unwrap();
        let drawn = Arc::clone(&parser);
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            // The end of the program is an error (EIO) on a pseudo-terminal.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                drawn.lock().unwrap().process(&buffer[..length]);
            }
        });
        let writer = pty.master.take_writer().unwrap();
        Self { parser, master: pty.master, writer, child }
    }

    /// Types keys.
    pub fn send(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Pastes, in brackets.
    pub fn paste(&mut self, text: &str) {
        self.send(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.lock().unwrap().screen_mut().set_size(some(rows), some(columns));
        self.master.resize(size(columns, rows)).unwrap();
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    /// Looks at the screen.
    pub fn look<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.parser.lock().unwrap().screen())
    }

    /// Waits until the screen is as it should be.
    pub fn until(&self, what: &str, done: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let text = self.text();
            if done(&text) {
                return text;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}:\n{text}");
            thread::sleep(LOOK);
        }
    }

    /// Waits until that text is on the screen.
    pub fn wait_for(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits until that text is no longer on the screen.
    pub fn wait_gone(&self, text: &str) -> String {
        self.until(&format!("{text} to go"), |screen| !screen.contains(text))
    }

    /// Waits until the program has ended; gives its exit code.
    pub fn ended(&mut self) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.text());
            thread::sleep(LOOK);
        }
    }

    /// The settings of the terminal line, as `stty -g` tells them.
    pub fn line_settings(&self) -> String {
        let name = self.master.tty_name().unwrap();
        let told = std::process::Command::new("stty").arg("-F").arg(name).arg("-g").output().unwrap();
        String::from_utf8(told.stdout).unwrap()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that passed has nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
