//! Constants of files, descriptors, mounts and memory mappings.

use super::{Name, Names, ints, names};

/// The directory that a relative path starts from.
pub const AT_FDCWD: &[(i32, &str)] = ints![AT_FDCWD];

/// `O_LARGEFILE` of the kernel: libc's is 0 where files are large anyway.
const O_LARGEFILE: u64 = if cfg!(any(target_arch = "aarch64", target_arch = "arm")) { 0o400_000 } else { 0o100_000 };

/// open(2).
pub const OPEN: Names = Names::mixed(
    libc::O_ACCMODE as u64,
    names![O_RDONLY, O_WRONLY, O_RDWR],
    names![
        O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC, O_APPEND, O_NONBLOCK, O_SYNC, O_DSYNC, O_ASYNC, O_DIRECT,
        O_TMPFILE, O_DIRECTORY, O_NOFOLLOW, O_NOATIME, O_CLOEXEC, O_PATH;
        O_LARGEFILE = O_LARGEFILE,
    ],
);

/// openat2(2).
pub const RESOLVE: Names = Names::flags(names![
    RESOLVE_NO_XDEV,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_BENEATH,
    RESOLVE_IN_ROOT,
    RESOLVE_CACHED,
]);

/// The `AT_*` flags of most calls.
pub const AT: Names = Names::flags(names![
    AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH;
    AT_STATX_FORCE_SYNC = 0x2000, AT_STATX_DONT_SYNC = 0x4000, AT_RECURSIVE = 0x8000,
]);

/// unlinkat(2), where a bit of [`AT`] means something else.
pub const UNLINK: Names = Names::flags(names![AT_REMOVEDIR]);

/// faccessat2(2), where a bit of [`AT`] means something else.
pub const ACCESS_AT: Names = Names::flags(names![AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH]);

/// access(2).
pub const ACCESS: Names = Names::mixed(7, names![F_OK], names![R_OK, W_OK, X_OK]);

/// renameat2(2).
pub const RENAME: Names = Names::flags(names![RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT]);

/// statx(2).
pub const STATX: Names = Names::flags(names![
    STATX_BASIC_STATS, STATX_TYPE, STATX_MODE, STATX_NLINK, STATX_UID, STATX_GID, STATX_ATIME, STATX_MTIME,
    STATX_CTIME, STATX_INO, STATX_SIZE, STATX_BLOCKS, STATX_BTIME, STATX_MNT_ID;
    STATX_DIOALIGN = 0x2000, STATX_MNT_ID_UNIQUE = 0x4000,
]);

/// inode(7).
pub const FILE_TYPES: Names = Names::choice(names![S_IFREG, S_IFDIR, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK]);

/// lseek(2).
pub const WHENCE: Names = Names::choice(names![SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE]);

/// flock(2).
pub const FLOCK: Names = Names::flags(names![LOCK_SH, LOCK_EX, LOCK_UN, LOCK_NB]);

/// fallocate(2).
pub const FALLOCATE: Names = Names::flags(names![
    FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_PUNCH_HOLE,
    FALLOC_FL_COLLAPSE_RANGE,
    FALLOC_FL_ZERO_RANGE,
    FALLOC_FL_INSERT_RANGE,
    FALLOC_FL_UNSHARE_RANGE,
]);

/// fcntl(2).
pub const FCNTL: Names = Names::choice(names![
    F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN,
    F_SETLEASE, F_GETLEASE, F_NOTIFY, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS,
    F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW;
    F_SETSIG = 10, F_GETSIG = 11, F_SETOWN_EX = 15, F_GETOWN_EX = 16,
    F_GET_RW_HINT = 1035, F_SET_RW_HINT = 1036,
]);

/// `F_SETFD` of fcntl(2).
pub const FD_FLAGS: Names = Names::flags(names![FD_CLOEXEC]);

/// `F_ADD_SEALS` of fcntl(2).
pub const SEALS: Names = Names::flags(
    names![F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE; F_SEAL_EXEC = 0x20],
);

