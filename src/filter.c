/* SPDX-License-Identifier: MIT */
/*
 * filter.c - which segments are wanted: by their ports as classic BPF, so that
 * the kernel copies few others, and for good in wanted()
 */
#include "capture.h"
#include "print.h"

#include <linux/filter.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>

void filter_add_host(struct filter *f, const struct addr *a)
{
	if (f->nhosts == FILTER_MAX)
		die_usage("-H: at most %d hosts", FILTER_MAX);
	f->hosts[f->nhosts].family =
		addr_bytes(a, f->hosts[f->nhosts].addr) == 16 ? 6 : 4;
	f->nhosts++;
}

void filter_add_port(struct filter *f, uint16_t port)
{
	if (f->nports == FILTER_MAX)
		die_usage("-p: at most %d ports", FILTER_MAX);
	f->ports[f->nports++] = port;
}

static bool is_host(const struct filter *f, int i, const uint8_t *addr,
		    uint8_t family)
{
	return f->hosts[i].family == family &&
	       !memcmp(f->hosts[i].addr, addr, family == 6 ? 16 : 4);
}

/* wanted - one end has one of the ports, and one end one of the hosts */
bool wanted(const struct filter *f, const struct segment *s)
{
	bool port = !f->nports, host = !f->nhosts;

	if (s->kind == NOT_TCP)
		return false;
	if (f->one_way)
		return s->ports && s->sport == f->ports[0] &&
		       s->dport == f->ports[1] &&
		       is_host(f, 0, s->src, s->family) &&
		       is_host(f, 1, s->dst, s->family);
	for (int i = 0; i < f->nports && s->ports; i++)
		port |= s->sport == f->ports[i] || s->dport == f->ports[i];
	for (int i = 0; i < f->nhosts && s->addrs; i++)
		host |= is_host(f, i, s->src, s->family) ||
			is_host(f, i, s->dst, s->family);
	return port && host;
}

/* --- classic BPF -------------------------------------------------------- */

/* Codes of linux/filter.h: load A from k, jump by A and k, return k bytes. */
enum {
	LD_W = BPF_LD | BPF_W | BPF_ABS,
	LD_H = BPF_LD | BPF_H | BPF_ABS,
	LD_B = BPF_LD | BPF_B | BPF_ABS,
	LD_H_X = BPF_LD | BPF_H | BPF_IND,	/* from X + k */
	LDX_IP_LEN = BPF_LDX | BPF_B | BPF_MSH, /* X = 4 * (byte at k & 15) */
	JUMP_EQ = BPF_JMP | BPF_JEQ | BPF_K,
	JUMP_SET = BPF_JMP | BPF_JSET | BPF_K,
	RETURN = BPF_RET | BPF_K,
};

/* Where a jump goes. */
enum label { NEXT, SENT, IP, V4, V6, V6_TCP, ACCEPT, REJECT, LABELS };

struct program {
	struct sock_filter insn[40 + 4 * FILTER_MAX];
	uint8_t at[LABELS];
	uint8_t n;
};

static void emit(struct program *p, int code, int64_t k)
{
	p->insn[p->n++] =
		(struct sock_filter){(uint16_t)code, NEXT, NEXT, (uint32_t)k};
}

static void emit_jump(struct program *p, int code, uint32_t k, enum label yes,
		      enum label no)
{
	p->insn[p->n++] = (struct sock_filter){(uint16_t)code, (uint8_t)yes,
					       (uint8_t)no, k};
}

static void emit_label(struct program *p, enum label l)
{
	p->at[l] = p->n;
}

/*
 * emit_ports - the end of the program for one family; @tcp: where TCP begins,
 * with LD_H_X behind the IP header's length in X
 */
static void emit_ports(struct program *p, const struct filter *f, int load,
		       uint32_t tcp, uint32_t snaplen)
{
	if (!f->nports) {
		emit(p, RETURN, snaplen);
		return;
	}
	for (int end = 0; end < 2; end++) {
		emit(p, load, tcp + 2 * (uint32_t)end);
		if (f->one_way)
			emit_jump(p, JUMP_EQ, f->ports[end], NEXT, REJECT);
		for (int i = 0; i < f->nports && !f->one_way; i++)
			emit_jump(p, JUMP_EQ, f->ports[i], ACCEPT, NEXT);
	}
	emit(p, RETURN, f->one_way ? snaplen : 0);
}

