/*
 * wire - watches the TCP segments on an interface, or in a pcap file
 *
 *	wire [options] [IFACE]		lo, until SIGINT, SIGTERM, -c or -t
 *	wire [options] -r FILE
 *
 * In this order: bytes, parser, pcap files, connections and their states,
 * lines, JSON, ladder, SVG, kernel filter, ring, main.  The parser is one
 * pure function, parse_packet(); tests/fuzz/parse.c includes this file and
 * feeds it.
 */
#include "net.h"

#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The largest packet that a pcap file may hold (libpcap: MAXIMUM_SNAPLEN). */
#define SNAPLEN_MAX 262144
#define FILTER_MAX  16

enum tcp_flag {
	FIN = 0x01,
	SYN = 0x02,
	RST = 0x04,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80,
	AE = 0x100, /* RFC 7560, once NS */
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
};

/* https://www.tcpdump.org/linktypes.html */
enum linktype {
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

enum ethertype {
	ETHER_IPV4 = 0x0800,
	ETHER_VLAN = 0x8100,
	ETHER_IPV6 = 0x86dd,
	ETHER_QINQ = 0x88a8,
	ETHER_QINQ_OLD = 0x9100,
};

/* One packet as captured or read.  @data belongs to the ring or the reader. */
struct packet {
	int64_t ns; /* since the epoch */
	const uint8_t *data;
	uint32_t cap;  /* bytes of it at @data */
	uint32_t wire; /* bytes of it on the wire */
	bool vlan;     /* a tag that the kernel took out of the frame */
	uint16_t vlan_tpid;
	uint16_t vlan_tci;
};

/* What a packet turned out to be. */
enum kind {
	NOT_TCP,
	SEGMENT,
	FRAGMENT,  /* a later fragment, so without a TCP header */
	TRUNCATED, /* the capture ends before the TCP header does */
	MALFORMED, /* a length in it cannot be true */
};

/* A TCP segment, as parse_packet() fills it in.  Numbers in host order. */
struct segment {
	enum kind kind;
	int64_t ns;
	uint8_t family; /* 4, 6; 0: not known */
	bool addrs;	/* @src and @dst are known */
	bool ports;	/* @sport and @dport are known */
	bool vlan;
	uint16_t vlan_id;
	uint8_t src[16], dst[16]; /* IPv4: the first four bytes */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint16_t flags, win, urg;
	uint32_t len; /* bytes of payload on the wire */
	bool first_fragment;
	uint8_t opts[40];
	uint8_t opts_len;
	char note[80]; /* unless NOT_TCP or SEGMENT: what is wrong */
};

/* --- bytes -------------------------------------------------------------- */

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* after - whether @a comes after @b in sequence space (RFC 9293 3.4) */
static bool after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

/* xmalloc - calloc() that ends the program when memory is gone */
static void *xmalloc(size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		die_errno("%zu bytes of memory", n);
	return p;
}

/* --- the parser: link, IP, TCP, options --------------------------------- */

/* odd - note why a packet is no segment; returns @kind */
__attribute__((format(printf, 3, 4))) static enum kind
odd(struct segment *s, enum kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->note, sizeof(s->note), fmt, ap);
	va_end(ap);
	return kind;
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
		s->sport = be16(p);
		s->dport = be16(p + 2);
	}
	if (len < 20)
		return odd(s, s->first_fragment ? FRAGMENT : MALFORMED,
			   "TCP header in %u bytes", len);
	if (cap < 20)
		return odd(s, TRUNCATED, "TCP header, %u bytes captured", cap);
	s->seq = be32(p + 4);
	s->ack = be32(p + 8);
	header = (p[12] >> 4) * 4u;
	s->flags = (uint16_t)((p[12] & 1) << 8 | p[13]);
	s->win = be16(p + 14);
	s->urg = be16(p + 18);
	if (header < 20)
		return odd(s, MALFORMED, "TCP header length %u", header);
	if (header > len)
		return odd(s, MALFORMED, "TCP header length %u in %u bytes",
			   header, len);
	if (cap < header)
		return odd(s, TRUNCATED, "TCP header, %u bytes of %u captured",
			   cap, header);
	s->opts_len = (uint8_t)(header - 20);
	memcpy(s->opts, p + 20, s->opts_len);
	s->len = len - header;
	return SEGMENT;
}

/* parse_ipv4 - @cap bytes at @p of @wire on the wire, padding included */
static enum kind parse_ipv4(const uint8_t *p, uint32_t cap, uint32_t wire,
			    struct segment *s)
{
	uint32_t header, total, offset;

	if (cap < 20)
		return odd(s, TRUNCATED, "IP header, %u bytes captured", cap);
	if (p[0] >> 4 != 4)
		return odd(s, MALFORMED, "IP version %d", p[0] >> 4);
	if (p[9] != IPPROTO_TCP)
		return NOT_TCP;
	s->family = 4;
	s->addrs = true;
	memcpy(s->src, p + 12, 4);
	memcpy(s->dst, p + 16, 4);
	header = (p[0] & 15) * 4u;
	total = be16(p + 2);
	if (!total) /* a GSO packet over 64 KiB (BIG TCP) says 0 */
		total = wire;
	if (header < 20 || total < header)
		return odd(s, MALFORMED, "IP header length %u of %u", header,
			   total);
	if (total > wire)
		return odd(s, MALFORMED, "IP length %u in a packet of %u",
			   total, wire);
	offset = (be16(p + 6) & 0x1fff) * 8u;
	if (offset)
		return odd(s, FRAGMENT, "fragment, offset %u, length %u",
			   offset, total - header);
	s->first_fragment = be16(p + 6) & 0x2000;
	if (cap < header)
		return odd(s, TRUNCATED, "IP options, %u bytes captured", cap);
	return parse_tcp(p + header, min32(cap, total) - header, total - header,
			 s);
}

/*
 * ext_header - the length of an IPv6 extension header (RFC 8200 4), 0 when
 * @next is not one that can be skipped
 * @p: at least two bytes
 */
static uint32_t ext_header(uint8_t next, const uint8_t *p)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case 135: /* Mobility, RFC 6275 */
		return 8 + p[1] * 8u;
	case IPPROTO_FRAGMENT:
		return 8;
	case IPPROTO_AH:
		return (p[1] + 2) * 4u;
	default:
		return 0;
	}
}

/* parse_ipv6_payload - walk the chain of headers until TCP */
static enum kind parse_ipv6_payload(uint8_t next, const uint8_t *p,
				    uint32_t cap, uint32_t len,
				    struct segment *s)
{
	static const uint8_t two[2];

	while (next != IPPROTO_TCP) {
		uint32_t n, offset;

		if (!ext_header(next, cap < 2 ? two : p))
			return NOT_TCP;
		if (cap < 2 && len >= 2)
			return odd(s, TRUNCATED, "IPv6 extension header %d",
				   next);
		n = len < 2 ? 8 : ext_header(next, p);
		if (n > len)
			return odd(s, MALFORMED,
				   "IPv6 extension header %d in %u bytes", next,
				   len);
		if (n > cap)
			return odd(s, TRUNCATED, "IPv6 extension header %d",
				   next);
		if (next == IPPROTO_FRAGMENT) {
			offset = be16(p + 2) & 0xfff8u;
			if (offset && p[0] != IPPROTO_TCP)
				return NOT_TCP;
			if (offset)
				return odd(s, FRAGMENT,
					   "fragment, offset %u, length %u",
					   offset, len - n);
			s->first_fragment = p[3] & 1;
		}
		next = p[0];
		p += n;
		cap -= n;
		len -= n;
	}
	return parse_tcp(p, cap, len, s);
}

static enum kind parse_ipv6(const uint8_t *p, uint32_t cap, uint32_t wire,
			    struct segment *s)
{
	uint32_t len;

	if (cap < 40)
		return odd(s, TRUNCATED, "IPv6 header, %u bytes captured", cap);
	if (p[0] >> 4 != 6)
		return odd(s, MALFORMED, "IPv6 version %d", p[0] >> 4);
	s->family = 6;
	s->addrs = true;
	memcpy(s->src, p + 8, 16);
	memcpy(s->dst, p + 24, 16);
	len = be16(p + 4);
	if (!len) /* a jumbogram (RFC 2675), or BIG TCP */
		len = wire - 40;
	if (len > wire - 40)
		return odd(s, MALFORMED, "IPv6 length %u in a packet of %u",
			   len, wire);
	return parse_ipv6_payload(p[6], p + 40, min32(cap - 40, len), len, s);
}

/*
 * link_header - what a link type says about the header before IP
 * @len: its length
 * @type: where its Ethertype stands, -1: it has none, the packet is IP
 *
 * Returns false when wire does not know the link type.
 */
static bool link_header(uint32_t link, uint32_t *len, int *type)
{
	switch (link) {
	case LINK_ETHERNET:
		*len = 14;
		*type = 12;
		return true;
	case LINK_SLL:
		*len = 16;
		*type = 14;
		return true;
	case LINK_SLL2:
		*len = 20;
		*type = 0;
		return true;
	case LINK_RAW:
	case LINK_IPV4:
	case LINK_IPV6:
		*len = 0;
		*type = -1;
		return true;
	default:
		return false;
	}
}

/*
 * parse_packet - from the link header to the TCP options
 * @link: an enum linktype
 * @pkt: the bytes; nothing beyond pkt->cap of them is read
 * @s: filled in as far as the packet goes
 *
 * A pure function.  Returns s->kind.
 */
static enum kind parse_packet(uint32_t link, const struct packet *pkt,
			      struct segment *s)
{
	const uint8_t *p = pkt->data;
	uint32_t cap = pkt->cap, wire = pkt->wire < cap ? cap : pkt->wire, n;
	uint16_t ether = 0;
	int type;

	memset(s, 0, sizeof(*s));
	s->ns = pkt->ns;
	s->vlan = pkt->vlan;
	s->vlan_id = pkt->vlan_tci & 0xfff;
	if (!link_header(link, &n, &type))
		return s->kind = NOT_TCP;
	if (cap < n || !cap)
		return s->kind =
			       odd(s, TRUNCATED, "link header, %u bytes", cap);
	if (type >= 0)
		ether = be16(p + type);
	else
		ether = p[0] >> 4 == 6 ? ETHER_IPV6 : ETHER_IPV4;
	for (;;) {
		p += n;
		cap -= n;
		wire -= n;
		if (ether != ETHER_VLAN && ether != ETHER_QINQ &&
		    ether != ETHER_QINQ_OLD)
			break;
		if (cap < 4)
			return s->kind = odd(s, TRUNCATED, "VLAN tag, %u bytes",
					     cap);
		s->vlan = true;
		s->vlan_id = be16(p) & 0xfff;
		ether = be16(p + 2);
		n = 4;
	}
	if (ether == ETHER_IPV4)
		return s->kind = parse_ipv4(p, cap, wire, s);
	if (ether == ETHER_IPV6)
		return s->kind = parse_ipv6(p, cap, wire, s);
	return s->kind = NOT_TCP;
}

/* One option of a segment: its kind and what follows kind and length. */
struct option_view {
	uint8_t kind, len;
	const uint8_t *data;
};

/*
 * next_option - the option at *@at, which moves behind it
 *
 * Returns 1; 0 at the end of the options; -1 for an option whose length is
 * below 2 or runs past the end (@o->kind is set), after which nothing can be
 * read.
 */
static int next_option(const struct segment *s, uint8_t *at,
		       struct option_view *o)
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

/* is_option - whether @o is @kind with the length that its RFC gives it */
static bool is_option(const struct option_view *o, enum tcp_option_kind kind)
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

/* --- which segments are wanted ------------------------------------------ */

/* -p and -H: an empty list wants everything. */
struct filter {
	uint16_t ports[FILTER_MAX];
	int nports;
	struct {
		uint8_t family, addr[16];
	} hosts[FILTER_MAX];
	int nhosts;
};

static void filter_add_host(struct filter *f, const char *host)
{
	struct addr a = parse_addr("-H", host, 0);

	if (f->nhosts == FILTER_MAX)
		die_usage("-H: at most %d hosts", FILTER_MAX);
	if (a.sa.sa_family == AF_INET6) {
		f->hosts[f->nhosts].family = 6;
		memcpy(f->hosts[f->nhosts].addr, &a.in6.sin6_addr, 16);
	} else {
		f->hosts[f->nhosts].family = 4;
		memcpy(f->hosts[f->nhosts].addr, &a.in.sin_addr, 4);
	}
	f->nhosts++;
}

static void filter_add_port(struct filter *f, const char *port)
{
	if (f->nports == FILTER_MAX)
		die_usage("-p: at most %d ports", FILTER_MAX);
	f->ports[f->nports++] = parse_port("-p", port);
}

