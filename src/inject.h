/* SPDX-License-Identifier: MIT */
/* inject.h - forge's way to the wire and back */
#ifndef INJECT_H
#define INJECT_H

#include "capture.h"

/* Where a segment goes. */
struct route {
	struct addr src, dst;
	const char
		*iface; /* -i; NULL: a raw IP socket, and the routes decide */
	unsigned int ifindex;
	uint8_t mac_src[6], mac_dst[6];
	bool has_mac_dst;
	struct filter answers; /* set by answers_open() */
};

bool may_send_to(const struct addr *a);
void find_iface(struct route *r, bool sends);
void inject(const struct route *r, uint8_t *frame, size_t len);
void answers_open(struct route *r, struct capture *c);
int64_t arrival_ns(int64_t stamp);

#endif
