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
 * Whoever closes first keeps the four-tuple in TIME-WAIT (RFC 9293, 3.6), so
 * from the second connection on each connect() meets that TIME-WAIT:
 *
 * s: the server's.  connect() finds nothing on its own side, and the SYN may
 *    reopen the connection from TIME-WAIT (RFC 9293, 3.10.7.4; RFC 1122,
 *    4.2.2.13; tcp_timewait_state_process() in Linux).
 *
 * c: the client's own, with connect()'s four-tuple.  The kernel must decide
 *    before there is a SYN.  __inet_check_established() asks
 *    tcp_twsk_unique(sk, tw, twp).  twp is NULL because the port was bound
 *    explicitly, so __inet_hash_connect() has no other port to try.  In that
 *    case a TIME-WAIT which has recorded a timestamp is taken over, whatever
 *    tcp_tw_reuse says; that knob only matters for ports which the kernel
 *    picks.  A TIME-WAIT without a timestamp (tcp_timestamps=0) refuses:
 *    EADDRNOTAVAIL.  The article saw the latter.
 *
 * To blame TIME-WAIT, and nothing else, the previous connection must have
 * ended at both ends before the next connect().  close() cannot tell: it
 * leaves no descriptor to ask.  So the FINs are sent by shutdown(SHUT_WR), and
 * the client asks both sockets for TCP_CLOSE; see close_in_order().
 */
#include "src/net.h"

#include <ctype.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

/*
 * How long to wait for what takes microseconds.  A lost SYN comes again after
 * a second (RFC 6298, 2.1), a lost FIN after 0.2 s.
 */
#define WAIT_S 10

/* TIME-WAIT on Linux: TCP_TIMEWAIT_LEN, no sysctl changes it. */
#define TIME_WAIT_NS INT64_C(60000000000)

/* What the command line asks for, and what both threads share. */
struct rtest {
	struct addr server, client; /* the four-tuple */
	bool server_first;	    /* the server does the active close */
	long count;		    /* connections; 0 means until a signal */
	int64_t interval;	    /* between two connections, ns */
	bool quiet, json;
	char *server_str, *client_str; /* both addresses as ss prints them */

	int listener;
	/*
	 * The server's end of the connection, -1 for none.  The server thread
	 * opens it; the client asks for its state, and closes it.
	 */
	atomic_int accepted;

