/*
 * server - a TCP listener that decides who closes, when, and how
 *
 * The successor of the server half of Stevens' sock and of nc -l: what it
 * receives goes to stdout, and stdin goes to the newest connection.  With
 * options it plays one side of an experiment.  One thread, any number of
 * connections.
 */
#include "src/net.h"

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
	"  -o         bind only: bind(), no listen(), hold until a signal\n"
	"  -F ADDR:PORT  forward: join each connection to one of our own to there;\n"
	"             what comes from one side goes to the other, a FIN too. With\n"
	"             -x, TEXT is the end of what is to come from there: then -c\n"
	"             closes first towards the client, -C towards ADDR:PORT, and\n"
	"             where neither does the relay waits for that side's FIN\n"
	"  -C         see -F\n";

struct server {
	struct talk talk;
	struct addr local;
	int fd;		       /* the listener; -1: closed */
	int backlog;	       /* -q */
	bool bind_only;	       /* -o */
	bool keep;	       /* -k */
	bool forward;	       /* -F */
	bool close_inner;      /* -C */
	struct addr target;    /* of -F */
	struct leg *dropped;   /* legs to be freed: see relay_drop() */
	int64_t accept_after;  /* -O, in ns */
	int64_t accept_at;     /* by now_ns(); -1: accept() now */
	bool armed;	       /* epoll waits for the listener */
	bool full;	       /* accept() found no descriptor free */
	unsigned long full_at; /* so many were open then */
};

/*
 * A leg of a relay (-F): the outer one was accepted, the inner one goes to the
 * target.  Everything that is known of its conversation is in conv.
 */
struct leg {
	struct conv conv; /* first: it is what rings, epoll and free() know */
	struct leg *other, *next_dropped;
	bool inner, dropped;
	bool missed;	  /* the peer's FIN came, and -x had not */
	size_t done, len; /* of buf: what came from here and is to go over */
	char buf[16384];
};

/* more - whether there are connections left to accept */
static bool more(const struct server *s)
{
	return !s->talk.count || s->talk.connections < s->talk.count;
}

