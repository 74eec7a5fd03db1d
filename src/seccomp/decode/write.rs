//! Turns arguments and what they point to into text.

use super::calls;
use super::kind::{Kind, Layout, Operations};
use super::names::network;
use super::plain::{
    low, number, put, quote, write_device, write_file_mode, write_ioctl, write_mode, write_named, write_protocol,
};
use super::read::Reader;
use super::{Memory, sockaddr};

/// The most bytes shown of a string; longer ones end in `...`.
const MAX_STRING: usize = 256;
/// The most bytes shown of a buffer.
const MAX_DATA: usize = 128;
/// The most strings shown of an argument list.
const MAX_ARGV: usize = 16;
/// The most variables counted of an environment.
const MAX_ENVP: usize = 256;
/// The most elements shown of an array.
const MAX_ARRAY: usize = 4;
/// The most fields of a structure in the tables.
pub const MAX_FIELDS: usize = 16;
/// The most bytes of a structure, or of the shown elements of an array, in the tables.
pub const MAX_STRUCT: usize = 256;

/// Decodes arguments of one caller.
pub struct Decoder<'m> {
    memory: Reader<'m>,
    /// Pointers and `long`s have 32 bits.
    narrow: bool,
}

impl<'m> Decoder<'m> {
    /// A decoder of a caller with this memory; `narrow` if its pointers have 32 bits.
    pub fn new(memory: &'m mut dyn Memory, narrow: bool) -> Self {
        Self { memory: Reader(memory), narrow }
    }

    /// One string a kind; what the call ignores in this case is left out.
    pub fn arguments(&mut self, kinds: &[Kind], values: &[u64]) -> Vec<String> {
        let mut args = Vec::with_capacity(kinds.len());
        let (mut kinds, mut first) = (kinds, 0);
        let mut index = 0;
        while let (Some(kind), true) = (kinds.get(index - first), index < values.len()) {
            if !is_ignored(*kind, values) {
                let mut out = String::new();
                self.write(&mut out, *kind, index, values);
                args.push(out);
            }
            index += 1;
            if let Kind::Operation(operations) = kind
                && let Some(rest) = rest_of(operations, low(values[index - 1]))
            {
                (kinds, first) = (rest, index);
            }
        }
        args
    }

    /// socketcall(2): a command, and its arguments as an array of `long`s in memory.
    pub fn socketcall(&mut self, command: u64, address: u64) -> Vec<String> {
        let mut name = String::new();
        network::SOCKETCALLS.write(&mut name, low(command).into());
        let mut buffer = [0; 6 * 8];
        let size = if self.narrow { 4 } else { 8 };
        let count = self.memory.fill(self.address(address), &mut buffer[..6 * size]);
        let mut values = [0; 6];
        for (value, bytes) in values.iter_mut().zip(buffer[..count].chunks_exact(size)) {
            *value = number(bytes);
        }
        let kinds = calls::socketcall(low(command));
        let mut args = vec![name];
        if count < kinds.len() * size || kinds.is_empty() {
            let mut out = String::new();
            self.write(&mut out, Kind::Pointer, 0, &[address]);
            args.push(out);
        } else {
            args.append(&mut self.arguments(kinds, &values));
        }
        args
    }

