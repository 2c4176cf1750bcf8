#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/why: situations from reports, each made: the first line, who holds it, and
# the first way out, which is followed and must work.
. "${0%/*}/../tap.bash"
on_one_cpu

export RTEST_BIN=${RTEST_BIN:-$PWD} why=$PWD/scripts/why tmp STAGE=$tmp/stage
${CC:-cc} -std=gnu11 -I. -o "$STAGE" tests/long/stage.c src/words.c || exit 1
export -f up
# What the scripts below share.
cat >"$tmp/words" <<'END'
cd "$RTEST_BIN" || exit
# count_of STATE PORT N: until there are N of them.
count_of() {
	local i
	for ((i = 0; i < 1500; i++)); do
		(($(./peek "$2" | grep -c "^$1 ") == $3)) && return
		sleep 0.02
	done
	echo "not $3 $1 on $2"
}
# ask ARGUMENTS...: the answer, the outcome of --try, and the exit code.
ask() {
	local said
	said=$("$why" --try -q "$@" 2>&1)
	printf 'ask %s|%s|%s\n' "$*" "${said//$'\n'/|}" "$?"
}
# first ARGUMENTS...: what is in the way, and the first way out, in one line each.
first() {
	"$why" "$@" 2>&1 | awk '/^in the way/ { on = 1 } /^rule/ { on = 0 } on' | tr -s ' \n' ' ' | sed 's/^/in the way: /; s/$/\n/'
	"$why" "$@" 2>&1 | awk '/^way out/ { on = 1 } on && / 2\. /{ exit } on' | tr -s ' \n' ' ' | sed 's/$/\n/'
}
stage() { { coproc { exec "$STAGE" "$@" 2>&1; }; } 2>/dev/null; staged=$COPROC_PID; read -r <&"${COPROC[0]}"; [ "$REPLY" = ready ] || echo "stage $*: $REPLY"; }
addresses() { ip addr add 10.9.0.1/24 dev lo; ip addr add 10.9.0.2/24 dev lo; ip addr add 10.9.0.3/24 dev lo; }
# full_range LO-HI [CLIENT-OPTIONS...]: ten connections to 10.9.0.2:8000 hold its ten
# ports; 10.9.0.3:8000 listens.
full_range() {
	local ports=$1
	shift
	addresses
	./server -n 0 -H 10.9.0.2 8000 </dev/null >/dev/null 2>&1 &
	./server -n 0 -d 10.9.0.3 8000 </dev/null >/dev/null 2>&1 &
	count_of LISTEN 8000 2
	./client -H -n 10 "$@" 10.9.0.2 8000 >/dev/null &
	count_of ESTAB "$ports" 10
}
set_sysctl() { echo "$2" >"/proc/sys/net/$1"; }
END

# act NAME [SANDBOX-WORDS...]: runs the script on stdin in a sandbox; in $out, with $part
# for like().
act() {
	name=$1
	shift
	{ cat "$tmp/words"; cat; } >"$tmp/act"
	run scripts/sandbox "$@" -- bash "$tmp/act"
	is "$name: nothing on stderr" '' "$err"
}
says() { like "$name: $1" "$2" "$out"; }
# The answer of `ask ARGUMENTS`, and of the call.
said() {
	local got
	if [[ $1 == *::* && ! -e /proc/net/if_inet6 ]]; then
		skip "$name: $1" "this machine has no IPv6"
		return
	fi
	got=$(grep -F -m 1 "ask $1|" <<<"$out")
	out=${out/"$got"/}
	is "$name: $1" "ask $1|$2" "$got"
}
ok4='connect would succeed|tried: connect succeeded|0'
bind_ok='bind would succeed|tried: bind succeeded|0'
bind_in_use='bind fails with EADDRINUSE|tried: bind failed with EADDRINUSE|1'

