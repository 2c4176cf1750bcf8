/* SPDX-License-Identifier: MIT */
/*
 * pcap - feeds the readers of pcap and pcapng with a hostile file, and writes
 * what they give
 */
#include "../../src/pcap.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct writer writer;
	struct reader r;
	struct packet pkt;
	uint64_t n = 0;
	int more = -1;
	FILE *f;

	if (!size)
		return 0;
	f = fmemopen((void *)(uintptr_t)data, size, "rb");
	if (!f)
		die_errno("open %zu bytes as a file", size);
	if (!reader_open(&r, f)) {
		writer_open(&writer, "/dev/null", 0, SNAPLEN_MAX);
		while ((more = reader_next(&r, &pkt)) > 0) {
			uint8_t *copy = malloc(pkt.cap + 1);

			check(pkt.number == ++n, "packets are counted");
			check(pkt.cap <= SNAPLEN_MAX, "a packet has a limit");
			check(link_known(pkt.link), "its link type is known");
			check(pkt.ns >= 0, "its time is after the epoch");
			if (!copy)
				die_errno("%u bytes", pkt.cap);
			memcpy(copy, pkt.data, pkt.cap);
			pkt.data = copy;
			writer.link = pkt.link;
			writer_put(&writer, &pkt);
			free(copy);
		}
		writer_flush(&writer);
		close(writer.fd);
	}
	check(more >= 0 || *r.error, "a bad file is named");
	check(!r.left_out || *r.error, "so is a block that was left out");
	reader_close(&r);
	fclose(f);
	return 0;
}
