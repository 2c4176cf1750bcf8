/*
 * forge.c - sends one hand-made TCP segment and shows the answer.
 *
 * Every field is what the command line says, and every byte on the wire is
 * placed here, by shifts: no kernel between the experiment and its segment.
 * With -r it waits for what comes back on the same four-tuple; with -l it
 * only listens.  SYN, read the numbers, ACK, data, FIN, old duplicates: that
 * is enough for a whole conversation from a shell script.
 */
#include "net.h"

#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/*
 * From linux/nsfs.h, linux/proc_ns.h, linux/if_ether.h, linux/if_arp.h and
 * linux/filter.h, which a musl tool chain does not have.
 */
#define NS_OF_USER	  _IO(0xb7, 0x1) /* NS_GET_USERNS */
#define USER_INIT_INO	  0xEFFFFFFDU	 /* PROC_USER_INIT_INO */
#define ETHER_ALL	  0x0003
#define ETHER_IP	  0x0800
#define ETHER_IP6	  0x86dd
#define HW_LOOPBACK	  772
#define FILTER_AD_PKTTYPE 0xfffff004U /* SKF_AD_OFF + SKF_AD_PKTTYPE */
#define FILTER_AD_HATYPE  0xfffff01cU /* SKF_AD_OFF + SKF_AD_HATYPE */

enum {
	ETH_LEN = 14,
	IP4_LEN = 20,
	IP6_LEN = 40,
	TCP_LEN = 20,
	OPTS_MAX = 40,	     /* data offset is four bits: 15 words in all */
	IP_MAX = 65535,	     /* total length (IPv4), payload length (IPv6) */
	FRAME_MAX = 1 << 18, /* more than any segment the kernel hands over */
};

/* RFC 9293 3.1 and RFC 3168, the bits of byte 13 of the header. */
enum {
	FIN = 0x01,
	SYN = 0x02,
	RST = 0x04,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80,
};

/* The letters in the order in which tcpdump prints them. */
static const struct {
	uint8_t bit;
	char letter;
} flag_names[] = {
	{FIN, 'F'}, {SYN, 'S'}, {RST, 'R'}, {PSH, 'P'},
	{ACK, '.'}, {URG, 'U'}, {ECE, 'E'}, {CWR, 'W'},
};

/* TCP option kinds: RFC 9293 3.1, RFC 7323 2.2 and 3.2, RFC 2018 2 and 3. */
enum {
	OPT_EOL = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
};

/* What one call is asked to do. */
struct job {
	struct addr src, dst;
	bool v6;

	/* the segment */
	uint8_t flags, ttl;
	uint32_t seq, ack;
	uint16_t win, urg;
	bool has_ts, has_mss, has_wscale, sack_ok, bad_checksum;
	uint32_t tsval, tsecr;
	uint16_t mss;
	uint8_t wscale;
	uint8_t raw_opts[OPTS_MAX];
	size_t raw_opts_len;
	const char *text;
	long fill; /* bytes of made-up payload, -1 for none */

	/* its way */
	const char *iface;
	unsigned int ifindex;
	uint8_t mac_src[6], mac_dst[6];
	bool has_mac_dst, anywhere;

	/* its answer */
	int64_t wait_ns; /* -1: do not wait */
	bool listen_only, json, verbose;
	long count;

	int64_t start_ns, sent_ns;
	char segment_option; /* the last option that shapes a segment */
};

