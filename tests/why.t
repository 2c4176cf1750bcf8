#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/why: its options and answers; that it changes nothing; and that it is
# right before every call of the grids.
. "${0%/*}/tap.bash"
on_one_cpu

export RTEST_BIN=${RTEST_BIN:-$PWD}
export -f up
why=$PWD/scripts/why

# --- options and bad input ---
# refused REGEX ARGUMENTS...: usage error: one line, exit 2, nothing on stdout.
refused() {
	local regex=$1
	shift
	run "$why" "$@"
	is "why $*: exit code" 2 "$status"
	like "why $*: says why" "^why: $regex.*\(try 'scripts/why --help'\)$" "$err"
	is "why $*: in one line" 1 "$(wc -l <"$tmp/.err")"
	is "why $*: nothing on stdout" '' "$out"
}
refused 'what is asked: connect, bind, ports, -p PID or -- COMMAND'
refused "it is connect, bind or ports, not 'listen'" listen 80
refused "it is connect, bind or ports, not './server'; to run a program: why -- ./server" ./server 80
refused "unknown option '-x'" bind -x 80
refused "unknown option '--tries'" bind --tries 80
refused 'bind wants ADDR:PORT' bind
refused "bind wants ADDR:PORT, not also '81'" bind 80 81
refused 'connect wants' connect
refused 'connect wants .*, not also' connect 127.0.0.1 127.0.0.1:80 127.0.0.1:81
refused "'127.0.0.1' has no port" connect 127.0.0.1
refused "'127.0.0.1' has no port" bind 127.0.0.1
refused "'::1' has no port" bind ::1
refused "':::80' has no port: ADDR:PORT is wanted, an IPv6 address in brackets, as \[::\]:80" bind :::80
refused "'80' has no host: PEER:PORT is wanted" ports 80
refused "'127.0.0.1:' has no port" connect 127.0.0.1:
refused "'127.0.0.1:0' wants a port from 1 to 65535, not '0'" connect 127.0.0.1:0
refused "'127.0.0.1:65536' wants a port from 0 to 65535" bind 127.0.0.1:65536
refused "'127.0.0.1:no-such': no TCP service is called 'no-such'" connect 127.0.0.1:no-such
refused "'udp/53': why knows TCP only" bind udp/53
refused "'53/udp': why knows TCP only" bind 53/udp
refused '--try makes the call' connect --try -j 127.0.0.1:80
refused '--range wants two ports' connect --range 5-4 127.0.0.1:80
refused '-p wants a process id' -p x
refused '-p PID is asked alone: the local port is -b PORT' -p 1 bind 80
refused '-p PID takes -q and --old alone, not -A' -p 1 -A
refused 'ports takes -q and -j, not -A' ports -A
refused "it is connect, bind or ports, not 'conect': did you mean connect\?" conect 127.0.0.1:80
refused "it is connect, bind or ports, not 'sh'; to run a program: why -- sh" sh true
refused '-- COMMAND takes -q, not --old' -q --old port=bound -- true
refused '-- COMMAND takes -q, not --old' --old=port=bound -- true
refused '-- COMMAND takes -q, not -j' -j -- true
refused "-b wants a port from 0 to 65535, not '-1'" connect -b -1 127.0.0.1:80
refused '-b wants a value' connect -b
refused 'bind has no -b' bind -b 80 127.0.0.1:80
refused '-b 1 and .* are different ports' connect -b 1 127.0.0.1:2 127.0.0.1:80
refused "PEER: '256.0.0.1' is not an address" connect 256.0.0.1:80
refused "PEER: '1.2.3' is not an address" connect 1.2.3:80
refused "ADDR: '::g' is not an address" bind '[::g]:80'
refused "ADDR: '1:2:3' is not an address" bind '[1:2:3]:80'
refused "ADDR: 'a b' is not an address" bind 'a b:80'
# shellcheck disable=SC2016 # a hostile name, as it is
refused 'ADDR: .* is not an address' bind '$(id):80'
refused "PEER: '127.0.0.1\?' is not an address" connect $'127.0.0.1\n:80'
refused "ADDR: '127.0.0.1%lo': an IPv4 address has no interface" bind 127.0.0.1%lo:80
refused 'LOCAL .* and PEER are not both IPv4' connect ::1 127.0.0.1:80
refused '--old wants reuseaddr, reuseport, v6only or timestamps' bind --old linger=1 80
refused '--old wants reuseaddr, reuseport, v6only or timestamps' bind --old=reuseaddr=2 80
refused '--old wants a value' bind 80 --old

