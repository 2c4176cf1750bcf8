/*
 * net.h - what rtest, server, client, wire, forge and peek share: numbers and
 * addresses from the command line, errors, the clock, JSON lines, and the
 * TCP states under the names that ss prints.
 *
 * Everything is static inline, so that "cc -o rtest rtest.c -lpthread" is
 * all it takes to build a program.  Include it before any other header.
 */
#ifndef NET_H
#define NET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RTEST_VERSION "0.1.0"

/* Exit codes, the same for every program (docs/design: Programs). */
enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1, /* the network or the system refused */
	EXIT_USAGE = 2,
};

/* The name in messages; main() sets it.  Weak: all files of a program share it.
 */
__attribute__((weak)) const char *prog_name = "rtest";

/* --- errors: one line on stderr, "program: what failed: why" ------------ */

/*
 * errno_name - the symbol of an errno value, as "EADDRNOTAVAIL"
 * @err: the errno value
 *
 * musl has no strerrorname_np(), hence the table: every errno that the calls
 * of these programs are documented to give.  Any other value comes back as
 * its number, in a buffer of the calling thread.
 */
static inline const char *errno_name(int err)
{
	static _Thread_local char number[16];
	static const struct {
		int err;
		const char *name;
	} names[] = {
#define NET_ERRNO(e) {e, #e}
		NET_ERRNO(EACCES),
		NET_ERRNO(EADDRINUSE),
		NET_ERRNO(EADDRNOTAVAIL),
		NET_ERRNO(EAFNOSUPPORT),
		NET_ERRNO(EAGAIN),
		NET_ERRNO(EALREADY),
		NET_ERRNO(EBADF),
		NET_ERRNO(EBUSY),
		NET_ERRNO(ECONNABORTED),
		NET_ERRNO(ECONNREFUSED),
		NET_ERRNO(ECONNRESET),
		NET_ERRNO(EDESTADDRREQ),
		NET_ERRNO(EEXIST),
		NET_ERRNO(EFAULT),
		NET_ERRNO(EFBIG),
		NET_ERRNO(EHOSTDOWN),
		NET_ERRNO(EHOSTUNREACH),
		NET_ERRNO(EINPROGRESS),
		NET_ERRNO(EINTR),
		NET_ERRNO(EINVAL),
		NET_ERRNO(EIO),
		NET_ERRNO(EISCONN),
		NET_ERRNO(EISDIR),
		NET_ERRNO(EMFILE),
		NET_ERRNO(EMSGSIZE),
		NET_ERRNO(ENETDOWN),
		NET_ERRNO(ENETRESET),
		NET_ERRNO(ENETUNREACH),
		NET_ERRNO(ENFILE),
		NET_ERRNO(ENOBUFS),
		NET_ERRNO(ENODEV),
		NET_ERRNO(ENOENT),
		NET_ERRNO(ENOMEM),
		NET_ERRNO(ENOPROTOOPT),
		NET_ERRNO(ENOSPC),
		NET_ERRNO(ENOSYS),
		NET_ERRNO(ENOTCONN),
		NET_ERRNO(ENOTDIR),
		NET_ERRNO(ENOTSOCK),
		NET_ERRNO(ENXIO),
		NET_ERRNO(EOPNOTSUPP),
		NET_ERRNO(EPERM),
		NET_ERRNO(EPIPE),
		NET_ERRNO(EPROTO),
		NET_ERRNO(EPROTONOSUPPORT),
		NET_ERRNO(EPROTOTYPE),
		NET_ERRNO(EROFS),
		NET_ERRNO(ETIMEDOUT),
#undef NET_ERRNO
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].err == err)
			return names[i].name;
	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}

/*
 * warn_errno - print "program: what: why [ENAME]" on stderr
 * @err: the errno value to explain
 * @fmt: what failed, with the object that it failed on
 */
__attribute__((format(printf, 2, 3))) static inline void
warn_errno(int err, const char *fmt, ...)
{
	va_list ap;

	flockfile(stderr);
	fprintf(stderr, "%s: ", prog_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s [%s]\n", strerror(err), errno_name(err));
	funlockfile(stderr);
}

/*
 * die_errno - warn_errno() with the current errno, then exit 1
 *
 * What the arguments call may change errno, and C leaves it open which of them
 * is evaluated first.
 */
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

/* --- where the toolkit is ------------------------------------------------ */

/*
 * tool_path - where a script or another program of the toolkit would be
 * @name: as "scripts/lab", seen from the folder that this program is in
 *
 * Links to the program are followed, so the source tree and an installed
 * toolkit look the same from here.  Returns @path; an empty one, with errno,
 * if the folder cannot be told.
 */
static inline char *tool_path(const char *name, char path[static PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	size_t folder;

	path[len > 0 ? len : 0] = '\0';
	if (len <= 0)
		return path;
	folder = (size_t)(strrchr(path, '/') - path) + 1;
	if (folder + strlen(name) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		path[0] = '\0';
		return path;
	}
	strcpy(path + folder, name);
	return path;
}

/*
 * is_installed - whether this is an installed toolkit, where the scripts are
 * words of rtest: the scripts are beside the program, its source is not
 */
static inline bool is_installed(void)
{
	char path[PATH_MAX];

	return !access(tool_path("scripts/sandbox", path), X_OK) &&
	       access(tool_path("src/net.h", path), F_OK);
}

/* sandbox_command - what a user types to get scripts/sandbox */
static inline const char *sandbox_command(void)
{
	return is_installed() ? "rtest sandbox" : "scripts/sandbox";
}

/*
 * flush_stdout - flush stdout; a full disk or a closed pipe is a failure,
 * said in one line, exit 1
 */
static inline void flush_stdout(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		warn_errno(errno ? errno : EIO, "write to standard output");
		/* stdio would try, and fail, once more at exit(). */
		_exit(EXIT_REFUSED);
	}
}

/* --- numbers ------------------------------------------------------------ */

/*
 * parse_long - a whole decimal number within bounds, or a usage error
 * @what: the option or operand, for the message ("-n", "PORT")
 * @s: the text; a sign only if @lo is negative, no blanks, nothing after it
 */
static inline long parse_long(const char *what, const char *s, long lo, long hi)
{
	const char *digits = lo < 0 && *s == '-' ? s + 1 : s;
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	if (*digits < '0' || *digits > '9' || *end || errno || n < lo || n > hi)
		die_usage("%s wants a whole number from %ld to %ld, not '%s'",
			  what, lo, hi, s);
	return n;
}

/*
 * parse_seconds - seconds with an optional decimal fraction, 0 to a day, or a
 * usage error.  Returns nanoseconds.
 */
static inline int64_t parse_seconds(const char *what, const char *s)
{
	int64_t ns = 0, unit = 1000000000;
	const char *p = s;

	for (; *p >= '0' && *p <= '9' && ns <= 86400; p++)
		ns = ns * 10 + (*p - '0');
	ns *= unit;
	if (p != s && *p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++)
			ns += (unit /= 10) * (*p - '0');
	if (p == s || *p || ns > INT64_C(86400000000000))
		die_usage("%s wants seconds from 0 to 86400, not '%s'", what,
			  s);
	return ns;
}

static inline in_port_t parse_port(const char *what, const char *s)
{
	return (in_port_t)parse_long(what, s, 1, 65535);
}

/* --- the clock ---------------------------------------------------------- */

/* now_ns - CLOCK_MONOTONIC, in nanoseconds */
static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
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
 * parse_addr - an address or a host name with a port
 * @what: the operand's name, for the message
 * @host: an address or a name; NULL means the IPv4 wildcard
 * @port: in host order, 0 lets the kernel pick
 *
 * An address that does not parse and a name that does not resolve are usage
 * errors.
 */
static inline struct addr parse_addr(const char *what, const char *host,
				     in_port_t port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *res;
	struct addr a = {.len = 0};
	char service[8];
	int err;

	snprintf(service, sizeof(service), "%u", (unsigned int)port);
	hints.ai_flags = AI_NUMERICSERV;
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

/*
 * addr_str - an address as ss prints it: 127.0.0.1:80, [::1]:80
 * @buf: at least ADDR_STRLEN bytes; also what is returned
 */
static inline const char *addr_str(const struct addr *a, char *buf)
{
	char host[INET6_ADDRSTRLEN + 17]; /* and "%zone" */

	if (getnameinfo(&a->sa, a->len, host, sizeof(host), NULL, 0,
			NI_NUMERICHOST))
		snprintf(host, sizeof(host), "?");
	snprintf(buf, ADDR_STRLEN,
		 a->sa.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
		 (unsigned int)addr_port(a));
	return buf;
}

/*
 * local_addr, peer_addr - the ends of a socket as the kernel has them
 *
 * Return false and leave errno when the kernel refuses (a peer that is gone:
 * ENOTCONN).
 */
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

/* --- sockets ------------------------------------------------------------ */

/* close_keep - close(fd) and keep errno, so that the caller's cause survives */
static inline void close_keep(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
}

/* socket_error - SO_ERROR, which is read and cleared; 0: none */
static inline int socket_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) ? errno : err;
}

