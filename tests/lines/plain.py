"""Calls from everywhere that Python code can stand. A comment at the end of a line names the call that is denied there."""
import ctypes
import socket
import threading

libc = ctypes.CDLL(None)


def connect():
    s = socket.socket()
    try:
        s.connect(("203.0.113.7", 443))  # denied: connect
    except OSError:
        pass


def deep(n):
    return deep(n - 1) if n else libc.ptrace(0, 0, 0, 0)  # denied: ptrace


class Widget:
    @property
    def size(self):
        return libc.unshare(0x10000000)  # denied: unshare

    def __del__(self):
        libc.personality(0x40000)  # denied: personality


def generator():
    yield 1
    yield libc.sethostname(b"x", 1)  # denied: sethostname


connect()
deep(50)
Widget().size
list(generator())
[libc.setdomainname(b"y", 1) for _ in range(3)]  # denied: setdomainname
(lambda: libc.syscall(246, 0, 0, 0, 0))()  # denied: kexec_load
libc.mount(
    b"none",
    b"/tmp",  # the call stands in the statement that begins two lines above
    b"tmpfs", 0, None)
exec(compile("\n\nlibc.umount2(b'/x', 0)", "/sandbox/elsewhere.py", "exec"))  # denied: umount2


def thread():
    libc.swapon(b"/x", 0)  # denied: swapon


threads = [threading.Thread(target=thread) for _ in range(3)]
for each in threads:
    each.start()  # denied: clone3
for each in threads:
    each.join()


def twice():
    libc.swapoff(b"/x")  # denied: swapoff
    libc.swapoff(b"/x")  # denied: swapoff


twice()


def sort_key(item):
    libc.acct(None)  # denied: acct
    return item


sorted([2, 1], key=sort_key)
