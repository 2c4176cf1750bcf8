/* SPDX-License-Identifier: MIT */
/*
 * print.h - a segment in words: tcpdump's line and JSON, the same from wire
 * and from forge
 */
#ifndef PRINT_H
#define PRINT_H

#include "segment.h"

/* Where the numbers of one direction are counted from: its ISN. */
struct origin {
	bool known;
	bool far; /* more than 2^31 bytes have gone since */
	uint32_t isn;
};

#define FLAGS_STRLEN 12

const char *flags_text(char *buf, uint16_t flags);
int flags_value(const char *text);
const char *end_text(char *buf, uint8_t family, const uint8_t *addr,
		     uint16_t port, bool have_port);
struct addr parse_end(const char *what, const char *s);
size_t addr_bytes(const struct addr *a, uint8_t bytes[16]);
bool relative(const struct origin *o, uint32_t *n);
uint32_t shown(const struct origin *o, const struct segment *s, uint32_t n);
const struct origin *of_sender(const struct origin *tx,
			       const struct segment *s);
void print_seconds(FILE *f, int64_t ns, int digits, int width);
void print_segment(FILE *f, const struct segment *s, const struct origin *tx,
		   const struct origin *rx);
void print_odd(FILE *f, const struct segment *s);
void json_segment(FILE *f, const struct segment *s, const struct origin *tx,
		  const struct origin *rx);
void json_packet(FILE *f, const char *event, const struct segment *s,
		 int64_t t0, const struct origin *tx, const struct origin *rx);

#endif