/// `close_range(2)`.
pub const CLOSE_RANGE: Names = Names::flags(names![; CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4]);

/// `memfd_create(2)`.
pub const MEMFD: Names = Names::flags(names![
    MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB; MFD_NOEXEC_SEAL = 8, MFD_EXEC = 16,
]);

/// setxattr(2).
pub const XATTR: Names = Names::flags(names![XATTR_CREATE, XATTR_REPLACE]);

/// eventfd(2).
pub const EVENTFD: Names = Names::flags(names![EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE]);

/// `epoll_create1(2)`.
pub const EPOLL_CREATE: Names = Names::flags(names![EPOLL_CLOEXEC]);

/// `epoll_ctl(2)`.
pub const EPOLL: Names = Names::choice(names![EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD]);

/// `inotify_init1(2)`.
pub const INOTIFY: Names = Names::flags(names![IN_CLOEXEC, IN_NONBLOCK]);

/// `inotify_add_watch(2)`.
pub const INOTIFY_MASK: Names = Names::flags(names![
    IN_ALL_EVENTS,
    IN_ACCESS,
    IN_MODIFY,
    IN_ATTRIB,
    IN_CLOSE_WRITE,
    IN_CLOSE_NOWRITE,
    IN_OPEN,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_CREATE,
    IN_DELETE,
    IN_DELETE_SELF,
    IN_MOVE_SELF,
    IN_ONLYDIR,
    IN_DONT_FOLLOW,
    IN_EXCL_UNLINK,
    IN_MASK_CREATE,
    IN_MASK_ADD,
    IN_ISDIR,
    IN_ONESHOT,
]);

/// `fanotify_init(2)`: the class, then flags.
pub const FANOTIFY_INIT: Names = Names::mixed(
    0xc,
    names![FAN_CLASS_NOTIF, FAN_CLASS_CONTENT, FAN_CLASS_PRE_CONTENT],
    names![FAN_CLOEXEC, FAN_NONBLOCK, FAN_UNLIMITED_QUEUE, FAN_UNLIMITED_MARKS, FAN_REPORT_FID],
);

/// `fanotify_mark(2)`.
pub const FANOTIFY_MARK: Names = Names::flags(names![
    FAN_MARK_ADD,
    FAN_MARK_REMOVE,
    FAN_MARK_DONT_FOLLOW,
    FAN_MARK_ONLYDIR,
    FAN_MARK_MOUNT,
    FAN_MARK_IGNORED_MASK,
    FAN_MARK_FLUSH,
    FAN_MARK_FILESYSTEM,
]);

/// mount(2); the magic number of old programs first, since it holds other flags' bits.
pub const MOUNT: Names = Names::flags(names![;
    MS_MGC_VAL = 0xc0ed_0000_u64, MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_SYNCHRONOUS = 16,
    MS_REMOUNT = 32, MS_MANDLOCK = 64, MS_DIRSYNC = 128, MS_NOSYMFOLLOW = 256, MS_NOATIME = 1024,
    MS_NODIRATIME = 2048, MS_BIND = 4096, MS_MOVE = 8192, MS_REC = 16384, MS_SILENT = 32768,
    MS_POSIXACL = 1 << 16, MS_UNBINDABLE = 1 << 17, MS_PRIVATE = 1 << 18, MS_SLAVE = 1 << 19,
    MS_SHARED = 1 << 20, MS_RELATIME = 1 << 21, MS_KERNMOUNT = 1 << 22, MS_I_VERSION = 1 << 23,
    MS_STRICTATIME = 1 << 24, MS_LAZYTIME = 1 << 25,
]);

/// umount(2).
pub const UMOUNT: Names = Names::flags(names![MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW]);

/// fsopen(2) (linux/mount.h).
pub const FSOPEN: Names = Names::flags(names![; FSOPEN_CLOEXEC = 1]);

