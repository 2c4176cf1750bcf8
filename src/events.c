// SPDX-License-Identifier: MIT
/*
 * events.c - what server and client tell of a conversation: a JSON line on
 * stdout (-j), a line of words on stderr (-v), an error line on stderr
 */
#include "conversation.h"

#include <poll.h>

/*
 * talk_out - write to stdout; one that is closed, full or stuck is one line,
 * exit 1
 *
 * A pipe that polls writable takes PIPE_BUF bytes without blocking, so that a
 * signal ends the program although nobody reads.  After it there is a second.
 */
void talk_out(const char *p, size_t n)
{
	while (n) {
		struct pollfd fds[2] = {
			{.fd = STDOUT_FILENO, .events = POLLOUT},
			{.fd = talk_wake, .events = POLLIN}};
		size_t chunk = n < 4096 ? n : 4096;
		ssize_t did = -1;

		if (poll(fds, talk_stop ? 1 : 2, talk_stop ? 1000 : -1) == 0)
			errno = EAGAIN;
		else if (fds[0].revents)
			did = write(STDOUT_FILENO, p, chunk);
		else
			continue; /* the signal: once more, with a deadline */
		if (did < 0 &&
		    (errno == EINTR || (errno == EAGAIN && fds[0].revents)))
			continue;
		if (did < 0)
			die_errno("write to standard output");
		p += did;
		n -= (size_t)did;
	}
}

/* tell_json - an event as a JSON line on stdout, in one write() */
static void tell_json(const struct talk *t, const struct facts *f)
{
	char line[4096], addr[ADDR_STRLEN];
	int64_t us = (now_ns() - t->started) / 1000;
	FILE *s = fmemopen(line, sizeof(line), "w");
	long len;

	if (!s)
		die_errno("memory for a line");
	fprintf(s, "{\"event\":\"%s\"", f->event);
	if (f->call)
		fprintf(s, ",\"call\":\"%s\"", f->call);
	if (f->local)
		fprintf(s, ",\"local\":\"%s\"", addr_str(f->local, addr));
	if (f->peer)
		fprintf(s, ",\"peer\":\"%s\"", addr_str(f->peer, addr));
	if (f->err)
		fprintf(s, ",\"errno\":\"%s\"", errno_name(f->err));
	if (f->bytes)
		fprintf(s, ",\"bytes\":%" PRId64, *f->bytes);
	if (f->sent)
		fprintf(s, ",\"sent\":%" PRId64, *f->sent);
	if (f->connections)
		fprintf(s, ",\"connections\":%" PRId64, *f->connections);
	if (f->time_waits)
		fprintf(s, ",\"time_waits\":%" PRId64, *f->time_waits);
	if (f->data) {
		fprintf(s, ",\"data\":");
		json_bytes(s, f->data, f->data_len < 256 ? f->data_len : 256);
	}
	fprintf(s, ",\"t\":%" PRId64 ".%06d}\n", us / 1000000,
		(int)(us % 1000000));
	fflush(s);
	len = ftell(s);
	fclose(s);
	talk_out(line, (size_t)len);
}

/* tell_words - an event as a line of words on stderr */
static void tell_words(const struct facts *f)
{
	char addr[ADDR_STRLEN];

	flockfile(stderr);
	fprintf(stderr, "%s: %s", prog_name, f->event);
	if (f->call)
		fprintf(stderr, " of %s()", f->call);
	if (f->local)
		fprintf(stderr, ", local %s", addr_str(f->local, addr));
	if (f->peer)
		fprintf(stderr, ", peer %s", addr_str(f->peer, addr));
	if (f->bytes)
		fprintf(stderr, ", %" PRId64 " bytes", *f->bytes);
	if (f->sent)
		fprintf(stderr, ", %" PRId64 " sent", *f->sent);
	if (f->connections)
		fprintf(stderr, ", %" PRId64 " connections", *f->connections);
	if (f->time_waits)
		fprintf(stderr, ", %" PRId64 " TIME-WAIT", *f->time_waits);
	putc('\n', stderr);
	funlockfile(stderr);
}

/* tell - an event; an error has a line of its own on stderr already */
void tell(struct talk *t, const struct facts *f)
{
	if (t->verbose && !f->err)
		tell_words(f);
	if (t->json)
		tell_json(t, f);
}

/*
 * tell_failure - one line on stderr, an "error" event, exit code 1
 * @f: call and err, with local and peer as far as they are known; for
 *     setsockopt the option's name in data
 */
void tell_failure(struct talk *t, struct facts *f)
{
	static const struct {
		const char *call, *before_peer, *before_local;
	} words[] = {
		{"connect", " to ", " from "}, {"write", " to ", " from "},
		{"read", " from ", " at "},    {"shutdown", " to ", " from "},
		{"bind", "", " to "},	       {"", "", " on "}};
	char peer[ADDR_STRLEN] = "", local[ADDR_STRLEN] = "";
	char advice[ADVICE_SIZE];
	size_t i = 0;

	while (*words[i].call && strcmp(words[i].call, f->call))
		i++;
	if (f->peer)
		addr_str(f->peer, peer);
	if (f->local)
		addr_str(f->local, local);
	warn_advice(f->err,
		    socket_advice(f->call, f->err, f->local, advice,
				  sizeof(advice)),
		    "%s%s%s%s%s%s%s", f->call, f->data ? " " : "",
		    f->data ? f->data : "", f->peer ? words[i].before_peer : "",
		    peer, f->local ? words[i].before_local : "", local);
	t->status = EXIT_REFUSED;
	f->event = "error";
	if (f->data)
		f->data_len = strlen(f->data);
	tell(t, f);
}
