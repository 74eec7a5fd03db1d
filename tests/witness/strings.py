import ctypes

libc = ctypes.CDLL(None, use_errno=True)

for path in (b"plain", b"", b"a \"quote\"", b"back\\slash", b"x" * 300, b"tab\tnewline\n", b"\x1b[31mred", "\u00fcml\u00e4ut".encode()):
    libc.swapoff(path)  # denied: swapoff
libc.swapoff(None)  # denied: swapoff
libc.swapoff(ctypes.c_void_p(0xDEAD000))  # denied: swapoff
