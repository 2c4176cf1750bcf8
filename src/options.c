// SPDX-License-Identifier: MIT
/*
 * options.c - the options that server and client share
 */
#include "conversation.h"

/* parse_bytes - 0 to 2^40, or a usage error (a long may be 32 bits) */
static uint64_t parse_bytes(const char *what, const char *s)
{
	const uint64_t most = UINT64_C(1) << 40;
	const char *p = s;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9' && n <= most; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == s || *p || n > most)
		die_usage("%s wants a whole number from 0 to %" PRIu64
			  ", not '%s'",
			  what, most, s);
	return n;
}

/* talk_option - take one of TALK_OPTIONS; false: it is none of them */
bool talk_option(struct talk *t, int opt, const char *arg)
{
	switch (opt) {
	case 'A':
		return t->reuseaddr = true;
	case 'T':
		return t->reuseport = true;
	case 'c':
		return t->close_first = true;
	case 'h':
		return t->half_close = true;
	case 'H':
		return t->hold = true;
	case 'd':
		return t->no_stdin = true;
	case 'v':
		return t->verbose = true;
	case 'j':
		return t->json = true;
	case 'L':
		t->linger = parse_long("-L", arg, 0, 65535);
		return true;
	case 'w':
		t->pause[CONV_T_FIN] = parse_seconds("-w", arg);
		return true;
	case 'P':
		t->pause[CONV_T_FIRST] = parse_seconds("-P", arg);
		return true;
	case 'Q':
		t->pause[CONV_T_EOF] = parse_seconds("-Q", arg);
		return true;
	case 'm':
		t->say = arg;
		return true;
	case 'x':
		t->hear = arg;
		return true;
	case 'r':
		t->rounds = (uint64_t)parse_long("-r", arg, 0, 1000000000);
		return true;
	case 'B':
		t->filler = parse_bytes("-B", arg);
		return true;
	case 'n':
		t->count = (uint64_t)parse_long("-n", arg, 0, 1000000000);
		return true;
	}
	return false;
}

/* talk_check - the combinations that make no sense are usage errors */
void talk_check(const struct talk *t)
{
	if (t->close_first && t->hold)
		die_usage("-c closes and -H never does: choose one");
	if (t->close_first && t->half_close)
		die_usage("-c closes whole and -h half: choose one");
	if (t->pause[CONV_T_FIN] >= 0 && !t->close_first)
		die_usage("-w needs -c");
	if (t->hear && !*t->hear)
		die_usage("-x wants a text");
	if (t->rounds != 1 && !(t->say && *t->say && t->hear))
		die_usage("-r needs -m and -x");
	if (t->rounds != 1 && t->filler)
		die_usage("-r repeats -m and -x, not -B: choose one");
}
