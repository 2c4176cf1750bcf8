// SPDX-License-Identifier: MIT
/*
 * rtest - both ends of a TCP connection in one process, with one fixed
 * four-tuple, again and again.
 *
 *	rtest [options] PORT s|c
 *	rtest COMMAND ...
 *
 * COMMAND is a script or a program of the toolkit: see run_command().
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
 *    twp).  twp is NULL because the port was bound explicitly, so
 *    __inet_hash_connect() has no other port to try.  In that case a TIME-WAIT
 *    which has recorded a timestamp is taken over, whatever tcp_tw_reuse says;
 *    that knob only matters for ports which the kernel picks.  A TIME-WAIT
 *    without a timestamp (tcp_timestamps=0) refuses: EADDRNOTAVAIL.  The
 *    article saw the latter.
 *
 * To blame TIME-WAIT, and nothing else, the previous connection must have
 * ended at both ends before the next connect(): see close_in_order().
 */
#include "src/net.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/time.h>

static const char help[] =
	"usage: rtest [options] PORT s|c\n"
	"       rtest COMMAND ...    lab, why, sandbox, server, client, wire, forge\n"
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

/* What the command line asks for, and what both threads share. */
struct rtest {
	struct addr server, client; /* the four-tuple */
	char server_str[ADDR_STRLEN], client_str[ADDR_STRLEN];
	bool server_first; /* the server does the active close */
	long count;	   /* connections; 0: until a signal */
	int64_t interval;  /* between two connections, ns */
	bool quiet, json;

	int listener;
	/*
	 * The server's end of the connection, -1 for none.  The server thread
	 * opens it; the client asks for its state, and closes it.
	 */
	atomic_int accepted;

	int64_t start;	/* now_ns() before the first connection */
	double seconds; /* from then until the last has ended */
	long done, failures;
};

/* Set by SIGINT and SIGTERM: the connection in hand is the last. */
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* --- what is printed ---------------------------------------------------- */

static double seconds_since(int64_t start)
{
	return (double)(now_ns() - start) / 1e9;
}

/* closer - the end that closes first */
static const char *closer(const struct rtest *t)
{
	return t->server_first ? "server" : "client";
}

/*
 * json_line - an event with its members
 * @members: pairs of a name and a value, NULL is null; NULL for a name ends
 *	     them
 * @rest: more members, as JSON
 */
static void json_line(const struct rtest *t, const char *event,
		      const char *const *members, const char *rest)
{
	printf("{\"event\":\"%s\"", event);
	for (; members[0]; members += 2) {
		printf(",\"%s\":", members[0]);
		if (members[1])
			json_string(stdout, members[1]);
		else
			printf("null");
	}
	printf("%s,\"t\":%.6f}\n", rest, seconds_since(t->start));
	flush_stdout();
}
#define PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})

/*
 * event - report a step of the connection; people get "connecting..." alone
 * @fd: the client's socket, for its state as the kernel has it now
 */
static void event(const struct rtest *t, const char *name, int fd)
{
	if (t->quiet)
		return;
	if (t->json) {
		json_line(t, name,
			  PAIRS("local", t->client_str, "peer", t->server_str,
				"state", state_name(tcp_state(fd))),
			  ",\"bytes\":0");
	} else if (!strcmp(name, "connecting")) {
		printf("connecting...\n");
		flush_stdout();
	}
}

/* banner - the first line */
static void banner(const struct rtest *t)
{
	if (t->quiet)
		return;
	if (t->json) {
		json_line(t, "listening",
			  PAIRS("local", t->server_str, "closer", closer(t),
				"state", "LISTEN"),
			  "");
	} else {
		printf("Will initiate %s close\n", closer(t));
		flush_stdout();
	}
}

/* summary - the last line */
static void summary(const struct rtest *t)
{
	double rate = t->seconds > 0 ? (double)t->done / t->seconds : 0;
	char counts[128];

	if (t->json) {
		snprintf(counts, sizeof(counts),
			 ",\"connections\":%ld,\"failures\":%ld"
			 ",\"per_second\":%.0f,\"bytes\":0",
			 t->done, t->failures, rate);
		json_line(t, "summary",
			  PAIRS("local", t->client_str, "peer", t->server_str,
				"closer", closer(t)),
			  counts);
	} else {
		printf("%ld connection%s, %ld failure%s; the %s closed first; "
		       "%.3f s, %.0f/s\n",
		       t->done, t->done == 1 ? "" : "s", t->failures,
		       t->failures == 1 ? "" : "s", closer(t), t->seconds,
		       rate);
		flush_stdout();
	}
}

/* --- the old socket ----------------------------------------------------- */