/* A TCP segment as read from a packet; the pointers go into that packet. */
struct segment {
	struct addr src, dst;
	bool v6;
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t win, urg;
	const uint8_t *opts, *data;
	size_t opts_len;
	size_t len;	 /* of the payload, as the IP header has it */
	size_t data_len; /* of the payload, as far as it was captured */
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/* --- bytes -------------------------------------------------------------- */

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/*
 * sum16 - the one's complement sum of RFC 1071, not yet complemented
 * @sum: the sum of what came before (an even number of bytes), or 0
 * @p, @len: the bytes; an odd last one counts as the high half of a word
 */
static uint16_t sum16(uint16_t sum, const uint8_t *p, size_t len)
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

/* addr_bytes - the address itself in network order; its length in @len */
static const uint8_t *addr_bytes(const struct addr *a, size_t *len)
{
	if (a->sa.sa_family == AF_INET6) {
		*len = 16;
		return a->in6.sin6_addr.s6_addr;
	}
	*len = 4;
	return (const uint8_t *)&a->in.sin_addr;
}

/* sum_addr - sum16() over an address, for the pseudo-header */
static uint16_t sum_addr(uint16_t sum, const struct addr *a)
{
	size_t len;
	const uint8_t *b = addr_bytes(a, &len);

	return sum16(sum, b, len);
}

/* --- building the segment ----------------------------------------------- */

/*
 * build_options - the options of a job, as Linux orders and pads them, then
 * the raw ones, then zeros (end of option list) up to a whole word
 * @out: OPTS_MAX bytes; more than that is a usage error
 *
 * Returns the length in bytes.
 */
static size_t build_options(const struct job *j, uint8_t *out)
{
	uint8_t b[2 * OPTS_MAX];
	size_t n = 0;

	if (j->has_mss) {
		b[n++] = OPT_MSS;
		b[n++] = 4;
		put16(b + n, j->mss);
		n += 2;
	}
	/* sackOK sits where the two nops before a timestamp would be. */
	if (j->sack_ok || j->has_ts) {
		if (!j->sack_ok || !j->has_ts) {
			b[n++] = OPT_NOP;
			b[n++] = OPT_NOP;
		}
		if (j->sack_ok) {
			b[n++] = OPT_SACK_OK;
			b[n++] = 2;
		}
	}
	if (j->has_ts) {
		b[n++] = OPT_TS;
		b[n++] = 10;
		put32(b + n, j->tsval);
		put32(b + n + 4, j->tsecr);
		n += 8;
	}
	if (j->has_wscale) {
		b[n++] = OPT_NOP;
		b[n++] = OPT_WSCALE;
		b[n++] = 3;
		b[n++] = j->wscale;
	}
	memcpy(b + n, j->raw_opts, j->raw_opts_len);
	n += j->raw_opts_len;
	while (n % 4)
		b[n++] = OPT_EOL;
	if (n > OPTS_MAX)
		die_usage(
			"the options need %zu bytes, and a TCP header has room for %d",
			n, OPTS_MAX);
	memcpy(out, b, n);
	return n;
}

/*
 * build_tcp - the TCP header, its options and the payload
 * @p: where to; room for IP_MAX bytes
 *
 * Returns the length.  A segment that no IP packet can carry is a usage
 * error.
 */
static size_t build_tcp(const struct job *j, uint8_t *p)
{
	size_t opts_len, len, data_len = 0;
	uint8_t opts[OPTS_MAX], pseudo[8];
	uint16_t sum;

	opts_len = build_options(j, opts);
	if (j->text)
		data_len = strlen(j->text);
	else if (j->fill > 0)
		data_len = (size_t)j->fill;
	len = TCP_LEN + opts_len + data_len;
	if (len > IP_MAX - (j->v6 ? 0 : IP4_LEN))
		die_usage(
			"a segment of %zu bytes does not fit into an IP packet",
			len);

	put16(p, addr_port(&j->src));
	put16(p + 2, addr_port(&j->dst));
	put32(p + 4, j->seq);
	put32(p + 8, j->ack);
	p[12] = (uint8_t)((TCP_LEN + opts_len) / 4 << 4);
	p[13] = j->flags;
	put16(p + 14, j->win);
	put16(p + 16, 0);
	put16(p + 18, j->urg);
	memcpy(p + TCP_LEN, opts, opts_len);
	for (size_t i = 0; i < data_len; i++)
		p[TCP_LEN + opts_len + i] =
			j->text ? (uint8_t)j->text[i] : (uint8_t)('a' + i % 26);

	/* RFC 9293 3.1: the pseudo-header, the same sum for IPv4 and IPv6. */
	sum = sum_addr(sum_addr(0, &j->src), &j->dst);
	put32(pseudo, (uint32_t)len);
	put32(pseudo + 4, IPPROTO_TCP);
	sum = (uint16_t)~sum16(sum16(sum, pseudo, sizeof(pseudo)), p, len);
	/* 0x0100 is no multiple of 0xffff, so this sum is always wrong. */
	put16(p + 16, j->bad_checksum ? sum ^ 0x0100 : sum);
	return len;
}

/*
 * build_ip - the IPv4 or IPv6 header for @tcp_len bytes of TCP at @p
 *
 * Returns its length.
 */
static size_t build_ip(const struct job *j, uint8_t *p, size_t tcp_len)
{
	const uint8_t *from, *to;
	size_t n;

	from = addr_bytes(&j->src, &n);
	to = addr_bytes(&j->dst, &n);
	if (j->v6) {
		memset(p, 0, IP6_LEN);
		p[0] = 6 << 4;
		put16(p + 4, (uint16_t)tcp_len);
		p[6] = IPPROTO_TCP;
		p[7] = j->ttl;
		memcpy(p + 8, from, n);
		memcpy(p + 24, to, n);
		return IP6_LEN;
	}
	memset(p, 0, IP4_LEN);
	p[0] = 4 << 4 | IP4_LEN / 4;
	put16(p + 2, (uint16_t)(IP4_LEN + tcp_len));
	p[6] = 0x40; /* do not fragment, as Linux's TCP */
	p[8] = j->ttl;
	p[9] = IPPROTO_TCP;
	memcpy(p + 12, from, n);
	memcpy(p + 16, to, n);
	put16(p + 10, (uint16_t)~sum16(0, p, IP4_LEN));
	return IP4_LEN;
}

/*
 * build_frame - the whole segment, in memory of its own
 * @len: its length, with ETH_LEN bytes at the front for an Ethernet header
 */
static uint8_t *build_frame(const struct job *j, size_t *len)
{
	size_t ip_len = j->v6 ? IP6_LEN : IP4_LEN, tcp_len;
	uint8_t *frame = malloc(ETH_LEN + IP6_LEN + IP_MAX);

	if (!frame)
		die_errno("get memory for the segment");
	tcp_len = build_tcp(j, frame + ETH_LEN + ip_len);
	build_ip(j, frame + ETH_LEN, tcp_len);
	*len = ETH_LEN + ip_len + tcp_len;
	return frame;
}

/* --- reading a segment -------------------------------------------------- */

/* read_addr - an address and a port out of a packet */
static struct addr read_addr(bool v6, const uint8_t *ip, const uint8_t *port)
{
	struct addr a;

