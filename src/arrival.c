/* SPDX-License-Identifier: MIT */
/*
 * arrival.c - did a segment reach its receiver?  Later segments show it
 */
#include "track.h"

/* sacked - whether @t has a SACK block that covers all of @s's payload */
static bool sacked(const struct segment *t, const struct segment *s)
{
	struct option_view o;
	uint8_t at = 0;

	while (next_option(t, &at, &o) > 0)
		for (int i = 0; is_option(&o, OPT_SACK) && i < o.len; i += 8)
			if (!after(get32(o.data + i), s->seq) &&
			    !after(s->seq + s->len, get32(o.data + i + 4)))
				return true;
	return false;
}

/* judge_syn - judge() for a SYN */
static enum arrival judge_syn(const struct segment *s, const struct segment *t,
			      bool same, const struct end *rx)
{
	if (same)
		return t->flags & SYN && t->seq == s->seq ? LOST : UNDECIDED;
	/* Both opened at once: their SYNs crossed. */
	if (!(s->flags & ACK) || t->flags & RST)
		return ARRIVED;
	if (!(t->flags & SYN) || !rx->origin.known || t->seq != rx->origin.isn)
		return ARRIVED;
	if (t->flags & ACK && !rx->have_ack)
		return LATE; /* they crossed once more */
	return DOUBTFUL;     /* or was on its way before */
}

/* judge_fin - the same for a FIN */
static enum arrival judge_fin(const struct segment *s, const struct segment *t,
			      bool same)
{
	if (same)
		return t->flags & FIN && fin_number(t) == fin_number(s) &&
				       t->ack == s->ack
			       ? LOST
			       : UNDECIDED;
	if (t->flags & RST || !(t->flags & ACK))
		return UNDECIDED;
	return after(t->ack, fin_number(s)) ? ARRIVED : LATE;
}

/*
 * judge_data - the same for a payload; @doubt: it was sent again
 *
 * A window of 0 refuses it: that is no loss.  After it was sent again, only a
 * D-SACK (RFC 2883) tells that the first one came, too.
 */
static enum arrival judge_data(const struct segment *s, const struct segment *t,
			       bool same, bool doubt)
{
	uint32_t end = s->seq + s->len;

	if (same)
		return t->len && !after(t->seq, s->seq) &&
				       !after(end, t->seq + t->len)
			       ? DOUBTFUL
			       : UNDECIDED;
	if (!(t->flags & ACK) || t->flags & RST)
		return UNDECIDED;
	if (doubt)
		return !after(end, t->ack) && sacked(t, s) ? ARRIVED
							   : UNDECIDED;
	return !after(end, t->ack) || sacked(t, s) ||
			       (!t->win && t->ack == s->seq)
		       ? ARRIVED
		       : UNDECIDED;
}

/*
 * judge - the arrival of @s at @rx, as it was then, by the later segment @t
 * @same: both are of one side; @doubt: a judgement before was DOUBTFUL
 */
enum arrival judge(const struct segment *s, const struct segment *t, bool same,
		   const struct end *rx, bool doubt)
{
	if (s->flags & RST || s->kind != SEGMENT)
		return ARRIVED;
	if (s->flags & SYN && !(s->flags & FIN))
		return judge_syn(s, t, same, rx);
	if ((t->flags & (SYN | ACK)) == SYN) /* again, or a new incarnation */
		return s->flags & FIN ? UNANSWERED : ARRIVED;
	if (s->flags & FIN)
		return judge_fin(s, t, same);
	if (!same && rx->state == TCP_SYN_RECV)
		return t->flags & SYN && t->seq == rx->origin.isn ? LOST
								  : ARRIVED;
	/* A FIN with a higher ack than before was not waiting for this one. */
	if (!same && acks_fin(s, rx) && t->flags & FIN &&
	    fin_number(t) == rx->fin_seq && t->ack == rx->ack)
		return LOST;
	return s->len ? judge_data(s, t, same, doubt) : UNDECIDED;
}
