#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# server -F, the relay, and -r, the rounds of server and client: what arrives,
# who closes first, and what ss shows of it.

unshare -Urn true 2>/dev/null ||
	{ echo "1..0 # SKIP unshare -Urn is refused here"; exit 0; }
[ "${RTEST_T_NS-}" ] ||
	exec env RTEST_T_NS=1 unshare -Urn --kill-child -f -- "$0" "$@"
. "${0%/*}/tap.bash"
on_one_cpu
ip link set lo up

server=${SERVER-$(program server)}
client=${CLIENT-$(program client)}
[ "$server" ] && [ "$client" ] || exit 1

# said NAME EVENT: how many such events there were.
said() { grep -c "^{\"event\":\"$2\"" "$tmp/$1.out"; }
# shellcheck disable=SC2317
has_said() { [ "$(said "$1" "$2")" -ge "${3-1}" ]; }

# shellcheck disable=SC2317
listens() { [ -n "$(ss -HOtln "sport = :$1")" ]; }

# serve NAME ARGUMENTS...: server -j in the background until it listens; its
# process id in ${pid[NAME]}.
declare -A pid=()
serve() {
	local name=$1
	shift
	: >"$tmp/$name.out"
	timeout -k 5 600 "$server" -j "$@" >"$tmp/$name.out" 2>"$tmp/$name.err" \
		</dev/null &
	pid[$name]=$!
	until_true has_said "$name" listening
}

