//! What only the embedded engine has to prove.

use super::*;

/// Control groups of this name, in whatever hierarchy.
fn groups(cell: &CellName) -> Vec<PathBuf> {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").unwrap().map(|entry| entry.unwrap().path());
    let all = hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]).map(|root| root.join("hotcell").join(&cell.0));
    all.filter(|group| group.exists()).collect()
}

pub async fn a_cell_leaves_no_group_no_mount_and_no_directory(kind: EngineKind) {
    let engine = engine(kind).await;
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let spec = hardened(kind, "import time; time.sleep(60)");
    engine.create(&spec).await.unwrap();
    engine.start(&spec.name).await.unwrap();
    assert!(!groups(&spec.name).is_empty());
    assert!(!mounts().contains(&spec.name.0), "nothing of it is ever mounted on this machine: {}", mounts());
    let used = engine.usage(&spec.name).await.unwrap();
    assert!(used.memory.unwrap().0 > 0 && used.pids.unwrap() >= 1, "{used:?}");
    // Another hotcell, such as a reaper, needs nothing but the address.
    let program = Path::new(env!("CARGO_BIN_EXE_hotcell"));
    let other = EmbeddedEngine::with_program(&endpoint(kind), Store::nowhere(), program).unwrap();
    assert!(other.inspect(&spec.name).await.unwrap().running);
    other.remove(&spec.name).await.unwrap();
    assert_eq!(groups(&spec.name), [] as [PathBuf; 0]);
    assert!(!Path::new(&address(kind)).join(&spec.name.0).exists());
    assert!(matches!(engine.inspect(&spec.name).await, Err(EngineError::CellGone { .. })));
}

pub async fn another_process_removes_a_cell_that_is_being_made(kind: EngineKind) {
    let (engine, other) = (engine(kind).await, engine(kind).await);
    for pause in [0, 1, 2, 4, 6, 8, 10, 14, 20] {
        let spec = hardened(kind, "import time; time.sleep(60)");
        engine.create(&spec).await.unwrap();
        let (started, removed) = tokio::join!(engine.start(&spec.name), async {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            other.remove(&spec.name).await
        });
        removed.unwrap_or_else(|error| panic!("after {pause} ms, start {started:?}: {error}"));
        // What was under way has had its time.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(groups(&spec.name), [] as [PathBuf; 0], "after {pause} ms, start {started:?}");
        assert!(matches!(engine.inspect(&spec.name).await, Err(EngineError::CellGone { .. })));
        let named = |entry: std::fs::DirEntry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&spec.name.0)
        };
        assert!(!std::fs::read_dir("/proc").unwrap().flatten().any(named), "after {pause} ms: a monitor is left");
    }
}

/// A cell whose command leads back to the program that made it must not be able to change that (CVE-2019-5736).
pub async fn no_cell_can_write_to_the_program_that_made_it(kind: EngineKind) {
    let engine = engine(kind).await;
    let mut spec = bare(kind, "");
    // hotcell as a reaper, which waits for the end of its input.
    spec.command = ["/proc/self/exe", "__reap", "docker", "none", "none", "/none"].map(str::to_owned).to_vec();
    engine.create(&spec).await.unwrap();
    let attached = engine.attach(&spec.name).await.unwrap();
    engine.start(&spec.name).await.unwrap();
    let pid = engine.inspect(&spec.name).await.unwrap().pid.unwrap();
    let own = rustix::fs::stat(env!("CARGO_BIN_EXE_hotcell")).unwrap();
    let path = format!("/proc/{pid}/exe");
    let seen = rustix::fs::stat(&path).unwrap();
    assert_eq!((seen.st_dev, seen.st_ino), (own.st_dev, own.st_ino), "process 1 is this very program");
    let flags = rustix::fs::statvfs(&path).unwrap().f_flag;
    drop(attached);
    engine.remove(&spec.name).await.unwrap();
    assert!(flags.contains(rustix::fs::StatVfsMountFlags::RDONLY), "it is seen through a read-only mount: {flags:?}");
}
