#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# client --bulk: both ends of many connections, by what ss shows of them.
#
#	CLIENT=./other tests/bulk.t	tests another build

unshare -Urn true 2>/dev/null ||
	{ echo "1..0 # SKIP unshare -Urn is refused here"; exit 0; }
[ "${RTEST_T_NS-}" ] ||
	exec env RTEST_T_NS=1 unshare -Urn --kill-child -f -- "$0" "$@"
. "${0%/*}/tap.bash"
ip link set lo up
set_sysctl tcp_max_tw_buckets=2000000 ip_local_port_range="40000 41999"

client=${CLIENT-$(program client)}
[ "$client" ] || exit 1

# background COMMAND...: runs it with its output in $tmp/out and $tmp/err;
# leaves its process id in $pid.
background() {
	: >"$tmp/out"
	: >"$tmp/err"
	timeout --foreground -k 5 60 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
}

# await EVENT: a line that background's command has printed.
await() {
	until_true grep -q "^{\"event\":\"$1\"" "$tmp/out" ||
		note "it says: $(cat "$tmp/out" "$tmp/err")"
}

# reap: waits for it; $status, $out and $err as run leaves them.
reap() {
	wait "$pid"
	status=$?
	out=$(<"$tmp/out")
	err=$(<"$tmp/err")
}

# key EVENT KEY: its value in $out, without quotes.
key() { sed -n "s/^{\"event\":\"$1\".*\"$2\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" <<<"$out"; }

# rows [FILTER]: the connections that ss shows: state, local end and peer.
rows() { ss -HOtan "$@" | awk '$1 != "LISTEN" { print $1, $4, $5 }'; }
# summary [FILTER]: how many there are of each kind; for clients' ends no more
# is said than that.
summary() {
	rows "$@" | sed -E 's/127[.0-9]*:4[0-3][0-9]{3}/127:CLIENT/g' | sort | uniq -c |
		awk '{ $1 = $1; print }' | paste -sd,
}

# --- who has the TIME-WAITs ----------------------------------------------------

run "$client" --bulk -A -n 3000 127.0.0.1 8888
like "--bulk says what it has made" \
	"^0\|3000 connections closed in [0-9.]+ s, [0-9]+/s; this network namespace has 3000 TIME-WAIT\|$" \
	"$status|$out|$err"
is "the server's end closed first: its port has all of them" \
	"3000 TIME-WAIT 127.0.0.1:8888 127:CLIENT" "$(summary)"
is "each is another connection" 3000 "$(rows | sort -u | wc -l)"
is "all ports of an address come first, then those of the next" \
	"127.0.0.1:40000 127.0.0.1:41999 127.0.0.2:40000 127.0.0.2:40999" \
	"$(rows | awk '{ print $3 }' | sort -t: -k1,1 -k2,2n |
		sed -n '1p;2000p;2001p;3000p' | paste -sd' ')"

run "$client" --bulk -n 10 127.0.0.1 8888
is "the listener's port is in TIME-WAIT: without -A it cannot be had again" \
	"1|client: bind to 127.0.0.1:8888 [EADDRINUSE]" \
	"$status|${err%%: A*} ${err##* }"
run "$client" --bulk -A -j -n 3000 127.0.0.1 8888
is "with -A it can, and the same connections are opened again from TIME-WAIT" \
	"0|3000|3000|3000" \
	"$status|$(key made connections)|$(key made time_waits)|$(rows | wc -l)"
is "-j: a script can wait for what is made" "bound listening made end" \
	"$(awk -F '"' '$4 != "progress" { print $4 }' <<<"$out" | paste -sd' ')"

run "$client" --bulk -c -n 3000 127.0.0.1 8889
is "-c: the clients' ends closed first: their ports have all of them" \
	"0|3000 TIME-WAIT 127:CLIENT 127.0.0.1:8889" \
	"$status|$(summary dport = :8889)"
