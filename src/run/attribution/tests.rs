use std::path::PathBuf;

use super::*;
use crate::kernel::procfs::{Mount, parse_mounts};
use crate::policy::Landlock;

const MOUNTS: &str = "\
10 1 0:1 / / ro,relatime - overlay overlay rw
11 10 0:2 / /tmp rw,nosuid,nodev,noexec - tmpfs tmpfs rw,size=51200k,mode=1777
12 10 0:3 / /proc rw,nosuid - proc proc rw
13 12 0:3 /sys /proc/sys ro,nosuid - proc proc rw
";

fn mount(point: &str) -> Mount {
    parse_mounts(MOUNTS).into_iter().find(|mount| mount.point == point).unwrap()
}

/// A cell under `hardened`.
fn hardened() -> Facts {
    use Layer::{Caps, Network, NoNewPrivs, Pids, ProcMasks, Rootfs, Seccomp, Tmpfs, Ulimits, User};
    Facts {
        on: [Network, Rootfs, Tmpfs, Pids, Caps, NoNewPrivs, Seccomp, Ulimits, User, Layer::Ipc, ProcMasks].into(),
        mounts: parse_mounts(MOUNTS),
        user: Id { outside: 65534, inside: 65534 },
        groups: vec![65534],
        bounding: 0,
        cut_off: true,
        limits: [("nofile", 64), ("nproc", 32)].into(),
        pids: Some(64),
        no_new_privs: true,
        ..Facts::default()
    }
}

fn without(layer: Layer) -> Facts {
    let mut facts = hardened();
    facts.on.remove(&layer);
    match layer {
        Layer::User => facts.user = Id::default(),
        Layer::Caps => facts.bounding = u64::MAX,
        Layer::NoNewPrivs => facts.no_new_privs = false,
        _ => {}
    }
    facts
}

fn node(mode: u32, uid: u32) -> Node {
    Node { mode, uid, gid: uid }
}

fn place(path: &str, point: &str, file: impl Into<Option<Node>>, directory: impl Into<Option<Node>>) -> Place {
    Place { path: path.to_owned(), mount: Some(mount(point)), file: file.into(), directory: directory.into() }
}

/// A file of root's that is there, in a directory of root's.
fn roots(path: &str, point: &str, mode: u32) -> Place {
    place(path, point, node(mode, 0), node(0o40755, 0))
}

struct Case {
    call: &'static str,
    args: [u64; 6],
    place: Option<Place>,
    errno: i32,
    lacking: Option<Vec<u8>>,
    peer: Peer,
    peer_outside: bool,
    fork_counted: bool,
    record: Option<AuditRecord>,
}

fn case(call: &'static str, args: [u64; 6], place: Option<Place>, errno: i32, lacking: &[u8]) -> Case {
    let (peer, peer_outside, fork_counted) = (Peer::Unknown, false, false);
    let record = None;
    Case { call, args, place, errno, lacking: Some(lacking.to_vec()), peer, peer_outside, fork_counted, record }
}

impl Case {
    fn answer(&self, facts: &Facts) -> Answer {
        let is_file = |want: &Want| matches!(want, Want::File(..) | Want::Open(..));
        let with = |want: Want| (want, self.place.clone().filter(|_| is_file(&want)));
        let wants: Vec<_> = wants(self.call, &self.args).into_iter().map(with).collect();
        let subject = Subject { wants: &wants, peer: &self.peer, peer_outside: self.peer_outside };
        let lacking = self.lacking.as_deref();
        let record = self.record.as_ref();
        attribute(&Failed { subject, errno: self.errno, lacking, fork_counted: self.fork_counted, record }, facts)
    }

    fn by(&self, facts: &Facts) -> By {
        match self.answer(facts) {
            Answer::By(by) => by,
            other => panic!("{}: {other:?}", self.call),
        }
    }

    /// Front, evidence and those behind, under `hardened`.
    #[track_caller]
    fn is(&self, layer: Layer, evidence: &str, behind: &[Layer]) {
        let by = self.by(&hardened());
        assert_eq!((by.layer, by.evidence.as_str(), by.behind.as_slice()), (layer, evidence, behind));
    }
}