/* The states of enum tcp_state (include/net/tcp_states.h), as ss names them. */
static inline const char *state_name(int state)
{
	static const char *const names[] = {
		"UNCONN",     "ESTAB",	    "SYN-SENT",	 "SYN-RECV",
		"FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN",
		"CLOSE-WAIT", "LAST-ACK",   "LISTEN",	 "CLOSING",
	};

	if (state < 0 || state >= (int)(sizeof(names) / sizeof(names[0])))
		return "UNKNOWN";
	return names[state];
}

/*
 * tcp_state - the state of a TCP socket: TCP_ESTABLISHED, TCP_CLOSE, ...
 *
 * A hint, not a proof: tcp_get_info() reads the state before it takes the
 * socket's lock, so what waits in the backlog is not in the answer yet.  Who
 * waits for a state asks again.  Returns -1 with errno on failure.
 */
static inline int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return -1;
	return info.tcpi_state;
}

/* --- JSON --------------------------------------------------------------- */

/*
 * json_string - write a JSON string with its quotes
 *
 * Bytes outside printable ASCII become \u00XX, so that any input makes a
 * valid line.
 */
static inline void json_string(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			fprintf(f, "\\u%04x", c);
		else
			putc(c, f);
	}
	putc('"', f);
}

/* --- conversations: what server and client share ------------------------ */

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

/* A connection waits for one thing at a time; each kind has its own pause. */
enum conv_timer {
	CONV_T_CONNECT, /* client -t: the deadline of connect() */
	CONV_T_FIRST,	/* -P: before the first read or write */
	CONV_T_EOF,	/* -Q: after the peer's FIN, before our close() */
	CONV_T_FIN,	/* -w: for the peer's FIN, after ours */
	CONV_TIMERS,
};

enum conv_phase {
	CONV_CONNECTING,
	CONV_PAUSED,  /* -P */
	CONV_TALKING, /* until close() is due */
	CONV_LEAVING, /* -Q */
	CONV_BROKEN,  /* reset, and held (-H) */
};

/* A ring; its head is a conv_link too. */
struct conv_link {
	struct conv_link *prev, *next;
};

struct conv {
	struct conv_link all, timer;
	int64_t due;	/* of the timer, by now_ns() */
	bool timed;	/* in a ring of timers */
	bool bound;	/* client: bind() came before connect() */
	bool said;	/* all of -B and -m is handed to the kernel */
	bool heard;	/* all of -x has come, or there is no -x */
	bool eof;	/* the peer's FIN has come */
	bool fin_sent;	/* shutdown(SHUT_WR) */
	uint32_t armed; /* what epoll waits for; 0: not in epoll */
	enum conv_phase phase;
	int fd;
	uint64_t filler_left, sent, received; /* payload bytes */
	size_t say_done, matched;
	uint64_t rounds;  /* begun: see -r */
	uint64_t earlier; /* times -x has come before its round */
	struct addr local, peer;
};

/* What the options ask for, and all the conversations of a program. */
struct talk {
	bool reuseaddr, reuseport, close_first, half_close, hold, no_stdin;
	bool verbose, json;
	bool speaks_first; /* -m before -x (client), or after it (server) */
	bool in_a_row;	   /* another connect() may follow each close() */
	bool relay;	   /* stdin goes to the newest conversation */
	long linger;	   /* -L, in seconds; -1: leave SO_LINGER alone */
	int64_t pause[CONV_TIMERS]; /* ns; -1: none, or no deadline */
	const char *say, *hear;
	size_t *border; /* of @hear: see conv_hear() */
	uint64_t filler;
	uint64_t count;	 /* -n; 0: no limit */
	uint64_t rounds; /* -r; 0: as many as the peer likes */

	int64_t started; /* now_ns() at program start */
	int status;	 /* the exit code so far */
	int epfd;
	struct conv_link all; /* oldest first */
	struct conv_link timers[CONV_TIMERS];
	unsigned long open, connecting;
	uint64_t connections;
	bool stdin_eof;
	struct conv *relay_to; /* whose the bytes in relay_buf are */
	size_t relay_done, relay_len;
	char relay_buf[65536];
	char buf[262144];
	char filler_buf[262144];
};

/* What an event tells; what is NULL or 0 is left out. */
struct conv_facts {
	const char *event, *call;
	const struct addr *local, *peer;
	int err;
	const uint64_t *bytes, *sent, *connections, *time_waits;
	const char *data;
	size_t data_len;
};

static volatile sig_atomic_t conv_stop; /* SIGINT or SIGTERM came */
static int conv_wake = -1; /* an eventfd, readable once conv_stop is set */

