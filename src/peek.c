/*
 * peek - the TCP sockets on a port, with what ss does not show
 *
 * Asks sock_diag(7), as ss does, and adds two things: sockets that are only
 * bound (since Linux 6.8), and SO_REUSEADDR and SO_REUSEPORT, which no
 * interface of the kernel shows.  The latter are read from a duplicate of the
 * socket, pidfd_getfd(2), where a process holds it and the caller may trace
 * that process; a duplicate that is only read and closed changes nothing.
 */
#include "net.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sys/syscall.h>

static const char help[] =
	"usage: peek [-egjot] SOCKETS ...\n"
	"       peek [-egjot] -r SOCKETS [SOCKETS ...]\n"
	"Print the TCP sockets of this network namespace. SOCKETS is\n"
	"[ADDR:]PORT[-PORT][/[PEERADDR:]PEERPORT]: those whose local port is PORT, or\n"
	"between two PORTs; with PEERPORT those with this port at the peer, /0 those\n"
	"without a peer. An IPv6 address stands in brackets. One a line:\n"
	"\n"
	"  STATE RECVQ SENDQ LOCAL PEER LEFT UID V6ONLY REUSEADDR REUSEPORT PID COMMAND\n"
	"\n"
	"STATE is ss's, or BOUND: bind(), and no more (since Linux 6.8; before, the\n"
	"kernel does not show these). LEFT is what is left of a timewait socket, in\n"
	"milliseconds; also an orphan in FIN-WAIT-2 is one. A dash: there is none, or\n"
	"it cannot be seen.\n"
	"\n"
	"  -g         those that differ in PEER, LEFT and PID alone in one line, the\n"
	"             one with the longest LEFT; the line begins with the number of\n"
	"             the operand, and of the sockets. With -o: of a thousand that\n"
	"             are alike the options are read, the others are taken to have\n"
	"             the same; and the search ends after 0.3 s of CPU time\n"
	"  -r SOCKETS what the kernel finds that is to pick one of these ports, for\n"
	"             bind() to ADDR, or for connect() from ADDR to PEERADDR:PEERPORT.\n"
	"             First a line \"PORTS ALL FREE SHARED HELD\": how many there are,\n"
	"             without ip_local_reserved_ports; how many are free, have only\n"
	"             sockets to elsewhere, have one that is bound or listens. Then, as\n"
	"             with -g, operand 0: the sockets in connect()'s way, of those in\n"
	"             TIME-WAIT the one with the shortest LEFT\n"
	"  -o         look for the process too, and read from its socket the options\n"
	"             SO_REUSEADDR, SO_REUSEPORT, IPV6_V6ONLY (needs the right to\n"
	"             trace it)\n"
	"  -t         search for processes no longer than 0.3 s of CPU time, as -g does\n"
	"  -e         three columns more: DEV, of SO_BINDTODEVICE; INODE, 0 where no\n"
	"             process holds it; NOPORT, IP_BIND_ADDRESS_NO_PORT\n"
	"  -j         JSON lines\n"
	"  --help, --version\n";

/* include/net/tcp_states.h; not in the headers for programs. */
enum {
	STATE_TIME_WAIT = 6,
	STATE_SYN_RECV = 3,
	STATE_NEW_SYN_RECV = 12,
	STATE_BOUND = 13,
	STATES,
};

#define DIAG_SOCKOPT   22 /* INET_DIAG_SOCKOPT, of newer headers */
#define TIMER_TIMEWAIT 3  /* idiag_timer of a timewait socket */

/* One end of a socket; an IPv4 address is mapped to IPv6. */
struct end {
	struct in6_addr ip;
	uint32_t scope; /* of a link-local address: its interface */
	in_port_t port;
	sa_family_t family;
};

/* What sockets have in common that -g puts in one line. */
struct kind {
	struct end local;
	size_t operand;
	uint32_t waiting, backlog; /* LISTEN: for accept(), and allowed */
	uint32_t uid;
	int state;
	int timewait;
	uint32_t dev;  /* SO_BINDTODEVICE; 0: none */
	int noport;    /* IP_BIND_ADDRESS_NO_PORT; -1: unknown */
	int v6only;    /* -1: does not matter, or unknown */
	int reuseaddr; /* -1: unknown */
	int reuseport; /* -1: unknown */
};

