// SPDX-License-Identifier: MIT
/* bulk.c - client --bulk: both ends of a million connections, in one thread */
#include "modes.h"

#include <poll.h>

#define WAIT_NS (WAIT_S * INT64_C(1000000000))

struct bulk {
	struct client *cl;
	uint32_t addr; /* IPv4: the first local address, in host order */
	int64_t addrs;
	in_port_t lo, skip; /* local ports: from @lo on, without @skip */
	int64_t ports;
	int listener;
	int *fds; /* -H: the one that closes first, its other end, and so on */
	int64_t made;
	int64_t start, tell_at;
	bool tty, told;
	bool ending; /* a signal ends no wait any more */
};

/* set_ports - of -R, else those that the kernel picks from */
static void set_ports(struct bulk *b)
{
	unsigned int lo = b->cl->range & 0xffff, hi = b->cl->range >> 16;
	in_port_t server = addr_port(&b->cl->peer);

	if (!b->cl->range)
		read_port_range(&lo, &hi);
	b->lo = (in_port_t)lo;
	b->ports = hi - lo + 1;
	/* From the server's own end connect() would reach itself. */
	if (lo <= server && server <= hi) {
		b->skip = server;
		b->ports--;
	}
	if (!b->ports)
		refuse("the only local port, %u, is the server's (see -R)",
		       (unsigned int)server);
}

/*
 * set_addresses - of -l, else 127.0.0.0/8 towards 127.*, else the server's own;
 * a prefix without its first address and its last, the broadcast address
 */
static void set_addresses(struct bulk *b)
{
	struct client *cl = b->cl;
	bool v4 = cl->peer.sa.sa_family == AF_INET;
	const char *prefix = cl->from, *slash;
	char host[INET6_ADDRSTRLEN + 17];
	long bits = 32;

	if (is_wildcard(&cl->peer))
		die_usage("--bulk wants one address, not the wildcard");
	b->addrs = 1;
	cl->local = cl->peer;
	if (!prefix && v4 && ntohl(cl->peer.in.sin_addr.s_addr) >> 24 == 127)
		prefix = "127.0.0.0/8";
	if (prefix) {
		slash = strchr(prefix, '/');
		snprintf(host, sizeof(host), "%.*s", (int)strcspn(prefix, "/"),
			 prefix);
		cl->local = parse_addr("-l", host, 0);
		if (cl->local.sa.sa_family != cl->peer.sa.sa_family)
			die_usage(
				"-l %s and ADDR are not both IPv4 or both IPv6",
				prefix);
		if (slash && !v4)
			die_usage("-l ADDR/BITS is for IPv4 only");
		if (slash)
			bits = parse_long("-l ADDR/", slash + 1, 8, 32);
	}
	if (!v4)
		return;
	b->addr = ntohl(cl->local.in.sin_addr.s_addr);
	b->addrs = INT64_C(1) << (32 - bits);
	b->addr &= ~(uint32_t)(b->addrs - 1);
	if (b->addrs > 2) {
		b->addr++;
		b->addrs -= 2;
	}
}

/* local_end - of connection @i: all ports of an address, then the next one */
static const struct addr *local_end(struct bulk *b, int64_t i)
{
	struct addr *a = &b->cl->local;
	in_port_t port = (in_port_t)(b->lo + i % b->ports);

	if (b->skip && port >= b->skip)
		port++;
	addr_set_port(a, port);
	if (a->sa.sa_family == AF_INET)
		a->in.sin_addr.s_addr =
			htonl(b->addr + (uint32_t)(i / b->ports % b->addrs));
	return a;
}

/* check_count - are there addresses and ports for all, and is there room? */
static void check_count(const struct bulk *b)
{
	const struct talk *t = &b->cl->talk;
	int64_t most = b->addrs * b->ports;

	if (t->count > most)
		refuse("%" PRId64 " local addresses with %" PRId64
		       " ports make %" PRId64 " connections, not %" PRId64
		       " (widen -l or -R)",
		       b->addrs, b->ports, most, t->count);
	check_room(t->count, t->hold);
}

/*
 * wait_for - wait until @fd can be read, or @other (-1: none) has an error; 0,
 * EINTR after SIGINT or SIGTERM, ETIMEDOUT at @until by now_ns() (-1: never)
 *
 * It is rarely called: on loopback a segment has arrived when the call that
 * sent it returns.
 */
