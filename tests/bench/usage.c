// SPDX-License-Identifier: MIT
/*
 * usage - what a command costs, by the kernel's accounts
 *
 *	usage FD COMMAND [ARGUMENT ...]
 *
 * Runs COMMAND, and writes one line to descriptor FD when it has ended: the
 * seconds that passed, those of CPU time in user mode and in the kernel, and
 * the peak of its memory in KiB.  COMMAND's children that it has waited for
 * count with it.  SIGINT and SIGTERM are handed on.  Exits as COMMAND did,
 * 128+N for signal N.
 */
#include "../../src/net.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static volatile pid_t child;

static void hand_on(int sig)
{
	int err = errno;

	if (child > 0)
		kill(child, sig);
	errno = err;
}

static double seconds(const struct timeval *tv)
{
	return (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct sigaction forward = {.sa_handler = hand_on,
				    .sa_flags = SA_RESTART};
	struct rusage cost;
	int64_t start;
	int fd, status;

	prog_name = "usage";
	if (argc < 3)
		die_usage("FD and COMMAND");
	fd = (int)parse_long("FD", argv[1], 0, 1023);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC))
		die_errno("descriptor %d", fd);
	sigaction(SIGINT, &forward, NULL);
	sigaction(SIGTERM, &forward, NULL);
	start = now_ns();
	child = fork();
	if (child < 0)
		die_errno("fork");
	if (!child) {
		execvp(argv[2], argv + 2);
		warn_errno(errno, "%s", argv[2]);
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (wait4(child, &status, 0, &cost) < 0)
		die_errno("wait for %s", argv[2]);
	if (dprintf(fd, "%.6f %.6f %.6f %ld\n",
		    (double)(now_ns() - start) / 1e9, seconds(&cost.ru_utime),
		    seconds(&cost.ru_stime), cost.ru_maxrss) < 0)
		die_errno("write to descriptor %d", fd);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}
