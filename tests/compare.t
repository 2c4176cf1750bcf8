#!/usr/bin/env bash
# lab compare: what differs between runs, and what is no run.
. "${0%/*}/tap.bash"
lab=scripts/lab

# line EXPERIMENT VERDICT OBSERVED WHY: as `lab run --format json` has it, of two arms.
line() {
	printf '{"experiment":"%s","group":"g","sources":["SF"],"claim":"A \\"claim\\" with a , and a {.","verdict":"%s","condition":"","ok":true,"seconds":1.0,"kernel":"%s","outcome":"x","arms":[' "$1" "$2" "$kernel"
	printf '{"arm":"a=1, b=x y","control":false,"conditions":{"a":1,"b":"x y"},"expected":"%s","observed":"%s","ok":true,"why":"%s","promised":"","evidence":["one \\"two\\" \\\\","three"]}' "$3" "$3" "$4"
	printf ',{"arm":"control: a=0","control":true,"conditions":{"a":0},"expected":"RST","observed":"RST","ok":true,"why":"a rule","promised":"","evidence":[]}]}\n'
}
kernel=5.10.1
{ line one holds connected 'f: since ever'; line two holds 'RST' 'g: | and <'; line gone holds ACK h; } >"$tmp/old"
kernel=6.12.9
{ line one holds connected 'f: since ever'; line two does-not-hold ACK 'g: since 6.10'; } >"$tmp/new"
mkdir "$tmp/dir"
cp "$tmp/new" "$tmp/dir/results.json"
printf 'rtest\t0.0.1\n' >"$tmp/dir/about"
cp -r "$tmp/dir" "$tmp/other"
printf 'rtest\t0.0.2\n' >"$tmp/other/about"

run $lab compare "$tmp/old" "$tmp/old"
is 'a run and itself: 0' '0|0 of 3 experiments differ|' "$status|$out|$err"
run $lab compare "$tmp/old" "$tmp/dir"
is 'two that differ: exit code, nothing on stderr' '1|' "$status|$err"
like 'the verdicts' $'5\\.10\\.1 +holds\n +6\\.12\\.9 +does not hold' "$out"
like 'the arm, and both rules' $'- a=1 b=x y\n +5\\.10\\.1 +RST: g: . and <\n +6\\.12\\.9 +ACK: g: since 6\\.10' "$out"
sed 's/"a":1,"b":"x y"/"b":"x y","a":1/' "$tmp/old" >"$tmp/turned"
run $lab compare "$tmp/old" "$tmp/turned"
is 'conditions in another order are the same arm' '0|0 of 3 experiments differ|' "$status|$out|$err"
run $lab compare "$tmp/old" "$tmp/dir"
like 'what one of them lacks' 'Not in 6\.12\.9: gone' "$out"
unlike 'what is the same is left out' 'since ever|control: a=0' "$out"
like 'and counted' '1 of 3 experiments differ' "$out"
run $lab compare "$tmp/new" "$tmp/dir"
like 'of one kernel: the paths tell them apart' '0 of 2' "$out"
run $lab compare "$tmp/dir" "$tmp/other"
is 'other versions of rtest: a word' "0|lab: $tmp/other is of rtest 0.0.2, $tmp/dir of rtest 0.0.1: their rules may differ" "$status|$err"
# An arm that was too slow says nothing of a kernel.
kernel=6.12.9
{ line one skipped skipped 'too slow, 3 times: took 9 ms, may take 8'; line two holds 'RST' 'g: | and <'; line gone holds ACK h; } |
	sed '1s/"condition":""/"condition":"no control: too slow, 3 times: took 9 ms, may take 8"/' >"$tmp/slow"
