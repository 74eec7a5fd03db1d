//! Where the lines of a run lie in the pane. Pure: places are counted from lines' numbers, so that nothing moves when
//! old lines are evicted, and only lines near a place are looked at.
//!
//! ```text
//! … earlier lines are not shown         only where some were evicted
//! stdout 12 lines │ stderr 3 lines      only side by side
//! body            │ body                `height` rows
//! … more were dropped                   only where some were
//! ```

use std::cmp::Ordering;

use ratatui::layout::Rect;

use super::line;
use crate::run::{OutputLine, RunLog, Stream};

/// Cells in front of each row: the stream's sign, and whether it goes on from the one before.
pub const GUTTER: u16 = 2;

/// A row of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line's number.
    pub number: u64,
    /// Its row, counted from 0; more than 0 only where it is wrapped.
    pub row: usize,
}

/// How lines are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// Long lines are wrapped.
    pub wrap: bool,
    /// The two streams stand side by side.
    pub split: bool,
}

/// The areas of the pane, within its border.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Areas {
    /// The note on evicted lines; empty where there is none.
    pub evicted: Rect,
    /// The headings of two columns; empty where there is one.
    pub headings: Rect,
    /// The lines.
    pub body: Rect,
    /// The note on dropped bytes; empty where there is none.
    pub dropped: Rect,
}

impl Areas {
    fn new(log: &RunLog, modes: Modes, inner: Rect) -> Self {
        // The lines have the last row that there is.
        let mut spare = inner.height.saturating_sub(1);
        let mut take = |wanted: bool| {
            let taken = u16::from(wanted).min(spare);
            spare -= taken;
            taken
        };
        let dropped = take(log.summary.stdout.dropped() + log.summary.stderr.dropped() > 0);
        let headings = take(modes.split);
        let evicted = take(log.evicted() > 0);
        let part = |from: u16, height: u16| Rect { y: inner.y + from, height, ..inner };
        Self {
            evicted: part(0, evicted),
            headings: part(evicted, headings),
            body: part(evicted + headings, inner.height - evicted - headings - dropped),
            dropped: part(inner.height - dropped, dropped),
        }
    }
}

/// Two columns and what is between them: `[left, right]`.
pub fn halves(area: Rect) -> [Rect; 2] {
    let width = area.width.saturating_sub(1) / 2;
    let right = Rect { x: area.right() - width, width, ..area };
    [Rect { width, ..area }, right]
}

/// The lines of a run in a pane of some size.
#[derive(Clone, Debug)]
pub struct Sheet<'a> {
    /// The run.
    pub log: &'a RunLog,
    /// How lines are arranged.
    pub modes: Modes,
    /// What is where.
    pub areas: Areas,
    /// A line whose right edge is taken by a label of so many cells.
    marked: Option<(u64, usize)>,
    /// The last place each column can begin at: behind it there are not enough rows to fill it.
    bottoms: [Place; 2],
}

impl<'a> Sheet<'a> {
    /// Arranges the lines within a pane's border.
    pub fn new(log: &'a RunLog, modes: Modes, inner: Rect, marked: Option<(u64, usize)>) -> Self {
        let areas = Areas::new(log, modes, inner);
        let mut sheet = Self { log, modes, areas, marked, bottoms: [Place::default(); 2] };
        sheet.bottoms = if modes.split {
            [Stream::Stdout, Stream::Stderr].map(|stream| sheet.bottom(Some(stream)))
        } else {
            [sheet.bottom(None); 2]
        };
        sheet
    }

    fn bottom(&self, column: Option<Stream>) -> Place {
        let bottom = self.before(column, self.end(), usize::from(self.areas.body.height));
        let first = self.numbers_from(column, 0).next();
        // A column that is filled exactly cannot be scrolled, wherever in the run its first line stands.
        if bottom.row == 0 && first.is_none_or(|first| bottom.number <= first) { self.first() } else { bottom }
    }

    /// The column in which a stream stands: its own, or `None` for the one of both.
    pub fn column(&self, stream: Stream) -> Option<Stream> {
        self.modes.split.then_some(stream)
    }

    /// The cells of a row behind its gutter.
    pub fn room(&self) -> usize {
        let body = self.areas.body;
        let column = if self.modes.split { halves(body)[0] } else { body };
        usize::from(column.width.saturating_sub(GUTTER))
    }

    /// The cells of a line's rows: fewer where its right edge is taken.
    pub fn room_of(&self, number: u64) -> usize {
        let taken = self.marked.filter(|(marked, _)| *marked == number).map_or(0, |(_, label)| label);
        self.room().saturating_sub(taken)
    }

    /// The first line that is kept.
    pub fn first(&self) -> Place {
        Place { number: self.log.evicted(), row: 0 }
    }