/*
 * build_filter - TCP with the wanted ports; @base: where IP begins
 *
 * Each packet is taken once, where its receiver would see it: no frame for
 * another hardware address, none that loopback sends and takes in a moment
 * later.  IPv6 with extension headers and frames with a VLAN tag pass whole.
 */
static void build_filter(struct program *p, const struct filter *f,
			 uint32_t base, uint32_t snaplen)
{
	static const uint8_t ext[] = {IPPROTO_HOPOPTS,	IPPROTO_ROUTING,
				      IPPROTO_FRAGMENT, IPPROTO_AH,
				      IPPROTO_DSTOPTS,	135 /* Mobility */};

	emit(p, LD_W, SKF_AD_OFF + SKF_AD_PKTTYPE);
	emit_jump(p, JUMP_EQ, PACKET_OTHERHOST, REJECT, NEXT);
	emit_jump(p, JUMP_EQ, PACKET_OUTGOING, f->received ? REJECT : SENT, IP);
	emit_label(p, SENT);
	emit(p, LD_W, SKF_AD_OFF + SKF_AD_HATYPE);
	emit_jump(p, JUMP_EQ, ARPHRD_LOOPBACK, REJECT, IP);
	emit_label(p, IP);
	emit(p, LD_W, SKF_AD_OFF + SKF_AD_PROTOCOL);
	emit_jump(p, JUMP_EQ, ETHER_IPV4, V4, NEXT);
	emit_jump(p, JUMP_EQ, ETHER_IPV6, V6, NEXT);
	emit_jump(p, JUMP_EQ, ETHER_VLAN, ACCEPT, NEXT);
	emit_jump(p, JUMP_EQ, ETHER_QINQ, ACCEPT, REJECT);

	emit_label(p, V4);
	emit(p, LD_B, base + 9);
	emit_jump(p, JUMP_EQ, IPPROTO_TCP, NEXT, REJECT);
	if (f->nports) {
		emit(p, LD_H, base + 6); /* a later fragment has no ports */
		emit_jump(p, JUMP_SET, 0x1fff, REJECT, NEXT);
		emit(p, LDX_IP_LEN, base);
	}
	emit_ports(p, f, LD_H_X, base, snaplen);

	emit_label(p, V6);
	emit(p, LD_B, base + 6);
	emit_jump(p, JUMP_EQ, IPPROTO_TCP, V6_TCP, NEXT);
	for (size_t i = 0; i < sizeof(ext); i++)
		emit_jump(p, JUMP_EQ, ext[i], ACCEPT, NEXT);
	emit(p, RETURN, 0);
	emit_label(p, V6_TCP);
	emit_ports(p, f, LD_H, base + IP6_LEN, snaplen);

	emit_label(p, ACCEPT);
	emit(p, RETURN, snaplen);
	emit_label(p, REJECT);
	emit(p, RETURN, 0);
	for (uint8_t i = 0; i < p->n; i++) {
		struct sock_filter *insn = &p->insn[i];

		if (insn->jt)
			insn->jt = (uint8_t)(p->at[insn->jt] - i - 1);
		if (insn->jf)
			insn->jf = (uint8_t)(p->at[insn->jf] - i - 1);
	}
}

/* filter_attach - have the kernel give @fd the wanted packets, or exit 1 */
void filter_attach(int fd, const struct filter *f, uint32_t base,
		   uint32_t snaplen)
{
	struct program prog = {.n = 0};
	struct sock_fprog fprog = {.filter = prog.insn};

	build_filter(&prog, f, base, snaplen);
	fprog.len = prog.n;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog)))
		die_errno("attach the filter to the packet socket");
}

/*
 * kernel_judged - whether the filter above has decided on a packet for good: it
 * has seen all of it, also the ports behind the bytes that are kept (-s)
 */
bool kernel_judged(const struct filter *f, const struct packet *pkt)
{
	uint32_t base = pkt->link == LINK_ETHERNET ? ETH_LEN : 0;
	const uint8_t *ip = pkt->data + base;
	bool v6;

	if (f->nhosts || pkt->cap < base + IP4_LEN)
		return false;
	v6 = ip[0] >> 4 == 6;
	if (base && get16(ip - 2) != (v6 ? ETHER_IPV6 : ETHER_IPV4))
		return false;
	return !v6 || ip[6] == IPPROTO_TCP;
}