#define CONV_OPTIONS "ATL:cw:hHdm:x:r:B:P:Q:n:vj"
#define CONV_HELP                                                                   \
	"  -A         SO_REUSEADDR\n"                                               \
	"  -T         SO_REUSEPORT\n"                                               \
	"  -L SECS    SO_LINGER; 0: close() sends RST, any other may block in\n"    \
	"             close() that long\n"                                          \
	"  -c         close first: when all is said (and heard) our FIN, then\n"    \
	"             read until the peer's FIN, then close(). With -L 0 close()\n" \
	"             at once: RST. Ignores stdin\n"                                \
	"  -w SECS    with -c: wait so long for the peer's FIN, then close() and\n" \
	"             leave an orphan in FIN-WAIT-2; 0: close() at once, without\n" \
	"             shutdown(), which sends RST if something is unread.\n"        \
	"             Default: wait for ever\n"                                     \
	"  -h         half close: our FIN when all is said (at the end of stdin\n"  \
	"             without -m or -B), then read until the peer's FIN\n"          \
	"  -H         hold: never close, not even after the peer's FIN, until\n"    \
	"             SIGINT or SIGTERM. Ignores stdin\n"                           \
	"  -d         do not read stdin: close after the peer did\n"                \
	"  -m TEXT    say TEXT\n"                                                   \
	"  -x TEXT    wait until TEXT has come; exit 1 if the peer closes before\n" \
	"  -r ROUNDS  with -m and -x: say and hear so many times on each\n"         \
	"             connection (1); 0: until the peer closes. Told of is the\n"   \
	"             last round alone\n"                                           \
	"  -B BYTES   send so many bytes, before -m's text; up to 2^40\n"           \
	"  -P SECS    pause before the first read or write\n"                       \
	"  -Q SECS    pause after the peer's FIN, before our close()\n"             \
	"  -v         talk on stderr about each step\n"                             \
	"  -j         JSON lines on stdout, in place of what is received\n"         \
	"  --help, --version\n"

/* --- conversations: rings ------------------------------------------------ */

static inline void conv_ring_init(struct conv_link *head)
{
	head->prev = head->next = head;
}

