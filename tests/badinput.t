#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# server and client given what they cannot use: one line on stderr, the right
# exit code, and nothing left.

unshare -Urn true 2>/dev/null ||
	{ echo "1..0 # SKIP unshare -Urn is refused here"; exit 0; }
[ "${RTEST_T_NS-}" ] ||
	exec env RTEST_T_NS=1 unshare -Urn --kill-child -f -- "$0" "$@"
. "${0%/*}/tap.bash"
ip link set lo up

server=${SERVER-$(program server)}
client=${CLIENT-$(program client)}
[ "$server" ] && [ "$client" ] || exit 1

# refused STATUS REGEX COMMAND...: nothing on stdout, one line on stderr that
# matches, this exit code.
refused() {
	local want=$1 regex=$2 name=client
	shift 2
	[ "$1" != "$server" ] || name=server
	run "$@"
	is "$name ${*:2}: exit $want, one line" "$want||1" \
		"$status|$out|$(grep -c '' "$tmp/.err")"
	like "$name ${*:2}: says why" "^$name: $regex" "$err"
}

# usage REGEX COMMAND...: a usage error, which names the way to the help.
usage() {
	local regex=$1
	shift
	refused 2 "$regex.*\(try '[a-z]+ --help'\)$" "$@"
}

# --- the command line ---------------------------------------------------------

for port in 65536 -1 99999999999999999999 80x x80 0x50 '' ' 80' 8.0 http; do
	usage "PORT wants a whole number from 0 to 65535, not '$port'" \
		"$server" -- "$port"
	usage "PORT wants a whole number from 1 to 65535, not '$port'" \
		"$client" -- 127.0.0.1 "$port"
done
usage "PORT wants .* not '0'" "$client" 127.0.0.1 0
usage "-b wants .* from 0 to 65535, not '65536'" "$client" -b 65536 127.0.0.1 80
usage "-b wants .* not '80x'" "$client" -p 80x 127.0.0.1 80
usage "PORT is missing" "$server"
usage "PORT is missing" "$server" -A
usage "ADDR and PORT are wanted" "$client"
usage "ADDR and PORT are wanted" "$client" 80
usage "ADDR and PORT are two words: 'server 127.0.0.1 8080'" "$server" 127.0.0.1:8080
usage "ADDR and PORT are two words: 'client ::1 8080'" "$client" '[::1]:8080'
usage "ADDR and PORT are wanted" "$client" here
usage "--ages wants a value" "$client" 127.0.0.1 80 --ages
usage "one ADDR and one PORT, not also '3'" "$server" 127.0.0.1 80 3
usage "one ADDR and one PORT, not also 'x'" "$client" 127.0.0.1 80 x
for prog in "$server" "$client"; do
	usage "unknown option '-Z'" "$prog" -Z 127.0.0.1 80
	usage "unknown option '--nonsense'" "$prog" --nonsense 127.0.0.1 80
	usage "unknown option '--help=me'" "$prog" --help=me 127.0.0.1 80
	usage "-m wants a value" "$prog" 127.0.0.1 80 -m
	usage "-x wants a text" "$prog" -x '' 127.0.0.1 80
	for seconds in x '' -1 1e3 1.x 86401 0.5s .; do
		usage "-w wants seconds from 0 to 86400, not '$seconds'" \
			"$prog" -c -w "$seconds" 127.0.0.1 80
	done
	usage "-P wants seconds" "$prog" -P x 127.0.0.1 80
	usage "-Q wants seconds" "$prog" -Q x 127.0.0.1 80
	usage "-L wants" "$prog" -L -1 127.0.0.1 80
	usage "-L wants" "$prog" -L 65536 127.0.0.1 80
	usage "-n wants" "$prog" -n -1 127.0.0.1 80
	usage "-n wants" "$prog" -n 1k 127.0.0.1 80
	usage "-B wants .* to 1099511627776, not '1099511627777'" \
		"$prog" -B 1099511627777 127.0.0.1 80
	usage "-B wants" "$prog" -B -1 127.0.0.1 80
	usage "-B wants" "$prog" -B 99999999999999999999999 127.0.0.1 80
	usage "-B wants" "$prog" -B '' 127.0.0.1 80
	usage "-c closes and -H never does" "$prog" -c -H 127.0.0.1 80
	usage "-c closes whole and -h half" "$prog" -c -h 127.0.0.1 80
	usage "-w needs -c" "$prog" -w 1 127.0.0.1 80
	for addr in 300.1.1.1 1.2.3.4.5 ::g fe80::1%nowhere no.such.name.invalid \
		'' ' ' "$(printf 'x%.0s' {1..300})"; do
		usage "ADDR: cannot use '$addr' as an address" "$prog" "$addr" 80
	done
