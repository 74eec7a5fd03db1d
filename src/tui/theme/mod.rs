//! Colours: what each part of the screen looks like, from `themes/*.toml`, in as many colours as the terminal has.

use ratatui::style::Style;

use crate::policy::Layer;

/// A part of the screen that has a look of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// What is read.
    Text,
    /// What is said by the way.
    Muted,
    /// What stands out.
    Accent,
    /// A pane's border and title.
    Border,
    /// The border and title of the pane that has the focus.
    BorderFocused,
    /// The selected row.
    Selection,
    /// The row at the moment that is selected elsewhere.
    Moment,
    /// As it should be: a layer in force, a clean end.
    Good,
    /// Worth a look: unverified, changed, near its limit.
    Caution,
    /// Not as it should be: a denial, an exposure, a layer not in force.
    Bad,
    /// A hidden or active character made visible.
    Mark,
    /// A search's match.
    Match,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Line numbers.
    LineNumber,
    /// The line the cursor is on.
    CursorLine,
    /// The cursor of the specimen and of fields.
    Cursor,
    /// The header.
    Header,
    /// The footer.
    Footer,
    /// A key in the footer and in the help.
    Key,
    /// A box over the panes.
    Overlay,
    /// The graph of CPU time.
    GraphCpu,
    /// The graph of memory.
    GraphMemory,
    /// The graph of processes.
    GraphPids,
    /// The graph of block I/O.
    GraphIo,
    /// A limit in a graph.
    GraphLimit,
}

/// A kind of token in source code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Token {
    /// Anything else.
    Plain,
    /// A comment.
    Comment,
    /// A string.
    String,
    /// An escape within a string.
    Escape,
    /// A number.
    Number,
    /// A constant of the language.
    Constant,
    /// A keyword.
    Keyword,
    /// An operator.
    Operator,
    /// A function's or method's name.
    Function,
    /// A type's or class's name.
    Type,
    /// A variable or parameter.
    Variable,
    /// A module or import.
    Module,
    /// A decorator, annotation or preprocessor line.
    Attribute,
    /// Punctuation.
    Punctuation,
}

/// The looks of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme;

impl Theme {
    /// The look of a part of the screen.
    pub fn style(&self, _role: Role) -> Style {
        Style::new()
    }

    /// The look of a token.
    pub fn token(&self, _token: Token) -> Style {
        Style::new()
    }

    /// The colour of a layer, by its family.
    pub fn layer(&self, _layer: Layer) -> Style {
        Style::new()
    }
}
