#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/why: processes that it may not look into, commands that are none or do not
# end, names with no address or with forty.  A line says which it is, and what to do.
. "${0%/*}/tap.bash"

export RTEST_BIN=${RTEST_BIN:-$PWD} why=$PWD/scripts/why tmp
export -f up
# LeakSanitizer does not work in a program that is traced.
export ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
cd "$RTEST_BIN" || exit 1
${CC:-cc} -std=gnu11 -I"${why%/scripts/why}" -o "$tmp/refuse" "${why%/scripts/why}/tests/refuse.c" || exit 1
chmod 755 "$tmp"

# act NAME: runs the script on stdin in a sandbox.
act() {
	name=$1
	cat >"$tmp/act"
	run "${why%/why}/sandbox" -- bash "$tmp/act"
}
says() { is "$name: $1" "$2" "$out"; }
tells() { like "$name: $1" "$2" "$err"; }
lines() { is "$name: in one line" "$1" "$(grep -c . "$tmp/.err")"; }

# --- -p PID ---
act 'a process that is gone' <<'END'
sleep 0 & wait
"$why" -p $!
echo "exit $?"
END
tells 'says so' '^why: process [0-9]+: there is none \(in this pid namespace\)$'
lines 1
says 'exit code' 'exit 1'

if [ "$(readlink /proc/2/exe)" ] || ! grep -qx kthreadd /proc/2/comm 2>/dev/null; then
	skip 'a kernel thread' 'none is to be seen in this pid namespace'
else
	run "$why" -p 2
	is 'a kernel thread' '1:why: process 2 (kthreadd): a kernel thread, or a program that has ended: there is nothing to ask about' "$status:$err"
fi

act 'a process in a user and network namespace of its own' <<'END'
unshare -Urn sh -c 'ip link set lo up; exec ./server -n 0 -d 127.0.0.1 8080' </dev/null &
until nsenter -t $! -U -n --preserve-credentials ./peek 8080 2>/dev/null | grep -q LISTEN; do sleep 0.02; done
"$why" -q -p $!
kill $!
END
says 'its sockets are told' 'bind() to 127.0.0.1:8080 when it starts again: would succeed'
is "$name: nothing on stderr" '' "$err"

act 'a process in a pid namespace of its own' <<'END'
unshare -pf --kill-child ./server -n 0 -d 127.0.0.1 8080 </dev/null & up LISTEN 8080
"$why" -q -p "$(pgrep -P $!)"
kill $!
END
says 'its sockets are told' 'bind() to 127.0.0.1:8080 when it starts again: would succeed'

act 'pidfd_getfd() is forbidden' <<'END'
./server -n 0 -d 127.0.0.1 8080 </dev/null & up LISTEN 8080
"$tmp/refuse" pidfd_getfd "$why" -p $!
echo "exit $?"
kill $!
END
tells 'which, and what to do' '^why: process [0-9]+: Operation not permitted \(a seccomp filter, as of a container, forbids it: run it outside, or ask why bind, why connect\)'
lines 1
says 'exit code' 'exit 1'

# --- -- COMMAND ---
act 'ptrace() is forbidden' <<'END'
"$tmp/refuse" ptrace "$why" -- echo not this
echo "exit $?"
END
tells 'which, and what to do' '^why: ptrace: Operation not permitted \(a seccomp filter, as of a container, forbids it: run it outside, or ask'
lines 1
says 'the command has not run' 'exit 1'

act 'seccomp() is forbidden' <<'END'
"$tmp/refuse" seccomp "$why" -- echo not this
echo "exit $?"
END
tells 'which, and what to do' '^why: a seccomp filter: Operation not permitted \(this kernel, or a container, forbids it: use why -p PID\)'
lines 1
says 'the command has not run' 'exit 1'

act 'a command that is traced already' <<'END'
"$why" -q -- "$why" -- echo not this
echo "exit $?"
END
tells 'which, and what to do' '^why: ptrace: .*\(it is traced already, by strace, a debugger or another why: leave one out\)'
lines 1
says 'the command has not run' 'exit 1'

skip 'yama' 'its switch is one for the whole machine'

act 'no command' <<'END'
for command in ./no-such-program "$tmp" "$tmp/act" ''; do
	"$why" -- "$command"
	echo "exit $?"
done
END
says 'exit codes, as of a shell' 'exit 127
exit 126
exit 126
exit 127'
lines 4

