/* SPDX-License-Identifier: MIT */
/*
 * pcapng.c - reads pcapng (draft-ietf-opsawg-pcapng): sections of either byte
 * order, interfaces, enhanced and simple packet blocks; the other blocks are
 * skipped
 *
 * A block with wrong contents is left out, and reading goes on.  Behind a wrong
 * length no block can be found.
 */
#include "pcap.h"

enum block {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
};

enum {
	OPT_END = 0,
	OPT_TSRESOL = 9,
	OPT_TSOFFSET = 14,
	INTERFACES_MAX = 65536,
};

/* left_out - note why a block is of no use; reading goes on */
#define left_out(r, ...)                                            \
	do {                                                        \
		(r)->left_out++;                                    \
		reader_fail((r), "block %" PRIu64 " " __VA_ARGS__); \
	} while (0)

static uint16_t file16(const struct reader *r, const uint8_t *p)
{
	uint16_t n;

	memcpy(&n, p, 2);
	return r->swap ? __builtin_bswap16(n) : n;
}

static uint64_t file64(const struct reader *r, const uint8_t *p)
{
	uint64_t n;

	memcpy(&n, p, 8);
	return r->swap ? __builtin_bswap64(n) : n;
}

/* set_units - if_tsresol: a power of ten, or with the highest bit of two */
static void set_units(struct interface *i, uint8_t resolution)
{
	uint8_t power = resolution & 0x7f;

	i->binary = resolution & 0x80;
	if (power > (i->binary ? 63 : 19))
		power = i->binary ? 63 : 19;
	for (i->units = 1; power; power--)
		i->units *= i->binary ? 2 : 10;
}

/* interface_ns - ns since the epoch, in the range of pcap's 32-bit seconds */
static int64_t interface_ns(const struct interface *i, uint64_t t)
{
	uint64_t part = t % i->units, units = i->units;
	int64_t seconds = (int64_t)(t / i->units + (uint64_t)i->offset);

	/* So that the product below fits into 64 bits. */
	for (; units > 1 << 30; units /= i->binary ? 2 : 10)
		part /= i->binary ? 2 : 10;
	seconds = seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : seconds;
	return seconds * 1000000000 + (int64_t)(part * 1000000000 / units);
}

/* take_interface - an interface description block, @n bytes of it */
static void take_interface(struct reader *r, const uint8_t *p, uint32_t n)
{
	struct interface *more, i = {.units = 1000000};
	uint32_t at = 8;

	if (n < 8 || r->n_interfaces == INTERFACES_MAX) {
		left_out(r, "is no interface: %u bytes", r->records, n);
		return;
	}
	i.link = file16(r, p);
	i.snaplen = file32(r, p + 4);
	while (at + 4 <= n) {
		uint16_t code = file16(r, p + at), len = file16(r, p + at + 2);

		at += 4;
		if (code == OPT_END)
			break;
		if (len > n - at) {
			left_out(r, "has an option of %u bytes, beyond its end",
				 r->records, len);
			break;
		}
		if (code == OPT_TSRESOL && len == 1)
			set_units(&i, p[at]);
		if (code == OPT_TSOFFSET && len == 8)
			i.offset = (int64_t)file64(r, p + at);
		at += (len + 3u) & ~3u;
	}
	more = realloc(r->interfaces, (r->n_interfaces + 1) * sizeof(i));
	if (!more)
		die_errno("memory for an interface");
	r->interfaces = more;
	more[r->n_interfaces++] = i;
}

/* take_packet - the packet of a block; false: it cannot be used */
static bool take_packet(struct reader *r, uint32_t type, const uint8_t *p,
			uint32_t n, struct packet *pkt)
{
	bool simple = type == BLOCK_SIMPLE;
	uint32_t head = simple ? 4 : 20, id = 0;
	const struct interface *i;

	if (n < head) {
		left_out(r, "is no packet: %u bytes", r->records, n);
		return false;
	}
	if (!simple)
		id = file32(r, p);
	if (id >= r->n_interfaces) {
		left_out(r, "is of interface %u, which is not there",
			 r->records, id);
		return false;
	}
	i = &r->interfaces[id];
	if (!link_known(i->link)) {
		left_out(r, "has link type %u (wire reads " LINK_NAMES ")",
			 r->records, i->link);
		return false;
	}
	pkt->link = i->link;
	pkt->wire = file32(r, p + head - 4);
	pkt->data = p + head;
	if (simple) {
		pkt->cap = min32(pkt->wire, n - head);
		if (i->snaplen)
			pkt->cap = min32(pkt->cap, i->snaplen);
		return true;
	}
	pkt->ns = interface_ns(i, (uint64_t)file32(r, p + 4) << 32 |
					  file32(r, p + 8));
	pkt->cap = file32(r, p + 12);
	if (pkt->cap > n - head || pkt->cap > SNAPLEN_MAX) {
		left_out(r, "claims a packet of %u bytes", r->records,
			 pkt->cap);
		return false;
	}
	return true;
}

