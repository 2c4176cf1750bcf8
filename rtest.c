// SPDX-License-Identifier: MIT
/*
 * rtest - both ends of a TCP connection in one process, with one fixed
 * four-tuple, again and again.
 *
 * A server listens on PORT; a client, bound to PORT+1, connects to it.  With
 * "s" the server closes each connection first, with "c" the client does.
 * The end that closes first keeps the four-tuple in TIME-WAIT (RFC 9293, 3.6).
 * So from the second connection on each connect() meets a TIME-WAIT:
 *
 * s: the server's.  connect() finds nothing on its own side, and the SYN may
 *    reopen the connection from TIME-WAIT (RFC 9293, 3.10.7.4; RFC 1122,
 *    4.2.2.13; tcp_timewait_state_process() in Linux).
 *
 * c: the client's own, with connect()'s four-tuple.  The kernel decides before
 *    there is a SYN: __inet_check_established() asks tcp_twsk_unique(sk, tw,
 *    twp).  twp is NULL because the port was bound explicitly.  Then a
 *    TIME-WAIT that has recorded a timestamp is taken over, whatever
 *    tcp_tw_reuse is, and one without (tcp_timestamps=0) refuses:
 *    EADDRNOTAVAIL.  The article saw the latter.
 *
 * To blame TIME-WAIT, and nothing else, the previous connection must have
 * ended at both ends before the next connect(): see close_in_order().
 */
#include "src/net.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/time.h>

static const char help[] =
	"usage: rtest [options] PORT s|c\n"
	"       rtest COMMAND ...    lab, why, sandbox, kernels, server, client, wire,\n"
	"                            forge, setup\n"
	"\n"
	"Connects to itself again and again with one fixed four-tuple: a server on\n"
	"PORT, a client bound to PORT+1.  s: the server closes first.  c: the client\n"
	"closes first.  Stops at the first connect() that fails, and reports the state\n"
	"of the old socket.\n"
	"\n"
	"  -n COUNT    connections; 0: until interrupted (20)\n"
	"  -i SECONDS  pause between two connections (0)\n"
	"  -p PORT     the client's port (PORT+1)\n"
	"  -a ADDRESS  the address of both ends, IPv4 or IPv6 (127.0.0.1)\n"
	"  -q          only the summary, and errors\n"
	"  -j          a JSON line for each event\n"
	"  -h, --help, --version\n"
	"\n"
	"Examples:\n"
	"  rtest 44400 s           the server closes first, 20 times\n"
	"  rtest -n 2 44500 c      the second connect() meets the client's TIME-WAIT\n"
	"\n"
	"Exit: 0 all connections done; 1 one failed; 2 usage.\n";

/* The options, and the state that both threads share. */
struct rtest {
	struct addr server, client; /* the four-tuple */
	char server_str[ADDR_STRLEN], client_str[ADDR_STRLEN];
	const char *closer; /* "server" or "client": the active close */
	int64_t count;	    /* connections; 0: until a signal */
	int64_t interval;   /* between two connections, ns */
	bool quiet, json;

	int listener;
	/* The server's end, which the client asks for its state, and closes. */
	atomic_int accepted;

	sigset_t stop; /* SIGINT, SIGTERM: the connection in hand is the last */
	int64_t start; /* now_ns() before the first connection */
	double seconds; /* from then until the last has ended */
	int64_t done, failures;
};

static bool server_first(const struct rtest *t)
{
	return *t->closer == 's';
}

/* --- output -------------------------------------------------------------- */

/* json - print an event; @fmt: its members */
__attribute__((format(printf, 3, 4))) static void
json(const struct rtest *t, const char *event, const char *fmt, ...)
{
	va_list ap;

	printf("{\"event\":\"%s\",", event);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(",\"t\":%.6f}\n", (double)(now_ns() - t->start) / 1e9);
	flush_stdout();
}

/* event - report a step of the connection, with the state of the client's @fd
 */
static void event(const struct rtest *t, const char *name, int fd)
{
	if (t->quiet)
		return;
	if (t->json) {
		json(t, name,
		     "\"local\":\"%s\",\"peer\":\"%s\",\"state\":\"%s\",\"bytes\":0",
		     t->client_str, t->server_str, state_name(tcp_state(fd)));
	} else if (!strcmp(name, "connecting")) {
		printf("connecting...\n");
		flush_stdout();
	}
}

