// SPDX-License-Identifier: MIT
/*
 * search.c - client --search: how long does connect() look for a free port?
 */
#include "modes.h"

/* The numbers of one timed connect(). */
enum {
	WALL,	/* ns */
	CPU,	/* ns of this thread */
	LOOKED, /* ports that the kernel looked at; 0: not known */
	FIELDS
};
struct sample {
	int64_t of[FIELDS];
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

/*
 * connect_from_any - one connection to destination @to; @s gets the times,
 * @pair both ends; returns the port, from the range's lower end; -1: none
 */
static int connect_from_any(struct search *se, int to, struct sample *s,
			    int pair[2])
{
	int64_t wall, cpu;
	struct addr local;
	int fd = blocking_socket(se->to[to].sa.sa_family);
	int failed;

	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	wall = now_ns();
	failed = connect(fd, &se->to[to].sa, se->to[to].len);
	s->of[WALL] = now_ns() - wall;
	s->of[CPU] = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	if (failed) {
		if (errno != EADDRNOTAVAIL)
			die_errno("connect");
		close(fd);
		return -1;
	}
	pair[0] = fd;
	pair[1] = accept_end(se->listener[to]);
	if (!local_addr(fd, &local))
		die_errno("getsockname");
	return (int)(addr_port(&local) - se->low);
}

/*
 * close_pair - close both ends, ours first; with @reset without TIME-WAIT
 *
 * A FIN that is not worked on at once (by ksoftirqd, where there is much to do)
 * would meet the other one: a simultaneous close, and two TIME-WAITs.
 */
static void close_pair(const int pair[2], bool reset)
{
	struct linger now = {.l_onoff = 1};

	if (reset &&
	    setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		die_errno("SO_LINGER");
	close(pair[0]);
	if (!reset)
		await_fin(pair[1]);
	close(pair[1]);
}

/*
 * ports_looked_at - by the kernel, to find this one; -1: all of them
 *
 * It goes up in steps of two, first through the parity of the lower end, from
 * where the last search to this destination ended, or up to seven steps further
 * (__inet_hash_connect()): the number is at most seven too large.
 */
static unsigned int ports_looked_at(struct search *se, int port)
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

/* fill - TIME-WAITs to PORT, until they hold @percent of the range */
static void fill(struct search *se, unsigned int percent)
{
	const struct talk *t = &se->cl->talk;
	unsigned int wanted = (se->ports * percent + 99) / 100;
	unsigned int taken_over = 0;

	while (se->time_waits < wanted) {
		struct sample s;
		int pair[2], port = connect_from_any(se, 0, &s, pair);

		if (talk_stop)
			return;
		if (port < 0) {
			/* Other sockets hold ports, too. */
			errno = EADDRNOTAVAIL;
			die_errno("connection %u of %u", se->time_waits + 1,
				  wanted);
		}
		ports_looked_at(se, port);
		close_pair(pair, false);
		/* With tcp_tw_reuse the number may stay as it is, for ever. */
		if (se->in_use[port] && ++taken_over > se->ports)
			refuse("cannot fill %u %% of the range: TIME-WAITs are taken over (set tcp_tw_reuse=0 meanwhile)",
			       percent);
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

static int compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* quantile - the @field that @percent of the samples do not exceed */
static int64_t quantile(const struct sample *s, size_t n, int field,
			unsigned int percent)
{
	int64_t *v = xcalloc(n, sizeof(*v)), value = 0;
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		if (field != LOOKED || s[i].of[LOOKED])
			v[known++] = s[i].of[field];
	}
	if (known) {
		qsort(v, known, sizeof(*v), compare);
		value = v[(known - 1) * percent / 100];
	}
	free(v);
	return value;
}

/*
 * time_connects - to PORT and PORT+1, in alternation.  As many TIME-WAITs are
 * left as before: what took one over leaves one, the others end with RST.
 */
static void time_connects(struct search *se)
{
	static const struct {
		const char *key;
		int to, field;
		unsigned int percent;
	} of[] = {
		{"looked_p50", 0, LOOKED, 50}, {"looked_p99", 0, LOOKED, 99},
		{"ns_p50", 0, WALL, 50},       {"ns_p99", 0, WALL, 99},
		{"cpu_ns_p50", 0, CPU, 50},    {"cpu_ns_p99", 0, CPU, 99},
		{"free_ns_p50", 1, WALL, 50},  {"free_cpu_ns_p50", 1, CPU, 50},
	};
	const struct talk *t = &se->cl->talk;
	size_t n = (size_t)t->count, done = 0;
	struct sample *s[2];
	unsigned int parity[2] = {0}, failed = 0, taken_over = 0;

	for (int to = 0; to < 2; to++)
		s[to] = xcalloc(n, sizeof(*s[to]));
	for (; done < n && !talk_stop; done++)
		for (int to = 1; to >= 0; to--) {
			struct sample *now = &s[to][done];
			int pair[2], port = connect_from_any(se, to, now, pair);

			if (!to) {
				now->of[LOOKED] = ports_looked_at(se, port);
				failed += port < 0;
				parity[port & 1] += port >= 0;
				taken_over += port >= 0 && se->in_use[port];
			}
			if (port >= 0)
				close_pair(pair, to || !se->in_use[port]);
		}
	if (t->json) {
		printf("{\"event\":\"timed\",\"ports\":%u,\"time_waits\":%u,"
		       "\"connections\":%zu,\"failed\":%u,\"taken_over\":%u,"
		       "\"first_parity\":%u,\"other_parity\":%u",
		       se->ports, se->time_waits, done, failed, taken_over,
		       parity[0], parity[1]);
		for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
			printf(",\"%s\":%" PRId64, of[i].key,
			       quantile(s[of[i].to], done, of[i].field,
					of[i].percent));
		puts("}");
	} else {
		printf("connect(): %.1f us (99 %%: %.1f us), %" PRId64
		       " ports looked at; where all are free: %.1f us\n",
		       (double)quantile(s[0], done, WALL, 50) / 1e3,
		       (double)quantile(s[0], done, WALL, 99) / 1e3,
		       quantile(s[0], done, LOOKED, 50),
		       (double)quantile(s[1], done, WALL, 50) / 1e3);
	}
	flush_stdout();
	free(s[0]);
	free(s[1]);
}

/* set_range - the ports to search, and the two outside of them to listen on */
static void set_range(struct search *se, const struct addr *peer)
{
	unsigned int high;

	read_port_range(&se->low, &high);
	/* __inet_hash_connect(): an even number of ports, unless there is one.
	 */
	se->ports = high - se->low + 1;
	if (se->ports > 1)
		se->ports &= ~1U;
	for (int i = 0; i < 2; i++) {
		unsigned int port = addr_port(peer) + (unsigned int)i;

		if (port >= se->low && port <= high)
			die_usage(
				"--search listens on %u, which is in ip_local_port_range (%u to %u)",
				port, se->low, high);
		se->to[i] = *peer;
		addr_set_port(&se->to[i], (in_port_t)port);
	}
}

/* check - the options, or a usage error */
static void check(struct client *cl)
{
	if (addr_port(&cl->peer) == 65535)
		die_usage("--search wants PORT+1 as well: not 65535");
	if (!strchr(cl->given, 'n'))
		cl->talk.count = 200;
	if (!cl->talk.count || cl->talk.count > 1000000)
		die_usage("--search wants -n from 1 to 1000000");
}

/*
 * search - the steps that stdin asks for, until its end or a signal; returns
 * the exit code
 */
int search(struct client *cl)
{
	static struct search se;
	char line[32];

	check(cl);
	talk_setup(&cl->talk);
	se.cl = cl;
	set_range(&se, &cl->peer);
	for (int i = 0; i < 2; i++)
		se.listener[i] = listen_at(&se.to[i]);
	while (!talk_stop && fgets(line, sizeof(line), stdin)) {
		if (strlen(line) == sizeof(line) - 1)
			die_usage(
				"--search: a step is a number or 'time', not '%s...'",
				line);
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "time"))
			time_connects(&se);
		else
			fill(&se, (unsigned int)parse_long("--search", line, 0,
							   100));
	}
	return EXIT_DONE;
}
