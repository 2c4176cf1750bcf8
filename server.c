/*
 * server - a TCP listener that decides who closes, when, and how
 *
 * The successor of the server half of Stevens' sock and of nc -l: what it
 * receives goes to stdout, and stdin goes to the newest connection.  With
 * options it plays one side of an experiment.  One thread, any number of
 * connections.
 */
#include "net.h"

static const char help[] =
	"usage: server [options] [ADDR] PORT\n"
	"Listen on ADDR (0.0.0.0) and PORT (0: the kernel picks one; -v and -j tell).\n"
	"Stdin goes to the newest connection, what is received to stdout; the end\n"
	"of stdin closes, and the peer's FIN does.\n"
	"\n" CONV_HELP
	"  -n COUNT   accept so many connections (1), and end when the last is\n"
	"             closed; 0: no limit. The listener is closed after them\n"
	"  -k         keep the listener open until the end\n"
	"  -q BACKLOG of listen() (5)\n"
	"  -O SECS    pause between listen() and the first accept()\n"
	"  -o         bind only: bind(), no listen(), hold until a signal\n";

struct server {
	struct talk talk;
	struct addr local;
	int fd;		       /* the listener; -1: closed */
	int backlog;	       /* -q */
	bool bind_only;	       /* -o */
	bool keep;	       /* -k */
	int64_t accept_after;  /* -O, in ns */
	int64_t accept_at;     /* by now_ns(); -1: accept() now */
	bool armed;	       /* epoll waits for the listener */
	bool full;	       /* accept() found no descriptor free */
	unsigned long full_at; /* so many were open then */
};

/* more - whether there are connections left to accept */
static bool more(const struct server *s)
{
	return !s->talk.count || s->talk.connections < s->talk.count;
}

/* parse - read the command line; a usage error ends the program */
static void parse(struct server *s, int argc, char **argv)
{
	static const struct option longs[] = {{"help", 0, NULL, 256},
					      {"version", 0, NULL, 257},
					      {NULL, 0, NULL, 0}};
	struct talk *t = &s->talk;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":" CONV_OPTIONS "kq:O:o", longs,
				  NULL)) != -1) {
		if (opt == 256)
			conv_print(help);
		else if (opt == 257)
			conv_print("server " RTEST_VERSION "\n");
		else if (opt == 'k')
			s->keep = true;
		else if (opt == 'q')
			s->backlog =
				(int)parse_long("-q", optarg, 0, INT32_MAX);
		else if (opt == 'O')
			s->accept_after = parse_seconds("-O", optarg);
		else if (opt == 'o')
			s->bind_only = true;
		else if (!conv_option(t, opt, optarg))
			conv_bad_option(opt, argv);
	}
	if (t->half_close && optind == argc)
		conv_print(help);
	if (argc - optind < 1)
		die_usage("PORT is missing");
	if (argc - optind > 2)
		die_usage("one ADDR and one PORT, not also '%s'",
			  argv[optind + 2]);
	conv_check(t);
	s->local = parse_addr(
		"ADDR", argc - optind == 2 ? argv[optind] : NULL,
		(in_port_t)parse_long("PORT", argv[argc - 1], 0, 65535));
}

/* open_listener - socket(), bind(), and listen() unless -o; false: refused */
static bool open_listener(struct server *s)
{
	struct talk *t = &s->talk;

	s->fd = conv_socket(t, s->local.sa.sa_family);
	if (s->fd < 0 || !conv_bind(t, s->fd, &s->local))
		return false;
	if (s->bind_only)
		return true;
	/* Two sockets may be bound to one port and not both listen. */
	if (listen(s->fd, s->backlog)) {
		CONV_FAIL(t, "listen", errno, .local = &s->local);
		return false;
	}
	CONV_EVENT(t, "listening", .local = &s->local);
	if (s->accept_after)
		s->accept_at = now_ns() + s->accept_after;
	return true;
}

/*
 * arm - have epoll wait for the listener while a connection could be accepted
 *
 * Not before -O is over, not after -n, and not while no descriptor is free:
 * a listener that polls ready and cannot be accepted from would spin.
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
	struct addr peer = {.len = sizeof(peer.ss)};
	int fd = accept4(s->fd, &peer.sa, &peer.len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conv *c;

	if (fd < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return false;
		s->full = errno == EMFILE || errno == ENFILE ||
			  errno == ENOBUFS || errno == ENOMEM;
		s->full_at = t->open;
		CONV_FAIL(t, "accept", errno, .local = &s->local);
		return false;
	}
	c = conv_new(t, fd, CONV_PAUSED);
	c->peer = peer;
	if (!local_addr(fd, &c->local))
		c->local = s->local;
	CONV_EVENT(t, "accepted", .local = &c->local, .peer = &c->peer);
	conv_begin(t, c);
	return true;
}

/* close_listener - close() stops waiting in epoll too */
static void close_listener(struct server *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->armed = false;
}

/* serve - until the last of the connections is closed, or a signal comes */
static void serve(struct server *s)
{
	struct talk *t = &s->talk;

	while (!conv_stop && (more(s) || t->open || s->bind_only)) {
		arm(s);
		if (s->full && !t->open)
			return; /* nobody could free a descriptor: refused */
		/* A few at a time, so that those accepted are served too. */
		if (conv_wait(t, s->accept_at))
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
	conv_init(&s.talk);
	parse(&s, argc, argv);
	conv_setup(&s.talk);
	if (open_listener(&s))
		serve(&s);
	close_listener(&s);
	return conv_end(&s.talk);
}
