//! The commands that run nothing, as a user meets them: the built program, its output and its exit status.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// hotcell with a home of its own, so that no file of whoever runs the test counts.
fn hotcell(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotcell"));
    let names =
        ["HOTCELL_CONFIG", "HOTCELL_ENGINE", "HOTCELL_IMAGE", "HOTCELL_POLICY", "HOTCELL_THEME", "XDG_CONFIG_HOME"];
    for name in names {
        command.env_remove(name);
    }
    command.env("HOME", home).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The output of a command that must succeed.
fn told(arguments: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let output = hotcell(home.path(), arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&told(arguments)).unwrap()
}

#[test]
fn policies_are_listed_with_the_users_own() {
    let home = tempfile::tempdir().unwrap();
    let policies = home.path().join(".config/hotcell/policies");
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("mine.toml"), "extends = \"hardened\"\nsummary = \"for me\"\n").unwrap();
    let text = stdout(&hotcell(home.path(), &["policy", "list"]));
    for name in ["bare", "docker-default", "hardened", "paranoid", "mine"] {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{text}");
    }
    assert!(text.contains("for me"), "{text}");
}

#[test]
fn a_policy_is_shown_in_each_form() {
    let text = told(&["policy", "show", "hardened", "--flags", "podman"]);
    assert!(text.contains("memory        on     256m, swap=0"), "{text}");
    assert!(text.contains("podman run --rm"), "{text}");
    let object = json(&["policy", "show", "hardened", "--format", "json"]);
    assert_eq!(object["layers"].as_array().unwrap().len(), 22);
    assert!(object["command"].as_str().unwrap().contains("docker run"), "{object}");
    let file = told(&["policy", "show", "hardened", "--format", "toml"]);
    let read = hotcell::policy::Policy::parse("hardened.toml", &file).unwrap();
    assert_eq!(Some(read), hotcell::policy::Policy::shipped("hardened"));
}

#[test]
fn an_unknown_policy_is_answered_with_the_nearest() {
    let home = tempfile::tempdir().unwrap();
    let output = hotcell(home.path(), &["policy", "show", "hardend"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("did you mean `hardened`?"), "{said}");
}

#[test]
fn a_mistake_in_a_profile_is_told_with_line_and_column_and_exit_status_1() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("bad.json");
    std::fs::write(&file, "{\n  \"defaultAction\": \"SCMP_ACT_ALOW\"\n}\n").unwrap();
    let file = file.to_str().unwrap();
    let output = hotcell(home.path(), &["seccomp", "check", "python", file]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.starts_with("python: good"), "{text}");
    assert!(text.contains(&format!("{file}:2:20: error: unknown action \"SCMP_ACT_ALOW\"")), "{text}");
}

#[test]
fn every_shipped_profile_is_good() {
    let text = told(&["seccomp", "check", "docker-default", "python", "seed-allowlist"]);
    assert_eq!(text.matches(": good (").count(), 3, "{text}");
}

#[test]
fn a_profile_is_shown_for_people_and_for_engines() {
    let text = told(&["seccomp", "show", "python"]);
    assert!(text.contains("# Every program's start"), "{text}");
    let object = json(&["seccomp", "show", "python", "--format", "json"]);
    assert_eq!(object["defaultAction"], "SCMP_ACT_ERRNO");
}

#[test]
fn conditional_rules_follow_the_policy_that_is_named() {
    let chroot = |policy| told(&["seccomp", "show", "docker-default", "--policy", policy]).contains("\n    chroot\n");
    assert!(chroot("docker-default"));
    assert!(!chroot("hardened"));
}

#[test]
fn the_configuration_is_shown_as_a_file_that_says_the_same() {
    let home = tempfile::tempdir().unwrap();
    let text = stdout(&hotcell(home.path(), &["config", "show"]));
    assert!(
        text.starts_with(&format!("# {}/.config/hotcell/config.toml: not there\n", home.path().display())),
        "{text}"
    );
    let file = home.path().join("mine.toml");
    std::fs::write(&file, text.replace("mouse = true", "mouse = false")).unwrap();
    let file = file.to_str().unwrap();
    let shown = stdout(&hotcell(home.path(), &["config", "show", "--config", file, "--engine", "podman"]));
    assert!(shown.contains("\nmouse = false  # line "), "{shown}");
    assert!(shown.contains("\nengine = \"podman\"  # --engine\n"), "{shown}");
    let object = json(&["config", "show", "--config", file, "--format", "json"]);
    let settings = object["settings"].as_array().unwrap();
    assert!(settings.iter().any(|row| row["key"] == "keys.run" && row["value"][0] == "r"), "{object}");
    assert_eq!(object["file"]["found"], true);
}

#[test]
fn a_configuration_without_mistakes_is_ok() {
    assert_eq!(
        told(&["config", "check"]),
        "ok (no configuration file; own policies 0, own seccomp profiles 0, own themes 0)\n"
    );
    assert_eq!(json(&["config", "check", "--format", "json"])["ok"], true);
}

