//! Every action, and what it changes.

mod bench;
mod overlays;
mod runs;
mod screen;
mod specimens;
mod trials;
mod tuning;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use ratatui::layout::{Position, Size};

use crate::policy::{Layer, Policy};
use crate::run::{EventKind, Outcome};
use crate::tui::action::{Action, Effect, Listing, Mouse};
use crate::tui::command::{COMMANDS, Command};
use crate::tui::fixture::{self, STANDARD, act, press, tell};
use crate::tui::layout::Pane;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::confirm::{Confirm, Next, Then};
use crate::tui::overlay::picker::Item;
use crate::tui::state::{EngineState, Phase, State, Ticket, WarmCell};
use crate::tui::theme::{Depth, Theme};

fn typed(state: &mut State, text: &str) {
    for character in text.chars() {
        act(state, Action::Type(character));
    }
}

fn notice(state: &State) -> &str {
    state.notice.as_ref().map_or("", |notice| &notice.text)
}

fn item(name: &str) -> Item {
    Item { value: name.to_owned(), label: name.to_owned(), detail: String::new(), note: String::new() }
}

fn run_in(effects: &[Effect]) -> Option<&crate::tui::action::CellRequest> {
    effects.iter().find_map(|effect| match effect {
        Effect::Run(_, request, _) => Some(&**request),
        _ => None,
    })
}