run "$why" --help
is "--help: exit code" 0 "$status"
like "--help: on stdout" '^usage: why connect' "$out"
run "$why" --version
like "--version" '^why [0-9.]+$' "$out"
is "--version: as the programs'" "${out#why }" "$("$RTEST_BIN/peek" --version | sed 's/peek //')"
ln -s "$why" "$tmp/link"
run "$tmp/link" -q bind 0
is "a link to it: answers" "0:bind would succeed:" "$status:$out:$err"
run env -C scripts bash why -q bind 0
is "bash why: answers" "0:bind would succeed:" "$status:$out:$err"
run scripts/sandbox -- "$why" bind no-such-host.invalid:80
is "a name that nobody has: exit code" 1 "$status"
like "a name that nobody has: says so" "^why: ADDR: 'no-such-host.invalid': no such host" "$err"
run env RTEST_BIN="$tmp" "$why" bind 80
is "no peek: exit code" 1 "$status"
like "no peek: says what to do" "^why: $tmp/peek is missing: run make" "$err"
run bash -c "'$why' bind 127.0.0.1:65000 >/dev/full"
is "stdout full: exit code" 1 "$status"
like "stdout full: says so" '^why: cannot write to standard output' "$err"

for option in --help --version; do
	run bash -c "'$why' $option >/dev/full"
	is "$option, stdout full: exit code" 1 "$status"
	is "$option, stdout full: says so" 'why: cannot write to standard output' "$err"
	run bash -c "'$why' $option >&-"
	is "$option, no stdout: says so" 'why: cannot write to standard output' "$err"
done
run scripts/sandbox -- "$why" bind -- -x:80
is "a name with a dash: one line" "why: ADDR: '-x': no such host (getent ahosts)" "$err"
for folder in /proc /proc/sys; do
	# shellcheck disable=SC2016 # sh's
	run scripts/sandbox -- sh -c 'mount -t tmpfs none "$1" && exec "$2" bind 80' - "$folder" "$why"
	is "no $folder: exit code" 1 "$status"
	like "no $folder: says so" '^why: /proc/sys/net is not to be seen here' "$err"
	is "no $folder: one line" 1 "$(wc -l <"$tmp/.err")"
done
# Without ss it tells the row itself.
mkdir "$tmp/bin"
for program in bash cat env getent ip mktemp readlink sed uname; do
	ln -s "$(command -v "$program")" "$tmp/bin/"
done
cp -r scripts "$tmp/without"
sed -i '/^export LC_ALL=C PATH=/d' "$tmp/without/why"
cat >"$tmp/no-ss" <<'END'
"$RTEST_BIN/server" -n 0 -d 127.0.0.1 8081 </dev/null &
up LISTEN 8081
PATH=$tmp/bin "$tmp/without/why" bind 127.0.0.1:8081
kill $!
END
run scripts/sandbox -- env tmp="$tmp" bash "$tmp/no-ss"
like "without ss: the row" $'\nin the way LISTEN 0 5 127.0.0.1:8081 0.0.0.0:\\*\n +Process: server, pid [0-9]+' "$out"
is "without ss: nothing on stderr" '' "$err"

# --- answers, and the calls themselves ---
# In a sandbox of their own; each line is what was asked, the answer, the
# outcome of --try, and the exit code.
cat >"$tmp/facts" <<'END'
cd "$RTEST_BIN" || exit
# ask ARGUMENTS...
ask() {
	local said
	said=$("$why" --try -q "$@" 2>&1)
	printf '%s|%s|%s\n' "$*" "${said//$'\n'/|}" "$?"
}
ipv4=/proc/sys/net/ipv4
set_sysctl() { echo "$2" >"$ipv4/$1"; }
ip addr add 10.1.1.1/24 dev lo

