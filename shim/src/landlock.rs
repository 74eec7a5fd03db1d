//! The Landlock layer, in the child: Documentation/userspace-api/landlock.rst.
//! Rights this kernel's ABI does not know are left out, never guessed; the
//! workbench asks for the ABI itself and says what that costs.

use core::ffi::CStr;

use hotcell_shim::Reader;

use crate::sys::{self, Errno};

/// What LAUNCH asked for; borrows the packet.
pub struct Rules<'a> {
    tcp: bool,
    read_exec: Reader<'a>,
    write: Reader<'a>,
}

// LANDLOCK_ACCESS_FS_*: include/uapi/linux/landlock.h.
const EXECUTE: u64 = 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
/// `EXECUTE` to `MAKE_SYM`, the rights of ABI 1.
const ABI_1: u64 = (1 << 13) - 1;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// `BIND_TCP` and `CONNECT_TCP`, since ABI 4.
const TCP: u64 = 0b11;

/// Rights that apply to a file; the kernel refuses the others on a rule for one.
const ON_FILE: u64 = EXECUTE | 1 << 1 | READ_FILE | TRUNCATE | IOCTL_DEV;

impl<'a> Rules<'a> {
    /// `None` where the packet is malformed.
    pub fn read(reader: &mut Reader<'a>) -> Option<Self> {
        Some(Self { tcp: reader.u8()? != 0, read_exec: skip_strings(reader)?, write: skip_strings(reader)? })
    }

    /// Restricts the calling process; `no_new_privs` must be set.
    pub fn enforce(&self) -> Result<(), Errno> {
        let abi = sys::landlock_abi()?;
        let mut handled = ABI_1;
        for (since, right) in [(2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)] {
            if abi >= since {
                handled |= right;
            }
        }
        let net = if self.tcp && abi >= 4 { TCP } else { 0 };
        let ruleset = sys::landlock_create(handled, net)?;
        allow(ruleset, &self.read_exec, EXECUTE | READ_FILE | READ_DIR)?;
        allow(ruleset, &self.write, handled & !EXECUTE)?;
        sys::landlock_restrict(ruleset)
    }
}

fn skip_strings<'a>(reader: &mut Reader<'a>) -> Option<Reader<'a>> {
    let start = reader.clone();
    for _ in 0..reader.u32()? {
        reader.c_string()?;
    }
    Some(start)
}

/// A path that this cell lacks grants nothing and is no error.
fn allow(ruleset: sys::Fd, paths: &Reader<'_>, rights: u64) -> Result<(), Errno> {
    let mut reader = paths.clone();
    for _ in 0..reader.u32().unwrap_or(0) {
        let path: &CStr = reader.c_string().ok_or(libc::EBADMSG)?;
        match sys::open_path(path) {
            Ok((fd, sys::Node::Directory)) => sys::landlock_add(ruleset, fd, rights)?,
            Ok((fd, sys::Node::File)) => sys::landlock_add(ruleset, fd, rights & ON_FILE)?,
            Err(libc::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
