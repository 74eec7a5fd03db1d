// Floods: one process writes as fast as it can, another makes refused calls as fast as it can.
// ioctl-like calls carry no memory; personality with an odd value is refused by every profile.
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	static char line[65536];
	if (fork() == 0) {
		for (;;)
			syscall(SYS_keyctl, 0, 0, 0, 0, 0);
	}
	memset(line, 'x', sizeof line);
	for (size_t at = 79; at < sizeof line; at += 80)
		line[at] = '\n';
	for (;;)
		if (write(1, line, sizeof line) < 0)
			return 1;
}
