/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what the fuzz targets share: checks, and a main()
 *
 * With clang -fsanitize=fuzzer a target is libFuzzer's.  With -DSTANDALONE:
 *
 *	TARGET INPUTS SECONDS FILE...
 *
 * takes the FILEs, then INPUTS mutations of them from a fixed seed, then goes
 * on until SECONDS have passed.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "../../src/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* check - a property that must hold for any input */
static inline void check(bool holds, const char *property)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz: does not hold: %s\n", property);
	abort();
}

/* check_lines - @n bytes of output are whole lines, in ASCII, of JSON or not */
static inline void check_lines(const char *p, size_t n, bool json)
{
	for (const char *end = p + n, *nl; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		check(nl && nl > p, "the output is lines");
		check(!json || (*p == '{' && nl[-1] == '}'), "JSON lines");
		for (; p < nl; p++)
			check(*p >= ' ' && *p <= '~', "lines are ASCII");
	}
}

#ifdef STANDALONE

#define INPUT_MAX 4096

/* pick - the next number below @n of a fixed sequence (xorshift64) */
static uint32_t pick(uint32_t n)
{
	static uint64_t seed = 0x9e3779b97f4a7c15;

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
		size_t left = n - (size_t)(at - p), len = 1 + pick(64);

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
			if (n + len < INPUT_MAX) {
				memmove(at + len, at, left);
				n += len;
			}
			break;
		default: /* a byte less */
			memmove(at, at + 1, left - 1);
			n--;
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

	prog_name = argv[0];
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
	printf("%u files, %llu mutations\n", files, (unsigned long long)done);
	return 0;
}

#endif
#endif
