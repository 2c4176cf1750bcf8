// SPDX-License-Identifier: MIT
/*
 * ends.c - shared by client's modes that have both ends in one process
 */
#include "modes.h"

/* read_port_range - net.ipv4.ip_local_port_range, or exit 1 */
void read_port_range(unsigned int *low, unsigned int *high)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_local_port_range";
	FILE *f = fopen(path, "re");

	if (!f)
		die_errno("%s", path);
	if (fscanf(f, "%u %u", low, high) != 2 || *low > *high || *high > 65535)
		refuse("%s: not two ports", path);
	fclose(f);
}

/* blocking_socket - a TCP socket whose calls block, or exit 1 */
int blocking_socket(sa_family_t family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die_errno("socket");
	return fd;
}

/* listen_at - a listener that blocks, with SO_REUSEADDR, or exit 1 */
int listen_at(const struct addr *at)
{
	int fd = blocking_socket(at->sa.sa_family);
	char text[ADDR_STRLEN];

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
	    bind(fd, &at->sa, at->len) || listen(fd, 16))
		die_errno("listen on %s", addr_str(at, text));
	return fd;
}

/* accept_end - the other end of a connection that has just been made */
int accept_end(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		die_errno("accept");
	return fd;
}

/* await_fin - wait for the peer's FIN; neither end ever writes */
void await_fin(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0)
		if (errno != EINTR)
			die_errno("read");
}
