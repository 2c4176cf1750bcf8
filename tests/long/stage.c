/*
 * stage - puts a TCP port into a state, for why-matrix.t
 *
 *	stage STATE SIDE ADDR PORT OPTIONS COUNT
 *
 * STATE is as ss prints it, BOUND, or ORPHAN-2, FIN-WAIT-2 without a process.
 *SIDE is who has PORT: server, of accepted connections, whose listener has
 *closed; client, by bind(); auto, by connect(), from an ip_local_port_range of
 *one port. OPTIONS are letters: A SO_REUSEADDR, T SO_REUSEPORT, V IPV6_V6ONLY.
 *Prints "ready" and stands until stdin ends.
 */
#include "src/net.h"

#include <fcntl.h>

#define OTHER 7001 /* the port of the other ends */

static bool six;
static const char *options;

static void must(bool good, const char *what)
{
	if (!good)
		die_errno("%s", what);
}

static void set(int fd, int level, int name, int on)
{
	must(!setsockopt(fd, level, name, &on, sizeof(on)), "setsockopt");
}

/* make - a socket with OPTIONS */
static int make(const char *letters, bool of_six)
{
	int fd = socket(of_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	must(fd >= 0, "socket");
	if (strchr(letters, 'A'))
		set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (strchr(letters, 'T'))
		set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (strchr(letters, 'D'))
		must(!setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2),
		     "SO_BINDTODEVICE");
	if (of_six)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !!strchr(letters, 'V'));
	return fd;
}

static int bound(const char *letters, const char *host, in_port_t port)
{
	struct addr a = parse_addr("ADDR", host, port);
	int fd = make(letters, a.sa.sa_family == AF_INET6);

	must(!bind(fd, &a.sa, a.len), host);
	return fd;
}

static int connected(int fd, const char *host, in_port_t port, bool wait)
{
	struct addr a = parse_addr("ADDR", host, port);

	if (!wait)
		must(!fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
	must(!connect(fd, &a.sa, a.len) || (!wait && errno == EINPROGRESS),
	     "connect");
	return fd;
}

/* fill - so much that the other end's window is shut */
static void fill(int fd)
{
	static char block[1 << 16];

	must(!fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
	while (write(fd, block, sizeof(block)) > 0)
		;
}

static void await(int fd, int state)
{
	while (tcp_state(fd) != state)
		usleep(1000);
}

/* end - bring a connection to STATE; ours has the port, theirs is the other end
 */
static void end(const char *state, int ours, int theirs)
{
	if (!strcmp(state, "ESTAB"))
		return;
	if (!strcmp(state, "TIME-WAIT")) {
		shutdown(ours, SHUT_WR);
		await(theirs, TCP_CLOSE_WAIT);
		close(theirs);
		await(ours, TCP_CLOSE);
		close(ours);
	} else if (!strcmp(state, "FIN-WAIT-2")) {
		shutdown(ours, SHUT_WR);
		await(ours, TCP_FIN_WAIT2);
	} else if (!strcmp(state, "ORPHAN-2")) {
		shutdown(ours, SHUT_WR);
		await(ours, TCP_FIN_WAIT2);
		close(ours);
	} else if (!strcmp(state, "CLOSE-WAIT")) {
		shutdown(theirs, SHUT_WR);
		await(ours, TCP_CLOSE_WAIT);
	} else {
		fill(ours);
		if (!strcmp(state, "LAST-ACK")) {
			shutdown(theirs, SHUT_WR);
			await(ours, TCP_CLOSE_WAIT);
			close(ours);
			return;
		}
		shutdown(ours, SHUT_WR);
		await(ours, TCP_FIN_WAIT1);
		if (!strcmp(state, "CLOSING")) {
			shutdown(theirs, SHUT_WR);
			await(ours, TCP_CLOSING);
		}
	}
}

int main(int argc, char **argv)
{
	const char *state, *side, *host, *far;
	int listener, count;
	in_port_t port;

	prog_name = "stage";
	if (argc != 7)
		die_usage("six words are wanted");
	state = argv[1], side = argv[2], host = argv[3], options = argv[5];
	port = (in_port_t)atoi(argv[4]), count = atoi(argv[6]);
	six = strchr(host, ':');
	far = !six || strstr(host, "ffff") ? "127.0.0.1" : "::1";
	if (six && strstr(host, "ffff"))
		far = "::ffff:127.0.0.1";
	if (!strcmp(state, "BOUND") || !strcmp(state, "LISTEN")) {
		for (int i = 0; i < count; i++) {
			int fd = bound(options, host, port);

			must(*state == 'B' || !listen(fd, 5), "listen");
		}
	} else if (!strcmp(side, "server")) {
		int fd = bound(options, host, port);

		must(!listen(fd, 5), "listen");
		for (int i = 0; i < count; i++) {
			int theirs = connected(make("", six), far, port, true);
			int ours = accept(fd, NULL, NULL);

			must(ours >= 0, "accept");
			end(state, ours, theirs);
		}
		close(fd);
	} else {
		int ours;

		listener = bound("A", far, OTHER);
		must(!listen(listener, 5), "listen");
		ours = *side == 'a' ? make(options, six)
				    : bound(options, host, port);
		if (!strcmp(state, "SYN-SENT")) {
			/* The queue of the listener is full. */
			must(!listen(listener, 0), "listen");
			connected(make("", six), far, OTHER, true);
			connected(ours, far, OTHER, false);
			await(ours, TCP_SYN_SENT);
		} else {
			int theirs;

			connected(ours, far, OTHER, true);
			theirs = accept(listener, NULL, NULL);
			must(theirs >= 0, "accept");
			end(state, ours, theirs);
		}
		/* A second listener there would not do for SYN-SENT. */
		if (strcmp(state, "SYN-SENT") != 0)
			close(listener);
	}
	puts("ready");
	flush_stdout();
	if (strchr(options, 'F') && fork() && fork())
		return EXIT_DONE;
	for (;;)
		pause();
}
