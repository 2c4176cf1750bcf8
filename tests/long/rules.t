#!/usr/bin/env bash
# Each rule of the model has an arm that fails without it; those that none misses are
# named here, with the reason.

. "${0%/*}/../tap.bash"
# As tests/long/mutants.t: for whoever runs it it is the same.
[ "${RTEST_MUTANTS-}" != no ] || { echo '1..0 # SKIP RTEST_MUTANTS=no'; exit; }
mkdir "$tmp/copy"
tests/long/rules "$PWD" "$tmp/copy" >"$tmp/branches" 2>"$tmp/err"
is 'the rules are taken out: nothing on stderr' '' "$(<"$tmp/err")"
note "branches: $(cut -f 1 "$tmp/branches" | sort | uniq -c | paste -sd, | tr -s ' ')"
branches=$(wc -l <"$tmp/branches")
((branches > 100))
verdict $? "the model has many branches ($branches)"

# Rules that `why` asks and no experiment: tests/long/why-cases.t and why-matrix.t make
# each of their states and the call.  resend is asked in the steps of no-listener.
is 'no arm asks these rules' 'address autobind ends pick resend route' \
	"$(awk -F '\t' '$1 == "unasked" { print $2 }' "$tmp/branches" | sort -u | paste -sd ' ')"

# Branches that no arm misses.
is 'no arm misses these branches' '' "$(awk -F '\t' '
	$1 != "unmissed" { next }
	# why alone knows of devices: tests/long/why-cases.t.
	$2 == "bind" && /first_dev/ { next }
	# self-connect asks what answers where nobody is; the other answers why alone asks for.
	$2 == "answer" { next }
	# Asked in the steps of connect-cost (a full range) and of port-exhaustion (lib/ports).
	$2 ~ /^ports_(looked_at|handed_out)$/ { next }
	# Of an ordinary user, who may not read /proc/slabinfo.
	$2 == "tw_memory" && /least/ { next }
	# Of kernels that this one is not.
	/kernel_has|isn_reaches_listener/ { next }
	{ print $2 ": " $4 }' "$tmp/branches")"

# With these an outcome has another reason, and no arm another outcome: which of two
# sockets is without an option, which of two checks drops a segment.  The reason is what
# tests/golden holds.
note 'another reason only:'
note "$(awk -F '\t' '$1 == "reason" { print $2 ": " $4 }' "$tmp/branches")"
finish
