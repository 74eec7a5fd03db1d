//! Builds the shim, a static executable in its own crate, and hands its path
//! to `include_bytes!`; and lists the corpus of probes for `include_str!`.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let out = PathBuf::from(required("OUT_DIR"));
    let target = required("TARGET");
    let manifest = Path::new(&required("CARGO_MANIFEST_DIR")).join("shim/Cargo.toml");
    for watched in ["build.rs", "shim/src", "shim/Cargo.toml", "shim/Cargo.lock", "shim/build.rs"] {
        println!("cargo::rerun-if-changed={watched}");
    }

    let mut cargo = Command::new(required("CARGO"));
    cargo
        .args(["build", "--release", "--locked", "--bin", "hotcell-shim"])
        .args(["--target", &target])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(out.join("shim"))
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static\x1f-Crelocation-model=static");
    // What wraps or instruments this build (clippy, coverage) is not meant for the shim.
    for inherited in ["RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "RUSTFLAGS", "RUSTC", "CARGO_TARGET_DIR"] {
        cargo.env_remove(inherited);
    }
    let status = cargo.status().expect("cargo, which runs this script, can be run");
    assert!(
        status.success(),
        "the shim did not build; a static C library is needed (Debian: apt-get install libc6-dev gcc)"
    );

    let shim = out.join("shim").join(&target).join("release/hotcell-shim");
    println!("cargo::rustc-env=HOTCELL_SHIM={}", shim.display());
    list_corpus(&Path::new(&required("CARGO_MANIFEST_DIR")).join("fixtures"), &out.join("corpus.rs"));
}

/// Writes the files of the corpus, by name, as a constant: each name and its text.
fn list_corpus(corpus: &Path, list: &Path) {
    println!("cargo::rerun-if-changed={}", corpus.display());
    let entries = fs::read_dir(corpus).expect("fixtures/ is a part of the source");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("fixtures/ can be read").path()).collect();
    files.sort();
    let mut code =
        String::from("/// Every file of the corpus: its name and its text.\nconst FILES: &[(&str, &str)] = &[\n");
    for file in files.iter().filter(|file| file.file_name().is_some_and(|name| name != "README.md")) {
        let name = file.file_name().unwrap_or_default().display();
        writeln!(code, "    ({:?}, include_str!({:?})),", name.to_string(), file.display().to_string())
            .expect("a string takes all");
    }
    fs::write(list, code + "];\n").expect("cargo's directory for output can be written");
}

fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is set by cargo"))
}
