/* SPDX-License-Identifier: MIT */
/*
 * sockets.h - a TCP socket's state, its error, the advice on that error, and
 * the end of its connection; net.h includes it
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "net.h"

#include <signal.h>

/*
 * How long to wait for events that take microseconds, in seconds.  A lost SYN
 * comes again after one (RFC 6298, 2.1), a lost FIN after 0.2.
 */
#define WAIT_S 10

/* socket_error - SO_ERROR, which is read and cleared; 0: none */
static inline int socket_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) ? errno : err;
}

/*
 * socket_advice - " (what to do)" or "", into @buf, after @call ("bind") failed
 * @local: the address it was about, or NULL
 */
static inline const char *socket_advice(const char *call, int err,
					const struct addr *local, char *buf,
					size_t size)
{
	bool binds = local && !strcmp(call, "bind");
	const char *text = "";

	if (err == EMFILE)
		text = " (raise 'ulimit -n')";
	else if (err == ENOPROTOOPT && !strcmp(call, "setsockopt"))
		text = " (this kernel does not have it)";
	else if (err == EADDRNOTAVAIL && binds)
		text = " (no address of this machine: see 'ip address')";
	else if (err == EINVAL && binds && local->sa.sa_family == AF_INET6 &&
		 IN6_IS_ADDR_LINKLOCAL(&local->in6.sin6_addr))
		text = " (a link-local address wants %ZONE)";
	snprintf(buf, size, "%s", text);
	if (err == EACCES && binds)
		snprintf(buf, size,
			 " (ports below 1024 want root, or sysctl "
			 "net.ipv4.ip_unprivileged_port_start=%u)",
			 (unsigned int)addr_port(local));
	return buf;
}
#define ADVICE_SIZE 112

/* The states of enum tcp_state (include/net/tcp_states.h), as ss names them. */
static inline const char *state_name(int state)
{
	static const char *const names[] = {
		"UNCONN",     "ESTAB",	    "SYN-SENT",	 "SYN-RECV",
		"FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN",
		"CLOSE-WAIT", "LAST-ACK",   "LISTEN",	 "CLOSING",
	};

	if (state < 0 || state >= (int)(sizeof(names) / sizeof(names[0])))
		return "UNKNOWN";
	return names[state];
}

/*
 * tcp_state - the state of a TCP socket; -1 with errno.  A segment in the
 * backlog does not count: tcp_get_info() reads the state before it locks.
 */
static inline int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return -1;
	return info.tcpi_state;
}

/* proc_addr - an address as /proc/net/tcp has it: 0100007F:AD70 */
static inline void proc_addr(const struct addr *a, char buf[static 48])
{
	bool v6 = a->sa.sa_family == AF_INET6;
	uint32_t word[4];

	if (v6)
		memcpy(word, &a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
	else
		memcpy(word, &a->in.sin_addr, sizeof(a->in.sin_addr));
	for (int i = 0; i < (v6 ? 4 : 1); i++)
		buf += sprintf(buf, "%08X", (unsigned int)word[i]);
	sprintf(buf, ":%04X", (unsigned int)addr_port(a));
}

/*
 * tcp_state_of - the state of @local -> @remote in this network namespace, by
 * /proc/net/tcp or tcp6, which has timewait sockets too; 0: none; -1 with errno
 */
static inline int tcp_state_of(const struct addr *local,
			       const struct addr *remote)
{
	char want_l[48], want_r[48], l[48], r[48], line[512];
	bool v6 = local->sa.sa_family == AF_INET6;
	FILE *f = fopen(v6 ? "/proc/net/tcp6" : "/proc/net/tcp", "re");
	unsigned int state;
	int found = 0;

	if (!f)
		return -1;
	proc_addr(local, want_l);
	proc_addr(remote, want_r);
	while (!found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %47s %47s %x", l, r, &state) == 3 &&
		    !strcmp(l, want_l) && !strcmp(r, want_r))
			found = (int)state;
	fclose(f);
	return found;
}

/*
 * await_closed - wait until @fd is in TCP_CLOSE, for WAIT_S at most, or until
 * @stop (or NULL) is set; returns 0 or an errno value
 *
 * Then it is out of the kernel's table (tcp_set_state() unhashes first), its
 * LAST-ACK over, or a timewait socket in its place (tcp_time_wait()).
 * getpeername() gives ENOTCONN (inet_getname()), nearly always at once.
 */
static inline int await_closed(int fd, const volatile sig_atomic_t *stop)
{
	const struct timespec nap = {.tv_nsec = 50000};
	struct addr peer;
	int64_t end = 0;

	while (peer_addr(fd, &peer)) {
		if (!end)
			end = now_ns() + WAIT_S * INT64_C(1000000000);
		else if (now_ns() >= end)
			return ETIMEDOUT;
		if (stop && *stop)
			return EINTR;
		nanosleep(&nap, NULL);
	}
	return errno == ENOTCONN ? 0 : errno;
}

#endif /* SOCKETS_H */
