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

/* The options, and the state of the run. */
struct wire {
	struct look look;
	struct note notes[NOTES_MAX];
	bool strict;
	struct filter filter;
	const char *read, *write, *ifname;
	int64_t seconds;  /* -t, ns; -1: none */
	int64_t ready_fd; /* -R; -1: none */
	int64_t ring;	  /* -B, MiB; 0: the default */
	int64_t snap;	  /* -s */
	int64_t count;	  /* -c; 0: no end */

	struct conns conns;
	struct ladder *ladder;
	struct writer writer; /* of -w; without a name: not open yet */
	int64_t seen, others, tunnelled;
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
		c = conn_of(&w->conns, s, &side);
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

/* flush - write the output so far */
static void flush(struct wire *w)
{
	if (w->writer.name)
		writer_flush(&w->writer);
	if (!w->write)
		flush_stdout();
}

/* open_file - that of -w, unless it is open */
static void open_file(struct wire *w, uint32_t link)
{
	if (w->write && !w->writer.name)
		writer_open(&w->writer, w->write, link, (uint32_t)w->snap);
}

/* take_packet - show or write a packet, if it is wanted; a take_fn */
static bool take_packet(void *to, const struct packet *pkt)
{
	struct wire *w = to;
	struct segment s;

	if (!pkt) {
		flush(w);
		return true;
	}
	if (!w->write || w->read || !kernel_judged(&w->filter, pkt)) {
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
		open_file(w, pkt->link);
		writer_put(&w->writer, pkt);
	}
	return !w->count || w->seen < w->count;
}

/* --- live --------------------------------------------------------------- */

/* ready - say that from now on every segment is seen */
static void ready(const struct wire *w)
{
	say("listening on %s", w->ifname);
	if (w->ready_fd < 0)
		return;
	if (write((int)w->ready_fd, "\n", 1) != 1)
		die_errno("-R: write to descriptor %d", (int)w->ready_fd);
	close((int)w->ready_fd);
}

/* run_live - the whole of a capture; returns the exit code */
static int run_live(struct wire *w)
{
	struct capture c = {.ifname = w->ifname, .patient = true};
	sigset_t unblocked;
	int64_t end = 0;
	int code;

	catch_signals(&unblocked);
	/* Headers are enough to show, and lines are to come soon. */
	capture_open(&c, &w->filter, (size_t)w->ring << 20,
		     w->write ? (uint32_t)w->snap : 512, w->write ? 40 : 2);
	open_file(w, c.link);
	if (w->seconds >= 0)
		end = now_ns() + w->seconds;
	ready(w);
	code = capture_run(&c, take_packet, w, end, &unblocked) ? EXIT_DONE
								: EXIT_REFUSED;
	if (w->ladder)
		ladder_finish(w->ladder);
	flush(w);
	capture_stats(&c);
	fprintf(stderr, "%s: %" PRId64 " segments seen, %" PRIu64 " dropped",
		prog_name, w->seen, c.drops);
	if (w->strict && c.drops && code == EXIT_DONE) {
		fprintf(stderr,
			": the ring of %" PRId64
			" MiB was full (see -B) [ENOBUFS]",
			w->ring);
		code = EXIT_REFUSED;
	}
	putc('\n', stderr);
	return code;
}

/* --- files -------------------------------------------------------------- */

/* run_file - the whole of -r; returns the exit code */
static int run_file(struct wire *w)
{
	bool standard = !strcmp(w->read, "-"), more = true;
	const char *name = standard ? "standard input" : w->read;
	FILE *f = standard ? stdin : fopen(w->read, "rb");
	struct reader r;
	struct packet pkt;
	sigset_t unblocked;

	if (!f)
		die_errno("open %s", w->read);
	/* A pipe may bring more and more: a signal is its end. */
	catch_signals(&unblocked);
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	if (!reader_open(&r, f)) {
		while (more && !interrupted && reader_next(&r, &pkt) > 0) {
			more = take_packet(w, &pkt);
			if (ferror(stdout))
				flush_stdout(); /* nobody reads it */
		}
		open_file(w, r.ng ? LINK_ETHERNET : r.link);
		if (w->ladder)
			ladder_finish(w->ladder);
		flush(w);
	}
	reader_close(&r);
	if (f != stdin)
		fclose(f);
	if (*r.error && !interrupted) {
		say("%s: %s", name, r.error);
		return EXIT_REFUSED;
	}
	fprintf(stderr,
		"%s: %" PRId64 " segments seen, %" PRId64 " packets not TCP",
		prog_name, w->seen, w->others);
	if (w->tunnelled)
		fprintf(stderr, ", %" PRId64 " of them in a tunnel",
			w->tunnelled);
	putc('\n', stderr);
	return EXIT_DONE;
}

/* --- the command line --------------------------------------------------- */

static const char help[] =
	"usage: wire [options] [IFACE]     show the TCP segments on IFACE (lo)\n"
	"       wire [options] -r FILE     those in a pcap or pcapng file ('-': stdin)\n"
	"\n"
	"  wire -L -p 80 eth0             a ladder of port 80's connections\n"
	"  wire -w a.pcap -c 100          the first 100 segments on lo, to a file\n"
	"\n"
	"Which segments:\n"
	"  -p PORT     from or to this port (repeat for more)\n"
	"  -H HOST     from or to this address (repeat for more)\n"
	"  -c COUNT    stop after COUNT segments\n"
	"  -t SECONDS  stop after SECONDS\n"
	"  -r FILE     those in this file, not those that cross IFACE now\n"
	"How they are shown (without these, lines like tcpdump's):\n"
	"  -L          a ladder: both ends, with the states they move to.  A segment\n"
	"              that was lost ends in a cross: it, or the one it answers, was\n"
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
	"met TIME-WAIT: it ends it unless tcp_rfc1337 is 1.\n";

static void take_host(void *to, const char *text)
{
	struct addr host = parse_addr("-H", text, 0);

	filter_add_host(to, &host);
}

static void take_port(void *to, const char *text)
{
	filter_add_port(to, parse_port("-p", text));
}

static void take_note(void *to, const char *text)
{
	struct wire *w = to;

	if (w->look.n_notes == NOTES_MAX)
		die_usage("-N: at most %d notes", NOTES_MAX);
	w->notes[w->look.n_notes++] = parse_note(text);
}

/*
 * check_options - options that do not go together are usage errors
 * @given: all letters; @formats: those that pick a form of output
 */
static void check_options(const struct wire *w, const char *given,
			  const char *formats)
{
	bool ladder = strpbrk(formats, "LS");

	if (strlen(formats) > 1 && strcmp(formats, "Lj"))
		die_usage("-%c and -%c do not go together", formats[0],
			  formats[1]);
	if (w->look.verbose && !ladder)
		die_usage("-v goes with -L or -S");
	if (w->look.rows && (!ladder || strchr(formats, 'j')))
		die_usage("-m goes with -L or -S");
	if (w->look.n_notes && (!ladder || !w->read))
		die_usage("-N goes with -r, and with -L or -S");
	if (strchr(given, 's') && !w->write)
		die_usage("-s goes with -w");
	if (w->ready_fd >= 0 && fcntl((int)w->ready_fd, F_GETFD) < 0)
		die_usage("-R: descriptor %d is not open", (int)w->ready_fd);
	if (w->read && w->ifname)
		die_usage("-r reads a file: '%s' is too much", w->ifname);
	if (w->read && strpbrk(given, "teBR"))
		die_usage("-t, -e, -B and -R do not go with -r");
}

static void parse(struct wire *w, int argc, char **argv)
{
	char given[OPTIONS_MAX] = "", formats[5] = "";
	const struct opt options[] = {
		{'p', ARG_OTHER, .to = &w->filter, .take = take_port},
		{'H', ARG_OTHER, .to = &w->filter, .take = take_host},
		{'c', ARG_NUMBER, .to = &w->count, 1, INT32_MAX},
		{'t', ARG_SECONDS, .to = &w->seconds},
		{'r', ARG_TEXT, .to = &w->read},
		{'L', .kind = ARG_GIVEN},
		{'S', .kind = ARG_GIVEN},
		{'j', .kind = ARG_GIVEN},
		{'w', ARG_TEXT, .to = &w->write},
		{'a', ARG_SET, .to = &w->look.absolute},
		{'v', ARG_SET, .to = &w->look.verbose},
		{'m', ARG_NUMBER, .to = &w->look.rows, 1, INT32_MAX},
		{'N', ARG_OTHER, .to = w, .take = take_note},
		{'e', ARG_SET, .to = &w->strict},
		{'B', ARG_NUMBER, .to = &w->ring, 1, 1024},
		/* 66: an Ethernet segment with timestamps */
		{'s', ARG_NUMBER, .to = &w->snap, 66, SNAPLEN_MAX},
		{'R', ARG_NUMBER, .to = &w->ready_fd, 0, INT16_MAX},
		{.letter = 'h'},
		{0},
	};
	int i = parse_options(argc, argv, options, given, help);

	if (i < argc)
		w->ifname = argv[i++];
	if (i < argc)
		die_usage("'%s' is too much", argv[i]);
	for (const char *f = "wLSj"; *f; f++)
		if (strchr(given, *f))
			formats[strlen(formats)] = *f;
	check_options(w, given, formats);
	w->look.format = w->write		? PCAP
			 : strchr(formats, 'j') ? JSON
			 : strchr(formats, 'S') ? SVG
			 : *formats		? LADDER
						: LINES;
	if (strpbrk(formats, "LS"))
		w->ladder = ladder_new(&w->look, &w->conns,
				       w->read ? LADDER_AHEAD : 0);
	if (!w->ring)
		w->ring = w->write ? 16 : 4;
	if (!w->ifname)
		w->ifname = "lo";
}

int main(int argc, char **argv)
{
	static struct wire w = {
		.look.notes = w.notes,
		.seconds = -1,
		.ready_fd = -1,
		.snap = SNAPLEN_MAX,
	};
	int code;

	prog_name = "wire";
	w.look.out = stdout;
	signal(SIGPIPE, SIG_IGN);
	parse(&w, argc, argv);
	open_standard_fds();
	code = w.read ? run_file(&w) : run_live(&w);
	conns_clear(&w.conns);
	return code;
}