/* parse_target - ADDR:PORT or [ADDR]:PORT of -F, or a usage error */
static void parse_target(struct server *s, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[256];
	size_t len;

	if (!colon || colon == text ||
	    (len = (size_t)(colon - text)) >= sizeof(host))
		die_usage("-F wants ADDR:PORT, not '%s'", text);
	if (text[0] == '[' && colon[-1] == ']') {
		text++;
		len -= 2;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	s->target = parse_addr("-F", host, parse_port("-F", colon + 1));
	s->forward = true;
}

/* check_forward - -F and what it cannot go with, or a usage error */
static void check_forward(const struct server *s)
{
	const struct talk *t = &s->talk;

	if (!s->forward && s->close_inner)
		die_usage("-C needs -F");
	if (!s->forward)
		return;
	if (s->bind_only || s->accept_after || t->say || t->filler || t->hold ||
	    t->half_close || t->rounds != 1 || t->pause[CONV_T_FIRST] >= 0 ||
	    t->pause[CONV_T_EOF] >= 0 || t->pause[CONV_T_FIN] >= 0)
		die_usage(
			"-F says nothing of its own, and does not wait: not with -m, -B, -r, -h, -H, -o, -O, -P, -Q or -w");
	if ((t->close_first || s->close_inner) && !t->hear)
		die_usage("-F with -c or -C needs -x, to know when");
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
	while ((opt = getopt_long(argc, argv, ":" CONV_OPTIONS "kq:O:oF:C",
				  longs, NULL)) != -1) {
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
		else if (opt == 'F')
			parse_target(s, optarg);
		else if (opt == 'C')
			s->close_inner = true;
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
	check_forward(s);
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

/* --- the relay (-F) ------------------------------------------------------ */

static struct leg *leg_of(struct conv *c)
{
	return (struct leg *)c;
}

/* relay_leg - the conversation of a new leg for a socket */
static struct conv *relay_leg(struct talk *t, int fd, enum conv_phase phase)
{
	struct leg *leg = calloc(1, sizeof(*leg));

	if (!leg)
		die_errno("memory for a connection");
	conv_add(t, &leg->conv, fd, phase);
	return &leg->conv;
}

/*
 * relay_drop - close() a leg and forget it
 * @reset: with RST
 *
 * Its memory stays until the events at hand are dealt with: one of them may
 * be for it.
 */
static void relay_drop(struct server *s, struct leg *leg, bool reset)
{
	const struct linger now = {.l_onoff = 1};
	struct conv *c = &leg->conv;
	bool was_open = c->phase != CONV_CONNECTING;

	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conv_forget(&s->talk, c);
	if (was_open)
		CONV_EVENT(&s->talk, "closed", .local = &c->local,
			   .peer = &c->peer, .bytes = &c->received,
			   .sent = &c->sent);
	leg->dropped = true;
	leg->next_dropped = s->dropped;
	s->dropped = leg;
}

/* relay_drop_pair - a leg and the one that it is joined to */
static void relay_drop_pair(struct server *s, struct leg *leg, bool reset)
{
	struct leg *other = leg->other;

	relay_drop(s, leg, reset);
	if (other)
		relay_drop(s, other, reset);
}

/*
 * relay_broken - a call on a leg has failed for good
 *
 * The other leg is reset: a FIN would tell its peer that all is well.
 */
static void relay_broken(struct server *s, struct leg *leg, const char *call)
{
	struct conv *c = &leg->conv;

	CONV_FAIL(&s->talk, call, errno,
		  .local = c->phase == CONV_CONNECTING ? NULL : &c->local,
		  .peer = &c->peer, .bytes = &c->received);
	relay_drop_pair(s, leg, true);
}

/* relay_wants - what epoll is to wait for on a leg */
static uint32_t relay_wants(const struct leg *leg)
{
	const struct conv *c = &leg->conv;
	uint32_t want = 0;

	if (c->phase == CONV_CONNECTING)
		return EPOLLOUT;
	if (!c->eof && !leg->len)
		want |= EPOLLIN;
	if (leg->other && leg->other->len)
		want |= EPOLLOUT;
	/* Once both FINs are there EPOLLHUP stays true. */
	if (!want && c->eof && c->fin_sent)
		return 0;
	return want | EPOLLERR;
}

static void relay_arm(struct talk *t, struct leg *leg)
{
	conv_arm_for(t, &leg->conv, relay_wants(leg));
}

/*
 * relay_connected - connect() of an inner leg has ended, with errno @err
 */
static void relay_connected(struct server *s, struct leg *leg, int err)
{
	struct conv *c = &leg->conv;

	if (!err && !local_addr(c->fd, &c->local))
		err = errno;
	if (err) {
		errno = err;
		relay_broken(s, leg, "connect");
		return;
	}
	s->talk.connecting--;
	c->phase = CONV_TALKING;
	CONV_EVENT(&s->talk, "connected", .local = &c->local, .peer = &c->peer);
	relay_arm(&s->talk, leg);
	relay_arm(&s->talk, leg->other);
}

/* relay_begin - an outer leg has been accepted: connect() the inner one */
static void relay_begin(struct server *s, struct leg *outer)
{
	struct talk *t = &s->talk;
	int fd = conv_socket(t, s->target.sa.sa_family);
	struct leg *inner;

	t->connections++;
	outer->conv.heard = true; /* -x is for the inner leg */
	if (fd < 0) {
		relay_drop(s, outer, true);
		return;
	}
	inner = leg_of(relay_leg(t, fd, CONV_CONNECTING));
	inner->inner = true;
	inner->conv.peer = s->target;
	inner->other = outer;
	outer->other = inner;
	CONV_EVENT(t, "connecting", .peer = &inner->conv.peer);
	if (!connect(fd, &s->target.sa, s->target.len))
		relay_connected(s, inner, 0);
	else if (errno == EINPROGRESS)
		relay_arm(t, inner);
	else
		relay_connected(s, inner, errno);
}

/* relay_read - read once, when the last bytes are gone; false: dropped */
static bool relay_read(struct server *s, struct leg *leg)
{
	struct talk *t = &s->talk;
	struct conv *c = &leg->conv;
	ssize_t n = recv(c->fd, leg->buf, sizeof(leg->buf), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		relay_broken(s, leg, "read");
		return false;
	}
	if (n == 0) {
		leg->missed = !c->heard;
		conv_eof(t, c);
		return true;
	}
	leg->done = 0;
	leg->len = (size_t)n;
	c->received += (uint64_t)n;
	if (!c->heard)
		conv_hear(t, c, leg->buf, leg->len);
	return true;
}

/* relay_write - send once what came from the other leg; false: dropped */
static bool relay_write(struct server *s, struct leg *leg)
{
	struct leg *from = leg->other;
	ssize_t n = send(leg->conv.fd, from->buf + from->done,
			 from->len - from->done, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		relay_broken(s, leg, "write");
		return false;
	}
	leg->conv.sent += (uint64_t)n;
	from->done += (size_t)n;
	if (from->done == from->len)
		from->done = from->len = 0;
	return true;
}

/*
 * relay_fin_due - is it time for our FIN on this leg?
 *
 * Never before all that came from the other leg has been passed on.
 */
static bool relay_fin_due(const struct server *s, const struct leg *leg)
{
	const struct conv *c = &leg->conv;
	const struct conv *inner = leg->inner ? c : &leg->other->conv;

	if (c->fin_sent || leg->other->len)
		return false;
	if (!s->talk.hear || leg->other->missed)
		return leg->other->conv.eof;
	if (!inner->heard)
		return false;
	return c->eof || (leg->inner ? s->close_inner : s->talk.close_first);
}

/* relay_advance - FINs, and the end, as far as they are due for a pair */
static void relay_advance(struct server *s, struct leg *leg)
{
	struct leg *legs[] = {leg, leg->other};

	for (int i = 0; i < 2; i++) {
		struct conv *c = &legs[i]->conv;

		if (!relay_fin_due(s, legs[i]))
			continue;
		if (shutdown(c->fd, SHUT_WR)) {
			relay_broken(s, legs[i], "shutdown");
			return;
		}
		c->fin_sent = true;
		CONV_EVENT(&s->talk, "half-closed", .local = &c->local,
			   .peer = &c->peer);
	}
	if (leg->conv.eof && leg->conv.fin_sent && leg->other->conv.eof &&
	    leg->other->conv.fin_sent) {
		relay_drop_pair(s, leg, false);
		return;
	}
	relay_arm(&s->talk, leg);
	relay_arm(&s->talk, leg->other);
}

/* relay_step - epoll has told that something can be done on a leg */
static void relay_step(struct server *s, struct leg *leg, uint32_t events)
{
	struct conv *c = &leg->conv;

	if (leg->dropped)
		return;
	if (c->phase == CONV_CONNECTING) {
		relay_connected(s, leg, socket_error(c->fd));
		return;
	}
	if (events & EPOLLERR) {
		/* A reset; what came before it and was not read is lost. */
		int err = socket_error(c->fd);

		errno = err ? err : EPIPE;
		relay_broken(s, leg, "read");
		return;
	}
	if ((events & (EPOLLIN | EPOLLHUP)) && !c->eof && !leg->len &&
	    !relay_read(s, leg))
		return;
	if ((events & EPOLLOUT) && leg->other->len && !relay_write(s, leg))
		return;
	relay_advance(s, leg);
}

/* relay_wait - conv_wait() for the relay: whether the listener is ready */
static bool relay_wait(struct server *s)
{
	struct talk *t = &s->talk;
	struct pollfd fds[2] = {{.fd = t->epfd, .events = POLLIN},
				{.fd = conv_wake, .events = POLLIN}};
	struct epoll_event ev[64];
	bool listener = false;
	int n;

	if (poll(fds, 2, -1) < 0 && errno != EINTR)
		die_errno("poll");
	if (conv_stop)
		return false;
	n = epoll_wait(t->epfd, ev, 64, 0);
	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr)
			relay_step(s, ev[i].data.ptr, ev[i].events);
		else
			listener = true;
	}
	return listener;
}

/* relay_sweep - free the legs that were dropped */
static void relay_sweep(struct server *s)
{
	struct leg *leg;

	while ((leg = s->dropped)) {
		s->dropped = leg->next_dropped;
		free(leg);
	}
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
	c = s->forward ? relay_leg(t, fd, CONV_TALKING)
		       : conv_new(t, fd, CONV_PAUSED);
	c->peer = peer;
	if (!local_addr(fd, &c->local))
		c->local = s->local;
	CONV_EVENT(t, "accepted", .local = &c->local, .peer = &c->peer);
	if (s->forward)
		relay_begin(s, leg_of(c));
	else
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
		if (s->forward ? relay_wait(s) : conv_wait(t, s->accept_at))
			for (int i = 0; i < 64 && more(s) && accept_one(s); i++)
				;
		relay_sweep(s);
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
