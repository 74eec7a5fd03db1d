//! Colours: what each part of the screen looks like, from `themes/*.toml`, in as many colours as the terminal has.

mod colour;
#[cfg(test)]
mod contrast;
mod depth;
mod draft;
mod file;
mod library;
mod role;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use ratatui::style::Style;

pub use self::depth::Depth;
pub use self::role::{Family, Role, Token};
use crate::diagnose::Placed;
use crate::policy::Layer;
use crate::text::visible;

/// One style each, in the order of the enum that names them.
type Looks<const N: usize> = [Style; N];

/// The looks of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    summary: String,
    ui: Looks<{ Role::ALL.len() }>,
    syntax: Looks<{ Token::ALL.len() }>,
    layers: Looks<{ Family::ALL.len() }>,
}

impl Theme {
    /// What it is like, in a line; raw, as its file says it.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// What the whole screen is painted with first: text on its ground. What other looks leave open is as it is here.
    pub const fn ground(&self) -> Style {
        self.ui[Role::Text as usize]
    }

    /// The look of a part of the screen. Text takes the ground that it stands on, be it a box's or a selected row's.
    pub const fn style(&self, role: Role) -> Style {
        match role {
            Role::Text => Style { bg: None, ..self.ui[role as usize] },
            _ => self.ui[role as usize],
        }
    }

    /// The look of a token.
    pub const fn token(&self, token: Token) -> Style {
        self.syntax[token as usize]
    }

    /// The colour of a layer, by its family.
    pub const fn layer(&self, layer: Layer) -> Style {
        self.layers[Family::of(layer) as usize]
    }
}

/// Why there is no such theme.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// The file is not TOML, or a key or value in it is wrong.
    #[error(transparent)]
    Mistake(#[from] Placed),
    /// The file is there and cannot be read.
    #[error("cannot read the theme {}: {source}", visible(path.as_os_str().as_encoded_bytes()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name that no theme has.
    #[error("{problem}")]
    Unknown {
        /// The name, and every name that there is.
        problem: String,
    },
}
