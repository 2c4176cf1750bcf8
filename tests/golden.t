#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A run against the one that is known (tests/golden): of some experiments, or, from
# tests/long/golden.t, of all.

. "${0%/*}/tap.bash"
. tests/experiments.bash
lab_works
# shellcheck disable=SC2034 # for run
limit=3600
some=(hello server-close two-sides tw-reuse tw-reuse-inbound goodbye-reset simultaneous-close)
! long || some=()
run $lab run --format json "${some[@]}"
is 'the run: exit code, nothing on stderr' 0: "$status:$err"
[ "$status" = 0 ] ||
	note "$(jq -r 'select(.ok | not) | "\(.experiment): \(.verdict) \(.condition)",
		(.arms[] | select(.ok | not) | "\(.arm): \(.why)", .evidence[])' "$tmp/.out")"
cp "$tmp/.out" "$tmp/results"
# What all experiments declare, the article's side: promises and scope.
declared_lines scripts scripts/experiments/* >"$tmp/declared"
if ! command -v jq >/dev/null; then
	skip 'what is declared, and what was seen, is as it is known' 'no jq'
	finish
fi
run tests/golden/hold --declared "$tmp/declared"
is 'what is declared is as it is known' 0: "$status:$out$err"
run tests/golden/hold "$tmp/results"
case $status in
4) skip 'as it is known' "$err" ;;
*) is 'as it is known' 0: "$status:$out$err" ;;
esac
# Computed in another language, the verdicts are the same.
run tests/golden/judge "$tmp/results"
is 'the verdicts, computed again' 0: "$status:$out$err"
sed 's/"verdict":"holds"/"verdict":"does-not-hold"/' "$tmp/results" >"$tmp/other"
run tests/golden/judge "$tmp/other"
is 'another verdict is seen' 1 "$status"
sed 's/"condition":"not (/"condition":"(/; t; s/"condition":"\([a-z]\)/"condition":"not (\1/' "$tmp/results" >"$tmp/other"
run tests/golden/judge "$tmp/other"
like 'another condition is seen' 'is not so of' "$out"
# An ordinary user measures memory less exactly, "2 or 3 MB"; other numbers are a difference.
known=tests/golden/6.18.jsonl
for open in '2 or 3:0' '1 or 2:1'; do
	sed "s/\"expected\":\"3 MB\"/\"expected\":\"${open%:*} MB\"/" "$known" >"$tmp/other"
	run tests/golden/hold "$tmp/other" "$known"
	case $status in
	2) ;;
	*) is "3 MB known, ${open%:*} expected" "${open#*:}" "$status" ;;
	esac
done
run tests/golden/hold "$tmp/results"
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
