#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# forge: every option, bad input, the checksum by two independent judges
# (tcpdump, and the kernel's own counter), answers of real sockets, and a
# conversation by hand with a program that reads it.

# Private from the first line: network, processes, mounts.
if [ -z "${RTEST_T_NS-}" ]; then
	unshare -Urmnpf --mount-proc --kill-child true 2>/dev/null || {
		echo '1..0 # SKIP this machine refuses private namespaces'
		exit 0
	}
	exec env RTEST_T_NS=1 unshare -Urmnpf --mount-proc --kill-child -- "$0" "$@"
fi

. "${0%/*}/tap.bash"
. tests/silent.bash
unset RTEST_SANDBOX
CC=${CC:-cc}
forge=${FORGE:-$(program forge)}
ip link set lo up
# The kernel lets the ACKs that answer stray segments pass only every 500 ms:
# here each segment is to have its answer.
echo 0 >/proc/sys/net/ipv4/tcp_invalid_ratelimit

# listener ADDR PORT close|read|say: accepts for ever; each connection in a
# process of its own is closed at once, or read to its end (what comes goes
# to standard output), or told 5000 bytes and then read.
"$CC" -x c -o "$tmp/listener" - <<'END' || exit 1
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a;
	static char buf[5000];
	ssize_t n;
	int s, c;

	if (argc != 4 || getaddrinfo(argv[1], argv[2], &hints, &a))
		return 2;
	s = socket(a->ai_family, SOCK_STREAM, 0);
	if (bind(s, a->ai_addr, a->ai_addrlen) || listen(s, 64))
		return 1;
	while ((c = accept(s, NULL, NULL)) >= 0) {
		if (strcmp(argv[3], "close") && !fork()) {
			if (!strcmp(argv[3], "say"))
				n = write(c, buf, sizeof(buf));
			while ((n = read(c, buf, sizeof(buf))) > 0)
				n = write(1, buf, (size_t)n);
			return 0;
		}
		close(c);
	}
	return 1;
}
END
# shellcheck disable=SC2317 # until_true calls it
listening() { [ -n "$(ss -Hltn "src = $1")" ]; }
state_of() { ss -Htan "src = $1 and dst = $2" | awk '{ print $1 }'; }
# shellcheck disable=SC2317
state_is() { [ "$(state_of "$1" "$2")" = "$3" ]; }
lines() { printf '%s' "$1" | grep -c ''; }

# --- help, version, bad input -------------------------------------------------

for opt in -h --help; do
	run "$forge" "$opt"
	is "$opt exits 0" 0 "$status"
	like "$opt goes to standard output" '^usage: forge ' "$out"
	like "$opt names the silent host" 'scripts/lib/segments makes one' "$out"
done
run "$forge" --version
is '--version' 'forge 0.1.0' "$out"

# bad TEXT ARGUMENTS...: a usage error, in one line that has TEXT.
bad() {
	local want=$1
	shift
	run "$forge" "$@"
	is "usage, exit 2: $*" '2 0 1' "$status $(lines "$out") $(lines "$err")"
	like "... in words" "^forge: .*$want" "$err"
}
a=127.0.0.1:999 b=127.0.0.1:9
before=$(cat /proc/net/dev)
bad 'two operands'
bad 'two operands' $a
bad 'two operands' $a $b $b
bad "'-z'" -z $a $b
bad "'--zzz'" --zzz $a $b
bad "'--help=1'" --help=1 $a $b
bad '-s wants a value' $a $b -s
for wrong in '' localhost:80 127.0.0.1 127.0.0.1: :80 127.0.0.1:x 127.0.0.1:65536 \
	127.0.0.1:-1 ::1:80 '[::1]' '[::1]80' '[]:80' '[:80' '[127.0.0.1]:80' \
	1.2.3:80 '[::1%lo%lo]:80' "$(printf '%0999d' 0):80"; do
	bad 'wants|cannot use' "$wrong" $b
	bad 'wants|cannot use' $a "$wrong"