/* summary - the last line */
static void summary(const struct rtest *t)
{
	double rate = t->seconds > 0 ? (double)t->done / t->seconds : 0;

	if (t->json)
		json(t, "summary",
		     "\"local\":\"%s\",\"peer\":\"%s\",\"closer\":\"%s\",\"connections\":%" PRId64
		     ",\"failures\":%" PRId64
		     ",\"per_second\":%.0f,\"bytes\":0",
		     t->client_str, t->server_str, t->closer, t->done,
		     t->failures, rate);
	else
		printf("%" PRId64 " connection%s, %" PRId64
		       " failure%s; the %s closed first; %.3f s, %.0f/s\n",
		       t->done, t->done == 1 ? "" : "s", t->failures,
		       t->failures == 1 ? "" : "s", t->closer, t->seconds,
		       rate);
	flush_stdout();
}

/* --- a connection that failed ------------------------------------------- */

/*
 * report_state - print the state of the socket @local -> @remote on stderr
 * @what: "old socket", or "socket"; @must: print also that there is none
 * Returns the state's name, or NULL.
 */
static const char *report_state(const char *what, const struct addr *local,
				const struct addr *remote, bool must)
{
	char l[ADDR_STRLEN], r[ADDR_STRLEN];
	int state = tcp_state_of(local, remote);

	if (state < 0)
		warn_errno(errno, "the state of the %s", what);
	addr_str(local, l);
	addr_str(remote, r);
	if (state > 0)
		say("the %s %s -> %s is in %s", what, l, r, state_name(state));
	else if (state == 0 && must)
		say("there is no %s %s -> %s now", what, l, r);
	return state > 0 ? state_name(state) : NULL;
}

/*
 * failed - report a connection that failed with @err, and its sockets' states
 * @call: bind, which has its error line already; connect, of which the sockets
 *	  before count; or close, for one that did not end in time
 */
static bool failed(const struct rtest *t, const char *call, int err)
{
	const char *state = NULL, *quote;

	if (!strcmp(call, "connect")) {
		/* The article's line; musl's strerror() has other words. */
		fprintf(stderr, "connect: %s [%s]\n",
			err == EADDRNOTAVAIL ? "Cannot assign requested address"
					     : strerror(err),
			errno_name(err));
		state = report_state("old socket", &t->client, &t->server,
				     true);
		report_state("old socket", &t->server, &t->client, false);
	} else if (!strcmp(call, "close")) {
		warn_errno(err, "the connection %s -> %s did not end",
			   t->client_str, t->server_str);
		state = report_state("socket", &t->client, &t->server, true);
		report_state("socket", &t->server, &t->client, true);
	}
	quote = state ? "\"" : "";
	if (!t->quiet && t->json)
		json(t, "failed",
		     "\"call\":\"%s\",\"local\":\"%s\",\"peer\":\"%s\",\"errno\":\"%s\",\"state\":%s%s%s,\"bytes\":0",
		     call, t->client_str, t->server_str, errno_name(err), quote,
		     state ? state : "null", quote);
	return false;
}

/* --- both ends ---------------------------------------------------------- */

/*
 * bound_socket - a TCP socket bound to @a; -1, with errno, after an error line
 *
 * With SO_REUSEADDR: connect() is on trial, and bind() must not refuse.
 */
static int bound_socket(const struct addr *a)
{
	int err, fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char buf[ADDR_STRLEN], advice[ADVICE_SIZE];

	if (fd >= 0 &&
	    !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) &&
	    !bind(fd, &a->sa, a->len))
		return fd;
	err = errno;
	socket_advice("bind", err, a, advice, sizeof(advice));
	warn_advice(err, advice, "bind to %s", addr_str(a, buf));
	if (fd >= 0)
		close(fd);
	errno = err;
	return -1;
}

/* read_fin - wait for the peer's FIN; 0, or an errno value */
static int read_fin(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? ETIMEDOUT : errno;
	return n ? EPROTO : 0;
}

/*
 * serve - the server's half of every connection; the thread's main function
 *
 * Strangers are sent away.  The client asks the socket for its state and
 * closes it.
 */
static void *serve(void *arg)
{
	struct rtest *t = arg;
	struct addr peer;
	int fd, err = 0;

	for (;;) {
		peer.len = sizeof(peer.ss);
		fd = accept4(t->listener, &peer.sa, &peer.len, SOCK_CLOEXEC);
		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			die_errno("accept on %s", t->server_str);
		if (fd < 0)
			continue;
		if (!same_end(&peer, &t->client)) {
			close(fd);
			continue;
		}
		if (!server_first(t))
			err = read_fin(fd);
		/* Before the FIN that tells the client that it may use it. */
		atomic_store(&t->accepted, fd);
		if (!err && shutdown(fd, SHUT_WR))
			err = errno;
		if (err) {
			warn_errno(err, "the server's end %s -> %s",
				   t->server_str, t->client_str);
			exit(EXIT_REFUSED);
		}
	}
}

