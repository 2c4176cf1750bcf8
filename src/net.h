/* SPDX-License-Identifier: MIT */
/*
 * net.h - errors, options, numbers, the clock, addresses, JSON strings: for
 * every program, and all that rtest.c includes.  Include it before any other
 * header.  All is static inline: "cc -o rtest rtest.c -lpthread" builds rtest.
 */
#ifndef NET_H
#define NET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RTEST_VERSION "0.1.0"

/* Exit codes, the same for every program. */
enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1, /* the network or the system refused */
	EXIT_USAGE = 2,
};

/* The name in messages; main() sets it.  Weak: a program's files share it. */
__attribute__((weak)) const char *prog_name = "rtest";

/* --- errors: one line on stderr, "program: what failed: why" ------------ */

/* errno_name - as "EADDRNOTAVAIL"; musl has no strerrorname_np() */
static inline const char *errno_name(int err)
{
	static _Thread_local char number[16];
#define E(name)             \
	{                   \
		name, #name \
	}
	static const struct {
		int err;
		const char *name;
	} names[] = {E(EACCES),	      E(EADDRINUSE),   E(EADDRNOTAVAIL),
		     E(EAFNOSUPPORT), E(EAGAIN),       E(EALREADY),
		     E(EBADF),	      E(EBUSY),	       E(ECONNABORTED),
		     E(ECONNREFUSED), E(ECONNRESET),   E(EDESTADDRREQ),
		     E(EEXIST),	      E(EFAULT),       E(EFBIG),
		     E(EHOSTDOWN),    E(EHOSTUNREACH), E(EINPROGRESS),
		     E(EINTR),	      E(EINVAL),       E(EIO),
		     E(EISCONN),      E(EISDIR),       E(EMFILE),
		     E(EMSGSIZE),     E(ENETDOWN),     E(ENETRESET),
		     E(ENETUNREACH),  E(ENFILE),       E(ENOBUFS),
		     E(ENODEV),	      E(ENOENT),       E(ENOMEM),
		     E(ENOPROTOOPT),  E(ENOSPC),       E(ENOSYS),
		     E(ENOTCONN),     E(ENOTDIR),      E(ENOTSOCK),
		     E(ENXIO),	      E(EOPNOTSUPP),   E(EPERM),
		     E(EPIPE),	      E(EPROTO),       E(EPROTONOSUPPORT),
		     E(EPROTOTYPE),   E(EROFS),	       E(ETIMEDOUT)};
#undef E

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].err == err)
			return names[i].name;
	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}

/* put_message - print "program: message" on stderr, which is locked */
static inline void put_message(const char *fmt, va_list ap)
{
	fprintf(stderr, "%s: ", prog_name);
	vfprintf(stderr, fmt, ap);
}

/* say - print "program: message" on stderr, with no errno to name */
__attribute__((format(printf, 1, 2))) static inline void say(const char *fmt,
							     ...)
{
	va_list ap;

	flockfile(stderr);
	va_start(ap, fmt);
	put_message(fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	funlockfile(stderr);
}

/* refuse - say(), exit 1 */
#define refuse(...)                 \
	do {                        \
		say(__VA_ARGS__);   \
		exit(EXIT_REFUSED); \
	} while (0)

/*
 * warn_advice - print "program: what: why (what to do) [ENAME]" on stderr
 * @advice: what to do, in parentheses, after a blank; or ""
 */
__attribute__((format(printf, 3, 4))) static inline void
warn_advice(int err, const char *advice, const char *fmt, ...)
{
	va_list ap;

	flockfile(stderr);
	va_start(ap, fmt);
	put_message(fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s%s [%s]\n", strerror(err), advice,
		errno_name(err));
	funlockfile(stderr);
}

/* warn_errno - the same, with no advice */
#define warn_errno(err, ...) warn_advice(err, "", __VA_ARGS__)

/* die_errno - warn_errno() with the errno of before its arguments, exit 1 */
#define die_errno(...)                                 \
	do {                                           \
		int errno_of_die = errno;              \
		warn_errno(errno_of_die, __VA_ARGS__); \
		exit(EXIT_REFUSED);                    \
	} while (0)

/* die_usage - print "program: message (try program --help)", then exit 2 */
__attribute__((format(printf, 1, 2), noreturn)) static inline void
die_usage(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", prog_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (try '%s --help')\n", prog_name);
	exit(EXIT_USAGE);
}