done
bad 'both' $a '[::1]:80'
for wrong in '' X sa S,A noneS; do
	bad '-f ' -f "$wrong" $a $b
done
for opt in -s -k -T; do
	for wrong in '' x 1x -x 0x10 ' 1' 99999999999 99999999999999999999; do
		bad "$opt wants" $opt "$wrong" $a $b
	done
done
bad '-T wants' -T 1,2,3 $a $b
bad '-T wants' -T , $a $b
bad '-T wants' -T "$(printf '%040d' 1),1" $a $b
for opt in -w -u -M -D; do
	bad "$opt wants" $opt 65536 $a $b
	bad "$opt wants" $opt -1 $a $b
done
bad '-t wants' -t 256 $a $b
bad '-W wants' -W 256 $a $b
for wrong in '' 1 0g 123 "$(printf '%082d' 0)"; do
	bad '-O wants' -O "$wrong" $a $b
done
bad 'has room for 40' -M 1 -K -T 1 -W 1 -O "$(printf '%042d' 0)" $a $b
bad 'does not fit' -D 65496 $a $b
bad 'does not fit' -M 1 -D 65492 $a $b
bad '-d and -D' -d x -D 1 $a $b
for wrong in '' 00:11:22:33:44 00:11:22:33:44:55: 00:11:22:33:44:55:66 \
	00-11-22-33-44-55 0:1:2:3:4:5 gg:11:22:33:44:55; do
	bad '-e wants' -i lo -e "$wrong" $a $b
done
bad '-e needs -i' -e 00:11:22:33:44:55 $a $b
bad '-i wants' -i an-interface-name-too-long $a $b
for wrong in '' x -1 .5 1s 86401; do
	bad '-r wants' -r "$wrong" $a $b
	bad '-l wants' -l "$wrong" $a $b
done
bad 'take one' -r 1 -l 1 $a $b
bad 'take one' -l 1 -r 1 $a $b
bad '-n counts' -n 1 $a $b
bad '-n wants' -n 0 -r 1 $a $b
bad '-n wants' -n 1000001 -r 1 $a $b
bad '-l sends nothing, so -f' -l 1 -f S $a $b
bad '-l sends nothing, so -x' -x -l 1 $a $b
is 'usage errors send nothing' "$before" "$(cat /proc/net/dev)"

# --- where it sends -----------------------------------------------------------

# There is no route to these: 1 means that it tried, 2 that it declined.
for dst in 10.0.0.0 10.0.255.255 192.0.2.0 192.0.2.255 198.51.100.7 203.0.113.9; do
	run "$forge" $a $dst:9
	is "$dst is a lab address" '1 [ENETUNREACH]' "$status [${err##*\[}"
done
for dst in fd00::1 fd00:ffff::1 2001:db8:ffff::1; do
	run "$forge" "[$dst]:9" "[$dst]:9"
	is "$dst is a lab address" '1 [ENETUNREACH]' "$status [${err##*\[}"
done
for dst in 127.0.0.1 127.255.255.254; do
	run "$forge" $a $dst:9
	is "$dst is loopback" '0 ' "$status $err"
done
run "$forge" '[::1]:9' '[::1]:9'
is '::1 is loopback' '0 ' "$status $err"
for dst in 10.1.0.0 9.255.255.255 192.0.3.0 192.0.1.255 198.51.101.0 203.0.112.9 \
	126.255.255.255 128.0.0.1 224.0.0.1 255.255.255.255 0.0.0.0; do
	bad 'neither loopback nor a lab address.*--anywhere' $a $dst:9
done
for dst in fd01::1 fc00::1 2001:db9::1 2001:db7::1 ::2 :: ::ffff:127.0.0.1 fe80::1; do
	bad 'neither loopback nor a lab address.*--anywhere' '[::1]:9' "[$dst]:9"
