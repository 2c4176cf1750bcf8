// SPDX-License-Identifier: MIT
/*
 * floor - the least that a reconnect over one fixed four-tuple costs here
 *
 *	floor COUNT PORT
 *
 * One thread, blocking calls, no checks of the old connection's state: a
 * client bound to PORT+1 connects to PORT, the server's end is closed first,
 * then the client's.  Prints connections per second, as a whole number, and
 * on stderr how often connect() came too early, if it did.
 * rtest's own speed is judged against this number, taken in the same network
 * namespace, in turns.
 */
#include "../../src/net.h"

#include <poll.h>

static int bound_socket(const struct addr *a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)))
		die_errno("socket");
	if (bind(fd, &a->sa, a->len))
		die_errno("bind to port %u", (unsigned int)addr_port(a));
	return fd;
}

/*
 * connect_again - connect(), and again while the old socket is in the way
 *
 * Nobody has asked whether that one has ended, as rtest's close_in_order()
 * does, and once in some million times it has not.  A new attempt each
 * millisecond, for 10 s at most.  Returns how many were too early; ends the
 * program on any other failure.
 */
static long connect_again(int fd, const struct addr *server, long done)
{
	long early = 0;

	while (connect(fd, &server->sa, server->len)) {
		if (errno != EADDRNOTAVAIL || ++early > 10000)
			die_errno("connect, after %ld connections", done);
		poll(NULL, 0, 1);
	}
	return early;
}

int main(int argc, char **argv)
{
	struct addr server, client;
	long count, early = 0;
	int64_t start;
	int listener;

	prog_name = "floor";
	if (argc != 3)
		die_usage("COUNT and PORT");
	count = parse_long("COUNT", argv[1], 1, 1000000000);
	server = parse_addr("PORT", "127.0.0.1",
			    (in_port_t)parse_long("PORT", argv[2], 1, 65534));
	client = server;
	addr_set_port(&client, addr_port(&server) + 1);

	listener = bound_socket(&server);
	if (listen(listener, 1))
		die_errno("listen");
	start = now_ns();
	for (long i = 0; i < count; i++) {
		int accepted, fd = bound_socket(&client);

		early += connect_again(fd, &server, i) > 0;
		accepted = accept(listener, NULL, NULL);
		if (accepted < 0)
			die_errno("accept");
		close(accepted);
		close(fd);
	}
	printf("%.0f\n", (double)count * 1e9 / (double)(now_ns() - start));
	flush_stdout();
	if (early)
		fprintf(stderr,
			"floor: %ld of %ld connects met the old socket, and were made again\n",
			early, count);
	return EXIT_DONE;
}
