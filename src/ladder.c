/* SPDX-License-Identifier: MIT */
/*
 * ladder.c - holds the segments back until later ones tell whether they
 * arrived, moves the states, and draws
 */
#include "ladder.h"

/* One segment that waits. */
struct row {
	struct segment s;
	struct conn *c; /* NULL: not a whole segment */
	int side;
	uint64_t next; /* the connection's next row, plus one; 0: none */
};

struct ladder {
	struct look look;
	struct conns *conns;
	struct svg *svg;
	int width; /* of the text */
	struct row rows[LADDER_ROWS];
	uint64_t head, tail; /* rows head..tail-1 wait */
	uint64_t ahead;	     /* how many may wait for later segments */
	bool started;
	int64_t t0; /* the time of the first segment */
	uint64_t segments;
	const struct conn *shown;
	int64_t drawn, plain;  /* -m: rows drawn; left out since the last */
	bool answer;	       /* -m: the next row may be an answer */
	bool noted[NOTES_MAX]; /* which notes are drawn */
};

/* --- the states ---------------------------------------------------------- */

/*
 * arrival - whether @of, from end @side of @c, reached its receiver
 * @next: the first row of that connection that may tell, plus one; 0: none
 */
static enum arrival arrival(const struct ladder *l, const struct segment *of,
			    const struct conn *c, int side, uint64_t next)
{
	bool doubt = false;

	for (int n = 0; next && n < LADDER_AHEAD; n++) {
		const struct row *r = &l->rows[(next - 1) % LADDER_ROWS];
		enum arrival a = judge(of, &r->s, side == r->side,
				       &c->end[!side], doubt);

		if (a == DOUBTFUL)
			doubt = true;
		else if (a != UNDECIDED)
			return a;
		next = r->next;
	}
	return doubt ? LOST : UNDECIDED;
}

/* --- rows --------------------------------------------------------------- */

/* arrow_label - flags and numbers, as they stand on the arrow */
static void arrow_label(const struct ladder *l, const struct row *r, char *buf,
			size_t size)
{
	const struct segment *s = &r->s;
	const struct origin *tx = &r->c->end[r->side].origin;
	const struct origin *rx = &r->c->end[!r->side].origin;
	uint32_t seq =
		shown(l->look.absolute ? NULL : of_sender(tx, s), s, s->seq);
	struct option_view o;
	uint8_t at = 0;
	char flags[FLAGS_STRLEN];
	size_t n;

	n = (size_t)snprintf(buf, size, "%s", flags_text(flags, s->flags));
	if (s->len)
		n += (size_t)snprintf(buf + n, size - n, " seq %u:%u", seq,
				      seq + s->len);
	else if (s->flags & (SYN | FIN | RST))
		n += (size_t)snprintf(buf + n, size - n, " seq %u", seq);
	if (s->flags & ACK)
		n += (size_t)snprintf(
			buf + n, size - n, "%s ack %u",
			strchr(buf, ' ') ? "," : "",
			shown(l->look.absolute ? NULL : rx, s, s->ack));
	while (l->look.verbose && next_option(s, &at, &o) > 0)
		if (is_option(&o, OPT_TS)) {
			snprintf(buf + n, size - n, ", TS %u ecr %u",
				 get32(o.data), get32(o.data + 4));
			return;
		}
}

/* words - a row between the two ends that is no arrow */
static void words(struct ladder *l, const char *head, const char *text)
{
	if (l->look.format == LADDER)
		fprintf(l->look.out, "%*s %s\n", TIME_WIDTH, head, text);
	else
		svg_note(l->svg, 0, -1, text);
}

/* ladder_gap - say how many plain segments were left out, if any */
static void ladder_gap(struct ladder *l)
{
	char text[64];

	if (!l->plain)
		return;
	snprintf(text, sizeof(text), "%llu segment%s",
		 (unsigned long long)l->plain,
		 l->plain == 1 ? " that moves no state"
			       : "s that move no state");
	l->plain = 0;
	words(l, "...", text);
}