done
run "$forge" --anywhere $a 10.1.0.0:9
is '--anywhere sends anywhere' '1 [ENETUNREACH]' "$status [${err##*\[}"
run env RTEST_SANDBOX=1 "$forge" $a 10.1.0.0:9
is 'the sandbox sends anywhere' '1 [ENETUNREACH]' "$status [${err##*\[}"
# The variable alone, in a network namespace that somebody else owns.
run env RTEST_SANDBOX=1 unshare -Ur "$forge" $a 10.1.0.0:9
is 'RTEST_SANDBOX in a foreign network namespace is no sandbox' 2 "$status"
run env RTEST_SANDBOX= "$forge" $a 10.1.0.0:9
is 'RTEST_SANDBOX empty is no sandbox' 2 "$status"

# --- what the system refuses --------------------------------------------------

refused() {
	local want=$1
	shift
	run "$@"
	is "exit 1, one line: ${*##*/}" '1 1' "$status $(lines "$err")"
	like '... in words' "$want" "$err"
}
refused '^forge: .*raw socket.*CAP_NET_RAW.*scripts/sandbox.*\[EPERM\]$' \
	unshare -U "$forge" $a $b
refused '^forge: .*packet socket.*CAP_NET_RAW.*scripts/sandbox.*\[EPERM\]$' \
	unshare -U "$forge" -r 1 $a $b
refused '^forge: find interface nope: .*\[ENODEV\]$' "$forge" -i nope $a $b
refused '\[ENOSPC\]$' sh -c "'$forge' -v $a $b >/dev/full"
refused '\[EBADF\]$' sh -c "'$forge' -v $a $b >&-"
refused '\[EBADF\]$' sh -c "'$forge' -r 1 $a $b >&-" # no socket takes its place
refused '\[EBADF\]$' sh -c "'$forge' --help >&-"
ip link add v0 type veth peer name v1
bad '-i v0 needs -e' -i v0 $a $b
refused '\[ENETDOWN\]$' "$forge" -i v0 -e 02:00:00:00:00:01 $a $b
refused '\[ENETDOWN\]$' "$forge" -i v0 -l 30 $a $b
ip link set v0 up
refused '^forge: send to 127.0.0.1:9 through v0: .*\[EMSGSIZE\]$' \
	"$forge" -i v0 -e 02:00:00:00:00:01 -D 1461 $a $b

# in_background ARGUMENTS...: forge -v -l, until nothing can be missed.
in_background() {
	rm -f "$tmp/bg.err" # or the last one's word would count
	"$forge" -v "$@" >"$tmp/bg.out" 2>"$tmp/bg.err" &
	until_true grep -q listening "$tmp/bg.err"
}
in_background -i v0 -l 50 $a $b
ip link set v0 down
wait $!
is 'its interface goes away: exit 1' 1 $?
like '... in words' 'capture on v0: .*\[ENETDOWN\]' "$(<"$tmp/bg.err")"
for sig in INT TERM; do
	in_background -l 50 $a $b
	kill -$sig $!
	wait $!
	is "SIG$sig ends the wait: exit 0" 0 $?
	is '... and that is no silence' '' "$(<"$tmp/bg.out")"
done

# Segments from DST to SRC, big ones, while it is stopped and takes none.
in_background -l 50 -n 100 $a $b
kill -STOP $!
for n in {1..9}; do
	"$forge" -D 60000 -s "$n" $b $a
done
kill -CONT $!
kill -TERM $!
wait $!
is 'answers that it lost are exit 1' 1 $?
like '... in words' 'receive the answers: [1-9][0-9]* were lost: .*\[ENOBUFS\]$' \
	"$(<"$tmp/bg.err")"

# --- every field, as forge prints what it sends -------------------------------

