#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/lab: its commands, formats and exit codes, and that it leaves nothing.
# shellcheck disable=SC2016 # texts for another bash
. "${0%/*}/tap.bash"
. tests/experiments.bash
lab_works

# --- list and show ---
run $lab list
is "list: exit code" 0 "$status"
names=$(find scripts/experiments -type f | wc -l)
is "list: every experiment once" "$names" \
	"$(grep -cE '^(close|bind|ports|time|wire|cost|asked) +[a-z0-9-]+ +[0-9]+ arms' <<<"$out")"
like "list: in the order of the claims" 'server-close.*client-close.*listen-restart.*tw-reuse' "$out"

# --- a link to it, and its own folder ---
ln -s "$PWD/scripts/lab" "$tmp/link"
run "$tmp/link" run hello
is "a link to it: exit code, nothing on stderr" "0:" "$status:$err"
run env -C scripts bash lab list
is "bash lab: exit code, nothing on stderr" "0:" "$status:$err"

run $lab show two-sides
is "show: exit code" 0 "$status"
like "show: the verdict" 'verdict: (holds|holds-if|does-not-hold)' "$out"
like "show: the verdict in words comes first" $'\nmeans: [^\n]*\nverdict: ' "$out"
like "show: what the names of its conditions mean, and of no others" \
	$'\nconditions: link=lo: one host; old: the socket that is there already\n' "$out"
is "show: it explains conditions and values that there are" '' "$(bash -c '. scripts/lib/experiment
	while read -r name _; do
		[[ $name != *=* && -n ${condition_values[$name]-} ]] ||
			[[ ,${condition_values[${name%%=*}]-}, == *,"${name#*=}",* ]] || echo "$name"
	done <<<"$legend"' 2>&1)"
like "show: the evidence" 'ss: TIME-WAIT 127.0.0.1:44400 127.0.0.1:44401' "$out"

# --- run: the three formats ---
run $lab run --out "$tmp/kept" --format json hello two-sides
is "json: exit code" 0 "$status"
is "json: a line an experiment" 2 "$(wc -l <"$tmp/.out")"
like "json: the members in their order" \
	'^\{"experiment":"hello","group":"close","sources":\["YK"\],"claim":"[^"]*","verdict":"[a-z-]*","condition":"[^"]*","ok":true,"seconds":[0-9.]+,"kernel":"[^"]*",("[a-z]*":"[^"]*",)*"arms":\[\{"arm":"[^"]*","control":false,"conditions":\{' \
	"$out"
like "json: an arm's members" \
	'"expected":"connected","observed":"connected","ok":true,"why":"[^"]*",("[a-z]*":"[^"]*",)*"evidence":\["' "$out"
if command -v jq >/dev/null; then
	ok "json: jq reads it" jq -e . "$tmp/.out"
	is "json: every arm is ok" true "$(jq -s '[.[].arms[].ok] | all' "$tmp/.out")"
elif command -v python3 >/dev/null; then
	ok "json: python reads it" python3 -c 'import json, sys
for line in open(sys.argv[1]): json.loads(line)' "$tmp/.out"
else
	skip "json: a parser reads it" "neither jq nor python3 is here"
fi
is "--out: the same lines are kept" "$out" "$(cat "$tmp/kept/results.json")"
run $lab show two-sides "$tmp/kept"
like "show DIR: from what was kept" 'ss: TIME-WAIT' "$out"
# A run that is kept replaces the one before, and nothing else.
cp -r "$tmp/kept" "$tmp/over"
touch "$tmp/over/"{mine,hello.x.pcap,hello.1.pcap,hello.json5,proxy.json}
run env RTEST_BIN=/nonexistent "$lab" run --out "$tmp/over" two-sides
is "--out over an older run: one that fails leaves all" "1:$(cat "$tmp/kept/results.json")" \
	"$status:$(cat "$tmp/over/results.json")"
ok "--out over an older run: one that fails leaves all, the report too" [ -s "$tmp/over/report.html" ]
run $lab run --out "$tmp/over" two-sides
is "--out over an older run: exit code" 0 "$status"
is "--out over an older run: nothing of that is left, but what is not the lab's" \
	"INDEX about arms.tsv compared.tsv declared.tsv evidence.tsv experiments.tsv hello.1.pcap hello.json5 hello.x.pcap mine proxy.json report.html results.json two-sides" \
	"$(cd "$tmp/over" && printf '%s\n' * | paste -sd' ')"
run $lab show hello "$tmp/over"
is "--out over an older run: what is shown is of this one" 1 "$status"
run $lab show server-close "$tmp/kept"
is "show DIR: what was not run is not there" \
	"1:lab: $tmp/kept has no results of server-close: scripts/lab run --out $tmp/kept server-close" "$status:$err"

