/* SPDX-License-Identifier: MIT */
/* capture.h - what crosses an interface, through a ring that the kernel fills
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include "filter.h"

#include <signal.h>

struct capture {
	int fd, ifindex;
	const char *ifname;
	bool down;     /* the interface exists, but is down */
	uint32_t base; /* where IP begins */
	uint32_t link;
	uint8_t *map;
	size_t block, blocks, next;
	uint64_t taken;	  /* packets read from the ring */
	uint64_t packets; /* packets that passed the filter */
	uint64_t drops;	  /* of them, those that found the ring full */
};

/* What becomes of one packet; false: no more are wanted. */
typedef bool take_fn(void *to, const struct packet *pkt);

/* SIGINT, SIGTERM or SIGHUP came. */
extern volatile sig_atomic_t interrupted;

void catch_signals(sigset_t *unblocked);
int need_socket(int family, int type, int protocol, const char *what);
int interface_of(int fd, const char *name, int *type, uint8_t mac[6]);
void capture_open(struct capture *c, const struct filter *f, size_t bytes,
		  uint32_t snaplen, unsigned int retire_ms);
uint64_t capture_take(struct capture *c, take_fn *take, void *to, bool *more);
bool capture_drain(struct capture *c, take_fn *take, void *to);
void capture_stats(struct capture *c);
bool capture_gone(struct capture *c);

#endif