	int64_t start;	/* now_ns() before the first connection */
	double seconds; /* from then until after the last */
	long done, failures;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* on_tick - does nothing; that it is called is what interrupts: overdue() */
static void on_tick(int sig)
{
	(void)sig;
}

/*
 * set_ticks - interrupt, each second or never, whatever the client waits for
 */
static void set_ticks(long seconds)
{
	struct itimerval timer = {{.tv_sec = seconds}, {.tv_sec = seconds}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* hold_ticks - whether SIGALRM has to wait: a write() must not be cut short */
static void hold_ticks(bool hold)
{
	sigset_t tick;

	sigemptyset(&tick);
	sigaddset(&tick, SIGALRM);
	pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &tick, NULL);
}

/* --- what is printed ---------------------------------------------------- */

static double seconds_since(int64_t start)
{
	return (double)(now_ns() - start) / 1e9;
}

/* json_member - write ,"name":"value", or ,"name":null without a value */
static void json_member(const char *name, const char *value)
{
	printf(",\"%s\":", name);
	if (value)
		json_string(stdout, value);
	else
		printf("null");
}

/*
 * event - a JSON line about the connection, with the state of the client's
 * socket @fd as the kernel has it now; for people only "connecting..."
 */
static void event(const struct rtest *t, const char *name, int fd)
{
	if (t->quiet || (!t->json && strcmp(name, "connecting")))
		return;
	hold_ticks(true);
	if (t->json) {
		printf("{\"event\":\"%s\"", name);
		json_member("local", t->client_str);
		json_member("peer", t->server_str);
		json_member("state", state_name(tcp_state(fd)));
		printf(",\"bytes\":0,\"t\":%.6f}\n", seconds_since(t->start));
	} else {
		printf("connecting...\n");
	}
	flush_stdout();
	hold_ticks(false);
}

/*
 * event_failed - the JSON line of a connection that failed
 * @call: bind, connect or close; @err: its errno
 * @state: of the client's socket that has this four-tuple, NULL for none
 */
static void event_failed(const struct rtest *t, const char *call, int err,
			 const char *state)
{
	if (t->quiet || !t->json)
		return;
	printf("{\"event\":\"failed\"");
	json_member("call", call);
	json_member("local", t->client_str);
	json_member("peer", t->server_str);
	json_member("errno", errno_name(err));
	json_member("state", state);
	printf(",\"bytes\":0,\"t\":%.6f}\n", seconds_since(t->start));
	flush_stdout();
}

/* banner - who will close first */
static void banner(const struct rtest *t)
{
	const char *closer = t->server_first ? "server" : "client";

	if (t->quiet)
		return;
	if (t->json) {
		printf("{\"event\":\"listening\"");
		json_member("local", t->server_str);
		json_member("closer", closer);
		printf(",\"state\":\"LISTEN\",\"t\":%.6f}\n",
		       seconds_since(t->start));
	} else {
		printf("Will initiate %s close\n", closer);
	}
	flush_stdout();
}

/* summary - the last line */
static void summary(const struct rtest *t)
{
	const char *closer = t->server_first ? "server" : "client";
	double rate = t->seconds > 0 ? (double)t->done / t->seconds : 0;

	if (t->json) {
		printf("{\"event\":\"summary\"");
		json_member("local", t->client_str);
		json_member("peer", t->server_str);
		json_member("closer", closer);
		printf(",\"connections\":%ld,\"failures\":%ld", t->done,
		       t->failures);
		printf(",\"per_second\":%.0f,\"bytes\":0,\"t\":%.6f}\n", rate,
		       seconds_since(t->start));
	} else {
		printf("%ld connection%s, %ld failure%s; the %s closed first; "
		       "%.3f s, %.0f/s\n",
		       t->done, t->done == 1 ? "" : "s", t->failures,
		       t->failures == 1 ? "" : "s", closer, t->seconds, rate);
	}
	flush_stdout();
}

/* --- the old socket ----------------------------------------------------- */

/* proc_addr - an address as /proc/net/tcp has it: 0100007F:AD70 */
static void proc_addr(const struct addr *a, char *buf, size_t size)
{
	bool v6 = a->sa.sa_family == AF_INET6;
	uint32_t word[4];
	int n = 0;

	if (v6)
		memcpy(word, &a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
	else
		memcpy(word, &a->in.sin_addr, sizeof(a->in.sin_addr));
	for (int i = 0; i < (v6 ? 4 : 1); i++)
		n += snprintf(buf + n, size - (size_t)n, "%08X",
			      (unsigned int)word[i]);
	snprintf(buf + n, size - (size_t)n, ":%04X",
		 (unsigned int)addr_port(a));
}

/*
 * old_state - the state of the socket @local -> @remote in this network
 * namespace, from /proc/net/tcp or tcp6
 *
 * A FIN-WAIT-2 whose owner has closed is a timewait socket for the kernel;
 * the table shows its tw_substate, so both keep their true names here.
 * Returns 0 if there is no such socket, -1 with errno if the table cannot be
 * read.
 */
static int old_state(const struct addr *local, const struct addr *remote)
{
	char want_l[48], want_r[48], l[48], r[48], line[512];
	bool v6 = local->sa.sa_family == AF_INET6;
	FILE *f = fopen(v6 ? "/proc/net/tcp6" : "/proc/net/tcp", "re");
	int found = 0;
	unsigned int state;

	if (!f)
		return -1;
	proc_addr(local, want_l, sizeof(want_l));
	proc_addr(remote, want_r, sizeof(want_r));
	while (!found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %47s %47s %x", l, r, &state) == 3 &&
		    !strcmp(l, want_l) && !strcmp(r, want_r))
			found = (int)state;
	fclose(f);
	return found;
}

/*
 * report_state - say on stderr in which state the socket @local -> @remote is
 * @what: "old socket", or "socket"
 * @must: also say so when there is none; it was no TIME-WAIT then, which would
 *	  still be there
 *
 * Returns the state's name, NULL if there is no such socket, or if nobody
 * knows.
 */
static const char *report_state(const char *what, const struct addr *local,
				const struct addr *remote, bool must)
{
	char l[ADDR_STRLEN], r[ADDR_STRLEN];
	int state = old_state(local, remote);

	addr_str(local, l);
	addr_str(remote, r);
	if (state < 0) {
		warn_errno(errno, "the state of the %s %s -> %s", what, l, r);
		return NULL;
	}
	if (state == 0) {
		if (must)
			fprintf(stderr, "%s: there is no %s %s -> %s now\n",
				prog_name, what, l, r);
		return NULL;
	}
	fprintf(stderr, "%s: the %s %s -> %s is in %s\n", prog_name, what, l, r,
		state_name(state));
	return state_name(state);
}

/*
 * report_connect - what connect() said, and what the old sockets were doing
 * @err: connect()'s errno; its own socket is closed already, so that it is not
 *	 taken for an old one
 */
static void report_connect(const struct rtest *t, int err)
{
	const char *state;

	/* The article's line, which musl's strerror() words differently. */
	fprintf(stderr, "connect: %s [%s]\n",
		err == EADDRNOTAVAIL ? "Cannot assign requested address"
				     : strerror(err),
		errno_name(err));
	state = report_state("old socket", &t->client, &t->server, true);
	report_state("old socket", &t->server, &t->client, false);
	event_failed(t, "connect", err, state);
}

/*
 * report_close - a connection that did not end in order, or not in time
 */
static void report_close(const struct rtest *t, int err)
{
	const char *state;

	warn_errno(err, "the connection %s -> %s did not end", t->client_str,
		   t->server_str);
	state = report_state("socket", &t->client, &t->server, true);
	report_state("socket", &t->server, &t->client, true);
	event_failed(t, "close", err, state);
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

	if (t->quiet || t->server_first || t->failures || t->done < 2 ||
	    t->interval >= TIME_WAIT_NS)
		return;
	if (old_state(&t->client, &t->server) != TCP_TIME_WAIT)
		why = "connect() did not fail: the client's end is not in "
		      "TIME-WAIT (see net.ipv4.tcp_max_tw_buckets)";
	snprintf(command, sizeof(command), "%s tcp_timestamps=0 -- %s %u c",
		 sandbox_command(), is_installed() ? "rtest" : "./rtest",
		 (unsigned int)addr_port(&t->server));
	if (t->json) {
		printf("{\"event\":\"note\"");
		json_member("text", why);
		json_member("command", command);
		printf(",\"t\":%.6f}\n", seconds_since(t->start));
	} else {
		printf("%s; for the article's outcome: %s\n", why, command);
	}
	flush_stdout();
}

/* --- sockets ------------------------------------------------------------ */

/*
 * bound_socket - a TCP socket with SO_REUSEADDR, bound to @a
 *
 * Both ends set the option: it is connect() that is on trial, bind() must not
 * be what refuses.  Returns -1, with errno, after an error line.
 */
static int bound_socket(const struct addr *a)
{
	int err, fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char buf[ADDR_STRLEN], advice[160];

	if (fd >= 0 &&
	    !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) &&
	    !bind(fd, &a->sa, a->len))
		return fd;
	err = errno;
	fprintf(stderr, "%s: bind to %s: %s%s [%s]\n", prog_name,
		addr_str(a, buf), strerror(err),
		socket_advice("bind", err, a, advice, sizeof(advice)),
		errno_name(err));
	if (fd >= 0)
		close(fd);
	errno = err;
	return -1;
}

/*
 * raw_accept, raw_connect, raw_read, raw_close - accept4() and so on
 *
 * These four are cancellation points (pthreads(7)): once there is a second
 * thread, glibc puts two atomic operations around each, which is one per cent
 * of a connection.  No thread is ever cancelled here.
 */
static int raw_accept(int fd, struct addr *peer)
{
	peer->len = sizeof(peer->ss);
	return (int)syscall(SYS_accept4, fd, &peer->sa, &peer->len,
			    SOCK_CLOEXEC);
}

static int raw_connect(int fd, const struct addr *peer)
{
	return (int)syscall(SYS_connect, fd, &peer->sa, peer->len);
}

static ssize_t raw_read(int fd, void *buf, size_t size)
{
	return syscall(SYS_read, fd, buf, size);
}

static void raw_close(int fd)
{
	syscall(SYS_close, fd);
}

/*
 * overdue - whether a wait has lasted WAIT_S
 * @end: when it is over, 0 before the first call; it is called when
 *	 set_ticks() has interrupted, so what is quick never asks the time
 */
static bool overdue(int64_t *end)
{
	if (!*end)
		*end = now_ns() + WAIT_S * INT64_C(1000000000);
	return now_ns() >= *end;
}

/*
 * connect_to - connect(), carried on after each interruption
 *
 * Linux lets connect() be called again to wait for an attempt that a signal
 * has interrupted (inet_stream_connect(), SS_CONNECTING).  Returns 0 or an
 * errno value; ETIMEDOUT when overdue.
 */
static int connect_to(int fd, const struct addr *peer)
{
	int64_t end = 0;

	while (raw_connect(fd, peer)) {
		if (errno != EINTR)
			return errno;
		if (overdue(&end))
			return ETIMEDOUT;
	}
	return 0;
}

/*
 * read_fin - wait for the peer's FIN, the end of the stream
 *
 * Neither end ever writes, so there are no bytes to read.  Returns 0 or an
 * errno value; ETIMEDOUT when overdue.
 */
static int read_fin(int fd)
{
	int64_t end = 0;
	char byte;
	ssize_t n;

	while ((n = raw_read(fd, &byte, 1)) < 0) {
		if (errno != EINTR)
			return errno;
		if (overdue(&end))
			return ETIMEDOUT;
	}
	return n ? EPROTO : 0;
}

/*
 * wait_state_change - the rare case of await_closed(): wait for the kernel to
 * report a change of state until @fd is in TCP_CLOSE, or until WAIT_S is over
 *
 * With both directions shut down plain poll() returns at once, with POLLHUP,
 * in LAST-ACK already.  An edge-triggered epoll sleeps until sk_state_change()
 * is called, as tcp_done() does.
 */
static int wait_state_change(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	int err = 0, state, ep = epoll_create1(EPOLL_CLOEXEC);
	int64_t end = 0;

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		err = errno;
	while (!err && (state = tcp_state(fd)) != TCP_CLOSE) {
		if (state < 0)
			err = errno;
		else if (epoll_wait(ep, &ev, 1, -1) < 0 && errno != EINTR)
			err = errno;
		else if (overdue(&end))
			err = ETIMEDOUT;
	}
	if (ep >= 0)
		close(ep);
	return err;
}

/*
 * await_end - wait until the connection of @fd has ended at this end
 *
 * A socket whose descriptor is still open is in TCP_CLOSE from the moment at
 * which the kernel has taken it out of its table (tcp_set_state() unhashes
 * first).  For the passive close: its FIN was acknowledged, LAST-ACK is over.
 * For the active close: a timewait socket has taken its place
 * (tcp_time_wait()).  getpeername() gives ENOTCONN in that state, for a third
 * of TCP_INFO's price, and nearly always at once.
 *
 * Returns 0 or an errno value.
 */
static int await_end(int fd)
{
	struct addr peer;

	if (!peer_addr(fd, &peer) && errno == ENOTCONN)
		return 0;
	return wait_state_change(fd);
}

/* --- the server thread -------------------------------------------------- */

/*
 * accept_client - the next connection from the client's address
 *
 * Strangers are sent away.  There is no deadline here: the client, which may
 * pause between connections, keeps one for both.  Returns -1 when the client
 * has shut the listener down.
 */
static int accept_client(const struct rtest *t)
{
	struct addr peer;
	int fd;

	for (;;) {
		fd = raw_accept(t->listener, &peer);
		if (fd >= 0) {
			if (same_end(&peer, &t->client))
				return fd;
			close(fd);
		} else if (errno == EINVAL) {
			return -1;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			die_errno("accept on %s", t->server_str);
		}
	}
}

/*
 * serve - the server's half of every connection; the thread's main function
 *
 * It leaves each socket open, for the client to ask for its state.  The client
 * closes it then, at once: the next connection gets the same memory, while the
 * CPU still has it in its cache.  It can: who has seen this end's FIN knows
 * that shutdown() is the last that happens to the descriptor here.
 */
static void *serve(void *arg)
{
	struct rtest *t = arg;
	int fd, err = 0;

	while ((fd = accept_client(t)) >= 0) {
		atomic_store(&t->accepted, fd);
		if (!t->server_first)
			err = read_fin(fd);
		if (!err && shutdown(fd, SHUT_WR))
			err = errno;
		if (err) {
			warn_errno(err, "the server's end %s -> %s",
				   t->server_str, t->client_str);
			exit(EXIT_REFUSED);
		}
	}
	return NULL;
}

/* --- the client --------------------------------------------------------- */

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
 * for the sockets.  Neither end is closed before it is in TCP_CLOSE, so there
 * are no orphans, which may lose a FIN (tcp_rcv_state_process(), FIN_WAIT1).
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
		err = await_end(fd);
	if (!err)
		err = await_end(atomic_load(&t->accepted));
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
		event_failed(t, "bind", errno, NULL);
		return false;
	}
	event(t, "connecting", fd);
	err = connect_to(fd, &t->server);
	if (err) {
		set_ticks(0);
		close(fd);
		report_connect(t, err);
		return false;
	}
	event(t, "connected", fd);
	err = close_in_order(t, fd);
	if (err) {
		set_ticks(0);
		report_close(t, err);
	} else {
		event(t, "closed", fd);
		raw_close(atomic_exchange(&t->accepted, -1));
	}
	raw_close(fd);
	return !err;
}