/*
 * report_state - say on stderr in which state the socket @local -> @remote is
 * @what: "old socket", or "socket"
 * @must: also say so when there is none; it was no TIME-WAIT then, which would
 *	  still be there
 *
 * Returns the state's name, NULL if there is no such socket, or if it cannot
 * be told.
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
	if (state == 0 && must)
		fprintf(stderr, "%s: there is no %s %s -> %s now\n", prog_name,
			what, l, r);
	if (state <= 0)
		return NULL;
	fprintf(stderr, "%s: the %s %s -> %s is in %s\n", prog_name, what, l, r,
		state_name(state));
	return state_name(state);
}

/*
 * report_failure - a connection that failed, and what its sockets, or those of
 * the connection before it, are doing
 * @call: bind, which has its error line already; connect; or close, for one
 *	  that did not end in order and in time
 * @err: its errno.  After connect() its own socket is closed, so that it is
 *	 not taken for an old one.
 */
static void report_failure(const struct rtest *t, const char *call, int err)
{
	const char *state = NULL;

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
	if (!t->quiet && t->json)
		json_line(t, "failed",
			  PAIRS("call", call, "local", t->client_str, "peer",
				t->server_str, "errno", errno_name(err),
				"state", state),
			  ",\"bytes\":0");
}

/*
 * explain - on a kernel that lets "rtest PORT c" pass: why, and the command
 * that shows the article's outcome
 *
 * Says nothing when no connect() can have met a TIME-WAIT of the client.
 */
static void explain(const struct rtest *t)
{
	const char *why =
		"connect() did not fail: it takes over a TIME-WAIT that has "
		"recorded a timestamp";
	char command[64];

	/* After 60 s, TCP_TIMEWAIT_LEN, there is no TIME-WAIT to meet. */
	if (t->quiet || t->server_first || t->failures || t->done < 2 ||
	    t->interval >= INT64_C(60000000000))
		return;
	if (tcp_state_of(&t->client, &t->server) != TCP_TIME_WAIT)
		why = "connect() did not fail: the client's end is not in "
		      "TIME-WAIT (see net.ipv4.tcp_max_tw_buckets)";
	snprintf(command, sizeof(command), "%s tcp_timestamps=0 -- %s %u c",
		 sandbox_command(), is_installed() ? "rtest" : "./rtest",
		 (unsigned int)addr_port(&t->server));
	if (t->json)
		json_line(t, "note", PAIRS("text", why, "command", command),
			  "");
	else
		printf("%s; for the article's outcome: %s\n", why, command);
	flush_stdout();
}

/* --- both ends ---------------------------------------------------------- */

/*
 * bound_socket - a TCP socket with SO_REUSEADDR, bound to @a
 *
 * Both ends set the option: it is connect() that is on trial, bind() must not
 * be what refuses.  Returns -1, with errno, after an error line.
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

/*
 * read_fin - wait for the peer's FIN, the end of the stream
 *
 * Neither end ever writes, so there are no bytes to read.  Returns 0 or an
 * errno value; ETIMEDOUT after the socket's timeout, if it has one.
 */
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

/* --- the server thread -------------------------------------------------- */

/*
 * accept_client - the next connection from the client's address
 *
 * Strangers are sent away.
 */
static int accept_client(const struct rtest *t)
{
	struct addr peer;
	int fd;

	for (;;) {
		peer.len = sizeof(peer.ss);
		fd = accept4(t->listener, &peer.sa, &peer.len, SOCK_CLOEXEC);
		if (fd >= 0) {
			if (same_end(&peer, &t->client))
				return fd;
			close(fd);
		} else if (errno != EINTR && errno != ECONNABORTED) {
			die_errno("accept on %s", t->server_str);
		}
	}
}

/*
 * serve - the server's half of every connection; the thread's main function
 *
 * It leaves each socket open, for the client to ask for its state, and to
 * close.  It may: when the client has seen this end's FIN, shutdown() was the
 * last that happened to the descriptor here.
 */
