#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A run against the one that is known (tests/golden): of some experiments, or, from
# tests/long/golden.t, of all.

. "${0%/*}/tap.bash"
. tests/experiments.bash
lab_works
# shellcheck disable=SC2034 # for run
limit=600
some=(hello server-close two-sides tw-reuse tw-reuse-inbound goodbye-reset simultaneous-close)
! long || some=()
run $lab run --format json "${some[@]}"
is 'the run: exit code, nothing on stderr' 0: "$status:$err"
cp "$tmp/.out" "$tmp/results"
run tests/golden/hold "$tmp/results"
case $status in
2) skip 'as it is known' "$err" ;;
4) skip 'as it is known' "$err" ;;
*) is 'as it is known' 0: "$status:$out$err" ;;
esac
# A difference is seen.
sed 's/"expected":"connected"/"expected":"ECONNREFUSED"/' "$tmp/results" >"$tmp/other"
case $status in
2 | 4) ;;
*)
	run tests/golden/hold "$tmp/other"
	is 'another expectation is a difference' 1 "$status"
	;;
esac
finish
