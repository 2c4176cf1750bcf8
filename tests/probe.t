#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# lab run --probe: what is judged of a recorded trace; who is refused; and, where probes are
# allowed, a run, mutants, and that nothing is left, whatever ends it.
. "${0%/*}/tap.bash"
. tests/experiments.bash
. scripts/lib/arm
. scripts/lib/results/results

# judged TRACE ARM...: runs probe.awk on tests/probe.trace and the text TRACE; an ARM is
# "NUMBER OUTCOME OK WHY".  $out is `NUMBER ok-or-not WHY` of each, $err the evidence.
judged() {
	local arm number outcome ok why
	local trace=$1
	shift
	rm -rf "$tmp/judged"
	mkdir "$tmp/judged"
	for arm; do
		read -r number outcome ok why <<<"$arm"
		outcome=${outcome//_/ }
		printf 'x\t%s\t0\t%s\t%s\t%s\t\ta=1\ta=1\t%s\t1\t0\t0\t0\t\n' "$number" "$ok" "$outcome" "$outcome" "$why"
	done >"$tmp/judged/arms.tsv"
	printf '%s\n' "$trace" | with_names probe.awk -v out="$tmp/judged" -v arms="$tmp/judged/arms.tsv" scripts/lib/probed -
	status=$?
	out=$(cut -f 2,4,10 "$tmp/judged/probed_arms.tsv" 2>/dev/null | tr '\t' ' ')
	err=$(cut -f 2,3 "$tmp/judged/evidence.tsv" 2>/dev/null | tr '\t' ' ')
}
# verdict_on TRACE ARM WANT DESCRIPTION: the arm's ok and why.
verdict_on() {
	judged "$1" "$2"
	is "$4" "$3" "$out"
}

# A trace of Linux 6.1: arm 1 is refused by tcp_twsk_unique (0); arm 2, which ran at the same
# time on the same CPU, gets in by it (1), and the idle task resets one of its sockets; arm 3
# is reopened by tcp_timewait_state_process (TCP_TW_SYN, 3).
trace=$(<tests/probe.trace)
twsk='tcp_twsk_unique: no timestamp was recorded'
verdict_on "$trace" "1 EADDRNOTAVAIL true $twsk" "1 true $twsk" 'a refusal that the kernel confirms'
is 'its evidence' '1 probe: tcp_twsk_unique: 1 call, returned 0' "$err"
like 'its record' $'^x\t1\t.*"function":"tcp_twsk_unique","calls":1,"returned":."0":1.' "$(<"$tmp/judged/probe.tsv")"
verdict_on "$trace" '2 connected true tcp_twsk_unique: a timestamp' '2 true tcp_twsk_unique: a timestamp' 'what gets in'
verdict_on "$trace" '3 connected true tcp_timewait_state_process: a SYN' '3 true tcp_timewait_state_process: a SYN' 'what is reopened'
verdict_on "$trace" '3 ACK true tcp_paws_reject: older' \
	'3 false the reason names tcp_paws_reject, which returned 3: tcp_paws_reject: older' 'an inlined function is asked as its caller'
is 'which the evidence says' '3 probe: tcp_timewait_state_process, of which tcp_paws_reject is a part: 1 call, returned 3' "$err"
verdict_on "$trace" '1 EADDRNOTAVAIL true tcp_ts_hz: 1000' '1 true tcp_ts_hz: 1000' 'what is not probed is no failure'
is 'and is said' '1 probe: not tcp_ts_hz: no function of that name, or inlined, in Linux 6.1.0' "$err"
like 'and counted' $'\n''tcp_ts_hz +1 +0  no function' "$(<"$tmp/judged/probes")"
verdict_on "$trace" '1 skipped true no sysctl here' '1 true no sysctl here' 'a reason without a function'
verdict_on "$trace" "1 EADDRNOTAVAIL false $twsk" "1 false $twsk" 'an arm that is not ok already'

# Mutants: the outcome is right, and the reason another.
verdict_on "$trace" '1 EADDRNOTAVAIL true tcp_reset: it was reset' \
	'1 false the reason names tcp_reset, which was not called: tcp_reset: it was reset' 'a mutant: a function that was called in the other arm only'
verdict_on "$trace" "2 EADDRNOTAVAIL true $twsk" \
	"2 false the reason names tcp_twsk_unique, which returned 1: $twsk" 'a mutant: the function returned the other answer'
verdict_on "$trace" '3 connected true tcp_twsk_unique: a timestamp' \
	'3 false the reason names tcp_twsk_unique, which was not called: tcp_twsk_unique: a timestamp' 'a mutant: another function let it in'
verdict_on "$trace" '1 EADDRINUSE true tcp_twsk_unique: x' \
	'1 false the reason names tcp_twsk_unique, which does not decide that: tcp_twsk_unique: x' 'a mutant: an outcome of another function'
verdict_on "$trace" '2 0_states true tcp_reset: RST' '2 true tcp_reset: RST' 'a call that interrupts another task is its namespace'"'s"

# An arm that was void begins anew; a call after its end is of no account; a trace with holes
# says nothing; one that has no end is none.
again=${trace/rtest end x 1/rtest begin x 1}
verdict_on "$again" "1 EADDRNOTAVAIL true $twsk" \
	"1 false the reason names tcp_twsk_unique, which was not called: $twsk" 'an arm that began again'
verdict_on "${trace/rtest end x 2/rtest}" '2 connected true tcp_twsk_unique: a timestamp' \
	'2 false the reason names tcp_twsk_unique, which was not called: tcp_twsk_unique: a timestamp' 'an arm without an end'
verdict_on "${trace/rtest begin x 3/rtest begin x 3$'\n'CPU:0 [LOST 7 EVENTS]}" '3 connected true tcp_reset: x' '3 true tcp_reset: x' 'a trace with a hole'
is 'says so' '3 probe: not tcp_reset: the trace has lost events' "$err"
lost=$(sed -E 's/.*rtest begin x 3$/CPU:1 [LOST 7 EVENTS]/; /(unshare|sh)-401/d' tests/probe.trace)
verdict_on "$lost" '3 connected true tcp_timewait_state_process: a SYN' '3 true tcp_timewait_state_process: a SYN' 'a hole in which an arm began'
is 'says so as well' '3 probe: not tcp_timewait_state_process: the trace has lost events' "$err"
judged "${trace/unshare-201/unshare-207}" "1 EADDRNOTAVAIL true $twsk"
is 'a namespace that was not seen' '1 probe: not tcp_twsk_unique: the probes did not see its namespace' "$err"
judged "${trace/rtest over/rtest}" "1 EADDRNOTAVAIL true $twsk"
is 'a trace without an end' 1 "$status"

# --- the command line ---
# refused WHY COMMAND...: exit 1, one line.
refused() {
	run "${@:2}" "$lab" run --probe hello
	is "$1: exit 1, one line" "1||1" "$status|$out|$(grep -c '' "$tmp/.err")"
	like "$1: says why, and what to do" "^lab: --probe: .*$1.* kernels run -k 6.1 --probe works" "${err/scripts\// }"
}
user=()
((EUID)) || user=(setpriv --reuid 65534 --clear-groups --)
only_one || refused 'only root' "${user[@]}"
run "${user[@]}" unshare -Ur true
if [ "$status" = 0 ] && ! only_one; then
	refused 'mount -t tracefs: ' "${user[@]}" unshare -Ur --
else
	skip 'root of a user namespace' 'there is none here'
fi
run "$lab" run --probe connect-cost
is 'what measures is left out' '1|lab: --probe leaves out connect-cost: run without --probe' "$status|$err"
finish