#define COMMAND_SIZE (16 + 1) /* TASK_COMM_LEN, with its NUL, and one more */

/* A socket as the kernel shows it, and as its process does. */
struct row {
	struct kind kind;
	struct end peer;
	int64_t left; /* ms; -1: no timewait socket */
	size_t count; /* so many of the kind */
	size_t first; /* number of the first of the kind */
	bool sought;  /* its process was looked for */
	bool mixed;   /* of the first: the others have other options */
	uint32_t recvq, sendq;
	uint32_t inode; /* 0: no process holds it */
	long pid;	/* 0: unknown */
	char command[COMMAND_SIZE];
};

struct rows {
	struct row *at;
	size_t n, room;
};

/* Rows that differ in their kind, and where to find one: at a hash of it. */
struct groups {
	struct rows rows;
	size_t *slot; /* the row's number and one; 0: empty */
	size_t slots; /* a power of two */
};

/* Which sockets are wanted. */
struct span {
	bool has_addr, has_peer_addr;
	struct in6_addr addr, peer_addr;
	uint32_t scope, peer_scope;
	in_port_t lo, hi;
	long peer; /* the peer's port; -1: any */
};

/* What is found of the ports of -r. */
struct range {
	unsigned char ports[65536]; /* RESERVED, ... */
	struct rows tuples;
};
enum { RESERVED = 1, USED = 2, HELD = 4, TUPLE = 8 };

#define SPANS_MAX 16

/*
 * With -g a process with hundreds of thousands of connections must not be in
 * the way of an answer: to look at each of its descriptors takes 4 us.
 */
#define QUOTA	  1000
#define EARLY_FDS 64 /* of each process first: what listens is among them */
#define SEARCH_NS INT64_C(300000000) /* of CPU time */

struct question {
	bool options; /* -o */
	bool grouped; /* -g */
	bool json;    /* -j */
	bool hasty;   /* -t */
	bool more;    /* -e */
	bool ranged;  /* -r: that is span 0, else there is none */
	struct span span[SPANS_MAX]; /* the operands, from 1 */
	size_t spans;		     /* the last one's number */
};

/* --- what is asked -------------------------------------------------------- */

/*
 * parse_end - cut "[ADDR:]REST" off: its address, of which no name is made
 *
 * Returns REST.
 */
static char *parse_end(char *s, bool *has, struct in6_addr *ip, uint32_t *scope)
{
	char *colon = strrchr(s, ':'), *zone, *name = s;
	struct in_addr in;

	*has = colon;
	if (!colon)
		return s;
	*colon = '\0';
	if (*s == '[' && colon > s && colon[-1] == ']') {
		colon[-1] = '\0';
		name = s + 1;
	}
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
	return colon + 1;
}

/* parse_span - [ADDR:]PORT[-PORT][/[PEERADDR:]PEERPORT], or a usage error */
static struct span parse_span(const char *s)
{
	char text[160], *local, *dash, *slash;
	struct span span = {.peer = -1};

