//! The embedded engine beside what else runs a program apart from the machine without a daemon, and beside docker.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hotcell::engine::embedded::{EmbeddedEngine, HOST_IMAGE, endpoint};
use hotcell::engine::{Capabilities, Engine};
use hotcell::image::store::Store;
use hotcell::plan::{CellPlan, Filter, Request, Watch};
use hotcell::policy::Policy;
use hotcell::run::{EventKind, RunEvent};
use hotcell::seccomp::{Arch, Host, Profile, compile, shipped};
use hotcell::specimen::{DEFAULT_CAP, LanguageTable, Specimen};
use hotcell::supervise::{Cell, Control, Owner, Site, Stdin, kernel};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::measure::{Bench, Failure, HOTCELL, figures, median, row, run};
use crate::start::{docker_run, profile};

/// Rounds; in each, every rival has its turn.
const ROUNDS: usize = 20;

/// Before each turn: what the one before left to do behind its end, such as a daemon's tidying, is over then.
const REST: Duration = Duration::from_millis(200);

/// The rivals that there is an aim for.
const BUBBLEWRAP: &str = "bubblewrap, namespaces alone";
const RUNC: &str = "runc run, a bundle";

/// The interpreter, and what it runs.
const PYTHON: [&str; 3] = ["/usr/bin/python3", "-c", "print(1)"];

/// Prints the milliseconds of `python3 -c 'print(1)'`, cold and from a warm cell.
pub fn measure(bench: &Bench) -> Result<(), Failure> {
    println!(
        "\npython3 -c 'print(1)' without a daemon, every layer of hardened on: median of {ROUNDS} (least to most)"
    );
    let script = bench.path("one.py");
    fs::write(&script, "print(1)\n")?;
    let mut rivals =
        vec![Rival::timed("bare", bare()), Rival::timed(BUBBLEWRAP, bubblewrap()), Rival::timed(RUNC, runc(bench)?)];
    let mut docker = docker_run(&bench.docker, &script, &profile(bench)?)?;
    match run(&mut docker) {
        Ok(_) => rivals.push(Rival::timed("docker run --rm", docker)),
        Err(why) => println!("  docker: not measured: {}", why.to_string().lines().last().unwrap_or_default()),
    }
    match sandlock() {
        Some(command) => rivals.push(Rival { name: "sandlock, from within Python", command, tells: true }),
        None => println!("  sandlock: not measured, there is none (pip install sandlock)"),
    }
    let mut ours = Command::new(HOTCELL);
    ours.args(["run", "--engine", "embedded", "--format", "json"]).arg(&script);
    rivals.push(Rival::timed("hotcell run --engine embedded", ours));
    cold(rivals)?;
    warm(bench)
}

/// What is timed.
struct Rival {
    name: &'static str,
    command: Command,
    /// It prints the milliseconds itself.
    tells: bool,
}

impl Rival {
    fn timed(name: &'static str, command: Command) -> Self {
        Self { name, command, tells: false }
    }

    fn milliseconds(&mut self) -> Result<f64, Failure> {
        let start = Instant::now();
        let output = run(&mut self.command)?;
        let took = start.elapsed().as_secs_f64() * 1e3;
        if self.tells { figures(&output.stdout)?.pop().ok_or_else(|| "it told nothing".into()) } else { Ok(took) }
    }
}

fn cold(mut rivals: Vec<Rival>) -> Result<(), Failure> {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); rivals.len()];
    for round in 0..=ROUNDS {
        for (rival, times) in rivals.iter_mut().zip(&mut times) {
            thread::sleep(REST);
            let took = rival.milliseconds()?;
            // The first round fills the caches.
            if round > 0 {
                times.push(took);
            }
        }
    }
    let ours = median(times.last().map_or(&[], Vec::as_slice));
    for (rival, times) in rivals.iter().zip(&times) {
        let aim = match rival.name {
            BUBBLEWRAP => " (aim: 1.3)",
            RUNC => " (aim: 0.7)",
            _ => "",
        };
        row(rival.name, times, "ms", &format!("hotcell takes {:.2} of it{aim}", ours / median(times)));
    }
    Ok(())
}

fn bare() -> Command {
    let mut command = Command::new(PYTHON[0]);
    command.args(&PYTHON[1..]);
    command
}

