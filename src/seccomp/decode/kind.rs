//! What an argument is: the vocabulary of the tables in `calls/`.

use super::names::Names;

/// What an argument, or a field of a structure, is and hence how it reads.
///
/// A number in a variant is the position of another argument (or field of the same
/// structure) that the reading depends on. `int` arguments are cut to 32 bits, as the
/// kernel does: the upper half of the register is the specimen's to fill with anything.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `int`: a descriptor, a process, a count.
    Int,
    /// `unsigned int`.
    Uint,
    /// `long`, signed.
    Long,
    /// `size_t` and other unsigned `long`s.
    Size,
    /// A value shown as it is, in hexadecimal.
    Hex,
    /// An address that is not looked into.
    Pointer,
    /// A user or group: unsigned, but −1 means "unchanged".
    Id,
    /// A resource limit: unsigned, and 64 ones mean none.
    Limit,
    /// An `int` some values of which have names; the others are decimal.
    Named(&'static [(i32, &'static str)]),
    /// A choice or set of flags of 32 bits.
    Flags(&'static Names),
    /// A choice or set of flags of the width of a `long`.
    LongFlags(&'static Names),
    /// A command: like [`Kind::Flags`], and it decides what the arguments after it are.
    Operation(&'static Operations),
    /// An ioctl(2) request.
    IoctlRequest,
    /// Permission bits, in octal.
    Mode,
    /// Permission bits that count only if the open flags at this position create a file.
    ModeIfCreating(usize),
    /// A file type and permission bits.
    FileMode,
    /// A device number; counts only if the [`Kind::FileMode`] at this position is a device.
    Device(usize),
    /// A path or other string that ends in NUL.
    Str,
    /// Bytes, as many as the argument at this position says.
    Data(usize),
    /// A value of a socket option, of the length at this position.
    OptionValue(usize),
    /// A list of strings that ends in NULL.
    Argv,
    /// Like [`Kind::Argv`], but only counted: an environment is long, and may hold secrets.
    Envp,
    /// A protocol of the socket family at this position.
    Protocol(usize),
    /// A socket address, of the length at this position.
    Sockaddr(usize),
    /// A structure.
    Struct(&'static Layout),
    /// A structure of which the caller fills the first bytes, as many as at this position.
    SizedStruct(&'static Layout, usize),
    /// An array of structures, as many as at this position.
    Array(&'static Layout, usize),
    /// Arguments of socketcall(2), which lie in memory; stands alone in its row.
    Socketcall,
    /// A field that is not shown.
    Omitted,
}

/// A call and the kinds of its arguments.
pub type Row = (&'static str, &'static [Kind]);

/// The commands of a call such as prctl(2).
pub struct Operations {
    /// The commands' names.
    pub names: &'static Names,
    /// The arguments after the command, where they are not those of the call's row.
    pub arguments: &'static [(u32, &'static [Kind])],
}

/// A C structure: fields in order, each naturally aligned.
pub struct Layout(pub &'static [Field]);

/// One field of a [`Layout`].
pub struct Field {
    /// The name shown before the value; nothing if empty.
    pub name: &'static str,
    /// The field's size in memory.
    pub width: Width,
    /// What the field is.
    pub kind: Kind,
}

/// The size of a field in memory.
#[derive(Clone, Copy)]
pub enum Width {
    /// Two bytes.
    W16,
    /// Four bytes.
    W32,
    /// Eight bytes.
    W64,
    /// A `long` or pointer of the caller's.
    Word,
}

impl Width {
    /// The size in bytes; `narrow` callers have 32-bit words.
    pub fn bytes(self, narrow: bool) -> usize {
        match self {
            Width::W16 => 2,
            Width::W32 => 4,
            Width::W64 => 8,
            Width::Word => {
                if narrow {
                    4
                } else {
                    8
                }
            }
        }
    }
}

/// Makes a [`Field`], for short tables.
pub const fn field(name: &'static str, width: Width, kind: Kind) -> Field {
    Field { name, width, kind }
}

impl Layout {
    /// Where each field lies, as (field, offset, size), and behind it the size of the whole.
    pub fn places(&self, narrow: bool) -> (impl Iterator<Item = (&'static Field, usize, usize)> + use<>, usize) {
        let place = move |end: &mut usize, field: &'static Field| {
            let size = field.width.bytes(narrow);
            let offset = end.next_multiple_of(size);
            *end = offset + size;
            Some((field, offset, size))
        };
        let places = self.0.iter().scan(0, place);
        let (end, align) = places
            .clone()
            .fold((1, 1), |(_, align): (usize, usize), (_, offset, size)| (offset + size, align.max(size)));
        (places, end.next_multiple_of(align))
    }
}
