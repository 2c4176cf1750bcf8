#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# peek: what it shows of sockets in every state, and its bad input.
. "${0%/*}/tap.bash"
on_one_cpu

export RTEST_BIN=${RTEST_BIN:-$PWD}
export -f up
peek=$RTEST_BIN/peek

# refused REGEX ARGUMENTS...: usage error: one line, exit 2, nothing on stdout.
refused() {
	local regex=$1
	shift
	run "$peek" "$@"
	is "peek $*: exit code" 2 "$status"
	like "peek $*: says why" "^peek: $regex" "$err"
	is "peek $*: in one line" 1 "$(wc -l <"$tmp/.err")"
	is "peek $*: nothing on stdout" '' "$out"
}
refused 'PORT is wanted'
refused "unknown option '-x'" -x 80
refused "unknown option '--ports'" --ports 80
refused "PORT wants a whole number from 1 to 65535, not '0'" 0
refused "PORT wants a whole number from 1 to 65535, not '65536'" 65536
refused "PORT wants a whole number from 1 to 65535, not ''" ''
refused "PORT wants a whole number from 1 to 65535, not '81-82'" 80-81-82
refused "PORT-PORT: the lower one first, not '81-80'" 81-80
refused "PEERPORT wants a whole number from 0 to 65535, not '65536'" 80/65536
refused "PEERPORT wants" 80/
refused "PORT wants a whole number" 11111111111111111111111111111111111111
refused "PORT wants" 80 x # before anything is printed
refused "ADDR wants an address" localhost:80
refused "ADDR wants an address" ::1:80
refused "ADDR wants an address" '80/[::g]:81'
refused '-r wants a value' -r
refused "PORT wants" -r 80-
refused '15 operands at most' {1..16}
run "$peek" --help
is "--help: exit code" 0 "$status"
like "--help: on stdout" '^usage: peek' "$out"
run bash -c "'$peek' --help >/dev/full"
is "stdout full: exit code" 1 "$status"
like "stdout full: says so" '^peek: write to standard output: .*\[ENOSPC\]' "$err"

# --- what it shows ---
cat >"$tmp/sockets" <<'END'
cd "$RTEST_BIN" || exit
./server -A -n 0 -d 127.0.0.1 8080 </dev/null &
server=$!
./server -T :: 8081 </dev/null &
./server -o -A -T 127.0.0.1 8082 </dev/null &
bound=$!
up LISTEN 8080; up LISTEN 8081; up BOUND 8082
./client -c -b 1080 127.0.0.1 8080
up TIME-WAIT 1080
./client -H -b 1081 127.0.0.1 8080 >/dev/null &
up ESTAB 1081
# And the server has accepted it: its queue is empty again.
up 'LISTEN 0' 8080/0
echo "server $server bound $bound"
echo "== plain"
./peek 8080/0 8081/0 8082 1080
echo "== options"
./peek -o 8080/0 8081/0 8082 1080
echo "== spans"
./peek 1080-1081 | cut -d ' ' -f 1,4,5 | sort
echo "== peer"
./peek 8080/1081 | cut -d ' ' -f 1,4,5
echo "== none"
./peek 8083
echo "== addresses"
./peek 127.0.0.1:1080-1081/127.0.0.1:8080 127.0.0.2:1081 '[::]:8081' | cut -d ' ' -f 1,4
echo "== groups"
for i in 1082 1083 1084; do
	./client -c -b $i -l 127.0.0.3 127.0.0.1 8080
	up TIME-WAIT $i
done
./peek -g -o 8080 127.0.0.3:1082/127.0.0.1:8080 1082-1084 | cut -d ' ' -f 1-3,6 | sort
./peek -g -o 8080 | grep ESTAB
echo "== range"
echo 8082,1080 >/proc/sys/net/ipv4/ip_local_reserved_ports
./peek -r 127.0.0.1:1080-1089/127.0.0.1:8080 | cut -d ' ' -f 1-3,6,7
./peek -r 127.0.0.1:1080-1089
./peek -r 127.0.0.3:1080-1089/127.0.0.1:8080 8081 | cut -d ' ' -f 1-7
./peek -r 127.0.0.1:8080-8082
echo "== json groups"
./peek -j -g -r 127.0.0.1:1080-1089/127.0.0.1:8080 1082
echo "== json"
./peek -j -o 8080/0 1080
kill $(jobs -p)
END
# On one CPU, as the arms are (scripts/lib/run).
read -r _ cpu < <(grep ^Cpus_allowed_list: /proc/self/status)
run scripts/sandbox -- taskset -c "${cpu%%[,-]*}" bash "$tmp/sockets"
is "nothing on stderr" '' "$err"
# (With a sanitizer a peek costs ten times as much, and run's limit may cut it.)
is "the conversation came to its end" 0 "$status"
chapter() {
	part=${out#*"== $1"$'\n'}
	part=${part%%'== '*}
}
read -r _ server _ bound <<<"$out"
chapter plain
like "a listener, with its backlog" '(^|
)LISTEN 0 5 127\.0\.0\.1:8080 0\.0\.0\.0:0 - 0 - - - - -
' "$part"
like "a dual-stack listener" '(^|
)LISTEN 0 5 \[::\]:8081 \[::\]:0 - 0 0 - - - -
' "$part"
like "a TIME-WAIT, with what is left of it" '(^|
)TIME-WAIT 0 0 127\.0\.0\.1:1080 127\.0\.0\.1:8080 (60000|5[0-9]{4}|4[0-9]{4}) 0 - - - - -
' "$part"
if [ "$(uname -r | awk -F '[.-]' '{ print ($1 > 6 || ($1 == 6 && $2 >= 8)) }')" = 1 ]; then
	like "a socket that is only bound" '(^|
)BOUND 0 0 127\.0\.0\.1:8082 0\.0\.0\.0:0 - 0 - - - - -
' "$part"
	chapter options
	like "-o: both options, of a bound socket" " 1 1 $bound server" "$part"