/*
 * wanted - whether one end has one of the ports, and one end one of the hosts
 *
 * What a packet does not show (the ports of a later fragment) matches no -p.
 */
static bool wanted(const struct filter *f, const struct segment *s)
{
	bool port = !f->nports, host = !f->nhosts;
	size_t n = s->family == 6 ? 16 : 4;

	if (s->kind == NOT_TCP)
		return false;
	for (int i = 0; i < f->nports && s->ports; i++)
		port |= s->sport == f->ports[i] || s->dport == f->ports[i];
	for (int i = 0; i < f->nhosts && s->addrs; i++)
		if (f->hosts[i].family == s->family)
			host |= !memcmp(f->hosts[i].addr, s->src, n) ||
				!memcmp(f->hosts[i].addr, s->dst, n);
	return port && host;
}

/* --- pcap files --------------------------------------------------------- */

/* A classic pcap file being read. */
struct reader {
	FILE *f;
	bool swap, nano;
	uint32_t link;
	uint64_t records;
	uint8_t *buf;
	size_t buf_size;
	char error[160]; /* why reading failed */
};

__attribute__((format(printf, 2, 3))) static int
reader_fail(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->error, sizeof(r->error), fmt, ap);
	va_end(ap);
	return -1;
}

/* reader_fail_io - reader_fail() for a failed fread() */
static int reader_fail_io(struct reader *r)
{
	int err = errno;

	return reader_fail(r, "%s [%s]", strerror(err), errno_name(err));
}

/* file32 - a 32-bit number in the file's byte order */
static uint32_t file32(const struct reader *r, const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, 4);
	return r->swap ? __builtin_bswap32(n) : n;
}

/* reader_magic - byte order and resolution from the first word; 0, -1 */
static int reader_magic(struct reader *r, const uint8_t *p)
{
	for (int swap = 0; swap < 2; swap++) {
		r->swap = swap;
		switch (file32(r, p)) {
		case 0xa1b2c3d4:
			r->nano = false;
			return 0;
		case 0xa1b23c4d:
			r->nano = true;
			return 0;
		case 0x0a0d0d0a:
			return reader_fail(
				r,
				"this is pcapng, wire reads classic pcap (convert it: tshark -F pcap -r FILE -w NEW)");
		}
	}
	return reader_fail(r,
			   "not a pcap file (it begins with %02x%02x%02x%02x)",
			   p[0], p[1], p[2], p[3]);
}

/*
 * reader_open - read and judge the file header (24 bytes)
 * @f: the file; the caller closes it
 *
 * Returns 0, or -1 with r->error.
 */
static int reader_open(struct reader *r, FILE *f)
{
	uint8_t h[24];
	uint32_t n, version;
	size_t got;
	int type;

	memset(r, 0, sizeof(*r));
	r->f = f;
	errno = 0;
	got = fread(h, 1, sizeof(h), f);
	if (ferror(f))
		return reader_fail_io(r);
	if (got < 4)
		return reader_fail(r, "not a pcap file (%zu bytes)", got);
	if (reader_magic(r, h))
		return -1;
	if (got < sizeof(h))
		return reader_fail(r, "the file ends inside its header");
	version = file32(r, h + 4); /* two 16-bit numbers, so either way */
	if (version != 0x00040002 && version != 0x00020004)
		return reader_fail(r, "not pcap version 2.4");
	r->link = file32(r, h + 20) & 0x03ffffff; /* above: FCS length */
	if (!link_header(r->link, &n, &type))
		return reader_fail(
			r,
			"link type %u (wire reads Ethernet 1, raw IP 101, Linux cooked 113 and 276)",
			r->link);
	r->buf_size = SNAPLEN_MAX;
	r->buf = xmalloc(r->buf_size);
	return 0;
}

/*
 * reader_next - the next record
 * @pkt: what it holds, valid until the next call
 *
 * Returns 1; 0 at the end of the file; -1 with r->error when the file is cut
 * short or its lengths cannot be true.
 */
static int reader_next(struct reader *r, struct packet *pkt)
{
	uint8_t h[16];
	size_t got;

	errno = 0;
	got = fread(h, 1, sizeof(h), r->f);
	if (ferror(r->f))
		return reader_fail_io(r);
	if (!got)
		return 0;
	r->records++;
	if (got < sizeof(h))
		return reader_fail(r, "record %llu is cut short",
				   (unsigned long long)r->records);
	memset(pkt, 0, sizeof(*pkt));
	pkt->ns = (int64_t)file32(r, h) * 1000000000 +
		  (int64_t)file32(r, h + 4) * (r->nano ? 1 : 1000);
	pkt->cap = file32(r, h + 8);
	pkt->wire = file32(r, h + 12);
	if (pkt->cap > r->buf_size)
		return reader_fail(
			r, "record %llu claims %u bytes: the file is corrupt",
			(unsigned long long)r->records, pkt->cap);
	pkt->data = r->buf;
	got = fread(r->buf, 1, pkt->cap, r->f);
	if (ferror(r->f))
		return reader_fail_io(r);
	if (got < pkt->cap)
		return reader_fail(r, "record %llu is cut short",
				   (unsigned long long)r->records);
	return 1;
}

/* A pcap file being written, in this machine's byte order, nanoseconds. */
struct writer {
	int fd;
	const char *name;
	uint32_t snaplen;
	size_t used;
	uint8_t buf[1 << 18]; /* stays in a CPU's own cache */
};

/*
 * writer_flush - write what the buffer holds, which is whole records
 *
 * When the disk is full the piece of a record that got there is taken away
 * again, so that the file stays readable.  Returns false after one line on
 * stderr.
 */
