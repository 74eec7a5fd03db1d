//! The walls between modules, read from the source: who may use which library, and where
//! `unsafe` may stand.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules that neither wait nor speak to anything: `src/lib.rs` says which.
const PURE: [&str; 15] = [
    "policy",
    "seccomp",
    "specimen",
    "run",
    "plan.rs",
    "text.rs",
    "diagnose.rs",
    "drill/corpus.rs",
    "drill/drilled.rs",
    "drill/judge.rs",
    "drill/lesson.rs",
    "drill/matrix.rs",
    "drill/probe.rs",
    "drill/ran.rs",
    "drill/trial.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a place of the project, with its path from the project's root.
fn sources(below: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&root().join(below), &mut files);
    assert!(!files.is_empty(), "{below} has no Rust source: these tests look in the wrong place");
    let relative = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        files.push(path.to_owned());
    }
}

/// Whether code, comments aside, has this word.
fn says(text: &str, word: &str) -> bool {
    text.lines().any(|line| {
        code(line)
            .split(|character: char| !(character.is_alphanumeric() || character == '_'))
            .any(|found| found == word)
    })
}

/// The line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

/// Files below `below` whose code has this word.
fn users(below: &str, word: &str) -> Vec<String> {
    sources(below).into_iter().filter(|(_, text)| says(text, word)).map(|(path, _)| path).collect()
}

#[test]
fn a_word_is_found_in_code_and_not_in_comments_or_longer_words() {
    assert!(says("use tokio::fs;", "tokio"));
    assert!(says("let x = unsafe { 1 };", "unsafe"));
    assert!(!says("// unsafe", "unsafe"));
    assert!(!says("#![deny(unsafe_code)]", "unsafe"));
}

#[test]
fn bollard_stays_in_the_docker_engine() {
    let users = users("src", "bollard");
    assert!(!users.is_empty());
    let strays: Vec<_> = users.iter().filter(|path| !path.starts_with("src/engine/docker")).collect();
    assert!(strays.is_empty(), "bollard is used in {strays:?}");
}

#[test]
fn registries_are_spoken_to_in_one_module() {
    for library in ["reqwest", "rustls"] {
        let strays: Vec<_> =
            users("src", library).into_iter().filter(|path| !path.starts_with("src/image/registry/")).collect();
        assert!(strays.is_empty(), "{library} is used in {strays:?}");
    }
}

#[test]
fn the_screen_is_drawn_in_the_terminal_interface_alone() {
    for library in ["ratatui", "crossterm"] {
        let strays: Vec<_> = users("src", library).into_iter().filter(|path| !path.starts_with("src/tui/")).collect();
        assert!(strays.is_empty(), "{library} is used in {strays:?}");
    }
}

#[test]
fn nothing_pure_waits_or_speaks_to_an_engine() {
    for module in PURE {
        for library in ["tokio", "bollard", "clap"] {
            let strays = users(&format!("src/{module}"), library);
            assert!(strays.is_empty(), "{library} is used in {strays:?}");
        }
    }
}

#[test]
fn a_lower_module_does_not_know_a_higher_one() {
    for (module, above) in [
        ("policy", &["cli", "tui", "supervise", "plan", "image", "config"][..]),
        ("seccomp", &["cli", "tui", "supervise", "plan", "engine", "image", "config"]),
        ("specimen", &["cli", "tui", "supervise", "plan", "engine", "image", "config"]),
        ("run", &["cli", "tui", "supervise", "plan", "image", "config"]),
        ("plan.rs", &["cli", "tui", "supervise", "image", "config"]),
        // The embedded engine makes cells from the store of images.
        ("engine", &["cli", "tui", "supervise", "plan", "image::registry", "config"]),
        ("engine/docker", &["image"]),
        ("supervise", &["cli", "tui", "config"]),
        ("image", &["cli", "tui", "config"]),
        ("config", &["cli", "tui", "supervise"]),
        ("drill", &["cli", "tui"]),
        ("tui", &["cli"]),
    ] {
        for (path, text) in sources(&format!("src/{module}")) {
            for higher in above {
                let used = text.lines().any(|line| code(line).contains(&format!("crate::{higher}::")));
                assert!(!used, "{path} uses crate::{higher}");
            }
        }
    }
}

#[test]
fn unsafe_stands_in_the_shim_and_in_named_modules() {
    let mut ours = users("src", "unsafe");
    ours.sort();
    assert_eq!(
        ours,
        [
            "src/engine/embedded/devices/ffi.rs",
            "src/spare/ffi.rs",
            "src/supervise/ffi.rs",
            "src/supervise/outcomes/perf/ffi.rs",
        ]
    );
    assert!(!users("shim/src", "unsafe").is_empty());
}

#[test]
fn each_unsafe_block_says_why_it_is_sound() {
    for (path, text) in sources("shim/src").into_iter().chain(sources("src")) {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if code(line).contains("unsafe {") {
                let near = &lines[number.saturating_sub(6)..=number];
                let said = near.iter().any(|line| line.contains("SAFETY"));
                assert!(said, "{path}:{}: no SAFETY comment in the lines above", number + 1);
            }
        }
    }
}
