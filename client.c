// SPDX-License-Identifier: MIT
/*
 * client - TCP connections from a fixed port, or from many
 *
 * The client half of Stevens' sock and of nc: stdin goes to the connection,
 * bytes that are received to stdout.  The options decide which end closes first
 * and how, the local port, and the number of connections, in a row or (-H) at
 * once.  Its other modes are in src/: bulk.c, search.c, ages.c.
 */
#include "src/modes.h"

static const char help[] =
	"usage: client [options] ADDR PORT\n"
	"       client --bulk | --search | --ages MS,MS,... [options] ADDR PORT\n"
	"Connects to ADDR and PORT. Stdin goes to the connection, bytes that are\n"
	"received to stdout. It closes at the end of stdin, or after the peer's FIN.\n"
	"\n"
	"  -b PORT    bind() to this local port (0: the kernel picks one in bind())\n"
	"  -p PORT    the same\n"
	"  -l ADDR    bind() to this local address\n"
	"  -n COUNT   make so many connections (1), each after the end of the last; 0:\n"
	"             until one fails. With -H all are opened, and held\n"
	"  -i SECS    pause between two connections\n"
	"  -t SECS    deadline of connect()\n"
	"  -N         IP_BIND_ADDRESS_NO_PORT: with -l, connect() picks the port, and\n"
	"             not bind()\n"
	"  -R LO-HI   IP_LOCAL_PORT_RANGE: the kernel picks from these ports, as far\n"
	"             as they are in net.ipv4.ip_local_port_range\n"
	"\n" TALK_HELP "\n"
	"Other modes, with both ends in this process:\n"
	"  --bulk     listen on ADDR and PORT, make -n connections to it as fast as it\n"
	"             goes, close each at both ends: the server's first, with -c the\n"
	"             client's. With -H close none until SIGINT or SIGTERM. Takes -A\n"
	"             -c -H -j -n -v, and\n"
	"             -l ADDR/BITS  the local addresses (127.0.0.0/8 if ADDR is in\n"
	"                    it, else ADDR),\n"
	"             -R LO-HI  the local ports, each bound\n"
	"                    (net.ipv4.ip_local_port_range)\n"
	"  --search   measure how long connect() looks for a free port. Listens on\n"
	"             PORT and PORT+1 of ADDR, both outside of\n"
	"             net.ipv4.ip_local_port_range. Each line of stdin is a step: a\n"
	"             number fills so many per cent of the range with TIME-WAITs to\n"
	"             PORT; \"time\" times -n connections (200) to PORT, each beside one\n"
	"             to PORT+1, where all ports are free. Takes -j -n\n"
	"  --ages MS,MS,...\n"
	"             at which age of a TIME-WAIT does connect() get its port? Each\n"
	"             age has an address of its own: ADDR, and those that follow it.\n"
	"             Makes a connection to PORT of each and closes it first; at that\n"
	"             age it connects there once more. One local port alone should be\n"
	"             in reach: see -R, and net.ipv4.ip_local_port_range. Takes -R, -j,\n"
	"             and -H: hold the connections until a signal comes\n"
	"\n"
	"Examples:\n"
	"  client -A -c -n 2 -b 1234 127.0.0.1 80    twice from one port\n"
	"  client --bulk -n 20000 127.0.0.1 8080     20,000 TIME-WAITs in a second\n";

/* take_range - LO-HI of -R, or a usage error */
static void take_range(void *to, const char *text)
{
	struct client *cl = to;
	char lo[8] = "";
	size_t dash = strcspn(text, "-");
	uint32_t low, high;

	if (!text[dash] || dash >= sizeof(lo))
		die_usage("-R wants LO-HI, two ports, not '%s'", text);
	memcpy(lo, text, dash);
	low = parse_port("-R", lo);
	high = parse_port("-R", text + dash + 1);
	if (low > high)
		die_usage("-R wants LO-HI, the lower port first, not '%s'",
			  text);
	cl->range = high << 16 | low;
}

/* start - begin the next connection; a failure is in the status */
static void start(struct client *cl)
{
	struct talk *t = &cl->talk;
	int fd = talk_socket(t, cl->peer.sa.sa_family);
	struct addr local = cl->local;
	struct conv *c;

	cl->started++;
	if (fd < 0)
		return;
	if (cl->bind && !talk_bind(t, fd, &local)) {
		close(fd);
		return;
	}
	c = conv_new(t, fd, CONV_CONNECTING);
	c->bound = cl->bind;
	c->local = local;
	c->peer = cl->peer;
	TELL(t, "connecting", .local = c->bound ? &c->local : NULL,
	     .peer = &c->peer);
	talk_timer_start(t, c, CONV_T_CONNECT);
	if (!connect(fd, &cl->peer.sa, cl->peer.len))
		conv_connected(t, c, 0);
	else if (errno == EINPROGRESS)
		conv_arm(t, c);
	else
		conv_connected(t, c, errno);
}

