// SPDX-License-Identifier: MIT
/*
 * sockdiag.c - the sockets as the kernel shows them, sock_diag(7): those that
 * are wanted, one by one or in groups, and the ports of a range that they hold
 */
#include "peek.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <search.h>

#define DIAG_SOCKOPT 22 /* INET_DIAG_SOCKOPT, of newer headers */

/* same_addr - whether it is that address; an interface counts if known */
bool same_addr(const struct end *end, const struct in6_addr *ip, uint32_t scope)
{
	return !memcmp(&end->ip, ip, sizeof(*ip)) &&
	       (!scope || !end->scope || scope == end->scope);
}

/* is_wanted - whether the socket is one that the operand is about */
bool is_wanted(const struct span *span, const struct row *r)
{
	const struct end *local = &r->kind.local;

	if (local->port < span->lo || local->port > span->hi)
		return false;
	if (r->peer.port < span->peer_lo || r->peer.port > span->peer_hi)
		return false;
	if (span->has_addr && !same_addr(local, &span->addr, span->scope))
		return false;
	return !span->has_peer_addr ||
	       same_addr(&r->peer, &span->peer_addr, span->peer_scope);
}

/* state_str - as ss names it, or BOUND: a bound socket's own state is CLOSE */
const char *state_str(int state)
{
	if (state == STATE_BOUND || state == TCP_CLOSE)
		return "BOUND";
	return state_name(state == STATE_NEW_SYN_RECV ? TCP_SYN_RECV : state);
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

static int by_kind(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return memcmp(&x->kind, &y->kind, sizeof(x->kind));
}

/*
 * group - count a socket with those of its kind, which are shown as the one
 * with the longest time left
 */
void group(struct groups *g, const struct row *r)
{
	struct row *new, **known = tfind(r, &g->tree, by_kind);

	if (known) {
		(*known)->count++;
		if (r->left > (*known)->left) {
			(*known)->peer = r->peer;
			(*known)->left = r->left;
		}
		return;
	}
	new = xcalloc(1, sizeof(*new));
	*new = *r;
	new->count = 1;
	new->next = NULL;
	if (!tsearch(new, &g->tree, by_kind))
		die_errno("memory for a socket");
	*g->last = new;
	g->last = &new->next;
}

/* --- a range of ports --------------------------------------------------- */

/* mark - note a socket at its port, for -r */
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
	if (!connects && span->has_addr && !is_any6(&local->ip) &&
	    !same_addr(local, &span->addr, span->scope))
		return;
	*port |= USED;
	if (!r->peer.port) {
		*port |= HELD;
	} else if (connects && is_wanted(span, r)) {
		*port |= TUPLE;
		keep(&range->tuples, r);
	}
}

/* read_reserved - the ports that the kernel does not pick */
void read_reserved(struct range *range)
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

/* --- the request and its answers ------------------------------------------ */

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
		if (!is_wanted(&q->span[i], r))
			continue;
		any = true;
		/* find_holders() reads more of one that a process holds. */
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
	r->kind.noport = -1;
	r->kind.v6only = r->kind.reuseaddr = r->kind.reuseport = -1;
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
		if (got > (ssize_t)sizeof(buf))
			errno = EMSGSIZE;
		if (got < 0 || got > (ssize_t)sizeof(buf))
			die_errno("sock_diag");
		for (unsigned int len = (unsigned int)got; NLMSG_OK(nlh, len);
		     nlh = NLMSG_NEXT(nlh, len)) {
			const struct nlmsgerr *err = NLMSG_DATA(nlh);

			if (nlh->nlmsg_type == NLMSG_DONE)
				return;
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				errno = -err->error;
				/* No handler: tcp_diag is a module. */
				die_errno(
					"sock_diag%s",
					errno == ENOENT
						? ": no tcp_diag (load it: modprobe tcp_diag)"
						: "");
			}
			if (nlh->nlmsg_type == TCPDIAG_GETSOCK)
				add(heap, nlh);
		}
	}
}

#define OPS_MAX (9 * SPANS_MAX) /* of a span: four tests and a jump */

/*
 * filter - the program by which the kernel picks the sockets of the spans, by
 * their ports (inet_diag_bc_run()); returns its number of words
 *
 * A test is two words, the second has the port; a jump is one.  A test that
 * holds goes on.  One that fails goes to the next span, in the last span to
 * four bytes behind the end, where the kernel rejects.
 */
static size_t filter(const struct question *q, struct inet_diag_bc_op *op)
{
	const size_t word = sizeof(*op), first = q->ranged ? 0 : 1;
	const size_t all = 9 * (q->spans - first + 1) - 1;
	size_t n = 0;

	for (size_t i = first; i <= q->spans; i++) {
		const struct span *span = &q->span[i];
		const struct {
			unsigned char code;
			in_port_t port;
		} test[] = {
			{INET_DIAG_BC_S_GE, span->lo},
			{INET_DIAG_BC_S_LE, span->hi},
			/* -r is about all that is on its ports. */
			{INET_DIAG_BC_D_GE, i ? span->peer_lo : 0},
			{INET_DIAG_BC_D_LE, i ? span->peer_hi : 65535},
		};

		for (size_t k = 0; k < 4; k++, n += 2) {
			op[n].code = test[k].code;
			op[n].yes = (unsigned char)(2 * word);
			op[n].no = (unsigned short)((9 - 2 * k) * word);
			op[n + 1].no = test[k].port;
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
 * ask_kernel - all sockets that the question is about, in one request
 *
 * The older of its two forms (inet_diag_rcv_msg_compat()) takes both families.
 */
void ask_kernel(struct heap *heap)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
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
	if (fd < 0 || sendto(fd, &msg, msg.nlh.nlmsg_len, 0,
			     (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		die_errno("sock_diag");
	read_dump(fd, heap);
	close(fd);
}
