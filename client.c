/*
 * client - TCP connections from a fixed port, or from many
 *
 * The successor of the client half of Stevens' sock and of nc: stdin goes to
 * the connection, what is received to stdout.  With options it plays one side
 * of an experiment: who closes first and how, which port connect() leaves
 * from, how many connections there are, in a row or (-H) at once; with --bulk
 * both ends of a million; with --search how long a free port is looked for.
 */
#include "src/net.h"

#include <sched.h>

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
	"  -t SECS    deadline of connect()\n"
	"  --bulk     both ends in this process: listen on ADDR and PORT, make -n\n"
	"             connections to there as fast as it goes, close each at both\n"
	"             ends: the server's first, with -c the client's. With -H close\n"
	"             none until SIGINT or SIGTERM. Takes -A -c -H -j -v, and\n"
	"             -l ADDR/BITS  the local addresses (127.0.0.0/8 if ADDR is in\n"
	"                    it, else ADDR),\n"
	"             -R LO-HI  the local ports, each bound\n"
	"                    (net.ipv4.ip_local_port_range)\n"
	"  --search   measure how long connect() looks for a free port. ADDR is of\n"
	"             this host; client listens there itself, on PORT and PORT+1,\n"
	"             both outside of net.ipv4.ip_local_port_range. Each line of\n"
	"             stdin is a step: a number fills so many per cent of the range\n"
	"             with TIME-WAITs to PORT; \"time\" times -n connections (200)\n"
	"             to PORT, each beside one to PORT+1, where all ports are free\n"
	"  --ages MS,MS,...\n"
	"             at what age of a TIME-WAIT does connect() get its port? Each\n"
	"             age has an address of its own: ADDR, and the ones behind it,\n"
	"             which are this host's. client listens on PORT of all, makes a\n"
	"             connection to each and closes it first; at that age it connects\n"
	"             there once more. All ports but one should be out of reach: see\n"
	"             -R, and net.ipv4.ip_local_port_range. Takes -R, -j, and -H,\n"
	"             to keep what was connected until a signal comes\n";