	if (strlen(s) >= sizeof(text))
		die_usage("PORT wants a port, or two with a dash, not '%s'", s);
	strcpy(text, s);
	slash = strchr(text, '/');
	if (slash) {
		*slash++ = '\0';
		slash = parse_end(slash, &span.has_peer_addr, &span.peer_addr,
				  &span.peer_scope);
		span.peer = parse_long("PEERPORT", slash, 0, 65535);
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

/* parse - read the command line; a usage error ends the program */
static void parse(struct question *q, int argc, char **argv)
{
	static const struct option longs[] = {{"help", 0, NULL, 256},
					      {"version", 0, NULL, 257},
					      {NULL, 0, NULL, 0}};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":egjor:t", longs, NULL)) != -1) {
		switch (opt) {
		case 'e':
			q->more = true;
			break;
		case 'g':
			q->grouped = true;
			break;
		case 'j':
			q->json = true;
			break;
		case 'o':
			q->options = true;
			break;
		case 'r':
			q->span[0] = parse_span(optarg);
			q->ranged = true;
			break;
		case 't':
			q->hasty = true;
			break;
		case 256:
		case 257:
			fputs(opt == 256 ? help : "peek " RTEST_VERSION "\n",
			      stdout);
			flush_stdout();
			exit(EXIT_DONE);
		case ':':
			die_usage("-%c wants a value", optopt);
		default:
			if (optopt && optopt < 256)
				die_usage("unknown option '-%c'", optopt);
			die_usage("unknown option '%s'", argv[optind - 1]);
		}
	}
	if (optind == argc && !q->ranged)
		die_usage("PORT is wanted");
	if (argc - optind >= SPANS_MAX)
		die_usage("%d operands at most", SPANS_MAX - 1);
	while (optind < argc)
		q->span[++q->spans] = parse_span(argv[optind++]);
}

/* --- sockets, one by one and in groups -------------------------------------
 */

/* same_addr - whether it is that address; an interface counts if known */
static bool same_addr(const struct end *end, const struct in6_addr *ip,
		      uint32_t scope)
{
	return !memcmp(&end->ip, ip, sizeof(*ip)) &&
	       (!scope || !end->scope || scope == end->scope);
}

/* is_wildcard - 0.0.0.0 or :: */
static bool is_wildcard(const struct end *end)
{
	static const unsigned char any4[16] = {[10] = 0xff, [11] = 0xff};

	return IN6_IS_ADDR_UNSPECIFIED(&end->ip) ||
	       !memcmp(&end->ip, any4, sizeof(any4));
}

/* wanted - whether the socket is one that the operand is about */
static bool wanted(const struct span *span, const struct row *r)
{
	const struct end *local = &r->kind.local;

	if (local->port < span->lo || local->port > span->hi)
		return false;
	if (span->peer >= 0 && r->peer.port != span->peer)
		return false;
	if (span->has_addr && !same_addr(local, &span->addr, span->scope))
		return false;
	return !span->has_peer_addr ||
	       same_addr(&r->peer, &span->peer_addr, span->peer_scope);
}

static void keep(struct rows *rows, const struct row *r)
{
	if (rows->n == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 64;
		struct row *at = reallocarray(rows->at, room, sizeof(*at));

		if (!at)
			die_errno("%zu sockets", room);
		rows->at = at;
		rows->room = room;
	}
	rows->at[rows->n++] = *r;
}

