//! What this machine's kernel says of processes, control groups and disks. Both the engine that makes cells without a
//! daemon and the supervision of every engine's cells read it here.

pub mod cgroup;
pub mod disk;
pub mod procfs;
