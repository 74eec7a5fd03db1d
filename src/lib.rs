//! hotcell runs untrusted code where you can watch it.
//!
//! ```text
//! cli ─► tui, drill ─► supervise ─► engine ─► plan ─► policy, seccomp, specimen ─► run
//! ```
//!
//! | module | what it is | pure |
//! | --- | --- | --- |
//! | [`specimen`] | the untrusted code: bytes, name, language, digest, hidden characters | yes |
//! | [`policy`] | layers, their settings, policy files, equivalent engine flags | yes |
//! | [`seccomp`] | profiles, their compilation to BPF, argument decoding | yes |
//! | [`plan`] | specimen + policy + what the engine can do → the cell to ask for | yes |
//! | [`run`] | the events of a run and what they add up to | yes |
//! | [`kernel`] | what this machine's kernel says of processes and control groups | no |
//! | [`engine`] | what makes cells; `docker` is the sole user of bollard, `embedded` of libcontainer | no |
//! | [`supervise`] | shim socket, seccomp listener, sampling, verification, removal | no |
//! | [`image`] | the sandbox image, the store of images, registries | no |
//! | [`files`] | files of the user's, read and written with care | no |
//! | [`config`] | file + environment + arguments → validated settings | no |
//! | [`profile`] | seccomp profiles by name or path, compiled for this machine | no |
//! | [`drill`] | the corpus of probes, the drill, the matrix, the lessons: which layer holds what | all but its `cells`, `drilling`, `filling` and `scene` |
//! | [`spare`] | this process forked early, to become monitors and reapers | no |
//! | [`tui`] | the workbench: state, update, panes | its `update` and views |
//! | [`cli`] | one file a subcommand | no |
//!
//! The trust boundary: everything a specimen or its cell sends (output, memory
//! read at a denial, process names, attach frames, the shim's packets) is
//! hostile. It is bounded where it enters and made visible by [`text`] where
//! it is shown. `docs/THREAT_MODEL.md` says what is and what is not a boundary.

pub mod cli;
pub mod config;
pub mod diagnose;
pub mod drill;
pub mod engine;
pub mod files;
pub mod image;
pub mod kernel;
pub mod plan;
pub mod policy;
pub mod profile;
pub mod run;
pub mod seccomp;
pub mod spare;
pub mod specimen;
pub mod supervise;
pub mod text;
pub mod tui;
