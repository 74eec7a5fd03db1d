//! The defaults and what a configuration makes of them.

use crossterm::event::{KeyCode, KeyModifiers};

use super::*;

/// What is looked up together: a pane or something typed into, innermost first.
const CHAINS: [&[Scope]; 8] = [
    &[Scope::Specimen, Scope::Move, Scope::Global],
    &[Scope::Layers, Scope::Move, Scope::Global],
    &[Scope::Denials, Scope::Move, Scope::Global],
    &[Scope::Output, Scope::Move, Scope::Global],
    &[Scope::Trials, Scope::Move, Scope::Global],
    &[Scope::Move, Scope::Global],
    &[Scope::Edit, Scope::Global],
    &[Scope::Field, Scope::Global],
];

fn changes(rows: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    rows.iter().map(|(name, keys)| ((*name).to_owned(), keys.iter().map(|&key| key.to_owned()).collect())).collect()
}

fn with(rows: &[(&str, &[&str])]) -> Keymap {
    Keymap::with(&changes(rows)).unwrap()
}

fn refused(rows: &[(&str, &[&str])]) -> String {
    Keymap::with(&changes(rows)).unwrap_err()
}

fn char(c: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)
}

fn ctrl(c: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)
}

#[test]
fn no_default_key_is_twice_in_one_scope_and_all_can_be_read() {
    assert_eq!(Keymap::mistakes(&BTreeMap::new()), []);
}

#[test]
fn a_default_key_hides_another_one_only_where_that_is_meant() {
    // Tab indents, or completes a path, instead of leaving for the next pane.
    // The key for help tells of the layer where there is one; F1 is help everywhere.
    let meant = [
        (Scope::Edit, Command::NextPane),
        (Scope::Field, Command::NextPane),
        (Scope::Layers, Command::Help),
        (Scope::Trials, Command::Help),
    ];
    let keymap = Keymap::default();
    for chain in CHAINS {
        for (at, outer) in chain.iter().enumerate() {
            for ((_, key), hidden) in keymap.commands.iter().filter(|((scope, _), _)| scope == outer) {
                let hiding = chain[..at].iter().find_map(|inner| keymap.commands.get(&(*inner, *key)));
                let is_meant = meant.contains(&(chain[0], *hidden));
                assert!(
                    hiding.is_none_or(|hiding| hiding == hidden || is_meant),
                    "{} of {:?} does {hiding:?} and hides {hidden}",
                    key.shown(),
                    chain[0],
                );
            }
        }
    }
}

#[test]
fn the_innermost_scope_is_asked_first() {
    let keymap = Keymap::default();
    let tab = KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(keymap.command(tab, &[Scope::Specimen, Scope::Move, Scope::Global]), Some(Command::NextPane));
    assert_eq!(keymap.command(tab, &[Scope::Edit, Scope::Global]), Some(Command::Indent));
    assert_eq!(keymap.command(char('/'), &[Scope::Denials, Scope::Move, Scope::Global]), Some(Command::Filter));
    assert_eq!(keymap.command(char('/'), &[Scope::Output, Scope::Move, Scope::Global]), Some(Command::Search));
    assert_eq!(keymap.command(char('/'), &[Scope::Layers, Scope::Move, Scope::Global]), None);
    assert_eq!(keymap.command(char('P'), &[Scope::Global]), Some(Command::Profile));
    assert_eq!(keymap.command(char('p'), &[Scope::Global]), Some(Command::Policy));
}

#[test]
fn where_text_is_taken_every_character_is_typed_and_other_keys_still_work() {
    let keymap = Keymap::default();
    for scopes in [&[Scope::Edit, Scope::Global][..], &[Scope::Field, Scope::Global]] {
        for c in ('!'..='~').chain([' ', 'ä', '日']) {
            assert_eq!(keymap.command(char(c), scopes), None, "{c}");
            assert_eq!(types(char(c)), Some(c));
        }
        assert_eq!(keymap.command(ctrl('q'), scopes), Some(Command::Quit));
        assert_eq!(keymap.command(ctrl('a'), scopes), Some(Command::LineStart));
        assert_eq!(types(ctrl('a')), None);
        let f5 = KeyEvent::new(KeyCode::F(5), KeyModifiers::NONE);
        assert_eq!((keymap.command(f5, scopes), types(f5)), (Some(Command::Run), None));
        assert_eq!(keymap.command(ctrl('h'), scopes), Some(Command::DeleteBack));
    }
}

