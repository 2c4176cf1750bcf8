/* SPDX-License-Identifier: MIT */
/*
 * calls - the calls that watch has stopped: what they were asked, what came of
 * them, and the word to why about those that failed
 */
#include "calls.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* A connect() that its program does not wait for. */
struct pending {
	pid_t pid;
	int fd;
	ino_t inode; /* of the socket: its number may go to another one */
	struct addr to, from;
};

#define BUCKETS	 1024
#define PENDINGS 4096
#define SEEN	 512
static struct thread *threads[BUCKETS];
static struct pending pendings[PENDINGS];
static uint64_t seen[SEEN]; /* hashes of what was explained */
size_t n_seen;
size_t repeats;
size_t unread;
long long calls;
const char *why;
bool brief;

struct thread *thread_of(pid_t tid, bool make)
{
	struct thread **t = &threads[tid % BUCKETS];

	while (*t && (*t)->tid != tid)
		t = &(*t)->next;
	if (!*t && make) {
		*t = calloc(1, sizeof(**t));
		if (!*t)
			die_errno("a thread");
		(*t)->tid = tid;
		(*t)->nr = -1;
	}
	return *t;
}

void forget(pid_t tid)
{
	struct thread **t = &threads[tid % BUCKETS], *gone;

	while (*t && (*t)->tid != tid)
		t = &(*t)->next;
	gone = *t;
	if (!gone)
		return;
	*t = gone->next;
	free(gone);
}

/* copy_fd - a duplicate of a descriptor of a thread, or -1 */
static int copy_fd(pid_t tid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, tid, 0), copy;

	if (pidfd < 0) /* no leader of its process */
		pidfd = (int)syscall(SYS_pidfd_open,
				     (pid_t)status_of(tid, "Tgid:"), 0);
	if (pidfd < 0)
		return -1;
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	close(pidfd);
	return copy;
}

/* inode_of - that of a descriptor of a thread, or 0 */
static ino_t inode_of(pid_t tid, int fd)
{
	int copy = copy_fd(tid, fd);
	struct stat st;
	ino_t inode = 0;

	if (copy < 0)
		return 0;
	if (!fstat(copy, &st))
		inode = st.st_ino;
	close(copy);
	return inode;
}

static struct pending *pending_of(pid_t pid, int fd)
{
	return &pendings[((unsigned int)pid * 31 + (unsigned int)fd) %
			 PENDINGS];
}

/* explain - run WHY about a call that failed, once for those that are alike */
static void explain(pid_t tid, const char *call, int err, int copy,
		    const struct addr *to, const struct addr *from)
{
	char words[WORDS_SIZE], event[4][ADDR_STRLEN + 16], buf[ADDR_STRLEN];
	char *argv[20] = {(char *)(uintptr_t)why, "--event"}, *save, *w;
	uint64_t hash = 14695981039346656037U;
	int n = 2, status;
	pid_t child;

	describe(copy, words);
	snprintf(event[0], sizeof(event[0]), "call=%s", call);
	snprintf(event[1], sizeof(event[1]), "errno=%s", errno_name(err));
	snprintf(event[2], sizeof(event[2]), "to=%s",
		 to->len ? addr_str(to, buf) : "-");
	snprintf(event[3], sizeof(event[3]), "from=%s",
		 from->len ? addr_str(from, buf) : "-");
	for (int i = 0; i < 5; i++)
		for (const char *p = i < 4 ? event[i] : words; *p; p++)
			hash = (hash ^ (unsigned char)*p) * 1099511628211U;
	for (size_t i = 0; i < n_seen && i < SEEN; i++) {
		if (seen[i] == hash) {
			repeats++;
			return;
		}
	}
	seen[n_seen++ % SEEN] = hash;
	for (int i = 0; i < 4; i++)
		argv[n++] = event[i];
	snprintf(buf, sizeof(buf), "pid=%d", (int)tid);
	argv[n++] = buf;
	if (brief)
		argv[n++] = "quiet=1";
	for (w = strtok_r(words, " ", &save); w && n < 19;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	child = fork();
	if (!child) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execv(why, argv);
		_exit(127);
	}
	/* The main loop's wait would take the stops of threads, too. */
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
}

