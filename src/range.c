/* SPDX-License-Identifier: MIT */
/*
 * range - what the sockets on a port range mean for the ports of it
 *
 * For why, which has the model judge each kind of socket; there may be hundreds
 * of thousands.  Prints the kinds and the table with the most frequent first:
 *
 *	K COUNT ID KEY	a kind of socket, see struct sort
 *	P PORTS R0 R1 R2 R3 PLACE MINE ID...
 *			ports that have these kinds of sockets, and no others:
 *			how many, in each rank, the place of one in the range,
 *			and the rank of PEER_PORT if it is among them
 *	T COUNT STATE DESTINATION UID PID COMMAND	for the reader
 *	R RESERVED FRESH	ports that are reserved; how many sockets went
 *			into TIME-WAIT in the last ten seconds
 *
 * The search takes the ports rank by rank: connect() first those of the parity
 * of the range's lower end, bind() the others; with SO_REUSEADDR the lower half
 * before the upper; a range of the socket's own is of one rank.
 */
#include "peek.h"
#include "words.h"

#define PORTS 65536
#define PAIRS 4	 /* of source and destination, for the route to judge */
#define LINES 40 /* of the table; the others are put together */

/* Who chose the port of a connection. */
enum { BY_BIND, BY_CONNECT, UNKNOWN, PAIR };

/*
 * sort - a kind of socket, as the model asks of it
 *
 * For bind(), KEY is STATE ADDR V6ONLY REUSEADDR REUSEPORT UID DEV.  For
 * connect() it is HELD, or the state of our own four-tuple, or "-"; "young" or
 * "old", of a timewait socket; and who chose its port: "bound", "kernel",
 * "unknown", or SOURCE>DESTINATION, as the route knows whether bind() chose
 * that source.
 */
struct sort {
	_Alignas(8) struct end local, peer;
	int state; /* -1: none, or another four-tuple */
	int timewait, old, how;
	int v6only, reuseaddr, reuseport;
	uint32_t uid, dev;
};

/* line - a line of the table */
struct line {
	_Alignas(8) struct end peer; /* family 0: any; port 0: none */
	int state;
	uint32_t uid;
	long pid; /* -1: no process */
	char command[COMMAND_SIZE];
};

/* A hash table of things of one size, each with a count. */
struct table {
	size_t size, n, room;
	char *things;
	size_t *counts, *slots; /* slots: number + 1, or 0; 2 * room of them */
};

/* The question: see tell_range(). */
static struct {
	bool bind, own, reuseaddr;
	unsigned int lo, hi, peer_port, dev;
	long tw, fin, delay;
	struct end source, target;
} asked;

static struct question question;
static struct heap heap = {.q = &question};
static struct table sorts = {.size = sizeof(struct sort)};
static struct table lines = {.size = sizeof(struct line)};
static struct end pairs[PAIRS][2];
static size_t n_pairs;
static struct set {
	size_t n, *ids; /* kinds of sockets on a port, in order */
	unsigned int port;
} sets[PORTS];

static void *more(void *at, size_t n, size_t size)
{
	at = reallocarray(at, n, size);
	if (!at)
		die_errno("%zu sockets", heap.rows.n);
	return at;
}

/* slot_of - where the thing is, or would be; its size is a multiple of eight */
static size_t *slot_of(const struct table *t, const void *thing)
{
	const size_t slots = 2 * t->room; /* a power of two */
	uint64_t hash = 0, part;
	size_t i;

	for (size_t k = 0; k < t->size; k += sizeof(part)) {
		memcpy(&part, (const char *)thing + k, sizeof(part));
		hash = (hash ^ part) * 0x9e3779b97f4a7c15U;
		hash ^= hash >> 32;
	}
	for (i = hash & (slots - 1); t->slots[i]; i = (i + 1) & (slots - 1))
		if (!memcmp(t->things + (t->slots[i] - 1) * t->size, thing,
			    t->size))
			break;
	return &t->slots[i];
}