act 'mostly TIME-WAIT' ip_local_port_range='40000 40009' <<'END'
addresses
./server -n 0 -d -A 10.9.0.2 8000 </dev/null >/dev/null 2>&1 & up LISTEN 8000
for i in 1 2 3 4 5 6 7 8 9; do ./client -c 10.9.0.2 8000; done
count_of TIME-WAIT 40000-40009 9
./client -H 10.9.0.2 8000 >/dev/null & count_of ESTAB 40000-40009 1
ask connect --old port=kernel 10.9.0.2:8000
first connect --old port=kernel 10.9.0.2:8000
set_sysctl ipv4/tcp_tw_reuse 1
sleep 1.1 # tcp_tw_reuse_delay
ask connect --old port=kernel 10.9.0.2:8000
kill %2; kill %1
END
said 'connect --old port=kernel 10.9.0.2:8000' 'connect fails with EADDRNOTAVAIL|tried: connect failed with EADDRNOTAVAIL|1'
says 'what holds most, first' 'in the way: in the way 9 TIME-WAIT to 10.9.0.2:8000 no process .* 1 ESTAB to 10.9.0.2:8000 client, pid'
says 'the first way out' 'way out 1. sysctl -w net.ipv4.tcp_tw_reuse=1: 9 of 10 ports usable at once'
said 'connect --old port=kernel 10.9.0.2:8000' "$ok4"

act 'many open files' ip_local_port_range='40000 40009' <<'END'
ulimit -n 12000 2>/dev/null || { echo skipped; exit; }
for i in 1 2; do (for ((n = 0; n < 11000; n++)); do exec {fd}</dev/null; done; sleep 60) & done
./server -n 0 -H 127.0.0.1 8000 </dev/null >/dev/null 2>&1 & up LISTEN 8000
./client -H -n 10 127.0.0.1 8000 >/dev/null & count_of ESTAB 40000-40009 10
until (($(cut -f 1 /proc/sys/fs/file-nr) > 22000)); do sleep 0.05; done
first connect 127.0.0.1:8000
kill $(jobs -p)
END
if [ "$out" = skipped ]; then
	skip 'many open files' 'ulimit -n 12000 is refused here'
else
	says 'a process is named' 'in the way 10 ESTAB to 127.0.0.1:8000 client, pid [0-9]+'
fi

act 'another pid namespace' <<'END'
./server -n 0 0.0.0.0 9100 </dev/null >/dev/null 2>&1 & up LISTEN 9100
why="unshare -p -f --mount-proc $why"
$why bind -A 9100 | tr -s ' \n' ' '
ss -tanp 'sport = :9100'
kill %1
END
says 'the holder is elsewhere' 'No process of this pid namespace holds it'
says 'the first way out' "1\. End it or move it, where it is: in another pid namespace .*ss -tanp 'sport = :9100'"
says 'which is followed' 'users:.*"server"'

act 'ports that bind() chose' ip_local_port_range='43000 43009' <<'END'
full_range 43000-43009 -l 10.9.0.1
"$why" -q connect 10.9.0.3:8000; echo "exit $?"
ask connect 10.9.0.3:8000
ask connect --old port=bound 10.9.0.3:8000
first connect --old port=bound 10.9.0.3:8000
ask connect 10.9.0.1 10.9.0.3:8000
first connect 10.9.0.1 10.9.0.3:8000
ask connect --no-port --old port=bound 10.9.0.1 10.9.0.3:8000
set_sysctl ipv4/ip_local_port_range '1024 65535'
ask connect 10.9.0.3:8000
kill $(jobs -p)
END
says 'the condition is in the first line, and exits 1' '^connect would succeed unless bind\(\) chose the ports of all connections that are there
exit 1'
said 'connect 10.9.0.3:8000' 'connect would succeed unless bind() chose the ports of all connections that are there|tried: connect failed with EADDRNOTAVAIL: so bind() chose the ports of all connections that are there|1'
said 'connect --old port=bound 10.9.0.3:8000' 'connect fails with EADDRNOTAVAIL|tried: connect failed with EADDRNOTAVAIL|1'
says 'the first way out' 'way out 1. sysctl -w net.ipv4.ip_local_port_range="1024 65535"'
said 'connect 10.9.0.1 10.9.0.3:8000' 'connect fails with EADDRINUSE|tried: connect failed with EADDRINUSE|1'
said 'connect --no-port --old port=bound 10.9.0.1 10.9.0.3:8000' 'connect fails with EADDRNOTAVAIL|tried: connect failed with EADDRNOTAVAIL|1'
said 'connect 10.9.0.3:8000' "$ok4"

