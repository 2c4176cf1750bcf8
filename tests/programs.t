#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# server and client: every option by what it does to the sockets that ss
# shows, the articles' command lines, JSON, signals, and lost connections.
#
#	SERVER=./other CLIENT=./another tests/programs.t	tests other builds

unshare -Urn true 2>/dev/null ||
	{ echo "1..0 # SKIP unshare -Urn is refused here"; exit 0; }
[ "${RTEST_T_NS-}" ] ||
	exec env RTEST_T_NS=1 unshare -Urn --kill-child -f -- "$0" "$@"
. "${0%/*}/tap.bash"
on_one_cpu
ip link set lo up
ip address add 10.0.0.17/32 dev lo
# What a client's TIME-WAIT does to connect() hangs on this; see -b below.
set_sysctl tcp_timestamps=1 tcp_tw_reuse=2
# The kernel is to pick no port that a test names.
set_sysctl ip_local_port_range="50000 60999"

server=${SERVER-$(program server)}
client=${CLIENT-$(program client)}
[ "$server" ] && [ "$client" ] || exit 1

stdin=/dev/null	# of what background starts

# background NAME COMMAND...: runs it with its output in $tmp/NAME.out, .err;
# leaves its process id in $pid.  A command that hangs ends with status 124.
background() {
	local name=$1
	shift
	: >"$tmp/$name.out"	# here: nobody may await what an earlier one said
	: >"$tmp/$name.err"
	timeout --foreground -k 5 60 "$@" \
		>"$tmp/$name.out" 2>"$tmp/$name.err" <"$stdin" &
	pid=$!
}

# serve NAME ARGUMENTS...: a server with -j that listens; its id in $spid.
serve() {
	local name=$1
	shift
	background "$name" "$server" -j "$@"
	spid=$pid
	await "$name" listening
}

# reap NAME PID: waits for what background started; $out, $err and $status as
# run leaves them.
reap() {
	wait "$2"
	status=$?
	out=$(tr -d '\0' <"$tmp/$1.out")
	err=$(cat "$tmp/$1.err")
}

# end NAME PID [SIGNAL]: a signal, and reap.
end() {
	kill -"${3-TERM}" "$2"
	reap "$1" "$2"
}

# events NAME EVENT: how many there were.  await NAME EVENT [COUNT]: so many.
events() { grep -c "^{\"event\":\"$2\"" "$tmp/$1.out"; }
# shellcheck disable=SC2317
has_events() { [ "$(events "$1" "$2")" -ge "$3" ]; }
await() {
	until_true has_events "$1" "$2" "${3-1}" ||
		note "$1 says: $(cat "$tmp/$1.out" "$tmp/$1.err")"
}

# key NAME EVENT KEY: its value in the last such event, without quotes.
key() {
	sed -n "s/^{\"event\":\"$2\".*\"$3\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" \
		"$tmp/$1.out" | tail -n 1
}

# order NAME: the events, in their order.
order() { sed 's/^{"event":"\([^"]*\)".*/\1/' "$tmp/$1.out" | paste -sd' '; }

# ends PORT: the states of the connections to a server's PORT, one pair of
# "client/server" with - for what ss does not show.
ends() {
	ss -Htan | awk -v port=":$1\$" '
		$1 == "LISTEN" { next }
		$4 ~ port { s = s (s ? "," : "") $1 }
		$5 ~ port { c = c (c ? "," : "") $1 }
		END { print (c ? c : "-") "/" (s ? s : "-") }'
}
# shellcheck disable=SC2317
ends_are() { [ "$(ends "$2")" = "$1" ]; }
# ends_become DESCRIPTION WANT PORT: and stay so for a check right after.
ends_become() {
	until_true ends_are "$2" "$3"
	is "$1" "$2" "$(ends "$3")"
}

# later NAME EVENT EVENT SECONDS: the second came so much later, or more.
# shellcheck disable=SC2317
later() {
	awk -v a="$(key "$1" "$2" t)" -v b="$(key "$1" "$3" t)" -v s="$4" \
		'BEGIN { exit !(a != "" && b != "" && b - a >= s) }'
}

# --- the articles' command lines ---------------------------------------------

