#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/why: right before every call of the grids of experiments.
. "${0%/*}/../tap.bash"
on_one_cpu

export RTEST_BIN=${RTEST_BIN:-$PWD}

# --- the grids: before every call, why foretells its outcome ---
# With --why an arm asks why, and is broken when it was wrong.
grids=(client-close listen-restart wildcard-vs-address client-rebind
	bind-vs-state not-yet-closed two-sides reuseport other-destination
	reopen-after-restart tw-reuse tw-reuse-inbound)
scripts/lab run --why --format json "${grids[@]}" >"$tmp/grids" 2>"$tmp/.err" </dev/null
code=$?
is "grids: all of them" "${#grids[@]}" "$(wc -l <"$tmp/grids")"
sed 's/{"arm":/\n&/g' "$tmp/grids" | grep '^{"arm":' >"$tmp/all"
# To ask takes time, and some arms must be over within a second: where the machine is
# so busy that it was too slow for one again and again, there is no answer to judge.
grep '"why":"too slow, [0-9]* times' "$tmp/all" >"$tmp/slow"
grep -v '"why":"too slow, [0-9]* times' "$tmp/all" >"$tmp/arms"
[ ! -s "$tmp/slow" ] || skip "grids: $(wc -l <"$tmp/slow") arms" 'this machine is too slow for their conditions'
wrong=$(grep '"ok":false' "$tmp/arms")
unasked=$(grep -v '"observed":"skipped"' "$tmp/arms" |
	grep -vE '"why (bind|connect) [^"]*: (bind|connect) (would|fails)')
is "grids: exit code" 0 "$code"
is "grids: in no arm it was wrong" '' "$wrong"
is "grids: it was asked in every arm" '' "$unasked"
# Of the first of them, a line for each thing that the arm noted: on stderr, as prove
# does not show the other notes.
[ -z "$wrong$unasked" ] || note "$(printf '%s\n' "$wrong" "$unasked" | sed '/^$/d' | sort -u | head -n 3 |
	sed 's/,"\(observed\|why\|evidence\)":/\n    \1: /g')" >&2
arms=$(wc -l <"$tmp/arms")
(($(wc -l <"$tmp/all") > 250))
verdict $? "grids: these are many ($arms arms)"
undecided=$(grep -c ' the old socket had' "$tmp/arms")
((undecided && undecided < arms / 3))
verdict $? "grids: few need to be told what the kernel does not show ($undecided)"

# An answer that is wrong is found out.
mkdir "$tmp/wrong"
cp -r scripts "$tmp/wrong/"
printf '#!/bin/sh\necho connect would succeed\n' >"$tmp/wrong/scripts/why"
run "$tmp/wrong/scripts/lab" run --why --format json two-sides
is "a wrong answer: exit code" 1 "$status"
like "a wrong answer: said" 'connect would succeed; but it was EADDRNOTAVAIL' "$out"

finish