static int wait_for(const struct bulk *b, int fd, int other, int64_t until)
{
	struct pollfd fds[3] = {
		{.fd = b->ending ? -1 : talk_wake, .events = POLLIN},
		{.fd = fd, .events = POLLIN},
		{.fd = other}};
	struct timespec ts = timespec_of(until - now_ns());
	int n = ppoll(fds, 3, until < 0 ? NULL : &ts, NULL);

	if (n < 0)
		return errno == EINTR ? 0 : errno; /* talk_wake is readable */
	if (fds[0].revents)
		return EINTR;
	return n == 0 ? ETIMEDOUT : 0;
}

/*
 * accept_from - the server's end of the connection that @fd has begun; -1 after
 * the error line, or on a signal; strangers are sent away
 */
static int accept_from(struct bulk *b, int fd, const struct addr *local)
{
	struct talk *t = &b->cl->talk;
	int64_t until = -1;
	struct addr peer;
	int err, end;

	for (;;) {
		peer.len = sizeof(peer.ss);
		end = accept4(b->listener, &peer.sa, &peer.len,
			      SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (end >= 0 && same_end(&peer, local))
			return end;
		if (end >= 0) {
			close(end);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			FAIL(t, "accept", errno, .local = &b->cl->peer);
			return -1;
		}
		if (until < 0)
			until = now_ns() + WAIT_NS;
		err = wait_for(b, b->listener, fd, until);
		if (!err)
			err = socket_error(fd);
		if (!err)
			continue;
		if (!talk_stop)
			FAIL(t, "connect", err, .local = local,
			     .peer = &b->cl->peer);
		return -1;
	}
}

/*
 * close_other - close the end that closes second, once the FIN is there: two
 * that cross would leave a TIME-WAIT at both ends (RFC 9293, 3.6)
 * @until: the deadline by now_ns(); -1: WAIT_NS from now.  0 or an errno value.
 */
static int close_other(const struct bulk *b, int fd, int64_t until)
{
	int err = 0;
	char byte;

	while (!err && recv(fd, &byte, 1, 0) < 0) {
		err = errno;
		if (until < 0)
			until = now_ns() + WAIT_NS;
		if (err == EAGAIN || err == EINTR)
			err = wait_for(b, fd, -1, until);
	}
	close(fd);
	return err;
}

/* begin - a socket that connects from @local; -1: refused */
static int begin(struct bulk *b, const struct addr *local)
{
	const struct addr *peer = &b->cl->peer;
	struct talk *t = &b->cl->talk;
	int fd = socket(peer->sa.sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		FAIL(t, "socket", errno, .local = NULL);
	else if (t->reuseaddr && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR,
					    &(int){1}, sizeof(int)))
		FAIL(t, "setsockopt", errno, .data = "SO_REUSEADDR");
	else if (bind(fd, &local->sa, local->len))
		FAIL(t, "bind", errno, .local = local);
	else if (connect(fd, &peer->sa, peer->len) && errno != EINPROGRESS)
		FAIL(t, "connect", errno, .local = local, .peer = peer);
	else
		return fd; /* whether it succeeds is for accept() to show */
	if (fd >= 0)
		close(fd);
	return -1;
}

/* make_one - one connection; false after the error line, or a signal */
static bool make_one(struct bulk *b)
{
	const struct addr *local = local_end(b, b->made);
	struct talk *t = &b->cl->talk;
	int first, other, err, fd = begin(b, local);

	if (fd < 0)
		return false;
	first = accept_from(b, fd, local);
	if (first < 0) {
		close(fd);
		return false;
	}
	other = fd;
	if (t->close_first) {
		other = first;
		first = fd;
	}
	if (b->fds) {
		b->fds[2 * b->made] = first;
		b->fds[2 * b->made + 1] = other;
	} else {
		close(first);
		err = close_other(b, other, -1);
		if (err && !talk_stop)
			FAIL(t, "read", err, .local = local,
			     .peer = &b->cl->peer);
		if (err)
			return false;
	}
	b->made++;
	return true;
}

/* progress - how many are made: on a terminal, and each second with -j */
static void progress(struct bulk *b)
{
	struct talk *t = &b->cl->talk;
	int64_t now = now_ns();
	double rate = (double)b->made * 1e9 / (double)(now - b->start);
	char of[32] = "", text[80];

	if (now < b->tell_at)
		return;
	b->tell_at = now + (b->tty ? 200000000 : 1000000000);
	if (b->tty) {
		if (t->count)
			snprintf(of, sizeof(of), " of %" PRId64, t->count);
		snprintf(text, sizeof(text),
			 "%s: %" PRId64 "%s connections, %.0f/s", prog_name,
			 b->made, of, rate);
		/* An error message overwrites a line that ends in \r. */
		fprintf(stderr, "%-72s\r", text);
		b->told = true;
	}
	if (t->json)
		TELL(t, "progress", .connections = &b->made);
}

/* report_made - all are made */
static void report_made(struct bulk *b)
{
	double seconds = (double)(now_ns() - b->start) / 1e9;
	struct talk *t = &b->cl->talk;
	int64_t tw;
	bool known = time_waits(&tw);
	char line[160], has[64] = "";
	int n;

	TELL(t, "made", .connections = &b->made,
	     .time_waits = known ? &tw : NULL);
	if (t->json)
		return;
	if (known)
		snprintf(has, sizeof(has),
			 "; this network namespace has %" PRId64 " TIME-WAIT",
			 tw);
	n = snprintf(line, sizeof(line),
		     "%" PRId64 " connection%s %s in %.3f s, %.0f/s%s\n",
		     b->made, b->made == 1 ? "" : "s",
		     b->fds ? "held" : "closed", seconds,
		     (double)b->made / seconds, has);
	talk_out(line, (size_t)n);
}

/* report_stopped - not all are made */
static void report_stopped(const struct bulk *b)
{
	int64_t tracked, most;
	bool full = !talk_stop && conntrack(&tracked, &most) &&
		    tracked >= most - most / 100;

	say("%s after %" PRId64 " connections%s",
	    talk_stop ? "ended by a signal" : "stopped", b->made,
	    full ? " (conntrack is full: raise net.netfilter.nf_conntrack_max)"
		 : "");
	b->cl->talk.status = EXIT_REFUSED;
}

/* let_go - close the held ends: all that close first, then all others */
static void let_go(struct bulk *b)
{
	int64_t until = now_ns() + 1000000000;

	b->ending = true;
	for (int64_t i = 0; i < b->made; i++)
		close(b->fds[2 * i]);
	for (int64_t i = 0; i < b->made; i++)
		close_other(b, b->fds[2 * i + 1], until);
	free(b->fds);
}

/* bulk - make all connections, hold them with -H; returns the exit code */
int bulk(struct client *cl)
{
	struct bulk b = {.cl = cl, .tty = isatty(STDERR_FILENO)};
	struct talk *t = &cl->talk;
	struct addr at = cl->peer;

	if (t->hold && !t->count)
		die_usage("--bulk -H wants to know how many: -n");
	set_addresses(&b);
	set_ports(&b);
	talk_setup(t);
	b.listener = talk_socket(t, at.sa.sa_family);
	if (b.listener < 0 || !talk_bind(t, b.listener, &at) ||
	    !talk_listen(t, b.listener, SOMAXCONN, &at))
		return EXIT_REFUSED;
	if (t->count)
		check_count(&b);
	if (t->hold)
		b.fds = xcalloc((size_t)t->count, 2 * sizeof(*b.fds));
	/* From two CPUs' queues segments would overtake one another. */
	stay_on_cpu();
	b.start = now_ns();
	b.tell_at = b.start + 200000000;
	while (!talk_stop && (!t->count || b.made < t->count) && make_one(&b))
		if (b.made % 64 == 0)
			progress(&b);
	if (b.told)
		fprintf(stderr, "%72s\r", "");
	if (t->count ? b.made == t->count : talk_stop) {
		report_made(&b);
		while (t->hold && !talk_stop)
			wait_for(&b, -1, -1, -1);
	} else {
		report_stopped(&b);
	}
	if (b.fds)
		let_go(&b);
	close(b.listener);
	t->connections = b.made;
	return talk_end(t);
}
