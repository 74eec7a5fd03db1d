//! Builds the shim, a static executable in its own crate, and hands its path
//! to `include_bytes!`.

use std::env;
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
}

fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is set by cargo"))
}
