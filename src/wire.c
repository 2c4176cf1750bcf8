/* SPDX-License-Identifier: MIT */
/*
 * wire - shows the TCP segments on an interface, or in a capture file
 *
 *	wire [options] [IFACE]		lo, until SIGINT, SIGTERM, -c or -t
 *	wire [options] -r FILE
 *
 * Here: the options, and the way of a packet from capture.c or pcap.c through
 * segment.c and filter.c to a line, the ladder, or a file.
 */
#include "capture.h"
#include "ladder.h"
#include "pcap.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>

/* The options, and what is under way. */
struct wire {
	struct look look;
	struct note notes[NOTES_MAX];
	bool strict;
	struct filter filter;
	const char *read, *write, *ifname;
	int64_t seconds; /* -t, ns; -1: none */
	int ready_fd;	 /* -R; -1: none */
	size_t ring;	 /* -B, bytes; 0: the default */
	uint32_t snaplen;
	uint64_t count; /* -c; 0: no end */

	struct conns *conns;
	struct ladder *ladder;
	struct writer *writer;
	bool writing;  /* the file of -w is open */
	uint32_t base; /* live: where IP begins */
	uint64_t seen, others, tunnelled;
	int64_t t0; /* the time of the first packet shown */
};

/* --- one packet --------------------------------------------------------- */

/* show_segment - a line, a JSON line, or a row of the ladder */
static void show_segment(struct wire *w, const struct segment *s)
{
	const struct origin *tx = NULL, *rx = NULL;
	struct conn *c;
	int side = 0;

	if (w->ladder) {
		ladder_add(w->ladder, s);
		return;
	}
	if (w->seen == 1)
		w->t0 = s->ns;
	if (s->kind == SEGMENT) {
		c = conn_of(w->conns, s, &side);
		tx = &c->end[side].origin;
		rx = &c->end[!side].origin;
		sends(&c->end[side], &c->end[!side], s);
	}
	if (w->look.format == JSON) {
		json_packet(w->look.out, NULL, s, w->t0, tx, rx);
		fputs("}\n", w->look.out);
		return;
	}
	print_seconds(w->look.out, s->ns - w->t0, 6, 0);
	putc(' ', w->look.out);
	print_segment(w->look.out, s, w->look.absolute ? NULL : tx,
		      w->look.absolute ? NULL : rx);
}

/* take_packet - show or write a packet, if it is wanted; a take_fn */
static bool take_packet(void *to, const struct packet *pkt)
{
	struct wire *w = to;
	struct segment s;

	if (!w->writing || w->read || !kernel_judged(pkt, w->base)) {
		parse_packet(pkt, &s);
		w->others += s.kind == NOT_TCP;
		w->tunnelled += s.tunnel && s.kind == NOT_TCP;
		if (!wanted(&w->filter, &s))
			return true;
	}
	w->seen++;
	if (!w->write) {
		show_segment(w, &s);
	} else {
		if (!w->writing &&
		    !writer_open(w->writer, w->write, pkt->link, w->snaplen))
			exit(EXIT_REFUSED);
		w->writing = true;
		if (!writer_put(w->writer, pkt))
			exit(EXIT_REFUSED);
	}
	return !w->count || w->seen < w->count;
}

/* flush - let out what was made so far */
static void flush(struct wire *w)
{
	if (w->writing && !writer_flush(w->writer))
		exit(EXIT_REFUSED);
	if (!w->write)
		flush_stdout();
}

/* --- live --------------------------------------------------------------- */

/*
 * live_loop - capture until something ends it
 * @end: the deadline of -t on now_ns()'s clock, 0: none
 *
 * Returns the exit code.
 */
static int live_loop(struct wire *w, struct capture *c, int64_t end,
		     const sigset_t *unblocked)
{
	const int64_t ask_again = 100000000; /* while the interface is down */
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	bool more = true;

	for (;;) {
		uint64_t taken = capture_take(c, take_packet, w, &more);
		int64_t left = end ? end - now_ns() : INT64_MAX;
		struct timespec ts;
		int n;

		if (taken)
			flush(w);
		if (!more)
			return EXIT_DONE;
		if (interrupted || left <= 0)
			return capture_drain(c, take_packet, w) ? EXIT_DONE
								: EXIT_REFUSED;
		if (c->down && left > ask_again)
			left = ask_again;
		ts.tv_sec = left / 1000000000;
		ts.tv_nsec = left % 1000000000;
		n = ppoll(&p, 1, left == INT64_MAX ? NULL : &ts, unblocked);
		if (n < 0 && errno != EINTR)
			die_errno("wait for segments");
		if (((n > 0 && p.revents & POLLERR) || (!n && c->down)) &&
		    capture_gone(c)) {
			capture_drain(c, take_packet, w);
			return EXIT_REFUSED;
		}
	}
}

/* ready - say that from now on every segment is seen */
static void ready(const struct wire *w)
{
	fprintf(stderr, "%s: listening on %s\n", prog_name, w->ifname);
	if (w->ready_fd < 0)
		return;
	if (write(w->ready_fd, "\n", 1) != 1)
		die_errno("-R: write to descriptor %d", w->ready_fd);
	close(w->ready_fd);
}