p='IP 127.0.0.1.999 > 127.0.0.1.9:'
# sends TEXT ARGUMENTS...: -v prints this.
sends() {
	local want=$1
	shift
	run "$forge" -v "$@" $a $b
	is "forge $*" "$p $want" "$out"
}
sends 'Flags [S], seq 0, win 65535, length 0'
sends 'Flags [none], win 65535, length 0' -f none
sends 'Flags [FSRP.UEW], seq 0, ack 0, win 65535, urg 0, length 0' -f WEU.PRSF
sends 'Flags [F.], seq 0, ack 0, win 65535, length 0' -f FA
sends 'Flags [.], ack 4294967295, win 65535, length 0' -f . -s 7 -k 4294967295
sends 'Flags [S], seq 4294967295, win 65535, length 0' -s -1
sends 'Flags [S], seq 1, win 65535, length 0' -s 4294967297
sends 'Flags [S], seq 0, win 0, length 0' -w 0
sends 'Flags [U], win 65535, urg 65535, length 0' -f U -u 65535
sends 'Flags [S], seq 0, win 65535, options [mss 1460], length 0' -M 1460
sends 'Flags [S], seq 0, win 65535, options [nop,wscale 14], length 0' -W 14
sends 'Flags [S], seq 0, win 65535, options [nop,nop,sackOK], length 0' -K
sends 'Flags [S], seq 0, win 65535, options [nop,nop,TS val 5 ecr 0], length 0' -T 5
sends 'Flags [.], ack 0, win 65535, options [nop,nop,TS val 4294967295 ecr 6], length 0' \
	-f . -T -1,6
sends 'Flags [S], seq 0, win 65535, options [mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7], length 0' \
	-W 7 -T 1,2 -K -M 1460
sends 'Flags [S], seq 0, win 65535, options [mss 9,sack 2 {1:2}{3:4},nop,eol], length 0' \
	-M 9 -O 05120000000100000002000000030000000401
sends 'Flags [S], seq 0, win 65535, options [unknown-200 0xabcd0f,eol], length 0' -O C805abCD0f
sends 'Flags [S], seq 0, win 65535, options [bad-8], length 0' -O 08000000
sends 'Flags [P.], seq 4294967290:4, ack 1, win 65535, length 10' \
	-f PA -s 4294967290 -k 1 -d 0123456789
sends 'Flags [S], seq 3:3003, win 65535, length 3000' -s 3 -D 3000
sends 'Flags [S], seq 0, win 65535, length 0' -D 0
sends 'Flags [S], seq 0, win 65535, length 0' -d ''
sends 'Flags [S], seq 0, win 65535, length 0' -x -t 0
run "$forge" -v '[2001:db8::1]:65535' '[::1]:0'
is 'IPv6' 'IP6 2001:db8::1.65535 > ::1.0: Flags [S], seq 0, win 65535, length 0' \
	"$out"

nasty=$'q"b\\s\x01\x7f\xff'
run "$forge" -j -f PAU -u 3 -s 1 -k 2 -w 3 -M 4 -K -T 5,6 -W 7 -d "$nasty" $a $b
is '-j: every field' '{"event":"sent","local":"127.0.0.1:999","peer":"127.0.0.1:9","flags":"P.U","seq":1,"ack":2,"win":3,"len":8,"urg":3,"options":{"mss":4,"sackOK":true,"tsval":5,"tsecr":6,"wscale":7},"data":"q\"b\\s\u0001\u007f\u00ff"' \
	"${out%,\"t\":*}"
like '-j: and the time' ',"t":[0-9]+\.[0-9]{6}\}$' "$out"
if command -v jq >/dev/null; then
	run "$forge" -j -r 0.1 -f PAU -u 3 -T 5,6 -d "$nasty" $a $b
	is '-j: a JSON parser reads it' '"sent" "answer"' \
		"$(jq -c .event <<<"$out" | paste -sd' ')"
	is '-j: the payload, a byte a character' '113,34,98,92,115,1,127,255' \
		"$(jq -r 'select(.event == "sent").data | explode | join(",")' <<<"$out")"
else
	skip '-j: a JSON parser reads it' 'no jq'
fi

# --- the checksum -------------------------------------------------------------

# Published bytes.
cat >"$tmp/unit.c" <<'END'
#include "src/segment.h"

static int bad;

static void sums(const char *what, uint16_t want, uint16_t got)
{
	if (want != got) {
		fprintf(stderr, "%s: want %04x, got %04x\n", what, want, got);
		bad = 1;
	}
}

