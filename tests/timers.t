#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # the words under test call these
# The words of scripts/lib/timers, their rules in scripts/model/model, and
# client --ages.

if [ -z "${RTEST_T_NS-}" ] && unshare -Urn true 2>/dev/null; then
	exec env RTEST_T_NS=1 unshare -Urn --kill-child -f -- "$0" "$@"
fi
. "${0%/*}/tap.bash"
. scripts/model/model
. scripts/lib/timers

# --- what ss prints of a timer ---
# timer TEXT: as ss_timer leaves it.
timer() {
	ss_timer "TIME-WAIT 0 0 127.0.0.1:1 127.0.0.1:2 $1" || { echo none; return; }
	# shellcheck disable=SC2154 # ss_timer sets them
	echo "$timer $left_from $left_to"
}
is "ss: from ten seconds on, whole ones" "timewait 59000 60000" "$(timer 'timer:(timewait,59sec,0)')"
is "ss: a minute" "timewait 60000 61000" "$(timer 'timer:(timewait,1min,0)')"
is "ss: more than a minute" "keepalive 7199000 7200000" "$(timer 'timer:(keepalive,119min59sec,0)')"
is "ss: below ten seconds, milliseconds" "timewait 3041 3042" "$(timer 'timer:(timewait,3.041ms,0)')"
is "ss: seconds without a rest" "timewait 9000 9001" "$(timer 'timer:(timewait,9sec,0)')"
is "ss: below a second" "on 208 209" "$(timer 'timer:(on,208ms,1)')"
is "ss: overdue" "timewait 0 1" "$(timer 'timer:(timewait,,0)')"
is "ss: no timer" none "$(timer '')"
is "ss: not a time" none "$(timer 'timer:(timewait,soon,0)')"

# --- brackets; a check that fails ends the arm, here the subshell ---
broken() { echo "broken: $*"; exit; }
void() { echo "void: $*"; exit; }
evidence() { :; }
now_ms() { reply=1000000; }
seconds() { (whole_seconds "$@" && echo "$reply"); }
is "whole_seconds: one in the bracket" "60 s" "$(seconds 59950 60040)"
is "whole_seconds: none" "60.500 s" "$(seconds 60450 60550)"
like "whole_seconds: a bracket for two" '^void: .*1100 ms' "$(seconds 59000 60100)"

# both SS PROC-TIMER PROC-LEFT-MS: deadline, when ss and /proc say that.
both() {
	local said=$1 kind=$2 left=$3
	ask() { reply="TIME-WAIT 0 0 127.0.0.1:1 127.0.0.1:2 $said"; }
	host_of() { reply=here; }
	proc_timer() {
		timer=$kind left_from=$left left_to=$((left + 10))
		known_from=1000000 known_to=1000000
	}
	# shellcheck disable=SC2154 # deadline sets them
	(deadline 127.0.0.1:1 127.0.0.1:2 && echo "$ends_from $ends_to")
}
is "deadline: the sources agree" "1059480 1059530" "$(both 'timer:(timewait,59sec,0)' timewait 59500)"
like "deadline: another time" '^broken: .*/proc/net/tcp' "$(both 'timer:(timewait,59sec,0)' timewait 57500)"
like "deadline: another timer" '^broken: .*says timewait' "$(both 'timer:(timewait,59sec,0)' keepalive 59500)"
like "deadline: it is gone before its time" '^broken: .*/proc/net/tcp gone' "$(both 'timer:(timewait,59sec,0)' gone 0)"
like "deadline: it ran out between two looks" '^void: .*ran out' "$(both 'timer:(timewait,010ms,0)' gone 0)"
like "deadline: no such socket" '^broken: ss shows no timer' "$(both '' timewait 59500)"

# A start that is known to a second makes the arm void before it waits for the end.
# started FROM TO: lifetime, of a TIME-WAIT that was started between them.
started() {
	deadline() { timer=timewait known_from=1000000 left_from=59000 ends_from=1059480 ends_to=1059530; }
	pause() { echo "waits $1 s"; exit; }
	(lifetime 127.0.0.1:1 127.0.0.1:2 "$@")
}
is "lifetime: waits for the end" "waits 59.380 s" "$(started 999500 999900)"
is "lifetime: not where the start is not known" "void: known only to 950 ms" "$(started 999000 999900)"

# --- the rules ---
rule_of() { (model "$@" && echo "$expected"); }
is "model: TIME-WAIT" "60 s" "$(rule_of time_wait)"
is "model: an orphan in FIN-WAIT-2" "60 s" "$(rule_of fin_wait_2 orphan=1 fin_timeout=60)"
is "model: one above 60 s" "2 s" "$(rule_of fin_wait_2 orphan=1 fin_timeout=61)"
is "model: no orphan" "1 FIN-WAIT-2" "$(rule_of fin_wait_2 orphan=0 fin_timeout=5)"
is "model: what restarts the timer" "60 s 60 s 57 s 57 s 57 s" \
	"$(for comes in FIN data SYN RST none; do rule_of timer_restart comes=$comes age_s=3; done | paste -sd ' ')"