/* count_in - @count more of the thing; returns its number, from 0 */
static size_t count_in(struct table *t, const void *thing, size_t count)
{
	size_t *slot;

	if (t->n == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->things = more(t->things, t->room, t->size);
		t->counts = more(t->counts, t->room, sizeof(*t->counts));
		free(t->slots);
		t->slots = calloc(2 * t->room, sizeof(*t->slots));
		if (!t->slots)
			die_errno("%zu sockets", heap.rows.n);
		for (size_t i = 0; i < t->n; i++)
			*slot_of(t, t->things + i * t->size) = i + 1;
	}
	slot = slot_of(t, thing);
	if (!*slot) {
		memcpy(t->things + t->n * t->size, thing, t->size);
		t->counts[t->n] = 0;
		*slot = ++t->n;
	}
	t->counts[*slot - 1] += count;
	return *slot - 1;
}

static const struct table *sorted;

static int by_count(const void *a, const void *b)
{
	size_t x = sorted->counts[*(const size_t *)a];
	size_t y = sorted->counts[*(const size_t *)b];

	return x < y ? 1 : -(x > y);
}

/* in_order - the numbers of all things, the most frequent first */
static size_t *in_order(const struct table *t)
{
	size_t *order = more(NULL, t->n + 1, sizeof(*order));

	for (size_t i = 0; i < t->n; i++)
		order[i] = i;
	sorted = t;
	qsort(order, t->n, sizeof(*order), by_count);
	return order;
}

/* --- sockets ---------------------------------------------------------------
 */

/* plain - an end without the mark of an IPv4 address that is mapped to IPv6 */
static struct end plain(const struct end *end)
{
	struct end e = *end;

	if (IN6_IS_ADDR_V4MAPPED(&e.ip))
		e.family = AF_INET;
	return e;
}

static bool is_that_end(const struct end *a, const struct end *b)
{
	return a->port == b->port && same_addr(a, &b->ip, b->scope);
}

static bool is_held(const struct row *r)
{
	return r->kind.state == TCP_LISTEN || r->kind.state == TCP_CLOSE ||
	       r->kind.state == STATE_BOUND;
}

/* judge_how - who chose the port of a connection, into the sort */
static void judge_how(struct sort *s, const struct row *r)
{
	struct end pair[2];
	size_t i;

	s->how = UNKNOWN;
	if (r->kind.noport == 1)
		s->how = BY_CONNECT;
	if (r->kind.noport || !r->inode)
		return;
	pair[0] = plain(&r->kind.local);
	pair[1] = plain(&r->peer);
	pair[0].port = pair[1].port = 0;
	for (i = 0; i < n_pairs; i++)
		if (!memcmp(pairs[i], pair, sizeof(pair)))
			break;
	if (i == n_pairs && n_pairs < PAIRS)
		memcpy(pairs[n_pairs++], pair, sizeof(pair));
	if (i < n_pairs) {
		s->how = PAIR;
		s->local = pair[0];
		s->peer = pair[1];
	}
}

/* sort_of - what a socket is for bind(), or for connect() */
static struct sort sort_of(const struct row *r)
{
	const long life = r->kind.state == TCP_TIME_WAIT ? asked.tw : asked.fin;
	struct sort s;

	memset(&s, 0, sizeof(s));
	s.state = r->kind.state;
	s.timewait = r->left >= 0;
	if (asked.bind) {
		s.local = r->kind.local;
		s.local.port = 0;
		s.v6only = r->kind.v6only;
		s.reuseaddr = r->kind.reuseaddr;
		s.reuseport = r->kind.reuseport;
		s.uid = r->kind.uid;
		s.dev = r->kind.dev;
		return s;
	}
	if (is_held(r)) {
		s.state = TCP_LISTEN;
		s.timewait = 0;
		return s;
	}
	judge_how(&s, r);
	asked.source.port = r->kind.local.port;
	if (!asked.source.family || !is_that_end(&r->peer, &asked.target) ||
	    !is_that_end(&r->kind.local, &asked.source) ||
	    (r->kind.dev && r->kind.dev != asked.dev)) {
		s.state = -1;
		s.timewait = 0;
	} else if (s.timewait) {
		s.old = life - r->left > asked.delay;
	}
	return s;
}