# ended NAME [SIGNAL]: waits for its end; $status.
ended() {
	[ $# = 1 ] || kill -"$2" "${pid[$1]}"
	wait "${pid[$1]}"
	status=$?
}

# legs OUTER INNER: where the TIME-WAITs are, of the legs with these ports.
legs() {
	ss -Htan state time-wait | awk -v outer="$1" -v inner="$2" '
		$3 ~ ":" outer "$" { n["outer:relay"]++ }
		$4 ~ ":" outer "$" { n["outer:client"]++ }
		$3 ~ ":" inner "$" { n["inner:backend"]++ }
		$4 ~ ":" inner "$" { n["inner:relay"]++ }
		END { for (k in n) print k "=" n[k] }' | sort | paste -sd' '
}
# shellcheck disable=SC2317
legs_are() { [ "$(legs "$2" "$3")" = "$1" ]; }

# --- who closes first ---

# cell PORT WANT RELAY-OPTIONS CLIENT-OPTIONS BACKEND-OPTIONS: three requests.
# shellcheck disable=SC2086 # words of options
cell() {
	local inner=$(($1 + 1))
	serve backend -A -d -n 0 -x ask -m answer $5 "$inner"
	serve relay -A -n 0 -F "127.0.0.1:$inner" $3 "$1"
	run "$client" -d -n 3 -m ask -x answer $4 127.0.0.1 "$1"
	is "-F $3: three answers" "0|answeransweranswer" "$status|$out"
	until_true legs_are "$2" "$1" "$inner"
	is "-F $3, client $4, backend $5: TIME-WAIT" "$2" "$(legs "$1" "$inner")"
	ended relay TERM
	is "-F $3: exit code" 0 "$status"
	ended backend TERM
}
cell 7100 "inner:relay=3 outer:client=3" "" -c ""
cell 7110 "inner:backend=3 outer:relay=3" "" "" -c
cell 7120 "inner:backend=3 outer:client=3" "-x answer" -c -c
cell 7130 "inner:relay=3 outer:client=3" "-x answer -C" -c ""
cell 7140 "inner:backend=3 outer:relay=3" "-x answer -c" "" -c
cell 7150 "inner:relay=3 outer:relay=3" "-x answer -c -C" "" ""

# --- every byte, in order ---
seq 400000 >"$tmp/many"
timeout 600 "$server" -d localhost 7201 >"$tmp/got" 2>"$tmp/sink.err" </dev/null &
sink=$!
until_true listens 7201
serve relay -F localhost:7201 7200
timeout 600 "$client" 127.0.0.1 7200 <"$tmp/many"
ended relay
is "bytes through the relay: exit code" 0 "$status"
wait "$sink"
ok "bytes through the relay: the same arrive" cmp "$tmp/many" "$tmp/got"

# --- IPv6, and a half close ---
serve backend -x ask -m answer ::1 7211
serve relay -F '[::1]:7211' :: 7210
run "$client" -h -m ask ::1 7210
is "the client's FIN goes on, and the answer comes back" "0|answer" "$status|$out"
ended backend
ended relay
is "IPv6: exit code" 0 "$status"

# --- trouble ---
serve relay -n 2 -F 127.0.0.1:7221 7220
run "$client" -d -x never 127.0.0.1 7220
is "the target refuses: the client is reset" 1 "$status"
like "the target refuses: ECONNRESET" ECONNRESET "$err"
serve backend -d 7221
run "$client" -c -m late 127.0.0.1 7220
is "the relay goes on" 0 "$status"
ended relay
is "the relay's exit code tells of the failure" 1 "$status"
like "and stderr why" '^server: connect to 127.0.0.1:7221: .* \[ECONNREFUSED\]$' "$(<"$tmp/relay.err")"
ended backend

serve backend -d 7231
serve relay -F 127.0.0.1:7231 7230
run "$client" -L 0 -c -m rude 127.0.0.1 7230
ended relay
is "the client resets: the relay's exit code" 1 "$status"
ended backend
like "the client resets: the target is reset too" ECONNRESET "$(<"$tmp/backend.err")"

serve backend -c -m hello 7241
serve relay -x bye -F 127.0.0.1:7241 7240
run "$client" -d 127.0.0.1 7240
is "the target closes without -x: what it said and its FIN go on" "0|hello" "$status|$out"
ended relay
is "and that is an error" "1|1" "$status|$(said relay unheard)"
ended backend

serve backend -H -n 0 -q 64 7251
serve relay -n 0 -q 64 -F 127.0.0.1:7251 7250
timeout 600 "$client" -j -H -n 20 127.0.0.1 7250 >"$tmp/held.out" 2>&1 </dev/null &
held=$!
until_true has_said relay connected 20
ended relay TERM
is "SIGTERM: all legs are closed" "0|40" "$status|$(said relay closed)"
kill "$held"
wait "$held"
ended backend TERM

# --- usage ---
# refused REGEX ARGUMENTS...: of the server.
refused() {
	local regex=$1
	shift
	run "$server" "$@"
	is "server $*: exit 2, one line" "2||1" "$status|$out|$(grep -c '' "$tmp/.err")"
	like "server $*: says why" "^server: $regex.*\(try 'server --help'\)$" "$err"
}
refused "-F wants ADDR:PORT, not 'here'" -F here 7260
refused "-F wants ADDR:PORT, not ':80'" -F :80 7260
refused "-F wants a whole number from 1 to 65535, not '0'" -F 127.0.0.1:0 7260
refused "-F wants a whole number .* not 'x'" -F '[::1]:x' 7260
refused "-F: cannot use ''" -F '[]:80' 7260
refused "-C needs -F" -C 7260
refused "-F with -c or -C needs -x" -F 127.0.0.1:80 -c 7260
refused "-F with -c or -C needs -x" -F 127.0.0.1:80 -C 7260
for option in "-m hi" "-B 1" "-h" "-H" "-o" "-O 1" "-P 1" "-Q 1" "-c -x t -w 1"; do
	# shellcheck disable=SC2086 # words
	refused "-F says nothing of its own" -F 127.0.0.1:80 $option 7260
done

# --- rounds (-r) ---
serve s -n 0 -x ask -m answer -r 0 7300
run "$client" -j -c -r 100 -m ask -x answer 127.0.0.1 7300
is "client -r 100: exit code, one event each" "0|1|1" \
	"$status|$(grep -c '"event":"heard"' <<<"$out")|$(grep -c '"event":"sent"' <<<"$out")"
like "client -r 100: a hundred answers" '"event":"closed".*"bytes":600,"sent":300' "$out"
# Asked several times at once, and with other bytes between.
printf 'xaskyask\naska' >"$tmp/asked"
timeout 600 "$client" -h 127.0.0.1 7300 <"$tmp/asked" >"$tmp/answers"
is "server -r 0: one answer for each time that it was asked" answeransweranswer "$(<"$tmp/answers")"
until_true has_said s unheard
is "server -r 0: the peer ended in the middle of one" 1 "$(said s unheard)"
ended s TERM

serve s -x ask -m answer -r 3 7301
timeout 600 "$client" -h 127.0.0.1 7301 < <(printf askask) >"$tmp/answers"
ended s
is "server -r 3, asked twice: two answers, and exit 1" "1|answeranswer" \
	"$status|$(<"$tmp/answers")"
serve s -x ask -m answer -r 3 -c 7302
run "$client" -d -r 3 -m ask -x answer 127.0.0.1 7302
is "server -r 3 -c closes after the third answer" "0|answeransweranswer" "$status|$out"
ended s
is "server -r 3 -c: exit code" 0 "$status"
is "and has the TIME-WAIT" 1 "$(ss -Htan state time-wait sport = :7302 | grep -c .)"

# --- a pool ---
serve s -n 0 -q 16 -x ask -m answer -r 0 7310
timeout 600 "$client" -j -H -n 8 -r 10 -m ask -x answer 127.0.0.1 7310 \
	>"$tmp/pool.out" 2>&1 </dev/null &
pool=$!
until_true has_said pool heard 8
is "eight connections, ten requests each: no TIME-WAIT" "8/0" \
	"$(ss -Htan state established dport = :7310 | grep -c .)/$(ss -Htan state time-wait | grep -c :7310)"
kill "$pool"
wait "$pool"
ended s TERM
is "the server has had eighty requests" $((8 * 30)) \
	"$(sed -n 's/.*"event":"closed".*"bytes":\([0-9]*\).*/\1/p' "$tmp/s.out" | awk '{ n += $1 } END { print n + 0 }')"

for name in server client; do
	start=()
	[ "$name" = server ] || start=(127.0.0.1)
	for words in "-r 2" "-r 2 -m a" "-r 2 -x a" "-r 0"; do
		# shellcheck disable=SC2086 # words
		run "${!name}" $words "${start[@]}" 7320
		is "$name $words: a usage error" "2|$name: -r needs -m and -x (try '$name --help')" "$status|$err"
	done
	run "${!name}" -r 2 -m a -x b -B 1 "${start[@]}" 7320
	is "$name -r with -B: a usage error" 2 "$status"
	run "${!name}" -r -1 -m a -x b "${start[@]}" 7320
	is "$name -r -1: a usage error" 2 "$status"
done

# rests NAME PID: that process sleeps: in a second it takes no CPU to speak of.
rests() {
	local before after
	before=$(ticks "$2")
	sleep 1
	after=$(ticks "$2")
	ok "$1 (ticks in a second: $((after - before)))" test $((after - before)) -lt 20
}
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

# The target's FIN is there, and bytes before it that the client does not take.
echo '4096 16384 65536' >/proc/sys/net/ipv4/tcp_wmem
serve backend -d -B 100000 127.0.0.1 7330
serve relay -F 127.0.0.1:7330 127.0.0.1 7331
perl -MSocket -e '
	socket(my $s, AF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_RCVBUF, 4096);
	connect($s, pack_sockaddr_in(7331, INADDR_LOOPBACK)) or die $!; shutdown($s, 1); sleep 300' &
reader=$!
until_true has_said backend closed
rests 'a client that does not read: the relay waits' "$(children_of "${pid[relay]}")"
kill "$reader"
ended relay TERM

# A child has the listener, and one is in its queue.
serve heir -d -E -e 'exec sleep 300' 127.0.0.1 7332
clients=()
for i in 1 2; do
	"$client" -H 127.0.0.1 7332 </dev/null >/dev/null 2>&1 &
	clients+=($!)
done
until_true has_said heir accepted
rests 'a child has the listener: the server waits' "$(children_of "${pid[heir]}" | head -n 1)"
ended heir TERM
kill "${clients[@]}" 2>/dev/null

finish