/* ladder_ends - name both ends when another connection begins */
static void ladder_ends(struct ladder *l, const struct conn *c)
{
	char text[2][ADDR_STRLEN];
	const char *const names[2] = {text[0], text[1]};
	const int states[2] = {c->end[0].state, c->end[1].state};

	if (l->shown == c || l->look.format == JSON)
		return;
	ladder_gap(l);
	for (int i = 0; i < 2; i++)
		end_str(text[i], c->family == 6, c->end[i].addr, 0,
			c->end[i].port);
	if (l->look.format == SVG)
		svg_ends(l->svg, names, states);
	if (l->look.format == LADDER && l->shown)
		putc('\n', l->look.out);
	if (l->look.format == LADDER)
		text_ends(l->look.out, l->width, names);
	l->shown = c;
}

/*
 * ladder_skips - with -m, leave this row out?  Once there are enough rows only
 * segments that move a state or have SYN, FIN or RST count, and the next row,
 * which may be the answer.
 */
static bool ladder_skips(struct ladder *l, const struct row *r, bool arrow,
			 const char *const texts[2])
{
	bool plain = arrow && !*texts[0] && !*texts[1] &&
		     !(r->s.flags & (SYN | FIN | RST));

	if (l->look.rows && plain && l->drawn >= l->look.rows && !l->answer) {
		l->plain++;
		return true;
	}
	ladder_gap(l);
	l->answer = !plain;
	l->drawn++;
	return false;
}

/*
 * ladder_draw - one row: a segment and the states that it moves
 * @arrow: false: a state moves without a segment
 * @was: the states before
 */
static void ladder_draw(struct ladder *l, const struct row *r, bool arrow,
			bool lost, const int was[2])
{
	const struct end *ends = r->c->end;
	const int now[2] = {ends[0].state, ends[1].state};
	const char *texts[2];
	char label[160];
	struct arrow a = {.label = label,
			  .flags = r->s.flags,
			  .data = r->s.len,
			  .to_right = !r->side,
			  .lost = lost};

	for (int i = 0; i < 2; i++)
		texts[i] = now[i] == was[i] ? "" : state_text(now[i]);
	if (l->look.format == JSON) {
		json_packet(l->look.out, arrow ? NULL : "move", &r->s, l->t0,
			    &ends[r->side].origin, &ends[!r->side].origin);
		if (lost)
			fputs(",\"lost\":true", l->look.out);
		for (int i = 0; i < 2; i++)
			if (*texts[i])
				fprintf(l->look.out, ",\"%s_state\":\"%s\"",
					i == r->side ? "src" : "dst", texts[i]);
		fputs("}\n", l->look.out);
		return;
	}
	if (ladder_skips(l, r, arrow, texts))
		return;
	if (arrow)
		arrow_label(l, r, label, sizeof(label));
	if (l->look.format == LADDER)
		text_row(l->look.out, l->width, r->s.ns - l->t0,
			 arrow ? &a : NULL, texts);
	else
		svg_row(l->svg, r->s.ns - l->t0, arrow ? &a : NULL, texts, now);
}

/* ladder_late - a segment that was still on its way reaches end @side of @c */
static void ladder_late(struct ladder *l, const struct row *r, int side)
{
	struct conn *c = r->c;
	struct end *rx = &c->end[side];
	int was[2] = {c->end[0].state, c->end[1].state};
	struct row late = {.s = c->late[side], .c = c, .side = !side};

	rx->late = false;
	late.s.ns = r->s.ns;
	gets(rx, &c->end[!side], &late.s);
	if (rx->state != was[side])
		ladder_draw(l, &late, false, false, was);
}

