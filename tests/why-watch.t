#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/why -- COMMAND, why -p PID, why ports, -j: what a program does, and what it
# is told of it.
. "${0%/*}/tap.bash"
on_one_cpu

export RTEST_BIN=${RTEST_BIN:-$PWD} why=$PWD/scripts/why sandbox=$PWD/scripts/sandbox tmp
export -f up
# LeakSanitizer does not work in a program that is traced.
export ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
cd "$RTEST_BIN" || exit 1

# in_sandbox NAME: runs the script on stdin there.
in_sandbox() {
	name=$1
	shift
	cat >"$tmp/act"
	run "$sandbox" "$@" -- bash "$tmp/act"
	out=$(tr -s ' ' ' ' <<<"$out") err=$(tr -s ' ' ' ' <<<"$err")
}
says() { like "$name: $1" "$2" "$out"; }
tells() { like "$name: $1" "$2" "$err"; }

in_sandbox 'a connect() that nobody waits for' <<'END'
command -v curl >/dev/null || exit 9
"$why" -- curl -sS http://127.0.0.1:1/
echo "exit $?"
END
if [ "$status" = 9 ]; then
	skip "$name" 'no curl'
else
	says "the command's own exit code" '^exit 7$'
	tells 'the call and its errno' 'why: curl, pid [0-9]+: connect\(\) to 127.0.0.1:1 failed with ECONNREFUSED \(Connection refused\)'
	tells 'the rule' 'tcp_v4_send_reset: nobody listens there'
fi

in_sandbox 'a taken port' <<'END'
./server -n 0 -d 0.0.0.0 8080 </dev/null & up LISTEN 8080
"$why" -- ./server -A 0.0.0.0 8080 </dev/null
echo "exit $?"
kill %1
END
says "the command's own exit code" '^exit 1$'
tells 'the options that the socket really had' 'bind\(\) to 0.0.0.0:8080 failed with EADDRINUSE \(Address already in use\); options: SO_REUSEADDR'
tells 'who holds it' 'Process: server, pid [0-9]+'
tells "the command's own words" 'server: bind to 0.0.0.0:8080: Address already in use'

# The TIME-WAITs of a listener have its options.
for options in -A ''; do
	in_sandbox "a listener${options:+ with $options} and its TIME-WAITs" <<-END
	./server $options -c -n 0 127.0.0.1 8080 </dev/null >/dev/null & up LISTEN 8080
	./client -d 127.0.0.1 8080 </dev/null
	up TIME-WAIT 8080
	"\$why" -p \$!
	echo "exit \$?"
	kill %1
	END
	case $options in
	-A) says 'it can start again' 'bind\(\) to 127.0.0.1:8080 when it starts again: would succeed
exit 0$' ;;
	*)
		says 'it cannot start again' 'bind\(\) to 127.0.0.1:8080 when it starts again: fails with EADDRINUSE
'
		says 'how that is known' 'The TIME-WAITs on the port come from this listener'
		;;
	esac
done

if two_users; then
	in_sandbox 'a low port, as an ordinary user' <<-'END'
	chmod 755 "$tmp"
	setpriv --reuid 65534 --clear-groups --inh-caps=-all "$why" -- ./server 0.0.0.0 80 </dev/null
	END
	tells 'EACCES' 'failed with EACCES'
	tells 'the way out' 'setcap cap_net_bind_service'
	in_sandbox "python's web server, as an ordinary user" <<-'END'
	as_user() { setpriv --reuid 65534 --clear-groups --inh-caps=-all "$@"; }
	as_user python3 -c 'import http.server' 2>/dev/null || exit 9
	as_user "$why" -- python3 -m http.server 80
	echo "exit $?"
	END
	if [ "$status" = 9 ]; then
		skip "$name" 'no python3 for that user'
	else
		tells 'the call' 'why: python3[^ ]*, pid [0-9]+: bind\(\) to 0.0.0.0:80 failed with EACCES \(Permission denied\); options: SO_REUSEADDR'
		tells 'its own words' 'PermissionError: '
		says 'its exit code' '^exit 1$'
	fi
	in_sandbox "another user's process" <<-'END'
	./server -n 0 -d 0.0.0.0 8080 </dev/null & up LISTEN 8080
	setpriv --reuid 65534 --clear-groups --inh-caps=-all "$why" -p $!
	echo "exit $?"
	kill $!
	END
	tells 'says so' "^why: process [0-9]+: [A-Z][a-z ]* \(it is another user's, of id 0: be root, or that user\)"
	says 'exit code' '^exit 1$'