run $lab run --format tap two-sides
is "tap: exit code" 0 "$status"
like "tap: version and plan" $'^TAP version 1[34]\n1\\.\\.1\n# Subtest: two-sides\n    1\\.\\.6\n    # scope: [^\n]*\n    ok 1 - [^\n]*\n    # promised: ' "$out"
like "tap: the test itself" $'\nok 1 - two-sides: ' "$out"
ok "tap: prove reads it" prove -e cat "$tmp/.out"

run $lab run --jobs 1 two-sides
is "term: exit code" 0 "$status"
like "term: the head" '^Linux [^,]*, 1 experiment, 6 arms, [0-9.]+ s' "$out"
like "term: the last line" '0 unexpected
Evidence: ' "$out"
unlike "term: no colour where there is no terminal" $'\033' "$out$err"

run $lab run --jobs=2 --format=json --out="$tmp/a=b" hello
is "--NAME=VALUE: exit code" 0 "$status"
is "--NAME=VALUE: as with a blank" "$out" "$(cat "$tmp/a=b/results.json")"

run $lab list bind
is "a group: exit code" 0 "$status"
is "a group: no other" bind "$(grep -oE '^[a-z]+ ' "$tmp/.out" | sort -u | tr -d ' ')"

run $lab run --quick two-msl hello
is "--quick with a name that it leaves out: says so, in one line" \
	"0:lab: --quick leaves out two-msl" "$status:$err"
run $lab run --quick time hello
is "--quick with a group: says nothing" "0:" "$status:$err"
run $lab run --quick two-msl connect-cost
is "--quick, and nothing is left: says why" \
	"1:lab: --quick leaves out two-msl, connect-cost: run without --quick:" "$status:$err:$out"
run $lab run ghost-segment
is "arms of minutes, and no --long: says why" \
	"1:lab: without --long these are left out: ghost-segment: run with --long:" "$status:$err:$out"

# --- a run that takes its time, and one that is ended ---
# slow NAME SECONDS: an experiment that lets these pass, and says when it does.
slow() {
	cat >"$tmp/$1" <<-END
		#!/usr/bin/env bash
		# A test.
		. "\${0%/*}/../lib/experiment"
		group   close
		quote   rtest "So it is."
		claim   "A test." bound
		condition first client,server "so it is"
		arm     first=client
		control first=server
		expect() { [ "\$first" = client ] && rule bound "f: so it is" || rule listening "f: it differs"; }
		steps() {
			: >"$tmp/$1.begun"
			pause $2
			[ "\$first" = client ] && saw bound || saw listening
		}
		trial "\$@"
	END
}
slow endless 60
for signal in TERM HUP; do
	rm -f "$tmp/endless.begun"
	$lab run --out "$tmp/ended" "$tmp/endless" </dev/null >"$tmp/.out" 2>"$tmp/.err" &
	pid=$!
	until_true [ -e "$tmp/endless.begun" ]
	kill -$signal $pid
	wait $pid
	code=$?
	is "SIG$signal: exit code" $((128 + $(kill -l $signal))) $code
	is "SIG$signal: one line says what became of DIR" \
		"lab: SIG$signal has ended the run: $tmp/ended has no results of it" "$(<"$tmp/.err")"
done

# --- the grids have every cell ---
# of_file NAME TEXT: what bash prints of TEXT when it has read the experiment.
of_file() {
	bash -c ". scripts/lib/experiment; read_experiment scripts/experiments/$1 || exit; $2"
}
# cells NAME CONDITION...: how many arms of the experiment's own list have them.
cells() {
	local name=$1 pattern=
	shift
	for pattern; do
		of_file "$name" 'printf "%s\n" "${arms[@]}"' | sort -u | grep -Ec -- "$pattern"
	done
}
is "client-close: 48 cells" 48 "$(cells client-close \
	'tcp_timestamps=[01] tcp_tw_reuse=[012] delay_s=(0|1.5) port=(bound|kernel) link=(lo|link)' |
	awk '{ print $1 - 2 }')"
is "listen-restart: 16 cells, and 16 of IPv6" 32 "$(cells listen-restart \
	'old=TIME-WAIT first_addr=.* second_addr=.* first_reuseaddr=[01] second_reuseaddr=[01]')"
is "wildcard-vs-address: 36 cells, listening and bound" 72 "$(cells wildcard-vs-address \
	'first_state=(listening|bound) first_addr=(127.0.0.[12]|0.0.0.0) second_addr=(127.0.0.[12]|0.0.0.0) first_reuseaddr=[01] second_reuseaddr=[01]')"