const WRITE: u64 = (libc::O_WRONLY | libc::O_CREAT) as u64;

#[test]
fn a_read_only_mount_is_the_layers_that_made_it_so() {
    let new = place("/etc/x", "/", None, node(0o40755, 0));
    let made = case("openat", [0, 0, WRITE, 0, 0, 0], Some(new), libc::EROFS, &[]);
    made.is(Layer::Rootfs, "EROFS: / is mounted read-only", &[Layer::User]);
    let setting = roots("/proc/sys/kernel/hostname", "/proc/sys", 0o100_644);
    let opened = case("openat", [0, 0, WRITE, 0, 0, 0], Some(setting.clone()), libc::EROFS, &[]);
    opened.is(Layer::ProcMasks, "EROFS: /proc/sys is mounted read-only", &[Layer::User]);
    // Its mode is asked for first where nothing is to be made.
    let opened = case("openat", [0, 0, 1, 0, 0, 0], Some(setting), libc::EACCES, &[1]);
    opened.is(Layer::User, "EACCES: it is root's, mode 0644; the user is 65534", &[Layer::ProcMasks]);
    assert!(matches!(made.answer(&without(Layer::Rootfs)), Answer::Unknown(_)));
    // The kernel's settings look at no capability.
    let setting = roots("/proc/sys/kernel/core_pattern", "/proc/sys", 0o100_644);
    let by = case("openat", [0, 0, 1, 0, 0, 0], Some(setting), libc::EACCES, &[]).by(&hardened());
    assert_eq!((by.layer, by.behind), (Layer::User, vec![Layer::ProcMasks]));
}

#[test]
fn a_mode_is_the_users_and_of_a_third_the_capabilities_stand_behind() {
    let shadow = roots("/etc/shadow", "/", 0o100_600);
    case("openat", [0; 6], Some(shadow), libc::EACCES, &[2, 1]).is(
        Layer::User,
        "EACCES: it is root's, mode 0600; the user is 65534",
        &[],
    );
    let home = place("/home/ada/key", "/", node(0o100_600, 1000), node(0o40700, 1000));
    case("openat", [0; 6], Some(home), libc::EACCES, &[2, 1]).is(
        Layer::User,
        "EACCES: it is user 1000's, mode 0600; the user is 65534",
        &[Layer::Caps],
    );
    let environ = roots("/proc/1/environ", "/proc", 0o100_400);
    let by = case("openat", [0; 6], Some(environ), libc::EACCES, &[2, 1]).by(&hardened());
    assert_eq!((by.layer, by.behind), (Layer::User, vec![Layer::Caps]));
    let by = case("openat", [0; 6], None, libc::EACCES, &[19]).by(&hardened());
    assert_eq!((by.layer, by.behind), (Layer::User, vec![Layer::Caps]));
    // Which file it was, could not be read any more.
    let by = case("openat", [0; 6], None, libc::EACCES, &[2, 1]).by(&hardened());
    assert_eq!((by.layer, by.behind), (Layer::User, vec![]));
}

#[test]
fn what_fails_on_any_machine_is_no_layers_doing() {
    let own = place("/tmp/mine", "/tmp", node(0o100_000, 65534), node(0o41777, 0));
    assert_eq!(case("openat", [0; 6], Some(own), libc::EACCES, &[2, 1]).answer(&hardened()), Answer::NoLayer);
    let text = roots("/usr/share/text", "/", 0o100_644);
    assert_eq!(case("execve", [0; 6], Some(text), libc::EACCES, &[1]).answer(&hardened()), Answer::NoLayer);
    assert_eq!(case("setsid", [0; 6], None, libc::EPERM, &[]).answer(&hardened()), Answer::NoLayer);
    assert_eq!(case("connect", [0; 6], None, libc::ECONNREFUSED, &[]).answer(&hardened()), Answer::NoLayer);
    assert_eq!(case("mmap", [0; 6], None, libc::ENOMEM, &[]).answer(&hardened()), Answer::NoLayer);
}