/* hash - FNV-1a over the words of a kind, which has no holes */
static size_t hash(const struct kind *kind)
{
	uint32_t words[sizeof(*kind) / sizeof(uint32_t)];
	uint64_t h = 14695981039346656037U;

	memcpy(words, kind, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		h = (h ^ words[i]) * 1099511628211U;
	return (size_t)(h ^ h >> 32);
}

/* slot_of - where a row of this kind is, or would be */
static size_t *slot_of(const struct groups *g, const struct kind *kind)
{
	size_t i = hash(kind);

	for (;; i++) {
		size_t *slot = &g->slot[i & (g->slots - 1)];

		if (!*slot ||
		    !memcmp(&g->rows.at[*slot - 1].kind, kind, sizeof(*kind)))
			return slot;
	}
}

/*
 * group - put a socket to those of its kind, and return these, as the one with
 * the longest time left
 */
static struct row *group(struct groups *g, const struct row *r)
{
	struct row *first;
	size_t *slot;

	if (2 * g->rows.n >= g->slots) {
		free(g->slot);
		g->slots = g->slots ? 2 * g->slots : 64;
		g->slot = calloc(g->slots, sizeof(*g->slot));
		if (!g->slot)
			die_errno("%zu sockets", g->rows.n);
		for (size_t i = 0; i < g->rows.n; i++)
			*slot_of(g, &g->rows.at[i].kind) = i + 1;
	}
	slot = slot_of(g, &r->kind);
	if (!*slot) {
		keep(&g->rows, r);
		*slot = g->rows.n;
		first = &g->rows.at[g->rows.n - 1];
		first->count = 1;
		return first;
	}
	first = &g->rows.at[*slot - 1];
	if (r->left > first->left) {
		first->peer = r->peer;
		first->left = r->left;
	}
	first->count++;
	return first;
}

/* mark - what a socket means for its port, in -r */
static void mark(struct range *range, const struct span *span,
		 const struct row *r)
{
	const struct end *local = &r->kind.local;
	unsigned char *port = &range->ports[local->port];
	const bool connects = span->has_peer_addr;

	if (local->port < span->lo || local->port > span->hi ||
	    *port & RESERVED)
		return;
	/* bind() looks at those only whose address overlaps. */
	if (!connects && span->has_addr && !is_wildcard(local) &&
	    !same_addr(local, &span->addr, span->scope))
		return;
	*port |= USED;
	if (!r->peer.port) {
		*port |= HELD;
	} else if (connects && wanted(span, r)) {
		*port |= TUPLE;
		keep(&range->tuples, r);
	}
}

/* read_reserved - the ports that the kernel does not pick */
static void read_reserved(struct range *range)
{
	static char text[1 << 19]; /* it gives all in one read, or nothing */
	int fd = open("/proc/sys/net/ipv4/ip_local_reserved_ports",
		      O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *s = text, *end;; s = end + 1) {
		unsigned long lo = strtoul(s, &end, 10), hi = lo;

		if (end == s)
			return;
		if (*end == '-')
			hi = strtoul(end + 1, &end, 10);
		for (; lo <= hi && lo < 65536; lo++)
			range->ports[lo] |= RESERVED;
		if (*end != ',')
			return;
	}
}

/* --- the kernel's side: sock_diag ---------------------------------------- */

/* Where the kernel's answers go. */
struct heap {
	const struct question *q;
	struct rows rows; /* those that are wanted */
	struct groups groups;
	struct range range;
};

/* set_end - one end of a connection, from the words of inet_diag_sockid */
static void set_end(struct end *a, sa_family_t family, const uint32_t *words,
		    uint16_t port, uint32_t dev)
{
	memset(a, 0, sizeof(*a));
	a->family = family;
	a->port = ntohs(port);
	if (family == AF_INET6) {
		memcpy(&a->ip, words, sizeof(a->ip));
		if (IN6_IS_ADDR_LINKLOCAL(&a->ip))
			a->scope = dev;
	} else {
		memset(a->ip.s6_addr + 10, 0xff, 2);
		memcpy(a->ip.s6_addr + 12, words, 4);
	}
}

/* put - a socket to where the question wants it */
static void put(struct heap *heap, struct row *r)
{
	const struct question *q = heap->q;
	bool any = false;

	if (q->ranged)
		mark(&heap->range, &q->span[0], r);
	for (size_t i = 1; i <= q->spans; i++) {
		if (!wanted(&q->span[i], r))
			continue;
		any = true;
		/* Of one that a process holds there is more to be found. */
		if (!q->grouped || (q->options && r->inode))
			break;
		r->kind.operand = i;
		group(&heap->groups, r);
		any = false;
	}
	if (any)
		keep(&heap->rows, r);
}

/* add - one answer of the kernel */
static void add(struct heap *heap, const struct nlmsghdr *nlh)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(nlh);
	const struct nlattr *nla = (const void *)(msg + 1);
	size_t rest = nlh->nlmsg_len - NLMSG_LENGTH(sizeof(*msg));
	struct row row, *r = &row;

	memset(r, 0, sizeof(*r));
	set_end(&r->kind.local, msg->idiag_family, msg->id.idiag_src,
		msg->id.idiag_sport, msg->id.idiag_if);
	set_end(&r->peer, msg->idiag_family, msg->id.idiag_dst,
		msg->id.idiag_dport, msg->id.idiag_if);
	r->kind.state = msg->idiag_state;
	r->recvq = msg->idiag_rqueue;
	r->sendq = msg->idiag_wqueue;
	if (r->kind.state == TCP_LISTEN) {
		r->kind.waiting = r->recvq;
		r->kind.backlog = r->sendq;
	}
	r->left = msg->idiag_timer == TIMER_TIMEWAIT
			  ? (int32_t)msg->idiag_expires
			  : -1;
	r->kind.timewait = r->left >= 0;
	r->kind.uid = msg->idiag_uid;
	r->kind.dev = msg->id.idiag_if;
	r->inode = msg->idiag_inode;
	r->kind.v6only = r->kind.reuseaddr = r->kind.reuseport = -1;
	r->kind.noport = -1;
	while (rest >= sizeof(*nla) && nla->nla_len >= sizeof(*nla) &&
	       nla->nla_len <= rest) {
		size_t step = NLA_ALIGN(nla->nla_len);

		if (nla->nla_type == INET_DIAG_SKV6ONLY &&
		    nla->nla_len > NLA_HDRLEN)
			r->kind.v6only = *((const uint8_t *)nla + NLA_HDRLEN);
		/* struct inet_diag_sockopt, since 5.10: its second byte. */
		if (nla->nla_type == DIAG_SOCKOPT &&
		    nla->nla_len > NLA_HDRLEN + 1)
			r->kind.noport =
				((const uint8_t *)nla)[NLA_HDRLEN + 1] & 1;
		if (step >= rest)
			break;
		rest -= step;
		nla = (const void *)((const char *)nla + step);
	}
	put(heap, r);
}