/* conv_ring_add - put @l at the end of the ring */
static inline void conv_ring_add(struct conv_link *head, struct conv_link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void conv_ring_del(struct conv_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

static inline struct conv *conv_of_all(struct conv_link *l)
{
	return (struct conv *)((char *)l - offsetof(struct conv, all));
}

static inline struct conv *conv_of_timer(struct conv_link *l)
{
	return (struct conv *)((char *)l - offsetof(struct conv, timer));
}

/* conv_timer_stop - the conversation waits for no time any more */
static inline void conv_timer_stop(struct conv *c)
{
	if (c->timed)
		conv_ring_del(&c->timer);
	c->timed = false;
}

/*
 * conv_timer_start - begin the pause of a kind, if there is one
 *
 * All pauses of a kind have the same length, so that each ring is in order
 * of time without being sorted.  Returns whether there is a pause.
 */
static inline bool conv_timer_start(struct talk *t, struct conv *c,
				    enum conv_timer kind)
{
	conv_timer_stop(c);
	if (t->pause[kind] < 0)
		return false;
	c->due = now_ns() + t->pause[kind];
	c->timed = true;
	conv_ring_add(&t->timers[kind], &c->timer);
	return true;
}

/* --- conversations: what is said about them ------------------------------ */

/*
 * conv_out - write to stdout, at most until a signal comes
 *
 * poll() before each write: a pipe that polls writable takes PIPE_BUF bytes
 * without blocking, so that a reader who does not read cannot keep us from
 * ending on SIGTERM.  After the signal the reader has a second.  A stdout that
 * is closed, full or stuck is one line and exit 1.
 */
static inline void conv_out(const char *p, size_t n)
{
	while (n) {
		struct pollfd fds[2] = {
			{.fd = STDOUT_FILENO, .events = POLLOUT},
			{.fd = conv_wake, .events = POLLIN}};
		size_t chunk = n < 4096 ? n : 4096;
		ssize_t did = -1;

		if (poll(fds, conv_stop ? 1 : 2, conv_stop ? 1000 : -1) == 0)
			errno = EAGAIN;
		else if (fds[0].revents)
			did = write(STDOUT_FILENO, p, chunk);
		else
			continue; /* the signal: once more, with a deadline */
		if (did < 0 &&
		    (errno == EINTR || (errno == EAGAIN && fds[0].revents)))
			continue;
		if (did < 0)
			die_errno("write to standard output");
		p += did;
		n -= (size_t)did;
	}
}

/* conv_json_bytes - as json_string(), for bytes among which may be NUL */
static inline void conv_json_bytes(FILE *f, const char *p, size_t n)
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

/* conv_json - an event as a JSON line on stdout, in one write() */
static inline void conv_json(struct talk *t, const struct conv_facts *f)
{
	char line[4096], addr[ADDR_STRLEN];
	int64_t us = (now_ns() - t->started) / 1000;
	FILE *s = fmemopen(line, sizeof(line), "w");
	long len;

	if (!s)
		die_errno("fmemopen");
	fprintf(s, "{\"event\":\"%s\"", f->event);
	if (f->call)
		fprintf(s, ",\"call\":\"%s\"", f->call);
	if (f->local)
		fprintf(s, ",\"local\":\"%s\"", addr_str(f->local, addr));
	if (f->peer)
		fprintf(s, ",\"peer\":\"%s\"", addr_str(f->peer, addr));
	if (f->err)
		fprintf(s, ",\"errno\":\"%s\"", errno_name(f->err));
	if (f->bytes)
		fprintf(s, ",\"bytes\":%" PRIu64, *f->bytes);
	if (f->sent)
		fprintf(s, ",\"sent\":%" PRIu64, *f->sent);
	if (f->connections)
		fprintf(s, ",\"connections\":%" PRIu64, *f->connections);
	if (f->time_waits)
		fprintf(s, ",\"time_waits\":%" PRIu64, *f->time_waits);
	if (f->data) {
		fprintf(s, ",\"data\":");
		conv_json_bytes(s, f->data,
				f->data_len < 256 ? f->data_len : 256);
	}
	fprintf(s, ",\"t\":%" PRId64 ".%06d}\n", us / 1000000,
		(int)(us % 1000000));
	fflush(s);
	len = ftell(s);
	fclose(s);
	conv_out(line, (size_t)len);
}

/* conv_verbose - an event as a line of words on stderr (-v) */
static inline void conv_verbose(const struct conv_facts *f)
{
	char addr[ADDR_STRLEN];

	flockfile(stderr);
	fprintf(stderr, "%s: %s", prog_name, f->event);
	if (f->call)
		fprintf(stderr, " of %s()", f->call);
	if (f->local)
		fprintf(stderr, ", local %s", addr_str(f->local, addr));
	if (f->peer)
		fprintf(stderr, ", peer %s", addr_str(f->peer, addr));
	if (f->bytes)
		fprintf(stderr, ", %" PRIu64 " bytes", *f->bytes);
	if (f->sent)
		fprintf(stderr, ", %" PRIu64 " sent", *f->sent);
	if (f->connections)
		fprintf(stderr, ", %" PRIu64 " connections", *f->connections);
	if (f->time_waits)
		fprintf(stderr, ", %" PRIu64 " TIME-WAIT", *f->time_waits);
	putc('\n', stderr);
	funlockfile(stderr);
}

/* conv_event - tell an event on stdout (-j) and on stderr (-v) */
static inline void conv_event(struct talk *t, const struct conv_facts *f)
{
	/* Errors are on stderr already, in a line of their own. */
	if (t->verbose && !f->err)
		conv_verbose(f);
	if (t->json)
		conv_json(t, f);
}

#define CONV_EVENT(t, name, ...) \
	conv_event(t, &(struct conv_facts){.event = name, __VA_ARGS__})

/*
 * conv_advice - what to do about an error, in parentheses, or ""
 * @buf: of @size bytes; also what is returned
 */
static inline const char *conv_advice(const struct conv_facts *f, char *buf,
				      size_t size)
{
	unsigned int port = f->local ? addr_port(f->local) : 0;

	*buf = '\0';
	if (!strcmp(f->call, "bind") && f->err == EACCES)
		snprintf(
			buf, size,
			" (ports below 1024 want root, or sysctl net.ipv4.ip_unprivileged_port_start=%u)",
			port);
	else if (!strcmp(f->call, "bind") && f->err == EADDRNOTAVAIL)
		snprintf(buf, size,
			 " (no address of this machine: see 'ip address')");
	else if (!strcmp(f->call, "bind") && f->err == EINVAL &&
		 f->local->sa.sa_family == AF_INET6 &&
		 IN6_IS_ADDR_LINKLOCAL(&f->local->in6.sin6_addr))
		snprintf(buf, size, " (a link-local address wants %%ZONE)");
	else if (!strcmp(f->call, "setsockopt") && f->err == ENOPROTOOPT)
		snprintf(buf, size, " (this kernel does not have it)");
	else if (f->err == EMFILE)
		snprintf(buf, size, " (raise 'ulimit -n')");
	return buf;
}

/*
 * conv_fail - tell an error: one line on stderr, an "error" event, exit code 1
 * @f: call and err, with local and peer as far as they are known; for
 *     setsockopt the option's name in data
 */
static inline void conv_fail(struct talk *t, struct conv_facts *f)
{
	static const struct {
		const char *call, *before_peer, *before_local;
	} words[] = {
		{"connect", " to ", " from "}, {"write", " to ", " from "},
		{"read", " from ", " at "},    {"shutdown", " to ", " from "},
		{"bind", "", " to "},	       {"", "", " on "}};
	char peer[ADDR_STRLEN] = "", local[ADDR_STRLEN] = "", advice[160];
	size_t i = 0;

	while (*words[i].call && strcmp(words[i].call, f->call))
		i++;
	if (f->peer)
		addr_str(f->peer, peer);
	if (f->local)
		addr_str(f->local, local);
	fprintf(stderr, "%s: %s%s%s%s%s%s%s: %s%s [%s]\n", prog_name, f->call,
		f->data ? " " : "", f->data ? f->data : "",
		f->peer ? words[i].before_peer : "", peer,
		f->local ? words[i].before_local : "", local, strerror(f->err),
		conv_advice(f, advice, sizeof(advice)), errno_name(f->err));
	t->status = EXIT_REFUSED;
	f->event = "error";
	if (f->data)
		f->data_len = strlen(f->data);
	conv_event(t, f);
}

#define CONV_FAIL(t, what, why, ...) \
	conv_fail(t,                 \
		  &(struct conv_facts){.call = what, .err = why, __VA_ARGS__})

/* --- conversations: sockets ---------------------------------------------- */

/* From linux/in.h; older libc headers lack them. */
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

/* The value of a socket option: a number, a struct linger, a port range. */
union conv_optval {
	int i;
	uint32_t range;
	struct linger l;
};

/* conv_optval_str - as a person writes it; @buf: 16 bytes, also returned */
static inline const char *conv_optval_str(int level, int opt,
					  const union conv_optval *v, char *buf)
{
	if (level == IPPROTO_IP && opt == IP_LOCAL_PORT_RANGE)
		snprintf(buf, 16, "%u-%u", v->range & 0xffff, v->range >> 16);
	else if (level == SOL_SOCKET && opt == SO_LINGER)
		snprintf(buf, 16, "%d", v->l.l_linger);
	else
		snprintf(buf, 16, "%d", v->i);
	return buf;
}

/*
 * conv_setsockopt - set an option, read it back, print both with -v
 * @size: of what the option takes
 *
 * What comes back need not be what was asked.  Returns false after having
 * told the error.
 */
static inline bool conv_setsockopt(struct talk *t, int fd, int level, int opt,
				   const char *name, union conv_optval asked,
				   socklen_t size)
{
	union conv_optval got = {.i = 0};
	char want[16], have[16];

	if (setsockopt(fd, level, opt, &asked, size) ||
	    getsockopt(fd, level, opt, &got, &size)) {
		CONV_FAIL(t, "setsockopt", errno, .data = name);
		return false;
	}
	if (t->verbose)
		fprintf(stderr, "%s: option %s asked=%s got=%s\n", prog_name,
			name, conv_optval_str(level, opt, &asked, want),
			conv_optval_str(level, opt, &got, have));
	return true;
}

/*
 * conv_socket - a TCP socket with what -A, -T and -L ask for
 *
 * An accepted socket inherits these three from its listener.  Returns -1
 * after having told the error.
 */
static inline int conv_socket(struct talk *t, int family)
{
	union conv_optval linger = {.l = {1, (int)t->linger}}, one = {.i = 1};
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		CONV_FAIL(t, "socket", errno, .local = NULL);
		return -1;
	}
	if ((t->reuseaddr &&
	     !conv_setsockopt(t, fd, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR",
			      one, sizeof(int))) ||
	    (t->reuseport &&
	     !conv_setsockopt(t, fd, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT",
			      one, sizeof(int))) ||
	    (t->linger >= 0 &&
	     !conv_setsockopt(t, fd, SOL_SOCKET, SO_LINGER, "SO_LINGER", linger,
			      sizeof(linger.l)))) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * conv_bind - bind() and tell where to
 * @local: the address asked for; the one that the kernel gave comes back
 *
 * Returns false after having told the error.
 */
static inline bool conv_bind(struct talk *t, int fd, struct addr *local)
{
	if (bind(fd, &local->sa, local->len) || !local_addr(fd, local)) {
		CONV_FAIL(t, "bind", errno, .local = local);
		return false;
	}
	CONV_EVENT(t, "bound", .local = local);
	return true;
}

/*
 * conv_source - fill in the address that the kernel takes towards @peer
 * @local: bound to the wildcard address, with its port
 *
 * After a connect() that failed the socket has forgotten it.  A UDP socket
 * asks the routing table without sending anything.
 */
static inline void conv_source(struct addr *local, const struct addr *peer)
{
	in_port_t port = addr_port(local);
	struct addr source;
	int fd;

	if (local->sa.sa_family == AF_INET6
		    ? !IN6_IS_ADDR_UNSPECIFIED(&local->in6.sin6_addr)
		    : local->in.sin_addr.s_addr != htonl(INADDR_ANY))
		return;
	fd = socket(peer->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (!connect(fd, &peer->sa, peer->len) && local_addr(fd, &source)) {
		*local = source;
		addr_set_port(local, port);
	}
	close(fd);
}

/* --- conversations: one of them ------------------------------------------ */

/* conv_relaying - there are bytes of stdin for this conversation */
static inline bool conv_relaying(const struct talk *t, const struct conv *c)
{
	return t->relay_to == c && t->relay_done < t->relay_len;
}

/* conv_may_speak - its turn to say -B and -m has come */
static inline bool conv_may_speak(const struct talk *t, const struct conv *c)
{
	return t->speaks_first || c->heard;
}

/* conv_arm_for - have epoll wait for these events on the socket; 0: for none */
static inline void conv_arm_for(struct talk *t, struct conv *c, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = c};
	int op = EPOLL_CTL_MOD;

	if (events == c->armed)
		return;
	if (!c->armed)
		op = EPOLL_CTL_ADD;
	else if (!events)
		op = EPOLL_CTL_DEL;
	if (epoll_ctl(t->epfd, op, c->fd, &ev))
		die_errno("epoll_ctl");
	c->armed = events;
}

/*
 * conv_arm - have epoll wait for what the conversation waits for
 *
 * Level-triggered; so what stays true without being dealt with must not be
 * waited for: EPOLLHUP, once both FINs are there, and everything in a pause.
 */
static inline void conv_arm(struct talk *t, struct conv *c)
{
	uint32_t events = 0;

	if (c->phase == CONV_CONNECTING)
		events = EPOLLOUT;
	else if ((c->phase == CONV_TALKING || c->phase == CONV_LEAVING) &&
		 !(c->eof && c->fin_sent))
		events = EPOLLERR;
	if (c->phase == CONV_TALKING && !c->eof)
		events |= EPOLLIN;
	if (c->phase == CONV_TALKING &&
	    ((!c->said && conv_may_speak(t, c)) || conv_relaying(t, c)))
		events |= EPOLLOUT;
	conv_arm_for(t, c, events);
}

/* conv_forget - close() without a word; the memory stays */
static inline void conv_forget(struct talk *t, struct conv *c)
{
	conv_timer_stop(c);
	conv_ring_del(&c->all);
	t->open--;
	if (c->phase == CONV_CONNECTING)
		t->connecting--;
	if (t->relay_to == c)
		t->relay_to = NULL;
	close(c->fd);
}

/* conv_drop - close() without a word, and forget the conversation */
static inline void conv_drop(struct talk *t, struct conv *c)
{
	conv_forget(t, c);
	free(c);
}

/*
 * conv_leave_last_ack - our FIN, and wait until it is acknowledged
 *
 * After close() nobody could ask: a next connect() from the same port would
 * come too early, and fail with EADDRNOTAVAIL, for LAST-ACK's sake.  The ACK is
 * there at once on loopback, but for a machine too busy to run its softirqs.
 * Gives up after ten seconds; the next connect() then tells.
 */
static inline void conv_leave_last_ack(struct conv *c)
{
	const int64_t deadline = now_ns() + INT64_C(10000000000);
	const struct timespec ms = {.tv_nsec = 1000000};

	if (shutdown(c->fd, SHUT_WR))
		return; /* reset already */
	while (!conv_stop && tcp_state(c->fd) == TCP_LAST_ACK &&
	       now_ns() < deadline)
		nanosleep(&ms, NULL);
}

/* conv_close - close() and tell it */
static inline void conv_close(struct talk *t, struct conv *c)
{
	struct conv was = *c;

	if (t->in_a_row && c->eof && !c->fin_sent)
		conv_leave_last_ack(c);
	conv_drop(t, c);
	CONV_EVENT(t, "closed", .local = &was.local, .peer = &was.peer,
		   .bytes = &was.received, .sent = &was.sent);
}

/* conv_last_round - after this one there is no other (-r) */
static inline bool conv_last_round(const struct talk *t, const struct conv *c)
{
	return t->rounds && c->rounds >= t->rounds;
}

/* conv_listens - -x may still come, for this round or a later one */
static inline bool conv_listens(const struct talk *t, const struct conv *c)
{
	return !c->heard || !conv_last_round(t, c);
}

/* conv_heard - -x has come */
static inline void conv_heard(struct talk *t, struct conv *c)
{
	c->heard = true;
	if (conv_last_round(t, c))
		CONV_EVENT(t, "heard", .local = &c->local, .peer = &c->peer,
			   .data = t->hear, .data_len = strlen(t->hear));
}

/*
 * conv_next_round - begin another round (-r), if this one is over
 *
 * What a peer has said already that does not wait for its answers counts for
 * the rounds to come; after its FIN only that counts.
 */
static inline void conv_next_round(struct talk *t, struct conv *c)
{
	if (!c->said || !c->heard || conv_last_round(t, c) ||
	    (c->eof && !c->earlier))
		return;
	c->rounds++;
	c->said = c->heard = false;
	c->say_done = 0;
	if (c->earlier) {
		c->earlier--;
		conv_heard(t, c);
	}
}

/*
 * conv_hear - look for -x in what has come (Knuth, Morris, Pratt)
 *
 * @t->border[i] is the length of the longest proper border of the first i+1
 * bytes of the text, so that no byte is looked at again and the text may come
 * in any pieces.
 */
static inline void conv_hear(struct talk *t, struct conv *c, const char *p,
			     size_t n)
{
	size_t len = strlen(t->hear);

	for (; n && conv_listens(t, c); n--, p++) {
		/* Most of what comes is not of the text: a hundred MB of it. */
		if (!c->matched) {
			const char *first = memchr(p, t->hear[0], n);

			if (!first)
				return;
			n -= (size_t)(first - p);
			p = first;
		}
		while (c->matched && t->hear[c->matched] != *p)
			c->matched = t->border[c->matched - 1];
		if (t->hear[c->matched] == *p)
			c->matched++;
		if (c->matched < len)
			continue;
		c->matched = 0;
		if (c->heard)
			c->earlier++;
		else
			conv_heard(t, c);
	}
}

/* conv_take - @n bytes have come, in t->buf */
static inline void conv_take(struct talk *t, struct conv *c, size_t n)
{
	uint64_t bytes = n;

	c->received += n;
	if (t->rounds == 1)
		CONV_EVENT(t, "data", .local = &c->local, .peer = &c->peer,
			   .bytes = &bytes, .data = t->buf, .data_len = n);
	if (!t->json)
		conv_out(t->buf, n);
	if (t->hear)
		conv_hear(t, c, t->buf, n);
}

/*
 * conv_broken - a call on the conversation has failed for good
 *
 * Linux keeps what had arrived before an RST, so it is read and counted
 * first.  Where that reading ends in an error, that is the cause.  Ends the
 * conversation; only -H keeps the socket.
 */
static inline void conv_broken(struct talk *t, struct conv *c, const char *call,
			       int err)
{
	ssize_t n;

	while ((n = recv(c->fd, t->buf, sizeof(t->buf), 0)) > 0)
		conv_take(t, c, (size_t)n);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		call = "read";
		err = errno;
	}
	CONV_FAIL(t, call, err, .local = &c->local, .peer = &c->peer,
		  .bytes = &c->received);
	if (!t->hold) {
		conv_close(t, c);
		return;
	}
	conv_timer_stop(c);
	c->phase = CONV_BROKEN;
	conv_arm(t, c);
}

/*
 * conv_unheard - the peer's FIN has come, and -x was missing
 *
 * With -r 0 it may come between two rounds.
 */
static inline bool conv_unheard(const struct talk *t, const struct conv *c)
{
	if (!t->hear)
		return false;
	if (!t->rounds)
		return c->matched || (!c->heard && c->rounds == 1);
	return !c->heard || c->rounds + c->earlier < t->rounds;
}

/* conv_eof - the peer's FIN has come */
static inline void conv_eof(struct talk *t, struct conv *c)
{
	c->eof = true;
	conv_timer_stop(c);
	CONV_EVENT(t, "eof", .local = &c->local, .peer = &c->peer,
		   .bytes = &c->received);
	if (conv_unheard(t, c)) {
		char addr[ADDR_STRLEN];

		fprintf(stderr, "%s: %s closed and did not say '%s' (-x)\n",
			prog_name, addr_str(&c->peer, addr), t->hear);
		CONV_EVENT(t, "unheard", .local = &c->local, .peer = &c->peer,
			   .data = t->hear, .data_len = strlen(t->hear));
		t->status = EXIT_REFUSED;
	}
	if (!c->heard)
		c->heard = c->said = true; /* nothing more will be */
}

/*
 * conv_read - read once.  After the peer's FIN read() gives 0 for ever, and
 * an error (the RST that answered our data, say) shows in SO_ERROR alone.
 *
 * Returns false if the conversation has ended.
 */
static inline bool conv_read(struct talk *t, struct conv *c)
{
	ssize_t n;

	if (c->eof) {
		int err = socket_error(c->fd);

		conv_broken(t, c, "write", err ? err : EPIPE);
		return false;
	}
	n = recv(c->fd, t->buf, sizeof(t->buf), 0);
	if (n > 0) {
		conv_take(t, c, (size_t)n);
	} else if (n == 0) {
		conv_eof(t, c);
	} else if (errno != EAGAIN && errno != EINTR) {
		conv_broken(t, c, "read", errno);
		return false;
	}
	return true;
}

/*
 * conv_write - send once: the filler of -B, then -m's text, then stdin
 *
 * Returns false if the conversation has ended.
 */
static inline bool conv_write(struct talk *t, struct conv *c)
{
	const char *p = t->filler_buf;
	size_t len = sizeof(t->filler_buf);
	ssize_t n;

	if (c->filler_left) {
		if (len > c->filler_left)
			len = (size_t)c->filler_left;
	} else if (!c->said) {
		p = t->say + c->say_done;
		len = strlen(p);
	} else {
		p = t->relay_buf + t->relay_done;
		len = t->relay_len - t->relay_done;
	}
	n = send(c->fd, p, len, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return true;
		conv_broken(t, c, "write", errno);
		return false;
	}
	c->sent += (uint64_t)n;
	if (c->filler_left)
		c->filler_left -= (uint64_t)n;
	else if (!c->said)
		c->say_done += (size_t)n;
	else
		t->relay_done += (size_t)n;
	if (!c->said && !c->filler_left && !(t->say && t->say[c->say_done])) {
		c->said = true;
		if (conv_last_round(t, c))
			CONV_EVENT(t, "sent", .local = &c->local,
				   .peer = &c->peer, .bytes = &c->sent);
	}
	return true;
}

/* conv_plain_close - with -c: close() alone sends what ends the connection */
static inline bool conv_plain_close(const struct talk *t)
{
	return t->linger == 0 || t->pause[CONV_T_FIN] == 0;
}

/* conv_fin_due - is it time for shutdown(SHUT_WR)? */
static inline bool conv_fin_due(const struct talk *t, const struct conv *c)
{
	if (c->fin_sent || !c->said || !conv_last_round(t, c))
		return false;
	if (t->close_first)
		return c->heard && !conv_plain_close(t);
	return t->half_close && conv_may_speak(t, c) &&
	       (!t->relay || t->stdin_eof) && !conv_relaying(t, c);
}

/* conv_close_due - is it time for close()? */
static inline bool conv_close_due(const struct talk *t, const struct conv *c)
{
	if (t->hold || !c->said || conv_relaying(t, c))
		return false;
	if (c->eof)
		return true;
	if (!c->heard)
		return false;
	if (t->close_first)
		return conv_plain_close(t);
	return t->relay && t->stdin_eof && !t->half_close;
}

/*
 * conv_advance - do what is due after something has happened
 *
 * With -c the order is shutdown(), read until the peer's FIN, close().  So
 * the socket stays a full one until that FIN is there: had close() come first,
 * the FIN could arrive while FIN-WAIT-2 is handed to tcp_time_wait() and be
 * lost (tcp_rcv_state_process(): "We could lose such FIN otherwise").
 */
static inline void conv_advance(struct talk *t, struct conv *c)
{
	if (c->phase == CONV_TALKING)
		conv_next_round(t, c);
	if (c->phase == CONV_TALKING && conv_fin_due(t, c)) {
		if (shutdown(c->fd, SHUT_WR)) {
			conv_broken(t, c, "shutdown", errno);
			return;
		}
		c->fin_sent = true;
		CONV_EVENT(t, "half-closed", .local = &c->local,
			   .peer = &c->peer);
		if (t->close_first && !c->eof)
			conv_timer_start(t, c, CONV_T_FIN);
	}
	if (c->phase == CONV_TALKING && conv_close_due(t, c)) {
		if (!c->eof || !conv_timer_start(t, c, CONV_T_EOF)) {
			conv_close(t, c);
			return;
		}
		c->phase = CONV_LEAVING;
	}
	conv_arm(t, c);
}

/*
 * conv_begin - a connection is there: pause (-P), then talk
 */
static inline void conv_begin(struct talk *t, struct conv *c)
{
	t->connections++;
	c->phase = CONV_PAUSED;
	if (conv_timer_start(t, c, CONV_T_FIRST)) {
		conv_arm(t, c);
		return;
	}
	c->phase = CONV_TALKING;
	conv_advance(t, c);
}

/* conv_add - take up a conversation for a socket; @c: all zero */
static inline void conv_add(struct talk *t, struct conv *c, int fd,
			    enum conv_phase phase)
{
	c->fd = fd;
	c->phase = phase;
	c->filler_left = t->filler;
	c->said = !t->filler && !(t->say && *t->say);
	c->heard = !t->hear;
	c->rounds = 1;
	conv_ring_add(&t->all, &c->all);
	t->open++;
	if (phase == CONV_CONNECTING)
		t->connecting++;
}

/*
 * conv_new - a conversation for a socket
 * @phase: CONV_CONNECTING, or CONV_PAUSED before conv_begin()
 */
static inline struct conv *conv_new(struct talk *t, int fd,
				    enum conv_phase phase)
{
	struct conv *c = calloc(1, sizeof(*c));

	if (!c)
		die_errno("memory for a connection");
	conv_add(t, c, fd, phase);
	return c;
}

/*
 * conv_connected - connect() has ended, with @err
 *
 * Ends the conversation if it failed.
 */
static inline void conv_connected(struct talk *t, struct conv *c, int err)
{
	conv_timer_stop(c);
	if (!err && !local_addr(c->fd, &c->local))
		err = errno;
	if (err) {
		if (c->bound)
			conv_source(&c->local, &c->peer);
		CONV_FAIL(t, "connect", err,
			  .local = c->bound ? &c->local : NULL,
			  .peer = &c->peer);
		conv_drop(t, c);
		return;
	}
	t->connecting--;
	c->phase = CONV_PAUSED;
	CONV_EVENT(t, "connected", .local = &c->local, .peer = &c->peer);
	conv_begin(t, c);
}

/* conv_step - epoll has told that something can be done */
static inline void conv_step(struct talk *t, struct conv *c, uint32_t events)
{
	if (c->phase == CONV_CONNECTING) {
		conv_connected(t, c, socket_error(c->fd));
		return;
	}
	/* Read before write: send() would take the error that recv() needs. */
	if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) && !conv_read(t, c))
		return;
	if ((events & EPOLLOUT) && !conv_write(t, c))
		return;
	conv_advance(t, c);
}

