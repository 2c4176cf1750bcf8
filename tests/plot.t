#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# lib/results/plot.awk, and the words plot and point.
. "${0%/*}/tap.bash"

root=$PWD
plot=scripts/lib/results/plot.awk

# data HEAD-LINE...: a file of these head lines (NAME=VALUE) and of the points
# on standard input (X Y SERIES).
data() {
	local line
	{
		for line; do printf '#%s\n' "${line/=/$'\t'}"; done
		tr ' ' '\t'
	} >"$tmp/data"
}

# count WHAT: how many lines of the last SVG or text have it.
count() { grep -c -- "$1" "$tmp/.out"; }

# texts CLASS: the texts of that class in the last SVG, in one line.
texts() { grep -o "<text class=\"$1\"[^<]*" "$tmp/.out" | sed 's/.*>//' | paste -sd' '; }

for awk in mawk gawk "busybox awk"; do
	if ! command -v "${awk%% *}" >/dev/null; then
		skip "$awk" "it is not here"
		continue
	fi
	# shellcheck disable=SC2086 # busybox awk is two words
	draw() { run $awk -v form="$1" -f scripts/lib/results/html.awk -f "$plot" "$tmp/data"; }

	data 'title=A <b> & "c"' 'x=age (ms)' 'y=time (µs)' <<-END
		100 30 one
		0 10 one
		50 70 one
		0 5 two
		100 5 two
	END
	draw svg
	is "$awk: svg: exit code" 0 "$status"
	is "$awk: svg: ticks of x are round numbers" "0 20 40 60 80 100" "$(texts 'num mid')"
	is "$awk: svg: ticks of y are round numbers" "0 20 40 60 80" "$(texts 'num end')"
	like "$awk: svg: the title is escaped" '<title>A &lt;b&gt; &amp; &quot;c&quot;</title>' "$out"
	like "$awk: svg: described in words" '<desc>x: age \(ms\)\. y: time \(µs\)\. one: 3 points, from \(0, 10\) to \(100, 30\)\. two: 2' "$out"
	like "$awk: svg: light and dark" 'prefers-color-scheme:dark' "$out"
	unlike "$awk: svg: nothing from elsewhere" '(href|url\(|<script|<image)' "$out"
	is "$awk: svg: a marker a point, and one in the legend" 6 \
		"$(($(count '<circle class="m s0"') + $(count '<rect class="m s1"') - 1))"
	# Sorted by x: the line goes from left to right.
	is "$awk: svg: the line goes from left to right" yes \
		"$(grep -o '<path class="line s0" d="M[^"h]*"' "$tmp/.out" | tr 'ML"' '[\n*]' |
			awk '/^[0-9]/ { if (n++ && $1 <= was) bad = 1; was = $1 } END { print bad || n != 3 ? "no" : "yes" }')"
	cp "$tmp/.out" "$tmp/$awk.svg"

	draw text
	is "$awk: text: exit code" 0 "$status"
	is "$awk: text: no line longer than a terminal" 0 "$(awk 'length($0) > 80' "$tmp/.out" | wc -l)"
	is "$awk: text: the points of one" 3 "$(grep '|' "$tmp/.out" | tr -cd o | wc -c)"
	is "$awk: text: the points of two" 2 "$(grep '|' "$tmp/.out" | tr -cd x | wc -c)"
	unlike "$awk: text: no sign for several, where there are none" '&.*several' "$out"

	# Three places: one of two series, one of a series twice, one of a series.
	data title=t x=n y=m <<-END
		0 0 one
		0 0 one
		50 5 one
		50 5 two
		50 5 one
		100 10 two
	END
	draw text
	is "$awk: text: points of several series on one place" "o&x" \
		"$(grep '|' "$tmp/.out" | tac | tr -cd 'ox&')"
	like "$awk: text: the legend has the sign for them" $'\n  x  two\n  &  several of these on one place' "$out"

	data title=t x=n y=m xscale=log yscale=log <<-END
		1000 0 s
		1000 0.25 s
		100000 25 s
	END
	draw svg
	is "$awk: log: ticks of x" "1000 2000 5000 10k 20k 50k 100k" "$(texts 'num mid')"
	is "$awk: log: ticks of y" "0.1 1 10 100" "$(texts 'num end')"
	like "$awk: log: what it cannot show is said" 'no place for them: 1\.' "$out"

	data title=t x=n y=m style=points yname=0=EADDRNOTAVAIL yname=1=connected <<-END
		0 0 s
		20 1 s
	END
	draw svg
	is "$awk: names on the y axis" "EADDRNOTAVAIL connected" "$(texts 'num end')"
	unlike "$awk: points only, no line" 'class="line' "$out"
	draw text
	like "$awk: text: names on the y axis" $'\n *connected \\|[.]*o' "$out"

	data title=t x=n y=m style=points yname=1=reuse=1 yname=0=reuse=0 <<-END
		0 0 s
	END
	draw svg
	is "$awk: a name may have = in it" "reuse=1 reuse=0" "$(texts 'num end')"

	data title=t x=n y=m 'xmark=50=the <half>' 'band=up to 99 %' <<-END
		0 10 s 20
		100 10 s 95
	END
	draw svg
	like "$awk: a mark: a line, halfway, and its name" \
		'<path class="mark" d="M([0-9]+)\.5 [^<]*<text x="[0-9.]*" y="[0-9.]*">the &lt;half&gt;</text>' "$out"
	like "$awk: a band has four corners" '<path class="band m s0" d="M[0-9.]+ [0-9.]+(L[0-9.]+ [0-9.]+){3}z"' "$out"
	like "$awk: both are said in words" '<desc>.* At x = 50: the &lt;half&gt;\. Above each point a band: up to 99 %\.' "$out"
	is "$awk: the axis has room for the band" "0 20 40 60 80 100" "$(texts 'num end')"
	draw text
	is "$awk: text: the upper ends of the band" 2 "$(grep '|' "$tmp/.out" | tr -cd "'" | wc -c)"
	like "$awk: text: the mark and the band are explained" $'\n  :  the <half>\n  \'  up to 99 %' "$out"

	data title=t x=n y=m <<-END
		5 0 s
	END
	draw svg
	is "$awk: a single point" 0 "$status"
	data title=t x=n y=m </dev/null
	draw svg
	is "$awk: no point: exit code" 1 "$status"
	like "$awk: no point: one line says so" '^plot: there is no point to draw$' "$err"
	is "$awk: no point: nothing drawn" "" "$out"
