/*
 * parse - feeds wire's parser, pcap reader and ladder with hostile bytes
 *
 * With clang -fsanitize=fuzzer: a libFuzzer target.  With -DSTANDALONE:
 *
 *	parse INPUTS SECONDS FILE...
 *
 * runs the FILEs, then INPUTS mutations of them from a fixed seed, then goes
 * on until SECONDS have passed.  An input that begins like a pcap file is
 * read as one; else its first byte picks a link type, the next two are added
 * to the length on the wire, and the rest is the packet.
 */
#define CONN_BUCKETS 8
#define CONN_MAX     16
#define LADDER_ROWS  64
#define LADDER_AHEAD 40
#define main	     wire_main
#include "../../src/wire.c"
#undef main

static struct writer writer;

/* check - a property that must hold for any input */
static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "parse: does not hold: %s\n", what);
	abort();
}

/* check_segment - what parse_packet() promises, beside staying in bounds */
static void check_segment(const struct segment *s, const struct packet *pkt)
{
	struct option_view o;
	uint8_t at = 0;
	int n = 0;

	check(s->kind != SEGMENT || (s->addrs && s->ports && s->family),
	      "a segment has addresses and ports");
	check(s->kind != SEGMENT || s->len <= pkt->wire || s->len <= pkt->cap,
	      "a payload fits into its packet");
	check((s->kind == SEGMENT || s->kind == NOT_TCP) == !*s->note,
	      "what is odd is named");
	check(s->opts_len <= sizeof(s->opts), "options fit");
	while (next_option(s, &at, &o) > 0)
		check(++n <= 40 && o.data + o.len <= s->opts + s->opts_len,
		      "an option stays inside the options");
}

/* check_json - @n bytes of output are lines of braces without odd bytes */
static void check_json(const char *p, size_t n)
{
	for (const char *end = p + n, *nl; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		check(nl && *p == '{' && nl[-1] == '}', "JSON lines");
		for (; p < nl; p++)
			check(*p >= ' ' && *p <= '~', "JSON in ASCII");
	}
}

/* Where one input's packets go: every output in turn. */
struct sink {
	struct wire wire[5];
	char *text[5];
	size_t size[5];
};

static void sink_open(struct sink *k)
{
	static const enum format formats[] = {LINES, JSON, JSON, LADDER, SVG};

	for (int i = 0; i < 5; i++) {
		struct wire *w = &k->wire[i];

		*w = (struct wire){.format = formats[i], .verbose = i == 3};
		w->conns = xmalloc(sizeof(*w->conns));
		if (i >= 2)
			w->ladder = ladder_new(formats[i], i == 3 ? 10 : 0);
		w->out = open_memstream(&k->text[i], &k->size[i]);
		if (!w->out)
			die_errno("memory for the output");
	}
}

static void sink_take(struct sink *k, const struct segment *s)
{
	for (int i = 0; i < 5; i++)
		take_segment(&k->wire[i], s);
}

static void sink_close(struct sink *k)
{
	for (int i = 0; i < 5; i++) {
		finish_output(&k->wire[i]);
		fclose(k->wire[i].out);
		if (k->wire[i].format == JSON)
			check_json(k->text[i], k->size[i]);
		free(k->text[i]);
		free(k->wire[i].ladder);
		conns_clear(k->wire[i].conns);
		free(k->wire[i].conns);
	}
}

/* one_packet - the packet gets memory of its own size, so that reading past
 * its end is seen */
static void one_packet(struct sink *k, uint32_t link, const uint8_t *data,
		       size_t size, uint32_t more)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct packet pkt = {.data = copy,
			     .cap = (uint32_t)size,
			     .wire = (uint32_t)size + more};
	struct segment s;

	if (!copy)
		die_errno("%zu bytes", size);
	memcpy(copy, data, size);
	parse_packet(link, &pkt, &s);
	check_segment(&s, &pkt);
	kernel_judged(&pkt, link == LINK_ETHERNET ? 14 : 0);
	sink_take(k, &s);
	free(copy);
}

