import fcntl
import os
import termios

TIOCLINUX, TIOCVHANGUP = 0x541C, 0x5437
master, slave = os.openpty()
for request in (termios.TIOCSTI, TIOCLINUX, TIOCVHANGUP):
    try:
        fcntl.ioctl(slave, request, b"x")  # denied: ioctl
    except OSError:
        pass
termios.tcgetattr(slave)