# As the last way out has it.
act 'ports that bind() left to connect()' ip_local_port_range='43000 43009' <<'END'
full_range 43000-43009 -l 10.9.0.1 -N
ask connect --old port=kernel 10.9.0.3:8000
ask connect --no-port --old port=kernel 10.9.0.1 10.9.0.3:8000
kill $(jobs -p)
END
said 'connect --old port=kernel 10.9.0.3:8000' "$ok4"
said 'connect --no-port --old port=kernel 10.9.0.1 10.9.0.3:8000' "$ok4"

act 'a full range, and bind() to an address' ip_local_port_range='42000 42009' <<'END'
full_range 42000-42009
ask connect 10.9.0.1 10.9.0.3:8000
first connect 10.9.0.1 10.9.0.3:8000
ask connect --no-port --old port=kernel 10.9.0.1 10.9.0.3:8000
kill $(jobs -p)
END
said 'connect 10.9.0.1 10.9.0.3:8000' 'connect fails with EADDRINUSE|tried: connect failed with EADDRINUSE|1'
says 'the first way out' 'way out 1. Set IP_BIND_ADDRESS_NO_PORT'
said 'connect --no-port --old port=kernel 10.9.0.1 10.9.0.3:8000' "$ok4"

act 'IPv6 is off' net.ipv6.conf.all.disable_ipv6=1 <<'END'
ask connect '[2001:db8::1]:443'
ask bind '[::1]:4433'
first bind '[::1]:4433'
set_sysctl ipv6/conf/all/disable_ipv6 0; set_sysctl ipv6/conf/lo/disable_ipv6 0
ask bind '[::1]:4433'
END
said 'connect [2001:db8::1]:443' 'connect fails with EADDRNOTAVAIL|tried: connect failed with EADDRNOTAVAIL|1'
said 'bind [::1]:4433' 'bind fails with EADDRNOTAVAIL|tried: bind failed with EADDRNOTAVAIL|1'
says 'the first way out' 'way out 1. Switch IPv6 on'
said 'bind [::1]:4433' "$bind_ok"

act 'a tentative address' <<'END'
ip link add a0 type veth peer name b0
ip link set a0 up
ip -6 addr add fd00:9::1/64 dev a0
ask bind '[fd00:9::1]:5300'
first bind '[fd00:9::1]:5300'
eval "$("$why" bind '[fd00:9::1]:5300' | tr -s ' \n' ' ' | grep -o 'ip -6 addr del .* nodad')"
ask bind '[fd00:9::1]:5301'
ip link set a0 down
ip -6 addr add fd00:9::1/64 dev a0
first bind '[fd00:9::1]:5302'
ip link set a0 up
ip link set b0 up
until [[ $(ip -6 addr show dev a0 to fd00:9::1) != *tentative* ]]; do sleep 0.1; done
ask bind '[fd00:9::1]:5300'
END
said 'bind [fd00:9::1]:5300' 'bind fails with EADDRNOTAVAIL|tried: bind failed with EADDRNOTAVAIL|1'
says 'the first way out' 'way out 1. Bring the link up: a0 has no carrier'
says 'a link that is switched off' 'way out 1. Bring the link up: ip link set a0 up'
said 'bind [fd00:9::1]:5301' "$bind_ok"
said 'bind [fd00:9::1]:5300' "$bind_ok"

