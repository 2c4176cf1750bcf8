#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/why, asked before 3,000 calls that are drawn by lot (see why-matrix): not one
# wrong first line, a condition only where the kernel shows no more, and of each
# condition both comes to pass.  RTEST_MATRIX=CALLS, RTEST_SEED=N.
. "${0%/*}/../tap.bash"

export RTEST_BIN=${RTEST_BIN:-$PWD} STAGE=$tmp/stage
export -f up
calls=${RTEST_MATRIX:-3000} seed=${RTEST_SEED:-1}
${CC:-cc} -std=gnu11 -I. -o "$STAGE" tests/long/stage.c src/words.c || exit 1
# Each on one CPU, see on_one_cpu; a sample is not worth more than one.
cpus=()
read -r _ list < <(grep ^Cpus_allowed_list: /proc/self/status)
for span in ${list//,/ }; do mapfile -tO ${#cpus[@]} cpus < <(seq "${span%-*}" "${span#*-}"); done
workers=$((calls < 400 ? 1 : ${#cpus[@]} < 4 ? ${#cpus[@]} : 4))
for ((i = 0; i < workers; i++)); do
	taskset -c "${cpus[i]}" timeout 3600 scripts/sandbox -- tests/long/why-matrix \
		$((calls * (i + 1) / workers - calls * i / workers)) $((seed * 4 + i)) \
		>"$tmp/matrix.$i" 2>"$tmp/.err.$i" </dev/null &
done
wait
cat "$tmp"/.err.* >"$tmp/.err"
cat "$tmp"/matrix.* >"$tmp/matrix"
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