/// fspick(2) (linux/mount.h).
pub const FSPICK: Names = Names::flags(names![;
    FSPICK_CLOEXEC = 1, FSPICK_SYMLINK_NOFOLLOW = 2, FSPICK_NO_AUTOMOUNT = 4, FSPICK_EMPTY_PATH = 8,
]);

/// fsconfig(2) (linux/mount.h).
pub const FSCONFIG: Names = Names::choice(names![;
    FSCONFIG_SET_FLAG = 0, FSCONFIG_SET_STRING = 1, FSCONFIG_SET_BINARY = 2, FSCONFIG_SET_PATH = 3,
    FSCONFIG_SET_PATH_EMPTY = 4, FSCONFIG_SET_FD = 5, FSCONFIG_CMD_CREATE = 6, FSCONFIG_CMD_RECONFIGURE = 7,
    FSCONFIG_CMD_CREATE_EXCL = 8,
]);

/// fsmount(2) (linux/mount.h).
pub const FSMOUNT: Names = Names::flags(names![; FSMOUNT_CLOEXEC = 1]);

/// fsmount(2) and `mount_setattr(2)` (linux/mount.h): the access-time choice lies inside.
pub const MOUNT_ATTR: Names = Names::flags(names![;
    MOUNT_ATTR_RDONLY = 1, MOUNT_ATTR_NOSUID = 2, MOUNT_ATTR_NODEV = 4, MOUNT_ATTR_NOEXEC = 8,
    MOUNT_ATTR_NOATIME = 0x10, MOUNT_ATTR_STRICTATIME = 0x20, MOUNT_ATTR_NODIRATIME = 0x80,
    MOUNT_ATTR_IDMAP = 0x10_0000, MOUNT_ATTR_NOSYMFOLLOW = 0x20_0000,
]);

/// `move_mount(2)` (linux/mount.h).
pub const MOVE_MOUNT: Names = Names::flags(names![;
    MOVE_MOUNT_F_SYMLINKS = 1, MOVE_MOUNT_F_AUTOMOUNTS = 2, MOVE_MOUNT_F_EMPTY_PATH = 4,
    MOVE_MOUNT_T_SYMLINKS = 0x10, MOVE_MOUNT_T_AUTOMOUNTS = 0x20, MOVE_MOUNT_T_EMPTY_PATH = 0x40,
    MOVE_MOUNT_SET_GROUP = 0x100, MOVE_MOUNT_BENEATH = 0x200,
]);

/// `open_tree(2)` (linux/mount.h).
pub const OPEN_TREE: Names = Names::flags(names![AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, O_CLOEXEC;
    OPEN_TREE_CLONE = 1, AT_RECURSIVE = 0x8000,
]);

/// swapon(2): flags above a priority.
pub const SWAP: Names = Names::flags(names![; SWAP_FLAG_PREFER = 0x8000, SWAP_FLAG_DISCARD = 0x1_0000]);

/// quotactl(2): a command above the type of quota.
pub const QUOTA: Names = Names::mixed(
    0xffff_ff00,
    names![;
        Q_SYNC = 0x8000_0100_u64, Q_QUOTAON = 0x8000_0200_u64, Q_QUOTAOFF = 0x8000_0300_u64,
        Q_GETFMT = 0x8000_0400_u64, Q_GETINFO = 0x8000_0500_u64, Q_SETINFO = 0x8000_0600_u64,
        Q_GETQUOTA = 0x8000_0700_u64, Q_SETQUOTA = 0x8000_0800_u64, Q_GETNEXTQUOTA = 0x8000_0900_u64,
    ],
    names![; GRPQUOTA = 1, PRJQUOTA = 2],
);

/// mmap(2) and mprotect(2).
pub const PROT: Names = Names::flags(names![PROT_READ, PROT_WRITE, PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP]);