/*
 * conv_leave - close() after the pause of -Q, which a signal may have cut short
 *
 * Once both FINs are there epoll cannot wait for an error: see conv_arm().  RST
 * in LAST-ACK leaves one in SO_ERROR (tcp_reset()), and close() says nothing.
 */
static inline void conv_leave(struct talk *t, struct conv *c)
{
	int err = socket_error(c->fd);

	if (err)
		conv_broken(t, c, "getsockopt", err);
	else
		conv_close(t, c);
}

/* conv_timeout - the pause or the deadline of a conversation is over */
static inline void conv_timeout(struct talk *t, struct conv *c,
				enum conv_timer kind)
{
	char peer[ADDR_STRLEN];

	conv_timer_stop(c);
	switch (kind) {
	case CONV_T_CONNECT:
		fprintf(stderr, "%s: connect to %s: no answer in time (-t)\n",
			prog_name, addr_str(&c->peer, peer));
		CONV_EVENT(t, "timeout", .call = "connect",
			   .local = c->bound ? &c->local : NULL,
			   .peer = &c->peer);
		t->status = EXIT_REFUSED;
		conv_drop(t, c);
		break;
	case CONV_T_FIRST:
		c->phase = CONV_TALKING;
		conv_advance(t, c);
		break;
	case CONV_T_FIN:
		CONV_EVENT(t, "timeout", .call = "read", .local = &c->local,
			   .peer = &c->peer);
		conv_close(t, c);
		break;
	default:
		conv_leave(t, c);
	}
}