fn bubblewrap() -> Command {
    let mut command = Command::new("bwrap");
    command.args(["--unshare-all", "--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    for (to, from) in links() {
        command.args(["--symlink", &to, &format!("/{from}")]);
    }
    command.args(PYTHON);
    command
}

/// The links of a merged-/usr system.
fn links() -> Vec<(String, &'static str)> {
    let link = |name: &'static str| Some((fs::read_link(Path::new("/").join(name)).ok()?.to_str()?.to_owned(), name));
    ["bin", "lib", "lib64"].into_iter().filter_map(link).collect()
}

/// `runc run` on a bundle of its own making, with this machine's `/usr`.
fn runc(bench: &Bench) -> Result<Command, Failure> {
    let bundle = bench.path("bundle");
    fs::create_dir_all(bundle.join("rootfs/usr"))?;
    for (to, from) in links() {
        std::os::unix::fs::symlink(to, bundle.join("rootfs").join(from))?;
    }
    run(Command::new("runc").arg("spec").current_dir(&bundle))?;
    let path = bundle.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path)?)?;
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] = json!(PYTHON);
    let usr = json!({ "destination": "/usr", "type": "none", "source": "/usr", "options": ["rbind", "ro"] });
    config["mounts"].as_array_mut().ok_or("runc spec has no mounts")?.push(usr);
    fs::write(path, config.to_string())?;
    let mut command = Command::new("runc");
    command.arg("run").arg("--bundle").arg(bundle).arg(format!("hotcell-bench-{}", std::process::id()));
    Ok(command)
}

/// A library for Python, asked to time its own run.
const SANDLOCK: &str = "import os, time, sandlock
box = sandlock.Sandbox(fs_readable=['/usr', '/lib', '/lib64', '/bin', '/etc'])
start = time.perf_counter()
result = box.run(['/usr/bin/python3', '-c', 'print(1)'])
took = (time.perf_counter() - start) * 1e3
assert result.success
os.write(1, b' %f ' % took)";

fn sandlock() -> Option<Command> {
    let mut command = Command::new("python3");
    command.args(["-c", SANDLOCK]);
    run(&mut command).ok()?;
    Some(command)
}

/// From the order to run until the first byte of output, in a cell that waits, beside the interpreter alone.
fn warm(bench: &Bench) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let run_dir = bench.path("run");
    fs::create_dir(&run_dir)?;
    let (mut cells, mut alone) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (cell, bare) = (runtime.block_on(first_byte(run_dir.clone()))?, first_byte_alone()?);
        if round > 0 {
            cells.push(cell);
            alone.push(bare);
        }
    }
    row("bare, to its first byte", &alone, "ms", "");
    let more = format!("{:+.1} ms over bare (aim: 5)", median(&cells) - median(&alone));
    row("warm embedded cell, to its first byte", &cells, "ms", &more);
    Ok(())
}

fn first_byte_alone() -> Result<f64, Failure> {
    let start = Instant::now();
    let mut child = bare().stdout(Stdio::piped()).spawn()?;
    let mut byte = [0];
    let mut pipe = child.stdout.take().ok_or("no pipe")?;
    pipe.read_exact(&mut byte)?;
    let time = start.elapsed().as_secs_f64() * 1e3;
    pipe.read_to_end(&mut Vec::new())?;
    child.wait()?;
    Ok(time)
}

async fn first_byte(run_dir: PathBuf) -> Result<f64, Failure> {
    let engine = EmbeddedEngine::with_program(&endpoint(&run_dir, "bench"), Store::nowhere(), Path::new(HOTCELL))?;
    let capabilities = engine.capabilities().await?;
    let specimen =
        Specimen::from_bytes("one.py", b"print(1)\n".to_vec(), &LanguageTable::default(), None, DEFAULT_CAP)?;
    let site = Site {
        engine: Arc::new(engine),
        engine_version: capabilities.version.clone(),
        run_dir,
        owner: Owner::this_process()?,
        program: HOTCELL.into(),
    };
    let cell = Cell::make(site, plan(&capabilities)?, &specimen).await?;
    let (events, mut told) = mpsc::channel::<RunEvent>(4096);
    let (_reviewer, control) = watch::channel(Control::Go);
    let start = Instant::now();
    let telling = async {
        let mut first = None;
        while let Some(event) = told.recv().await {
            if matches!(event.kind, EventKind::Output { .. }) {
                first.get_or_insert_with(|| start.elapsed());
            }
        }
        first
    };
    let (outcome, first) = tokio::join!(cell.run(&specimen, Stdin::Empty, events, control), telling);
    let first = first.ok_or_else(|| format!("it printed nothing: {outcome}"))?;
    Ok(first.as_secs_f64() * 1e3)
}

/// The policy `hardened` with its profile, as asked for of this machine.
fn plan(capabilities: &Capabilities) -> Result<CellPlan, Failure> {
    let policy = Policy::shipped("hardened").ok_or("no policy hardened")?;
    let (_, text) = shipped().iter().find(|(name, _)| *name == "python").ok_or("no profile python")?;
    let profile = Profile::parse("python", text, &Host::here(BTreeSet::new())?)?;
    let program = compile(&profile, Arch::native())?;
    let filter = Some(Filter { profile, program });
    let image = HOST_IMAGE.to_owned();
    let request = Request { policy, filter, watch: Watch::Refusals, image, native: false, host_env: BTreeMap::new() };
    Ok(CellPlan::new(request, capabilities, &kernel()))
}
