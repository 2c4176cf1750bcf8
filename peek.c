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
#include <sys/syscall.h>

static const char help[] =
	"usage: peek [-j] [-o] PORT[-PORT][/PEERPORT] ...\n"
	"Print the TCP sockets of this network namespace whose local port is PORT, or\n"
	"between two PORTs; with PEERPORT those with this port at the peer, /0 those\n"
	"without a peer. One a line:\n"
	"\n"
	"  STATE RECVQ SENDQ LOCAL PEER LEFT UID V6ONLY REUSEADDR REUSEPORT PID COMMAND\n"
	"\n"
	"STATE is ss's, or BOUND: bind(), and no more (since Linux 6.8; before, the\n"
	"kernel does not show these). LEFT is what is left of a timewait socket, in\n"
	"milliseconds; also an orphan in FIN-WAIT-2 is one. A dash: there is none, or\n"
	"it cannot be seen.\n"
	"\n"
	"  -o         look for the process too, and read from its socket the options\n"
	"             SO_REUSEADDR and SO_REUSEPORT (needs the right to trace it)\n"
	"  -j         JSON lines\n"
	"  --help, --version\n";

/* include/net/tcp_states.h; not in the headers for programs. */
enum {
	STATE_TIME_WAIT = 6,
	STATE_SYN_RECV = 3,
	STATE_NEW_SYN_RECV = 12,
	STATE_BOUND = 13,
};

#define TIMER_TIMEWAIT 3 /* idiag_timer of a timewait socket */

/* A socket as the kernel shows it, and as its process does. */
struct row {
	struct addr local, peer;
	int state;
	uint32_t recvq,
		sendq; /* in LISTEN: waiting for accept(), and allowed */
	int64_t left;  /* ms; -1: no timewait socket */
	uint32_t uid;
	uint32_t inode;	      /* 0: no process holds it */
	int v6only;	      /* -1: does not matter, or unknown */
	int reuseaddr;	      /* -1: unknown */
	int reuseport;	      /* -1: unknown */
	long pid;	      /* 0: unknown */
	char command[16 + 1]; /* TASK_COMM_LEN, with its NUL, and one more */
};

struct rows {
	struct row *at;
	size_t n, room;
};

/* Which sockets are wanted: local ports, and the peer's port. */
struct span {
	in_port_t lo, hi;
	long peer; /* -1: any */
};

struct question {
	bool options; /* -o */
	bool json;    /* -j */
	char **spans; /* the operands */
};

/* parse_span - PORT[-PORT][/PEERPORT], or a usage error */
static struct span parse_span(const char *s)
{
	char text[32], *dash, *slash;
	struct span span = {.peer = -1};

	if (strlen(s) >= sizeof(text))
		die_usage("PORT wants a port, or two with a dash, not '%s'", s);
	strcpy(text, s);
	slash = strchr(text, '/');
	if (slash) {
		*slash = '\0';
		span.peer = parse_long("PEERPORT", slash + 1, 0, 65535);
	}
	dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	span.lo = parse_port("PORT", text);
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
	while ((opt = getopt_long(argc, argv, ":jo", longs, NULL)) != -1) {
		switch (opt) {
		case 'j':
			q->json = true;
			break;
		case 'o':
			q->options = true;
			break;
		case 256:
		case 257:
			fputs(opt == 256 ? help : "peek " RTEST_VERSION "\n",
			      stdout);
			flush_stdout();
			exit(EXIT_DONE);
		default:
			if (optopt && optopt < 256)
				die_usage("unknown option '-%c'", optopt);
			die_usage("unknown option '%s'", argv[optind - 1]);
		}
	}
	if (optind == argc)
		die_usage("PORT is wanted");
	q->spans = argv + optind;
	for (char **s = q->spans; *s; s++)
		parse_span(*s); /* all of them, before anything is done */
}

/* --- the kernel's side: sock_diag ---------------------------------------- */

/* set_end - one end of a connection, from the words of inet_diag_sockid */
static void set_end(struct addr *a, int family, const uint32_t *words,
		    uint16_t port, uint32_t dev)
{
	memset(a, 0, sizeof(*a));
	if (family == AF_INET6) {
		a->in6.sin6_family = AF_INET6;
		memcpy(&a->in6.sin6_addr, words, sizeof(a->in6.sin6_addr));
		a->in6.sin6_port = port;
		if (IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr))
			a->in6.sin6_scope_id = dev;
		a->len = sizeof(a->in6);
	} else {
		a->in.sin_family = AF_INET;
		memcpy(&a->in.sin_addr, words, sizeof(a->in.sin_addr));
		a->in.sin_port = port;
		a->len = sizeof(a->in);
	}
}