run "$client" --bulk -c -n 1 127.0.0.1 8889
like "and cannot be bound again" \
	"^1\|client: bind to 127.0.0.1:40000: .* \[EADDRINUSE\]$" \
	"$status|${err%%$'\n'*}"
is "what was not made is said" "client: stopped after 0 connections" "${err#*$'\n'}"

# --- which addresses and ports --------------------------------------------------

run "$client" --bulk -c -l 127.9.8.7/29 -R 9000-9003 -n 18 127.0.0.1 9001
is "-l ADDR/BITS and -R: no first and last address, and not PORT itself" \
	"$(echo 127.9.8.{1..6}:{9000,9002,9003})" \
	"$(rows dport = :9001 | awk '{ print $2 }' | sort | paste -sd' ')"
run "$client" --bulk -l 127.9.8.7/29 -R 9000-9003 -n 19 127.0.0.1 9001
is "one more is more than there are" \
	"1||client: 6 local addresses with 3 ports make 18 connections, not 19 (widen -l or -R)" \
	"$status|$out|$err"
if ip address add 10.0.0.17/32 dev lo; then
	run "$client" --bulk -n 2001 10.0.0.17 80
	is "without -l, towards another address than 127.*, it is the only one" \
		"1|client: 1 local addresses with 2000 ports make 2000 connections, not 2001 (widen -l or -R)" \
		"$status|$err"
fi
if [ -e /proc/net/tcp6 ]; then
	run "$client" --bulk -n 100 ::1 80
	is "IPv6: one address, its ports" "0|100 TIME-WAIT [::1]:80" \
		"$status|$(rows sport = :80 | awk '{ print $1, $2 }' | sort | uniq -c |
			awk '{ $1 = $1; print }')"
else
	skip "IPv6" "this kernel has none"
fi

# --- held open -------------------------------------------------------------------

# held PORT: the states at both ends.
held() {
	rows "( sport = :$1 or dport = :$1 )" | awk -v port=":$1\$" '
		{ print $1, $2 ~ port ? "server" : "client" }' | sort | uniq -c |
		awk '{ $1 = $1; print }' | paste -sd,
}
# hold_and_end PORT CLOSER OPTION
hold_and_end() {
	background "$client" --bulk -H -j "$3" -n 300 -l 127.2.0.0/16 127.0.0.1 "$1"
	await made
	is "-H $3: all are open, at both ends" "300 ESTAB client,300 ESTAB server" \
		"$(held "$1")"
	kill -TERM "$pid"
	reap
	is "SIGTERM lets go of them, and the $2's end closes first" \
		"0|300|300 TIME-WAIT $2" "$status|$(key end connections)|$(held "$1")"
}
hold_and_end 7001 server -d
hold_and_end 7002 client -c

# --- a signal in the middle, and strangers ----------------------------------------

background "$client" --bulk -c -j -n 90000 -l 127.3.0.0/16 127.0.0.1 6000
await progress
kill -INT "$pid"
reap
like "SIGINT in the middle: it ends, and says how far it came" \
	"^1\|client: ended by a signal after [1-9][0-9]* connections$" "$status|$err"
is "nothing but TIME-WAIT is left, one for each" \
	"$(key end connections) TIME-WAIT 127:CLIENT 127.0.0.1:6000" \
	"$(summary "( sport = :6000 or dport = :6000 )")"

background "$client" --bulk -j -n 0 -l 127.4.0.0/16 127.0.0.1 6001
await progress
run "$client" -j -d -b 30000 127.0.0.1 6001
is "a stranger who connects is sent away" "0|0|" "$status|$(key eof bytes)|$err"
kill -TERM "$pid"
reap
is "-n 0: until a signal, which is no failure" "0|$(key end connections)|" \
	"$status|$(key made connections)|$err"