/* more - whether there are connections left to start; none after a failure */
static bool more(const struct client *cl)
{
	return !cl->talk.status &&
	       (!cl->talk.count || cl->started < cl->talk.count);
}

/* set_local_end - the address to bind() to, of -l and -b */
static void set_local_end(struct client *cl)
{
	bool v6 = cl->peer.sa.sa_family == AF_INET6;
	const char *addr = cl->from ? cl->from : v6 ? "::" : "0.0.0.0";
	long port = 0;

	if (cl->port)
		port = parse_long("-b", cl->port, 0, 65535);
	cl->bind = cl->from || cl->port;
	if (!cl->bind)
		return;
	cl->local = parse_addr("-l", addr, (in_port_t)port);
	if (cl->local.sa.sa_family != cl->peer.sa.sa_family)
		die_usage("-l %s and ADDR are not both IPv4 or both IPv6",
			  addr);
}

/*
 * converse - make the connections, until the last is closed or a signal comes
 *
 * Held connections (-H) stay also after one that failed.
 */
static int converse(struct client *cl)
{
	struct talk *t = &cl->talk;

	talk_check(t);
	set_local_end(cl);
	t->range = cl->range;
	talk_setup(t);
	t->in_a_row = t->count != 1 && t->linger < 0;
	while (!talk_stop && (more(cl) || t->open)) {
		if (!more(cl) || (t->hold ? t->connecting : t->open)) {
			talk_wait(t, -1);
			continue;
		}
		if (cl->next_at < 0)
			cl->next_at =
				now_ns() + (cl->started ? cl->interval : 0);
		if (cl->next_at > now_ns()) {
			talk_wait(t, cl->next_at);
			continue;
		}
		start(cl);
		cl->next_at = -1;
	}
	return talk_end(t);
}

/* The other modes, by the letters of their options. */
enum { BULK = 1, SEARCH, AGES };

static const struct mode {
	const char *name;
	const char *takes; /* the letters of its options */
	int (*run)(struct client *cl);
} modes[] = {
	[0] = {"", NULL, converse},
	[BULK] = {"bulk", "\1AcHdjlnRv", bulk},
	[SEARCH] = {"search", "\2jn", search},
	[AGES] = {"ages", "\3HjR", ages},
};

/*
 * given_mode - the mode of the options that were given; more than one, or an
 * option that the mode does not take, is a usage error
 */
static const struct mode *given_mode(const struct client *cl)
{
	const char *first = strpbrk(cl->given, "\1\2\3");
	const struct mode *mode = &modes[first ? (int)*first : 0];
	const char *wrong = mode->takes ? cl->given : "";

	if (first && strpbrk(first + 1, "\1\2\3"))
		die_usage("--bulk, --search and --ages: choose one");
	wrong += strspn(wrong, mode->takes ? mode->takes : "");
	if (*wrong)
		die_usage("--%s does not take -%c", mode->name, *wrong);
	return mode;
}

/* parse_operands - ADDR PORT */
static void parse_operands(struct client *cl, int argc, char **argv)
{
	talk_operands(argc, argv);
	if (argc < 2)
		die_usage("ADDR and PORT are wanted");
	cl->peer = parse_addr("ADDR", argv[0], parse_port("PORT", argv[1]));
}

/* parse - read the command line; returns the mode; or a usage error */
static const struct mode *parse(struct client *cl, int argc, char **argv)
{
	const struct opt options[] = {
		TALK_OPTIONS(&cl->talk){'b', ARG_TEXT, .to = &cl->port},
		{'p', ARG_TEXT, .to = &cl->port},
		{'l', ARG_TEXT, .to = &cl->from},
		{'N', ARG_SET, .to = &cl->talk.no_port},
		{'R', ARG_OTHER, .to = cl, .take = take_range},
		{'i', ARG_SECONDS, .to = &cl->interval},
		{'t', ARG_SECONDS, .to = &cl->talk.pause[CONV_T_CONNECT]},
		{BULK, ARG_GIVEN, .name = "bulk"},
		{SEARCH, ARG_GIVEN, .name = "search"},
		{AGES, ARG_TEXT, .to = &cl->ages, .name = "ages"},
		{0},
	};
	int first = parse_options(argc, argv, options, cl->given, help);

	if (cl->talk.half_close && first == argc)
		end_options(OPT_HELP, argv, help);
	parse_operands(cl, argc - first, argv + first);
	return given_mode(cl);
}

int main(int argc, char **argv)
{
	static struct client cl = {.talk.speaks_first = true, .next_at = -1};

	prog_name = "client";
	talk_init(&cl.talk);
	return parse(&cl, argc, argv)->run(&cl);
}
