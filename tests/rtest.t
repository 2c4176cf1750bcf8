#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rtest: the article's transcript, every option, errors, signals, and that no
# connection fails while an old socket is still closing.
#
#	RTEST=./other tests/rtest.t	tests another build of it (or RTEST_BIN=DIR)

unshare -Urn true 2>/dev/null ||
	{ echo "1..0 # SKIP unshare -Urn is refused here"; exit 0; }
[ "${RTEST_T_NS-}" ] ||
	exec env RTEST_T_NS=1 unshare -Urn --kill-child -f -- "$0" "$@"
. "${0%/*}/tap.bash"
ip link set lo up

# timestamps 0|1: what decides whether a client's TIME-WAIT is taken over.
timestamps() { set_sysctl tcp_timestamps="$1"; }

# time_wait PORT: the TIME-WAIT rows that have this port at either end.
time_wait() {
	ss -Htan | awk -v port=":$1\$" '$1 == "TIME-WAIT" &&
		($4 ~ port || $5 ~ port) { print $4, $5 }'
}

# has_time_wait PORT: for until_true.
# shellcheck disable=SC2317
has_time_wait() { [ "$(time_wait "$1")" ]; }

# active_opens: how many connections have been opened here.
active_opens() { awk '/^Tcp: [0-9]/ { print $6 }' /proc/net/snmp; }

# has_opened COUNT: for until_true.
# shellcheck disable=SC2317
has_opened() { (($(active_opens) >= $1)); }

# last: the last line of $out, which is the summary.
last() { printf '%s\n' "${out##*$'\n'}"; }

# background NAME COMMAND...: runs it with its output in $tmp/NAME.out, .err;
# leaves its process id in $pid.  A command that hangs ends with status 124.
background() {
	local name=$1
	shift
	timeout --foreground -k 5 60 "$@" \
		>"$tmp/$name.out" 2>"$tmp/$name.err" </dev/null &
	pid=$!
}

# reap NAME PID: waits for what background started; $out, $err and $status as
# run leaves them.
reap() {
	wait "$2"
	status=$?
	out=$(cat "$tmp/$1.out")
	err=$(cat "$tmp/$1.err")
}

# usage_error DESCRIPTION REGEX ARGUMENTS...: exit 2, one line, no output.
usage_error() {
	local what=$1 regex=$2
	shift 2
	run "$rtest" "$@"
	is "$what: exit 2, nothing on stdout, one line on stderr" \
		"2||1" "$status|$out|$(wc -l <"$tmp/.err")"
	like "$what: the line says why" "^rtest: $regex" "$err"
}

# --- the article's transcript -----------------------------------------------

ok "the article's command builds it" gcc -o "$tmp/rtest" rtest.c -lpthread
rtest=${RTEST-${RTEST_BIN:-$tmp}/rtest}
timestamps 0

run "$rtest" 44400 s
is "s: twenty connections" 20 "$(grep -cx 'connecting\.\.\.' <<<"$out")"
is "s: exit 0, and no error" "0|" "$status|$err"
is "s: the article's first line" "Will initiate server close" "${out%%$'\n'*}"
like "s: one summary line at the end" \
	'^20 connections, 0 failures; the server closed first; ' "$(last)"
is "s: nothing else is printed" 22 "$(wc -l <<<"$out")"
is "s: TIME-WAIT is the server's" "127.0.0.1:44400 127.0.0.1:44401" \
	"$(time_wait 44400)"
like "s: as the article greps it" \
	'^TIME-WAIT +0 +0 +127\.0\.0\.1:44400 +127\.0\.0\.1:44401' \
	"$(ss -tan | grep 44400)"

run "$rtest" 44500 c
is "c without timestamps: exit 1" 1 "$status"
is "c: the article's lines" \
	$'Will initiate client close\nconnecting...\nconnecting...' \
	"$(head -n 3 <<<"$out")"
is "c: the article's error, and the old socket's state" \
	"connect: Cannot assign requested address [EADDRNOTAVAIL]