else
	skip 'an ordinary user' 'only root can be two users, in a folder that others may enter'
fi

in_sandbox 'stdin, stdout, signals' <<'END'
echo hello | "$why" -- cat
"$why" -- sh -c 'exit 7'; echo "exit $?"
"$why" -- sh -c 'kill -TERM $$'; echo "exit $?"
"$why" -- ./no-such-program; echo "exit $?"
"$why" -- sh -c 'trap "echo got it; exit 4" USR1; echo >"$tmp/there"; while :; do sleep 0.1; done' &
until [ -e "$tmp/there" ]; do sleep 0.02; done
kill -USR1 $!; wait $!; echo "exit $?"
"$why" -- sh -c './server -n 0 -d 127.0.0.1 8088 </dev/null >/dev/null 2>&1 & echo $! >"$tmp/pid"' | cat
up LISTEN 8088
echo "the pipe has ended, the server has not"
kill "$(cat "$tmp/pid")"
END
tells 'no call has failed' 'why: sh: no bind\(\), connect\(\) or listen\(\) of a TCP socket failed at once'
is "$name: one that was not run has made no call" '' "$(grep '^why: ./no-such-program: no ' <<<"$err")"
is "$name" 'hello
exit 7
exit 143
exit 127
got it
exit 4
the pipe has ended, the server has not' "$out"
tells 'a command that is not there' 'why: ./no-such-program: No such file or directory \[ENOENT\]'

in_sandbox 'ports that bind() chose' ip_local_port_range='43000 43009' <<'END'
for i in 1 2 3; do ip addr add 10.9.0.$i/24 dev lo; done
./server -n 0 -H 10.9.0.2 8000 </dev/null >/dev/null 2>&1 & up LISTEN 8000
./client -l 10.9.0.1 -H -n 10 10.9.0.2 8000 >/dev/null &
until [ "$(./peek 43000-43009 | grep -c ESTAB)" = 10 ]; do sleep 0.02; done
"$why" -- ./client 10.9.0.3 8000
kill $(jobs -p)
END
tells 'the rule' 'rule __inet_hash_connect: bind\(\) chose every port'
tells 'no port can be used' '\(0 of 10'
tells 'the way out for the programs that are there' 'way out 1\. sysctl -w net.ipv4.ip_local_port_range="1024 65535" .* 2\. For the next time: IP_BIND_ADDRESS_NO_PORT'
is "$name: without a TIME-WAIT no tcp_tw_reuse, and no rate" '' "$(grep -e tcp_tw_reuse -e '^rate' <<<"$err")"

in_sandbox 'what is alike is said once' <<'END'
"$why" -- sh -c 'for i in 1 2 3; do ./client 127.0.0.1 9; done' 2>&1 >/dev/null | grep -c '^why: client'
"$why" -- sh -c 'for i in 1 2 3; do ./client 127.0.0.1 9; done' 2>&1 >/dev/null | grep 'more calls'
END
says 'once' '^1'
says 'and counted' 'why: 2 more calls failed as those did'