done
usage "-q wants" "$server" -q x 80
usage "-O wants seconds" "$server" -O x 80
usage "-i wants seconds" "$client" -i x 127.0.0.1 80
usage "-t wants seconds" "$client" -t x 127.0.0.1 80
usage "-l: cannot use 'x y'" "$client" -l 'x y' 127.0.0.1 80
usage "-l ::1 and ADDR are not both" "$client" -l ::1 127.0.0.1 80
usage "-R wants LO-HI" "$client" -R 5 127.0.0.1 80
usage "-R wants LO-HI, the lower" "$client" -R 6-5 127.0.0.1 80
usage "-R wants" "$client" -R 5- 127.0.0.1 80
usage "-R wants" "$client" -R -5 127.0.0.1 80
usage "-R wants" "$client" -R 1-65536 127.0.0.1 80
usage "-R wants" "$client" -R 0000000000000001-2 127.0.0.1 80
usage "-R wants" "$client" -R 1-2-3 127.0.0.1 80
is "no usage error has touched a socket" "" "$(ss -Htan)"

# --- what the system refuses ------------------------------------------------------

refused 1 "bind to 192.0.2.1:7001: [A-Za-z ]+ \(.*\) \[EADDRNOTAVAIL\]$" \
	"$server" 192.0.2.1 7001
refused 1 "bind to 192.0.2.1:0: [A-Za-z ]+ \(.*\) \[EADDRNOTAVAIL\]$" \
	"$client" -l 192.0.2.1 127.0.0.1 7001
refused 1 "connect to 192.0.2.1:80: [A-Za-z ]+ \[ENETUNREACH\]$" \
	"$client" 192.0.2.1 80
refused 1 "connect to 127.0.0.1:7001: [A-Za-z ]+ \[ECONNREFUSED\]$" \
	"$client" 127.0.0.1 7001
if [ -e /proc/net/if_inet6 ]; then
	refused 1 "bind to \[fe80::1\]:7001: Invalid argument \(.*ZONE\) \[EINVAL\]$" \
		"$server" fe80::1 7001
fi

"$server" -o -j 7002 >"$tmp/s.out" 2>&1 &
pid=$!
until_true grep -q bound "$tmp/s.out"
refused 1 "bind to 0.0.0.0:7002: [A-Za-z ]+ \[EADDRINUSE\]$" \
	"$server" 7002
refused 1 "bind to 0.0.0.0:7002: [A-Za-z ]+ \[EADDRINUSE\]$" \
	"$client" -b 7002 127.0.0.1 7003
kill "$pid"
wait "$pid"
is "the holder of the port is well" 0 $?

# Root in this namespace, but for the right to the low ports.
low=$(</proc/sys/net/ipv4/ip_unprivileged_port_start)
if [ "$low" -gt 80 ] && command -v setpriv >/dev/null; then
	drop=(setpriv --bounding-set=-net_bind_service --inh-caps=-net_bind_service)
	run "${drop[@]}" "$server" 80
	is "a port below 1024 without the right" \
		"1||server: bind to 0.0.0.0:80: Permission denied (ports below 1024 want root, or sysctl net.ipv4.ip_unprivileged_port_start=80) [EACCES]" \
		"$status|$out|$err"
	run "${drop[@]}" "$client" -b 80 127.0.0.1 7003
	like "client -b as well" "^client: bind to 0.0.0.0:80: Permission denied .*\[EACCES\]$" \
		"$err"
	is "exit 1" 1 "$status"
else
	skip "a port below 1024 without the right" "no such limit here, or no setpriv"
fi

# LeakSanitizer, in a build that has it, wants descriptors of its own.
run env ASAN_OPTIONS=detect_leaks=0 bash -c 'ulimit -n 4; exec "$@"' - "$server" 7004
is "no descriptor free: one line" "1||1" "$status|$out|$(grep -c '' "$tmp/.err")"
like "with its errno" "^server: .*\[EMFILE\]$" "$err"