./server -n 0 -d -T 127.0.0.1 8081 </dev/null 2>/dev/null &
./server -n 0 -d -A :: 8082 </dev/null 2>/dev/null &
./server -o -A 8084 </dev/null &
./server -o 8085 </dev/null &
./server -q 0 -O 86400 127.0.0.1 8083 </dev/null &
up LISTEN 8081; up LISTEN 8082; up BOUND 8084; up BOUND 8085; up LISTEN 8083
./client -H -b 1083 127.0.0.1 8083 >/dev/null & holder=$!
up ESTAB 1083

ask bind 127.0.0.1:8080
ask bind 127.0.0.1:8081
ask bind -A 127.0.0.1:8081
ask bind -T 127.0.0.1:8081
ask bind -A -T 0.0.0.0:8081
ask bind 127.0.0.2:8081
ask bind :8081
ask bind '*:8081'
ask bind '[::1]:8081'
ask bind 127.0.0.1:8082
ask bind '[::ffff:127.0.0.1]:8082'
ask bind '[::ffff:7f00:1]:8082'
ask bind '[::1]:8082'
ask bind 8084
ask bind -A 8084
ask bind -A 8085
ask bind 192.0.2.7:8080
ask bind '[2001:db8:0::7]:8080'
ask bind '[fe80::7]:8080'
ask bind '[ff02::1]:8080'
ask bind 224.0.0.1:8080
set_sysctl ip_nonlocal_bind 1
ask bind 192.0.2.7:8080
set_sysctl ip_nonlocal_bind 0
ask bind 0
ask connect 127.0.0.1:8081
ask connect 127.0.0.1:8080
ask connect 127.0.0.2:8081
ask connect 0.0.0.0:8082
ask connect '[::]:8082'
ask connect '[0:0::1]:8082'
ask connect '[::ffff:127.0.0.1]:8082'
ask connect ::1 '[::1]:8082'
ask connect 10.1.1.1:8082
ask connect 10.1.1.1 10.1.1.1:8082
ask connect 10.1.1.1:1084 10.1.1.1:8082
ask connect 10.2.1.7 10.1.1.1:8082
ask connect 192.0.2.1:80
ask connect '[2001:db8::1]:80'
ask connect '[fe80::1]:80'
ask connect 224.0.0.1:80
# --try would wait ten seconds.
echo "full|$("$why" -q connect 127.0.0.1:8083)|$(./client -t 0.5 127.0.0.1 8083 2>&1)"
ask connect -b 1083 127.0.0.1:8083
ask connect -b 8081 127.0.0.1:8082
ask connect -A -b 8084 127.0.0.1:8082
ask connect -b 1090 127.0.0.1:1090
set_sysctl ip_local_port_range '40000 40000'
./server -o 127.0.0.1 40000 </dev/null &
up BOUND 40000
ask connect 127.0.0.1:8082
ask connect 127.0.0.1 127.0.0.1:8082
ask connect 127.0.0.2 127.0.0.1:8082
ask bind 127.0.0.1:0
set_sysctl ip_local_port_range '40000 40001'
ask connect 127.0.0.1:8082
set_sysctl ip_local_reserved_ports 40001
ask connect 127.0.0.1:8082
# Not the server first: its end resets the connection, and that is an error
# for whoever holds it.
kill $holder
wait $holder
kill $(jobs -p)
END
run scripts/sandbox -- env why="$why" bash "$tmp/facts"
is "facts: nothing on stderr" '' "$err"
like "a full accept queue" $'\nfull\\|connect fails with ETIMEDOUT\\|client: [^\n]*(deadline|time)' "$out"
while IFS='|' read -r what want; do
	got=$(grep -F -m 1 "$what|" <<<"$out"$'\n')
	out=${out/"$got"/} # some are asked again under another sysctl
	case $want in
	ok) want="(bind|connect) would succeed\|tried: (bind|connect) succeeded\|0" ;;
	*) want="(bind|connect) fails with $want\|tried: (bind|connect) failed with $want\|1" ;;
	esac
	if [[ $what == *::* && $what != *::ffff* && ! -e /proc/net/if_inet6 ]]; then
		skip "$what" "this machine has no IPv6"
		continue
	fi
	[[ $got =~ ^[^|]*\|$want$ ]]
	verdict $? "$what: $want" || note "got: $got"