struct client {
	struct talk talk;
	struct addr peer;
	struct addr local;  /* what to bind() to, if @bind */
	bool bind;	    /* -b, -p or -l */
	bool bulk;	    /* --bulk */
	const char *ages;   /* --ages */
	const char *prefix; /* --bulk: -l */
	bool no_port;	    /* -N */
	uint32_t range;	    /* -R: HI << 16 | LO, as the kernel wants it */
	int64_t interval;   /* -i, in ns */
	uint64_t started;   /* connections, also those that failed */
	int64_t next_at;    /* when the next starts; -1: not yet known */
	bool search;	    /* --search */
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

/*
 * check_bulk - what --bulk does not take is a usage error
 * @seen: the options that were given, by their letters
 */
static void check_bulk(const struct client *cl, const bool *seen)
{
	for (const char *p = "TLwhmxrBPQNbpit"; *p; p++)
		if (seen[(unsigned char)*p])
			die_usage("--bulk does not take -%c", *p);
	if (cl->talk.hold && !cl->talk.count)
		die_usage("--bulk -H wants to know how many: -n");
}

/*
 * check_search - what --search does not take is a usage error
 * @seen: the options that were given, by their letters
 */
static void check_search(struct client *cl, const bool *seen)
{
	for (const char *p = "ATLwhHcmxrBPQNRbpiltdv"; *p; p++)
		if (seen[(unsigned char)*p])
			die_usage("--search does not take -%c", *p);
	if (addr_port(&cl->peer) == 65535)
		die_usage("--search wants PORT+1 as well: not 65535");
	if (!seen['n'])
		cl->talk.count = 200;
	if (!cl->talk.count || cl->talk.count > 1000000)
		die_usage("--search wants -n from 1 to 1000000");
}

/* check_ages - the same for --ages, which takes -R, -j and -H */
static void check_ages(const struct client *cl, const bool *seen)
{
	for (const char *p = "ATLcwhdmxrBPQvnibplNt"; *p; p++)
		if (seen[(unsigned char)*p])
			die_usage("--ages does not take -%c", *p);
	if (cl->peer.sa.sa_family != AF_INET)
		die_usage("--ages wants an IPv4 ADDR");
}

/* parse - read the command line; a usage error ends the program */
static void parse(struct client *cl, int argc, char **argv)
{
	static const struct option longs[] = {
		{"help", 0, NULL, 256}, {"version", 0, NULL, 257},
		{"bulk", 0, NULL, 258}, {"search", 0, NULL, 259},
		{"ages", 1, NULL, 260}, {NULL, 0, NULL, 0}};
	const char *addr = NULL, *port = NULL;
	bool seen[128] = {false};
	struct talk *t = &cl->talk;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":" CONV_OPTIONS "b:p:l:NR:i:t:",
				  longs, NULL)) != -1) {
		if (opt < 128)
			seen[opt] = true;
		if (opt == 256)
			conv_print(help);
		else if (opt == 257)
			conv_print("client " RTEST_VERSION "\n");
		else if (opt == 258)
			cl->bulk = true;
		else if (opt == 259)
			cl->search = true;
		else if (opt == 260)
			cl->ages = optarg;
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
	if (!cl->bulk)
		conv_check(t);
	cl->peer = parse_addr("ADDR", argv[optind],
			      parse_port("PORT", argv[optind + 1]));
	cl->prefix = addr;
	if (cl->bulk + cl->search + !!cl->ages > 1)
		die_usage("--bulk, --search and --ages: choose one");
	if (cl->ages)
		check_ages(cl, seen);
	else if (cl->search)
		check_search(cl, seen);
	else if (cl->bulk)
		check_bulk(cl, seen);
	else
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

/* --- many at a time: --bulk ---------------------------------------------- */

/*
 * What a connection that has been closed, or is held, costs the kernel.
 * Estimates from the slab counters of Linux 6.18: a timewait socket is 256
 * bytes, its port's bind buckets 150 more; a pair of sockets with their inodes
 * and files is less than 8 KiB.
 */
#define TIME_WAIT_BYTES 512
#define PAIR_BYTES	8192

/*
 * How long to wait for what takes microseconds.  A lost SYN comes again after a
 * second (RFC 6298, 2.1), a lost FIN after 0.2 s.
 */
#define BULK_WAIT_NS INT64_C(10000000000)

struct bulk {
	struct client *cl;
	uint32_t addr; /* IPv4: the first local address, in host order */
	uint64_t addrs;
	in_port_t lo, skip; /* local ports: from @lo on, without @skip */
	uint64_t ports;
	int listener;
	int *fds; /* -H: what closes first, what closes then, and so on */
	uint64_t made;
	int64_t start, tell_at;
	bool tty, told;
	bool ending; /* the signal has come: it ends no wait any more */
};

/* read_number - the first number in a file of /proc or /sys; false: none */
static bool read_number(const char *path, uint64_t *n)
{
	FILE *f = fopen(path, "re");
	bool found = f && fscanf(f, "%" SCNu64, n) == 1;

	if (f)
		fclose(f);
	return found;
}

/* read_field - the number behind a word, in the line that begins with @line */
static bool read_field(const char *path, const char *line, const char *word,
		       uint64_t *n)
{
	FILE *f = fopen(path, "re");
	char buf[256], *at;
	bool found = false;

	while (f && !found && fgets(buf, sizeof(buf), f))
		if (!strncmp(buf, line, strlen(line)) &&
		    (at = strstr(buf, word)))
			found = sscanf(at + strlen(word), "%" SCNu64, n) == 1;
	if (f)
		fclose(f);
	return found;
}

/* time_waits - of this network namespace, as the kernel counts; false: hidden
 */
static bool time_waits(uint64_t *n)
{
	return read_field("/proc/net/sockstat", "TCP:", " tw ", n);
}

/*
 * cgroup_free - what the memory limits of our cgroup and of those above leave
 * @root: where the hierarchy is mounted; @path: of our cgroup, is cut
 * @max, @now: the files with the limit and with what is used
 *
 * Returns UINT64_MAX without a limit.
 */
static uint64_t cgroup_free(const char *root, char *path, const char *max,
			    const char *now)
{
	uint64_t limit, used, left = UINT64_MAX;
	char file[4600], *slash;

	do {
		snprintf(file, sizeof(file), "%s%s/%s", root, path, max);
		if (read_number(file, &limit)) {
			snprintf(file, sizeof(file), "%s%s/%s", root, path,
				 now);
			if (!read_number(file, &used))
				used = 0;
			limit = limit > used ? limit - used : 0;
			if (limit < left)
				left = limit;
		}
		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	} while (slash);
	return left;
}

/*
 * memory_free - bytes that the machine and our memory cgroup have left
 * @what: says which of the two is the smaller one
 */
static uint64_t memory_free(const char **what)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	uint64_t left = UINT64_MAX, kb, n;
	char line[4200];

	*what = "MemAvailable";
	if (read_field("/proc/meminfo", "MemAvailable:", ":", &kb))
		left = kb * 1024;
	while (f && fgets(line, sizeof(line), f)) {
		char *path = strrchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (!path)
			continue;
		path++;
		n = UINT64_MAX;
		if (!strncmp(line, "0::", 3))
			n = cgroup_free("/sys/fs/cgroup", path, "memory.max",
					"memory.current");
		else if (strstr(line, ":memory:"))
			n = cgroup_free("/sys/fs/cgroup/memory", path,
					"memory.limit_in_bytes",
					"memory.usage_in_bytes");
		if (n < left) {
			left = n;
			*what = "the memory cgroup's limit";
		}
	}
	if (f)
		fclose(f);
	return left;
}

/* bulk_refuse - one line on stderr about what is too small, then exit 1 */
__attribute__((format(printf, 1, 2), noreturn)) static void
bulk_refuse(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", prog_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	exit(EXIT_REFUSED);
}

/*
 * check_files - as many descriptors as held connections need
 *
 * The kernel gives the lowest that is free; so the listener's is the number
 * of those that are taken, or more.
 */
static void check_files(const struct bulk *b, uint64_t count)
{
	uint64_t want = 2 * count + (uint64_t)b->listener + 2;
	uint64_t most = UINT64_MAX;
	struct rlimit limit;
	char how[96];

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= want)
		return;
	/* Nobody can have more (do_prlimit()). */
	read_number("/proc/sys/fs/nr_open", &most);
	if (want > most)
		snprintf(how, sizeof(how),
			 "several clients: fs.nr_open is %" PRIu64, most);
	else
		snprintf(how, sizeof(how),
			 "as root: 'ulimit -n %" PRIu64 "'; or several clients",
			 want);
	bulk_refuse("%s %" PRIu64 " connection%s takes %" PRIu64
		    " descriptors, and RLIMIT_NOFILE is %" PRIu64 " (%s)",
		    b->cl->talk.hold ? "holding" : "making", count,
		    count == 1 ? "" : "s", want, (uint64_t)limit.rlim_cur, how);
}

