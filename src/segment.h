/* SPDX-License-Identifier: MIT */
/*
 * segment.h - a TCP segment's bytes: from the link header to the TCP options
 * and back.  How a segment looks in text and in JSON is print.h.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "net.h"

enum tcp_flag {
	FIN = 0x01,
	SYN = 0x02,
	RST = 0x04,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80,
	AE = 0x100, /* RFC 9768, once NS */
};

/* RFC 9293 3.1 and the IANA registry of TCP option kinds. */
enum tcp_option_kind {
	OPT_EOL = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACKOK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
	OPT_MD5 = 19,
	OPT_UTO = 28,
	OPT_AO = 29,
	OPT_MPTCP = 30,
	OPT_TFO = 34,
	OPT_ACCECN0 = 172,
	OPT_ACCECN1 = 174,
};

/* https://www.tcpdump.org/linktypes.html */
enum linktype {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};
#define LINK_NAMES \
	"BSD loopback 0 and 108, Ethernet 1, raw IP 101, 228 and 229, Linux cooked 113 and 276"

enum ethertype {
	ETHER_IPV4 = 0x0800,
	ETHER_VLAN = 0x8100,
	ETHER_IPV6 = 0x86dd,
	ETHER_MPLS = 0x8847,
	ETHER_PPPOE = 0x8864,
	ETHER_QINQ = 0x88a8,
	ETHER_QINQ_OLD = 0x9100,
};

/* The most of a packet that is kept (libpcap: MAXIMUM_SNAPLEN). */
#define SNAPLEN_MAX 262144

enum {
	ETH_LEN = 14,
	IP4_LEN = 20,
	IP6_LEN = 40,
	TCP_LEN = 20,
	OPTS_MAX = 40,	/* the data offset has four bits: 15 words in all */
	IP_MAX = 65535, /* total length (IPv4), payload length (IPv6) */
	VLANS_MAX = 4,
};

/* One packet as captured or read; @data belongs to the capture or the file. */
struct packet {
	int64_t ns; /* since the epoch */
	const uint8_t *data;
	uint32_t cap;	 /* bytes of it at @data */
	uint32_t wire;	 /* bytes of it on the wire */
	uint32_t link;	 /* an enum linktype */
	uint64_t number; /* in the file or the capture, from 1 */
	bool vlan;	 /* a tag that the kernel took out of the frame */
	uint16_t vlan_tpid;
	uint16_t vlan_tci;
};

enum kind {
	NOT_TCP, /* or not known to be */
	SEGMENT,
	FRAGMENT,  /* a later fragment, so without a TCP header */
	TRUNCATED, /* the capture ends before the fixed TCP header does */
	MALFORMED, /* a header length in it cannot be true */
};

/* A TCP segment.  Numbers are in host order. */
struct segment {
	enum kind kind;
	int64_t ns;
	uint64_t number; /* of its packet */
	uint8_t family;	 /* 4, 6; 0: not known */
	bool addrs;	 /* @src and @dst are known */
	bool ports;	 /* @sport and @dport are known */
	bool tunnel;	 /* NOT_TCP: the packet holds another one */
	bool first_fragment;
	bool opts_cut; /* the capture ends before the options do */
	uint8_t ttl;   /* or hop limit */
	uint8_t vlans;
	uint16_t vlan[VLANS_MAX]; /* outermost first */
	uint8_t src[16], dst[16]; /* IPv4: the first four bytes */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint16_t flags, win, urg;
	uint32_t len;	     /* bytes of payload, as the IP header has it */
	uint32_t missing;    /* of them, those beyond the packet's own length */
	const uint8_t *data; /* the payload, @data_len bytes of it captured */
	uint32_t data_len;
	uint8_t opts[OPTS_MAX];
	uint8_t opts_len;
	char note[80]; /* unless NOT_TCP or SEGMENT: the reason */
};

/* One option of a segment: its kind and its data. */
struct option_view {
	uint8_t kind, len;
	const uint8_t *data;
};

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static inline uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* after - whether @a comes after @b in sequence space (RFC 9293 3.4) */
static inline bool after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

/* is_option - whether @o is @kind with the length that its RFC gives it */
static inline bool is_option(const struct option_view *o,
			     enum tcp_option_kind kind)
{
	if (o->kind != kind)
		return false;
	switch (kind) {
	case OPT_MSS:
		return o->len == 2;
	case OPT_WSCALE:
		return o->len == 1;
	case OPT_TS:
		return o->len == 8;
	case OPT_SACK:
		return o->len && o->len % 8 == 0;
	default:
		return !o->len;
	}
}

bool link_known(uint32_t link);
enum kind parse_packet(const struct packet *pkt, struct segment *s);
int next_option(const struct segment *s, uint8_t *at, struct option_view *o);
uint16_t sum16(uint16_t sum, const uint8_t *p, size_t len);
size_t build_packet(uint8_t *p, const struct segment *s, bool bad_checksum);

#endif
