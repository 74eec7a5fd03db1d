//! How refused calls are answered, and the names of errnos.

use std::fmt;

/// How a refused call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The call failed with this errno.
    Errno(i32),
    /// The process was killed, or where the workbench may not do that, the cell.
    Kill,
    /// The program was run, without the rights that its file lends.
    Rightless,
    /// What became of it was not seen.
    Unseen,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(number) => match errno_name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "errno {number}"),
            },
            Self::Kill => f.write_str("killed"),
            Self::Rightless => f.write_str("run without its rights"),
            Self::Unseen => f.write_str("not seen"),
        }
    }
}

/// Names of errnos that seccomp profiles and the kernel's checks use: errno(3).
const ERRNO_NAMES: [(i32, &str); 34] = [
    (libc::EPERM, "EPERM"),
    (libc::ENOENT, "ENOENT"),
    (libc::EINTR, "EINTR"),
    (libc::EIO, "EIO"),
    (libc::ENXIO, "ENXIO"),
    (libc::E2BIG, "E2BIG"),
    (libc::ENOEXEC, "ENOEXEC"),
    (libc::EBADF, "EBADF"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::EACCES, "EACCES"),
    (libc::EFAULT, "EFAULT"),
    (libc::EBUSY, "EBUSY"),
    (libc::EEXIST, "EEXIST"),
    (libc::ENODEV, "ENODEV"),
    (libc::ENOTDIR, "ENOTDIR"),
    (libc::EINVAL, "EINVAL"),
    (libc::ENFILE, "ENFILE"),
    (libc::EMFILE, "EMFILE"),
    (libc::EFBIG, "EFBIG"),
    (libc::ENOSPC, "ENOSPC"),
    (libc::EROFS, "EROFS"),
    (libc::ENOSYS, "ENOSYS"),
    (libc::ELOOP, "ELOOP"),
    (libc::ENOTSUP, "ENOTSUP"),
    (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
    (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (libc::ENETUNREACH, "ENETUNREACH"),
    (libc::ECONNREFUSED, "ECONNREFUSED"),
    (libc::EXDEV, "EXDEV"),
    (libc::ETIMEDOUT, "ETIMEDOUT"),
    (libc::EHOSTUNREACH, "EHOSTUNREACH"),
    (libc::EDQUOT, "EDQUOT"),
    (libc::ENETDOWN, "ENETDOWN"),
];

/// The symbolic name of an errno.
fn errno_name(number: i32) -> Option<&'static str> {
    ERRNO_NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// The errnos that have a name here, with it.
pub fn errnos() -> impl Iterator<Item = (i32, &'static str)> {
    ERRNO_NAMES.into_iter()
}

/// The errno of a symbolic name.
pub fn errno_number(name: &str) -> Option<i32> {
    ERRNO_NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}
