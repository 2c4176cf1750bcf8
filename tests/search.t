#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# client --search: which ports connect() is given, and what is left behind.
# Nothing here looks at a time.
unshare -Urn true 2>/dev/null ||
	{ echo "1..0 # SKIP unshare -Urn is refused here"; exit 0; }
[ "${RTEST_T_NS-}" ] ||
	exec env RTEST_T_NS=1 unshare -Urn --kill-child -f -- "$0" "$@"
. "${0%/*}/tap.bash"
ip link set lo up
set_sysctl tcp_timestamps=1 tcp_tw_reuse=0 tcp_max_tw_buckets=10000
set_sysctl ip_local_port_range="50000 50063"

client=${RTEST_BIN:-.}/client
[ -x "$client" ] || { make -s client && client=./client; }

# steps ARGUMENTS -- STEP...: runs client --search with these steps.
steps() {
	local -a args=()
	while [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	shift
	printf '%s\n' "$@" >"$tmp/steps"
	# shellcheck disable=SC2016 # for that shell
	run sh -c 'file=$1; shift; exec "$@" <"$file"' - "$tmp/steps" \
		"$client" --search "${args[@]}"
}

# key LINE NAME: that member of the JSON line with that number.
key() { sed -n "$1s/.*\"$2\":\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p" <<<"$out"; }

time_waits() { ss -Htan state time-wait "( dport = :$1 )" | wc -l; }

steps -j -n 20 127.0.0.1 7001 -- 0 time 25 time 50 time 75 time 100 time
is "exit code" 0 "$status"
is "an event a step" "filled timed filled timed filled timed filled timed filled timed" \
	"$(grep -o '"event":"[a-z]*"' <<<"$out" | cut -d'"' -f4 | paste -sd' ')"
is "an even number of ports, and the shares of them" "64: 0 16 32 48 64" \
	"$(key 1 ports): $(for i in 1 3 5 7 9; do key $i time_waits; done | paste -sd' ')"
is "up to half of the range: the parity of its lower end" "20 0 20 0" \
	"$(key 2 first_parity) $(key 2 other_parity) $(key 4 first_parity) $(key 4 other_parity)"
is "from half on: the other one" "0 20 0 20" \
	"$(key 6 first_parity) $(key 6 other_parity) $(key 8 first_parity) $(key 8 other_parity)"
ok "from half on: half of the ports and more are looked at" \
	[ "$(key 6 looked_p50)" -gt 32 ]
is "a full range: no port, though all are looked at" "20 64" \
	"$(key 10 failed) $(key 10 looked_p50)"
is "what was timed left nothing: as many TIME-WAITs as before" 64 "$(time_waits 7001)"
is "and none to the other destination" 0 "$(time_waits 7002)"
is "times are there" 10 "$(for i in 2 4 6 8 10; do key $i ns_p50; key $i free_cpu_ns_p50; done |
	grep -c '^[1-9][0-9]*$')"

steps -n 5 127.0.0.1 7011 -- 50 time
is "for people: exit code" 0 "$status"
like "for people: two lines" $'^50 % of 64 ports: 32 TIME-WAITs\nconnect\\(\\): [0-9.]+ us \\(99 %: [0-9.]+ us\\), [0-9]+ ports looked at; where all are free: [0-9.]+ us$' "$out"

# tcp_tw_reuse takes the TIME-WAITs over, and puts them back.
set_sysctl ip_local_port_range="51000 51063"
mkfifo "$tmp/in"
"$client" -j --search -n 20 127.0.0.1 7021 <"$tmp/in" >"$tmp/reuse" 2>&1 &
cpid=$!
exec 8>"$tmp/in"
echo 100 >&8
until_true grep -q filled "$tmp/reuse"
if [ -e /proc/sys/net/ipv4/tcp_tw_reuse_delay ]; then
	set_sysctl tcp_tw_reuse=1 tcp_tw_reuse_delay=1
	# The last of them was born just now.  tcp_twsk_unique() wants more
	# than the delay, by a clock of milliseconds: up to 2 ms.
	sleep 0.005
	echo time >&8
	until_true grep -q timed "$tmp/reuse"
	out=$(<"$tmp/reuse")
	is "tcp_tw_reuse=1: all taken over, none failed" "20 0" "$(key 2 taken_over) $(key 2 failed)"
	is "tcp_tw_reuse=1: as many TIME-WAITs as before" 64 "$(time_waits 7021)"
else
	skip "tcp_tw_reuse=1" "no tcp_tw_reuse_delay: it would take seconds"
fi
set_sysctl tcp_tw_reuse=0
kill -TERM "$cpid"
wait "$cpid"
is "SIGTERM ends it, while it waits for a step" 0 $?
exec 8>&-

# --- bad input ---
steps 127.0.0.1 51000 -- 0
is "a port of the range: exit code" 2 "$status"
like "a port of the range: says so" '^client: --search listens on 51000, which is in ip_local_port_range' "$err"
for bad in 101 -1 x ""; do
	steps 127.0.0.1 7031 -- "$bad"
	is "step '$bad': exit code" 2 "$status"
	like "step '$bad': says so" "^client: --search wants a whole number from 0 to 100, not '$bad'" "$err"
done
steps 127.0.0.1 7031 -- "1                                  time"
is "a step that is too long: exit code" 2 "$status"
like "a step that is too long: says so" "^client: --search: a step is a number or 'time', not '1  " "$err"
run "$client" --search -b 80 127.0.0.1 7031 </dev/null
is "--search -b: exit code" 2 "$status"
run "$client" --search 127.0.0.1 65535 </dev/null
is "--search 65535: exit code" 2 "$status"
run "$client" --search -n 0 127.0.0.1 7031 </dev/null
is "--search -n 0: exit code" 2 "$status"
run "$client" --search 192.0.2.1 7031 </dev/null
is "an address that is not ours: exit code" 1 "$status"
like "an address that is not ours: errno" '^client: listen on 192.0.2.1:7031: .*\[EADDRNOTAVAIL\]$' "$err"
# So many that the first are old enough before half of the ports are used.
set_sysctl ip_local_port_range="50000 54095" tcp_tw_reuse=1
[ ! -e /proc/sys/net/ipv4/tcp_tw_reuse_delay ] || {
	set_sysctl tcp_tw_reuse_delay=1
	steps 127.0.0.1 7041 -- 100
	is "TIME-WAITs that are taken over do not fill a range: exit code" 1 "$status"
	like "and it says what to do" 'set tcp_tw_reuse=0 meanwhile' "$err"
}
finish
