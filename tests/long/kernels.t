#!/usr/bin/env bash
# kernels: the oldest kernel that is here boots, nothing is unexpected there in the experiments
# whose rules have versions (kernel_has), and the run comes back whole.
. "${0%/*}/../tap.bash"
. tests/machine.bash
experiments=(hello tw-isn not-yet-closed no-listener tw-reuse-delay local-ports kill-time-wait
	port-looks-free isn-clock)
run $kernels run -k "$file" --limit 3500 --out "$tmp/out" --quick "${experiments[@]}"
is "Linux $release: exit code" 0 "$status"
note "$err"
tell_failed "$tmp/out/$release" "${experiments[@]}"
like 'the table' "^Linux ${release//+/[+]}, ${#experiments[@]} experiments" "$out"
run scripts/lab show hello "$tmp/out/$release"
is 'the run is one of the lab' 0 "$status"
is 'and of that kernel' "$release" "$(awk -F '\t' '$1 == "kernel" { print $2 }' "$tmp/out/$release/about")"
is 'the page is there' 1 "$(grep -c '^report.html' "$tmp/out/$release/INDEX")"
finish