#[test]
fn every_mistake_of_the_configuration_its_policies_profiles_and_themes_is_told_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join(".config/hotcell");
    let write = |file: &str, text: &str| {
        let path = dir.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    };
    write("config.toml", "policy = 'hardend'\nimage = 5\n[keys]\nrun = 'x'\nstpo = 'f9'\n[tui]\ntheme = 'drak'\n");
    write("policies/wrong.toml", "memry = 1\n");
    write("policies/lost.toml", "extends = 'hardened'\nseccomp = './nowhere.json'\n");
    write("policies/right.toml", "extends = 'hardened'\n");
    write("seccomp/wrong.json", "{\n  \"defaultAction\": \"SCMP_ACT_ALOW\"\n}\n");
    write("themes/right.toml", "extends = 'light'\n");
    write("themes/wrong.toml", "extends = 'dark'\n[ui]\ntxet = 'red'\n");
    let output = hotcell(home.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    let dir = dir.display();
    for (line, start) in lines.iter().zip([
        format!("{dir}/config.toml:2:9: error: key `image`: expected a string"),
        format!("{dir}/config.toml:5:1: error: key `keys.stpo`: no command has that name: did you mean `stop`?"),
        format!("{dir}/config.toml:4:1: error: key `keys.run`: `x` is the key of `stop` too"),
        format!("{dir}/config.toml:7:1: error: key `tui.theme`: `drak` is no theme: did you mean `dark`?"),
        format!("{dir}/config.toml:1:1: error: key `policy`: `hardend` is no policy (did you mean `hardened`?)"),
        format!("{dir}/policies/lost.toml: error: key `seccomp`: reading the seccomp profile"),
        format!("{dir}/policies/wrong.toml:1:1: error: key `memry`:"),
        format!("{dir}/seccomp/wrong.json:2:20: error: unknown action"),
        format!("{dir}/themes/wrong.toml:3:1: error: unknown key `ui.txet`: did you mean `text`?"),
    ]) {
        assert!(line.starts_with(&start), "{line}\n{start}");
    }
    assert_eq!(lines.len(), 9, "{text}");
}

#[test]
fn another_file_can_be_checked_before_it_is_put_in_force() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("new.toml");
    std::fs::write(&file, "[tui]\nmoose = true\n").unwrap();
    let output = hotcell(home.path(), &["config", "check", file.to_str().unwrap(), "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let object: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let mistake = &object["mistakes"][0];
    assert_eq!(mistake["place"], format!("{}:2:1", file.display()));
    assert_eq!(mistake["message"], "unknown key `tui.moose`: did you mean `mouse`? allowed: theme, mouse");
}

#[test]
fn every_layer_has_a_page_and_a_name_that_none_has_is_answered_with_the_nearest() {
    let all = told(&["layers"]);
    assert_eq!(all.lines().filter(|line| !line.starts_with(' ')).count(), 22, "{all}");
    let page = told(&["layers", "pids", "--policy", "paranoid"]);
    for part in ["pids: A limit on processes", "What it does not stop", "fork-bomb.py", "docker: --pids-limit 64"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let home = tempfile::tempdir().unwrap();
    let output = hotcell(home.path(), &["layers", "secomp"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("did you mean `seccomp`?"), "{said}");
}

#[test]
fn completions_know_the_subcommands_of_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(told(&["completions", shell]).contains("doctor"), "{shell}");
    }
}

#[test]
fn the_manual_page_is_roff_that_the_formatter_takes_without_a_warning() {
    let page = told(&["man"]);
    assert!(page.contains(".TH hotcell 1") && page.contains(".SH \"HOTCELL RUN\""), "{page}");
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("hotcell.1");
    std::fs::write(&file, page).unwrap();
    let Ok(formatted) = Command::new("groff").args(["-man", "-Tascii", "-ww", "-z"]).arg(&file).output() else {
        eprintln!("skipped: groff is not installed");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&formatted.stderr), "");
}

#[test]
fn doctor_exits_1_where_no_engine_answers_and_says_how_to_start_one() {
    let home = tempfile::tempdir().unwrap();
    let output = hotcell(home.path(), &["doctor", "--engine", "unix:///nowhere/docker.sock"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("unix:///nowhere/docker.sock") && text.contains("systemctl start docker"), "{text}");
    assert!(text.ends_with("Nothing can run: no engine answers.\n"), "{text}");
}

#[test]
fn doctor_tells_each_engines_layers_as_json() {
    let home = tempfile::tempdir().unwrap();
    let output = hotcell(home.path(), &["doctor", "--format", "json"]);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let engines = report["engines"].as_array().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(report["ready"] != true)));
    if engines.is_empty() {
        eprintln!("skipped: no engine answers here");
    }
    for engine in engines {
        assert_eq!(engine["layers"].as_array().unwrap().len(), 22);
        assert!(
            engine["layers"]
                .as_array()
                .unwrap()
                .iter()
                .all(|layer| layer["available"] == true || layer["detail"].is_string())
        );
        let default = &engine["capabilities"]["default_runtime"];
        let runtimes = engine["runtimes"].as_array().unwrap();
        assert!(runtimes.iter().any(|runtime| runtime["name"] == *default && runtime["default"] == true), "{engine}");
    }
}
