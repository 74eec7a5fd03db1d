import ctypes

libc = ctypes.CDLL(None, use_errno=True)

libc.syscall(246, 0, 0, 0, 0)  # denied: kexec_load
libc.syscall(175, 0, 0, b"")  # denied: init_module
libc.syscall(313, 3, b"name=value", 1)  # denied: finit_module
libc.syscall(176, b"ext4", 0o4000)  # denied: delete_module
libc.syscall(169, 1, 2, 3, 0)  # denied: reboot
libc.syscall(103, 3, 0, 16)  # denied: syslog
libc.syscall(321, 5, 0, 48)  # denied: bpf
libc.syscall(425, 8, 0)  # denied: io_uring_setup
libc.syscall(323, 0x80801)  # denied: userfaultfd
libc.syscall(298, 0, 0, -1, -1, 8)  # denied: perf_event_open
