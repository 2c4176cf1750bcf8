#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The words of scripts/lib: each of their checks, made to fail.
#
# Every case is an experiment of one arm and one control, whose steps do something
# wrong; the lab must report it as unexpected, for the right reason.

. "${0%/*}/tap.bash"
. tests/experiments.bash
lab_works

# What is right passes: otherwise a failure below would prove nothing.
experiment fine <<'EOF'
	start server -A "$there" 44400
	observe client -H -A -b 44401 "$there" 44400
EOF

experiment other-outcome <<'EOF'
	observe client -H "$there" 44400
EOF

experiment await-state <<'EOF'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	await TIME-WAIT "$client" "$server"
	saw connected
EOF

experiment await-gone <<'EOF'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	await none "$server" "$client"
	saw connected
EOF

experiment not-any-more <<'EOF'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	still TIME-WAIT "$client" "$server"
	saw connected
EOF

experiment no-state <<'EOF'
	await 'ESTAB|TIMEWAIT' "$client" "$server"
	saw connected
EOF

experiment no-state-to-count <<'EOF'
	count_rows here TIMEWAIT
	saw connected
EOF

# A TIME-WAIT that somebody else has taken over before the attempt.
experiment left <<'EOF'
	start server -A -n 0 "$there" 44400
	run client -A -b 44401 -c "$there" 44400
	await TIME-WAIT "$client" "$server"
	await none "$server" "$client"
	start client -H -A -b 44401 "$there" 44400
	observe client -H -A -b 44402 "$there" 44400
EOF

# connect() takes it over, but the counters say nothing of that.
experiment not-counted <<'EOF'
	moved() { :; }
	start server -A -n 0 "$there" 44400
	run client -A -b 44401 -c "$there" 44400
	await TIME-WAIT "$client" "$server"
	await none "$server" "$client"
	observe client -H -A -b 44401 "$there" 44400
EOF

experiment never-settles <<'EOF'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	await_settled
	saw connected
EOF

experiment queues <<'EOF'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	await_queues "$client" "$server" 1000
	saw connected
EOF

experiment segments-in <<'EOF'
	await_segments_in here 5
	saw connected
EOF

experiment no-segment <<'EOF'
	capture
	await_segment S "$client"
	saw connected
EOF

experiment disagree <<'EOF'
	agree "a number" 1 2
	saw connected
EOF

experiment start-fails <<'EOF'
	start client "$there" 44400
	saw connected
EOF

experiment run-fails <<'EOF'
	run client "$there" 44400
	saw connected
EOF

experiment finish-fails <<'EOF'
	start server -A "$there" 44400
	kill -KILL "${prog_pid[server]}"
	finish server
	saw connected
EOF

experiment no-event <<'EOF'
	start server -A "$there" 44400
	next_event server accepted
	saw connected
EOF

experiment no-sysctl <<'EOF'
	set_sysctl tcp_wmen 1
	saw connected
EOF

experiment bad-sysctl <<'EOF'
	set_sysctl ip_local_port_range "5 4"
	saw connected
EOF

experiment no-link <<'EOF'
	hold_back here
	saw connected
EOF

experiment no-host <<'EOF'
	at nowhere true
	saw connected
EOF

# The arm ends there, whatever reads what the word says and however it comes out.
experiment no-word <<'EOF'
	evidence "so far"
	hold_bakc here 2>/dev/null || :
	nap 60
EOF
# What is wrong in a process of the steps' own is not lost.
experiment no-state-inside <<'EOF'
	local n=$(count_rows here TIMEWAIT; echo "$reply")
	saw connected
EOF

experiment no-word-inside <<'EOF'
	inside() { local said=$(wach here | cat); }
	start server "$there" 44400
	inside
	nap 60
EOF

experiment dies <<'EOF'
	kill -KILL $BASHPID
EOF

experiment host-dies <<'EOF'
	kill -KILL "${host_pid[here]}"
	start server -A "$there" 44400
	saw connected
