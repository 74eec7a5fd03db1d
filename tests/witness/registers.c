/* What the kernel does not look at is in the registers all the same. */
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    syscall(SYS_socket, 0x100000010L, 3, 0, 0xdead, 0xbeef, 0xf00d);
    syscall(SYS_prctl, 0x100000000L + 22, 1);
    syscall(SYS_personality, 0x8000000ffffffffL);
    return 0;
}