is "client-rebind: 16 cells" 16 "$(cells client-rebind \
	'old=TIME-WAIT first_port=(bound|kernel) first_reuseaddr=[01] second_reuseaddr=[01] tcp_timestamps=[01]')"

# --- the documents speak of the same experiments ---
for file in scripts/experiments/*; do
	name=${file##*/}
	claim=$(of_file "$name" 'printf %s "$exp_claim"')
	ok "docs/findings.md has $name and its claim" grep -qF "> $claim" docs/findings.md
	ok "README.md has $name and its claim" grep -qF "| $name | $claim" README.md
done

# fails REGEX COMMAND...: one line, exit 1.
fails() {
	local regex=$1
	shift
	run "$@"
	is "$*: exit code" 1 "$status"
	like "$*: says why" "$regex" "$err"
	is "$*: in one line" 1 "$(wc -l <"$tmp/.err")"
}

# --- experiments of one's own ---
whole many <<-'END'
	claim "It is so." yes
	means "It is always so." "yes: b=1"
	condition a 1,2,3,4 "nothing"
	condition b 0,1 "nothing"
	grid a=1,2,3,4 b=1
	control a=1 b=0
	promise() { [ "$a" != 4 ] || promised=no; }
	control a=4 b=0
	expect() { [ "$b" = 1 ] && rule yes "tcp_v4_rcv: b" || rule no "tcp_v4_rcv: not b"; }
	steps() {
		case $a$b in 11) saw maybe ;; ?1) saw yes ;; *) saw no ;; esac
	}