    /// Behind the last line.
    pub fn end(&self) -> Place {
        Place { number: self.log.evicted() + self.log.lines().len() as u64, row: 0 }
    }

    /// The place at which the newest is in sight.
    pub fn newest(&self) -> Place {
        self.bottoms[0].max(self.bottoms[1])
    }

    /// Whether all there is is in sight.
    pub fn fits(&self) -> bool {
        self.newest() <= self.first()
    }

    /// Where a column begins when the pane is scrolled to a place; `None`: when the newest is in sight.
    ///
    /// Where a column ends before it is filled, it begins earlier.
    pub fn start(&self, stream: Stream, top: Option<Place>) -> Place {
        let bottom = self.bottoms[stream as usize];
        top.map_or(bottom, |top| top.min(bottom)).max(self.first())
    }

    /// The first line in sight.
    pub fn first_in_sight(&self, top: Option<Place>) -> u64 {
        let shown = [Stream::Stdout, Stream::Stderr].map(|stream| {
            let start = self.start(stream, top).number;
            self.numbers_from(self.column(stream), start).next()
        });
        shown.into_iter().flatten().min().unwrap_or(self.first().number)
    }

    /// The numbers of a column's lines from one on.
    pub fn numbers_from(&self, column: Option<Stream>, number: u64) -> impl Iterator<Item = u64> + use<'_, 'a> {
        let own = column.map(|stream| {
            let numbers = self.log.numbers(stream);
            numbers.range(numbers.partition_point(|each| *each < number)..).copied()
        });
        let all = number.max(self.first().number)..self.end().number;
        let all = if column.is_some() { 0..0 } else { all };
        own.into_iter().flatten().chain(all)
    }

    /// So many rows up a column from a place; its first row where there are not as many.
    pub fn before(&self, column: Option<Stream>, from: Place, rows: usize) -> Place {
        let mut missing = rows;
        if missing <= from.row {
            return Place { row: from.row - missing, ..from };
        }
        missing -= from.row;
        let mut step = |number: u64| {
            let rows = self.rows(number);
            if rows >= missing {
                return Some(Place { number, row: rows - missing });
            }
            missing -= rows;
            None
        };
        let found = match column {
            None => (self.first().number..from.number).rev().find_map(&mut step),
            Some(stream) => {
                let numbers = self.log.numbers(stream);
                let behind = numbers.partition_point(|each| *each < from.number);
                numbers.range(..behind).rev().copied().find_map(&mut step)
            }
        };
        found.unwrap_or_else(|| self.first())
    }

    /// The place so many rows further up (down, where positive) from one. Only rows count that scroll a column: one that
    /// is at its end stays while the other moves.
    pub fn scrolled(&self, from: Place, rows: i64) -> Place {
        let steps = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
        let from = from.clamp(self.first(), self.newest().max(self.first()));
        if rows < 0 { self.up(from, steps) } else { self.down(from, steps) }
    }

    fn up(&self, from: Place, mut steps: usize) -> Place {
        let mut place = Place { row: from.row.min(self.scrolling_rows(from.number)), ..from };
        while steps > place.row && place.number > self.first().number {
            steps -= place.row;
            place.number -= 1;
            place.row = self.scrolling_rows(place.number);
        }
        Place { row: place.row.saturating_sub(steps), ..place }
    }

    fn down(&self, from: Place, mut steps: usize) -> Place {
        let mut place = from;
        while place < self.newest() {
            let left = self.scrolling_rows(place.number).saturating_sub(place.row);
            if steps < left {
                return Place { row: place.row + steps, ..place };
            }
            steps -= left;
            place = Place { number: place.number + 1, row: 0 };
        }
        self.newest()
    }

    /// How many rows of a line can be scrolled out of sight.
    fn scrolling_rows(&self, number: u64) -> usize {
        let Some(line) = self.log.line(number) else { return 0 };
        let bottom = self.bottoms[line.stream as usize];
        match number.cmp(&bottom.number) {
            Ordering::Less => self.rows(number),
            Ordering::Equal => bottom.row,
            Ordering::Greater => 0,
        }
    }

    /// How many rows a line takes.
    fn rows(&self, number: u64) -> usize {
        match self.log.line(number) {
            Some(line) if self.modes.wrap => line::rows(self.log.bytes(line), self.room_of(number)),
            _ => 1,
        }
    }

    /// The cells of the widest line in sight.
    pub fn widest(&self, top: Option<Place>) -> usize {
        let rows = usize::from(self.areas.body.height);
        let width = |line: &OutputLine| line::width(self.log.bytes(line));
        let streams = [Stream::Stdout, Stream::Stderr].into_iter();
        let shown = streams
            .flat_map(|stream| self.numbers_from(self.column(stream), self.start(stream, top).number).take(rows));
        shown.filter_map(|number| self.log.line(number)).map(width).max().unwrap_or(0)
    }
}