EOF

# A machine that is too slow.
experiment too-slow <<'EOF'
	now_ms
	too_slow 1000 $((reply - 2000))
	saw connected
EOF

# What a step ends with is no word of the lab's: 75 is void's.
experiment exits-75 <<'EOF'
	exit 75
EOF

experiment once-too-slow <<'EOF'
	start server "$there" 44400
	((arm_try >= 3)) || { pause 0.2; nap 0.2; void "time $arm_try"; }
	fds=(/proc/self/fd/*)
	((${#fds[@]} < 30)) || broken "descriptors: ${fds[*]}"
	pause 0.1
	[ -n "$arm_place" ] || broken "others have its CPU, while it pauses"
	observe client -H -b 44401 "$there" 44400
EOF

experiment misspelt <<'EOF'
	echo "$no_such_variable"
EOF

experiment no-ss <<'EOF'
	start server "$there" 44400
	order here 'PATH=/nowhere'
	observe client "$there" 44400
EOF

# The errno is the right one, and another call's.
whole wrong-call <<'EOF'
claim "a claim" EADDRINUSE
arm old=TIME-WAIT
control old=none
expect() { rule EADDRINUSE "f: a rule" listen; [ "$old" != none ] || rule connected "f: a rule"; }
steps() {
	[ "$old" != none ] || { saw connected; return; }
	start server "$there" 44400
	observe server "$there" 44400
}
EOF

# The sysctl is as the condition says, but not when it counts.
experiment stamped-anyway <<'EOF'
	set_sysctl tcp_timestamps 0
	start server "$there" 44400
	start client -H -b 44401 "$there" 44400
	set_sysctl tcp_timestamps 1
	saw connected
EOF

# A word that ends the arm, in a process that is not the arm's.
experiment void-inside <<'EOF'
	evidence "$(void "too slow")"
	saw connected
EOF

experiment odd-sysctl <<'EOF'
	set_sysctl tcp_timestamps 0 tcp_sack
EOF

# The error that the program is to tell, declared before it tells another one.
experiment other-error <<'EOF'
	spawn client client "$there" 44999
	fails client EPIPE
	next_event client error
	stop client
	saw connected
EOF

experiment no-wire <<'EOF'
	capture_options=(--no-such-option)
	capture
EOF

experiment no-outcome <<'EOF'
	:
EOF

experiment skipped <<'EOF'
	skip "for a reason"
EOF

# One of a younger kernel than any.
experiment young <<'EOF'
	sysctl_since[tcp_wmen]=99.1
	set_sysctl tcp_wmen 1
EOF

# The texts of programs and of experiments are texts.
experiment texts <<'EOF'
	start server -A -m 'a,b}c{d' "$there" 44400
	start client -A -b 44401 "$there" 44400
	next_event client data
	field data
	[ "$reply" = 'a,b}c{d' ] || broken "the client read '$reply'"
	evidence 'a "quoted", {braced} [text]: back\slash, tab	and %s'
	saw connected
EOF

# --- the rules of a trial ---
whole bad-control <<'EOF'
claim "a claim" connected
arm old=TIME-WAIT
control old=none
expect() { rule connected "f: a rule"; }
steps() { saw connected; }
EOF
whole skipped-control <<'EOF'
claim "a claim" connected
arm old=TIME-WAIT
control old=none
expect() { rule connected "f: a rule"; }
steps() { [ "$old" != none ] || skip "for no good"; saw connected; }
EOF
# An arm that this machine cannot run, and that would not be as the claim says.
# shellcheck disable=SC2016 # text of an experiment
untested='claim "a claim" connected
condition look rows,log "skip: no log"
grid old=TIME-WAIT look=rows,log size=1,2
control old=none look=rows size=1
expect() {
	if [ "$old" = none ]; then rule EADDRNOTAVAIL "f: a rule" connect
	elif [ "$look" = log ]; then rule EADDRINUSE "f: a rule" bind
	else rule connected "f: a rule"; fi
}
steps() {
	[ "$look" != log ] || skip "no log"
	saw "$expected" "$fails_in"
}'
whole untested <<<"$untested"
whole untested-same <<<"${untested/rule EADDRINUSE/rule connected}"
whole untested-unsaid <<<"$untested
promise() { [ \"\$look\" != log ] || promised=; }"
# What the article means is tested, and only the rest is not.
whole untested-beyond <<<"${untested/grid/article look=rows$'\n'grid}"
# The arm that the article speaks of cannot be run, and would be as it says.
whole untested-scope <<'EOF'
claim "a claim" connected
condition look rows,log "skip: no log"
article look=log
grid old=TIME-WAIT look=log,rows
control old=none look=rows
expect() {
	rule connected "f: a rule"
	[ "$look" = log ] || rule EADDRINUSE "f: a rule" bind
	[ "$old" != none ] || rule silence "f: a rule"
}
steps() { [ "$look" != log ] || skip "no log"; saw "$expected" "$fails_in"; }
EOF
# The first arm, and all of its question, cannot be run; the other question is tested.
whole untested-first <<'EOF'
claim "a claim" connected
condition look rows,log "skip: no log"
question look
grid old=TIME-WAIT look=log,rows
control old=none look=log
control old=none look=rows
expect() { rule connected "f: a rule"; [ "$old" != none ] || rule silence "f: a rule"; }
steps() { [ "$look" != log ] || skip "no log"; saw "$expected"; }
EOF
whole left-control <<'EOF'
claim "a claim" connected
arm old=TIME-WAIT
waits 80 control old=none
expect() { rule connected "f: a rule"; [ "$old" != none ] || rule silence "f: a rule"; }
steps() { saw "$expected"; }
EOF
# What a step has seen may be any text.
experiment odd-text <<'EOF'
	evidence $'a\001b'
	saw $'one\ntwo\tthree'
EOF
# A number that the kernel's rule leaves open: the one that was seen is told, and
# what the article promises is not kept where it is by chance.
# shellcheck disable=SC2016 # text of an experiment
open='claim "a claim" "5 ports"
condition pick bind,connect "saw: the ports"
grid size=4,5,6 pick=bind
arm size=5 pick=connect
control size=1 pick=connect
expect() {
	rule "4 or 5 ports" "f: a rule"
	[ "$size,$pick" != 5,connect ] || rule "5 ports" "f: a rule"
	[ "$size" != 1 ] || rule "1 or more" "f: a rule"
}
steps() { if [ "$size" = 1 ]; then saw "1 or more"; else saw "$size ports"; fi; }'
whole open <<<"$open"
whole open-fine <<<"${open/4,5,6/4,5}"

# The arm that the control differs from is skipped.
whole skipped-arm <<'EOF'
claim "a claim" ACK
condition payload 1,1000 "nothing"
arm payload=1000 tcp_timestamps=0
grid payload=1,1000 tcp_timestamps=1
control payload=1 tcp_timestamps=0
promise() { [ "$tcp_timestamps" = 0 ] || promised=SYN-ACK; }
expect() {
	if [ "$payload$tcp_timestamps" = 10000 ]; then rule ACK "f: a rule"; else rule SYN-ACK "f: another"; fi
}
steps() {
	[ "$expected" != ACK ] || skip 'for a reason'
	saw "$expected"
}
EOF

# line_of NAME TEXT: the line of that experiment that has it.
line_of() { grep -n -- "$2" "$tmp/experiments/$1" | cut -d: -f1; }

out_dir=$tmp/out
ok=("$tmp/experiments/"{fine,skipped,skipped-arm,young,texts,once-too-slow,open-fine,left-control,untested{,-same,-unsaid,-beyond,-scope,-first}})
run $lab run --jobs 24 --patience 20 --out "$out_dir" --format json "${ok[@]}"
is "what is right, and what is skipped: exit code, nothing on stderr" 0: "$status:$err"
judged "$out_dir" fine holds connected
unlike "fine: nothing of tries" 'run again' "$(grep ^fine "$out_dir/evidence.tsv")"
judged "$out_dir" skipped skipped 'for a reason'
judged "$out_dir" skipped-arm skipped SYN-ACK
is 'skipped-arm: why' 'no control: for a reason' "$(field_of "$out_dir" skipped-arm condition)"
judged "$out_dir" young skipped 'this kernel has no sysctl net.ipv4.tcp_wmen, which namespaces have since Linux 99.1'
judged "$out_dir" once-too-slow holds 'run again: the machine was too slow the first 2 times: time 2'
judged "$out_dir" untested holds-if 'no log'
is "untested: what was not is named" 'not (look=log, which was not tested here)' \
	"$(field_of "$out_dir" untested condition)"
judged "$out_dir" untested-same holds 'no log'
judged "$out_dir" untested-unsaid holds 'no log'
judged "$out_dir" untested-beyond holds 'no log'
judged "$out_dir" untested-first holds 'no log'
judged "$out_dir" untested-scope skipped 'no log'
judged "$out_dir" left-control skipped connected
is "left-control: what is missing" 'no control: it was left out of this run' "$(field_of "$out_dir" left-control condition)"
judged "$out_dir" open-fine holds-if '4 ports'
is "open-fine: kept where it is not by chance" pick=connect "$(field_of "$out_dir" open-fine condition)"
judged "$out_dir" texts holds connected
if command -v jq >/dev/null; then
	is "texts: jq reads them as they were" 'a "quoted", {braced} [text]: back\slash, tab and %s' \
		"$(jq -r 'select(.experiment == "texts") | .arms[0].evidence[] | select(test("quoted"))' "$tmp/.out")"
else
	skip "texts: jq reads them as they were" "no jq"
fi

run $lab run --long --timing "$tmp/experiments/left-control"
is "--long: its control has run" "0 1 holds; 0 unexpected" "$status $(grep unexpected <<<"$out")"
like "--timing: a table on standard error" '^experiment +arms.*left-control' "$err"

rm "${ok[@]}"
run $lab run --jobs 24 --patience 20 --retry 5 --format json --out "$out_dir" "$tmp/experiments/"*
is "the others: exit code, nothing on stderr" 1: "$status:$err"
judged "$out_dir" other-outcome unexpected ECONNREFUSED
judged "$out_dir" await-state unexpected 'is in state ESTAB, not TIME-WAIT, after 20 s'
judged "$out_dir" await-gone unexpected 'is in state ESTAB, not none'
judged "$out_dir" not-any-more unexpected 'is in state ESTAB, no longer in TIME-WAIT'
for name in no-state no-state-to-count; do
	judged "$out_dir" $name unexpected "/$name:$(line_of $name TIMEWAIT): there is no state 'TIMEWAIT'"
done
judged "$out_dir" left unexpected '127.0.0.1:44401 127.0.0.1:44400 has left TIME-WAIT before the attempt'
judged "$out_dir" not-counted unexpected 'ss showed 1 timewait socket with these ends, TcpExtTWRecycled counts 0'
judged "$out_dir" never-settles unexpected 'still there after 20 s: here: '
judged "$out_dir" queues unexpected '1000 bytes written, but ss shows Send-Q 0 and Recv-Q 0'
judged "$out_dir" segments-in unexpected 'here received 0 segments, not 5'
judged "$out_dir" no-segment unexpected '0 segments \[S\] from 127.0.0.1:44401, not 1'
judged "$out_dir" disagree unexpected "the sources differ: '1' and '2'"
judged "$out_dir" start-fails unexpected 'start client .*ECONNREFUSED'
judged "$out_dir" run-fails unexpected 'client .*ECONNREFUSED'
judged "$out_dir" finish-fails unexpected 'server ended without the event end'
judged "$out_dir" no-event unexpected 'server did not report accepted within 20 s'
judged "$out_dir" no-sysctl unexpected "/no-sysctl:$(line_of no-sysctl wmen): there is no sysctl net.ipv4.tcp_wmen"
judged "$out_dir" bad-sysctl unexpected 'the kernel refuses net.ipv4.ip_local_port_range'
judged "$out_dir" no-link unexpected 'here has no neighbour to mislead'
judged "$out_dir" no-host unexpected "there is no host 'nowhere'"
judged "$out_dir" no-word unexpected "/no-word:$(line_of no-word hold_bakc): there is no word 'hold_bakc'.*so far"
judged "$out_dir" no-word-inside unexpected "/no-word-inside:$(line_of no-word-inside wach): there is no word 'wach'"
judged "$out_dir" no-state-inside unexpected "/no-state-inside:$(line_of no-state-inside TIMEWAIT): there is no state 'TIMEWAIT'"
judged "$out_dir" dies unexpected "the arm's process died, with exit code 137"
judged "$out_dir" host-dies unexpected 'host (here|there) has died'
judged "$out_dir" too-slow skipped 'too slow, [3-5] times: took 2[0-9]+ ms, may take 1000'
judged "$out_dir" exits-75 unexpected "the arm's process died, with exit code 75"
judged "$out_dir" misspelt unexpected "the arm's process died.*no_such_variable: unbound variable"
judged "$out_dir" no-ss unexpected 'ss on host here: exit code 127'
judged "$out_dir" wrong-call unexpected 'bind\(\): EADDRINUSE; by the rule listen\(\) fails'
judged "$out_dir" stamped-anyway unexpected 'the condition tcp_timestamps=1 is not in effect'
judged "$out_dir" no-outcome unexpected failed
judged "$out_dir" odd-text unexpected 'a b'
like "odd-text: in one line" 'one two three' "$(grep ^odd-text "$out_dir/arms.tsv")"
judged "$out_dir" void-inside unexpected "void in a process of the arm's own does not end the arm"
judged "$out_dir" odd-sysctl unexpected "/odd-sysctl:$(line_of odd-sysctl tcp_sack): a sysctl without a value"
judged "$out_dir" other-error unexpected 'client .* ended without the error EPIPE'
judged "$out_dir" no-wire unexpected "wire does not start: wire: .*no-such-option"
is "the evidence of an arm that died is its own" 'dies exits-75 misspelt' \
	"$(awk -F '\t' '/failed: the arm.s process died/ { print $1 }' "$out_dir/evidence.tsv" | sort -u | xargs)"
judged "$out_dir" bad-control unexpected connected
judged "$out_dir" skipped-control skipped 'for no good'
is "skipped-control: what is missing" 'no control: for no good' "$(field_of "$out_dir" skipped-control condition)"
judged "$out_dir" open unexpected '6 ports'
is "open: which arms are as expected" "true 4 ports,true 5 ports,false 6 ports,true 5 ports,true 1 or more" \
	"$(paste -d' ' <(fields_of "$out_dir/arms.tsv" open ok) <(fields_of "$out_dir/arms.tsv" open observed) | paste -sd ,)"

# One shell reads several of these files: a word has one meaning.
twice=$(cat scripts/lib/{experiment,arm,hosts,programs,sockets,counters,segments,timers,ports,asked,run} scripts/model/* |
	grep -oE '^[a-z_]+\(\)' | sort | uniq -d)
is "no word is defined in two files" '' "$twice"
# And somebody uses it.
unused=$(comm -23 <(grep -hoE '^[a-z_]+\(\)' scripts/lab scripts/lib/{[a-z],results/,why/,sandbox/}* 2>/dev/null | tr -d '()' | sort -u) \
	<(grep -rhv '^[[:blank:]]*#' scripts | sed 's/^[[:blank:]]*[a-z_]*()//; s/ # .*//' | grep -oE '[a-z_]+' | sort -u))
is "no word is there for nothing" command_not_found_handle "$unused"

finish
