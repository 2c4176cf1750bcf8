// SPDX-License-Identifier: MIT
/*
 * conversation.c - one connection: its pauses, its payload both ways, and its
 * close: by which end, when and how
 */
#include "conversation.h"

/* --- -x, the text that it waits for, and -r ------------------------------ */

/* conv_last_round - after this one there is no other (-r) */
static bool conv_last_round(const struct talk *t, const struct conv *c)
{
	return t->rounds && c->rounds >= t->rounds;
}

/* conv_listens - -x may still come, for this round or a later one */
static bool conv_listens(const struct talk *t, const struct conv *c)
{
	return !c->heard || !conv_last_round(t, c);
}

/* conv_heard - -x has come */
static void conv_heard(struct talk *t, struct conv *c)
{
	c->heard = true;
	if (conv_last_round(t, c))
		TELL(t, "heard", ENDS(c), .data = t->hear,
		     .data_len = strlen(t->hear));
}

/*
 * conv_next_round - begin another round (-r), if this one is over
 *
 * Texts that the peer sent without waiting for answers count for the rounds to
 * come; after its FIN only they count.
 */
static void conv_next_round(struct talk *t, struct conv *c)
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

/* border - the longest shorter beginning of @n bytes that is their end, too */
static size_t border(const char *s, size_t n)
{
	size_t b = n - 1;

	while (b && memcmp(s, s + n - b, b))
		b--;
	return b;
}

/* conv_hear - look for -x in the @n bytes that have come, in any pieces */
void conv_hear(struct talk *t, struct conv *c, const char *p, size_t n)
{
	size_t len = strlen(t->hear);
	const char *end = p + n;

	for (; p < end && conv_listens(t, c); p++) {
		if (!c->matched)
			p = memchr(p, t->hear[0], (size_t)(end - p));
		if (!p)
			return;
		while (c->matched && t->hear[c->matched] != *p)
			c->matched = border(t->hear, c->matched);
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

/*
 * conv_unheard - the peer's FIN has come, and -x was missing
 *
 * With -r 0 it may come between two rounds.
 */
static bool conv_unheard(const struct talk *t, const struct conv *c)
{
	if (!t->hear)
		return false;
	if (!t->rounds)
		return c->matched || (!c->heard && c->rounds == 1);
	return !c->heard || c->rounds + c->earlier < t->rounds;
}

/* --- the connection ------------------------------------------------------ */

/* conv_takes_stdin - there are bytes of stdin for this conversation */
static bool conv_takes_stdin(const struct talk *t, const struct conv *c)
{
	return t->stdin_to == c && t->stdin_done < t->stdin_len;
}

/* conv_may_speak - its turn to say -B and -m has come */
static bool conv_may_speak(const struct talk *t, const struct conv *c)
{
	return t->speaks_first || c->heard;
}

/* conv_arm_for - have epoll wait for these events on the socket; 0: for none */
void conv_arm_for(struct talk *t, struct conv *c, uint32_t events)
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
 * conv_arm - have epoll wait for the conversation's next event, and not for
 * those that stay: EPOLLHUP, once both FINs are there, and all in a pause
 */
void conv_arm(struct talk *t, struct conv *c)
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
	    ((!c->said && conv_may_speak(t, c)) || conv_takes_stdin(t, c)))
		events |= EPOLLOUT;
	conv_arm_for(t, c, events);
}

/* conv_forget - close(), tell it of a connection, and free the conversation */
void conv_forget(struct talk *t, struct conv *c)
{
	talk_timer_stop(c);
	ring_del(&c->all);
	t->open--;
	if (t->stdin_to == c)
		t->stdin_to = NULL;
	int err = close(c->fd) ? errno : 0;
	if (c->phase == CONV_CONNECTING)
		t->connecting--;
	else
		TELL(t, "closed", ENDS(c), .bytes = &c->received,
		     .sent = &c->sent);
	if (err)
		FAIL(t, "close", err, ENDS(c));
	free(c);
}

/* conv_close - the end of a conversation, also of one that only connects */
static void conv_close(struct talk *t, struct conv *c)
{
	/*
	 * LAST-ACK has to end first: after close() its end does not show, and a
	 * connect() from the same port would fail for its sake.
	 */
	if (t->in_a_row && c->eof && !c->fin_sent && !shutdown(c->fd, SHUT_WR))
		await_closed(c->fd, &talk_stop);
	conv_forget(t, c);
}

