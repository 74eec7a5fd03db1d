import ctypes

libc = ctypes.CDLL(None, use_errno=True)

for number in (-1, 0, 2**31 - 1, -(2**31), 65536):
    libc.setfsuid(number)  # denied: setfsuid
for value in (-1, 2**63 - 1, 2**32):
    libc.syscall(205, ctypes.c_long(value))  # denied: set_thread_area
libc.syscall(9999, 1, 2, 3)  # denied: syscall_9999
libc.syscall(ctypes.c_long(-1))  # denied: syscall_-1
