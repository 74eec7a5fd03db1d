//! The specimen: opened, typed, saved.

use super::*;

#[test]
fn typing_goes_to_the_specimen_only_while_it_is_edited() {
    let mut state = fixture::ready(STANDARD);
    typed(&mut state, "x");
    assert_eq!(state.editor.bytes(), fixture::SPECIMEN.as_bytes());
    press(&mut state, Command::Edit);
    let effects = act(&mut state, Action::Type('x'));
    assert!(matches!(&effects[..], [Effect::Analyse { lines, .. }] if lines[0] == "ximport socket, os"));
    press(&mut state, Command::Back);
    assert!(!state.editing);
    press(&mut state, Command::Undo);
    assert_eq!(state.editor.bytes(), fixture::SPECIMEN.as_bytes());
    press(&mut state, Command::Redo);
    assert!(state.editor.is_changed());
}

#[test]
fn a_paste_goes_into_the_specimen_wherever_the_focus_is() {
    let mut state = fixture::empty(STANDARD);
    state.focus = Pane::Output;
    let effects = act(&mut state, Action::Paste("print(1)\r\nprint(2)\r\n".to_owned()));
    assert_eq!(state.editor.bytes(), b"print(1)\nprint(2)\n");
    assert_eq!(state.focus, Pane::Specimen);
    assert_eq!(state.language(), Some("python"));
    assert!(matches!(effects[..], [Effect::Analyse { .. }]));
}

#[test]
fn a_file_is_opened_by_its_path_and_remembered_and_unsaved_changes_are_asked_about() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Open);
    typed(&mut state, "~/a.sh");
    assert!(matches!(&press(&mut state, Command::Indent)[..], [Effect::Complete(typed)] if typed == "~/a.sh"));
    let effects = press(&mut state, Command::Accept);
    assert!(matches!(&effects[..], [Effect::Open(path)] if path == &PathBuf::from("/home/ada/a.sh")));
    act(&mut state, Action::Opened("/home/ada/a.sh".into(), Ok(b"echo hi\n".to_vec())));
    assert_eq!((state.editor.name(), state.language()), ("a.sh".to_owned(), Some("shell")));
    assert_eq!(state.recent[0], PathBuf::from("/home/ada/a.sh"));

    press(&mut state, Command::Edit);
    typed(&mut state, "#");
    press(&mut state, Command::Back);
    press(&mut state, Command::NewSpecimen);
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Abandon(Next::Empty)))));
    typed(&mut state, "n");
    assert_eq!(state.editor.bytes(), b"#echo hi\n");
    press(&mut state, Command::NewSpecimen);
    typed(&mut state, "y");
    assert!(state.editor.bytes().is_empty() && state.editing);
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_specimen_as_it_is() {
    let mut state = fixture::ready(STANDARD);
    act(&mut state, Action::Opened("/none".into(), Err("cannot read /none: No such file".to_owned())));
    assert_eq!(state.editor.bytes(), fixture::SPECIMEN.as_bytes());
    assert!(notice(&state).contains("/none"));
}

#[test]
fn the_specimen_is_saved_under_a_name_and_another_file_is_replaced_only_after_a_yes() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Edit);
    typed(&mut state, "#");
    press(&mut state, Command::SaveSpecimen);
    let effects = press(&mut state, Command::Accept);
    assert!(matches!(&effects[..], [Effect::Save { replace: true, .. }]), "its own file: {effects:?}");
    act(&mut state, Action::Saved("/work/exfiltrate.py".into(), Ok(())));
    assert!(!state.editor.is_changed());

    press(&mut state, Command::SaveSpecimen);
    typed(&mut state, "2");
    let effects = press(&mut state, Command::Accept);
    let Some(Effect::Save { path, bytes, replace: false }) = effects.first().cloned() else { panic!("{effects:?}") };
    act(&mut state, Action::Exists(path.clone(), bytes));
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Replace { .. }))));
    let effects = act(&mut state, Action::Type('y'));
    assert!(matches!(&effects[..], [Effect::Save { replace: true, path: same, .. }] if *same == path));
    act(&mut state, Action::Saved(path.clone(), Err("cannot save: disk full".to_owned())));
    assert!(notice(&state).contains("disk full"));
}

#[test]
fn the_output_is_saved_where_there_is_some() {
    let mut state = fixture::ended(STANDARD);
    state.focus = Pane::Output;
    press(&mut state, Command::SaveOutput);
    let effects = press(&mut state, Command::Accept);
    let Some(Effect::Save { bytes, .. }) = effects.first() else { panic!("{effects:?}") };
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains("\\x1b[31mred") && !text.contains('\u{1b}'), "{text}");
    let mut state = fixture::ready(STANDARD);
    state.focus = Pane::Output;
    press(&mut state, Command::SaveOutput);
    assert!(state.overlay.is_none() && notice(&state).contains("nothing has run"));
}

#[test]
fn the_language_can_be_chosen() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Language);
    typed(&mut state, "perl");
    press(&mut state, Command::Accept);
    assert_eq!(state.language(), Some("perl"));
    assert_eq!(state.specimen().unwrap().language.name, "perl");
}

#[test]
fn a_copied_specimen_cannot_act_on_where_it_is_pasted_and_a_long_one_is_refused() {
    let mut state = fixture::ready(STANDARD);
    act(&mut state, Action::Opened("/work/evil.sh".into(), Ok(b"echo \x1b[201~\nrm\r\n".to_vec())));
    let effects = press(&mut state, Command::Copy);
    assert!(matches!(&effects[..], [Effect::Copy(text)] if !text.contains('\x1b') && text.contains("\\x1b[201~")));
    assert!(notice(&state).contains("visible marks"));
    act(&mut state, Action::Opened("/work/long.sh".into(), Ok(vec![b'x'; 100_000])));
    assert!(press(&mut state, Command::Copy).is_empty());
    assert!(notice(&state).contains("too long"));
}

#[test]
fn what_is_typed_while_a_file_is_read_or_written_is_not_lost() {
    let mut state = fixture::empty(STANDARD);
    press(&mut state, Command::Open);
    typed(&mut state, "slow.py");
    press(&mut state, Command::Accept);
    act(&mut state, Action::Paste("precious".to_owned()));
    act(&mut state, Action::Opened("/slow.py".into(), Ok(b"other".to_vec())));
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Abandon(Next::File(_))))));
    typed(&mut state, "n");
    assert_eq!(state.editor.bytes(), b"precious");

    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::SaveSpecimen);
    let effects = press(&mut state, Command::Accept);
    let Some(Effect::Save { path, .. }) = effects.first().cloned() else { panic!("{effects:?}") };
    press(&mut state, Command::Edit);
    typed(&mut state, "#");
    act(&mut state, Action::Saved(path, Ok(())));
    assert!(state.editor.is_changed(), "the # is in no file");
}
