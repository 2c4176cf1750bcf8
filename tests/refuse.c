// SPDX-License-Identifier: MIT
/*
 * refuse - runs a command in which a call fails with EPERM, as in a container
 *
 *	refuse ptrace|pidfd_getfd|seccomp COMMAND ...
 */
#include "src/net.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int main(int argc, char **argv)
{
	unsigned int call = SYS_ptrace;

	prog_name = "refuse";
	if (argc < 3)
		die_usage("a call and a command are wanted");
	if (!strcmp(argv[1], "pidfd_getfd"))
		call = SYS_pidfd_getfd;
	else if (!strcmp(argv[1], "seccomp"))
		call = SYS_seccomp;
	else if (strcmp(argv[1], "ptrace") != 0)
		die_usage("'%s' is no call of ours", argv[1]);

	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		die_errno("seccomp");
	execvp(argv[2], argv + 2);
	die_errno("%s", argv[2]);
}
