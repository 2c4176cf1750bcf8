#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What breaks under an arm is reported: programs that end badly, shells that are killed,
# a full disk, limits, tools that are not what they were.  No verdict comes of it, and
# nothing is left.

. "${0%/*}/tap.bash"
. tests/experiments.bash
lab_works

# A program, as run's timeout takes no function.
cat >"$tmp/marked" <<END
#!/bin/sh
RTEST_T_MARK=$$ exec "\$@"
END
chmod +x "$tmp/marked"

# no_verdict WHAT CODE REGEX COMMAND...: that exit code, nothing on standard output, one
# line that matches on standard error, and soon nothing left.
no_verdict() {
	local what=$1 code=$2 regex=$3
	shift 3
	run "$tmp/marked" "$@"
	[[ $status =~ ^($code)$ && -z $out && $err =~ $regex && $(wc -l <"$tmp/.err") -le 1 ]]
	verdict $? "$what" || { note "want: $code, nothing on stdout, '$regex'"; note "got:  $status, '$out', '$err'"; }
	until_true nothing_left
	verdict $? "$what: nothing is left" || note "$(marked_now)"
}

# --- programs that end badly ---
# The stub is the server, and with one of these ports it does something else.
stub server <<END
#!/bin/sh
exec 3<&0
case " \$* " in
*' 44501 '*) end='kill -ABRT \$\$' ;;
*' 44502 '*) end='exit 3' ;;
*' 44503 '*) end='echo "server: something odd" >&2; exit 0' ;;
*' 44504 '*) end='echo "==7==ERROR: LeakSanitizer: detected memory leaks" >&2; exit 0' ;;
*' 44506 '*) end=: ;;
*) exec "$real/server" "\$@" ;;
esac
trap 'kill \$! 2>/dev/null' TERM
"$real/server" "\$@" <&3 &
wait \$!
# (The client can have ended first, and the server with it.)
wait \$!
eval "\$end"
sleep 1000
END
stub client <<END
#!/bin/sh
case " \$* " in
*' 44505 '*) echo 'client.c:1:2: runtime error: signed integer overflow' >&2 ;;
esac
exec "$real/client" "\$@"
END
for port in 44501 44502 44503 44504 44506; do
	experiment "ends-$port" <<EOF
	start server "\$there" $port
	observe client -H "\$there" $port
EOF
done
experiment stopped-44501 <<'EOF'
	start server "$there" 44501
	stop server
	saw connected
EOF
experiment quiet-44504 <<'EOF'
	server=$there:44504
	server_without_events "$there" 44504
	observe client -H "$there" 44504
EOF
experiment refused-44505 <<'EOF'
	observe client -H "$there" 44505
	saw connected
EOF
experiment killed <<'EOF'
	start server -A "$there" 44400
	kill -KILL "${prog_pid[server]}"
	saw connected
EOF
experiment system-tool <<'EOF'
	awk 'no such program {'
	saw connected
EOF
run env RTEST_BIN="$tmp/bin" "$lab" run --jobs 4 --patience 6 --format json --out "$tmp/out" "$tmp/experiments/"*
is 'programs that end badly: exit code, nothing on stderr' 1: "$status:$err"
judged "$tmp/out" ends-44501 unexpected 'server -j 127.0.0.1 44501: exit code 134, not 0'
judged "$tmp/out" ends-44502 unexpected 'server -j 127.0.0.1 44502: exit code 3, not 0'
judged "$tmp/out" ends-44503 unexpected 'server -j 127.0.0.1 44503: on standard error: server: something odd'
judged "$tmp/out" ends-44504 unexpected 'server -j 127.0.0.1 44504: ==7==ERROR: LeakSanitizer'
judged "$tmp/out" quiet-44504 unexpected 'server 127.0.0.1 44504: ==7==ERROR: LeakSanitizer'
judged "$tmp/out" ends-44506 unexpected 'does not answer: wait [0-9]+'
like 'what keeps it is in the record' '"process .host here.: [0-9]+ S [a-z_0-9]+: [^"]*server -j 127.0.0.1 44506' "$(<"$tmp/out/results.json")"
judged "$tmp/out" stopped-44501 unexpected 'exit code 134, not 0'
judged "$tmp/out" refused-44505 unexpected 'client -j -H 127.0.0.1 44505: client.c:1:2: runtime error'
judged "$tmp/out" killed unexpected 'exit code 137, not 0'
judged "$tmp/out" system-tool unexpected 'standard error of its steps: .*awk'
rm "$tmp/experiments/"*