int main(void)
{
	/* RFC 1071, section 3: the sum is ddf2 in both orders of grouping. */
	static const uint8_t rfc[] = {0x00, 0x01, 0xf2, 0x03,
				      0xf4, 0xf5, 0xf6, 0xf7};
	/* A captured IPv4 header with its checksum in place (b861). */
	static const uint8_t ip[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40,
				     0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
				     0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

	sums("RFC 1071", 0xddf2, sum16(0, rfc, 8));
	sums("in two parts", 0xddf2, sum16(sum16(0, rfc, 2), rfc + 2, 6));
	sums("an odd byte", 0xdcfb, sum16(0, rfc, 7));
	sums("nothing", 0x1234, sum16(0x1234, rfc, 0));
	sums("a header with its checksum", 0xffff, sum16(0, ip, sizeof(ip)));
	return bad;
}
END
ok 'the unit builds' "$CC" -g -I. -o "$tmp/unit" "$tmp/unit.c" src/segment.c
ok 'sum16() gives the published sums' "$tmp/unit"

# counter NAME: one of this namespace's counters.
counter() { nstat -asz "$1" | awk -v n="$1" '$1 == n { print $2 }'; }
# shellcheck disable=SC2317
wrong_is() { [ "$(counter TcpInCsumErrors)" = "$1" ]; }
wrong=$(counter TcpInCsumErrors)
run "$forge" -r 10 -D 7 $a $b
like 'right checksum: the kernel answers' 'Flags \[R\.\]' "$out"
run "$forge" -r 10 -D 7 '[::1]:999' '[::1]:9'
like 'right checksum over IPv6: the kernel answers' 'Flags \[R\.\]' "$out"
is '... and counts no wrong one' "$wrong" "$(counter TcpInCsumErrors)"
run "$forge" -r 0.2 -D 7 -x $a $b
is '-x: the kernel says nothing, exit 0' '0 silence' "$status $out"
run "$forge" -r 0.2 -D 7 -x '[::1]:999' '[::1]:9'
is '-x over IPv6 likewise' '0 silence' "$status $out"
ok '... and counts both' until_true wrong_is $((wrong + 2))

# recorder PORT COUNT FILE: writes so many segments from that port on lo to a
# pcap file; says so when it is ready, and when it is done.  (tcpdump itself
# cannot drop root in a user namespace, and then does not start.)
cat >"$tmp/recorder.c" <<'END'
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	uint32_t head[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 262144, 1};
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(3)};
	static unsigned char p[262144];
	int s = socket(AF_PACKET, SOCK_RAW, 0), n = argc > 3 ? atoi(argv[2]) : 0;
	FILE *f = fopen(argv[3], "w");

	ll.sll_ifindex = (int)if_nametoindex("lo");
	if (!f || !n || bind(s, (struct sockaddr *)&ll, sizeof(ll)))
		return 1;
	fwrite(head, sizeof(head), 1, f);
	if (write(1, "ready\n", 6) != 6)
		return 1;
	while (n) {
		socklen_t l = sizeof(ll);
		ssize_t got = recvfrom(s, p, sizeof(p), 0,
				       (struct sockaddr *)&ll, &l);
		uint32_t rec[4] = {0, 0, (uint32_t)got, (uint32_t)got};
		unsigned char *tcp = p + 14 + (p[14] >> 4 == 6 ? 40 : 20);

		if (got < 54 || ll.sll_pkttype == PACKET_OUTGOING ||
		    (tcp[0] << 8 | tcp[1]) != atoi(argv[1]))
			continue;
		fwrite(rec, sizeof(rec), 1, f);
		fwrite(p, (size_t)got, 1, f);
		n--;
	}
	return fclose(f) || write(1, "done\n", 5) != 5;
}
END
if command -v tcpdump >/dev/null; then
	ok 'the recorder builds' "$CC" -x c -o "$tmp/recorder" "$tmp/recorder.c"
	exec {ready}< <("$tmp/recorder" 999 10 "$tmp/pcap")
	read -rt 20 -u "$ready" _
	{
		"$forge" -v $a $b
		"$forge" -v -f none -t 7 $a $b
		"$forge" -v -f FSRPAUEW -u 9 -s 1 -k 2 -w 3 $a $b
		"$forge" -v -M 1460 -K -T 1,2 -W 7 -s 4294967295 $a $b
		"$forge" -v -f PA -T 3,4 -s -3 -k -1 -d hello $a $b
		"$forge" -v -f . -M 9 -O 0512000000010000000200000003000000040102040007 $a $b
		"$forge" -v -O c805abcd01 -D 65000 $a $b
		"$forge" -v -D 1 -t 9 '[::1]:999' '[::1]:9'
		"$forge" -v -f PA -T 3,4 -D 30001 '[::1]:999' '[::1]:9'
		"$forge" -v -x $a $b
	} >"$tmp/forge.lines"
	read -rt 20 -u "$ready" _
	is 'tcpdump reads the same, line for line' "$(<"$tmp/forge.lines")" \
		"$(unshare -U tcpdump -r "$tmp/pcap" -n -S -t 2>/dev/null)"
	unshare -U tcpdump -r "$tmp/pcap" -n -vv 2>/dev/null >"$tmp/vv"
	is 'tcpdump: nine checksums are right' 9 "$(grep -c 'cksum.*(correct)' "$tmp/vv")"
	is 'tcpdump: the one of -x is wrong' 1 "$(grep -c 'cksum.*(incorrect' "$tmp/vv")"
	is 'tcpdump: no IP checksum is wrong' 0 "$(grep -c 'bad cksum' "$tmp/vv")"
	is '-t: the time to live' 1 "$(grep -c 'ttl 7,' "$tmp/vv")"
	is '-t: the hop limit' 1 "$(grep -c 'hlim 9,' "$tmp/vv")"