static void one_file(struct sink *k, const uint8_t *data, size_t size)
{
	FILE *f = fmemopen((void *)(uintptr_t)data, size, "rb");
	struct reader r;
	struct packet pkt;
	int more;

	if (!f)
		die_errno("open %zu bytes as a file", size);
	if (!reader_open(&r, f)) {
		check(writer_open(&writer, "/dev/null", r.link, SNAPLEN_MAX),
		      "/dev/null opens");
		while ((more = reader_next(&r, &pkt)) > 0) {
			one_packet(k, r.link, pkt.data, pkt.cap,
				   pkt.wire > pkt.cap ? pkt.wire - pkt.cap : 0);
			check(writer_put(&writer, &pkt), "/dev/null takes it");
		}
		check(!more == !*r.error, "a bad file is named");
		check(writer_flush(&writer), "/dev/null takes it");
		close(writer.fd);
	} else {
		check(*r.error, "a bad file is named");
	}
	free(r.buf);
	fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t links[] = {LINK_ETHERNET, LINK_RAW, LINK_SLL,
					 LINK_SLL2, 147};
	struct sink k;

	if (size < 4)
		return 0;
	sink_open(&k);
	if ((data[0] & 0xf0) == 0xa0 || (data[3] & 0xf0) == 0xa0 ||
	    data[0] == 0x0a)
		one_file(&k, data, size);
	else
		one_packet(&k, links[data[0] % 5], data + 3, size - 3,
			   be16(data + 1));
	sink_close(&k);
	return 0;
}

#ifdef STANDALONE

#define INPUT_MAX 4096

static uint64_t seed = 0x9e3779b97f4a7c15;

/* pick - the next number below @n of a fixed sequence (xorshift64) */
static uint32_t pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % n;
}

/* mutate - change, cut, or lengthen an input in place; returns its new size */
static size_t mutate(uint8_t *p, size_t n)
{
	static const uint8_t odd_bytes[] = {0,	  1,	2,    4,    5,	  8,
					    0x3f, 0x40, 0x7f, 0x80, 0xf0, 0xff};

	for (uint32_t i = 1 + pick(8); i && n > 4; i--) {
		uint8_t *at = p + pick((uint32_t)n);

		switch (pick(6)) {
		case 0:
			*at ^= (uint8_t)(1 << pick(8));
			break;
		case 1:
			*at = odd_bytes[pick(sizeof(odd_bytes))];
			break;
		case 2:
			*at = (uint8_t)pick(256);
			break;
		case 3:
			n = 1 + pick((uint32_t)n);
			break;
		case 4: /* a piece twice */
			if (n + 64 < INPUT_MAX) {
				size_t len = 1 + pick(64),
				       left = n - (size_t)(at - p);

				memmove(at + len, at, left);
				n += len;
			}
			break;
		default: /* a piece less */
			if (p + n - at > 4) {
				memmove(at, at + 1, (size_t)(p + n - at) - 1);
				n--;
			}
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	static uint8_t corpus[64][INPUT_MAX], input[INPUT_MAX];
	size_t size[64];
	uint32_t files = 0;
	uint64_t done = 0, want;
	int64_t end;

	prog_name = "parse";
	if (argc < 4)
		die_usage("INPUTS SECONDS FILE...");
	want = (uint64_t)parse_long("INPUTS", argv[1], 0, INT32_MAX);
	end = now_ns() + parse_seconds("SECONDS", argv[2]);
	for (; files < 64 && argv[3 + files]; files++) {
		FILE *f = fopen(argv[3 + files], "rb");

		if (!f)
			die_errno("%s", argv[3 + files]);
		size[files] = fread(corpus[files], 1, INPUT_MAX, f);
		fclose(f);
		LLVMFuzzerTestOneInput(corpus[files], size[files]);
	}
	for (; done < want || now_ns() < end; done++) {
		uint32_t i = pick(files);

		memcpy(input, corpus[i], INPUT_MAX);
		LLVMFuzzerTestOneInput(input, mutate(input, size[i]));
	}
	printf("parse: %u files, %llu mutations\n", files,
	       (unsigned long long)done);
	return 0;
}

#endif
