/* SPDX-License-Identifier: MIT */
/*
 * track.h - connections, and the states of their ends as the segments tell
 * them (RFC 9293 3.10.7)
 */
#ifndef TRACK_H
#define TRACK_H

#include "print.h"

/* States as ss names them, and three that ss has no row for. */
enum {
	STATE_UNKNOWN = 0, /* the capture began too late to tell */
	STATE_CLOSED = TCP_CLOSE,
	STATE_MAYBE_CLOSED = 64, /* a RST met TIME-WAIT: tcp_rfc1337 decides */
};

/* One end of a connection, as the segments seen so far show it. */
struct end {
	uint8_t addr[16];
	uint16_t port;
	int state;
	struct origin origin; /* of its last SYN */
	bool have_nxt, have_ack, fin;
	uint32_t nxt;	  /* one past the last number it sent (SND.NXT) */
	uint32_t ack;	  /* the highest ack it sent (RCV.NXT) */
	uint32_t fin_seq; /* the number of its FIN */
	bool late;	  /* a segment is still on its way to it */
};

/* One four-tuple, through all its incarnations. */
struct conn {
	struct conn *next;   /* in its bucket */
	struct conn *before; /* it came */
	uint32_t hash;
	uint8_t family;
	bool begun;		/* its first row is drawn */
	uint64_t last_row;	/* of the ladder, plus one; 0: none */
	struct end end[2];	/* [0]: the sender of its first SYN */
	struct segment late[2]; /* on its way to each end, if end.late */
};

#ifndef CONN_MAX /* the fuzz target makes these small */
#define CONN_BUCKETS 65536
#define CONN_MAX     (1 << 20)
#endif

struct conns {
	struct conn *bucket[CONN_BUCKETS];
	struct conn *last; /* of all, in the order of their coming */
	uint32_t n;
};

/* Whether a segment reached its receiver. */
enum arrival {
	UNDECIDED,
	ARRIVED,
	LATE,	   /* it came, but after the receiver's own next segment, as
		      the FINs of a simultaneous close do, and SYN-ACKs */
	DOUBTFUL,  /* sent again, but later segments may show that it came */
	LOST,	   /* it, or the one it answers, was sent again */
	UNANSWERED /* a new connection came, and no answer */
};

const char *state_text(int state);
struct conn *conn_of(struct conns *t, const struct segment *s, int *side);
struct conn *conn_at(const struct conns *t, const struct addr *a, int *side);
void conns_clear(struct conns *t);
uint32_t fin_number(const struct segment *s);
bool acks_fin(const struct segment *s, const struct end *e);
enum arrival judge(const struct segment *s, const struct segment *t, bool same,
		   const struct end *rx, bool doubt);
void sends(struct end *tx, const struct end *rx, const struct segment *s);
void gets(struct end *rx, const struct end *tx, const struct segment *s);

#endif