/* add - a socket on the range */
static void add(const struct row *r)
{
	struct set *set = &sets[r->kind.local.port];
	struct line line;
	struct sort s;
	size_t id, i;

	memset(&line, 0, sizeof(line));
	line.state = is_held(r) && r->kind.state != TCP_LISTEN ? STATE_BOUND
							       : r->kind.state;
	if (!is_held(r))
		line.peer = plain(&r->peer);
	line.pid = -1;
	if (r->inode) {
		line.uid = r->kind.uid;
		line.pid = r->pid;
		memcpy(line.command, r->command, sizeof(line.command));
	}
	count_in(&lines, &line, 1);
	if (heap.range.ports[r->kind.local.port] & RESERVED)
		return;
	s = sort_of(r);
	id = count_in(&sorts, &s, 1);
	for (i = 0; i < set->n && set->ids[i] < id; i++)
		;
	if (i < set->n && set->ids[i] == id)
		return;
	if (!(set->n & (set->n - 1)))
		set->ids = more(set->ids, set->n ? 2 * set->n : 1,
				sizeof(*set->ids));
	memmove(set->ids + i + 1, set->ids + i,
		(set->n - i) * sizeof(*set->ids));
	set->ids[i] = id;
	set->n++;
}

/* --- what is printed -------------------------------------------------------
 */

static const char *host_str(const struct end *end, char *buf)
{
	char name[IF_NAMESIZE];

	inet_ntop(end->family,
		  end->family == AF_INET ? (const void *)(end->ip.s6_addr + 12)
					 : &end->ip,
		  buf, INET6_ADDRSTRLEN);
	if (end->scope && if_indextoname(end->scope, name))
		strcat(strcat(buf, "%"), name);
	return buf;
}

static const char *switch_str(int on)
{
	return on < 0 ? "-" : on ? "1" : "0";
}

static void print_sort(size_t id)
{
	const struct sort *s = (const void *)(sorts.things + id * sorts.size);
	char a[ADDR_STRLEN], b[ADDR_STRLEN], dev[IF_NAMESIZE] = "-";
	static const char *const chosen[] = {"bound", "kernel", "unknown"};

	printf("K %zu %zu ", sorts.counts[id], id);
	if (asked.bind) {
		if (s->dev && !if_indextoname(s->dev, dev))
			snprintf(dev, sizeof(dev), "%u", s->dev);
		printf("%s %s %s %s %s %u %s\n",
		       s->timewait ? "TIME-WAIT" : state_str(s->state),
		       host_str(&s->local, a), switch_str(s->v6only),
		       switch_str(s->reuseaddr), switch_str(s->reuseport),
		       s->uid, dev);
		return;
	}
	printf("%s %s ",
	       s->state == TCP_LISTEN ? "HELD"
	       : s->state < 0	      ? "-"
				      : state_str(s->state),
	       !s->timewait ? "-"
	       : s->old	    ? "old"
			    : "young");
	if (s->how == PAIR)
		printf("%s>%s\n", host_str(&s->local, a),
		       host_str(&s->peer, b));
	else
		puts(chosen[s->how]);
}

static void print_line(size_t i)
{
	const struct line *l = (const void *)(lines.things + i * lines.size);
	char host[ADDR_STRLEN];

	printf("T %zu %s ", lines.counts[i], state_str(l->state));
	if (l->peer.family)
		printf(l->peer.family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		       host_str(&l->peer, host), (unsigned int)l->peer.port);
	else
		fputs(l->peer.port ? "*" : "-", stdout);
	if (l->pid < 0)
		puts(" - - -");
	else if (!l->pid)
		printf(" %u - -\n", l->uid);
	else
		printf(" %u %ld %s\n", l->uid, l->pid, l->command);
}

static void print_lines(void)
{
	size_t *order = in_order(&lines), n = lines.n;

	/* A rare line is printed without its destination. */
	for (size_t i = LINES; i < n; i++) {
		struct line l;

		memcpy(&l, lines.things + order[i] * lines.size, sizeof(l));
		if (l.peer.port) {
			memset(&l.peer, 0, sizeof(l.peer));
			l.peer.port = 1;
		}
		count_in(&lines, &l, lines.counts[order[i]]);
		lines.counts[order[i]] = 0;
	}
	free(order);
	order = in_order(&lines);
	for (size_t i = 0; i < lines.n && lines.counts[order[i]]; i++)
		print_line(order[i]);
	free(order);
}

static int by_kinds(const void *a, const void *b)
{
	const struct set *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return x->n ? memcmp(x->ids, y->ids, x->n * sizeof(*x->ids)) : 0;
}