static bool writer_flush(struct writer *w)
{
	size_t done = 0, whole = 0, size;
	off_t at;
	int err;

	while (done < w->used) {
		ssize_t n = write(w->fd, w->buf + done, w->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (done == w->used) {
		w->used = 0;
		return true;
	}
	err = errno;
	while (whole + 16 <= w->used) {
		uint32_t cap;

		memcpy(&cap, w->buf + whole + 8, 4);
		size = 16 + (size_t)cap;
		if (whole + size > done)
			break;
		whole += size;
	}
	at = lseek(w->fd, 0, SEEK_CUR);
	if (done > whole && at >= (off_t)(done - whole) &&
	    ftruncate(w->fd, at - (off_t)(done - whole)))
		warn_errno(errno, "take the cut record off %s", w->name);
	warn_errno(err, "write %s", w->name);
	w->used = 0;
	return false;
}

/* writer_open - create @name ("-": stdout) and write the file header */
static bool writer_open(struct writer *w, const char *name, uint32_t link,
			uint32_t snaplen)
{
	const uint32_t header[6] = {
		0xa1b23c4d, BYTE_ORDER == BIG_ENDIAN ? 0x00020004 : 0x00040002,
		0,	    0,
		snaplen,    link,
	};
	ssize_t n;

	w->name = name;
	w->snaplen = snaplen;
	if (strcmp(name, "-")) {
		w->fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			     0666);
	} else {
		w->fd = STDOUT_FILENO;
		w->name = "standard output";
	}
	if (w->fd < 0) {
		warn_errno(errno, "create %s", name);
		return false;
	}
	/* A pipe takes so little at once; on a disk less is a full one. */
	n = write(w->fd, header, sizeof(header));
	if (n == (ssize_t)sizeof(header))
		return true;
	warn_errno(n < 0 ? errno : ENOSPC, "write %s", w->name);
	return false;
}

/* writer_put - buffer one record; false when the buffer cannot be written */
static bool writer_put(struct writer *w, const struct packet *pkt)
{
	uint32_t tag = pkt->vlan ? 4 : 0;
	uint32_t cap = min32(pkt->cap + tag, w->snaplen);
	uint32_t head[4] = {(uint32_t)(pkt->ns / 1000000000),
			    (uint32_t)(pkt->ns % 1000000000), cap,
			    pkt->wire + tag};
	uint8_t *p;

	if (w->used + 16 + cap > sizeof(w->buf) && !writer_flush(w))
		return false;
	p = w->buf + w->used;
	memcpy(p, head, 16);
	p += 16;
	w->used += 16 + (size_t)cap;
	if (tag && cap >= 16) { /* the tag goes back behind the addresses */
		memcpy(p, pkt->data, 12);
		p[12] = (uint8_t)(pkt->vlan_tpid >> 8);
		p[13] = (uint8_t)pkt->vlan_tpid;
		p[14] = (uint8_t)(pkt->vlan_tci >> 8);
		p[15] = (uint8_t)pkt->vlan_tci;
		memcpy(p + 16, pkt->data + 12, cap - 16);
	} else {
		memcpy(p, pkt->data, cap);
	}
	return true;
}

/* --- connections, and the states of their ends -------------------------- */

/* States as ss names them, and three that ss has no row for. */
enum {
	STATE_UNKNOWN = 0, /* the capture began too late to tell */
	STATE_CLOSED = TCP_CLOSE,
	STATE_MAYBE_CLOSED = 64, /* a RST met TIME-WAIT: tcp_rfc1337 decides */
};

static const char *state_text(int state)
{
	switch (state) {
	case STATE_UNKNOWN:
		return "";
	case STATE_CLOSED:
		return "CLOSED";
	case STATE_MAYBE_CLOSED:
		return "CLOSED?";
	default:
		return state_name(state);
	}
}

/* What the segments seen so far tell about one end of a connection. */
struct end {
	uint8_t addr[16];
	uint16_t port;
	int state;
	bool have_isn, have_nxt, have_ack, fin;
	bool far;	  /* more than 2^31 beyond the ISN */
	uint32_t isn;	  /* of its last SYN */
	uint32_t nxt;	  /* one past the last number it sent (SND.NXT) */
	uint32_t ack;	  /* the highest ack it sent (RCV.NXT) */
	uint32_t fin_seq; /* the number of its FIN */
	bool late;	  /* a FIN to it is still on its way: @late_fin */
	struct segment late_fin;
};

/* One four-tuple, through all its incarnations. */
struct conn {
	struct conn *next;   /* in its bucket */
	struct conn *before; /* it came */
	uint32_t hash;
	uint8_t family;
	uint64_t last_row; /* of the ladder, plus one; 0: none */
	struct end end[2]; /* [0]: who sent its first SYN */
};

#ifndef CONN_MAX /* the fuzz target makes these small */
#define CONN_BUCKETS 65536
#define CONN_MAX     (1 << 20)
#define LADDER_ROWS  2048
#define LADDER_AHEAD 1000 /* how far a file is read ahead */
#endif

struct conns {
	struct conn *bucket[CONN_BUCKETS];
	struct conn *last; /* of all, in the order of their coming */
	uint32_t n;
};

static uint32_t hash_end(const uint8_t *addr, size_t n, uint16_t port)
{
	uint32_t h = 2166136261u ^ port;

	for (size_t i = 0; i < n; i++)
		h = (h ^ addr[i]) * 16777619u;
	return h ^ h >> 15;
}

static bool is_end(const struct end *e, const uint8_t *addr, size_t n,
		   uint16_t port)
{
	return e->port == port && !memcmp(e->addr, addr, n);
}

static void conns_clear(struct conns *t)
{
	while (t->last) {
		struct conn *c = t->last;

		t->last = c->before;
		t->bucket[c->hash] = NULL;
		free(c);
	}
	t->n = 0;
}

/*
 * conn_of - the connection of a segment, a new one if need be
 * @side: set to the index of the sender's end
 *
 * After CONN_MAX four-tuples everything is forgotten, so that memory stays
 * bounded: numbers are then shown in full until the next SYN.  The ladder
 * must not hold rows at that moment, so ladder_add() looks at conns.n first.
 */
static struct conn *conn_of(struct conns *t, const struct segment *s, int *side)
{
	size_t n = s->family == 6 ? 16 : 4;
	uint32_t h =
		hash_end(s->src, n, s->sport) + hash_end(s->dst, n, s->dport);
	struct conn **head, *c;

	h = (h ^ h >> 16) % CONN_BUCKETS;
	for (c = t->bucket[h]; c; c = c->next) {
		if (c->family != s->family)
			continue;
		for (*side = 0; *side < 2; (*side)++)
			if (is_end(&c->end[*side], s->src, n, s->sport) &&
			    is_end(&c->end[!*side], s->dst, n, s->dport))
				return c;
	}
	if (t->n == CONN_MAX)
		conns_clear(t);
	t->n++;
	head = &t->bucket[h];
	c = xmalloc(sizeof(*c));
	c->next = *head;
	c->before = t->last;
	t->last = c;
	c->hash = h;
	c->family = s->family;
	*head = c;
	/* A SYN-ACK answers a SYN that was not seen. */
	*side = (s->flags & (SYN | ACK)) == (SYN | ACK);
	memcpy(c->end[*side].addr, s->src, n);
	c->end[*side].port = s->sport;
	memcpy(c->end[!*side].addr, s->dst, n);
	c->end[!*side].port = s->dport;
	return c;
}

/* fin_number - the sequence number of a segment's FIN */
static uint32_t fin_number(const struct segment *s)
{
	return s->seq + s->len;
}

static bool acks_fin(const struct segment *s, const struct end *e)
{
	return e->fin && s->flags & ACK && after(s->ack, e->fin_seq);
}

/* sends_syn - what sending a SYN or a SYN-ACK does to its sender */
static void sends_syn(struct end *tx, const struct segment *s)
{
	if (tx->have_isn && tx->isn == s->seq && tx->state != STATE_CLOSED) {
		/* Again; a SYN-ACK sent again shows that no ACK arrived. */
		if (s->flags & ACK &&
		    (tx->state == TCP_ESTABLISHED || tx->state == TCP_SYN_SENT))
			tx->state = TCP_SYN_RECV;
		return;
	}
	tx->have_isn = tx->have_nxt = true;
	tx->have_ack = tx->fin = tx->far = tx->late = false;
	tx->isn = s->seq;
	tx->nxt = s->seq + 1 + s->len;
	tx->state = s->flags & ACK ? TCP_SYN_RECV : TCP_SYN_SENT;
}

/* sends_fin - what sending a FIN does to its sender */
static void sends_fin(struct end *tx, const struct segment *s)
{
	if (tx->have_nxt && after(tx->nxt, fin_number(s)) &&
	    !(tx->fin && tx->fin_seq == fin_number(s)))
		return; /* an old duplicate */
	if (tx->fin && tx->fin_seq == fin_number(s)) {
		/* Sent again: its ACK did not arrive. */
		if (tx->state == TCP_FIN_WAIT2)
			tx->state = TCP_FIN_WAIT1;
		else if (tx->state == TCP_TIME_WAIT)
			tx->state = TCP_CLOSING;
		else if (tx->state == STATE_CLOSED)
			tx->state = TCP_LAST_ACK;
		return;
	}
	tx->fin = true;
	tx->fin_seq = fin_number(s);
	if (tx->state == TCP_CLOSE_WAIT)
		tx->state = TCP_LAST_ACK;
	else if (tx->state == TCP_ESTABLISHED || tx->state == TCP_SYN_RECV ||
		 tx->state == STATE_UNKNOWN)
		tx->state = TCP_FIN_WAIT1;
}

/* sends - what sending @s does to its sender */
static void sends(struct end *tx, const struct segment *s)
{
	uint32_t next = s->seq + s->len + !!(s->flags & FIN);

	if (s->flags & RST) {
		/*
		 * RFC 9293 3.10.7.3: SYN-SENT answers an ACK of something it
		 * never sent with a RST, and stays.
		 */
		if (tx->state != TCP_SYN_SENT)
			tx->state = STATE_CLOSED;
		return;
	}
	if (s->flags & SYN) {
		sends_syn(tx, s);
	} else {
		if (s->flags & FIN)
			sends_fin(tx, s);
		if (!tx->have_nxt || after(next, tx->nxt))
			tx->nxt = next;
		tx->have_nxt = true;
		tx->far |= tx->have_isn && tx->nxt - tx->isn > INT32_MAX;
	}
	if (s->flags & ACK && (!tx->have_ack || after(s->ack, tx->ack))) {
		tx->have_ack = true;
		tx->ack = s->ack;
	}
}

/* gets_rst - what a RST does to the end that it reaches (RFC 5961 3.2) */
static void gets_rst(struct end *rx, const struct end *tx,
		     const struct segment *s)
{
	if (rx->state == TCP_SYN_SENT) {
		if (s->flags & ACK && s->ack == rx->isn + 1)
			rx->state = STATE_CLOSED;
		return;
	}
	if (rx->have_ack && s->seq != rx->ack &&
	    !(tx->have_nxt && s->seq == tx->nxt))
		return; /* a challenge ACK at most */
	if (rx->state == TCP_TIME_WAIT)
		rx->state = STATE_MAYBE_CLOSED;
	else if (rx->state != STATE_UNKNOWN)
		rx->state = STATE_CLOSED;
}

/* gets_syn - what a SYN or SYN-ACK does to the end that it reaches */
static void gets_syn(struct end *rx, const struct segment *s)
{
	bool ours = s->flags & ACK && rx->have_isn && s->ack == rx->isn + 1;

	if (rx->state == TCP_SYN_SENT)
		rx->state = ours	     ? TCP_ESTABLISHED
			    : s->flags & ACK ? TCP_SYN_SENT
					     : TCP_SYN_RECV;
	else if (rx->state == TCP_SYN_RECV && ours)
		rx->state = TCP_ESTABLISHED;
	/*
	 * A SYN to any other end shows nothing yet: whether it opens, and
	 * whether anybody listens there, is told by the answer.
	 */
}

/* gets - what @s does to the end that it reaches (RFC 9293 3.10.7) */
static void gets(struct end *rx, const struct end *tx, const struct segment *s)
{
	if (s->flags & RST) {
		gets_rst(rx, tx, s);
		return;
	}
	if (s->flags & SYN) {
		gets_syn(rx, s);
		return;
	}
	if (rx->state == TCP_SYN_RECV && s->flags & ACK &&
	    after(s->ack, rx->isn) && !after(s->ack, rx->nxt))
		rx->state = TCP_ESTABLISHED;
	if (acks_fin(s, rx)) {
		if (rx->state == TCP_FIN_WAIT1)
			rx->state = TCP_FIN_WAIT2;
		else if (rx->state == TCP_CLOSING)
			rx->state = TCP_TIME_WAIT;
		else if (rx->state == TCP_LAST_ACK)
			rx->state = STATE_CLOSED;
	}
	if (!(s->flags & FIN) ||
	    (rx->have_ack && after(rx->ack, fin_number(s))))
		return; /* no FIN, or an old duplicate */
	if (rx->state == TCP_ESTABLISHED || rx->state == STATE_UNKNOWN)
		rx->state = TCP_CLOSE_WAIT;
	else if (rx->state == TCP_FIN_WAIT1)
		rx->state = TCP_CLOSING;
	else if (rx->state == TCP_FIN_WAIT2)
		rx->state = TCP_TIME_WAIT;
}

/*
 * relative - a number as counted from an end's ISN
 * @n: replaced
 *
 * Returns false, and leaves @n alone, when the SYN was not seen or the number
 * lies before it: then it is of no use, or of another incarnation.
 */
static bool relative(const struct end *e, uint32_t *n)
{
	if (!e->have_isn || (!e->far && after(e->isn, *n)))
		return false;
	*n -= e->isn;
	return true;
}

/* --- lines, as close to tcpdump's as can be ------------------------------ */

enum format { LINES, JSON, LADDER, SVG, PCAP };

struct ladder;

/* The options, and what is under way. */
struct wire {
	enum format format;
	bool absolute, verbose, strict;
	struct filter filter;
	uint64_t count; /* -c, 0: no end */
	uint64_t rows;	/* -m, 0: every row of the ladder */
	uint64_t seen;
	uint64_t others; /* from a file: packets that are not TCP */
	bool started;
	int64_t t0; /* the time of the first packet shown */
	FILE *out;
	struct conns *conns;
	struct ladder *ladder;
	struct writer *writer;
};

/* Four-tuple as an address and a port: 127.0.0.1.80, 127.0.0.1:80, [::1]:80 */
enum addr_style { STYLE_TCPDUMP, STYLE_SS };

/* end_text - writes at most ADDR_STRLEN bytes to @buf, and returns it */
static const char *end_text(char *buf, enum addr_style style, uint8_t family,
			    const uint8_t *addr, uint16_t port, bool have_port)
{
	char a[INET6_ADDRSTRLEN];
	int n;

	inet_ntop(family == 6 ? AF_INET6 : AF_INET, addr, a, sizeof(a));
	n = snprintf(buf, ADDR_STRLEN,
		     style == STYLE_SS && family == 6 && have_port ? "[%s]"
								   : "%s",
		     a);
	if (have_port)
		snprintf(buf + n, ADDR_STRLEN - (size_t)n, "%c%u",
			 style == STYLE_SS ? ':' : '.', (unsigned int)port);
	return buf;
}

/* flags_text - S, S., F., ... in tcpdump's order; @buf has 12 bytes */
static const char *flags_text(char *buf, uint16_t flags)
{
	static const struct {
		uint16_t flag;
		char c;
	} names[] = {{FIN, 'F'}, {SYN, 'S'}, {RST, 'R'}, {PSH, 'P'}, {ACK, '.'},
		     {URG, 'U'}, {ECE, 'E'}, {CWR, 'W'}, {AE, 'e'}};
	char *p = buf;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & names[i].flag)
			*p++ = names[i].c;
	*p = '\0';
	return *buf ? buf : "none";
}

/* print_seconds - nanoseconds as seconds with @digits decimals, cut off */
static void print_seconds(FILE *f, int64_t ns, int digits, int width)
{
	uint64_t abs = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	uint64_t unit = digits == 9 ? 1 : 1000;
	char text[40];

	snprintf(text, sizeof(text), "%s%llu.%0*llu", ns < 0 ? "-" : "",
		 (unsigned long long)(abs / 1000000000), digits,
		 (unsigned long long)(abs % 1000000000 / unit));
	fprintf(f, "%*s", width, text);
}

/* shown - a seq or ack number of @s as -a and the SYN rule want it */
static uint32_t shown(const struct wire *w, const struct end *e,
		      const struct segment *s, uint32_t n)
{
	/* tcpdump too shows both numbers of a SYN and of a SYN-ACK in full. */
	if (w->absolute || s->flags & SYN)
		return n;
	/* RFC 9293 3.10.7.1: from no connection comes <SEQ=0><CTL=RST,ACK>. */
	if ((s->flags & (RST | ACK)) == (RST | ACK) && !n)
		return n;
	relative(e, &n);
	return n;
}

static void print_option(FILE *f, const struct wire *w, const struct end *rx,
			 const struct segment *s, const struct option_view *o)
{
	const uint8_t *d = o->data;

	if (is_option(o, OPT_EOL)) {
		fputs("eol", f);
	} else if (is_option(o, OPT_NOP)) {
		fputs("nop", f);
	} else if (is_option(o, OPT_MSS)) {
		fprintf(f, "mss %u", be16(d));
	} else if (is_option(o, OPT_WSCALE)) {
		fprintf(f, "wscale %u", d[0]);
	} else if (is_option(o, OPT_SACKOK)) {
		fputs("sackOK", f);
	} else if (is_option(o, OPT_TS)) {
		fprintf(f, "TS val %u ecr %u", be32(d), be32(d + 4));
	} else if (is_option(o, OPT_SACK)) {
		fprintf(f, "sack %d ", o->len / 8);
		for (int i = 0; i < o->len; i += 8)
			fprintf(f, "{%u:%u}", shown(w, rx, s, be32(d + i)),
				shown(w, rx, s, be32(d + i + 4)));
	} else {
		fprintf(f, "unknown-%u", o->kind);
		for (int i = 0; i < o->len; i++)
			fprintf(f, "%s%02x", i ? "" : " 0x", d[i]);
	}
}

static void print_options(FILE *f, const struct wire *w, const struct end *rx,
			  const struct segment *s)
{
	struct option_view o;
	uint8_t at = 0;
	int more;

	fputs(", options [", f);
	while ((more = next_option(s, &at, &o)) > 0) {
		print_option(f, w, rx, s, &o);
		if (at < s->opts_len)
			putc(',', f);
	}
	if (more < 0)
		fprintf(f, "bad-%u", o.kind);
	putc(']', f);
}

/* print_odd - a line for what is no segment, or not wholly one */
static void print_odd(FILE *f, const struct segment *s)
{
	static const char *const names[] = {
		[FRAGMENT] = "TCP",
		[TRUNCATED] = "truncated",
		[MALFORMED] = "malformed",
	};
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	if (s->addrs)
		fprintf(f, "%s > %s: ",
			end_text(a, STYLE_TCPDUMP, s->family, s->src, s->sport,
				 s->ports),
			end_text(b, STYLE_TCPDUMP, s->family, s->dst, s->dport,
				 s->ports));
	fprintf(f, "%s: %s\n", names[s->kind], s->note);
}