mkfifo "$tmp/idle"
exec 9<>"$tmp/idle"	# a stdin that is open and never says anything
stdin=$tmp/idle
background s "$server" -A -v 10.0.0.17 80
spid=$pid
until_true grep -q listening "$tmp/s.err"
background c "$client" -b 1234 10.0.0.17 80
cpid=$pid
row() { ss -Htan "( sport = :$1 and dport = :$2 )" | awk '{ print $1, $4, $5 }'; }
# shellcheck disable=SC2317
has_row() { [ "$(row "$1" "$2")" ]; }
until_true has_row 1234 80
is "server -A 10.0.0.17 80, client -b 1234 10.0.0.17 80" \
	"ESTAB 10.0.0.17:1234 10.0.0.17:80" "$(row 1234 80)"
end s "$spid" INT
is "Ctrl-C ends the server" 0 "$status"
reap c "$cpid"
is "the client closes after the peer, its stdin still open" "0|" "$status|$err"
ends_become "and the server has the TIME-WAIT" -/TIME-WAIT 80
background s "$server" 10.0.0.17 80
reap s "$pid"
# The words are the libc's: musl has others.
like "listening again without -A fails, as in the article" \
	"^1\|server: bind to 10.0.0.17:80: [A-Za-z ]+ \[EADDRINUSE\]$" \
	"$status|$err"
stdin=/dev/null
serve s -A -d 10.0.0.17 80
run "$client" -b 1234 10.0.0.17 80
is "with -A it works, and 1234 gets in again" "0|" "$status|$err"
reap s "$spid"

serve s -A -m $'hello\n' -c -n 2 8888
run "$client" -d -p 59818 127.0.0.1 8888
is "a server says hello and closes first: client -p 59818" \
	"0|hello|" "$status|$out|$err"
run "$client" -d -p 59818 127.0.0.1 8888
is "and once more from the same port" "0|hello|" "$status|$out|$err"
reap s "$spid"
is "both were 59818" 127.0.0.1:59818 "$(key s closed peer)"

# --- stdin and stdout ---------------------------------------------------------

mkfifo "$tmp/in.s" "$tmp/in.c"
exec 7<>"$tmp/in.s" 8<>"$tmp/in.c"
stdin=$tmp/in.s
background s "$server" -v 127.0.0.1 7001
spid=$pid
until_true grep -q listening "$tmp/s.err"
stdin=$tmp/in.c
background c "$client" 127.0.0.1 7001
cpid=$pid
echo "from the client" >&8
until_true grep -qx "from the client" "$tmp/s.out"
echo "from the server" >&7
until_true grep -qx "from the server" "$tmp/c.out"
is "stdin comes out at the other end" "from the client|from the server" \
	"$(cat "$tmp/s.out")|$(cat "$tmp/c.out")"
end c "$cpid"
reap s "$spid"
is "SIGTERM ends the client, its FIN the server" 0 "$status"
stdin=/dev/null
exec 7>&- 8>&-

head -c 3000000 /dev/urandom >"$tmp/random"
background s "$server" -d -v 7002
spid=$pid
until_true grep -q listening "$tmp/s.err"
stdin=$tmp/random
background c "$client" 127.0.0.1 7002
reap c "$pid"
stdin=/dev/null
is "the end of stdin closes" "0|" "$status|$err"
reap s "$spid"
ok "3 MB pass unchanged" cmp "$tmp/random" "$tmp/s.out"
ends_become "the end of stdin was the active close" TIME-WAIT/- 7002

serve s -d 7003
"$client" -h 127.0.0.1 7003 <"$tmp/random"
is "client -h: half close at the end of stdin" 0 $?
reap s "$spid"
is "all bytes came before the FIN" "3000000" "$(key s eof bytes)"

serve s -n 2 7004
background c "$client" -H -j -n 2 127.0.0.1 7004
cpid=$pid
await c eof 2
reap s "$spid"
is "the end of the server's stdin closes each new connection" \
	"0|2|2|0" \
	"$status|$(events s accepted)|$(events s closed)|$(events s eof)"
end c "$cpid"

# --- who closes, and how -------------------------------------------------------

serve s -d 7010
background c "$client" -j -c 127.0.0.1 7010
reap c "$pid"
is "client -c: its events" \
	"connecting connected half-closed eof closed end" "$(order c)"
