/* SPDX-License-Identifier: MIT */
/* pcap.c - reads and writes pcap files; pcapng.c reads the other kind */
#include "pcap.h"

/* --- reading ------------------------------------------------------------ */

/* reader_fail - keep the first error's words; returns -1 */
int reader_fail(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!*r->error)
		vsnprintf(r->error, sizeof(r->error), fmt, ap);
	va_end(ap);
	return -1;
}

/* reader_read - the next @n bytes; returns how many, or -1 with r->error */
int reader_read(struct reader *r, void *to, size_t n)
{
	size_t got;
	int err;

	errno = 0;
	got = fread(to, 1, n, r->f);
	err = errno;
	if (ferror(r->f))
		return reader_fail(r, "%s [%s]", strerror(err),
				   errno_name(err));
	return (int)got;
}

/* file32 - a 32-bit number in the file's byte order */
uint32_t file32(const struct reader *r, const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, 4);
	return r->swap ? __builtin_bswap32(n) : n;
}

/* reader_magic - the kind of a file, by its first four bytes; 0, or -1 */
static int reader_magic(struct reader *r, const uint8_t *p)
{
	for (int swap = 0; swap < 2; swap++) {
		r->swap = swap;
		switch (file32(r, p)) {
		case 0x0a0d0d0a:
			r->ng = true;
			return 0;
		case 0xa1b23c4d:
			r->nano = true;
			return 0;
		case 0xa1b2c3d4:
			return 0;
		}
	}
	if (p[0] == 0x1f && p[1] == 0x8b)
		return reader_fail(r, "this is gzip: zcat FILE | wire -r -");
	return reader_fail(r,
			   "not a pcap file (it begins with %02x%02x%02x%02x)",
			   p[0], p[1], p[2], p[3]);
}

/*
 * reader_open - read and judge the beginning of a file; 0, or -1 with r->error
 * @f: the file; the caller closes it, and calls reader_close() either way
 */
int reader_open(struct reader *r, FILE *f)
{
	uint8_t h[24];
	uint32_t version;
	int got;

	memset(r, 0, sizeof(*r));
	r->f = f;
	got = reader_read(r, h, 4);
	if (got < 0)
		return -1;
	if (got < 4)
		return reader_fail(r, "not a pcap file (%d bytes)", got);
	if (reader_magic(r, h))
		return -1;
	r->buf = xcalloc(1, READ_MAX);
	if (r->ng)
		return pcapng_open(r);
	got = reader_read(r, h + 4, 20);
	if (got < 20)
		return reader_fail(r, "the file ends inside its header");
	version = file32(r, h + 4); /* two 16-bit numbers, so either way */
	if (version != 0x00040002 && version != 0x00020004)
		return reader_fail(r, "not pcap version 2.4");
	r->link = file32(r, h + 20) & 0x03ffffff; /* above: FCS length */
	if (!link_known(r->link))
		return reader_fail(
			r, "link type %u (wire reads " LINK_NAMES ")", r->link);
	return 0;
}

/* pcap_next - reader_next() of a pcap file */
static int pcap_next(struct reader *r, struct packet *pkt)
{
	uint8_t h[16];
	int got = reader_read(r, h, sizeof(h));

	if (got <= 0)
		return got;
	r->records++;
	if (got < (int)sizeof(h))
		return reader_fail(r, "record %" PRIu64 " is cut short",
				   r->records);
	pkt->ns = (int64_t)file32(r, h) * 1000000000 +
		  (int64_t)file32(r, h + 4) * (r->nano ? 1 : 1000);
	pkt->cap = file32(r, h + 8);
	pkt->wire = file32(r, h + 12);
	pkt->link = r->link;
	if (pkt->cap > SNAPLEN_MAX)
		return reader_fail(r,
				   "record %" PRIu64
				   " claims %u bytes: the file is corrupt",
				   r->records, pkt->cap);
	pkt->data = r->buf;
	got = reader_read(r, r->buf, pkt->cap);
	if (got >= 0 && (uint32_t)got < pkt->cap)
		return reader_fail(r, "record %" PRIu64 " is cut short",
				   r->records);
	return got < 0 ? -1 : 1;
}