/*
 * pause_between - sleep for the interval, or until SIGINT or SIGTERM
 *
 * The signals are let in only while ppoll() sleeps, so none is missed.
 */
static void pause_between(const struct rtest *t)
{
	struct timespec ts = {.tv_sec = (time_t)(t->interval / 1000000000),
			      .tv_nsec = (long)(t->interval % 1000000000)};
	sigset_t block, old, during;

	if (!t->interval)
		return;
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	during = old;
	sigaddset(&during, SIGALRM);
	if (!stop)
		ppoll(NULL, 0, &ts, &during);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
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
	set_ticks(1);
	while (!stop && !t->failures && (!t->count || t->done < t->count)) {
		if (t->done)
			pause_between(t);
		if (stop)
			break;
		if (run_connection(t))
			t->done++;
		else
			t->failures++;
	}
	set_ticks(0);
}

/* --- start and end ------------------------------------------------------ */

/*
 * start_listener - listen on the server's address; on failure one line, exit 1
 */
static int start_listener(const struct rtest *t)
{
	int fd = bound_socket(&t->server);

	if (fd < 0)
		exit(EXIT_REFUSED);
	if (listen(fd, SOMAXCONN))
		die_errno("listen on %s", t->server_str);
	return fd;
}

/*
 * pin - keep both threads on one CPU, if the system lets us
 *
 * They take turns, and waking a thread on another CPU costs more than the
 * connection's segments.  Nothing but speed depends on it.
 */
