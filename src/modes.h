/* SPDX-License-Identifier: MIT */
/*
 * modes.h - client's options, and its other modes, in which both ends of the
 * connections are in its own process: bulk.c, search.c, ages.c
 */
#ifndef MODES_H
#define MODES_H

#include "conversation.h"

struct client {
	struct talk talk;
	struct addr peer;
	struct addr local;	 /* to bind() to, if @bind */
	bool bind;		 /* -b, -p or -l */
	const char *from;	 /* -l */
	const char *port;	 /* -b, -p */
	const char *ages;	 /* of --ages */
	uint32_t range;		 /* -R: HI << 16 | LO, as the kernel wants it */
	int64_t interval;	 /* -i, in ns */
	int64_t started;	 /* connections, also those that failed */
	int64_t next_at;	 /* when the next starts; -1: not yet known */
	char given[OPTIONS_MAX]; /* the letters of the options */
};

/*
 * A mode checks the rest of the command line, where a mistake is a usage error,
 * and then runs until its work is done.  Each returns the exit code.
 */
int bulk(struct client *cl);
int search(struct client *cl);
int ages(struct client *cl);

/* ends.c: for all three */
void read_port_range(unsigned int *low, unsigned int *high);
int blocking_socket(sa_family_t family);
int listen_at(const struct addr *at);
int accept_end(int listener);
void await_fin(int fd);

/* room.c: for --bulk */
bool time_waits(int64_t *n);
bool conntrack(int64_t *now, int64_t *max);
void check_room(int64_t count, bool held);

#endif /* MODES_H */