#[test]
fn the_configuration_gives_other_keys_more_keys_and_none() {
    let keymap = with(&[("run", &["f9"]), ("stop", &["X", "ctrl-x", "X"]), ("quit", &[])]);
    let global = [Scope::Global];
    assert_eq!(keymap.command(char('r'), &global), None);
    assert_eq!(keymap.command(KeyEvent::new(KeyCode::F(9), KeyModifiers::NONE), &global), Some(Command::Run));
    assert_eq!(keymap.all_shown(Command::Stop), ["X", "^X"]);
    assert_eq!(keymap.shown(Command::Stop), "X");
    assert_eq!(keymap.command(ctrl('c'), &global), None);
    assert_eq!(keymap.shown(Command::Quit), "");
    assert_eq!(keymap.command(char('z'), &global), Some(Command::Hold), "the rest stays");
    assert_eq!(with(&[]), Keymap::default());
}

#[test]
fn two_commands_can_change_their_keys_with_each_other() {
    let keymap = with(&[("run", &["x"]), ("stop", &["r"])]);
    assert_eq!(keymap.command(char('r'), &[Scope::Global]), Some(Command::Stop));
    assert_eq!(keymap.command(char('x'), &[Scope::Global]), Some(Command::Run));
}

#[test]
fn a_name_that_no_command_has_is_answered_with_the_nearest() {
    let told = refused(&[("rnu", &["f9"])]);
    assert!(
        told.starts_with("key `keys.rnu`: no command has that name: did you mean `run`? allowed: run, stop,"),
        "{told}"
    );
    let told = refused(&[("\u{1b}[2J", &[])]);
    assert!(told.starts_with("key `keys.\\x1b[2J`: no command"), "{told}");
}

#[test]
fn a_key_that_cannot_be_read_is_told_with_its_command() {
    let told = refused(&[("run", &["f9", "pgup"])]);
    assert!(told.starts_with("key `keys.run`: `pgup` is no key: did you mean `pageup`?"), "{told}");
}

#[test]
fn a_key_that_two_commands_would_share_names_both_once() {
    let told = "key `keys.run`: `x` is the key of `stop` too (Everywhere): give one of them another, or [] for none";
    assert_eq!(refused(&[("run", &["x"])]), told);
    // The row that was written is named, whichever comes first in the table.
    let told = refused(&[("stop", &["r"])]);
    assert!(told.starts_with("key `keys.stop`: `r` is the key of `run` too"), "{told}");
    // Shared in two scopes, told once.
    let told = refused(&[("next-match", &["N"])]);
    assert_eq!(told.matches("is the key of").count(), 1, "{told}");
}

#[test]
fn a_key_that_would_only_ever_be_typed_is_refused() {
    let told = refused(&[("word-left", &["b"])]);
    assert_eq!(told, "key `keys.word-left`: `b` would be typed: use a key with ctrl- or alt-, or one that has a name");
    let keymap = with(&[("line-start", &["0"])]);
    assert_eq!(keymap.command(char('0'), &[Scope::Specimen]), Some(Command::LineStart), "it is read there, not typed");
}

#[test]
fn every_mistake_is_told() {
    let mistakes = Keymap::mistakes(&changes(&[("nothing", &["f9"]), ("run", &["zz"]), ("stop", &["yy", "q"])]));
    let names: Vec<&str> = mistakes.iter().map(|mistake| mistake.name.as_str()).collect();
    assert_eq!(names, ["nothing", "run", "stop", "stop"]);
}

#[test]
fn alt_and_a_character_with_both_ctrl_and_alt_type_nothing() {
    for modifiers in [KeyModifiers::ALT, KeyModifiers::ALT | KeyModifiers::CONTROL, KeyModifiers::SUPER] {
        assert_eq!(types(KeyEvent::new(KeyCode::Char('a'), modifiers)), None);
    }
    assert_eq!(types(KeyEvent::new(KeyCode::Char('A'), KeyModifiers::SHIFT)), Some('A'));
    assert_eq!(types(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)), None);
}
