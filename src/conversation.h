/* SPDX-License-Identifier: MIT */
/*
 * conversation.h - conversations of server and client, one for each connection,
 * and the talk: all of them, and the options
 *
 *	conversation.c	one connection: say, hear, half close, close
 *	relay.c		server -F: each is joined to one that the relay makes
 *	events.c	its events: -j, -v, errors
 *	talk.c		options, sockets, timers, stdin, and the loop
 */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include "net.h"

#include <sys/epoll.h>

/* From linux/in.h; older libc headers lack them. */
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

/* A connection waits for one thing at a time; each kind has its own pause. */
enum conv_timer {
	CONV_T_CONNECT, /* client -t: the deadline of connect() */
	CONV_T_FIRST,	/* -P: before the first read or write */
	CONV_T_EOF,	/* -Q: after the peer's FIN, before our close() */
	CONV_T_FIN,	/* -w: for the peer's FIN, after ours */
	CONV_TIMERS,
};

enum conv_phase {
	CONV_CONNECTING,
	CONV_PAUSED,  /* -P */
	CONV_TALKING, /* until close() is due */
	CONV_LEAVING, /* -Q */
	CONV_BROKEN,  /* reset, and held (-H) */
};

/* A ring; its head is a conv_link too. */
struct conv_link {
	struct conv_link *prev, *next;
};

struct conv {
	struct conv_link all, timer;
	int64_t due;	/* of the timer, by now_ns() */
	bool timed;	/* in a ring of timers */
	bool bound;	/* client: bind() came before connect() */
	bool said;	/* all of -B and -m is handed to the kernel */
	bool heard;	/* all of -x has come, or there is no -x */
	bool eof;	/* the peer's FIN has come */
	bool fin_sent;	/* shutdown(SHUT_WR) */
	uint32_t armed; /* epoll's events; 0: not in epoll */
	enum conv_phase phase;
	int fd;
	int64_t filler_left;	/* of -B */
	int64_t sent, received; /* payload bytes */
	size_t say_done, matched;
	int64_t rounds;	 /* begun: see -r */
	int64_t earlier; /* times -x has come before its round */
	struct addr local, peer;
};

struct talk {
	bool reuseaddr, reuseport, close_first, half_close, hold, no_stdin;
	bool verbose, json;
	bool speaks_first; /* -m before -x (client), or after it (server) */
	bool in_a_row;	   /* another connect() may follow each close() */
	bool no_port;	   /* client -N */
	bool takes_stdin;  /* stdin goes to the newest conversation */
	uint32_t range;	   /* client -R: HI << 16 | LO, or 0 */
	int64_t linger;	   /* -L, in seconds; -1: leave SO_LINGER alone */
	int64_t pause[CONV_TIMERS]; /* ns; -1: none, or no deadline */
	const char *say, *hear;
	int64_t filler;
	int64_t count;	/* -n; 0: no limit */
	int64_t rounds; /* -r; 0: as many as the peer likes */

	int64_t started; /* now_ns() at program start */
	int status;	 /* the exit code so far */
	int epfd;
	/* Deals with epoll's events for a conversation: conv_step(). */
	void (*step)(struct talk *, struct conv *, uint32_t events);
	struct conv_link all; /* oldest first */
	struct conv_link timers[CONV_TIMERS];
	unsigned long open, connecting;
	int64_t connections;
	bool stdin_eof;
	struct conv *stdin_to; /* gets the bytes in stdin_buf */
	size_t stdin_done, stdin_len;
	char stdin_buf[65536];
	char buf[262144];
	char filler_buf[262144];
};

/* An event; NULL or 0: there is no such fact. */
struct facts {
	const char *event, *call;
	const struct addr *local, *peer;
	int err;
	const int64_t *bytes, *sent, *connections, *time_waits;
	const char *data;
	size_t data_len;
	int socket; /* its options are told, in JSON */
};

/* events.c */
void talk_out(const char *p, size_t n);
void tell(struct talk *t, const struct facts *f);
void tell_failure(struct talk *t, struct facts *f);
/* The two ends of a conversation, as facts. */
#define ENDS(c)		   .local = &(c)->local, .peer = &(c)->peer
#define TELL(t, name, ...) tell(t, &(struct facts){.event = name, __VA_ARGS__})
#define FAIL(t, what, why, ...) \
	tell_failure(t, &(struct facts){.call = what, .err = why, __VA_ARGS__})

/* conversation.c */
void conv_hear(struct talk *t, struct conv *c, const char *p, size_t n);
void conv_arm_for(struct talk *t, struct conv *c, uint32_t events);
void conv_arm(struct talk *t, struct conv *c);
void conv_add(struct talk *t, struct conv *c, int fd, enum conv_phase phase);
struct conv *conv_new(struct talk *t, int fd, enum conv_phase phase);
void conv_begin(struct talk *t, struct conv *c);
void conv_connected(struct talk *t, struct conv *c, int err);
void conv_step(struct talk *t, struct conv *c, uint32_t events);
void conv_advance(struct talk *t, struct conv *c);
void conv_timeout(struct talk *t, struct conv *c, enum conv_timer kind);
void conv_eof(struct talk *t, struct conv *c);
void conv_forget(struct talk *t, struct conv *c);
void conv_end(struct talk *t, struct conv *c);