in_sandbox 'ways out for a program that runs' tcp_timestamps=0 <<'END'
./server -c -d 127.0.0.1 8081 </dev/null >/dev/null & up LISTEN 8081
./client -d 127.0.0.1 8081 </dev/null
wait $!
"$why" -- ./server 127.0.0.1 8081 </dev/null
./rtest -q 44400 c >/dev/null 2>&1
"$why" -- ./client -A -b 44401 127.0.0.1 44400
"$why" -q -- true
END
tells 'a socket option' 'Set SO_REUSEADDR before bind\(\)'
tells 'the call that failed' 'call bind\(\) to 0.0.0.0:44401 succeeds; connect\(\) to 127.0.0.1:44400 from'
tells 'no port of its own' 'Leave the local port to the kernel \(no bind\(\)\)'
is "$name: no options of why's" '' "$(grep -E '[( ]--?(A|T|b|try|old|no-port)\>' <<<"$err")"
is "$name: with -q nothing of calls that have not failed" '' "$(grep '^why: true' <<<"$err")"

in_sandbox 'the first line only' <<'END'
"$why" -q -- ./client 127.0.0.1 9
"$why" -q -- unshare -n ./client 127.0.0.1 9
END
like "$name" '^why: client, pid [0-9]+: connect\(\) to 127.0.0.1:9 failed with ECONNREFUSED [^
]*
client: [^
]*
why: client, pid [0-9]+: connect\(\) to 127.0.0.1:9 failed with ENETUNREACH [^
]*
client: [^
]*$' "$err"

in_sandbox 'another network namespace' <<'END'
"$why" -- unshare -n sh -c 'ip link set lo up; ./server -n 0 -d 127.0.0.1 8080 </dev/null & until [ -n "$(ss -HOtln sport = :8080)" ]; do sleep 0.02; done; ./server 127.0.0.1 8080 </dev/null; kill $!' 2>&1
END
says 'the holder there' 'Process: server, pid [0-9]+'

# Programs of others, where they are.
for daemon in 'nginx -c CONF' 'redis-server --port 8080 --save ""' 'haproxy -f CONF'; do
	program=${daemon%% *}
	if ! command -v "$program" >/dev/null; then
		skip "$program" "no $program"
		continue
	fi
	if [[ $program == nginx && $EUID != 0 ]]; then
		# In a user namespace it takes itself for root, and gives its folders away.
		skip "$program" 'it starts as root only'
		continue
	fi
	case $program in
	nginx) echo 'daemon off; events {} http { server { listen 8080; } }' ;;
	*) printf 'frontend f\n mode http\n timeout client 1s\n bind :8080\n' ;;
	esac >"$tmp/conf"
	in_sandbox "$program" <<-END
	./server -n 0 -d 0.0.0.0 8080 </dev/null & up LISTEN 8080
	timeout 600 "\$why" -- ${daemon/CONF/$tmp/conf} </dev/null >/dev/null
	kill %1
	END
	tells 'its bind()' "why: $program, pid [0-9]+: bind\\(\\) to .*:8080 failed with EADDRINUSE"
	tells 'who holds the port' 'Process: server, pid [0-9]+'
done

in_sandbox 'what is not a program' <<'END'
unshare -n sh -c './server -n 0 -d 127.0.0.1 8080 </dev/null & echo $! >"$tmp/elsewhere"; wait' &
until [ -s "$tmp/elsewhere" ] && read -r pid <"$tmp/elsewhere" && [ "$(readlink /proc/$pid/exe)" = "$(readlink -f ./server)" ]; do sleep 0.02; done
nsenter -t "$pid" -n bash -c 'up LISTEN 8080'
"$why" -q -p "$pid"
kill "$pid"
END
says 'a process in another network namespace' '^bind\(\) to 127.0.0.1:8080 when it starts again: would succeed'

