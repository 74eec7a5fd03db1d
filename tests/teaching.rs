//! A class prepared in the workbench by keys alone, in a real pseudo-terminal on real engines: the fork bomb is picked
//! from the corpus and run, what held it is read, a layer is switched off, and the matrix and the drill show the rest.

mod common;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use common::screen::Screen;
use common::user::User;
use common::{Engine, on_every_engine, own_uid};
use hotcell::policy::Layer;

const ESCAPE: &str = "\x1b";
const ENTER: &str = "\r";

/// How long an engine may take to remove what was being made.
const PATIENCE: Duration = Duration::from_mins(1);

/// The workbench without a file.
fn open(user: &User, engine: Engine, columns: u16, rows: u16) -> Screen {
    let screen = Screen::start(user.command(&["--engine", &engine.address()]), columns, rows);
    screen.wait_for("READY");
    screen
}

/// Directories of the cells that there are.
fn cells(user: &User) -> Vec<PathBuf> {
    common::cell_directories(&user.home.path().join("hotcell"))
}

/// Waits until only the cell that waits for the next run is left, or none.
fn wait_for_cells(user: &User, most: usize) {
    let begun = Instant::now();
    // The embedded engine has a directory of its own for each.
    while cells(user).len() > 2 * most {
        assert!(begun.elapsed() < PATIENCE, "these are left: {:?}", cells(user));
        thread::sleep(Duration::from_millis(20));
    }
}

/// Chooses the fork bomb as the screen says.
fn pick_the_fork_bomb(screen: &mut Screen) {
    screen.until("the way to the corpus", |text| {
        text.contains("press O for a probe, such as the fork bomb") && text.contains("O corpus")
    });
    screen.send("O");
    screen.until("the corpus", |text| text.contains("▸ fork-bomb.py") && text.contains("Enter opens the probe"));
    screen.send(ENTER);
    screen.until("the fork bomb", |text| text.contains("os.fork()") && text.contains("r runs the specimen"));
}

/// A user id that no other test has: the limit of processes counts by user.
fn become_a_user_of_its_own(screen: &mut Screen) {
    let uid = own_uid();
    screen.send("2");
    screen.until("the layers", |text| text.contains("2 Layers") && text.contains("[x] network"));
    select_layer(screen, Layer::User);
    screen.send(ENTER);
    screen.wait_for("such as");
    screen.send("\x01\x0b");
    screen.send(&format!("{uid}:{uid}"));
    screen.send(ENTER);
    screen.until("the new user", |text| text.contains(&format!("{uid}:{uid}")) && text.contains("READY"));
}

/// Goes to a layer that is on, from anywhere in the layers.
fn select_layer(screen: &mut Screen, layer: Layer) {
    let above = Layer::ALL.iter().take_while(|other| **other != layer).count();
    screen.send("g");
    screen.send(&"j".repeat(above));
    let row = format!("▸[x] {layer}");
    screen.until(layer.name(), |text| text.lines().any(|line| line.contains(&row)));
}

/// Goes down from the first denial to the one that says this: a limit may have been seen at its end before the call that
/// it refused, or after.
fn select(screen: &mut Screen, part: &str) {
    let selected = |text: &str| text.lines().find(|line| line.contains("║▸")).map(str::to_owned);
    let mut last = String::new();
    screen.send("g");
    loop {
        let text = screen.until("another denial", |text| selected(text).is_some_and(|line| line != last));
        last = selected(&text).unwrap_or_default();
        if last.contains(part) {
            return;
        }
        screen.send("j");
    }
}

/// Waits until all of these are on the screen.
fn wait_for_all(screen: &Screen, parts: &[&str]) -> String {
    screen.until(&parts.join(", "), |text| parts.iter().all(|part| text.contains(part)))
}

/// The row of a layer in the matrix.
fn row(text: &str, layer: &str) -> String {
    let is_it = |line: &&str| line.trim_start_matches(['║', ' ', '▸']).starts_with(layer);
    text.lines().find(is_it).unwrap_or_else(|| panic!("no row {layer}:\n{text}")).to_owned()
}