/* print_line - one segment; @side is the sender's end of @c */
static void print_line(const struct wire *w, const struct segment *s,
		       const struct conn *c, int side)
{
	char a[ADDR_STRLEN], b[ADDR_STRLEN], flags[12];
	FILE *f = w->out;
	uint32_t seq;

	print_seconds(f, s->ns - w->t0, 6, 0);
	fputs(s->family == 6 ? " IP6 " : " IP ", f);
	if (s->kind != SEGMENT) {
		print_odd(f, s);
		return;
	}
	fprintf(f, "%s > %s: Flags [%s]",
		end_text(a, STYLE_TCPDUMP, s->family, s->src, s->sport, true),
		end_text(b, STYLE_TCPDUMP, s->family, s->dst, s->dport, true),
		flags_text(flags, s->flags));
	seq = shown(w, &c->end[side], s, s->seq);
	if (s->len || s->flags & (SYN | FIN | RST))
		fprintf(f, ", seq %u", seq);
	if (s->len)
		fprintf(f, ":%u", seq + s->len);
	if (s->flags & ACK)
		fprintf(f, ", ack %u", shown(w, &c->end[!side], s, s->ack));
	fprintf(f, ", win %u", s->win);
	if (s->flags & URG)
		fprintf(f, ", urg %u", s->urg);
	if (s->opts_len)
		print_options(f, w, &c->end[!side], s);
	fprintf(f, ", length %u%s\n", s->len,
		s->first_fragment ? " (first fragment)" : "");
}

/* --- JSON lines --------------------------------------------------------- */

/* json_option - one member of "options"; @had: kinds that were there */
static void json_option(FILE *f, const struct option_view *o, bool *had,
			bool *first)
{
	const uint8_t *d = o->data;

	if (had[o->kind] || o->kind <= OPT_NOP)
		return; /* a key must not come twice */
	if (is_option(o, OPT_MSS) || is_option(o, OPT_WSCALE) ||
	    is_option(o, OPT_SACKOK) || is_option(o, OPT_TS) ||
	    is_option(o, OPT_SACK)) {
		fputs(*first ? "" : ",", f);
		*first = false;
		had[o->kind] = true;
	}
	if (is_option(o, OPT_MSS)) {
		fprintf(f, "\"mss\":%u", be16(d));
	} else if (is_option(o, OPT_WSCALE)) {
		fprintf(f, "\"wscale\":%u", d[0]);
	} else if (is_option(o, OPT_SACKOK)) {
		fputs("\"sackOK\":true", f);
	} else if (is_option(o, OPT_TS)) {
		fprintf(f, "\"tsval\":%u,\"tsecr\":%u", be32(d), be32(d + 4));
	} else if (is_option(o, OPT_SACK)) {
		fputs("\"sack\":[", f);
		for (int i = 0; i < o->len; i += 8)
			fprintf(f, "%s[%u,%u]", i ? "," : "", be32(d + i),
				be32(d + i + 4));
		putc(']', f);
	}
}

/* json_options - the options by name; kinds that have none in "other" */
static void json_options(FILE *f, const struct segment *s)
{
	bool had[256] = {false}, first = true;
	struct option_view o;
	uint8_t at = 0;
	int more, others = 0;

	fputs(",\"options\":{", f);
	while ((more = next_option(s, &at, &o)) > 0)
		json_option(f, &o, had, &first);
	if (more < 0) {
		fprintf(f, "%s\"bad\":%u", first ? "" : ",", o.kind);
		first = false;
	}
	for (at = 0; next_option(s, &at, &o) > 0;)
		if (!had[o.kind] && o.kind > OPT_NOP)
			fprintf(f, "%s%u",
				others++ ? ","
				: first	 ? "\"other\":["
					 : ",\"other\":[",
				o.kind);
	fputs(others ? "]}" : "}", f);
}

/* json_head - the members that every event has */
static void json_head(const struct wire *w, const char *event,
		      const struct segment *s)
{
	fprintf(w->out, "{\"event\":\"%s\",\"t\":", event);
	print_seconds(w->out, s->ns - w->t0, 9, 0);
	fputs(",\"time\":", w->out);
	print_seconds(w->out, s->ns, 9, 0);
}

static void json_end(FILE *f, const char *key, const struct segment *s,
		     const uint8_t *addr, uint16_t port)
{
	char buf[ADDR_STRLEN];

	fprintf(f, ",\"%s\":\"%s\"", key,
		end_text(buf, STYLE_SS, s->family, addr, port, s->ports));
}

/*
 * print_json - one segment; seq and ack always in full, rel_seq and rel_ack
 * where the SYN was seen.  The caller closes the object.
 */
static void print_json(const struct wire *w, const struct segment *s,
		       const struct conn *c, int side)
{
	static const char *const events[] = {
		[SEGMENT] = "segment",
		[FRAGMENT] = "fragment",
		[TRUNCATED] = "truncated",
		[MALFORMED] = "malformed",
	};
	char flags[12];
	FILE *f = w->out;
	uint32_t n;

	json_head(w, events[s->kind], s);
	if (s->addrs) {
		json_end(f, "src", s, s->src, s->sport);
		json_end(f, "dst", s, s->dst, s->dport);
	}
	if (s->vlan)
		fprintf(f, ",\"vlan\":%u", s->vlan_id);
	if (s->kind != SEGMENT) {
		fputs(",\"note\":", f);
		json_string(f, s->note);
		return;
	}
	fprintf(f, ",\"flags\":\"%s\",\"seq\":%u,\"ack\":%u",
		flags_text(flags, s->flags), s->seq, s->ack);
	n = s->seq;
	if (relative(&c->end[side], &n))
		fprintf(f, ",\"rel_seq\":%u", n);
	n = s->ack;
	if (s->flags & ACK && relative(&c->end[!side], &n))
		fprintf(f, ",\"rel_ack\":%u", n);
	fprintf(f, ",\"win\":%u,\"len\":%u", s->win, s->len);
	if (s->flags & URG)
		fprintf(f, ",\"urg\":%u", s->urg);
	if (s->first_fragment)
		fputs(",\"first_fragment\":true", f);
	json_options(f, s);
}

/* --- the ladder: both ends, with the states they move to ----------------- */

#define SVG_ROWS_MAX 5000

/* One segment that waits until the ladder can say whether it arrived. */
struct row {
	struct segment s;
	struct conn *c; /* NULL: not a whole segment */
	int side;
	uint64_t next; /* the connection's next row, plus one; 0: none */
};

struct ladder {
	struct row rows[LADDER_ROWS];
	uint64_t head, tail; /* rows head..tail-1 wait */
	uint64_t ahead;	     /* how many may wait for what comes later */
	const struct conn *shown;
	uint64_t drawn, plain; /* -m: rows drawn; left out since the last */
	bool answer;	       /* -m: the next row may be an answer */
	/* SVG only */
	FILE *svg;
	char *svg_text;
	size_t svg_size;
	int y, rows_drawn;
	uint64_t rows_left_out;
	int span_y[2], span_state[2];
};

/*
 * Whether a segment reached its receiver is told by what the receiver does
 * next.  LATE: it came, but after the receiver's own next segment, as the
 * FINs of a simultaneous close do.
 */
enum arrival { ARRIVED, LOST, LATE, UNDECIDED };

/* judge - what row @r says about the arrival of row @of before it */
static enum arrival judge(const struct row *of, const struct row *r)
{
	const struct segment *s = &of->s, *t = &r->s;
	const struct end *rx = &of->c->end[!of->side];
	bool same = of->side == r->side;

	if (s->flags & RST || s->kind != SEGMENT)
		return ARRIVED;
	if ((t->flags & (SYN | ACK)) == SYN) /* again, or a new incarnation */
		return s->flags & FIN || (!same && t->seq == rx->isn) ? LOST
								      : ARRIVED;
	if (s->flags & FIN) {
		if (same)
			return t->flags & FIN && fin_number(t) == fin_number(s)
				       ? LOST
				       : UNDECIDED;
		if (t->flags & RST || !(t->flags & ACK))
			return UNDECIDED;
		return after(t->ack, fin_number(s)) ? ARRIVED : LATE;
	}
	if (s->flags & SYN) {
		/* Sent again before it was answered?  Or did they cross? */
		bool again = t->flags & SYN &&
			     t->seq == (same ? s->seq : rx->isn) &&
			     (same || s->flags & ACK);

		return again ? LOST : same ? UNDECIDED : ARRIVED;
	}
	if (same)
		return UNDECIDED;
	if (rx->state == TCP_SYN_RECV)
		return t->flags & SYN && t->seq == rx->isn ? LOST : ARRIVED;
	if (acks_fin(s, rx) && t->flags & FIN && fin_number(t) == rx->fin_seq)
		return LOST;
	return UNDECIDED;
}

/*
 * arrival - whether the segment of row number @i reached its receiver, from
 * the rows of its connection that wait behind it
 */
static enum arrival arrival(const struct ladder *l, uint64_t i)
{
	const struct row *of = &l->rows[i % LADDER_ROWS];
	uint64_t next = of->next;

	for (int n = 0; next && n < LADDER_AHEAD; n++) {
		const struct row *r = &l->rows[(next - 1) % LADDER_ROWS];
		enum arrival a = judge(of, r);

		if (a != UNDECIDED)
			return a;
		next = r->next;
	}
	return UNDECIDED;
}

/* arrow_label - flags and numbers, as they stand on the arrow */
static void arrow_label(const struct wire *w, const struct row *r, char *buf,
			size_t size)
{
	const struct segment *s = &r->s;
	const struct end *tx = &r->c->end[r->side], *rx = &r->c->end[!r->side];
	uint32_t seq = shown(w, tx, s, s->seq);
	struct option_view o;
	uint8_t at = 0;
	char flags[12];
	size_t n;

	n = (size_t)snprintf(buf, size, "%s", flags_text(flags, s->flags));
	if (s->len)
		n += (size_t)snprintf(buf + n, size - n, " seq %u:%u", seq,
				      seq + s->len);
	else if (s->flags & (SYN | FIN | RST))
		n += (size_t)snprintf(buf + n, size - n, " seq %u", seq);
	if (s->flags & ACK)
		n += (size_t)snprintf(buf + n, size - n, "%s ack %u",
				      strchr(buf, ' ') ? "," : "",
				      shown(w, rx, s, s->ack));
	while (w->verbose && next_option(s, &at, &o) > 0)
		if (is_option(&o, OPT_TS)) {
			snprintf(buf + n, size - n, ", TS %u ecr %u",
				 be32(o.data), be32(o.data + 4));
			return;
		}
}

#define LADDER_TIME  11
#define LADDER_STATE 11

static int ladder_width(const struct wire *w)
{
	return w->verbose ? 66 : 42;
}

/* text_header - the names of both ends, each over its column */
static void text_header(const struct wire *w, const char *left,
			const char *right)
{
	int bar = LADDER_TIME + 1 + LADDER_STATE + 1;
	int from = bar - (int)strlen(left) / 2;
	int to = bar + 1 + ladder_width(w) - (int)strlen(right) / 2;
	int n;

	n = fprintf(w->out, "%*s%s", from > 0 ? from : 0, "", left);
	fprintf(w->out, "%*s%s\n", to > n ? to - n : 1, "", right);
}

/* text_row - one arrow, or with @label NULL none, between two states */
static void text_row(const struct wire *w, const struct segment *s,
		     const char *label, bool left_to_right,
		     const char *const states[2])
{
	FILE *f = w->out;
	int fill;

	if (s)
		print_seconds(f, s->ns - w->t0, 6, LADDER_TIME);
	else
		fprintf(f, "%*s", LADDER_TIME, "");
	fprintf(f, " %*s |", LADDER_STATE, states[0]);
	if (!label) {
		fprintf(f, "%*s", ladder_width(w), "");
	} else {
		fill = ladder_width(w) - 7 - (int)strlen(label);
		fprintf(f, "%s %s ", left_to_right ? "----" : "<---", label);
		while (fill-- > 0)
			putc('-', f);
		putc(left_to_right ? '>' : '-', f);
	}
	fprintf(f, "|%s%s\n", *states[1] ? " " : "", states[1]);
}

#define SVG_LEFT 212
#define SVG_ROW	 34

static int svg_right(const struct wire *w)
{
	return SVG_LEFT + (w->verbose ? 540 : 380);
}

/* svg_class - the colour group of a state */
static const char *svg_class(int state)
{
	switch (state) {
	case STATE_UNKNOWN:
		return "none";
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		return "open";
	case TCP_ESTABLISHED:
		return "estab";
	case TCP_TIME_WAIT:
		return "tw";
	case STATE_CLOSED:
	case STATE_MAYBE_CLOSED:
		return "closed";
	default:
		return "close";
	}
}

