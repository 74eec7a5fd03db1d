import ctypes

libc = ctypes.CDLL(None, use_errno=True)
import os

me = os.getpid()
libc.ptrace(16, me, 0, 0)  # denied: ptrace
libc.syscall(310, me, 0, 0, 0, 0, 0)  # denied: process_vm_readv
libc.syscall(311, me, 0, 0, 0, 0, 0)  # denied: process_vm_writev
libc.syscall(312, me, me, 0, 1, 2)  # denied: kcmp
libc.syscall(438, 3, 0, 0)  # denied: pidfd_getfd
libc.personality(0x0040000)  # denied: personality
libc.prctl(4, 0, 0, 0, 0)  # denied: prctl
libc.prctl(38, 1, 0, 0, 0)  # denied: prctl
libc.prctl(15, b"renamed", 0, 0, 0)
