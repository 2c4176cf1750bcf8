// SPDX-License-Identifier: MIT
/*
 * peek - the TCP sockets on a port, with facts that ss does not show
 *
 * Asks sock_diag(7), as ss does, and adds two things: sockets that are only
 * bound (since Linux 6.8), and SO_REUSEADDR and SO_REUSEPORT.
 */
#include "peek.h"

static const char help[] =
	"usage: peek [-egjot] SOCKETS ...\n"
	"       peek [-egjot] -r SOCKETS [SOCKETS ...]\n"
	"Prints the TCP sockets of this network namespace. SOCKETS is\n"
	"[ADDR:]PORT[-PORT][/[PEERADDR:]PEERPORT]: those whose local port is PORT, or\n"
	"between two PORTs; with PEERPORT those with this port at the peer, /0 those\n"
	"without a peer. An IPv6 address stands in brackets. One a line:\n"
	"\n"
	"  STATE RECVQ SENDQ LOCAL PEER LEFT UID V6ONLY REUSEADDR REUSEPORT PID COMMAND\n"
	"\n"
	"STATE is ss's, or BOUND: bind(), and no more (since Linux 6.8; before, the\n"
	"kernel does not show these). LEFT is the rest of a timewait socket's life in\n"
	"milliseconds; an orphan in FIN-WAIT-2 is one too. A dash: there is none, or\n"
	"it cannot be seen.\n"
	"\n"
	"  -o         look for the process too, and read from its socket the options\n"
	"             SO_REUSEADDR, SO_REUSEPORT, IPV6_V6ONLY (needs the right to\n"
	"             trace it)\n"
	"  -t         search for processes no longer than 0.3 s of CPU time, as -g does\n"
	"  -e         three columns more: DEV, of SO_BINDTODEVICE; INODE, 0 where no\n"
	"             process holds it; NOPORT, IP_BIND_ADDRESS_NO_PORT\n"
	"  -g         those that differ in PEER, LEFT and PID alone in one line, the\n"
	"             one with the longest LEFT; the line begins with the number of\n"
	"             the operand, and of the sockets\n"
	"  -r SOCKETS sockets in the way of the kernel that is to pick one of these\n"
	"             ports, for bind() to ADDR, or for connect() from ADDR to\n"
	"             PEERADDR:PEERPORT. First a line \"PORTS ALL FREE SHARED HELD\":\n"
	"             how many there are, without ip_local_reserved_ports; how many\n"
	"             are free, have only sockets to elsewhere, have one that is bound\n"
	"             or listens. Then, as with -g, operand 0: the sockets in\n"
	"             connect()'s way, of those in TIME-WAIT the one with the shortest\n"
	"             LEFT\n"
	"  -j         JSON lines\n"
	"  --help, --version\n"
	"\n"
	"Examples:\n"
	"  peek -o 8080                     all on port 8080, with their options\n"
	"  peek 127.0.0.1:1024-2048/443     those with 443 at the peer\n";

/* --- the question --------------------------------------------------------- */

/* parse_end - "[ADDR:]REST": ADDR, which is no name, into @ip; returns REST */
static char *parse_end(char *s, bool *has, struct in6_addr *ip, uint32_t *scope)
{
	char *name = NULL, *rest = split_port(s, &name), *zone;
	struct in_addr in;

	*has = rest;
	if (!rest)
		return s;
	zone = strchr(name, '%');
	if (zone) {
		*zone++ = '\0';
		*scope = if_nametoindex(zone);
	}
	if (inet_pton(AF_INET, name, &in) == 1) {
		memset(ip, 0, sizeof(*ip));
		memset(ip->s6_addr + 10, 0xff, 2);
		memcpy(ip->s6_addr + 12, &in, 4);
	} else if (name == s || inet_pton(AF_INET6, name, ip) != 1) {
		die_usage("ADDR wants an address, an IPv6 address in brackets, "
			  "not '%s'",
			  name);
	}
	return rest;
}

/* parse_span - [ADDR:]PORT[-PORT][/[PEERADDR:]PEERPORT], or a usage error */
static struct span parse_span(const char *s)
{
	char text[160], *local, *dash, *slash;
	struct span span = {.peer_hi = 65535};

	if (strlen(s) >= sizeof(text))
		die_usage("PORT wants a port, or two with a dash, not '%s'", s);
	strcpy(text, s);
	slash = strchr(text, '/');
	if (slash) {
		*slash++ = '\0';
		slash = parse_end(slash, &span.has_peer_addr, &span.peer_addr,
				  &span.peer_scope);
		span.peer_lo =
			(in_port_t)parse_long("PEERPORT", slash, 0, 65535);
		span.peer_hi = span.peer_lo;
	}
	local = parse_end(text, &span.has_addr, &span.addr, &span.scope);
	dash = strchr(local, '-');
	if (dash)
		*dash = '\0';
	span.lo = parse_port("PORT", local);
	span.hi = dash ? parse_port("PORT", dash + 1) : span.lo;
	if (span.lo > span.hi)
		die_usage("PORT-PORT: the lower one first, not '%s'", s);
	return span;
}

/* take_range - SOCKETS of -r */
static void take_range(void *to, const char *text)
{
	struct question *q = to;

	q->span[0] = parse_span(text);
	q->ranged = true;
}

