//! Runs and screens for tests.

use std::time::Duration;

use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::{Frame, Terminal};

use crate::run::{RunLog, Summary};
use crate::tui::fixture;
use crate::tui::state::{Phase, RunRecord};
use crate::tui::theme::Theme;

/// A theme.
pub fn theme() -> Theme {
    Theme::default_for(crate::tui::theme::Depth::True)
}

/// A run that came to this; it runs as long as there is no outcome.
pub fn record(summary: Summary) -> RunRecord {
    let phase = match (&summary.outcome, &summary.cell) {
        (Some(_), _) => Phase::Ended,
        (None, Some(_)) => Phase::Running,
        (None, None) => Phase::Starting,
    };
    let mut log = RunLog::default();
    log.summary = summary;
    RunRecord { specimen: "net.py".into(), phase, started: Some(Duration::ZERO), log, ..fixture::record(3) }
}

/// A screen of that size on which this was drawn.
pub fn buffer(width: u16, height: u16, draw: impl FnOnce(&mut Frame<'_>)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(draw).unwrap().buffer.clone()
}

/// The lines of such a screen, without the spaces at their ends; a wide character stands there once.
pub fn drawn(width: u16, height: u16, draw: impl FnOnce(&mut Frame<'_>)) -> Vec<String> {
    lines(&buffer(width, height, draw))
}

/// The lines of a screen.
pub fn lines(buffer: &Buffer) -> Vec<String> {
    let line = |y| {
        let (mut text, mut covered) = (String::new(), 0);
        for x in buffer.area.left()..buffer.area.right() {
            if covered == 0 {
                let symbol = buffer[(x, y)].symbol();
                text.push_str(symbol);
                covered = crate::tui::cells::width(symbol).max(1);
            }
            covered -= 1;
        }
        text.trim_end().to_owned()
    };
    (buffer.area.top()..buffer.area.bottom()).map(line).collect()
}
