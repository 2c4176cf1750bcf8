/* SPDX-License-Identifier: MIT */
/* calls - the calls that watch has stopped; see calls.c */
#ifndef CALLS_H
#define CALLS_H

#include "words.h"

#include <sys/ptrace.h>

/* A thread of COMMAND, or of what it has started. */
struct thread {
	struct thread *next;
	pid_t tid;
	long nr; /* the call that it is in; -1: none */
	int fd;
	uint64_t optval; /* of getsockopt() */
	struct addr to, from;
	bool tcp;
	bool unread; /* its address cannot be read */
};

extern size_t n_seen;	/* calls that were explained */
extern size_t repeats;	/* calls that failed as one that was explained */
extern size_t unread;	/* calls that failed, of what cannot be read */
extern long long calls; /* that were stopped */
extern const char *why; /* the program that explains */
extern bool brief;	/* in one line a call */

struct thread *thread_of(pid_t tid, bool make);
void forget(pid_t tid);
void enter(struct thread *t, const struct __ptrace_syscall_info *info);
void leave(struct thread *t, long value);
bool look_at(pid_t pid);

#endif
