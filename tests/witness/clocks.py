import ctypes

libc = ctypes.CDLL(None, use_errno=True)
import time

try:
    time.clock_settime(time.CLOCK_REALTIME, 0.5)  # denied: clock_settime
except OSError:
    pass
libc.syscall(164, 0, 0)  # denied: settimeofday
libc.syscall(159, 0)  # denied: adjtimex
libc.syscall(305, 1, 0)  # denied: clock_adjtime
time.sleep(0.001)
