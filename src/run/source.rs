//! Where a refused call came from: the line of the specimen, the stack above it and the instruction.
//!
//! All of it is told by the memory of the process that made the call. A specimen can forge it: it is a help to the
//! reader, not evidence.

/// One function of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The file as the cell sees it; already safe to show.
    pub file: String,
    /// The line, from 1; 0 where it is not known.
    pub line: u32,
    /// The function, with its class where the interpreter tells it; already safe to show.
    pub function: String,
}

/// A place in a file that is mapped as code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// The file as the cell sees it, or `[vdso]`, or `anonymous memory`; already safe to show.
    pub file: String,
    /// The offset in the file of the instruction after the call; in anonymous memory, the address.
    pub offset: u64,
}

/// Where a call came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The innermost frame that is the specimen's own, or why it is not known.
    pub line: Result<Frame, String>,
    /// The interpreter's stack, innermost first.
    pub stack: Vec<Frame>,
    /// Frames beyond those in `stack`.
    pub omitted: u32,
    /// The calling instruction, where the mappings could be read.
    pub instruction: Option<Instruction>,
}

impl Source {
    /// Nothing is known, for this reason.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self { line: Err(reason.into()), stack: Vec::new(), omitted: 0, instruction: None }
    }

    /// The specimen's line, from 1, where it is known.
    pub fn specimen_line(&self) -> Option<u32> {
        self.line.as_ref().ok().map(|frame| frame.line).filter(|line| *line > 0)
    }
}
