#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/lab demo: an experiment at walking pace, with keys from a file.
. "${0%/*}/tap.bash"

lab=scripts/lab
: "${RTEST_BIN:=$PWD}"
export RTEST_BIN

# watch KEYS ARGUMENTS...: runs the demo with these keys (as of printf %b) as its
# input; leaves $out, $err, $status.
watch() {
	printf %b "$1" >"$tmp/keys"
	shift
	timeout -k 5 300 $lab demo "$@" <"$tmp/keys" >"$tmp/.out" 2>"$tmp/.err"
	status=$?
	out=$(<"$tmp/.out")
	err=$(<"$tmp/.err")
}
printf -v enough '%40s' ''
enough=${enough// /'\n'}

# All of its arms wait a minute; no step of its arms acts.
watch q two-msl
like 'an experiment that only waits: its first page' '^0\|# two-msl \(time\)' "$status|$out"
watch "$enough$enough" tw-recycle-gone
is 'arms without a step: exit code, nothing on stderr' '0|' "$status|$err"
unlike 'arms without a step: none failed' 'this arm was failed' "$out"
run bash -c "$lab demo hello <&-"
is 'no standard input' '1|lab: standard input is closed: keys come from there' "$status|$err"

# --- the three that tell the story, from the first page to the last ---
watch "$enough$enough"
is "to the end: exit code" 0 "$status"
is "to the end: nothing on stderr" '' "$err"
like "one after the other, with their verdicts" \
	'^# server-close \(close\).*# server-close: the verdict.*  holds +server-close .*# client-close \(close\).*  holds if +client-close .*# syn-in-time-wait \(wire\).*  holds +syn-in-time-wait .*# syn-in-time-wait: the reason' "$out"
story=$out
out=${out%%'# client-close'*}
like "both arms are shown, then all" \
	'arm 1 of 2.*Observed: connected.*arm 2 of 2.*Observed: EADDRNOTAVAIL.*On Enter 6 run' "$out"
like "a step: announced as a command, asked, and then seen" \
	'Next: .*  \$ \./client -A -b 44401 -n 20 127\.0\.0\.1 44400.*Which states.*[+] TIME-WAIT +127\.0\.0\.1:44400 127\.0\.0\.1:44401 timer:[(]timewait' "$out"
like "the question comes before the answer" \
	'What will happen: connected, or which errno\?.*here: connected' "$out"
like "what changed its state is marked" '[*] [A-Z0-9-]+ +127\.0\.0\.1:44400 127\.0\.0\.1:44401 was TIME-WAIT' "$out"
like "the ladder, as far as it has grown" '\|---- S seq [0-9]+ -+>\|' "$out"
like "the outcome is compared with the rule" 'As expected: tcp_twsk_unique: no timestamp was recorded' "$out"
like "the verdict: outcomes with their reasons" '# server-close: the verdict.*4 x connected: tcp_timewait_state_process' "$out"
like "where to read on" 'Evidence: scripts/lab show NAME' "$out"
is "each arm shows what crossed its wire" 6 "$(awk '/^# .* arm [12] of 2 / { arm = $2 $4 } /S seq [0-9]/ { seen[arm] = 1 } END { for (arm in seen) n++; print n }' "$tmp/.out")"
unlike "no escape codes where there is no terminal" $'\033' "$story"
is "no line has more than 79 columns" '' "$(LC_ALL=C awk '!/[^ -~]/ && length($0) > 79 && !/ip -n here neigh replace|whole experiment/' "$tmp/.out")"
is "no page has more than 23 lines" '' "$(awk '
	/^# [a-z-]+($|:|   | \()/ { n = 0; page = $0 }
	{ n++ }
	$0 == "" { empty = 1; next }
	n > 23 { print n ": " page }' "$tmp/.out")"

# --- what crossed the wire ---
mv "$tmp/.out" "$tmp/story"
watch "$enough" hello
like "the reconnect: what has no room beside the outcome has a page before it" \
	'# hello   arm 1 of 2   what crossed the wire[^#]*'$'\n''[+][^#]*\|---- S seq [0-9]+ -+>\|[^#]*'$'\n''[+][^#]*\|<--- S\. seq [^#]*# hello   arm 1 of 2   the outcome' "$out"
mv "$tmp/story" "$tmp/.out"

the_rest_is_long
# --- what is shown can be typed ---
# The commands of the second arm, in the sandbox that the page names.
# typed_in EXPERIMENT ARM: the commands of that arm, from its first page on.
typed_in() {
	awk -v name="# $1 " -v arm="   arm $2 of 2   " '
		index($0, name) && index($0, arm) { on = 1 }
		/ the outcome$/ { on = 0 }
		on && /^  [$] / { line = substr($0, 5) }
		on && /^    / && line != "" { sub(/^ +/, ""); line = line $0 }
		on && line != "" && line !~ / \\$/ { print line; line = "" }
		{ sub(/\\$/, "", line) }' "$tmp/.out"
}
typed_in server-close 2 >"$tmp/typed"
is "the second arm has three commands" 3 "$(wc -l <"$tmp/typed")"
is "... and the page says in which sandbox" "scripts/sandbox tcp_timestamps=0" \
	"$(awk '/^arm 2 of 2/ { on = 1 } on && sub(/^To type along: /, "") { print; exit }' "$tmp/.out")"
typed_in syn-in-time-wait 1 >"$tmp/forged"
# Between them wait, as a person does, for what ss shows.
# shellcheck disable=SC2016 # for the other shell
mapfile -t typed <"$tmp/typed"
run taskset -c "$(awk '{ print $39 }' /proc/self/stat)" scripts/sandbox tcp_timestamps=0 -- bash -c "
	exec <> <(:)
	until_ss() { for _ in {1..500}; do ss -Htan | grep -q \"\$1\" && return; sleep 0.02; done; exit 9; }
	cd '$RTEST_BIN'
	${typed[0]} ; until_ss LISTEN
	${typed[1]} ; until_ss TIME-WAIT
	${typed[2]}"
is "typed by hand they come to the same: exit code" 1 "$status"
like "typed by hand they come to the same: EADDRNOTAVAIL" 'EADDRNOTAVAIL' "$err"

# The peer without a kernel: the sandbox that the page describes, and its first SYN, for
# which the server has an answer and the peer's kernel no RST.
is "the silent host has four commands, then come the server and two segments" \
	'ip ip ip ip ip:server ip:forge ip:forge' \
	"$(awk '{ print $1 ($2 == "netns" ? $5 ~ /server/ ? ":server" : ":forge" : "") }' "$tmp/forged" | paste -sd' ')"
like "forge's segments and their answers" 'forge: -f S -s 1000000 .* -> SYN-ACK .*What will answer it.*forge: .* -> ACK' "$story"
mapfile -t typed <"$tmp/forged"
run scripts/sandbox --hosts silent,here tcp_invalid_ratelimit=0 tcp_timestamps=0 -- bash -c "
	exec <> <(:)
	until_ss() { for _ in {1..500}; do ip netns exec here ss -Htan | grep -q \"\$1\" && return; sleep 0.02; done; exit 9; }
	cd '$RTEST_BIN'
	${typed[0]} && ${typed[1]} && ${typed[2]} && ${typed[3]} || exit 8
	${typed[4]} ; until_ss LISTEN
	${typed[5]} || exit 7
	until_ss SYN-RECV
	kill \$server"
is "the silent host, typed by hand: exit code" 0 "$status"
like "the silent host, typed by hand: SYN-ACK, and SYN-RECV stays" 'Flags \[S\.\], seq [0-9]+, ack 1000001' "$out"

# --- two hosts ---
watch "${enough:0:24}q" four-way-close
is "two hosts: exit code" 0 "$status"
is "two hosts: nothing on stderr" '' "$err"
like "two hosts: commands name the host" '\$ ip netns exec there \./server .* & server=\$!' "$out"
like "two hosts: the table names the host" '[*] here +FIN-WAIT-1 .* was ESTAB' "$out"
like "two hosts: what is held back" '\$ ip -n here neigh replace 10\.0\.1\.2 dev there lladdr' "$out"
is "two hosts: no line has more than 79 columns" '' "$(LC_ALL=C awk '!/[^ -~]/ && length($0) > 79' "$tmp/.out")"

# --- keys ---
watch '\n\nbq' server-close
is "b, then q: exit code" 0 "$status"
like "b shows the page before again" 'step 2.*\(page 2 of 3, again\)'$'\n''# server-close   arm 1 of 2   step 1' "$out"
watch '\n\n\033[Dq' server-close
like "so does the left arrow" '\(page 2 of 3, again\)' "$out"
watch 'bbb\nq' server-close
is "back from the first page stays there" 2 "$(grep -c '^# server-close' "$tmp/.out")"
watch '\n\nb\n\n\nq' server-close
like "on from an earlier page, nothing runs twice" 'page 2 of 3, again.*step 2.*step 3' "$out"
watch '\ngq' server-close
like "g goes to the end of the arm" 'arm 1 of 2   step 1.*arm 1 of 2   the outcome' "$out"
unlike "g does not stop between" 'arm 1 of 2   step 2' "$out"
watch 'xyz\nq' server-close
is "other keys do nothing" 2 "$(grep -c '^# server-close' "$tmp/.out")"
watch 'q'
like "without a name the story begins" '^# server-close' "$out"
watch ''
is "no input: exit code" 1 "$status"
is "no input: one line says so" \
	"lab: demo: the keys ended before server-close did: every page wants one (Enter)" "$err"
watch '\n\n\n' client-close
is "input that ends too early: exit code" 1 "$status"
like "input that ends too early: says so" 'ended before client-close did' "$err"

# --- standard output that cannot be written ---
printf %b "$enough" >"$tmp/keys"
timeout -k 5 60 $lab demo two-sides <"$tmp/keys" >/dev/full 2>"$tmp/.err"
is "stdout full: exit code, and one line" "1:lab: demo: writing the page failed" "$?:$(<"$tmp/.err")"
# From the middle of an arm on nobody reads; SIGPIPE may be ignored.
# shellcheck disable=SC2016 # for the shell inside
run bash -c 'trap "" PIPE
	{ timeout -k 5 60 "$1" demo two-sides <"$2"; echo "exit code $?" >&2; } | head -n 30 >/dev/null' - $lab "$tmp/keys"
is "nobody reads: one line" $'lab: demo: writing the page failed\nexit code 1' "$err"

# --- nothing is left ---
# shellcheck disable=SC2317 # until_true calls it
nobody_marked() { ! grep -lqz "^RTEST_MARK=demo$$\$" /proc/[0-9]*/environ 2>/dev/null; }
export RTEST_MARK=demo$$
mkfifo "$tmp/fifo"
$lab demo client-close <"$tmp/fifo" >"$tmp/shown" 2>&1 &
pid=$!
exec {key}>"$tmp/fifo"
printf '\n\n\n' >&"$key"
until_true grep -q 'step 3' "$tmp/shown"
printf q >&"$key"
wait $pid
is "q while programs run: exit code" 0 $?
unset RTEST_MARK
ok "q while programs run leaves no process" until_true nobody_marked
exec {key}>&-
for signal in TERM HUP KILL; do
	RTEST_MARK=demo$$ $lab demo client-close <"$tmp/fifo" >"$tmp/shown" 2>"$tmp/.err" &
	pid=$!
	exec {key}>"$tmp/fifo"
	printf '\n\n\n' >&"$key"
	until_true grep -q 'step 3' "$tmp/shown"
	kill -$signal $pid
	wait $pid 2>/dev/null
	ok "SIG$signal leaves no process" until_true nobody_marked
	exec {key}>&-
done

# --- arms that do not go well ---
# own NAME EXPECTED STEPS: an experiment with these steps.
own() {
	cat >"$tmp/$1" <<-END
		#!/usr/bin/env bash
		# A test.
		. "\${0%/*}/../lib/experiment"
		group   close
		quote   SF "So it is."
		claim   "A test." bound
		article first=client
		ports   80 1234
		arm     first=client link=lo
		control first=server link=lo
		expect() {
			if [ "\$first" = client ]; then rule $2 "f: so it is"; else rule listening "f: it differs"; fi
		}
		steps() {
			$3
		}
		trial "\$@"
	END
}
# shellcheck disable=SC2016 # words of the experiment
{
own wrong bound 'observe server "$there" 80'
own broken bound 'start server "$there" 80; broken "as planned"'
own slow bound 'now_ms; local began=$((reply - 10000)); observe server "$there" 80; too_slow 900 "$began"'
own together bound 'at_once; start server "$there" 80; stop server; at_leisure; start server "$there" 81; observe server "$there" 82'
own expired bound 'start server "$there" 80; time_wait_since[a b]=$((SECONDS - 60)); stop server; observe server "$there" 80'
own waits listening '[ -n "$walking" ] || until read -rt 0 -u "$keys"; do nap 0.05; done; observe server "$there" 80'
}
watch "$enough" "$tmp/wrong"
is "an unexpected outcome: exit code" 1 "$status"
like "an unexpected outcome: said" 'Observed: listening.*UNEXPECTED; expected was bound: f: so it is' "$out"
watch "$enough" "$tmp/broken"
is "a broken arm: exit code" 1 "$status"
like "a broken arm: why" '# broken: this arm was failed.*as planned' "$out"
watch '\n\n\n\n\n\nq' "$tmp/slow"
is "too slow: no error" '0:' "$status:$err"
like "too slow: run again" 'step 1.*too slow, 1 times: took 1[0-9]{4} ms, may take 900.*Enter runs this arm again; g .*step 1' "$out"
watch "$enough" "$tmp/slow"
is "too slow again and again: exit code" 0 "$status"
like "too slow again and again: an end" '# slow: this arm was skipped.*too slow, 3 times' "$out"
watch "$enough" "$tmp/together"
# shellcheck disable=SC2016 # what is shown
like "what belongs together, and what comes after it" \
	'All of this at once, on one key.*\$ \./server -d 127\.0\.0\.1 80 & server=\$!.*\$ kill \$server.*step 2.*\$ \./server -d 127\.0\.0\.1 81 .*step 3' "$out"
watch '\n\n\n\nq' "$tmp/expired"
like "a TIME-WAIT that ended while nobody pressed a key: run again" 'step 2.*too slow, 1 times: a TIME-WAIT has ended.*step 1' "$out"

# --- on a terminal ---
# on_terminal COLUMNS ROWS COMMAND [PATTERN KEYS]...: on a terminal of that size; each time
# that it shows the pattern these keys are typed.  Leaves in $out what it has shown.
on_terminal() {
	local size="cols $1 rows $2" command=$3
	shift 3
	rm -f "$tmp/typescript"
	printf '%s\n' "stty $size" "$command" 'echo "exit code $?"' 'stty -a' 'echo the end' >"$tmp/session"
	while (($#)); do
		until_true grep -qsa -- "$1" "$tmp/typescript" >&2
		printf %b "$2"
		shift 2
	done | {
		cat
		until_true grep -qsa 'the end' "$tmp/typescript" >&2
	} | timeout -k 5 300 env TERM=xterm script -qefc "bash -c 'trap : INT; . $tmp/session'" "$tmp/typescript" >/dev/null 2>&1
	out=$(tr -d '\r' <"$tmp/typescript")
}
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	on_terminal 80 24 "$lab demo server-close" 'q: end' '\n' 'step 1' '\n' 'step 2' 'q'
	like "terminal: pages are drawn" $'\033''\[H'$'\033''\[2J' "$out"
	like "terminal: bold" $'\033''\[1m# server-close' "$out"
	like "terminal: the keys are named" 'Enter: go on   <-: back' "$out"
	like "terminal: exit code, at the beginning of a line" $'\n''exit code 0' "$out"
	like "terminal: as it was before" '[^-]icanon.*[^-]echo ' "${out##*exit code}"
	on_terminal 80 24 "NO_COLOR=1 $lab demo server-close" 'q: end' q
	unlike "NO_COLOR: not bold" $'\033''\[1m' "$out"
	on_terminal 80 24 "$lab demo server-close" 'q: end' '\003'
	like "Ctrl-C: the prompt has a line of its own" $'\n''exit code 130' "$out"
	like "Ctrl-C: the terminal is as it was before" '[^-]icanon.*[^-]echo ' "${out##*exit code}"
	# These arms end when a key has been typed.
	on_terminal 80 24 "$lab demo $tmp/waits" 'q: end' '\n' 'arm 1 of 1   step 1' '\n' \
		'arm 1 of 1   the outcome' '\n' 'On Enter 2 run' '\n' '0 of 2 arms' '\n' 'the verdict' 'q'
	like "while the arms run: how far they are" '0:0[0-9]  [01] of 2 arms' "$out"
	unlike "a key that was typed meanwhile does nothing" 'waits: the reason' "$out"
	on_terminal 79 24 "$lab demo server-close"
	like "too small a terminal: one line" 'lab: the terminal has 79x24; the demo needs 80x24.*exit code 1' "$out"
else
	skip "on a terminal" "script(1) is not here, or has no terminal to give"
fi

# --- bad input ---
# refused REGEX ARGUMENTS...: one line, exit 2.
refused() {
	local regex=$1
	shift
	run $lab demo "$@"
	is "demo $*: exit code" 2 "$status"
	like "demo $*: says why" "^lab: $regex" "$err"
	is "demo $*: in one line" 1 "$(wc -l <"$tmp/.err")"
}
refused "'no-such' is neither an experiment nor a group" no-such
refused "../none/lab: no such file" ../none/lab
refused "unknown option '--fast'" --fast
run $lab demo --help
is "demo --help: exit code" 0 "$status"
finish