rtest: the old socket 127.0.0.1:44501 -> 127.0.0.1:44500 is in TIME-WAIT" "$err"
like "c: the summary counts it" \
	'^1 connection, 1 failure; the client closed first; ' "$(last)"
is "c: TIME-WAIT is the client's" "127.0.0.1:44501 127.0.0.1:44500" \
	"$(time_wait 44500)"
unlike "c: no note when it did fail" "did not fail" "$out"

run "$rtest" 44500 s
is "the client's old TIME-WAIT also stops s, at its first connect()" \
	"1|connect: Cannot assign requested address [EADDRNOTAVAIL]" \
	"$status|${err%%$'\n'*}"

# --- c where it does not fail -----------------------------------------------

timestamps 1
run "$rtest" 44510 c
is "c with timestamps: exit 0, and no error" "0|" "$status|$err"
is "c with timestamps: one line names the command that fails" 1 \
	"$(grep -c 'did not fail.*: scripts/sandbox tcp_timestamps=0 -- ./rtest 44510 c$' <<<"$out")"
like "c with timestamps: and why" 'recorded a timestamp' "$out"
is "c with timestamps: TIME-WAIT is the client's" \
	"127.0.0.1:44511 127.0.0.1:44510" "$(time_wait 44510)"
run "$rtest" -n 1 44512 c
unlike "one connection proves nothing: no note" "did not fail" "$out"
run unshare -n bash -c 'ip link set lo up
	echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets; exec "$@"' - "$rtest" 44514 c
like "no TIME-WAIT at all: the note says so" \
	'not in TIME-WAIT \(see net.ipv4.tcp_max_tw_buckets\)' "$out"

# --- options ----------------------------------------------------------------

run "$rtest" -n 3 44600 s
is "-n: that many connections" 3 "$(grep -c connecting <<<"$out")"
run "$rtest" 44602 s -n 3 -q
is "options may follow the operands" 0 "$status"
like "-q: only the summary" '^3 connections, [^'$'\n'']*/s$' "$out"
run "$rtest" -q 44510 c
unlike "-q: no note either" "did not fail" "$out"
before=${EPOCHREALTIME/./}
run "$rtest" -n 3 -i 0.3 -q 44604 s
is "-i: two pauses between three connections" 1 \
	"$((${EPOCHREALTIME/./} - before >= 600000))"
run "$rtest" -n 2 -p 5555 44606 s
is "-p: the client's port" "127.0.0.1:44606 127.0.0.1:5555" \
	"$(time_wait 44606)"
run "$rtest" -n 2 -p 65534 65535 s
is "-p: makes port 65535 possible" "0|127.0.0.1:65535 127.0.0.1:65534" \
	"$status|$(time_wait 65535)"
run "$rtest" -n 2 -a 127.0.0.9 44608 c
is "-a: another address" "127.0.0.9:44609 127.0.0.9:44608" \
	"$(time_wait 44608)"
for a in ::1 ::ffff:127.0.0.1; do
	run "$rtest" -n 3 -a "$a" 44610 s
	is "-a $a: IPv6" "0|" "$status|$err"
done
timestamps 0
run "$rtest" -a ::1 44620 c
is "IPv6: the old socket's state" \
	"rtest: the old socket [::1]:44621 -> [::1]:44620 is in TIME-WAIT" \
	"${err##*$'\n'}"
run "$rtest" -a ::ffff:127.0.0.1 44622 c
like "IPv4 in IPv6: the old socket's state" 'is in TIME-WAIT$' "$err"
timestamps 1

run "$rtest" --version
is "--version" "0|rtest 0.1.0|" "$status|$out|$err"
for option in -h --help; do
	run "$rtest" "$option"
	is "$option: exit 0, on stdout" "0|usage: rtest [options] PORT s|c|" \
		"$status|${out%%$'\n'*}|$err"
done

# --- JSON -------------------------------------------------------------------

