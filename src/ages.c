// SPDX-License-Identifier: MIT
/*
 * ages.c - client --ages: at which age of a TIME-WAIT does connect() get its
 * port?
 */
#include "modes.h"

#include <poll.h>

#define AGES_MAX 1000 /* connections */

/* One TIME-WAIT, and the attempt to use its port again. */
struct aged {
	struct addr peer;
	int64_t age; /* ns, at which to try */
	/* By now_ns(): it went into TIME-WAIT between these two. */
	int64_t closing, closed;
};

/* parse_ages - the list of --ages; returns how many there are */
static size_t parse_ages(const struct client *cl, struct aged *aged)
{
	uint32_t addr = ntohl(cl->peer.in.sin_addr.s_addr);
	const char *p = cl->ages;
	char number[8];

	for (size_t n = 0;; n++) {
		size_t len = strcspn(p, ",");

		if (n == AGES_MAX)
			die_usage("--ages takes %d ages at the most", AGES_MAX);
		if (len >= sizeof(number))
			die_usage(
				"--ages wants numbers from 0 to 50000, not '%.*s'",
				(int)len, p);
		snprintf(number, sizeof(number), "%.*s", (int)len, p);
		aged[n].age = parse_long("--ages", number, 0, 50000) *
			      INT64_C(1000000);
		aged[n].peer = cl->peer;
		aged[n].peer.in.sin_addr.s_addr = htonl(addr + (uint32_t)n);
		if (!p[len])
			return n + 1;
		p += len + 1;
	}
}

/* range_socket - an ordinary socket, which blocks */
static int range_socket(const struct client *cl)
{
	int fd = blocking_socket(AF_INET);

	if (cl->range && setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE,
				    &cl->range, sizeof(cl->range)))
		die_errno("IP_LOCAL_PORT_RANGE");
	return fd;
}

/*
 * leave_time_wait - one connection, closed by the client first; it is in
 * TIME-WAIT when its read() returns: tcp_fin() wakes the reader after that.
 * False: a signal came before there was one.
 */
static bool leave_time_wait(const struct client *cl, int listener,
			    struct aged *a)
{
	int fd = range_socket(cl), server;
	char text[ADDR_STRLEN];

	if (connect(fd, &a->peer.sa, a->peer.len)) {
		if (!talk_stop)
			die_errno("connect %s", addr_str(&a->peer, text));
		close(fd);
		return false;
	}
	server = accept_end(listener);
	if (shutdown(fd, SHUT_WR))
		die_errno("shutdown");
	await_fin(server);
	a->closing = now_ns();
	close(server);
	await_fin(fd);
	a->closed = now_ns();
	close(fd);
	return true;
}

/*
 * try_again - connect() to where the TIME-WAIT is, at its age, and tell; the
 * kernel looked between from and to.  A connection stays open until the end.
 * False: a signal came before.
 */
static bool try_again(const struct client *cl, int listener,
		      const struct aged *a)
{
	int64_t due = a->closed + a->age, begin, end;
	struct pollfd wake = {.fd = talk_wake, .events = POLLIN};
	char text[ADDR_STRLEN];
	int fd, n, err = 0;

	do {
		const int64_t left = due - now_ns();
		const struct timespec ts = timespec_of(left > 0 ? left : 0);

		n = ppoll(&wake, 1, &ts, NULL);
	} while (n < 0);
	if (n)
		return false;
	fd = range_socket(cl);
	begin = now_ns();
	if (connect(fd, &a->peer.sa, a->peer.len))
		err = errno;
	if (err == EINTR)
		return false;
	end = now_ns();
	if (err)
		close(fd);
	else
		accept_end(listener);
	addr_str(&a->peer, text);
	begin = (begin - a->closed) / 1000;
	end = (end - a->closing + 999) / 1000;
	if (cl->talk.json)
		printf("{\"event\":\"again\",\"peer\":\"%s\",\"errno\":\"%s\",\"from\":%" PRId64
		       ",\"to\":%" PRId64 "}\n",
		       text, err ? errno_name(err) : "", begin, end);
	else
		printf("%s after %" PRId64 " to %" PRId64 " us: %s\n", text,
		       begin, end, err ? strerror(err) : "connected");
	return true;
}

static int by_time(const void *x, const void *y)
{
	const struct aged *a = x, *b = y;
	int64_t due = a->closed + a->age, other = b->closed + b->age;

	return due < other ? -1 : due > other;
}

/* ages - make all TIME-WAITs, try each at its age; returns the exit code */
int ages(struct client *cl)
{
	static struct aged aged[AGES_MAX];
	struct addr any = cl->peer;
	struct pollfd wake = {.events = POLLIN};
	size_t n, made = 0, tried = 0;
	int listener;

	if (cl->peer.sa.sa_family != AF_INET)
		die_usage("--ages wants an IPv4 ADDR");
	n = parse_ages(cl, aged);
	talk_setup(&cl->talk);
	any.in.sin_addr.s_addr = htonl(INADDR_ANY);
	wake.fd = talk_wake;
	listener = listen_at(&any);
	while (made < n && leave_time_wait(cl, listener, &aged[made]))
		made++;
	qsort(aged, made, sizeof(aged[0]), by_time);
	if (cl->talk.json)
		printf("{\"event\":\"closed\",\"connections\":%zu}\n", made);
	flush_stdout();
	while (tried < made && try_again(cl, listener, &aged[tried])) {
		tried++;
		flush_stdout();
	}
	if (cl->talk.json)
		printf("{\"event\":\"end\",\"connections\":%zu}\n", tried);
	flush_stdout();
	while (cl->talk.hold && !talk_stop)
		poll(&wake, 1, -1);
	return EXIT_DONE;
}