/*
 * conntrack - how many connections are tracked in this network namespace, and
 * how many may be; false where the kernel does not track
 */
static bool conntrack(uint64_t *now, uint64_t *max)
{
	return read_number("/proc/sys/net/netfilter/nf_conntrack_count", now) &&
	       read_number("/proc/sys/net/netfilter/nf_conntrack_max", max);
}

/*
 * check_conntrack - that many connections can be tracked, if they are
 *
 * Whether a rule wants that does not show before the first connection; but
 * where some are tracked, ours will be.  One takes an entry, which outlives it
 * by 10 s or 120 s; without room its SYN is dropped (nf_conntrack_alloc()).
 */
static void check_conntrack(uint64_t count)
{
	uint64_t now, max;

	if (!conntrack(&now, &max) || !now || now + count <= max)
		return;
	bulk_refuse(
		"%" PRIu64 " connections and the %" PRIu64
		" that are tracked here are more than net.netfilter.nf_conntrack_max, %" PRIu64
		" (as root: sysctl net.netfilter.nf_conntrack_max=%" PRIu64
		"; or no rule that tracks)",
		count, now, max, now + count + count / 10);
}

/*
 * check_buckets - that many TIME-WAITs may be alive
 *
 * With tcp_max_tw_buckets of them there is no more (inet_twsk_alloc()): the
 * connection is closed without.
 */
static void check_buckets(uint64_t count)
{
	uint64_t max, now = 0;

	time_waits(&now);
	if (!read_number("/proc/sys/net/ipv4/tcp_max_tw_buckets", &max) ||
	    now + count <= max)
		return;
	bulk_refuse(
		"%" PRIu64 " TIME-WAITs and the %" PRIu64
		" that are here are more than net.ipv4.tcp_max_tw_buckets, %" PRIu64
		" (%s tcp_max_tw_buckets=%" PRIu64 " -- client ...)",
		count, now, max, sandbox_command(), now + count + count / 10);
}

static void check_memory(uint64_t count, uint64_t each)
{
	const char *what;
	uint64_t left = memory_free(&what);

	if (count <= left / each)
		return;
	bulk_refuse("%" PRIu64 " connections take the kernel some %" PRIu64
		    " MiB, and %s leaves %" PRIu64 " MiB (make -n smaller)",
		    count, count * each >> 20, what, left >> 20);
}

/*
 * bulk_range - the local ports: of -R, else those that the kernel picks from
 */
static void bulk_range(struct bulk *b)
{
	uint64_t lo = 32768, hi = 60999;
	in_port_t server = addr_port(&b->cl->peer);
	FILE *f;

	if (b->cl->range) {
		lo = b->cl->range & 0xffff;
		hi = b->cl->range >> 16;
	} else {
		f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
		if (f && fscanf(f, "%" SCNu64 "%" SCNu64, &lo, &hi) != 2)
			lo = 32768, hi = 60999;
		if (f)
			fclose(f);
	}
	b->lo = (in_port_t)lo;
	b->ports = hi - lo + 1;
	/* From the server's own end connect() would reach itself. */
	if (lo <= server && server <= hi) {
		b->skip = server;
		b->ports--;
	}
}

/*
 * bulk_addresses - the local addresses: of -l, else 127.0.0.0/8 towards 127.*,
 * else the server's own
 *
 * Of a prefix the first address and the last are left out: the last is a
 * broadcast address.
 */
static void bulk_addresses(struct bulk *b, const char *prefix)
{
	struct client *cl = b->cl;
	char host[INET6_ADDRSTRLEN + 17];
	const char *slash;
	long bits = 32;

	if (cl->peer.sa.sa_family == AF_INET6
		    ? IN6_IS_ADDR_UNSPECIFIED(&cl->peer.in6.sin6_addr)
		    : !cl->peer.in.sin_addr.s_addr)
		die_usage("--bulk wants one address, not the wildcard");
	b->addrs = 1;
	cl->local = cl->peer;
	if (!prefix && cl->peer.sa.sa_family == AF_INET &&
	    ntohl(cl->peer.in.sin_addr.s_addr) >> 24 == 127)
		prefix = "127.0.0.0/8";
	if (prefix) {
		slash = strchr(prefix, '/');
		snprintf(host, sizeof(host), "%.*s",
			 slash ? (int)(slash - prefix) : (int)strlen(prefix),
			 prefix);
		cl->local = parse_addr("-l", host, 0);
		if (cl->local.sa.sa_family != cl->peer.sa.sa_family)
			die_usage(
				"-l %s and ADDR are not both IPv4 or both IPv6",
				prefix);
		if (slash && cl->local.sa.sa_family != AF_INET)
			die_usage("-l ADDR/BITS is for IPv4 only");
		if (slash)
			bits = parse_long("-l ADDR/", slash + 1, 8, 32);
	}
	if (cl->local.sa.sa_family != AF_INET)
		return;
	b->addr = ntohl(cl->local.in.sin_addr.s_addr);
	b->addrs = UINT64_C(1) << (32 - bits);
	b->addr &= ~(uint32_t)(b->addrs - 1);
	if (b->addrs > 2) {
		b->addr++;
		b->addrs -= 2;
	}
}

/*
 * bulk_local - the local address and port of the connection number @i
 *
 * All ports of an address, then those of the next: so a port's chain in the
 * kernel's table of bound ports stays short.
 */