/* add - one answer of the kernel, after those that are there */
static void add(struct rows *rows, const struct nlmsghdr *nlh)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(nlh);
	const struct nlattr *nla = (const void *)(msg + 1);
	size_t rest = nlh->nlmsg_len - NLMSG_LENGTH(sizeof(*msg));
	struct row *r;

	if (rows->n == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 64;

		r = reallocarray(rows->at, room, sizeof(*r));
		if (!r)
			die_errno("%zu sockets", room);
		rows->at = r;
		rows->room = room;
	}
	r = &rows->at[rows->n++];
	memset(r, 0, sizeof(*r));
	set_end(&r->local, msg->idiag_family, msg->id.idiag_src,
		msg->id.idiag_sport, msg->id.idiag_if);
	set_end(&r->peer, msg->idiag_family, msg->id.idiag_dst,
		msg->id.idiag_dport, msg->id.idiag_if);
	r->state = msg->idiag_state;
	r->recvq = msg->idiag_rqueue;
	r->sendq = msg->idiag_wqueue;
	r->left = msg->idiag_timer == TIMER_TIMEWAIT
			  ? (int32_t)msg->idiag_expires
			  : -1;
	r->uid = msg->idiag_uid;
	r->inode = msg->idiag_inode;
	r->v6only = r->reuseaddr = r->reuseport = -1;
	while (rest >= sizeof(*nla) && nla->nla_len >= sizeof(*nla) &&
	       nla->nla_len <= rest) {
		size_t step = NLA_ALIGN(nla->nla_len);

		if (nla->nla_type == INET_DIAG_SKV6ONLY &&
		    nla->nla_len > NLA_HDRLEN)
			r->v6only = *((const uint8_t *)nla + NLA_HDRLEN);
		if (step >= rest)
			break;
		rest -= step;
		nla = (const void *)((const char *)nla + step);
	}
}

/* read_dump - the answers to one request, until the kernel says it is done */
static void read_dump(int fd, struct rows *rows)
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
			if (nlh->nlmsg_type == SOCK_DIAG_BY_FAMILY)
				add(rows, nlh);
		}
	}
}

/*
 * ask - all sockets of one family that the span is about
 *
 * The kernel filters by itself, with the program that follows the request
 * (inet_diag_bc_run): a comparison is two words, the second has the port; a
 * jump goes on by so many bytes, and one beyond the end, by four, says no.
 */
static void ask(int fd, int family, const struct span *q, struct rows *rows)
{
	const int tests = q->peer < 0 ? 2 : 4;
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req_v2 req;
		struct nlattr nla;
		struct inet_diag_bc_op op[8];
	} msg = {
		.nlh = {.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.req = {.sdiag_family = (uint8_t)family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = ~0U},
		.nla = {.nla_type = INET_DIAG_REQ_BYTECODE},
	};
	const struct {
		unsigned char code;
		in_port_t port;
	} test[] = {
		{INET_DIAG_BC_S_GE, q->lo},
		{INET_DIAG_BC_S_LE, q->hi},
		{INET_DIAG_BC_D_GE, (in_port_t)q->peer},
		{INET_DIAG_BC_D_LE, (in_port_t)q->peer},
	};
	const size_t bytes = (size_t)tests * 2 * sizeof(msg.op[0]);
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	for (int i = 0; i < tests; i++) {
		msg.op[2 * i].code = test[i].code;
		msg.op[2 * i].yes = 2 * sizeof(msg.op[0]);
		msg.op[2 * i].no =
			(uint16_t)(bytes - (size_t)i * 2 * sizeof(msg.op[0]) +
				   4);
		msg.op[2 * i + 1].no = test[i].port;
	}
	msg.nla.nla_len = (uint16_t)(sizeof(msg.nla) + bytes);
	msg.nlh.nlmsg_len =
		(uint32_t)(offsetof(__typeof__(msg), nla) + msg.nla.nla_len);
	if (sendto(fd, &msg, msg.nlh.nlmsg_len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		die_errno("sock_diag");
	read_dump(fd, rows);
}

/* --- the process's side --------------------------------------------------- */

static int by_inode(const void *a, const void *b)
{
	uint32_t x = (*(struct row *const *)a)->inode;
	uint32_t y = (*(struct row *const *)b)->inode;

	return x < y ? -1 : x > y;
}

/*
 * read_options - SO_REUSEADDR and SO_REUSEPORT of a socket that a process
 * holds; they stay unknown where the kernel is older than pidfd_getfd()
 * (5.6), or refuses
 */
static void read_options(struct row *r, int fd)
{
	socklen_t len = sizeof(int);
	int pidfd, copy, on;

	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)r->pid, 0);
	if (pidfd < 0)
		return;
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	close(pidfd);
	if (copy < 0)
		return;
	if (!getsockopt(copy, SOL_SOCKET, SO_REUSEADDR, &on, &len))
		r->reuseaddr = !!on;
	len = sizeof(int);
	if (!getsockopt(copy, SOL_SOCKET, SO_REUSEPORT, &on, &len))
		r->reuseport = !!on;
	close(copy);
}

/* read_command - the name of the process, printable, without blanks */
static void read_command(struct row *r)
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/comm", r->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, r->command, sizeof(r->command) - 1);
		close(fd);
	}
	r->command[n > 0 ? n : 0] = '\0';
	r->command[strcspn(r->command, "\n")] = '\0';
	for (char *c = r->command; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '_';
}

