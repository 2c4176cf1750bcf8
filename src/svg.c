/* SPDX-License-Identifier: MIT */
/*
 * svg.c - draws the ladder as an SVG picture, for light and dark pages, which
 * needs nothing from elsewhere.  What stands at the right lifeline has class r,
 * so that a page for narrow screens can move it.
 */
#include "ladder.h"

#define ROWS_MAX 5000

enum {
	LEFT = 212, /* where the left lifeline stands */
	ROW = 34,
};

struct svg {
	FILE *f; /* the picture so far, in memory: its height comes first */
	char *text;
	size_t size;
	int right, y, rows;
	uint64_t left_out;
	int span_y[2], span_state[2]; /* of both lifelines, so far */
};

/* svg_new - @wide: with room for timestamps */
struct svg *svg_new(bool wide)
{
	struct svg *v = xcalloc(1, sizeof(*v));

	v->right = LEFT + (wide ? 540 : 380);
	v->f = open_memstream(&v->text, &v->size);
	if (!v->f)
		die_errno("keep the picture");
	return v;
}

/* put_text - text for XML */
static void put_text(FILE *f, const char *s)
{
	for (; *s; s++)
		if (*s == '<' || *s == '>' || *s == '&')
			fprintf(f, "&#%d;", *s);
		else
			putc(*s, f);
}

static int line_of(const struct svg *v, int side)
{
	return side ? v->right : LEFT;
}

/* state_class - the colour group of a state */
static const char *state_class(int state)
{
	switch (state) {
	case STATE_UNKNOWN:
		return "none";
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		return "open";
	case TCP_ESTABLISHED:
		return "estab";
	case TCP_TIME_WAIT:
		return "tw";
	case STATE_CLOSED:
	case STATE_MAYBE_CLOSED:
		return "closed";
	default:
		return "close";
	}
}

/* span - colour one lifeline by its state, down to @y */
static void span(struct svg *v, int side, int y)
{
	if (y > v->span_y[side])
		fprintf(v->f,
			"<rect class=\"life %s%s\" x=\"%d\" y=\"%d\" width=\"6\" height=\"%d\"/>\n",
			state_class(v->span_state[side]), side ? " r" : "",
			line_of(v, side) - 3, v->span_y[side],
			y - v->span_y[side]);
	v->span_y[side] = y;
}

/* full - whether there are as many rows as a picture may have */
static bool full(struct svg *v)
{
	if (v->rows++ < ROWS_MAX)
		return false;
	v->left_out++;
	return true;
}

/* svg_ends - another connection begins */
void svg_ends(struct svg *v, const char *const names[2], const int states[2])
{
	if (v->rows >= ROWS_MAX)
		return;
	for (int side = 0; side < 2; side++) {
		span(v, side, v->y);
		fprintf(v->f,
			"<text class=\"end%s\" x=\"%d\" y=\"%d\">%s</text>\n",
			side ? " r" : "", line_of(v, side), v->y + 24,
			names[side]);
		v->span_y[side] = v->y + 36;
		v->span_state[side] = states[side];
	}
	v->y += 40;
}

static void put_time(struct svg *v, int64_t t)
{
	fprintf(v->f, "<text class=\"time\" x=\"16\" y=\"%d\">", v->y + 19);
	print_seconds(v->f, t, 6, 0);
	fputs("</text>\n", v->f);
}

/* put_arrow - a line that falls a little, as time passes on the way */
static void put_arrow(struct svg *v, const struct arrow *a)
{
	const char *class = a->flags & RST   ? "rst"
			    : a->flags & SYN ? "syn"
			    : a->flags & FIN ? "fin"
			    : a->data	     ? "data"
					     : "ack";
	int way = a->to_right ? 1 : -1;
	int from = line_of(v, !a->to_right) + 5 * way;
	int to = line_of(v, a->to_right) - (a->lost ? 60 : 5) * way;

	fprintf(v->f, "<path class=\"%s line\" d=\"M%d %dL%d %d\"/>", class,
		from, v->y + 15, to - 4 * way, v->y + 25);
	if (a->lost)
		fprintf(v->f,
			"<text class=\"%s lost\" x=\"%d\" y=\"%d\">\u2715</text>\n",
			class, to + 4 * way, v->y + 30);
	else
		fprintf(v->f,
			"<path class=\"%s head%s\" d=\"M%d %dl%d -5v9z\"/>\n",
			class, a->to_right ? " r" : "", to, v->y + 25,
			-9 * way);
	fprintf(v->f, "<text class=\"%s label\" x=\"%d\" y=\"%d\">%s</text>\n",
		class, (LEFT + v->right) / 2, v->y + 13, a->label);
}

/*
 * svg_row - a segment (NULL: a state that moves without one) at @t, and the
 * states that the ends move to, @texts ("": none)
 */