else
	skip 'tcpdump reads the same' 'no tcpdump'
fi

# --- answers ------------------------------------------------------------------

# once WHAT SRC DST FORGE...: two segments have two answers, each seen once.
once() {
	local what=$1 src=$2 dst=$3
	shift 3
	rm -f "$tmp/bg.err"
	"$@" -v -l 20 -n 2 "$src" "$dst" >"$tmp/bg.out" 2>"$tmp/bg.err" &
	until_true grep -q listening "$tmp/bg.err"
	"$@" -s 0 "$src" "$dst"
	"$@" -s 100 "$src" "$dst"
	wait $!
	is "$what: each answer once" 'ack 1,ack 101,' \
		"$(grep -o 'ack [0-9]*' "$tmp/bg.out" | tr '\n' ,)"
}
once 'IPv4 loopback' $a $b "$forge"
once 'IPv6 loopback' '[::1]:999' '[::1]:9' "$forge"
run "$forge" -i lo -r 5 '[::1]:999' '[::1]:9'
is '-i lo, IPv6' 'IP6 ::1.9 > ::1.999: Flags [R.], seq 0, ack 1, win 0, length 0' "$out"
run "$forge" -l 0.05 $a $b
is '-l: silence' '0 silence' "$status $out"
run "$forge" -j -l 0.05 $a $b
like '-l -j: silence' '^\{"event":"silence","local":"127.0.0.1:999","peer":"127.0.0.1:9","t":[0-9]+\.[0-9]+\}$' "$out"
run "$forge" -j -r 0.05 -x $a $b
like '-r -j: silence, and how long after' $'\n''\{"event":"silence".*,"t":[0-9]+\.[0-9]+,"t_after":(0\.0[5-9]|0\.[1-9]|[1-9])' "$out"

silent_host || exit 1

