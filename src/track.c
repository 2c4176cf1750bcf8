/* SPDX-License-Identifier: MIT */
/*
 * track.c - finds a segment's connection, and moves the states of both ends
 * for sending it and for receiving it
 */
#include "track.h"

const char *state_text(int state)
{
	switch (state) {
	case STATE_UNKNOWN:
		return "";
	case STATE_CLOSED:
		return "CLOSED";
	case STATE_MAYBE_CLOSED:
		return "CLOSED?";
	default:
		return state_name(state);
	}
}

/* --- connections -------------------------------------------------------- */

static uint32_t hash_end(const uint8_t *addr, size_t n, uint16_t port)
{
	uint32_t h = 2166136261u ^ port;

	for (size_t i = 0; i < n; i++)
		h = (h ^ addr[i]) * 16777619u;
	return h ^ h >> 15;
}

static bool is_end(const struct end *e, const uint8_t *addr, size_t n,
		   uint16_t port)
{
	return e->port == port && !memcmp(e->addr, addr, n);
}

void conns_clear(struct conns *t)
{
	while (t->last) {
		struct conn *c = t->last;

		t->last = c->before;
		t->bucket[c->hash] = NULL;
		free(c);
	}
	t->n = 0;
}

/*
 * conn_of - the connection of a segment, or a new one; @side: its sender's end
 *
 * At CONN_MAX all are forgotten; no row of a ladder may refer to one then.
 */
struct conn *conn_of(struct conns *t, const struct segment *s, int *side)
{
	size_t n = s->family == 6 ? 16 : 4;
	uint32_t h =
		hash_end(s->src, n, s->sport) + hash_end(s->dst, n, s->dport);
	struct conn **head, *c;

	h = (h ^ h >> 16) % CONN_BUCKETS;
	for (c = t->bucket[h]; c; c = c->next) {
		if (c->family != s->family)
			continue;
		for (*side = 0; *side < 2; (*side)++)
			if (is_end(&c->end[*side], s->src, n, s->sport) &&
			    is_end(&c->end[!*side], s->dst, n, s->dport))
				return c;
	}
	if (t->n == CONN_MAX)
		conns_clear(t);
	t->n++;
	head = &t->bucket[h];
	c = xcalloc(1, sizeof(*c));
	c->next = *head;
	c->before = t->last;
	t->last = c;
	c->hash = h;
	c->family = s->family;
	*head = c;
	/* A SYN-ACK answers a SYN that was not seen. */
	*side = (s->flags & (SYN | ACK)) == (SYN | ACK);
	memcpy(c->end[*side].addr, s->src, n);
	c->end[*side].port = s->sport;
	memcpy(c->end[!*side].addr, s->dst, n);
	c->end[!*side].port = s->dport;
	return c;
}

/*
 * conn_at - the latest connection that has begun with an end (@side) at @a,
 * else the next one, or NULL
 */
struct conn *conn_at(const struct conns *t, const struct addr *a, int *side)
{
	struct conn *next = NULL;
	uint8_t addr[16];
	size_t n = addr_bytes(a, addr);

	for (struct conn *c = t->last; c; c = c->before) {
		if (c->family != (n == 16 ? 6 : 4))
			continue;
		for (int i = 0; i < 2; i++) {
			if (!is_end(&c->end[i], addr, n, addr_port(a)))
				continue;
			*side = i;
			next = c;
			if (c->begun)
				return c;
		}
	}
	return next;
}

/* --- the sender ---------------------------------------------------------- */

/* fin_number - the sequence number of a segment's FIN */
uint32_t fin_number(const struct segment *s)
{
	return s->seq + s->len;
}

bool acks_fin(const struct segment *s, const struct end *e)
{
	return e->fin && s->flags & ACK && after(s->ack, e->fin_seq);
}

/*
 * acks_syn - whether @s acknowledges the SYN of @e: ISN < SEG.ACK =< SND.NXT,
 * as with Fast Open the SYN has data, of which all or nothing is acknowledged
 * (RFC 7413 3)
 */
static bool acks_syn(const struct segment *s, const struct end *e)
{
	return s->flags & ACK && e->origin.known &&
	       after(s->ack, e->origin.isn) && !after(s->ack, e->nxt);
}

/* sends_syn - @tx sends a SYN or a SYN-ACK */
static void sends_syn(struct end *tx, const struct segment *s)
{
	if (tx->origin.known && tx->origin.isn == s->seq &&
	    tx->state != STATE_CLOSED && tx->state != STATE_MAYBE_CLOSED) {
		/* Again; a SYN-ACK sent again shows that no ACK arrived. */
		if (s->flags & ACK &&
		    (tx->state == TCP_ESTABLISHED || tx->state == TCP_SYN_SENT))
			tx->state = TCP_SYN_RECV;
		return;
	}
	tx->origin = (struct origin){.known = true, .isn = s->seq};
	tx->have_nxt = true;
	tx->have_ack = tx->fin = tx->late = false;
	tx->nxt = s->seq + 1 + s->len;
	tx->state = s->flags & ACK ? TCP_SYN_RECV : TCP_SYN_SENT;
}

