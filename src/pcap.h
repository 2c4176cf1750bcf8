/* SPDX-License-Identifier: MIT */
/* pcap.h - capture files: pcap and pcapng are read, pcap is written */
#ifndef PCAP_H
#define PCAP_H

#include "segment.h"

/* An interface of a pcapng section. */
struct interface {
	uint32_t link, snaplen;
	uint64_t units; /* of time, in a second */
	bool binary;	/* @units is a power of two */
	int64_t offset; /* seconds */
};

struct reader {
	FILE *f;
	bool ng, swap, nano;
	uint32_t link;	  /* of a pcap file */
	uint64_t records; /* of a pcapng file: blocks */
	uint64_t packets;
	struct interface *interfaces;
	uint32_t n_interfaces;
	uint64_t left_out; /* blocks that could not be used */
	uint8_t *buf;	   /* READ_MAX bytes */
	char error[160];   /* the first error's words; "": none */
};

/* The largest packet, and a block's own fields and options. */
#define READ_MAX (SNAPLEN_MAX + 65536)

/* A pcap file being written, in this machine's byte order, nanoseconds. */
struct writer {
	int fd;
	const char *name;
	uint32_t snaplen, link;
	size_t used;
	uint8_t buf[SNAPLEN_MAX + 16]; /* the largest record at least */
};

int reader_open(struct reader *r, FILE *f);
int reader_next(struct reader *r, struct packet *pkt);
void reader_close(struct reader *r);
void writer_open(struct writer *w, const char *name, uint32_t link,
		 uint32_t snaplen);
void writer_put(struct writer *w, const struct packet *pkt);
void writer_flush(struct writer *w);

/* For pcap.c and pcapng.c alone. */
int reader_fail(struct reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int reader_read(struct reader *r, void *to, size_t n);
uint32_t file32(const struct reader *r, const uint8_t *p);
int pcapng_open(struct reader *r);
int pcapng_next(struct reader *r, struct packet *pkt);

#endif