/* flush_stdout - a full disk or a closed pipe is one line, exit 1 */
static inline void flush_stdout(void)
{
	/* An earlier write that failed has left no errno behind. */
	int err = fflush(stdout) ? errno : ferror(stdout) ? EIO : 0;

	if (!err)
		return;
	warn_errno(err, "write to standard output");
	_exit(EXIT_REFUSED); /* exit() would flush once more */
}

/* xcalloc - @n times @size bytes of zeros, at least one; without any exit 1 */
static inline void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		die_errno("memory for %zu times %zu bytes", n, size);
	return p;
}

/* --- numbers ------------------------------------------------------------ */

/*
 * parse_long - a whole decimal number within bounds, or a usage error about
 * @what; a sign only if @lo is negative, no blanks, nothing after it
 */
static inline int64_t parse_long(const char *what, const char *s, int64_t lo,
				 int64_t hi)
{
	const char *digits = lo < 0 && *s == '-' ? s + 1 : s;
	char *end;
	int64_t n;

	errno = 0;
	n = strtoll(s, &end, 10);
	if (*digits < '0' || *digits > '9' || *end || errno || n < lo || n > hi)
		die_usage("%s wants a whole number from %" PRId64 " to %" PRId64
			  ", not '%s'",
			  what, lo, hi, s);
	return n;
}

static inline in_port_t parse_port(const char *what, const char *s)
{
	return (in_port_t)parse_long(what, s, 1, 65535);
}

/*
 * decimal_ns - seconds with an optional decimal fraction, as nanoseconds; -1:
 * it is none, or above @most seconds
 */
static inline int64_t decimal_ns(const char *s, int64_t most)
{
	int64_t ns = 0, unit = 1000000000;
	const char *p = s;

	for (; *p >= '0' && *p <= '9' && ns <= most; p++)
		ns = ns * 10 + (*p - '0');
	if (ns > most)
		return -1;
	ns *= unit;
	if (p != s && *p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++)
			ns += (unit /= 10) * (*p - '0');
	return p == s || *p || ns > most * 1000000000 ? -1 : ns;
}

/* parse_seconds - nanoseconds from "1.5", up to a day, or a usage error */
static inline int64_t parse_seconds(const char *what, const char *s)
{
	int64_t ns = decimal_ns(s, 86400);

	if (ns < 0)
		die_usage("%s wants seconds from 0 to 86400, not '%s'", what,
			  s);
	return ns;
}

/*
 * find_number - the number behind a word in a file of /proc or /sys, in the
 * first line that begins with @line and has one; false: there is none
 */
static inline bool find_number(const char *path, const char *line,
			       const char *word, int64_t *n)
{
	FILE *f = fopen(path, "re");
	char buf[256], *at;
	bool found = false;

	while (f && !found && fgets(buf, sizeof(buf), f))
		if (!strncmp(buf, line, strlen(line)) &&
		    (at = strstr(buf, word)))
			found = sscanf(at + strlen(word), "%" SCNd64, n) == 1;
	if (f)
		fclose(f);
	return found;
}

/* read_number - the one that a file of /proc or /sys begins with */
static inline bool read_number(const char *path, int64_t *n)
{
	return find_number(path, "", "", n);
}

/* --- the command line ---------------------------------------------------- */

/* An option of a program: its letter, its kind, and where its value goes. */
struct opt {
	char letter;
	enum {
		ARG_HELP,
		ARG_GIVEN,   /* without a value, as ARG_SET: only in @given */
		ARG_SET,     /* a bool becomes true */
		ARG_TEXT,    /* const char * */
		ARG_NUMBER,  /* int64_t, from @lo to @hi */
		ARG_SECONDS, /* int64_t, in nanoseconds */
		ARG_OTHER,   /* @take(@to, its text) */
	} kind;
	void *to;
	int64_t lo, hi;
	void (*take)(void *to, const char *text);
	const char *name; /* a long one; its letter is a control character */
};
#define OPTIONS_MAX 40
enum { OPT_HELP = 256, OPT_VERSION };

/* take_option - put the value @text where the option wants it */
static inline void take_option(const struct opt *o, const char *text)
{
	char what[16] = {'-', o->letter};

	if (o->name)
		snprintf(what, sizeof(what), "--%s", o->name);
	switch (o->kind) {
	case ARG_GIVEN:
		break;
	case ARG_SET:
		*(bool *)o->to = true;
		break;
	case ARG_TEXT:
		*(const char **)o->to = text;
		break;
	case ARG_NUMBER:
		*(int64_t *)o->to = parse_long(what, text, o->lo, o->hi);
		break;
	case ARG_SECONDS:
		*(int64_t *)o->to = parse_seconds(what, text);
		break;
	default:
		o->take(o->to, text);
	}
}

