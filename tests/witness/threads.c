#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *work(void *argument) {
    for (int n = 0; n < 50; n++) syscall(SYS_sethostname, argument, 4);
    return NULL;
}

int main(void) {
    pthread_t threads[4];
    char *names[4] = {"zero", "one!", "two!", "tri!"};
    for (int n = 0; n < 4; n++) pthread_create(&threads[n], NULL, work, names[n]);
    for (int n = 0; n < 4; n++) pthread_join(threads[n], NULL);
    return 0;
}
