/* SPDX-License-Identifier: MIT */
/*
 * track - hostile conversations: every segment that two ends could send, in
 * any order, to every kind of ladder
 *
 * Six bytes of the input are a segment: its connection and direction, flags,
 * distances from the numbers that the connection began with, payload, window.
 */
#include "../../src/ladder.h"
#include "fuzz.h"

/* states_known - whether each _state in @n bytes of JSON is one */
static void check_states(const char *p, size_t n)
{
	static const char *const key = "_state\":\"";
	static const char states[] =
		" ESTAB SYN-SENT SYN-RECV FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED CLOSED? CLOSE-WAIT LAST-ACK CLOSING ";
	const char *end = p + n;

	while ((p = memmem(p, (size_t)(end - p), key, strlen(key)))) {
		char word[32];
		size_t len;

		p += strlen(key);
		len = strcspn(p, "\"");
		check(len < 20, "a state is short");
		snprintf(word, sizeof(word), " %.*s ", (int)len, p);
		check(strstr(states, word), "a state has a name");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		enum format format;
		uint64_t ahead;
	} kinds[] = {{JSON, 0}, {JSON, LADDER_AHEAD}, {LADDER, 10}, {SVG, 10}};
	struct note note = {.ns = 3, .text = "a note & more"};

	note.end.in.sin_family = AF_INET;
	note.end.in.sin_port = htons(2);
	note.end.in.sin_addr.s_addr = htonl(0x02000000);
	note.end.len = sizeof(note.end.in);
	for (size_t k = 0; k < 4; k++) {
		struct conns *conns = xcalloc(1, sizeof(*conns));
		struct look look = {.format = kinds[k].format,
				    .verbose = k == 2,
				    .rows = k == 3 ? 5 : 0,
				    .notes = &note,
				    .n_notes = 1};
		struct ladder *l;
		char *text;
		size_t n;

		look.out = open_memstream(&text, &n);
		if (!look.out)
			die_errno("memory for the output");
		l = ladder_new(&look, conns, kinds[k].ahead);
		for (size_t at = 0; at + 6 <= size; at += 6) {
			const uint8_t *d = data + at;
			bool back = d[0] & 1;
			struct segment s = {
				.kind = SEGMENT,
				.ns = (int64_t)at,
				.family = 4,
				.addrs = true,
				.ports = true,
				.src = {back ? 2 : 1},
				.dst = {back ? 1 : 2},
				.sport = back ? 2 : 1 + d[0] / 8,
				.dport = back ? 1 + d[0] / 8 : 2,
				.flags = d[1],
				.seq = 0xfffffff0 + (uint32_t)(int8_t)d[2],
				.ack = 0xfffffff0 + (uint32_t)(int8_t)d[3],
				.len = d[4],
				.win = d[5],
			};

			if (d[0] & 2) { /* and a block of SACK */
				s.opts[0] = OPT_SACK;
				s.opts[1] = 10;
				put32(s.opts + 2, s.ack + d[5]);
				put32(s.opts + 6, s.ack + d[4]);
				s.opts_len = 10;
			}
			ladder_add(l, &s);
		}
		ladder_finish(l);
		fclose(look.out);
		if (look.format == JSON) {
			check_lines(text, n, true);
			check_states(text, n);
		}
		free(text);
		conns_clear(conns);
		free(conns);
	}
	return 0;
}