# from_silent ARGUMENTS...: run, with forge in the silent host.
from_silent() {
	out=$(silent_forge "$@")
	status=$?
}
me=10.0.1.1 you=10.0.1.2
"$tmp/listener" $you 80 close &
"$tmp/listener" $you 81 read >"$tmp/heard" &
"$tmp/listener" $you 82 say &
"$tmp/listener" fd00:1::2 80 close &
for at in $you:80 $you:81 $you:82 '[fd00:1::2]:80'; do
	until_true listening "$at"
done

from_silent -r 10 -s 1000 $me:500 $you:80
like 'a listener answers a SYN with SYN-ACK' \
	'^IP 10.0.1.2.80 > 10.0.1.1.500: Flags \[S\.\], seq [0-9]+, ack 1001, .*mss 1460' "$out"
is '... and waits, for nobody sends it a RST' SYN-RECV "$(state_of $you:80 $me:500)"
from_silent -l 10 $me:500 $you:80
like '-l: the SYN-ACK comes again' 'Flags \[S\.\], seq [0-9]+, ack 1001' "$out"
from_silent -r 10 -s 1000 $me:501 $you:79
is 'a closed port answers with RST' \
	'IP 10.0.1.2.79 > 10.0.1.1.501: Flags [R.], seq 0, ack 1001, win 0, length 0' "$out"
from_silent -r 10 -f . -k 77 $me:501 $you:80
is 'a listener answers an ACK with RST' \
	'IP 10.0.1.2.80 > 10.0.1.1.501: Flags [R], seq 77, win 0, length 0' "$out"
from_silent -r 10 -s 1000 '[fd00:1::1]:500' '[fd00:1::2]:80'
like 'IPv6: SYN-ACK' '^IP6 fd00:1::2.80 > fd00:1::1.500: Flags \[S\.\], .* ack 1001' "$out"
from_silent -r 10 '[fd00:1::1]:501' '[fd00:1::2]:79'
is 'IPv6: RST' 'IP6 fd00:1::2.79 > fd00:1::1.501: Flags [R.], seq 0, ack 1, win 0, length 0' "$out"
once 'over the link' $me:501 $you:79 silent_forge
once 'over the link, IPv6' '[fd00:1::1]:501' '[fd00:1::2]:79' silent_forge
# Forged on the answering host itself, with a raw socket: the answer leaves
# through the link, and there it is seen.
once 'on its way out' $me:502 $you:79 "$forge"

# Forged on a router: the answer comes in on one side and goes out on the
# other, and is one answer.
mount -t tmpfs none /run && ip netns add far
ip link add v2 type veth peer name v3 netns far
ip addr add 10.0.2.1/24 dev v2 && ip link set v2 up
ip -n far addr add 10.0.2.2/24 dev v3 && ip -n far link set v3 up
ip -n far route add default via 10.0.2.1
echo 1 >/proc/sys/net/ipv4/ip_forward
once 'on a router' $me:503 10.0.2.2:79 "$forge"

# time_wait PORT [OPTION...]: a connection that the listener closes first,
# every segment with these options; leaves it in TIME-WAIT with RCV.NXT 1002
# and SND.NXT $snd_nxt.
time_wait() {
	local ends=("$me:$1" "$you:80") said isn
	shift
	said=$(silent_forge -j -r 20 -s 1000 "$@" "${ends[@]}")
	isn=$(answer_field seq "$said") || return
	said=$(silent_forge -j -r 20 -f . -s 1001 -k $((isn + 1)) "$@" "${ends[@]}")
	until [ "$(answer_field flags "$said")" = F. ]; do
		# A SYN-ACK sent once more; the FIN will be, too.
		said=$(silent_forge -j -l 20 "${ends[@]}")
		[[ $said != *silence* ]] || return
	done
	snd_nxt=$(((isn + 2) & 0xffffffff))
	silent_forge -f FA -s 1001 -k "$snd_nxt" "$@" "${ends[@]}"
	until_true state_is "${ends[1]}" "${ends[0]}" TIME-WAIT
}
time_wait 601
verdict $? 'a connection that ends in TIME-WAIT'
from_silent -r 10 -s 500 $me:601 $you:80
is 'TIME-WAIT answers an old SYN with an ACK' \
	'IP 10.0.1.2.80 > 10.0.1.1.601: Flags [.], ack 1002, ' "${out%win*}"