/* parse - read the command line; a usage error ends the program */
static void parse(struct question *q, int argc, char **argv)
{
	char given[OPTIONS_MAX] = "";
	const struct opt options[] = {
		{'e', ARG_SET, .to = &q->more},
		{'g', ARG_SET, .to = &q->grouped},
		{'j', ARG_SET, .to = &q->json},
		{'o', ARG_SET, .to = &q->options},
		{'r', ARG_OTHER, .to = q, .take = take_range},
		{'t', ARG_SET, .to = &q->hasty},
		{0},
	};
	int i = parse_options(argc, argv, options, given, help);

	if (i == argc && !q->ranged)
		die_usage("PORT is wanted");
	if (argc - i >= SPANS_MAX)
		die_usage("%d operands at most", SPANS_MAX - 1);
	while (i < argc)
		q->span[++q->spans] = parse_span(argv[i++]);
}

/* --- output --------------------------------------------------------------- */

static const char *row_end(const struct end *end, char *buf)
{
	bool v6 = end->family == AF_INET6;

	return end_str(buf, v6, end->ip.s6_addr + (v6 ? 0 : 12), end->scope,
		       end->port);
}

/* put - a column, or a member of JSON; @fmt NULL: there is no value */
static void put(const struct question *q, const char *key, const char *fmt, ...)
{
	va_list ap;

	if (q->json)
		printf(",\"%s\":", key);
	else if (strcmp(key, q->grouped ? "operand" : "state"))
		putchar(' ');
	if (!fmt) {
		fputs(q->json ? "null" : "-", stdout);
		return;
	}
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

/* put_switch - 0, 1, or -1 for unknown */
static void put_switch(const struct question *q, const char *key, int on)
{
	put(q, key, on < 0 ? NULL : "%d", on);
}

static void print_row(const struct row *r, const struct question *q)
{
	const char *text = q->json ? "\"%s\"" : "%s";
	char end[ADDR_STRLEN], dev[IF_NAMESIZE];
	const struct kind *kind = &r->kind;

	if (q->json)
		fputs("{\"event\":\"socket\"", stdout);
	if (q->grouped) {
		put(q, "operand", "%zu", kind->operand);
		put(q, "count", "%zu", r->count);
	}
	put(q, "state", text, state_str(kind->state));
	put(q, "recvq", "%" PRIu32, r->recvq);
	put(q, "sendq", "%" PRIu32, r->sendq);
	put(q, "local", text, row_end(&kind->local, end));
	put(q, "peer", text, row_end(&r->peer, end));
	put(q, "left_ms", r->left < 0 ? NULL : "%" PRId64, r->left);
	put(q, "uid", "%" PRIu32, kind->uid);
	put_switch(q, "v6only", kind->v6only);
	put_switch(q, "reuseaddr", kind->reuseaddr);
	put_switch(q, "reuseport", kind->reuseport);
	put(q, "pid", r->pid ? "%ld" : NULL, r->pid);
	put(q, "command",
	    !*r->command ? NULL
	    : q->json	 ? ""
			 : "%s",
	    r->command);
	if (q->json && *r->command)
		json_string(stdout, r->command);
	if (q->more) {
		if (!if_indextoname(kind->dev, dev))
			snprintf(dev, sizeof(dev), "%" PRIu32, kind->dev);
		put(q, "dev", kind->dev ? text : NULL, dev);
		put(q, "inode", "%" PRIu32, r->inode);
		put_switch(q, "noport", kind->noport);
	}
	puts(q->json ? "}" : "");
}

/* print_range - the ports of -r by their sort, and the sockets there */
static void print_range(struct range *range, const struct question *q)
{
	unsigned int all = 0, unused = 0, shared = 0, held = 0;
	struct row best[STATES][2] = {{{.count = 0}}};
	struct question as_groups = *q;

	for (unsigned int p = q->span[0].lo; p <= q->span[0].hi; p++) {
		const unsigned char port = range->ports[p];

		all += !(port & RESERVED);
		unused += !port;
		held += !!(port & HELD);
		shared += (port & (USED | HELD | TUPLE)) == USED;
	}
	printf(q->json ? "{\"event\":\"ports\",\"all\":%u,\"free\":%u,"
			 "\"shared\":%u,\"held\":%u}\n"
		       : "PORTS %u %u %u %u\n",
	       all, unused, shared, held);
	for (size_t i = 0; i < range->tuples.n; i++) {
		struct row *r = &range->tuples.at[i], *seen;

		/* connect() passes over a port that a program has bound. */
		if (range->ports[r->kind.local.port] & HELD)
			continue;
		seen = &best[r->kind.state % STATES][r->kind.timewait];
		r->count = seen->count + 1;
		if (!seen->count || r->left < seen->left)
			*seen = *r;
		seen->count = r->count;
	}
	as_groups.grouped = true;
	for (size_t i = 0; i < 2 * STATES; i++)
		if (best[i / 2][i % 2].count)
			print_row(&best[i / 2][i % 2], &as_groups);
}

int main(int argc, char **argv)
{
	static struct question q;
	static struct heap heap = {.q = &q, .groups.last = &heap.groups.first};

	prog_name = "peek";
	parse(&q, argc, argv);
	if (q.ranged)
		read_reserved(&heap.range);
	ask_kernel(&heap);
	if (q.options)
		find_holders(&q, &heap.rows);
	if (q.ranged)
		print_range(&heap.range, &q);
	for (size_t i = 1; i <= q.spans; i++) {
		for (size_t n = 0; n < heap.rows.n; n++) {
			struct row *r = &heap.rows.at[n];

			if (!is_wanted(&q.span[i], r))
				continue;
			r->kind.operand = i;
			if (q.grouped)
				group(&heap.groups, r);
			else
				print_row(r, &q);
		}
	}
	for (const struct row *r = heap.groups.first; r; r = r->next)
		print_row(r, &q);
	flush_stdout();
	return EXIT_DONE;
}
