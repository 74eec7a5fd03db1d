//! The matrix, the drill, the corpus and the lessons.

use super::*;
use crate::drill::judge::Finding;
use crate::drill::matrix::{Came, Combination, Scope};
use crate::tui::action::News;
use crate::tui::overlay::going::{BatchId, Stage};

fn stage(state: &State) -> &Stage {
    &state.matrix.as_ref().unwrap().batch.stage
}

fn is_open(state: &State) -> bool {
    matches!(state.overlay, Some(Overlay::Matrix))
}

fn name(state: &State) -> String {
    state.editor.name()
}

#[test]
fn a_matrix_is_of_what_is_on_the_bench_and_exposes_nothing_unasked() {
    let mut state = fixture::ready(STANDARD);
    state.bench.policy.set_on(Layer::Tmpfs, false);
    let effects = press(&mut state, Command::Matrix);
    let [Effect::Matrix { id, request, specimen, scope }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*scope, Scope::default());
    assert_eq!((*id, &request.policy, specimen.name.as_str()), (BatchId(1), &state.bench.policy, "exfiltrate.py"));
    assert!(is_open(&state) && state.batch() == Some(BatchId(1)));
}

#[test]
fn a_run_under_way_or_no_engine_or_no_specimen_begins_no_matrix_and_no_drill() {
    let running = fixture::running(STANDARD);
    let lost = fixture::lost(STANDARD);
    for (mut state, why) in [(running, "a run is under way"), (lost, "no engine")] {
        for command in [Command::Matrix, Command::Drill] {
            assert!(press(&mut state, command).is_empty(), "{command}");
            assert!(notice(&state).contains(why) && state.overlay.is_none(), "{command}: {}", notice(&state));
        }
    }
    let mut empty = fixture::ready(STANDARD);
    press(&mut empty, Command::NewSpecimen);
    empty.editing = false;
    assert!(press(&mut empty, Command::Matrix).is_empty() && empty.matrix.is_none());
}

#[test]
fn a_policy_that_exposes_the_host_is_asked_about_before_a_matrix_and_a_drill_too() {
    for (command, is_begun) in [
        (Command::Matrix, (|effect| matches!(effect, Effect::Matrix { .. })) as fn(&Effect) -> bool),
        (Command::Drill, |effect| matches!(effect, Effect::Drill { .. })),
    ] {
        let mut state = fixture::ready(STANDARD);
        state.bench.policy.set_on(Layer::Pids, false);
        assert!(press(&mut state, command).is_empty());
        assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Expose { .. }))));
        assert!(act(&mut state, Action::Type('y')).iter().any(is_begun), "{command}");
    }
}

#[test]
fn it_is_filled_in_as_the_runs_end_and_is_there_again_until_something_changes() {
    let mut state = fixture::filling(STANDARD, 5);
    assert!(fixture::screen(&state).contains("5 of 26"), "{}", fixture::screen(&state));
    fixture::fill(&mut state);
    assert_eq!(*stage(&state), Stage::Done(Duration::ZERO));
    assert!(
        fixture::screen(&state).contains("rootfs holds it first; behind stands user."),
        "{}",
        fixture::screen(&state)
    );
    press(&mut state, Command::Back);
    assert!(state.overlay.is_none());
    assert!(press(&mut state, Command::Matrix).is_empty(), "nothing is run anew");
    assert!(is_open(&state));
    press(&mut state, Command::Back);
    state.bench.policy.set_on(Layer::Tmpfs, false);
    assert_eq!(press(&mut state, Command::Matrix).len(), 1, "it would be another one now");
}

#[test]
fn leaving_asks_and_a_yes_stops_it_and_what_came_stays() {
    let mut state = fixture::filling(STANDARD, 5);
    press(&mut state, Command::Back);
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::StopBatch(_)))));
    press(&mut state, Command::Back);
    assert!(is_open(&state) && *stage(&state) == Stage::Going, "no is no");
    press(&mut state, Command::Back);
    let effects = act(&mut state, Action::Type('y'));
    assert!(matches!(effects[..], [Effect::StopBatch(BatchId(1))]), "{effects:?}");
    assert!(is_open(&state) && *stage(&state) == Stage::Stopping);
    assert!(press(&mut state, Command::Stop).is_empty(), "once is enough");
    fixture::tell_batch(&mut state, News::Came(Combination::Without(Layer::Memory), Came::Stopped));
    fixture::tell_batch(&mut state, News::Over(Ok(())));
    assert!(matches!(stage(&state), Stage::Stopped(_)));
    let screen = fixture::screen(&state);
    assert!(screen.contains("5 of 26") && screen.contains("stopped"), "{screen}");
    press(&mut state, Command::Back);
    assert!(state.overlay.is_none() && state.batch().is_none());
}