/* start_server - listen, and serve in a thread; on failure one line, exit 1 */
static void start_server(struct rtest *t)
{
	pthread_t thread;
	int err;

	t->listener = bound_socket(&t->server);
	if (t->listener < 0)
		exit(EXIT_REFUSED);
	if (listen(t->listener, SOMAXCONN))
		die_errno("listen on %s", t->server_str);
	/* The threads take turns: waking one on another CPU takes longer. */
	stay_on_cpu();
	err = pthread_create(&thread, NULL, serve, t);
	if (err) {
		warn_errno(err, "start the server's thread");
		exit(EXIT_REFUSED);
	}
}

/* --- the client --------------------------------------------------------- */

/*
 * connect_to - connect(); it and later reads give up after WAIT_S (SO_SNDTIMEO:
 * EINPROGRESS, __inet_stream_connect()); returns 0 or an errno value
 */
static int connect_to(int fd, const struct addr *peer)
{
	const struct timeval limit = {.tv_sec = WAIT_S};
	int failed;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return errno;
	do
		failed = connect(fd, &peer->sa, peer->len);
	while (failed && errno == EINTR);
	if (!failed)
		return 0;
	return errno == EINPROGRESS ? ETIMEDOUT : errno;
}

/*
 * close_in_order - end the connection of @fd, and wait until it has ended
 *
 *	first:	shutdown(SHUT_WR)			FIN-WAIT-1, -2
 *	other:	read() gives 0, shutdown(SHUT_WR)	CLOSE-WAIT, LAST-ACK
 *	first:	its FIN arrives				TIME-WAIT
 *	other:	the last ACK arrives			gone
 *
 * The next connect() must not come before both of the last two lines.
 * - Client in LAST-ACK: EADDRNOTAVAIL, for which TIME-WAIT is not to blame.
 * - Server in LAST-ACK: it answers the SYN with an ACK (RFC 5961, 4.2).
 * - Server not yet in TIME-WAIT, although its last ACK is here: tcp_fin() sends
 *   that ACK first.  The SYN would wait in the old socket's backlog, be dropped
 *   there, and come again after a second.
 * So the client asks both sockets.  close() would leave no descriptor to ask,
 * and orphans, which may lose a FIN (tcp_rcv_state_process(), FIN_WAIT1).
 *
 * Returns 0 or an errno value.
 */
static int close_in_order(const struct rtest *t, int fd)
{
	int err = 0;

	if (!server_first(t) && shutdown(fd, SHUT_WR))
		err = errno;
	if (!err)
		err = read_fin(fd);
	if (!err && server_first(t) && shutdown(fd, SHUT_WR))
		err = errno;
	if (!err)
		err = await_closed(fd, NULL);
	if (!err)
		err = await_closed(atomic_load(&t->accepted), NULL);
	return err;
}

/* run_connection - from socket() to the end at both sides; false: it failed */
static bool run_connection(struct rtest *t)
{
	int err, fd = bound_socket(&t->client);

	if (fd < 0)
		return failed(t, "bind", errno);
	event(t, "connecting", fd);
	err = connect_to(fd, &t->server);
	if (err) {
		close(fd); /* so that it is not taken for an old one */
		return failed(t, "connect", err);
	}
	event(t, "connected", fd);
	err = close_in_order(t, fd);
	if (err)
		return failed(t, "close", err);
	event(t, "closed", fd);
	close(atomic_exchange(&t->accepted, -1));
	close(fd);
	return true;
}

/* stopped - wait for the interval; true: SIGINT or SIGTERM has ended it */
static bool stopped(const struct rtest *t)
{
	const int64_t end = now_ns() + t->interval;
	struct timespec rest = timespec_of(t->interval);
	int signal;

	/* EINTR: SIGCONT after SIGSTOP, signal(7). */
	while ((signal = sigtimedwait(&t->stop, NULL, &rest)) < 0 &&
	       errno == EINTR) {
		const int64_t left = end - now_ns();

		rest = timespec_of(left > 0 ? left : 0);
	}
	return signal > 0;
}