/* talk.c */
extern volatile sig_atomic_t talk_stop; /* SIGINT or SIGTERM came */
extern int talk_wake; /* an eventfd, readable once talk_stop is set */
int talk_socket(struct talk *t, int family);
bool talk_bind(struct talk *t, int fd, struct addr *local);
bool talk_listen(struct talk *t, int fd, int backlog, const struct addr *at);
bool talk_timer_start(struct talk *t, struct conv *c, enum conv_timer kind);
void talk_timer_stop(struct conv *c);
void talk_init(struct talk *t);
void talk_check(const struct talk *t);
void talk_operands(int argc, char **argv);
void talk_setup(struct talk *t);
bool talk_wait(struct talk *t, int64_t until);
int talk_end(struct talk *t);

static inline void ring_add(struct conv_link *head, struct conv_link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void ring_del(struct conv_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

/* relay.c: server -F */
struct relay {
	struct talk *talk;
	struct addr target; /* of -F */
	bool close_inner;   /* -C */
};

void relay_accepted(struct relay *r, int fd, const struct addr *local,
		    const struct addr *peer);
void relay_step(struct talk *t, struct conv *c, uint32_t events);

/* The options that server and client share: for their tables and their help. */
#define TALK_OPTIONS(t)                                                     \
	{'A', ARG_SET, .to = &(t)->reuseaddr},                              \
		{'T', ARG_SET, .to = &(t)->reuseport},                      \
		{'c', ARG_SET, .to = &(t)->close_first},                    \
		{'h', ARG_SET, .to = &(t)->half_close},                     \
		{'H', ARG_SET, .to = &(t)->hold},                           \
		{'d', ARG_SET, .to = &(t)->no_stdin},                       \
		{'v', ARG_SET, .to = &(t)->verbose},                        \
		{'j', ARG_SET, .to = &(t)->json},                           \
		{'L', ARG_NUMBER, .to = &(t)->linger, 0, 65535},            \
		{'w', ARG_SECONDS, .to = &(t)->pause[CONV_T_FIN]},          \
		{'P', ARG_SECONDS, .to = &(t)->pause[CONV_T_FIRST]},        \
		{'Q', ARG_SECONDS, .to = &(t)->pause[CONV_T_EOF]},          \
		{'m', ARG_TEXT, .to = &(t)->say},                           \
		{'x', ARG_TEXT, .to = &(t)->hear},                          \
		{'r', ARG_NUMBER, .to = &(t)->rounds, 0, 1000000000},       \
		{'B', ARG_NUMBER, .to = &(t)->filler, 0, INT64_C(1) << 40}, \
		{'n', ARG_NUMBER, .to = &(t)->count, 0, 1000000000},
#define TALK_HELP                                                                        \
	"The close:\n"                                                                   \
	"  -c         close first: send all, hear -x, then shutdown(), read until\n"     \
	"             the peer's FIN, close(). -L 0 -c: close() at once, which sends\n"  \
	"             RST. Ignores stdin\n"                                              \
	"  -h         half close: shutdown() when all is sent, at the end of stdin\n"    \
	"             without -m and -B; then read until the peer's FIN, close()\n"      \
	"  -H         hold: no close() until SIGINT or SIGTERM. Ignores stdin\n"         \
	"  -d         do not read stdin; close() after the peer's FIN\n"                 \
	"  -w SECS    with -c: wait SECS for the peer's FIN, then close(), which\n"      \
	"             leaves an orphan in FIN-WAIT-2 (no limit). 0: no shutdown(),\n"    \
	"             close() at once; unread bytes make it send RST\n"                  \
	"  -L SECS    SO_LINGER; 0: close() sends RST; else close() may block so long\n" \
	"  -P SECS    pause before the first read or write\n"                            \
	"  -Q SECS    pause between the peer's FIN and close()\n"                        \
	"\n"                                                                             \
	"Payload:\n"                                                                     \
	"  -m TEXT    send TEXT\n"                                                       \
	"  -x TEXT    wait until TEXT has come; exit 1 if the peer closes before\n"      \
	"  -B BYTES   send so many bytes, before -m's TEXT; up to 2^40\n"                \
	"  -r ROUNDS  do -m and -x so many times on each connection (1); 0: until\n"     \
	"             the peer closes. -j and -v report the last round alone\n"          \
	"\n"                                                                             \
	"Output:\n"                                                                      \
	"  -v         report each step on stderr\n"                                      \
	"  -j         report each step on stdout as a line of JSON, in place of the\n"   \
	"             bytes that are received\n"                                         \
	"  --help, --version\n"                                                          \
	"\n"                                                                             \
	"Sockets:\n"                                                                     \
	"  -A         SO_REUSEADDR\n"                                                    \
	"  -T         SO_REUSEPORT\n"

#endif /* CONVERSATION_H */