if command -v jq >/dev/null; then
	run "$rtest" -j -n 2 44630 s
	is "-j: every line is JSON; the events in their order" \
		"listening connecting connected closed connecting connected closed summary" \
		"$(jq -r .event <<<"$out" | paste -sd' ')"
	is "-j: both ends" "127.0.0.1:44631 127.0.0.1:44630" \
		"$(jq -r 'select(.event == "closed") | .local + " " + .peer' \
			<<<"$out" | uniq)"
	is "-j: states from the kernel" UNCONN \
		"$(jq -r 'select(.event == "closed").state' <<<"$out" | uniq)"
	is "-j: time never runs back, and is in seconds" true \
		"$(jq -s 'map(.t) | . == sort and .[0] >= 0 and .[-1] < 60' \
			<<<"$out")"
	is "-j: the summary counts" '[2,0,"server",0]' \
		"$(jq -c 'select(.event == "summary") |
			[.connections, .failures, .closer, .bytes]' <<<"$out")"
	run "$rtest" -j -q -n 2 44632 s
	is "-j -q: the summary alone" summary "$(jq -r .event <<<"$out")"
	run "$rtest" -j 44634 c
	is "-j: the note names the command" \
		"scripts/sandbox tcp_timestamps=0 -- ./rtest 44634 c" \
		"$(jq -r 'select(.event == "note").command' <<<"$out")"
	timestamps 0
	run "$rtest" -j 44636 c
	timestamps 1
	is "-j: a failed connect()" '["connect","EADDRNOTAVAIL","TIME-WAIT"]' \
		"$(jq -c 'select(.event == "failed") | [.call, .errno, .state]' \
			<<<"$out")"
	is "-j: the article's line is on stderr all the same" \
		"connect: Cannot assign requested address [EADDRNOTAVAIL]" \
		"${err%%$'\n'*}"
else
	skip "-j" "jq is missing"
fi

# --- bad input --------------------------------------------------------------

usage_error "no operands" 'PORT and s or c are missing'
usage_error "no mode" 'PORT and s or c are missing' 44400
usage_error "too many operands" 'more than PORT' 44400 s c
usage_error "an unknown mode" "s or c, not 'x'" 44400 x
usage_error "mode and PORT the wrong way round" "PORT comes first: 'rtest 44400 s'" s 44400
usage_error "an empty mode" "s or c, not ''" 44400 ''
for port in 0 65536 -1 12ab '' 99999999999999999999; do
	usage_error "PORT '$port'" "PORT wants a whole number" -- "$port" s
done
usage_error "PORT 65535 without -p" 'PORT\+1 would be 65536.*-p' 65535 s
usage_error "-p that is PORT" '-p 44400 is PORT itself' -p 44400 44400 s
usage_error "-p 0" '-p wants a whole number' -p 0 44400 s
usage_error "-n with letters" '-n wants a whole number' -n ten 44400 s
usage_error "-n below 0" '-n wants a whole number' -n -1 44400 s
usage_error "-i below 0" '-i wants seconds' -i -1 44400 s
usage_error "-i nan" '-i wants seconds' -i nan 44400 s
usage_error "-i without a value" '-i wants a value' 44400 s -i
usage_error "an unknown letter" "unknown option '-x'" -x 44400 s
usage_error "an unknown word" "unknown option '--frob'" --frob 44400 s
usage_error "--help with a value" "unknown option '--help=x'" --help=x
usage_error "an address that does not parse" \
	"-a: cannot use '1.2.3.4.5' as an address" -a 1.2.3.4.5 44400 s
for a in 0.0.0.0 :: ::ffff:0.0.0.0; do
	usage_error "-a $a" '-a wants one address for both ends' -a "$a" 44400 s
done

run "$rtest" -a 192.0.2.1 44640 s
like "an address that is not local" \
	'^1\|\|rtest: bind to 192\.0\.2\.1:44640: .* \(no address of this machine: .*\) \[EADDRNOTAVAIL\]$' \
	"$status|$out|$err"