static void pin(void)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/*
 * catch_signals - SIGINT and SIGTERM end the run after the connection in hand
 *
 * They interrupt the pause between two connections, and nothing else; SIGALRM
 * interrupts every wait (no SA_RESTART).
 */
static void catch_signals(void)
{
	struct sigaction end = {.sa_handler = on_signal,
				.sa_flags = SA_RESTART};
	struct sigaction tick = {.sa_handler = on_tick};
	sigset_t set;

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGALRM, &tick, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/*
 * start_server - run serve() in a thread of its own, which gets no signals:
 * all of them are for the client, which waits with a deadline
 */
static pthread_t start_server(struct rtest *t)
{
	sigset_t all, old;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&thread, NULL, serve, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		warn_errno(err, "start the server's thread");
		exit(EXIT_REFUSED);
	}
	return thread;
}

/*
 * stop_server - end the thread, then close what it used: accept() gives EINVAL
 * from here on
 *
 * After a connection that did not end the thread may still wait for a FIN;
 * SHUT_RD sends nothing, but ends that read().
 */
static void stop_server(const struct rtest *t, pthread_t thread)
{
	int fd = atomic_load(&t->accepted);

	shutdown(t->listener, SHUT_RDWR);
	if (fd >= 0)
		shutdown(fd, SHUT_RD);
	pthread_join(thread, NULL);
	close(t->listener);
	fd = atomic_load(&t->accepted);
	if (fd >= 0)
		close(fd);
}