/* read_dump - the answers to the request, until the kernel says it is done */
static void read_dump(int fd, struct heap *heap)
{
	static _Alignas(struct nlmsghdr) char buf[1 << 16];

	for (;;) {
		ssize_t got = recv(fd, buf, sizeof(buf), MSG_TRUNC);
		const struct nlmsghdr *nlh = (const void *)buf;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			die_errno("sock_diag");
		if ((size_t)got > sizeof(buf)) {
			errno = EMSGSIZE;
			die_errno("sock_diag");
		}
		for (unsigned int len = (unsigned int)got; NLMSG_OK(nlh, len);
		     nlh = NLMSG_NEXT(nlh, len)) {
			const struct nlmsgerr *err = NLMSG_DATA(nlh);

			if (nlh->nlmsg_type == NLMSG_DONE)
				return;
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				errno = -err->error;
				/* No handler: tcp_diag is a module. */
				if (errno == ENOENT)
					die_errno("sock_diag: no tcp_diag "
						  "(load it: modprobe "
						  "tcp_diag)");
				die_errno("sock_diag");
			}
			if (nlh->nlmsg_type == TCPDIAG_GETSOCK)
				add(heap, nlh);
		}
	}
}

#define OPS_MAX (9 * SPANS_MAX) /* of a span: four tests and a jump */

/*
 * filter - the program by which the kernel picks the sockets that a span is
 * about, by their ports (inet_diag_bc_run)
 *
 * A comparison is two words, the second has the port; a jump is one.  Each
 * goes on by so many bytes.  A span that says no goes on with the next one;
 * behind the last, four bytes behind the end, that is the program's no.  A
 * span that says yes meets the jump to the end, which is the program's yes.
 * Returns the number of words.
 */
static size_t filter(const struct question *q, struct inet_diag_bc_op *op)
{
	const size_t word = sizeof(*op), first = q->ranged ? 0 : 1;
	size_t n = 0, all = 0;

	for (size_t i = first; i <= q->spans; i++)
		all += (q->span[i].peer < 0 || !i ? 4 : 8) + (i < q->spans);
	for (size_t i = first; i <= q->spans; i++) {
		const struct span *span = &q->span[i];
		/* -r is about all that is on its ports. */
		const size_t words = span->peer < 0 || !i ? 4 : 8;
		const struct {
			unsigned char code;
			in_port_t port;
		} test[] = {
			{INET_DIAG_BC_S_GE, span->lo},
			{INET_DIAG_BC_S_LE, span->hi},
			{INET_DIAG_BC_D_GE, (in_port_t)span->peer},
			{INET_DIAG_BC_D_LE, (in_port_t)span->peer},
		};

		for (size_t w = 0; w < words; w += 2, n += 2) {
			op[n].code = test[w / 2].code;
			op[n].yes = (unsigned char)(2 * word);
			op[n].no = (unsigned short)((words - w + 1) * word);
			op[n + 1].no = test[w / 2].port;
		}
		if (i < q->spans) {
			op[n].code = INET_DIAG_BC_JMP;
			op[n].yes = (unsigned char)word;
			op[n].no = (unsigned short)((all - n) * word);
			n++;
		}
	}
	return n;
}

