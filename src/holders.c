// SPDX-License-Identifier: MIT
/*
 * holders.c - the processes that hold sockets, and SO_REUSEADDR and
 * SO_REUSEPORT, which no interface of the kernel shows
 *
 * The options are read from a duplicate of the socket, pidfd_getfd(2), where
 * the caller may trace the process; a duplicate that is only read and closed
 * changes nothing.
 */
#include "peek.h"

#include <dirent.h>
#include <sys/syscall.h>

#define SEARCH_NS INT64_C(300000000) /* of CPU time */
#define CPU_TIME  CLOCK_PROCESS_CPUTIME_ID

static int by_inode(const void *a, const void *b)
{
	uint32_t x = (*(struct row *const *)a)->inode;
	uint32_t y = (*(struct row *const *)b)->inode;

	return x < y ? -1 : x > y;
}

/* read_option - 0 or 1; -1: the kernel refuses */
static int read_option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int on;

	return getsockopt(fd, level, name, &on, &len) ? -1 : !!on;
}

/*
 * read_options - SO_REUSEADDR, SO_REUSEPORT, IPV6_V6ONLY of a socket that a
 * process holds; they stay unknown where the kernel is older than pidfd_getfd()
 * (5.6), or refuses
 */
static void read_options(struct row *r, int pidfd, int fd)
{
	int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	if (copy < 0)
		return;
	r->kind.reuseaddr = read_option(copy, SOL_SOCKET, SO_REUSEADDR);
	r->kind.reuseport = read_option(copy, SOL_SOCKET, SO_REUSEPORT);
	if (r->kind.local.family == AF_INET6)
		r->kind.v6only = read_option(copy, IPPROTO_IPV6, IPV6_V6ONLY);
	close(copy);
}

/* read_command - the name of the process, printable, without blanks */
static void read_command(long pid, char command[COMMAND_SIZE])
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, command, COMMAND_SIZE - 1);
		close(fd);
	}
	command[n > 0 ? n : 0] = '\0';
	command[strcspn(command, "\n")] = '\0';
	for (char *c = command; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '_';
}

/*
 * look_into - the descriptors of one process, against the sockets wanted, until
 * none is missing or the CPU time @end is over; returns how many it has
 */
static size_t look_into(long pid, struct row **want, size_t n, size_t missing,
			int64_t end)
{
	char path[64], command[COMMAND_SIZE];
	struct dirent *entry;
	size_t found = 0;
	int pidfd = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (found < missing && (entry = readdir(dir)) &&
	       clock_ns(CPU_TIME) < end) {
		struct row key, *keyp = &key, **hit;
		char link[32];
		ssize_t len;

		len = readlinkat(dirfd(dir), entry->d_name, link,
				 sizeof(link) - 1);
		link[len > 0 ? len : 0] = '\0';
		if (sscanf(link, "socket:[%u]", &key.inode) != 1)
			continue;
		hit = bsearch(&keyp, want, n, sizeof(struct row *), by_inode);
		if (!hit || (*hit)->pid)
			continue;
		if (!found++) {
			read_command(pid, command);
			pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
		}
		(*hit)->pid = pid;
		strcpy((*hit)->command, command);
		if (pidfd >= 0)
			read_options(*hit, pidfd, atoi(entry->d_name));
	}
	if (pidfd >= 0)
		close(pidfd);
	closedir(dir);
	return found;
}

/*
 * find_holders - the processes of these sockets, and the sockets' options, as
 * far as the caller may see; with -g and -t no longer than SEARCH_NS
 */
void find_holders(const struct question *q, struct rows *rows)
{
	const int64_t end = q->grouped || q->hasty
				    ? clock_ns(CPU_TIME) + SEARCH_NS
				    : INT64_MAX;
	struct row **want = xcalloc(rows->n + 1, sizeof(struct row *));
	size_t n = 0, found = 0;
	struct dirent *entry;
	DIR *proc;

	for (size_t i = 0; i < rows->n; i++)
		if (rows->at[i].inode)
			want[n++] = &rows->at[i];
	qsort(want, n, sizeof(struct row *), by_inode);
	/* Without /proc they are as those of another user. */
	proc = opendir("/proc");
	if (proc) {
		while (found < n && (entry = readdir(proc))) {
			char *rest;
			long pid = strtol(entry->d_name, &rest, 10);

			if (pid > 0 && !*rest)
				found +=
					look_into(pid, want, n, n - found, end);
		}
		closedir(proc);
	}
	free(want);
}
