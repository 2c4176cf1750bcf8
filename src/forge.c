/* SPDX-License-Identifier: MIT */
/*
 * forge - sends one hand-made TCP segment and shows the answer
 *
 * Every field is what the command line says; no kernel stands between the
 * experiment and its segment.  With -r it waits for what comes back on the
 * same four-tuple; with -l it only listens.  SYN, read the numbers, ACK, data,
 * FIN, old duplicates: that is enough for a whole conversation from a shell
 * script.
 *
 * Here: the options, and what is printed.  segment.c builds the bytes,
 * inject.c sends them and takes the answers.
 */
#include "capture.h"
#include "inject.h"
#include "print.h"

#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>

/* What one call is asked to do. */
struct job {
	struct route route;

	/* the segment, and what its options are made of */
	struct segment seg;
	bool has_ts, has_mss, has_wscale, sack_ok, bad_checksum;
	uint32_t tsval, tsecr;
	uint16_t mss;
	uint8_t wscale;
	uint8_t raw_opts[OPTS_MAX];
	size_t raw_opts_len;
	const char *text;
	long fill; /* bytes of made-up payload, -1 for none */
	bool anywhere;

	/* its answer */
	int64_t wait_ns; /* -1: do not wait */
	bool listen_only, json, verbose;
	long count;

	int64_t start_ns, sent_ns;
	char segment_option; /* the last option that shapes a segment */
};

/* --- the segment -------------------------------------------------------- */

/*
 * set_options - the options of a job, as Linux orders and pads them, then the
 * raw ones, then zeros (end of option list) up to a whole word
 *
 * More than a TCP header has room for is a usage error.
 */