static const struct addr *bulk_local(struct bulk *b, uint64_t i)
{
	struct addr *a = &b->cl->local;
	in_port_t port = (in_port_t)(b->lo + i % b->ports);

	if (b->skip && port >= b->skip)
		port++;
	addr_set_port(a, port);
	if (a->sa.sa_family == AF_INET)
		a->in.sin_addr.s_addr =
			htonl(b->addr + (uint32_t)(i / b->ports % b->addrs));
	return a;
}

/* bulk_socket - with SO_REUSEADDR, if -A asks for it; -1: refused, and told */
static int bulk_socket(struct bulk *b)
{
	struct talk *t = &b->cl->talk;
	int fd = socket(b->cl->peer.sa.sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		CONV_FAIL(t, "socket", errno, .local = NULL);
		return -1;
	}
	if (t->reuseaddr &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int))) {
		CONV_FAIL(t, "setsockopt", errno, .data = "SO_REUSEADDR");
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * bulk_wait - wait until one of two sockets can be read
 * @other: -1 for none; waits for an error of it only
 * @until: the deadline by now_ns(); -1: none
 *
 * Rare: on loopback a segment has arrived when the call that sent it is over.
 * Returns 0 or an errno value: EINTR after SIGINT or SIGTERM, ETIMEDOUT.
 */
static int bulk_wait(const struct bulk *b, int fd, int other, int64_t until)
{
	struct pollfd fds[3] = {
		{.fd = b->ending ? -1 : conv_wake, .events = POLLIN},
		{.fd = fd, .events = POLLIN},
		{.fd = other}};
	struct timespec ts = {0, 0};
	int64_t left = until - now_ns();
	int n;

	if (left > 0) {
		ts.tv_sec = (time_t)(left / 1000000000);
		ts.tv_nsec = (long)(left % 1000000000);
	}
	n = ppoll(fds, 3, until < 0 ? NULL : &ts, NULL);
	if (n < 0)
		return errno == EINTR ? 0 : errno; /* conv_wake is readable */
	if (fds[0].revents)
		return EINTR;
	return n == 0 ? ETIMEDOUT : 0;
}

/*
 * bulk_accept - the server's end of the connection that @fd has begun
 *
 * When there is one to accept, @fd has been answered: connect() has succeeded.
 * Others who come to the listener are sent away.  Returns -1 after having told
 * the error, or on a signal.
 */
static int bulk_accept(struct bulk *b, int fd, const struct addr *local)
{
	struct talk *t = &b->cl->talk;
	int64_t until = -1;
	struct addr peer;
	int err = 0, end;

	for (;;) {
		peer.len = sizeof(peer.ss);
		end = accept4(b->listener, &peer.sa, &peer.len,
			      SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (end >= 0 && addr_port(&peer) == addr_port(local) &&
		    (local->sa.sa_family == AF_INET
			     ? peer.in.sin_addr.s_addr ==
				       local->in.sin_addr.s_addr
			     : IN6_ARE_ADDR_EQUAL(&peer.in6.sin6_addr,
						  &local->in6.sin6_addr)))
			return end;
		if (end >= 0) {
			close(end);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			CONV_FAIL(t, "accept", errno, .local = &b->cl->peer);
			return -1;
		}
		if (until < 0)
			until = now_ns() + BULK_WAIT_NS;
		err = bulk_wait(b, b->listener, fd, until);
		if (!err)
			err = socket_error(fd);
		if (!err)
			continue;
		if (!conv_stop)
			CONV_FAIL(t, "connect", err, .local = local,
				  .peer = &b->cl->peer);
		return -1;
	}
}

/*
 * bulk_close_other - close the end that closes second, once the FIN is there
 * @until: the deadline by now_ns(); -1: BULK_WAIT_NS from now
 *
 * Two FINs that cross would leave CLOSING, and a TIME-WAIT, at both ends
 * (RFC 9293, 3.6).  Returns 0 or an errno value.
 */
static int bulk_close_other(const struct bulk *b, int fd, int64_t until)
{
	int err = 0;
	char byte;

	while (!err && recv(fd, &byte, 1, 0) < 0) {
		err = errno;
		if (until < 0)
			until = now_ns() + BULK_WAIT_NS;
		if (err == EAGAIN || err == EINTR)
			err = bulk_wait(b, fd, -1, until);
	}
	close(fd);
	return err;
}

/* bulk_one - one connection; false after having told the error, or a signal */
static bool bulk_one(struct bulk *b)
{
	const struct addr *local = bulk_local(b, b->made);
	const struct addr *peer = &b->cl->peer;
	struct talk *t = &b->cl->talk;
	int first, other, err, fd = bulk_socket(b);

	if (fd < 0)
		return false;
	if (bind(fd, &local->sa, local->len)) {
		CONV_FAIL(t, "bind", errno, .local = local);
		close(fd);
		return false;
	}
	/* Whether it succeeds is for accept() to show. */
	if (connect(fd, &peer->sa, peer->len) && errno != EINPROGRESS) {
		CONV_FAIL(t, "connect", errno, .local = local, .peer = peer);
		close(fd);
		return false;
	}
	first = bulk_accept(b, fd, local);
	if (first < 0) {
		close(fd);
		return false;
	}
	other = fd;
	if (t->close_first) {
		other = first;
		first = fd;
	}
	if (b->fds) {
		b->fds[2 * b->made] = first;
		b->fds[2 * b->made + 1] = other;
	} else {
		close(first);
		err = bulk_close_other(b, other, -1);
		if (err && !conv_stop)
			CONV_FAIL(t, "read", err, .local = local, .peer = peer);
		if (err)
			return false;
	}
	b->made++;
	return true;
}

/*
 * bulk_progress - tell how far we are: on a terminal, and each second with -j
 *
 * The line ends at its own start, so that an error message overwrites it.
 */
static void bulk_progress(struct bulk *b)
{
	struct talk *t = &b->cl->talk;
	int64_t now = now_ns();
	double rate = (double)b->made * 1e9 / (double)(now - b->start);
	char of[32] = "", text[80];

	if (now < b->tell_at)
		return;
	b->tell_at = now + (b->tty ? 200000000 : 1000000000);
	if (b->tty) {
		if (t->count)
			snprintf(of, sizeof(of), " of %" PRIu64, t->count);
		snprintf(text, sizeof(text),
			 "%s: %" PRIu64 "%s connections, %.0f/s", prog_name,
			 b->made, of, rate);
		fprintf(stderr, "%-72s\r", text);
		b->told = true;
	}
	if (t->json)
		CONV_EVENT(t, "progress", .connections = &b->made);
}

/* bulk_made - tell what has been made */
static void bulk_made(struct bulk *b)
{
	double seconds = (double)(now_ns() - b->start) / 1e9;
	struct talk *t = &b->cl->talk;
	uint64_t tw;
	bool known = time_waits(&tw);
	char line[160], has[64] = "";
	int n;

	CONV_EVENT(t, "made", .connections = &b->made,
		   .time_waits = known ? &tw : NULL);
	if (t->json)
		return;
	if (known)
		snprintf(has, sizeof(has),
			 "; this network namespace has %" PRIu64 " TIME-WAIT",
			 tw);
	n = snprintf(line, sizeof(line),
		     "%" PRIu64 " connection%s %s in %.3f s, %.0f/s%s\n",
		     b->made, b->made == 1 ? "" : "s",
		     b->fds ? "held" : "closed", seconds,
		     (double)b->made / seconds, has);
	conv_out(line, (size_t)n);
}

/*
 * bulk_pin - stay on this CPU
 *
 * Loopback hands segments over through a queue of the sender's CPU
 * (enqueue_to_backlog()); on two CPUs they could overtake one another.
 */
static void bulk_pin(void)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* bulk_listen - the server's end; on failure one line, exit 1 */
static void bulk_listen(struct bulk *b)
{
	struct talk *t = &b->cl->talk;
	struct addr local = b->cl->peer;

	b->listener = conv_socket(t, local.sa.sa_family);
	if (b->listener < 0 || !conv_bind(t, b->listener, &local))
		exit(EXIT_REFUSED);
	if (listen(b->listener, SOMAXCONN)) {
		CONV_FAIL(t, "listen", errno, .local = &local);
		exit(EXIT_REFUSED);
	}
	CONV_EVENT(t, "listening", .local = &local);
}

/* bulk_check - is there room for all, but for their descriptors?  If not, one
 * line, exit 1 */
static void bulk_check(struct bulk *b)
{
	struct talk *t = &b->cl->talk;
	uint64_t room = b->addrs * b->ports;

	if (t->count > room)
		bulk_refuse("%" PRIu64 " local addresses with %" PRIu64
			    " ports make %" PRIu64 " connections, not %" PRIu64
			    " (widen -l or -R)",
			    b->addrs, b->ports, room, t->count);
	if (!t->hold)
		check_buckets(t->count);
	check_conntrack(t->count);
	check_memory(t->count, t->hold ? PAIR_BYTES : TIME_WAIT_BYTES);
}

/* bulk_let_go - close what is held: all that close first, then all others */
static void bulk_let_go(struct bulk *b)
{
	int64_t until = now_ns() + 1000000000;

	b->ending = true;
	for (uint64_t i = 0; i < b->made; i++)
		close(b->fds[2 * i]);
	for (uint64_t i = 0; i < b->made; i++)
		bulk_close_other(b, b->fds[2 * i + 1], until);
	free(b->fds);
}

/*
 * bulk - make all connections, hold them with -H
 *
 * Both ends are in one process and in one thread: there is nobody to wait for,
 * and no memory but the descriptors of -H grows with their number.  Returns the
 * exit code.
 */
static int bulk(struct client *cl)
{
	struct bulk b = {.cl = cl, .tty = isatty(STDERR_FILENO)};
	struct talk *t = &cl->talk;

	bulk_range(&b);
	bulk_addresses(&b, cl->prefix);
	if (!b.ports)
		bulk_refuse("the only local port, %u, is the server's (see -R)",
			    (unsigned int)addr_port(&cl->peer));
	conv_setup(t);
	bulk_listen(&b);
	check_files(&b, t->hold ? t->count : 1);
	if (t->count)
		bulk_check(&b);
	if (t->hold) {
		b.fds = calloc((size_t)t->count * 2, sizeof(*b.fds));
		if (!b.fds)
			die_errno("memory for the descriptors");
	}
	bulk_pin();
	b.start = now_ns();
	b.tell_at = b.start + 200000000;
	while (!conv_stop && (!t->count || b.made < t->count) && bulk_one(&b))
		if (b.made % 64 == 0)
			bulk_progress(&b);
	if (b.told)
		fprintf(stderr, "%72s\r", "");
	if (t->count ? b.made == t->count : conv_stop) {
		bulk_made(&b);
		while (t->hold && !conv_stop)
			bulk_wait(&b, -1, -1, -1);
	} else {
		uint64_t tracked, most;
		bool full = !conv_stop && conntrack(&tracked, &most) &&
			    tracked >= most - most / 100;

		fprintf(stderr, "%s: %s after %" PRIu64 " connections%s\n",
			prog_name, conv_stop ? "ended by a signal" : "stopped",
			b.made,
			full ? " (conntrack is full: raise net.netfilter.nf_conntrack_max)"
			     : "");
		t->status = EXIT_REFUSED;
	}
	if (b.fds)
		bulk_let_go(&b);
	close(b.listener);
	t->connections = b.made;
	return conv_end(t);
}

/* --- --search: how long connect() looks for a free port ------------------ */

/* What one timed connect() gave. */
struct search_sample {
	int64_t wall, cpu;   /* ns, in connect() */
	unsigned int looked; /* ports that the kernel looked at; 0: not known */
};

struct search {
	const struct client *cl;
	struct addr to[2]; /* PORT; PORT+1, to which all ports are free */
	int listener[2];
	unsigned int low, ports; /* the range, as far as it is handed out */
	unsigned int time_waits; /* of ours, to PORT */
	unsigned int next; /* where the search to PORT goes on, from low */
	bool next_known;
	bool in_use[65536]; /* ports in TIME-WAIT to PORT */
};

/* thread_ns - the CPU time that this thread has used */
static int64_t thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* search_range - read ip_local_port_range */
static void search_range(struct search *se)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_local_port_range";
	unsigned int low, high;
	FILE *f = fopen(path, "re");

	if (!f || fscanf(f, "%u %u", &low, &high) != 2 || low > high ||
	    high > 65535)
		die_errno("%s", path);
	fclose(f);
	se->low = low;
	/* __inet_hash_connect: an even number of ports, unless there is one. */
	se->ports = high - low + 1;
	if (se->ports > 1)
		se->ports &= ~1U;
	for (int i = 0; i < 2; i++) {
		unsigned int port = addr_port(&se->to[i]);

		if (port >= low && port <= high)
			die_usage(
				"--search listens on %u, which is in ip_local_port_range (%u to %u)",
				port, low, high);
	}
}

/* search_listen - a listener for one of the two destinations */
static int search_listen(const struct addr *at)
{
	char text[ADDR_STRLEN];
	int one = 1;
	int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die_errno("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, &at->sa, at->len) || listen(fd, 16))
		die_errno("listen on %s", addr_str(at, text));
	return fd;
}

/*
 * search_connect - one connection from a port that the kernel picks
 * @to: which destination
 * @s: gets the times
 * @pair: gets our end and the accepted one
 *
 * Returns the port, counted from the lower end of the range; -1: there is none
 * (EADDRNOTAVAIL).  Both ends are in this thread, so that no other has to run:
 * on loopback the handshake is over when connect() returns.
 */
static int search_connect(struct search *se, int to, struct search_sample *s,
			  int pair[2])
{
	int64_t wall, cpu;
	struct addr local;
	int fd = socket(se->to[to].sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int failed;

	if (fd < 0)
		die_errno("socket");
	cpu = thread_ns();
	wall = now_ns();
	failed = connect(fd, &se->to[to].sa, se->to[to].len);
	s->wall = now_ns() - wall;
	s->cpu = thread_ns() - cpu;
	if (failed) {
		if (errno != EADDRNOTAVAIL)
			die_errno("connect");
		close(fd);
		return -1;
	}
	pair[0] = fd;
	pair[1] = accept4(se->listener[to], NULL, NULL, SOCK_CLOEXEC);
	if (pair[1] < 0)
		die_errno("accept");
	if (!local_addr(fd, &local))
		die_errno("getsockname");
	return (int)(addr_port(&local) - se->low);
}

/*
 * search_close - close both ends, ours first
 *
 * With @reset no TIME-WAIT is left.
 */
static void search_close(const int pair[2], bool reset)
{
	struct linger now = {.l_onoff = 1};

	if (reset &&
	    setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		die_errno("SO_LINGER");
	close(pair[0]);
	close(pair[1]);
}

/*
 * search_looked - how many ports the kernel looked at, to find this one
 *
 * The search goes up in steps of two, first through the parity of the lower
 * end of the range.  It begins where the last one to this destination ended,
 * or up to seven steps further (__inet_hash_connect), so the number is at most
 * seven too large.  No port: it looked at them all.
 */
static unsigned int search_looked(struct search *se, int port)
{
	unsigned int even, looked;

	if (port < 0)
		return se->ports;
	even = (unsigned int)port & ~1U;
	looked = (even + se->ports - se->next) % se->ports / 2 + 1;
	if (port & 1)
		looked += se->ports / 2;
	if (!se->next_known)
		looked = 0;
	se->next = (even + 2) % se->ports;
	se->next_known = true;
	return looked;
}

/* search_fill - TIME-WAITs to PORT, until they hold @percent of the range */
static void search_fill(struct search *se, unsigned int percent)
{
	const struct talk *t = &se->cl->talk;
	unsigned int wanted = (se->ports * percent + 99) / 100;
	unsigned int taken_over = 0;

	while (se->time_waits < wanted) {
		struct search_sample s;
		int pair[2], port = search_connect(se, 0, &s, pair);

		if (conv_stop)
			return;
		if (port < 0) {
			/* What is there is not all ours. */
			errno = EADDRNOTAVAIL;
			die_errno("connection %u of %u", se->time_waits + 1,
				  wanted);
		}
		search_looked(se, port);
		search_close(pair, false);
		/* tcp_tw_reuse: as many as before, and it may go on for ever */
		if (se->in_use[port] && ++taken_over > se->ports) {
			fprintf(stderr,
				"client: cannot fill %u %% of the range: TIME-WAITs are taken over (set tcp_tw_reuse=0 meanwhile)\n",
				percent);
			exit(EXIT_REFUSED);
		}
		se->time_waits += !se->in_use[port];
		se->in_use[port] = true;
	}
	if (t->json)
		printf("{\"event\":\"filled\",\"percent\":%u,\"ports\":%u,\"time_waits\":%u,\"taken_over\":%u}\n",
		       percent, se->ports, se->time_waits, taken_over);
	else
		printf("%u %% of %u ports: %u TIME-WAITs\n", percent, se->ports,
		       se->time_waits);
	flush_stdout();
}

static int search_compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*
 * search_quantile - the value that @percent of the samples do not exceed
 * @field: which number of the samples: 0 wall, 1 cpu, 2 looked (0: unknown)
 */
static int64_t search_quantile(const struct search_sample *s, size_t n,
			       int field, unsigned int percent)
{
	int64_t *v = calloc(n, sizeof(*v)), value = 0;
	size_t known = 0;

	if (!v)
		die_errno("memory for the samples");
	for (size_t i = 0; i < n; i++) {
		int64_t x = field == 0	 ? s[i].wall
			    : field == 1 ? s[i].cpu
					 : (int64_t)s[i].looked;

		if (field != 2 || x)
			v[known++] = x;
	}
	if (known) {
		qsort(v, known, sizeof(*v), search_compare);
		value = v[(known - 1) * percent / 100];
	}
	free(v);
	return value;
}

/*
 * search_time - time connections to PORT and PORT+1, in alternation
 *
 * Afterwards as many ports are in TIME-WAIT as before: a connection that took
 * one over leaves one behind, the others end with RST.
 */
static void search_time(struct search *se)
{
	const struct talk *t = &se->cl->talk;
	size_t n = (size_t)t->count, done = 0;
	struct search_sample *s[2];
	unsigned int parity[2] = {0}, failed = 0, taken_over = 0;

	for (int to = 0; to < 2; to++) {
		s[to] = calloc(n, sizeof(*s[to]));
		if (!s[to])
			die_errno("memory for the samples");
	}
	for (; done < n && !conv_stop; done++)
		for (int to = 1; to >= 0; to--) {
			struct search_sample *now = &s[to][done];
			int pair[2], port = search_connect(se, to, now, pair);

			if (!to) {
				now->looked = search_looked(se, port);
				failed += port < 0;
				parity[port & 1] += port >= 0;
				taken_over += port >= 0 && se->in_use[port];
			}
			if (port >= 0)
				search_close(pair, to || !se->in_use[port]);
		}
	if (t->json)
		printf("{\"event\":\"timed\",\"ports\":%u,\"time_waits\":%u,"
		       "\"connections\":%zu,\"failed\":%u,\"taken_over\":%u,"
		       "\"first_parity\":%u,\"other_parity\":%u,"
		       "\"looked_p50\":%" PRId64 ",\"looked_p99\":%" PRId64
		       ",\"ns_p50\":%" PRId64 ",\"ns_p99\":%" PRId64
		       ",\"cpu_ns_p50\":%" PRId64 ",\"cpu_ns_p99\":%" PRId64
		       ",\"free_ns_p50\":%" PRId64
		       ",\"free_cpu_ns_p50\":%" PRId64 "}\n",
		       se->ports, se->time_waits, done, failed, taken_over,
		       parity[0], parity[1], search_quantile(s[0], done, 2, 50),
		       search_quantile(s[0], done, 2, 99),
		       search_quantile(s[0], done, 0, 50),
		       search_quantile(s[0], done, 0, 99),
		       search_quantile(s[0], done, 1, 50),
		       search_quantile(s[0], done, 1, 99),
		       search_quantile(s[1], done, 0, 50),
		       search_quantile(s[1], done, 1, 50));
	else
		printf("connect(): %.1f us (99 %%: %.1f us), %" PRId64
		       " ports looked at; where all are free: %.1f us\n",
		       (double)search_quantile(s[0], done, 0, 50) / 1e3,
		       (double)search_quantile(s[0], done, 0, 99) / 1e3,
		       search_quantile(s[0], done, 2, 50),
		       (double)search_quantile(s[1], done, 0, 50) / 1e3);
	flush_stdout();
	free(s[0]);
	free(s[1]);
}

/* search - the steps that stdin asks for, until its end or a signal */
static int search(const struct client *cl)
{
	static struct search se;
	char line[32];

	se.cl = cl;
	se.to[0] = se.to[1] = cl->peer;
	addr_set_port(&se.to[1], (in_port_t)(addr_port(&cl->peer) + 1));
	search_range(&se);
	for (int i = 0; i < 2; i++)
		se.listener[i] = search_listen(&se.to[i]);
	while (!conv_stop && fgets(line, sizeof(line), stdin)) {
		if (strlen(line) == sizeof(line) - 1)
			die_usage(
				"--search: a step is a number or 'time', not '%s...'",
				line);
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "time"))
			search_time(&se);
		else
			search_fill(&se, (unsigned int)parse_long(
						 "--search", line, 0, 100));
	}
	return EXIT_DONE;
}

/* --- --ages: when a port in TIME-WAIT is given out again ----------------- */

#define AGES_MAX 1000 /* connections */

/* One TIME-WAIT, and the attempt to use its port again. */
struct aged {
	struct addr peer;
	int64_t age; /* ns, at which to try */
	/* By now_ns(): it went into TIME-WAIT between these two. */
	int64_t closing, closed;
};

/* ages_parse - the list of --ages; returns how many there are */
static size_t ages_parse(const struct client *cl, struct aged *aged)
{
	uint32_t addr = ntohl(cl->peer.in.sin_addr.s_addr);
	const char *p = cl->ages;
	char number[8];

	for (size_t n = 0;; n++) {
		size_t len = strcspn(p, ",");

		if (n == AGES_MAX)
			die_usage("--ages takes %d ages at the most", AGES_MAX);
		snprintf(number, sizeof(number), "%.*s", (int)len, p);
		aged[n].age = parse_long("--ages", number, 0, 50000) *
			      INT64_C(1000000);
		aged[n].peer = cl->peer;
		aged[n].peer.in.sin_addr.s_addr = htonl(addr + (uint32_t)n);
		if (!p[len])
			return n + 1;
		p += len + 1;
	}
}

/* ages_socket - an ordinary socket, which blocks */
static int ages_socket(const struct client *cl)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die_errno("socket");
	if (cl->range && setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE,
				    &cl->range, sizeof(cl->range)))
		die_errno("IP_LOCAL_PORT_RANGE");
	return fd;
}