#[test]
fn a_lacking_capability_is_of_the_layer_that_took_it() {
    let raw = [libc::AF_INET as u64, libc::SOCK_RAW as u64, 0, 0, 0, 0];
    let raw = case("socket", raw, None, libc::EPERM, &[13]);
    raw.is(Layer::Caps, "EPERM: CAP_NET_RAW is lacking: no process of the cell may have it", &[Layer::User]);
    assert_eq!(raw.by(&without(Layer::Caps)).layer, Layer::User);
    assert_eq!((raw.by(&without(Layer::User)).layer, raw.by(&without(Layer::User)).behind), (Layer::Caps, vec![]));
    let mounted = case("sethostname", [0; 6], None, libc::EPERM, &[]).by(&hardened());
    assert_eq!((mounted.layer, mounted.behind), (Layer::Caps, vec![Layer::User]));
    let own = place("/tmp/x", "/tmp", node(0o100_644, 65534), node(0o41777, 0));
    let given = case("chown", [0; 6], Some(own), libc::EPERM, &[0]).by(&hardened());
    assert_eq!((given.layer, given.behind), (Layer::Caps, vec![Layer::User]));
    // The kernel looks for one that the call's row does not name.
    let odd = case("ioctl", [0; 6], None, libc::EPERM, &[12]);
    assert!(odd.by(&hardened()).evidence.contains("CAP_NET_ADMIN"));
    assert_eq!(odd.by(&hardened()).behind, [Layer::User]);
    let root = case("setuid", [0; 6], None, libc::EPERM, &[7]).by(&hardened());
    assert_eq!((root.layer, root.behind), (Layer::User, vec![]), "root may without any capability");
    let other = case("setuid", [7, 0, 0, 0, 0, 0], None, libc::EPERM, &[7]).by(&hardened());
    assert_eq!((other.layer, other.behind), (Layer::Caps, vec![Layer::User]));
}

#[test]
fn a_kernel_that_does_not_tell_capabilities_is_believed_its_errno() {
    let mut raw = case("socket", [17, 3, 0, 0, 0, 0], None, libc::EPERM, &[]);
    raw.lacking = None;
    assert_eq!(raw.by(&hardened()).layer, Layer::Caps);
    let mut shadow = case("openat", [0; 6], Some(roots("/etc/shadow", "/", 0o100_600)), libc::EACCES, &[]);
    shadow.lacking = None;
    assert_eq!(shadow.by(&hardened()).layer, Layer::User);
}

#[test]
fn noexec_goes_before_the_mode() {
    let own = place("/tmp/x", "/tmp", node(0o100_755, 65534), node(0o41777, 0));
    case("execve", [0; 6], Some(own.clone()), libc::EACCES, &[]).is(
        Layer::Tmpfs,
        "EACCES: /tmp is mounted noexec",
        &[],
    );
    let code = [0, 0, 5, 2, 3, 0];
    case("mmap", code, Some(own), libc::EPERM, &[]).is(Layer::Tmpfs, "EPERM: /tmp is mounted noexec", &[]);
}

#[test]
fn landlock_is_told_from_the_mode_by_what_the_kernel_looked_for() {
    let open = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
    let rules = Landlock { read_exec: open(&["/usr"]), write: open(&["/tmp"]), tcp: true };
    let facts = Facts { landlock: Some(rules), ..hardened() };
    let passwd = case("openat", [0; 6], Some(roots("/etc/passwd", "/", 0o100_644)), libc::EACCES, &[]);
    let by = passwd.by(&facts);
    assert_eq!(by.layer, Layer::Landlock);
    assert_eq!(by.evidence, "EACCES: no rule of Landlock's opens /etc/passwd to be read");
    let shadow = case("openat", [0; 6], Some(roots("/etc/shadow", "/", 0o100_600)), libc::EACCES, &[2, 1]).by(&facts);
    assert_eq!((shadow.layer, shadow.behind), (Layer::User, vec![Layer::Landlock]));
    let library = case("openat", [0; 6], Some(roots("/usr/lib/x", "/", 0o100_644)), libc::EACCES, &[]);
    assert!(matches!(library.answer(&facts), Answer::Unknown(_)));
    let mut tcp = case("connect", [0; 6], None, libc::EACCES, &[]);
    tcp.peer = Peer::Internet("203.0.113.7:80".parse().unwrap());
    assert_eq!(tcp.by(&facts).layer, Layer::Landlock);
}