reap s "$spid"
is "server -d: its events" \
	"bound listening accepted eof closed end" "$(order s)"
ends_become "TIME-WAIT with the client alone" TIME-WAIT/- 7010

serve s -c 7011
background c "$client" -d -j 127.0.0.1 7011
reap c "$pid"
reap s "$spid"
is "server -c: its events" \
	"bound listening accepted half-closed eof closed end" "$(order s)"
ends_become "TIME-WAIT with the server alone" -/TIME-WAIT 7011

serve s -d 7012
background c "$client" -v -L 0 -c 127.0.0.1 7012
reap c "$pid"
like "client -L 0 -c: SO_LINGER is set" "option SO_LINGER asked=0 got=0" "$err"
is "the client ends well" 0 "$status"
reap s "$spid"
is "the server's read() gives ECONNRESET" \
	"1|read|ECONNRESET|0" \
	"$status|$(key s error call)|$(key s error errno)|$(key s error bytes)"
ends_become "no TIME-WAIT" -/- 7012

serve s -L 0 -c 7013
background c "$client" -d -j 127.0.0.1 7013
reap c "$pid"
is "server -L 0 -c: the client is reset" "1|ECONNRESET" \
	"$status|$(key c error errno)"
reap s "$spid"
ends_become "no TIME-WAIT there either" -/- 7013

serve s -d 7014
run "$client" -v -L 3 -c 127.0.0.1 7014
like "-L 3 is no reset" "option SO_LINGER asked=3 got=3" "$err"
reap s "$spid"
is "but an ordinary close" 0 "$status"
ends_become "with TIME-WAIT" TIME-WAIT/- 7014

serve s -H 7015
background c "$client" -j -m bye -h 127.0.0.1 7015
cpid=$pid
await s eof
ends_become "client -h -m, server -H: half closed" FIN-WAIT-2/CLOSE-WAIT 7015
is "-H: no close after the peer's FIN" 0 "$(events s closed)"
end s "$spid"
is "-H ends on SIGTERM" 0 "$status"
reap c "$cpid"
is "client -h: its events" \
	"connecting connected sent half-closed eof closed end" "$(order c)"

serve s -h -m "enough" -H 7016
background c "$client" -H -j 127.0.0.1 7016
cpid=$pid
await c eof
ends_become "server -h -m -H: half closed, and held" \
	CLOSE-WAIT/FIN-WAIT-2 7016
end c "$cpid"
await s eof
end s "$spid"
is "after both FINs the server still held" \
	"bound listening accepted sent half-closed eof closed end" "$(order s)"

serve s -H 7017
background c "$client" -H -j 127.0.0.1 7017
cpid=$pid
await s accepted
ends_become "-H: both stay" ESTAB/ESTAB 7017
end c "$cpid" INT
is "SIGINT: closed in order, exit 0" "0|connecting connected closed end" \
	"$status|$(order c)"
await s eof
ends_become "the server stays in CLOSE-WAIT" FIN-WAIT-2/CLOSE-WAIT 7017
end s "$spid"

serve s -c -w 0.2 7018
background c "$client" -H -j 127.0.0.1 7018
cpid=$pid
reap s "$spid"
is "-c -w 0.2: close() though the peer does not" \
	"0|bound listening accepted half-closed timeout closed end" \
	"$status|$(order s)"
ok "not before 0.2 s" later s half-closed timeout 0.2
ends_become "an orphan is left in FIN-WAIT-2" CLOSE-WAIT/FIN-WAIT-2 7018
end c "$cpid"

serve s -d 7019
background c "$client" -j -c -w 0 127.0.0.1 7019
reap c "$pid"
is "-c -w 0: a plain close()" "connecting connected closed end" "$(order c)"
reap s "$spid"
is "which is an active close too" "0|eof" \
	"$status|$(order s | grep -o eof)"

# --- what is said --------------------------------------------------------------

serve s -x "done" -m bye -d 7020
background c "$client" -j -m "done" -x bye -L 0 -c 127.0.0.1 7020
reap c "$pid"
is "an agreed goodbye: the client hears it and resets" \
	"0|connecting connected sent data heard closed end" \
	"$status|$(order c)"