# --- the lab's own processes ---
# parent PID: $reply is its parent.
# shellcheck disable=SC2016 # for the arm
parent='parent() { read -r _ _ _ reply _ </proc/$1/stat; }'
experiment worker <<EOF
	$parent
	parent \$BASHPID; kill -KILL \$reply
	nap 30
EOF
experiment run <<EOF
	$parent
	parent \$BASHPID; parent \$reply; kill -KILL \$reply
	nap 30
EOF
experiment fine <<'EOF'
	saw connected
EOF
no_verdict 'a worker that dies' 1 '^lab: a worker died \(process [0-9]+\): no verdict from this run$' \
	"$lab" run "$tmp/experiments/"{worker,fine}
# Nor are the others waited for.
whole many <<'EOF'
claim "a claim" connected
condition nth '*' "nothing"
grid old=TIME-WAIT nth=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
control old=none nth=1
expect() { [ "$old" = none ] && rule EADDRNOTAVAIL "f: a rule" connect || rule connected "f: a rule"; }
steps() { nap 60; saw "$expected" connect; }
EOF
no_verdict 'a worker that dies while others go on' 1 '^lab: a worker died \(process [0-9]+\): no verdict from this run$' \
	"$lab" run --jobs 2 "$tmp/experiments/"{worker,many}
# Half a record is none.
whole half <<'EOF'
claim "a claim" connected
arm old=TIME-WAIT
control old=none
expect() { [ "$old" = none ] && rule EADDRNOTAVAIL "f: a rule" connect || rule connected "f: a rule"; }
steps() {
	if [ "$old" = none ]; then
		until [ -s "$results/half.0.record" ]; do nap 0.05; done
		printf 'half\t0\t0\ttrue\n' >"$results/half.0.record"
	fi
	saw "$expected" connect
}
EOF
no_verdict 'an arm with half a record' 1 '^lab: not every arm of 2 has left a record' "$lab" run "$tmp/experiments/half"
no_verdict 'run that dies' 137 '' "$lab" run "$tmp/experiments/"{run,fine}

# A signal from the keyboard, while an arm waits.
experiment waits <<'EOF'
	start server "$there" 44477
	nap 60
EOF
RTEST_T_MARK=$$ env --default-signal=INT "$lab" run "$tmp/experiments/waits" >"$tmp/said" 2>&1 </dev/null &
pid=$!
# shellcheck disable=SC2317 # until_true calls it
arm_waits() { marked_now | grep -q 'server -j .* 44477'; }
until_true arm_waits
kill -INT $pid
wait $pid
is 'SIGINT: exit code, and no word' 130: "$?:$(cat "$tmp/said")"
ok 'SIGINT: nothing is left' until_true nothing_left

the_rest_is_long
# --- the system ---
# in_path TOOL: a stub of that tool from standard input, first in $tmp/path.
mkdir "$tmp/path"
in_path() {
	rm -f "$tmp/path/"*
	cat >"$tmp/path/$1"
	chmod +x "$tmp/path/$1"
}
mount=$(command -v mount) ss=$(command -v ss)
for pages in 3 4 5; do
	in_path mount <<END
#!/bin/sh
case "\$*" in *' /run') set -- -o size=$((pages * 4))k "\$@" ;; esac
exec $mount "\$@"
END
	no_verdict "a disk of $pages pages under the records" 1 '^lab: ' \
		env PATH="$tmp/path:$PATH" "$lab" run "$tmp/experiments/fine"
