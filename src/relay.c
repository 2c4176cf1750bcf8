// SPDX-License-Identifier: MIT
/*
 * relay.c - the relay of server -F
 *
 * A relayed connection has two legs: the outer one was accepted, the inner one
 * goes to the target.  Bytes that come from one leg go to the other, and so
 * does a FIN.  With -x the relay can be the one that closes first, on either
 * leg.
 */
#include "conversation.h"

struct leg {
	struct conv conv; /* first: rings, epoll and free() know it */
	struct relay *relay;
	struct leg *other;
	bool inner;
	bool missed;	  /* the peer's FIN came, and -x had not */
	size_t done, len; /* of buf: bytes from here that go over */
	char buf[16384];
};

/* new_leg - the conversation of a new leg for a socket */
static struct leg *new_leg(struct relay *r, int fd, enum conv_phase phase,
			   const struct addr *peer)
{
	struct leg *leg = xcalloc(1, sizeof(*leg));

	leg->relay = r;
	leg->conv.peer = *peer;
	conv_add(r->talk, &leg->conv, fd, phase);
	return leg;
}

/* drop - close() a leg, with RST if @reset, and free it */
static void drop(struct leg *leg, bool reset)
{
	const struct linger now = {.l_onoff = 1};
	struct conv *c = &leg->conv;

	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conv_forget(leg->relay->talk, c);
}

/* drop_pair - a leg and the one that it is joined to */
static void drop_pair(struct leg *leg, bool reset)
{
	struct leg *other = leg->other;

	drop(leg, reset);
	if (other)
		drop(other, reset);
}

/*
 * broken - @call on a leg has failed for good, with @err
 *
 * The other leg is reset: a FIN would tell its peer that all is well.
 */
static void broken(struct leg *leg, const char *call, int err)
{
	struct conv *c = &leg->conv;

	FAIL(leg->relay->talk, call, err,
	     .local = c->phase == CONV_CONNECTING ? NULL : &c->local,
	     .peer = &c->peer, .bytes = &c->received);
	drop_pair(leg, true);
}

/* arm - have epoll wait for a leg's next event */
static void arm(struct leg *leg)
{
	const struct conv *c = &leg->conv;
	uint32_t want = EPOLLERR;

	if (c->phase == CONV_CONNECTING) {
		want = EPOLLOUT;
	} else {
		if (!c->eof && !leg->len)
			want |= EPOLLIN;
		if (leg->other && leg->other->len)
			want |= EPOLLOUT;
		/*
		 * Once both FINs are there EPOLLHUP stays true, also while the
		 * peer's is behind bytes that the other leg must take first.
		 */
		if (want == EPOLLERR && c->fin_sent && (c->eof || leg->len))
			want = 0;
	}
	conv_arm_for(leg->relay->talk, &leg->conv, want);
}

/* connected - connect() of an inner leg has ended, with errno @err */
static void connected(struct leg *leg, int err)
{
	struct talk *t = leg->relay->talk;
	struct conv *c = &leg->conv;

	if (!err && !local_addr(c->fd, &c->local))
		err = errno;
	if (err) {
		broken(leg, "connect", err);
		return;
	}
	t->connecting--;
	c->phase = CONV_TALKING;
	TELL(t, "connected", ENDS(c));
	arm(leg);
	arm(leg->other);
}

/* relay_accepted - an outer leg is there: connect() the inner one */
void relay_accepted(struct relay *r, int fd, const struct addr *local,
		    const struct addr *peer)
{
	struct leg *inner, *outer = new_leg(r, fd, CONV_TALKING, peer);

	outer->conv.local = *local;
	outer->conv.heard = true; /* -x is for the inner leg */
	r->talk->connections++;
	fd = talk_socket(r->talk, r->target.sa.sa_family);
	if (fd < 0) {
		drop(outer, true);
		return;
	}
	inner = new_leg(r, fd, CONV_CONNECTING, &r->target);
	inner->inner = true;
	inner->other = outer;
	outer->other = inner;
	TELL(r->talk, "connecting", .peer = &inner->conv.peer);
	if (!connect(fd, &r->target.sa, r->target.len))
		connected(inner, 0);
	else if (errno == EINPROGRESS)
		arm(inner);
	else
		connected(inner, errno);
}

/* receive - read once, when the last bytes are gone; false: dropped */
static bool receive(struct leg *leg)
{
	struct conv *c = &leg->conv;
	ssize_t n = recv(c->fd, leg->buf, sizeof(leg->buf), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		broken(leg, "read", errno);
		return false;
	}
	if (n == 0) {
		leg->missed = !c->heard;
		conv_eof(leg->relay->talk, c);
		return true;
	}
	leg->done = 0;
	leg->len = (size_t)n;
	c->received += (int64_t)n;
	if (!c->heard)
		conv_hear(leg->relay->talk, c, leg->buf, leg->len);
	return true;
}

/* pass_on - send once bytes of the other leg; false: dropped */
static bool pass_on(struct leg *leg)
{
	struct leg *from = leg->other;
	ssize_t n = send(leg->conv.fd, from->buf + from->done,
			 from->len - from->done, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		broken(leg, "write", errno);
		return false;
	}
	leg->conv.sent += (int64_t)n;
	from->done += (size_t)n;
	if (from->done == from->len)
		from->done = from->len = 0;
	return true;
}

/*
 * fin_due - is it time for the FIN of this leg?
 *
 * Never before all that came from the other leg has been passed on.
 */
static bool fin_due(const struct leg *leg)
{
	const struct talk *t = leg->relay->talk;
	const struct conv *c = &leg->conv;
	const struct conv *inner = leg->inner ? c : &leg->other->conv;

	if (c->fin_sent || leg->other->len)
		return false;
	if (!t->hear || leg->other->missed)
		return leg->other->conv.eof;
	if (!inner->heard)
		return false;
	return c->eof ||
	       (leg->inner ? leg->relay->close_inner : t->close_first);
}

/* advance - FINs, and the end, as far as they are due for a pair */
static void advance(struct leg *leg)
{
	struct leg *legs[] = {leg, leg->other};
	bool over = true;

	for (int i = 0; i < 2; i++) {
		struct conv *c = &legs[i]->conv;

		if (fin_due(legs[i])) {
			if (shutdown(c->fd, SHUT_WR)) {
				broken(legs[i], "shutdown", errno);
				return;
			}
			c->fin_sent = true;
			TELL(leg->relay->talk, "half-closed", ENDS(c));
		}
		over = over && c->eof && c->fin_sent;
	}
	if (over) {
		drop_pair(leg, false);
		return;
	}
	arm(leg);
	arm(leg->other);
}

/* relay_step - epoll has reported that something can be done on a leg */
void relay_step(struct talk *t, struct conv *c, uint32_t events)
{
	struct leg *leg = (struct leg *)c;

	(void)t;
	if (c->phase == CONV_CONNECTING) {
		connected(leg, socket_error(c->fd));
		return;
	}
	if (events & EPOLLERR) {
		/* A reset; the bytes before it that were not read are lost. */
		int err = socket_error(c->fd);

		broken(leg, "read", err ? err : EPIPE);
		return;
	}
	if ((events & (EPOLLIN | EPOLLHUP)) && !c->eof && !leg->len &&
	    !receive(leg))
		return;
	if ((events & EPOLLOUT) && leg->other->len && !pass_on(leg))
		return;
	advance(leg);
}