	memset(&a, 0, sizeof(a));
	a.sa.sa_family = v6 ? AF_INET6 : AF_INET;
	if (v6)
		memcpy(&a.in6.sin6_addr, ip, 16);
	else
		memcpy(&a.in.sin_addr, ip, 4);
	a.len = v6 ? sizeof(a.in6) : sizeof(a.in);
	addr_set_port(&a, get16(port));
	return a;
}

/*
 * read_segment - find the TCP segment in an IP packet
 * @p, @n: the packet from its IP header on, as far as it was captured
 * @s: what was found
 *
 * Returns false for what is no TCP, or lies about its lengths.
 */
static bool read_segment(const uint8_t *p, size_t n, struct segment *s)
{
	size_t ip_len, total, header;
	const uint8_t *tcp;

	memset(s, 0, sizeof(*s));
	if (!n)
		return false;
	s->v6 = p[0] >> 4 == 6;
	if (n < (s->v6 ? IP6_LEN : IP4_LEN) || (!s->v6 && p[0] >> 4 != 4))
		return false;
	ip_len = s->v6 ? IP6_LEN : (size_t)(p[0] & 15) * 4;
	total = s->v6 ? IP6_LEN + (size_t)get16(p + 4) : get16(p + 2);
	/* A zero length is the kernel's own mark for a packet over 64 KB. */
	if (total == (s->v6 ? IP6_LEN : 0))
		total = n;
	if (p[s->v6 ? 6 : 9] != IPPROTO_TCP || ip_len < IP4_LEN ||
	    total < ip_len + TCP_LEN || n < ip_len + TCP_LEN)
		return false;
	tcp = p + ip_len;
	header = (size_t)(tcp[12] >> 4) * 4;
	if (header < TCP_LEN || ip_len + header > total || ip_len + header > n)
		return false;

	s->src = read_addr(s->v6, p + (s->v6 ? 8 : 12), tcp);
	s->dst = read_addr(s->v6, p + (s->v6 ? 24 : 16), tcp + 2);
	s->seq = get32(tcp + 4);
	s->ack = get32(tcp + 8);
	s->flags = tcp[13];
	s->win = get16(tcp + 14);
	s->urg = get16(tcp + 18);
	s->opts = tcp + TCP_LEN;
	s->opts_len = header - TCP_LEN;
	s->data = tcp + header;
	s->len = total - ip_len - header;
	s->data_len = n - ip_len - header;
	if (s->data_len > s->len)
		s->data_len = s->len;
	return true;
}

/*
 * next_option - the option that begins @at bytes into a segment's options
 * @body, @len: what follows its kind and length
 *
 * Returns its kind, or -1 at the end, or -2 when its length cannot be; moves
 * @at behind it.
 */
static int next_option(const struct segment *s, size_t *at,
		       const uint8_t **body, size_t *len)
{
	const uint8_t *p = s->opts + *at;
	size_t left = s->opts_len - *at;

	*len = 0;
	*body = p;
	if (!left)
		return -1;
	if (p[0] == OPT_EOL || p[0] == OPT_NOP) {
		*at += 1;
		return p[0];
	}
	if (left < 2 || p[1] < 2 || p[1] > left) {
		*at = s->opts_len;
		return -2;
	}
	*at += p[1];
	*body = p + 2;
	*len = p[1] - 2;
	return p[0];
}

/* --- printing ----------------------------------------------------------- */

/* flags_str - the flags as tcpdump has them: "S.", "FP.", "none" */
static const char *flags_str(uint8_t flags, char *buf)
{
	char *p = buf;

	for (size_t i = 0; i < sizeof(flag_names) / sizeof(*flag_names); i++)
		if (flags & flag_names[i].bit)
			*p++ = flag_names[i].letter;
	*p = '\0';
	return flags ? buf : strcpy(buf, "none");
}

/* print_option - one option in tcpdump's words */
static void print_option(int kind, const uint8_t *body, size_t len)
{
	if (kind == OPT_EOL) {
		printf("eol");
	} else if (kind == OPT_NOP) {
		printf("nop");
	} else if (kind == OPT_MSS && len == 2) {
		printf("mss %u", get16(body));
	} else if (kind == OPT_WSCALE && len == 1) {
		printf("wscale %u", body[0]);
	} else if (kind == OPT_SACK_OK && !len) {
		printf("sackOK");
	} else if (kind == OPT_TS && len == 8) {
		printf("TS val %u ecr %u", get32(body), get32(body + 4));
	} else if (kind == OPT_SACK && len && len % 8 == 0) {
		printf("sack %zu ", len / 8);
		for (size_t i = 0; i < len; i += 8)
			printf("{%u:%u}", get32(body + i), get32(body + i + 4));
	} else if (kind == -2) {
		printf("[bad opt]");
	} else {
		printf("unknown-%d", kind);
		for (size_t i = 0; i < len; i++)
			printf("%s%02x", i ? "" : " 0x", body[i]);
	}
}

/* print_end - an address and port as tcpdump has them: 10.0.1.2.80 */
static void print_end(const struct addr *a)
{
	char host[INET6_ADDRSTRLEN];
	size_t len;

	printf("%s.%u",
	       inet_ntop(a->sa.sa_family, addr_bytes(a, &len), host,
			 sizeof(host)),
	       addr_port(a));
}

/* print_line - a segment as tcpdump -n -S prints it, without the time */
static void print_line(const struct segment *s)
{
	const uint8_t *body;
	size_t at = 0, len;
	char flags[16];
	int kind;

	printf("IP%s ", s->v6 ? "6" : "");
	print_end(&s->src);
	printf(" > ");
	print_end(&s->dst);
	printf(": Flags [%s]", flags_str(s->flags, flags));
	if (s->len)
		printf(", seq %u:%u", s->seq, (uint32_t)(s->seq + s->len));
	else if (s->flags & (SYN | FIN | RST))
		printf(", seq %u", s->seq);
	if (s->flags & ACK)
		printf(", ack %u", s->ack);
	printf(", win %u", s->win);
	if (s->flags & URG)
		printf(", urg %u", s->urg);
	if (s->opts_len) {
		printf(", options [");
		while ((kind = next_option(s, &at, &body, &len)) != -1) {
			print_option(kind, body, len);
			/* RFC 9293 3.1: nothing counts behind the end. */
			if (kind == OPT_EOL)
				break;
			if (at < s->opts_len)
				putchar(',');
		}
		putchar(']');
	}
	printf(", length %zu\n", s->len);
}

/* print_json_options - the options a script asks for, by name */
static void print_json_options(const struct segment *s)
{
	const uint8_t *body;
	size_t at = 0, len;
	int kind;

	while ((kind = next_option(s, &at, &body, &len)) > OPT_EOL) {
		if (kind == OPT_MSS && len == 2)
			printf(",\"mss\":%u", get16(body));
		else if (kind == OPT_WSCALE && len == 1)
			printf(",\"wscale\":%u", body[0]);
		else if (kind == OPT_SACK_OK && !len)
			printf(",\"sackok\":true");
		else if (kind == OPT_TS && len == 8)
			printf(",\"tsval\":%u,\"tsecr\":%u", get32(body),
			       get32(body + 4));
	}
}

/* print_json_data - payload as a JSON string, a byte a character */
static void print_json_data(const struct segment *s)
{
	printf(",\"data\":\"");
	for (size_t i = 0; i < s->data_len; i++) {
		uint8_t c = s->data[i];

		if (c < 0x20 || c > 0x7e)
			printf("\\u%04x", c);
		else
			printf("%s%c", c == '"' || c == '\\' ? "\\" : "", c);
	}
	putchar('"');
}

/*
 * print_json - one event
 * @event: "sent", "answer" or "silence"
 * @s: its segment, NULL for silence
 * @at_ns: when, by now_ns()
 */
static void print_json(const struct job *j, const char *event,
		       const struct segment *s, int64_t at_ns)
{
	char str[ADDR_STRLEN], flags[16];

	printf("{\"event\":\"%s\",\"local\":\"%s\"", event,
	       addr_str(&j->src, str));
	printf(",\"peer\":\"%s\"", addr_str(&j->dst, str));
	if (s) {
		printf(",\"flags\":\"%s\",\"seq\":%u,\"ack\":%u,\"win\":%u,\"len\":%zu",
		       flags_str(s->flags, flags), s->seq, s->ack, s->win,
		       s->len);
		if (s->flags & URG)
			printf(",\"urg\":%u", s->urg);
		print_json_options(s);
		if (s->data_len)
			print_json_data(s);
	}
	printf(",\"t\":%.6f", (double)(at_ns - j->start_ns) / 1e9);
	if (j->sent_ns && strcmp(event, "sent") != 0)
		printf(",\"t_after\":%.6f", (double)(at_ns - j->sent_ns) / 1e9);
	printf("}\n");
}

/* print_answer - an answer, or (@s NULL) that none came */
static void print_answer(const struct job *j, const struct segment *s,
			 int64_t at_ns)
{
	if (j->json)
		print_json(j, s ? "answer" : "silence", s, at_ns);
	else if (s)
		print_line(s);
	else
		printf("silence\n");
	flush_stdout();
}

/* --- the answer --------------------------------------------------------- */

/* struct sock_filter and struct sock_fprog of linux/filter.h */
struct filter_op {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct filter {
	unsigned short len;
	struct filter_op *ops;
};

enum {
	LD_W = 0x20,	/* A = 32 bits at k */
	LD_H = 0x28,	/* A = 16 bits at k */
	LD_B = 0x30,	/* A = 8 bits at k */
	LD_HX = 0x48,	/* A = 16 bits at X + k */
	LDX_IP4 = 0xb1, /* X = the IPv4 header's length, of the byte at k */
	AND = 0x54,
	JEQ = 0x15,
	JSET = 0x45,
	RET = 0x06,
	FILTER_MAX = 40,
	DROP = 0xff, /* a jump to the end, resolved by filter_done() */
};

static void filter_add(struct filter *f, uint16_t code, uint32_t k, uint8_t jt,
		       uint8_t jf)
{
	f->ops[f->len++] = (struct filter_op){code, jt, jf, k};
}

/* filter_want - go on only if what @code loads from @at is @value */
static void filter_want(struct filter *f, uint16_t code, uint32_t at,
			uint32_t value)
{
	filter_add(f, code, at, 0, 0);
	filter_add(f, JEQ, value, 0, DROP);
}

/* filter_done - the two ends, and the jumps to the second of them */
static void filter_done(struct filter *f)
{
	filter_add(f, RET, UINT32_MAX, 0, 0);
	for (unsigned short i = 0; i < f->len; i++) {
		struct filter_op *op = &f->ops[i];

		if (op->jt == DROP)
			op->jt = (uint8_t)(f->len - i - 1);
		if (op->jf == DROP)
			op->jf = (uint8_t)(f->len - i - 1);
	}
	filter_add(f, RET, 0, 0, 0);
}

/*
 * filter_direction - each answer once, where its receiver would see it
 * @own: the answering address is one of this namespace's own
 *
 * A frame for somebody else's hardware address (PACKET_OTHERHOST) has not
 * reached anybody.  Outgoing frames count only where the answer is our own
 * kernel's, and not on loopback, where each comes in a moment later.
 */
static void filter_direction(struct filter *f, bool own)
{
	filter_add(f, LD_W, FILTER_AD_PKTTYPE, 0, 0);
	filter_add(f, JEQ, PACKET_OTHERHOST, DROP, 0);
	if (!own) {
		filter_add(f, JEQ, PACKET_OUTGOING, DROP, 0);
		return;
	}
	filter_add(f, JEQ, PACKET_OUTGOING, 0, 2);
	filter_add(f, LD_W, FILTER_AD_HATYPE, 0, 0);
	filter_add(f, JEQ, HW_LOOPBACK, DROP, 0);
}

/*
 * filter_answers - let through only TCP from the job's DST to its SRC
 *
 * Offsets count from the IP header: that is where a SOCK_DGRAM packet socket
 * begins.
 */
static void filter_answers(const struct job *j, struct filter *f)
{
	const uint8_t *from, *to;
	size_t n;

	from = addr_bytes(&j->dst, &n);
	to = addr_bytes(&j->src, &n);
	filter_add(f, LD_B, 0, 0, 0);
	filter_add(f, AND, 0xf0, 0, 0);
	filter_add(f, JEQ, j->v6 ? 0x60 : 0x40, 0, DROP);
	filter_want(f, LD_B, j->v6 ? 6 : 9, IPPROTO_TCP);
	for (uint32_t i = 0; i < n; i += 4) {
		filter_want(f, LD_W, (j->v6 ? 8 : 12) + i, get32(from + i));
		filter_want(f, LD_W, (j->v6 ? 24 : 16) + i, get32(to + i));
	}
	if (j->v6) {
		filter_want(f, LD_H, IP6_LEN, addr_port(&j->dst));
		filter_want(f, LD_H, IP6_LEN + 2, addr_port(&j->src));
		return;
	}
	filter_add(f, LD_H, 6, 0, 0); /* a later fragment has no ports */
	filter_add(f, JSET, 0x1fff, DROP, 0);
	filter_add(f, LDX_IP4, 0, 0, 0);
	filter_want(f, LD_HX, 0, addr_port(&j->dst));
	filter_want(f, LD_HX, 2, addr_port(&j->src));
}

/* is_own - whether an address belongs to this namespace: can it be bound? */
static bool is_own(const struct addr *a)
{
	struct addr any_port = *a;
	int fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool own;

	if (fd < 0)
		return false;
	addr_set_port(&any_port, 0);
	own = !bind(fd, &any_port.sa, any_port.len);
	close(fd);
	return own;
}

/* need_raw - a packet or raw socket, or exit 1 with what it needs */
static int need_raw(int family, int type, int protocol, const char *what)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0 && (errno == EPERM || errno == EACCES))
		die_errno(
			"open a %s socket, which needs CAP_NET_RAW (be root, or use %s)",
			what, sandbox_command());
	if (fd < 0)
		die_errno("open a %s socket", what);
	return fd;
}

