//! The kernel's audit records, of the group to which it tells them beside the audit daemon, and where there is none:
//! `AUDIT_NLGRP_READLOG` of netlink (include/uapi/linux/audit.h). They are told whether auditing is enabled or not.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::{AUDIT, SocketAddrNetlink};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recvfrom, socket_with};
use thiserror::Error;

use crate::kernel::procfs::namespace;
use crate::run::attribution::AuditRecord;

/// `AUDIT_NLGRP_READLOG` as a mask.
const READLOG: u32 = 1;

/// `AUDIT_AVC`, the type of refusals of security modules; those of `AppArmor` too (`security/lsm_audit.c`).
const AVC: u16 = 1400;

/// `struct nlmsghdr`.
const HEADER: usize = 16;

/// `MAX_AUDIT_MESSAGE_LENGTH`.
const LONGEST: usize = 8970;

/// Records that are let gather in the kernel, in bytes.
const ROOM: usize = 4 << 20;

/// The machine's first pid namespace: `PROC_PID_INIT_INO`, `include/linux/proc_ns.h`.
const FIRST_PIDS: &str = "pid:[4026531836]";

/// Why audit records cannot be read.
#[derive(Debug, Error)]
pub enum AuditError {
    /// They tell other numbers of processes, or are not told here.
    #[error(
        "its audit records are told in the machine's first pid and network namespaces, and hotcell is in one of its own"
    )]
    Namespace,
    /// There are none.
    #[error("the kernel was started with audit=0, and makes no audit records")]
    Off,
    /// The kernel refuses.
    #[error("its audit records cannot be read: {0}; it takes root or CAP_AUDIT_READ")]
    Refused(#[from] Errno),
}

/// The records from now on.
pub struct Audit(OwnedFd);

impl Audit {
    /// Begins to listen.
    ///
    /// # Errors
    /// When nothing would be heard.
    pub fn listen() -> Result<Self, AuditError> {
        let own = |kind| namespace(std::process::id(), kind).ok();
        if own("pid") != Some(FIRST_PIDS.into()) || own("net") != namespace(1, "net").ok() {
            return Err(AuditError::Namespace);
        }
        let started = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
        if started.split_whitespace().any(|word| matches!(word, "audit=0" | "audit=off")) {
            return Err(AuditError::Off);
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(AUDIT))?;
        // Where that is refused, there is less room, and what finds none is counted.
        let _ = set_socket_recv_buffer_size_force(&socket, ROOM);
        bind(&socket, &SocketAddrNetlink::new(0, READLOG))?;
        Ok(Self(socket))
    }

    /// Readable where there are records.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Takes the refusals that there are; gives how often others found no room.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn drain(&self, mut take: impl FnMut(AuditRecord)) -> io::Result<u64> {
        let (mut lost, mut packet) = (0, [0; HEADER + LONGEST]);
        loop {
            match recvfrom(&self.0, &mut packet[..], RecvFlags::empty()) {
                Ok((length, _, from)) => {
                    // Whoever may send here, only what the kernel says counts.
                    let sender = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
                    if sender.is_some_and(|sender| sender.pid() == 0) {
                        refusal(&packet[..length]).map(&mut take);
                    }
                }
                Err(Errno::AGAIN) => return Ok(lost),
                Err(Errno::NOBUFS) => lost += 1,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A message of the group. Its header's length is not to be relied on (`kauditd_send_multicast_skb`, kernel/audit.c).
fn refusal(packet: &[u8]) -> Option<AuditRecord> {
    let (header, text) = packet.split_at_checked(HEADER)?;
    let kind = u16::from_ne_bytes([header[4], header[5]]);
    if kind == AVC { AuditRecord::parse(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_messages_only_refusals_of_security_modules_are_taken() {
        let text = br#"audit(1.002:3): apparmor="DENIED" operation="open" profile="p" name="/x" pid=7 comm="c""#;
        let message = |kind: u16| [&[0; 4], &kind.to_ne_bytes()[..], &[0; 10], text].concat();
        assert_eq!(refusal(&message(AVC)).unwrap().pid, 7);
        assert!(refusal(&message(1300)).is_none());
        assert!(refusal(&message(AVC)[..HEADER - 1]).is_none());
    }
}
