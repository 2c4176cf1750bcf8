#!/usr/bin/env bash
# kernels: the newest kernel that is here boots, and its run comes back whole.
. "${0%/*}/../tap.bash"
. tests/machine.bash
run $kernels run -k "$file" --limit 3500 --out "$tmp/out" hello tw-isn
is "Linux $release: exit code" 0 "$status"
note "$err"
like 'the table' "^Linux ${release//+/[+]}, 2 experiments" "$out"
run scripts/lab show hello "$tmp/out/$release"
is 'the run is one of the lab' 0 "$status"
is 'and of that kernel' "$release" "$(awk -F '\t' '$1 == "kernel" { print $2 }' "$tmp/out/$release/about")"
is 'the page is there' 1 "$(grep -c '^report.html' "$tmp/out/$release/INDEX")"
finish
