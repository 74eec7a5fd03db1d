//! The workbench's end of the shim's socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use hotcell_shim::{Exited, Failed, MAX_PACKET, Reader, VERSION, tag};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, recv, recvmsg, sendmsg, socket_with,
    sockopt,
};
use thiserror::Error;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::ffi::watch;

/// Descriptors that may come with one packet.
const MOST_FDS: usize = 2;

/// What went wrong between the workbench and the shim.
#[derive(Debug, Error)]
pub enum LinkError {
    /// A call on the socket failed.
    #[error("the shim's socket: {0}")]
    Socket(#[from] io::Error),
    /// The shim closed it: it ended, or was killed.
    #[error("the shim is gone")]
    Closed,
    /// A packet that makes no sense here.
    #[error("the shim broke its protocol: {0}")]
    Protocol(&'static str),
    /// The launch does not fit a packet.
    #[error(
        "the launch takes {size} bytes, more than the {MAX_PACKET} that fit a packet: shorten the environment or the filter"
    )]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
}

impl From<rustix::io::Errno> for LinkError {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Socket(errno.into())
    }
}

/// What the shim says.
#[derive(Debug)]
pub enum FromShim {
    /// It is up.
    Ready,
    /// The specimen's process stands stopped before its `execve`.
    Prepared {
        /// That process.
        pidfd: OwnedFd,
        /// The listening end of its filter, where it has one.
        listener: Option<OwnedFd>,
    },
    /// The specimen ended, and everything it left is dead.
    Exited(Exited),
    /// The specimen could not be started.
    Failed(Failed),
}

/// A socket waiting for the shim.
pub struct Door {
    socket: AsyncFd<OwnedFd>,
}

impl Door {
    /// Listens at `path`, open to whatever user the cell has; the directory above keeps everyone else out.
    ///
    /// # Errors
    /// When the path is too long for a socket (107 bytes, unix(7)) or cannot be bound.
    pub fn open(path: &Path) -> Result<Self, LinkError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        bind(&socket, &SocketAddrUnix::new(path)?)?;
        rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o666))?;
        listen(&socket, 1)?;
        Ok(Self { socket: watch(socket)? })
    }

    /// Takes the one connection there will be.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn accept(self) -> Result<Link, LinkError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = self
            .socket
            .async_io(Interest::READABLE, |socket| accept_with(socket, flags).map_err(io::Error::from))
            .await?;
        sockopt::set_socket_send_buffer_size(&socket, 2 * MAX_PACKET)?;
        Ok(Link { socket: watch(socket)? })
    }
}

/// The connection to one shim; closing it ends the cell.
pub struct Link {
    socket: AsyncFd<OwnedFd>,
}

impl Link {
    /// Sends a packet that is only a tag.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn send_tag(&self, tag: u8) -> Result<(), LinkError> {
        self.send(&[tag], &[]).await
    }

    /// Sends one packet with descriptors.
    ///
    /// # Errors
    /// When it is too large, or what the socket said.
    pub async fn send(&self, packet: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), LinkError> {
        if packet.len() > MAX_PACKET {
            return Err(LinkError::TooLarge { size: packet.len() });
        }
        let result = self
            .socket
            .async_io(Interest::WRITABLE, |socket| {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
                    return Err(io::Error::from(io::ErrorKind::InvalidInput));
                }
                Ok(sendmsg(socket, &[IoSlice::new(packet)], &mut control, SendFlags::NOSIGNAL)?)
            })
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) if is_hang_up(&error) => Err(LinkError::Closed),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for what a shim that has nothing to say should not do: close the socket, or speak. It takes nothing from
    /// the socket and can be dropped at any time.
    pub async fn disturbed(&self) -> LinkError {
        let look = |socket: &OwnedFd| Ok(recv(socket, &mut [0; 1], RecvFlags::PEEK)?.1);
        match self.socket.async_io(Interest::READABLE, look).await {
            Ok(0) => LinkError::Closed,
            Ok(_) => LinkError::Protocol("it speaks unasked"),
            Err(error) if is_hang_up(&error) => LinkError::Closed,
            Err(error) => error.into(),
        }
    }

    /// Whether that has happened by now.
    pub fn is_disturbed(&self) -> bool {
        !matches!(recv(self.socket.get_ref(), &mut [0; 1], RecvFlags::PEEK), Err(rustix::io::Errno::AGAIN))
    }

    /// The shim's next word.
    ///
    /// # Errors
    /// When it is gone or broke the protocol.
    pub async fn receive(&self) -> Result<FromShim, LinkError> {
        let mut buffer = [0; 64];
        let received = self.socket.async_io(Interest::READABLE, |socket| receive(socket.as_fd(), &mut buffer)).await;
        let (length, fds) = match received {
            Ok(received) => received,
            Err(error) if is_hang_up(&error) => return Err(LinkError::Closed),
            Err(error) => return Err(error.into()),
        };
        match buffer[..length].split_first() {
            None => Err(LinkError::Closed),
            Some((&tag, payload)) => interpret(tag, payload, fds),
        }
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for item in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = item {
            fds.extend(rights);
        }
    }
    Ok((message.bytes, fds))
}

fn interpret(tag: u8, payload: &[u8], fds: Vec<OwnedFd>) -> Result<FromShim, LinkError> {
    let mut fds = fds.into_iter();
    match tag {
        tag::READY => match Reader::new(payload).u32() {
            Some(VERSION) => Ok(FromShim::Ready),
            _ => Err(LinkError::Protocol("another version")),
        },
        tag::PREPARED => Ok(FromShim::Prepared {
            pidfd: fds.next().ok_or(LinkError::Protocol("no process came with PREPARED"))?,
            listener: fds.next(),
        }),
        tag::EXITED => Exited::decode(payload).map(FromShim::Exited).ok_or(LinkError::Protocol("a short EXITED")),
        tag::FAILED => Failed::decode(payload).map(FromShim::Failed).ok_or(LinkError::Protocol("a short FAILED")),
        _ => Err(LinkError::Protocol("an unknown packet")),
    }
}

/// The process behind a pidfd, in this pid namespace: `/proc/self/fdinfo`, `pidfd_open(2)`.
///
/// # Errors
/// When it is gone.
pub fn pid_of(pidfd: &OwnedFd) -> io::Result<u32> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
    info.lines()
        .find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

#[cfg(test)]
mod tests {
    use rustix::net::socketpair;

    use super::*;

    #[tokio::test]
    async fn a_shim_that_is_gone_is_seen_before_anybody_waited_for_it() {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, shims) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let link = Link { socket: watch(ours).unwrap() };
        assert!(!link.is_disturbed());
        drop(shims);
        assert!(link.is_disturbed());
        assert!(matches!(link.disturbed().await, LinkError::Closed));
    }
}
