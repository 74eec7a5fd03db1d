/* Prints its effective user id. Installed setuid root: says 0 to a cell's ordinary
 * user unless no-new-privileges is in force. */
#include <stdio.h>
#include <unistd.h>

int main(void) {
    printf("%d\n", (int)geteuid());
    return 0;
}