/* ladder_odd - a packet that is no whole segment */
static void ladder_odd(struct ladder *l, const struct segment *s)
{
	ladder_gap(l);
	if (l->look.format == JSON) {
		json_packet(l->look.out, NULL, s, l->t0, NULL, NULL);
		fputs("}\n", l->look.out);
	} else if (l->look.format == LADDER) {
		print_seconds(l->look.out, s->ns - l->t0, 6, TIME_WIDTH);
		fputs("   ", l->look.out);
		print_odd(l->look.out, s);
	} else {
		svg_note(l->svg, 0, -1, s->note);
	}
}

/* --- notes -------------------------------------------------------------- */

/*
 * parse_note - 'TIME ADDR:PORT TEXT' of the command line, or a usage error
 *
 * Control characters, which a ladder has no place for, become blanks.
 */
struct note parse_note(const char *s)
{
	struct note n = {.since_first = *s == '+'};
	char *copy = strdup(s + n.since_first), *end, *text;

	if (!copy)
		die_errno("memory for a note");
	end = copy + strcspn(copy, " ");
	text = end + strcspn(end + !!*end, " ") + !!*end;
	if (!*end || !*text || !text[1])
		die_usage("-N wants 'TIME ADDR:PORT TEXT', not '%s'", s);
	*end++ = *text++ = '\0';
	n.ns = decimal_ns(copy, UINT32_MAX);
	if (n.ns < 0)
		die_usage(
			"-N wants seconds since the epoch, or since the first segment with a +, not '%s'",
			copy);
	n.end = parse_end("-N", end);
	n.text = text;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
	return n;
}

/* ladder_note - draw one */
static void ladder_note(struct ladder *l, const struct note *n, int64_t ns)
{
	char end[ADDR_STRLEN], text[256];
	const struct conn *c;
	int side = 0;

	addr_str(&n->end, end);
	if (l->look.format == JSON) {
		const struct segment s = {.ns = ns};

		json_packet(l->look.out, "note", &s, l->t0, NULL, NULL);
		fprintf(l->look.out, ",\"end\":\"%s\",\"text\":", end);
		json_string(l->look.out, n->text);
		fputs("}\n", l->look.out);
		return;
	}
	ladder_gap(l);
	l->answer = true;
	c = conn_at(l->conns, &n->end, &side);
	if (!c) {
		snprintf(text, sizeof(text), "%s: %s", end, n->text);
		words(l, "", text);
		return;
	}
	ladder_ends(l, c);
	if (l->look.format == LADDER)
		text_note(l->look.out, l->width, ns - l->t0, side, n->text);
	else
		svg_note(l->svg, ns - l->t0, side, n->text);
}

/* ladder_notes - draw the notes up to the time @until, in order */
static void ladder_notes(struct ladder *l, int64_t until)
{
	for (;;) {
		int64_t first = INT64_MAX;
		int which = -1;

		for (int i = 0; i < l->look.n_notes; i++) {
			const struct note *n = &l->look.notes[i];
			int64_t ns = n->ns + (n->since_first ? l->t0 : 0);

			if (!l->noted[i] && ns < until && ns < first) {
				first = ns;
				which = i;
			}
		}
		if (which < 0)
			return;
		l->noted[which] = true;
		ladder_note(l, &l->look.notes[which], first);
	}
}

/* --- the queue ---------------------------------------------------------- */