/* look_into - the descriptors of one process, against the sockets wanted */
static size_t look_into(long pid, struct row **want, size_t n)
{
	struct dirent *entry;
	size_t found = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		struct row key, *keyp = &key, **hit;
		char link[32];
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link,
					 sizeof(link) - 1);

		if (len < 0)
			continue;
		link[len] = '\0';
		if (sscanf(link, "socket:[%u]", &key.inode) != 1)
			continue;
		hit = bsearch(&keyp, want, n, sizeof(struct row *), by_inode);
		if (!hit || (*hit)->pid)
			continue;
		(*hit)->pid = pid;
		read_command(*hit);
		read_options(*hit, atoi(entry->d_name));
		found++;
	}
	closedir(dir);
	return found;
}

/* find_processes - who holds these sockets, as far as the caller may see */
static void find_processes(struct rows *rows)
{
	struct row **want = calloc(rows->n + 1, sizeof(struct row *));
	struct dirent *entry;
	size_t n = 0, found = 0;
	DIR *proc;

	if (!want)
		die_errno("%zu sockets", rows->n);
	for (size_t i = 0; i < rows->n; i++)
		if (rows->at[i].inode)
			want[n++] = &rows->at[i];
	qsort(want, n, sizeof(struct row *), by_inode);
	proc = n ? opendir("/proc") : NULL;
	if (n && !proc)
		die_errno("/proc");
	while (found < n && (entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && !*end)
			found += look_into(pid, want, n);
	}
	if (proc)
		closedir(proc);
	free(want);
}

/* --- what is printed ------------------------------------------------------ */

static const char *row_state(const struct row *r)
{
	switch (r->state) {
	case STATE_NEW_SYN_RECV:
		return state_name(STATE_SYN_RECV);
	case STATE_BOUND:
		return "BOUND";
	}
	/* A bound socket's own state is CLOSE. */
	return r->state == TCP_CLOSE ? "BOUND" : state_name(r->state);
}

/*
 * end_str - as addr_str(), without getnameinfo(): there may be hundreds of
 * thousands; only a link-local address has its interface's name
 */
static const char *end_str(const struct addr *a, char *buf)
{
	char host[INET6_ADDRSTRLEN];

	if (a->sa.sa_family == AF_INET6 && a->in6.sin6_scope_id)
		return addr_str(a, buf);
	if (a->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host));
	snprintf(buf, ADDR_STRLEN,
		 a->sa.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
		 (unsigned int)addr_port(a));
	return buf;
}

/* switch_str - 0, 1, or @unknown for -1 */
static const char *switch_str(int on, const char *unknown)
{
	return on < 0 ? unknown : on ? "1" : "0";
}

static void print_row(const struct row *r, bool json)
{
	char local[ADDR_STRLEN], peer[ADDR_STRLEN];
	const char *none = json ? "null" : "-";
	char left[24], pid[24];

	end_str(&r->local, local);
	end_str(&r->peer, peer);
	snprintf(left, sizeof(left), "%" PRId64, r->left);
	snprintf(pid, sizeof(pid), "%ld", r->pid);
	printf(json ? "{\"event\":\"socket\",\"state\":\"%s\","
		      "\"recvq\":%" PRIu32 ",\"sendq\":%" PRIu32
		      ",\"local\":\"%s\","
		      "\"peer\":\"%s\",\"left_ms\":%s,\"uid\":%" PRIu32
		      ",\"v6only\":%s,\"reuseaddr\":%s,\"reuseport\":%s,"
		      "\"pid\":%s,\"command\":"
		    : "%s %" PRIu32 " %" PRIu32 " %s %s %s %" PRIu32
		      " %s %s %s %s ",
	       row_state(r), r->recvq, r->sendq, local, peer,
	       r->left < 0 ? none : left, r->uid, switch_str(r->v6only, none),
	       switch_str(r->reuseaddr, none), switch_str(r->reuseport, none),
	       r->pid ? pid : none);
	if (!json)
		printf("%s\n", *r->command ? r->command : none);
	else if (*r->command) {
		json_string(stdout, r->command);
		puts("}");
	} else
		puts("null}");
}

int main(int argc, char **argv)
{
	struct rows rows = {NULL, 0, 0};
	struct question q = {0};
	int fd;

	prog_name = "peek";
	parse(&q, argc, argv);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		die_errno("sock_diag");
	for (char **s = q.spans; *s; s++) {
		struct span span = parse_span(*s);

		ask(fd, AF_INET, &span, &rows);
		ask(fd, AF_INET6, &span, &rows);
	}
	close(fd);
	if (q.options)
		find_processes(&rows);
	for (size_t i = 0; i < rows.n; i++)
		print_row(&rows.at[i], q.json);
	flush_stdout();
	free(rows.at);
	return EXIT_DONE;
}
