#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SIGKILL at a random moment of any of the lab's processes: lab, sandbox, run, workers,
# arms, hosts, programs.  Nothing is left, nothing hangs, and exit code 0 means that
# every arm has ended well.
#
# tests/long/killed.t has more rounds.

. "${0%/*}/tap.bash"
. tests/experiments.bash
lab_works
long && rounds=100 || rounds=10

for i in 1 2 3; do
	experiment "talk-$i" <<'EOF'
	start server -A -n 0 "$there" 44400
	run client -A -b 44401 -c "$there" 44400
	await TIME-WAIT "$client" "$server"
	start client -H -A -b 44402 "$there" 44400
	observe client -H -A -b 44403 "$there" 44400
EOF
done
arms=6
mkdir "$tmp/folder"
export TMPDIR=$tmp/folder
began=${EPOCHREALTIME/./}
run $lab run --format json --patience 20 "$tmp/experiments/"*
took=$(((${EPOCHREALTIME/./} - began) / 1000))
is 'without a kill: exit code, nothing on stderr' 0: "$status:$err"
is 'without a kill: all arms' $arms "$(grep -o '"arm":' <<<"$out" | wc -l)"

declare -A codes=()
# (On, as long as none has hit.)
for ((round = 1; round <= rounds || (round <= 10 * rounds && ${#codes[@]} == 1 && ${codes[0]-0}); round++)); do
	RTEST_T_MARK=$$ setpriv --pdeathsig KILL timeout -k 1 120 \
		"$lab" run --format json --patience 20 "$tmp/experiments/"* >"$tmp/said" 2>"$tmp/err" </dev/null &
	pid=$!
	printf -v nap '%d.%03d' $((RANDOM % took / 1000)) $((RANDOM % took % 1000))
	sleep "$nap"
	# (timeout itself is not the lab's.)
	what=nobody
	while read -r victim what; do
		{ kill -KILL "$victim"; } 2>/dev/null && break
		what=nobody
	done < <(marked_now | grep -v "^$pid " | shuf)
	{ wait $pid; } 2>/dev/null
	code=$?
	codes[$code]=1
	has=$(grep -o '"arm":' "$tmp/said" | wc -l)
	bad=
	((code != 124)) || bad='it hangs'
	((code != 0)) || [[ $has == "$arms" && $(grep -c '"ok":false' "$tmp/said") == 0 ]] || bad="exit code 0, with $has arms"
	((has == 0 || has == arms)) || bad="$has arms of $arms"
	(($(wc -l <"$tmp/err") <= 1)) || bad='more than one line on standard error'
	until_true nothing_left || bad='something is left'
	[ -z "$bad" ]
	verdict $? "round $round: ${what:0:60}" ||
		note "after $nap s: $bad; exit code $code; $(cat "$tmp/err"); $(marked_now)"
done
# A loop that never hits anything proves nothing.
[[ ${!codes[*]} != 0 ]]
verdict $? "some of the kills have hit: exit codes ${!codes[*]}"
is "no file is left in the temporary folder" '' "$(ls -A "$TMPDIR")"
finish