/*
 * ask - all sockets that the question is about
 *
 * The kernel goes over every socket of the machine for each request, so there
 * is one.  The older of its two forms (inet_diag_rcv_msg_compat) takes both
 * families at a time.
 */
static void ask(int fd, struct heap *heap)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req req;
		struct nlattr nla;
		struct inet_diag_bc_op op[OPS_MAX];
	} msg = {
		.nlh = {.nlmsg_type = TCPDIAG_GETSOCK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.req = {.idiag_family = AF_INET, .idiag_states = ~0U},
		.nla = {.nla_type = INET_DIAG_REQ_BYTECODE},
	};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	msg.nla.nla_len =
		(uint16_t)(sizeof(msg.nla) +
			   filter(heap->q, msg.op) * sizeof(msg.op[0]));
	msg.nlh.nlmsg_len =
		(uint32_t)(offsetof(__typeof__(msg), nla) + msg.nla.nla_len);
	if (sendto(fd, &msg, msg.nlh.nlmsg_len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		die_errno("sock_diag");
	read_dump(fd, heap);
}

/* --- the process's side --------------------------------------------------- */

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_inode(const void *a, const void *b)
{
	uint32_t x = (*(struct row *const *)a)->inode;
	uint32_t y = (*(struct row *const *)b)->inode;

	return x < y ? -1 : x > y;
}

/*
 * read_options - SO_REUSEADDR, SO_REUSEPORT, IPV6_V6ONLY of a socket that a
 * process holds; they stay unknown where the kernel is older than pidfd_getfd()
 * (5.6), or refuses
 */
static void read_options(struct row *r, int pidfd, int fd)
{
	socklen_t len = sizeof(int);
	int copy, on;

	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (copy < 0)
		return;
	if (!getsockopt(copy, SOL_SOCKET, SO_REUSEADDR, &on, &len))
		r->kind.reuseaddr = !!on;
	len = sizeof(int);
	if (!getsockopt(copy, SOL_SOCKET, SO_REUSEPORT, &on, &len))
		r->kind.reuseport = !!on;
	len = sizeof(int);
	if (r->kind.local.family == AF_INET6 &&
	    !getsockopt(copy, IPPROTO_IPV6, IPV6_V6ONLY, &on, &len))
		r->kind.v6only = !!on;
	close(copy);
}

/* read_command - the name of the process, printable, without blanks */
static void read_command(long pid, char command[COMMAND_SIZE])
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, command, COMMAND_SIZE - 1);
		close(fd);
	}
	command[n > 0 ? n : 0] = '\0';
	command[strcspn(command, "\n")] = '\0';
	for (char *c = command; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '_';
}

/*
 * look_into - the descriptors of one process, against the sockets wanted, until
 * none of them is missing or so much time is used: the early ones, or the
 * others; returns how many it has
 */
static size_t look_into(long pid, struct row **want, size_t n, size_t missing,
			bool early, int64_t end)
{
	char path[64], command[COMMAND_SIZE];
	struct dirent *entry;
	size_t found = 0;
	int pidfd = -1, fd;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (found < missing && (entry = readdir(dir)) && cpu_ns() < end) {
		struct row key, *keyp = &key, **hit;
		char link[32];
		ssize_t len;

		fd = atoi(entry->d_name);
		if (early && fd >= EARLY_FDS)
			break; /* they come in order */
		if (!early && fd < EARLY_FDS)
			continue;
		len = readlinkat(dirfd(dir), entry->d_name, link,
				 sizeof(link) - 1);
		if (len < 0)
			continue;
		link[len] = '\0';
		if (sscanf(link, "socket:[%u]", &key.inode) != 1)
			continue;
		hit = bsearch(&keyp, want, n, sizeof(struct row *), by_inode);
		if (!hit || (*hit)->pid)
			continue;
		if (!found++) {
			read_command(pid, command);
			pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
		}
		(*hit)->pid = pid;
		strcpy((*hit)->command, command);
		if (pidfd >= 0)
			read_options(*hit, pidfd, fd);
	}
	if (pidfd >= 0)
		close(pidfd);
	closedir(dir);
	return found;
}