/*
 * open_capture - a packet socket that already holds every answer from now on
 *
 * Without a protocol a packet socket receives nothing; the bind() gives it
 * one, when the filter is in place.  Any failure is exit 1.
 */
static int open_capture(const struct job *j)
{
	int fd = need_raw(AF_PACKET, SOCK_DGRAM, 0, "packet"), on = 1;
	struct filter_op ops[FILTER_MAX];
	struct filter f = {0, ops};
	struct sockaddr_ll ll;

	filter_direction(&f, is_own(&j->dst));
	filter_answers(j, &f);
	filter_done(&f);
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof(f)))
		die_errno("attach the filter to the packet socket");
	/* The kernel's time of arrival: our own is as late as we are run. */
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)))
		die_errno("ask for time stamps on the packet socket");
	memset(&ll, 0, sizeof(ll));
	ll.sll_family = AF_PACKET;
	ll.sll_protocol = htons(ETHER_ALL);
	ll.sll_ifindex = (int)j->ifindex;
	if (bind(fd, (struct sockaddr *)&ll, sizeof(ll)))
		die_errno("bind the packet socket to %s",
			  j->iface ? j->iface : "all interfaces");
	return fd;
}

/*
 * arrival_ns - when a packet came, by now_ns()
 * @msg: as recvmsg() left it, with the kernel's CLOCK_REALTIME stamp
 */
