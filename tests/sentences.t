#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The verdicts in words: each experiment has a sentence, which is true of the run that is
# known (tests/golden); and where an arm that it rests on comes out otherwise, it is
# reported as no longer true.

. "${0%/*}/tap.bash"
. tests/experiments.bash
results=scripts/lib/results
known=tests/golden/6.18.jsonl
command -v jq >/dev/null || { skip 'verdicts in words' 'no jq'; finish; }
# shellcheck disable=SC1090
. <(grep '^arm_fields=' scripts/lib/arm; grep -E '^(declared|experiment)_fields=' $results/results)

# What the experiments declare, as the lab's queue has it (lib/run).
declared_lines scripts scripts/experiments/* >"$tmp/lines"
awk -F '\t' -v declared="$tmp/declared.tsv" -v compared="$tmp/compared.tsv" '
	$1 == "experiment" { name = $2; sub(/^([^\t]*\t){4}/, ""); print name "\t" $0 >declared; next }
	$1 != "arm" { print >compared }' "$tmp/lines"
jq -r '.experiment as $e | .arms | to_entries[] | .value as $a | [$e, .key, (if $a.control then 1 else 0 end), $a.ok,
	$a.expected, $a.observed, $a.promised, ($a.conditions | to_entries | map("\(.key)=\(.value)") | join(" ")),
	$a.arm, $a.why, 1, 0, 0, 0, $a.call] | @tsv' "$known" >"$tmp/arms.tsv"

# The same, and each experiment once more for each outcome that its sentence rests on,
# as NAME~N, with the first of those arms turned round.
mkdir "$tmp/turned"
awk -F '\t' -v OFS='\t' -v folder="$tmp/turned/" '
	function has_all(text, conditions,    n, i, pair) {
		n = split(conditions, pair, " ")
		for (i = 1; i <= n; i++)
			if (pair[i] ~ /=$/ ? index(" " text, " " pair[i]) : !index(" " text " ", " " pair[i] " ")) return 0
		return 1
	}
	function other(line, field, name,    n, f, i) {
		n = split(line, f, "\t")
		f[field] = name
		line = f[1]
		for (i = 2; i <= n; i++) line = line "\t" f[i]
		return line
	}
	FILENAME ~ /declared/ { declared[$1] = $0; print >(folder "declared.tsv"); next }
	FILENAME ~ /compared/ {
		print >(folder "compared.tsv")
		compared[$2] = compared[$2] $0 "\n"
		if ($1 == "rests") basis[$2, ++bases[$2]] = $4
		next
	}
	{ print >(folder "arms.tsv"); arms[$1] = arms[$1] $0 "\n" }
	END {
		for (name in bases)
			for (k = 1; k <= bases[name]; k++) {
				print other(declared[name], 1, name "~" k) >(folder "declared.tsv")
				n = split(compared[name], line, "\n")
				for (i = 1; i < n; i++) print other(line[i], 2, name "~" k) >(folder "compared.tsv")
				n = split(arms[name], line, "\n")
				turned = 0
				for (i = 1; i < n; i++) {
					split(line[i], f, "\t")
					if (!turned && has_all(f[8], basis[name, k])) {
						turned = 1
						line[i] = other(line[i], 6, "turned round")
					}
					print other(line[i], 1, name "~" k) >(folder "arms.tsv")
				}
			}
	}' "$tmp/declared.tsv" "$tmp/compared.tsv" "$tmp/arms.tsv"
run awk -v arm_fields="${arm_fields[*]}" -v experiment_fields="${experiment_fields[*]}" -f $results/record.awk \
	-f $results/verdict.awk -v defaults="$(jq -r '.defaults | to_entries | map("\(.key)=\(.value)") | join(" ")' "$known" | head -n 1)" \
	"$tmp"/turned/{declared,compared,arms}.tsv
doubts=$(awk -F '\t' '{ print $1 "\t" $(NF - 1) "\t" $NF }' <<<"$out")
declare -A doubt=() count=()
while IFS=$'\t' read -r name _ text; do doubt[$name]=$text; done <<<"$doubts"

is 'each experiment has a sentence' "$(find scripts/experiments -type f | wc -l)" \
	"$(awk -F '\t' '$1 !~ /~/ && $2 != ""' <<<"$doubts" | wc -l)"
is 'each is true of the known run' '' "$(awk -F '\t' '$1 !~ /~/ && $3 ~ /^not so/' <<<"$doubts")"
while IFS=$'\t' read -r _ name outcome conditions; do
	count[$name]=$((${count[$name]-0} + 1))
	like "$name: $outcome: $conditions: turned round" '^not so here: turned round with ' \
		"${doubt[$name~${count[$name]}]-}"
done < <(grep ^rests "$tmp/lines")
ok 'there are outcomes to turn' [ ${#count[@]} -gt 40 ]
turned=$(awk -f scripts/lib/results/record.awk -e 'BEGIN { print sentence("So it is.", "not so here: RST with a=1") }' 2>/dev/null ||
	awk "$(cat scripts/lib/results/record.awk)"' BEGIN { print sentence("So it is.", "not so here: RST with a=1") }')
is 'a sentence that is not true here says so' 'No longer true: So it is. (not so here: RST with a=1)' "$turned"
finish
