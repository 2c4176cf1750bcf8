#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# lib/results/grid.awk: the map of a grid, in the terminal, the report and the findings.
. "${0%/*}/tap.bash"

# An experiment with every kind of cell, as a run leaves it.
kept=$tmp/kept
mkdir -p "$kept/hello"
# arm OBSERVED PROMISED CONTROL "CONDITIONS" [OK]
number=0
arm() {
	printf '%s\t' hello $((number++)) "$3" "${5:-true}" "$1" "$1" "$2" "$4" "${4// /, }" 'f: why' 1 0 1 1
	echo
}
{
	for link in lo link; do
		arm connected connected 0 "old=ESTAB reuse=0 link=$link age=1"
		arm EADDRINUSE connected 0 "old=ESTAB reuse=1 link=$link age=1"
		arm skipped connected 0 "old=TIME-WAIT reuse=0 link=$link age=1"
		arm connected connected 0 "old=TIME-WAIT reuse=1 link=$link age=1" false
		arm ACK '' 0 "old=LAST-ACK reuse=1 link=$link age=2"
	done
	arm EPERM connected 1 'old=none reuse=0 link=lo age=1'
} >"$kept/arms.tsv"
# experiment QUESTION: the line of experiments.tsv.
experiment() {
	printf '%s\t' hello close SF '' "$1" 'a claim' connected holds-if reuse=0 true 1.00 10 ''
	echo
}
experiment '' >"$kept/experiments.tsv"
echo 'A lesson.' >"$kept/hello/lesson"
touch "$kept/compared.tsv" "$kept/evidence.tsv" "$kept/results.json"

# map: what show prints of it.
map() { sed -n '/^map/,/^$/p' "$tmp/.out"; }

run scripts/lab show hello "$kept"
is 'show: nothing is wrong' 0: "$status:$err"
is 'show: conditions that change nothing are left out; skipped, contradicting, unexpected' \
	'map (≠: not as claimed; INUSE: EADDRINUSE; the same with every link)
  reuse        0                     1
  old
  ESTAB        connected            ≠INUSE
  TIME-WAIT    skipped               connected UNEXPECTED
  LAST-ACK                           ACK' "$(map)"
unlike 'show: no colour where no terminal is' $'\033' "$out"
if command -v script >/dev/null; then
	# colours NAME=VALUE: how many the terminal gets.
	colours() { env "$1" script -qec "scripts/lab show hello '$kept'" /dev/null </dev/null | sed -n '/^map/,/^\r*$/p' | grep -o $'\033\\[[1-9][0-9;]*m' | paste -sd' '; }
	is 'show: colours on a terminal' $'\033[32m \033[31m \033[2m \033[1;37;41m' "$(colours A=1)"
	is 'show: none with NO_COLOR' '' "$(colours NO_COLOR=1)"
else
	skip 'show: colours on a terminal' 'script is not here'
fi

run scripts/lib/results/findings "$kept"
# shellcheck disable=SC2016 # it is Markdown
like 'findings: the map is a table' '
\| `old` \| `reuse=0` \| `reuse=1` \|
\| --- \| --- \| --- \|
\| ESTAB \| connected \| ≠ INUSE \|
\| TIME-WAIT \| skipped \| connected UNEXPECTED \|
\| LAST-ACK \|  \| ACK \|

≠: not as claimed; ' "$out"

run scripts/lab report "$kept"
is 'report: nothing is wrong' 0: "$status:$err"
page=$(<"$kept/report.html")
like 'report: the map is a table, its cells have classes' '
<tr>
<th scope=row>ESTAB
<td class="holds">connected
<td class="does-not-hold">≠ INUSE
<tr>
<th scope=row>TIME-WAIT
<td class="skipped">skipped
<td class="unexpected">connected UNEXPECTED
<tr>
<th scope=row>LAST-ACK
<td class="">
<td class="">ACK
</tbody>' "$page"

# A condition that matters is not left out, and where there is no room for a column, it makes rows.
sed -i '0,/INUSE\tEADDRINUSE/s//INUSE\tEADDRNOTAVAIL/; 0,/EADDRINUSE\tEADDRNOTAVAIL/s//EADDRNOTAVAIL\tEADDRNOTAVAIL/' "$kept/arms.tsv"
run scripts/lab show hello "$kept"
like 'one outcome that differs brings its condition back' '
  link            lo +link
  old
  \\|          reuse
  ESTAB      0    connected +connected
  ESTAB      1   ≠NOTAVAIL +≠INUSE
' "$(map)
"

# Questions have maps of their own.
experiment old >"$kept/experiments.tsv"
run scripts/lab show hello "$kept"
is 'a map for each question; less than 2 by 2 cells are none' 'map of old=ESTAB (≠: not as claimed; NOTAVAIL: EADDRNOTAVAIL; INUSE: EADDRINUSE)' "$(map | grep ^map)"
finish
