/* SPDX-License-Identifier: MIT */
/* segment.c - parses and builds a TCP segment: link, IP, TCP, options */
#include "segment.h"

enum {
	IPPROTO_MOBILITY = 135,	 /* RFC 6275 */
	PORT_VXLAN = 4789,	 /* RFC 7348 */
	MORE_FRAGMENTS = 0x2000, /* RFC 791 3.1 */
	FRAGMENT_OFFSET = 0x1fff,
};

/* --- parsing ------------------------------------------------------------ */

/* odd - note why a packet is no whole segment; returns @kind */
__attribute__((format(printf, 3, 4))) static enum kind
odd(struct segment *s, enum kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->note, sizeof(s->note), fmt, ap);
	va_end(ap);
	return kind;
}

/* not_tcp - for an IP packet of another protocol, with @cap bytes at @p */
static enum kind not_tcp(struct segment *s, uint8_t protocol, const uint8_t *p,
			 uint32_t cap)
{
	s->tunnel = protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 ||
		    protocol == IPPROTO_GRE ||
		    (protocol == IPPROTO_UDP && cap >= 4 &&
		     get16(p + 2) == PORT_VXLAN);
	return NOT_TCP;
}

/*
 * parse_tcp - a TCP header and its options
 * @cap: bytes at @p, at most @len
 * @len: bytes of TCP header and payload that IP announces
 */
static enum kind parse_tcp(const uint8_t *p, uint32_t cap, uint32_t len,
			   struct segment *s)
{
	uint32_t header;

	if (cap >= 4) {
		s->ports = true;
		s->sport = get16(p);
		s->dport = get16(p + 2);
	}
	if (len < TCP_LEN)
		return odd(s, s->first_fragment ? FRAGMENT : MALFORMED,
			   "TCP header in %u bytes", len);
	if (cap < TCP_LEN)
		return odd(s, TRUNCATED, "TCP header, %u bytes captured", cap);
	s->seq = get32(p + 4);
	s->ack = get32(p + 8);
	header = (p[12] >> 4) * 4u;
	s->flags = (uint16_t)((p[12] & 1) << 8 | p[13]);
	s->win = get16(p + 14);
	s->urg = get16(p + 18);
	if (header < TCP_LEN)
		return odd(s, MALFORMED, "TCP header length %u", header);
	if (header > len)
		return odd(s, MALFORMED, "TCP header length %u in %u bytes",
			   header, len);
	s->len = len - header;
	s->opts_cut = cap < header;
	s->opts_len = (uint8_t)(min32(cap, header) - TCP_LEN);
	memcpy(s->opts, p + TCP_LEN, s->opts_len);
	if (cap > header) {
		s->data = p + header;
		s->data_len = cap - header;
	}
	return SEGMENT;
}

/* parse_ipv4 - @cap bytes at @p of @wire on the wire, padding included */
static enum kind parse_ipv4(const uint8_t *p, uint32_t cap, uint32_t wire,
			    struct segment *s)
{
	uint32_t header, total, word;

	if (cap < 10 || p[0] >> 4 != 4)
		return NOT_TCP;
	header = (p[0] & 15) * 4u;
	if (p[9] != IPPROTO_TCP)
		return not_tcp(s, p[9], p + min32(header, cap),
			       cap - min32(header, cap));
	if (cap < IP4_LEN)
		return odd(s, TRUNCATED, "IP header, %u bytes captured", cap);
	s->family = 4;
	s->addrs = true;
	s->ttl = p[8];
	memcpy(s->src, p + 12, 4);
	memcpy(s->dst, p + 16, 4);
	total = get16(p + 2);
	if (!total) /* a GSO packet over 64 KiB (BIG TCP) says 0 */
		total = wire;
	if (header < IP4_LEN || total < header)
		return odd(s, MALFORMED, "IP header length %u of %u", header,
			   total);
	if (total > wire)
		s->missing = total - wire;
	word = get16(p + 6);
	if (word & FRAGMENT_OFFSET)
		return odd(s, FRAGMENT, "fragment, offset %u, length %u",
			   (word & FRAGMENT_OFFSET) * 8, total - header);
	s->first_fragment = word & MORE_FRAGMENTS;
	if (cap < header)
		return odd(s, TRUNCATED, "IP options, %u bytes captured", cap);
	return parse_tcp(p + header, min32(cap, total) - header, total - header,
			 s);
}

/* ext_header - the length of an IPv6 extension header (RFC 8200 4); 0: none */
static uint32_t ext_header(uint8_t next, const uint8_t *p)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MOBILITY:
		return 8 + p[1] * 8u;
	case IPPROTO_FRAGMENT:
		return 8;
	case IPPROTO_AH:
		return (p[1] + 2) * 4u;
	default:
		return 0;
	}
}

static enum kind parse_ipv6(const uint8_t *p, uint32_t cap, uint32_t wire,
			    struct segment *s)
{
	uint32_t len, n, offset;
	uint8_t next;

