import ctypes

libc = ctypes.CDLL(None, use_errno=True)
import signal

hits = 0


def ring(*_):
    global hits
    hits += 1
    libc.sethostname(b"rung", 4)  # denied: sethostname


signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
while hits < 10:
    libc.setdomainname(b"main", 4)  # denied: setdomainname
signal.setitimer(signal.ITIMER_REAL, 0)