reap s "$spid"
is "the server has heard, said, and counted all" \
	"bound listening accepted data heard sent error closed end|4|3" \
	"$(order s)|$(key s closed bytes)|$(key s closed sent)"

serve s -x abcabd -m yes -c 7021
exec 8<>"$tmp/in.c"
stdin=$tmp/in.c
background c "$client" -j 127.0.0.1 7021
cpid=$pid
stdin=/dev/null
printf abcab >&8
await s data 1
printf c >&8
await s data 2
is "-x: not yet" 0 "$(events s heard)"
printf 'abdx' >&8
reap s "$spid"
is "-x: found, though in three pieces and after a false start" 1 \
	"$(events s heard)"
reap c "$cpid"
is "the answer came" 3 "$(key c closed bytes)"

serve s -x password -m secret 7022
run "$client" -m passwort -h 127.0.0.1 7022
is "-x, but another text: nothing is said" "0||" "$status|$out|$err"
reap s "$spid"
like "and that is an error" "^server: 127.0.0.1:[0-9]+ closed and did not say 'password' \(-x\)$" "$err"
is "exit 1" "1|1" "$status|$(events s unheard)"

serve s -x ping -m pong -d 7023
run "$client" -m ping -h 127.0.0.1 7023
is "the server answers after the client's FIN" "0|pong" "$status|$out"
reap s "$spid"

serve s -d -B 40000003 -m "that was all" -c 7024
"$client" -d 127.0.0.1 7024 | tail -c 13 >"$tmp/tail"
is "-B before -m" "xthat was all" "$(cat "$tmp/tail")"
reap s "$spid"
is "-B: so many bytes, to the byte" "40000015|40000015" \
	"$(key s sent bytes)|$(key s closed sent)"

serve s -d 7025
run "$client" -c -B 70000001 127.0.0.1 7025
reap s "$spid"
is "client -B" 70000001 "$(key s closed bytes)"

serve s -d -P 0.5 7026
background c "$client" -L 0 -c -B 5000 127.0.0.1 7026
reap c "$pid"
reap s "$spid"
is "what came before an RST is read first" "5000|ECONNRESET" \
	"$(key s error bytes)|$(key s error errno)"
ok "-P: no read before 0.5 s" later s accepted data 0.5

# More is queued than one read() takes, and it is send() that meets the RST.
set_sysctl tcp_rmem="4096 4000000 8000000" \
	tcp_wmem="4096 4000000 8000000"
serve s -H -L 0 -B 1000000 7027
background c "$client" -j -d -P 0.3 -m hi 127.0.0.1 7027
cpid=$pid
await c connected
child=$(children_of "$cpid")
kill -STOP "$child"
await s sent
# shellcheck disable=SC2317
acked() { ss -Htan state established "sport = :7027" | awk '$2 { n++ } END { exit n }'; }
until_true acked
end s "$spid"
kill -CONT "$child"
reap c "$cpid"
is "also by a write that fails" "1|1000000|ECONNRESET" \
	"$status|$(key c error bytes)|$(key c error errno)"

# --- pauses --------------------------------------------------------------------

serve s -Q 3600 -d 7039
background c "$client" -c -j 127.0.0.1 7039
await s eof
ends_become "-Q: CLOSE-WAIT while it pauses" FIN-WAIT-2/CLOSE-WAIT 7039
end s "$spid"
reap c "$pid"
serve s -Q 1 -O 0.3 -d 7030
background c "$client" -c -j 127.0.0.1 7030
cpid=$pid
reap s "$spid"
reap c "$cpid"
ok "-Q: close() not before 1 s" later s eof closed 1
ok "-O: accept() not before 0.3 s" later s listening accepted 0.3
serve s -O 3600 -d 7033
background c "$client" -H -j 127.0.0.1 7033
await c connected
is "while the kernel has answered" 0 "$(events s accepted)"
end c "$pid"
end s "$spid"

serve s -d -n 2 7031
background c "$client" -c -j -n 2 -i 0.3 127.0.0.1 7031
reap c "$pid"
reap s "$spid"
first=$(sed -n 's/^{"event":"closed".*"t":\([0-9.]*\)}/\1/p' "$tmp/c.out" | head -n 1)
ok "-i: 0.3 s between two connections" awk -v a="$first" \
	-v b="$(key c connecting t)" 'BEGIN { exit !(a && b - a >= 0.3) }'