/*
 * fill_standard_fds - give 0, 1 and 2 a file where the caller closed them
 *
 * Else a socket would become standard output.  The file is read-only: writing
 * fails with EBADF, as it would have without it.
 */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd >= 0)
		close(fd);
}

static void help(void)
{
	printf("usage: rtest [options] PORT s|c\n"
	       "       rtest COMMAND ...    lab, why, sandbox, server, client, wire, forge\n"
	       "\n"
	       "Connects to itself again and again with one fixed four-tuple: a server on\n"
	       "PORT, a client bound to PORT+1.  s: the server closes first.  c: the client\n"
	       "closes first.  Stops at the first connect() that fails, and says in which\n"
	       "state the old socket is.\n"
	       "\n"
	       "  -n COUNT    connections; 0: until interrupted (20)\n"
	       "  -i SECONDS  pause between two connections (0)\n"
	       "  -p PORT     the client's port (PORT+1)\n"
	       "  -a ADDRESS  the address of both ends, IPv4 or IPv6 (127.0.0.1)\n"
	       "  -q          only the summary, and errors\n"
	       "  -j          a JSON line for each event\n"
	       "  -h, --help  this text\n"
	       "  --version   the version\n"
	       "\n"
	       "Exit: 0 all connections done; 1 one failed; 2 usage.\n");
	flush_stdout();
	exit(EXIT_DONE);
}