done
in_path ss <<END
#!/bin/sh
$ss "\$@" | sed 's/^State /Netid State /; s/^LISTEN/tcp &/'
END
no_verdict 'an ss with another format' 1 "^lab: ss prints another format, 'Netid State .*: iproute2's ss is needed$" \
	env PATH="$tmp/path:$PATH" "$lab" run "$tmp/experiments/fine"
in_path ss <<END
#!/bin/sh
echo 'ss: cannot open netlink socket' >&2
exit 1
END
no_verdict 'an ss that fails' 1 "^lab: ss prints another format, 'ss: cannot open netlink socket'" \
	env PATH="$tmp/path:$PATH" "$lab" run "$tmp/experiments/fine"
# After the lab has looked at it.
in_path ss <<END
#!/bin/sh
case "\$1" in -H*) exit 7 ;; esac
exec $ss "\$@"
END
experiment asks <<'EOF'
	start server -A "$there" 44400
	observe client -H "$there" 44400
EOF
run env PATH="$tmp/path:$PATH" "$lab" run --out "$tmp/out" "$tmp/experiments/asks"
judged "$tmp/out" asks unexpected 'ss on host here: exit code 7'

# Limits.  (Of processes, for a user who is not root: that one has no limit.)
for files in 64 80; do
	run bash -c "ulimit -n $files; exec $lab run '$tmp/experiments/fine' '$tmp/experiments/asks'"
	is "ulimit -n $files: exit code, nothing on stderr" 0: "$status:$err"
done
as_user=()
chmod 755 "$tmp"
# One that nobody else is.
((EUID)) || as_user=(setpriv --reuid 64999 --regid 64999 --clear-groups)
if "${as_user[@]}" scripts/sandbox true 2>/dev/null; then
	for processes in 4 8 14 24; do
		run "$tmp/marked" "${as_user[@]}" bash -c "ulimit -u $processes; exec $lab run --patience 3 --jobs 4 '$tmp/experiments/fine' '$tmp/experiments/asks'"
		[[ $status == 0 && $out == *', 4 arms, '*'2 hold; 0 unexpected'* || $status != 0 && $status != 124 && $out != *' hold; 0 unexpected'* ]]
		verdict $? "ulimit -u $processes: all arms, or not 0; no hang" || note "$status: $out$err"
		ok "ulimit -u $processes: nothing is left" until_true nothing_left
	done
	run "${as_user[@]}" bash -c "ulimit -u 2000; exec $lab run --jobs 4 '$tmp/experiments/fine' '$tmp/experiments/asks'"
	is 'ulimit -u 2000 is enough' 0: "$status:$err"
else
	skip 'ulimit -u' 'an ordinary user gets no sandbox here'
fi

# --- a user's variables change nothing ---
facts() { sed -E 's/"seconds":[0-9.]+//; s/"evidence":\[[^]]*\]//g' "$tmp/.out"; }
run $lab run --format json "$tmp/experiments/"{fine,asks}
want=$status:$(facts)
cat >"$tmp/noise" <<'END'
observed=EFAKE results=/nonexistent experiment=x reply=x here=1.2.3.4
queue=(1 2) jobs=0 quick=1 verbose=1 format=tap patience=0 asking=1 out=/nonexistent
saw() { observed=EFAKE; }
END
run env BASH_ENV="$tmp/noise" ENV="$tmp/noise" RTEST_LAB=inside RTEST_PATIENCE=0 RTEST_QUICK=1 \
	RTEST_JOBS=x RTEST_WHY=1 RTEST_VERBOSE=1 RTEST_TIMING=1 RTEST_EXPERIMENTS=/nonexistent \
	RTEST_NETNS=0 RTEST_TRY=9 RTEST_SANDBOX=1 RTEST_RUN=/nonexistent \
	RTEST_KMSG=99 observed=EFAKE patience=0 old=x link=silent server=x POSIXLY_CORRECT=1 CDPATH=/ \
	"$lab" run --format json "$tmp/experiments/"{fine,asks}
is "a user's variables change nothing" "$want:" "$status:$(facts):$err"

finish