END
mine=$tmp/experiments/many
# Names of the page's own, and a group that begins twice.
cp "$mine" "$tmp/experiments/summary"
sed 's/^group.*/group bind/' "$mine" >"$tmp/experiments/run"
run $lab run --out "$tmp/own" "$mine" "$tmp/experiments/summary" "$tmp/experiments/run" two-sides
is 'one of mine, and one arm is unexpected: exit code' 1 "$status"
run $lab show "$mine" "$tmp/own"
like 'show: what is unexpected stands by itself' $'UNEXPECTED a=1, b=1\n[^\n]*observed maybe[^\n]*\n[^\n]*\n[^a]*\nok a=2, b=1' "$out"
like 'show: arms that agree are folded, those of another promise are not' $'ok a=2, b=1\n.*\n   also: a=3, b=1\n\nok a=4, b=1\n' "$out"
page=$(<"$tmp/own/report.html")
unlike 'show: no sentence about what is unexpected' 'always so' "$out"
unlike 'report: no sentence about what is unexpected' 'always so' "$page"
is 'report: each id stands once' '' "$(grep -oE ' id="?[^ ">]+' <<<"$page" | tr -d '"' | sort | uniq -d)"
fails "^lab: $tmp/experiments/many is here and is no folder: name another directory" \
	bash -c "cd '$tmp/experiments' && '$PWD/$lab' run --out . ./many"
cp "$mine" "$tmp/experiments/about"
fails '^lab: an experiment that is called about cannot be kept' "$lab" run --out "$tmp/own" "$tmp/experiments/about"
sed '/^group/a calm' "$mine" >"$tmp/experiments/measures"
run $lab run --quick "$tmp/experiments/measures" tw-recycle-gone
like 'a file that is left out is named' '^lab: --quick leaves out measures$' "$err"

# --- completion ---
# offered WORD...: what completion offers for the last one.
offered() {
	bash -c '. scripts/lib/completion.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_rtest
		printf "%s\n" "${COMPREPLY[@]}"' - "$@" 2>/dev/null | sort | tr '\n' ' '
}
like 'completion: of an experiment' '^hello $' "$(offered scripts/lab run hel)"
like 'completion: list --check takes experiments' '^hello $' "$(offered scripts/lab list --check hel)"
like 'completion: compare takes paths' '^scripts/? $' "$(offered scripts/lab compare docs script)"

the_rest_is_long
# --- bad input ---
# refused REGEX ARGUMENTS...: usage error: one line, exit 2, nothing on stdout.
refused() {
	local regex=$1
	shift
	run $lab "$@"
	is "lab $*: exit code" 2 "$status"
	like "lab $*: says why" "^lab: $regex.*\(try 'scripts/lab --help'\)$" "$err"
	is "lab $*: in one line" 1 "$(wc -l <"$tmp/.err")"
	is "lab $*: nothing on stdout" '' "$out"
}
refused 'what shall it do'
refused "unknown command 'walk'" walk
refused "unknown option '--fast'" run --fast
refused "'no-such' is neither an experiment nor a group; 'scripts/lab list' has them" run no-such
refused "'no-such' is neither an experiment nor a group" show no-such
refused "'helo' is neither an experiment nor a group: did you mean hello\?; " run helo
refused 'show wants the name' show
refused "show takes a name and a directory, not 'proxy'" show hello two-sides proxy
refused "show wants a directory, not ''" show hello ''
refused "\.\./nowhere: no such file" show ../nowhere
refused '--jobs wants a number' run --jobs 0
refused '--jobs wants a number' run --jobs x
refused '--jobs wants a value' run --jobs
refused '--format is term, tap or json' run --format xml
refused '--jobs wants a number from 1 to 999, not .x' run --jobs=x
refused '--jobs wants a number from 1 to 999, not ..' run --jobs=
refused '--format is term, tap or json, not .xml' run --format=xml
refused '--out wants a directory' run --out=
refused "unknown option '--quick=1'" run --quick=1
refused '--quick and --long: one of the two' run --quick --long
refused "list takes one group, not 'bind'" list close bind
refused '--patience wants a value' run --patience

for patience in x 0.5 0 -1 08 ' 5' 99999999; do
	refused "--patience wants a whole number of seconds, not '$patience'" run --patience "$patience" --out "$tmp/untouched" hello
done
refused "--retry wants a whole number of seconds, not '0'" run --retry 0 hello
ok "a usage error touches nothing" [ ! -e "$tmp/untouched" ]

touch "$tmp/file"
hint='\(scripts/lab run --out DIR wants one that you may write to\)$'
fails "lab: $tmp/file: cannot keep results there: Not a directory $hint" "$lab" run --out "$tmp/file" hello
fails "lab: $tmp/file/x: cannot keep results there: Not a directory $hint" "$lab" run --out "$tmp/file/x" hello
fails "lab: /proc/x: cannot keep results there: No such file or directory $hint" "$lab" run --out /proc/x hello
fails "^lab: $tmp/none: no such directory; 'scripts/lab run --out $tmp/none' makes it" \
	"$lab" show hello "$tmp/none"
fails "^lab: $tmp/file: not a directory; 'scripts/lab run --out DIR' makes one" \
	"$lab" show hello "$tmp/file"
fails "lab: $tmp/none/server is missing: run make" env RTEST_BIN="$tmp/none" "$lab" run hello
mkdir "$tmp/path"
for tool in bash env sed awk dirname uname nproc sort cat mkdir printf fold wc; do
	ln -s "$(command -v "$tool")" "$tmp/path/$tool" 2>/dev/null
done
# PATH gets the system's directories at its end, so hide the tool in them too.
mkdir "$tmp/copy"
cp -r scripts "$tmp/copy/"
sed -i 's|:/usr/sbin:/sbin||' "$tmp/copy/scripts/lab"
fails 'lab: ss is missing: run .*scripts/setup' \
	env PATH="$tmp/path" bash "$tmp/copy/scripts/lab" run hello
for files in 20 63; do
	for command in list run; do
		fails "^lab: only $files files may be open, the lab wants 64: ulimit -n 1024" \
			bash -c "ulimit -n $files; $lab $command hello"
	done
done
run bash -c "$lab run --format json tw-recycle-gone >/dev/full"
is "stdout full: exit code" 1 "$status"
is "stdout full: one line" "lab: writing the results failed" "$err"
run bash -c "$lab show two-sides $tmp/kept >/dev/full"
is "show, stdout full: exit code, and one line" "1:lab: writing the results failed" "$status:$err"
for what in 'the list:list' 'what was found:find address in use'; do
	run bash -c "$lab ${what#*:} >/dev/full"
	is "${what#*:}, stdout full: exit code, and one line" "1:lab: writing ${what%%:*} failed" "$status:$err"
done
# More than a pipe takes, of show.
grep ^two-sides "$tmp/kept/evidence.tsv" >"$tmp/evidence"
for ((i = 0; i < 200; i++)); do cat "$tmp/evidence"; done >>"$tmp/kept/evidence.tsv"
for what in "show -v two-sides $tmp/kept" list 'run --format json two-sides'; do
	run bash -c "{ $lab $what; echo \"exit code \$?\" >&2; } | head -n 1"
	is "$what, of which one line is read: exit code, nothing on stderr" "exit code 0" "$err"
done
run bash -c "$lab list >&-"
is "stdout closed: exit code" 1 "$status"
run env HOME=/nonexistent "$lab" run tw-recycle-gone
is "a HOME that cannot be written does not matter" 0 "$status"
run $lab --help
is "--help: exit code" 0 "$status"
like "--help: on stdout" '^usage: lab list' "$out"

finish
