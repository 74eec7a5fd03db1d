import ctypes

libc = ctypes.CDLL(None, use_errno=True)

libc.mount(b"none", b"/tmp", b"tmpfs", 0x6, b"size=1m")  # denied: mount
libc.mount(None, b"/", None, 0x44000, None)  # denied: mount
libc.umount2(b"/proc", 2)  # denied: umount2
libc.syscall(428, -100, b"/tmp", 1)  # denied: open_tree
libc.syscall(430, b"tmpfs", 1)  # denied: fsopen
libc.syscall(429, 3, b"", -100, b"/mnt", 4)  # denied: move_mount
libc.swapon(b"/tmp/swap", 0x8000)  # denied: swapon
libc.swapoff(b"/tmp/swap")  # denied: swapoff
