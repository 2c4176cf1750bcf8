// SPDX-License-Identifier: MIT
/*
 * talk.c - all conversations of a program: their sockets, their timers, the
 * stdin that goes to the newest of them, and the loop that waits for them
 */
#include "conversation.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

volatile sig_atomic_t talk_stop;
int talk_wake = -1;

/* An option's level, its number and its name. */
#define SOCKOPT(level, opt) level, opt, #opt

/* --- sockets ------------------------------------------------------------- */

/* tell_option - "NAME=VALUE" of a socket option, as a person writes it */
static void tell_option(const char *word, uint32_t value, bool is_range)
{
	if (is_range)
		fprintf(stderr, " %s=%u-%u", word, value & 0xffff, value >> 16);
	else
		fprintf(stderr, " %s=%u", word, value);
}

/*
 * talk_setsockopt - set an option (SO_LINGER: in seconds), read it back, print
 * both with -v; false after the error line
 */
static bool talk_setsockopt(struct talk *t, int fd, int level, int opt,
			    const char *name, uint32_t value)
{
	const bool linger = level == SOL_SOCKET && opt == SO_LINGER;
	const bool range = level == IPPROTO_IP && opt == IP_LOCAL_PORT_RANGE;
	/* struct linger, or a number in the place of its l_linger */
	struct linger asked = {1, (int)value}, got = {0, 0};
	const size_t skip = linger ? 0 : offsetof(struct linger, l_linger);
	socklen_t size = (socklen_t)(sizeof(asked) - skip);

	if (setsockopt(fd, level, opt, (char *)&asked + skip, size) ||
	    getsockopt(fd, level, opt, (char *)&got + skip, &size)) {
		FAIL(t, "setsockopt", errno, .data = name);
		return false;
	}
	if (!t->verbose)
		return true;
	fprintf(stderr, "%s: option %s", prog_name, name);
	tell_option("asked", value, range);
	tell_option("got", (uint32_t)got.l_linger, range);
	putc('\n', stderr);
	return true;
}

/*
 * talk_socket - a TCP socket with the options that are wanted; -1: refused
 */
int talk_socket(struct talk *t, int family)
{
	const struct {
		bool wanted;
		int level, opt;
		const char *name;
		uint32_t value;
	} options[] = {
		{t->reuseaddr, SOCKOPT(SOL_SOCKET, SO_REUSEADDR), 1},
		{t->reuseport, SOCKOPT(SOL_SOCKET, SO_REUSEPORT), 1},
		{t->linger >= 0, SOCKOPT(SOL_SOCKET, SO_LINGER),
		 (uint32_t)t->linger},
		{t->no_port, SOCKOPT(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1},
		{t->range, SOCKOPT(IPPROTO_IP, IP_LOCAL_PORT_RANGE), t->range},
	};
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		FAIL(t, "socket", errno, .local = NULL);
		return -1;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].wanted &&
		    !talk_setsockopt(t, fd, options[i].level, options[i].opt,
				     options[i].name, options[i].value)) {
			close(fd);
			return -1;
		}
	return fd;
}

/* talk_bind - bind() to @local, which becomes the address the kernel gave */
bool talk_bind(struct talk *t, int fd, struct addr *local)
{
	if (bind(fd, &local->sa, local->len) || !local_addr(fd, local)) {
		FAIL(t, "bind", errno, .local = local);
		return false;
	}
	TELL(t, "bound", .local = local, .socket = fd);
	return true;
}

/* talk_listen - listen() and tell where; false after the error line */
bool talk_listen(struct talk *t, int fd, int backlog, const struct addr *at)
{
	if (listen(fd, backlog)) {
		FAIL(t, "listen", errno, .local = at);
		return false;
	}
	TELL(t, "listening", .local = at, .socket = fd);
	return true;
}

/* --- timers -------------------------------------------------------------- */

static struct conv *conv_of_all(struct conv_link *l)
{
	return (struct conv *)((char *)l - offsetof(struct conv, all));
}

static struct conv *conv_of_timer(struct conv_link *l)
{
	return (struct conv *)((char *)l - offsetof(struct conv, timer));
}

/* talk_timer_stop - the conversation waits for no time any more */
void talk_timer_stop(struct conv *c)
{
	if (c->timed)
		ring_del(&c->timer);
	c->timed = false;
}

/*
 * talk_timer_start - begin the pause of a kind; false: there is none
 *
 * All of a kind are of the same length, so each ring is in order of time.
 */
bool talk_timer_start(struct talk *t, struct conv *c, enum conv_timer kind)
{
	talk_timer_stop(c);
	if (t->pause[kind] < 0)
		return false;
	c->due = now_ns() + t->pause[kind];
	c->timed = true;
	ring_add(&t->timers[kind], &c->timer);
	return true;
}

/* --- stdin --------------------------------------------------------------- */

/* newest - the conversation that stdin goes to, if it takes any now */
static struct conv *newest(struct talk *t)
{
	struct conv *c = conv_of_all(t->all.prev);