#[test]
fn a_question_whether_to_stop_goes_when_all_has_come_meanwhile() {
    let mut state = fixture::filling(STANDARD, 5);
    press(&mut state, Command::Back);
    assert!(fixture::screen(&state).contains("5 of 26"), "what is asked about is in sight");
    fixture::fill(&mut state);
    assert!(is_open(&state) && *stage(&state) == Stage::Done(Duration::ZERO));
    let mut state = fixture::drilling(STANDARD);
    press(&mut state, Command::Back);
    assert!(
        fixture::screen(&state).contains("Drill of hardened") && fixture::screen(&state).contains("Stop the others?")
    );
    fixture::tell_batch(&mut state, News::Over(Ok(())));
    assert!(matches!(state.overlay, Some(Overlay::Drill)));
}

#[test]
fn the_key_that_stops_a_run_stops_a_matrix_at_once() {
    let mut state = fixture::filling(STANDARD, 5);
    let effects = press(&mut state, Command::Stop);
    assert!(matches!(effects[..], [Effect::StopBatch(_)]));
}

#[test]
fn what_comes_late_of_one_that_another_replaced_is_not_taken() {
    let mut state = fixture::filling(STANDARD, 5);
    fixture::fill(&mut state);
    press(&mut state, Command::Run);
    assert_eq!(state.batch(), Some(BatchId(2)));
    act(&mut state, Action::Batch(BatchId(1), News::Over(Ok(()))));
    assert_eq!(state.batch(), Some(BatchId(2)));
}

#[test]
fn why_it_cannot_go_on_is_said_and_it_is_begun_anew_the_next_time() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Matrix);
    act(&mut state, Action::Batch(BatchId(1), News::Over(Err("reading the seccomp profile x.json: gone".to_owned()))));
    assert!(fixture::screen(&state).contains("✗ reading the seccomp profile x.json"));
    press(&mut state, Command::Back);
    assert_eq!(press(&mut state, Command::Matrix).len(), 1);
}

#[test]
fn a_cell_opens_the_run_behind_it_and_goes_back_to_the_table() {
    let mut state = fixture::filling(STANDARD, 5);
    fixture::fill(&mut state);
    press(&mut state, Command::Accept);
    let screen = fixture::screen(&state);
    assert!(screen.contains("every layer of the policy on") && screen.contains("Read-only file system"), "{screen}");
    press(&mut state, Command::Back);
    assert!(is_open(&state) && fixture::screen(&state).contains("ITS PART"));
}

#[test]
fn what_is_withheld_says_why_and_is_run_only_when_that_is_answered_with_yes() {
    let mut state = fixture::filling(STANDARD, 5);
    fixture::fill(&mut state);
    press(&mut state, Command::Down);
    press(&mut state, Command::Down);
    assert!(fixture::screen(&state).contains("withheld. The host's own network"), "{}", fixture::screen(&state));
    press(&mut state, Command::Accept);
    assert!(fixture::screen(&state).contains("Withheld: it would show more of the host"));
    press(&mut state, Command::Back);
    assert!(press(&mut state, Command::Expose).is_empty());
    assert!(
        matches!(&state.overlay, Some(Overlay::Confirm(Confirm::ExposeMatrix { exposures })) if exposures.len() == 4)
    );
    act(&mut state, Action::Type('n'));
    assert!(is_open(&state) && state.batch().is_none());
    press(&mut state, Command::Expose);
    let effects = act(&mut state, Action::Type('y'));
    assert!(matches!(effects[..], [Effect::Matrix { scope: Scope { expose: true, .. }, .. }]), "{effects:?}");
}

#[test]
fn other_runtimes_are_rows_of_their_own_whose_cells_open_and_whose_wish_outlives_the_next_question() {
    let mut state = fixture::filling(STANDARD, 5);
    fixture::fill(&mut state);
    let effects = press(&mut state, Command::Runtimes);
    assert!(
        matches!(effects[..], [Effect::Matrix { scope: Scope { runtimes: true, expose: false }, .. }]),
        "{effects:?}"
    );
    fixture::fill_over(&mut state, "runsc");
    press(&mut state, Command::Bottom);
    let screen = fixture::screen(&state);
    assert!(screen.contains("▸ over runsc") && screen.contains("every layer of the policy on, over runsc"), "{screen}");
    press(&mut state, Command::Right);
    press(&mut state, Command::Accept);
    let screen = fixture::screen(&state);
    assert!(screen.contains("no layer on, over runsc") && screen.contains("REACHED: wrote /etc/pwned"), "{screen}");
    press(&mut state, Command::Back);
    press(&mut state, Command::Expose);
    let effects = act(&mut state, Action::Type('y'));
    assert!(
        matches!(effects[..], [Effect::Matrix { scope: Scope { runtimes: true, expose: true }, .. }]),
        "{effects:?}"
    );
}

#[test]
fn a_row_leads_to_the_page_of_its_layer_and_back() {
    let mut state = fixture::filling(STANDARD, 5);
    press(&mut state, Command::Lesson);
    assert!(is_open(&state) && notice(&state).contains("choose a row with a layer"));
    for _ in 0..3 {
        press(&mut state, Command::Down);
    }
    press(&mut state, Command::Lesson);
    assert!(matches!(state.overlay, Some(Overlay::Lesson { layer: Layer::Rootfs, .. })));
    press(&mut state, Command::Accept);
    assert!(notice(&state).contains("stops what goes on"), "the specimen stays while it is run");
    press(&mut state, Command::Back);
    assert!(is_open(&state));
}

