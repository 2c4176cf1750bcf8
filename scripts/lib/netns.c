/*
 * netns - a builtin for bash: network namespaces without a process
 *
 *	enable -f ./netns.so netns
 *	netns new           a new network namespace for this shell, loopback up
 *	netns enter PATH    the one of PATH, such as /proc/PID/ns/net
 *	netns run PATH COMMAND ...
 *	                    runs the program there ("" is here), waits for it
 *	netns start PATH COMMAND ...
 *	                    starts it there, in the background: $netns_pid is
 *	                    its process, $netns_fd a pidfd of that
 *	netns wait PIDFD    waits for its end; fails with its exit code
 *	netns more FD PIDFD SECONDS
 *	                    waits until the file FD has more to read: 0; until
 *	                    PIDFD's program has ended, and it has not: 1; for
 *	                    that time: 142.  It may be 0 too early.
 *	netns can-start     do start and wait work here?  Linux 6.15 or later.
 *	netns pin CPU       this shell, and what it starts, runs there only
 *	netns take FD SECONDS
 *	                    a byte of the pipe FD, which others read as well:
 *	                    $netns_byte.  Fails after that time, or a signal.
 *
 * An arm of an experiment wants a namespace of its own.  With unshare(1) that
 * is two programs, and bash has to read all its words again; a subshell that
 * does the same to itself costs a fork.  And a fork of a bash costs more than
 * most of what an arm runs: `run` and `start` do without (vfork).  Where this
 * cannot be loaded (a static bash, enable without -f) the scripts take
 * unshare, nsenter, taskset and &.
 *
 * bash reaps all children, and forgets those that it did not make itself.  So
 * `wait` asks the kernel, which remembers the exit code as long as there is a
 * pidfd of the process (pidfs_exit, since 6.15).
 *
 * It is linked with nothing (-nostdlib): it lives in bash, and uses the libc
 * that bash has, whichever that is.
 */
#define _GNU_SOURCE /* unshare, setns */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What bash and a builtin know of each other (bash's builtins.h, command.h). */
struct word_desc {
	char *word;
	int flags;
};

struct word_list {
	struct word_list *next;
	struct word_desc *word;
};

struct builtin {
	char *name;
	int (*function)(struct word_list *);
	int flags;
	char *const *long_doc;
	const char *short_doc;
	char *handle;
};

#define USAGE                                                                 \
	"netns new | netns enter PATH | netns run|start PATH COMMAND ... | "  \
	"netns wait PIDFD | netns more FD PIDFD SECONDS | netns can-start | " \
	"netns pin CPU | netns take FD SECONDS"

enum {
	BUILTIN_ENABLED = 1,
	EXECUTION_FAILURE = 1,
	TIMED_OUT = 142, /* as bash's read -t */
	EX_USAGE = 258,	 /* bash makes it 2 */
};

/* struct pidfd_info of linux/pidfd.h, as of 6.15: older headers lack it. */
struct pidfd_exit_info {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};

#define INFO_EXIT 8 /* PIDFD_INFO_EXIT */
#define GET_INFO  _IOWR(0xff, 11, struct pidfd_exit_info)

extern struct builtin netns_struct;
/* The environment of what bash runs, and what brings it up to date. */
extern char **export_env;
extern void maybe_make_export_env(void);
/* Sets a variable; what it returns is of no interest here. */
extern void *bind_variable(const char *name, char *value, int flags);
/* A signal has come that ends the shell, once we return. */
extern volatile sig_atomic_t terminating_signal;

/*
 * failed - say what failed, and why, in one line on stderr
 *
 * Returns EXECUTION_FAILURE.
 */
static int failed(const char *what)
{
	dprintf(STDERR_FILENO, "netns: %s: %s\n", what, strerror(errno));
	return EXECUTION_FAILURE;
}

/*
 * new_namespace - unshare(2), and loopback up, which it is not in a new one
 *
 * Returns 0, or EXECUTION_FAILURE when the kernel refuses.
 */