#[test]
fn nowhere_to_go_is_the_networks_and_so_is_a_neighbour_who_is_not_there() {
    let evidence = "ENETUNREACH: the cell's network has its own loopback and nothing else";
    let mut far = case("connect", [0; 6], None, libc::ENETUNREACH, &[]);
    far.peer = Peer::Internet("203.0.113.7:80".parse().unwrap());
    far.is(Layer::Network, evidence, &[]);
    let address = "192.0.2.53:53".parse().unwrap();
    far.peer = Peer::NameServer { address, name: None };
    far.is(Layer::Network, &format!("{evidence}; it asks a name server (DNS)"), &[]);
    far.peer = Peer::NameServer { address, name: Some("example.com".to_owned()) };
    far.is(Layer::Network, &format!("{evidence}; it asks a name server (DNS) for example.com"), &[]);
    let connected = Facts { cut_off: false, ..hardened() };
    assert_eq!(far.answer(&connected), Answer::NoLayer);
    let mut near = case("connect", [0; 6], None, libc::ECONNREFUSED, &[]);
    near.peer = Peer::Internet("127.0.0.1:80".parse().unwrap());
    assert_eq!(near.answer(&hardened()), Answer::NoLayer);
    near.peer_outside = true;
    assert_eq!(near.by(&hardened()).layer, Layer::Network);
}

#[test]
fn a_refused_fork_is_of_the_limit_that_counted_it() {
    let mut fork = case("clone", [0; 6], None, libc::EAGAIN, &[]);
    fork.is(Layer::Ulimits, "EAGAIN: RLIMIT_NPROC allows the user 32 processes", &[]);
    fork.fork_counted = true;
    fork.is(Layer::Pids, "EAGAIN: pids.max allows the cell 64 processes and threads", &[]);
    fork.fork_counted = false;
    assert!(matches!(fork.answer(&without(Layer::User)), Answer::Unknown(_)), "root's are not counted");
}

#[test]
fn descriptors_and_sizes_are_limits() {
    case("openat", [0; 6], Some(roots("/etc/passwd", "/", 0o100_644)), libc::EMFILE, &[]).is(
        Layer::Ulimits,
        "EMFILE: RLIMIT_NOFILE allows descriptors below 64",
        &[],
    );
    let full = place("/tmp/x", "/tmp", node(0o100_644, 65534), None);
    let full = case("write", [3, 0, 1, 0, 0, 0], Some(full), libc::ENOSPC, &[]);
    full.is(Layer::Tmpfs, "ENOSPC: /tmp is a tmpfs of 51200k", &[]);
    assert_eq!(full.answer(&without(Layer::Tmpfs)), Answer::NoLayer);
}

#[test]
fn behind_the_filter_stand_those_who_would_refuse_too() {
    let behind = |call: &str, args: [u64; 6], peer: Peer| {
        let wants: Vec<_> = wants(call, &args).into_iter().map(|want| (want, None)).collect();
        behind_the_filter(&Subject { wants: &wants, peer: &peer, peer_outside: false }, &hardened())
    };
    for call in ["mount", "bpf", "perf_event_open", "userfaultfd", "chroot", "syslog", "reboot", "adjtimex", "setns"] {
        assert_eq!(behind(call, [0; 6], Peer::Unknown), [Layer::Caps, Layer::User], "{call}");
    }
    for call in ["keyctl", "ptrace", "personality", "io_uring_setup", "memfd_create", "bind"] {
        assert_eq!(behind(call, [0; 6], Peer::Unknown), [], "{call}");
    }
    let far = Peer::Internet("203.0.113.7:80".parse().unwrap());
    assert_eq!(behind("connect", [0; 6], far), [Layer::Network]);
    let near = Peer::Internet("127.0.0.1:80".parse().unwrap());
    assert_eq!(behind("connect", [0; 6], near), [], "the cell has a loopback of its own");
    assert_eq!(behind("connect", [0; 6], Peer::Other), []);
    assert_eq!(behind("setuid", [0; 6], Peer::Unknown), [Layer::User]);
    assert_eq!(behind("shmget", [0; 6], Peer::Unknown), [Layer::Ipc]);
    assert_eq!(behind("unshare", [libc::CLONE_NEWUSER as u64, 0, 0, 0, 0, 0], Peer::Unknown), []);
}

