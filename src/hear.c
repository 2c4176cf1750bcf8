// SPDX-License-Identifier: MIT
/*
 * hear.c - the text that a conversation waits for (-x), and how often (-r)
 */
#include "conversation.h"

/* conv_last_round - after this one there is no other (-r) */
bool conv_last_round(const struct talk *t, const struct conv *c)
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
		TELL(t, "heard", .local = &c->local, .peer = &c->peer,
		     .data = t->hear, .data_len = strlen(t->hear));
}

/*
 * conv_next_round - begin another round (-r), if this one is over
 *
 * Texts that the peer sent without waiting for answers count for the rounds to
 * come; after its FIN only they count.
 */
void conv_next_round(struct talk *t, struct conv *c)
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

	for (; n && conv_listens(t, c); n--, p++) {
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
bool conv_unheard(const struct talk *t, const struct conv *c)
{
	if (!t->hear)
		return false;
	if (!t->rounds)
		return c->matched || (!c->heard && c->rounds == 1);
	return !c->heard || c->rounds + c->earlier < t->rounds;
}