static int64_t arrival_ns(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct timespec stamp, real;
	int64_t now = now_ns(), age;

	if (!c || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_len < CMSG_LEN(sizeof(stamp)))
		return now;
	memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
	clock_gettime(CLOCK_REALTIME, &real);
	age = (int64_t)(real.tv_sec - stamp.tv_sec) * 1000000000 +
	      (real.tv_nsec - stamp.tv_nsec);
	/* Somebody may have set the clock meanwhile. */
	return age < 0 || age > 1000000000 ? now : now - age;
}

/*
 * wait_readable - wait for a packet until @deadline (now_ns() time)
 *
 * Returns false at the deadline, or when a signal asks to stop.  The signals
 * are blocked but in ppoll(), so that none slips in before it.
 */
static bool wait_readable(int fd, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	sigset_t both, before;
	int n = -1;

	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	sigprocmask(SIG_BLOCK, &both, &before);
	while (n < 0 && !stopped) {
		int64_t left = deadline - now_ns();
		struct timespec ts;

		if (left < 0)
			left = 0;
		ts.tv_sec = (time_t)(left / 1000000000);
		ts.tv_nsec = (long)(left % 1000000000);
		n = ppoll(&p, 1, &ts, &before);
		if (n < 0 && errno != EINTR)
			die_errno("wait for the answer");
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return n > 0;
}

/*
 * receive - take one segment from the capture
 * @buf: FRAME_MAX bytes that @s will point into
 * @at_ns: when it came
 *
 * Returns false for a packet that is no well-formed segment.
 */
static bool receive(int fd, uint8_t *buf, struct segment *s, int64_t *at_ns)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct timespec))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = FRAME_MAX};
	struct msghdr msg;
	ssize_t n;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	n = recvmsg(fd, &msg, MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n < 0)
		die_errno("receive the answer");
	*at_ns = arrival_ns(&msg);
	return read_segment(buf, (size_t)n, s);
}

/*
 * check_lost - exit 1 if answers came faster than we took them
 *
 * Those are lost to us, and whoever counts answers must know.
 */
static void check_lost(int fd)
{
	unsigned int stats[2] = {0, 0}; /* struct tpacket_stats: seen, lost */
	socklen_t len = sizeof(stats);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, stats, &len))
		die_errno("ask the packet socket for its losses");
	if (!stats[1])
		return;
	warn_errno(ENOBUFS, "receive the answers: %u were lost", stats[1]);
	exit(EXIT_REFUSED);
}

/* show_answers - print up to the job's count of answers, or silence */
static void show_answers(const struct job *j, int fd)
{
	int64_t deadline = now_ns() + j->wait_ns, at_ns;
	uint8_t *buf = malloc(FRAME_MAX);
	struct segment s;
	long seen = 0;

	if (!buf)
		die_errno("get memory for the answer");
	while (seen < j->count && wait_readable(fd, deadline)) {
		if (receive(fd, buf, &s, &at_ns)) {
			print_answer(j, &s, at_ns);
			seen++;
		} else if (now_ns() >= deadline) {
			break;
		}
	}
	if (seen < j->count)
		check_lost(fd);
	/* A wait cut short by a signal has not observed silence. */
	if (!seen && !stopped)
		print_answer(j, NULL, now_ns());
	free(buf);
}

/* --- sending ------------------------------------------------------------ */

/*
 * in_sandbox - whether this network namespace is scripts/sandbox's
 *
 * Two things together.  RTEST_SANDBOX says that the sandbox started us; as
 * any variable it may have strayed somewhere else, so the kernel is asked as
 * well: the machine's own network namespace belongs to the initial user
 * namespace, whose inode number is fixed.  Comparing with /proc/1/ns/net
 * would not do: users may not read that, and in a pid namespace pid 1 is a
 * neighbour.  Where the owner is outside our reach, ioctl() says EPERM: then
 * the namespace is not ours either.
 */
static bool in_sandbox(void)
{
	const char *said = getenv("RTEST_SANDBOX");
	int net, user;
	struct stat st;
	bool ours;

	if (!said || !*said)
		return false;
	net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (net < 0)
		return false;
	user = ioctl(net, NS_OF_USER);
	close(net);
	if (user < 0)
		return false;
	ours = !fstat(user, &st) && st.st_ino != USER_INIT_INO;
	close(user);
	return ours;
}