	if (!t->takes_stdin || t->stdin_eof || !t->open || t->stdin_to)
		return NULL;
	return c->phase == CONV_TALKING && c->said ? c : NULL;
}

/* pass_stdin - read stdin for the newest conversation; its end is for all */
static void pass_stdin(struct talk *t, struct conv *c)
{
	ssize_t n = read(STDIN_FILENO, t->stdin_buf, sizeof(t->stdin_buf));
	struct conv_link *l, *next;

	if (n > 0) {
		t->stdin_to = c;
		t->stdin_done = 0;
		t->stdin_len = (size_t)n;
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

/* --- the loop ------------------------------------------------------------ */

/* time_left - from now until the first timer, or @until if that is not -1 */
static struct timespec *time_left(struct talk *t, int64_t until,
				  struct timespec *ts)
{
	for (int k = 0; k < CONV_TIMERS; k++) {
		struct conv_link *l = t->timers[k].next;

		if (l != &t->timers[k] &&
		    (until < 0 || conv_of_timer(l)->due < until))
			until = conv_of_timer(l)->due;
	}
	if (until < 0)
		return NULL;
	*ts = timespec_of(until - now_ns());
	return ts;
}

/*
 * talk_wait - wait for an event until @until by now_ns() (-1: no limit) or a
 * signal, and deal with it; true: the listener (data.ptr NULL) is ready
 */
bool talk_wait(struct talk *t, int64_t until)
{
	struct pollfd fds[3] = {
		{.fd = t->epfd, .events = POLLIN},
		{.fd = talk_wake, .events = POLLIN},
		{.fd = newest(t) ? STDIN_FILENO : -1, .events = POLLIN}};
	struct epoll_event ev;
	struct timespec ts;
	bool listener = false;
	int64_t now;

	if (ppoll(fds, 3, time_left(t, until, &ts), NULL) < 0 && errno != EINTR)
		die_errno("poll");
	if (talk_stop)
		return false;
	/*
	 * One event at a time: a step may free other conversations.  epoll lets
	 * those that are ready take turns.
	 */
	if (epoll_wait(t->epfd, &ev, 1, 0) == 1) {
		if (ev.data.ptr)
			t->step(t, ev.data.ptr, ev.events);
		else
			listener = true;
	}
	if (fds[2].revents && newest(t))
		pass_stdin(t, newest(t));
	if (t->stdin_to && t->stdin_done == t->stdin_len)
		t->stdin_to = NULL;
	now = now_ns();
	for (int k = 0; k < CONV_TIMERS; k++) {
		struct conv_link *l;

		while ((l = t->timers[k].next) != &t->timers[k] &&
		       conv_of_timer(l)->due <= now)
			conv_timeout(t, conv_of_timer(l), (enum conv_timer)k);
	}
	return listener;
}

/* on_signal - SIGINT, SIGTERM: have talk_wait() come back */
static void on_signal(int sig)
{
	int64_t one = 1;
	int err = errno;

	(void)sig;
	talk_stop = 1;
	/* It can fail only when the counter is full: then it is readable. */
	(void)!write(talk_wake, &one, sizeof(one));
	errno = err;
}

/* talk_init - the defaults, before the options are read */
void talk_init(struct talk *t)
{
	t->started = now_ns();
	t->linger = -1;
	t->count = 1;
	t->rounds = 1;
	t->step = conv_step;
	t->all.prev = t->all.next = &t->all;
	for (int k = 0; k < CONV_TIMERS; k++) {
		t->pause[k] = -1;
		t->timers[k].prev = t->timers[k].next = &t->timers[k];
	}
}

/* talk_check - the combinations that make no sense are usage errors */
void talk_check(const struct talk *t)
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

/* talk_operands - at most ADDR and PORT, as two words, or a usage error */
void talk_operands(int argc, char **argv)
{
	char copy[256], *host, *port = NULL;

	if (argc == 1 && strlen(argv[0]) < sizeof(copy))
		port = split_port(strcpy(copy, argv[0]), &host);
	if (port)
		die_usage("ADDR and PORT are two words: '%s %s %s'", prog_name,
			  host, port);
	if (argc > 2)
		die_usage("one ADDR and one PORT, not also '%s'", argv[2]);
}

/* talk_setup - signals, epoll, limits; after the options, before a socket */
void talk_setup(struct talk *t)
{
	struct sigaction act = {.sa_handler = on_signal};
	struct rlimit limit;

	if (open_standard_fds())
		t->no_stdin = true;
	t->takes_stdin = !t->close_first && !t->hold && !t->no_stdin &&
			 !(t->half_close && (t->say || t->filler));
	if (t->filler)
		memset(t->filler_buf, 'x', sizeof(t->filler_buf));
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit); /* else the old limit */
	}
	talk_wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (talk_wake < 0)
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

/* talk_end - close what is open, oldest first; returns the exit code */
int talk_end(struct talk *t)
{
	struct conv_link *l, *next;

	for (l = t->all.next; l != &t->all; l = next) {
		next = l->next;
		conv_end(t, conv_of_all(l));
	}
	close(t->epfd);
	TELL(t, "end", .connections = &t->connections);
	return t->status;
}