/* svg_span - colour one lifeline by its state, down to @y */
static void svg_span(const struct wire *w, int side, int y)
{
	struct ladder *l = w->ladder;
	int x = side ? svg_right(w) : SVG_LEFT;

	if (y > l->span_y[side])
		fprintf(l->svg,
			"<rect class=\"life %s\" x=\"%d\" y=\"%d\" width=\"6\" height=\"%d\"/>\n",
			svg_class(l->span_state[side]), x - 3, l->span_y[side],
			y - l->span_y[side]);
	l->span_y[side] = y;
}

static void svg_header(const struct wire *w, const char *left,
		       const char *right)
{
	struct ladder *l = w->ladder;

	for (int side = 0; side < 2; side++) {
		svg_span(w, side, l->y);
		fprintf(l->svg,
			"<text class=\"end\" x=\"%d\" y=\"%d\">%s</text>\n",
			side ? svg_right(w) : SVG_LEFT, l->y + 24,
			side ? right : left);
		l->span_y[side] = l->y + 36;
	}
	l->y += 40;
}

/* svg_arrow - a line that falls a little, as time passes on the way */
static void svg_arrow(const struct wire *w, const struct segment *s,
		      const char *label, bool left_to_right)
{
	struct ladder *l = w->ladder;
	const char *class = s->flags & RST   ? "rst"
			    : s->flags & SYN ? "syn"
			    : s->flags & FIN ? "fin"
			    : s->len	     ? "data"
					     : "ack";
	int from = left_to_right ? SVG_LEFT + 5 : svg_right(w) - 5;
	int to = left_to_right ? svg_right(w) - 5 : SVG_LEFT + 5;
	int back = left_to_right ? -9 : 9;

	fprintf(l->svg,
		"<path class=\"%s line\" d=\"M%d %dL%d %d\"/><path class=\"%s head\" d=\"M%d %dl%d -5v9z\"/>\n",
		class, from, l->y + 15, to + back / 2, l->y + 25, class, to,
		l->y + 25, back);
	fprintf(l->svg,
		"<text class=\"%s label\" x=\"%d\" y=\"%d\">%s</text>\n", class,
		(SVG_LEFT + svg_right(w)) / 2, l->y + 13, label);
}

static void svg_row(const struct wire *w, const struct segment *s,
		    const char *label, bool left_to_right,
		    const char *const texts[2], const int states[2])
{
	struct ladder *l = w->ladder;

	if (l->rows_drawn++ >= SVG_ROWS_MAX) {
		l->rows_left_out++;
		return;
	}
	if (s) {
		fprintf(l->svg, "<text class=\"time\" x=\"16\" y=\"%d\">",
			l->y + 19);
		print_seconds(l->svg, s->ns - w->t0, 6, 0);
		fputs("</text>\n", l->svg);
	}
	if (label && s)
		svg_arrow(w, s, label, left_to_right);
	for (int side = 0; side < 2; side++) {
		/* The sender moves where its arrow begins, the other below. */
		int y = l->y + (s && left_to_right == !side ? 15 : 25);

		if (!*texts[side])
			continue;
		svg_span(w, side, y);
		l->span_state[side] = states[side];
		fprintf(l->svg,
			"<text class=\"state %s %s\" x=\"%d\" y=\"%d\">%s</text>\n",
			svg_class(states[side]), side ? "r" : "l",
			side ? svg_right(w) + 14 : SVG_LEFT - 14, y + 4,
			texts[side]);
	}
	l->y += s ? SVG_ROW : SVG_ROW / 2;
}

/* svg_note - a row for what is no whole segment, or for several */
static void svg_note(const struct wire *w, const char *note)
{
	struct ladder *l = w->ladder;

	if (l->rows_drawn++ >= SVG_ROWS_MAX) {
		l->rows_left_out++;
		return;
	}
	fprintf(l->svg, "<text class=\"note\" x=\"%d\" y=\"%d\">%s</text>\n",
		(SVG_LEFT + svg_right(w)) / 2, l->y + 19, note);
	l->y += SVG_ROW;
}

static const char svg_style[] =
	"text{font:12px ui-monospace,\"DejaVu Sans Mono\",Menlo,Consolas,monospace;fill:#1f2328}\n"
	".bg{fill:#ffffff}.time{fill:#656d76;font-size:11px}.note{fill:#656d76;text-anchor:middle;font-style:italic}\n"
	".end{text-anchor:middle;font-weight:bold;font-size:13px}.label{text-anchor:middle}.l{text-anchor:end}\n"
	".line{fill:none;stroke-width:1.6}.state{font-size:11px;font-weight:bold}\n"
	"text.syn,.head.syn,text.open,.life.open{fill:#0969da}.line.syn{stroke:#0969da}\n"
	"text.estab,.life.estab{fill:#1a7f37}\n"
	"text.fin,.head.fin,text.close,.life.close{fill:#bc4c00}.line.fin{stroke:#bc4c00}\n"
	"text.tw,.life.tw{fill:#8250df}\n"
	"text.rst,.head.rst{fill:#cf222e}.line.rst{stroke:#cf222e}\n"
	"text.data{fill:#1f2328}.head.data{fill:#57606a}.line.data{stroke:#57606a;stroke-width:2.4}\n"
	"text.ack{fill:#656d76}.head.ack{fill:#8c959f}.line.ack{stroke:#8c959f}\n"
	"text.closed{fill:#656d76}.life.none,.life.closed{fill:#d0d7de}\n"
	"@media (prefers-color-scheme:dark){\n"
	"text,text.data{fill:#e6edf3}.bg{fill:#0d1117}.time,.note,text.ack,text.closed{fill:#8d96a0}\n"
	"text.syn,.head.syn,text.open,.life.open{fill:#58a6ff}.line.syn{stroke:#58a6ff}\n"
	"text.estab,.life.estab{fill:#3fb950}\n"
	"text.fin,.head.fin,text.close,.life.close{fill:#f0883e}.line.fin{stroke:#f0883e}\n"
	"text.tw,.life.tw{fill:#bc8cff}\n"
	"text.rst,.head.rst{fill:#ff7b72}.line.rst{stroke:#ff7b72}\n"
	".head.data{fill:#9da7b3}.line.data{stroke:#9da7b3}.head.ack{fill:#6e7681}.line.ack{stroke:#6e7681}\n"
	".life.none,.life.closed{fill:#30363d}}\n";

/* svg_finish - put the picture, whose height is known now, on stdout */
static void svg_finish(const struct wire *w)
{
	struct ladder *l = w->ladder;
	int width = svg_right(w) + 180;

	for (int side = 0; side < 2; side++)
		svg_span(w, side, l->y + 12);
	if (l->rows_left_out) {
		fprintf(l->svg,
			"<text class=\"note\" x=\"%d\" y=\"%d\">%llu more rows, not drawn</text>\n",
			(SVG_LEFT + svg_right(w)) / 2, l->y + 24,
			(unsigned long long)l->rows_left_out);
		l->y += 30;
	}
	if (fclose(l->svg))
		die_errno("keep the picture");
	fprintf(w->out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n"
		"<title>%llu TCP segments</title>\n<style>\n%s</style>\n"
		"<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/>\n%s</svg>\n",
		width, l->y + 24, width, l->y + 24, (unsigned long long)w->seen,
		svg_style, l->svg_text);
	free(l->svg_text);
}

/* ladder_states - what of @now differs from @was, as text */
static void ladder_states(const struct conn *c, const int was[2],
			  const char *texts[2], int now[2])
{
	for (int side = 0; side < 2; side++) {
		now[side] = c->end[side].state;
		texts[side] =
			now[side] == was[side] ? "" : state_text(now[side]);
	}
}

/* ladder_gap - say how many plain segments were left out, if any */
static void ladder_gap(const struct wire *w)
{
	struct ladder *l = w->ladder;
	char note[64];

	if (!l->plain)
		return;
	snprintf(note, sizeof(note), "%llu segment%s",
		 (unsigned long long)l->plain,
		 l->plain == 1 ? " that moves no state"
			       : "s that move no state");
	l->plain = 0;
	if (w->format == LADDER)
		fprintf(w->out, "%*s %s\n", LADDER_TIME, "...", note);
	else
		svg_note(w, note);
}

/* ladder_header - name both ends when another connection begins */
static void ladder_header(const struct wire *w, const struct conn *c)
{
	struct ladder *l = w->ladder;
	char name[2][ADDR_STRLEN];

	if (l->shown == c || w->format == JSON)
		return;
	ladder_gap(w);
	for (int i = 0; i < 2; i++)
		end_text(name[i], STYLE_SS, c->family, c->end[i].addr,
			 c->end[i].port, true);
	if (w->format == LADDER && l->shown)
		putc('\n', w->out);
	l->shown = c;
	if (w->format == LADDER) {
		text_header(w, name[0], name[1]);
	} else if (l->rows_drawn < SVG_ROWS_MAX) {
		svg_header(w, name[0], name[1]);
		for (int i = 0; i < 2; i++)
			l->span_state[i] = c->end[i].state;
	}
}

/*
 * ladder_skips - with -m, leave this row out?
 *
 * Once there are enough rows, only segments that open, close or reset a
 * connection, or move a state, are drawn, and what follows each, as it may be
 * the answer.
 */
static bool ladder_skips(const struct wire *w, const struct row *r, bool arrow,
			 const char *const texts[2])
{
	struct ladder *l = w->ladder;
	bool plain = arrow && !*texts[0] && !*texts[1] &&
		     !(r->s.flags & (SYN | FIN | RST));

	if (w->rows && plain && l->drawn >= w->rows && !l->answer) {
		l->plain++;
		return true;
	}
	ladder_gap(w);
	l->answer = !plain;
	l->drawn++;
	return false;
}

/* ladder_draw - one row: the segment (NULL: a move without one) and states */
static void ladder_draw(const struct wire *w, const struct row *r, bool arrow,
			const int was[2])
{
	const char *texts[2];
	int now[2];
	char label[160];

	ladder_states(r->c, was, texts, now);
	if (w->format == JSON) {
		if (arrow) {
			print_json(w, &r->s, r->c, r->side);
		} else {
			json_head(w, "move", &r->s);
			json_end(w->out, "src", &r->s, r->s.src, r->s.sport);
			json_end(w->out, "dst", &r->s, r->s.dst, r->s.dport);
		}
		for (int i = 0; i < 2; i++)
			if (*texts[i])
				fprintf(w->out, ",\"%s_state\":\"%s\"",
					i == r->side ? "src" : "dst", texts[i]);
		fputs("}\n", w->out);
		return;
	}
	if (ladder_skips(w, r, arrow, texts))
		return;
	if (arrow)
		arrow_label(w, r, label, sizeof(label));
	if (w->format == LADDER)
		text_row(w, arrow ? &r->s : NULL, arrow ? label : NULL,
			 !r->side, texts);
	else
		svg_row(w, arrow ? &r->s : NULL, arrow ? label : NULL, !r->side,
			texts, now);
}

/* ladder_late - a FIN that was still on its way reaches end @side of @c */
static void ladder_late(const struct wire *w, const struct row *r, int side)
{
	struct conn *c = r->c;
	struct end *rx = &c->end[side];
	int was[2] = {c->end[0].state, c->end[1].state};
	struct row fin = {.s = rx->late_fin, .c = c, .side = !side};

	rx->late = false;
	fin.s.ns = r->s.ns;
	gets(rx, &c->end[!side], &fin.s);
	if (rx->state != was[side])
		ladder_draw(w, &fin, false, was);
}

/* ladder_note - a packet that is no whole segment */
static void ladder_note(const struct wire *w, const struct segment *s)
{
	ladder_gap(w);
	if (w->format == JSON) {
		print_json(w, s, NULL, 0);
		fputs("}\n", w->out);
	} else if (w->format == LADDER) {
		print_seconds(w->out, s->ns - w->t0, 6, LADDER_TIME);
		fputs("   ", w->out);
		print_odd(w->out, s);
	} else {
		svg_note(w, s->note);
	}
}

/* ladder_pop - work out and draw the row that waits longest */
static void ladder_pop(const struct wire *w)
{
	struct ladder *l = w->ladder;
	uint64_t i = l->head++;
	struct row *r = &l->rows[i % LADDER_ROWS];
	struct end *tx, *rx;
	enum arrival a;
	int was[2];

	if (!r->c) {
		ladder_note(w, &r->s);
		return;
	}
	if (r->c->last_row == i + 1)
		r->c->last_row = 0;
	ladder_header(w, r->c);
	tx = &r->c->end[r->side];
	rx = &r->c->end[!r->side];
	/* Links keep the order: what follows a late FIN comes after it. */
	if (rx->late && !(r->s.flags & FIN &&
			  fin_number(&r->s) == fin_number(&rx->late_fin)))
		ladder_late(w, r, !r->side);
	if (tx->late && r->s.flags & ACK &&
	    after(r->s.ack, fin_number(&tx->late_fin)))
		ladder_late(w, r, r->side);
	was[0] = r->c->end[0].state;
	was[1] = r->c->end[1].state;
	sends(tx, &r->s);
	a = arrival(l, i);
	if (a == UNDECIDED)
		a = r->s.flags & FIN && !(r->s.flags & RST) ? LOST : ARRIVED;
	if (a == ARRIVED)
		gets(rx, tx, &r->s);
	rx->late = a == LATE;
	if (rx->late)
		rx->late_fin = r->s;
	ladder_draw(w, r, true, was);
}

