#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bench/run: its options, its table and its JSON, and what it says when a program
# fails.  Nothing here is about speed.
. "${0%/*}/../tap.bash"

unshare -Urn true 2>/dev/null ||
	{ echo "1..0 # SKIP unshare -Urn is refused here"; exit 0; }

# A copy, with programs that may be replaced, and nothing of it in the tree.
tree=$tmp/tree
mkdir -p "$tree/tests/bench" "$tree/bin"
cp -R scripts "$tree"
cp tests/bench/run "$tree/tests/bench"
for source in tests/bench/*.c; do
	name=${source##*/}
	${CC:-cc} -O1 -o "$tree/tests/bench/${name%.c}" "$source" || exit 1
done
for program in rtest server client wire; do
	made=$PWD/$program
	[ ! -d "${RTEST_BIN-}" ] || made=$(cd "$RTEST_BIN" && pwd)/$program
	if [ -x "$made" ]; then
		ln -s "$made" "$tree/bin/$program"
	else
		${CC:-cc} -o "$tree/bin/$program" "$program.c" -lpthread || exit 1
	fi
done
export RTEST_BIN=$tree/bin
bench=$tree/tests/bench/run
json=$tmp/numbers

# numbers NAME KEY: its value in the JSON, without quotes.
numbers() { sed -n "s/^{\"name\":\"$1\",.*\"$2\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" "$json"; }

# --- the command line --------------------------------------------------------

run "$bench" --help
like "--help" "^0\|usage: tests/bench/run .*--rounds N.*--quick.*--json FILE.*\|$" "$status|$out|$err"
# shellcheck disable=SC2089,SC2090  # the quotes are part of the message
for line in "--fast|unknown option '--fast'" "-x|unknown option '-x'" \
	"--rounds|--rounds wants a value" \
	"--rounds 0|--rounds wants a whole number from 1 to 1000, not '0'" \
	"--rounds=1x|--rounds wants a whole number from 1 to 1000, not '1x'" \
	"--rounds 1001|--rounds wants a whole number from 1 to 1000, not '1001'" \
	"--connections -1|--connections wants a whole number from 1 to 10000000, not '-1'" \
	"--json=|--json wants the name of a file" "--quick=1|unknown option '--quick'" \
	"speed|there is no part 'speed', only reconnect bulk million capture lab-quick lab"; do
	# shellcheck disable=SC2086,SC2090  # an option and its value
	run "$bench" ${line%%|*}
	is "${line%%|*}: usage" "2||bench: ${line#*|} (try '--help')" "$status|$out|$err"
done
run "$bench" --json "$tmp/no/such" reconnect
like "a file that cannot be written is said before the work" \
	"^1\|\|.*bench: cannot write $tmp/no/such$" "$status|$out|$err"
is "wrong usage leaves no numbers" "" "$(ls -d "$json" "$tree/build" 2>/dev/null)"

# --- the numbers ----------------------------------------------------------------

run "$bench" --rounds 3 --connections 50 --json "$json" reconnect
is "reconnect: exit code" 0 "$status"
like "the table has a line for it, with its aim" \
	$'\nreconnect +[0-9]+ +[0-9]+ 1/s +floor +[0-9.]+ [0-9.]+\.\.[0-9.]+ +>= 0.75: (reached|missed)\n' "$out"
like "how many reconnects there were, none failed" $'\n  150 reconnects, 0 failures(\n|$)' "$out"
like "each round is told of on standard error" $'bench: reconnect, rate [0-9.]+ [0-9.]+\n' "$err"
is "the JSON has its rounds, and the aim" "3 ratio>=0.75" \
	"$(numbers reconnect rounds) $(numbers reconnect aim)"
ok "the ratio is the median of those of the rounds, in its range" awk -v ratio="$(numbers reconnect ratio)" \
	-v least="$(numbers reconnect ratio_min)" -v most="$(numbers reconnect ratio_max)" \
	-v each="$(sed -n 's/^{"name":"reconnect",.*"ratio_each":\[\([^]]*\).*/\1/p' "$json")" '
	BEGIN {
		n = split(each, r, ",")
		for (i in r) {
			below += r[i] <= ratio + 0.001
			above += r[i] >= ratio - 0.001
		}
		exit !(n == 3 && below >= 2 && above >= 2 && least > 0 && least <= ratio && ratio <= most)
	}'

