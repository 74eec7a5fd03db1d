//! A question that is answered with y or n.

use std::path::PathBuf;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};

use super::boxed;
use super::going::Trial;
use crate::policy::{Exposure, Policy};
use crate::text::{visible, visible_str};
use crate::tui::cells::wrap;
use crate::tui::theme::{Role, Theme};

/// Cells of the box.
const WIDTH: u16 = 76;

/// What a yes does.
#[derive(Clone, Debug)]
pub enum Confirm {
    /// Takes the policy over, or keeps it, though it exposes this.
    Expose {
        /// The policy.
        policy: Box<Policy>,
        /// As it is in its file, where another one was chosen.
        base: Option<Box<Policy>>,
        /// What of the host it opens that has not been asked about.
        exposures: Vec<Exposure>,
        /// What is done then.
        then: Then,
    },
    /// Fills the matrix anew, with what shows this of the host.
    ExposeMatrix {
        /// What is withheld otherwise.
        exposures: Vec<Exposure>,
    },
    /// Stops the matrix or the drill that goes on.
    StopBatch(Trial),
    /// Replaces a file.
    Replace {
        /// Which.
        path: PathBuf,
        /// With what.
        bytes: Vec<u8>,
    },
    /// Allows what starting a container needs, and proves the profile then.
    AllowStart {
        /// The calls.
        calls: Vec<&'static str>,
    },
    /// Leaves, though the specimen has changes that were not saved.
    Quit,
    /// Opens another specimen, though this one has changes that were not saved.
    Abandon(Next),
}

/// What is done once the policy is agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing more.
    Nothing,
    /// The specimen is run.
    Run,
    /// A matrix of it is filled.
    Matrix,
    /// The corpus is tried.
    Drill,
}

/// What takes the specimen's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing yet.
    Empty,
    /// A file.
    File(PathBuf),
    /// A file of the corpus, by its name.
    Probe(String),
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    title: &'static str,
    role: Role,
    lines: Vec<String>,
    question: String,
}

/// Makes the view.
pub fn view(confirm: &Confirm) -> View {
    let cells = usize::from(WIDTH) - 8;
    let (title, role, texts, question) = match confirm {
        Confirm::Expose { policy, base, exposures, then } => (
            "This exposes the host",
            Role::Bad,
            exposed(exposures),
            exposing_question(policy, base.is_some(), *then, exposures),
        ),
        Confirm::ExposeMatrix { exposures } => (
            "This exposes the host",
            Role::Bad,
            exposed(exposures),
            "Run the specimen with each of these too, and the matrix anew?".to_owned(),
        ),
        Confirm::StopBatch(_) => (
            "Stop",
            Role::Caution,
            vec!["Cells are being run. What has come of them stays.".to_owned()],
            "Stop the others?".to_owned(),
        ),
        Confirm::Replace { path, .. } => (
            "Replace the file",
            Role::Caution,
            vec![format!("{} exists already.", visible(path.as_os_str().as_encoded_bytes()))],
            "Replace it?".to_owned(),
        ),
        Confirm::AllowStart { calls } => (
            "What starting a container needs",
            Role::Caution,
            vec![
                format!("The profile refuses {}.", calls.join(", ")),
                "The engine's runtime makes these calls after the filter is on: without them nothing starts."
                    .to_owned(),
            ],
            "Allow them as one edit, and prove the profile then?".to_owned(),
        ),
        Confirm::Quit => ("Leave", Role::Caution, vec![UNSAVED.to_owned()], "Leave without saving them?".to_owned()),
        Confirm::Abandon(_) => ("Open", Role::Caution, vec![UNSAVED.to_owned()], "Give them up?".to_owned()),
    };
    let mut lines = Vec::new();
    for text in &texts {
        for (at, line) in wrap(text, cells).into_iter().enumerate() {
            lines.push(format!("{} {line}", if at == 0 { "•" } else { " " }));
        }
    }
    View { title, role, lines, question }
}

/// What a yes would do, by name.
fn exposing_question(policy: &Policy, other: bool, then: Then, exposures: &[Exposure]) -> String {
    let layer = exposures.iter().flat_map(|exposure| &exposure.layers).find(|layer| !policy.is_on(**layer));
    match layer {
        _ if then == Then::Drill => format!("Try the corpus under {} all the same?", visible_str(&policy.name)),
        _ if then != Then::Nothing => format!("Run the specimen under {} all the same?", visible_str(&policy.name)),
        _ if other => format!("Take the policy {}?", visible_str(&policy.name)),
        Some(layer) => format!("Switch {layer} off?"),
        None => "Set it so?".to_owned(),
    }
}

fn exposed(exposures: &[Exposure]) -> Vec<String> {
    exposures.iter().map(|exposure| format!("{}: {}", names(exposure), exposure.what)).collect()
}

const UNSAVED: &str = "The specimen has changes that are in no file.";

fn names(exposure: &Exposure) -> String {
    exposure.layers.iter().map(|layer| layer.name()).collect::<Vec<_>>().join(", ")
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let height = u16::try_from(view.lines.len()).unwrap_or(u16::MAX).saturating_add(6);
    let inner = boxed(frame, screen, (WIDTH, height), view.title, "y yes · n or Esc no", theme);
    let room = usize::from(inner.height.saturating_sub(4)).max(1);
    let mut lines = vec![Line::default()];
    lines.extend(view.lines.iter().take(room).map(|line| Line::styled(format!("  {line}"), theme.style(view.role))));
    if view.lines.len() > room {
        lines.push(Line::styled(format!("  … and {} more lines", view.lines.len() - room), theme.style(view.role)));
    } else {
        lines.push(Line::default());
    }
    lines.push(Line::styled(format!("  {}", view.question), theme.style(Role::Accent)));
    frame.render_widget(Text::from(lines), inner);
}
