#!/usr/bin/env bash
# What was changed in an experiment, or in the words that it is written in, so that it
# proves less, is seen: in each experiment to which the change can be made.
# shellcheck disable=SC2016 # texts of jq and of the lab

. "${0%/*}/../tap.bash"
. tests/experiments.bash
lab_works
# The labs that it runs take seven minutes; .ci/run lets one of its two users do it.
[ "${RTEST_MUTANTS-}" != no ] || { echo '1..0 # SKIP RTEST_MUTANTS=no'; exit; }
command -v jq >/dev/null || { echo '1..0 # SKIP jq is missing'; exit; }
limit=900

declared_lines scripts scripts/experiments/* >"$tmp/declared"
is 'the declarations can be read' end "$(tail -n 1 "$tmp/declared")"

# --- a control that is the treatment ---
# Each control gets the conditions of an arm that it controls.
cp -R scripts "$tmp/scripts"
controls=0 unseen=
while IFS=$'\t' read -r file line conditions; do
	copy=$tmp/scripts/experiments/${file##*/}
	awk -v line="$line" -v conditions="$conditions" 'NR == line { sub(/control .*/, "control " conditions) } { print }' "$file" >"$copy"
	said=$(declared_lines "$tmp/scripts" "$copy")
	controls=$((controls + 1))
	[[ $said == *"$copy:"*" is there already"* || $said == *"it controls nothing"* ]] || unseen+="${file##*/}:$line "
	cp "$file" "$copy"
done < <(awk -F '\t' '
	$1 == "experiment" { file = $3 }
	$1 == "arm" { conditions[$2, $3] = $6; line[$2, $3] = $7; control[$2, $3] = $4; of[$2] = file }
	$1 == "control" && control[$2, $4] && !(($2, $4) in done) {
		done[$2, $4] = 1
		print of[$2] "\t" line[$2, $4] "\t" conditions[$2, $3]
	}' "$tmp/declared")
is "a control that is the treatment: seen in each of $controls" '' "$unseen"
ok 'there are controls' [ "$controls" -gt 60 ]

# --- a promise that is another one ---
# What the article promises is pinned: tests/golden.t holds the declarations to it.
unseen=
for file in scripts/experiments/*; do
	copy=$tmp/scripts/experiments/${file##*/}
	awk 'match($0, /^claim +"[^"]*"/) { print substr($0, 1, RLENGTH) " \"7 mutants\""; next } { print }' "$file" >"$copy"
	declared_lines "$tmp/scripts" "$copy" >"$tmp/now"
	tests/golden/hold --declared "$tmp/now" >/dev/null 2>&1
	(($? == 1)) || unseen+="${file##*/} "
	[ "$(tail -n 1 "$tmp/now")" = end ] || unseen+="${file##*/}: not read "
	cp "$file" "$copy"
done
is 'a promise that is another one: seen in each' '' "$unseen"

# --- what runs ---
# mutant NAME FILE EXPERIMENTS... : runs the mutated copy; FILE's sed script on standard
# input; the lines of its arms are in $tmp/arms: EXPERIMENT, conditions as JSON, ok,
# expected, why, evidence.
mutant() {
	local name=$1 file=$2
	shift 2
	cp -R scripts/. "$tmp/scripts"
	cat >"$tmp/sed"
	sed -i -f "$tmp/sed" "$tmp/scripts/$file"
	! cmp -s "scripts/$file" "$tmp/scripts/$file" || verdict 1 "$name: sed changes nothing"
	"$tmp/scripts/lab" run --quick --patience 20 --format json "$@" >"$tmp/run" 2>"$tmp/err" </dev/null
	jq -c '. as $e | .arms[] | select(.observed != "skipped") | {e: $e.experiment, defaults: $e.defaults} + .' "$tmp/run" >"$tmp/arms"
}
# survivors NAME FILTER: the arms that this jq filter chooses are not ok.
survivors() {
	local n
	n=$(jq -r "select($2) | .e" "$tmp/arms" | wc -l)
	((n)) || verdict 1 "$1: there are such arms"
	is "$1: seen in each of $n arms" '' "$(jq -r "select($2) | select(.ok) | \"\(.e): \(.arm)\"" "$tmp/arms")"
}
mutant 'a sysctl that is never set' lib/hosts <<<'s/^		tcp_\* | ip_\*) sysctls+=.*/		nothing) ;;/'
survivors 'a sysctl that is never set' \
	'.defaults as $d | any(.conditions | to_entries[]; .key as $k | ($d | has($k)) and $d[$k] != .value)'
mutant 'a link that is a loopback' lib/hosts <<<'s/^	link) join_hosts ;;/	link) new_host here ;;/'
survivors 'a link that is a loopback' '.conditions.link == "link"'
kill='local k; for k in "${!host_pid[@]}"; do ask "$k" ss -KHtan state time-wait; [ -z "$reply" ] || evidence "killed: $reply"; done'
mutant 'a TIME-WAIT that is killed before the attempt' lib/sockets <<<"s/^	old_rows=(\"\${rows\[@\]}\")/	$kill\n&/"
survivors 'a TIME-WAIT that is killed before the attempt' 'any(.evidence[]; startswith("killed: "))'
mutant 'another call that failed' lib/sockets <<<'s/^		failed_call=\$reply/		case $reply in bind) failed_call=connect ;; *) failed_call=bind ;; esac/'
survivors 'another call that failed' '.call != "" and (.evidence | any(test("^(here|there): (bind|connect|listen): E")))'
finish