if two_users; then
	act 'a setuid command' <<-'END'
	cp server "$tmp/suid" && chmod 4755 "$tmp/suid"
	setpriv --reuid 65534 --clear-groups --inh-caps=-all "$why" -- "$tmp/suid" 0.0.0.0 80 </dev/null
	echo "exit $?"
	END
	tells 'says so' "^why: $tmp/suid is setuid or setgid: a program that is watched does not get that right"
	tells 'and what came of it' 'failed with EACCES'
	says "the command's own exit code" 'exit 1'
else
	skip 'a setuid command' 'only root can be two users, in a folder that others may enter'
fi

act 'a command that forks and ends' <<'END'
"$why" -- sh -c '(until [ -e "$tmp/go" ]; do sleep 0.02; done; ./client 127.0.0.1 9; echo >"$tmp/done") & exit 3'
echo "exit $?"
echo >"$tmp/go"
until [ -e "$tmp/done" ]; do sleep 0.02; done
END
says 'its exit code; its child goes on' 'exit 3'

if ! command -v script >/dev/null; then
	skip 'Ctrl-C goes to the command' 'no script(1)'
else
	act 'a command that does not end' <<-'END'
	cat >"$tmp/waits" <<-'IN'
	trap 'echo interrupted; exit 5' INT
	echo >"$tmp/ready"
	while :; do sleep 0.05; done
	IN
	{
		until [ -e "$tmp/ready" ]; do sleep 0.02; done
		printf '\003'
		until [ -e "$tmp/over" ]; do sleep 0.02; done
	} | { script -qec 'stty -echo; exec "$why" -q -- bash "$tmp/waits"' /dev/null; echo "exit $?"; echo >"$tmp/over"; }
	END
	out=${out//$'\r'/}
	# Without echo: isig() of n_tty signals first and echoes ^C later, which may come
	# behind the command's own word.  exec: a dash in between ends of the signal at once.
	says 'Ctrl-C goes to it' 'interrupted
exit 5'
fi

act 'ten thousand calls' <<'END'
SECONDS=0
"$why" -q -- ./client --bulk -n 5000 127.0.0.1 8888 >"$tmp/bulk"
echo "exit $?"
echo "$SECONDS" >"$tmp/took"
END
says 'all go through' 'exit 0'
if (($(<"$tmp/took") >= 5)); then
	skip "$name: what slows it is said" 'from 2,000 calls a second on, and this machine is too slow for that'
else
	tells 'what slows it is said' 'why: ./client made 1[0-9]{4} calls of sockets, [0-9]+ a second; each was stopped twice to be watched, and that slowed it'
	lines 1
fi

# Without libc, so that it can be linked where there is none for 32 bits.
cat >"$tmp/small.c" <<'END'
void _start(void) { __asm__ volatile("int $0x80" : : "a"(1), "b"(7)); }
END
if ${CC:-cc} -m32 -nostdlib -static -fno-pie -no-pie -fno-stack-protector -o "$tmp/small" "$tmp/small.c" 2>/dev/null &&
	{ "$tmp/small"; [ $? = 7 ]; } 2>/dev/null; then
	run "$why" -- "$tmp/small"
	like 'a 32-bit program: says so' '^why: small, pid [0-9]+, is a 32-bit program: its calls are not watched \(why -p [0-9]+ reads its sockets\)$' "$err"
	is 'a 32-bit program: its exit code' 7 "$status"
else
	skip 'a 32-bit program' 'none can be made or run here'
fi

# --- names ---
act 'a name with forty addresses' <<'END'
for i in {1..40}; do echo "127.0.1.$i many"; done >"$tmp/hosts"
mount --bind "$tmp/hosts" /etc/hosts || exit 9
./server -n 0 -d 127.0.1.3 8080 </dev/null & up LISTEN 8080
"$why" -q connect many:9
"$why" -q connect many:8080
"$why" -q bind many:8080
kill $!
END
if [ "$status" = 9 ]; then
	skip "$name" 'no mount over /etc/hosts'
else
	says 'one line each' 'connect fails with ECONNREFUSED (127.0.1.40; before it 127.0.1.1 and 38 more: fails with ECONNREFUSED)
connect would succeed (127.0.1.3; before it 127.0.1.1 and 1 more: fails with ECONNREFUSED)
bind fails with EADDRINUSE (127.0.1.3; before it 127.0.1.1 and 1 more: would succeed)'
fi

finish