	if (cap < 7 || p[0] >> 4 != 6)
		return NOT_TCP;
	next = p[6];
	if (cap < IP6_LEN)
		return next != IPPROTO_TCP
			       ? not_tcp(s, next, p, 0)
			       : odd(s, TRUNCATED,
				     "IPv6 header, %u bytes captured", cap);
	s->family = 6;
	s->addrs = true;
	s->ttl = p[7];
	memcpy(s->src, p + 8, 16);
	memcpy(s->dst, p + 24, 16);
	wire -= IP6_LEN;
	len = get16(p + 4);
	if (!len) /* a jumbogram (RFC 2675), or BIG TCP */
		len = wire;
	if (len > wire)
		s->missing = len - wire;
	p += IP6_LEN;
	cap = min32(cap - IP6_LEN, len);
	/* Until a header names TCP, a length that lies is not TCP's. */
	for (; next != IPPROTO_TCP; p += n, cap -= n, len -= n) {
		n = cap < 2 ? 0 : ext_header(next, p);
		if (!n)
			return not_tcp(s, next, p, cap);
		if (p[0] != IPPROTO_TCP && n > cap)
			return NOT_TCP;
		if (n > len)
			return odd(s, MALFORMED,
				   "IPv6 extension header %d in %u bytes", next,
				   len);
		if (n > cap)
			return odd(s, TRUNCATED, "IPv6 extension header %d",
				   next);
		if (next == IPPROTO_FRAGMENT) {
			offset = get16(p + 2) & 0xfff8u;
			if (offset && p[0] != IPPROTO_TCP)
				return NOT_TCP;
			if (offset)
				return odd(s, FRAGMENT,
					   "fragment, offset %u, length %u",
					   offset, len - n);
			s->first_fragment = p[3] & 1;
		}
		next = p[0];
	}
	return parse_tcp(p, cap, len, s);
}

/*
 * loopback_type - the Ethertype behind BSD loopback's header, which is an
 * address family: 2 is IPv4; IPv6 is 10, 24, 28 or 30, by system
 *
 * Link type 0 has it in the byte order of the machine that captured.
 */
static uint16_t loopback_type(uint32_t family)
{
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	if (family == 2)
		return ETHER_IPV4;
	return family == 10 || family == 24 || family == 28 || family == 30
		       ? ETHER_IPV6
		       : 0;
}

/*
 * link_type - the Ethertype of the link header's payload; 0: @cap is too small
 * @n: set to the link header's length, UINT32_MAX for an unknown link type
 */
static uint16_t link_type(uint32_t link, const uint8_t *p, uint32_t cap,
			  uint32_t *n)
{
	uint32_t at = 0; /* where the Ethertype stands */

	switch (link) {
	case LINK_ETHERNET:
		*n = ETH_LEN;
		at = 12;
		break;
	case LINK_SLL:
		*n = 16;
		at = 14;
		break;
	case LINK_SLL2:
		*n = 20;
		break;
	case LINK_NULL:
	case LINK_LOOP:
		*n = 4;
		return cap < 4 ? 0 : loopback_type(get32(p));
	case LINK_RAW:
	case LINK_IPV4:
	case LINK_IPV6:
		*n = 0;
		return !cap ? 0 : p[0] >> 4 == 6 ? ETHER_IPV6 : ETHER_IPV4;
	default:
		*n = UINT32_MAX;
	}
	return cap < *n ? 0 : get16(p + at);
}

/* link_known - whether parse_packet() reads packets of this link type */
bool link_known(uint32_t link)
{
	uint32_t n;

	link_type(link, NULL, 0, &n);
	return n != UINT32_MAX;
}

static void add_vlan(struct segment *s, uint16_t tci)
{
	if (s->vlans < VLANS_MAX)
		s->vlan[s->vlans++] = tci & 0xfff;
}

/*
 * parse_packet - from the link header to the TCP options, as far as they go
 * @s: filled in; nothing behind pkt->cap bytes is read; returns s->kind
 */
enum kind parse_packet(const struct packet *pkt, struct segment *s)
{
	const uint8_t *p = pkt->data;
	uint32_t cap = pkt->cap, wire = pkt->wire < cap ? cap : pkt->wire, n;
	uint16_t ether;

	memset(s, 0, offsetof(struct segment, note) + 1);
	s->ns = pkt->ns;
	s->number = pkt->number;
	if (pkt->vlan)
		add_vlan(s, pkt->vlan_tci);
	ether = link_type(pkt->link, p, cap, &n);
	for (; ether; n = 4) {
		p += n;
		cap -= n;
		wire -= n;
		if (ether == ETHER_IPV4)
			return s->kind = parse_ipv4(p, cap, wire, s);
		if (ether == ETHER_IPV6)
			return s->kind = parse_ipv6(p, cap, wire, s);
		s->tunnel = ether == ETHER_PPPOE || ether == ETHER_MPLS;
		if ((ether != ETHER_VLAN && ether != ETHER_QINQ &&
		     ether != ETHER_QINQ_OLD) ||
		    cap < 4)
			break;
		add_vlan(s, get16(p));
		ether = get16(p + 2);
	}
	return s->kind = NOT_TCP;
}

