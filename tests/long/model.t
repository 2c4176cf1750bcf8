#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A rule of the model that is turned around is found out: the lab reports the
# experiment as unexpected.

. "${0%/*}/../tap.bash"
. tests/experiments.bash
lab_works

mkdir "$tmp/turned"
cp -r scripts "$tmp/turned/"
# turn FROM TO EXPERIMENT: with that line of the model changed, the lab reports
# the experiment as unexpected.
turn() {
	cp scripts/model/* "$tmp/turned/scripts/model"
	sed -i "s/$1/$2/" "$tmp/turned/scripts/model"/*
	diff -rq scripts/model "$tmp/turned/scripts/model" >/dev/null &&
		verdict 1 "the model has no line '$1'"
	run "$tmp/turned/scripts/lab" run --quick "$3"
	is "model turned around ($1): exit code" 1 "$status"
	like "model turned around ($1): unexpected" "unexpected +$3" "$out"
}
# shellcheck disable=SC2016 # lines of the model
{
turn '\[ "\$stamped" = 0 \]' '[ "$stamped" = 1 ]' two-sides
turn '\[ "\$port" = bound \]' '[ "$port" = kernel ]' two-sides
turn '\[ "\$reuse" = 0 \]' '[ "$reuse" = 1 ]' tw-reuse
turn '\[ "\$first_state" != LISTEN \]' '[ "$first_state" = LISTEN ]' bind-vs-state
turn '\[ "\$listener" = 1 \]' '[ "$listener" = 0 ]' reopen-after-restart
turn '\[ "\$same_user" = 1 \]' '[ "$same_user" = 0 ]' reuseport
turn 'closes > limit' 'closes < limit' max-tw-buckets
turn 'fin_timeout > 60' 'fin_timeout < 60' fin-timeout
turn '\[ "\$inner" = proxy \]' '[ "$inner" = backend ]' proxy
turn 'size % 2 == 0' 'size % 2 == 1' local-ports
turn 'refusal=EADDRINUSE' 'refusal=EADDRNOTAVAIL' local-ports
turn 'rule "\$closed TIME-WAIT"' 'rule "1 TIME-WAIT"' pool
}

finish
