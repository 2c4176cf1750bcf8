/*
 * client - TCP connections from a fixed port, or from many
 *
 * The successor of the client half of Stevens' sock and of nc: stdin goes to
 * the connection, what is received to stdout.  With options it plays one side
 * of an experiment: who closes first and how, which port connect() leaves
 * from, how many connections there are, in a row or (-H) at once.
 */
#include "net.h"

static const char help[] =
	"usage: client [options] ADDR PORT\n"
	"Connect to ADDR and PORT. Stdin goes to the connection, what is received to\n"
	"stdout; the end of stdin closes, and the peer's FIN does.\n"
	"\n" CONV_HELP
	"  -n COUNT   so many connections (1), each after the last has ended; 0:\n"
	"             until one fails. With -H all are opened, and held\n"
	"  -i SECS    pause between one connection and the next\n"
	"  -b PORT    bind() to this local port (0: the kernel picks at bind());\n"
	"  -p PORT    the same\n"
	"  -l ADDR    bind() to this local address\n"
	"  -N         IP_BIND_ADDRESS_NO_PORT: with -l, the port is picked at\n"
	"             connect()\n"
	"  -R LO-HI   IP_LOCAL_PORT_RANGE: the kernel picks from these ports, as\n"
	"             far as they are inside net.ipv4.ip_local_port_range\n"
	"  -t SECS    deadline of connect()\n";

struct client {
	struct talk talk;
	struct addr peer;
	struct addr local; /* what to bind() to, if @bind */
	bool bind;	   /* -b, -p or -l */
	bool no_port;	   /* -N */
	uint32_t range;	   /* -R: HI << 16 | LO, as the kernel wants it */
	int64_t interval;  /* -i, in ns */
	uint64_t started;  /* connections, also those that failed */
	int64_t next_at;   /* when the next starts; -1: not yet known */
};

/* parse_range - "LO-HI", or a usage error */
static uint32_t parse_range(const char *s)
{
	char lo[8] = "";
	const char *dash = strchr(s, '-');
	uint32_t low, high;

	if (!dash || (size_t)(dash - s) >= sizeof(lo))
		die_usage("-R wants LO-HI, two ports, not '%s'", s);
	memcpy(lo, s, (size_t)(dash - s));
	low = parse_port("-R", lo);
	high = parse_port("-R", dash + 1);
	if (low > high)
		die_usage("-R wants LO-HI, the lower port first, not '%s'", s);
	return high << 16 | low;
}

/* local_end - what to bind() to, from -l and -b (either may be NULL) */
static void local_end(struct client *cl, const char *addr, const char *port)
{
	bool v6 = cl->peer.sa.sa_family == AF_INET6;
	in_port_t n = 0;

	if (port)
		n = (in_port_t)parse_long("-b", port, 0, 65535);
	cl->bind = addr || port;
	if (!cl->bind)
		return;
	cl->local = parse_addr("-l", addr ? addr : v6 ? "::" : "0.0.0.0", n);
	if (cl->local.sa.sa_family != cl->peer.sa.sa_family)
		die_usage("-l %s and ADDR are not both IPv4 or both IPv6",
			  addr);
}

/* parse - read the command line; a usage error ends the program */
static void parse(struct client *cl, int argc, char **argv)
{
	static const struct option longs[] = {{"help", 0, NULL, 256},
					      {"version", 0, NULL, 257},
					      {NULL, 0, NULL, 0}};
	const char *addr = NULL, *port = NULL;
	struct talk *t = &cl->talk;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":" CONV_OPTIONS "b:p:l:NR:i:t:",
				  longs, NULL)) != -1) {
		if (opt == 256)
			conv_print(help);
		else if (opt == 257)
			conv_print("client " RTEST_VERSION "\n");
		else if (opt == 'b' || opt == 'p')
			port = optarg;
		else if (opt == 'l')
			addr = optarg;
		else if (opt == 'N')
			cl->no_port = true;
		else if (opt == 'R')
			cl->range = parse_range(optarg);
		else if (opt == 'i')
			cl->interval = parse_seconds("-i", optarg);
		else if (opt == 't')
			t->pause[CONV_T_CONNECT] = parse_seconds("-t", optarg);
		else if (!conv_option(t, opt, optarg))
			conv_bad_option(opt, argv);
	}
	if (t->half_close && optind == argc)
		conv_print(help);
	if (argc - optind < 2)
		die_usage("ADDR and PORT are wanted");
	if (argc - optind > 2)
		die_usage("one ADDR and one PORT, not also '%s'",
			  argv[optind + 2]);
	conv_check(t);
	cl->peer = parse_addr("ADDR", argv[optind],
			      parse_port("PORT", argv[optind + 1]));
	local_end(cl, addr, port);
}

/* client_socket - a socket with all that is asked for; -1: refused */
static int client_socket(struct client *cl)
{
	union conv_optval one = {.i = 1}, range = {.range = cl->range};
	struct talk *t = &cl->talk;
	int fd = conv_socket(t, cl->peer.sa.sa_family);

	if (fd < 0)
		return -1;
	if ((cl->no_port &&
	     !conv_setsockopt(t, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT,
			      "IP_BIND_ADDRESS_NO_PORT", one, sizeof(one.i))) ||
	    (cl->range &&
	     !conv_setsockopt(t, fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE,
			      "IP_LOCAL_PORT_RANGE", range,
			      sizeof(range.range)))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* start - begin the next connection; failures are told, and in the status */
static void start(struct client *cl)
{
	struct talk *t = &cl->talk;
	int fd = client_socket(cl);
	struct addr local = cl->local;
	struct conv *c;

	cl->started++;
	if (fd < 0)
		return;
	if (cl->bind && !conv_bind(t, fd, &local)) {
		close(fd);
		return;
	}
	c = conv_new(t, fd, CONV_CONNECTING);
	c->bound = cl->bind;
	c->local = local;
	c->peer = cl->peer;
	CONV_EVENT(t, "connecting", .local = c->bound ? &c->local : NULL,
		   .peer = &c->peer);
	conv_timer_start(t, c, CONV_T_CONNECT);
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

/*
 * converse - make the connections, until the last is closed or a signal comes
 *
 * Held connections (-H) stay also after one that failed.
 */
static void converse(struct client *cl)
{
	struct talk *t = &cl->talk;

	while (!conv_stop && (more(cl) || t->open)) {
		if (!more(cl) || (t->hold ? t->connecting : t->open)) {
			conv_wait(t, -1);
			continue;
		}
		if (cl->next_at < 0)
			cl->next_at =
				now_ns() + (cl->started ? cl->interval : 0);
		if (cl->next_at > now_ns()) {
			conv_wait(t, cl->next_at);
			continue;
		}
		start(cl);
		cl->next_at = -1;
	}
}

int main(int argc, char **argv)
{
	static struct client cl = {.talk.speaks_first = true, .next_at = -1};

	prog_name = "client";
	conv_init(&cl.talk);
	parse(&cl, argc, argv);
	conv_setup(&cl.talk);
	cl.talk.in_a_row = cl.talk.count != 1 && cl.talk.linger < 0;
	converse(&cl);
	return conv_end(&cl.talk);
}