#[test]
fn a_set_user_id_program_that_lends_nothing_is_told_by_what_keeps_it() {
    let program = roots("/usr/bin/su", "/", 0o104_755);
    let by = kept_from_rights(&program, &hardened()).unwrap();
    assert_eq!((by.layer, by.behind), (Layer::NoNewPrivs, vec![Layer::Seccomp]));
    assert_eq!(by.evidence, "it is set-user-id root, and ran as user 65534: no_new_privs is set");
    // The filter of an ordinary user brings it along.
    let brought = Facts { no_new_privs: true, ..without(Layer::NoNewPrivs) };
    assert_eq!(kept_from_rights(&program, &brought).unwrap().layer, Layer::Seccomp);
    assert_eq!(kept_from_rights(&program, &without(Layer::NoNewPrivs)), None);
    assert_eq!(kept_from_rights(&roots("/usr/bin/ls", "/", 0o100_755), &hardened()), None);
}

#[test]
fn an_attempt_is_called_one() {
    let wants =
        vec![(Want::File(PathAt { directory: None, path: 0 }, Use::Make), Some(roots("/etc/x", "/", 0o100_644)))];
    let subject = Subject { wants: &wants, peer: &Peer::Unknown, peer_outside: false };
    let by = expected(&subject, &hardened()).unwrap();
    assert!(by.evidence.starts_with("an attempt, whose outcome was not seen: "), "{}", by.evidence);
    let own = place("/tmp/x", "/tmp", node(0o100_644, 65534), node(0o41777, 0));
    let wants = vec![(Want::File(PathAt { directory: None, path: 0 }, Use::Make), Some(own))];
    assert_eq!(expected(&Subject { wants: &wants, peer: &Peer::Unknown, peer_outside: false }, &hardened()), None);
}

#[test]
fn the_kernels_filter_names_every_errno_and_the_calls_of_which_again_is_a_refusal() {
    let ends = ends(|call| (call == "clone" || call == "execve").then_some(if call == "clone" { 56 } else { 59 }));
    let text = ends.prompt;
    assert!(ends.patient == "ret == -1" && !text.contains("ret == -1 "), "{text}");
    for part in ["ret == -13", "ret == -30", "(ret == -11 && id == 56)", "(ret == 0 && id == 59)"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

fn confined(records: Result<(), String>) -> Facts {
    let (layer, label) = (Layer::Apparmor, "hotcell-python (enforce)".to_owned());
    let mut facts = Facts { module: Some(Module { layer, label, records }), ..hardened() };
    facts.on.insert(layer);
    facts
}

#[test]
fn without_its_record_a_security_module_is_a_guess_and_why_is_said() {
    let passwd = case("openat", [0; 6], Some(roots("/etc/passwd", "/", 0o100_644)), libc::EACCES, &[]);
    for (records, why) in [
        (Ok(()), "it told of nothing, but not every rule tells, and a flood loses records"),
        (Err("its audit records cannot be read".to_owned()), "its audit records cannot be read"),
    ] {
        let Answer::Unknown(known) = passwd.answer(&confined(records)) else { panic!() };
        assert_eq!(known, format!("EACCES: perhaps AppArmor, which enforces hotcell-python (enforce): {why}"));
    }
}

#[test]
fn a_record_names_the_security_module_and_the_others_stand_behind() {
    let text =
        br#"audit(1.000:1): apparmor="DENIED" operation="mount" profile="hotcell-python" name="/mnt/" pid=7 comm="c""#;
    let record = AuditRecord::parse(text);
    // The kernel asks the module before it looks for the capability.
    let mount = case("mount", [0; 6], None, libc::EACCES, &[]);
    let mount = Case { lacking: None, ..mount };
    assert_eq!(mount.by(&confined(Ok(()))).layer, Layer::Caps);
    let by = Case { record, ..mount }.by(&confined(Ok(())));
    assert_eq!((by.layer, by.behind), (Layer::Apparmor, vec![Layer::Caps, Layer::User]));
    assert_eq!(by.evidence, "EACCES: AppArmor's record: profile hotcell-python, mount, name /mnt/");
}
