import socket


def attempt(call, *arguments):
    try:
        call(*arguments)  # denied: connect bind sendto
    except OSError:
        pass


four = socket.socket(socket.AF_INET)
six = socket.socket(socket.AF_INET6)
unix = socket.socket(socket.AF_UNIX)
attempt(four.connect, ("203.0.113.7", 443))
attempt(six.connect, ("2001:db8::7", 8443, 0, 3))
attempt(unix.connect, "/run/docker.sock")
attempt(unix.connect, b"\0abstract")
attempt(four.bind, ("127.0.0.1", 8080))
attempt(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto, b"question", ("192.0.2.53", 53))
try:
    four.listen(5)  # denied: listen
except OSError:
    pass
try:
    unix.sendmsg([b"one", b"two"])  # denied: sendmsg
except OSError:
    pass
