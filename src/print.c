/* SPDX-License-Identifier: MIT */
/* print.c - a segment in words: tcpdump's line, and JSON */
#include "print.h"

/* The letters in the order in which tcpdump prints them. */
static const struct {
	uint16_t flag;
	char letter;
} flag_names[] = {{FIN, 'F'}, {SYN, 'S'}, {RST, 'R'}, {PSH, 'P'}, {ACK, '.'},
		  {URG, 'U'}, {ECE, 'E'}, {CWR, 'W'}, {AE, 'e'}};

/* The options that are shown as bytes. */
static const struct {
	uint8_t kind;
	const char *name;
} option_names[] = {
	{OPT_MD5, "md5"},	  {OPT_UTO, "uto"}, {OPT_AO, "tcp-ao"},
	{OPT_MPTCP, "mptcp"},	  {OPT_TFO, "tfo"}, {OPT_ACCECN0, "accecn0"},
	{OPT_ACCECN1, "accecn1"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* flags_text - S, S., F., ... or none; @buf has FLAGS_STRLEN bytes */
const char *flags_text(char *buf, uint16_t flags)
{
	char *p = buf;

	for (size_t i = 0; i < COUNT(flag_names); i++)
		if (flags & flag_names[i].flag)
			*p++ = flag_names[i].letter;
	*p = '\0';
	return p > buf ? buf : "none";
}

/* flags_value - the flags of "SA", "F.", "none"; -1: there is another letter */
int flags_value(const char *text)
{
	int flags = 0;

	if (!strcmp(text, "none"))
		return 0;
	for (const char *p = text; *p; p++) {
		char c = *p == 'A' ? '.' : *p;
		size_t i = 0;

		while (i < COUNT(flag_names) && flag_names[i].letter != c)
			i++;
		if (i == COUNT(flag_names))
			return -1;
		flags |= flag_names[i].flag;
	}
	return *text ? flags : -1;
}

/*
 * end_text - an address, and a port, as tcpdump prints it: 127.0.0.1.80, ::1.80
 * @buf: ADDR_STRLEN bytes; also returned
 */
const char *end_text(char *buf, uint8_t family, const uint8_t *addr,
		     uint16_t port, bool have_port)
{
	size_t n;

	inet_ntop(family == 6 ? AF_INET6 : AF_INET, addr, buf, ADDR_STRLEN);
	n = strlen(buf);
	if (have_port)
		snprintf(buf + n, ADDR_STRLEN - n, ".%u", (unsigned int)port);
	return buf;
}

/*
 * parse_end - ADDR:PORT or [ADDR]:PORT, or a usage error about @what; no names:
 * a look-up would send packets of its own
 */
struct addr parse_end(const char *what, const char *s)
{
	char copy[128], *host = NULL, *port = NULL;
	struct in_addr in;

	if (strlen(s) < sizeof(copy))
		port = split_port(strcpy(copy, s), &host);
	/* getaddrinfo() takes 1.2.3, too. */
	if (!port || (host == copy ? inet_pton(AF_INET, host, &in) != 1
				   : !strchr(host, ':')))
		die_usage("%s wants ADDR:PORT or [ADDR]:PORT, not '%s'", what,
			  s);
	return resolve(what, host,
		       (in_port_t)parse_long("a port", port, 0, 65535),
		       AI_NUMERICHOST);
}

/* addr_bytes - the address alone, in network order; returns its length */
size_t addr_bytes(const struct addr *a, uint8_t bytes[16])
{
	if (a->sa.sa_family == AF_INET6) {
		memcpy(bytes, &a->in6.sin6_addr, 16);
		return 16;
	}
	memset(bytes, 0, 16);
	memcpy(bytes, &a->in.sin_addr, 4);
	return 4;
}

/*
 * relative - count @n from an ISN; false, and @n as it was, when the SYN was
 * not seen or the number lies before it
 */
bool relative(const struct origin *o, uint32_t *n)
{
	if (!o || !o->known || (!o->far && after(o->isn, *n)))
		return false;
	*n -= o->isn;
	return true;
}

/* shown - a number of @s in a line; in full without @o, and in each SYN */
uint32_t shown(const struct origin *o, const struct segment *s, uint32_t n)
{
	/* tcpdump too shows both numbers of a SYN and of a SYN-ACK in full. */
	if (!(s->flags & SYN))
		relative(o, &n);
	return n;
}

/*
 * of_sender - @tx, from which the sequence number of @s counts; NULL for
 * <SEQ=0><CTL=RST,ACK>, which comes from no connection (RFC 9293 3.10.7.1)
 */
const struct origin *of_sender(const struct origin *tx, const struct segment *s)
{
	bool none = (s->flags & (RST | ACK)) == (RST | ACK) && !s->seq;

	return none && !(tx && tx->known && tx->isn == UINT32_MAX) ? NULL : tx;
}

/* print_seconds - nanoseconds as seconds with 6 or 9 decimals, cut off */
void print_seconds(FILE *f, int64_t ns, int digits, int width)
{
	uint64_t abs = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	uint64_t unit = digits == 9 ? 1 : 1000;
	char text[40];
	int n;

	n = snprintf(text, sizeof(text), "%s%llu.%0*llu", ns < 0 ? "-" : "",
		     (unsigned long long)(abs / 1000000000), digits,
		     (unsigned long long)(abs % 1000000000 / unit));
	for (; n < width; n++)
		putc(' ', f);
	fputs(text, f);
}

/* --- lines -------------------------------------------------------------- */

static void print_hex(FILE *f, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%02x", p[i]);
}

/* option_name - of an option that is shown as bytes; NULL: it has none */
static const char *option_name(uint8_t kind)
{
	for (size_t i = 0; i < COUNT(option_names); i++)
		if (option_names[i].kind == kind)
			return option_names[i].name;
	return NULL;
}

static void print_option(FILE *f, const struct segment *s,
			 const struct origin *rx, const struct option_view *o)
{
	const uint8_t *d = o->data;

	if (is_option(o, OPT_EOL)) {
		fputs("eol", f);
	} else if (is_option(o, OPT_NOP)) {
		fputs("nop", f);
	} else if (is_option(o, OPT_MSS)) {
		fprintf(f, "mss %u", get16(d));
	} else if (is_option(o, OPT_WSCALE)) {
		fprintf(f, "wscale %u", d[0]);
	} else if (is_option(o, OPT_SACKOK)) {
		fputs("sackOK", f);
	} else if (is_option(o, OPT_TS)) {
		fprintf(f, "TS val %u ecr %u", get32(d), get32(d + 4));
	} else if (is_option(o, OPT_SACK)) {
		fprintf(f, "sack %d ", o->len / 8);
		for (int i = 0; i < o->len; i += 8)
			fprintf(f, "{%u:%u}", shown(rx, s, get32(d + i)),
				shown(rx, s, get32(d + i + 4)));
	} else {
		if (option_name(o->kind))
			fputs(option_name(o->kind), f);
		else
			fprintf(f, "unknown-%u", o->kind);
		if (o->len)
			fputs(" 0x", f);
		print_hex(f, d, o->len);
	}
}

static void print_options(FILE *f, const struct segment *s,
			  const struct origin *rx)
{
	struct option_view o;
	uint8_t at = 0;
	int more;

	fputs(", options [", f);
	while ((more = next_option(s, &at, &o)) > 0) {
		print_option(f, s, rx, &o);
		if (at < s->opts_len || s->opts_cut)
			putc(',', f);
	}
	if (s->opts_cut)
		fputs("[|tcp]", f);
	else if (more < 0)
		fprintf(f, "bad-%u", o.kind);
	putc(']', f);
}

/* print_odd - a packet that is no whole segment, without the family */
void print_odd(FILE *f, const struct segment *s)
{
	static const char *const names[] = {
		[FRAGMENT] = "TCP",
		[TRUNCATED] = "truncated",
		[MALFORMED] = "malformed",
	};
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	if (s->addrs)
		fprintf(f, "%s > %s: ",
			end_text(a, s->family, s->src, s->sport, s->ports),
			end_text(b, s->family, s->dst, s->dport, s->ports));
	fprintf(f, "%s: %s\n", names[s->kind], s->note);
}

/*
 * print_segment - a line, as tcpdump prints it behind the time
 * @tx, @rx: origins of the sender's and the receiver's numbers, or NULL
 */
void print_segment(FILE *f, const struct segment *s, const struct origin *tx,
		   const struct origin *rx)
{
	char a[ADDR_STRLEN], b[ADDR_STRLEN], flags[FLAGS_STRLEN];
	uint32_t seq;

	fputs(s->family == 6 ? "IP6 " : "IP ", f);
	if (s->missing)
		fprintf(f, "truncated-ip%s - %u bytes missing! ",
			s->family == 6 ? "6" : "", s->missing);
	if (s->kind != SEGMENT) {
		print_odd(f, s);
		return;
	}
	fprintf(f, "%s > %s: Flags [%s]",
		end_text(a, s->family, s->src, s->sport, true),
		end_text(b, s->family, s->dst, s->dport, true),
		flags_text(flags, s->flags));
	seq = shown(of_sender(tx, s), s, s->seq);
	if (s->len || s->flags & (SYN | FIN | RST))
		fprintf(f, ", seq %u", seq);
	if (s->len)
		fprintf(f, ":%u", seq + s->len);
	if (s->flags & ACK)
		fprintf(f, ", ack %u", shown(rx, s, s->ack));
	fprintf(f, ", win %u", s->win);
	if (s->flags & URG)
		fprintf(f, ", urg %u", s->urg);
	if (s->opts_len || s->opts_cut)
		print_options(f, s, rx);
	fprintf(f, ", length %u%s\n", s->len,
		s->first_fragment ? " (first fragment)" : "");
}

/* --- JSON --------------------------------------------------------------- */

/* json_option - one member of "options"; false: the kind has no name */
static bool json_option(FILE *f, const struct option_view *o, const char *comma)
{
	const uint8_t *d = o->data;

	if (is_option(o, OPT_MSS)) {
		fprintf(f, "%s\"mss\":%u", comma, get16(d));
	} else if (is_option(o, OPT_WSCALE)) {
		fprintf(f, "%s\"wscale\":%u", comma, d[0]);
	} else if (is_option(o, OPT_SACKOK)) {
		fprintf(f, "%s\"sackOK\":true", comma);
	} else if (is_option(o, OPT_TS)) {
		fprintf(f, "%s\"tsval\":%u,\"tsecr\":%u", comma, get32(d),
			get32(d + 4));
	} else if (is_option(o, OPT_SACK)) {
		fprintf(f, "%s\"sack\":[", comma);
		for (int i = 0; i < o->len; i += 8)
			fprintf(f, "%s[%u,%u]", i ? "," : "", get32(d + i),
				get32(d + i + 4));
		putc(']', f);
	} else if (option_name(o->kind)) {
		fprintf(f, "%s\"%s\":\"", comma, option_name(o->kind));
		print_hex(f, d, o->len);
		putc('"', f);
	} else {
		return false;
	}
	return true;
}

/* json_options - the options by name; kinds that have none in "other" */
static void json_options(FILE *f, const struct segment *s)
{
	bool had[256] = {false};
	const char *comma = "";
	struct option_view o;
	uint8_t at = 0;
	int more, others = 0;

	fputs(",\"options\":{", f);
	while ((more = next_option(s, &at, &o)) > 0) {
		if (had[o.kind] || o.kind <= OPT_NOP)
			continue; /* a key must not come twice */
		had[o.kind] = json_option(f, &o, comma);
		comma = had[o.kind] ? "," : comma;
	}
	if (s->opts_cut)
		fprintf(f, "%s\"cut\":true", comma);
	else if (more < 0)
		fprintf(f, "%s\"bad\":%u", comma, o.kind);
	comma = more < 0 || s->opts_cut ? "," : comma;
	for (at = 0; next_option(s, &at, &o) > 0;)
		if (!had[o.kind] && o.kind > OPT_NOP) {
			fprintf(f, "%s%s%u", others ? "," : comma,
				others ? "" : "\"other\":[", o.kind);
			others++;
		}
	fputs(others ? "]}" : "}", f);
}

/* json_segment - the members of a segment, from "flags" to "options" */
void json_segment(FILE *f, const struct segment *s, const struct origin *tx,
		  const struct origin *rx)
{
	char flags[FLAGS_STRLEN];
	uint32_t n;

	fprintf(f, ",\"flags\":\"%s\",\"seq\":%u,\"ack\":%u",
		flags_text(flags, s->flags), s->seq, s->ack);
	n = s->seq;
	if (relative(of_sender(tx, s), &n))
		fprintf(f, ",\"rel_seq\":%u", n);
	n = s->ack;
	if (s->flags & ACK && relative(rx, &n))
		fprintf(f, ",\"rel_ack\":%u", n);
	fprintf(f, ",\"win\":%u,\"len\":%u", s->win, s->len);
	if (s->flags & URG)
		fprintf(f, ",\"urg\":%u", s->urg);
	if (s->first_fragment)
		fputs(",\"first_fragment\":true", f);
	if (s->missing)
		fprintf(f, ",\"missing\":%u", s->missing);
	json_options(f, s);
}

static void json_end(FILE *f, const char *key, const struct segment *s,
		     const uint8_t *addr, uint16_t port)
{
	char buf[ADDR_STRLEN];

	fprintf(f, ",\"%s\":\"%s\"", key,
		s->ports ? end_str(buf, s->family == 6, addr, 0, port)
			 : end_text(buf, s->family, addr, 0, false));
}

/*
 * json_packet - an event of wire's; the caller closes the object
 * @event: its name; NULL: the kind of @s.  "t" counts from @t0.
 */
void json_packet(FILE *f, const char *event, const struct segment *s,
		 int64_t t0, const struct origin *tx, const struct origin *rx)
{
	static const char *const events[] = {
		[SEGMENT] = "segment",
		[FRAGMENT] = "fragment",
		[TRUNCATED] = "truncated",
		[MALFORMED] = "malformed",
	};

	fprintf(f, "{\"event\":\"%s\",\"t\":", event ? event : events[s->kind]);
	print_seconds(f, s->ns - t0, 9, 0);
	fputs(",\"time\":", f);
	print_seconds(f, s->ns, 9, 0);
	if (s->addrs) {
		json_end(f, "src", s, s->src, s->sport);
		json_end(f, "dst", s, s->dst, s->dport);
	}
	if (event)
		return;
	fprintf(f, ",\"frame\":%llu", (unsigned long long)s->number);
	if (s->family)
		fprintf(f, ",\"ttl\":%u", s->ttl);
	if (s->vlans)
		fprintf(f, ",\"vlan\":%u,\"vlans\":[", s->vlan[s->vlans - 1]);
	for (int i = 0; i < s->vlans; i++)
		fprintf(f, "%u%s", s->vlan[i], i + 1 < s->vlans ? "," : "]");
	if (s->kind == SEGMENT) {
		json_segment(f, s, tx, rx);
	} else {
		fputs(",\"note\":", f);
		json_string(f, s->note);
	}
}
