/* SPDX-License-Identifier: MIT */
/* filter.h - which segments are wanted, for the kernel and for us */
#ifndef FILTER_H
#define FILTER_H

#include "segment.h"

#define FILTER_MAX 16

/* An empty list wants everything. */
struct filter {
	uint16_t ports[FILTER_MAX];
	int nports;
	struct {
		uint8_t family, addr[16];
	} hosts[FILTER_MAX];
	int nhosts;
	bool one_way;  /* from the first host and port to the second */
	bool received; /* not what an interface sends, whoever sends it */
};

void filter_add_host(struct filter *f, const struct addr *a);
void filter_add_port(struct filter *f, uint16_t port);
bool wanted(const struct filter *f, const struct segment *s);
void filter_attach(int fd, const struct filter *f, uint32_t base,
		   uint32_t snaplen);

#endif