/* conv_take - @n bytes have come, in t->buf */
static void conv_take(struct talk *t, struct conv *c, size_t n)
{
	int64_t bytes = (int64_t)n;

	c->received += bytes;
	if (t->rounds == 1)
		TELL(t, "data", ENDS(c), .bytes = &bytes, .data = t->buf,
		     .data_len = n);
	if (!t->json)
		talk_out(t->buf, n);
	if (t->hear)
		conv_hear(t, c, t->buf, n);
}

/*
 * conv_broken - @call has failed for good; only -H keeps the socket
 *
 * Linux keeps bytes that arrived before an RST: they are read and counted.
 * Where that reading ends in an error, that is the cause.
 */
static void conv_broken(struct talk *t, struct conv *c, const char *call,
			int err)
{
	ssize_t n;

	while ((n = recv(c->fd, t->buf, sizeof(t->buf), 0)) > 0)
		conv_take(t, c, (size_t)n);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		call = "read";
		err = errno;
	}
	FAIL(t, call, err, ENDS(c), .bytes = &c->received);
	if (!t->hold) {
		conv_close(t, c);
		return;
	}
	talk_timer_stop(c);
	c->phase = CONV_BROKEN;
	conv_arm(t, c);
}

/* conv_eof - the peer's FIN has come */
void conv_eof(struct talk *t, struct conv *c)
{
	c->eof = true;
	talk_timer_stop(c);
	TELL(t, "eof", ENDS(c), .bytes = &c->received);
	if (conv_unheard(t, c)) {
		char addr[ADDR_STRLEN];

		say("%s closed and did not say '%s' (-x)",
		    addr_str(&c->peer, addr), t->hear);
		TELL(t, "unheard", ENDS(c), .data = t->hear,
		     .data_len = strlen(t->hear));
		t->status = EXIT_REFUSED;
	}
	if (!c->heard)
		c->heard = c->said = true; /* nothing more will be */
}

/*
 * conv_read - read once; false: it has ended.  After the peer's FIN the RST
 * that answered our data shows in SO_ERROR alone.
 */
static bool conv_read(struct talk *t, struct conv *c)
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

/* conv_write - send once: -B, then -m, then stdin; false: it has ended */
static bool conv_write(struct talk *t, struct conv *c)
{
	const char *p = t->filler_buf;
	size_t len = sizeof(t->filler_buf);
	ssize_t n;

	if (c->filler_left) {
		if ((int64_t)len > c->filler_left)
			len = (size_t)c->filler_left;
	} else if (!c->said) {
		p = t->say + c->say_done;
		len = strlen(p);
	} else {
		p = t->stdin_buf + t->stdin_done;
		len = t->stdin_len - t->stdin_done;
	}
	n = send(c->fd, p, len, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return true;
		conv_broken(t, c, "write", errno);
		return false;
	}
	c->sent += (int64_t)n;
	if (c->filler_left)
		c->filler_left -= (int64_t)n;
	else if (!c->said)
		c->say_done += (size_t)n;
	else
		t->stdin_done += (size_t)n;
	if (!c->said && !c->filler_left && !(t->say && t->say[c->say_done])) {
		c->said = true;
		if (conv_last_round(t, c))
			TELL(t, "sent", ENDS(c), .bytes = &c->sent);
	}
	return true;
}

/* conv_plain_close - with -c: close() alone, without shutdown() */
static bool conv_plain_close(const struct talk *t)
{
	return t->linger == 0 || t->pause[CONV_T_FIN] == 0;
}

/* conv_fin_due - is it time for shutdown(SHUT_WR)? */
static bool conv_fin_due(const struct talk *t, const struct conv *c)
{
	if (c->fin_sent || !c->said || !conv_last_round(t, c))
		return false;
	if (t->close_first)
		return c->heard && !conv_plain_close(t);
	return t->half_close && conv_may_speak(t, c) &&
	       (!t->takes_stdin || t->stdin_eof) && !conv_takes_stdin(t, c);
}

/* conv_close_due - is it time for close()? */
static bool conv_close_due(const struct talk *t, const struct conv *c)
{
	if (t->hold || !c->said || conv_takes_stdin(t, c))
		return false;
	if (c->eof)
		return true;
	if (!c->heard)
		return false;
	if (t->close_first)
		return conv_plain_close(t);
	return t->takes_stdin && t->stdin_eof && !t->half_close;
}

/*
 * conv_advance - after an event: the next round, FIN, or close() that is due
 *
 * With -c the order is shutdown(), read until the peer's FIN, close().  So
 * the socket stays a full one until that FIN is there: had close() come first,
 * the FIN could arrive while FIN-WAIT-2 is handed to tcp_time_wait() and be
 * lost (tcp_rcv_state_process(): "We could lose such FIN otherwise").
 */
