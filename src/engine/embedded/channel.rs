//! The socket between hotcell and a cell's monitor, which is the monitor's standard input. It carries one message each
//! way: the cell's standard streams, and then that the cell runs, or why not.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, send, sendmsg,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::runtime::Streams;

/// What begins the answer of a monitor whose cell runs.
const RUNS: u8 = b'+';

/// What begins the answer of one whose cell does not.
const FAILED: u8 = b'-';

/// What a monitor says that waits for the ids of its user namespace.
const ASKS: u8 = b'?';

/// An answer is cut after this many bytes.
const LONGEST: u64 = 4096;

/// Both ends: hotcell's, and the monitor's.
///
/// # Errors
/// When there are no descriptors left.
pub fn pair() -> io::Result<(UnixStream, OwnedFd)> {
    let (ours, monitors) = UnixStream::pair()?;
    Ok((ours, monitors.into()))
}

/// Sends the cell's standard streams, which the monitor takes at its leisure.
///
/// # Errors
/// What the socket said.
pub fn give(socket: &UnixStream, streams: &Streams) -> io::Result<()> {
    let fds: [BorrowedFd<'_>; 3] = [streams.stdin.as_fd(), streams.stdout.as_fd(), streams.stderr.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(&[RUNS])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The monitor's side of [`give`].
///
/// # Errors
/// What the socket said, or that the streams did not come.
pub fn take(socket: &OwnedFd) -> io::Result<Streams> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(socket, &mut [IoSliceMut::new(&mut [0; 1])], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let mut fds = rights.flatten();
    match (fds.next(), fds.next(), fds.next()) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Streams { stdin, stdout, stderr }),
        _ => Err(io::Error::other("the cell's streams did not come")),
    }
}

/// The monitor tells how the start went. hotcell may be gone: then the reaper sees to the rest.
pub fn tell(socket: &OwnedFd, started: Result<(), &str>) {
    let answer = match started {
        Ok(()) => vec![RUNS],
        Err(why) => [&[FAILED], why.as_bytes()].concat(),
    };
    let _ = send(socket, &answer, SendFlags::NOSIGNAL);
}

/// The monitor, in a user namespace without ids, waits until it has some.
///
/// # Errors
/// What the socket said, or that hotcell could not give them.
pub fn ask(socket: &OwnedFd) -> io::Result<()> {
    send(socket, &[ASKS], SendFlags::NOSIGNAL)?;
    let mut answer = [0; 1];
    match rustix::io::retry_on_intr(|| rustix::io::read(socket, &mut answer))? {
        0 => Err(io::Error::other("its ids were not mapped")),
        _ => Ok(()),
    }
}

/// Waits for what the monitor tells; the outer error is the socket's. `map` gives the monitor its ids, where it asks.
///
/// # Errors
/// What the socket said, that the monitor ended without a word, or what `map` said.
pub async fn told<F>(socket: UnixStream, map: impl FnOnce() -> F) -> io::Result<Result<(), String>>
where
    F: Future<Output = io::Result<()>>,
{
    socket.set_nonblocking(true)?;
    let mut socket = tokio::net::UnixStream::from_std(socket)?;
    let mut answer = vec![0; 1];
    let length = socket.read(&mut answer).await?;
    answer.truncate(length);
    if answer == [ASKS] {
        map().await?;
        socket.write_all(&[RUNS]).await?;
        answer.clear();
    }
    // The monitor closes its end behind its answer.
    socket.take(LONGEST).read_to_end(&mut answer).await?;
    match answer.split_first() {
        Some((&RUNS, _)) => Ok(Ok(())),
        Some((_, why)) => Ok(Err(String::from_utf8_lossy(why).into_owned())),
        None => Err(io::Error::other("its monitor ended without a word")),
    }
}
