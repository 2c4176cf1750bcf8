/* SPDX-License-Identifier: MIT */
/*
 * filter.c - which segments are wanted: as classic BPF, so that the kernel
 * copies no other packet, and once more here for the packets that BPF leaves
 * undecided
 */
#include "filter.h"
#include "print.h"

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

/*
 * wanted - whether one end has one of the ports, and one end one of the hosts
 *
 * What a packet does not show (the ports of a later fragment) matches no port.
 */
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

/*
 * From the kernel's UAPI (linux/filter.h, linux/if_arp.h), which musl's
 * compiler wrapper does not have on its path.
 */
struct insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

enum {
	LD_W = 0x20,	     /* A = 32 bits at k */
	LD_H = 0x28,	     /* A = 16 bits at k */
	LD_B = 0x30,	     /* A = 8 bits at k */
	LD_H_X = 0x48,	     /* A = 16 bits at X + k */
	LDX_IP_LEN = 0xb1,   /* X = 4 * (byte at k & 15) */
	JUMP = 0x05,	     /* by k */
	JUMP_EQ = 0x15,	     /* by jt if A == k, else by jf */
	JUMP_SET = 0x45,     /* by jt if A & k, else by jf */
	RETURN = 0x06,	     /* k: how many bytes to keep, 0: none */
	AD_PROTOCOL = -4096, /* k: the Ethertype */
	AD_PKTTYPE = -4092,  /* k: PACKET_OUTGOING, ... */
	AD_HATYPE = -4068,   /* k: the interface's ARPHRD_ */
	HW_LOOPBACK = 772,   /* ARPHRD_LOOPBACK */
};

enum label {
	L_ACCEPT,
	L_REJECT,
	L_IP,
	L_V4,
	L_V4_PORTS,
	L_V6,
	L_V6_PORTS,
	L_V6_TCP,
	LABELS
};

struct program {
	struct insn insn[1024];
	uint8_t label[1024]; /* for a JUMP: its label, plus one */
	uint16_t at[LABELS];
	uint16_t n;
};

static void emit(struct program *p, int code, uint32_t k, uint8_t jt,
		 uint8_t jf)
{
	if (p->n == sizeof(p->insn) / sizeof(p->insn[0]))
		die_usage("too many -H and -p");
	p->insn[p->n++] = (struct insn){(uint16_t)code, jt, jf, k};
}

static void emit_jump(struct program *p, enum label to)
{
	emit(p, JUMP, 0, 0, 0);
	p->label[p->n - 1] = (uint8_t)(to + 1);
}

/* emit_if, emit_unless - jump to @to when A == @k, or when it is not */
static void emit_if(struct program *p, uint32_t k, enum label to)
{
	emit(p, JUMP_EQ, k, 0, 1);
	emit_jump(p, to);
}

static void emit_unless(struct program *p, uint32_t k, enum label to)
{
	emit(p, JUMP_EQ, k, 1, 0);
	emit_jump(p, to);
}

static void emit_label(struct program *p, enum label l)
{
	p->at[l] = p->n;
}

/* emit_hosts - go on at @match when one end of the packet is a wanted host */
static void emit_hosts(struct program *p, const struct filter *f,
		       uint8_t family, uint32_t src, enum label match)
{
	uint32_t words = family == 6 ? 4 : 1;

	for (uint32_t j = 0; f->one_way && j < 2 * words; j++) {
		emit(p, LD_W, src + j * 4, 0, 0);
		emit_unless(p, get32(f->hosts[j / words].addr + j % words * 4),
			    L_REJECT);
	}
	if (f->one_way)
		return;
	for (int i = 0; i < f->nhosts; i++) {
		for (uint32_t end = 0; end < 2; end++) {
			if (f->hosts[i].family != family)
				continue;
			for (uint32_t j = 0; j < words; j++) {
				emit(p, LD_W, src + (end * words + j) * 4, 0,
				     0);
				emit(p, JUMP_EQ,
				     get32(f->hosts[i].addr + j * 4), 0,
				     (uint8_t)((words - 1 - j) * 2 + 1));
			}
			emit_jump(p, match);
		}
	}
	if (f->nhosts)
		emit_jump(p, L_REJECT);
}

/* emit_ports - the same for the ports, at @tcp (@load: from there, or + X) */
static void emit_ports(struct program *p, const struct filter *f, int load,
		       uint32_t tcp)
{
	for (uint32_t end = 0; end < 2; end++) {
		emit(p, load, tcp + end * 2, 0, 0);
		if (f->one_way)
			emit_unless(p, f->ports[end], L_REJECT);
		for (int i = 0; i < f->nports && !f->one_way; i++)
			emit_if(p, f->ports[i], L_ACCEPT);
	}
	emit_jump(p, f->one_way ? L_ACCEPT : L_REJECT);
}

