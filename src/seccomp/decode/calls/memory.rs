//! Memory: mappings, shared memory, other processes' memory.

use super::super::kind::Kind::{
    Array, Flags, Hex, Int, LongFlags, ModeIfCreating, Pointer, Size, Str, Uint,
};
use super::super::kind::Row;
use super::super::names::files::{MADVICE, MAP, MEMFD, MLOCK, MREMAP, OPEN, PROT};
use super::super::names::process::IPC;
use super::layouts::IOVEC;

pub const ROWS: &[Row] = &[
    ("brk", &[Pointer]),
    (
        "mmap",
        &[Pointer, Size, LongFlags(&PROT), LongFlags(&MAP), Int, Hex],
    ),
    (
        "mmap2",
        &[Pointer, Size, LongFlags(&PROT), LongFlags(&MAP), Int, Hex],
    ),
    ("munmap", &[Pointer, Size]),
    ("mprotect", &[Pointer, Size, LongFlags(&PROT)]),
    ("pkey_mprotect", &[Pointer, Size, LongFlags(&PROT), Int]),
    ("pkey_alloc", &[Hex, Hex]),
    ("pkey_free", &[Int]),
    (
        "mremap",
        &[Pointer, Size, Size, LongFlags(&MREMAP), Pointer],
    ),
    ("madvise", &[Pointer, Size, Flags(&MADVICE)]),
    (
        "process_madvise",
        &[Int, Array(&IOVEC, 2), Size, Flags(&MADVICE), Hex],
    ),
    ("mlock", &[Pointer, Size]),
    ("mlock2", &[Pointer, Size, Hex]),
    ("munlock", &[Pointer, Size]),
    ("mlockall", &[Flags(&MLOCK)]),
    ("munlockall", &[]),
    ("mincore", &[Pointer, Size, Pointer]),
    ("msync", &[Pointer, Size, Hex]),
    (
        "remap_file_pages",
        &[Pointer, Size, LongFlags(&PROT), Size, LongFlags(&MAP)],
    ),
    ("mseal", &[Pointer, Size, Hex]),
    ("map_shadow_stack", &[Pointer, Size, Hex]),
    ("memfd_create", &[Str, Flags(&MEMFD)]),
    ("memfd_secret", &[Hex]),
    ("mbind", &[Pointer, Size, Int, Pointer, Size, Hex]),
    ("set_mempolicy", &[Int, Pointer, Size]),
    ("get_mempolicy", &[Pointer, Pointer, Size, Pointer, Hex]),
    ("migrate_pages", &[Int, Size, Pointer, Pointer]),
    ("move_pages", &[Int, Size, Pointer, Pointer, Pointer, Hex]),
    (
        "process_vm_readv",
        &[Int, Array(&IOVEC, 2), Size, Array(&IOVEC, 4), Size, Hex],
    ),
    (
        "process_vm_writev",
        &[Int, Array(&IOVEC, 2), Size, Array(&IOVEC, 4), Size, Hex],
    ),
    ("process_mrelease", &[Int, Hex]),
    ("shmget", &[Hex, Size, Flags(&IPC)]),
    ("shmat", &[Int, Pointer, Hex]),
    ("shmdt", &[Pointer]),
    ("shmctl", &[Int, Int, Pointer]),
    ("semget", &[Hex, Int, Flags(&IPC)]),
    ("semop", &[Int, Pointer, Size]),
    ("semctl", &[Int, Int, Int, Hex]),
    ("msgget", &[Hex, Flags(&IPC)]),
    ("msgsnd", &[Int, Pointer, Size, Flags(&IPC)]),
    ("msgrcv", &[Int, Pointer, Size, Hex, Flags(&IPC)]),
    ("msgctl", &[Int, Int, Pointer]),
    ("mq_open", &[Str, Flags(&OPEN), ModeIfCreating(1), Pointer]),
    ("mq_unlink", &[Str]),
    ("cachestat", &[Uint, Pointer, Pointer, Hex]),
];