/* run_live - the whole of a capture; returns the exit code */
static int run_live(struct wire *w)
{
	struct capture c = {.ifname = w->ifname};
	sigset_t unblocked;
	int64_t end = 0;
	int code;

	catch_signals(&unblocked);
	/* Headers are enough to show; what is shown is to be shown soon. */
	if (w->write)
		capture_open(&c, &w->filter, w->ring, w->snaplen, 10);
	else
		capture_open(&c, &w->filter, w->ring, 512, 2);
	w->base = c.base;
	if (w->write && !writer_open(w->writer, w->write, c.link, w->snaplen))
		return EXIT_REFUSED;
	w->writing = w->write;
	if (w->seconds >= 0)
		end = now_ns() + w->seconds;
	ready(w);
	code = live_loop(w, &c, end, &unblocked);
	if (w->ladder)
		ladder_finish(w->ladder);
	flush(w);
	capture_stats(&c);
	if (w->strict && c.drops && code == EXIT_DONE) {
		fprintf(stderr,
			"%s: %llu segments seen, %llu dropped: the ring of %zu MiB was full (see -B) [ENOBUFS]\n",
			prog_name, (unsigned long long)w->seen,
			(unsigned long long)c.drops, w->ring >> 20);
		return EXIT_REFUSED;
	}
	fprintf(stderr, "%s: %llu segments seen, %llu dropped\n", prog_name,
		(unsigned long long)w->seen, (unsigned long long)c.drops);
	return code;
}

/* --- files -------------------------------------------------------------- */

/* run_file - the whole of -r; returns the exit code */
static int run_file(struct wire *w)
{
	bool standard = !strcmp(w->read, "-"), more = true;
	const char *name = standard ? "standard input" : w->read;
	FILE *f = standard ? stdin : fopen(w->read, "rb");
	static char buffer[1 << 18];
	struct reader r;
	struct packet pkt;

	if (!f)
		die_errno("open %s", w->read);
	setvbuf(f, buffer, _IOFBF, sizeof(buffer));
	if (!reader_open(&r, f)) {
		while (more && reader_next(&r, &pkt) > 0)
			more = take_packet(w, &pkt);
		if (w->write && !w->writing &&
		    !writer_open(w->writer, w->write,
				 r.ng ? LINK_ETHERNET : r.link, w->snaplen))
			return EXIT_REFUSED;
		if (w->ladder)
			ladder_finish(w->ladder);
		flush(w);
	}
	reader_close(&r);
	if (f != stdin)
		fclose(f);
	if (*r.error) {
		fprintf(stderr, "%s: %s: %s\n", prog_name, name, r.error);
		return EXIT_REFUSED;
	}
	fprintf(stderr, "%s: %llu segments seen, %llu packets not TCP",
		prog_name, (unsigned long long)w->seen,
		(unsigned long long)w->others);
	if (w->tunnelled)
		fprintf(stderr, ", %llu of them in a tunnel",
			(unsigned long long)w->tunnelled);
	putc('\n', stderr);
	return EXIT_DONE;
}

/* --- the command line --------------------------------------------------- */

static void usage(FILE *f)
{
	fputs("usage: wire [options] [IFACE]     show the TCP segments on IFACE (lo)\n"
	      "       wire [options] -r FILE     those in a pcap or pcapng file ('-': stdin)\n"
	      "\n"
	      "  wire -L -p 80 eth0             a ladder of what port 80 says\n"
	      "  wire -w a.pcap -c 100          the first 100 segments on lo, to a file\n"
	      "\n"
	      "Which segments:\n"
	      "  -p PORT     from or to this port (repeat for more)\n"
	      "  -H HOST     from or to this address (repeat for more)\n"
	      "  -c COUNT    stop after COUNT segments\n"
	      "  -t SECONDS  stop after SECONDS\n"
	      "  -r FILE     those in this file, not what crosses IFACE now\n"
	      "How they are shown (without these, lines like tcpdump's):\n"
	      "  -L          a ladder: both ends, with the states they move to.  A segment\n"
	      "              that was lost ends in a cross: it, or what it answers, was\n"
	      "              sent again\n"
	      "  -S          the ladder as an SVG picture\n"
	      "  -j          JSON lines; with -L also the states\n"
	      "  -w FILE     not shown, but written to a pcap file ('-': stdout)\n"
	      "  -a          sequence numbers in full, not counted from the ISN\n"
	      "  -v          timestamps on the ladder\n"
	      "  -m ROWS     after ROWS rows the ladder leaves out segments that move no\n"
	      "              state, except those that follow one that does\n"
	      "  -N 'TIME ADDR:PORT TEXT'\n"
	      "              with -r and a ladder: TEXT at that end, for example\n"
	      "              'connect(): EADDRNOTAVAIL' (repeat for more).  TIME is in\n"
	      "              seconds since the epoch, or as +SECONDS after the first segment\n"
	      "Capture:\n"
	      "  -e          a dropped segment is an error (exit 1)\n"
	      "  -B MIB      size of the ring (4; 16 with -w)\n"
	      "  -s BYTES    with -w: keep BYTES of each packet (262144)\n"
	      "  -R FD       write a newline to descriptor FD once capturing\n"
	      "  -h, --help, --version\n"
	      "\n"
	      "SYN and SYN-ACK show their numbers in full, as tcpdump does; so does a\n"
	      "number that lies before the ISN or whose SYN was not seen.\n"
	      "The states are worked out from the segments.  CLOSED? means that a RST\n"
	      "met TIME-WAIT: it ends it unless tcp_rfc1337 is 1.\n",
	      f);
}