/*
 * emit_direction - each packet once, where its receiver would see it
 *
 * A frame for another hardware address has reached nobody.  What loopback
 * sends comes in a moment later.
 */
static void emit_direction(struct program *p, const struct filter *f)
{
	emit(p, LD_W, (uint32_t)AD_PKTTYPE, 0, 0);
	emit_if(p, PACKET_OTHERHOST, L_REJECT);
	emit_unless(p, PACKET_OUTGOING, L_IP);
	if (f->received)
		emit_jump(p, L_REJECT);
	emit(p, LD_W, (uint32_t)AD_HATYPE, 0, 0);
	emit_if(p, HW_LOOPBACK, L_REJECT);
}

/*
 * build_filter - TCP with the wanted ports and hosts
 * @base: where IP begins: 14 behind Ethernet, 0 without link header
 *
 * IPv6 with extension headers and frames with a VLAN tag inside pass whole:
 * kernel_judged() tells them from the rest, and wanted() judges them.
 */
static void build_filter(struct program *p, const struct filter *f,
			 uint32_t base, uint32_t snaplen)
{
	static const uint8_t ext[] = {IPPROTO_HOPOPTS,	IPPROTO_ROUTING,
				      IPPROTO_FRAGMENT, IPPROTO_AH,
				      IPPROTO_DSTOPTS,	135 /* Mobility */};

	emit_direction(p, f);
	emit_label(p, L_IP);
	emit(p, LD_W, (uint32_t)AD_PROTOCOL, 0, 0);
	if (!f->one_way || f->hosts[0].family == 4)
		emit_if(p, ETHER_IPV4, L_V4);
	if (!f->one_way || f->hosts[0].family == 6)
		emit_if(p, ETHER_IPV6, L_V6);
	emit_if(p, ETHER_VLAN, L_ACCEPT);
	emit_if(p, ETHER_QINQ, L_ACCEPT);
	emit_jump(p, L_REJECT);

	emit_label(p, L_V4);
	emit(p, LD_B, base + 9, 0, 0);
	emit_unless(p, IPPROTO_TCP, L_REJECT);
	emit_hosts(p, f, 4, base + 12, L_V4_PORTS);
	emit_label(p, L_V4_PORTS);
	if (!f->nports)
		emit_jump(p, L_ACCEPT);
	emit(p, LD_H, base + 6, 0, 0);
	emit(p, JUMP_SET, 0x1fff, 0, 1); /* a later fragment has no ports */
	emit_jump(p, L_REJECT);
	emit(p, LDX_IP_LEN, base, 0, 0);
	emit_ports(p, f, LD_H_X, base);

	emit_label(p, L_V6);
	emit_hosts(p, f, 6, base + 8, L_V6_PORTS);
	emit_label(p, L_V6_PORTS);
	emit(p, LD_B, base + 6, 0, 0);
	emit_if(p, IPPROTO_TCP, L_V6_TCP);
	for (size_t i = 0; i < sizeof(ext); i++)
		emit_if(p, ext[i], L_ACCEPT);
	emit_jump(p, L_REJECT);
	emit_label(p, L_V6_TCP);
	if (!f->nports)
		emit_jump(p, L_ACCEPT);
	emit_ports(p, f, LD_H, base + 40);

	emit_label(p, L_ACCEPT);
	emit(p, RETURN, snaplen, 0, 0);
	emit_label(p, L_REJECT);
	emit(p, RETURN, 0, 0, 0);
	for (uint16_t i = 0; i < p->n; i++)
		if (p->label[i])
			p->insn[i].k = p->at[p->label[i] - 1] - i - 1u;
}

/*
 * filter_attach - have the kernel give @fd what is wanted, and no more than
 * @snaplen bytes of it; a failure ends the program
 */
void filter_attach(int fd, const struct filter *f, uint32_t base,
		   uint32_t snaplen)
{
	static struct program prog;
	struct {
		unsigned short len;
		struct insn *insn;
	} fprog = {0, prog.insn};

	memset(&prog, 0, sizeof(prog));
	build_filter(&prog, f, base, snaplen);
	fprog.len = prog.n;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog)))
		die_errno("attach the filter to the packet socket");
}

/* kernel_judged - whether the filter above has decided on a packet for good */
bool kernel_judged(const struct packet *pkt, uint32_t base)
{
	const uint8_t *p = pkt->data;
	uint16_t ether = base ? ETHER_VLAN : ETHER_IPV4;

	if (pkt->cap < base + 20)
		return false;
	if (base)
		ether = get16(p + 12);
	else if (p[0] >> 4 == 6)
		ether = ETHER_IPV6;
	return ether == ETHER_IPV4 ||
	       (ether == ETHER_IPV6 && p[base + 6] == IPPROTO_TCP);
}