/* run_client - connect until the count, a failure or a signal ends it */
static void run_client(struct rtest *t)
{
	t->start = now_ns();
	if (!t->quiet && t->json)
		json(t, "listening",
		     "\"local\":\"%s\",\"closer\":\"%s\",\"state\":\"LISTEN\"",
		     t->server_str, t->closer);
	else if (!t->quiet)
		printf("Will initiate %s close\n", t->closer);
	do
		if (run_connection(t))
			t->done++;
		else
			t->failures++;
	while (!t->failures && t->done != t->count && !stopped(t));
	t->seconds = (double)(now_ns() - t->start) / 1e9;
}

/*
 * explain - after "rtest PORT c" has passed: why, and the command that shows
 * the article's outcome; not after pauses that outlive TIME-WAIT, 60 s
 */
static void explain(const struct rtest *t)
{
	bool met = tcp_state_of(&t->client, &t->server) == TCP_TIME_WAIT;
	const char *why =
		met ? "connect() did not fail: it takes over a TIME-WAIT that has recorded a timestamp"
		    : "connect() did not fail: the client's end is not in TIME-WAIT (see net.ipv4.tcp_max_tw_buckets)";
	char command[64];

	if (t->quiet || server_first(t) || t->failures || t->done < 2 ||
	    t->interval >= INT64_C(60000000000))
		return;
	snprintf(command, sizeof(command), "%s tcp_timestamps=0 -- %s %u c",
		 sandbox_command(), is_installed() ? "rtest" : "./rtest",
		 (unsigned int)addr_port(&t->server));
	if (t->json)
		json(t, "note", "\"text\":\"%s\",\"command\":\"%s\"", why,
		     command);
	else
		printf("%s; for the article's outcome: %s\n", why, command);
}

/* --- the command line --------------------------------------------------- */

/*
 * parse_operands - PORT and s|c, and the four-tuple that follows from them
 * @address: of -a; @client_port: of -p, 0 if not given
 */
static void parse_operands(struct rtest *t, int argc, char **argv,
			   const char *address, in_port_t client_port)
{
	in_port_t port;

	if (argc != 2)
		die_usage("%s", argc < 2 ? "PORT and s or c are missing"
					 : "more than PORT and s or c");
	if (isdigit((unsigned char)*argv[1]) &&
	    isalpha((unsigned char)*argv[0]))
		die_usage("PORT comes first: 'rtest %s %s'", argv[1], argv[0]);
	port = parse_port("PORT", argv[0]);
	if (strcmp(argv[1], "s") && strcmp(argv[1], "c"))
		die_usage("s or c, not '%s'", argv[1]);
	t->closer = *argv[1] == 's' ? "server" : "client";
	if (!client_port && port == 65535)
		die_usage(
			"PORT+1 would be 65536: -p must name the client's port");
	if (!client_port)
		client_port = port + 1;
	/* One socket would be both ends (RFC 9293, 3.5: simultaneous open). */
	if (client_port == port)
		die_usage("-p %u is PORT itself: the client needs another port",
			  (unsigned int)port);
	t->server = parse_addr("-a", address, port);
	if (is_wildcard(&t->server))
		die_usage("-a wants one address for both ends, not '%s'",
			  address);
	t->client = t->server;
	addr_set_port(&t->client, client_port);
	addr_str(&t->server, t->server_str);
	addr_str(&t->client, t->client_str);
}

static void parse(struct rtest *t, int argc, char **argv)
{
	const char *address = "127.0.0.1";
	int64_t client_port = 0;
	char given[OPTIONS_MAX] = "";
	const struct opt options[] = {
		{'n', ARG_NUMBER, .to = &t->count, 0, INT64_MAX},
		{'i', ARG_SECONDS, .to = &t->interval},
		{'p', ARG_NUMBER, .to = &client_port, 1, 65535},
		{'a', ARG_TEXT, .to = &address},
		{'q', ARG_SET, .to = &t->quiet},
		{'j', ARG_SET, .to = &t->json},
		{.letter = 'h'},
		{0},
	};
	int first = parse_options(argc, argv, options, given, help);

	parse_operands(t, argc - first, argv + first, address,
		       (in_port_t)client_port);
}

int main(int argc, char **argv)
{
	static struct rtest t = {.count = 20, .accepted = -1};

	find_command(argv);
	parse(&t, argc, argv);
	open_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&t.stop);
	sigaddset(&t.stop, SIGINT);
	sigaddset(&t.stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &t.stop, NULL);
	start_server(&t);
	run_client(&t);
	explain(&t);
	summary(&t);
	return t.failures ? EXIT_REFUSED : EXIT_DONE;
}
