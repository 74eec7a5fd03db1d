import ctypes

libc = ctypes.CDLL(None, use_errno=True)

libc.syscall(248, b"user", b"hot", b"cell", 4, -2)  # denied: add_key
libc.syscall(249, b"user", b"hot", None, -3)  # denied: request_key
for operation in range(4):
    libc.syscall(250, operation, -3, 0, 0, 0)  # denied: keyctl
