//! Whom a call wants to speak to, for which name, and whether somebody of the machine's own network is there.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::run::attribution::{Peer, Want};
use crate::seccomp::decode::Memory;
use crate::text::visible;

/// `struct sockaddr_storage`.
const LONGEST: u64 = 128;

/// The port of name servers.
const DOMAIN: u16 = 53;

/// The header of a question, and the longest name behind it: RFC 1035, 4.1.1 and 2.3.4.
const HEADER: usize = 12;
const LONGEST_QUESTION: u64 = HEADER as u64 + 255;

/// Whom a call with these arguments wants to speak to.
pub fn peer(wants: &[Want], args: &[u64; 6], memory: &mut dyn Memory) -> Peer {
    let address = wants.iter().find_map(|want| if let Want::Peer(address) = want { *address } else { None });
    let Some(at) = address else { return Peer::Unknown };
    let mut bytes = |(pointer, length): (usize, usize), longest: u64| {
        let mut bytes = vec![0; usize::try_from(args[length].min(longest)).unwrap_or(0)];
        let read = memory.read(args[pointer], &mut bytes).unwrap_or(0);
        bytes.truncate(read);
        bytes
    };
    match parse(&bytes(at.address, LONGEST)) {
        Some(Peer::Internet(address)) if address.port() == DOMAIN => {
            let name = at.message.and_then(|message| asked_for(&bytes(message, LONGEST_QUESTION)));
            Peer::NameServer { address, name }
        }
        Some(peer) => peer,
        // Where there is none to be read, there is nowhere to go.
        None => Peer::Other,
    }
}

/// The name of a message's first question: RFC 1035, 4.1.2. A label has at most 63 bytes; the first question has nothing
/// before it that it could point to.
fn asked_for(message: &[u8]) -> Option<String> {
    let (header, mut rest) = message.split_at_checked(HEADER)?;
    let is_question = header[2] & 0x80 == 0 && header[4..6] != [0, 0];
    let mut name = Vec::new();
    while let Some((length @ 1..=63, after)) = rest.split_first() {
        let (label, after) = after.split_at_checked(usize::from(*length))?;
        name.extend([label, b"."].concat());
        rest = after;
    }
    let ended = rest.first() == Some(&0);
    name.pop();
    (is_question && ended && !name.is_empty()).then(|| visible(&name))
}

fn parse(bytes: &[u8]) -> Option<Peer> {
    let (family, body) = bytes.split_first_chunk::<2>()?;
    let port = || Some(u16::from_be_bytes(*body.first_chunk()?));
    Some(match i32::from(u16::from_ne_bytes(*family)) {
        libc::AF_INET => {
            let address = Ipv4Addr::from(*body.get(2..)?.first_chunk::<4>()?);
            Peer::Internet(SocketAddr::new(IpAddr::V4(address), port()?))
        }
        libc::AF_INET6 => {
            let address = Ipv6Addr::from(*body.get(6..)?.first_chunk::<16>()?);
            Peer::Internet(SocketAddr::new(IpAddr::V6(address), port()?))
        }
        libc::AF_UNIX if body.len() > 1 && body[0] == 0 => Peer::Abstract(body[1..].to_vec()),
        _ => Peer::Other,
    })
}

/// Whether somebody listens there in the network namespace of hotcell.
pub fn is_outside(peer: &Peer) -> bool {
    let read = |table: &str| fs::read(format!("/proc/self/net/{table}")).unwrap_or_default();
    match peer {
        Peer::Internet(address) | Peer::NameServer { address, .. } if address.ip().is_loopback() => {
            ["tcp", "tcp6"].iter().any(|table| listens(&String::from_utf8_lossy(&read(table)), address.port()))
        }
        Peer::Abstract(name) => is_bound(&read("unix"), name),
        Peer::Internet(_) | Peer::NameServer { .. } | Peer::Unknown | Peer::Other => false,
    }
}

