#!/usr/bin/env bash
# kernels: the newest kernel that is here boots, and its run comes back whole.
. "${0%/*}/../tap.bash"
kernels=scripts/kernels
kernel=$($kernels list 2>/dev/null | tail -n 1)
for tool in qemu-system-x86_64 cpio modprobe; do
	command -v "$tool" >/dev/null || { echo "1..0 # SKIP no $tool here"; exit 0; }
done
[ -n "$kernel" ] || { echo '1..0 # SKIP no kernel is here: scripts/kernels get 6.1'; exit 0; }
limit=3600
read -r _ release file <<<"$kernel"
run $kernels run -k "$file" --limit 3500 --out "$tmp/out" hello tw-isn
is "Linux $release: exit code" 0 "$status"
note "$err"
like 'the table' "^Linux ${release//+/[+]}, 2 experiments" "$out"
run scripts/lab show hello "$tmp/out/$release"
is 'the run is one of the lab' 0 "$status"
is 'and of that kernel' "$release" "$(awk -F '\t' '$1 == "kernel" { print $2 }' "$tmp/out/$release/about")"
is 'the page is there' 1 "$(grep -c '^report.html' "$tmp/out/$release/INDEX")"
finish