in_sandbox 'a program that runs' ip_local_port_range='41000 41009' <<'END'
./server -n 0 -H -A 127.0.0.1 8000 </dev/null >/dev/null 2>&1 & up LISTEN 8000
./client -H -n 10 127.0.0.1 8000 >/dev/null & client=$!
until [ "$(./peek 41000-41009 | grep -c ESTAB)" = 10 ]; do sleep 0.02; done
"$why" -q -p %nothing; "$why" -q -p 999999; "$why" -q -p $$
"$why" -p $client
echo "exit $?"
"$why" ports 127.0.0.1:8000
echo "exit $?"
"$why" -j connect 127.0.0.1:8000
"$why" -j bind -A 127.0.0.1:8000
"$why" -j bind 127.0.0.1:8001
"$why" -j ports
echo '42000 42009' >/proc/sys/net/ipv4/ip_local_port_range
"$why" -j ports
kill $(jobs -p)
END
tells 'no process id' "^why: -p wants a process id, not '%nothing'"
tells 'a process that is gone' 'why: process 999999: there is none'
says 'its sockets' 'ESTAB 127.0.0.1:4100[0-9] 127.0.0.1:8000 fd [0-9]+: no socket options set'
says 'its next call' 'its next connect\(\) to 127.0.0.1:8000: fails with EADDRNOTAVAIL'
says 'ports: the first line' '0 of 10 ports can be used for connect\(\) to 127.0.0.1:8000'
says 'ports: the table' 'in use 10 ESTAB to 127.0.0.1:8000 client, pid [0-9]+'
says 'ports: the rate' 'rate 0.2 connections a second to one destination fill the range with'
says 'JSON: a full range' '\{"call":"connect 127.0.0.1:8000","outcome":"fails","errno":"EADDRNOTAVAIL","condition":null,"rule":"__inet_check_established: [^"]*","in_the_way":\[\{"count":10,"state":"ESTAB","local":null,"peer":"127.0.0.1:8000","left_ms":null,"uid":0,"processes":\[\{"pid":[0-9]+,"command":"client"\}\]\}\],"ways_out":\[\{"text":"'
says 'JSON: a listener' '"call":"bind 127.0.0.1:8000","outcome":"fails","errno":"EADDRINUSE".*"state":"LISTEN","local":"127.0.0.1:8000","peer":"0.0.0.0:0"'
says 'JSON: it would succeed' '\{"call":"bind 127.0.0.1:8001","outcome":"succeeds","errno":null,"condition":null,"rule":"[^"]*","in_the_way":\[\],"ways_out":\[\]\}'
says 'JSON: ports' '\{"call":"ports","outcome":"fails".*"in_the_way":\[\{"count":10,"state":"ESTAB","local":null,"peer":"127.0.0.1:8000"'
says 'JSON: ports, and nothing there' '\{"call":"ports","outcome":"succeeds","errno":null,"condition":null,"rule":"[^"]*","in_the_way":\[\],"ways_out":\[\]\}$'
if command -v jq >/dev/null; then
	grep '^{' <<<"$out" >"$tmp/json"
	ok 'JSON: jq reads it' jq -e . "$tmp/json"
fi

in_sandbox 'a wrapper' <<'END'
sh -c 'sh -c "./server -n 0 -d 127.0.0.1 8080; :" & sleep 60; :' </dev/null & up LISTEN 8080
"$why" -q -p $!
"$why" -q -p $$
kill $(jobs -p)
END
says 'its children are asked' '^sh, pid [0-9]+, has no TCP socket; its children have
server, pid [0-9]+:
bind\(\) to 127.0.0.1:8080 when it starts again: would succeed
bash, pid'

in_sandbox 'names' <<'END'
"$why" -q connect localhost 1
"$why" -q connect http://127.0.0.1/x
"$why" -q bind 127.0.0.1 http
"$why" -q bind --user nobody 127.0.0.1:81
"$why" -q bind --user nobody 127.0.0.1:8081
END
says 'all of it' '^connect fails with ECONNREFUSED.*
connect fails with ECONNREFUSED
bind would succeed
bind fails with EACCES unless the program of user .nobody. has CAP_NET_BIND_SERVICE
bind would succeed$'

in_sandbox 'standard descriptors that are closed' <<'END'
"$why" -q -- sh -c './client 127.0.0.1 1; exit 5' >&- 2>&-
echo "exit $?"
"$why" -q -- sh -c './client 127.0.0.1 1; exit 6' <&- 2>&-
echo "exit $?"
"$why" -q -- sh -c 'exit 3' >&- 2>&-
echo "exit $?"
END
is "$name: the command's own exit codes" 'exit 5
exit 6
exit 3' "$out"