# Backlog 0 has room for one; the next SYN is dropped (tcp_conn_request()).
serve s -q 0 -O 60 7032
background c1 "$client" -H -j 127.0.0.1 7032
c1=$pid
await c1 connected
background c "$client" -j -t 0.3 127.0.0.1 7032
reap c "$pid"
is "-q 0 is full with one; -t 0.3 gives up" "1|connecting timeout end|connect" \
	"$status|$(order c)|$(key c timeout call)"
like "in one line" "^client: connect to 127.0.0.1:7032: no answer" "$err"
end c1 "$c1"
end s "$spid"
is "SIGTERM in the pause of -O" "0|0" "$status|$(key s end connections)"

# --- how many ------------------------------------------------------------------

serve s -d -n 5 7040
background c "$client" -c -j -n 5 127.0.0.1 7040
reap c "$pid"
is "client -n 5" "0|5" "$status|$(key c end connections)"
is "one after the other" \
	"$(printf 'connecting connected half-closed eof closed %.0s' 1 2 3 4 5)end" \
	"$(order c)"
reap s "$spid"
ends_become "five TIME-WAITs" \
	TIME-WAIT,TIME-WAIT,TIME-WAIT,TIME-WAIT,TIME-WAIT/- 7040
is "server -n 5" "0|5" "$status|$(key s end connections)"

serve s -d -n 3 7041
background c "$client" -c -j -n 0 127.0.0.1 7041
reap c "$pid"
is "client -n 0: until one fails" "1|3|ECONNREFUSED" \
	"$status|$(key c end connections)|$(key c error errno)"
reap s "$spid"

listens() { ss -Htln "sport = :$1" | grep -c .; }
serve s -H 7042
timeout --foreground -k 5 60 "$client" -H 127.0.0.1 7042 &
c1=$!
await s accepted
until_true test "$(listens 7042)" = 0
is "after the last accept the listener is closed" 0 "$(listens 7042)"
end s "$spid"
kill "$c1"
wait "$c1"
serve s -H -k 7043
timeout --foreground -k 5 60 "$client" -H 127.0.0.1 7043 &
c1=$!
await s accepted
timeout --foreground -k 5 60 "$client" -d 127.0.0.1 7043 2>/dev/null &	# reset by the closing listener
c2=$!
until_true ends_are ESTAB,ESTAB/ESTAB,ESTAB 7043
is "-k: it is kept open, and no more are accepted" "1|1" \
	"$(listens 7043)|$(events s accepted)"
kill "$c1"
end s "$spid"
wait "$c1" "$c2"

serve s -H -n 0 -q 1000 7044
background c "$client" -H -j -n 1000 127.0.0.1 7044
cpid=$pid
await c connected 1000
await s accepted 1000
is "-H -n 1000: all at once" 1000 \
	"$(ss -Htan state established "dport = :7044" | grep -c .)"