else
	skip "a socket that is only bound" "Linux before 6.8 does not show it"
	skip "-o: both options, of a bound socket" "Linux before 6.8 does not show it"
fi
chapter options
like "-o: SO_REUSEADDR and the process" "LISTEN 0 5 127\.0\.0\.1:8080 [^ ]* - 0 - 1 0 $server server" "$part"
like "-o: SO_REUSEPORT" 'LISTEN 0 5 \[::\]:8081 [^ ]* - 0 0 0 1 [0-9]+ server' "$part"
like "-o: of a TIME-WAIT nothing is known" 'TIME-WAIT .* 0 - - - - -' "$part"
chapter spans
is "a span of ports" 'ESTAB 127.0.0.1:1081 127.0.0.1:8080
TIME-WAIT 127.0.0.1:1080 127.0.0.1:8080
' "$part"
chapter peer
is "a peer's port" 'ESTAB 127.0.0.1:8080 127.0.0.1:1081
' "$part"
chapter none
is "no socket, no line" '' "$part"
chapter addresses
is "addresses" 'TIME-WAIT 127.0.0.1:1080
ESTAB 127.0.0.1:1081
LISTEN [::]:8081' "$(sort -k 2 <<<"${part%$'\n'}")"
chapter groups
like "-g: alike, counted" '1 1 LISTEN 127\.0\.0\.1:8080
2 1 TIME-WAIT 127\.0\.0\.3:1082
3 1 TIME-WAIT 127\.0\.0\.3:1082
3 1 TIME-WAIT 127\.0\.0\.3:1083
3 1 TIME-WAIT 127\.0\.0\.3:1084
' "$part"
like "-g -o: the accepted socket has its listener's options" "1 1 ESTAB [^ ]* [^ ]* 127\.0\.0\.1:8080 127\.0\.0\.1:1081 - 0 - 1 0 $server server" "$part"
chapter range
is "-r: free, shared, held, and what is in the way" 'PORTS 9 5
0 1 ESTAB 127.0.0.1:1081 127.0.0.1:8080
PORTS 9 8 1 0
PORTS 9 5 1 0
0 3 TIME-WAIT 0 0 127.0.0.3:1082 127.0.0.1:8080
LISTEN 0 5 [::]:8081 [::]:0 - 0
PORTS 2 0 0 2
' "$part"
chapter "json groups"
like "-j: groups and ports" '^\{"event":"ports","all":9,"free":5,"shared":3,"held":0\}
\{"event":"socket","operand":0,"count":1,"state":"ESTAB".*
\{"event":"socket","operand":1,"count":1,"state":"TIME-WAIT"' "$part"
chapter json
like "-j: a listener" '\{"event":"socket","state":"LISTEN","recvq":0,"sendq":5,"local":"127\.0\.0\.1:8080","peer":"0\.0\.0\.0:0","left_ms":null,"uid":0,"v6only":null,"reuseaddr":1,"reuseport":0,"pid":[0-9]+,"command":"server"\}' "$part"
like "-j: a TIME-WAIT" '"state":"TIME-WAIT",.*"left_ms":[0-9]+,.*"pid":null,"command":null\}' "$part"
if command -v jq >/dev/null; then
	is "-j: jq reads it" 2 "$(grep '^{' <<<"$part" | jq -r .event | grep -c socket)"
else
	skip "-j: jq reads it" "jq is not here"
fi

# An interface whose name JSON would not take.
# shellcheck disable=SC2016 # for the inner shell
run unshare -Urn bash -c '
	ip link add "a\"b" type veth peer name x
	for end in "a\"b" x; do echo 0 >"/proc/sys/net/ipv6/conf/$end/accept_dad"; ip link set "$end" up; done
	until ll=$(ip -6 -o addr show dev x scope link | sed -n "s/.*inet6 //; s|/.*||p") && [ -n "$ll" ]; do sleep 0.05; done
	ll=$(ip -6 -o addr show dev "a\"b" scope link | sed -n "s/.*inet6 //; s|/.*||p")
	"$1" -d "$ll%a\"b" 99 </dev/null & until ss -Htln | grep -q :99; do sleep 0.05; done
	"$2" -j -e 99; kill %1' - "$(program server)" "$(program peek)"
like 'an interface with a quote in its name: its number' '"local":"\[fe80::[0-9a-f:]*%[0-9]+\]:99"' "$out"

finish
