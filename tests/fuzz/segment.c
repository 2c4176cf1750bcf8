/* SPDX-License-Identifier: MIT */
/*
 * segment - parses and prints a hostile packet; builds another one from what
 * was found in it
 *
 * The first byte of the input picks a link type, the next two are added to the
 * length on the wire, and the rest is the packet.
 */
#include "fuzz.h"

static void check_segment(const struct segment *s, const struct packet *pkt)
{
	struct option_view o;
	uint8_t at = 0;
	int n = 0;

	check(s->kind != SEGMENT || (s->addrs && s->ports && s->family),
	      "a segment has addresses and ports");
	check(s->kind != SEGMENT ||
		      (uint64_t)s->len <= (uint64_t)(pkt->wire > pkt->cap
							     ? pkt->wire
							     : pkt->cap) +
						  s->missing,
	      "a payload fits into its packet");
	check(s->data_len <= s->len, "what is captured was sent");
	check((s->kind == SEGMENT || s->kind == NOT_TCP) == !*s->note,
	      "what is odd is named");
	check(s->opts_len <= sizeof(s->opts), "options fit");
	while (next_option(s, &at, &o) > 0)
		check(++n <= 40 && o.data + o.len <= s->opts + s->opts_len,
		      "an option stays inside the options");
}

/* check_built - a packet built from @s is parsed to the same */
static void check_built(struct segment *s)
{
	uint8_t *p = malloc(IP6_LEN + IP_MAX);
	struct packet pkt = {.data = p, .link = LINK_RAW};
	struct segment t;

	if (!p)
		die_errno("memory for a packet");
	s->opts_len &= 0x3c;
	s->len = s->data_len;
	pkt.cap = pkt.wire = (uint32_t)build_packet(p, s, false);
	check(pkt.cap && parse_packet(&pkt, &t) == SEGMENT,
	      "what is built is a segment");
	check(t.family == s->family && !memcmp(t.src, s->src, 16) &&
		      !memcmp(t.dst, s->dst, 16) && t.sport == s->sport &&
		      t.dport == s->dport && t.seq == s->seq &&
		      t.ack == s->ack && t.flags == s->flags &&
		      t.win == s->win && t.urg == s->urg && t.len == s->len &&
		      t.opts_len == s->opts_len &&
		      !memcmp(t.opts, s->opts, t.opts_len) &&
		      (!t.len || !memcmp(t.data, s->data, t.len)),
	      "what is built is parsed to the same");
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t links[] = {
		LINK_ETHERNET, LINK_RAW,  LINK_SLL, LINK_SLL2,
		LINK_NULL,     LINK_LOOP, 147};
	struct packet pkt = {.ns = 1};
	struct origin origin = {.known = true, .isn = 5};
	struct segment s;
	uint8_t *copy;
	char *text;
	size_t n;
	FILE *f;

	if (size < 3)
		return 0;
	/* Memory of its own size, so that reading past its end is seen. */
	copy = malloc(size - 3 ? size - 3 : 1);
	if (!copy)
		die_errno("%zu bytes", size);
	memcpy(copy, data + 3, size - 3);
	pkt.data = copy;
	pkt.link = links[data[0] % 7];
	pkt.cap = (uint32_t)size - 3;
	pkt.wire = pkt.cap + get16(data + 1);
	parse_packet(&pkt, &s);
	check_segment(&s, &pkt);
	for (int json = 0; json < 2; json++) {
		f = open_memstream(&text, &n);
		if (!f)
			die_errno("memory for the output");
		if (s.kind != NOT_TCP && json) {
			json_packet(f, NULL, &s, 0, &origin, &origin);
			fputs("}\n", f);
		} else if (s.kind != NOT_TCP) {
			print_segment(f, &s, &origin, &origin);
		}
		fclose(f);
		check_lines(text, n, json);
		free(text);
	}
	if (s.kind == SEGMENT)
		check_built(&s);
	free(copy);
	return 0;
}
