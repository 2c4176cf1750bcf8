// SPDX-License-Identifier: MIT
/*
 * events.c - the events of server and client: a JSON line on
 * stdout (-j), a line of words on stderr (-v), an error line on stderr
 */
#include "conversation.h"

#include <poll.h>

/*
 * talk_out - write to stdout; closed, full or stuck is one line, exit 1
 *
 * A pipe that polls writable takes PIPE_BUF bytes without blocking, so that a
 * signal ends the program without a reader; after it there is a second.
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

/* put_facts - an event's facts, as members of JSON or as words */
static void put_facts(FILE *s, const struct facts *f, bool json)
{
	const struct {
		const int64_t *n;
		const char *key, *word;
	} counts[] = {{f->bytes, "bytes", "bytes"},
		      {f->sent, "sent", "sent"},
		      {f->connections, "connections", "connections"},
		      {f->time_waits, "time_waits", "TIME-WAIT"}};
	char addr[ADDR_STRLEN];

	if (f->call)
		fprintf(s, json ? ",\"call\":\"%s\"" : " of %s()", f->call);
	if (f->local)
		fprintf(s, json ? ",\"local\":\"%s\"" : ", local %s",
			addr_str(f->local, addr));
	if (f->peer)
		fprintf(s, json ? ",\"peer\":\"%s\"" : ", peer %s",
			addr_str(f->peer, addr));
	if (f->err)
		fprintf(s, ",\"errno\":\"%s\"", errno_name(f->err));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (!counts[i].n)
			continue;
		if (json)
			fprintf(s, ",\"%s\":%" PRId64, counts[i].key,
				*counts[i].n);
		else
			fprintf(s, ", %" PRId64 " %s", *counts[i].n,
				counts[i].word);
	}
}

/*
 * put_options - what the kernel says of the socket's conditions, in JSON:
 * SO_REUSEADDR, SO_REUSEPORT, and whether both ends agreed on timestamps
 */
static void put_options(FILE *s, int fd, bool connected)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	int on = 0;

	getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, &(socklen_t){sizeof(on)});
	fprintf(s, ",\"reuseaddr\":%d", !!on);
	getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, &(socklen_t){sizeof(on)});
	fprintf(s, ",\"reuseport\":%d", !!on);
	if (!connected)
		return;
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	fprintf(s, ",\"timestamps\":%d",
		!!(info.tcpi_options & TCPI_OPT_TIMESTAMPS));
}

/* tell_json - an event as a JSON line on stdout, in one write() */
static void tell_json(const struct talk *t, const struct facts *f)
{
	char line[4096];
	FILE *s = fmemopen(line, sizeof(line), "w");
	long len;

	if (!s)
		die_errno("memory for a line");
	fprintf(s, "{\"event\":\"%s\"", f->event);
	put_facts(s, f, true);
	if (f->socket)
		put_options(s, f->socket, f->peer);
	if (f->data) {
		fprintf(s, ",\"data\":");
		json_bytes(s, f->data, f->data_len < 256 ? f->data_len : 256);
	}
	fprintf(s, ",\"t\":%.6f}\n", (double)(now_ns() - t->started) / 1e9);
	fflush(s);
	len = ftell(s);
	fclose(s);
	talk_out(line, (size_t)len);
}

/* tell - an event; an error has a line of its own on stderr already */
void tell(struct talk *t, const struct facts *f)
{
	if (t->verbose && !f->err) {
		fprintf(stderr, "%s: %s", prog_name, f->event);
		put_facts(stderr, f, false);
		putc('\n', stderr);
	}
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