done <<'END'
bind 127.0.0.1:8080|ok
bind 127.0.0.1:8081|EADDRINUSE
bind -A 127.0.0.1:8081|EADDRINUSE
bind -T 127.0.0.1:8081|ok
bind -A -T 0.0.0.0:8081|ok
bind 127.0.0.2:8081|ok
bind :8081|EADDRINUSE
bind *:8081|EADDRINUSE
bind [::1]:8081|ok
bind 127.0.0.1:8082|EADDRINUSE
bind [::ffff:127.0.0.1]:8082|EADDRINUSE
bind [::ffff:7f00:1]:8082|EADDRINUSE
bind [::1]:8082|EADDRINUSE
bind 8084|EADDRINUSE
bind -A 8084|ok
bind -A 8085|EADDRINUSE
bind 192.0.2.7:8080|EADDRNOTAVAIL
bind [2001:db8:0::7]:8080|EADDRNOTAVAIL
bind [fe80::7]:8080|EINVAL
bind [ff02::1]:8080|EINVAL
bind 224.0.0.1:8080|ok
bind 192.0.2.7:8080|ok
bind 0|ok
connect 127.0.0.1:8081|ok
connect 127.0.0.1:8080|ECONNREFUSED
connect 127.0.0.2:8081|ECONNREFUSED
connect 0.0.0.0:8082|ok
connect [::]:8082|ok
connect [0:0::1]:8082|ok
connect [::ffff:127.0.0.1]:8082|ok
connect ::1 [::1]:8082|ok
connect 10.1.1.1:8082|ok
connect 10.1.1.1 10.1.1.1:8082|ok
connect 10.1.1.1:1084 10.1.1.1:8082|ok
connect 10.2.1.7 10.1.1.1:8082|EADDRNOTAVAIL
connect 192.0.2.1:80|ENETUNREACH
connect [2001:db8::1]:80|ENETUNREACH
connect [fe80::1]:80|EINVAL
connect 224.0.0.1:80|ENETUNREACH
connect -b 1083 127.0.0.1:8083|EADDRINUSE
connect -b 8081 127.0.0.1:8082|EADDRINUSE
connect -A -b 8084 127.0.0.1:8082|ok
connect -b 1090 127.0.0.1:1090|ok
connect 127.0.0.1:8082|EADDRNOTAVAIL
connect 127.0.0.1 127.0.0.1:8082|EADDRINUSE
connect 127.0.0.2 127.0.0.1:8082|ok
bind 127.0.0.1:0|EADDRINUSE
connect 127.0.0.1:8082|ok
connect 127.0.0.1:8082|EADDRNOTAVAIL
END

# --- a TIME-WAIT, in full ---
cat >"$tmp/story" <<'END'
cd "$RTEST_BIN" || exit
state() {
	ss -HOtan | awk '{ print $1, $4, $5 }' | sort
	grep -h ^TcpExt /proc/net/netstat | cut -d ' ' -f 1-80
	cat /proc/sys/net/ipv4/{tcp,ip}_* 2>/dev/null
}
./server -n 0 -d -A 127.0.0.1 44400 </dev/null >/dev/null &
up LISTEN 44400
./client -A -b 44401 -c 127.0.0.1 44400
up TIME-WAIT 44401
./client -c -n 4 127.0.0.1 44400
state >"$tmp/before"
echo "== undecided"
"$why" connect -A -b 44401 127.0.0.1:44400
echo "exit $?"
echo "== had it"
"$why" connect -A -b 44401 --old reuseaddr=1 127.0.0.1:44400
echo "exit $?"
echo "== had it not"
"$why" connect -A -b 44401 --old reuseaddr=0 127.0.0.1:44400
echo "exit $?"
echo "== not again"
"$why" connect -b 44401 127.0.0.1:44400
echo "== it may help"
"$why" connect -b 44401 --old timestamps=1 127.0.0.1:44400
echo "== stamped"
"$why" -q connect -A -b 44401 --old=reuseaddr=1 --old=timestamps=1 127.0.0.1:44400
echo "== the row of ss"
"$why" -q connect -A --old reuseaddr=1 127.0.0.1:44401 127.0.0.1:44400
echo "== listener"
"$why" bind -A 127.0.0.1:44400
state >"$tmp/after"
cmp "$tmp/before" "$tmp/after" && echo "nothing has changed"
echo "== tried"
"$why" -q --try connect -A -b 44401 127.0.0.1:44400
echo "exit $?"
echo "== range"
echo 44401 44401 >/proc/sys/net/ipv4/ip_local_port_range
"$why" connect 127.0.0.1:44400
echo "== reserved"
echo 44401 >/proc/sys/net/ipv4/ip_local_reserved_ports
"$why" connect 127.0.0.1:44400
kill $(jobs -p)
END
# On one CPU: on two, a loopback may deliver out of order, and a late ACK ends
# the TIME-WAIT (see scripts/lib/run).
read -r _ cpu < <(grep ^Cpus_allowed_list: /proc/self/status)
run scripts/sandbox tcp_timestamps=0 -- taskset -c "${cpu%%[,-]*}" \
	env why="$why" tmp="$tmp" bash "$tmp/story"
