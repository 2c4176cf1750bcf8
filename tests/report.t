#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# lab report: the page of a run, what is in it, and how a browser shows it.
. "${0%/*}/tap.bash"

lab=scripts/lab
kept=$tmp/kept
page=$kept/report.html

# --- from a run ---
# One of each kind: with captures of its own, and with none; a verdict with a
# condition; more arms than are shown at once.
run $lab run --out "$kept" server-close hello two-sides listen-restart
is 'run --out: exit code' 0 "$status"
like 'run --out: says where the report is' "report: $page\$" "$out"
ok 'run --out: the report is there' [ -s "$page" ]
ok 'the run says what it was' grep -q $'^kernel\t' "$kept/about"
is 'the page has every experiment, once' 4 "$(grep -c '<section class=trial id=' "$page")"
# rows_of TABLE NAME: the lines of the experiment there;
rows_of() { awk -F '\t' -v name="$2" '$1 == name' "$kept/$1.tsv"; }
for name in server-close hello two-sides listen-restart; do
	claim=$(rows_of experiments "$name" | cut -f 6)
	ok "$name: its claim is told" grep -qF "<blockquote><p>$claim</p>" "$page"
	part=$(sed -n "/<section class=trial id=\"$name\"/,/<\/section>/p" "$page")
	is "$name: every arm has its row" "$(rows_of arms "$name" | wc -l)" \
		"$(sed -n '/<table class="cards each"/,/<\/table>/p' <<<"$part" | grep -c '^<tr')"
	like "$name: a ladder" '<figure class=ladder>.*<svg role=img.*>SYN-SENT<.*</svg>' "$part"
done
for name in two-sides listen-restart; do
	like "$name: the ladder of the arm that decides comes first" '^[^≠]*<span class="badge does-not-hold">≠ ' \
		"$(sed -n "/<section class=trial id=\"$name\"/,/<\/section>/p" "$page" | grep -m 1 -o '<figcaption>.*')"
done
ok 'a call that failed stands at its end of the ladder' grep -q '<text class="note [lf]"[^>]*>bind(): EADDRINUSE<' "$page"
ok 'and in the ladder as text' grep -q '[*|] *bind(): EADDRINUSE' "$page"
is 'no ladder is empty' 0 "$(grep -c 'No ladder' "$page")"
ok 'the evidence is there' grep -qF 'ss: TIME-WAIT 127.0.0.1:44400 127.0.0.1:44401' "$page"
ok 'the sysctls are there' grep -q '<code>tcp_tw_reuse</code><td><code>[0-9]' "$page"
like 'arms that agree are told in one row, with what tells them from others' \
	'<th scope=row class=value>listening<td>8<td><span class=arm><code>old=TIME-WAIT</code> <code>first_reuseaddr=1</code>' \
	"$(<"$page")"
like 'the condition of a verdict is said in words' \
	'<strong>Holds</strong>, only with <code>open=passive</code>, or with <code>tcp_timestamps=0</code>\.' "$(<"$page")"
ok 'the experiment tells its lesson' grep -qF 'server says hello and closes; the same client port comes' "$page"

cp "$page" "$tmp/first.html"
run $lab report "$kept"
is 'report DIR: exit code' 0 "$status"
is 'report DIR: says nothing' '' "$out$err"
is 'report DIR: the same page' "$(cksum <"$tmp/first.html")" "$(cksum <"$page")"
for awk in mawk gawk 'busybox awk'; do
	command -v "${awk% *}" >/dev/null || {
		skip "$awk makes the same page" "$awk is missing"
		continue
	}
	mkdir -p "$tmp/awk"
	printf '#!/bin/sh\nexec %s "$@"\n' "$awk" >"$tmp/awk/awk"
	chmod 755 "$tmp/awk/awk"
	run env PATH="$tmp/awk:$PATH" $lab report "$kept"
	is "$awk makes the same page" "0 $(cksum <"$tmp/first.html")" "$status $(cksum <"$page")"
done

# --- shown from what was kept ---
run $lab show close "$kept"
is 'show GROUP DIR: exit code, nothing on stderr' 0: "$status:$err"
is 'show GROUP DIR: those of the group that are there' 'hello server-close two-sides' \
	"$(sed -n 's/^\([a-z-]*\) (close; .*/\1/p' "$tmp/.out" | sort | paste -sd' ')"