/* ages_listen - on PORT of all addresses */
static int ages_listen(const struct client *cl)
{
	struct addr any = cl->peer;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[ADDR_STRLEN];
	int one = 1;

	any.in.sin_addr.s_addr = htonl(INADDR_ANY);
	if (fd < 0)
		die_errno("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, &any.sa, any.len) || listen(fd, 16))
		die_errno("listen on %s", addr_str(&any, text));
	return fd;
}

/* ages_accept - the other end of a connection that has just been made */
static int ages_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		die_errno("accept");
	return fd;
}

/* ages_eof - wait for the peer's FIN */
static void ages_eof(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 0)
		die_errno("read");
}

/*
 * ages_close - one connection, closed by the client first
 *
 * The client's end, which waits for the other FIN as a whole socket, is in
 * TIME-WAIT when its read() returns: tcp_fin() enters that state and then wakes
 * the reader.
 */
static void ages_close(const struct client *cl, int listener, struct aged *a)
{
	int fd = ages_socket(cl), server;
	char text[ADDR_STRLEN];

	if (connect(fd, &a->peer.sa, a->peer.len))
		die_errno("connect %s", addr_str(&a->peer, text));
	server = ages_accept(listener);
	if (shutdown(fd, SHUT_WR))
		die_errno("shutdown");
	ages_eof(server);
	a->closing = now_ns();
	close(server);
	ages_eof(fd);
	a->closed = now_ns();
	close(fd);
}