    /// Appends the value at `index`; the others are at hand for what depends on them.
    fn write(&mut self, out: &mut String, kind: Kind, index: usize, values: &[u64]) {
        let value = values[index];
        let other = |at: usize| values.get(at).copied().unwrap_or(0);
        match kind {
            Kind::Int => put(out, format_args!("{}", low(value).cast_signed())),
            Kind::Long if self.narrow => put(out, format_args!("{}", low(value).cast_signed())),
            Kind::Long => put(out, format_args!("{}", value.cast_signed())),
            Kind::Size => put(out, format_args!("{}", self.address(value))),
            Kind::Hex => put(out, format_args!("{value:#x}")),
            Kind::Id if low(value) == u32::MAX => out.push_str("-1"),
            Kind::Id | Kind::Uint => put(out, format_args!("{}", low(value))),
            Kind::Limit if value == u64::MAX => out.push_str("RLIM_INFINITY"),
            Kind::Limit => put(out, format_args!("{value}")),
            Kind::Named(names) => write_named(out, names, low(value).cast_signed()),
            Kind::Flags(names) => names.write(out, low(value).into()),
            Kind::LongFlags(names) => names.write(out, self.address(value)),
            Kind::Operation(operations) => operations.names.write(out, low(value).into()),
            Kind::IoctlRequest => write_ioctl(out, low(value)),
            Kind::Mode | Kind::ModeIfCreating(_) => write_mode(out, value),
            Kind::FileMode => write_file_mode(out, value),
            Kind::Device(_) => write_device(out, low(value)),
            Kind::Protocol(family) => write_protocol(out, low(other(family)), low(value)),
            Kind::Pointer => self.write_pointer(out, value),
            Kind::Str => self.write_string(out, value),
            Kind::Data(length) => self.write_data(out, value, self.address(other(length))),
            Kind::OptionValue(length) => self.write_option(out, value, low(other(length))),
            Kind::Argv => self.write_argv(out, value),
            Kind::Envp => self.write_envp(out, value),
            Kind::Sockaddr(length) => self.write_sockaddr(out, value, low(other(length))),
            Kind::Struct(layout) => self.write_array(out, layout, value, None, usize::MAX),
            Kind::SizedStruct(layout, size) => {
                let size = usize::try_from(self.address(other(size))).unwrap_or(usize::MAX);
                self.write_array(out, layout, value, None, size);
            }
            Kind::Array(layout, count) => {
                let count = usize::try_from(self.address(other(count))).unwrap_or(usize::MAX);
                self.write_array(out, layout, value, Some(count), usize::MAX);
            }
            Kind::Socketcall | Kind::Omitted => {}
        }
    }

    /// A `long` or pointer as the caller's architecture sees it.
    fn address(&self, value: u64) -> u64 {
        if self.narrow { low(value).into() } else { value }
    }

    fn write_pointer(&self, out: &mut String, value: u64) {
        match self.address(value) {
            0 => out.push_str("NULL"),
            address => put(out, format_args!("{address:#x}")),
        }
    }

    fn write_unreadable(&self, out: &mut String, value: u64) {
        self.write_pointer(out, value);
        if self.address(value) != 0 {
            out.push_str(" (unreadable)");
        }
    }