like 'show: arms that agree are folded' $'\n   also: first=server, tcp_timestamps=1, link=link\n' "$out"
run $lab show -v hello "$kept"
unlike 'show -v: none is folded' 'also:' "$out"
is 'show -v: every arm' "$(rows_of arms hello | wc -l)" "$(grep -c '^ok ' "$tmp/.out")"
run $lab show ports "$kept"
is 'show: what was not run is not there' \
	"1:lab: $kept has no results of ports: $lab run --out $kept ports" "$status:$err"

# --- what is in the files is text, whatever it looks like ---
evil=$tmp/evil=1
cp -r "$kept" "$evil"
attack='</pre><script>document.title="hacked"</script><img src=x onerror=alert(1)>"'"'&amp;"
for file in "$evil"/{experiments,arms,evidence,compared}.tsv "$evil/about" "$evil/hello/lesson"; do
	awk -v attack="$attack" -F '\t' -v OFS='\t' '
		BEGIN { gsub(/&/, "\\\\&", attack) }
		{ for (i = FILENAME ~ /compared/ ? 5 : 1 + (FILENAME !~ /lesson/); i <= NF; i++) if ($i !~ /^([0-9.]*|true|holds(-if)?)$/) sub(/$/, attack, $i); print }' \
		"$file" >"$tmp/new" && cp "$tmp/new" "$file"
done
printf '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>a "plot" of 100%%</title>\n<style>body{display:none}text{fill:#000}</style></svg>\n' >"$evil/hello/plot.svg"
run $lab report "$evil"
is 'hostile text: exit code' 0 "$status"
is 'hostile text: no script but ours' 1 "$(grep -c '<script>' "$evil/report.html")"
unlike 'hostile text: no element of theirs' '<img src=x' "$(<"$evil/report.html")"
like 'hostile text: shown as it is' 'onerror=alert\(1\)&gt;&quot;' "$(<"$evil/report.html")"
like 'a plot is an image of its own' \
	'<img alt="a &quot;plot&quot; of 100%" src="data:image/svg\+xml,%3Csvg xmlns=%22http' "$(<"$evil/report.html")"

the_rest_is_long
# --- a run in the place of an earlier one ---
like 'the index has every file' "^$(cd "$kept" && find . -type f ! -name INDEX | sed 's|^./||' | LC_ALL=C sort | sed 's/[.]/[.]/g' | paste -sd'|')\$" \
	"$(cut -f 1 "$kept/INDEX" | LC_ALL=C sort | paste -sd'|')"
