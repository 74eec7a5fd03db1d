//! The loopback interface of a network namespace, which the kernel makes and leaves down: rtnetlink(7).

use std::io;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// `lo` is the first interface of every namespace: `LOOPBACK_IFINDEX`, include/net/flow.h.
const LOOPBACK: i32 = 1;

/// `struct nlmsghdr` and, behind it in an answer, the error.
const HEADER: usize = 16;

/// Switches it on in this process's network namespace.
///
/// # Errors
/// What the system said.
pub fn up() -> io::Result<()> {
    // The protocol 0 is `NETLINK_ROUTE`.
    let kernel = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    send(&kernel, &request(), SendFlags::empty())?;
    let mut answer = [0; 128];
    let (length, _) = recv(&kernel, &mut answer, RecvFlags::empty())?;
    match answer[..length].get(HEADER..).and_then(|error| error.first_chunk()).map(|error| i32::from_ne_bytes(*error)) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(-error)),
        None => Err(io::Error::other("the kernel's answer is too short")),
    }
}

/// `RTM_NEWLINK` with a `struct ifinfomsg` that changes `IFF_UP` alone.
fn request() -> Vec<u8> {
    const LENGTH: u32 = 32;
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK;
    let up = libc::IFF_UP.cast_unsigned();
    let header = [&LENGTH.to_ne_bytes()[..], &libc::RTM_NEWLINK.to_ne_bytes()];
    // The number of the message, and the sender, whom the kernel knows.
    let header = [&header.concat()[..], &u16::try_from(flags).unwrap_or_default().to_ne_bytes(), &[0; 8]];
    let interface = [&[0; 4][..], &LOOPBACK.to_ne_bytes(), &up.to_ne_bytes(), &up.to_ne_bytes()];
    [header.concat(), interface.concat()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_a_header_and_an_interface() {
        let request = request();
        assert_eq!(request.len(), 32);
        assert_eq!(request[..8], [32, 0, 0, 0, 16, 0, 5, 0]);
        assert_eq!(request[16..], [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    }
}