static void *serve(void *arg)
{
	struct rtest *t = arg;
	int fd, err = 0;

	for (;;) {
		fd = accept_client(t);
		if (!t->server_first)
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

/*
 * start_server - listen, and serve in a thread, which ends with the program; on
 * failure one line, exit 1
 */
static void start_server(struct rtest *t)
{
	pthread_t thread;
	int err;

	t->listener = bound_socket(&t->server);
	if (t->listener < 0)
		exit(EXIT_REFUSED);
	if (listen(t->listener, SOMAXCONN))
		die_errno("listen on %s", t->server_str);
	/*
	 * The threads take turns, and waking one on another CPU costs more than
	 * the connection's segments.  Nothing but speed depends on it.
	 */
	stay_on_cpu();
	err = pthread_create(&thread, NULL, serve, t);
	if (err) {
		warn_errno(err, "start the server's thread");
		exit(EXIT_REFUSED);
	}
	pthread_detach(thread);
}

/* --- the client --------------------------------------------------------- */

/*
 * connect_to - connect() and later reads give up after WAIT_S
 *
 * Linux lets connect() be called again to wait for an attempt that was
 * interrupted, and gives EINPROGRESS when SO_SNDTIMEO is over
 * (__inet_stream_connect()).  Returns 0 or an errno value.
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
 * So the client asks both sockets.  Neither thread waits for the other, only
 * for the sockets.  close() could not tell: it leaves no descriptor to ask, and
 * orphans, which may lose a FIN (tcp_rcv_state_process(), FIN_WAIT1).
 *
 * Returns 0 or an errno value.
 */
static int close_in_order(const struct rtest *t, int fd)
{
	int err = 0;

	if (!t->server_first && shutdown(fd, SHUT_WR))
		err = errno;
	if (!err)
		err = read_fin(fd);
	if (!err && t->server_first && shutdown(fd, SHUT_WR))
		err = errno;
	if (!err)
		err = await_closed(fd, NULL);
	if (!err)
		err = await_closed(atomic_load(&t->accepted), NULL);
	return err;
}

/*
 * run_connection - one connection, from socket() to its end at both sides
 *
 * Returns false after an error line.
 */
static bool run_connection(struct rtest *t)
{
	int err, fd = bound_socket(&t->client);

	if (fd < 0) {
		report_failure(t, "bind", errno);
		return false;
	}
	event(t, "connecting", fd);
	err = connect_to(fd, &t->server);
	if (err) {
		close(fd);
		report_failure(t, "connect", err);
		return false;
	}
	event(t, "connected", fd);
	err = close_in_order(t, fd);
	if (err) {
		report_failure(t, "close", err);
	} else {
		event(t, "closed", fd);
		close(atomic_exchange(&t->accepted, -1));
	}
	close(fd);
	return !err;
}

/* pause_between - sleep for the interval; a signal is let in, and ends it */
static void pause_between(const struct rtest *t)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(t->interval / 1000000000),
		.tv_nsec = (long)(t->interval % 1000000000)};
	sigset_t none;

	sigemptyset(&none);
	ppoll(NULL, 0, &ts, &none);
}

/*
 * run_client - connection after connection, until the count is reached, one
 * fails, or a signal asks for the end
 *
 * A connection in hand is always finished, so that TIME-WAIT is left at the
 * end that was asked for.
 */
static void run_client(struct rtest *t)
{
	t->start = now_ns();
	banner(t);
	while (!stop && !t->failures && (!t->count || t->done < t->count)) {
		if (!run_connection(t))
			t->failures++;
		else if (++t->done != t->count && t->interval)
			pause_between(t);
	}
	t->seconds = seconds_since(t->start);
}

/* --- the command line --------------------------------------------------- */

/*
 * parse_operands - PORT and s|c, and what depends on both them and the options
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
	t->server_first = *argv[1] == 's';
	if (!client_port && port == 65535)
		die_usage("PORT+1 would be 65536: -p must name the client's "
			  "port");
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
	static const struct option longopts[] = {OPT_LONG, {NULL, 0, NULL, 0}};
	const char *address = "127.0.0.1";
	in_port_t client_port = 0;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":n:i:p:a:qjh", longopts, NULL)) !=
	       -1) {
		switch (c) {
		case 'n':
			t->count = parse_long("-n", optarg, 0, LONG_MAX);
			break;
		case 'i':
			t->interval = parse_seconds("-i", optarg);
			break;
		case 'p':
			client_port = parse_port("-p", optarg);
			break;
		case 'a':
			address = optarg;
			break;
		case 'q':
			t->quiet = true;
			break;
		case 'j':
			t->json = true;
			break;
		default:
			common_option(c == 'h' ? OPT_HELP : c, argv, help);
		}
	}
	parse_operands(t, argc - optind, argv + optind, address, client_port);
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = on_signal,
				.sa_flags = SA_RESTART};
	static struct rtest t = {.count = 20, .accepted = -1};
	sigset_t signals;

	find_command(argv);
	parse(&t, argc, argv);
	open_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	/* They are for the client, and where it pauses for pause_between(). */
	sigprocmask(SIG_BLOCK, &signals, NULL);
	start_server(&t);
	if (!t.interval)
		sigprocmask(SIG_UNBLOCK, &signals, NULL);
	run_client(&t);
	explain(&t);
	summary(&t);
	return t.failures ? EXIT_REFUSED : EXIT_DONE;
}