is "story: nothing on stderr" '' "$err"
# chapter NAME: $part is what came behind that heading.
chapter() {
	part=${out#*"== $1"$'\n'}
	part=${part%%$'\n=='*}
}
chapter undecided
like "what cannot be seen: in the first line" \
	'^connect fails with EADDRINUSE \(EADDRNOTAVAIL if the old socket had SO_REUSEADDR\)
' "$part"
like "what cannot be seen: how to tell it" '--old reuseaddr=1' "$part"
like "what cannot be seen: what it would be then" 'it would fail with EADDRNOTAVAIL' "$(tr -s ' \n' ' ' <<<"$part")"
like "what cannot be seen: exit code" 'exit 1$' "$part"
chapter "had it"
like "TIME-WAIT: the first line" '^connect fails with EADDRNOTAVAIL
' "$part"
like "TIME-WAIT: the call" 'call +bind\(\) to 0.0.0.0:44401 succeeds; connect\(\) to 127.0.0.1:44400' "$part"
like "TIME-WAIT: the row of ss" 'in the way TIME-WAIT 0 0 127.0.0.1:44401 127.0.0.1:44400 *timer:\(timewait,' "$(tr -s ' \n' ' ' <<<"$part")"
like "TIME-WAIT: nobody holds it" 'No process holds it: the kernel keeps it for [1-6][0-9]* s more' "$part"
like "TIME-WAIT: the function" 'rule +tcp_twsk_unique: no timestamp was recorded' "$part"
like "TIME-WAIT: the RFC" 'RFC 9293' "$part"
like "TIME-WAIT: the sysctls" 'Linux [^ ]*, tcp_timestamps=0, tcp_tw_reuse=[0-2]' "$part"
like "TIME-WAIT: what is assumed" 'assumed +The old connection had no timestamps, as tcp_timestamps=0 now \(--old timestamps=1 if' "$(tr -s ' \n' ' ' <<<"$part")"
like "TIME-WAIT: the safest way first" 'way out +1. Leave the local port to the kernel' "$part"
like "TIME-WAIT: timestamps would do" 'net.ipv4.tcp_timestamps=1, here and at the peer' "$(tr -s ' \n' ' ' <<<"$part")"
like "TIME-WAIT: every way has its price" '2. Wait [0-9]+ s.*Price: the time' "$part"
is "every way has its price" "$(grep -cE '(way out|^ {10}) +[0-9]\. ' <<<"$part")" "$(grep -c 'Price: ' <<<"$part")"
is "no line is wider than 80 columns" '' "$(awk 'length > 80' "$tmp/.out")"
chapter "had it not"
like "--old: without SO_REUSEADDR" '^connect fails with EADDRINUSE
' "$part"
like "--old: bind() is the call" 'It does not come to connect' "$part"
chapter "not again"
like "without -A it is certain" '^connect fails with EADDRINUSE
' "$part"
unlike "without -A: it would not help here" 'Set SO_REUSEADDR' "$part"
chapter "it may help"
like "without -A: it may help where it would" 'Set SO_REUSEADDR \(-A\) before bind\(\), if the old socket had it' "$(tr -s ' \n' ' ' <<<"$part")"
chapter stamped
is "--old: timestamps" 'connect would succeed' "$part"
chapter "the row of ss"
is "LOCAL:PORT is as -b" 'connect fails with EADDRNOTAVAIL' "$part"
chapter listener
like "a listener: with its process" 'in the way LISTEN 0 5 127.0.0.1:44400 0.0.0.0:\* Process: server, pid [0-9]+' "$(tr -s ' \n' ' ' <<<"$part")"
like "a listener: the way out names it" '1. End server, pid [0-9]+' "$part"
like "it changes nothing" 'nothing has changed' "$part"
chapter tried
is "--try: what could not be seen is found out" \
	"connect fails with EADDRINUSE (EADDRNOTAVAIL if the old socket had SO_REUSEADDR)
tried: connect failed with EADDRNOTAVAIL: so the old socket had SO_REUSEADDR
exit 1" "$part"
chapter range
like "a full range: the first line" '^connect fails with EADDRNOTAVAIL
' "$part"
like "a full range: the range" 'ip_local_port_range=44401-44401' "$part"
like "a full range: ways out" 'Keep connections open' "$part"

chapter reserved
like "all ports reserved: the rule" $'\nrule +__inet_hash_connect: no port' "$part"
like "all ports reserved: says so" '\(0 of 1 ports can be used, 1 are reserved\)' "$(tr -s ' \n' ' ' <<<"$part")"

# What the try has found out is explained.
cat >"$tmp/settled" <<'END'
cd "$RTEST_BIN" || exit
for port in 8888 8889; do
	option=-A
	((port == 8888)) || option=-v
	./server -c $option -n 1 127.0.0.1 $port </dev/null >/dev/null 2>&1 &
	up LISTEN $port
	./client -d 127.0.0.1 $port >/dev/null
	wait $!
	up TIME-WAIT $port
	echo "== $option"
	"$why" --try bind -A 127.0.0.1:$port
	echo "exit $?"
done
echo "== odd"
# One port is free, and a search may leave it out.
echo '40000 40006' >/proc/sys/net/ipv4/ip_local_port_range
for port in 40001 40002 40003 40004 40005 40006; do
	./server -o "$port" </dev/null >/dev/null 2>&1 &
	up BOUND $port
done
for ((i = 0; i < 12; i++)); do
	said=$("$why" --try bind 127.0.0.1:0)
	code=$?
	[[ $code = 0 && $said == *"way out"* ]] && echo "explains a failure: $said"
	echo "exit $code"
done | sort -u
kill $(jobs -p)
END
run scripts/sandbox -- env why="$why" bash "$tmp/settled"
chapter odd
like "--try, and a search may miss the port: as foretold, and then no failure" \
	'^exit [01](.exit 1)?.?$' "$part"
chapter -A
like "--try, and it had it: no failure is explained" \
	'^bind fails with EADDRINUSE unless the old socket had SO_REUSEADDR
tried: bind succeeded: so the old socket had SO_REUSEADDR

call       bind\(\) to 127.0.0.1:8888 succeeds.*
exit 0$' "$part"
unlike "--try, and it had it: no way out, nothing open" 'way out|depends|in the way' "$part"
chapter -v
like "--try, and it had it not: the rule for that" \
	'tried: bind failed with EADDRINUSE
.*rule       inet_bind_conflict: the old socket was without SO_REUSEADDR
.*way out.*exit 1$' "$part"
unlike "--try, and it had it not: nothing is open" 'depends' "$part"

# A server that is killed leaves its connections on the port.
cat >"$tmp/killed" <<'END'
cd "$RTEST_BIN" || exit
./server -n 0 -d -H 127.0.0.1 8888 </dev/null &
up LISTEN 8888
./client -H -b 5001 127.0.0.1 8888 >/dev/null &
up ESTAB 8888
"$why" bind 127.0.0.1:8888
kill -9 %1
up FIN-WAIT-2 8888
"$why" bind 127.0.0.1:8888
kill %2
END
run scripts/sandbox -- env why="$why" bash "$tmp/killed"
out=$(tr -s ' \n' ' ' <<<"$out")
like "a server with connections: the price of its end" 'its service ends; and its connections stay on the port' "$out"
like "an orphan in FIN-WAIT-2: how long it lasts" 'Wait [0-9]+ s: .* \(but if the peer of the FIN-WAIT-2 closes meanwhile' "$out"

# Of another user's socket the process is not to be seen, and the options are not.
if two_users; then
	cat >"$tmp/stranger" <<-'END'
	cd "$RTEST_BIN" || exit
	./server -o -A 8084 </dev/null &
	up BOUND 8084
	chmod 755 "$tmp"
	setpriv --reuid 65534 --regid 65534 --clear-groups -- "$why" bind -A 8084
	setpriv --reuid 65534 --regid 65534 --clear-groups -- "$why" -q bind 127.0.0.1:80
	kill $!
	END
	run scripts/sandbox -- env why="$why" tmp="$tmp" bash "$tmp/stranger"
	like "another user's socket: undecided" '^bind fails with EADDRINUSE unless the old socket had SO_REUSEADDR' "$out"
	like "another user's socket: says so" 'does not show to you: it is of user id 0; root sees it' "$(tr -s ' \n' ' ' <<<"$out")"
	like "a low port" $'\nbind fails with EACCES$' "$out"
else
	skip "another user's socket" "only root can be two users, in a folder that others may enter"
fi

# --- hundreds of thousands of sockets ---
# (How long it takes is noted, as CPU time, and not judged.)
cat >"$tmp/many" <<'END'
cd "$RTEST_BIN" || exit
TIMEFORMAT='%U %S'
./client --bulk -n 200000 127.0.0.1 8888 >/dev/null || exit
ask() {
	local seconds
	seconds=$({ time "$why" "$@" >"$tmp/said"; } 2>&1)
	echo "$*|$(head -1 "$tmp/said")|$(awk '{ print $1 + $2 " s" }' <<<"$seconds")"
}
ask bind 127.0.0.1:8888
ask bind -A 0.0.0.0:8888
ask bind '[::1]:8888'
ask bind 127.0.0.1:0
ask connect 127.0.0.1:8888
ask connect -b 8888 127.0.0.1:8889
"$why" bind 127.0.0.1:8888 | grep -F more
awk '/^TCP:/ { print "left: " $7 }' /proc/net/sockstat
END
run scripts/sandbox tcp_max_tw_buckets=300000 -- env why="$why" tmp="$tmp" bash "$tmp/many"
# (On a busy machine the first of them have ended by then, on a slow one all.)
counted=0 left=0
[[ $out =~ of\ ([0-9]+)\ on\ the\ port ]] && counted=${BASH_REMATCH[1]}
[[ $out =~ left:\ ([0-9]+) ]] && left=${BASH_REMATCH[1]}
is '200,000 TIME-WAITs: nothing on stderr' '0:' "$status:$err"
if ((left == 0)); then
	skip '200,000 TIME-WAITs: they are counted' 'they have ended: this machine is too slow'
else
	((counted <= 200000 && counted >= left)) && [[ $out == *"(and $((counted - 1)) more like it, of "* ]]
	verdict $? '200,000 TIME-WAITs: they are counted' || note "$out"
fi
while IFS='|' read -r what want; do
	if ((left == 0)); then
		skip "200,000 TIME-WAITs: $what" 'they have ended: this machine is too slow'
		continue
	fi
	found=$(grep -F "$what|" <<<"$out")
	is "200,000 TIME-WAITs: $what" "$what|$want" "${found%|*}"
	note "${found##*|}"
done <<'END'
bind 127.0.0.1:8888|bind fails with EADDRINUSE
bind -A 0.0.0.0:8888|bind fails with EADDRINUSE unless the old socket had SO_REUSEADDR
bind [::1]:8888|bind would succeed
bind 127.0.0.1:0|bind would succeed
connect 127.0.0.1:8888|connect fails with ECONNREFUSED
connect -b 8888 127.0.0.1:8889|connect fails with EADDRINUSE
END

# --- a sample of the matrix, which tests/long has in full ---
RTEST_MATRIX=40 RTEST_SEED=${RTEST_SEED:-7} tests/long/why-matrix.t >"$tmp/sample" 2>&1 </dev/null
verdict $? "40 calls that are drawn by lot" || note "$(grep -A 9 '^not ok' "$tmp/sample")"

finish
