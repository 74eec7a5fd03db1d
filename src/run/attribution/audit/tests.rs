use proptest::prelude::*;

use super::*;
use crate::run::attribution::wants as wants_of;

// Of Debian 13 (Linux 6.12) and its AppArmor, under profiles/apparmor/hotcell-python.
const PASSWD: &str = r#"audit(1795298338.531:105): apparmor="DENIED" operation="open" class="file" profile="hotcell-python" name="/etc/passwd" pid=492 comm="python3" requested_mask="r" denied_mask="r" fsuid=0 ouid=0"#;
const WEIRD: &str = r#"audit(1795298338.539:106): apparmor="DENIED" operation="mknod" class="file" profile="hotcell-python" name=2F6574632F7061737377640A2278 pid=492 comm="python3" requested_mask="c" denied_mask="c" fsuid=0 ouid=0"#;
const DIRECTORY: &str = r#"audit(1795298338.547:107): apparmor="DENIED" operation="mkdir" class="file" profile="hotcell-python" name=2F6574632F776974682073706163652F pid=492 comm="python3" requested_mask="c" denied_mask="c" fsuid=0 ouid=0"#;
const SOCKET: &str = r#"audit(1795298338.547:108): apparmor="DENIED" operation="create" class="net" profile="hotcell-python" pid=492 comm="python3" family="inet" sock_type="stream" protocol=0 requested_mask="create" denied_mask="create""#;
const MOUNT: &str = r#"audit(1795298338.563:111): apparmor="DENIED" operation="mount" class="mount" info="failed mntpnt match" error=-13 profile="hotcell-python" name="/mnt/" pid=492 comm="python3" fstype="tmpfs" srcname="none""#;
const CAPABILITY: &str = r#"audit(1795298338.571:113): apparmor="DENIED" operation="capable" class="cap" profile="hotcell-python" pid=492 comm="python3" capability=0  capname="chown""#;
const SIGNAL: &str = r#"audit(1795298338.571:115): apparmor="DENIED" operation="signal" class="signal" profile="hotcell-python" pid=492 comm="python3" requested_mask="send" denied_mask="send" signal=exists peer="unconfined""#;

// github.com/containers/container-selinux, issue 169.
const BUSYBOX: &str = r#"audit(1644242078.478:707): avc:  denied  { read } for  pid=3831 comm="date" path="/bin/busybox" dev="vda1" ino=265811 scontext=system_u:system_r:container_t:s0:c196,c287 tcontext=unconfined_u:object_r:var_lib_t:s0 tclass=file permissive=0"#;
// github.com/vllm-project/vllm, issue 12734.
const BY_NAME: &str = r#"audit(1738680634.377:686): avc:  denied  { read } for  pid=16835 comm="pip" name="requirements-build.txt" dev="vda4" ino=144775105 scontext=system_u:system_r:container_t:s0:c377,c666 tcontext=system_u:object_r:container_var_run_t:s0 tclass=file permissive=0"#;
// github.com/containers/container-selinux, issue 282.
const PERMISSIVE: &str = r#"audit(1703766251.702:242): avc:  denied  { open } for  pid=1227 comm="systemd" path="/proc/cmdline" dev="proc" ino=4026532019 scontext=container_u:container_user_r:container_user_t:s0-s0:c0.c1023 tcontext=system_u:object_r:proc_t:s0 tclass=file permissive=1"#;
// github.com/cri-o/cri-o, issue 452.
const CREATE: &str = r#"audit(1492493874.799:800): avc:  denied  { create } for  pid=5730 comm="redis-server" scontext=system_u:system_r:container_t:s0:c373,c512 tcontext=system_u:system_r:container_t:s0:c373,c512 tclass=tcp_socket permissive=0"#;
// github.com/moby/moby, issue 39861.
const NET_RAW: &str = r#"audit(1567521516.679:298): avc:  denied  { net_raw } for  pid=8095 comm="iptables" capability=13  scontext=system_u:system_r:iptables_t:s0 tcontext=system_u:system_r:iptables_t:s0 tclass=cap_userns permissive=0"#;
// Red Hat Enterprise Linux 6, Security-Enhanced Linux, 8.3.6: of a kernel that does not say `permissive`.
const OLD: &str = r#"audit(1226874073.147:96): avc:  denied  { getattr } for  pid=2465 comm="httpd" path="/var/www/html/file1" dev=dm-0 ino=284133 scontext=unconfined_u:system_r:httpd_t:s0 tcontext=unconfined_u:object_r:samba_share_t:s0 tclass=file"#;

fn record(text: &str) -> AuditRecord {
    AuditRecord::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
}

/// How a record fits a call that failed so, whose file is this.
fn fit(text: &str, call: &str, errno: i32, path: Option<&str>) -> Fit {
    let is_file = |want: &Want| matches!(want, Want::File(..) | Want::Open(..));
    let place = path.map(|path| Place { path: path.to_owned(), ..Place::default() });
    let with = |want: Want| (want, place.clone().filter(|_| is_file(&want)));
    let wants: Vec<_> = wants_of(call, &[0; 6]).into_iter().map(with).collect();
    record(text).fit(call, errno, &wants)
}