act 'a listener of several processes' <<'END'
stage LISTEN - 0.0.0.0 8081 F 1
ask bind -A 8081
first bind -A 8081
wait "$staged"
kill $("$why" bind -A 8081 | tr -s ' \n' ' ' | grep -o 'End all of [^:]*' | grep -o 'pid [0-9]*' | cut -c 5-)
until [ -z "$(./peek 8081)" ]; do sleep 0.02; done
ask bind -A 8081
END
said 'bind -A 8081' "$bind_in_use"
says 'who holds it' 'Processes: stage, pid [0-9]+; stage, pid [0-9]+'
says 'the first way out' '1. End all of stage, pid [0-9]+; stage, pid [0-9]+: .*inherited.*FD_CLOEXEC'
said 'bind -A 8081' "$bind_ok"

act 'a process that is not to be seen' <<'END'
./server -n 0 0.0.0.0 9100 </dev/null >/dev/null & up LISTEN 9100
unshare -p -f --mount-proc "$why" bind -A 9100 | tr -s ' \n' ' '
kill %1
END
says 'the holder' 'No process of this pid namespace holds it'
says 'the first way out' '1. End it or move it, where it is: in another pid namespace \(on the host: ss -tanp'

if two_users; then
	act 'SO_REUSEPORT of two users' <<-'END'
	as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@"; }
	stage LISTEN - 0.0.0.0 3001 T 1
	as_user "$why" bind -T --old reuseport=1 3001 | tr -s ' \n' ' '
	as_user "$why" --try -q bind -T --old reuseport=1 3001
	kill "$staged"; wait "$staged" 2>/dev/null
	{ coproc as_user "$STAGE" LISTEN - 0.0.0.0 3001 T 1; } 2>/dev/null; staged=$COPROC_PID; up LISTEN 3001
	as_user "$why" --try -q bind -T 3001
	kill "$staged"
	END
	says 'why not' '^bind fails with EADDRINUSE .*SO_REUSEPORT does not help: the old socket is of user id 0, yours of 65534, and both must be of one'
	says 'as foretold; of one user it does' 'bind fails with EADDRINUSE
tried: bind failed with EADDRINUSE
bind would succeed
tried: bind succeeded'
else
	skip 'SO_REUSEPORT of two users' 'only root can be two users, in a folder that others may enter'
fi

act 'wildcards' <<'END'
./server -n 0 -A 0.0.0.0 8080 </dev/null >/dev/null & up LISTEN 8080
ask bind -A '[::]:8080'
first bind -A '[::]:8080'
ask bind -A --v6only '[::]:8080'
kill %1
END
said 'bind -A [::]:8080' "$bind_in_use"
says 'the first way out' 'way out 1. Set IPV6_V6ONLY'
said 'bind -A --v6only [::]:8080' "$bind_ok"

act 'a leak' ip_local_port_range='41000 41009' <<'END'
./server -c -n 0 127.0.0.1 8000 </dev/null >/dev/null 2>&1 & up LISTEN 8000
./client -H -n 10 127.0.0.1 8000 >/dev/null & count_of CLOSE-WAIT 41000-41009 10
ask connect 127.0.0.1:8000
first connect 127.0.0.1:8000
kill $("$why" connect 127.0.0.1:8000 | tr -s ' \n' ' ' | grep -o 'Restart client, pid [0-9]*' | grep -o '[0-9]*$')
count_of CLOSE-WAIT 41000-41009 0
ask connect --old port=kernel 127.0.0.1:8000
kill %1
END
said 'connect 127.0.0.1:8000' 'connect fails with EADDRNOTAVAIL|tried: connect failed with EADDRNOTAVAIL|1'
says 'the first way out' 'way out 1. Restart client, pid [0-9]+, and mend it: it must close\(\) the 10 connections'
said 'connect --old port=kernel 127.0.0.1:8000' "$ok4"

act 'an outgoing connection has the port' ip_local_port_range='9500 9500' <<'END'
./server -n 0 -d -A 127.0.0.1 80 </dev/null >/dev/null & up LISTEN 80
./client -H 127.0.0.1 80 >/dev/null & up ESTAB 9500
first bind -A 9500
"$why" bind -A 9500 | tr -s ' \n' ' '
kill %2; kill %1
END
says 'the holder' '1. End client, pid [0-9]+'
says 'for the next time' 'net.ipv4.ip_local_reserved_ports=9500'

