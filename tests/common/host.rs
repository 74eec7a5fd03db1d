//! What of this machine's a test sets out for a specimen to find.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// A listener on this machine's loopback that greets, for as long as the test lasts: its port.
pub fn greeter() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let _ = client.unwrap().write_all(b"hello");
        }
    });
    port
}

/// The same behind a Unix socket that has no file: its name.
pub fn abstract_greeter() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("hotcell-probe-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let _ = client.unwrap().write_all(b"hello");
        }
    });
    name
}

/// A System V shared memory segment of this machine.
pub struct Segment {
    id: String,
    pub key: String,
}

impl Segment {
    pub fn make() -> Self {
        let made = Command::new("ipcmk").args(["--shmem", "4096"]).output().unwrap();
        let id = String::from_utf8(made.stdout).unwrap().rsplit(' ').next().unwrap().trim().to_owned();
        // `key shmid ...`: proc_sysvipc(5).
        let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
        let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| row[1] == id);
        Self { key: row.expect("the new segment is listed")[0].to_owned(), id }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let _ = Command::new("ipcrm").args(["--shmem-id", &self.id]).status();
    }
}