/*
 * sought - the rows whose processes are looked for: all that a process holds,
 * but with -g no more than QUOTA that are alike
 */
static size_t sought(const struct question *q, struct rows *rows,
		     struct row **want)
{
	struct groups kinds = {0};
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++) {
		struct row *r = &rows->at[i], *kind = group(&kinds, r);

		if (kind->count == 1)
			kind->first = i;
		r->first = kind->first;
		r->sought = !q->grouped || kind->count <= QUOTA;
		if (r->sought && r->inode)
			want[n++] = r;
	}
	free(kinds.rows.at);
	free(kinds.slot);
	return n;
}

/* infer - those beyond the QUOTA have the options that all within it have */
static void infer(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct row *r = &rows->at[i], *first = &rows->at[r->first];

		if (r->sought && (r->kind.reuseaddr != first->kind.reuseaddr ||
				  r->kind.reuseport != first->kind.reuseport ||
				  r->kind.v6only != first->kind.v6only))
			first->mixed = true;
	}
	for (size_t i = 0; i < rows->n; i++) {
		struct row *r = &rows->at[i], *first = &rows->at[r->first];

		if (!r->sought && !first->mixed) {
			r->kind.reuseaddr = first->kind.reuseaddr;
			r->kind.reuseport = first->kind.reuseport;
			r->kind.v6only = first->kind.v6only;
		}
	}
}

/* find_processes - who holds these sockets, as far as the caller may see */
static void find_processes(const struct question *q, struct rows *rows)
{
	const int64_t end =
		q->grouped || q->hasty ? cpu_ns() + SEARCH_NS : INT64_MAX;
	struct row **want = calloc(rows->n + 1, sizeof(struct row *));
	size_t n, found = 0;
	struct dirent *entry;
	DIR *proc;

	if (!want)
		die_errno("%zu sockets", rows->n);
	n = sought(q, rows, want);
	qsort(want, n, sizeof(struct row *), by_inode);
	/* Without /proc they are as those of another user. */
	proc = n ? opendir("/proc") : NULL;
	for (int early = 1; proc && early >= 0; early--) {
		rewinddir(proc);
		while (found < n && (entry = readdir(proc))) {
			char *rest;
			long pid = strtol(entry->d_name, &rest, 10);

			if (pid > 0 && !*rest)
				found += look_into(pid, want, n, n - found,
						   early, end);
		}
	}
	if (proc)
		closedir(proc);
	free(want);
	infer(rows);
}

/* --- what is printed ------------------------------------------------------ */

static const char *row_state(const struct row *r)
{
	switch (r->kind.state) {
	case STATE_NEW_SYN_RECV:
		return state_name(STATE_SYN_RECV);
	case STATE_BOUND:
		return "BOUND";
	}
	/* A bound socket's own state is CLOSE. */
	return r->kind.state == TCP_CLOSE ? "BOUND" : state_name(r->kind.state);
}

/* end_str - as addr_str() prints it; not by getnameinfo(), which is slow */
static const char *end_str(const struct end *end, char *buf)
{
	char host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE + 1] = "";

	if (end->scope && if_indextoname(end->scope, zone + 1))
		zone[0] = '%';
	if (end->family == AF_INET6)
		inet_ntop(AF_INET6, &end->ip, host, sizeof(host));
	else
		inet_ntop(AF_INET, end->ip.s6_addr + 12, host, sizeof(host));
	snprintf(buf, ADDR_STRLEN,
		 end->family == AF_INET6 ? "[%s%s]:%u" : "%s%s:%u", host, zone,
		 (unsigned int)end->port);
	return buf;
}