/*
 * ladder_flush - draw the rows that can be judged; with @all every row
 *
 * Live, only a FIN waits, until its receiver is heard again.
 */
static void ladder_flush(const struct wire *w, bool all)
{
	struct ladder *l = w->ladder;

	while (l->head < l->tail) {
		const struct row *r = &l->rows[l->head % LADDER_ROWS];
		uint64_t waiting = l->tail - l->head;

		if (!all && waiting <= l->ahead)
			return;
		if (!all && waiting < LADDER_ROWS && !l->ahead && r->c &&
		    r->s.flags & FIN && arrival(l, l->head) == UNDECIDED)
			return;
		ladder_pop(w);
	}
}

/* ladder_add - queue one packet */
static void ladder_add(struct wire *w, const struct segment *s)
{
	struct ladder *l = w->ladder;
	struct row *r;

	if (l->tail - l->head == LADDER_ROWS)
		ladder_pop(w);
	if (w->conns->n == CONN_MAX) {
		ladder_flush(w, true);
		l->shown = NULL;
	}
	r = &l->rows[l->tail % LADDER_ROWS];
	r->s = *s;
	r->c = NULL;
	r->next = 0;
	if (s->kind == SEGMENT) {
		r->c = conn_of(w->conns, s, &r->side);
		if (r->c->last_row)
			l->rows[(r->c->last_row - 1) % LADDER_ROWS].next =
				l->tail + 1;
		r->c->last_row = l->tail + 1;
	}
	l->tail++;
	ladder_flush(w, false);
}

/* ladder_new - @ahead: how many rows may wait for what comes later */
static struct ladder *ladder_new(enum format format, uint64_t ahead)
{
	struct ladder *l = xmalloc(sizeof(*l));

	l->ahead = ahead;
	if (format == SVG) {
		l->svg = open_memstream(&l->svg_text, &l->svg_size);
		if (!l->svg)
			die_errno("keep the picture");
	}
	return l;
}

/* --- one packet, whatever the output ------------------------------------ */

/*
 * take_segment - show one packet, if it is wanted
 *
 * Returns true when it was.
 */
static bool take_segment(struct wire *w, const struct segment *s)
{
	struct conn *c = NULL;
	int side = 0;

	if (!wanted(&w->filter, s))
		return false;
	w->seen++;
	if (!w->started)
		w->t0 = s->ns;
	w->started = true;
	if (w->ladder) {
		ladder_add(w, s);
		return true;
	}
	if (s->kind == SEGMENT) {
		c = conn_of(w->conns, s, &side);
		sends(&c->end[side], s);
	}
	if (w->format == JSON) {
		print_json(w, s, c, side);
		fputs("}\n", w->out);
	} else {
		print_line(w, s, c, side);
	}
	return true;
}

/* finish_output - draw what still waits; the caller flushes */
static void finish_output(struct wire *w)
{
	if (w->ladder) {
		ladder_flush(w, true);
		ladder_gap(w);
	}
	if (w->format == SVG)
		svg_finish(w);
}

/* --- the kernel's filter: classic BPF ------------------------------------ */

/*
 * From the kernel's UAPI (linux/filter.h, linux/if_packet.h), which musl's
 * compiler wrapper does not have on its path.
 */
struct insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

enum {
	LD_W = 0x20,	     /* A = 32 bits at k */
	LD_H = 0x28,	     /* A = 16 bits at k */
	LD_B = 0x30,	     /* A = 8 bits at k */
	LD_H_X = 0x48,	     /* A = 16 bits at X + k */
	LDX_IP_LEN = 0xb1,   /* X = 4 * (byte at k & 15) */
	JUMP = 0x05,	     /* by k */
	JUMP_EQ = 0x15,	     /* by jt if A == k, else by jf */
	JUMP_SET = 0x45,     /* by jt if A & k, else by jf */
	RETURN = 0x06,	     /* k: how many bytes to keep, 0: none */
	AD_PROTOCOL = -4096, /* k: the Ethertype */
	AD_PKTTYPE = -4092,  /* k: PACKET_OUTGOING, ... */
};

enum label {
	L_ACCEPT,
	L_REJECT,
	L_V4,
	L_V4_PORTS,
	L_V6,
	L_V6_PORTS,
	L_V6_TCP,
	LABELS
};

struct program {
	struct insn insn[1024];
	uint8_t label[1024]; /* for a JUMP: its label, plus one */
	uint16_t at[LABELS];
	uint16_t n;
};

static void emit(struct program *p, int code, uint32_t k, uint8_t jt,
		 uint8_t jf)
{
	if (p->n == sizeof(p->insn) / sizeof(p->insn[0]))
		die_usage("too many -H and -p");
	p->insn[p->n++] = (struct insn){(uint16_t)code, jt, jf, k};
}

static void emit_jump(struct program *p, enum label to)
{
	emit(p, JUMP, 0, 0, 0);
	p->label[p->n - 1] = (uint8_t)(to + 1);
}

/* emit_if - jump to @to when A == @k */
static void emit_if(struct program *p, uint32_t k, enum label to)
{
	emit(p, JUMP_EQ, k, 0, 1);
	emit_jump(p, to);
}

static void emit_label(struct program *p, enum label l)
{
	p->at[l] = p->n;
}

/* emit_hosts - go on at @match when one end of the packet is a wanted host */
static void emit_hosts(struct program *p, const struct filter *f,
		       uint8_t family, uint32_t src, enum label match)
{
	uint32_t words = family == 6 ? 4 : 1;

	for (int i = 0; i < f->nhosts; i++) {
		for (uint32_t end = 0; end < 2; end++) {
			if (f->hosts[i].family != family)
				continue;
			for (uint32_t j = 0; j < words; j++) {
				emit(p, LD_W, src + (end * words + j) * 4, 0,
				     0);
				emit(p, JUMP_EQ, be32(f->hosts[i].addr + j * 4),
				     0, (uint8_t)((words - 1 - j) * 2 + 1));
			}
			emit_jump(p, match);
		}
	}
	if (f->nhosts)
		emit_jump(p, L_REJECT);
}

/* emit_ports - the same for the ports, at @tcp (@load: from there, or + X) */
static void emit_ports(struct program *p, const struct filter *f, int load,
		       uint32_t tcp)
{
	for (uint32_t end = 0; end < 2; end++) {
		emit(p, load, tcp + end * 2, 0, 0);
		for (int i = 0; i < f->nports; i++)
			emit_if(p, f->ports[i], L_ACCEPT);
	}
	emit_jump(p, L_REJECT);
}

/*
 * build_filter - TCP with the wanted ports and hosts
 * @base: where IP begins: 14 behind Ethernet, 0 without link header
 * @once: leave out what the interface sends (lo receives it again)
 *
 * IPv6 with extension headers and frames with a VLAN tag inside pass whole:
 * kernel_judged() tells them from the rest, and wanted() judges them.
 */
static void build_filter(struct program *p, const struct filter *f,
			 uint32_t base, bool once, uint32_t snaplen)
{
	static const uint8_t ext[] = {IPPROTO_HOPOPTS,	IPPROTO_ROUTING,
				      IPPROTO_FRAGMENT, IPPROTO_AH,
				      IPPROTO_DSTOPTS,	135};

	memset(p, 0, sizeof(*p));
	emit(p, LD_W, (uint32_t)AD_PKTTYPE, 0, 0);
	/* A frame for another hardware address only passes by: not ours. */
	emit_if(p, PACKET_OTHERHOST, L_REJECT);
	if (once)
		emit_if(p, PACKET_OUTGOING, L_REJECT);
	emit(p, LD_W, (uint32_t)AD_PROTOCOL, 0, 0);
	emit_if(p, ETHER_IPV4, L_V4);
	emit_if(p, ETHER_IPV6, L_V6);
	emit_if(p, ETHER_VLAN, L_ACCEPT);
	emit_if(p, ETHER_QINQ, L_ACCEPT);
	emit_jump(p, L_REJECT);

	emit_label(p, L_V4);
	emit(p, LD_B, base + 9, 0, 0);
	emit(p, JUMP_EQ, IPPROTO_TCP, 1, 0);
	emit_jump(p, L_REJECT);
	emit_hosts(p, f, 4, base + 12, L_V4_PORTS);
	emit_label(p, L_V4_PORTS);
	if (!f->nports)
		emit_jump(p, L_ACCEPT);
	emit(p, LD_H, base + 6, 0, 0);
	emit(p, JUMP_SET, 0x1fff, 0, 1); /* a later fragment has no ports */
	emit_jump(p, L_REJECT);
	emit(p, LDX_IP_LEN, base, 0, 0);
	emit_ports(p, f, LD_H_X, base);

	emit_label(p, L_V6);
	emit_hosts(p, f, 6, base + 8, L_V6_PORTS);
	emit_label(p, L_V6_PORTS);
	emit(p, LD_B, base + 6, 0, 0);
	emit_if(p, IPPROTO_TCP, L_V6_TCP);
	for (size_t i = 0; i < sizeof(ext); i++)
		emit_if(p, ext[i], L_ACCEPT);
	emit_jump(p, L_REJECT);
	emit_label(p, L_V6_TCP);
	if (!f->nports)
		emit_jump(p, L_ACCEPT);
	emit_ports(p, f, LD_H, base + 40);

	emit_label(p, L_ACCEPT);
	emit(p, RETURN, snaplen, 0, 0);
	emit_label(p, L_REJECT);
	emit(p, RETURN, 0, 0, 0);
	for (uint16_t i = 0; i < p->n; i++)
		if (p->label[i])
			p->insn[i].k = p->at[p->label[i] - 1] - i - 1u;
}

/* kernel_judged - whether the filter above has decided on a packet for good */
static bool kernel_judged(const struct packet *pkt, uint32_t base)
{
	const uint8_t *p = pkt->data;
	uint16_t ether = base ? ETHER_VLAN : ETHER_IPV4;

	if (pkt->cap < base + 20)
		return false;
	if (base)
		ether = be16(p + 12);
	else if (p[0] >> 4 == 6)
		ether = ETHER_IPV6;
	return ether == ETHER_IPV4 ||
	       (ether == ETHER_IPV6 && p[base + 6] == IPPROTO_TCP);
}

/* --- the ring: AF_PACKET with TPACKET_V2 or V3 --------------------------- */

/*
 * V2 hands over every segment at once, in a slot of fixed size that holds
 * the headers: right for whoever reads along.  V3 packs whole segments into
 * blocks and hands over a block at a time: right for -w.  Drops are counted
 * by both, and what the kernel took in is known exactly (PACKET_STATISTICS),
 * so that drain() can tell when nothing is on its way any more.
 */
enum {
	TPACKET_V2 = 1, /* enum tpacket_versions */
	TPACKET_V3 = 2,
	V2_SLOT = 512, /* holds 430 bytes of packet: all headers */
	V3_BLOCK = 1 << 19,
	V3_RETIRE_MS = 10, /* a block is handed over after at most twice this */
	V3_MANY = 256,	   /* packets at a time that make rest() worth it */
	STATUS_USER = 1,   /* TP_STATUS_USER */
	STATUS_VLAN = 1 << 4, /* TP_STATUS_VLAN_VALID */
	STATUS_TPID = 1 << 6, /* TP_STATUS_VLAN_TPID_VALID */
};

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* struct tpacket_req3 */
struct ring_request {
	unsigned int block_size, blocks, slot_size, slots;
	unsigned int retire_ms, private_size, features;
};

/* struct tpacket2_hdr */
struct v2_slot {
	uint32_t status, len, cap;
	uint16_t mac, net;
	uint32_t sec, nsec;
	uint16_t vlan_tci, vlan_tpid;
	uint32_t padding;
};

/* struct tpacket_block_desc, as far as it is of use here */
struct v3_block {
	uint32_t version, private_offset;
	uint32_t status, packets, first;
};

/* struct tpacket3_hdr */
struct v3_packet {
	uint32_t next, sec, nsec, cap, len, status;
	uint16_t mac, net;
	uint32_t rxhash, vlan_tci;
	uint16_t vlan_tpid;
};