is "model: reuse after the delay" "100 ms" "$(RTEST_KERNEL=6.14 rule_of reuse_delay delay_ms=100)"
is "model: before 6.14" unknown "$(RTEST_KERNEL=6.13 rule_of reuse_delay delay_ms=1000)"
# 0d9e5df4a257 is in 6.12, and in stable series: 5.15.168 and 6.1.113 have it.
has() { (RTEST_KERNEL=$1 && shift && kernel_has "$@" && echo yes || echo no); }
is "a version, and stable series that have it, too" 'yes yes no yes no no yes no no' \
	"$(for release in 6.12.0 7.3.4-amd64 6.11.0-9 6.1.113 6.1.112 6.2.0-39-generic 5.15.200+ 5.14.0-427.el9 6.1-rc3; do has $release 6.12 5.15.168 6.1.113; done | paste -sd ' ')"
is "a version alone" 'yes no' "$(for release in 6.12-rc1 6.1.192; do has $release 6.12; done | paste -sd ' ')"
# young RELEASE TIME...: what while_young and still_young do where the clock shows these times.
young() {
	(
		RTEST_KERNEL=$1
		times=("${@:2}")
		at_once() { :; }
		nap() { printf 'nap %s, ' "$1"; }
		now_ms() { reply=0; }
		too_slow() { printf 'too_slow %s %s, ' "$@"; }
		void() { echo "void: $1" && exit; }
		clock_second() { reply=${times[0]} && times=("${times[@]:1}"); }
		while_young
		still_young && echo fine
	)
}
is "young: from 6.14 on, milliseconds count" 'too_slow 900 0, fine' "$(young 6.14)"
is "young: before, a second of the clock" 'nap 0.92, too_slow 900 0, fine' "$(young 6.13 7.08 8.00 8.99)"
is "young: it has ended" "nap 0.00, too_slow 900 0, void: a second of the kernel's clock has ended" \
	"$(young 6.13 7.00 8.00 9.00)"
is "model: reuse off" EADDRNOTAVAIL "$(rule_of reuse_delay reuse=0)"
is "model: loopback only" EADDRNOTAVAIL "$(rule_of reuse_delay reuse=2 loopback=0)"
is "model: fewer closes than the limit" "8 TIME-WAIT" "$(rule_of buckets limit=9 closes=8)"
is "model: more" "8 TIME-WAIT" "$(rule_of buckets limit=8 closes=9)"

# --- client --ages ---
client=${CLIENT:-${RTEST_BIN:-.}/client}
for wrong in "" "1,,2" "1,x" "60000" "-1" "1,"; do
	run "$client" --ages "$wrong" 127.0.0.2 44400
	is "--ages '$wrong': exit code" 2 "$status"
done
run "$client" --ages 1 -b 44401 127.0.0.2 44400
is "--ages -b: exit code" 2 "$status"
run "$client" --ages 1 ::1 44400
like "--ages, IPv6: says what it takes" 'IPv4' "$err"
if [ "${RTEST_T_NS-}" ]; then
	ip link set lo up
	echo "44401 44401" >/proc/sys/net/ipv4/ip_local_port_range
	echo 1 >/proc/sys/net/ipv4/tcp_timestamps
	echo 0 >/proc/sys/net/ipv4/tcp_tw_reuse
	run "$client" -j --ages 0,3 127.0.0.2 44400
	is "--ages: exit code" 0 "$status"
	is "--ages: each age once, never with tcp_tw_reuse=0" \
		"127.0.0.2:44400 EADDRNOTAVAIL,127.0.0.3:44400 EADDRNOTAVAIL" \
		"$(sed -n 's/.*"again","peer":"\([^"]*\)","errno":"\([^"]*\)".*/\1 \2/p' <<<"$out" | sort | paste -sd ,)"
	is "--ages: two TIME-WAITs, of the port that was left" 2 \
		"$(ss -HOtan state time-wait | grep -c ' 127.0.0.1:44401 ')"
	echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse
	run "$client" --ages 2500 127.0.0.4 44400
	like "--ages: after the delay, with tcp_tw_reuse=1" \
		'^127.0.0.4:44400 after [0-9]+ to [0-9]+ us: connected$' "$out"
	run "$client" --ages 1 192.0.2.1 44400
	is "--ages: an address that is not this host's: exit code" 1 "$status"
else
	skip "--ages" "no network namespace of its own"
fi
finish
