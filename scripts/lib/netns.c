/*
 * netns - a builtin for bash: network namespaces without a process
 *
 *	enable -f ./netns.so netns
 *	netns new           a new network namespace for this shell, loopback up
 *	netns enter PATH    the one of PATH, such as /proc/PID/ns/net
 *
 * An arm of an experiment wants a namespace of its own.  With unshare(1) that
 * is two programs, and bash has to read all its words again; a subshell that
 * does the same to itself costs a fork.  Where this cannot be loaded (a static
 * bash, enable without -f) the scripts take unshare and nsenter.
 *
 * It is linked with nothing (-nostdlib): it lives in bash, and uses bash's
 *libc, whichever that is.
 */
#define _GNU_SOURCE /* unshare, setns */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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

enum {
	BUILTIN_ENABLED = 1,
	EXECUTION_FAILURE = 1,
	EX_USAGE = 258, /* bash makes it 2 */
};

extern struct builtin netns_struct;

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

static int netns_builtin(struct word_list *list)
{
	const char *verb = list ? list->word->word : "";

	list = list ? list->next : NULL;
	if (!strcmp(verb, "new") && !list)
		return new_namespace();
	if (!strcmp(verb, "enter") && list && !list->next)
		return enter(list->word->word);
	dprintf(STDERR_FILENO, "netns: usage: netns new | netns enter PATH\n");
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
	.short_doc = "netns new | netns enter PATH",
};
