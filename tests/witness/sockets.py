import socket

for family in (socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK, socket.AF_ALG, socket.AF_CAN):
    try:
        socket.socket(family, socket.SOCK_RAW, 0)  # denied: socket
    except OSError:
        pass
pair = socket.socketpair()
pair[0].send(b"an inner conversation is no affair of the filter's")
try:
    socket.socketpair(socket.AF_INET, socket.SOCK_STREAM)  # denied: socketpair
except OSError:
    pass