#[test]
fn a_drill_tells_each_probe_as_it_comes_and_a_probe_is_loaded_from_it() {
    let mut state = fixture::ready(STANDARD);
    let effects = press(&mut state, Command::Drill);
    assert!(matches!(effects[..], [Effect::Drill { .. }]));
    fixture::tell_batch(&mut state, fixture::tried("fork-bomb.py", Finding::NotContained("REACHED: 1000".to_owned())));
    let screen = fixture::screen(&state);
    assert!(screen.contains("1 of 75") && screen.contains("NOT CONTAINED"), "{screen}");
    press(&mut state, Command::Accept);
    assert!(notice(&state).contains("the drill goes on") && name(&state) == "exfiltrate.py");
    fixture::tell_batch(&mut state, News::Over(Ok(())));
    press(&mut state, Command::Accept);
    assert_eq!((name(&state).as_str(), state.overlay.is_none()), ("fork-bomb.py", true));
    press(&mut state, Command::Drill);
    assert!(matches!(state.overlay, Some(Overlay::Drill)), "its results are still there");
}

#[test]
fn a_probe_of_the_corpus_is_chosen_by_a_word_and_the_fork_bomb_by_enter_alone() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Corpus);
    press(&mut state, Command::Accept);
    assert_eq!(name(&state), "fork-bomb.py");
    assert!(state.editor.path().is_none() && !state.editor.is_changed());
    assert_eq!(state.language(), Some("python"));
    press(&mut state, Command::Open);
    press(&mut state, Command::Open);
    typed(&mut state, "read the memory of another");
    press(&mut state, Command::Accept);
    assert_eq!(name(&state), "process-memory.py", "the list is reached from the file prompt too");
    press(&mut state, Command::Corpus);
    press(&mut state, Command::Indent);
    assert_eq!(name(&state), "fork-bomb.twin.py");
}

#[test]
fn a_probe_takes_no_ones_unsaved_place_unasked_and_says_what_it_needs() {
    let mut state = fixture::ready(STANDARD);
    act(&mut state, Action::Paste("x".to_owned()));
    press(&mut state, Command::Corpus);
    typed(&mut state, "network.py");
    press(&mut state, Command::Accept);
    assert!(
        matches!(&state.overlay, Some(Overlay::Confirm(Confirm::Abandon(Next::Probe(name)))) if name == "network.py")
    );
    act(&mut state, Action::Type('y'));
    assert!(name(&state) == "network.py" && notice(&state).contains("a listener on this machine's loopback"));
    press(&mut state, Command::Corpus);
    typed(&mut state, "clone3.c");
    press(&mut state, Command::Accept);
    assert_eq!(state.language(), None, "C is no language that a cell runs");
}

#[test]
fn the_layers_key_for_help_opens_the_layers_page_whose_probe_is_a_key_away() {
    use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
    let mut state = fixture::ready(STANDARD);
    let key = |state: &mut State, code| {
        let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
        let action = crate::tui::input::action(state, event).unwrap();
        act(state, action)
    };
    state.focus = Pane::Layers;
    state.layers.select(Layer::Pids);
    key(&mut state, KeyCode::Char('?'));
    assert!(matches!(state.overlay, Some(Overlay::Lesson { layer: Layer::Pids, .. })));
    key(&mut state, KeyCode::Enter);
    assert_eq!(name(&state), "fork-bomb.py");
    key(&mut state, KeyCode::Char('?'));
    assert!(matches!(state.overlay, Some(Overlay::Help { .. })), "elsewhere it is help");
    key(&mut state, KeyCode::Esc);
    state.focus = Pane::Layers;
    key(&mut state, KeyCode::F(1));
    assert!(matches!(state.overlay, Some(Overlay::Help { .. })), "F1 is help everywhere");
    key(&mut state, KeyCode::Esc);
    assert!(fixture::screen(&state).contains("F1 help"), "{}", fixture::screen(&state));
    state.layers.select(Layer::Selinux);
    key(&mut state, KeyCode::Char('?'));
    key(&mut state, KeyCode::Enter);
    assert!(notice(&state).contains("no probe of the corpus shows selinux"));
}

#[test]
fn every_page_ends_in_sight_on_a_small_screen() {
    for layer in Layer::ALL {
        let mut state = fixture::ready(fixture::SMALL);
        state.focus = Pane::Layers;
        state.layers.select(layer);
        press(&mut state, Command::Lesson);
        let begin = fixture::screen(&state);
        assert!(begin.contains("What it is") && begin.contains("Esc"), "{layer}:\n{begin}");
        press(&mut state, Command::Bottom);
        let end = fixture::screen(&state);
        assert!(end.contains("Read on"), "{layer}:\n{end}");
        press(&mut state, Command::Top);
        assert_eq!(fixture::screen(&state), begin);
    }
}