void svg_row(struct svg *v, int64_t t, const struct arrow *a,
	     const char *const texts[2], const int states[2])
{
	if (full(v))
		return;
	if (a) {
		put_time(v, t);
		put_arrow(v, a);
	}
	for (int side = 0; side < 2; side++) {
		/* The sender moves where its arrow begins, the other below. */
		int y = v->y + (a && a->to_right == !side ? 15 : 25);

		if (!*texts[side])
			continue;
		span(v, side, y);
		v->span_state[side] = states[side];
		fprintf(v->f,
			"<text class=\"state %s %s\" x=\"%d\" y=\"%d\">%s</text>\n",
			state_class(states[side]), side ? "r" : "l",
			line_of(v, side) + (side ? 14 : -14), y + 4,
			texts[side]);
	}
	v->y += a ? ROW : ROW / 2;
}

/*
 * svg_note - a row of words
 * @side: on the left (0) or right (1) lifeline; -1: between them, without time
 */
void svg_note(struct svg *v, int64_t t, int side, const char *note)
{
	int x = side < 0 ? (LEFT + v->right) / 2
			 : line_of(v, side) + (side ? -12 : 12);

	if (full(v))
		return;
	if (side >= 0) {
		put_time(v, t);
		fprintf(v->f,
			"<circle class=\"dot%s\" cx=\"%d\" cy=\"%d\" r=\"5\"/>",
			side ? " r" : "", line_of(v, side), v->y + 15);
	}
	fprintf(v->f, "<text class=\"note%s\" x=\"%d\" y=\"%d\">",
		side < 0 ? ""
		: side	 ? " l"
			 : " f",
		x, v->y + 19);
	put_text(v->f, note);
	fputs("</text>\n", v->f);
	v->y += ROW;
}

static const char style[] =
	"text{font:12px ui-monospace,\"DejaVu Sans Mono\",Menlo,Consolas,monospace;fill:#1f2328}\n"
	".bg{fill:#ffffff}.time{fill:#656d76;font-size:11px}.note{fill:#656d76;text-anchor:middle;font-style:italic}\n"
	".end{text-anchor:middle;font-weight:bold;font-size:13px}.label{text-anchor:middle}.l{text-anchor:end}.f{text-anchor:start}\n"
	".line{fill:none;stroke-width:1.6}.state{font-size:11px;font-weight:bold}.lost{text-anchor:middle;font-size:15px}\n"
	"text.syn,.head.syn,text.open,.life.open{fill:#0969da}.line.syn{stroke:#0969da}\n"
	"text.estab,.life.estab{fill:#1a7f37}\n"
	"text.fin,.head.fin,text.close,.life.close{fill:#bc4c00}.line.fin{stroke:#bc4c00}\n"
	"text.tw,.life.tw{fill:#8250df}\n"
	"text.rst,.head.rst,.dot{fill:#cf222e}.line.rst{stroke:#cf222e}\n"
	"text.data{fill:#1f2328}.head.data{fill:#57606a}.line.data{stroke:#57606a;stroke-width:2.4}\n"
	"text.ack{fill:#656d76}.head.ack{fill:#8c959f}.line.ack{stroke:#8c959f}\n"
	"text.closed{fill:#656d76}.life.none,.life.closed{fill:#d0d7de}\n"
	"@media (prefers-color-scheme:dark){\n"
	"text,text.data{fill:#e6edf3}.bg{fill:#0d1117}.time,.note,text.ack,text.closed{fill:#8d96a0}\n"
	"text.syn,.head.syn,text.open,.life.open{fill:#58a6ff}.line.syn{stroke:#58a6ff}\n"
	"text.estab,.life.estab{fill:#3fb950}\n"
	"text.fin,.head.fin,text.close,.life.close{fill:#f0883e}.line.fin{stroke:#f0883e}\n"
	"text.tw,.life.tw{fill:#bc8cff}\n"
	"text.rst,.head.rst,.dot{fill:#ff7b72}.line.rst{stroke:#ff7b72}\n"
	".head.data{fill:#9da7b3}.line.data{stroke:#9da7b3}.head.ack{fill:#6e7681}.line.ack{stroke:#6e7681}\n"
	".life.none,.life.closed{fill:#30363d}}\n";

/* svg_finish - put the picture, whose height is known now, on @out */
void svg_finish(struct svg *v, FILE *out, uint64_t segments)
{
	int width = v->right + 180;

	for (int side = 0; side < 2; side++)
		span(v, side, v->y + 12);
	if (v->left_out) {
		fprintf(v->f,
			"<text class=\"note\" x=\"%d\" y=\"%d\">%llu more rows, not drawn</text>\n",
			(LEFT + v->right) / 2, v->y + 24,
			(unsigned long long)v->left_out);
		v->y += 30;
	}
	if (fclose(v->f))
		die_errno("keep the picture");
	if (fprintf(out,
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n"
		    "<title>%llu TCP segments</title>\n<style>\n%s</style>\n"
		    "<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/>\n%s</svg>\n",
		    width, v->y + 24, width, v->y + 24,
		    (unsigned long long)segments, style, v->text) < 0)
		die_errno("write to standard output");
	free(v->text);
	free(v);
}