fn the_fork_bomb_is_picked_run_understood_and_its_matrix_opened_by_keys_alone(engine: Engine) {
    let user = User::new();
    let mut screen = open(&user, engine, 120, 50);
    become_a_user_of_its_own(&mut screen);
    screen.send("1");
    pick_the_fork_bomb(&mut screen);

    // What held it: the layer and the limit stand among the denials, whose key the footer gives.
    screen.send("r");
    wait_for_all(&screen, &["ENDED", "RLIMIT_NPROC reached", "HELD: BlockingIOError", "3 why", "# matrix"]);
    screen.send("3");
    select(&mut screen, "RLIMIT_NPROC");
    screen.send(ENTER);
    screen.until("the detail", |text| text.contains("ulimits: RLIMIT_NPROC reached") && text.contains("set to"));
    screen.send(ESCAPE);
    screen.wait_gone("set to");

    // The page of the layer pids, where its switch is.
    screen.send("2");
    select_layer(&mut screen, Layer::Pids);
    screen.send("?");
    wait_for_all(&screen, &["pids: A limit on processes", "What it does not stop", "Enter loads fork-bomb.py"]);
    screen.send(ESCAPE);
    screen.wait_gone("What it does not stop");

    // Pids off, which is asked about: ulimits held before, and holds still.
    screen.send(" ");
    screen.wait_for("A fork bomb can use up the host's process ids");
    screen.send("y");
    screen.wait_for("[ ] pids");
    screen.send("r");
    wait_for_all(&screen, &["run 2:", "the process limit of ulimits reached", "HELD: BlockingIOError"]);
    screen.send("d");
    screen.wait_for("[x] pids");

    // Ulimits off, which exposes nothing: pids holds now.
    select_layer(&mut screen, Layer::Ulimits);
    screen.send(" ");
    screen.wait_for("[ ] ulimits");
    screen.send("r");
    wait_for_all(&screen, &["run 3:", "refused by pids", "HELD: BlockingIOError"]);
    screen.send("d");
    screen.wait_for("[x] ulimits");

    // The matrix fills in, and says the same of both in words.
    screen.send("#");
    wait_for_all(&screen, &["Matrix of fork-bomb.py under hardened", "HELD (1)", "x stops"]);
    let text = wait_for_all(&screen, &[" · all in ", "behind stands pids", "e withheld too"]);
    for (layer, part) in [("pids", "behind"), ("network", "not known"), ("cpu", "no part")] {
        assert!(row(&text, layer).contains(part), "{layer} is {part}:\n{text}");
    }
    assert!(row(&text, "none on").contains("REACHED (0)") && row(&text, "all on").contains("HELD (1)"), "{text}");
    assert!(row(&text, "pids").matches("HELD (1)").count() == 2, "{text}");
    assert!(row(&text, "network").contains("withheld"), "{text}");
    screen.send("j");
    screen.send(ENTER);
    wait_for_all(&screen, &["no layer on", "With every layer on: HELD (1)", "REACHED: 1000 processes"]);
    screen.send(ESCAPE);
    screen.wait_for("ITS PART");
    screen.send(ESCAPE);
    screen.wait_gone("ITS PART");
    screen.send("q");
    assert_eq!(screen.ended(), 0);
    wait_for_cells(&user, 0);
}

fn a_matrix_that_is_stopped_or_left_with_the_workbench_leaves_no_cell(engine: Engine) {
    let user = User::new();
    let mut screen = open(&user, engine, 80, 24);
    become_a_user_of_its_own(&mut screen);
    screen.send("1");
    pick_the_fork_bomb(&mut screen);
    screen.send("#");
    screen.until("a run", |text| text.contains("running") && text.contains("HELD (1)"));
    screen.send(ESCAPE);
    screen.wait_for("Stop the others?");
    screen.send("y");
    // What came stays.
    wait_for_all(&screen, &["stopped after", "HELD (1)"]);
    wait_for_cells(&user, 1);
    screen.send("r");
    screen.until("another", |text| text.contains("running"));
    screen.send("q");
    assert_eq!(screen.ended(), 0);
    wait_for_cells(&user, 0);
}

fn the_drill_tells_probe_by_probe_and_a_probe_is_loaded_from_it(engine: Engine) {
    let user = User::new();
    let mut screen = open(&user, engine, 120, 36);
    become_a_user_of_its_own(&mut screen);
    own_uid();
    screen.send("D");
    wait_for_all(&screen, &["of 75", "seccomp denied", "x stops"]);
    screen.send("x");
    screen.wait_for("stopped after");
    screen.send("g");
    screen.until("the first probe", |text| text.lines().any(|line| line.contains("▸ abstract-socket.py")));
    screen.send("?");
    screen.until("the layer's page", |text| text.contains("seccomp: A filter of system calls"));
    screen.send(ESCAPE);
    screen.wait_for("CAME TO");
    screen.send(ENTER);
    screen.until("the probe", |text| {
        text.contains("1 Specimen abstract-socket.py") && text.contains("a drill sets one out")
    });
    screen.send("q");
    assert_eq!(screen.ended(), 0);
    wait_for_cells(&user, 0);
}

on_every_engine!(
    the_fork_bomb_is_picked_run_understood_and_its_matrix_opened_by_keys_alone,
    a_matrix_that_is_stopped_or_left_with_the_workbench_leaves_no_cell,
    the_drill_tells_probe_by_probe_and_a_probe_is_loaded_from_it,
);
