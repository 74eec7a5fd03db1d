import ctypes

libc = ctypes.CDLL(None, use_errno=True)
import os

for number in range(5):
    if os.fork() == 0:
        libc.setdomainname(b"child", number)  # denied: setdomainname
        os._exit(0)
    os.wait()
libc.setdomainname(b"parent", 6)  # denied: setdomainname
