#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    for (int n = 0; n < 4; n++) {
        pid_t child = vfork();
        if (child == 0) {
            syscall(SYS_setdomainname, "vfork", 5);
            _exit(n);
        }
        waitpid(child, NULL, 0);
    }
    return 0;
}