background "$client" --bulk -j -n 90000 -l 127.5.0.0/16 127.0.0.1 6002
await progress
ip link set lo down
reap
ip link set lo up
like "a network that goes away is one line, with the four-tuple" \
	"^1\|client: (connect to|read from) 127.0.0.1:6002 (from|at) 127.5.[0-9.]+:[0-9]+: .* \[E[A-Z]+\].client: stopped after [1-9][0-9]* connections$" \
	"$status|$err"

# --- what is too small -----------------------------------------------------------

# with LIMIT COMMAND...: with so many descriptors, also for root.
# shellcheck disable=SC2016  # for the inner shell
with=(bash -c 'ulimit -n "$1" && shift && exec "$@"' with)
run "${with[@]}" 64 "$client" --bulk -j -n 500 -l 127.6.0.0/16 127.0.0.1 5000
is "ulimit -n 64 is enough for any number that is closed" \
	"0|500" "$status|$(key made connections)"
run "${with[@]}" 64 "$client" --bulk -H -n 40 -l 127.6.0.0/16 127.0.0.1 5001
is "but not for holding 40, which is told before the first" \
	"1||client: 40 connections want 88 open files, and the limit is 64 (ulimit -n, make -n smaller)" "$status|$out|$err"
run "${with[@]}" 7 "$client" --bulk -n 0 -l 127.6.1.0/24 127.0.0.1 5004
like "nor are 7 for one" "^1\|\|client: .*\[EMFILE\]" "$status|$out|$err"
for count in 0 5; do
	run "$client" --bulk -n $count -R 5004-5004 127.0.0.1 5004
	is "-n $count, and no port but the server's" \
		"1||client: the only local port, 5004, is the server's (see -R)" "$status|$out|$err"
done

set_sysctl tcp_max_tw_buckets=150000
run "$client" --bulk -n 300000 127.0.0.1 5002
like "tcp_max_tw_buckets: said before the start, with what to set" \
	"^1\|\|client: 300000 TIME-WAITs and the [0-9]+ that are here are more than net.ipv4.tcp_max_tw_buckets, 150000 \(scripts/sandbox tcp_max_tw_buckets=[0-9]{6} -- client ...\)$" \
	"$status|$out|$err"
set_sysctl tcp_max_tw_buckets=2000000000
if awk '$1 == "MemAvailable:" { exit !($2 < 400000000) }' /proc/meminfo; then
	run "$client" --bulk -n 1000000000 127.0.0.1 5002
	like "memory: said before the start" \
		"^1\|\|client: 1000000000 connections take the kernel some 488281 MiB, and MemAvailable leaves [0-9]+ MiB \(make -n smaller\)$" \
		"$status|$out|$err"
else
	skip "memory: said before the start" "this machine has enough for anything"
fi
# What tracks them: as an ordinary user may do in a namespace of his own, where
# the module is there.
most=/proc/sys/net/netfilter/nf_conntrack_max
if nft -f - 2>/dev/null <<<'table ip t {
	chain c { type filter hook output priority 0; ct state invalid counter; }
}' && "$client" --bulk -n 5 -l 127.9.0.0/16 127.0.0.1 5009 >/dev/null && [ -r $most ]; then
	run "$client" --bulk -n "$(<$most)" 127.0.0.1 5002
	like "conntrack: said before the start" \
		"^1\|\|client: $(<$most) connections and the [1-9][0-9]* that are tracked here are more than net.netfilter.nf_conntrack_max, $(<$most) \(as root: sysctl net.netfilter.nf_conntrack_max=[0-9]+; or no rule that tracks\)$" \
		"$status|$out|$err"
else
	skip "conntrack: said before the start" "no nft here that tracks connections"
fi
nft delete table ip t 2>/dev/null
is "none of them left a connection" "" "$(summary "( sport = :5002 or dport = :5002 )")"

