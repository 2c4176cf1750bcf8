#!/usr/bin/env bash
# scripts/why, asked before 3,000 calls that are drawn by lot (see why-matrix): not one
# wrong first line, a condition only where the kernel shows no more, and of each
# condition both comes to pass.  RTEST_MATRIX=CALLS, RTEST_SEED=N.
. "${0%/*}/../tap.bash"
on_one_cpu

export RTEST_BIN=${RTEST_BIN:-$PWD} STAGE=$tmp/stage
calls=${RTEST_MATRIX:-3000} seed=${RTEST_SEED:-1}
${CC:-cc} -std=gnu11 -I. -o "$STAGE" tests/long/stage.c src/words.c || exit 1
timeout 3600 scripts/sandbox -- tests/long/why-matrix "$calls" "$seed" >"$tmp/matrix" 2>"$tmp/.err" </dev/null
is "seed $seed: nothing on stderr" '' "$(grep -v 'Connection reset' "$tmp/.err")"
is "seed $seed: all calls were made" "$calls" "$(wc -l <"$tmp/matrix")"
is "seed $seed: no answer is wrong" '' "$(grep ^WRONG "$tmp/matrix")"
is "seed $seed: no condition on what could have been read" '' "$(grep ^VAGUE "$tmp/matrix")"
note "$(cut -d '|' -f 2 "$tmp/matrix" | sort | uniq -c)"
if ((calls >= 1000)); then
	for condition in SO_REUSEADDR SO_REUSEPORT IPV6_V6ONLY 'bind() chose'; do
		for came in yes no; do
			n=$(cut -d '|' -f 2 "$tmp/matrix" | grep -F "$condition" | grep -c ": $came\$")
			((n))
			verdict $? "on $condition: came true, $came: $n"
		done
	done
fi

finish