/* switch_str - 0, 1, or @unknown for -1 */
static const char *switch_str(int on, const char *unknown)
{
	return on < 0 ? unknown : on ? "1" : "0";
}

/* print_more - the columns of -e */
static void print_more(const struct row *r, const struct question *q)
{
	const char *none = q->json ? "null" : "-", *quote = q->json ? "\"" : "";
	char dev[IF_NAMESIZE];

	fputs(q->json ? ",\"dev\":" : " ", stdout);
	if (!r->kind.dev)
		fputs(none, stdout);
	else if (if_indextoname(r->kind.dev, dev))
		printf("%s%s%s", quote, dev, quote);
	else
		printf("%s%" PRIu32 "%s", quote, r->kind.dev, quote);
	printf(q->json ? ",\"inode\":%" PRIu32 ",\"noport\":%s"
		       : " %" PRIu32 " %s",
	       r->inode, switch_str(r->kind.noport, none));
}

static void print_row(const struct row *r, const struct question *q)
{
	char local[ADDR_STRLEN], peer[ADDR_STRLEN];
	const char *none = q->json ? "null" : "-";
	const struct kind *kind = &r->kind;
	char left[24], pid[24];

	end_str(&kind->local, local);
	end_str(&r->peer, peer);
	snprintf(left, sizeof(left), "%" PRId64, r->left);
	snprintf(pid, sizeof(pid), "%ld", r->pid);
	if (q->json)
		fputs("{\"event\":\"socket\",", stdout);
	if (q->grouped)
		printf(q->json ? "\"operand\":%zu,\"count\":%zu," : "%zu %zu ",
		       kind->operand, r->count);
	printf(q->json ? "\"state\":\"%s\",\"recvq\":%" PRIu32
			 ",\"sendq\":%" PRIu32 ",\"local\":\"%s\","
			 "\"peer\":\"%s\",\"left_ms\":%s,\"uid\":%" PRIu32
			 ",\"v6only\":%s,\"reuseaddr\":%s,\"reuseport\":%s,"
			 "\"pid\":%s,\"command\":"
		       : "%s %" PRIu32 " %" PRIu32 " %s %s %s %" PRIu32
			 " %s %s %s %s ",
	       row_state(r), r->recvq, r->sendq, local, peer,
	       r->left < 0 ? none : left, kind->uid,
	       switch_str(kind->v6only, none),
	       switch_str(kind->reuseaddr, none),
	       switch_str(kind->reuseport, none), r->pid ? pid : none);
	if (!q->json)
		fputs(*r->command ? r->command : none, stdout);
	else if (*r->command)
		json_string(stdout, r->command);
	else
		fputs(none, stdout);
	if (q->more)
		print_more(r, q);
	puts(q->json ? "}" : "");
}

/* print_range - the ports of -r: how many of which sort, and what is there */
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
	free(range->tuples.at);
}

int main(int argc, char **argv)
{
	static struct question q;
	static struct heap heap = {.q = &q};
	int fd;

	prog_name = "peek";
	parse(&q, argc, argv);
	if (q.ranged)
		read_reserved(&heap.range);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		die_errno("sock_diag");
	ask(fd, &heap);
	close(fd);
	if (q.options)
		find_processes(&q, &heap.rows);
	if (q.ranged)
		print_range(&heap.range, &q);
	for (size_t i = 1; i <= q.spans; i++) {
		for (size_t n = 0; n < heap.rows.n; n++) {
			struct row *r = &heap.rows.at[n];

			if (!wanted(&q.span[i], r))
				continue;
			r->kind.operand = i;
			if (q.grouped)
				group(&heap.groups, r);
			else
				print_row(r, &q);
		}
	}
	for (size_t i = 0; i < heap.groups.rows.n; i++)
		print_row(&heap.groups.rows.at[i], &q);
	flush_stdout();
	free(heap.rows.at);
	free(heap.groups.rows.at);
	free(heap.groups.slot);
	return EXIT_DONE;
}
