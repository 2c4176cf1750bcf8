#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# lab run --probe in a virtual machine: the kernel confirms hello, and each mutant, whose
# rule names another function than the one that decides, is caught.
. "${0%/*}/../tap.bash"
. tests/machine.bash

# The outcome of each arm is right.
cat >"$tmp/mutants" <<'END'
#!/usr/bin/env bash
. "${0%/*}/../lib/experiment"
group mine
claim "The client closes first, and without timestamps its port is refused." EADDRNOTAVAIL
quote rtest "mutants"
condition names tcp_twsk_unique,tcp_timewait_state_process,tcp_reset,inet_bind_conflict "the rule"
article link=lo
grid names=tcp_twsk_unique,tcp_timewait_state_process,tcp_reset,inet_bind_conflict tcp_timestamps=0
control names=tcp_twsk_unique tcp_timestamps=1
expect() {
	rule EADDRNOTAVAIL "$names: a mutant" connect
	[ "$tcp_timestamps" = 0 ] || rule connected "$names: a timestamp was recorded"
}
steps() {
	start server -A -n 0 "$there" 44400
	run client -A -b 44401 -c "$there" 44400
	await TIME-WAIT "$client" "$server"
	observe client -A -b 44401 "$there" 44400
}
trial "$@"
END
run $kernels run -k "$file" --limit 3500 --out "$tmp/out" --probe hello "$tmp/mutants"
note "$err"
is "Linux $release: something is unexpected" 1 "$status"
is 'of hello, nothing' '' "$(awk -F '\t' '$1 == "hello" && $4 != "true"' "$tmp/out/$release/arms.tsv")"
tell_failed "$tmp/out/$release" hello
is 'of the mutants, three' $'the reason names tcp_timewait_state_process, which was not called
the reason names tcp_reset, which was not called
the reason names inet_bind_conflict, which does not decide that' \
	"$(awk -F '\t' '$1 == "mutants" && $4 != "true" { sub(/: .*/, "", $10); print $10 }' "$tmp/out/$release/arms.tsv")"
like 'what it returned is in the record' '"function":"tcp_twsk_unique","calls":1,"returned":."0":1.' "$(<"$tmp/out/$release/results.json")"
finish
