//! What hotcell and its stack reader say to each other, over two pipes: a question of twelve bytes, an answer of JSON
//! behind its length.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

/// The longest answer that is taken; [`MOST_FRAMES`] frames of [`LONGEST_TEXT`] bytes stay below it.
pub const LONGEST_ANSWER: usize = 256 * 1024;

/// Frames of a stack that are told.
pub const MOST_FRAMES: usize = 64;

/// Bytes of a file's or a function's name that are told.
pub const LONGEST_TEXT: usize = 512;

/// Which call is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The thread that stands in the call, in the host's numbers.
    pub tid: u32,
    /// The instruction after the call.
    pub instruction_pointer: u64,
}

impl Question {
    const SIZE: usize = 12;

    /// Sends it.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn write(self, mut to: impl Write) -> io::Result<()> {
        let mut bytes = [0; Self::SIZE];
        bytes[..4].copy_from_slice(&self.tid.to_ne_bytes());
        bytes[4..].copy_from_slice(&self.instruction_pointer.to_ne_bytes());
        to.write_all(&bytes)
    }

    /// The next one; `None` at the end.
    pub fn read(mut from: impl Read) -> Option<Self> {
        let mut bytes = [0; Self::SIZE];
        from.read_exact(&mut bytes).ok()?;
        let (tid, pointer) = bytes.split_at(4);
        Some(Self {
            tid: u32::from_ne_bytes(tid.try_into().ok()?),
            instruction_pointer: u64::from_ne_bytes(pointer.try_into().ok()?),
        })
    }
}

/// A frame as the reader found it: nothing in it is to be trusted, or shown as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawFrame {
    /// `co_filename`.
    pub file: String,
    /// The line; zero or less where it is not known.
    pub line: i32,
    /// `co_qualname`, or `co_name`.
    pub function: String,
}

/// What the reader found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The stack of the thread, innermost first, or why there is none.
    pub stack: Result<Vec<RawFrame>, String>,
    /// Frames beyond those told.
    pub omitted: u32,
    /// The innermost frame of the specimen's own file.
    pub own: Option<RawFrame>,
    /// The mapped file of the calling instruction, and the offset in it.
    pub instruction: Option<(String, u64)>,
}

impl Answer {
    /// Sends it.
    ///
    /// # Errors
    /// When nobody listens any more.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let mut message = u32::try_from(text.len()).unwrap_or(u32::MAX).to_ne_bytes().to_vec();
        message.extend(text);
        to.write_all(&message)?;
        to.flush()
    }
}

/// An answer that comes in pieces.
#[derive(Debug, Default)]
pub struct Incoming(Vec<u8>);

impl Incoming {
    /// Takes the next piece; the answer once it is whole.
    ///
    /// # Errors
    /// When it is longer than is taken, or is none.
    pub fn push(&mut self, piece: &[u8]) -> io::Result<Option<Answer>> {
        self.0.extend_from_slice(piece);
        let Some((length, text)) = self.0.split_first_chunk() else { return Ok(None) };
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX);
        if length > LONGEST_ANSWER || text.len() > length {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        if text.len() < length { Ok(None) } else { Ok(Some(serde_json::from_slice(text)?)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let frame = RawFrame { file: "/sandbox/a.py".to_owned(), line: 4, function: "f".to_owned() };
        Answer { stack: Ok(vec![frame.clone()]), omitted: 0, own: Some(frame), instruction: None }
    }

    #[test]
    fn an_answer_in_pieces_is_whole_at_its_last_byte() {
        let mut bytes = Vec::new();
        answer().write(&mut bytes).unwrap();
        let mut incoming = Incoming::default();
        for byte in &bytes[..bytes.len() - 1] {
            assert_eq!(incoming.push(&[*byte]).unwrap(), None);
        }
        assert_eq!(incoming.push(&bytes[bytes.len() - 1..]).unwrap(), Some(answer()));
    }

    #[test]
    fn a_reader_that_lies_about_the_length_or_says_nonsense_is_not_believed() {
        for lie in [&u32::MAX.to_ne_bytes()[..], &[2, 0, 0, 0, b'{', b'}', b'!'], &[2, 0, 0, 0, b'{', b'}']] {
            assert!(Incoming::default().push(lie).is_err(), "{lie:?}");
        }
    }

    #[test]
    fn a_question_survives_its_way() {
        let question = Question { tid: 7, instruction_pointer: u64::MAX - 1 };
        let mut bytes = Vec::new();
        question.write(&mut bytes).unwrap();
        assert_eq!(Question::read(&*bytes), Some(question));
        assert_eq!(Question::read(&bytes[1..]), None);
    }
}