void conv_advance(struct talk *t, struct conv *c)
{
	if (c->phase == CONV_TALKING)
		conv_next_round(t, c);
	if (c->phase == CONV_TALKING && conv_fin_due(t, c)) {
		if (shutdown(c->fd, SHUT_WR)) {
			conv_broken(t, c, "shutdown", errno);
			return;
		}
		c->fin_sent = true;
		TELL(t, "half-closed", ENDS(c));
		if (t->close_first && !c->eof)
			talk_timer_start(t, c, CONV_T_FIN);
	}
	if (c->phase == CONV_TALKING && conv_close_due(t, c)) {
		if (!c->eof || !talk_timer_start(t, c, CONV_T_EOF)) {
			conv_close(t, c);
			return;
		}
		c->phase = CONV_LEAVING;
	}
	conv_arm(t, c);
}

/* conv_begin - a connection is there: pause (-P), then talk */
void conv_begin(struct talk *t, struct conv *c)
{
	t->connections++;
	c->phase = CONV_PAUSED;
	if (talk_timer_start(t, c, CONV_T_FIRST)) {
		conv_arm(t, c);
		return;
	}
	c->phase = CONV_TALKING;
	conv_advance(t, c);
}

/* conv_add - take up a conversation for a socket; @c: all zero */
void conv_add(struct talk *t, struct conv *c, int fd, enum conv_phase phase)
{
	c->fd = fd;
	c->phase = phase;
	c->filler_left = t->filler;
	c->said = !t->filler && !(t->say && *t->say);
	c->heard = !t->hear;
	c->rounds = 1;
	ring_add(&t->all, &c->all);
	t->open++;
	if (phase == CONV_CONNECTING)
		t->connecting++;
}

/* conv_new - a conversation that connects, or (CONV_PAUSED) is to begin */
struct conv *conv_new(struct talk *t, int fd, enum conv_phase phase)
{
	struct conv *c = xcalloc(1, sizeof(*c));

	conv_add(t, c, fd, phase);
	return c;
}

/*
 * conv_source - the address that the kernel takes towards @peer, which the
 * socket has forgotten after a connect() that failed; UDP's sends nothing
 */
static void conv_source(struct addr *local, const struct addr *peer)
{
	in_port_t port = addr_port(local);
	struct addr source;
	int fd;

	if (!is_wildcard(local))
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

/* conv_connected - connect() has ended, with errno value @err */
void conv_connected(struct talk *t, struct conv *c, int err)
{
	talk_timer_stop(c);
	if (!err && !local_addr(c->fd, &c->local))
		err = errno;
	if (err) {
		if (c->bound)
			conv_source(&c->local, &c->peer);
		FAIL(t, "connect", err, .local = c->bound ? &c->local : NULL,
		     .peer = &c->peer);
		conv_close(t, c);
		return;
	}
	t->connecting--;
	c->phase = CONV_PAUSED;
	TELL(t, "connected", ENDS(c), .socket = c->fd);
	conv_begin(t, c);
}

/* conv_step - epoll has told that something can be done */
void conv_step(struct talk *t, struct conv *c, uint32_t events)
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
 * conv_leave - close() after the pause of -Q.  RST in LAST-ACK leaves an error
 * in SO_ERROR (tcp_reset()), and close() does not return it.
 */
static void conv_leave(struct talk *t, struct conv *c)
{
	int err = socket_error(c->fd);

	if (err)
		conv_broken(t, c, "getsockopt", err);
	else
		conv_close(t, c);
}

/* conv_end - the program ends: close() as far as the conversation has come */
void conv_end(struct talk *t, struct conv *c)
{
	if (c->phase == CONV_LEAVING)
		conv_leave(t, c);
	else
		conv_close(t, c);
}

/* conv_timeout - the pause or the deadline of a conversation is over */
void conv_timeout(struct talk *t, struct conv *c, enum conv_timer kind)
{
	char peer[ADDR_STRLEN];

	talk_timer_stop(c);
	switch (kind) {
	case CONV_T_CONNECT:
		say("connect to %s: no answer in time (-t)",
		    addr_str(&c->peer, peer));
		TELL(t, "timeout", .call = "connect",
		     .local = c->bound ? &c->local : NULL, .peer = &c->peer);
		t->status = EXIT_REFUSED;
		conv_close(t, c);
		break;
	case CONV_T_FIRST:
		c->phase = CONV_TALKING;
		conv_advance(t, c);
		break;
	case CONV_T_FIN:
		TELL(t, "timeout", .call = "read", ENDS(c));
		conv_close(t, c);
		break;
	default:
		conv_leave(t, c);
	}
}