static int new_namespace(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd, refused;

	if (unshare(CLONE_NEWNET))
		return failed("new");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed("socket");
	refused = ioctl(fd, SIOCSIFFLAGS, &lo);
	if (refused)
		refused = failed("loopback up");
	close(fd);
	return refused;
}

/*
 * enter - setns(2) to the network namespace of @path
 *
 * Returns 0, or EXECUTION_FAILURE: it cannot be opened, is none, or is another
 * user's.
 */
static int enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), refused;

	if (fd < 0)
		return failed(path);
	refused = setns(fd, CLONE_NEWNET);
	if (refused)
		refused = failed(path);
	close(fd);
	return refused;
}

/*
 * block_signals - bash must not see a child end before we have a hold on it,
 * nor its handlers run in a child that shares our memory
 * @before: where to put the signal mask that was
 */
static void block_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, before);
}

/* unblock_all_but_sigchld - so that what runs in the foreground can be ended */
static void unblock_all_but_sigchld(const sigset_t *before)
{
	sigset_t mask = *before;

	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/*
 * execute - a child that is the program of @argv, with the signal mask @mask,
 * in the network namespace @net unless that is negative
 *
 * Returns its process ID, or -1 and errno.  126 is the exit code of a program
 * that cannot be run.
 */
static pid_t execute(char *const argv[], const int net, const sigset_t *mask)
{
	const pid_t pid = vfork();

	if (!pid) {
		if (net >= 0 && setns(net, CLONE_NEWNET))
			_exit(126);
		sigprocmask(SIG_SETMASK, mask, NULL);
		execvpe(argv[0], argv, export_env);
		_exit(126);
	}
	return pid;
}

/*
 * launch - start the program of @words, in the network namespace of @path or,
 * if that is empty, here
 * @words: the program and its arguments, 254 of them at most
 * @mask: its signal mask; the caller has blocked all signals
 *
 * Returns its process ID, or -1: the namespace cannot be opened, there is no
 * process to be had, or too many words.  That has been said.
 */
static pid_t launch(const char *path, struct word_list *words,
		    const sigset_t *mask)
{
	char *argv[256];
	int net = -1, n = 0;
	pid_t pid;

	for (; words && n < 255; words = words->next)
		argv[n++] = words->word->word;
	argv[n] = NULL;
	if (words) {
		errno = E2BIG;
		failed(argv[0]);
		return -1;
	}
	if (*path) {
		net = open(path, O_RDONLY | O_CLOEXEC);
		if (net < 0) {
			failed(path);
			return -1;
		}
	}
	maybe_make_export_env();
	pid = execute(argv, net, mask);
	if (pid < 0)
		failed(argv[0]);
	if (net >= 0)
		close(net);
	return pid;
}

/* exit_code - what a shell makes of a @status of waitpid(2) */
static int exit_code(const int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * run - run the program of @words in the network namespace of @path; see
 * launch()
 *
 * Returns its exit code as a shell tells it, 128 and more after a signal, 126
 * if it could not be run; or EXECUTION_FAILURE.
 */
static int run(const char *path, struct word_list *words)
{
	sigset_t before;
	int status = 127 << 8;
	pid_t pid;

	block_signals(&before);
	pid = launch(path, words, &before);
	unblock_all_but_sigchld(&before);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? EXECUTION_FAILURE : exit_code(status);
}

/*
 * hold_on_to - a pidfd of process @pid, beyond the descriptors that scripts
 * name
 *
 * Returns it, or -1 and errno.
 */
static int hold_on_to(const pid_t pid)
{
	int low = (int)syscall(SYS_pidfd_open, pid, 0), high;

	if (low < 0)
		return -1;
	high = fcntl(low, F_DUPFD_CLOEXEC, 10);
	close(low);
	return high;
}

/* bind_number - sets the shell's variable @name to @number */
static void bind_number(const char *name, const int number)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%d", number);
	bind_variable(name, digits, 0);
}

/*
 * start - start the program of @words in the network namespace of @path, see
 * launch(), and set netns_pid and netns_fd
 *
 * Returns 0, or EXECUTION_FAILURE.
 */
static int start(const char *path, struct word_list *words)
{
	sigset_t before;
	int fd = -1, refused = EXECUTION_FAILURE;
	pid_t pid;

	block_signals(&before);
	pid = launch(path, words, &before);
	if (pid > 0) {
		fd = hold_on_to(pid);
		if (fd < 0) {
			refused = failed("pidfd");
			kill(pid, SIGKILL);
		}
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (fd < 0)
		return refused;
	bind_number("netns_pid", pid);
	bind_number("netns_fd", fd);
	return 0;
}

/*
 * status_of - the status, as of waitpid(2), of an ended process
 * @pidfd: of the process; we reap it, unless bash has done so
 * @status: where to
 *
 * Returns 0, or -1 and errno: the kernel does not remember.
 */
static int status_of(const int pidfd, int *status)
{
	struct pidfd_exit_info info = {.mask = INFO_EXIT};
	siginfo_t reaped;

	/* The info is there only when the process has been reaped. */
	while (waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &reaped,
		      WEXITED) < 0 &&
	       errno == EINTR)
		;
	/* (The libcs differ in what type a request has.) */
	if (syscall(SYS_ioctl, pidfd, GET_INFO, &info))
		return -1;
	if (!(info.mask & INFO_EXIT)) {
		errno = ENODATA;
		return -1;
	}
	*status = info.exit_code;
	return 0;
}

/*
 * wait_for - wait for the end of the process of @pidfd
 *
 * Returns its exit code, as run() does, or EXECUTION_FAILURE.
 */
static int wait_for(const int pidfd)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	int status = 0, n;

	do
		n = poll(&end, 1, -1);
	while (n < 0 && errno == EINTR && !terminating_signal);
	if (n > 0 && end.revents & POLLNVAL) {
		errno = EBADF;
		n = -1;
	}
	if (n < 0)
		return failed("wait");
	if (status_of(pidfd, &status))
		return failed("exit code");
	return exit_code(status);
}