run $lab compare "$tmp/old" "$tmp/slow"
is 'too slow an arm is no difference, and is told' '0|0 of 3 experiments differ
The machine was too slow in 6.12.9: one (1 arm)|' "$status|$out|$err"
run $lab compare --format md "$tmp/old" "$tmp/slow"
like 'md: no verdict, and why' $'\\| one \\| holds \\| - \\|\n.*\n- The machine was too slow in 6.12.9: one [(]1 arm[)]' "$out"
sed '1s/"verdict":"skipped"/"verdict":"does-not-hold"/' "$tmp/slow" >"$tmp/less"
run $lab compare --format md "$tmp/old" "$tmp/less"
like 'a verdict of the other arms is shown, and is no difference' $'^0\\|.*\n\\| one \\| holds \\| does not hold \\|' "$status|$out"
sed '1s/"condition":"[^"]*"/"condition":"no control: since Linux 6.1"/' "$tmp/slow" >"$tmp/since"
run $lab compare --format md "$tmp/old" "$tmp/since"
like "a verdict that is skipped for the kernel's sake" $'\\| one \\| holds \\| skipped \\|' "$out"
# What differs and what does not: OBSERVED of the first arm in both runs, WANTED differences.
outcomes() {
	sed "1s/\"observed\":\"connected\"/\"observed\":\"$1\"/; 1s/\"expected\":\"connected\"/\"expected\":\"$3\"/" "$tmp/old" >"$tmp/a"
	sed "1s/\"observed\":\"connected\"/\"observed\":\"$2\"/; 1s/\"expected\":\"connected\"/\"expected\":\"$3\"/" "$tmp/old" >"$tmp/b"
	run $lab compare "$tmp/a" "$tmp/b"
	like "'$1' and '$2', expected '$3'" "(^|"$'\n'")$4 of 3 experiments differ" "$out"
}
outcomes '4 connections' '5 connections' '4 or 5 connections' 0
outcomes '4 connections' '6 connections' '4 connections' 1
outcomes 1.0 1 1 1
outcomes '' X X 1
run bash -c "set -o pipefail; $lab compare '$tmp/old' '$tmp/new' | true"
is 'whoever reads it has seen enough' '0|' "$status|$err"
if command -v jq >/dev/null; then
	run $lab compare --format json "$tmp/old" "$tmp/new"
	is 'json: a line an experiment that differs' 'two holds does-not-hold RST ACK g: | and <' \
		"$(jq -r '[.experiment, .runs[].verdict, .arms[0].runs[].observed, .arms[0].runs[0].why] | join(" ")' <<<"$out")"
	cp "$tmp/old" "$tmp/back\\slash\"quote"
	run $lab compare --format json "$tmp/back\\slash\"quote" "$tmp/new"
	is 'json: a path with a backslash and a quote' "$tmp/back\\slash\"quote" "$(jq -r '.runs[0].run' <<<"$out")"
else
	skip 'json' 'no jq here'
fi
run $lab compare --format=md "$tmp/old" "$tmp/new"
like 'md: the matrix' $'\\| experiment \\| 5.10.1 \\| 6.12.9 \\|\n\\| --- \\| --- \\| --- \\|\n\\| one \\| holds \\| holds \\|\n\\| \\*\\*two\\*\\* \\| holds \\| does not hold \\|' "$out"
like 'md: a bar is no border' 'g: \\\| and <' "$out"
run $lab compare --format html "$tmp/old" "$tmp/new"
like 'html: the matrix, and the difference' '<td>holds</td>.*<h2 id="two">.*g: \| and &lt;.*</html>' "$out"

sed 's/"condition":""/"condition":"a=<1>"/; s/"gone"/"<gone>"/' "$tmp/old" >"$tmp/conditional"
run $lab compare --format html "$tmp/old" "$tmp/conditional"
like 'html: conditions that differ are told, without a link to nowhere' '<td><b>one</b></td><td>holds</td><td>holds [(]a=&lt;1&gt;[)]' "$out"
unlike 'html: names are escaped, nothing is linked that is not there' '<gone>|href="#one"' "$out"
mkdir "$tmp/a=b"
cp "$tmp/dir"/* "$tmp/a=b/"
run bash -c "cd '$tmp' && timeout 600 '$PWD/$lab' compare a=b old </dev/null"
is 'a folder whose name looks like an assignment' 1 "$status"
run $lab compare "$tmp/old" --help
like '--help anywhere' 'usage: lab list' "$out"

# refused REGEX ARGUMENT...: exit 2, one line on stderr, nothing else.
refused() {
	run $lab compare "${@:2}"
	is "compare ${*:2}: exit 2, one line" '2||1' "$status|$out|$(grep -c '' "$tmp/.err")"
	like "compare ${*:2}: says why" "^lab: .*$1" "$err"
}
mkdir "$tmp/empty"
: >"$tmp/nothing"
echo '{"a":1}' >"$tmp/json"
head -c 200 "$tmp/old" >"$tmp/cut"
cat "$tmp/old" "$tmp/old" >"$tmp/twice"
refused 'two runs or more'
refused 'two runs or more' "$tmp/old"
refused 'no such file' "$tmp/old" "$tmp/none"
refused 'no run of the lab' "$tmp/empty" "$tmp/old"
refused 'no results' "$tmp/old" "$tmp/nothing"
printf '\n\n' >"$tmp/blank"
refused 'no results' "$tmp/old" "$tmp/blank"
kernel=1 line else holds RST f >"$tmp/else"
refused 'no experiment in common' "$tmp/old" "$tmp/else"
mkfifo "$tmp/fifo"
refused 'not a file' "$tmp/old" "$tmp/fifo"
refused "line 1 is none of" "$tmp/old" "$tmp/json"
refused "line 1 is none of" "$tmp/old" "$tmp/cut"
refused "line 1 is none of" "$tmp/old" rtest.c
{ printf '\n\n'; cat "$tmp/old"; echo '{}'; } >"$tmp/later"
refused "line 6 is none of" "$tmp/old" "$tmp/later"
refused 'has one twice' "$tmp/twice" "$tmp/old"
refused 'format is' --format xml "$tmp/old" "$tmp/new"
refused "no option '--x'" --x "$tmp/old" "$tmp/new"
finish
