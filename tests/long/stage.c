// SPDX-License-Identifier: MIT
/*
 * stage - puts a TCP port into a state, for why-matrix.t
 *
 *	stage STATE SIDE ADDR PORT OPTIONS COUNT
 *
 * STATE is as ss prints it, BOUND, or ORPHAN-1, ORPHAN-2: FIN-WAIT-1 and
 * FIN-WAIT-2 without a process. SIDE is who has PORT: server, of accepted
 * connections, whose listener has closed; client, by bind(); auto, by
 * connect(), from an ip_local_port_range of one port. OPTIONS are letters: A
 * SO_REUSEADDR, T SO_REUSEPORT, V IPV6_V6ONLY. COUNT sockets share the port.
 * Prints "ready" and stands until it is killed.
 *
 * Without arguments it takes orders, one a line, and answers each in a line,
 * so that a call costs no exec:
 *
 *	stage UID STATE SIDE ADDR PORT OPTIONS COUNT	the above, as that user
 *	end						of the last stage
 *	call UID bind|listen|connect WORDS		see words.h: the outcome
 */
#include "src/words.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define OTHER 7001 /* the port of the other ends; 7002 and 7003 of more */

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

/* end - bring a connection to STATE; ours has the port, theirs is the peer */
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
	} else if (!strcmp(state, "ORPHAN-1")) {
		fill(ours);
		close(ours);
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

/* connect_out - connections from PORT, or one from a port that connect() picks
 */
static void connect_out(const char *state, const char *side, const char *host,
			const char *far, in_port_t port, int count)
{
	for (int i = 0; i < count; i++) {
		in_port_t other = (in_port_t)(OTHER + i);
		int listener = bound("A", far, other), theirs;
		int ours = *side == 'a' ? make(options, six)
					: bound(options, host, port);

		must(!listen(listener, 5), "listen");
		if (!strcmp(state, "SYN-SENT")) {
			/* The queue of the listener is full; a second one
			 * there would not do. */
			must(!listen(listener, 0), "listen");
			connected(make("", six), far, other, true);
			connected(ours, far, other, false);
			await(ours, TCP_SYN_SENT);
			continue;
		}
		connected(ours, far, other, true);
		theirs = accept(listener, NULL, NULL);
		must(theirs >= 0, "accept");
		end(state, ours, theirs);
		close(listener);
	}
}

/* set_stage - see above; it does not return */
static void set_stage(char **words)
{
	const char *state = words[0], *side = words[1], *host = words[2], *far;
	in_port_t port = (in_port_t)atoi(words[3]);
	int count = atoi(words[5]);

	options = words[4];
	six = strchr(host, ':');
	far = !six || strstr(host, "ffff") ? "127.0.0.1" : "::1";
	if (six && strstr(host, "ffff"))
		far = "::ffff:127.0.0.1";
	if (!strcmp(state, "BOUND") || !strcmp(state, "LISTEN")) {
		for (int i = 0; i < count; i++) {
			int fd = bound(options, host, port);

			must(*state == 'B' || !listen(fd, 5), "listen");
		}
	} else if (!strcmp(state, "SYN-RECV")) {
		int fd = bound(options, host, port);

		/* The last ACK does not do: it waits for data. */
		set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 60);
		must(!listen(fd, 5), "listen");
		for (int i = 0; i < count; i++)
			connected(make("", six), far, port, true);
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
		connect_out(state, side, host, far, port, count);
	}
	puts("ready");
	flush_stdout();
	if (strchr(options, 'F') && fork() && fork())
		exit(EXIT_DONE);
	for (;;)
		pause();
}

/* become - that user, in a child of the one that takes orders */
static void become(const char *uid)
{
	uid_t user = (uid_t)atoi(uid);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(!user || !setresuid(user, user, user), "setresuid");
	/* Else its sockets would be as another user's to its own. */
	must(!prctl(PR_SET_DUMPABLE, 1), "PR_SET_DUMPABLE");
}

/* take_orders - see above */
static int take_orders(void)
{
	char line[1024], *words[24], *save;
	pid_t staged = 0, child;
	size_t n;

	while (fgets(line, sizeof(line), stdin)) {
		n = 0;
		for (char *w = strtok_r(line, " \n", &save); w && n < 23;
		     w = strtok_r(NULL, " \n", &save))
			words[n++] = w;
		words[n] = NULL;
		if (n == 1 && !strcmp(words[0], "end")) {
			if (staged && !kill(staged, SIGKILL))
				waitpid(staged, NULL, 0);
			staged = 0;
			puts("ended");
			flush_stdout();
			continue;
		}
		child = fork();
		must(child >= 0, "fork");
		if (!child && n == 8 && !strcmp(words[0], "stage")) {
			become(words[1]);
			set_stage(words + 2);
		}
		if (!child && n > 2 && !strcmp(words[0], "call")) {
			become(words[1]);
			exit(make_call(words[2], words + 3));
		}
		if (!child)
			die_usage("'%s' is no order", words[0]);
		if (!strcmp(words[0], "stage"))
			staged = child;
		else
			waitpid(child, NULL, 0);
	}
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	prog_name = "stage";
	if (argc == 1)
		return take_orders();
	if (argc != 7)
		die_usage("six words are wanted");
	set_stage(argv + 1);
}