/* --- conversations: all of them ------------------------------------------ */

/* conv_newest - the conversation that stdin goes to, if it takes any now */
static inline struct conv *conv_newest(struct talk *t)
{
	struct conv *c = conv_of_all(t->all.prev);

	if (!t->relay || t->stdin_eof || !t->open || t->relay_to)
		return NULL;
	return c->phase == CONV_TALKING && c->said ? c : NULL;
}

/*
 * conv_relay - read stdin for the newest conversation
 *
 * The end of stdin counts for all conversations, also for those to come.
 */
static inline void conv_relay(struct talk *t, struct conv *c)
{
	ssize_t n = read(STDIN_FILENO, t->relay_buf, sizeof(t->relay_buf));
	struct conv_link *l, *next;

	if (n > 0) {
		t->relay_to = c;
		t->relay_done = 0;
		t->relay_len = (size_t)n;
		conv_arm(t, c);
		return;
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		warn_errno(errno, "read standard input");
		t->status = EXIT_REFUSED;
	}
	t->stdin_eof = true;
	for (l = t->all.next; l != &t->all; l = next) {
		next = l->next;
		conv_advance(t, conv_of_all(l));
	}
}

/*
 * conv_wait - wait for something to happen, and do what is due
 * @until: come back at this time by now_ns() at the latest; -1: no limit
 *
 * Returns whether a socket in t->epfd that is no conversation (data.ptr is
 * NULL: the server's listener) is ready.  Comes back early on a signal.
 */