/// mmap(2).
pub const MAP: Names = Names::mixed(
    0xf,
    names![MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE],
    names![
        MAP_FIXED,
        MAP_ANONYMOUS,
        MAP_GROWSDOWN,
        MAP_DENYWRITE,
        MAP_LOCKED,
        MAP_NORESERVE,
        MAP_POPULATE,
        MAP_NONBLOCK,
        MAP_STACK,
        MAP_HUGETLB,
        MAP_SYNC,
        MAP_FIXED_NOREPLACE,
    ],
);

/// mremap(2).
pub const MREMAP: Names = Names::flags(names![MREMAP_MAYMOVE, MREMAP_FIXED; MREMAP_DONTUNMAP = 4]);

/// mlockall(2).
pub const MLOCK: Names = Names::flags(names![MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT]);

/// madvise(2).
pub const MADVICE: Names = Names::choice(names![
    MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE,
    MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
    MADV_DONTDUMP, MADV_DODUMP, MADV_HWPOISON;
    MADV_WIPEONFORK = 18, MADV_KEEPONFORK = 19, MADV_COLD = 20, MADV_PAGEOUT = 21,
    MADV_POPULATE_READ = 22, MADV_POPULATE_WRITE = 23,
]);

/// splice(2).
pub const SPLICE: Names = Names::flags(names![SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT]);

const REQUESTS: &[Name] = names![
    TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCEXCL, TIOCNXCL, TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCSTI, TIOCGWINSZ,
    TIOCSWINSZ, FIONREAD, TIOCLINUX, TIOCCONS, FIONBIO, TIOCNOTTY, TIOCSETD, TIOCGETD, FIONCLEX, FIOCLEX, FIOASYNC,
    SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCGIFADDR, SIOCSIFADDR, SIOCGIFMTU, SIOCSIFMTU,
    SIOCGIFHWADDR, SIOCSIFHWADDR, SIOCGIFINDEX, SIOCADDRT, SIOCDELRT;
    TIOCGPTN = 0x8004_5430_u64, TIOCSPTLCK = 0x4004_5431, TIOCGPTPEER = 0x5441, TIOCVHANGUP = 0x5437,
    SIOCETHTOOL = 0x8946, BLKRRPART = 0x125f, BLKGETSIZE = 0x1260, BLKGETSIZE64 = 0x8008_1272_u64,
    FICLONE = 0x4004_9409, FICLONERANGE = 0x4020_940d, FS_IOC_GETFLAGS = 0x8008_6601_u64,
    FS_IOC_SETFLAGS = 0x4008_6602, LOOP_SET_FD = 0x4c00, LOOP_CLR_FD = 0x4c01, LOOP_SET_STATUS64 = 0x4c04,
    LOOP_CONFIGURE = 0x4c0a, LOOP_CTL_GET_FREE = 0x4c82, TUNSETIFF = 0x4004_54ca,
    KVM_GET_API_VERSION = 0xae00, KVM_CREATE_VM = 0xae01, KVM_RUN = 0xae80, NS_GET_USERNS = 0xb701,
    NS_GET_PARENT = 0xb702, NS_GET_NSTYPE = 0xb703, NS_GET_OWNER_UID = 0xb704,
    UFFDIO_API = 0xc018_aa3f_u64, UFFDIO_REGISTER = 0xc020_aa00_u64, USERFAULTFD_IOC_NEW = 0xaa00,
    SECCOMP_IOCTL_NOTIF_RECV = 0xc050_2100_u64, SECCOMP_IOCTL_NOTIF_SEND = 0xc018_2101_u64,
    SECCOMP_IOCTL_NOTIF_ID_VALID = 0x4008_2102, SECCOMP_IOCTL_NOTIF_ADDFD = 0x4018_2103,
    PERF_EVENT_IOC_ENABLE = 0x2400, PERF_EVENT_IOC_DISABLE = 0x2401, PERF_EVENT_IOC_SET_BPF = 0x4004_2408,
];

/// ioctl(2) requests that say something to a reviewer: terminals, networks, disks,
/// virtual machines, namespaces, seccomp.
pub const IOCTLS: Names = Names::choice(REQUESTS);
