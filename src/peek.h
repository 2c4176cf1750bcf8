/* SPDX-License-Identifier: MIT */
/*
 * peek.h - the sockets that peek shows, and where they are found: sockdiag.c
 * asks the kernel, holders.c the processes
 */
#ifndef PEEK_H
#define PEEK_H

#include "net.h"

/* include/net/tcp_states.h; not in the headers for programs. */
enum {
	STATE_NEW_SYN_RECV = 12,
	STATE_BOUND = 13,
	STATES,
};

#define TIMER_TIMEWAIT 3 /* idiag_timer of a timewait socket */

/* One end of a socket; an IPv4 address is mapped to IPv6. */
struct end {
	struct in6_addr ip;
	uint32_t scope; /* of a link-local address: its interface */
	in_port_t port;
	sa_family_t family;
};

/* The facts in which the sockets of one line of -g agree. */
struct kind {
	struct end local;
	size_t operand;
	uint32_t waiting, backlog; /* LISTEN: for accept(), and allowed */
	uint32_t uid;
	int state;
	int timewait;
	uint32_t dev;  /* SO_BINDTODEVICE; 0: none */
	int noport;    /* IP_BIND_ADDRESS_NO_PORT; -1: unknown */
	int v6only;    /* -1: does not matter, or unknown */
	int reuseaddr; /* -1: unknown */
	int reuseport; /* -1: unknown */
};

#define COMMAND_SIZE (16 + 1) /* TASK_COMM_LEN, with its NUL, and one more */

/* A socket as the kernel shows it, and as its process does. */
struct row {
	struct kind kind;
	struct end peer;
	int64_t left;	  /* ms; -1: no timewait socket */
	size_t count;	  /* in a group: so many of the kind */
	struct row *next; /* in a group */
	uint32_t recvq, sendq;
	uint32_t inode; /* 0: no process holds it */
	long pid;	/* 0: unknown */
	char command[COMMAND_SIZE];
};

struct rows {
	struct row *at;
	size_t n, room;
};

/* One row for each kind, in the order in which they were found. */
struct groups {
	void *tree; /* tsearch(3) */
	struct row *first, **last;
};

/* Which sockets are wanted. */
struct span {
	bool has_addr, has_peer_addr;
	struct in6_addr addr, peer_addr;
	uint32_t scope, peer_scope;
	in_port_t lo, hi;
	in_port_t peer_lo, peer_hi; /* 0 to 65535: any */
};

/* The ports of -r, and the sockets there. */
struct range {
	unsigned char ports[65536]; /* RESERVED, ... */
	struct rows tuples;
};
enum { RESERVED = 1, USED = 2, HELD = 4, TUPLE = 8 };

#define SPANS_MAX 16

struct question {
	bool options; /* -o */
	bool grouped; /* -g */
	bool json;    /* -j */
	bool hasty;   /* -t */
	bool more;    /* -e */
	bool ranged;  /* -r: that is span 0, else there is none */
	struct span span[SPANS_MAX]; /* the operands, from 1 */
	size_t spans;		     /* the last one's number */
};

/* Where the kernel's answers go. */
struct heap {
	const struct question *q;
	struct rows rows; /* those that are wanted */
	struct groups groups;
	struct range range;
};

/* sockdiag.c */
bool same_addr(const struct end *end, const struct in6_addr *ip,
	       uint32_t scope);
bool is_wanted(const struct span *span, const struct row *r);
const char *state_str(int state);
void group(struct groups *g, const struct row *r);
void read_reserved(struct range *range);
void ask_kernel(struct heap *heap);

/* holders.c */
void find_holders(const struct question *q, struct rows *rows);

#endif /* PEEK_H */
