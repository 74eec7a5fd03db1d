import ctypes

libc = ctypes.CDLL(None, use_errno=True)

for number in range(3000):
    libc.acct(None)  # denied: acct
for number in range(200):
    libc.swapon(b"/tmp/%d" % number, 0)  # denied: swapon