/*
 * ages_again - connect() to where the TIME-WAIT is, at its age, and tell
 *
 * The age at the moment at which the kernel looked lies between from and to.
 * A connection that was made stays open until the program ends.
 */
static void ages_again(const struct client *cl, int listener,
		       const struct aged *a)
{
	int64_t due = a->closed + a->age, begin, end;
	struct timespec ts = {due / 1000000000, due % 1000000000};
	int fd = ages_socket(cl), err = 0;
	char text[ADDR_STRLEN];

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
	begin = now_ns();
	if (connect(fd, &a->peer.sa, a->peer.len))
		err = errno;
	end = now_ns();
	if (err)
		close(fd);
	else
		ages_accept(listener);
	addr_str(&a->peer, text);
	begin = (begin - a->closed) / 1000;
	end = (end - a->closing + 999) / 1000;
	if (cl->talk.json)
		printf("{\"event\":\"again\",\"peer\":\"%s\",\"errno\":\"%s\",\"from\":%" PRId64
		       ",\"to\":%" PRId64 "}\n",
		       text, err ? errno_name(err) : "", begin, end);
	else
		printf("%s after %" PRId64 " to %" PRId64 " us: %s\n", text,
		       begin, end, err ? strerror(err) : "connected");
}

static int by_age(const void *x, const void *y)
{
	const struct aged *a = x, *b = y;
	int64_t due = a->closed + a->age, other = b->closed + b->age;

	return due < other ? -1 : due > other;
}