/*
 * reader_next - the next packet, its bytes valid until the next call: 1; 0 at
 * the end, -1 for an error.  r->error has the first error's words, or none.
 */
int reader_next(struct reader *r, struct packet *pkt)
{
	memset(pkt, 0, sizeof(*pkt));
	pkt->number = ++r->packets;
	return r->ng ? pcapng_next(r, pkt) : pcap_next(r, pkt);
}

void reader_close(struct reader *r)
{
	free(r->buf);
	free(r->interfaces);
}

/* --- writing ------------------------------------------------------------ */

/*
 * writer_flush - write the buffer, or exit 1 after one line, with the
 * piece of a record that got to a full disk taken away again
 */
void writer_flush(struct writer *w)
{
	size_t done = 0, whole = 0;
	off_t at;
	int err;

	while (done < w->used) {
		ssize_t n = write(w->fd, w->buf + done, w->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (done == w->used) {
		w->used = 0;
		return;
	}
	err = errno;
	while (whole + 16 <= w->used) {
		uint32_t cap;

		memcpy(&cap, w->buf + whole + 8, 4);
		if (whole + 16 + cap > done)
			break;
		whole += 16 + (size_t)cap;
	}
	at = lseek(w->fd, 0, SEEK_CUR);
	if (done > whole && at >= (off_t)(done - whole) &&
	    ftruncate(w->fd, at - (off_t)(done - whole)))
		warn_errno(errno, "take the cut record off %s", w->name);
	errno = err;
	die_errno("write %s", w->name);
}

/* writer_open - create @name ("-": stdout), or exit 1 */
void writer_open(struct writer *w, const char *name, uint32_t link,
		 uint32_t snaplen)
{
	const uint32_t header[6] = {
		0xa1b23c4d, BYTE_ORDER == BIG_ENDIAN ? 0x00020004 : 0x00040002,
		0,	    0,
		snaplen,    link,
	};
	ssize_t n;

	w->name = name;
	w->snaplen = snaplen;
	w->link = link;
	if (strcmp(name, "-")) {
		w->fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			     0666);
	} else {
		w->fd = STDOUT_FILENO;
		w->name = "standard output";
	}
	if (w->fd < 0)
		die_errno("create %s", name);
	/* A pipe takes 24 bytes at once; a disk that takes less is full. */
	n = write(w->fd, header, sizeof(header));
	if (n >= 0 && n < (ssize_t)sizeof(header))
		errno = ENOSPC;
	if (n < (ssize_t)sizeof(header))
		die_errno("write %s", w->name);
}

/* writer_put - buffer one record, which must have the link type of the file */
void writer_put(struct writer *w, const struct packet *pkt)
{
	uint32_t tag = pkt->vlan ? 4 : 0;
	uint32_t cap = min32(pkt->cap + tag, w->snaplen);
	uint32_t head[4] = {(uint32_t)(pkt->ns / 1000000000),
			    (uint32_t)(pkt->ns % 1000000000), cap,
			    pkt->wire + tag};
	uint8_t *p;

	if (pkt->link != w->link) {
		say("%s: packet %" PRIu64
		    " has link type %u, and a pcap file has one, here %u",
		    w->name, pkt->number, pkt->link, w->link);
		writer_flush(w);
		exit(EXIT_REFUSED);
	}
	if (w->used + 16 + cap > sizeof(w->buf))
		writer_flush(w);
	p = w->buf + w->used;
	memcpy(p, head, 16);
	p += 16;
	w->used += 16 + (size_t)cap;
	if (tag && cap >= 16) { /* the tag goes back behind the addresses */
		memcpy(p, pkt->data, 12);
		put16(p + 12, pkt->vlan_tpid);
		put16(p + 14, pkt->vlan_tci);
		memcpy(p + 16, pkt->data + 12, cap - 16);
	} else {
		memcpy(p, pkt->data, cap);
	}
}
