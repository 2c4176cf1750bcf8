/* SPDX-License-Identifier: MIT */
/* inject.c - sends a packet, and captures its answers */
#include "inject.h"
#include "print.h"

#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>

/* From linux/proc_ns.h, which musl's wrapper does not find. */
#define USER_INIT_INO 0xEFFFFFFDU /* PROC_USER_INIT_INO */

/* --- where it may send -------------------------------------------------- */

/*
 * in_sandbox - whether this network namespace is the sandbox's: RTEST_SANDBOX
 * may have strayed, so its owner must not be the initial user namespace, whose
 * inode number is fixed (EPERM: the owner is out of reach)
 */
static bool in_sandbox(void)
{
	const char *said = getenv("RTEST_SANDBOX");
	int net, user;
	struct stat st;
	bool ours;

	if (!said || !*said)
		return false;
	net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (net < 0)
		return false;
	user = ioctl(net, NS_OF_USER);
	close(net);
	if (user < 0)
		return false;
	ours = !fstat(user, &st) && st.st_ino != USER_INIT_INO;
	close(user);
	return ours;
}

/*
 * may_send_to - without --anywhere: loopback, documentation, the sandbox's own
 * networks, and inside the sandbox every address
 */
bool may_send_to(const struct addr *a)
{
	static const struct {
		uint32_t net;
		int bits;
	} nets[] = {
		{0x7f000000, 8},  /* 127.0.0.0/8 */
		{0x0a000000, 16}, /* 10.0.0.0/16: the sandbox's hosts */
		{0xc0000200, 24}, /* 192.0.2.0/24, RFC 5737 */
		{0xc6336400, 24}, /* 198.51.100.0/24 */
		{0xcb007100, 24}, /* 203.0.113.0/24 */
	};
	uint8_t b[16];
	size_t n = addr_bytes(a, b);
	uint32_t head = get32(b);

	if (n == 16 && (IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr) ||
			head >> 16 == 0xfd00 || /* fd00::/16 */
			head == 0x20010db8))	/* 2001:db8::/32, RFC 3849 */
		return true;
	for (size_t i = 0; n == 4 && i < sizeof(nets) / sizeof(nets[0]); i++)
		if ((head ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	return in_sandbox();
}

/*
 * find_iface - the index and hardware address of -i's interface, or exit 1;
 * sending through one that has such an address needs -e
 */
void find_iface(struct route *r, bool sends)
{
	int fd = socket(r->src.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int type, index;

	if (fd < 0)
		die_errno("open a socket");
	index = interface_of(fd, r->iface, &type, r->mac_src);
	if (index < 0)
		die_errno("find interface %s", r->iface);
	r->ifindex = (unsigned int)index;
	close(fd);
	if (!r->has_mac_dst && sends && type != ARPHRD_LOOPBACK)
		die_usage(
			"-i %s needs -e, the hardware address that the frame goes to",
			r->iface);
}

/* --- sending ------------------------------------------------------------ */

/*
 * inject - send a packet: with -i as a frame, else through a raw IP socket,
 * which takes our IP header (raw(7), rawv6_init_sk()); a refusal is exit 1
 * @frame: ETH_LEN bytes for the Ethernet header, then the packet; @len: of all
 */
void inject(const struct route *r, uint8_t *frame, size_t len)
{
	bool v6 = r->dst.sa.sa_family == AF_INET6;
	uint16_t type = v6 ? ETHER_IPV6 : ETHER_IPV4;
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_ifindex = (int)r->ifindex,
				 .sll_protocol = htons(type)};
	struct addr to = r->dst;
	char dst[ADDR_STRLEN];
	ssize_t n;
	int fd;

	addr_str(&r->dst, dst);
	if (r->iface) {
		fd = need_socket(AF_PACKET, SOCK_RAW, 0, "packet");
		memcpy(frame, r->mac_dst, 6);
		memcpy(frame + 6, r->mac_src, 6);
		put16(frame + 12, type);
	} else {
		fd = need_socket(to.sa.sa_family, SOCK_RAW, IPPROTO_RAW, "raw");
		addr_set_port(&to, 0); /* IPv6 takes it for a protocol */
		frame += ETH_LEN;
		len -= ETH_LEN;
	}
	do
		n = sendto(fd, frame, len, 0,
			   r->iface ? (struct sockaddr *)&ll : &to.sa,
			   r->iface ? sizeof(ll) : to.len);
	while (n < 0 && errno == EINTR);
	if (n < 0 && r->iface)
		die_errno("send to %s through %s", dst, r->iface);
	if (n < 0)
		die_errno("send to %s", dst);
	close(fd);
}

/* --- the answers -------------------------------------------------------- */

/* is_own - whether an address belongs to this namespace: can it be bound? */
static bool is_own(const struct addr *a)
{
	struct addr any_port = *a;
	int fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool own;

	if (fd < 0)
		return false;
	addr_set_port(&any_port, 0);
	own = !bind(fd, &any_port.sa, any_port.len);
	close(fd);
	return own;
}

/*
 * answers_open - capture every segment from DST to SRC from now on; any failure
 * is exit 1
 */
void answers_open(struct route *r, struct capture *c)
{
	struct filter *f = &r->answers;

	f->one_way = true;
	filter_add_host(f, &r->dst);
	filter_add_host(f, &r->src);
	filter_add_port(f, addr_port(&r->dst));
	filter_add_port(f, addr_port(&r->src));
	/* Segments sent here count only where our kernel answers. */
	f->received = !is_own(&r->dst);
	c->ifname = r->iface;
	capture_open(c, f, 1 << 20, SNAPLEN_MAX, 1);
}

/* arrival_ns - the kernel's CLOCK_REALTIME time of a packet, by now_ns() */
int64_t arrival_ns(int64_t stamp)
{
	int64_t now = now_ns(), age = clock_ns(CLOCK_REALTIME) - stamp;

	/* The clock may have been set meanwhile. */
	return age < 0 || age > 1000000000 ? now : now - age;
}
