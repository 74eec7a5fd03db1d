//! Turns values that are not pointers, and strings at hand, into text.

use std::fmt::Write;

use super::names::{Names, files, network};
use crate::text;

/// Appends `bytes` in quotes, and `...` where they are only the start of a string.
pub fn quote(out: &mut String, bytes: &[u8], cut: bool) {
    let whole = if cut { text::whole_characters(bytes) } else { bytes.len() };
    out.push('"');
    for (index, part) in bytes[..whole].split(|byte| *byte == b'"').enumerate() {
        out.push_str(if index == 0 { "" } else { "\\\"" });
        text::push_visible(out, part);
    }
    out.push_str(if cut { "\"..." } else { "\"" });
}

/// An `int`: its name, or in decimal.
pub fn write_named(out: &mut String, names: &[(i32, &str)], value: i32) {
    match names.iter().find(|(known, _)| *known == value) {
        Some((_, name)) => out.push_str(name),
        None => put(out, format_args!("{value}")),
    }
}

/// Permission bits in octal; `umode_t` has 16 bits.
pub fn write_mode(out: &mut String, value: u64) {
    put(out, format_args!("0{:03o}", value & 0xffff));
}

/// A file type, if there is one, and permission bits.
pub fn write_file_mode(out: &mut String, value: u64) {
    let kind = value & u64::from(libc::S_IFMT);
    if kind != 0 {
        files::FILE_TYPES.write(out, kind);
        out.push('|');
    }
    write_mode(out, value & !u64::from(libc::S_IFMT));
}

/// The kernel's `new_decode_dev` (`linux/kdev_t.h`): 12 bits of major, 20 of minor.
pub fn write_device(out: &mut String, device: u32) {
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
    put(out, format_args!("{major}:{minor}"));
}

/// A protocol as its family names it.
pub fn write_protocol(out: &mut String, family: u32, protocol: u32) {
    let names: &Names = match family.cast_signed() {
        libc::AF_INET | libc::AF_INET6 => &network::PROTOCOLS,
        libc::AF_NETLINK => &network::NETLINK_PROTOCOLS,
        libc::AF_PACKET => {
            let ethertype = (protocol & 0xffff) as u16;
            return network::ETHERTYPES.write(out, u16::from_be(ethertype).into());
        }
        _ => return put(out, format_args!("{protocol}")),
    };
    names.write(out, protocol.into());
}

/// A request without a name is shown by its parts: direction, type, number, size
/// (asm-generic/ioctl.h).
pub fn write_ioctl(out: &mut String, request: u32) {
    let value = u64::from(request);
    if files::IOCTLS.has(value) {
        return files::IOCTLS.write(out, value);
    }
    let direction = ["0", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"][(request >> 30) as usize];
    let (kind, number, size) = (request >> 8 & 0xff, request & 0xff, request >> 16 & 0x3fff);
    put(out, format_args!("_IOC({direction}, {kind:#x}, {number:#x}, {size})"));
}

/// The low half of a register: all that the kernel looks at in an `int`.
pub fn low(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}

/// An unsigned number of at most eight bytes in this machine's order.
pub fn number(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    let first = if cfg!(target_endian = "big") { 8 - bytes.len() } else { 0 };
    wide[first..first + bytes.len()].copy_from_slice(bytes);
    u64::from_ne_bytes(wide)
}

/// Appends anything that displays. Writing to a String cannot fail.
pub fn put(out: &mut String, text: impl std::fmt::Display) {
    let _ = write!(out, "{text}");
}
