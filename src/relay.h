/* SPDX-License-Identifier: MIT */
/*
 * relay.h - server -F: each connection that is accepted is joined to one that
 * the relay makes itself
 */
#ifndef RELAY_H
#define RELAY_H

#include "conversation.h"

struct leg;

struct relay {
	struct talk *talk;
	struct addr target;  /* of -F */
	bool close_inner;    /* -C */
	struct leg *dropped; /* legs to be freed: see relay_drop() */
};

void relay_accepted(struct relay *r, int fd, const struct addr *local,
		    const struct addr *peer);
void relay_sweep(struct relay *r);
void relay_step(struct talk *t, struct conv *c, uint32_t events);

#endif /* RELAY_H */