/* print_ports - the ports, by what they have; reserved ones are left out */
static void print_ports(void)
{
	unsigned int half = asked.hi - asked.lo + 1;
	size_t n = 0;

	if (asked.bind && asked.reuseaddr && half >= 4)
		half = half / 4 * 2;
	for (unsigned int p = asked.lo; p <= asked.hi; p++) {
		if (heap.range.ports[p] & RESERVED)
			continue;
		sets[p].port = p;
		sets[n++] = sets[p];
	}
	qsort(sets, n, sizeof(*sets), by_kinds);
	for (size_t i = 0, next; i < n; i = next) {
		unsigned int ranks[4] = {0};
		int mine = -1;

		for (next = i; next < n && !by_kinds(&sets[i], &sets[next]);
		     next++) {
			unsigned int place = sets[next].port - asked.lo;
			unsigned int rank =
				2 * (place >= half) +
				(asked.own ? 0 : (place + asked.bind) % 2);

			ranks[rank]++;
			if (sets[next].port == asked.peer_port)
				mine = (int)rank;
		}
		printf("P %zu %u %u %u %u %u ", next - i, ranks[0], ranks[1],
		       ranks[2], ranks[3], sets[i].port - asked.lo);
		if (mine < 0)
			putchar('-');
		else
			printf("%d", mine);
		for (size_t k = 0; k < sets[i].n; k++)
			printf(" %zu", sets[i].ids[k]);
		putchar('\n');
	}
}

static struct end end_of_word(char **words, const char *name)
{
	struct addr a;
	struct end e;

	memset(&e, 0, sizeof(e));
	if (!*word(words, name))
		return e;
	a = end_word(words, name);
	e.family = a.sa.sa_family;
	if (e.family == AF_INET6) {
		e.ip = a.in6.sin6_addr;
		e.scope = a.in6.sin6_scope_id;
		e.port = ntohs(a.in6.sin6_port);
	} else {
		memset(e.ip.s6_addr + 10, 0xff, 2);
		memcpy(e.ip.s6_addr + 12, &a.in.sin_addr, 4);
		e.port = ntohs(a.in.sin_port);
	}
	return e;
}

/*
 * tell_range - LO-HI, and words: call is bind, connect or nothing; src and to
 * are the ends of connect(), as ADDRESS,PORT; peer_port, dev, own (a range of
 * the socket's own), reuseaddr; tw, fin and delay, in milliseconds: how long
 * TIME-WAIT and FIN-WAIT-2 last, and how old a TIME-WAIT must be to be reused
 */
int tell_range(const char *text, char **words)
{
	const char *dash = strchr(text, '-');
	unsigned int reserved = 0;
	size_t fresh = 0, *order;

	asked.lo = (unsigned int)atoi(text);
	asked.hi = dash ? (unsigned int)atoi(dash + 1) : asked.lo;
	if (asked.hi >= PORTS || asked.lo > asked.hi)
		die_usage("--range wants LO-HI, not '%s'", text);
	asked.bind = !strcmp(word(words, "call"), "bind");
	asked.own = *word(words, "own") == '1';
	asked.reuseaddr = *word(words, "reuseaddr") == '1';
	asked.peer_port = (unsigned int)atoi(word(words, "peer_port"));
	asked.dev = if_nametoindex(word(words, "dev"));
	asked.tw = atol(word(words, "tw"));
	asked.fin = atol(word(words, "fin"));
	asked.delay = atol(word(words, "delay"));
	asked.source = end_of_word(words, "src");
	asked.target = end_of_word(words, "to");
	question.options = question.hasty = true;
	question.spans = 1;
	question.span[1] = (struct span){.lo = (in_port_t)asked.lo,
					 .hi = (in_port_t)asked.hi,
					 .peer_hi = PORTS - 1};
	read_reserved(&heap.range);
	ask_kernel(&heap);
	find_holders(&question, &heap.rows);
	for (size_t i = 0; i < heap.rows.n; i++) {
		const struct row *r = &heap.rows.at[i];

		/* A request socket is in no bind bucket. */
		if (r->kind.state == TCP_SYN_RECV ||
		    r->kind.state == STATE_NEW_SYN_RECV)
			continue;
		fresh += r->kind.state == TCP_TIME_WAIT &&
			 r->left > asked.tw - 10000;
		add(r);
	}
	for (unsigned int p = asked.lo; p <= asked.hi; p++)
		reserved += heap.range.ports[p] & RESERVED;
	order = in_order(&sorts);
	for (size_t i = 0; i < sorts.n; i++)
		print_sort(order[i]);
	free(order);
	print_lines();
	print_ports();
	printf("R %u %zu\n", reserved, fresh);
	flush_stdout();
	return EXIT_DONE;
}