/* sends_fin - @tx sends a FIN */
static void sends_fin(struct end *tx, const struct segment *s)
{
	uint32_t number = fin_number(s);

	if (tx->fin && tx->fin_seq == number) {
		/* A higher ack answers what came meanwhile; a lower is old. */
		if (!tx->have_ack || s->ack != tx->ack)
			return;
		if (tx->state == TCP_FIN_WAIT2)
			tx->state = TCP_FIN_WAIT1;
		else if (tx->state == TCP_TIME_WAIT)
			tx->state = TCP_CLOSING;
		else if (tx->state == STATE_CLOSED)
			tx->state = TCP_LAST_ACK;
		return;
	}
	/* A bare ACK sent after the FIN may have overtaken it. */
	if (tx->have_nxt && after(tx->nxt, number + 1))
		return; /* an old duplicate */
	tx->fin = true;
	tx->fin_seq = number;
	if (tx->state == TCP_CLOSE_WAIT)
		tx->state = TCP_LAST_ACK;
	else if (tx->state == TCP_ESTABLISHED || tx->state == TCP_SYN_RECV ||
		 tx->state == STATE_UNKNOWN)
		tx->state = TCP_FIN_WAIT1;
}

/* sends - @tx sends @s to @rx: move the state of @tx */
void sends(struct end *tx, const struct end *rx, const struct segment *s)
{
	uint32_t next = s->seq + s->len + !!(s->flags & FIN);

	if (s->flags & RST) {
		/* SYN-SENT may answer a wrong ACK so (RFC 9293 3.10.7.3). */
		if (tx->state != TCP_SYN_SENT)
			tx->state = STATE_CLOSED;
		return;
	}
	if (s->flags & SYN) {
		sends_syn(tx, s);
	} else {
		/* Its SYN-ACK has arrived, though its SYN is seen behind. */
		if ((tx->state == TCP_SYN_SENT || tx->state == STATE_UNKNOWN) &&
		    acks_syn(s, rx))
			tx->state = TCP_ESTABLISHED;
		if (s->flags & FIN)
			sends_fin(tx, s);
		if (!tx->have_nxt || after(next, tx->nxt))
			tx->nxt = next;
		tx->have_nxt = true;
		tx->origin.far |= tx->origin.known &&
				  tx->nxt - tx->origin.isn > INT32_MAX;
	}
	if (s->flags & ACK && (!tx->have_ack || after(s->ack, tx->ack))) {
		tx->have_ack = true;
		tx->ack = s->ack;
	}
}

/* --- the receiver -------------------------------------------------------- */

/* gets_rst - a RST reaches @rx (RFC 5961 3.2) */
static void gets_rst(struct end *rx, const struct end *tx,
		     const struct segment *s)
{
	if (rx->state == TCP_SYN_SENT) {
		if (acks_syn(s, rx))
			rx->state = STATE_CLOSED;
		return;
	}
	if (rx->have_ack && s->seq != rx->ack &&
	    !(tx->have_nxt && s->seq == tx->nxt))
		return; /* a challenge ACK at most */
	if (rx->state == TCP_TIME_WAIT)
		rx->state = STATE_MAYBE_CLOSED;
	else if (rx->state != STATE_UNKNOWN)
		rx->state = STATE_CLOSED;
}

/*
 * gets_syn - a SYN or SYN-ACK reaches @rx
 *
 * Only the answer tells whether a SYN opens an end that has sent none, and
 * whether anybody listens there.
 */
static void gets_syn(struct end *rx, const struct segment *s)
{
	bool ours = acks_syn(s, rx);

	if (rx->state == TCP_SYN_SENT)
		rx->state = ours	     ? TCP_ESTABLISHED
			    : s->flags & ACK ? TCP_SYN_SENT
					     : TCP_SYN_RECV;
	else if (rx->state == TCP_SYN_RECV && ours)
		rx->state = TCP_ESTABLISHED;
}

/* gets - @s reaches @rx: move the state of @rx (RFC 9293 3.10.7) */
void gets(struct end *rx, const struct end *tx, const struct segment *s)
{
	if (s->flags & RST) {
		gets_rst(rx, tx, s);
		return;
	}
	if (s->flags & SYN) {
		gets_syn(rx, s);
		return;
	}
	if (rx->state == TCP_SYN_RECV && acks_syn(s, rx))
		rx->state = TCP_ESTABLISHED;
	if (acks_fin(s, rx)) {
		if (rx->state == TCP_FIN_WAIT1)
			rx->state = TCP_FIN_WAIT2;
		else if (rx->state == TCP_CLOSING)
			rx->state = TCP_TIME_WAIT;
		else if (rx->state == TCP_LAST_ACK)
			rx->state = STATE_CLOSED;
	}
	if (!(s->flags & FIN) ||
	    (rx->have_ack && after(rx->ack, fin_number(s))))
		return; /* no FIN, or an old duplicate */
	if (rx->state == TCP_ESTABLISHED || rx->state == STATE_UNKNOWN)
		rx->state = TCP_CLOSE_WAIT;
	else if (rx->state == TCP_FIN_WAIT1)
		rx->state = TCP_CLOSING;
	else if (rx->state == TCP_FIN_WAIT2)
		rx->state = TCP_TIME_WAIT;
}