    /// Reads the start of what a pointer points to; says so in `out` if nothing is there.
    fn read<'b>(&mut self, out: &mut String, value: u64, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let count = match self.address(value) {
            0 => 0,
            address => self.memory.fill(address, buffer),
        };
        if count == 0 {
            self.write_unreadable(out, value);
            return None;
        }
        Some(&buffer[..count])
    }

    fn write_string(&mut self, out: &mut String, value: u64) {
        let mut buffer = [0; MAX_STRING];
        let count = match self.address(value) {
            0 => 0,
            address => self.memory.string(address, &mut buffer),
        };
        let bytes = &buffer[..count];
        match bytes.iter().position(|byte| *byte == 0) {
            Some(end) => quote(out, &bytes[..end], false),
            None if bytes.is_empty() => self.write_unreadable(out, value),
            None => quote(out, bytes, true),
        }
    }

    fn write_data(&mut self, out: &mut String, value: u64, length: u64) {
        let shown = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_DATA);
        if shown == 0 && self.address(value) != 0 {
            return quote(out, &[], false);
        }
        let mut buffer = [0; MAX_DATA];
        if let Some(bytes) = self.read(out, value, &mut buffer[..shown]) {
            quote(out, bytes, (bytes.len() as u64) < length);
        }
    }

    /// Most socket options are an `int`; the rest are shown as bytes.
    fn write_option(&mut self, out: &mut String, value: u64, length: u32) {
        let mut buffer = [0; 4];
        if length != 4 {
            return self.write_data(out, value, length.cast_signed().max(0).cast_unsigned().into());
        }
        if let Some(bytes) = self.read(out, value, &mut buffer) {
            put(out, format_args!("[{}]", low(number(bytes)).cast_signed()));
        }
    }

    /// The pointers of a NULL-terminated list, at most as many as fit, and whether it ended.
    fn pointers<'b>(&self, bytes: &'b [u8]) -> (impl Iterator<Item = u64> + use<'b>, bool) {
        let size = if self.narrow { 4 } else { 8 };
        let all = move || bytes.chunks_exact(size).map(number);
        (all().take_while(|pointer| *pointer != 0), all().any(|pointer| pointer == 0))
    }

    fn write_argv(&mut self, out: &mut String, value: u64) {
        let mut buffer = [0; (MAX_ARGV + 1) * 8];
        let length = if self.narrow { buffer.len() / 2 } else { buffer.len() };
        let Some(bytes) = self.read(out, value, &mut buffer[..length]) else {
            return;
        };
        let (pointers, ended) = self.pointers(bytes);
        out.push('[');
        for (index, pointer) in pointers.take(MAX_ARGV).enumerate() {
            out.push_str(if index == 0 { "" } else { ", " });
            self.write_string(out, pointer);
        }
        out.push_str(if ended { "]" } else { ", ...]" });
    }

    fn write_envp(&mut self, out: &mut String, value: u64) {
        let mut buffer = [0; (MAX_ENVP + 1) * 8];
        let length = if self.narrow { buffer.len() / 2 } else { buffer.len() };
        let Some(bytes) = self.read(out, value, &mut buffer[..length]) else {
            return;
        };
        let (pointers, ended) = self.pointers(bytes);
        let count = pointers.take(MAX_ENVP).count();
        let plus = if ended { "" } else { "+" };
        put(out, format_args!("[{count}{plus} variables]"));
    }

    fn write_sockaddr(&mut self, out: &mut String, value: u64, length: u32) {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(sockaddr::MAX_LENGTH);
        if length == 0 {
            return self.write_pointer(out, value);
        }
        let mut buffer = [0; sockaddr::MAX_LENGTH];
        if let Some(bytes) = self.read(out, value, &mut buffer[..length]) {
            sockaddr::write(out, bytes);
        }
    }

    /// A structure (`count` is none) or an array, of which at most `size` bytes are filled.
    fn write_array(&mut self, out: &mut String, layout: &Layout, value: u64, count: Option<usize>, size: usize) {
        let (_, stride) = layout.places(self.narrow);
        let shown = count.unwrap_or(1).min(MAX_ARRAY);
        let length = (stride * shown).min(size).min(MAX_STRUCT);
        if length == 0 {
            return self.write_pointer(out, value);
        }
        let mut buffer = [0; MAX_STRUCT];
        let Some(bytes) = self.read(out, value, &mut buffer[..length]) else {
            return;
        };
        out.push_str(if count.is_some() { "[" } else { "" });
        for (index, element) in bytes.chunks(stride).enumerate() {
            out.push_str(if index == 0 { "" } else { ", " });
            self.write_fields(out, layout, element);
        }
        if let Some(count) = count {
            let whole = bytes.len() / stride == count;
            out.push_str(if whole { "]" } else { ", ...]" });
        }
    }

    /// Fields are to a structure what arguments are to a call. Those behind the end of
    /// `bytes` are left out. A structure of one field reads as that field.
    fn write_fields(&mut self, out: &mut String, layout: &Layout, bytes: &[u8]) {
        let mut values = [0; MAX_FIELDS];
        let mut kinds = [("", Kind::Omitted); MAX_FIELDS];
        let mut count = 0;
        let (places, _) = layout.places(self.narrow);
        for (field, offset, size) in places.take(MAX_FIELDS) {
            let Some(part) = bytes.get(offset..offset + size) else {
                break;
            };
            values[count] = number(part);
            kinds[count] = (field.name, field.kind);
            count += 1;
        }
        let (open, close) = if layout.0.len() == 1 { ("", "") } else { ("{", "}") };
        out.push_str(open);
        let mut separator = "";
        for (index, (name, kind)) in kinds[..count].iter().enumerate() {
            if matches!(kind, Kind::Omitted) || is_ignored(*kind, &values) {
                continue;
            }
            out.push_str(separator);
            out.push_str(name);
            out.push_str(if name.is_empty() { "" } else { "=" });
            self.write(out, *kind, index, &values[..count]);
            separator = ", ";
        }
        out.push_str(close);
    }
}

/// Whether the call does not look at an argument, given the others.
fn is_ignored(kind: Kind, values: &[u64]) -> bool {
    match kind {
        Kind::ModeIfCreating(flags) => {
            let creating = libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY);
            low(values[flags]) & creating.cast_unsigned() == 0
        }
        Kind::Device(mode) => {
            let kind = low(values[mode]) & libc::S_IFMT;
            kind != libc::S_IFBLK && kind != libc::S_IFCHR
        }
        _ => false,
    }
}

pub(super) fn rest_of(operations: &Operations, command: u32) -> Option<&'static [Kind]> {
    let found = operations.arguments.iter().find(|(known, _)| *known == command);
    found.map(|(_, kinds)| *kinds)
}