/* is_lab_addr - loopback, documentation, or the sandbox's own networks */
static bool is_lab_addr(const struct addr *a)
{
	static const struct {
		uint32_t net;
		int bits;
	} nets[] = {
		{0x7f000000, 8},  /* 127.0.0.0/8 */
		{0x0a000000, 16}, /* 10.0.0.0/16: the sandbox's hosts */
		{0xc0000200, 24}, /* 192.0.2.0/24, RFC 5737 */
		{0xc6336400, 24}, /* 198.51.100.0/24 */
		{0xcb007100, 24}, /* 203.0.113.0/24 */
	};
	size_t len;
	const uint8_t *b = addr_bytes(a, &len);
	uint32_t head = get32(b);

	if (len == 16)
		return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr) ||
		       head >> 16 == 0xfd00 || /* fd00::/16 */
		       head == 0x20010db8;     /* 2001:db8::/32, RFC 3849 */
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if ((head ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	return false;
}

/*
 * find_iface - look up the interface of -i: its index and hardware address
 *
 * An interface that is not there is exit 1.  One with a hardware address
 * needs to be told whose frame this is (-e).
 */
static void find_iface(struct job *j)
{
	struct ifreq ifr;
	int fd;

	memset(&ifr, 0, sizeof(ifr));
	if (strlen(j->iface) >= sizeof(ifr.ifr_name))
		die_usage("-i wants an interface's name, not '%s'", j->iface);
	memcpy(ifr.ifr_name, j->iface, strlen(j->iface));
	fd = socket(j->src.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die_errno("open a socket");
	if (ioctl(fd, SIOCGIFINDEX, &ifr))
		die_errno("find interface %s", j->iface);
	j->ifindex = (unsigned int)ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		die_errno("read the hardware address of %s", j->iface);
	memcpy(j->mac_src, ifr.ifr_hwaddr.sa_data, 6);
	close(fd);
	if (!j->has_mac_dst && !j->listen_only &&
	    ifr.ifr_hwaddr.sa_family != HW_LOOPBACK)
		die_usage(
			"-i %s needs -e, the hardware address that the frame goes to",
			j->iface);
}

/* send_frame - through the interface of -i, with an Ethernet header of ours */
static ssize_t send_frame(const struct job *j, uint8_t *frame, size_t len)
{
	struct sockaddr_ll ll;
	int fd = need_raw(AF_PACKET, SOCK_RAW, 0, "packet");
	ssize_t n;

	memcpy(frame, j->mac_dst, 6);
	memcpy(frame + 6, j->mac_src, 6);
	put16(frame + 12, j->v6 ? ETHER_IP6 : ETHER_IP);
	memset(&ll, 0, sizeof(ll));
	ll.sll_family = AF_PACKET;
	ll.sll_ifindex = (int)j->ifindex;
	ll.sll_protocol = htons(j->v6 ? ETHER_IP6 : ETHER_IP);
	do
		n = sendto(fd, frame, len, 0, (struct sockaddr *)&ll,
			   sizeof(ll));
	while (n < 0 && errno == EINTR);
	close_keep(fd);
	return n;
}

/*
 * send_packet - through a raw IP socket, to where the routes lead
 *
 * The IP header is ours: IPPROTO_RAW means IP_HDRINCL (raw(7)), and for IPv6
 * IPV6_HDRINCL (rawv6_init_sk).
 */
static ssize_t send_packet(const struct job *j, const uint8_t *packet,
			   size_t len)
{
	int fd = need_raw(j->dst.sa.sa_family, SOCK_RAW, IPPROTO_RAW, "raw");
	struct addr to = j->dst;
	ssize_t n;

	addr_set_port(&to, 0); /* an IPv6 raw socket takes it as protocol */
	do
		n = sendto(fd, packet, len, 0, &to.sa, to.len);
	while (n < 0 && errno == EINTR);
	close_keep(fd);
	return n;
}

/*
 * send_segment - build the segment and send it
 *
 * A refusal is exit 1.  Sets sent_ns just before the kernel gets it, because
 * on loopback the answer is there before sendto() returns.
 */
static void send_segment(struct job *j, uint8_t *frame, size_t len)
{
	char dst[ADDR_STRLEN];
	struct segment s;
	ssize_t n;

	j->sent_ns = now_ns();
	if (j->iface)
		n = send_frame(j, frame, len);
	else
		n = send_packet(j, frame + ETH_LEN, len - ETH_LEN);
	if (n < 0 && j->iface)
		die_errno("send to %s through %s", addr_str(&j->dst, dst),
			  j->iface);
	if (n < 0)
		die_errno("send to %s", addr_str(&j->dst, dst));
	if (!read_segment(frame + ETH_LEN, len - ETH_LEN, &s))
		return;
	if (j->json)
		print_json(j, "sent", &s, j->sent_ns);
	else if (j->verbose)
		print_line(&s);
	flush_stdout();
}

/* --- the command line --------------------------------------------------- */

static void help(void)
{
	fputs("usage: forge [options] SRC_ADDR:PORT DST_ADDR:PORT\n"
	      "Send one hand-made TCP segment from SRC to DST, and show the answer.\n"
	      "IPv6 addresses stand in brackets: [::1]:80.\n"
	      "\n"
	      "The segment:\n"
	      "  -f FLAGS       flags, tcpdump's letters in any order: F S R P . U E W;\n"
	      "                 A is the same as the dot; none for none (S)\n"
	      "  -s SEQ         sequence number (0)\n"
	      "  -k ACK         acknowledgement number (0); the flag is -f's business\n"
	      "  -w WINDOW      window, as in the header, not scaled (65535)\n"
	      "  -u POINTER     urgent pointer (0); the flag is -f's business\n"
	      "  -t TTL         time to live, or hop limit (64)\n"
	      "  -M MSS         option: maximum segment size\n"
	      "  -K             option: sackOK\n"
	      "  -T VAL[,ECR]   option: timestamps\n"
	      "  -W SHIFT       option: window scale\n"
	      "  -O HEX         options as bytes, taken as they are: 0204ffff\n"
	      "  -d TEXT        payload\n"
	      "  -D N           payload of N bytes: abc...zabc...\n"
	      "  -x             make the TCP checksum wrong (it is right otherwise)\n"
	      "SEQ, ACK, VAL and ECR count modulo 2^32: a script may say $((seq - 1)).\n"
	      "\n"
	      "Its way:\n"
	      "  -i IFACE       as an Ethernet frame through this interface (otherwise: a\n"
	      "                 raw IP socket, and the routes decide)\n"
	      "  -e MAC         ... to this hardware address\n"
	      "  --anywhere     send to any address.  Without it, only loopback and\n"
	      "                 10.0.0.0/16, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24,\n"
	      "                 fd00::/16, 2001:db8::/32; inside the sandbox, any\n"
	      "\n"
	      "Its answer, a segment from DST to SRC:\n"
	      "  -r SECONDS     wait so long for it and print it, or 'silence'\n"
	      "  -l SECONDS     the same without sending anything\n"
	      "  -n COUNT       up to COUNT answers until then (1)\n"
	      "  -v             print the segment sent, too; with -l, say 'forge: listening'\n"
	      "                 on stderr when nothing can be missed any more\n"
	      "  -j             JSON lines: sent, answer, silence\n"
	      "  -h, --help     this text\n"
	      "  --version      the version\n"
	      "\n"
	      "It needs CAP_NET_RAW: the sandbox has it.  Silence is an observation and\n"
	      "exits 0; 1 is a refusal, 2 a wrong command line.\n"
	      "\n"
	      "The kernel that owns SRC takes part: it has no such connection, so it resets\n"
	      "whatever answers the forged segment.  On loopback that is this very kernel.\n"
	      "For a conversation without it, send from a host that has no address at all:\n"
	      "scripts/lib/silent makes one.  Example, in there:\n"
	      "  forge -i link0 -e $mac -f S -s 1000 -M 1460 -r 1 10.0.1.1:999 10.0.1.2:80\n",
	      stdout);
}

/* parse_mod32 - a number that is meant modulo 2^32, or a usage error */
static uint32_t parse_mod32(const char *what, const char *s)
{
	const char *digits = *s == '-' ? s + 1 : s;
	long long n;
	char *end;

	errno = 0;
	n = strtoll(s, &end, 10);
	if (*digits < '0' || *digits > '9' || *end || errno ||
	    n < -4294967295LL || n > 8589934591LL)
		die_usage("%s wants a number from 0 to 4294967295, not '%s'",
			  what, s);
	return (uint32_t)n;
}

/* parse_flags - "SA", "F.", "none"; anything else is a usage error */
static uint8_t parse_flags(const char *s)
{
	uint8_t flags = 0;

	if (!strcmp(s, "none"))
		return 0;
	for (const char *p = s; *p; p++) {
		char c = *p == 'A' ? '.' : *p;
		uint8_t bit = 0;

		for (size_t i = 0; i < sizeof(flag_names) / sizeof(*flag_names);
		     i++)
			if (flag_names[i].letter == c)
				bit = flag_names[i].bit;
		if (!bit)
			die_usage(
				"-f has the letters F S R P . (or A) U E W, or none, not '%s'",
				s);
		flags |= bit;
	}
	if (!*s)
		die_usage("-f wants flags; none is written 'none'");
	return flags;
}

/* parse_timestamps - VAL or VAL,ECR */
static void parse_timestamps(struct job *j, const char *s)
{
	const char *comma = strchr(s, ',');
	char val[32];

	if (comma && (size_t)(comma - s) < sizeof(val)) {
		memcpy(val, s, (size_t)(comma - s));
		val[comma - s] = '\0';
		j->tsval = parse_mod32("-T", val);
		j->tsecr = parse_mod32("-T", comma + 1);
	} else {
		j->tsval = parse_mod32("-T", s);
		j->tsecr = 0;
	}
	j->has_ts = true;
}

/* hex_digit - its value, or -1 */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* parse_raw_options - pairs of hexadecimal digits, at most OPTS_MAX */
static void parse_raw_options(struct job *j, const char *s)
{
	size_t n = strlen(s);

	if (!n || n % 2 || n / 2 > OPTS_MAX)
		die_usage(
			"-O wants 1 to %d bytes of two hexadecimal digits, not '%s'",
			OPTS_MAX, s);
	for (size_t i = 0; i < n; i += 2) {
		int hi = hex_digit(s[i]), lo = hex_digit(s[i + 1]);

		if (hi < 0 || lo < 0)
			die_usage("-O wants hexadecimal digits, not '%s'", s);
		j->raw_opts[i / 2] = (uint8_t)(hi << 4 | lo);
	}
	j->raw_opts_len = n / 2;
}

/* parse_mac - six pairs of hexadecimal digits with colons */
static void parse_mac(struct job *j, const char *s)
{
	for (int i = 0; i < 6; i++) {
		const char *p = s + 3 * i;
		int hi = -1, lo = -1;

		/* Stop at the first that is wrong: it may be the end. */
		if ((hi = hex_digit(p[0])) < 0 || (lo = hex_digit(p[1])) < 0 ||
		    p[2] != (i < 5 ? ':' : '\0'))
			die_usage(
				"-e wants a hardware address like 02:00:00:00:00:01, not '%s'",
				s);
		j->mac_dst[i] = (uint8_t)(hi << 4 | lo);
	}
	j->has_mac_dst = true;
}

/*
 * parse_end - an operand ADDR:PORT or [ADDR]:PORT, or a usage error
 *
 * No names: a look-up would send packets of its own.
 */
static struct addr parse_end(const char *what, const char *s)
{
	const char *colon = strrchr(s, ':');
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE], bare[sizeof(host)];
	size_t n = colon ? (size_t)(colon - s) : 0;
	bool v6 = *s == '[';
	struct in6_addr any;
	long port;

	if (!n || n >= sizeof(host) || (v6 && (n < 2 || s[n - 1] != ']')))
		die_usage("%s wants ADDR:PORT or [ADDR]:PORT, not '%s'", what,
			  s);
	memcpy(host, v6 ? s + 1 : s, v6 ? n - 2 : n);
	host[v6 ? n - 2 : n] = '\0';
	strcpy(bare, host);
	if (v6)
		bare[strcspn(bare, "%")] = '\0';
	if (inet_pton(v6 ? AF_INET6 : AF_INET, bare, &any) != 1)
		die_usage("%s wants ADDR:PORT or [ADDR]:PORT, not '%s'", what,
			  s);
	port = parse_long("a port", colon + 1, 0, 65535);
	return parse_addr(what, host, (in_port_t)port);
}

/* parse_segment_option - one of the letters that shape the segment */
static bool parse_segment_option(struct job *j, int c, const char *arg)
{
	switch (c) {
	case 'f':
		j->flags = parse_flags(arg);
		break;
	case 's':
		j->seq = parse_mod32("-s", arg);
		break;
	case 'k':
		j->ack = parse_mod32("-k", arg);
		break;
	case 'w':
		j->win = (uint16_t)parse_long("-w", arg, 0, 65535);
		break;
	case 'u':
		j->urg = (uint16_t)parse_long("-u", arg, 0, 65535);
		break;
	case 't':
		j->ttl = (uint8_t)parse_long("-t", arg, 0, 255);
		break;
	case 'M':
		j->mss = (uint16_t)parse_long("-M", arg, 0, 65535);
		j->has_mss = true;
		break;
	case 'K':
		j->sack_ok = true;
		break;
	case 'T':
		parse_timestamps(j, arg);
		break;
	case 'W':
		j->wscale = (uint8_t)parse_long("-W", arg, 0, 255);
		j->has_wscale = true;
		break;
	case 'O':
		parse_raw_options(j, arg);
		break;
	case 'd':
		j->text = arg;
		break;
	case 'D':
		j->fill = parse_long("-D", arg, 0, IP_MAX);
		break;
	case 'x':
		j->bad_checksum = true;
		break;
	default:
		return false;
	}
	j->segment_option = (char)c;
	return true;
}

/* parse_wait - the deadline of -r or -l; the two exclude each other */
static void parse_wait(struct job *j, int c, const char *arg)
{
	if (j->wait_ns >= 0 && j->listen_only != (c == 'l'))
		die_usage(
			"-r waits after sending and -l does not send: take one");
	j->wait_ns = parse_seconds(c == 'l' ? "-l" : "-r", arg);
	j->listen_only = c == 'l';
}

/* check_job - what does not go together, before anything is touched */
static void check_job(const struct job *j, bool counted)
{
	if (j->src.sa.sa_family != j->dst.sa.sa_family)
		die_usage("SRC and DST must both be IPv4, or both IPv6");
	if (j->text && j->fill >= 0)
		die_usage("-d and -D both give the payload: take one");
	if (j->has_mac_dst && !j->iface)
		die_usage(
			"-e needs -i, the interface that the frame goes through");
	if (counted && j->wait_ns < 0)
		die_usage("-n counts answers: it needs -r or -l");
	if (j->listen_only && j->segment_option)
		die_usage("-l sends nothing, so -%c has no meaning",
			  j->segment_option);
	if (!j->listen_only && !j->anywhere && !is_lab_addr(&j->dst) &&
	    !in_sandbox()) {
		char dst[ADDR_STRLEN];

		die_usage(
			"%s is neither loopback nor a lab address, and this is not %s: --anywhere sends nevertheless",
			addr_str(&j->dst, dst), sandbox_command());
	}
}

/* die_unknown - a usage error about the word that getopt_long() refused */
static void die_unknown(const char *word)
{
	if (optopt && strncmp(word, "--", 2) != 0)
		die_usage("unknown option '-%c'", optopt);
	die_usage("unknown option '%s'", word);
}

/* parse_options - the whole command line, into @j; --help ends the program */
static void parse_options(struct job *j, int argc, char **argv)
{
	static const struct option names[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{"anywhere", no_argument, NULL, 'a'},
		{NULL, 0, NULL, 0},
	};
	bool counted = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv,
				":f:s:k:w:u:t:M:KT:W:O:d:D:xi:e:r:l:n:vjh",
				names, NULL)) != -1) {
		if (parse_segment_option(j, c, optarg))
			continue;
		if (c == 'i') {
			j->iface = optarg;
		} else if (c == 'e') {
			parse_mac(j, optarg);
		} else if (c == 'r' || c == 'l') {
			parse_wait(j, c, optarg);
		} else if (c == 'n') {
			j->count = parse_long("-n", optarg, 1, 1000000);
			counted = true;
		} else if (c == 'v') {
			j->verbose = true;
		} else if (c == 'j') {
			j->json = true;
		} else if (c == 'a') {
			j->anywhere = true;
		} else if (c == 'h' || c == 'V') {
			if (c == 'h')
				help();
			else
				printf("forge %s\n", RTEST_VERSION);
			flush_stdout();
			exit(EXIT_DONE);
		} else if (c == ':') {
			die_usage("option -%c wants a value", optopt);
		} else {
			die_unknown(argv[optind - 1]);
		}
	}
	if (argc - optind != 2)
		die_usage(
			"wants two operands, SRC_ADDR:PORT and DST_ADDR:PORT, not %d",
			argc - optind);
	j->src = parse_end("SRC", argv[optind]);
	j->dst = parse_end("DST", argv[optind + 1]);
	j->v6 = j->dst.sa.sa_family == AF_INET6;
	check_job(j, counted);
}

