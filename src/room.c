// SPDX-License-Identifier: MIT
/*
 * room.c - is there room for so many connections?  What client --bulk asks
 * before the start, because the kernel would not say it: it closes without a
 * TIME-WAIT, drops SYNs, or ends some process.
 */
#include "modes.h"

/*
 * What a connection that has been closed, or is held, costs the kernel.
 * Estimates from the slab counters of Linux 6.18: a timewait socket is 256
 * bytes, its port's bind buckets 150 more; a pair of sockets with their inodes
 * and files is less than 8 KiB.
 */
#define TIME_WAIT_BYTES 512
#define PAIR_BYTES	8192

/*
 * find_number - the number behind a word in a file of /proc or /sys, in the
 * first line that begins with @line and has one; false: there is none
 */
static bool find_number(const char *path, const char *line, const char *word,
			int64_t *n)
{
	FILE *f = fopen(path, "re");
	char buf[256], *at;
	bool found = false;

	while (f && !found && fgets(buf, sizeof(buf), f))
		if (!strncmp(buf, line, strlen(line)) &&
		    (at = strstr(buf, word)))
			found = sscanf(at + strlen(word), "%" SCNd64, n) == 1;
	if (f)
		fclose(f);
	return found;
}

static bool read_number(const char *path, int64_t *n)
{
	return find_number(path, "", "", n);
}

/* time_waits - how many this network namespace has; false: hidden */
bool time_waits(int64_t *n)
{
	return find_number("/proc/net/sockstat", "TCP:", " tw ", n);
}

/*
 * conntrack - how many connections are tracked in this network namespace, and
 * how many may be; false where the kernel does not track
 */
bool conntrack(int64_t *now, int64_t *max)
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
static void check_conntrack(int64_t count)
{
	int64_t now, max;

	if (conntrack(&now, &max) && now && now + count > max)
		refuse("%" PRId64 " connections and the %" PRId64
		       " that are tracked here are more than net.netfilter.nf_conntrack_max, %" PRId64
		       " (as root: sysctl net.netfilter.nf_conntrack_max=%" PRId64
		       "; or no rule that tracks)",
		       count, now, max, now + count + count / 10);
}

/*
 * check_buckets - that many TIME-WAITs may be alive
 *
 * With tcp_max_tw_buckets of them there is no more (inet_twsk_alloc()): the
 * connection is closed without.
 */
static void check_buckets(int64_t count)
{
	int64_t max, now = 0;

	time_waits(&now);
	if (read_number("/proc/sys/net/ipv4/tcp_max_tw_buckets", &max) &&
	    now + count > max)
		refuse("%" PRId64 " TIME-WAITs and the %" PRId64
		       " that are here are more than net.ipv4.tcp_max_tw_buckets, %" PRId64
		       " (%s tcp_max_tw_buckets=%" PRId64 " -- client ...)",
		       count, now, max, sandbox_command(),
		       now + count + count / 10);
}

/*
 * check_memory - that many connections, of @each bytes
 *
 * Out of memory, the kernel ends some process, not always this one.
 */
static void check_memory(int64_t count, int64_t each)
{
	int64_t kb;

	if (find_number("/proc/meminfo", "MemAvailable:", ":", &kb) &&
	    count > kb * 1024 / each)
		refuse("%" PRId64 " connections take the kernel some %" PRId64
		       " MiB, and MemAvailable leaves %" PRId64
		       " MiB (make -n smaller)",
		       count, count * each >> 20, kb >> 10);
}

/* check_room - for @count connections, that are held or closed; or exit 1 */
void check_room(int64_t count, bool held)
{
	if (!held)
		check_buckets(count);
	check_conntrack(count);
	check_memory(count, held ? PAIR_BYTES : TIME_WAIT_BYTES);
}
