//! The state that a workbench begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ratatui::layout::Size;

use super::action::{Action, Effect};
use super::app::{Options, TuiError};
use super::editor::Editor;
use super::keymap::Keymap;
use super::layout::Pane;
use super::overlay::profile::ProfilePane;
use super::panes::denials::DenialsPane;
use super::panes::layers::LayersPane;
use super::panes::output::OutputPane;
use super::session::Session;
use super::state::{Bench, EngineState, Runs, State, WarmCell};
use super::theme::{Depth, Theme};
use super::tuning::Tuning;
use super::update::update;
use crate::config::Config;
use crate::policy::Policy;
use crate::profile;
use crate::run::Breakpoints;

/// The state, and what is to be done first.
///
/// # Errors
/// When the policy or the theme cannot be had.
pub fn state(
    config: &Config,
    session: &Session,
    options: &Options,
    keymap: Keymap,
    depth: Depth,
) -> Result<(State, Vec<Effect>), TuiError> {
    let (base, policy, told) = policies(config, session, options)?;
    let (theme_name, theme) = theme(config, session, depth)?;
    let mut state = State {
        now: Duration::ZERO,
        size: Size::ZERO,
        keymap,
        theme,
        theme_name,
        splits: session.splits.clone(),
        focus: Pane::Specimen,
        zoomed: false,
        dragging: None,
        overlay: None,
        notice: None,
        editor: Editor::empty(),
        editing: false,
        languages: config.languages.clone(),
        max_size: config.max_size,
        recent: session.recent.clone(),
        bench: Bench { policy, base, image: config.image.clone(), native: false, planned: None },
        engine: EngineState::Connecting,
        warm: WarmCell::None,
        runs: Runs::default(),
        rerun: false,
        tickets: 0,
        saving: BTreeMap::new(),
        opening: 0,
        directory: std::env::current_dir().unwrap_or_default(),
        home: std::env::home_dir(),
        policies: config.dirs.policies(),
        breaks: Breakpoints::default(),
        marks: BTreeSet::new(),
        tuning: Tuning::new(session.profiles.clone()),
        sweep: None,
        profile: ProfilePane::default(),
        point: 0,
        proof: None,
        refusing: None,
        held_place: 0,
        batches: 0,
        matrix: None,
        drill: None,
        accepted: BTreeSet::new(),
        layers: LayersPane::default(),
        denials: DenialsPane::default(),
        output: OutputPane::new(session.wrap, session.split_output),
    };
    let mut effects = vec![Effect::Connect];
    effects.extend(options.file.clone().map(Effect::Open));
    if let Some(told) = told {
        effects.extend(update(&mut state, Action::Told(told)));
    }
    Ok((state, effects))
}

/// The policy as it is in its file, as it begins, and what there is to say of it.
fn policies(
    config: &Config,
    session: &Session,
    options: &Options,
) -> Result<(Policy, Policy, Option<String>), TuiError> {
    let dir = config.dirs.policies();
    if let Some(name) = session.policy.as_ref().filter(|_| !options.policy_named) {
        return match Policy::load(name, &dir) {
            Ok(base) => {
                let mut policy = session.apply(base.clone());
                profile::absolute_seccomp(&mut policy);
                Ok((base, policy, None))
            }
            Err(error) => {
                let base = Policy::load(&config.policy, &dir)?;
                Ok((base.clone(), base, Some(format!("the last session's policy is not taken up: {error}"))))
            }
        };
    }
    let base = Policy::load(&config.policy, &dir)?;
    Ok((base.clone(), base, None))
}

/// The theme of the configuration, else of the last session, else the terminal's best.
fn theme(config: &Config, session: &Session, depth: Depth) -> Result<(String, Theme), TuiError> {
    let dir = config.dirs.themes();
    if let Some(name) = &config.tui.theme {
        return Ok((name.clone(), Theme::load(name, &dir, depth)?));
    }
    let remembered = session.theme.as_ref().and_then(|name| Some((name.clone(), Theme::load(name, &dir, depth).ok()?)));
    match remembered {
        Some(theme) => Ok(theme),
        None => Ok((Theme::default_name(depth).to_owned(), Theme::default_for(depth))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_a_path_named_is_taken_up_again_from_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.toml");
        std::fs::write(&path, "extends = \"hardened\"\nmemory = \"64m\"\n").unwrap();
        let named = Policy::load(path.to_str().unwrap(), &dir.path().join("none")).unwrap();
        let session = Session { policy: Some(named.source.clone()), ..Session::default() };
        let (base, policy, told) = policies(&Config::for_tests(), &session, &Options::default()).unwrap();
        assert_eq!((base, policy, told), (named.clone(), named, None));
    }

    #[test]
    fn a_profile_that_a_session_brings_back_has_an_absolute_path() {
        let changes = vec![("seccomp".to_owned(), "./mine.json".to_owned())];
        let session = Session { policy: Some("hardened".to_owned()), changes, ..Session::default() };
        let (_, policy, _) = policies(&Config::for_tests(), &session, &Options::default()).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(policy.seccomp.setting, crate::policy::SeccompChoice::File(here.join("mine.json")));
    }
}