is '... and stays' TIME-WAIT "$(state_of $you:80 $me:601)"
from_silent -j -r 10 -s 500 $me:601 $you:80
is '... its ACK says SND.NXT, once per segment' "$snd_nxt" "$(answer_field seq "$out")"
from_silent -r 10 -s 5000 $me:601 $you:80
like 'TIME-WAIT lets a newer SYN in' 'Flags \[S\.\], seq [0-9]+, ack 5001' "$out"
is '... and is gone' SYN-RECV "$(state_of $you:80 $me:601)"

time_wait 602 -T 100
verdict $? 'the same with timestamps'
from_silent -r 10 -s 5000 -T 99 $me:602 $you:80
like 'an older timestamp: ACK, and it echoes the last one' \
	'Flags \[\.\], ack 1002, .*TS val [0-9]+ ecr 100\]' "$out"
from_silent -r 10 -s 500 -T 101 $me:602 $you:80
like 'a newer timestamp lets an old sequence number in' \
	'Flags \[S\.\], .*ack 501,.*TS val [0-9]+ ecr 101\]' "$out"

# converse PORT FILE PROGRAM: a conversation by hand, with an old duplicate in
# between, with the program that listens there and writes what it reads to FILE.
converse() {
	local at=("$me:700" "$you:$1") isn ack last
	from_silent -j -r 10 -s 4294967294 "${at[@]}" # wraps after one byte
	isn=$(answer_field seq "$out")
	is 'SYN: SYN-ACK' 'S. 4294967295' "$(answer_field flags "$out") $(answer_field ack "$out")"
	ack=$((isn + 1))
	from_silent -r 10 -f PA -s -1 -k $ack -d 'hel' "${at[@]}"
	is 'ACK with data: ACK' "IP 10.0.1.2.$1 > 10.0.1.1.700: Flags [.], ack 2, " "${out%win*}"
	from_silent -j -r 10 -f PA -s 2 -k $ack -d 'lo"' "${at[@]}"
	is 'more data: ACK' '. 5' "$(answer_field flags "$out") $(answer_field ack "$out")"
	from_silent -j -r 10 -f PA -s -1 -k $ack -d 'HEL' "${at[@]}"
	is 'an old duplicate: ACK of what is there' '. 5' \
		"$(answer_field flags "$out") $(answer_field ack "$out")"
	from_silent -j -r 10 -n 2 -f FA -s 5 -k $ack "${at[@]}"
	last=$(answer_field flags "$out" 2) || last=$(answer_field flags "$out")
	is 'FIN: FIN' 'F. 6' "$last $(answer_field ack "$out")"
	from_silent -f . -s 6 -k $((isn + 2)) "${at[@]}"
	ok 'the last ACK closes it' until_true state_is "$you:$1" $me:700 ''
	until_true test -s "$2"
	is "$3 has read the new bytes, and once" 'hello"' "$(<"$2")"
}
converse 81 "$tmp/heard" 'the listener'
if [ -x ./server ]; then
	./server -d $you 83 >"$tmp/server" &
	until_true listening $you:83
	converse 83 "$tmp/server" 'server'
	wait $!
	is 'server ends well' 0 $?
else
	skip 'a conversation with server' 'it is not built'
fi

# Many answers: 5000 bytes, in segments of 536 for want of an MSS option.
at=("$me:701" "$you:82")
from_silent -j -r 10 "${at[@]}"
isn=$(answer_field seq "$out")
from_silent -j -r 20 -n 4 -f . -s 1 -k $((isn + 1)) "${at[@]}"
is '-n 4: four answers, and a line for what was sent' 5 "$(lines "$out")"
is '... one after the other' "536 $((isn + 1)) $((isn + 1 + 3 * 536))" \
	"$(answer_field len "$out") $(answer_field seq "$out") $(answer_field seq "$out" 4)"

finish
