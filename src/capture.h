/* SPDX-License-Identifier: MIT */
/*
 * capture.h - which segments are wanted (filter.c), and those that cross an
 * interface, through a ring of the kernel's (capture.c)
 */
#ifndef CAPTURE_H
#define CAPTURE_H

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
	bool received; /* not segments that an interface sends */
};

void filter_add_host(struct filter *f, const struct addr *a);
void filter_add_port(struct filter *f, uint16_t port);
bool wanted(const struct filter *f, const struct segment *s);
bool kernel_judged(const struct filter *f, const struct packet *pkt);
void filter_attach(int fd, const struct filter *f, uint32_t base,
		   uint32_t snaplen);

struct capture {
	int fd, ifindex;
	const char *ifname; /* NULL: all interfaces */
	bool patient;	    /* an interface that is down is waited for */
	bool down;	    /* the interface exists, but is down */
	uint32_t base;	    /* where IP begins */
	uint32_t link;
	uint8_t *map;
	size_t block, blocks, next;
	uint64_t taken;	  /* packets read from the ring */
	uint64_t packets; /* packets that passed the filter */
	uint64_t drops;	  /* of them, those that found the ring full */
};

/*
 * Takes one packet; false: no more are wanted.  NULL: for now there is no
 * other.
 */
typedef bool take_fn(void *to, const struct packet *pkt);

/* SIGINT, SIGTERM or SIGHUP came. */
extern volatile sig_atomic_t interrupted;

void catch_signals(sigset_t *unblocked);
int need_socket(int family, int type, int protocol, const char *what);
int interface_of(int fd, const char *name, int *type, uint8_t mac[6]);
void capture_open(struct capture *c, const struct filter *f, size_t bytes,
		  uint32_t snaplen, unsigned int retire_ms);
bool capture_run(struct capture *c, take_fn *take, void *to, int64_t end,
		 const sigset_t *unblocked);
void capture_stats(struct capture *c);

#endif
