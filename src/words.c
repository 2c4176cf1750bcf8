/* SPDX-License-Identifier: MIT */
/*
 * words - a socket as words: those of a process, and one that is to be made
 *
 * For why: see watch.c.  WORDS are name=value.
 */
#include "words.h"

#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* --- a socket, in words --------------------------------------------------- */

static int option(int fd, int level, int name)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, level, name, &on, &len) ? 0 : on;
}

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/*
 * is_tcp - whether it is a TCP socket of IPv4 or IPv6, or one of MPTCP, whose
 * first subflow is one
 */
bool is_tcp(int fd)
{
	int family = option(fd, SOL_SOCKET, SO_DOMAIN);
	int protocol = option(fd, SOL_SOCKET, SO_PROTOCOL);

	return (family == AF_INET || family == AF_INET6) &&
	       (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
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

/* status_of - a number of /proc/TID/status, or -1 */
long status_of(pid_t tid, const char *name)
{
	char path[40];
	int64_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	return find_number(path, name, ":", &n) ? (long)n : -1;
}

/*
 * who_forbids - why the kernel does not let us trace a process of ours, or look
 * into another one, and what to do: advice for warn_advice()
 */
const char *who_forbids(pid_t pid)
{
	static char text[200];
	long uid = status_of(pid, "Uid:");
	int64_t scope = 0;

	read_number("/proc/sys/kernel/yama/ptrace_scope", &scope);
	if (geteuid() && uid >= 0 && (uid_t)uid != geteuid())
		snprintf(text, sizeof(text),
			 " (it is another user's, of id %ld: be root, or that "
			 "user)",
			 uid);
	else if (status_of(pid, "TracerPid:") > 0)
		return " (it is traced already, by strace, a debugger or "
		       "another why: leave one out)";
	else if (scope == 3)
		return " (kernel.yama.ptrace_scope=3 forbids it to all, until "
		       "the next boot: ask why bind, why connect)";
	else if (scope && geteuid())
		snprintf(text, sizeof(text),
			 " (kernel.yama.ptrace_scope=%d forbids it: be root, "
			 "or ask why bind, why connect)",
			 (int)scope);
	else if (status_of(getpid(), "Seccomp:") == 2)
		return " (a seccomp filter, as of a container, forbids it: run "
		       "it outside, or ask why bind, why connect)";
	else
		return " (it has other rights, a user namespace of its own, or "
		       "no CAP_SYS_PTRACE here: ask why bind, why connect)";
	return text;
}

/* --- --name ----------------------------------------------------------------
 */

/* print_name - "FAMILY MAPPED DIGITS ADDRESS", see print_names() */
static void print_name(const struct sockaddr *sa, const char *zone)
{
	const struct in6_addr *six =
		&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	const void *four =
		&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	const bool mapped =
		sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six);
	char buf[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_INET || mapped) {
		inet_ntop(AF_INET, mapped ? six->s6_addr + 12 : four, buf,
			  sizeof(buf));
		printf("%d %d - %s\n", mapped ? 6 : 4, mapped, buf);
		return;
	}
	printf("6 0 ");
	for (int i = 0; i < 16; i++)
		printf("%02x", six->s6_addr[i]);
	printf(" %s%s\n", inet_ntop(AF_INET6, six, buf, sizeof(buf)), zone);
}

/* refuse_name - why it is none, on stdout, where the caller reads it */
static int refuse_name(int code, const char *text, const char *reason)
{
	printf("'%s'%s\n", text, reason);
	return code;
}

/*
 * print_names - the addresses of a host, in the resolver's order, one a line
 *
 * FAMILY is 4 or 6; MAPPED 1 for an IPv4 address of an IPv6 socket, and then
 * ADDRESS is that IPv4 address; DIGITS is an IPv6 address as /proc/net/if_inet6
 * has it. Returns 1 if there is none, 2 if the text is no address and no name.
 */
int print_names(const char *text)
{
	struct addrinfo hints = {.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG,
				 .ai_socktype = SOCK_STREAM},
			*found, *one;
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	const char *zone = strchr(text, '%');
	char host[256], ifname[IF_NAMESIZE], named[IF_NAMESIZE + 1];

	snprintf(host, sizeof(host), "%.*s",
		 zone ? (int)(zone - text) : (int)strlen(text), text);
	if (inet_pton(AF_INET, host, &four.sin_addr) == 1) {
		if (zone)
			return refuse_name(
				2, text, ": an IPv4 address has no interface");
		print_name((struct sockaddr *)&four, "");
	} else if (inet_pton(AF_INET6, host, &six.sin6_addr) == 1) {
		if (zone && IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
			return refuse_name(2, text, " is not an address");
		if (zone && !if_nametoindex(zone + 1))
			return refuse_name(1, text, ": no such interface");
		print_name((struct sockaddr *)&six, zone ? zone : "");
	} else if (zone || strlen(text) >= sizeof(host) || !*text ||
		   strspn(text, NAME_LETTERS "0123456789_.-") != strlen(text) ||
		   !strpbrk(text, NAME_LETTERS)) {
		return refuse_name(2, text, " is not an address");
	} else {
		if (getaddrinfo(text, NULL, &hints, &found))
			return refuse_name(1, text,
					   ": no such host (getent ahosts)");
		for (one = found; one; one = one->ai_next) {
			uint32_t scope = 0;

			if (one->ai_family == AF_INET6)
				scope = ((struct sockaddr_in6 *)(void *)
						 one->ai_addr)
						->sin6_scope_id;
			named[0] = '\0';
			if (scope && if_indextoname(scope, ifname))
				snprintf(named, sizeof(named), "%%%s", ifname);
			print_name(one->ai_addr, named);
		}
		freeaddrinfo(found);
	}
	flush_stdout();
	return EXIT_DONE;
}

/* --- -p PID ----------------------------------------------------------------
 */

/* die_forbidden - we may not look into it */
static void die_forbidden(pid_t pid)
{
	const int err = errno;

	warn_advice(err, err == EPERM || err == EACCES ? who_forbids(pid) : "",
		    "process %d", (int)pid);
	exit(EXIT_REFUSED);
}

/*
 * owns_net - watch --owns PID, or self: exit 0 if the capabilities of that
 * process count over its network namespace, as they do where its user namespace
 * is the owner's or one above (cap_capable()); 1 if not; 0 also where that is
 * not to be seen
 */
int owns_net(const char *text)
{
	struct stat mine, owner;
	char path[40];
	int net, user, above;

	snprintf(path, sizeof(path), "/proc/%s/ns/user", text);
	if (stat(path, &mine))
		return EXIT_DONE;
	snprintf(path, sizeof(path), "/proc/%s/ns/net", text);
	net = open(path, O_RDONLY | O_CLOEXEC);
	if (net < 0)
		return EXIT_DONE;
	/* EPERM: it is out of our own reach, and so out of that of PID. */
	for (user = ioctl(net, NS_OF_USER); user >= 0; user = above) {
		if (!fstat(user, &owner) && owner.st_ino == mine.st_ino)
			return EXIT_DONE;
		above = ioctl(user, NS_ABOVE);
		close(user);
	}
	return EXIT_REFUSED;
}

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
		die_forbidden(pid);
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
			die_forbidden(pid);
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

/* --- --call ----------------------------------------------------------------
 */

/* word - the value of NAME=VALUE, or "" */
const char *word(char **words, const char *name)
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
struct addr end_word(char **words, const char *name)
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