#[test]
fn a_record_tells_the_module_the_process_the_time_and_what_was_refused() {
    let told = record(PASSWD);
    assert_eq!((told.layer, told.pid, told.at), (Layer::Apparmor, 492, Duration::from_millis(1_795_298_338_531)));
    let expected = [
        (PASSWD, "AppArmor's record: profile hotcell-python, open, name /etc/passwd, denied r"),
        (WEIRD, "AppArmor's record: profile hotcell-python, mknod, name /etc/passwd\\n\"x, denied c"),
        (SOCKET, "AppArmor's record: profile hotcell-python, create, family inet, type stream, denied create"),
        (MOUNT, "AppArmor's record: profile hotcell-python, mount, name /mnt/"),
        (CAPABILITY, "AppArmor's record: profile hotcell-python, capable, capability chown"),
        (SIGNAL, "AppArmor's record: profile hotcell-python, signal, signal exists, peer unconfined, denied send"),
        (
            BUSYBOX,
            "SELinux's record: denied read, /bin/busybox, class file, from system_u:system_r:container_t:s0:c196,c287, \
             to unconfined_u:object_r:var_lib_t:s0",
        ),
        (
            NET_RAW,
            "SELinux's record: denied net_raw, CAP_NET_RAW, class cap_userns, from system_u:system_r:iptables_t:s0, to \
             system_u:system_r:iptables_t:s0",
        ),
    ];
    for (text, told) in expected {
        assert_eq!(record(text).to_string(), told);
    }
    assert_eq!((record(OLD).layer, record(OLD).pid), (Layer::Selinux, 2465));
}

#[test]
fn what_only_warns_is_no_refusal() {
    for word in ["ALLOWED", "AUDIT", "STATUS", "HINT"] {
        assert_eq!(AuditRecord::parse(PASSWD.replace("DENIED", word).as_bytes()), None, "{word}");
    }
    assert_eq!(AuditRecord::parse(PERMISSIVE.as_bytes()), None);
    assert_eq!(AuditRecord::parse(BUSYBOX.replace("denied", "granted").as_bytes()), None);
    let forged = r#"audit(1.000:1): apparmor="STATUS" pid=1 comm="x" name="apparmor=DENIED operation=open""#;
    assert_eq!(AuditRecord::parse(forged.as_bytes()), None);
}

#[test]
fn a_record_fits_the_call_that_asks_for_what_it_tells_and_no_other() {
    const NO: i32 = libc::EACCES;
    let pass_over = CAPABILITY.replace("capability=0", "capability=1");
    for (text, call, errno, path, expected) in [
        (PASSWD, "openat", NO, Some("/etc/passwd"), Fit::Exact),
        (PASSWD, "openat", libc::EPERM, Some("/etc/passwd"), Fit::No),
        (PASSWD, "openat", NO, Some("/etc/group"), Fit::No),
        (PASSWD, "openat", NO, None, Fit::Kind),
        (PASSWD, "chmod", NO, Some("/etc/passwd"), Fit::No),
        (PASSWD, "connect", NO, None, Fit::No),
        (PASSWD, "getpid", NO, None, Fit::No),
        (DIRECTORY, "mkdir", NO, Some("/etc/with space"), Fit::Exact),
        (SOCKET, "socket", NO, None, Fit::Exact),
        (SOCKET, "openat", NO, Some("/x"), Fit::No),
        (MOUNT, "mount", NO, None, Fit::Exact),
        (MOUNT, "mount", libc::EPERM, None, Fit::No),
        (CAPABILITY, "chown", libc::EPERM, Some("/tmp/x"), Fit::Exact),
        (CAPABILITY, "openat", NO, Some("/tmp/x"), Fit::No),
        (CAPABILITY, "sethostname", libc::EPERM, None, Fit::No),
        (&pass_over, "openat", NO, Some("/root/x"), Fit::Kind),
        (SIGNAL, "kill", NO, None, Fit::Exact),
        (BUSYBOX, "execve", NO, Some("/bin/busybox"), Fit::Exact),
        (BUSYBOX, "chmod", NO, Some("/bin/busybox"), Fit::No),
        (BY_NAME, "openat", NO, Some("/src/requirements-build.txt"), Fit::Exact),
        (BY_NAME, "openat", NO, Some("/src/requirements.txt"), Fit::No),
        (CREATE, "socket", NO, None, Fit::Exact),
        (NET_RAW, "sethostname", libc::EPERM, None, Fit::No),
    ] {
        assert_eq!(fit(text, call, errno, path), expected, "{call} {errno} {path:?}: {text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_at_all_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        AuditRecord::parse(&bytes);
    }

    #[test]
    fn nor_do_records_that_are_cut_and_patched(
        which in 0..4_usize, at in 0..400_usize, piece in "[ -~é\"={}:()]{0,12}", cut in 0..40_usize,
    ) {
        let mut text = [PASSWD, CAPABILITY, BUSYBOX, NET_RAW][which].to_owned();
        let at = at.min(text.len());
        text.replace_range(at..(at + cut).min(text.len()), &piece);
        if let Some(record) = AuditRecord::parse(text.as_bytes()) {
            let told = record.to_string();
            prop_assert!(!told.contains(char::is_control), "{told:?}");
        }
    }
}