# --- ports in use, and strangers --------------------------------------------

background holder "$rtest" -n 0 -i 600 44650 c
holder=$pid
until_true has_time_wait 44650
run "$rtest" 44650 s
in_use='^1\|rtest: bind to 127\.0\.0\.1:44650: .* \[EADDRINUSE\]$'
like "PORT in use" "$in_use" "$status|$err"
run "$rtest" 44649 s
like "PORT+1 in use" "$in_use" "$status|$err"
# Were it taken for the client, the server would wait for its FIN.
exec 3<>/dev/tcp/127.0.0.1/44650
read -r -t 10 <&3
is "a stranger is sent away: end of file, not a timeout" 1 $?
exec 3>&-
kill -TERM "$holder"
reap holder "$holder"
is "SIGTERM ends a long pause: exit 0" 0 "$status"
like "SIGTERM: the summary; the stranger does not count" \
	'^1 connection, 0 failures; ' "$(last)"

# --- signals and output -----------------------------------------------------

for m in s c; do
	case $m in
	s) port=44660 want="127.0.0.1:44660 127.0.0.1:44661" ;;
	c) port=44662 want="127.0.0.1:44663 127.0.0.1:44662" ;;
	esac
	# (The TIME-WAIT of a moment is hardly ever seen on one CPU.)
	opens=$(active_opens)
	background int "$rtest" -n 0 -q "$port" "$m"
	until_true has_opened $((opens + 10))
	kill -INT "$pid"
	reap int "$pid"
	is "SIGINT, $m: exit 0, and no error" "0|" "$status|$err"
	like "SIGINT, $m: the summary" \
		'^[0-9]+ connections?, 0 failures; ' "$(last)"
	is "SIGINT, $m: the last connection ended in order" "$want" \
		"$(time_wait "$port")"
done

run bash -c 'exec "$@" >/dev/full' - "$rtest" 44670 s
is "stdout full" \
	"1|rtest: write to standard output: No space left on device [ENOSPC]" \
	"$status|$err"
run bash -c 'exec "$@" >/dev/full' - "$rtest" -q 44670 s
is "stdout full, -q" 1 "$status"
run bash -c 'exec "$@" >&-' - "$rtest" 44670 s
is "stdout closed" \
	"1|rtest: write to standard output: Bad file descriptor [EBADF]" \
	"$status|$err"
run bash -c 'exec "$@" <&- 2>&-' - "$rtest" -q 44672 s
is "stdin and stderr closed" 0 "$status"
run bash -c '"$@" | true; exit "${PIPESTATUS[0]}"' - "$rtest" -n 0 44674 s
is "stdout's reader gone" \
	"1|rtest: write to standard output: Broken pipe [EPIPE]" "$status|$err"
run bash -c 'exec "$@" >/dev/full' - "$rtest" --help
is "--help, stdout full" 1 "$status"

# --- many -------------------------------------------------------------------

for m in s c; do
	run "$rtest" -q -n 20000 44680 "$m"
	is "20000 reconnects, $m: no failure" "0|" "$status|$err"
	like "20000 reconnects, $m: all done" '^20000 connections, 0 f' "$out"
done

# slow_lo RATE COMMAND...: run with a slow loopback, so that rtest has to wait
# for what is instant elsewhere.  A segment takes some 0.3 ms at 2mbit.
slow_lo() {
	# shellcheck disable=SC2016
	run unshare -n bash -c '
		ip link set lo up
		tc qdisc add dev lo root tbf rate "$1" burst 2000 latency 9s ||
			exit 77
		shift
		exec "$@"' - "$@"
}

slow_lo 2mbit "$rtest" -q -n 50 44690 s
if [ "$status" = 77 ]; then
	skip "a slow loopback" "no tc, or no tbf in this kernel: $err"
