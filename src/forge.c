/* SPDX-License-Identifier: MIT */
/*
 * forge - sends one hand-made TCP segment and shows the answer
 *
 * Here: the options, and the output.  segment.c builds the bytes, inject.c
 * sends them, capture.c takes the answers.
 */
#include "inject.h"
#include "print.h"

/* The options, and their outcome. */
struct job {
	struct route route;

	/* the segment, and its TCP options */
	struct segment seg;
	bool has_ts, sack_ok, bad_checksum;
	uint32_t tsval, tsecr;
	int64_t mss, wscale; /* -1: none */
	uint8_t raw_opts[OPTS_MAX];
	size_t raw_opts_len;
	const char *text;
	int64_t fill; /* bytes of made-up payload, -1: none */
	bool anywhere;

	/* its answer */
	int64_t answer_ns, listen_ns; /* -r, -l; -1: not given */
	bool json, verbose;
	int64_t count, seen;

	int64_t start_ns, sent_ns;
};

/* --- the segment -------------------------------------------------------- */

/*
 * set_options - the options of a job, as Linux orders and pads them, then the
 * raw ones, zeros up to a whole word; too many are a usage error
 */
static void set_options(struct job *j)
{
	uint8_t b[2 * OPTS_MAX] = {0};
	size_t n = 0;

	if (j->mss >= 0) {
		b[n++] = OPT_MSS;
		b[n++] = 4;
		put16(b + n, (uint16_t)j->mss);
		n += 2;
	}
	/* sackOK sits where the two nops before a timestamp would be. */
	if (j->sack_ok || j->has_ts) {
		if (!j->sack_ok || !j->has_ts) {
			b[n++] = OPT_NOP;
			b[n++] = OPT_NOP;
		}
		if (j->sack_ok) {
			b[n++] = OPT_SACKOK;
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
	if (j->wscale >= 0) {
		b[n++] = OPT_NOP;
		b[n++] = OPT_WSCALE;
		b[n++] = 3;
		b[n++] = (uint8_t)j->wscale;
	}
	memcpy(b + n, j->raw_opts, j->raw_opts_len);
	n = (n + j->raw_opts_len + 3) / 4 * 4;
	if (n > OPTS_MAX)
		die_usage(
			"the options need %zu bytes, and a TCP header has room for %d",
			n, OPTS_MAX);
	memcpy(j->seg.opts, b, n);
	j->seg.opts_len = (uint8_t)n;
}

/*
 * build_frame - the segment, @len bytes in all, behind ETH_LEN for an Ethernet
 * header; too much for an IP packet is a usage error
 */
static uint8_t *build_frame(struct job *j, size_t *len)
{
	static uint8_t frame[ETH_LEN + IP6_LEN + IP_MAX], filler[IP_MAX];
	struct segment *s = &j->seg;

	set_options(j);
	for (int i = 0; i < IP_MAX; i++)
		filler[i] = (uint8_t)('a' + i % 26);
	s->data = j->text ? (const uint8_t *)j->text : filler;
	s->len = s->data_len = j->text	     ? (uint32_t)strlen(j->text)
			       : j->fill > 0 ? (uint32_t)j->fill
					     : 0;
	*len = ETH_LEN + build_packet(frame + ETH_LEN, s, j->bad_checksum);
	if (*len == ETH_LEN)
		die_usage(
			"a segment of %zu bytes does not fit into an IP packet",
			(size_t)TCP_LEN + s->opts_len + s->len);
	/* The payload that is shown is the one that was built. */
	s->data = frame + *len - s->len;
	return frame;
}

/* --- printing ----------------------------------------------------------- */

/* print_json - @event, "sent", "answer" or "silence", at @at_ns by now_ns() */
static void print_json(const struct job *j, const char *event,
		       const struct segment *s, int64_t at_ns)
{
	char str[ADDR_STRLEN];

	printf("{\"event\":\"%s\",\"local\":\"%s\"", event,
	       addr_str(&j->route.src, str));
	printf(",\"peer\":\"%s\"", addr_str(&j->route.dst, str));
	if (s)
		json_segment(stdout, s, NULL, NULL);
	if (s && s->data_len) {
		printf(",\"data\":");
		json_bytes(stdout, (const char *)s->data, s->data_len);
	}
	printf(",\"t\":%.6f", (double)(at_ns - j->start_ns) / 1e9);
	if (j->sent_ns && strcmp(event, "sent") != 0)
		printf(",\"t_after\":%.6f", (double)(at_ns - j->sent_ns) / 1e9);
	printf("}\n");
}

/* print_event - print_json(), or a line */
static void print_event(const struct job *j, const char *event,
			const struct segment *s, int64_t at_ns)
{
	if (j->json)
		print_json(j, event, s, at_ns);
	else if (s)
		print_segment(stdout, s, NULL, NULL);
	else
		printf("%s\n", event);
	flush_stdout();
}

/* take_answer - print a segment from DST to SRC; a take_fn */
static bool take_answer(void *to, const struct packet *pkt)
{
	struct job *j = to;
	struct segment s;

	if (!pkt || parse_packet(pkt, &s) != SEGMENT ||
	    !wanted(&j->route.answers, &s))
		return true;
	print_event(j, "answer", &s, arrival_ns(pkt->ns));
	return ++j->seen < j->count;
}

/* show_answers - up to the job's count, or silence; lost ones are exit 1 */
static void show_answers(struct job *j, struct capture *c,
			 const sigset_t *unblocked)
{
	int64_t wait = j->answer_ns >= 0 ? j->answer_ns : j->listen_ns;

	if (!capture_run(c, take_answer, j, now_ns() + wait, unblocked))
		exit(EXIT_REFUSED);
	capture_stats(c);
	if (c->drops && j->seen < j->count) {
		warn_errno(ENOBUFS,
			   "receive the answers: %" PRIu64 " were lost",
			   c->drops);
		exit(EXIT_REFUSED);
	}
	/* A wait cut short by a signal has not observed silence. */
	if (!j->seen && !interrupted)
		print_event(j, "silence", NULL, now_ns());
}

/* --- the command line --------------------------------------------------- */

static const char help[] =
	"usage: forge [options] SRC_ADDR:PORT DST_ADDR:PORT\n"
	"Send one hand-made TCP segment from SRC to DST, and show the answer.\n"
	"IPv6 addresses stand in brackets: [::1]:80.\n"
	"\n"
	"  forge -f S -s 1000 -r 1 127.0.0.1:999 127.0.0.1:80    a SYN, its answer\n"
	"  forge -i link0 -e $mac -f S -s 1000 -M 1460 -r 1 10.0.1.1:999 10.0.1.2:80\n"
	"                 from the silent host of link=silent\n"
	"\n"
	"The segment:\n"
	"  -f FLAGS       flags, tcpdump's letters in any order: F S R P . U E W e;\n"
	"                 A is the same as the dot; none for none (S)\n"
	"  -s SEQ         sequence number (0)\n"
	"  -k ACK         acknowledgement number (0); -f sets its flag\n"
	"  -w WINDOW      window, as in the header, not scaled (65535)\n"
	"  -u POINTER     urgent pointer (0); -f sets its flag\n"
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
	"The answer, a segment from DST to SRC:\n"
	"  -r SECONDS     wait so long for it and print it, or 'silence'\n"
	"  -l SECONDS     the same without sending anything\n"
	"  -n COUNT       up to COUNT answers until then (1)\n"
	"  -v             print the segment sent, too; with -l, say 'forge: listening'\n"
	"                 on stderr when nothing can be missed any more\n"
	"  -j             JSON lines: sent, answer, silence; options as in wire's\n"
	"\n"
	"The way:\n"
	"  -i IFACE       as an Ethernet frame through this interface (otherwise: a\n"
	"                 raw IP socket, and the routes decide)\n"
	"  -e MAC         ... to this hardware address\n"
	"  --anywhere     send to any address.  Without it, only loopback and\n"
	"                 10.0.0.0/16, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24,\n"
	"                 fd00::/16, 2001:db8::/32; inside the sandbox, any\n"
	"  -h, --help, --version\n"
	"\n"
	"It needs CAP_NET_RAW: the sandbox has it.  Silence is an observation and\n"
	"exits 0; 1 is a refusal, 2 a wrong command line.\n"
	"\n"
	"The kernel that owns SRC has no such connection, so it resets whatever\n"
	"answers the forged segment.  On loopback that is this very kernel.  For a\n"
	"conversation without it, send from a network namespace that has no address:\n"
	"scripts/lib/segments makes one (link=silent).\n";

/* modulo - a number that is meant modulo 2^32, @len bytes of @text */
static uint32_t modulo(const char *what, const char *text, size_t len)
{
	char number[32];

	snprintf(number, sizeof(number), "%.*s", (int)len, text);
	return (uint32_t)parse_long(what, len < sizeof(number) ? number : text,
				    -4294967295, 8589934591);
}

static void take_seq(void *to, const char *text)
{
	((struct job *)to)->seg.seq = modulo("-s", text, strlen(text));
}

static void take_ack(void *to, const char *text)
{
	((struct job *)to)->seg.ack = modulo("-k", text, strlen(text));
}

/* take_timestamps - VAL or VAL,ECR of -T */
static void take_timestamps(void *to, const char *text)
{
	struct job *j = to;
	size_t n = strcspn(text, ",");

	j->tsval = modulo("-T", text, n);
	j->tsecr =
		text[n] ? modulo("-T", text + n + 1, strlen(text + n + 1)) : 0;
	j->has_ts = true;
}

/* take_flags - "SA", "F.", "none" of -f, or a usage error */
static void take_flags(void *to, const char *text)
{
	struct job *j = to;
	int flags = flags_value(text);

	if (flags < 0)
		die_usage(
			"-f has the letters F S R P . (or A) U E W e, or none, not '%s'",
			text);
	j->seg.flags = (uint16_t)flags;
}

/* hex_byte - the two hexadecimal digits at @s, or -1 */
static int hex_byte(const char *s)
{
	unsigned int byte;

	if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
		return -1;
	sscanf(s, "%2x", &byte);
	return (int)byte;
}

/* take_raw_options - 1 to OPTS_MAX bytes of -O, or a usage error */
static void take_raw_options(void *to, const char *text)
{
	struct job *j = to;
	size_t n = 0;

	for (; text[2 * n] && n < OPTS_MAX && hex_byte(text + 2 * n) >= 0; n++)
		j->raw_opts[n] = (uint8_t)hex_byte(text + 2 * n);
	if (!n || text[2 * n])
		die_usage(
			"-O wants 1 to %d bytes of two hexadecimal digits, not '%s'",
			OPTS_MAX, text);
	j->raw_opts_len = n;
}

/* take_mac - the hardware address of -e, or a usage error */
static void take_mac(void *to, const char *text)
{
	struct job *j = to;
	const char *p = text;
	int i = 0;

	for (; i < 6 && hex_byte(p) >= 0 && p[2] == (i < 5 ? ':' : '\0'); i++) {
		j->route.mac_dst[i] = (uint8_t)hex_byte(p);
		p += 3;
	}
	if (i < 6)
		die_usage(
			"-e wants a hardware address like 02:00:00:00:00:01, not '%s'",
			text);
	j->route.has_mac_dst = true;
}

/* check_job - options that do not go together are usage errors */
static void check_job(const struct job *j, const char *given)
{
	const char *shapes = strpbrk(given, "fskwutMKTWOdDx");

	if (j->route.src.sa.sa_family != j->route.dst.sa.sa_family)
		die_usage("SRC and DST must both be IPv4, or both IPv6");
	if (j->text && j->fill >= 0)
		die_usage("-d and -D both give the payload: take one");
	if (j->route.iface && strlen(j->route.iface) >= IF_NAMESIZE)
		die_usage("-i wants an interface's name, not '%s'",
			  j->route.iface);
	if (j->route.has_mac_dst && !j->route.iface)
		die_usage(
			"-e needs -i, the interface that the frame goes through");
	if (j->answer_ns >= 0 && j->listen_ns >= 0)
		die_usage(
			"-r waits after sending and -l does not send: take one");
	if (strchr(given, 'n') && j->answer_ns < 0 && j->listen_ns < 0)
		die_usage("-n counts answers: it needs -r or -l");
	if (j->listen_ns >= 0 && shapes)
		die_usage("-l sends nothing, so -%c has no meaning", *shapes);
	if (j->listen_ns < 0 && !j->anywhere && !may_send_to(&j->route.dst)) {
		char dst[ADDR_STRLEN];

		die_usage(
			"%s is neither loopback nor a lab address, and this is not %s: --anywhere sends nevertheless",
			addr_str(&j->route.dst, dst), sandbox_command());
	}
}

/* parse - read the command line; a usage error ends the program */
static void parse(struct job *j, int argc, char **argv)
{
	char given[OPTIONS_MAX] = "";
	int64_t win = 65535, urg = 0, ttl = 64;
	const struct opt options[] = {
		{'f', ARG_OTHER, .to = j, .take = take_flags},
		{'s', ARG_OTHER, .to = j, .take = take_seq},
		{'k', ARG_OTHER, .to = j, .take = take_ack},
		{'w', ARG_NUMBER, .to = &win, 0, 65535},
		{'u', ARG_NUMBER, .to = &urg, 0, 65535},
		{'t', ARG_NUMBER, .to = &ttl, 0, 255},
		{'M', ARG_NUMBER, .to = &j->mss, 0, 65535},
		{'K', ARG_SET, .to = &j->sack_ok},
		{'T', ARG_OTHER, .to = j, .take = take_timestamps},
		{'W', ARG_NUMBER, .to = &j->wscale, 0, 255},
		{'O', ARG_OTHER, .to = j, .take = take_raw_options},
		{'d', ARG_TEXT, .to = &j->text},
		{'D', ARG_NUMBER, .to = &j->fill, 0, IP_MAX},
		{'x', ARG_SET, .to = &j->bad_checksum},
		{'r', ARG_SECONDS, .to = &j->answer_ns},
		{'l', ARG_SECONDS, .to = &j->listen_ns},
		{'n', ARG_NUMBER, .to = &j->count, 1, 1000000},
		{'v', ARG_SET, .to = &j->verbose},
		{'j', ARG_SET, .to = &j->json},
		{'i', ARG_TEXT, .to = &j->route.iface},
		{'e', ARG_OTHER, .to = j, .take = take_mac},
		{1, ARG_SET, .to = &j->anywhere, .name = "anywhere"},
		{.letter = 'h'},
		{0},
	};
	int first = parse_options(argc, argv, options, given, help);
	struct segment *s = &j->seg;

	if (argc - first != 2)
		die_usage(
			"wants two operands, SRC_ADDR:PORT and DST_ADDR:PORT, not %d",
			argc - first);
	j->route.src = parse_end("SRC", argv[first]);
	j->route.dst = parse_end("DST", argv[first + 1]);
	check_job(j, given);
	s->kind = SEGMENT;
	s->family = addr_bytes(&j->route.src, s->src) == 16 ? 6 : 4;
	addr_bytes(&j->route.dst, s->dst);
	s->sport = addr_port(&j->route.src);
	s->dport = addr_port(&j->route.dst);
	s->win = (uint16_t)win;
	s->urg = (uint16_t)urg;
	s->ttl = (uint8_t)ttl;
}

int main(int argc, char **argv)
{
	struct job j = {
		.start_ns = now_ns(),
		.seg = {.flags = SYN},
		.mss = -1,
		.wscale = -1,
		.fill = -1,
		.answer_ns = -1,
		.listen_ns = -1,
		.count = 1,
	};
	uint8_t *frame = NULL;
	sigset_t unblocked;
	struct capture answers = {.fd = -1};
	size_t len = 0;
	bool sends;

	prog_name = "forge";
	parse(&j, argc, argv);
	open_standard_fds();
	catch_signals(&unblocked);
	sends = j.listen_ns < 0;
	if (sends)
		frame = build_frame(&j, &len);
	if (j.route.iface)
		find_iface(&j.route, sends);
	/* The capture comes first, so that no answer is missed. */
	if (!sends || j.answer_ns >= 0)
		answers_open(&j.route, &answers);
	if (sends) {
		/* On loopback the answer is there before sendto() returns. */
		j.sent_ns = now_ns();
		inject(&j.route, frame, len);
		if (j.json || j.verbose)
			print_event(&j, "sent", &j.seg, j.sent_ns);
	} else if (j.verbose) {
		say("listening");
	}
	if (answers.fd >= 0)
		show_answers(&j, &answers, &unblocked);
	return EXIT_DONE;
}