is 'no file is empty' '' "$(find "$kept" -type f -empty)"
capture="hello/first=server,tcp_timestamps=0,link=lo.pcap"
ok 'captures are named by the conditions' [ -s "$kept/$capture" ]
ok 'those of controls too' [ -s "$kept/server-close/control,first=client,tcp_timestamps=0,link=lo.pcap" ]
touch "$kept/hello/mine" "$kept/mine"
cp "$kept/INDEX" "$tmp/INDEX"
printf '%s\tx\n' ../file "$tmp/file" hello/plot.svg >>"$kept/INDEX"
touch "$tmp/file" "$kept/hello/plot.svg"
run $lab run --out "$kept" hello
is 'run --out, once more: exit code, nothing on stderr' 0: "$status:$err"
ok 'run --out: removes the plot of the last run' [ ! -e "$kept/hello/plot.svg" ]
ok 'run --out: and the experiments that this one does not have' [ ! -e "$kept/server-close" ]
ok 'run --out: leaves what is not its own' ls "$kept/hello/mine" "$kept/mine"
ok 'run --out: nor anything outside' [ -e "$tmp/file" ]
is 'run --out: the page is that of this run' 1 "$(grep -c '<section class=trial id=' "$page")"
head -c 30 "$kept/$capture" >"$tmp/short" && cp "$tmp/short" "$kept/$capture"
run $lab report "$kept"
is 'a capture that is cut short: exit code' 0 "$status"
ok 'a capture that is cut short is said' grep -q "No ladder: wire says of $capture: " "$page"
rm "$kept/about" "$kept"/hello/*.pcap
run $lab report "$kept"
is 'neither about nor captures: exit code' 0 "$status"
ok 'neither about nor captures: says so' grep -q 'The directory does not say where and when' "$page"
mkdir "$tmp/theirs"
echo 'a list of mine' >"$tmp/theirs/INDEX"

# --- bad input ---
# fails STATUS REGEX COMMAND...: one line on stderr, nothing on stdout.
fails() {
	local want=$1 regex=$2
	shift 2
	run "$@"
	is "$*: exit code" "$want" "$status"
	like "$*: says why" "$regex" "$err"
	is "$*: in one line" 1 "$(wc -l <"$tmp/.err")"
	is "$*: nothing on stdout" '' "$out"
}
fails 2 'report takes one directory' $lab report a b
fails 2 "unknown option '--fast'" $lab report --fast
fails 2 "report wants a directory, not ''" $lab report ''
fails 1 "^lab: $tmp/none: no such directory; '$lab run --out $tmp/none' makes it" $lab report "$tmp/none"
fails 1 "^lab: $tmp/file: not a directory" $lab report "$tmp/file"
mkdir "$tmp/empty"
fails 1 "^lab: $tmp/empty has no results: $lab run --out $tmp/empty" $lab report "$tmp/empty"
is 'and leaves nothing there' '' "$(ls -A "$tmp/empty")"
echo '{"experiment":"hello"}' >"$tmp/empty/results.json"
fails 1 "^lab: $tmp/empty/experiments.tsv is missing: $lab run --out $tmp/empty" $lab report "$tmp/empty"
touch "$tmp/empty/"{experiments,arms,compared,evidence}.tsv
fails 1 "^lab: $tmp/empty/experiments.tsv names no experiment" $lab report "$tmp/empty"
fails 1 "^lab: $tmp/theirs/INDEX is here and is no run's of the lab" $lab run --out "$tmp/theirs" hello
fails 1 '^lab: /run/.*: cannot keep results there: ' $lab run --out "/run/rtest.$$" hello
rmdir "/run/rtest.$$" 2>/dev/null
cp -r "$kept" "$tmp/lost"
rm "$tmp/lost/arms.tsv"
fails 1 "^lab: $tmp/lost/arms.tsv is missing" $lab report "$tmp/lost"
cp -r "$kept" "$tmp/inway"
rm "$tmp/inway/report.html"
mkdir "$tmp/inway/report.html"
fails 1 "^lab: $tmp/inway/report.html: cannot be written: it is a directory" $lab report "$tmp/inway"
cp -r "$kept" "$tmp/closed"
chmod -R a+rX "$tmp"
chmod 555 "$tmp/closed"
user=()
((EUID)) || user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
only_one || fails 1 "^lab: $tmp/closed: no file can be written there: Permission denied$" "${user[@]}" $lab report "$tmp/closed"
chmod 000 "$tmp/closed"
only_one || fails 1 "^lab: $tmp/closed: cannot be entered" "${user[@]}" $lab report "$tmp/closed"
chmod 755 "$tmp/closed"
fails 1 '/wire is missing: run make' env RTEST_BIN="$tmp/none" $lab report "$kept"
is 'no half-made page is left' '' "$(find "$tmp" -name '.report.*')"
mkdir -m 555 "$tmp/nowhere"
# shellcheck disable=SC2016 # for the shell inside
only_one || fails 1 '^lab: rtest-report: cannot keep results there: Permission denied \(scripts/lab run --out DIR' \
	"${user[@]}" bash -c 'cd "$1" && "$2/scripts/lab" report' - "$tmp/nowhere" "$PWD"
mkdir "$tmp/there" "$tmp/there/rtest-report"
touch "$tmp/there/rtest-report/mine"
# shellcheck disable=SC2016 # for the shell inside
fails 1 '^lab: rtest-report is here and is no run of the lab' \
	bash -c 'cd "$1" && "$2/scripts/lab" report' - "$tmp/there" "$PWD"

# --- in a browser ---
browser=
for name in chromium chromium-browser google-chrome; do
	[ -n "$browser" ] || browser=$(type -P "$name")
done

# browse PAGE WIDTH SCHEME: the page in a browser, in a frame of that width and
# that colour scheme; what the checks in the page found is then in $out, and
# what the browser said on its console in $err.
browse() {
	local scheme=1
	[ "$3" = light ] || scheme=0
	cat >"$tmp/frame.html" <<-END
		<!DOCTYPE html><meta charset=utf-8><pre id=results></pre>
		<script>addEventListener('message', function (event) {
			document.getElementById('results').textContent = '\\n' + event.data + '\\n';
		});</script>
		<iframe src="$1" style="border:0;width:${2}px;height:800px"></iframe>
	END
	run env HOME="$tmp" XDG_CONFIG_HOME="$tmp" XDG_CACHE_HOME="$tmp" "$browser" \
		--headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
		--no-first-run --disable-extensions --disable-background-networking \
		--user-data-dir="$tmp/profile" --enable-logging=stderr \
		--blink-settings=preferredColorScheme=$scheme --window-size=1400,900 \
		--virtual-time-budget=20000 --dump-dom "file://$tmp/frame.html"
	err=$(grep CONSOLE <<<"$err")
}

# prepare FROM TO: a copy of a report, with the checks in it.
prepare() {
	sed 's|</body></html>$||' "$1" >"$2" &&
		{ echo '<script>'; cat tests/report.js; echo '</script></body></html>'; } >>"$2"
}

# check_page WIDTH SCHEME: the results of the checks in the browser become ours.
check_page() {
	local line
	browse checked.html "$1" "$2"
	is "$1 $2: nothing on the console" '' "$err"
	like "$1 $2: that is what the browser shows" "# $1 $2" "$out"
	while IFS= read -r line; do
		case $line in
		'ok - '*) verdict 0 "$1 $2: ${line#ok - }" ;;
		'not ok - '*) verdict 1 "$1 $2: ${line#not ok - }" ;;
		esac
	done <<<"$out"
	like "$1 $2: the checks came to their end" 'for print, all arms are open' "$out"
}

# spoiled SED REGEX...: a page that is spoiled by these commands, each of which
# must find its line, is found out: the browser's words match each regex.
spoiled() {
	local command regex
	cp "$tmp/checked.html" "$tmp/spoiled.html"
	while IFS= read -r command; do
		sed "$command" "$tmp/spoiled.html" >"$tmp/new"
		cmp -s "$tmp/new" "$tmp/spoiled.html" && verdict 1 "spoil: $command finds nothing"
		mv "$tmp/new" "$tmp/spoiled.html"
	done <<<"$1"
	shift
	browse spoiled.html 360 light
	for regex; do
		like "a spoiled page: $regex" "$regex" "$err$out"
	done
}

if [ -z "$browser" ]; then
	skip 'the page in a browser' 'no chromium is here: scripts/setup --full installs it'
else
	prepare "$tmp/first.html" "$tmp/checked.html"
	check_page 360 light
	check_page 360 dark
	check_page 768 light
	check_page 1280 light
	check_page 1280 dark
	# Each check is seen red.
	spoiled 's/^	filter();$/	nonsense();/' 'nonsense is not defined'
	spoiled 's/href="#_summary"/href="#_sommary"/
s/^header,main,footer{max-width:74rem/header,main,footer{width:74rem/
s/<label>source<select/<label><\/label><select/' \
		'not ok - nothing overflows:' \
		'not ok - every link into the page has its target:' \
		'not ok - controls have labels:'
	spoiled 's/--dim:#59636e/--dim:#a0a6ad/
s/row.dataset.verdict === form.verdict.value/true/
s/ tabindex=0//g
s/<svg role=img aria-label="[^"]*"/<svg/' \
		'not ok - each filter shows what it says:' \
		'not ok - two filters at a time:' \
		'not ok - what scrolls can be reached by keyboard:' \
		'not ok - pictures have words:' \
		'not ok - the contrast is 4.5 or more:'
	prepare "$evil/report.html" "$tmp/checked.html"
	browse checked.html 360 light
	is 'hostile text in the browser: nothing on the console' '' "$err"
	unlike 'hostile text in the browser: nothing ran' '# hacked' "$(grep '^#' <<<"$out")"
	is 'hostile text in the browser: all checks are met' '' "$(grep '^not ok' <<<"$out")"
	like 'hostile text in the browser: the checks came to their end' 'for print, all arms are open' "$out"
fi

finish