act 'rules' <<'END'
addresses
stage TIME-WAIT server :: 8001 - 1
ask bind 0.0.0.0:8001
ask bind --old v6only=0 0.0.0.0:8001
stage ESTAB server :: 8002 - 1
ask bind -A 0.0.0.0:8002
kill "$staged"
ask bind '[::ffff:224.0.0.1]:81'
ask connect ::1 '[::ffff:127.0.0.1]:82'
ask connect '[::ffff:127.0.0.1]:0' '[::1]:82'
ask connect '[::]:0' '[::ffff:127.0.0.1]:82'
ip link add a0 type veth peer name b0
stage BOUND - 127.0.0.1 8003 D 1
ask bind 0.0.0.0:8003
ask bind -D a0 0.0.0.0:8003
"$why" bind 0.0.0.0:8003 | grep -o 'dev:lo'
kill "$staged"; wait "$staged" 2>/dev/null
unshare -n "$why" -q bind 127.0.0.1:8004
unshare -n "$why" -q connect 127.0.0.1:8004
unshare -n sh -c 'ip link set lo up; ip link set lo down; "$why" -q connect 127.0.0.1:8004'
set_sysctl ipv4/ip_local_port_range '40000 40000'
ask connect 127.0.0.1:40000
stage BOUND - ::1 40000 - 1
ask bind 0.0.0.0:0
ask bind '[::]:0'
kill "$staged"; wait "$staged" 2>/dev/null
set_sysctl ipv4/ip_local_port_range '40000 40002'
stage BOUND - 127.0.0.1 40000 - 1; one=$staged
stage BOUND - 127.0.0.1 40001 - 1; two=$staged
ask bind 127.0.0.1:0
kill $one $two
set_sysctl ipv4/ip_local_port_range '40010 40010'
stage BOUND - 127.0.0.1 40010 A 1
ask bind -A 127.0.0.1:0
"$why" bind -A 127.0.0.1:0 | tr -s ' \n' ' '; echo
set_sysctl ipv4/ip_autobind_reuse 1
ask bind -A 127.0.0.1:0
ask bind 127.0.0.1:0
kill "$staged"
END
said 'bind 0.0.0.0:8001' 'bind fails with EADDRINUSE unless the old socket had IPV6_V6ONLY|tried: bind failed with EADDRINUSE|1'
said 'bind --old v6only=0 0.0.0.0:8001' "$bind_in_use"
said 'bind -A 0.0.0.0:8002' "$bind_in_use"
said 'bind [::ffff:224.0.0.1]:81' "$bind_ok"
said 'connect ::1 [::ffff:127.0.0.1]:82' 'connect fails with ENETUNREACH|tried: connect failed with ENETUNREACH|1'
said 'connect [::ffff:127.0.0.1]:0 [::1]:82' 'connect fails with EAFNOSUPPORT|tried: connect failed with EAFNOSUPPORT|1'
said 'connect [::]:0 [::ffff:127.0.0.1]:82' 'connect fails with ECONNREFUSED|tried: connect failed with ECONNREFUSED|1'
said 'bind 0.0.0.0:8003' "$bind_in_use"
said 'bind -D a0 0.0.0.0:8003' "$bind_ok"
says 'a device is told' 'dev:lo'
says 'a way out for bind() to port 0' 'way out 1. Where connect\(\) follows: set IP_BIND_ADDRESS_NO_PORT .* 2. sysctl -w net.ipv4.ip_autobind_reuse=1 lets bind\(\) share ports'
says 'lo was never up, and up and down' 'bind would succeed
connect fails with ENETUNREACH
connect fails with ETIMEDOUT'
said 'connect 127.0.0.1:40000' "$ok4"
said 'bind 0.0.0.0:0' "$bind_ok"
said 'bind [::]:0' "$bind_in_use"
said 'bind 127.0.0.1:0' "$bind_in_use"
said 'bind -A 127.0.0.1:0' "$bind_in_use"
said 'bind -A 127.0.0.1:0' "$bind_ok"
said 'bind 127.0.0.1:0' "$bind_in_use"

finish