in_sandbox 'the environment' <<'END'
LC_ALL=C.UTF-8 PATH=/usr/bin:/bin "$why" -q -- sh -c 'echo "$LC_ALL $PATH"'
env -u LC_ALL "$why" -q -- sh -c 'echo "${LC_ALL-none}"'
END
is "$name is the user's" 'C.UTF-8 /usr/bin:/bin
none' "$out"

in_sandbox 'any signal' <<'END'
"$why" -- bash -c 'trap "exit 4" WINCH; echo ready; while :; do sleep 0.02; done' >"$tmp/ready" &
until grep -q ready "$tmp/ready"; do sleep 0.02; done
kill -WINCH $!
wait $!
echo "exit $?"
END
is "$name is passed on" 'exit 4' "$out"

# What is bound is not in its own way.
in_sandbox 'a bound socket, and no route' <<'END'
"$why" -- ./client -b 5000 192.0.2.1 80
END
tells 'the rule' 'fib_lookup: no route leads there'
unlike "$name: nothing is in the way" 'EADDRINUSE' "$err"

in_sandbox 'getsockopt() of something else' <<'END'
ip link add d0 type veth peer name d1
ip link set d0 up && ip link set d1 up && ip addr add 10.5.0.1/24 dev d0 && ip route add default via 10.5.0.2
"$why" -- perl -MSocket -e '
	socket(my $s, AF_INET, SOCK_STREAM | 2048, 0);
	connect($s, pack_sockaddr_in(80, inet_aton("192.0.2.7")));
	setsockopt($s, 6, 4, pack("i", 60));
	print "TCP_KEEPIDLE ", unpack("i", getsockopt($s, 6, 4)), "\n"'
END
says 'it was asked' '^TCP_KEEPIDLE 60$'
tells 'no error' 'no bind\(\), connect\(\) or listen\(\) of a TCP socket failed at once'

in_sandbox 'an address that is too short' <<'END'
"$why" -- perl -MSocket -e 'socket(my $s, AF_INET, SOCK_STREAM, 0); bind($s, pack("S a6", AF_INET, "x")) or print "$!\n"'
END
says 'the error' '^Invalid argument$'
tells 'it is not kept silent' '^why: perl: 1 call failed on a socket, or with an address, that cannot be read$'

in_sandbox 'a mapped listener and a connection' <<'END'
./server -n 0 -d ::1 9000 </dev/null & up LISTEN 9000
perl -MSocket=:all -e '
	socket(my $l, AF_INET6, SOCK_STREAM, 0);
	bind($l, pack_sockaddr_in6(8080, inet_pton(AF_INET6, "::ffff:127.0.0.1"))) && listen($l, 5) or die $!;
	socket(my $s, AF_INET6, SOCK_STREAM, 0);
	connect($s, pack_sockaddr_in6(9000, inet_pton(AF_INET6, "::1"))) or die $!;
	sleep 100' & up LISTEN 8080 && up ESTAB 9000
"$why" -q -p $!
kill $(jobs -p)
END
says 'each by itself' 'its next connect\(\) to \[::1\]:9000: would succeed$'

in_sandbox 'a child with a connection of its parent' <<'END'
perl -MSocket -e '
	socket(my $l, AF_INET, SOCK_STREAM, 0);
	bind($l, pack_sockaddr_in(8080, INADDR_LOOPBACK)) && listen($l, 5) or die $!;
	accept(my $s, $l);
	my $pid = fork();
	if (!$pid) { close($l); $| = 1; print "child $$\n"; sleep 100 }
	close($s); sleep 100' >"$tmp/child" & up LISTEN 8080
./client -d 127.0.0.1 8080 </dev/null & until read -r _ child <"$tmp/child"; do sleep 0.02; done 2>/dev/null
"$why" -q -p "$child"
echo "exit $?"
kill "$child" $(jobs -p)
END
is "$name: no connect() of its own" 'exit 0' "$out"

