#!/usr/bin/env bash
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
	timeout -k 5 120 $lab demo "$@" <"$tmp/keys" >"$tmp/.out" 2>"$tmp/.err"
	status=$?
	out=$(<"$tmp/.out")
	err=$(<"$tmp/.err")
}
printf -v enough '%40s' ''
enough=${enough// /'\n'}

# --- from the first page to the last ---
watch "$enough" server-close
is "to the end: exit code" 0 "$status"
is "to the end: nothing on stderr" '' "$err"
like "the claim comes first" '^# server-close \(close\)' "$out"
like "both arms are shown, and the verdict is the last" \
	'arm 1 of 2.*Observed: connected.*arm 2 of 2.*Observed: EADDRNOTAVAIL.*# holds' "$out"
like "a step: announced as a command, asked, and then seen" \
	'Next: .*  \$ \./client -A -b 44401 -n 20 127\.0\.0\.1 44400.*Which states.*[+] TIME-WAIT 127\.0\.0\.1:44400 127\.0\.0\.1:44401 timewait' "$out"
like "the question comes before the answer" \
	'What will happen: connected, or which errno\?.*observed: connected' "$out"
like "what changed its state is marked" '[*] [A-Z0-9-]+ +127\.0\.0\.1:44400 127\.0\.0\.1:44401 .*was TIME-WAIT' "$out"
like "the ladder, as far as it has grown" '\|---- S seq [0-9]+ -+>\|' "$out"
like "the outcome is compared with the rule" 'As expected: tcp_twsk_unique: no timestamp was recorded' "$out"
like "where to read on" 'Read on: scripts/lab show server-close' "$out"
unlike "no escape codes where there is no terminal" $'\033' "$out"
is "no line has more than 79 columns" '' "$(LC_ALL=C awk '!/[^ -~]/ && length($0) > 79' "$tmp/.out")"
is "no page has more than 23 lines" '' "$(awk '
	/^# server-close/ { n = 0; page = $0 }
	{ n++ }
	$0 == "" { empty = 1; next }
	n > 23 { print n ": " page }' "$tmp/.out")"

# --- what is shown can be typed ---
# The commands of the second arm, in the sandbox that the page names.
awk '/arm 2 of 2   step 1/ { on = 1 } /arm 2 of 2   the outcome/ { on = 0 }
	on && /^  \$ / { print substr($0, 5) }' "$tmp/.out" >"$tmp/typed"
is "the second arm has three commands" 3 "$(wc -l <"$tmp/typed")"
is "... and the page says in which sandbox" "scripts/sandbox tcp_timestamps=0" \
	"$(awk '/^arm 2 of 2/ { on = 1 } on && sub(/^To type along: /, "") { print; exit }' "$tmp/.out")"
# Between them wait, as a person does, for what ss shows.
# shellcheck disable=SC2016 # for the other shell
mapfile -t typed <"$tmp/typed"
run scripts/sandbox tcp_timestamps=0 -- bash -c "
	exec <> <(:)
	until_ss() { for _ in {1..500}; do ss -Htan | grep -q \"\$1\" && return; sleep 0.02; done; exit 9; }
	cd '$RTEST_BIN'
	${typed[0]} ; until_ss LISTEN
	${typed[1]} ; until_ss TIME-WAIT
	${typed[2]}"
is "typed by hand they come to the same: exit code" 1 "$status"
like "typed by hand they come to the same: EADDRNOTAVAIL" 'EADDRNOTAVAIL' "$err"

# --- two hosts, forge ---
watch "$enough" reopen-after-restart syn-in-time-wait
is "two experiments: exit code" 0 "$status"
like "one after the other" '# reopen-after-restart: the verdict.*# syn-in-time-wait \(wire\).*# syn-in-time-wait: the verdict' "$out"
like "forge's segments and their answers" 'silent_forge -f S -s 1000000 .*answer: SYN-ACK.*What will answer it.*answer: ACK' "$out"
watch "$enough" four-way-close
is "two hosts: exit code" 0 "$status"
like "two hosts: commands name the host" '\$ ip netns exec there \./server .* & server=\$!' "$out"
like "two hosts: the table names the host" '[*] here +FIN-WAIT-1 .* was ESTAB' "$out"
like "two hosts: what is held back" '\$ ip -n here neigh replace 10\.0\.1\.2 lladdr' "$out"
is "two hosts: no line has more than 79 columns" '' "$(LC_ALL=C awk '!/[^ -~]/ && length($0) > 79' "$tmp/.out")"

# Steps that belong together run on one key.
watch "$enough" fast-transfer
is "steps that belong together: exit code" 0 "$status"
like "steps that belong together: announced as such" 'Next: all of this at once, on one key' "$out"

# --- keys ---
watch '\n\nbq' server-close
is "b, then q: exit code" 0 "$status"
like "b shows the page before again" 'step 2.*\(page 2 of 3, again\)'$'\n''# server-close   arm 1 of 2   step 1' "$out"
watch '\n\n\033[Dq' server-close
like "so does the left arrow" '\(page 2 of 3, again\)' "$out"
watch 'bbb\nq' server-close
is "back from the first page stays there" 2 "$(grep -c '^# server-close' "$tmp/.out")"
watch '\n\nb\n\nq' server-close
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
	"lab: demo: the input ended before server-close did: every page wants a key (Enter)" "$err"
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
until_true 30 grep -q 'step 3' "$tmp/shown"
printf q >&"$key"
wait $pid
is "q while programs run: exit code" 0 $?
unset RTEST_MARK
ok "q while programs run leaves no process" until_true 10 nobody_marked
exec {key}>&-
for signal in TERM HUP KILL; do
	RTEST_MARK=demo$$ $lab demo client-close <"$tmp/fifo" >"$tmp/shown" 2>"$tmp/.err" &
	pid=$!
	exec {key}>"$tmp/fifo"
	printf '\n\n\n' >&"$key"
	until_true 30 grep -q 'step 3' "$tmp/shown"
	kill -$signal $pid
	wait $pid 2>/dev/null
	ok "SIG$signal leaves no process" until_true 10 nobody_marked
	exec {key}>&-
done

# --- arms that do not go well ---
# An experiment of our own, in its own folder beside the lib.
mkdir -p "$tmp/own/experiments"
ln -s "$PWD/scripts/lib" "$tmp/own/lib"
# own NAME EXPECTED STEPS: an experiment with these steps.
own() {
	cat >"$tmp/own/experiments/$1" <<-END
		#!/usr/bin/env bash
		# A test.
		. "\${0%/*}/../lib/experiment"
		group   close
		sources SF
		claim   "A test." bound
		ports   80 1234
		arm     first=client link=lo
		control first=server link=lo
		expect() {
			if [ "\$first" = client ]; then rule $2 "so it is"; else rule listening "it differs"; fi
		}
		steps() {
			$3
		}
		trial "\$@"
	END
}
export RTEST_EXPERIMENTS=$tmp/own/experiments
# shellcheck disable=SC2016 # words of the experiment
{
own wrong bound 'observe server "$there" 80'
own broken bound 'start server "$there" 80; broken "as planned"'
own slow bound 'now_ms; local began=$((reply - 10000)); observe server "$there" 80; too_slow 900 "$began"'
own together bound 'at_once; start server "$there" 80; stop server; at_leisure; start server "$there" 81; observe server "$there" 82'
}
watch "$enough" wrong
is "an unexpected outcome: exit code" 1 "$status"
like "an unexpected outcome: said" 'Observed: listening.*UNEXPECTED; expected was bound: so it is' "$out"
watch "$enough" broken
is "a broken arm: exit code" 1 "$status"
like "a broken arm: why" '# broken: this arm was failed.*as planned' "$out"
watch '\n\n\n\n\n\nq' slow
like "too slow: in one line" $'\n''too slow: these steps took 1[0-9]{4} ms and may take 900; run it again'$'\n' "$out"
like "too slow: run again" 'Enter runs this arm again; g .*step 1.*too slow.*now without a stop' "$out"
watch "$enough" slow
is "too slow again and again: exit code" 1 "$status"
like "too slow again and again: an end" 'It will not be tried again' "$out"
watch "$enough" together
# shellcheck disable=SC2016 # what is shown
like "what belongs together, and what comes after it" \
	'at once, on one key.*\$ \./server -d 127\.0\.0\.1 80 & server=\$!.*\$ kill \$server.*step 2.*\$ \./server -d 127\.0\.0\.1 81 .*step 3' "$out"
unset RTEST_EXPERIMENTS

# A TIME-WAIT that ended while nobody pressed a key: it was there for a minute.
# expired OLD NOW: what the demo says to these sockets, 60 s later.
expired() {
	printf %b "$1" >"$tmp/arm.ss"
	printf %b "$2" >"$tmp/arm.ss.now"
	# shellcheck disable=SC2016
	bash -c '
		. scripts/lib/demo
		there_ns= arm_file=$1
		declare -A host_ns=()
		SECONDS=100
		compare_rows expired' - "$tmp/arm"
}
row='here\tTIME-WAIT\t127.0.0.1:80\t127.0.0.1:1234\ttimewait 59sec'
is "a TIME-WAIT that has ended is found" 'TIME-WAIT 127.0.0.1:80 127.0.0.1:1234' "$(expired "$row\t40\n" '')"
is "one that is there is not" '' "$(expired "$row\t40\n" "$row\n")"
is "one that went before its time is not" '' "$(expired "$row\t90\n" '')"
is "a connection that is gone is not" '' "$(expired 'here\tESTAB\ta:1\tb:2\t\t40\n' '')"

# --- on a terminal ---
# on_terminal COLUMNS ROWS KEYS [NAME=VALUE...]: the demo on a terminal.
on_terminal() {
	local size="cols $1 rows $2" keys=$3
	shift 3
	# script hands on what it reads only when the other side is there.
	out=$(printf %b "$keys" | timeout -k 5 60 env TERM=xterm "$@" script -qec \
		"stty $size; $lab demo server-close; echo \"exit code \$?\"; stty -a" /dev/null 2>&1)
}
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	on_terminal 80 24 '\n\nq'
	like "terminal: pages are drawn" $'\033''\[H'$'\033''\[2J' "$out"
	like "terminal: bold" $'\033''\[1m# server-close' "$out"
	like "terminal: the keys are named" 'Enter: go on   <-: back' "$out"
	like "terminal: exit code" 'exit code 0' "$out"
	like "terminal: as it was before" '[^-]icanon.*[^-]echo ' "$out"
	on_terminal 80 24 '\n\nq' NO_COLOR=1
	unlike "NO_COLOR: not bold" $'\033''\[1m' "$out"
	# Ctrl-C, when the page is there.
	printf '%s\n' 'stty cols 80 rows 24' "$lab demo server-close" 'echo "prompt, $?"' 'stty -a' >"$tmp/session"
	out=$({
		until_true 30 grep -qs 'q: end' "$tmp/typescript"
		printf '\003'
		until_true 30 grep -qs 'prompt, ' "$tmp/typescript"
	} | timeout -k 5 60 env TERM=xterm script -qefc "bash -c 'trap : INT; . $tmp/session'" "$tmp/typescript" 2>&1)
	like "Ctrl-C: the prompt has a line of its own" 'q: end [^a-z]*'$'\n''prompt, 130' "$out"
	like "Ctrl-C: the terminal is as it was before" '[^-]icanon.*[^-]echo ' "${out##*prompt}"
	on_terminal 79 24 'q'
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
refused "'no-such' is not an experiment" no-such
refused "'../lab' is not an experiment" ../lab
refused "unknown option '--fast'" --fast
run $lab demo --help
is "demo --help: exit code" 0 "$status"
run env RTEST_DEMO=9 $lab run --format json tw-recycle-gone
is "an RTEST_DEMO in the environment changes nothing" 0 "$status"

finish
