// Writes BYTES to standard output in blocks of 1 MiB; prints on standard error the seconds
// it took and the milliseconds of the longest single write.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char block[1 << 20];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void) {
    memset(block, 'x', sizeof block);
    double start = now(), longest = 0;
    for (long long left = BYTES; left > 0;) {
        double before = now();
        ssize_t wrote = write(1, block, left < (long long)sizeof block ? (size_t)left : sizeof block);
        if (wrote <= 0) return 1;
        left -= wrote;
        if (now() - before > longest) longest = now() - before;
    }
    fprintf(stderr, "%.6f %.3f\n", now() - start, longest * 1e3);
    return 0;
}