/// Lines of `/proc/net/tcp`: `N: LOCAL:PORT REMOTE:PORT STATE ...`, where 0A is listening.
fn listens(table: &str, port: u16) -> bool {
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().and_then(|local| local.rsplit(':').next());
        local.and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port) && fields.nth(1) == Some("0A")
    })
}

/// Lines of `/proc/net/unix` end in the name, whose first byte, NUL, is shown as `@`.
fn is_bound(table: &[u8], name: &[u8]) -> bool {
    let shown = [b" @", name].concat();
    table.split(|byte| *byte == b'\n').any(|line| line.ends_with(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::attribution::wants;

    #[test]
    fn an_address_is_told_by_its_family() {
        let inet = [2, 0, 0x1f, 0x90, 127, 0, 0, 1];
        assert_eq!(parse(&inet), Some(Peer::Internet("127.0.0.1:8080".parse().unwrap())));
        assert_eq!(parse(&[1, 0, 0, b'x']), Some(Peer::Abstract(b"x".to_vec())));
        assert_eq!(parse(&[1, 0, b'/', b'x']), Some(Peer::Other));
        assert_eq!(parse(&[2, 0, 1]), None);
    }

    /// Memory from address 0 on.
    struct Held(Vec<u8>);

    impl Memory for Held {
        fn read(&mut self, address: u64, buf: &mut [u8]) -> std::io::Result<usize> {
            let from = &self.0[usize::try_from(address).unwrap()..];
            let count = from.len().min(buf.len());
            buf[..count].copy_from_slice(&from[..count]);
            Ok(count)
        }
    }

    fn question(labels: &[&[u8]]) -> Vec<u8> {
        let mut message = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in labels {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend_from_slice(label);
        }
        message.extend([0, 0, 1, 0, 1]);
        message
    }

    #[test]
    fn who_speaks_to_port_53_asks_a_name_server_and_a_datagram_says_for_what() {
        let address = [2, 0, 0, 53, 192, 0, 2, 53, 0, 0, 0, 0, 0, 0, 0, 0];
        // A sendto whose pointer to an address is NULL has none.
        let mut memory = Held([&[0], &address[..], &question(&[b"example", b"com"])].concat());
        let mut whom = |call, args: [u64; 6]| peer(&wants(call, &args), &args, &mut memory);
        let address = "192.0.2.53:53".parse().unwrap();
        assert_eq!(whom("connect", [3, 1, 16, 0, 0, 0]), Peer::NameServer { address, name: None });
        let name = Some("example.com".to_owned());
        assert_eq!(whom("sendto", [3, 17, 29, 0, 1, 16]), Peer::NameServer { address, name });
    }

    #[test]
    fn a_name_is_read_from_a_whole_question_alone_and_shown_safely() {
        assert_eq!(asked_for(&question(&[b"a", b"example"])).as_deref(), Some("a.example"));
        assert_eq!(asked_for(&question(&[b"\x1b[31m"])).as_deref(), Some("\\x1b[31m"));
        let mut answer = question(&[b"a"]);
        answer[2] |= 0x80;
        let mut pointer = question(&[b"a"]);
        pointer[14] = 0xc0;
        let cut = question(&[b"example"])[..16].to_vec();
        for message in [answer, pointer, cut, question(&[]), Vec::new()] {
            assert_eq!(asked_for(&message), None, "{message:?}");
        }
    }

    #[test]
    fn who_listens_is_read_from_the_kernels_tables() {
        let table = "  sl  local_address rem_address   st\n   0: 0100007F:1F90 00000000:0000 0A 0\n   1: 0100007F:1F91 0100007F:1F90 01 0\n";
        assert!(listens(table, 8080) && !listens(table, 8081));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(is_outside(&Peer::Internet(listener.local_addr().unwrap())));
        assert!(is_bound(b"0: 2 0 10000 1 1 7 @name\n", b"name") && !is_bound(b"0: 2 0 10000 1 1 7 @name2\n", b"name"));
    }
}