/*
 * ended_child - a child that has ended with exit code 7, and is ours to reap
 * @before: where to put the signal mask that was: all are blocked now
 *
 * Returns its process ID, or -1.
 */
static pid_t ended_child(sigset_t *before)
{
	pid_t pid;

	block_signals(before);
	pid = vfork();
	if (!pid)
		_exit(7);
	return pid;
}

/*
 * can_start - can wait_for() tell the exit code of a process that is reaped?
 *
 * Returns 0 if so, else EXECUTION_FAILURE.
 */
static int can_start(void)
{
	sigset_t before;
	const pid_t pid = ended_child(&before);
	const int fd = pid > 0 ? hold_on_to(pid) : -1;
	int status = 0;

	if (pid > 0)
		waitpid(pid, NULL, 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (fd < 0)
		return EXECUTION_FAILURE;
	if (status_of(fd, &status))
		status = 0;
	close(fd);
	return exit_code(status) == 7 ? 0 : EXECUTION_FAILURE;
}

/* has_more - has the file @fd, a regular one, something behind our offset? */
static int has_more(const int fd)
{
	const off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat file;

	return at >= 0 && !fstat(fd, &file) && file.st_size > at;
}

/*
 * more - wait until the file @fd has more to read, or its writer has ended
 * @pidfd: of the writer
 * @seconds: at most so long
 *
 * A file wakes nobody (and inotify, when it is let go, waits for the whole
 * kernel): look again and again, at first after 200 us.
 *
 * Returns 0 (also when a signal came), 1, or TIMED_OUT.
 */
static int more(const int fd, const int pidfd, const long seconds)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	struct timespec now, pause = {.tv_nsec = 200 * 1000};
	time_t last;
	int n;

	clock_gettime(CLOCK_MONOTONIC, &now);
	last = now.tv_sec + seconds;
	for (;;) {
		if (has_more(fd))
			return 0;
		n = ppoll(&end, 1, &pause, NULL);
		if (n < 0)
			return errno == EINTR ? 0 : failed("more");
		if (n > 0)
			return !has_more(fd);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > last)
			return TIMED_OUT;
		if (pause.tv_nsec < 20 * 1000 * 1000)
			pause.tv_nsec += pause.tv_nsec / 2;
	}
}