# A connection that has gone while it waited is no failure: the libc's accept4()
# is replaced, because loopback cannot be made to do it.
cat >"$tmp/aborted.c" <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	static int calls;
	if (calls++)
		return syscall(SYS_accept4, fd, sa, len, flags);
	errno = ECONNABORTED;
	return -1;
}
END
if [ "$(nm -D "$server" 2>/dev/null | grep -cE '__[at]san_init')" != 0 ]; then
	skip "accept() gives ECONNABORTED" "the sanitizer wants to be first"
elif gcc -shared -fPIC -o "$tmp/aborted.so" "$tmp/aborted.c" 2>"$tmp/err"; then
	LD_PRELOAD=$tmp/aborted.so "$server" -j -d 7008 >"$tmp/s.out" 2>"$tmp/s.err" </dev/null &
	pid=$!
	until_true grep -q listening "$tmp/s.out"
	run "$client" -c 127.0.0.1 7008
	wait "$pid"
	is "accept() gives ECONNABORTED: the next connection is served" \
		"0||1" "$?|$(<"$tmp/s.err")|$(grep -c '"accepted"' "$tmp/s.out")"
else
	skip "accept() gives ECONNABORTED" "no gcc here"
fi

# --- stdout that cannot be written ---------------------------------------------------

for name in server client; do
	prog=${!name}
	for what in --help --version; do
		"$prog" "$what" >/dev/full 2>"$tmp/err"
		is "$name $what >/dev/full" \
			"1|$name: write to standard output: No space left on device [ENOSPC]" \
			"$?|$(cat "$tmp/err")"
		"$prog" "$what" >&- 2>"$tmp/err"
		is "$name $what >&-" \
			"1|$name: write to standard output: Bad file descriptor [EBADF]" \
			"$?|$(cat "$tmp/err")"
	done
done
timeout 600 "$server" -j 7005 >/dev/full 2>"$tmp/err" </dev/null
is "server -j >/dev/full" \
	"1|server: write to standard output: No space left on device [ENOSPC]" \
	"$?|$(cat "$tmp/err")"
timeout 600 "$server" -j 7005 >&- 2>"$tmp/err" </dev/null
is "server -j >&-" \
	"1|server: write to standard output: Bad file descriptor [EBADF]" \
	"$?|$(cat "$tmp/err")"
for to in full closed pipe; do
	: >"$tmp/s.err"	# here: it may still hold what an earlier one said
	"$server" -A -v -d -m hello 7006 >/dev/null 2>"$tmp/s.err" </dev/null &
	pid=$!
	until_true grep -q listening "$tmp/s.err"
	case $to in
	full)
		timeout 600 "$client" -d 127.0.0.1 7006 >/dev/full 2>"$tmp/err"
		is "received data: stdout is full" \
			"1|client: write to standard output: No space left on device [ENOSPC]" \
			"$?|$(cat "$tmp/err")"
		;;
	closed)
		timeout 600 "$client" -d 127.0.0.1 7006 >&- 2>"$tmp/err"
		is "received data: stdout is closed" \
			"1|client: write to standard output: Bad file descriptor [EBADF]" \
			"$?|$(cat "$tmp/err")"
		;;
	pipe)
		mkfifo "$tmp/pipe"
		# shellcheck disable=SC2094
		exec 5<>"$tmp/pipe" 6>"$tmp/pipe" 5>&- # no reader is left
		timeout 600 "$client" -d 127.0.0.1 7006 >&6 2>"$tmp/err"
		is "received data: nobody reads stdout" \
			"1|client: write to standard output: Broken pipe [EPIPE]" \
			"$?|$(cat "$tmp/err")"
		exec 6>&-
		;;
	esac
	wait "$pid"
done

timeout 600 "$client" 127.0.0.1 7007 </ 2>"$tmp/err"
is "a directory as stdin, and nobody there" 1 $?
: >"$tmp/s.err"
"$server" -A -v -d 7007 >/dev/null 2>"$tmp/s.err" </dev/null &
pid=$!
until_true grep -q listening "$tmp/s.err"
timeout 600 "$client" 127.0.0.1 7007 </ 2>"$tmp/err"
is "a directory as stdin" \
	"1|client: read standard input: Is a directory [EISDIR]" \
	"$?|$(cat "$tmp/err")"
wait "$pid"
is "nothing listens any more" "" "$(ss -Htln)"

finish