static inline bool conv_wait(struct talk *t, int64_t until)
{
	struct conv *to = conv_newest(t);
	struct pollfd fds[3] = {
		{.fd = t->epfd, .events = POLLIN},
		{.fd = conv_wake, .events = POLLIN},
		{.fd = to ? STDIN_FILENO : -1, .events = POLLIN}};
	struct epoll_event ev[64];
	struct timespec ts;
	bool other = false;
	int64_t now;
	int n;

	for (int k = 0; k < CONV_TIMERS; k++) {
		struct conv_link *l = t->timers[k].next;

		if (l != &t->timers[k] &&
		    (until < 0 || conv_of_timer(l)->due < until))
			until = conv_of_timer(l)->due;
	}
	now = now_ns();
	now = until > now ? until - now : 0;
	ts.tv_sec = now / 1000000000;
	ts.tv_nsec = now % 1000000000;
	if (ppoll(fds, 3, until < 0 ? NULL : &ts, NULL) < 0 && errno != EINTR)
		die_errno("poll");
	if (conv_stop)
		return false;
	/* Only conv_step(t, c) frees c, and each c is in ev[] once. */
	n = epoll_wait(t->epfd, ev, 64, 0);
	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr)
			conv_step(t, ev[i].data.ptr, ev[i].events);
		else
			other = true;
	}
	if (fds[2].revents && conv_newest(t))
		conv_relay(t, conv_newest(t));
	if (t->relay_to && t->relay_done == t->relay_len)
		t->relay_to = NULL;
	now = now_ns();
	for (int k = 0; k < CONV_TIMERS; k++) {
		struct conv_link *l;

		while ((l = t->timers[k].next) != &t->timers[k] &&
		       conv_of_timer(l)->due <= now)
			conv_timeout(t, conv_of_timer(l), (enum conv_timer)k);
	}
	return other;
}