/* skip - @n bytes of the file; 0, or -1 if it has not so many */
static int skip(struct reader *r, uint32_t n)
{
	while (n) {
		uint32_t piece = min32(n, READ_MAX);

		if (reader_read(r, r->buf, piece) != (int)piece)
			return -1;
		n -= piece;
	}
	return 0;
}

/* section_order - the byte order of the section that begins; 0, -1 */
static int section_order(struct reader *r)
{
	uint8_t magic[4];

	if (reader_read(r, magic, 4) < 4)
		return reader_fail(r, "block %" PRIu64 " is cut short",
				   r->records);
	for (int swap = 0; swap < 2; swap++) {
		r->swap = swap;
		if (file32(r, magic) == 0x1a2b3c4d)
			return 0;
	}
	return reader_fail(r, "block %" PRIu64 " is no section header",
			   r->records);
}

/* is_read - whether a block of this type is of use */
static bool is_read(uint32_t type)
{
	return type == BLOCK_INTERFACE || type == BLOCK_SIMPLE ||
	       type == BLOCK_ENHANCED;
}

/*
 * next_block - read the rest of the block that begins with @h: 1, or -1
 * @type: set to its type, a section's if it was skipped
 * @n: set to how much of its body is in r->buf
 */
static int next_block(struct reader *r, const uint8_t *h, uint32_t *type,
		      uint32_t *n)
{
	uint32_t length, done = 8;
	uint8_t end[4];

	r->records++;
	*type = file32(r, h); /* a section's reads the same in both orders */
	if (*type == BLOCK_SECTION) {
		if (section_order(r))
			return -1;
		done = 12;
		r->n_interfaces = 0;
	}
	length = file32(r, h + 4);
	if (length < done + 4 || length % 4)
		return reader_fail(r,
				   "block %" PRIu64
				   " claims %u bytes: the file is corrupt",
				   r->records, length);
	*n = length - done - 4;
	if (is_read(*type) && *n > READ_MAX)
		left_out(r, "has %u bytes, too many for wire", r->records,
			 length);
	if (!is_read(*type) || *n > READ_MAX)
		*type = BLOCK_SECTION;
	if ((*type == BLOCK_SECTION ? skip(r, *n)
				    : reader_read(r, r->buf, *n) != (int)*n) ||
	    reader_read(r, end, 4) != 4)
		return reader_fail(r, "block %" PRIu64 " is cut short",
				   r->records);
	if (file32(r, end) != length)
		return reader_fail(
			r,
			"block %" PRIu64
			" has two lengths, %u and %u: the file is corrupt",
			r->records, length, file32(r, end));
	return 1;
}

/* pcapng_open - the first block, whose type has been read; 0, -1 */
int pcapng_open(struct reader *r)
{
	uint8_t h[8] = {0x0a, 0x0d, 0x0d, 0x0a};
	uint32_t type, n;

	if (reader_read(r, h + 4, 4) < 4)
		return reader_fail(r, "the file ends inside its header");
	return next_block(r, h, &type, &n) < 0 ? -1 : 0;
}

/* pcapng_next - reader_next() of a pcapng file */
int pcapng_next(struct reader *r, struct packet *pkt)
{
	uint32_t type, n;
	uint8_t h[8];
	int got;

	for (;;) {
		got = reader_read(r, h, sizeof(h));
		if (got <= 0)
			return got;
		if (got < (int)sizeof(h))
			return reader_fail(r, "the file ends in block %" PRIu64,
					   r->records + 1);
		if (next_block(r, h, &type, &n) < 0)
			return -1;
		if (type == BLOCK_INTERFACE)
			take_interface(r, r->buf, n);
		else if (type != BLOCK_SECTION &&
			 take_packet(r, type, r->buf, n, pkt))
			return 1;
	}
}
