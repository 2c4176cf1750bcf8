/* SPDX-License-Identifier: MIT */
/*
 * watch - makes, sees and explains the calls of sockets, for why
 *
 *	watch --why WHY [-q] -- COMMAND ...	run COMMAND; for each bind(),
 *		connect() and listen() of a TCP socket that fails, run WHY
 *		--event WORDS while the thread that made it stands still; -q:
 *		with the word quiet=1
 *	watch -p PID	the TCP sockets of a process, as WORDS
 *	watch --owns PID	whether its capabilities count, see owns_net()
 *	watch --name HOST	its addresses, see print_names()
 *	watch --range LO-HI WORDS	what holds the ports, see range.c
 *	watch --call bind|listen|connect WORDS	make that call (bind() before
 *		listen(), and before connect() if it is asked for), print what
 *		came of it
 *
 * WORDS are name=value: the options that the socket really has, its addresses.
 *
 * A seccomp filter stops the three calls alone (SECCOMP_RET_TRACE), and
 * getsockopt(SO_ERROR), by which a program hears of a connect() that it did not
 * wait for; everything else runs at full speed.  The filter needs its tracer
 * for as long as a process has it, so the tracer is a process of its own, which
 * stays until the last one has ended; the first one ends with COMMAND, and as
 * it does.  The socket is read from a duplicate, pidfd_getfd(2), since
 * Linux 5.6.
 */
#include "calls.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#define ARCH 0
#endif

/* start - COMMAND itself, once it is traced; does not return */
static void start(char **command, int go)
{
	enum { TRACE = 11, ALLOW };
	struct sock_filter code[] = {
#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
		LOAD(arch),
		IS(ARCH, 0, ALLOW - 2),
		LOAD(nr),
		IS(SYS_bind, TRACE - 4, 0),
		IS(SYS_connect, TRACE - 5, 0),
		IS(SYS_listen, TRACE - 6, 0),
		IS(SYS_getsockopt, 0, ALLOW - 7),
		LOAD(args[1]),
		IS(SOL_SOCKET, 0, ALLOW - 9),
		LOAD(args[2]),
		IS(SO_ERROR, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(1);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) &&
	    (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))) {
		warn_advice(errno,
			    " (this kernel, or a container, forbids it: use "
			    "why -p PID)",
			    "a seccomp filter");
		_exit(1);
	}
	execvp(command[0], command);
	warn_errno(errno, "%s", command[0]);
	_exit(errno == ENOENT ? 127 : 126);
}

static bool ran, unwatched; /* COMMAND; a program whose calls are not seen */

/* stopped - a thread stands still: look why, and let it go on */
static void stopped(pid_t tid, int status)
{
	struct thread *t = thread_of(tid, true);
	const int signal = WSTOPSIG(status), event = status >> 16;
	struct __ptrace_syscall_info info;
	int how = PTRACE_CONT, pass = 0;
	unsigned long former;

	if (signal == (SIGTRAP | 0x80) || event == PTRACE_EVENT_SECCOMP) {
		memset(&info, 0, sizeof(info));
		if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <
			    0 &&
		    errno != ESRCH)
			die_errno("PTRACE_GET_SYSCALL_INFO (since Linux 5.3)");
		if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
			enter(t, &info);
			how = PTRACE_SYSCALL;
		} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->nr >= 0) {
			leave(t, (long)info.exit.rval);
			t->nr = -1;
		} else if (t->nr >= 0) {
			how = PTRACE_SYSCALL;
		}
	} else if (event == PTRACE_EVENT_STOP) {
		if (signal != SIGTRAP)
			how = PTRACE_LISTEN; /* as SIGSTOP has it */
	} else if (event == PTRACE_EVENT_EXEC) {
		if (!ptrace(PTRACE_GETEVENTMSG, tid, 0, &former) &&
		    (pid_t)former != tid)
			forget((pid_t)former);
		ran = true;
		unwatched |= !look_at(tid);
	} else if (!event) {
		pass = signal;
	}
	if (ptrace(how, tid, 0, (void *)(intptr_t)pass) && errno != ESRCH)
		warn_errno(errno, "ptrace");
}

/* say_rest - the calls that were not explained, and the price of watching */
static void say_rest(const char *name, int64_t ns)
{
	if (ran && !unwatched && !n_seen && !unread && !brief)
		fprintf(stderr,
			"why: %s: no bind(), connect() or listen() of a TCP "
			"socket failed at once\n",
			name);
	if (unread)
		fprintf(stderr,
			"why: %s: %zu call%s failed on a socket, or with an "
			"address, that cannot be read\n",
			name, unread, unread > 1 ? "s" : "");
	if (repeats)
		fprintf(stderr, "why: %zu more calls failed as those did\n",
			repeats);
	if (ns > 100000000 && calls > ns / 500000)
		fprintf(stderr,
			"why: %s made %lld calls of sockets, %lld a second; "
			"each was stopped twice to be watched, and that "
			"slowed it\n",
			name, calls, (long long)(calls * 1000000000 / ns));
}

