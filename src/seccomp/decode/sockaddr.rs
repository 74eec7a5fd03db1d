//! Socket addresses, as connect(2) and its kin are given them.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use super::names::network::{ETHERTYPES, FAMILIES};
use super::plain::quote;

/// The longest address the kernel takes (`struct sockaddr_storage`).
pub const MAX_LENGTH: usize = 128;

/// Appends the address in `bytes` as `{AF_INET, 127.0.0.1:80}`.
///
/// An address too short for its family, or of a family not known here, is shown in
/// hexadecimal behind the family.
pub fn write(out: &mut String, bytes: &[u8]) {
    out.push('{');
    match bytes.split_first_chunk() {
        Some((family, body)) => {
            let family = u16::from_ne_bytes(*family);
            FAMILIES.write(out, u64::from(family));
            if write_body(out, i32::from(family), body).is_none() && !body.is_empty() {
                out.push_str(", ");
                write_hex(out, body);
            }
        }
        None => write_hex(out, bytes),
    }
    out.push('}');
}

/// Appends what follows the family, or nothing where `body` cannot be that family's.
fn write_body(out: &mut String, family: i32, body: &[u8]) -> Option<()> {
    // Writing to a String cannot fail.
    let _ = match family {
        libc::AF_UNIX => {
            write_unix(out, body);
            Ok(())
        }
        libc::AF_INET => write!(out, ", {}", ipv4(body)?),
        libc::AF_INET6 => write!(out, ", {}", ipv6(body)?),
        libc::AF_NETLINK => {
            let (pid, groups) = (u32_at(body, 2)?, u32_at(body, 6)?);
            write!(out, ", pid {pid}, groups {groups:#x}")
        }
        libc::AF_VSOCK => {
            let (port, cid) = (u32_at(body, 2)?, u32_at(body, 6)?);
            write!(out, ", cid {cid}, port {port}")
        }
        libc::AF_PACKET => return write_packet(out, body),
        libc::AF_ALG => return write_alg(out, body),
        _ => return None,
    };
    Some(())
}

/// `struct sockaddr_in` behind its family: port and address in network order (ip(7)).
fn ipv4(body: &[u8]) -> Option<SocketAddrV4> {
    let address = Ipv4Addr::from(*body.get(2..)?.first_chunk::<4>()?);
    Some(SocketAddrV4::new(address, port(body)?))
}

/// `struct sockaddr_in6` behind its family (ipv6(7)); the kernel takes it without scope.
fn ipv6(body: &[u8]) -> Option<SocketAddrV6> {
    let address = Ipv6Addr::from(*body.get(6..)?.first_chunk::<16>()?);
    let scope = u32_at(body, 22).unwrap_or(0);
    Some(SocketAddrV6::new(address, port(body)?, 0, scope))
}

fn port(body: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*body.first_chunk()?))
}

/// unix(7): no name, a path that may lack its NUL, or an abstract name of any bytes.
fn write_unix(out: &mut String, body: &[u8]) {
    out.push_str(", ");
    match body {
        [] => out.push_str("unnamed"),
        [0, name @ ..] => {
            out.push('@');
            quote(out, name, false);
        }
        path => quote(out, until_nul(path), false),
    }
}

/// `struct sockaddr_ll` behind its family (packet(7)).
fn write_packet(out: &mut String, body: &[u8]) -> Option<()> {
    let interface = u32_at(body, 2)?.cast_signed();
    let length = usize::from(*body.get(9)?);
    let hardware = body.get(10..)?;
    out.push_str(", ");
    ETHERTYPES.write(out, u64::from(port(body)?));
    let _ = write!(out, ", interface {interface}");
    for (index, byte) in hardware.iter().take(length.min(8)).enumerate() {
        let separator = if index == 0 { ", address " } else { ":" };
        let _ = write!(out, "{separator}{byte:02x}");
    }
    Some(())
}

/// `struct sockaddr_alg` behind its family (`linux/if_alg.h`): type and name of a cipher.
fn write_alg(out: &mut String, body: &[u8]) -> Option<()> {
    let (kind, name) = (body.get(..14)?, body.get(22..)?);
    for part in [kind, name] {
        out.push_str(", ");
        quote(out, until_nul(part), false);
    }
    Some(())
}

fn u32_at(body: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*body.get(at..)?.first_chunk()?))
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or(bytes)
}

fn write_hex(out: &mut String, bytes: &[u8]) {
    out.push_str("0x");
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}