/* ages - make all TIME-WAITs, then try each once, at its age */
static void ages(const struct client *cl)
{
	static struct aged aged[AGES_MAX];
	size_t n = ages_parse(cl, aged);
	int listener = ages_listen(cl);

	for (size_t i = 0; i < n; i++)
		ages_close(cl, listener, &aged[i]);
	qsort(aged, n, sizeof(aged[0]), by_age);
	if (cl->talk.json)
		printf("{\"event\":\"closed\",\"connections\":%zu}\n", n);
	for (size_t i = 0; i < n; i++) {
		if (fflush(stdout))
			die_errno("write to standard output");
		ages_again(cl, listener, &aged[i]);
	}
	if (cl->talk.json)
		printf("{\"event\":\"end\",\"connections\":%zu}\n", n);
	if (fflush(stdout))
		die_errno("write to standard output");
	if (cl->talk.hold)
		for (;;)
			pause();
}

int main(int argc, char **argv)
{
	static struct client cl = {.talk.speaks_first = true, .next_at = -1};

	prog_name = "client";
	conv_init(&cl.talk);
	parse(&cl, argc, argv);
	if (cl.bulk)
		return bulk(&cl);
	if (cl.ages) {
		ages(&cl);
		return 0;
	}
	conv_setup(&cl.talk);
	if (cl.search)
		return search(&cl);
	cl.talk.in_a_row = cl.talk.count != 1 && cl.talk.linger < 0;
	converse(&cl);
	return conv_end(&cl.talk);
}