/* enter - a thread is at one of the calls; what will be wanted is read now */
void enter(struct thread *t, const struct __ptrace_syscall_info *info)
{
	const uint64_t *args = info->seccomp.args;
	struct iovec here = {&t->to.ss, sizeof(t->to.ss)};
	struct iovec there = {(void *)(uintptr_t)args[1], (size_t)args[2]};
	ssize_t got;
	int copy;

	t->nr = (long)info->seccomp.nr;
	t->fd = (int)args[0];
	t->optval = args[3];
	t->to.len = t->from.len = 0;
	t->tcp = t->unread = false;
	calls++;
	if (t->nr == SYS_getsockopt)
		return;
	if (t->nr != SYS_listen) {
		if (there.iov_len > sizeof(t->to.ss))
			there.iov_len = sizeof(t->to.ss);
		got = process_vm_readv(t->tid, &here, 1, &there, 1, 0);
		t->unread = got < (ssize_t)sizeof(t->to.sa.sa_family);
		if (t->unread || (t->to.sa.sa_family != AF_INET &&
				  t->to.sa.sa_family != AF_INET6))
			return;
		t->unread = got < (ssize_t)sizeof(struct sockaddr_in);
		if (t->unread)
			return;
		t->to.len = (socklen_t)there.iov_len;
	}
	t->tcp = true;
	/* connect() that fails takes the port away. */
	copy = copy_fd(t->tid, t->fd);
	if (copy >= 0) {
		local_addr(copy, &t->from);
		close(copy);
	}
}

/* leave - the call has ended */
void leave(struct thread *t, long value)
{
	const char *name = t->nr == SYS_bind	 ? "bind"
			   : t->nr == SYS_listen ? "listen"
						 : "connect";
	struct pending *p = NULL;
	pid_t pid = 0;
	int copy, err = value < 0 ? (int)-value : 0;

	if (t->nr == SYS_connect || t->nr == SYS_getsockopt) {
		if (t->nr == SYS_getsockopt || err == EINPROGRESS) {
			pid = (pid_t)status_of(t->tid, "Tgid:");
			p = pending_of(pid, t->fd);
		}
		if (t->nr == SYS_connect && err == EINPROGRESS && t->tcp)
			*p = (struct pending){pid, t->fd,
					      inode_of(t->tid, t->fd), t->to,
					      t->from};
	}
	if (t->nr == SYS_getsockopt) {
		struct iovec here = {&err, sizeof(err)};
		struct iovec there = {(void *)(uintptr_t)t->optval,
				      sizeof(err)};

		if (value || p->pid != pid || p->fd != t->fd ||
		    p->inode != inode_of(t->tid, t->fd) ||
		    process_vm_readv(t->tid, &here, 1, &there, 1, 0) !=
			    (ssize_t)sizeof(err))
			return;
		t->to = p->to;
		t->from = p->from;
		t->tcp = true;
		p->pid = 0;
	}
	if (!err || err == EINPROGRESS || err == EALREADY || err == EISCONN ||
	    err == EINTR || err >= 512)
		return;
	if (!t->tcp) {
		unread += t->unread;
		return;
	}
	copy = copy_fd(t->tid, t->fd);
	if (copy < 0 && err != EBADF)
		unread++;
	if (copy >= 0 && is_tcp(copy))
		explain(t->tid, name, err, copy, &t->to, &t->from);
	if (copy >= 0)
		close(copy);
}

/* look_at - after exec: false of a 32-bit program: its calls are not watched */
bool look_at(pid_t pid)
{
	char path[40], magic[5] = "", name[32] = "?";
	bool watched;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	watched = read(fd, magic, 5) != 5 || magic[4] != 1 || sizeof(long) != 8;
	if (!watched) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		f = fopen(path, "re");
		if (f && fgets(name, sizeof(name), f))
			name[strcspn(name, "\n")] = '\0';
		if (f)
			fclose(f);
		fprintf(stderr,
			"why: %s, pid %d, is a 32-bit program: its calls are "
			"not watched (why -p %d reads its sockets)\n",
			name, (int)pid, (int)pid);
	}
	close(fd);
	return watched;
}
