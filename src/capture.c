/* SPDX-License-Identifier: MIT */
/*
 * capture.c - a packet socket with a TPACKET_V3 ring: whole packets, packed
 * into blocks that are handed over one at a time
 *
 * The kernel counts the packets that it took in (PACKET_STATISTICS), so that
 * capture_drain() can wait for the last of them.
 */
#include "capture.h"

#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { BLOCK_MAX = 1 << 19, BLOCK_MIN = 1 << 14, BLOCKS_WANTED = 64 };

#ifndef PACKET_IGNORE_OUTGOING /* of newer headers */
#define PACKET_IGNORE_OUTGOING 23
#endif

volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/*
 * catch_signals - SIGINT, SIGTERM and SIGHUP come only inside ppoll(), with the
 * mask @unblocked: none slips in between a check and the wait.  No SIGPIPE.
 */
void catch_signals(sigset_t *unblocked)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal}, old;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signals[i] == SIGHUP && !sigaction(SIGHUP, NULL, &old) &&
		    old.sa_handler == SIG_IGN)
			continue; /* nohup */
		sigaction(signals[i], &sa, NULL);
		sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, unblocked);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigdelset(unblocked, signals[i]);
	signal(SIGPIPE, SIG_IGN);
}

/* need_socket - a @what (packet, raw) socket, or exit 1 */
int need_socket(int family, int type, int protocol, const char *what)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0 && (errno == EPERM || errno == EACCES))
		refuse("open a %s socket: it needs CAP_NET_RAW (run as root, or under %s) [%s]",
		       what, sandbox_command(), errno_name(errno));
	if (fd < 0)
		die_errno("open a %s socket", what);
	return fd;
}

/*
 * interface_of - the index of an interface, or -1 with errno
 * @fd: any socket
 * @type: set to its hardware type, ARPHRD_; @mac: to its hardware address
 */
int interface_of(int fd, const char *name, int *type, uint8_t mac[6])
{
	struct ifreq ifr;
	int index;

	memset(&ifr, 0, sizeof(ifr));
	if (strlen(name) >= sizeof(ifr.ifr_name)) {
		errno = ENODEV;
		return -1;
	}
	strcpy(ifr.ifr_name, name);
	if (ioctl(fd, SIOCGIFINDEX, &ifr))
		return -1;
	index = ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		return -1;
	*type = ifr.ifr_hwaddr.sa_family;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return index;
}

/*
 * map_ring - ask for a ring of @bytes, for packets of @snaplen at most
 *
 * The kernel hands a block over after @retire_ms, even with one packet in it.
 * On a busy machine the ring is full when wire has not run for that time, once
 * for each block.  So there are 64 blocks where one then holds 16 packets, and
 * eight at least.
 */
static void map_ring(struct capture *c, size_t bytes, uint32_t snaplen,
		     unsigned int retire_ms)
{
	struct tpacket_req3 req = {
		.tp_block_size = BLOCK_MAX,
		.tp_frame_size = 2048, /* only checked, not used, by V3 */
		.tp_retire_blk_tov = retire_ms,
	};
	int version = TPACKET_V3;

	while (req.tp_block_size > BLOCK_MIN &&
	       bytes / req.tp_block_size < BLOCKS_WANTED &&
	       (bytes / req.tp_block_size < 8 ||
		req.tp_block_size / 32 >= snaplen))
		req.tp_block_size /= 2;
	req.tp_block_nr = (unsigned int)(bytes / req.tp_block_size);
	req.tp_frame_nr =
		req.tp_block_nr * (req.tp_block_size / req.tp_frame_size);
	if (setsockopt(c->fd, SOL_PACKET, PACKET_VERSION, &version,
		       sizeof(version)))
		die_errno("choose TPACKET_V3");
	if (setsockopt(c->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		die_errno("a ring of %zu MiB (see -B)", bytes >> 20);
	c->block = req.tp_block_size;
	c->blocks = req.tp_block_nr;
	c->map = mmap(NULL, c->block * c->blocks, PROT_READ | PROT_WRITE,
		      MAP_SHARED, c->fd, 0);
	if (c->map == MAP_FAILED)
		die_errno("map a ring of %zu MiB", bytes >> 20);
}

/*
 * capture_open - capture on @c->ifname from now on, or exit 1: @snaplen bytes
 * of each packet into a ring of @bytes, for twice @retire_ms there at most
 */
void capture_open(struct capture *c, const struct filter *f, size_t bytes,
		  uint32_t snaplen, unsigned int retire_ms)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(0x0003)}; /* ETH_P_ALL */
	int type = ARPHRD_VOID, one = 1;
	uint8_t mac[6];

	c->fd = need_socket(AF_PACKET, SOCK_RAW, 0, "packet");
	if (c->ifname) {
		c->ifindex = interface_of(c->fd, c->ifname, &type, mac);
		if (c->ifindex < 0)
			die_errno("%s (see 'ip link')", c->ifname);
	}
	if (type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK)
		c->base = ETH_LEN;
	c->link = c->base ? LINK_ETHERNET : LINK_RAW;
	if (!c->base) { /* let the kernel take the link header off */
		close(c->fd);
		c->fd = need_socket(AF_PACKET, SOCK_DGRAM, 0, "packet");
	}
	filter_attach(c->fd, f, c->base, snaplen);
	/* Saves the senders on lo a copy; before 4.20 the filter alone. */
	if (type == ARPHRD_LOOPBACK)
		setsockopt(c->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
			   sizeof(one));
	map_ring(c, bytes, snaplen, retire_ms);
	ll.sll_ifindex = c->ifindex;
	if (bind(c->fd, (struct sockaddr *)&ll, sizeof(ll)))
		die_errno("capture on %s",
			  c->ifname ? c->ifname : "all interfaces");
}

