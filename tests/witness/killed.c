/* Calls by way of the 32-bit gate, for which the profile has no word: the filter kills. */
#include <unistd.h>

int main(void) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
#else
    _exit(0);
#endif
    return 0;
}
