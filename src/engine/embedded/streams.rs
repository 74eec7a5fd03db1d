//! The standard streams of a cell, as pipes.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc;

use super::fault;
use super::runtime::Streams;
use crate::engine::{Attached, CellName, EngineError, Stream};

/// Pieces of output that wait for a slow reader before the cell is held up.
const PIECES_WAITING: usize = 64;

/// The most that is read at once, in bytes.
const PIECE: usize = 16 * 1024;

impl Streams {
    /// Those of a cell that nothing is attached to.
    ///
    /// # Errors
    /// When `/dev/null` cannot be opened.
    pub fn nothing() -> io::Result<Self> {
        let open = || rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        Ok(Self { stdin: open()?, stdout: open()?, stderr: open()? })
    }
}

/// Both ends: what the supervision has, and what the cell gets.
///
/// # Errors
/// When there are no descriptors left.
pub fn attach(cell: &CellName) -> io::Result<(Attached, Streams)> {
    let (stdin, input) = pipe_with(PipeFlags::CLOEXEC)?;
    let (output, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (errors, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    for (pipe, stream) in [(output, Stream::Stdout), (errors, Stream::Stderr)] {
        tokio::spawn(carry(reader(pipe)?, stream, cell.clone(), sender.clone()));
    }
    rustix::io::ioctl_fionbio(&input, true)?;
    let input = Sender::from_owned_fd(input)?;
    Ok((Attached { output: receiver, input: Box::new(input) }, Streams { stdin, stdout, stderr }))
}

fn reader(pipe: OwnedFd) -> io::Result<Receiver> {
    rustix::io::ioctl_fionbio(&pipe, true)?;
    Receiver::from_owned_fd(pipe)
}

async fn carry(
    mut pipe: Receiver,
    stream: Stream,
    cell: CellName,
    sender: mpsc::Sender<Result<(Stream, Vec<u8>), EngineError>>,
) {
    let mut piece = vec![0; PIECE];
    loop {
        let item = match pipe.read(&mut piece).await {
            Ok(0) => return,
            Ok(length) => Ok((stream, piece[..length].to_vec())),
            Err(error) => Err(fault("read the output of cell", &cell)(error)),
        };
        let last = item.is_err();
        if sender.send(item).await.is_err() || last {
            return;
        }
    }
}