/*
 * end_options - end the program at @c of getopt_long(), for which the program
 * has no option: @help or the version and exit 0, or a usage error
 */
__attribute__((noreturn)) static inline void end_options(int c, char **argv,
							 const char *help)
{
	const char letter[] = {'-', (char)optopt, '\0'};
	bool is_letter = optopt > ' ' && optopt < OPT_HELP;
	const char *wrong = is_letter ? letter : argv[optind - 1];

	if (c == ':')
		die_usage("%s wants a value", wrong);
	if (c == '?')
		die_usage("unknown option '%s'", wrong);
	if (c == OPT_HELP)
		fputs(help, stdout);
	else
		printf("%s %s\n", prog_name, RTEST_VERSION);
	flush_stdout();
	exit(EXIT_DONE);
}

/*
 * parse_options - take all options, and --help and --version; a mistake is a
 * usage error; returns the index of the first operand
 * @opts: ends with a letter of 0
 * @given: gets the letters that were there, each once; OPTIONS_MAX bytes of 0
 */
static inline int parse_options(int argc, char **argv, const struct opt *opts,
				char *given, const char *help)
{
	struct option longs[OPTIONS_MAX] = {{"help", 0, NULL, OPT_HELP},
					    {"version", 0, NULL, OPT_VERSION}};
	char letters[2 * OPTIONS_MAX] = ":", *end = letters + 1;
	const struct opt *o;
	int c, n = 2;

	for (o = opts; o->letter; o++) {
		bool valued = o->kind > ARG_SET;

		if (o->name)
			longs[n++] = (struct option){o->name, valued, NULL,
						     o->letter};
		else
			end += sprintf(end, valued ? "%c:" : "%c", o->letter);
	}
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		for (o = opts; o->letter && o->letter != c;)
			o++;
		if (!o->letter || o->kind == ARG_HELP)
			end_options(o->letter ? OPT_HELP : c, argv, help);
		if (!strchr(given, c))
			given[strlen(given)] = (char)c;
		take_option(o, optarg);
	}
	return optind;
}

/*
 * open_standard_fds - open descriptors 0, 1 and 2 where the caller closed them,
 * so that no socket becomes standard output; whether stdin was closed
 *
 * Each is opened the wrong way round: reading, or writing, fails with EBADF.
 */
static inline bool open_standard_fds(void)
{
	static const int how[] = {O_WRONLY, O_RDONLY, O_RDONLY};
	bool was_closed = fcntl(STDIN_FILENO, F_GETFD) == -1;

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", how[fd]) != fd)
			exit(EXIT_REFUSED);
	return was_closed;
}

/* From linux/nsfs.h, which musl's wrapper does not find. */
#define NS_OF_USER _IO(0xb7, 0x1) /* NS_GET_USERNS */
#define NS_ABOVE   _IO(0xb7, 0x2) /* NS_GET_PARENT */

/* --- the clock ---------------------------------------------------------- */

/* stay_on_cpu - run on this CPU alone from now on, if the system lets us */
static inline void stay_on_cpu(void)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* clock_ns - the time of a clock, in nanoseconds */
static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* now_ns - CLOCK_MONOTONIC, in nanoseconds */
static inline int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* timespec_of - nanoseconds for the kernel; below 0 they are 0 */
static inline struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns > 0 ? ns / 1000000000 : 0,
				 .tv_nsec = ns > 0 ? ns % 1000000000 : 0};
}

/* --- addresses ---------------------------------------------------------- */

/* An IPv4 or IPv6 address with its port, and its length for the kernel. */
struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage ss;
	};
	socklen_t len;
};

#define ADDR_STRLEN (INET6_ADDRSTRLEN + 32) /* "[address%zone]:port" */

/*
 * resolve - an address or a host name (NULL: 0.0.0.0), or a usage error about
 * @what; @flags: AI_NUMERICHOST: no names
 */
static inline struct addr resolve(const char *what, const char *host,
				  in_port_t port, int flags)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = flags | AI_NUMERICSERV};
	struct addr a = {.len = 0};
	struct addrinfo *res;
	char service[8];
	int err;

	snprintf(service, sizeof(service), "%u", (unsigned int)port);
	err = getaddrinfo(host ? host : "0.0.0.0", service, &hints, &res);
	if (err)
		die_usage("%s: cannot use '%s' as an address: %s", what, host,
			  err == EAI_SYSTEM ? strerror(errno)
					    : gai_strerror(err));
	memcpy(&a.ss, res->ai_addr, res->ai_addrlen);
	a.len = res->ai_addrlen;
	freeaddrinfo(res);
	return a;
}

