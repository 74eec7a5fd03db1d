// Makes CALLS calls that a filter refuses and prints the microseconds of one.
// POINTER: a connect with an address in memory, or a socket without any.
// FILTER: refuses them itself, by a plain ERRNO filter with nobody listening.
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int refuse(unsigned call) {
    struct sock_filter insns[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof insns / sizeof *insns, insns};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(443)};
    inet_pton(AF_INET, "93.184.216.34", &address.sin_addr);
    if (FILTER && refuse(POINTER ? SYS_connect : SYS_socket)) return 1;
    double start = now();
    for (int i = 0; i < CALLS; i++) {
        long result = POINTER ? syscall(SYS_connect, -1, &address, sizeof address)
                              : syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0);
        if (result != -1) return 1;
    }
    printf("%.3f\n", (now() - start) / CALLS * 1e6);
    return 0;
}
