/*
 * words - a socket as words: those of a process, and one that is to be made
 *
 * For why: see watch.c.  WORDS are name=value.
 */
#include "words.h"

#include <dirent.h>
#include <net/if.h>
#include <sys/syscall.h>

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

/* --- a socket, in words --------------------------------------------------- */

static int option(int fd, int level, int name)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, level, name, &on, &len) ? 0 : on;
}

/* is_tcp - whether it is a TCP socket of IPv4 or IPv6 */
bool is_tcp(int fd)
{
	int family = option(fd, SOL_SOCKET, SO_DOMAIN);

	return (family == AF_INET || family == AF_INET6) &&
	       option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP;
}

/* describe - the options of a socket, as words, at most WORDS_SIZE bytes */
void describe(int fd, char *buf)
{
	char dev[IFNAMSIZ] = "";
	socklen_t len = sizeof(dev);
	unsigned int range =
		(unsigned int)option(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE);
	bool six = option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6;

	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dev, &len))
		dev[0] = '\0';
	snprintf(buf, WORDS_SIZE,
		 "family=%d reuseaddr=%d reuseport=%d v6only=%d noport=%d "
		 "freebind=%d range=%u-%u dev=%.15s",
		 six ? 6 : 4, !!option(fd, SOL_SOCKET, SO_REUSEADDR),
		 !!option(fd, SOL_SOCKET, SO_REUSEPORT),
		 six && option(fd, IPPROTO_IPV6, IPV6_V6ONLY),
		 !!option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
		 !!option(fd, IPPROTO_IP, IP_FREEBIND), range & 0xffff,
		 range >> 16, dev);
}

/* --- -p PID ----------------------------------------------------------------
 */

int list_process(const char *text)
{
	pid_t pid = (pid_t)parse_long("-p", text, 1, INT32_MAX);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct dirent *entry;
	char path[32];
	DIR *dir;

	if (pidfd < 0)
		die_errno("process %d", (int)pid);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		die_errno("process %d", (int)pid);
	while ((entry = readdir(dir))) {
		char words[WORDS_SIZE], link[64], mine[ADDR_STRLEN],
			theirs[ADDR_STRLEN] = "-";
		struct addr local, peer;
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link,
					 sizeof(link) - 1);
		int copy;

		if (len < 8 || strncmp(link, "socket:[", 8) != 0)
			continue;
		copy = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name),
				    0);
		if (copy < 0 && errno != EBADF)
			die_errno("sockets of process %d", (int)pid);
		if (copy >= 0 && is_tcp(copy) && local_addr(copy, &local)) {
			link[len - 1] = '\0';
			describe(copy, words);
			if (peer_addr(copy, &peer))
				addr_str(&peer, theirs);
			printf("fd=%s inode=%s state=%s local=%s peer=%s %s\n",
			       entry->d_name, link + 8,
			       state_name(tcp_state(copy)),
			       addr_str(&local, mine), theirs, words);
		}
		if (copy >= 0)
			close(copy);
	}
	closedir(dir);
	flush_stdout();
	return EXIT_DONE;
}

/* --- --call -----------------------------------------------------------------
 */

static const char *word(char **words, const char *name)
{
	const size_t len = strlen(name);

	for (; *words; words++)
		if (!strncmp(*words, name, len) && (*words)[len] == '=')
			return *words + len + 1;
	return "";
}

/* set - a socket option, unless it is 0; false with errno */
static bool set(int fd, int level, int name, const char *value)
{
	int on = atoi(value);

	return !on || !setsockopt(fd, level, name, &on, sizeof(on));
}

/* end_word - "ADDRESS,PORT" */
static struct addr end_word(char **words, const char *name)
{
	char host[128];
	const char *text = word(words, name), *comma = strrchr(text, ',');

	snprintf(host, sizeof(host), "%.*s", comma ? (int)(comma - text) : 0,
		 text);
	return parse_addr(name, host, (in_port_t)atoi(comma ? comma + 1 : "0"));
}

/* make_call - the call, and that of its errno; see "watch --call" */
int make_call(const char *call, char **words)
{
	const bool six = *word(words, "family") == '6';
	const struct timeval patience = {.tv_sec = 10};
	const struct linger reset = {.l_onoff = 1};
	const char *dev = word(words, "dev"), *range = word(words, "range");
	int fd =
		socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct addr a;
	bool good = fd >= 0;

	if (good && *range) {
		const char *dash = strchr(range, '-');
		unsigned int both = (unsigned int)atoi(range) |
				    (unsigned int)atoi(dash ? dash + 1 : "0")
					    << 16;

		good = !setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &both,
				   sizeof(both));
	}
	if (good && six) {
		int only = atoi(word(words, "v6only"));

		good = !setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only,
				   sizeof(only));
	}
	good = good &&
	       set(fd, SOL_SOCKET, SO_REUSEADDR, word(words, "reuseaddr")) &&
	       set(fd, SOL_SOCKET, SO_REUSEPORT, word(words, "reuseport")) &&
	       set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT,
		   word(words, "noport")) &&
	       set(fd, IPPROTO_IP, IP_FREEBIND, word(words, "freebind")) &&
	       (!*dev || !setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dev,
				     (socklen_t)strlen(dev)));
	if (good && *word(words, "bind")) {
		a = end_word(words, "bind");
		good = !bind(fd, &a.sa, a.len);
	}
	if (good && !strcmp(call, "listen"))
		good = !listen(fd, 1);
	if (good && !strcmp(call, "connect")) {
		a = end_word(words, "to");
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			   sizeof(patience));
		good = !connect(fd, &a.sa, a.len);
		if (!good && (errno == EINPROGRESS || errno == EAGAIN))
			errno = ETIMEDOUT; /* of SO_SNDTIMEO */
	}
	puts(!good			? errno_name(errno)
	     : !strcmp(call, "connect") ? "connected"
					: "bound");
	flush_stdout();
	return EXIT_DONE;
}
