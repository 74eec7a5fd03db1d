//! From the command to its end: `hotcell run` beside the client's own `run` with the same flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::measure::{Bench, Failure, HOTCELL, IMAGE, median, row, run};

/// Pairs; which of the two goes first alternates.
const PAIRS: usize = 20;

/// Prints the milliseconds of `print(1)`, cold, under the default policy.
pub fn measure(bench: &Bench) -> Result<(), Failure> {
    println!("\ncold start to end of print(1), policy hardened: median of {PAIRS} pairs (least to most)");
    let script = bench.path("one.py");
    fs::write(&script, "print(1)\n")?;
    let profile = profile(bench)?;

    compare("docker", "-H", &bench.docker, &script, &profile)?;
    if let Some(address) = &bench.podman {
        compare("podman", "--url", address, &script, &profile)?;
    } else {
        println!("  podman: not measured, HOTCELL_TEST_PODMAN is not set (scripts/engines.sh up podman)");
    }
    Ok(())
}

/// The default profile in a file, as a client takes it.
pub fn profile(bench: &Bench) -> Result<PathBuf, Failure> {
    let profile = bench.path("python.json");
    fs::write(&profile, run(Command::new(HOTCELL).args(["seccomp", "show", "python", "--format", "json"]))?.stdout)?;
    Ok(profile)
}

/// `docker run` of a script with hotcell's flags.
pub fn docker_run(address: &str, script: &Path, profile: &Path) -> Result<Command, Failure> {
    client_run("docker", "-H", address, script, profile)
}

fn client_run(client: &str, option: &str, address: &str, script: &Path, profile: &Path) -> Result<Command, Failure> {
    let flags = flags(client, profile)?;
    let mut command = Command::new(client);
    command
        .args([option, address, "run"])
        .args(flags)
        .arg("-v")
        .arg(format!("{}:/sandbox/script.py:ro", script.display()));
    command.args([IMAGE, "python3", "/sandbox/script.py"]);
    Ok(command)
}

fn compare(client: &str, option: &str, address: &str, script: &Path, profile: &Path) -> Result<(), Failure> {
    let mut theirs = client_run(client, option, address, script, profile)?;
    let mut ours = Command::new(HOTCELL);
    ours.args(["run", "--engine", address, "--image", IMAGE, "--format", "json"]).arg(script);

    milliseconds(&mut theirs)?;
    milliseconds(&mut ours)?;
    let (mut their_times, mut our_times) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        if pair % 2 == 0 {
            their_times.push(milliseconds(&mut theirs)?);
            our_times.push(milliseconds(&mut ours)?);
        } else {
            our_times.push(milliseconds(&mut ours)?);
            their_times.push(milliseconds(&mut theirs)?);
        }
    }
    let ratios: Vec<f64> = our_times.iter().zip(&their_times).map(|(ours, theirs)| ours / theirs).collect();
    row(&format!("{client} run --rm, the same flags"), &their_times, "ms", "");
    let more = format!(
        "{:.2} times as long; median of the pairs' ratios {:.2}",
        median(&our_times) / median(&their_times),
        median(&ratios)
    );
    row(&format!("hotcell run on {client}"), &our_times, "ms", &more);
    Ok(())
}

fn milliseconds(command: &mut Command) -> Result<f64, Failure> {
    let start = Instant::now();
    run(command)?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// What hotcell itself says are the client's flags for the policy, but for the security modules that this kernel
/// lacks, without which the client would fail and which hotcell leaves out too.
fn flags(client: &str, profile: &Path) -> Result<Vec<String>, Failure> {
    let shown = run(Command::new(HOTCELL).args(["policy", "show", "hardened", "--flags", client]))?.stdout;
    let shown = String::from_utf8(shown)?;
    let start = format!("{client} run ");
    let line =
        shown.lines().find_map(|line| Some(line.split_once(&start)?.1)).ok_or("no command in hotcell policy show")?;
    let modules = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let mut flags = Vec::new();
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with("code-sandbox"));
    while let Some(word) = words.next() {
        if word != "--security-opt" {
            flags.push(word.to_owned());
            continue;
        }
        match words.next().unwrap_or_default() {
            option if option.starts_with("seccomp=") => {
                flags.extend([word.to_owned(), format!("seccomp={}", profile.display())]);
            }
            option if option.starts_with("apparmor=") && !modules.contains("apparmor") => {}
            option if option.starts_with("label=") && !modules.contains("selinux") => {}
            option => flags.extend([word, option].map(str::to_owned)),
        }
    }
    Ok(flags)
}