/*
 * next_option - the option at *@at, which moves behind it; 1; 0 at the end; -1
 * for a length below 2 or past the end (@o->kind is set): nothing more follows
 */
int next_option(const struct segment *s, uint8_t *at, struct option_view *o)
{
	const uint8_t *p = s->opts + *at;
	uint8_t left = (uint8_t)(s->opts_len - *at);

	if (!left)
		return 0;
	o->kind = p[0];
	o->len = 0;
	o->data = p + 1;
	if (p[0] == OPT_EOL) {
		*at = s->opts_len;
		return 1;
	}
	if (p[0] == OPT_NOP) {
		*at += 1;
		return 1;
	}
	if (left < 2 || p[1] < 2 || p[1] > left)
		return -1;
	o->len = (uint8_t)(p[1] - 2);
	o->data = p + 2;
	*at = (uint8_t)(*at + p[1]);
	return 1;
}

/* --- building ----------------------------------------------------------- */

/*
 * sum16 - the one's complement sum of RFC 1071, not yet complemented
 * @sum: that of the bytes before, an even number of them, or 0
 */
uint16_t sum16(uint16_t sum, const uint8_t *p, size_t len)
{
	uint32_t acc = sum;

	for (; len > 1; p += 2, len -= 2) {
		acc += get16(p);
		acc = (acc & 0xffff) + (acc >> 16);
	}
	if (len) {
		acc += (uint32_t)p[0] << 8;
		acc = (acc & 0xffff) + (acc >> 16);
	}
	return (uint16_t)acc;
}

/* build_ip - the IP header for @len bytes of TCP; returns its length */
static size_t build_ip(uint8_t *p, const struct segment *s, size_t len)
{
	if (s->family == 6) {
		memset(p, 0, IP6_LEN);
		p[0] = 6 << 4;
		put16(p + 4, (uint16_t)len);
		p[6] = IPPROTO_TCP;
		p[7] = s->ttl;
		memcpy(p + 8, s->src, 16);
		memcpy(p + 24, s->dst, 16);
		return IP6_LEN;
	}
	memset(p, 0, IP4_LEN);
	p[0] = 4 << 4 | IP4_LEN / 4;
	put16(p + 2, (uint16_t)(IP4_LEN + len));
	p[6] = 0x40; /* do not fragment, as Linux's TCP */
	p[8] = s->ttl;
	p[9] = IPPROTO_TCP;
	memcpy(p + 12, s->src, 4);
	memcpy(p + 16, s->dst, 4);
	put16(p + 10, (uint16_t)~sum16(0, p, IP4_LEN));
	return IP4_LEN;
}

/*
 * build_packet - a segment and its IP header into @p, of IP6_LEN + IP_MAX bytes
 * @s: opts_len is a multiple of four, and data_len is @len
 * Returns the length; 0 if no IP packet can carry it.
 */
size_t build_packet(uint8_t *p, const struct segment *s, bool bad_checksum)
{
	size_t header = TCP_LEN + (size_t)s->opts_len, len = header + s->len;
	size_t n = s->family == 6 ? 16 : 4, ip;
	uint8_t pseudo[8], *tcp;
	uint16_t sum;

	if (len > (size_t)(IP_MAX - (s->family == 6 ? 0 : IP4_LEN)))
		return 0;
	ip = build_ip(p, s, len);
	tcp = p + ip;
	put16(tcp, s->sport);
	put16(tcp + 2, s->dport);
	put32(tcp + 4, s->seq);
	put32(tcp + 8, s->ack);
	put16(tcp + 12, (uint16_t)(header / 4 << 12 | s->flags));
	put16(tcp + 14, s->win);
	put16(tcp + 16, 0);
	put16(tcp + 18, s->urg);
	memcpy(tcp + TCP_LEN, s->opts, s->opts_len);
	if (s->len)
		memcpy(tcp + header, s->data, s->len);

	/* RFC 9293 3.1: the pseudo-header, the same sum for IPv4 and IPv6. */
	sum = sum16(sum16(0, s->src, n), s->dst, n);
	put32(pseudo, (uint32_t)len);
	put32(pseudo + 4, IPPROTO_TCP);
	sum = (uint16_t)~sum16(sum16(sum, pseudo, sizeof(pseudo)), tcp, len);
	/* 0x0100 is no multiple of 0xffff, so this sum is always wrong. */
	put16(tcp + 16, bad_checksum ? sum ^ 0x0100 : sum);
	return ip + len;
}
