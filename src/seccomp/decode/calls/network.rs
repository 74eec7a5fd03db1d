//! Sockets.

use super::super::kind::Kind::{
    Array, Data, Flags, Int, Operation, OptionValue, Pointer, Protocol, Size, Sockaddr, Socketcall, Struct, Uint,
};
use super::super::kind::{Kind, Operations, Row};
use super::super::names::network::{ACCEPT, FAMILIES, IP, IPV6, LEVELS, MSG, PACKET, SHUTDOWN, SO, SOCKET_TYPE, TCP};
use super::layouts::{LENGTH, MMSGHDR, MSGHDR, MSGHDR_IN, TIME, TIME64};

static SET_OPTION: Operations = Operations {
    names: &LEVELS,
    arguments: &[
        (libc::SOL_SOCKET.cast_unsigned(), &[Flags(&SO), OptionValue(4), Int]),
        (libc::IPPROTO_IP.cast_unsigned(), &[Flags(&IP), OptionValue(4), Int]),
        (libc::IPPROTO_IPV6.cast_unsigned(), &[Flags(&IPV6), OptionValue(4), Int]),
        (libc::IPPROTO_TCP.cast_unsigned(), &[Flags(&TCP), OptionValue(4), Int]),
        (libc::SOL_PACKET.cast_unsigned(), &[Flags(&PACKET), OptionValue(4), Int]),
    ],
};

static GET_OPTION: Operations = Operations {
    names: &LEVELS,
    arguments: &[
        (libc::SOL_SOCKET.cast_unsigned(), &[Flags(&SO), Pointer, Struct(&LENGTH)]),
        (libc::IPPROTO_IP.cast_unsigned(), &[Flags(&IP), Pointer, Struct(&LENGTH)]),
        (libc::IPPROTO_IPV6.cast_unsigned(), &[Flags(&IPV6), Pointer, Struct(&LENGTH)]),
        (libc::IPPROTO_TCP.cast_unsigned(), &[Flags(&TCP), Pointer, Struct(&LENGTH)]),
        (libc::SOL_PACKET.cast_unsigned(), &[Flags(&PACKET), Pointer, Struct(&LENGTH)]),
    ],
};

pub const ROWS: &[Row] = &[
    ("accept", &[Int, Pointer, Pointer]),
    ("accept4", &[Int, Pointer, Pointer, Flags(&ACCEPT)]),
    ("bind", &[Int, Sockaddr(2), Int]),
    ("connect", &[Int, Sockaddr(2), Int]),
    ("getpeername", &[Int, Pointer, Pointer]),
    ("getsockname", &[Int, Pointer, Pointer]),
    ("getsockopt", &[Int, Operation(&GET_OPTION), Int, Pointer, Struct(&LENGTH)]),
    ("listen", &[Int, Int]),
    ("recv", &[Int, Pointer, Size, Flags(&MSG)]),
    ("recvfrom", &[Int, Pointer, Size, Flags(&MSG), Pointer, Pointer]),
    ("recvmmsg", &[Int, Pointer, Uint, Flags(&MSG), Struct(&TIME)]),
    ("recvmmsg_time64", &[Int, Pointer, Uint, Flags(&MSG), Struct(&TIME64)]),
    ("recvmsg", &[Int, Struct(&MSGHDR_IN), Flags(&MSG)]),
    ("send", &[Int, Data(2), Size, Flags(&MSG)]),
    ("sendmmsg", &[Int, Array(&MMSGHDR, 2), Uint, Flags(&MSG)]),
    ("sendmsg", &[Int, Struct(&MSGHDR), Flags(&MSG)]),
    ("sendto", &[Int, Data(2), Size, Flags(&MSG), Sockaddr(5), Int]),
    ("setsockopt", &[Int, Operation(&SET_OPTION), Int, OptionValue(4), Int]),
    ("shutdown", &[Int, Flags(&SHUTDOWN)]),
    ("socket", &[Flags(&FAMILIES), Flags(&SOCKET_TYPE), Protocol(0)]),
    ("socketcall", &[Socketcall]),
    ("socketpair", &[Flags(&FAMILIES), Flags(&SOCKET_TYPE), Protocol(0), Pointer]),
    ("sethostname", &[Data(1), Size]),
    ("setdomainname", &[Data(1), Size]),
];

/// The kinds of the arguments of a socketcall(2) command (linux/net.h); none if unknown.
pub fn socketcall(command: u32) -> &'static [Kind] {
    const NAMES: [&str; 20] = [
        "socket",
        "bind",
        "connect",
        "listen",
        "accept",
        "getsockname",
        "getpeername",
        "socketpair",
        "send",
        "recv",
        "sendto",
        "recvfrom",
        "shutdown",
        "setsockopt",
        "getsockopt",
        "sendmsg",
        "recvmsg",
        "accept4",
        "recvmmsg",
        "sendmmsg",
    ];
    let name = (command as usize).checked_sub(1).and_then(|index| NAMES.get(index));
    name.and_then(|name| super::INDEX.get(name)).copied().unwrap_or(&[])
}