else
	is "50 reconnects on a slow loopback, s: no failure" "0|" "$status|$err"
	slow_lo 2mbit "$rtest" -q -n 50 44690 c
	is "50 reconnects on a slow loopback, c: no failure" "0|" "$status|$err"
fi

# What follows replaces functions of libc: threads run on any CPU, as where
# sched_setaffinity() is refused; HASTY: sockets seem to have ended before they
# have; IMPATIENT: sockets give up after a hundredth of the time.
cat >"$tmp/replaced.c" <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
	(void)pid, (void)size, (void)set;
	errno = EPERM;
	return -1;
}
int getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
	if (!getenv("HASTY"))
		return syscall(SYS_getpeername, fd, sa, len);
	errno = ENOTCONN;
	return -1;
}
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct timeval soon;
	if (getenv("IMPATIENT") && level == SOL_SOCKET &&
	    (name == SO_SNDTIMEO || name == SO_RCVTIMEO)) {
		soon = *(const struct timeval *)value;
		soon.tv_sec /= 10;
		value = &soon;
	}
	return syscall(SYS_setsockopt, fd, level, name, value, len);
}
END
so=$tmp/replaced.so
ok 'the library that takes the place of setsockopt() builds' gcc -shared -fPIC -o "$so" "$tmp/replaced.c" || finish

for m in s c; do
	run env LD_PRELOAD="$so" "$tmp/rtest" -q -n 20000 44700 "$m"
	is "20000 reconnects on any CPU, $m: no failure" "0|" "$status|$err"
done

# 260 ms a segment: LAST-ACK is still there when rtest looks, on a busy machine
# too.
slow_lo 2kbit env HASTY=1 LD_PRELOAD="$so" "$tmp/rtest" 44702 s
if [ "$status" = 77 ]; then
	skip "too early a connect()" "no tc, or no tbf in this kernel"
else
	is "too early a connect(): LAST-ACK gets the blame, not TIME-WAIT" \
		"1|connect: Cannot assign requested address [EADDRNOTAVAIL]
rtest: the old socket 127.0.0.1:44703 -> 127.0.0.1:44702 is in LAST-ACK" \
		"$status|$(head -n 2 <<<"$err")"
fi

# After the first connection lo drops every segment.  The kernel alone would
# try for minutes.
# shellcheck disable=SC2016
run unshare -n bash -c '
	ip link set lo up
	echo 127 >/proc/sys/net/ipv4/tcp_syn_retries
	"$@" -i 0.5 44704 s &
	until ss -Htan | grep -q TIME-WAIT; do sleep 0.01; done
	tc qdisc add dev lo root pfifo limit 0 || { kill $!; exit 77; }
	wait $!' - env IMPATIENT=1 LD_PRELOAD="$so" "$tmp/rtest"
if [ "$status" = 77 ]; then
	skip "the deadline" "no tc"
else
	is "no answer: a deadline, exit 1, the state of both old sockets" \
		"1|connect: Connection timed out [ETIMEDOUT]
rtest: there is no old socket 127.0.0.1:44705 -> 127.0.0.1:44704 now
rtest: the old socket 127.0.0.1:44704 -> 127.0.0.1:44705 is in TIME-WAIT" \
		"$status|$err"
fi

# SIGCONT does not end the pause: two seconds are two seconds.
"$tmp/rtest" -j -i 2 -n 2 44710 s >"$tmp/paused" 2>&1 &
pid=$!
until_true grep -q '"event":"closed"' "$tmp/paused"
kill -STOP "$pid"
until_true grep -q '^State:.T' "/proc/$pid/status"
kill -CONT "$pid"
wait "$pid"
is 'a pause outlasts SIGSTOP and SIGCONT' 'yes' "$(sed -n 's/.*"event":"connected".*"t":\([0-9.]*\).*/\1/p' "$tmp/paused" |
	awk 'NR == 1 { first = $1 } END { print (NR == 2 && $1 - first >= 1.9 ? "yes" : "no: " first " " $1) }')"

finish
