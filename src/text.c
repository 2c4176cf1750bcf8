/* SPDX-License-Identifier: MIT */
/* text.c - draws the ladder as text */
#include "ladder.h"

enum { STATE_WIDTH = 11 };

static void fill(FILE *f, char c, int n)
{
	while (n-- > 0)
		putc(c, f);
}

/* text_ends - the names of both ends, each over its column */
void text_ends(FILE *f, int width, const char *const names[2])
{
	int bar = TIME_WIDTH + 1 + STATE_WIDTH + 1;
	int from = bar - (int)strlen(names[0]) / 2;
	int to = bar + 1 + width - (int)strlen(names[1]) / 2;
	int n = from > 0 ? from : 0;

	fill(f, ' ', n);
	n += fprintf(f, "%s", names[0]);
	fill(f, ' ', to > n ? to - n : 1);
	fprintf(f, "%s\n", names[1]);
}

/* text_arrow - between the lifelines; one that is lost ends in a cross */
static void text_arrow(FILE *f, int width, const struct arrow *a)
{
	int rest = width - 7 - (int)strlen(a->label);
	int gap = a->lost && rest > 1 ? (rest < 10 ? rest - 1 : 9) : 0;

	if (a->to_right) {
		fprintf(f, "---- %s ", a->label);
		fill(f, '-', rest - gap);
		fputs(a->lost ? "\u2715" : ">", f);
		fill(f, ' ', gap);
	} else {
		fill(f, ' ', gap);
		fprintf(f, "%s--- %s ", a->lost ? "\u2715" : "<", a->label);
		fill(f, '-', rest - gap + 1);
	}
}

/* text_row - one arrow, or with @a NULL none, between two states */
void text_row(FILE *f, int width, int64_t t, const struct arrow *a,
	      const char *const states[2])
{
	if (a)
		print_seconds(f, t, 6, TIME_WIDTH);
	else
		fill(f, ' ', TIME_WIDTH);
	fprintf(f, " %*s |", STATE_WIDTH, states[0]);
	if (a)
		text_arrow(f, width, a);
	else
		fill(f, ' ', width);
	fprintf(f, "|%s%s\n", *states[1] ? " " : "", states[1]);
}

/* text_note - words beside one lifeline */
void text_note(FILE *f, int width, int64_t t, int side, const char *text)
{
	int rest = width - 2, n = 0;

	for (const char *p = text; *p; p++) /* UTF-8: a character once */
		n += (*p & 0xc0) != 0x80;
	print_seconds(f, t, 6, TIME_WIDTH);
	fprintf(f, " %*s |", STATE_WIDTH, "");
	fprintf(f, "%s%s", side ? "" : "* ", side ? "" : text);
	fill(f, ' ', rest - n);
	fprintf(f, "%s%s|\n", side ? text : "", side ? " *" : "");
}
