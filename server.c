// SPDX-License-Identifier: MIT
/*
 * server - a TCP listener that decides which end closes, when, and how
 *
 * The server half of Stevens' sock and of nc -l: bytes that are received go to
 * stdout, and stdin goes to the newest connection.  One thread, any number of
 * connections; src/conversation.h lists the parts of one.
 */
#include "src/conversation.h"

#include <spawn.h>

static const char help[] =
	"usage: server [options] [ADDR] PORT\n"
	"Listens on ADDR (0.0.0.0) and PORT (0: the kernel picks one; -v and -j report\n"
	"it). Stdin goes to the newest connection, bytes that are received to stdout.\n"
	"A connection is closed at the end of stdin, or after the peer's FIN.\n"
	"\n"
	"  -n COUNT   accept so many connections (1), then close the listener, and end\n"
	"             when the last is closed; 0: no limit\n"
	"  -k         keep the listener open until the end\n"
	"  -q BACKLOG of listen() (5)\n"
	"  -O SECS    pause between listen() and the first accept()\n"
	"  -o         bind only: bind(), no listen(), until a signal\n"
	"  -e COMMAND run by sh -c, as a child that goes on when the server has ended\n"
	"  -E         the child of -e inherits the listener (no FD_CLOEXEC)\n"
	"  -F ADDR:PORT  forward: join each connection to one from here to ADDR:PORT.\n"
	"             Bytes and FINs of one side go to the other. With -x, TEXT ends\n"
	"             the answer of ADDR:PORT: then -c closes first towards the\n"
	"             client, -C towards ADDR:PORT; on a side without either the\n"
	"             relay waits for that side's FIN\n"
	"  -C         see -F\n"
	"\n" TALK_HELP "\n"
	"Examples:\n"
	"  server -A -c -m hello 8888          say hello, and close first\n"
	"  server -q 1 -O 60 127.0.0.1 8080    listen, and accept nothing\n";

struct server {
	struct talk talk;
	struct relay relay; /* -F */
	struct addr local;
	int fd;		       /* the listener; -1: closed */
	int64_t backlog;       /* -q */
	const char *command;   /* -e */
	bool inherited;	       /* -E */
	bool bind_only;	       /* -o */
	bool keep;	       /* -k */
	bool forward;	       /* -F */
	int64_t accept_after;  /* -O, in ns */
	int64_t accept_at;     /* by now_ns(); -1: accept() now */
	bool armed;	       /* epoll waits for the listener */
	bool full;	       /* accept() found no descriptor free */
	bool over;	       /* the socket listens no more: ss -K */
	unsigned long full_at; /* so many were open then */
};

/* more - whether there are connections left to accept */
static bool more(const struct server *s)
{
	return !s->over &&
	       (!s->talk.count || s->talk.connections < s->talk.count);
}

/* take_target - ADDR:PORT or [ADDR]:PORT of -F, or a usage error */
static void take_target(void *to, const char *text)
{
	char copy[256], *host, *port = NULL;
	struct server *s = to;

	if (strlen(text) < sizeof(copy))
		port = split_port(strcpy(copy, text), &host);
	if (!port)
		die_usage("-F wants ADDR:PORT, not '%s'", text);
	s->relay.target = parse_addr("-F", host, parse_port("-F", port));
	s->forward = true;
}

/* check_forward - options that do not go with -F are usage errors */
static void check_forward(struct server *s)
{
	const struct talk *t = &s->talk;

	if (!s->forward && s->relay.close_inner)
		die_usage("-C needs -F");
	if (!s->forward)
		return;
	if (s->bind_only || s->accept_after || t->say || t->filler || t->hold ||
	    t->half_close || t->rounds != 1 || t->pause[CONV_T_FIRST] >= 0 ||
	    t->pause[CONV_T_EOF] >= 0 || t->pause[CONV_T_FIN] >= 0)
		die_usage(
			"-F says nothing of its own, and does not wait: not with -m, -B, -r, -h, -H, -o, -O, -P, -Q or -w");
	if ((t->close_first || s->relay.close_inner) && !t->hear)
		die_usage("-F with -c or -C needs -x, to know when");
	s->relay.talk = &s->talk;
	s->talk.step = relay_step;
	s->talk.no_stdin = true;
}

/* parse_operands - [ADDR] PORT */
static void parse_operands(struct server *s, int argc, char **argv)
{
	talk_operands(argc, argv);
	if (argc < 1)
		die_usage("PORT is missing");
	s->local = parse_addr(
		"ADDR", argc == 2 ? argv[0] : NULL,
		(in_port_t)parse_long("PORT", argv[argc - 1], 0, 65535));
}

