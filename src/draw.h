/* SPDX-License-Identifier: MIT */
/*
 * draw.h - a row of the ladder: as text of @width columns between the two
 * lifelines (text.c), or in a picture (svg.c)
 */
#ifndef DRAW_H
#define DRAW_H

#include "track.h"

enum { TIME_WIDTH = 11 }; /* of a time in text */

/* One segment, as it is drawn between the two ends. */
struct arrow {
	const char *label;
	uint16_t flags;
	bool data;
	bool to_right;
	bool lost; /* it ends before the other end */
};

void text_ends(FILE *f, int width, const char *const names[2]);
void text_row(FILE *f, int width, int64_t t, const struct arrow *a,
	      const char *const states[2]);
void text_note(FILE *f, int width, int64_t t, int side, const char *text);

struct svg;

struct svg *svg_new(bool wide);
void svg_ends(struct svg *v, const char *const names[2], const int states[2]);
void svg_row(struct svg *v, int64_t t, const struct arrow *a,
	     const char *const texts[2], const int states[2]);
void svg_note(struct svg *v, int64_t t, int side, const char *note);
void svg_finish(struct svg *v, FILE *out, uint64_t segments);

#endif
