/* SPDX-License-Identifier: MIT */
/*
 * ladder.h - both ends of each connection and the segments between them, with
 * the states that the ends move to: as text, as a picture, as JSON
 */
#ifndef LADDER_H
#define LADDER_H

#include "track.h"

enum format { LINES, JSON, LADDER, SVG, PCAP };

#ifndef LADDER_ROWS /* the fuzz target makes these small */
#define LADDER_ROWS  2048
#define LADDER_AHEAD 1000 /* how far a file is read ahead */
#endif

#define NOTES_MAX 64

/* Words at one end, as of a connect() that failed, which no segment shows. */
struct note {
	int64_t ns;
	bool since_first; /* @ns counts from the first segment, not the epoch */
	struct addr end;
	const char *text;
};

/* How a ladder is to look. */
struct look {
	enum format format; /* LADDER, SVG or JSON */
	bool absolute;	    /* numbers in full */
	bool verbose;	    /* timestamps */
	int64_t rows;	    /* -m; 0: all */
	FILE *out;
	const struct note *notes;
	int n_notes;
};

struct ladder;

struct ladder *ladder_new(const struct look *look, struct conns *conns,
			  uint64_t ahead);
void ladder_add(struct ladder *l, const struct segment *s);
void ladder_finish(struct ladder *l);
struct note parse_note(const char *s);

/* --- how a row is drawn: in text.c, and in svg.c --- */

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