/* check_options - options that do not go together; ends with exit 2 */
static void check_options(const struct wire *w, const char *formats)
{
	bool ladder = strpbrk(formats, "LS");

	if (strlen(formats) > 1 && strcmp(formats, "Lj") &&
	    strcmp(formats, "jL"))
		die_usage("-%c and -%c do not go together", formats[0],
			  formats[1]);
	if (w->look.verbose && !ladder)
		die_usage("-v goes with -L or -S");
	if (w->look.rows && (!ladder || strchr(formats, 'j')))
		die_usage("-m goes with -L or -S");
	if (w->look.n_notes && (!ladder || !w->read))
		die_usage("-N goes with -r, and with -L or -S");
	if (w->snaplen && !w->write)
		die_usage("-s goes with -w");
	if (!w->read)
		return;
	if (w->ifname)
		die_usage("-r reads a file: '%s' is too much", w->ifname);
	if (w->seconds >= 0 || w->ready_fd >= 0 || w->ring || w->strict)
		die_usage("-t, -e, -B and -R do not go with -r");
}

/* set_option - one option of the command line */
static void set_option(struct wire *w, char *formats, int letter,
		       const char *arg)
{
	struct addr host;
	size_t n;

	switch (letter) {
	case 'a':
		w->look.absolute = true;
		return;
	case 'B':
		w->ring = (size_t)parse_long("-B", arg, 1, 1024) << 20;
		return;
	case 'c':
		w->count = (uint64_t)parse_long("-c", arg, 1, INT32_MAX);
		return;
	case 'e':
		w->strict = true;
		return;
	case 'H':
		host = parse_addr("-H", arg, 0);
		filter_add_host(&w->filter, &host);
		return;
	case 'm':
		w->look.rows = (uint64_t)parse_long("-m", arg, 1, INT32_MAX);
		return;
	case 'N':
		if (w->look.n_notes == NOTES_MAX)
			die_usage("-N: at most %d notes", NOTES_MAX);
		w->notes[w->look.n_notes++] = parse_note(arg);
		return;
	case 'p':
		filter_add_port(&w->filter, parse_port("-p", arg));
		return;
	case 'r':
		w->read = arg;
		return;
	case 'R':
		w->ready_fd = (int)parse_long("-R", arg, 0, INT16_MAX);
		if (fcntl(w->ready_fd, F_GETFD) < 0)
			die_usage("-R: descriptor %d is not open", w->ready_fd);
		return;
	case 's': /* 66: an Ethernet segment with timestamps */
		w->snaplen = (uint32_t)parse_long("-s", arg, 66, SNAPLEN_MAX);
		return;
	case 't':
		w->seconds = parse_seconds("-t", arg);
		return;
	case 'v':
		w->look.verbose = true;
		return;
	case 'w':
		w->write = arg;
	}
	/* The letters of the formats, each once. */
	n = strlen(formats);
	if (!strchr(formats, letter))
		formats[n] = (char)letter;
}

static void parse_args(struct wire *w, int argc, char **argv)
{
	static const struct option longs[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	char formats[8] = "";
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":aB:c:eH:hjLm:N:p:r:R:s:St:vw:",
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
		set_option(w, formats, c, optarg);
	}
	if (optind < argc)
		w->ifname = argv[optind++];
	if (optind < argc)
		die_usage("'%s' is too much", argv[optind]);
	check_options(w, formats);
	w->look.format = w->write		? PCAP
			 : strchr(formats, 'j') ? JSON
			 : strchr(formats, 'S') ? SVG
			 : strchr(formats, 'L') ? LADDER
						: LINES;
	if (strpbrk(formats, "LS"))
		w->ladder = ladder_new(&w->look, w->conns,
				       w->read ? LADDER_AHEAD : 0);
	if (!w->snaplen)
		w->snaplen = SNAPLEN_MAX;
	if (!w->ring)
		w->ring = (size_t)(w->write ? 16 : 4) << 20;
	if (!w->ifname)
		w->ifname = "lo";
}

int main(int argc, char **argv)
{
	static struct conns conns;
	static struct writer writer;
	struct wire w = {
		.look = {.out = stdout, .notes = w.notes},
		.seconds = -1,
		.ready_fd = -1,
		.conns = &conns,
		.writer = &writer,
	};
	int code;

	prog_name = "wire";
	signal(SIGPIPE, SIG_IGN);
	parse_args(&w, argc, argv);
	code = w.read ? run_file(&w) : run_live(&w);
	conns_clear(&conns);
	return code;
}