/* ladder_pop - work out and draw the row that waits longest */
static void ladder_pop(struct ladder *l)
{
	uint64_t i = l->head++;
	struct row *r = &l->rows[i % LADDER_ROWS];
	const struct segment *late;
	struct end *tx, *rx;
	enum arrival a;
	bool again;
	int was[2];

	ladder_notes(l, r->s.ns);
	if (!r->c) {
		ladder_odd(l, &r->s);
		return;
	}
	if (r->c->last_row == i + 1)
		r->c->last_row = 0;
	r->c->begun = true;
	ladder_ends(l, r->c);
	tx = &r->c->end[r->side];
	rx = &r->c->end[!r->side];
	/* Links keep the order: the next segment comes after a late FIN. */
	late = &r->c->late[!r->side];
	again = r->s.flags & FIN && late->flags & FIN &&
		fin_number(&r->s) == fin_number(late);
	if (rx->late && late->flags & FIN && !again &&
	    arrival(l, late, r->c, r->side, r->next) != LATE)
		ladder_late(l, r, !r->side);
	late = &r->c->late[r->side];
	if (tx->late && late->flags & FIN && r->s.flags & ACK &&
	    after(r->s.ack, fin_number(late)))
		ladder_late(l, r, r->side);
	was[0] = r->c->end[0].state;
	was[1] = r->c->end[1].state;
	sends(tx, rx, &r->s);
	a = arrival(l, &r->s, r->c, r->side, r->next);
	/* A FIN without an answer may not have arrived. */
	if (a == UNDECIDED)
		a = r->s.flags & FIN && !(r->s.flags & RST) &&
				    !(rx->have_ack &&
				      after(rx->ack, fin_number(&r->s)))
			    ? UNANSWERED
			    : ARRIVED;
	if (a == ARRIVED)
		gets(rx, tx, &r->s);
	if (a == LATE)
		r->c->late[!r->side] = r->s;
	if (a == LATE || again)
		rx->late = a == LATE;
	ladder_draw(l, r, true, a == LOST, was);
	if (tx->late && late->flags & SYN)
		ladder_late(l, r, r->side);
}

/*
 * ladder_flush - draw the rows that can be judged; with @all every row
 *
 * Live, only a FIN waits, until its receiver is heard again.
 */
static void ladder_flush(struct ladder *l, bool all)
{
	while (l->head < l->tail) {
		const struct row *r = &l->rows[l->head % LADDER_ROWS];
		uint64_t waiting = l->tail - l->head;

		if (!all && waiting <= l->ahead)
			return;
		if (!all && waiting < LADDER_ROWS && !l->ahead && r->c &&
		    r->s.flags & FIN &&
		    arrival(l, &r->s, r->c, r->side, r->next) == UNDECIDED)
			return;
		ladder_pop(l);
	}
}

/* ladder_add - queue one packet */
void ladder_add(struct ladder *l, const struct segment *s)
{
	struct row *r;

	l->segments++;
	if (!l->started)
		l->t0 = s->ns;
	l->started = true;
	if (l->tail - l->head == LADDER_ROWS)
		ladder_pop(l);
	if (l->conns->n == CONN_MAX) {
		ladder_flush(l, true);
		l->shown = NULL;
	}
	r = &l->rows[l->tail % LADDER_ROWS];
	r->s = *s;
	r->c = NULL;
	r->next = 0;
	if (s->kind == SEGMENT) {
		r->c = conn_of(l->conns, s, &r->side);
		if (r->c->last_row)
			l->rows[(r->c->last_row - 1) % LADDER_ROWS].next =
				l->tail + 1;
		r->c->last_row = l->tail + 1;
	}
	l->tail++;
	ladder_flush(l, false);
}

/* ladder_new - @ahead: how many rows may wait for later ones; 0: live */
struct ladder *ladder_new(const struct look *look, struct conns *conns,
			  uint64_t ahead)
{
	struct ladder *l = xcalloc(1, sizeof(*l));

	l->look = *look;
	l->conns = conns;
	l->ahead = ahead;
	l->width = look->verbose ? 66 : 42;
	if (look->format == SVG)
		l->svg = svg_new(look->verbose);
	return l;
}

/* ladder_finish - draw the rows that wait, and free the ladder */
void ladder_finish(struct ladder *l)
{
	ladder_flush(l, true);
	if (!l->started && l->look.n_notes && !l->look.notes[0].since_first)
		l->t0 = l->look.notes[0].ns;
	ladder_notes(l, INT64_MAX);
	ladder_gap(l);
	if (l->svg)
		svg_finish(l->svg, l->look.out, l->segments);
	free(l);
}
