#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    syscall(SYS_acct, "/tmp/acct");
    syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS);
    syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0);
    syscall(SYS_clone3, (void *)64, 88);
    syscall(SYS_memfd_create, "name", 1);
    syscall(SYS_execveat, -100, "/bin/true", NULL, NULL, 0x1000);
    return errno == 0;
}
