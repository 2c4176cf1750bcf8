/* SPDX-License-Identifier: MIT */
/*
 * ladder.h - both ends of each connection and the segments between them, with
 * the states that the ends move to: as text, as a picture, as JSON
 */
#ifndef LADDER_H
#define LADDER_H

#include "draw.h"

enum format { LINES, JSON, LADDER, SVG, PCAP };

#ifndef LADDER_ROWS /* the fuzz target makes these small */
#define LADDER_ROWS  2048
#define LADDER_AHEAD 1000 /* how far a file is read ahead */
#endif

#define NOTES_MAX 64

/* Words at one end, of what no segment shows: a connect() that failed. */
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

#endif
