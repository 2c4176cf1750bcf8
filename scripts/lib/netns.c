/*
 * netns - a builtin for bash: network namespaces without a process
 *
 *	enable -f ./netns.so netns
 *	netns new           a new network namespace for this shell, loopback up
 *	netns enter PATH    the one of PATH, such as /proc/PID/ns/net
 *	netns run PATH COMMAND ...
 *	                    runs the program there ("" is here), and waits for
 *it
 *
 * An arm of an experiment wants a namespace of its own.  With unshare(1) that
 * is two programs, and bash has to read all its words again; a subshell that
 * does the same to itself costs a fork.  And a fork of a bash costs more than
 *most of what an arm runs: `run` does without (vfork).  Where this cannot be
 *loaded (a static bash, enable without -f) the scripts take unshare and
 *nsenter.
 *
 * It is linked with nothing (-nostdlib): it lives in bash, and uses bash's
 *libc, whichever that is.
 */
#define _GNU_SOURCE /* unshare, setns */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
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

#define USAGE "netns new | netns enter PATH | netns run PATH COMMAND ..."

enum {
	BUILTIN_ENABLED = 1,
	EXECUTION_FAILURE = 1,
	EX_USAGE = 258, /* bash makes it 2 */
};

extern struct builtin netns_struct;
/* The environment of what bash runs, and what brings it up to date. */
extern char **export_env;
extern void maybe_make_export_env(void);

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
 * wait_for - run a program, in the network namespace @net unless that is
 * negative
 *
 * bash must not see this child end: it would wait for it first.
 *
 * Returns its exit code as a shell tells it, 128 and more after a signal, 126
 * if it could not be run; or EXECUTION_FAILURE.
 */
static int wait_for(const int net, char *const argv[])
{
	sigset_t chld, before;
	int status = 0;
	pid_t pid;

	maybe_make_export_env();
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &before);
	pid = vfork();
	if (!pid) {
		if (net >= 0 && setns(net, CLONE_NEWNET))
			_exit(126);
		sigprocmask(SIG_SETMASK, &before, NULL);
		execvpe(argv[0], argv, export_env);
		_exit(126);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return failed(argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * run - the program and arguments of @words, in the namespace of @path or, if
 * that is empty, here
 *
 * Returns what wait_for() does, EXECUTION_FAILURE if @path cannot be opened, or
 * EX_USAGE.
 */
static int run(const char *path, struct word_list *words)
{
	char *argv[256];
	int net = -1, n = 0, code;

	for (; words && n < 255; words = words->next)
		argv[n++] = words->word->word;
	argv[n] = NULL;
	if (!n || words)
		return EX_USAGE;
	if (*path) {
		net = open(path, O_RDONLY | O_CLOEXEC);
		if (net < 0)
			return failed(path);
	}
	code = wait_for(net, argv);
	if (net >= 0)
		close(net);
	return code;
}

static int netns_builtin(struct word_list *list)
{
	const char *verb = list ? list->word->word : "";

	list = list ? list->next : NULL;
	if (!strcmp(verb, "new") && !list)
		return new_namespace();
	if (!strcmp(verb, "enter") && list && !list->next)
		return enter(list->word->word);
	if (!strcmp(verb, "run") && list && list->next)
		return run(list->word->word, list->next);
	dprintf(STDERR_FILENO, "netns: usage: " USAGE "\n");
	return EX_USAGE;
}

static char *const long_doc[] = {
	"Moves this shell to another network namespace.",
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