done

if command -v python3 >/dev/null; then
	for svg in "$tmp"/*.svg; do
		ok "${svg##*/}: well-formed XML" python3 -c \
			'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$svg"
	done
else
	skip "well-formed XML" "python3 is not here"
fi

# --- the words, in an experiment ---
export RTEST_BIN=${RTEST_BIN:-$root}
cat >"$tmp/drawn" <<END
#!/usr/bin/env bash
# Two points.
. "$root/scripts/lib/experiment"
group cost
quote GF "So it is."
claim "a claim" "1 s"
plot "Title" "n" "time (s)" yscale=log
arm size=1
control size=2
expect() { rule "\$size s" "f: a rule"; }
steps() { point "\$size" 1\$size series; saw "\$size s"; }
trial "\$@"
END
run scripts/lab run -v --out "$tmp/out" "$tmp/drawn"
is "words: exit code" 0 "$status"
is "words: the points of both arms are kept" $'1\t11\tseries\n2\t12\tseries' \
	"$(grep -v '^#' "$tmp/out/drawn/plot.points")"
like "words: --out has the SVG" '<title>Title</title>' "$(cat "$tmp/out/drawn/plot.svg")"
like "words: -v shows it in characters" '# Title.*x: n' "$err"
run scripts/lab run --out "$tmp/quiet" "$tmp/drawn"
unlike "words: without -v it does not" Title "$err$out"
sed -i -e 's/^plot.*//' -e 's/point "[^;]*; //' "$tmp/drawn"
run scripts/lab run -v --out "$tmp/none" "$tmp/drawn"
is "words: an experiment without a plot" "0 " \
	"$status $(find "$tmp/none" -name '*.svg' -o -name '*.points')"
# --- recordings -------------------------------------------------------------------------
# What script(1) leaves: a line of its own, the bytes, and a line of its own.
{
	printf 'Script started on some day\n'
	printf '\033[H\033[2J# a <b> & µ\r\n\033[1m+ new\033[0m old'
	printf '\033[999;1HEnter: go on'
	printf '\r0:01\033[K'
	printf '\033[H\033[2Jthe end\r\n\r\n'
	printf '\nScript done on some day\n'
} >"$tmp/log"
printf '%s\n' '0.1 38' '0.01 20' '60 8' '2.5 18' >"$tmp/timing"
for awk in mawk gawk "busybox awk"; do
	if ! command -v "${awk%% *}" >/dev/null; then
		skip "recording, $awk" "it is not here"
		continue
	fi
	# shellcheck disable=SC2086
	run env LC_ALL=C $awk -v title='$ a & b' -f scripts/lib/results/html.awk -f scripts/lib/results/recording.awk "$tmp/timing" "$tmp/log"
	is "$awk: recording: exit code" 0 "$status"
	is "$awk: recording: what stood for a moment only is no picture" 3 "$(count '<g class="f"')"
	like "$awk: recording: escaped, and a character of two bytes is one" '<text [^>]*textLength="92.4"># a &lt;b&gt; &amp; µ<' "$out"
	like "$awk: recording: what is bold" '<text class="b" [^>]*>[+] new *</text>.<text [^>]*>old<' "$out"
	like "$awk: recording: the foot of the terminal" 'y="464" [^>]*>Enter: go on<.*y="464" [^>]*>0:01<' "$out"
	like "$awk: recording: the newline at its end moves nothing" 'y="50" [^>]*>the end<' "$out"
	unlike "$awk: recording: nothing of script's own" 'Script' "$out"
	like "$awk: recording: a long pause takes four seconds, the others their time" 'animation-duration:10.500s' "$out"
	like "$awk: recording: who wants no motion sees the last picture" 'prefers-reduced-motion:reduce\)\{[^}]*\}#f2\{visibility:visible\}' "$out"
	unlike "$awk: recording: nothing from elsewhere" '(href|url\(|<script|<image)' "$out"
	if command -v xmllint >/dev/null; then
		ok "$awk: recording: well-formed" xmllint --noout "$tmp/.out"
	else
		skip "$awk: recording: well-formed" 'xmllint is missing'
	fi
	# shellcheck disable=SC2086
	run $awk -f scripts/lib/results/html.awk -f scripts/lib/results/recording.awk /dev/null /dev/null
	is "$awk: recording: nothing to draw" '1:recording: there is nothing to draw' "$status:$err"
done
if script --help 2>/dev/null | grep -q -- --log-timing; then
	# shellcheck disable=SC2016 # for that shell
	run scripts/lib/results/recording sh -c 'stty size; read -r line; echo "got [$line]"'
	is 'recording: a command that wants a key' 0 "$status"
	like 'recording: its terminal, and what it says' '>24 80<.*>got \[\]<' "$out"
else
	skip 'recording: a command' "script of util-linux is not here"
fi
ok 'the README shows the recording' grep -q '^!\[.*\](docs/demo\.svg)$' README.md
ok 'it is small' test "$(wc -c <docs/demo.svg)" -lt 200000

finish