if command -v jq >/dev/null; then
	in_sandbox 'a name that is not to be printed' <<-'END'
		perl -MSocket -e '
			$0 = "a\tb\xff"; socket(my $l, AF_INET, SOCK_STREAM, 0);
			bind($l, pack_sockaddr_in(8080, INADDR_LOOPBACK)) && listen($l, 5) or die $!; sleep 100' & up LISTEN 8080
		"$why" -j bind 127.0.0.1:8080
		kill %1
	END
	printf '%s\n' "$out" >"$tmp/json"
	ok "$name: JSON all the same" jq -e . "$tmp/json"
fi

in_sandbox 'a user namespace that does not own the network' <<'END'
"$why" -q --try bind 80
unshare -r "$why" -q --try bind 80
unshare -rn "$why" -q --try bind 80
"$why" -- unshare -r ./server 80 </dev/null
END
is "$name: its capabilities do not count" 'bind would succeed
tried: bind succeeded
bind fails with EACCES
tried: bind failed with EACCES
bind would succeed
tried: bind succeeded' "$out"
tells 'the rule' 'bind\(\) to 0.0.0.0:80 fails with EACCES'

in_sandbox 'a TIME-WAIT of the device lo' tcp_tw_reuse=2 'ip_local_port_range=41000 41000' <<'END'
ip addr add 10.6.0.1/32 dev lo
./server -n 0 -d 10.6.0.1 7000 </dev/null >/dev/null & up LISTEN 7000
perl -MSocket -e '
	socket(my $s, AF_INET, SOCK_STREAM, 0); setsockopt($s, 1, 25, "lo") or die $!;
	connect($s, pack_sockaddr_in(7000, inet_aton("10.6.0.1"))) or die $!; shutdown($s, 1); sysread($s, my $end, 1)'
up TIME-WAIT 7000
sleep 1.1 # the one-second rule
"$why" -q --try connect -D lo 10.6.0.1:7000
kill %1
END
says 'loopback, as tcp_tw_reuse=2 means it' $'^connect would succeed.*\ntried: connect succeeded$'

# Interfaces: exit code 3 would be another outcome than foretold.
in_sandbox 'interfaces' <<'END'
for i in d0:p0 d1:p1; do
	ip link add "${i%:*}" type veth peer name "${i#*:}"
	for end in "${i%:*}" "${i#*:}"; do echo 0 >"/proc/sys/net/ipv6/conf/$end/accept_dad"; ip link set "$end" up; done
done
ip addr add 10.5.0.1/24 dev d0
for end in d0 d1; do
	until ip -6 -o addr show dev "$end" scope link -tentative | grep -q fe80; do sleep 0.05; done
	printf -v "$end" %s "$(ip -6 -o addr show dev "$end" scope link | sed 's/.*inet6 //; s|/.*||')"
done
listens() { perl -MSocket -e '
	socket(my $l, AF_INET, SOCK_STREAM, 0); setsockopt($l, 1, 25, $ARGV[1]) or die $!;
	bind($l, pack_sockaddr_in($ARGV[0], INADDR_ANY)) && listen($l, 5) or die $!; sleep 100' "$@" & }
listens 7001 d0
listens 7002 lo
up LISTEN 7001 && up LISTEN 7002
./server -n 0 -d :: 7003 </dev/null & up LISTEN 7003
tried() {
	local said code=0
	said=$("$why" -q --try "$@") || code=$?
	echo "${said%%$'\n'*}: $code"
}
tried connect 10.5.0.1:7001
tried connect 10.5.0.1:7002
tried connect 127.0.0.1:7001
tried connect 127.0.0.1:7002
tried bind "[$d0%d0]:8080"
tried bind "[$d0%d1]:8080"
tried connect "[$d0%d0]:7003"
tried connect "$d1%d1" "[$d0%d0]:7003"
kill $(jobs -p)
END
is "$name: as the kernel has it" 'connect would succeed: 0
connect fails with ECONNREFUSED: 1
connect fails with ECONNREFUSED: 1
connect would succeed: 0
bind would succeed: 0
bind fails with EADDRNOTAVAIL: 1
connect would succeed: 0
connect fails with EINVAL: 1' "$out"

finish
