//! Calls that change or inspect the kernel: modules, bpf, keys, seccomp, Landlock,
//! `io_uring`, perf, reboot.

use super::super::kind::Kind::{
    self, Data, Flags, Hex, Id, Int, Long, Named, Operation, Pointer, Size, SizedStruct, Str, Struct, Uint,
};
use super::super::kind::{Operations, Row};
use super::super::names::kernel::{
    BPF, IO_URING_ENTER, IO_URING_REGISTER, KEXEC, KEXEC_FILE, KEYCTL, KEYS, LANDLOCK_CREATE, LANDLOCK_RULES, MODULE,
    MODULE_DELETE, PERF_FLAGS, REBOOT, REBOOT_MAGIC, REBOOT_MAGIC2, SECCOMP, SECCOMP_FLAGS, SYSLOG, USERFAULTFD,
};
use super::layouts::{
    BPF_MAP, BPF_OBJECT, BPF_PROGRAM, FILTER, IO_URING_PARAMS, LANDLOCK_PATH, LANDLOCK_PORT, LANDLOCK_RULESET,
    PERF_ATTR,
};

const KEY: Kind = Named(KEYS);

/// By the order of linux/keyctl.h; what is not here shows hexadecimal arguments.
static KEY_CONTROL: Operations = Operations {
    names: &KEYCTL,
    arguments: &[
        (0, &[KEY, Int]),
        (1, &[Str]),
        (2, &[KEY, Data(3), Size]),
        (3, &[KEY]),
        (4, &[KEY, Id, Id]),
        (5, &[KEY, Hex]),
        (6, &[KEY, Pointer, Size]),
        (7, &[KEY]),
        (8, &[KEY, KEY]),
        (9, &[KEY, KEY]),
        (10, &[KEY, Str, Str, KEY]),
        (11, &[KEY, Pointer, Size]),
        (12, &[KEY, Data(3), Size, KEY]),
        (13, &[KEY, Uint, KEY]),
        (14, &[Int]),
        (15, &[KEY, Uint]),
        (16, &[KEY]),
        (17, &[KEY, Pointer, Size]),
        (18, &[]),
        (21, &[KEY]),
        (22, &[Id, KEY]),
        (29, &[KEY, Str, Str]),
        (30, &[KEY, KEY, KEY, Hex]),
    ],
};

/// By the order of `enum bpf_cmd` (linux/bpf.h).
static BPF_COMMAND: Operations = Operations {
    names: &BPF,
    arguments: &[
        (0, &[SizedStruct(&BPF_MAP, 2), Uint]),
        (5, &[SizedStruct(&BPF_PROGRAM, 2), Uint]),
        (6, &[SizedStruct(&BPF_OBJECT, 2), Uint]),
        (7, &[SizedStruct(&BPF_OBJECT, 2), Uint]),
    ],
};

static SECCOMP_OPERATION: Operations =
    Operations { names: &SECCOMP, arguments: &[(0, &[Hex]), (1, &[Flags(&SECCOMP_FLAGS), Struct(&FILTER)])] };

static LANDLOCK_RULE: Operations = Operations {
    names: &LANDLOCK_RULES,
    arguments: &[(1, &[Struct(&LANDLOCK_PATH), Hex]), (2, &[Struct(&LANDLOCK_PORT), Hex])],
};

pub const ROWS: &[Row] = &[
    ("init_module", &[Pointer, Size, Str]),
    ("finit_module", &[Int, Str, Flags(&MODULE)]),
    ("delete_module", &[Str, Flags(&MODULE_DELETE)]),
    ("create_module", &[Str, Size]),
    ("kexec_load", &[Pointer, Size, Pointer, Flags(&KEXEC)]),
    ("kexec_file_load", &[Int, Int, Size, Str, Flags(&KEXEC_FILE)]),
    ("reboot", &[Flags(&REBOOT_MAGIC), Flags(&REBOOT_MAGIC2), Flags(&REBOOT), Pointer]),
    ("syslog", &[Flags(&SYSLOG), Pointer, Int]),
    ("acct", &[Str]),
    ("iopl", &[Int]),
    ("ioperm", &[Hex, Size, Int]),
    ("bpf", &[Operation(&BPF_COMMAND), Pointer, Uint]),
    ("perf_event_open", &[Struct(&PERF_ATTR), Int, Int, Int, Flags(&PERF_FLAGS)]),
    ("userfaultfd", &[Flags(&USERFAULTFD)]),
    ("io_uring_setup", &[Uint, Struct(&IO_URING_PARAMS)]),
    ("io_uring_enter", &[Int, Uint, Uint, Flags(&IO_URING_ENTER), Pointer, Size]),
    ("io_uring_register", &[Int, Flags(&IO_URING_REGISTER), Pointer, Uint]),
    ("io_setup", &[Uint, Pointer]),
    ("io_destroy", &[Hex]),
    ("io_submit", &[Hex, Long, Pointer]),
    ("io_cancel", &[Hex, Pointer, Pointer]),
    ("io_getevents", &[Hex, Long, Long, Pointer, Pointer]),
    ("seccomp", &[Operation(&SECCOMP_OPERATION), Hex, Pointer]),
    ("landlock_create_ruleset", &[SizedStruct(&LANDLOCK_RULESET, 1), Size, Flags(&LANDLOCK_CREATE)]),
    ("landlock_add_rule", &[Int, Operation(&LANDLOCK_RULE), Pointer, Hex]),
    ("landlock_restrict_self", &[Int, Hex]),
    ("lsm_set_self_attr", &[Uint, Pointer, Uint, Hex]),
    ("lsm_get_self_attr", &[Uint, Pointer, Pointer, Hex]),
    ("lsm_list_modules", &[Pointer, Pointer, Hex]),
    ("add_key", &[Str, Str, Data(3), Size, KEY]),
    ("request_key", &[Str, Str, Str, KEY]),
    ("keyctl", &[Operation(&KEY_CONTROL), Hex, Hex, Hex, Hex]),
    ("uselib", &[Str]),
    ("lookup_dcookie", &[Hex, Pointer, Size]),
    ("nfsservctl", &[Int, Pointer, Pointer]),
    ("_sysctl", &[Pointer]),
    ("sysfs", &[Int, Hex, Hex]),
];