static void version(void)
{
	printf("rtest %s\n", RTEST_VERSION);
	flush_stdout();
	exit(EXIT_DONE);
}

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
}

static void parse_options(struct rtest *t, int argc, char **argv)
{
	enum { HELP = 256, VERSION };
	static const struct option longopts[] = {
		{"help", no_argument, NULL, HELP},
		{"version", no_argument, NULL, VERSION},
		{NULL, 0, NULL, 0},
	};
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
		case 'h':
		case HELP:
			help();
			break;
		case VERSION:
			version();
			break;
		case ':':
			die_usage("-%c wants a value", optopt);
		default:
			if (optopt && optopt < HELP)
				die_usage("unknown option '-%c'", optopt);
			die_usage("unknown option '%s'", argv[optind - 1]);
		}
	}
	parse_operands(t, argc - optind, argv + optind, address, client_port);
}

/*
 * run_command - become the script or program @name of the toolkit
 * @argv: its arguments, after one that is replaced by its path
 *
 * Returns if there is no such thing.
 */
static void run_command(const char *name, char **argv)
{
	static const char *const folders[] = {"scripts/", ""};
	char tool[64], path[PATH_MAX];
	struct stat st;

	/* No path, and nothing hidden. */
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz")])
		return;
	for (int i = 0; i < 2; i++) {
		if (snprintf(tool, sizeof(tool), "%s%s", folders[i], name) >=
		    (int)sizeof(tool))
			return;
		if (!*tool_path(tool, path))
			die_errno("/proc/self/exe");
		if (stat(path, &st) || !S_ISREG(st.st_mode) ||
		    access(path, X_OK))
			continue;
		argv[0] = path;
		execv(path, argv);
		die_errno("run %s", path);
	}
}

/*
 * find_command - what the command line asks for when it is not rtest itself:
 * rtest-NAME is a link to this program, and no PORT begins with a letter
 */
static void find_command(char **argv)
{
	const char *own = argv[0] ? strrchr(argv[0], '/') : NULL;
	const char *name = argv[0] ? argv[1] : NULL;

	own = own ? own + 1 : argv[0];
	if (own && !strncmp(own, "rtest-", 6) && own[6])
		run_command(own + 6, argv);
	if (!name || !isalpha((unsigned char)*name))
		return;
	run_command(name, argv + 1);
	die_usage("'%s' is neither a port nor a command", name);
}

int main(int argc, char **argv)
{
	static char server_str[ADDR_STRLEN], client_str[ADDR_STRLEN];
	struct rtest t = {.count = 20,
			  .accepted = -1,
			  .server_str = server_str,
			  .client_str = client_str};
	pthread_t server;

	find_command(argv);
	fill_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	parse_options(&t, argc, argv);
	addr_str(&t.server, server_str);
	addr_str(&t.client, client_str);

	t.listener = start_listener(&t);
	pin();
	server = start_server(&t);
	catch_signals();
	t.start = now_ns();
	banner(&t);
	run_client(&t);
	t.seconds = seconds_since(t.start);
	explain(&t);
	summary(&t);
	stop_server(&t, server);
	return t.failures ? EXIT_REFUSED : EXIT_DONE;
}