/* parse - read the command line; a usage error ends the program */
static void parse(struct server *s, int argc, char **argv)
{
	char given[OPTIONS_MAX] = "";
	const struct opt options[] = {
		TALK_OPTIONS(&s->talk){'k', ARG_SET, .to = &s->keep},
		{'q', ARG_NUMBER, .to = &s->backlog, 0, INT32_MAX},
		{'O', ARG_SECONDS, .to = &s->accept_after},
		{'o', ARG_SET, .to = &s->bind_only},
		{'F', ARG_OTHER, .to = s, .take = take_target},
		{'C', ARG_SET, .to = &s->relay.close_inner},
		{'e', ARG_TEXT, .to = &s->command},
		{'E', ARG_SET, .to = &s->inherited},
		{0},
	};
	int first = parse_options(argc, argv, options, given, help);

	if (s->talk.half_close && first == argc)
		end_options(OPT_HELP, argv, help);
	talk_check(&s->talk);
	check_forward(s);
	if (s->inherited && !s->command)
		die_usage("-E needs -e");
	parse_operands(s, argc - first, argv + first);
}

/* open_listener - socket(), bind(), and listen() unless -o; false: refused */
static bool open_listener(struct server *s)
{
	struct talk *t = &s->talk;

	s->fd = talk_socket(t, s->local.sa.sa_family);
	if (s->fd < 0 || !talk_bind(t, s->fd, &s->local))
		return false;
	if (s->bind_only)
		return true;
	/* Two sockets may be bound to one port and not both listen. */
	if (!talk_listen(t, s->fd, (int)s->backlog, &s->local))
		return false;
	if (s->accept_after)
		s->accept_at = now_ns() + s->accept_after;
	return true;
}

/*
 * start_child - the command of -e, with the listener where -E says so; false:
 * refused.  Nobody waits for it.
 */
static bool start_child(struct server *s)
{
	char *const argv[] = {"sh", "-c", (char *)s->command, NULL};
	posix_spawnattr_t attr;
	sigset_t ours;
	int err;

	if (!s->command)
		return true;
	if (s->inherited && fcntl(s->fd, F_SETFD, 0))
		die_errno("fcntl");
	/* What is ignored here stays so after exec(). */
	sigemptyset(&ours);
	sigaddset(&ours, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &ours);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	err = posix_spawn(NULL, "/bin/sh", NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	if (err)
		FAIL(&s->talk, "posix_spawn", err, .local = &s->local);
	return !err;
}

/*
 * arm - have epoll wait for the listener while a connection can be accepted:
 * not before -O is over, nor after -n, nor without a free descriptor
 */
static void arm(struct server *s)
{
	struct epoll_event ev = {.events = EPOLLIN};
	bool want;

	if (s->accept_at >= 0 && s->accept_at <= now_ns())
		s->accept_at = -1;
	if (s->full && s->talk.open < s->full_at)
		s->full = false;
	want = s->fd >= 0 && !s->bind_only && s->accept_at < 0 && !s->full &&
	       more(s);
	if (want == s->armed)
		return;
	if (epoll_ctl(s->talk.epfd, want ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->fd,
		      &ev))
		die_errno("epoll_ctl");
	s->armed = want;
}

/* accept_one - returns false when there is none to accept now */
static bool accept_one(struct server *s)
{
	struct talk *t = &s->talk;
	struct addr local, peer = {.len = sizeof(peer.ss)};
	int fd = accept4(s->fd, &peer.sa, &peer.len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conv *c;

	/* ECONNABORTED: this one has gone while it waited (accept(2)). */
	if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
		return true;
	if (fd < 0 && errno == EAGAIN)
		return false;
	if (fd < 0) {
		s->full = errno == EMFILE || errno == ENFILE ||
			  errno == ENOBUFS || errno == ENOMEM;
		s->full_at = t->open;
		s->over = errno == EINVAL;
		FAIL(t, "accept", errno, .local = &s->local);
		return false;
	}
	if (!local_addr(fd, &local))
		local = s->local;
	TELL(t, "accepted", .local = &local, .peer = &peer);
	if (s->forward) {
		relay_accepted(&s->relay, fd, &local, &peer);
		return true;
	}
	c = conv_new(t, fd, CONV_PAUSED);
	c->local = local;
	c->peer = peer;
	conv_begin(t, c);
	return true;
}

/* close_listener - epoll keeps what a child still has, with -E */
static void close_listener(struct server *s)
{
	if (s->armed)
		epoll_ctl(s->talk.epfd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->armed = false;
}

/* serve - until the last of the connections is closed, or a signal comes */
static void serve(struct server *s)
{
	struct talk *t = &s->talk;

	while (!talk_stop && (more(s) || t->open || s->bind_only)) {
		arm(s);
		if (s->full && !t->open)
			return; /* no descriptor can become free: refused */
		/* A few at a time, so that those accepted are served too. */
		if (talk_wait(t, s->accept_at))
			for (int i = 0; i < 64 && more(s) && accept_one(s); i++)
				;
		if (!more(s) && !s->keep)
			close_listener(s);
	}
}

int main(int argc, char **argv)
{
	static struct server s = {.fd = -1, .backlog = 5, .accept_at = -1};

	prog_name = "server";
	talk_init(&s.talk);
	parse(&s, argc, argv);
	talk_setup(&s.talk);
	if (open_listener(&s) && start_child(&s))
		serve(&s);
	close_listener(&s);
	return talk_end(&s.talk);
}