_Static_assert(sizeof(struct v2_slot) == 32, "struct tpacket2_hdr");
_Static_assert(sizeof(struct v3_packet) == 40, "struct tpacket3_hdr");

struct ring {
	int fd, ifindex;
	const char *ifname;
	bool down;     /* the interface exists, but is down */
	uint32_t base; /* where IP begins */
	uint32_t link;
	bool v3;
	uint8_t *map;
	size_t slot, slots, next;
	uint64_t taken;	  /* packets read from the ring */
	uint64_t packets; /* packets that passed the filter */
	uint64_t drops;	  /* of them, those that found the ring full */
};

/* ring_stats - add the kernel's counts; reading them sets them to zero */
static void ring_stats(struct ring *r)
{
	unsigned int st[3] = {0}; /* struct tpacket_stats_v3 */
	socklen_t len = r->v3 ? 12 : 8;

	if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, st, &len))
		die_errno("count dropped segments");
	r->packets += st[0];
	r->drops += st[1];
}

/* open_socket - a packet socket of @type that receives nothing yet */
static int open_socket(int type)
{
	int fd = socket(AF_PACKET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EPERM) {
		fprintf(stderr,
			"%s: open a packet socket: it needs CAP_NET_RAW (run as root, or under %s) [EPERM]\n",
			prog_name, sandbox_command());
		exit(EXIT_REFUSED);
	}
	if (fd < 0)
		die_errno("open a packet socket");
	return fd;
}

/*
 * ring_map - ask for a ring of @bytes, and map it
 * @snaplen: so many bytes of a packet are wanted, at most
 *
 * A block is handed over after V3_RETIRE_MS, though there be one packet in it.
 * So it is not only bytes that fill a ring: on a busy machine it is full when
 * we have not run for that time, once for each block.  Hence 64 blocks, if a
 * block holds 16 packets then.
 */
static void ring_map(struct ring *r, size_t bytes, uint32_t snaplen)
{
	int version = r->v3 ? TPACKET_V3 : TPACKET_V2;
	struct ring_request req = {
		.block_size = r->v3 ? V3_BLOCK : 1 << 16,
		.slot_size = r->v3 ? 2048 : V2_SLOT,
		.retire_ms = V3_RETIRE_MS,
	};
	while (r->v3 && bytes / req.block_size < 64 &&
	       req.block_size / 32 >= snaplen && req.block_size > 1 << 14)
		req.block_size /= 2;
	/* At least eight blocks, or one wake-up's delay fills the ring. */
	while (bytes / req.block_size < 8)
		req.block_size /= 2;
	req.blocks = (unsigned int)(bytes / req.block_size);
	req.slots = req.blocks * (req.block_size / req.slot_size);
	if (setsockopt(r->fd, SOL_PACKET, PACKET_VERSION, &version,
		       sizeof(version)))
		die_errno("choose TPACKET_V%d", version + 1);
	/* V2 takes the first four numbers only (struct tpacket_req). */
	if (setsockopt(r->fd, SOL_PACKET, PACKET_RX_RING, &req,
		       r->v3 ? sizeof(req) : 4 * sizeof(req.slots)))
		die_errno("a ring of %zu MiB (see -B)", bytes >> 20);
	r->slot = r->v3 ? req.block_size : V2_SLOT;
	r->slots = r->v3 ? req.blocks : req.slots;
	r->map = mmap(NULL, r->slot * r->slots, PROT_READ | PROT_WRITE,
		      MAP_SHARED, r->fd, 0);
	if (r->map == MAP_FAILED)
		die_errno("map a ring of %zu MiB", bytes >> 20);
}

/*
 * ring_open - capture on @r->ifname from the moment that this returns
 * @r: v3 and ifname are set
 *
 * Ends the program with one line when the system refuses.
 */
static void ring_open(struct ring *r, const struct filter *f, size_t bytes,
		      uint32_t snaplen)
{
	static struct program prog;
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(0x0003)}; /* ETH_P_ALL */
	struct {
		unsigned short len;
		struct insn *insn;
	} fprog;
	struct ifreq ifr;
	int type, one = 1;

	r->fd = open_socket(SOCK_RAW);
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", r->ifname);
	if (strlen(r->ifname) >= sizeof(ifr.ifr_name) ||
	    ioctl(r->fd, SIOCGIFINDEX, &ifr))
		errno = ENODEV;
	else
		errno = 0;
	r->ifindex = ifr.ifr_ifindex;
	if (errno || ioctl(r->fd, SIOCGIFHWADDR, &ifr))
		die_errno("%s (see 'ip link')", r->ifname);
	type = ifr.ifr_hwaddr.sa_family;
	r->base = type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK ? 14 : 0;
	r->link = r->base ? LINK_ETHERNET : LINK_RAW;
	if (!r->base) { /* a tunnel and the like: let the kernel take the
			   link header off */
		close(r->fd);
		r->fd = open_socket(SOCK_DGRAM);
	}
	build_filter(&prog, f, r->base, type == ARPHRD_LOOPBACK, snaplen);
	fprog.len = prog.n;
	fprog.insn = prog.insn;
	if (setsockopt(r->fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog,
		       sizeof(fprog)))
		die_errno("attach the filter");
	/* Saves the senders on lo a copy; before 4.20 the filter alone. */
	if (type == ARPHRD_LOOPBACK)
		setsockopt(r->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
			   sizeof(one));
	ring_map(r, bytes, snaplen);
	ll.sll_ifindex = r->ifindex;
	if (bind(r->fd, (struct sockaddr *)&ll, sizeof(ll)))
		die_errno("capture on %s", r->ifname);
}

/* What becomes of one packet; false: no more are wanted. */
typedef bool take_fn(void *to, const struct ring *r, const struct packet *pkt);

/* ring_take_v2 - hand over at most @max packets; sets *@more to false when
 * @take has enough.  Returns how many. */
static uint64_t ring_take_v2(struct ring *r, uint64_t max, take_fn *take,
			     void *to, bool *more)
{
	uint64_t n = 0;

	while (n < max && *more) {
		struct v2_slot *h = (void *)(r->map + r->next * r->slot);
		uint32_t status = __atomic_load_n(&h->status, __ATOMIC_ACQUIRE);
		struct packet pkt;

		if (!(status & STATUS_USER))
			break;
		pkt = (struct packet){
			.ns = (int64_t)h->sec * 1000000000 + h->nsec,
			.data = (uint8_t *)h + h->mac,
			.cap = h->cap,
			.wire = h->len,
			.vlan = status & STATUS_VLAN && r->base,
			.vlan_tci = h->vlan_tci,
			.vlan_tpid = status & STATUS_TPID ? h->vlan_tpid
							  : ETHER_VLAN,
		};
		*more = take(to, r, &pkt);
		__atomic_store_n(&h->status, 0, __ATOMIC_RELEASE);
		r->next = r->next + 1 == r->slots ? 0 : r->next + 1;
		n++;
	}
	r->taken += n;
	return n;
}

/* How far ahead of a packet memory is asked for, in bytes: a dozen packets. */
#define V3_AHEAD 2048

/*
 * ring_take_v3 - the same by whole blocks
 *
 * What is in a block was written on another CPU, so each cache line of it is
 * a wait, unless it is asked for early.  At a block's end that asks for the
 * next block, or for what is behind the ring, which does no harm.
 */
static uint64_t ring_take_v3(struct ring *r, uint64_t max, take_fn *take,
			     void *to, bool *more)
{
	uint64_t n = 0;

	while (n < max && *more) {
		struct v3_block *b = (void *)(r->map + r->next * r->slot);
		const uint8_t *at;
		uint32_t status = __atomic_load_n(&b->status, __ATOMIC_ACQUIRE);

		if (!(status & STATUS_USER))
			break;
		at = (uint8_t *)b + b->first;
		for (uint32_t i = 0; i < b->packets && *more; i++, n++) {
			const struct v3_packet *h = (const void *)at;
			struct packet pkt = {
				.ns = (int64_t)h->sec * 1000000000 + h->nsec,
				.data = at + h->mac,
				.cap = h->cap,
				.wire = h->len,
				.vlan = h->status & STATUS_VLAN && r->base,
				.vlan_tci = (uint16_t)h->vlan_tci,
				.vlan_tpid = h->status & STATUS_TPID
						     ? h->vlan_tpid
						     : ETHER_VLAN,
			};

			__builtin_prefetch(at + V3_AHEAD);
			__builtin_prefetch(at + V3_AHEAD + 64);
			__builtin_prefetch(at + V3_AHEAD + 128);
			*more = take(to, r, &pkt);
			at += h->next;
		}
		__atomic_store_n(&b->status, 0, __ATOMIC_RELEASE);
		r->next = r->next + 1 == r->slots ? 0 : r->next + 1;
	}
	r->taken += n;
	return n;
}

/* --- live --------------------------------------------------------------- */

#define DOWN_ASK_NS INT64_C(100000000)

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/*
 * catch_signals - SIGINT, SIGTERM and SIGHUP reach the program only inside
 * ppoll(), so none can slip in between a check and the wait
 * @unblocked: set to the mask for ppoll()
 */
static void catch_signals(sigset_t *unblocked)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal}, old;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signals[i] == SIGHUP && !sigaction(SIGHUP, NULL, &old) &&
		    old.sa_handler == SIG_IGN)
			continue; /* nohup */
		sigaction(signals[i], &sa, NULL);
		sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, unblocked);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigdelset(unblocked, signals[i]);
}

/* live_take - one packet from the ring, a take_fn */
static bool live_take(void *to, const struct ring *r, const struct packet *pkt)
{
	struct wire *w = to;
	struct segment s;

	if (w->format == PCAP) {
		if (!kernel_judged(pkt, r->base)) {
			parse_packet(r->link, pkt, &s);
			if (!wanted(&w->filter, &s))
				return true;
		}
		if (!writer_put(w->writer, pkt))
			exit(EXIT_REFUSED);
		w->seen++;
	} else {
		parse_packet(r->link, pkt, &s);
		take_segment(w, &s);
	}
	return !w->count || w->seen < w->count;
}

/* live_flush - let out what was made so far */
static void live_flush(struct wire *w)
{
	if (w->format == PCAP && !writer_flush(w->writer))
		exit(EXIT_REFUSED);
	if (w->format != PCAP)
		flush_stdout();
}

/*
 * gone - whether the interface is gone for good; only down is no reason to
 * stop, for what follows when it is up again is wanted too
 *
 * The kernel reports an interface that goes down, but not its end after that
 * (packet_notifier()).  So live_loop() asks again while r->down.
 */
static bool gone(struct ring *r)
{
	socklen_t len = sizeof(int);
	struct ifreq ifr;
	int err = 0;

	getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	memset(&ifr, 0, sizeof(ifr));
	if (!if_indextoname((unsigned int)r->ifindex, ifr.ifr_name) ||
	    ioctl(r->fd, SIOCGIFFLAGS, &ifr)) {
		fprintf(stderr, "%s: %s: the interface is gone [ENODEV]\n",
			prog_name, r->ifname);
		return true;
	}
	if (err && err != ENETDOWN) {
		warn_errno(err, "capture on %s", r->ifname);
		return true;
	}
	if (!(ifr.ifr_flags & IFF_UP) && !r->down)
		fprintf(stderr, "%s: %s is down: waiting until it is up\n",
			prog_name, r->ifname);
	r->down = !(ifr.ifr_flags & IFF_UP);
	return false;
}

/*
 * drain - take what the kernel had taken in when the capture was told to
 * stop, also what still waits in a block that has not been handed over
 *
 * Whoever stops wire after a segment was received finds that segment in the
 * output.  Returns false when the ring does not give it all within 20 s.
 */
static bool drain(struct wire *w, struct ring *r)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	int64_t deadline = now_ns() + INT64_C(20000000000);
	bool more = true;

	ring_stats(r);
	/* What comes meanwhile is taken too: taken may pass packets. */
	while (more && r->packets - r->drops > r->taken) {
		uint64_t left = r->packets - r->drops - r->taken;
		uint64_t n = (r->v3 ? ring_take_v3 : ring_take_v2)(
			r, left, live_take, w, &more);

		if (!n && now_ns() > deadline) {
			fprintf(stderr,
				"%s: %s: %llu segments stayed in the ring [ETIMEDOUT]\n",
				prog_name, r->ifname, (unsigned long long)left);
			return false;
		}
		if (!n)
			poll(&p, 1, 5);
	}
	return true;
}

/*
 * rest - with -w, let packets gather for a moment rather than wake up for each
 * block that is handed over
 * @n: how many have just been taken, from @slot of the ring on
 * @left: until the deadline, ns; 0: there is none
 *
 * The ring must not fill up meanwhile.  An eighth of its blocks can be closed
 * by their timer; and who has just found more than a quarter full does not
 * rest. Returns false when there is nothing to be gained.
 */