end c "$cpid"
is "all closed on SIGTERM, the oldest first" \
	"0|1000|$(sed -n 's/^{"event":"connected","local":"\([^"]*\)".*/\1/p' "$tmp/c.out" | md5sum)" \
	"$status|$(events c closed)|$(sed -n 's/^{"event":"closed","local":"\([^"]*\)".*/\1/p' "$tmp/c.out" | md5sum)"
await s eof 1000
end s "$spid"
is "the server as well" "0|1000" "$status|$(events s closed)"

# The sum of user and system time, in ticks of 10 ms.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
background s bash -c 'ulimit -n 20; exec "$@"' - "$server" -j -d -n 0 -q 100 7045
spid=$pid
await s listening
background c "$client" -H -j -n 30 127.0.0.1 7045
cpid=$pid
await c connected 30
await s error
is "no descriptor free: accept() is refused" "accept|EMFILE" \
	"$(key s error call)|$(key s error errno)"
child=$(children_of "$spid")
before=$(ticks "$child")
sleep 0.5	# what is measured is that it does nothing meanwhile
ok "and not tried again and again" test $(($(ticks "$child") - before)) -lt 10
is "it is said once" 1 "$(grep -c EMFILE "$tmp/s.err")"
end c "$cpid"
await s closed 30
end s "$spid"
is "as some close the others are accepted; exit 1" "1|30" \
	"$status|$(key s end connections)"

serve s -n 0 127.0.0.1 7046
ss -HKtln "sport = :7046" >/dev/null
if ss -Htln "sport = :7046" | grep -q .; then
	skip "a listener that ss -K ends ends the server" "this kernel ends none (CONFIG_INET_DIAG_DESTROY)"
	end s "$spid"
else
	wait "$spid"
	is "a listener that ss -K ends ends the server" "1|accept|EINVAL|1" \
		"$?|$(key s error call)|$(key s error errno)|$(events s error)"
fi

serve s -d -n 2 7046
run "$client" -L 0 -c 127.0.0.1 7046
await s error
run "$client" -c 127.0.0.1 7046
is "a server with -n goes on after a reset" 0 "$status"
reap s "$spid"
is "and ends with 1" "1|2" "$status|$(key s end connections)"

# --- addresses, ports, options ----------------------------------------------------

serve s -d -n 0 7050
background c "$client" -c -j -b 5001 127.0.0.1 7050
reap c "$pid"
is "-b: bound, connected" "0.0.0.0:5001|127.0.0.1:5001" \
	"$(key c bound local)|$(key c connected local)"
background c "$client" -c -j -l 127.0.0.9 -p 5002 127.0.0.1 7050
reap c "$pid"
is "-l and -p" 127.0.0.9:5002 "$(key c connected local)"
background c "$client" -c -j -l 127.0.0.9 127.0.0.1 7050
reap c "$pid"
is "-l: the port is picked at bind()" "$(key c bound local)" \
	"$(key c connected local)"
unlike "and is a port" ":0$" "$(key c bound local)"
background c "$client" -v -c -j -N -l 127.0.0.9 127.0.0.1 7050
reap c "$pid"
like "-N: at connect()" "option IP_BIND_ADDRESS_NO_PORT asked=1 got=1" "$err"
is "bind() gave none" 127.0.0.9:0 "$(key c bound local)"
like "connect() did" "^127.0.0.9:[1-9][0-9]+$" "$(key c connected local)"
set_sysctl ip_local_port_range="45000 60999"	# -R is inside it
background c "$client" -v -H -j -n 3 -R 45100-45102 127.0.0.1 7050
cpid=$pid
until_true grep -q '"event":"connected".*' "$tmp/c.out" ||
	grep -q ENOPROTOOPT "$tmp/c.err"
if grep -q ENOPROTOOPT "$tmp/c.err"; then
	reap c "$cpid"
	skip "-R" "this kernel has no IP_LOCAL_PORT_RANGE"
else
	await c connected 3
	is "-R: three ports, three connections" \
		"127.0.0.1:45100 127.0.0.1:45101 127.0.0.1:45102" \
		"$(sed -n 's/^{"event":"connected","local":"\([^"]*\)".*/\1/p' "$tmp/c.out" | sort | paste -sd' ')"
	like "as asked" "option IP_LOCAL_PORT_RANGE asked=45100-45102 got=45100-45102" \
		"$(cat "$tmp/c.err")"
	background c2 "$client" -j -R 45100-45102 127.0.0.1 7050
	reap c2 "$pid"
	is "a fourth finds none" EADDRNOTAVAIL "$(key c2 error errno)"
	end c "$cpid"
fi
set_sysctl ip_local_port_range="50000 60999"
background c "$client" -H -j -n 0 -b 5003 127.0.0.1 7050
cpid=$pid
await c error
is "-H -n 0: the first stays when the second fails" "1|bind|EADDRINUSE" \
	"$(ss -Htan state established "sport = :5003" | grep -c .)|$(key c error call)|$(key c error errno)"
end c "$cpid"
is "and then exit 1" 1 "$status"
end s "$spid"

# A client's TIME-WAIT that recorded no timestamp is not taken over.
set_sysctl tcp_timestamps=0
serve s -d 44400
run "$client" -c -A -b 44401 127.0.0.1 44400
reap s "$spid"
serve s -d 44400
background c "$client" -j -A -b 44401 127.0.0.1 44400
reap c "$pid"
like "TIME-WAIT blocks connect(): the line on stderr" \
	"^client: connect to 127.0.0.1:44400 from 127.0.0.1:44401: [A-Za-z ]+ \[EADDRNOTAVAIL\]$" \
	"$err"
is "exit 1, and the event" \
	"1|connect|127.0.0.1:44401|127.0.0.1:44400|EADDRNOTAVAIL" \
	"$status|$(key c error call)|$(key c error local)|$(key c error peer)|$(key c error errno)"
end s "$spid"
set_sysctl tcp_timestamps=1

serve s -T 7051
background s2 "$server" -v -T -j 7051
s2=$pid
await s2 listening
like "-T: two listen on one port" "option SO_REUSEPORT asked=1 got=1" \
	"$(cat "$tmp/s2.err")"
end s2 "$s2"
background s2 "$server" -v -A -j 7051
reap s2 "$pid"
is "without: EADDRINUSE, -A or not" "1|bind|EADDRINUSE" \
	"$status|$(key s2 error call)|$(key s2 error errno)"
like "-A" "option SO_REUSEADDR asked=1 got=1" "$err"
end s "$spid"

background s "$server" -o -j 127.0.0.1 7052
spid=$pid
await s bound
run "$client" 127.0.0.1 7052
is "-o: bound, and does not listen" \
	"client: connect to 127.0.0.1:7052: Connection refused [ECONNREFUSED]" \
	"$err"
run "$server" 127.0.0.1 7052
is "-o: but the port is taken" 1 "$status"
end s "$spid"
is "-o: until a signal" "0|bound end" "$status|$(order s)"

# A child, which tells its id and waits for a signal; what it inherits, and does not.
# shellcheck disable=SC2016 # for its shell
child='echo $$ >"$0.child"; exec sleep 60'
child=${child//\$0/"$tmp/s"}
# child_waits: it is running, and its id is in $cpid.
child_waits() {
	read -r cpid <"$tmp/s.child" && [ "$(cat "/proc/$cpid/comm")" = sleep ]
} 2>/dev/null
# shellcheck disable=SC2317
child_is_gone() { ! [ -e "/proc/$cpid" ] || grep -q '^State:.Z' "/proc/$cpid/status"; }
for option in -E ''; do
	rm -f "$tmp/s.child"
	serve s ${option:+"$option"} -e "$child" 127.0.0.1 7053
	until_true child_waits
	end s "$spid"
	is "-e $option: the server ends well, its child goes on" "0|bound listening end|sleep" \
		"$status|$(order s)|$(cat "/proc/$cpid/comm")"
	holders=$(ss -HOtlnp sport = :7053)
	if [ "$option" ]; then
		like "-E: the child has the listener" "\"sleep\",pid=$cpid," "$holders"
		run "$server" -A 127.0.0.1 7053
		is "-E: the port is taken" 1 "$status"
	else
		is "-e: the child has no listener" '' "$holders"
	fi
	kill "$cpid"
	until_true child_is_gone
done
serve s -d 127.0.0.1 7053
is "the port is free again" listening "$(order s | cut -d' ' -f2)"
end s "$spid"
run "$server" -E 7053
like "-E needs -e" "^2:server: -E needs -e " "$status:$err"

serve s -d 0
port=$(key s listening local)
run "$client" -c 127.0.0.1 "${port##*:}"
is "server 0: the kernel picks a port" 0 "$status"
reap s "$spid"

# --- IPv6 ----------------------------------------------------------------------------

if [ -e /proc/net/if_inet6 ]; then
	serve s -d ::1 7060
	background c "$client" -c -j -l ::1 -b 5004 ::1 7060
	reap c "$pid"
	is "IPv6" "[::1]:5004|[::1]:7060" \
		"$(key c closed local)|$(key c closed peer)"
	reap s "$spid"
	ends_become "IPv6: TIME-WAIT" TIME-WAIT/- 7060
	run "$client" -b 5005 ::1 7061
	is "IPv6: the error line" \
		"client: connect to [::1]:7061 from [::1]:5005: Connection refused [ECONNREFUSED]" \
		"$err"
	ip address add fe80::17/64 dev lo nodad
	# The route to it comes later, from addrconf_dad_work().
	until_true grep -q '^fe80[0-9a-f]*17 80 .* 8[0-9a-f]\{7\} *lo$' /proc/net/ipv6_route
	serve s -d fe80::17%lo 7062
	background c "$client" -c -j fe80::17%lo 7062
	reap c "$pid"
	is "IPv6: a zone" "0|[fe80::17%lo]:7062" "$status|$(key c closed peer)"
	reap s "$spid"
	serve s -d :: 7063
	run "$client" -c 127.0.0.1 7063
	is "IPv6: :: takes IPv4 too, as the kernel has it" 0 "$status"
	reap s "$spid"
else
	skip "IPv6" "this machine has none"
fi

# --- stdout, stdin, JSON ---------------------------------------------------------------

serve s -d 7070
stdin=$tmp/odd
printf 'a"\\\0\n\xff' >"$tmp/odd"
background c "$client" -h 127.0.0.1 7070
reap c "$pid"
stdin=/dev/null
reap s "$spid"
like "-j: any byte" '"bytes":6,"data":"a\\"\\\\\\u0000\\u000a\\u00ff","t":' \
	"$(grep '"event":"data"' "$tmp/s.out")"

serve s -d 7071
run "$client" -c -m "$(printf '%02000d' 7)" 127.0.0.1 7071
reap s "$spid"
data=$(sed -n 's/.*"data":"\([^"]*\)".*/\1/p' "$tmp/s.out")
is "-j: the first 256 bytes of the data" "2000|256" \
	"$(key s eof bytes)|${#data}"

serve s -m hello -H 7072
mkfifo "$tmp/stuck"
exec 6<>"$tmp/stuck"
dd if=/dev/zero of="$tmp/stuck" oflag=nonblock bs=4096 count=1000 2>"$tmp/dd"
like "a pipe is full" "dd: .*unavailable" "$(cat "$tmp/dd")"
timeout --foreground -k 5 60 "$client" -v -d 127.0.0.1 7072 \
	>"$tmp/stuck" 2>"$tmp/c.err" &
cpid=$!
until_true grep -q '^client: data' "$tmp/c.err"
kill "$cpid"
wait "$cpid"
is "SIGTERM ends a program whose reader does not read" \
	"1|client: write to standard output: Resource temporarily unavailable [EAGAIN]" \
	"$?|$(tail -n 1 "$tmp/c.err")"
exec 6>&-
end s "$spid"

serve s -d -c -m hello -P 0.2 7073
"$client" 127.0.0.1 7073 <&- >"$tmp/c.out" 2>"$tmp/c.err"
is "a closed stdin counts as -d" "0|hello" "$?|$(cat "$tmp/c.out")"
reap s "$spid"

if command -v jq >/dev/null; then
	serve s -m $'"\e\\' -x $'\x80' -n 0 7074
	background c "$client" -j -d -m $'\x80' 127.0.0.1 7074
	cpid=$pid
	await c data
	end s "$spid"
	reap c "$cpid"
	for f in s c; do
		jq -es 'length > 3 and all(.[]; type == "object" and
			(keys_unsorted | .[0] == "event" and .[-1] == "t"))' \
			"$tmp/$f.out" >/dev/null
		verdict $? "-j: each line is an object, event first, t last ($f)"
		is "-j: keys in their order ($f)" "" "$(jq -c 'keys_unsorted as $k |
			["event", "call", "local", "peer", "errno", "state", "bytes",
			 "sent", "connections", "reuseaddr", "reuseport",
			 "timestamps", "data", "t"] - (
			["event", "call", "local", "peer", "errno", "state", "bytes",
			 "sent", "connections", "reuseaddr", "reuseport",
			 "timestamps", "data", "t"] - $k) |
			select(. != $k)' "$tmp/$f.out")"
	done
else
	skip "-j: valid JSON" "jq is not here"
fi

for name in server client; do
	run "${!name}" --help
	like "$name --help" "^usage: $name.*\[options\]" "$out"
	is "on stdout" "0|" "$status|$err"
	help=$out
	run "${!name}" -h
	is "$name -h alone is --help" "0|$help" "$status|$out"
	run "${!name}" --version
	is "$name --version" "0|$name 0.1.0|" "$status|$out|$err"
done

finish
