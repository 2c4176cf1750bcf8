#!/usr/bin/env bash
# The words of scripts/lib: each of their checks, made to fail.
#
# Every case is an experiment of one treatment and one control, whose steps do
# something wrong; the lab must report it as unexpected, for the right reason.
. "${0%/*}/tap.bash"

root=$PWD
export RTEST_EXPERIMENTS=$tmp/experiments RTEST_BIN=${RTEST_BIN:-$root}
export RTEST_PATIENCE=3
mkdir -p "$RTEST_EXPERIMENTS" "$tmp/bin"

# experiment NAME: an experiment with the steps on standard input.
experiment() {
	{
		cat <<-END
			#!/usr/bin/env bash
			. "$root/scripts/lib/experiment"
			. "$root/scripts/lib/segments"
			group close
			sources SF
			claim "a claim" connected
			arm old=TIME-WAIT tcp_timestamps=1
			control old=none tcp_timestamps=0
			expect() { [ "\$old" = none ] && rule EADDRNOTAVAIL "a rule" || rule connected "a rule"; }
			steps() {
				[ "\$old" != none ] || { saw EADDRNOTAVAIL; return; }
		END
		cat
		printf '}\ntrial "$@"\n'
	} >"$RTEST_EXPERIMENTS/$1"
}

# judged NAME VERDICT REGEX: the verdict of the run on that experiment, and what
# the record of its first arm says.
judged() {
	is "$1: verdict" "$2" "$(cut -f 4 "$tmp/out/$1.tsv")"
	like "$1: the record says why" "$3" \
		"$(cut -f 5,9 "$tmp/out/$1.arms") $(cat "$tmp/out/$1.evidence")"
}

# fake PROGRAM LINES: a program that prints these lines and then waits.
fake() {
	printf '#!/bin/sh\ncat <<"END"\n%s\nEND\nexec sleep 30\n' "$2" >"$tmp/bin/$1"
	chmod +x "$tmp/bin/$1"
}

# What is right passes: otherwise a failure below would prove nothing.
experiment fine <<'END'
	start server -A "$there" 44400
	observe client -H -A -b 44401 "$there" 44400
END

experiment other-outcome <<'END'
	observe client -H "$there" 44400
END

experiment await-state <<'END'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	await TIME-WAIT "$client" "$server"
	saw connected
END

experiment await-gone <<'END'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	await none "$server" "$client"
	saw connected
END

experiment still-there <<'END'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	gone ESTAB "$client" "$server"
	saw connected
END

# A TIME-WAIT that somebody else has taken over before the attempt.
experiment left <<'END'
	start server -A -n 0 "$there" 44400
	run client -A -b 44401 -c "$there" 44400
	await TIME-WAIT "$client" "$server"
	await none "$server" "$client"
	start client -H -A -b 44401 "$there" 44400
	observe client -H -A -b 44402 "$there" 44400
END

# connect() takes it over, but the counters say nothing of that.
experiment not-counted <<'END'
	moved() { :; }
	start server -A -n 0 "$there" 44400
	run client -A -b 44401 -c "$there" 44400
	await TIME-WAIT "$client" "$server"
	await none "$server" "$client"
	observe client -H -A -b 44401 "$there" 44400
END

experiment never-settles <<'END'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	await_settled
	saw connected
END

experiment queues <<'END'
	start server -A "$there" 44400
	start client -A -b 44401 "$there" 44400
	await_queues "$client" "$server" 1000
	saw connected
END

experiment disagree <<'END'
	agree "a number" 1 2
	saw connected
END

experiment start-fails <<'END'
	start client "$there" 44400
	saw connected
END

experiment run-fails <<'END'
	run client "$there" 44400
	saw connected
END

experiment finish-fails <<'END'
	start server -A "$there" 44400
	kill -KILL "${prog_pid[server]}"
	finish server
	saw connected
END

experiment no-event <<'END'
	start server -A "$there" 44400
	next_event server accepted
	saw connected
END

experiment no-sysctl <<'END'
	set_sysctl tcp_no_such_thing 1
	saw connected
END

experiment bad-sysctl <<'END'
	set_sysctl ip_local_port_range "5 4"
	saw connected
END

experiment no-link <<'END'
	hold_back here
	saw connected
END

experiment no-word <<'END'
	hold_bakc here
	saw connected
END

experiment dies <<'END'
	kill -KILL $BASHPID
END

experiment too-slow <<'END'
	too_slow 10 0
	saw connected
END

experiment once-too-slow <<'END'
	exec {fd}<"$0"
	flock -w 20 "$fd" || broken "somebody has the lock"
	start server "$there" 44400
	((RTEST_TRY >= 3)) || { pause 0.2; nap 0.2; void "time $RTEST_TRY"; }
	fds=(/proc/self/fd/*)
	((${#fds[@]} < 20)) || broken "descriptors: ${fds[*]}"
	observe client -H -b 44401 "$there" 44400
END

experiment misspelt <<'END'
	echo "$no_such_variable"
END

experiment no-ss <<'END'
	start server "$there" 44400
	PATH=/nowhere
	await LISTEN "$there:44400" '0.0.0.0:*'
END

experiment no-outcome <<'END'
	:
END

experiment skipped <<'END'
	skip "for a reason"
END

# A program that lies is found out by ss.
fake server '{"event":"bound","local":"127.0.0.1:44400"}
{"event":"listening","local":"127.0.0.1:44400"}'
fake client '{"event":"connected","local":"127.0.0.1:44401","peer":"127.0.0.1:44400"}'
experiment lies-connected <<'END'
	observe client "$there" 44400
END

experiment lies-listening <<'END'
	observe server "$there" 44400
END

# "It failed", and yet there is a new socket.
ln -s "$RTEST_BIN/wire" "$RTEST_BIN/forge" "$tmp/bin/"
mkdir "$tmp/bin2"
cp -P "$tmp/bin/"{server,wire,forge} "$tmp/bin2/"
cat >"$tmp/bin2/client" <<END
#!/usr/bin/env bash
"$root/server" -A 127.0.0.1 44444 >/dev/null 2>&1 < <(sleep 30) &
until ss -HOtln | grep -q :44444; do sleep 0.02; done
echo '{"event":"error","call":"connect","errno":"EADDRNOTAVAIL"}'
sleep 30
END
chmod +x "$tmp/bin2/client"
experiment lies-refused <<'END'
	observe client "$there" 44400
END

# The rules of a trial.
cat >"$RTEST_EXPERIMENTS/bad-control" <<END
. "$root/scripts/lib/experiment"
group close
claim "a claim" connected
arm old=TIME-WAIT
control old=none
expect() { rule connected "a rule"; }
steps() { saw connected; }
trial "\$@"
END
sed '/^control/d' "$RTEST_EXPERIMENTS/bad-control" >"$RTEST_EXPERIMENTS/no-control"
# shellcheck disable=SC2016  # for the experiment
sed 's/^steps.*/steps() { [ "$old" != none ] || skip "for no good"; saw connected; }/' \
	"$RTEST_EXPERIMENTS/bad-control" >"$RTEST_EXPERIMENTS/skipped-control"
# An arm that this machine cannot run, and that would not be as the claim says.
cat >"$RTEST_EXPERIMENTS/untested" <<END
. "$root/scripts/lib/experiment"
group close
claim "a claim" connected
grid old=TIME-WAIT look=rows,log size=1,2
control old=none look=rows size=1
expect() {
	if [ "\$old" = none ]; then rule EADDRNOTAVAIL "a rule"
	elif [ "\$look" = log ]; then rule EADDRINUSE "a rule"
	else rule connected "a rule"; fi
}
steps() {
	[ "\$look" != log ] || skip "no log"
	saw "\$expected"
}
trial "\$@"
END
# shellcheck disable=SC2016  # for the experiment
sed 's/rule EADDRINUSE/rule connected/' "$RTEST_EXPERIMENTS/untested" >"$RTEST_EXPERIMENTS/untested-same"
# shellcheck disable=SC2016  # for the experiment
sed 's/^expect/promise() { [ "$look" != log ] || promised=; }\n&/' "$RTEST_EXPERIMENTS/untested" \
	>"$RTEST_EXPERIMENTS/untested-unsaid"
# What the article means is tested, and only the rest is not.
sed 's/^claim.*/&\narticle look=rows/' "$RTEST_EXPERIMENTS/untested" >"$RTEST_EXPERIMENTS/untested-beyond"
# A number that the kernel's rule leaves open: the one that was seen is told, and
# what the article promises is not kept where it is by chance.
cat >"$RTEST_EXPERIMENTS/open" <<END
. "$root/scripts/lib/experiment"
group close
claim "a claim" "5 ports"
grid size=4,5,6 pick=bind
arm size=5 pick=connect
control size=1 pick=connect
expect() {
	rule "4 or 5 ports" "a rule"
	[ "\$size,\$pick" != 5,connect ] || rule "5 ports" "a rule"
	[ "\$size" != 1 ] || rule "1 or more" "a rule"
}
steps() { [ "\$size" = 1 ] && saw "1 or more" || saw "\$size ports"; }
trial "\$@"
END
sed 's/4,5,6/4,5/' "$RTEST_EXPERIMENTS/open" >"$RTEST_EXPERIMENTS/open-fine"
sed 's/^expect.*/expect() { :; }/' "$RTEST_EXPERIMENTS/bad-control" >"$RTEST_EXPERIMENTS/no-model"

liars=(lies-connected lies-listening)
run env RTEST_BIN="$tmp/bin" scripts/lab run --out "$tmp/out" --format json "${liars[@]}"
is "programs that lie: exit code" 1 "$status"
judged lies-connected unexpected 'the program says connected, but ss shows no ESTAB'
judged lies-listening unexpected 'the program says listening, but ss shows no LISTEN'
run env RTEST_BIN="$tmp/bin2" scripts/lab run --out "$tmp/out" --format json lies-refused
is "a program that hides a socket: exit code" 1 "$status"
judged lies-refused unexpected 'EADDRNOTAVAIL, but ss shows other sockets than before'

rm "$RTEST_EXPERIMENTS"/lies-*
run scripts/lab run --out "$tmp/out" --format json fine skipped
is "what is right, and what is skipped: exit code" 0 "$status"
run scripts/lab run --out "$tmp/out" --format json
is "the others: exit code" 1 "$status"
judged fine holds connected
judged other-outcome unexpected ECONNREFUSED
judged await-state unexpected 'is in state ESTAB, not TIME-WAIT, after 3 s'
judged await-gone unexpected 'is in state ESTAB, not none'
judged still-there unexpected 'is still in ESTAB'
judged left unexpected '127.0.0.1:44401 127.0.0.1:44400 has left TIME-WAIT before the attempt'
judged not-counted unexpected 'ss showed 1 timewait socket with these ends, TcpExtTWRecycled counts 0'
judged never-settles unexpected 'still there after 3 s: ESTAB'
judged queues unexpected '1000 bytes written, but ss shows Send-Q 0 and Recv-Q 0'
judged disagree unexpected "the sources differ: '1' and '2'"
judged start-fails unexpected 'start client .*ECONNREFUSED'
judged run-fails unexpected 'client .*ECONNREFUSED'
judged finish-fails unexpected 'server ended without the event end'
judged no-event unexpected 'server did not report accepted within 3 s'
judged no-sysctl skipped 'this kernel has no sysctl net.ipv4.tcp_no_such_thing'
judged bad-sysctl unexpected "ip_local_port_range: the kernel refuses '5 4'"
judged no-link unexpected 'cannot hold back what here sends'
judged no-word unexpected 'no such word: hold_bakc'
judged dies unexpected "the arm's process died"
judged too-slow unexpected 'too slow, 20 times: took [0-9]+ ms, may take 10'
judged misspelt unexpected "the arm's process died"
judged no-ss unexpected 'failed: ss on host here: exit code 12[67]'
judged once-too-slow holds 'run 3 times; void the time before: time 2'
unlike "fine: nothing of tries" 'run [0-9]+ times' "$(cat "$tmp/out/fine.evidence")"
judged no-outcome unexpected failed
judged skipped skipped 'for a reason'

# Both of the void tries count: of the time that passed, and of that aside.
run scripts/lab run --timing --out "$tmp/timed" --format json once-too-slow
IFS=$'\t' read -r _ _ _ _ longest busy _ <"$tmp/timed/once-too-slow.timing"
ok "--timing counts all tries" test "$longest" -ge 800
ok "--timing: and what they stood aside" test $((longest - busy)) -ge 100

# One slot, and the arm that had it has died.
run timeout 60 scripts/lab run --jobs 1 --out "$tmp/one" --format json dies misspelt fine
is "a slot comes back from an arm that died: exit code" 1 "$status"
is "a slot comes back from an arm that died: the others" holds "$(cut -f 4 "$tmp/one/fine.tsv")"
like "their records do not speak of it" '^died: 2 of 3$' "died: $(grep -l 'process died' "$tmp"/one/*.evidence | wc -l) of 3"
judged bad-control unexpected connected
judged no-control unexpected connected
judged skipped-control skipped 'for no good'
is "skipped-control: what is missing" 'no control: for no good' "$(cut -f 5 "$tmp/out/skipped-control.tsv")"
judged untested holds-if 'no log'
is "untested: what was not is named" 'not (look=log, which was not tested here)' "$(cut -f 5 "$tmp/out/untested.tsv")"
run awk -f scripts/lib/table.awk "$tmp/out/untested.tsv" "$tmp/out/untested.arms"
like "untested: in the table" 'except with look=log, which was not tested here' "$out"
judged untested-same holds 'no log'
judged untested-unsaid holds 'no log'
judged untested-beyond holds 'no log'
judged open unexpected '6 ports'
is "open: which arms are as expected" "true 4 ports,true 5 ports,false 6 ports,true 5 ports,true 1 or more" \
	"$(awk -F '\t' '{ print $3, $5 }' "$tmp/out/open.arms" | paste -sd ,)"
judged open-fine holds-if '4 ports'
is "open-fine: kept where it is not by chance" pick=connect "$(cut -f 5 "$tmp/out/open-fine.tsv")"
judged no-model unexpected 'the model has no expectation'

# One shell can read several of these files: a word has one meaning.
twice=$(cd scripts/lib && grep -hoE '^[a-z_]+\(\)' experiment trial trials nets silent segments \
	sketch timers ports model demo asked log | sort | uniq -d)
is "no word is defined in two files" '' "$twice"
used=$(grep -hoE '^[a-z_]+\(\)' scripts/lib/nets scripts/lib/experiment | sort -u)
for word in ask_these in_order known fail; do
	unlike "lab's $word is none of the words" "(^|\n)${word}[(]" "$used"
done

finish