static bool rest(const struct ring *r, uint64_t n, size_t slot, int64_t left,
		 const sigset_t *unblocked)
{
	size_t blocks = (r->next + r->slots - slot) % r->slots;
	int64_t ns = (int64_t)r->slots * V3_RETIRE_MS * (1000000 / 8);
	struct timespec ts = {0};

	if (!r->v3 || n < V3_MANY || blocks > r->slots / 4)
		return false;
	if (left && left < ns)
		ns = left;
	ts.tv_sec = ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	ppoll(NULL, 0, &ts, unblocked);
	return true;
}

/*
 * live_loop - capture until something ends it
 * @end: the deadline of -t on now_ns()'s clock, 0: none
 *
 * Returns the exit code.
 */
static int live_loop(struct wire *w, struct ring *r, int64_t end,
		     const sigset_t *unblocked)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	bool more = true;
	int n;

	for (;;) {
		struct timespec ts = {0};
		int64_t left = end ? end - now_ns() : 0;
		size_t slot = r->next;
		uint64_t taken = (r->v3 ? ring_take_v3 : ring_take_v2)(
			r, 4096, live_take, w, &more);
		bool busy = taken >= 4096;

		if (!busy || !more)
			live_flush(w);
		if (!more)
			return EXIT_DONE;
		if (interrupted || (end && left <= 0))
			return drain(w, r) ? EXIT_DONE : EXIT_REFUSED;
		if (!busy && rest(r, taken, slot, left, unblocked))
			continue;
		if (r->down && (!end || left > DOWN_ASK_NS))
			left = DOWN_ASK_NS;
		if (!busy) {
			ts.tv_sec = left / 1000000000;
			ts.tv_nsec = left % 1000000000;
		}
		n = ppoll(&p, 1, busy || left ? &ts : NULL, unblocked);
		if (n < 0 && errno != EINTR)
			die_errno("wait for segments");
		if (((n > 0 && p.revents & POLLERR) || (!n && r->down)) &&
		    gone(r)) {
			drain(w, r);
			return EXIT_REFUSED;
		}
	}
}

/*
 * live_summary - the last line: what was seen and what was not
 *
 * Returns @code, or 1 if segments were dropped and -e was given.
 */
static int live_summary(const struct wire *w, struct ring *r, int code,
			size_t bytes)
{
	ring_stats(r);
	if (w->strict && r->drops && code == EXIT_DONE) {
		fprintf(stderr,
			"%s: %llu segments seen, %llu dropped: the ring of %zu MiB was full (see -B) [ENOBUFS]\n",
			prog_name, (unsigned long long)w->seen,
			(unsigned long long)r->drops, bytes >> 20);
		return EXIT_REFUSED;
	}
	fprintf(stderr, "%s: %llu segments seen, %llu dropped\n", prog_name,
		(unsigned long long)w->seen, (unsigned long long)r->drops);
	return code;
}

/* ready - say that from now on every segment is seen */
static void ready(const struct ring *r, int fd)
{
	fprintf(stderr, "%s: listening on %s\n", prog_name, r->ifname);
	if (fd < 0)
		return;
	if (write(fd, "\n", 1) != 1)
		die_errno("-R: write to descriptor %d", fd);
	close(fd);
}

/* --- main --------------------------------------------------------------- */

/* What the command line asks for, beside struct wire. */
struct request {
	const char *read, *write, *ifname;
	int64_t seconds; /* -1: none */
	int ready_fd;	 /* -1: none */
	size_t ring;	 /* bytes, 0: the default */
	uint32_t snaplen;
};

static void usage(FILE *f)
{
	fputs("usage: wire [options] [IFACE]       watch TCP on IFACE (lo)\n"
	      "       wire [options] -r FILE       ... in a pcap file ('-': stdin)\n"
	      "Which segments:\n"
	      "  -r FILE     those in this pcap file, not what crosses IFACE now\n"
	      "  -p PORT     from or to this port (repeat for more)\n"
	      "  -H HOST     from or to this address (repeat for more)\n"
	      "  -c COUNT    stop after COUNT segments\n"
	      "  -t SECONDS  stop after SECONDS\n"
	      "What to print (lines like tcpdump's, unless one of these):\n"
	      "  -L          a ladder: both ends, with the states they move to\n"
	      "  -S          the ladder as an SVG picture\n"
	      "  -j          JSON lines; with -L also the states\n"
	      "  -w FILE     nothing: write a pcap file ('-': stdout)\n"
	      "  -a          sequence numbers in full, not counted from the ISN\n"
	      "  -v          timestamps on the ladder\n"
	      "  -m ROWS     after ROWS rows the ladder leaves out segments that\n"
	      "              move no state, but for what follows one that does\n"
	      "Capture:\n"
	      "  -e          a dropped segment is an error (exit 1)\n"
	      "  -B MIB      size of the ring (4; 16 with -w)\n"
	      "  -s BYTES    with -w: keep BYTES of each packet (262144)\n"
	      "  -R FD       write a newline to descriptor FD once capturing\n"
	      "  -h, --help, --version\n"
	      "SYN and SYN-ACK show their numbers in full, as tcpdump does; so does a\n"
	      "number that lies before the ISN or whose SYN was not seen.\n"
	      "The states are worked out from the segments.  CLOSED? means that a RST\n"
	      "met TIME-WAIT: it ends it unless tcp_rfc1337 is 1.\n",
	      f);
}

/* check_request - options that do not go together; ends with exit 2 */
static void check_request(const struct wire *w, const struct request *q,
			  const char *formats)
{
	if (strlen(formats) > 1 && strcmp(formats, "Lj") &&
	    strcmp(formats, "jL"))
		die_usage("-%c and -%c do not go together", formats[0],
			  formats[1]);
	if (w->verbose && !strpbrk(formats, "LS"))
		die_usage("-v goes with -L or -S");
	if (w->rows && (!strpbrk(formats, "LS") || strchr(formats, 'j')))
		die_usage("-m goes with -L or -S");
	if (q->snaplen && !q->write)
		die_usage("-s goes with -w");
	if (!q->read)
		return;
	if (q->ifname)
		die_usage("-r reads a file: '%s' is too much", q->ifname);
	if (q->seconds >= 0 || q->ready_fd >= 0 || q->ring || w->strict)
		die_usage("-t, -e, -B and -R do not go with -r");
}

/* add_format - remember the letter of an output option, each once */
static void add_format(char *formats, size_t size, int letter)
{
	size_t n = strlen(formats);

	if (!strchr(formats, letter) && n + 1 < size)
		formats[n] = (char)letter;
}

/* set_option - one option of the command line */
static void set_option(struct wire *w, struct request *q, char *formats,
		       int letter, const char *arg)
{
	switch (letter) {
	case 'a':
		w->absolute = true;
		break;
	case 'B':
		q->ring = (size_t)parse_long("-B", arg, 1, 1024) << 20;
		break;
	case 'c':
		w->count = (uint64_t)parse_long("-c", arg, 1, INT32_MAX);
		break;
	case 'e':
		w->strict = true;
		break;
	case 'H':
		filter_add_host(&w->filter, arg);
		break;
	case 'm':
		w->rows = (uint64_t)parse_long("-m", arg, 1, INT32_MAX);
		break;
	case 'p':
		filter_add_port(&w->filter, arg);
		break;
	case 'r':
		q->read = arg;
		break;
	case 'R':
		q->ready_fd = (int)parse_long("-R", arg, 0, INT16_MAX);
		if (fcntl(q->ready_fd, F_GETFD) < 0)
			die_usage("-R: descriptor %d is not open", q->ready_fd);
		break;
	case 's':
		q->snaplen = (uint32_t)parse_long("-s", arg, 64, SNAPLEN_MAX);
		break;
	case 't':
		q->seconds = parse_seconds("-t", arg);
		break;
	case 'v':
		w->verbose = true;
		break;
	case 'w':
		q->write = arg;
		/* fall through */
	default:
		add_format(formats, 8, letter);
	}
}

static void parse_args(struct wire *w, struct request *q, int argc, char **argv)
{
	static const struct option longs[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	char formats[8] = "";
	int c;

	*q = (struct request){.seconds = -1, .ready_fd = -1};
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":aB:c:eH:hjLm:p:r:R:s:St:vw:",
				longs, NULL)) != -1) {
		if (c == 'h' || c == 'V') {
			if (c == 'h')
				usage(stdout);
			else
				printf("wire %s\n", RTEST_VERSION);
			flush_stdout();
			exit(EXIT_DONE);
		}
		if (c == ':')
			die_usage("-%c needs a value", optopt);
		if (c == '?' && optopt)
			die_usage("unknown option '-%c'", optopt);
		if (c == '?')
			die_usage("unknown option '%s'", argv[optind - 1]);
		set_option(w, q, formats, c, optarg);
	}
	if (optind < argc)
		q->ifname = argv[optind++];
	if (optind < argc)
		die_usage("'%s' is too much", argv[optind]);
	check_request(w, q, formats);
	if (!q->snaplen)
		q->snaplen = SNAPLEN_MAX;
	w->format = q->write		   ? PCAP
		    : strchr(formats, 'j') ? JSON
		    : strchr(formats, 'S') ? SVG
		    : strchr(formats, 'L') ? LADDER
					   : LINES;
	if (strpbrk(formats, "LS"))
		w->ladder = ladder_new(w->format, q->read ? LADDER_AHEAD : 0);
}

/* run_live - the whole of a capture; returns the exit code */
static int run_live(struct wire *w, struct request *q)
{
	struct ring r = {.v3 = w->format == PCAP,
			 .ifname = q->ifname ? q->ifname : "lo"};
	sigset_t unblocked;
	int64_t end = 0;
	int code;

	if (!q->ring)
		q->ring = (size_t)(w->format == PCAP ? 16 : 4) << 20;
	catch_signals(&unblocked);
	ring_open(&r, &w->filter, q->ring, q->snaplen);
	if (q->write &&
	    (!writer_open(w->writer, q->write, r.link, q->snaplen) ||
	     !writer_flush(w->writer)))
		return EXIT_REFUSED;
	if (q->seconds >= 0)
		end = now_ns() + q->seconds;
	ready(&r, q->ready_fd);
	code = live_loop(w, &r, end, &unblocked);
	finish_output(w);
	live_flush(w);
	return live_summary(w, &r, code, q->ring);
}

/* read_packets - every wanted packet of a file; 0, or -1 with r->error */
static int read_packets(struct wire *w, struct reader *r)
{
	struct packet pkt;
	struct segment s;
	int more = 0;

	while ((!w->count || w->seen < w->count) &&
	       (more = reader_next(r, &pkt)) > 0) {
		parse_packet(r->link, &pkt, &s);
		w->others += s.kind == NOT_TCP;
		if (w->format != PCAP) {
			take_segment(w, &s);
		} else if (wanted(&w->filter, &s)) {
			w->seen++;
			if (!writer_put(w->writer, &pkt))
				exit(EXIT_REFUSED);
		}
	}
	return more < 0 ? -1 : 0;
}

/* run_file - the whole of -r; returns the exit code */
static int run_file(struct wire *w, const struct request *q)
{
	bool standard = !strcmp(q->read, "-");
	const char *name = standard ? "standard input" : q->read;
	FILE *f = standard ? stdin : fopen(q->read, "rb");
	struct reader r;
	int bad;

	if (!f)
		die_errno("open %s", q->read);
	bad = reader_open(&r, f);
	if (!bad) {
		if (q->write &&
		    !writer_open(w->writer, q->write, r.link, q->snaplen))
			return EXIT_REFUSED;
		bad = read_packets(w, &r);
		finish_output(w);
		live_flush(w);
	}
	if (bad)
		fprintf(stderr, "%s: %s: %s\n", prog_name, name, r.error);
	else
		fprintf(stderr,
			"%s: %llu segments seen, %llu packets not TCP\n",
			prog_name, (unsigned long long)w->seen,
			(unsigned long long)w->others);
	free(r.buf);
	if (f != stdin)
		fclose(f);
	return bad ? EXIT_REFUSED : EXIT_DONE;
}

int main(int argc, char **argv)
{
	static struct conns conns;
	static struct writer writer;
	struct wire w = {.out = stdout, .conns = &conns, .writer = &writer};
	struct request q;
	int code;

	prog_name = "wire";
	signal(SIGPIPE, SIG_IGN);
	parse_args(&w, &q, argc, argv);
	code = q.read ? run_file(&w, &q) : run_live(&w, &q);
	conns_clear(&conns);
	free(w.ladder);
	return code;
}