/*
 * capture_take - hand over the packets of the blocks that are ready, one round
 * of the ring at most; returns how many; @more: false when @take has enough
 */
static uint64_t capture_take(struct capture *c, take_fn *take, void *to,
			     bool *more)
{
	uint64_t before = c->taken;

	for (size_t n = 0; n < c->blocks && *more; n++) {
		struct tpacket_block_desc *desc =
			(void *)(c->map + c->next * c->block);
		struct tpacket_hdr_v1 *b = &desc->hdr.bh1;
		const uint8_t *at;

		if (!(__atomic_load_n(&b->block_status, __ATOMIC_ACQUIRE) &
		      TP_STATUS_USER))
			break;
		at = (uint8_t *)desc + b->offset_to_first_pkt;
		for (uint32_t i = 0; i < b->num_pkts && *more; i++) {
			const struct tpacket3_hdr *h = (const void *)at;
			struct packet pkt = {
				.ns = (int64_t)h->tp_sec * 1000000000 +
				      h->tp_nsec,
				.data = at + h->tp_mac,
				.cap = h->tp_snaplen,
				.wire = h->tp_len,
				.link = c->link,
				.number = ++c->taken,
				.vlan = h->tp_status & TP_STATUS_VLAN_VALID &&
					c->base,
				.vlan_tci = (uint16_t)h->hv1.tp_vlan_tci,
				.vlan_tpid =
					h->tp_status & TP_STATUS_VLAN_TPID_VALID
						? h->hv1.tp_vlan_tpid
						: ETHER_VLAN,
			};

			*more = take(to, &pkt);
			at += h->tp_next_offset;
		}
		__atomic_store_n(&b->block_status, 0, __ATOMIC_RELEASE);
		c->next = c->next + 1 == c->blocks ? 0 : c->next + 1;
	}
	if (c->taken != before)
		take(to, NULL);
	return c->taken - before;
}

/* capture_stats - add the kernel's counts; reading them sets them to zero */
void capture_stats(struct capture *c)
{
	struct tpacket_stats_v3 st = {0};
	socklen_t len = sizeof(st);

	if (getsockopt(c->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len))
		die_errno("count dropped segments");
	c->packets += st.tp_packets;
	c->drops += st.tp_drops;
}

/*
 * capture_drain - take the packets of before the end, those in a block that is
 * not handed over yet included; false when the ring keeps some for 20 s
 */
static bool capture_drain(struct capture *c, take_fn *take, void *to)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	int64_t deadline = now_ns() + INT64_C(20000000000);
	bool more = true;

	capture_stats(c);
	/* Later packets are taken too: taken may pass packets. */
	while (more && c->packets - c->drops > c->taken) {
		uint64_t n = capture_take(c, take, to, &more);

		if (!n && now_ns() > deadline) {
			say("%" PRIu64
			    " segments stayed in the ring [ETIMEDOUT]",
			    c->packets - c->drops - c->taken);
			return false;
		}
		if (!n)
			poll(&p, 1, 5);
	}
	return true;
}

/*
 * capture_gone - whether the interface is gone, or down and not waited for; ask
 * again while c->down: its end after that is not reported (packet_notifier())
 */
static bool capture_gone(struct capture *c)
{
	int err = socket_error(c->fd);
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	if (!if_indextoname((unsigned int)c->ifindex, ifr.ifr_name) ||
	    ioctl(c->fd, SIOCGIFFLAGS, &ifr)) {
		say("%s: the interface is gone [ENODEV]", c->ifname);
		return true;
	}
	if (err && (err != ENETDOWN || !c->patient)) {
		warn_errno(err, "capture on %s", c->ifname);
		return true;
	}
	if (!(ifr.ifr_flags & IFF_UP) && !c->down)
		say("%s is down: waiting until it is up", c->ifname);
	c->down = !(ifr.ifr_flags & IFF_UP);
	return false;
}

/*
 * capture_run - take packets until @take has enough, at @end by now_ns() (0:
 * none), or a signal of @unblocked; false: the interface is gone, or packets
 * stayed in the ring
 */
bool capture_run(struct capture *c, take_fn *take, void *to, int64_t end,
		 const sigset_t *unblocked)
{
	const int64_t ask_again = 100000000; /* while the interface is down */
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	bool more = true;

	for (;;) {
		int64_t left = end ? end - now_ns() : INT64_MAX;
		struct timespec ts;
		int n;

		capture_take(c, take, to, &more);
		if (!more)
			return true;
		if (interrupted || left <= 0)
			return capture_drain(c, take, to);
		if (c->down && left > ask_again)
			left = ask_again;
		ts = timespec_of(left);
		n = ppoll(&p, 1, left == INT64_MAX ? NULL : &ts, unblocked);
		if (n < 0 && errno != EINTR)
			die_errno("wait for segments");
		if (((n > 0 && p.revents & POLLERR) || (!n && c->down)) &&
		    capture_gone(c)) {
			capture_drain(c, take, to);
			return false;
		}
	}
}