static void set_options(struct job *j)
{
	uint8_t b[2 * OPTS_MAX] = {0};
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
	if (j->has_wscale) {
		b[n++] = OPT_NOP;
		b[n++] = OPT_WSCALE;
		b[n++] = 3;
		b[n++] = j->wscale;
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
 * build_frame - the whole segment, in memory of its own
 * @len: its length, with ETH_LEN bytes at the front for an Ethernet header
 *
 * A segment that no IP packet can carry is a usage error.
 */
static uint8_t *build_frame(struct job *j, size_t *len)
{
	uint8_t *frame = xmalloc(ETH_LEN + IP6_LEN + IP_MAX);
	uint8_t *filler = xmalloc(IP_MAX);
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
	/* What is shown is what was built. */
	s->data = frame + *len - s->len;
	free(filler);
	return frame;
}

/* --- printing ----------------------------------------------------------- */

/*
 * print_json - one event
 * @event: "sent", "answer" or "silence"
 * @s: its segment, NULL for silence
 * @at_ns: when, by now_ns()
 */
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
		printf(",\"data\":\"");
		json_data(stdout, s->data, s->data_len);
		putchar('"');
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

/* show_answers - print up to the job's count of answers, or silence */
static void show_answers(const struct job *j, int fd, const sigset_t *unblocked)
{
	int64_t deadline = now_ns() + j->wait_ns;
	struct segment s;
	long seen = 0;

	for (; seen < j->count &&
	       next_answer(&j->route, fd, deadline, unblocked, &s);
	     seen++)
		print_event(j, "answer", &s, s.ns);
	if (seen < j->count)
		check_lost(fd);
	/* A wait cut short by a signal has not observed silence. */
	if (!seen && !interrupted)
		print_event(j, "silence", NULL, now_ns());
}

/* --- the command line --------------------------------------------------- */

static void help(void)
{
	fputs("usage: forge [options] SRC_ADDR:PORT DST_ADDR:PORT\n"
	      "Send one hand-made TCP segment from SRC to DST, and show the answer.\n"
	      "IPv6 addresses stand in brackets: [::1]:80.\n"
	      "\n"
	      "  forge -f S -s 1000 -r 1 127.0.0.1:999 127.0.0.1:80    a SYN, its answer\n"
	      "  forge -i link0 -e $mac -f S -s 1000 -M 1460 -r 1 10.0.1.1:999 10.0.1.2:80\n"
	      "                 from the silent host of scripts/lib/silent\n"
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
	      "  -h, --help     this text\n"
	      "  --version      the version\n"
	      "\n"
	      "It needs CAP_NET_RAW: the sandbox has it.  Silence is an observation and\n"
	      "exits 0; 1 is a refusal, 2 a wrong command line.\n"
	      "\n"
	      "The kernel that owns SRC has no such connection, so it resets whatever\n"
	      "answers the forged segment.  On loopback that is this very kernel.  For a\n"
	      "conversation without it, send from a host that has no address at all:\n"
	      "scripts/lib/silent makes one.\n",
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
static uint16_t parse_flags(const char *s)
{
	int flags = flags_value(s);

	if (!*s)
		die_usage("-f wants flags; none is written 'none'");
	if (flags < 0)
		die_usage(
			"-f has the letters F S R P . (or A) U E W e, or none, not '%s'",
			s);
	return (uint16_t)flags;
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
		j->route.mac_dst[i] = (uint8_t)(hi << 4 | lo);
	}
	j->route.has_mac_dst = true;
}

/* parse_segment_option - one of the letters that shape the segment */
static bool parse_segment_option(struct job *j, int c, const char *arg)
{
	switch (c) {
	case 'f':
		j->seg.flags = parse_flags(arg);
		break;
	case 's':
		j->seg.seq = parse_mod32("-s", arg);
		break;
	case 'k':
		j->seg.ack = parse_mod32("-k", arg);
		break;
	case 'w':
		j->seg.win = (uint16_t)parse_long("-w", arg, 0, 65535);
		break;
	case 'u':
		j->seg.urg = (uint16_t)parse_long("-u", arg, 0, 65535);
		break;
	case 't':
		j->seg.ttl = (uint8_t)parse_long("-t", arg, 0, 255);
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
	if (counted && j->wait_ns < 0)
		die_usage("-n counts answers: it needs -r or -l");
	if (j->listen_only && j->segment_option)
		die_usage("-l sends nothing, so -%c has no meaning",
			  j->segment_option);
	if (!j->listen_only && !j->anywhere && !may_send_to(&j->route.dst)) {
		char dst[ADDR_STRLEN];

		die_usage(
			"%s is neither loopback nor a lab address, and this is not %s: --anywhere sends nevertheless",
			addr_str(&j->route.dst, dst), sandbox_command());
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
			j->route.iface = optarg;
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
	j->route.src = parse_end("SRC", argv[optind]);
	j->route.dst = parse_end("DST", argv[optind + 1]);
	check_job(j, counted);
	j->seg.kind = SEGMENT;
	j->seg.family = addr_bytes(&j->route.src, j->seg.src) == 16 ? 6 : 4;
	addr_bytes(&j->route.dst, j->seg.dst);
	j->seg.sport = addr_port(&j->route.src);
	j->seg.dport = addr_port(&j->route.dst);
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
	struct job j = {
		.start_ns = now_ns(),
		.seg = {.flags = SYN, .win = 65535, .ttl = 64},
		.fill = -1,
		.wait_ns = -1,
		.count = 1,
	};
	uint8_t *frame = NULL;
	sigset_t unblocked;
	int answers = -1;
	size_t len = 0;

	prog_name = "forge";
	keep_standard_fds();
	parse_options(&j, argc, argv);
	catch_signals(&unblocked);
	if (!j.listen_only)
		frame = build_frame(&j, &len);
	if (j.route.iface)
		find_iface(&j.route, !j.listen_only);
	/* The capture comes first, so that no answer is missed. */
	if (j.wait_ns >= 0)
		answers = open_answers(&j.route);
	if (frame) {
		/* On loopback the answer is there before sendto() returns. */
		j.sent_ns = now_ns();
		inject(&j.route, frame, len);
	}
	if (frame && (j.json || j.verbose))
		print_event(&j, "sent", &j.seg, j.sent_ns);
	if (j.listen_only && j.verbose)
		fputs("forge: listening\n", stderr);
	if (answers >= 0)
		show_answers(&j, answers, &unblocked);
	free(frame);
	return EXIT_DONE;
}
