// SPDX-License-Identifier: MIT
/*
 * room.c - refuses client --bulk more connections than the kernel has room for:
 * it would close without a TIME-WAIT, drop SYNs, or end some process
 */
#include "modes.h"

#include <sys/resource.h>

/*
 * The kernel's memory for a connection that was closed, and for one that is
 * held: estimates from the slab counters of Linux 6.18 (a timewait socket has
 * 256 bytes, its port's bind buckets 150).
 */
#define TIME_WAIT_BYTES 512
#define PAIR_BYTES	8192

/* time_waits - how many this network namespace has; false: hidden */
bool time_waits(int64_t *n)
{
	return find_number("/proc/net/sockstat", "TCP:", " tw ", n);
}

/* conntrack - the connections tracked here, and the limit; false: none are */
bool conntrack(int64_t *now, int64_t *max)
{
	return read_number("/proc/sys/net/netfilter/nf_conntrack_count", now) &&
	       read_number("/proc/sys/net/netfilter/nf_conntrack_max", max);
}

/*
 * check_conntrack - an entry outlives its connection by 10 s or 120 s; without
 * room for one the SYN is dropped (nf_conntrack_alloc())
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
 * check_buckets - with tcp_max_tw_buckets of them a connection is closed
 * without a TIME-WAIT (inet_twsk_alloc())
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

/* check_memory - that there is memory for them, @each bytes for one */
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

/* check_files - that two descriptors can be open for each connection, and some
 * more */
static void check_files(int64_t count)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit) &&
	    2 * (uint64_t)count + 8 > limit.rlim_cur)
		refuse("%" PRId64 " connections want %" PRId64
		       " open files, and the limit is %" PRIu64
		       " (ulimit -n, make -n smaller)",
		       count, 2 * count + 8, (uint64_t)limit.rlim_cur);
}

/* check_room - for @count connections, that are held or closed; or exit 1 */
void check_room(int64_t count, bool held)
{
	if (!held)
		check_buckets(count);
	check_conntrack(count);
	check_memory(count, held ? PAIR_BYTES : TIME_WAIT_BYTES);
	if (held)
		check_files(count);
}