/* apart - a pipe none of whose ends is 0, 1 or 2, which the caller may have
 * closed */
static int apart(int ends[2])
{
	int fd;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	for (int i = 0; i < 2; i++) {
		fd = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return -1;
		close(ends[i]);
		ends[i] = fd;
	}
	return 0;
}

/*
 * is_passed - signals for COMMAND: all that can be caught, but for those of job
 * control, of children, and of what we do wrong ourselves
 */
static bool is_passed(int sig)
{
	static const int ours[] = {SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU,
				   SIGCHLD, SIGPIPE, SIGSEGV, SIGBUS,  SIGFPE,
				   SIGILL,  SIGABRT, SIGTRAP, SIGSYS};

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (ours[i] == sig)
			return false;
	return true;
}

/* trace - COMMAND and all that it starts; its wait status goes to REPORT */
static void trace(char **command, int report, const struct sigaction *actions,
		  const sigset_t *mask)
{
	const int64_t begin = now_ns();
	int go[2], status, null;
	pid_t tid, child;

	if (apart(go) || (child = fork()) < 0)
		die_errno("%s", command[0]);
	if (!child) {
		close(report);
		close(go[1]);
		for (int s = 1; s <= SIGRTMAX; s++)
			if (is_passed(s))
				sigaction(s, &actions[s], NULL);
		sigprocmask(SIG_SETMASK, mask, NULL);
		start(command, go[0]);
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
	close(go[0]);
	open_standard_fds();
	if (write(report, &child, sizeof(child)) != sizeof(child))
		die_errno("%s", command[0]);
	if (ptrace(PTRACE_SEIZE, child, 0,
		   PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |
			   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
			   PTRACE_O_EXITKILL)) {
		const int err = errno;

		warn_advice(err, who_forbids(child), "ptrace");
		kill(child, SIGKILL);
		exit(EXIT_REFUSED);
	}
	if (write(go[1], "", 1) != 1)
		die_errno("%s", command[0]);
	close(go[1]);
	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (tid < 0)
			continue;
		if (WIFSTOPPED(status)) {
			stopped(tid, status);
			continue;
		}
		forget(tid);
		if (tid != child)
			continue;
		say_rest(command[0], now_ns() - begin);
		/*
		 * The processes that COMMAND has left running have the filter:
		 * their tracer stays, explains no more, and holds no
		 * descriptor but /dev/null.
		 */
		why = "/bin/true";
		null = open("/dev/null", O_RDWR);
		for (int fd = 0; null >= 0 && fd < 3; fd++)
			dup2(null, fd);
		if (write(report, &status, sizeof(status)) < 0)
			break;
		close(report);
		report = -1;
	}
	exit(EXIT_DONE);
}

static volatile sig_atomic_t command_pid;

/* pass_on - a signal for COMMAND; the terminal's go to it without us */
static void pass_on(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code <= 0 && command_pid > 0)
		kill((pid_t)command_pid, signal);
}

static int watch_command(char **command)
{
	struct sigaction old[_NSIG],
		pass = {.sa_sigaction = pass_on,
			.sa_flags = SA_SIGINFO | SA_RESTART};
	sigset_t all, mask;
	int report[2], status;
	pid_t tracer, child;

	if (!ARCH)
		die_usage("-- COMMAND is not for this kind of machine");
	if (syscall(SYS_pidfd_getfd, -1, 0, 0) && errno == ENOSYS)
		die_errno("pidfd_getfd (since Linux 5.6)");
	if (apart(report))
		die_errno("%s", command[0]);
	/* One that comes before there is a COMMAND waits for it. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	for (int s = 1; s <= SIGRTMAX; s++)
		if (is_passed(s))
			sigaction(s, &pass, &old[s]);
	tracer = fork();
	if (tracer < 0)
		die_errno("%s", command[0]);
	if (!tracer) {
		close(report[0]);
		trace(command, report[1], old, &mask);
	}
	close(report[1]);
	if (read(report[0], &child, sizeof(child)) != sizeof(child))
		return EXIT_REFUSED;
	command_pid = child;
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (read(report[0], &status, sizeof(status)) != sizeof(status))
		return EXIT_REFUSED;
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	/* It ends as COMMAND did; the core is COMMAND's. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	prog_name = "why";
	if (argc > 4 && !strcmp(argv[1], "--why")) {
		why = argv[2];
		brief = !strcmp(argv[3], "-q");
		return watch_command(argv + (brief ? 5 : 4));
	}
	if (argc == 3 && !strcmp(argv[1], "-p"))
		return list_process(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "--owns"))
		return owns_net(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "--name"))
		return print_names(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "--range"))
		return tell_range(argv[2], argv + 3);
	if (argc > 2 && !strcmp(argv[1], "--call"))
		return make_call(argv[2], argv + 3);
	fputs("usage: watch --why WHY [-q] -- COMMAND ... | -p PID | --owns PID | --name HOST | "
	      "--range LO-HI WORDS | --call bind|listen|connect WORDS\n",
	      stderr);
	return EXIT_USAGE;
}