/*
 * pin - this process runs on @cpu only, and so does what it starts
 *
 * Returns 0, or EXECUTION_FAILURE: there is no such CPU, or it is not ours.
 */
static int pin(const int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	if (cpu < CPU_SETSIZE)
		CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? failed("pin") : 0;
}

/*
 * take - a byte of the pipe @fd, into netns_byte, or wait for one
 * @seconds: at most so long
 *
 * Others wait for the same: poll() wakes all of them, and a read() that blocks
 * would then wait for the next byte, beyond its time and deaf to SIGCHLD.
 *
 * Returns 0, or EXECUTION_FAILURE: none has come, or a signal has.
 */
static int take(const int fd, const long seconds)
{
	struct pollfd pipe_end = {.fd = fd, .events = POLLIN};
	const int flags = fcntl(fd, F_GETFL);
	char byte[2] = "";
	struct timespec now;
	time_t last;
	ssize_t n;

	if (flags < 0)
		return failed("take");
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return failed("take");
	clock_gettime(CLOCK_MONOTONIC, &now);
	last = now.tv_sec + seconds;
	for (;;) {
		n = read(fd, byte, 1);
		if (n >= 0)
			break;
		if (errno != EAGAIN)
			return errno == EINTR ? EXECUTION_FAILURE
					      : failed("take");
		if (poll(&pipe_end, 1, (int)(last - now.tv_sec) * 1000) <= 0)
			return EXECUTION_FAILURE;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > last)
			return EXECUTION_FAILURE;
	}
	bind_variable("netns_byte", byte, 0);
	return n ? 0 : EXECUTION_FAILURE;
}

/*
 * number - the next of @words as a number from 0 on
 * @words: moved behind it
 *
 * Returns it, or -1: there is none, or it is no such number.
 */
static long number(struct word_list **words)
{
	const char *digits = *words ? (*words)->word->word : "";
	char *end;
	long n;

	if (*digits < '0' || *digits > '9')
		return -1;
	n = strtol(digits, &end, 10);
	if (*end || n > INT_MAX)
		return -1;
	*words = (*words)->next;
	return n;
}

/*
 * on_numbers - the verbs that take numbers
 *
 * Returns what they return, or EX_USAGE: there is no such verb, or other words.
 */
static int on_numbers(const char *verb, struct word_list *list)
{
	long n[3] = {0, 0, 0};
	int i, count = 0;

	while (list && count < 3) {
		n[count] = number(&list);
		if (n[count++] < 0)
			return EX_USAGE;
	}
	i = list ? 4 : count;
	if (!strcmp(verb, "pin") && i == 1)
		return pin((int)n[0]);
	if (!strcmp(verb, "wait") && i == 1)
		return wait_for((int)n[0]);
	if (!strcmp(verb, "take") && i == 2 && n[1] < INT_MAX / 1000)
		return take((int)n[0], n[1]);
	if (!strcmp(verb, "more") && i == 3)
		return more((int)n[0], (int)n[1], n[2]);
	return EX_USAGE;
}

static int netns_builtin(struct word_list *list)
{
	const char *verb = list ? list->word->word : "";
	int code;

	list = list ? list->next : NULL;
	if (!strcmp(verb, "new") && !list)
		return new_namespace();
	if (!strcmp(verb, "enter") && list && !list->next)
		return enter(list->word->word);
	if (!strcmp(verb, "run") && list && list->next)
		return run(list->word->word, list->next);
	if (!strcmp(verb, "start") && list && list->next)
		return start(list->word->word, list->next);
	if (!strcmp(verb, "can-start") && !list)
		return can_start();
	code = on_numbers(verb, list);
	if (code == EX_USAGE)
		dprintf(STDERR_FILENO, "netns: usage: " USAGE "\n");
	return code;
}

static char *const long_doc[] = {
	"Moves this shell to another network namespace, and starts programs there.",
	NULL,
};

/* bash looks for the name of the builtin with _struct. */
struct builtin netns_struct = {
	.name = "netns",
	.function = netns_builtin,
	.flags = BUILTIN_ENABLED,
	.long_doc = long_doc,
	.short_doc = USAGE,
};