/*
 * catch_signals - SIGINT and SIGTERM end the wait, not the program; a write
 * to a pipe that nobody reads fails with EINTR
 */
static void catch_signals(void)
{
	struct sigaction act;

	memset(&act, 0, sizeof(act));
	act.sa_handler = on_signal;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/*
 * keep_standard_fds - occupy descriptors 0 to 2 where they are closed, so that
 * no socket of ours becomes standard output; writing there then fails
 */
static void keep_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	struct job j;
	uint8_t *frame = NULL;
	size_t len = 0;
	int capture = -1;

	prog_name = "forge";
	keep_standard_fds();
	memset(&j, 0, sizeof(j));
	j.start_ns = now_ns();
	j.flags = SYN;
	j.win = 65535;
	j.ttl = 64;
	j.fill = -1;
	j.wait_ns = -1;
	j.count = 1;
	parse_options(&j, argc, argv);
	catch_signals();
	if (!j.listen_only)
		frame = build_frame(&j, &len);
	if (j.iface)
		find_iface(&j);
	/* The capture comes first, so that no answer is missed. */
	if (j.wait_ns >= 0)
		capture = open_capture(&j);
	if (frame)
		send_segment(&j, frame, len);
	if (j.listen_only && j.verbose)
		fputs("forge: listening\n", stderr);
	if (capture >= 0) {
		show_answers(&j, capture);
		close(capture);
	}
	free(frame);
	return EXIT_DONE;
}