for option in -T "-L 0" "-w 1" -h "-m x" "-x x" "-r 2" "-B 1" "-P 1" "-Q 1" -N "-b 1" "-p 1" \
	"-i 1" "-t 1"; do
	# shellcheck disable=SC2086  # an option and its value
	run "$client" --bulk $option 127.0.0.1 5003
	is "--bulk $option: usage" \
		"2||client: --bulk does not take ${option%% *} (try 'client --help')" \
		"$status|$out|$err"
done
run "$client" --bulk -H -n 0 127.0.0.1 5003
is "--bulk -H -n 0: usage" \
	"2|client: --bulk -H wants to know how many: -n (try 'client --help')" "$status|$err"
run "$client" --bulk 0.0.0.0 5003
is "--bulk with the wildcard address: usage" \
	"2|client: --bulk wants one address, not the wildcard (try 'client --help')" \
	"$status|$err"
run "$client" --bulk -l ::1 127.0.0.1 5003
is "-l of the other family: usage" \
	"2|client: -l ::1 and ADDR are not both IPv4 or both IPv6 (try 'client --help')" \
	"$status|$err"
for prefix in 127.0.0.0/7 127.0.0.0/33 127.0.0.0/ 127.0.0.0/8x; do
	run "$client" --bulk -l "$prefix" 127.0.0.1 5003
	is "-l $prefix: usage" \
		"2|client: -l ADDR/ wants a whole number from 8 to 32, not '${prefix#*/}' (try 'client --help')" \
		"$status|$err"
done

# --- what one sees of it -----------------------------------------------------------

if command -v script >/dev/null; then
	run script -qec "$client --bulk -n 20000 -l 127.7.0.0/16 127.0.0.1 4000" /dev/null
	like "on a terminal it shows its progress" \
		$'client: [0-9]+ of 20000 connections, [0-9]+/s +\r.*20000 connections closed in' "$out"
else
	skip "on a terminal it shows its progress" "no script(1) here"
fi
run "$client" --bulk -n 20000 -l 127.8.0.0/16 127.0.0.1 4001
is "and nowhere else" "0|" "$status|$err"

if [ "$(nm -D "$client" 2>/dev/null | grep -cE '__[at]san_init')" != 0 ]; then
	skip "its own memory stays under 4 MiB" "the sanitizer takes more"
else
	background "$client" --bulk -j -c -n 0 -l 127.10.0.0/16 127.0.0.1 4002
	until_true grep -q '"connections":[0-9]\{5\}' "$tmp/out"
	peak=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$(children_of "$pid")/status")
	kill -TERM "$pid"
	reap
	ok "its own memory stays under 4 MiB (it was $peak KiB)" test "$peak" -lt 4096
fi

# --ages: its options, signals, and a pipe that nobody reads.
fresh=(unshare -n sh -c 'ip link set lo up && exec "$@"' -) # with all its ports
run "$client" --ages 0000001junk 127.0.0.1 4004
is '--ages and what is no number: usage' 2 "$status"
"${fresh[@]}" "$client" --ages 0 -H -j 127.0.0.1 4004 >"$tmp/ages" 2>&1 </dev/null &
pid=$!
until_true grep -q '"event":"end"' "$tmp/ages"
kill -TERM "$pid"
wait "$pid"
is '--ages -H: a signal asks for the end' 0 "$?"
"${fresh[@]}" "$client" --ages 50000 -j 127.0.0.1 4006 >"$tmp/ages" 2>&1 </dev/null &
pid=$!
until_true grep -q '"event":"closed"' "$tmp/ages"
kill -TERM "$pid"
wait "$pid"
is '--ages: nor is an age waited for then' '0 {"event":"end","connections":0}' "$? $(tail -n 1 "$tmp/ages")"
run "${fresh[@]}" bash -c "set -o pipefail; '$client' --ages 0,300 127.0.0.1 4005 | true"
is '--ages into a closed pipe' '1|client: write to standard output: Broken pipe [EPIPE]' "$status|$err"

finish