static inline struct addr parse_addr(const char *what, const char *host,
				     in_port_t port)
{
	return resolve(what, host, port, 0);
}

/*
 * split_port - cut "ADDR:PORT" or "[ADDR]:PORT" in two; @host: gets ADDR
 * Returns PORT; NULL where there is no colon, or nothing before it.
 */
static inline char *split_port(char *s, char **host)
{
	char *colon = strrchr(s, ':');

	if (!colon || colon == s)
		return NULL;
	*host = s;
	*colon = '\0';
	if (*s == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		++*host;
	}
	return colon + 1;
}

/* addr_port - the port of an address, in host order */
static inline in_port_t addr_port(const struct addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET6 ? a->in6.sin6_port
						 : a->in.sin_port);
}

/* addr_set_port - give an address the port @port (host order) */
static inline void addr_set_port(struct addr *a, in_port_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
	else
		a->in.sin_port = htons(port);
}

/* same_end - whether two addresses of one family are the same, with the port */
static inline bool same_end(const struct addr *a, const struct addr *b)
{
	if (addr_port(a) != addr_port(b))
		return false;
	if (a->sa.sa_family == AF_INET6)
		return IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
	return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
}

/* is_any6 - whether it is :: or ::ffff:0.0.0.0 */
static inline bool is_any6(const struct in6_addr *ip)
{
	static const uint8_t mapped_any[16] = {[10] = 0xff, [11] = 0xff};

	return IN6_IS_ADDR_UNSPECIFIED(ip) ||
	       !memcmp(ip, mapped_any, sizeof(mapped_any));
}

/* is_wildcard - whether it is 0.0.0.0 or is_any6() */
static inline bool is_wildcard(const struct addr *a)
{
	return a->sa.sa_family == AF_INET6
		       ? is_any6(&a->in6.sin6_addr)
		       : a->in.sin_addr.s_addr == htonl(INADDR_ANY);
}

/*
 * end_str - an address as ss prints it: 127.0.0.1:80, [fe80::1%eth0]:80
 * @ip: in network order; @scope: the interface of a link-local one, or 0
 * @buf: at least ADDR_STRLEN bytes; also returned
 */
static inline const char *end_str(char *buf, bool v6, const void *ip,
				  uint32_t scope, in_port_t port)
{
	char host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE + 1] = "";

	inet_ntop(v6 ? AF_INET6 : AF_INET, ip, host, sizeof(host));
	if (v6 && scope && if_indextoname(scope, zone + 1))
		zone[0] = '%';
	/* Its number is a zone too, where JSON would not take its name. */
	for (const char *p = zone; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\') {
			snprintf(zone, sizeof(zone), "%%%" PRIu32, scope);
			break;
		}
	snprintf(buf, ADDR_STRLEN, v6 ? "[%s%s]:%u" : "%s%s:%u", host, zone,
		 (unsigned int)port);
	return buf;
}

static inline const char *addr_str(const struct addr *a, char *buf)
{
	if (a->sa.sa_family == AF_INET6)
		return end_str(buf, true, &a->in6.sin6_addr,
			       a->in6.sin6_scope_id, addr_port(a));
	return end_str(buf, false, &a->in.sin_addr, 0, addr_port(a));
}

/* local_addr, peer_addr - the ends of a socket; false with errno */
static inline bool local_addr(int fd, struct addr *a)
{
	a->len = sizeof(a->ss);
	return !getsockname(fd, &a->sa, &a->len);
}

static inline bool peer_addr(int fd, struct addr *a)
{
	a->len = sizeof(a->ss);
	return !getpeername(fd, &a->sa, &a->len);
}

/* json_bytes - a JSON string; bytes that are not printable ASCII: \u00XX */
static inline void json_bytes(FILE *f, const char *p, size_t n)
{
	putc('"', f);
	for (; n; n--, p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			fprintf(f, "\\u%04x", c);
		else
			putc(c, f);
	}
	putc('"', f);
}

static inline void json_string(FILE *f, const char *s)
{
	json_bytes(f, s, strlen(s));
}

#include "sockets.h"
#include "toolkit.h"

#endif /* NET_H */