/* conv_on_signal - SIGINT, SIGTERM: have conv_wait() come back */
static inline void conv_on_signal(int sig)
{
	uint64_t one = 1;
	int err = errno;

	(void)sig;
	conv_stop = 1;
	/* It can fail only when the counter is full: then it is readable. */
	(void)!write(conv_wake, &one, sizeof(one));
	errno = err;
}

/* conv_init - the defaults, before the options are read */
static inline void conv_init(struct talk *t)
{
	t->started = now_ns();
	t->linger = -1;
	t->count = 1;
	t->rounds = 1;
	conv_ring_init(&t->all);
	for (int k = 0; k < CONV_TIMERS; k++) {
		t->pause[k] = -1;
		conv_ring_init(&t->timers[k]);
	}
}

/* conv_parse_bytes - 0 to 2^40, or a usage error (a long may be 32 bits) */
static inline uint64_t conv_parse_bytes(const char *what, const char *s)
{
	const uint64_t most = UINT64_C(1) << 40;
	const char *p = s;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9' && n <= most; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == s || *p || n > most)
		die_usage("%s wants a whole number from 0 to %" PRIu64
			  ", not '%s'",
			  what, most, s);
	return n;
}

/* conv_option - take one of CONV_OPTIONS; false: it is none of them */
static inline bool conv_option(struct talk *t, int opt, const char *arg)
{
	switch (opt) {
	case 'A':
		return t->reuseaddr = true;
	case 'T':
		return t->reuseport = true;
	case 'c':
		return t->close_first = true;
	case 'h':
		return t->half_close = true;
	case 'H':
		return t->hold = true;
	case 'd':
		return t->no_stdin = true;
	case 'v':
		return t->verbose = true;
	case 'j':
		return t->json = true;
	case 'L':
		t->linger = parse_long("-L", arg, 0, 65535);
		return true;
	case 'w':
		t->pause[CONV_T_FIN] = parse_seconds("-w", arg);
		return true;
	case 'P':
		t->pause[CONV_T_FIRST] = parse_seconds("-P", arg);
		return true;
	case 'Q':
		t->pause[CONV_T_EOF] = parse_seconds("-Q", arg);
		return true;
	case 'm':
		t->say = arg;
		return true;
	case 'x':
		t->hear = arg;
		return true;
	case 'r':
		t->rounds = (uint64_t)parse_long("-r", arg, 0, 1000000000);
		return true;
	case 'B':
		t->filler = conv_parse_bytes("-B", arg);
		return true;
	case 'n':
		t->count = (uint64_t)parse_long("-n", arg, 0, 1000000000);
		return true;
	}
	return false;
}

/* conv_print - print a text on stdout and end well (--help, --version) */
static inline void conv_print(const char *text)
{
	fputs(text, stdout);
	flush_stdout();
	exit(EXIT_DONE);
}

/* conv_bad_option - the usage error for what getopt_long() did not take */
static inline void conv_bad_option(int opt, char **argv)
{
	if (opt == ':')
		die_usage("option -%c wants a value", optopt);
	if (optopt && optopt < 256) /* above: of a long option */
		die_usage("unknown option '-%c'", optopt);
	die_usage("unknown option '%s'", argv[optind - 1]);
}

/* conv_check - the combinations that make no sense are usage errors */
static inline void conv_check(const struct talk *t)
{
	if (t->close_first && t->hold)
		die_usage("-c closes and -H never does: choose one");
	if (t->close_first && t->half_close)
		die_usage("-c closes whole and -h half: choose one");
	if (t->pause[CONV_T_FIN] >= 0 && !t->close_first)
		die_usage("-w needs -c");
	if (t->hear && !*t->hear)
		die_usage("-x wants a text");
	if (t->rounds != 1 && !(t->say && *t->say && t->hear))
		die_usage("-r needs -m and -x");
	if (t->rounds != 1 && t->filler)
		die_usage("-r repeats -m and -x, not -B: choose one");
}

/*
 * conv_open_std - have descriptors 0, 1 and 2 open, so that no socket becomes
 * our stdout
 *
 * A closed stdout becomes one that cannot be written, as it was.  Nothing
 * can be read from a closed stdin: -d.
 */
static inline void conv_open_std(struct talk *t)
{
	static const int how[] = {O_WRONLY, O_RDONLY, O_WRONLY};

	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) != -1)
			continue;
		if (open("/dev/null", how[fd]) != fd)
			exit(EXIT_REFUSED);
		if (fd == STDIN_FILENO)
			t->no_stdin = true;
	}
}

/* conv_borders - the table for conv_hear() */
static inline void conv_borders(struct talk *t)
{
	size_t len = strlen(t->hear), b = 0;

	t->border = calloc(len, sizeof(*t->border));
	if (!t->border)
		die_errno("memory for -x");
	for (size_t i = 1; i < len; i++) {
		while (b && t->hear[i] != t->hear[b])
			b = t->border[b - 1];
		if (t->hear[i] == t->hear[b])
			b++;
		t->border[i] = b;
	}
}

/* conv_setup - signals, epoll, limits; after the options, before a socket */
static inline void conv_setup(struct talk *t)
{
	struct sigaction act = {.sa_handler = conv_on_signal};
	struct rlimit limit;

	conv_open_std(t);
	t->relay = !t->close_first && !t->hold && !t->no_stdin &&
		   !(t->half_close && (t->say || t->filler));
	if (t->hear)
		conv_borders(t);
	if (t->filler)
		memset(t->filler_buf, 'x', sizeof(t->filler_buf));
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit); /* if not: what there is */
	}
	conv_wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (conv_wake < 0)
		die_errno("eventfd");
	t->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (t->epfd < 0)
		die_errno("epoll_create1");
	/* No SA_RESTART: a close() that lingers ends on the signal. */
	sigemptyset(&act.sa_mask);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
}

/*
 * conv_end - close what is open, oldest first, and tell the end
 *
 * Returns the exit code.
 */
static inline int conv_end(struct talk *t)
{
	struct conv_link *l, *next;

	for (l = t->all.next; l != &t->all; l = next) {
		struct conv *c = conv_of_all(l);

		next = l->next;
		if (c->phase == CONV_CONNECTING)
			conv_drop(t, c);
		else if (c->phase == CONV_LEAVING)
			conv_leave(t, c);
		else
			conv_close(t, c);
	}
	close(t->epfd);
	free(t->border);
	CONV_EVENT(t, "end", .connections = &t->connections);
	return t->status;
}

#endif /* NET_H */