run "$bench" --rounds=1 --connections=60 --json="$json" bulk capture
is "bulk, capture: exit code" 0 "$status"
is "each has its lines" "bulk bulk-cpu capture capture-cpu capture-drops" \
	"$(sed 's/^{"name":"\([^"]*\).*/\1/' "$json" | sort | paste -sd' ')"
if command -v node >/dev/null; then
	ok "each line is JSON" node -e '
		const lines = require("fs").readFileSync(process.argv[1], "utf8").trimEnd().split("\n")
		for (const line of lines) {
			const o = JSON.parse(line)
			if (!o.name || !o.kernel || !("ours" in o || o.skipped || o.failed)) throw line
		}' "$json"
elif command -v python3 >/dev/null; then
	ok "each line is JSON" python3 -c 'import json, sys; [json.loads(l)["name"] for l in open(sys.argv[1])]' "$json"
else
	skip "each line is JSON" "neither node nor python3 is here"
fi
is "wire has dropped nothing" "0" "$(numbers capture-drops ours)"
run "$bench" --rounds 1 --connections 10 reconnect
ok "without --json they are in build/bench.json" grep -q '^{"name":"reconnect"' "$tree/build/bench.json"

# Without tcpdump: a PATH with all else.
mkdir "$tmp/path"
for folder in ${PATH//:/ } /usr/sbin /sbin; do
	for program in "$folder"/*; do
		[ "${program##*/}" = tcpdump ] || ln -s "$program" "$tmp/path/" 2>/dev/null
	done
done
PATH=$tmp/path run "$bench" --rounds 1 --connections 10 --json "$json" capture
if grep -q '"skipped":"tcpdump is not here"' "$json"; then
	is "without tcpdump: measured alone, and said" "0|null|not measured: tcpdump is not here" \
		"$status|$(numbers capture-cpu ratio)|$(sed -n 's/^capture-cpu.*: \(not.*\)/\1/p' <<<"$out")"
else
	skip "without tcpdump: measured alone, and said" "the sandbox finds it in /usr/sbin"
fi

# --- programs that fail ------------------------------------------------------------

# instead PROGRAM TEXT: it is a script with that text.
instead() {
	rm "$tree/bin/$1"
	printf '#!/bin/sh\n%s\n' "$2" >"$tree/bin/$1"
	chmod +x "$tree/bin/$1"
}
instead rtest 'echo "rtest: connect: \"no\"" >&2; echo "9 connections, 1 failure; the server closed first; 0.1 s, 90/s"; exit 1'
run "$bench" --rounds 1 --connections 10 --json "$json" reconnect bulk
is "a reconnect that failed is exit code 1" 1 "$status"
like "and is said in the table" $'\nreconnect +failed: rtest: exit code 1: 9 connections, 1 failure; .*no' "$out"
like "and in the JSON" '^[{]"name":"reconnect",.*"failed":"rtest: exit code 1: 9 connections.*\\"no\\""[}]$' "$(head -n 1 "$json")"
like "what comes after it is measured all the same" $'\nbulk +[0-9]' "$out"
instead rtest 'echo "10 connections, 1 failure; the server closed first; 0.1 s, 90/s"'
run "$bench" --rounds 1 --connections 10 --json "$json" reconnect
is "so is one that only its summary tells of" 1 "$status"
instead client 'exit 3'
run "$bench" --rounds 1 --connections 10 --json "$json" bulk capture
like "a client that fails" $'^1\\|.*bulk +failed: client --bulk' "$status|$out"
instead wire 'echo "wire: no" >&2; exit 1'
run "$bench" --rounds 1 --connections 10 --json "$json" capture
like "a wire that fails" $'^1\\|.*capture +failed: wire: wire: no\n' "$status|$out"
rm "$tree/bin/wire"
run "$bench" --rounds 1 reconnect
is "a program that is missing is said first" \
	"1||bench: $tree/bin/wire is missing (make bench builds it)" "$status|$out|$err"
ln -s "$PWD/wire" "$tree/bin/wire"

# --- an end before the end -----------------------------------------------------------

# An rtest that does not end, and can be told from others.
rm "$tree/bin/rtest"
printf '#!/bin/sh\nsleep 50\n: %s\n' "$tree" >"$tree/bin/rtest"
chmod +x "$tree/bin/rtest"

# running TEXT: a process has it in its command line.
# shellcheck disable=SC2317  # until_true calls both
running() { [[ $(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ') = *"$1"* ]]; }
# shellcheck disable=SC2317
none_left() { ! running "$tree/"; }
mkdir "$tmp/temporary"
for signal in INT TERM KILL; do
	# bash lets what runs in the background ignore SIGINT.
	# shellcheck disable=SC2016  # for perl
	TMPDIR=$tmp/temporary perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$bench" \
		--rounds 1 --connections 10 --json "$tmp/ended" reconnect >/dev/null 2>&1 &
	pid=$!
	until_true running "/bin/sh $tree/bin/rtest" || verdict 1 "SIG$signal: it runs"
	kill "-$signal" "$pid"
	wait "$pid" 2>/dev/null
	ok "SIG$signal: no process is left" until_true none_left
	is "SIG$signal: and no numbers" "" "$(ls "$tmp/ended" 2>/dev/null)"
done
is "nothing is left in the folder for temporary files" "" "$(ls -A "$tmp/temporary")"

finish
