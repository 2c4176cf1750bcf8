#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# wire: options, bad input, capture, pcap files, numbers, ladder, fuzzing.
#
# The count of a capture is held against the kernel's own count of received
# segments (Tcp InSegs in /proc/net/snmp), which is this namespace's alone.
unshare -Urnm true 2>/dev/null ||
	{ echo "1..0 # SKIP unshare -Urnm is refused here"; exit 0; }
[ "${RTEST_T_NS-}" ] ||
	exec env RTEST_T_NS=1 unshare -Urnm --kill-child -f -- "$0" "$@"
# shellcheck source-path=SCRIPTDIR source=tap.bash
. "${0%/*}/tap.bash"
# shellcheck source-path=SCRIPTDIR source=fuzz/packets.bash
. tests/fuzz/packets.bash
ip link set lo up || exit 1

wire=$(program wire) && rtest=$(program rtest) || exit 1
server=$(program server) && client=$(program client) || exit 1

# --- words --------------------------------------------------------------------

# usage_error DESCRIPTION ARGUMENT...: exit 2, one line, nothing on stdout.
usage_error() {
	local what=$1
	shift
	run "$wire" "$@"
	is "$what" "2||1" "$status|$out|$(printf '%s\n' "$err" | grep -c .)"
}

# refused DESCRIPTION REGEX ARGUMENT...: exit 1 and one line that matches.
refused() {
	local what=$1 regex=$2
	shift 2
	run "$wire" "$@"
	like "$what" "^1 wire: .*$regex" "$status $(printf '%s\n' "$err" | tail -n 1)"
}

# listen NAME ARGUMENT...: a capture in the background ($pid), with its output
# in $tmp/NAME.out and $tmp/NAME.err; returns once it captures ($ready).
listen() {
	local name=$1
	shift
	rm -f "$tmp/$name.fifo"
	mkfifo "$tmp/$name.fifo"
	"$wire" -R 9 "$@" >"$tmp/$name.out" 2>"$tmp/$name.err" \
		9>"$tmp/$name.fifo" &
	pid=$!
	ready=yes
	read -r -t 20 <"$tmp/$name.fifo" || ready=no
	[ $ready = yes ] || note "no ready line: $(cat "$tmp/$name.err")"
}

# ended: waits, with a deadline, until the capture has ended; leaves $status.
# shellcheck disable=SC2317 # until_true calls it
is_over() { ! kill -0 "$pid"; }
ended() {
	until_true is_over || kill -KILL "$pid"
	wait "$pid"
	status=$?
}

# stop: ends the capture as a script does, at once; leaves $status.
stop() {
	kill -TERM "$pid"
	ended
}

# received: how many TCP segments this namespace has received so far.
received() {
	awk '/^Tcp:/ { n = $11 } END { print n }' /proc/net/snmp
}

# last NAME: the capture's last line on stderr.
last() { tail -n 1 "$tmp/$1.err"; }

# connections COUNT [ARGUMENT...]: so many, one after the other.
connections() {
	local n=$1
	shift
	"$rtest" -q -i 0 -n "$n" "$@" >"$tmp/rtest.out" 2>&1 ||
		note "rtest: $(cat "$tmp/rtest.out")"
}

# syn_sent: whether a connect() waits for its SYN-ACK.
# shellcheck disable=SC2317 # until_true calls it
syn_sent() { ss -Htn state syn-sent | grep -q .; }

# has_listener PORT: whether a socket listens there.
# shellcheck disable=SC2317 # until_true calls it
has_listener() { [ "$(ss -Hltn "sport = :$1")" ]; }

# refuse_one PORT: a connect() to a port where nobody listens: SYN, RST.
refuse_one() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# --- options and bad input ----------------------------------------------------

run "$wire" --help
is '--help succeeds and says nothing on stderr' '0|' "$status|$err"
for letter in p H c t L S j w r a v e B s R; do
	like "--help tells of -$letter" " -$letter " "$out"
done
run "$wire" --version
is '--version' '0 wire 0.1.0' "$status $out"
usage_error 'an unknown option' -Z
usage_error 'an unknown long option' --nonsense
usage_error 'an option without its value' -p
usage_error 'a port with letters' -p 80x
usage_error 'port 0' -p 0
usage_error 'a port out of range' -p 65536
usage_error 'an address that is none' -H 300.1.1.1
usage_error 'count 0' -c 0
usage_error 'seconds with letters' -t 1s
usage_error 'a ring of no size' -B 0
usage_error '-s, below an Ethernet segment with timestamps' -s 65 -w "$tmp/f"
usage_error '-s, beyond the greatest' -s 262145 -w "$tmp/f"
usage_error '-s, the default, without -w' -s 262144
usage_error 'a snaplen without -w' -s 100
usage_error 'two kinds of output' -L -S
usage_error 'lines and a file' -j -w "$tmp/never"
ok 'a usage error touches nothing' [ ! -e "$tmp/never" ]
usage_error '-r with an interface' -r x lo
usage_error '-r with -t' -r x -t 1
usage_error 'two interfaces' lo lo
usage_error 'a descriptor that is not open' -R 77
usage_error '-v without a ladder' -v
usage_error '-m without a ladder' -m 5
usage_error '-m with JSON' -Lj -m 5
usage_error 'a ladder of no row' -L -m 0
# shellcheck disable=SC2046 # one option a word
usage_error 'more hosts than fit' $(printf ' -H 10.0.0.%d' {1..17})
refused 'no such interface' 'nosuch0.*\[ENODEV\]$' nosuch0
# The errno of ioctl() is the kernel's, and not always ENODEV.
printf '%s\n' '#include <errno.h>' \
	'int ioctl(int fd, unsigned long request, ...) { return errno = EIO, -1; }' >"$tmp/ioctl.c"
if [ "$(nm -D "$wire" 2>/dev/null | grep -cE '__[at]san_init')" != 0 ]; then
	skip 'an interface that cannot be asked' 'the sanitizer wants to be first'
elif gcc -shared -fPIC -o "$tmp/ioctl.so" "$tmp/ioctl.c" 2>/dev/null; then
	run env LD_PRELOAD="$tmp/ioctl.so" "$wire" -t 0
	like 'an interface that cannot be asked' '^1 wire: lo .*\[EIO\]$' "$status $err"
else
	skip 'an interface that cannot be asked' 'no gcc'
fi
refused 'a name too long for an interface' '\[ENODEV\]$' aaaaaaaaaaaaaaaaaaaaaaaa
refused 'no such file' '\[ENOENT\]$' -r "$tmp/nosuch"
refused 'a folder is no pcap file' '\[EISDIR\]$' -r "$tmp"
refused 'a file that cannot be made' '\[ENOENT\]$' -w "$tmp/no/such"
run unshare -U "$wire" -t 0
like 'without CAP_NET_RAW one line says so' \
	'^1 wire: [^
]*CAP_NET_RAW[^
]*\[EPERM\]$' "$status $err"

# --- files that are broken ----------------------------------------------------

a=10.0.0.1
b=10.0.0.2
: >"$tmp/empty"
refused 'an empty file' 'not a pcap file' -r "$tmp/empty"
printf 'GIF89a' >"$tmp/gif"
refused 'another kind of file' 'not a pcap file' -r "$tmp/gif"
pcap 101 | head -c 30 | bytes >"$tmp/short"
refused 'a header cut short' 'ends inside its header' -r "$tmp/short"
printf '1f8b0800' | bytes >"$tmp/gz"
refused 'gzip, and what to do' 'this is gzip: zcat FILE \| wire -r -$' -r "$tmp/gz"
pcap 147 | bytes >"$tmp/link"
refused 'a link type that wire does not know' 'link type 147' -r "$tmp/link"
one=$(record 1.000000 "$(ip4 $a $b "$(tcp 1234 80 S 100 0)")")
{ pcap 101; printf '%s%s' "$one" "${one:0:60}"; } | bytes >"$tmp/cut"
refused 'a record cut short' 'record 2 is cut short' -r "$tmp/cut"
like 'what stands before it is shown' 'seq 100,' "$out"
{ pcap 101; printf '%s%s' "$one" "0000000000000000ffffff7fffffff7f"; } |
	bytes >"$tmp/lie"
refused 'a record that claims 2 GiB' 'record 2 claims .* corrupt' -r "$tmp/lie"

# --- packets of every kind ----------------------------------------------------

# shows DESCRIPTION LINKTYPE HEX WANT [LENGTH]: what wire makes of one packet.
shows() {
	{ pcap "$2"; record 1.000000 "$3" "${5:-}"; } | bytes >"$tmp/one.pcap"
	run "$wire" -r "$tmp/one.pcap"
	is "$1" "0.000000 $4" "$out"
}
syn=$(tcp 1234 80 S 100 0 "$syn_options")
text='10.0.0.1.1234 > 10.0.0.2.80: Flags [S], seq 100, win 512, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0'
text6=${text/10.0.0.1./fd00::1.}
text6=${text6/10.0.0.2./fd00::2.}
# lies TEXT END LENGTH: the same with a payload.
lies() { sed "s/seq 100,/seq 100:$2,/; s/length 0/length $3/" <<<"$1"; }
shows 'Ethernet' 1 "$(ether 0800 "$(ip4 $a $b "$syn")")" "IP $text"
shows 'Ethernet with padding' 1 "$(ether 0800 "$(ip4 $a $b "$syn")")$(pad 9 00)" "IP $text"
shows 'Ethernet, two VLAN tags' 1 "$(ether 88a800648100006508 "00$(ip4 $a $b "$syn")")" "IP $text"
shows 'raw IPv4' 101 "$(ip4 $a $b "$syn")" "IP $text"
shows 'raw IPv6' 101 "$(ip6 1 2 "$syn")" "IP6 $text6"
shows 'Linux cooked' 113 "$(pad 14 00)0800$(ip4 $a $b "$syn")" "IP $text"
shows 'Linux cooked, version 2' 276 "86dd$(pad 18 00)$(ip6 1 2 "$syn")" "IP6 $text6"
shows 'BSD loopback, this byte order' 0 "02000000$(ip4 $a $b "$syn")" "IP $text"
shows 'BSD loopback, the other' 0 "0000001e$(ip6 1 2 "$syn")" "IP6 $text6"
shows 'BSD loopback of OpenBSD' 108 "00000018$(ip6 1 2 "$syn")" "IP6 $text6"
shows 'raw IPv4 alone' 228 "$(ip4 $a $b "$syn")" "IP $text"
shows 'raw IPv6 alone' 229 "$(ip6 1 2 "$syn")" "IP6 $text6"
shows 'IP options' 101 "$(ip4 $a $b "$syn" 0 94040000)" "IP $text"
shows 'IPv6 extension headers' 101 \
	"$(ip6 1 2 "3c00010400000000$(printf '2b%s' "$(pad 7 00)")0600$(pad 6 00)$syn" 0)" "IP6 $text6"
shows 'an extension header of 24 bytes' 101 \
	"$(ip6 1 2 "0602$(pad 22 00)$syn" 60)" "IP6 $text6"
shows 'one that is longer than its packet' 101 "$(ip6 1 2 "0609$(pad 22 00)" 60)" \
	'IP6 fd00::1 > fd00::2: malformed: IPv6 extension header 60 in 24 bytes'
shows 'AH' 101 "$(ip6 1 2 "0604$(pad 22 00)$syn" 51)" "IP6 $text6"
shows 'a later fragment' 101 "$(ip4 $a $b "$(pad 24)" 0x2010)" \
	'IP 10.0.0.1 > 10.0.0.2: TCP: fragment, offset 128, length 24'
shows 'a later fragment, IPv6' 101 "$(ip6 1 2 "0600001100000001$(pad 24)" 44)" \
	'IP6 fd00::1 > fd00::2: TCP: fragment, offset 16, length 24'
shows 'a first fragment' 101 "$(ip4 $a $b "$(tcp 1 2 . 5 6 '' 4)" 0x2000)" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.], seq 5:9, ack 6, win 512, length 4 (first fragment)'
shows 'a BIG TCP packet: IP length 0' 101 "$(ip4 $a $b "$(tcp 1 2 . 5 6)" 0 '' 0)" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.], seq 5:99965, ack 6, win 512, length 99960' 100000
shows 'the same over IPv6' 101 "$(ip6 1 2 "$(tcp 1 2 . 5 6)" 6 0)" \
	'IP6 fd00::1.1 > fd00::2.2: Flags [.], seq 5:99945, ack 6, win 512, length 99940' 100000
shows 'payload that was not captured' 101 "$(ip4 $a $b "$(tcp 1 2 P. 5 6)" 0 '' 1040)" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [P.], seq 5:1005, ack 6, win 512, length 1000' 1040
shows 'a TCP header cut by the capture' 101 "$(ip4 $a $b "${syn:0:16}" 0 '' 60)" \
	'IP 10.0.0.1.1234 > 10.0.0.2.80: truncated: TCP header, 8 bytes captured' 60
shows 'options cut by the capture' 101 "$(ip4 $a $b "${syn:0:60}" 0 '' 60)" \
	"IP ${text%,TS*},[|tcp]], length 0" 60
shows 'options cut off whole' 101 "$(ip4 $a $b "${syn:0:40}" 0 '' 60)" \
	"IP ${text%mss*}[|tcp]], length 0" 60
shows 'an IP length beyond the packet' 101 "$(ip4 $a $b "$syn" 0 '' 1500)" \
	"IP truncated-ip - 1440 bytes missing! $(lies "$text" 1540 1440)" 60
shows 'the same over IPv6' 101 "$(ip6 1 2 "$syn" 6 1500)" \
	"IP6 truncated-ip6 - 1460 bytes missing! $(lies "$text6" 1560 1460)" 80
shows 'a TCP header length below 20' 101 "$(ip4 $a $b "${syn:0:24}40${syn:26}")" \
	'IP 10.0.0.1.1234 > 10.0.0.2.80: malformed: TCP header length 16'
shows 'a TCP header longer than its packet' 101 "$(ip4 $a $b "${syn:0:24}f0${syn:26}")" \
	'IP 10.0.0.1.1234 > 10.0.0.2.80: malformed: TCP header length 60 in 40 bytes'
shows 'every flag' 101 "$(ip4 $a $b "$(tcp 1 2 FSRP.UEW 5 6)")" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [FSRP.UEW], seq 5, ack 6, win 512, urg 0, length 0'
shows 'no flag' 101 "$(ip4 $a $b "$(tcp 1 2 - 5 6)")" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [none], win 512, length 0'
shows 'an unknown option, by number' 101 "$(ip4 $a $b "$(tcp 1 2 . 5 6 fd04f989220201ee)")" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.], ack 6, win 512, options [unknown-253 0xf989,tfo,nop,bad-238], length 0'
shows 'an option of length zero' 101 "$(ip4 $a $b "$(tcp 1 2 . 5 6 01030000)")" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.], ack 6, win 512, options [nop,bad-3], length 0'
shows 'an option that runs past the end' 101 "$(ip4 $a $b "$(tcp 1 2 . 5 6 0101080a)")" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.], ack 6, win 512, options [nop,nop,bad-8], length 0'
shows 'an MSS of the wrong length' 101 "$(ip4 $a $b "$(tcp 1 2 . 5 6 02030500)")" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.], ack 6, win 512, options [unknown-2 0x05,eol], length 0'
named=1303011c0481231d0301011e0400ffac02ae0322220401020101
shows 'options with a name' 101 "$(ip4 $a $b "$(tcp 1 2 S 5 0 ${named}0101)")" \
	'IP 10.0.0.1.1 > 10.0.0.2.2: Flags [S], seq 5, win 512, options [md5 0x01,uto 0x8123,tcp-ao 0x01,nop,mptcp 0x00ff,accecn0,accecn1 0x22,tfo 0x0102,nop,nop,nop,nop], length 0'
run "$wire" -j -r "$tmp/one.pcap"
like 'in JSON, too' '"options":\{"md5":"01","uto":"8123","tcp-ao":"01","mptcp":"00ff","accecn0":"","accecn1":"22","tfo":"0102"\}\}$' "$out"
# counts DESCRIPTION LINKTYPE HEX WANT: a packet that is not TCP.
counts() {
	{ pcap "$2"; record 1.000000 "$3"; } | bytes >"$tmp/one.pcap"
	run "$wire" -r "$tmp/one.pcap"
	is "$1" "0||wire: 0 segments seen, 1 packets not TCP$4" "$status|$out|$err"
}
udp=0035003500100000
counts 'a UDP packet whose IPv6 length lies' 101 "$(ip6 1 2 $udp 17 1500)" ''
counts 'a record of 0 bytes' 101 '' ''
counts 'one cut before its protocol' 1 "$(ether 0800 4500)" ''
counts 'an extension header that lies, before UDP' 101 "$(ip6 1 2 "1109$(pad 22 00)" 60)" ''
counts 'ARP' 1 "$(ether 0806 "$(pad 28 00)")" ''
in_tunnel=', 1 of them in a tunnel'
counts 'IP in IP' 101 "45$(pad 8 00)04$(pad 10 00)$(ip4 $a $b "$syn")" "$in_tunnel"
counts 'GRE' 101 "45$(pad 8 00)2f$(pad 10 00)00000800$(ip4 $a $b "$syn")" "$in_tunnel"
counts 'VXLAN' 101 "45$(pad 8 00)11$(pad 10 00)100012b5$(pad 50 00)" "$in_tunnel"
counts 'PPPoE' 1 "$(ether 8864 "110000010000$(ip4 $a $b "$syn")")" "$in_tunnel"
{ pcap 1; record 1.0 "$(ether 88a800648100006508 "00$(ip4 $a $b "$syn")")"; } | bytes >"$tmp/one.pcap"
run "$wire" -j -r "$tmp/one.pcap"
like 'JSON: the frame, TTL, every VLAN tag' \
	'"dst":"10.0.0.2:80","frame":1,"ttl":64,"vlan":101,"vlans":\[100,101\],"flags":"S","seq"' "$out"
{ pcap 101; record 1.0 "$(ip4 $a $b "$(tcp 1 2 . 5 6 0101050a0000000a00000014)")"; } |
	bytes >"$tmp/sack.pcap"
{ pcap 101; record 1.0 "$(ip4 $a $b "$(tcp 1 2 S 5 0 020405b40204023003030300)")"; } |
	bytes >"$tmp/twice.pcap"
run "$wire" -j -r "$tmp/twice.pcap"
like 'a key of JSON comes once' '"options":\{"mss":1460,"wscale":3\}\}$' "$out"
run "$wire" -j -r "$tmp/sack.pcap"
like 'SACK blocks in JSON' '"options":\{"sack":\[\[10,20\]\]\}' "$out"

# --- numbers, times, formats --------------------------------------------------

# A conversation: a (1234) opens to b (80), b says five bytes and closes; then
# a reopens the four-tuple.
conversation() {
	pcap 101
	record 1.000000 "$(ip4 $a $b "$(tcp 1234 80 S 4294967290 0 "$syn_options")")"
	record 1.000001 "$(ip4 $b $a "$(tcp 80 1234 S. 1000 4294967291 "$syn_options")")"
	record 1.000002 "$(ip4 $a $b "$(tcp 1234 80 . 4294967291 1001 "$ts_options")")"
	record 1.000010 "$(ip4 $b $a "$(tcp 80 1234 P. 1001 4294967291 "$ts_options" 5)")"
	record 1.000020 "$(ip4 $b $a "$(tcp 80 1234 F. 1006 4294967291)")"
	record 1.000021 "$(ip4 $a $b "$(tcp 1234 80 . 4294967291 1007)")"
	record 1.000030 "$(ip4 $a $b "$(tcp 1234 80 F. 4294967291 1007)")"
	record 1.000031 "$(ip4 $b $a "$(tcp 80 1234 . 1007 4294967292)")"
	record 2.000000 "$(ip4 $a $b "$(tcp 1234 80 S 4000 0)")"
	record 2.000001 "$(ip4 $b $a "$(tcp 80 1234 S. 66544 4001)")"
}
conversation | bytes >"$tmp/conv.pcap"
run "$wire" -r "$tmp/conv.pcap"
cp "$tmp/.out" "$tmp/conv.lines"
like 'numbers are counted from the ISN, across the wrap' \
	'0.000010 IP 10.0.0.2.80 > 10.0.0.1.1234: Flags \[P.\], seq 1:6, ack 1, ' "$out"
run "$wire" -a -r "$tmp/conv.pcap"
like '-a shows them in full' 'seq 1001:1006, ack 4294967291,' "$out"
pcap_order=be
conversation | bytes >"$tmp/conv-be.pcap"
run "$wire" -r "$tmp/conv-be.pcap"
is 'the other byte order' "$(cat "$tmp/conv.lines")" "$out"
pcap_unit=ns
conversation | bytes >"$tmp/conv-ns.pcap"
run "$wire" -r - <"$tmp/conv-ns.pcap"
is 'standard input, nothing on it' '1|' "$status|$out"
"$wire" -r - <"$tmp/conv-ns.pcap" >"$tmp/ns.out" 2>"$tmp/ns.err"
is 'standard input, nanoseconds: the same but for the times' \
	"$(cut -d' ' -f2- "$tmp/conv.lines")" "$(cut -d' ' -f2- "$tmp/ns.out")"
like 'nanoseconds are cut to microseconds in a line' '^0.000000 ' \
	"$(sed -n 4p "$tmp/ns.out")"
pcap_order=le pcap_unit=us
run "$wire" -c 3 -p 80 -H 10.0.0.2 -r "$tmp/conv.pcap"
is '-c stops' 3 "$(printf '%s\n' "$out" | wc -l)"
for miss in '-p 81' '-H 10.0.0.3' '-p 80 -H ::1'; do
	# shellcheck disable=SC2086 # options, one a word
	run "$wire" $miss -r "$tmp/conv.pcap"
	is "$miss matches nothing" '0|' "$status|$out"
done
run "$wire" -p 9 -p 1234 -H 10.0.0.9 -H 10.0.0.1 -r "$tmp/conv.pcap"
is '-p and -H repeated: any of them' 10 "$(printf '%s\n' "$out" | wc -l)"
run "$wire" -r "$tmp/conv.pcap" -w "$tmp/copy.pcap"
run "$wire" -r "$tmp/copy.pcap"
is '-r -w copies' "$(cat "$tmp/conv.lines")" "$out"
run "$wire" -s 66 -r "$tmp/conv.pcap" -w "$tmp/copy.pcap"
run "$wire" -r "$tmp/copy.pcap"
is '-s cuts packets, not headers' "$(cat "$tmp/conv.lines")" "$out"
{ pcap 101; record 1.0 "$(ip4 $a $b "$(tcp 1 2 P. 5 6 '' 200)")"; } |
	bytes >"$tmp/long.pcap"
run "$wire" -s 66 -r "$tmp/long.pcap" -w "$tmp/copy.pcap"
is 'to the size that it names' $((24 + 16 + 66)) "$(wc -c <"$tmp/copy.pcap")"
run "$wire" -r "$tmp/copy.pcap"
like 'and keeps the length on the wire' 'seq 5:205,.* length 200$' "$out"
# The largest record, twice: both fit into the buffer, one after the other.
{
	pcap 101 | bytes
	for i in 1 2; do
		{ file32 1; file32 0; file32 262144; file32 262144; } | bytes
		printf '\x45\0\0\0\0\0\0\0\x40\x06\0\0\x0a\0\0\1\x0a\0\0\2'
		printf '\0\1\0\2\0\0\0\5\0\0\0\6\x50\x10\2\0\0\0\0\0'
		head -c 262104 /dev/zero
	done
} >"$tmp/large.pcap"
run "$wire" -r "$tmp/large.pcap" -w "$tmp/copy.pcap"
is 'the largest record is copied' '0 wire: 2 segments seen, 0 packets not TCP' "$status $err"
is 'and whole' "$(tail -c +25 "$tmp/large.pcap" | cksum)" "$(tail -c +25 "$tmp/copy.pcap" | cksum)"
run "$wire" -j -r "$tmp/conv.pcap"
if command -v jq >/dev/null; then
	is 'JSON: fields of the second segment' \
		'["10.0.0.2:80","10.0.0.1:1234","S.",1000,4294967291,0,1,512,0,1460,true,1,0,7]' \
		"$(printf '%s\n' "$out" | jq -c 'select(.flags == "S.") | [.src, .dst,
			.flags, .seq, .ack, .rel_seq, .rel_ack, .win, .len] +
			(.options | [.mss, .sackOK, .tsval, .tsecr, .wscale])' | head -n 1)"
	is 'JSON: a line a segment' 10 "$(printf '%s\n' "$out" | jq -c .t | wc -l)"
else
	skip 'JSON' 'jq is missing'
fi

# --- pcapng -------------------------------------------------------------------

# ng HEX...: a pcapng file of a section header and these blocks, through wire.
ng() {
	{ ng_section; printf '%s' "$@"; } | bytes >"$tmp/ng.pcapng"
	run "$wire" -r "$tmp/ng.pcapng"
}
# keeps DESCRIPTION REGEX BLOCK...: what is good (seq 1, and seq 3 behind it if
# reading can go on) is shown, and one line says what is not.
ok_1=$(ng_packet 0 1000000 "$(ip4 $a $b "$(tcp 1 2 . 1 0 '' 1)")")
ok_3=$(ng_packet 0 3000000 "$(ip4 $a $b "$(tcp 1 2 . 3 0 '' 1)")")
keeps() {
	ng "$(ng_interface 101)" "$ok_1" "${@:3}"
	like "pcapng: $1: one line" "^1 wire: [^ ]*ng.pcapng: $2\$" "$status $err"
	kept=$(sed -n 's/.* seq \([0-9]*\):.*/\1/p' "$tmp/.out" | paste -sd' ')
}
ng "$(ng_interface 101)" "$ok_1" "$(ng_block 5 0000)" "$(ng_block 0x40000bad 01)" "$ok_3"
is 'pcapng: blocks of other kinds are skipped' '0|0.000000 1:2|2.000000 3:4' \
	"$status|$(sed 's/ IP.*seq/ /; s/  */ /; s/,.*//' "$tmp/.out" | paste -sd'|')"
frame=$(ip4 $a $b "$(tcp 1 2 S 7 0)")
ng "$(ng_interface 101)" "$(ng_interface 1 09000100030000000e0008000100000000000000)" \
	"$(ng_packet 0 1000000 "$frame")" "$(ng_packet 1 500 "$(ether 0800 "$frame")")"
is 'pcapng: two interfaces, a resolution and an offset' '0.000000|0.500000' \
	"$(cut -d' ' -f1 "$tmp/.out" | paste -sd'|')"
ng "$(ng_interface 101 090001008a000000)" "$(ng_packet 0 512 "$frame")" "$(ng_packet 0 1536 "$frame")"
is 'pcapng: a binary resolution' '0.000000|1.000000' "$(cut -d' ' -f1 "$tmp/.out" | paste -sd'|')"
ng "$(ng_interface 101 090001000c000000)" "$(ng_packet 0 1500000000000 "$frame")" \
	"$(ng_packet 0 2500000000001 "$frame")"
is 'pcapng: picoseconds' '0.000000|1.000000' "$(cut -d' ' -f1 "$tmp/.out" | paste -sd'|')"
ng "$(ng_interface 101)" "$(ng_simple "$frame")"
like 'pcapng: a simple packet block' 'Flags \[S\], seq 7' "$out"
ng "$(ng_interface 101)" "$(ng_packet 0 0 '')" "$(ng_simple '')"
is 'pcapng: packets of 0 bytes' '0|wire: 0 segments seen, 2 packets not TCP' "$status|$err"
ng "$(ng_interface 101)$ok_1" "$(
	pcap_order=be
	ng_section
	ng_interface 1
	ng_packet 0 3000000 "$(ether 0800 "$(ip4 $a $b "$(tcp 1 2 . 3 0 '' 1)")")"
)"
is 'pcapng: a second section, in the other byte order' '0|1 3' \
	"$status|$(sed -n 's/.* seq \([0-9]*\):.*/\1/p' "$tmp/.out" | paste -sd' ')"
keeps 'an interface that is not there' 'block 4 is of interface 1, which is not there' \
	"$(ng_packet 1 0 "$frame")" "$ok_3"
is '... and the rest is shown' '1 3' "$kept"
keeps 'an interface of a section before' 'block 5 is of interface 0, which is not there' \
	"$(ng_section)" "$ok_3"
keeps 'a packet longer than its block' 'block 4 claims a packet of 400 bytes' \
	"$(ng_block 6 "$(file32 0)0000000000000000$(file32 400)$(file32 400)00000000")" "$ok_3"
is '... and the rest is shown' '1 3' "$kept"
keeps 'a packet block too short for its fields' 'block 4 is no packet: 8 bytes' \
	"$(ng_block 6 0000000000000000)" "$ok_3"
is '... and the rest is shown' '1 3' "$kept"
keeps 'options past the end' 'block 4 has an option of 4096 bytes, beyond its end' \
	"$(ng_interface 101 09000010)" "$ok_3"
is '... and the rest is shown' '1 3' "$kept"
keeps 'an interface too short' 'block 4 is no interface: 4 bytes' "$(ng_block 1 65000000)" "$ok_3"
is '... and the rest is shown' '1 3' "$kept"
keeps 'a link type that wire does not know' 'block 5 has link type 147 .*228 and 229.*' \
	"$(ng_interface 147)" "$(ng_packet 1 0 "$frame")" "$ok_3"
is '... and the rest is shown' '1 3' "$kept"
keeps 'a block that claims too much' 'block 4 has 4294963200 bytes, too many for wire' "0600000000f0ffff00000000" "$ok_3"
is '... what stands before is shown' 1 "$kept"
keeps 'one that claims too little' 'block 4 claims 8 bytes: the file is corrupt' \
	"0600000008000000$ok_3"
is '... what stands before is shown' 1 "$kept"
keeps 'one of an odd length' 'block 4 claims 35 bytes: the file is corrupt' "0600000023000000$ok_3"
keeps 'two lengths that differ' 'block 4 has two lengths, .* corrupt' "${ok_3:0:${#ok_3}-8}10000000" "$ok_3"
is '... what stands before is shown' 1 "$kept"
keeps 'a file that ends in a block' 'block 4 is cut short' "${ok_3:0:60}"
is '... what stands before is shown' 1 "$kept"
keeps 'a file that ends in the head of one' 'the file ends in block 4' "${ok_3:0:12}"
keeps 'a section without its magic' 'block 4 is no section header' "$(ng_block 0x0a0d0d0a 0102030405060708)"
refused 'pcapng that ends in its header' 'ends inside its header' -r <(printf '\n\r\r\n\0')
ng "$(ng_interface 101)" "$ok_1" "$ok_3"
run "$wire" -r "$tmp/ng.pcapng" -w "$tmp/copy.pcap"
run "$wire" -r "$tmp/copy.pcap"
is 'pcapng becomes pcap' 2 "$(grep -c 'Flags' "$tmp/.out")"
ng "$(ng_interface 101)" "$(ng_interface 1)" "$ok_1" "$(ng_packet 1 0 "$(ether 0800 "$frame")")"
refused 'but for two link types, which pcap has no place for' \
	'packet 2 has link type 1, and a pcap file has one, here 101' -r "$tmp/ng.pcapng" -w "$tmp/copy.pcap"
run "$wire" -r "$tmp/copy.pcap"
is '... what stands before is kept' "0 1" "$status $(grep -c 'Flags' "$tmp/.out")"
if command -v editcap >/dev/null; then
	for name in conv conv-ns; do
		editcap -F pcapng "$tmp/$name.pcap" "$tmp/theirs.pcapng" 2>/dev/null
		run "$wire" -r "$tmp/$name.pcap"
		cp "$tmp/.out" "$tmp/ours"
		run "$wire" -r "$tmp/theirs.pcapng"
		is "wire reads what editcap makes of $name.pcap" "$(cat "$tmp/ours")" "$out"
	done
else
	skip 'wire reads what editcap writes' 'editcap is missing'
fi

# --- the ladder ---------------------------------------------------------------

# states FILE: the states that the ladder shows, a row each, left|right.
states() {
	run "$wire" -L -r "$1"
	printf '%s\n' "$out" |
		sed -n 's/^ *[0-9.]* \{1,\}\([A-Z0-9-]*\) *|.*| \{0,1\}\([A-Z0-9?-]*\)$/\1|\2/p' |
		paste -sd' '
}
is 'ladder: open, data, close by the server, reopened' \
	'SYN-SENT| ESTAB|SYN-RECV |ESTAB | CLOSE-WAIT|FIN-WAIT-1 |FIN-WAIT-2 LAST-ACK|TIME-WAIT CLOSED| SYN-SENT| ESTAB|SYN-RECV' \
	"$(states "$tmp/conv.pcap")"
run "$wire" -L -r "$tmp/conv.pcap"
cat >"$tmp/want" <<'END'
                  10.0.0.1:1234                               10.0.0.2:80
   0.000000    SYN-SENT |---- S seq 4294967290 ------------------->|
   0.000001       ESTAB |<--- S. seq 1000, ack 4294967291 ---------| SYN-RECV
   0.000002             |---- . ack 1 ---------------------------->| ESTAB
   0.000010             |<--- P. seq 1:6, ack 1 -------------------|
   0.000020  CLOSE-WAIT |<--- F. seq 6, ack 1 ---------------------| FIN-WAIT-1
END
is 'ladder: its look' "$(cat "$tmp/want")" "$(printf '%s\n' "$out" | head -n 6)"
run "$wire" -Lv -r "$tmp/conv.pcap"
like 'ladder: -v shows timestamps' 'P\. seq 1:6, ack 1, TS 2 ecr 1 -' "$out"

# ladder NAME DIRECTION FLAGS SEQ ACK...: the states of a connection that is
# written as one row of four words a segment; > is from the client.
ladder() {
	local n=0 file=$tmp/$1.pcap
	shift
	{
		pcap 101
		while [ $# -gt 0 ]; do
			n=$((n + 1))
			if [ "$1" = '>' ]; then
				record 1.$n "$(ip4 $a $b "$(tcp 1234 80 "$2" "$3" "$4")")"
			else
				record 1.$n "$(ip4 $b $a "$(tcp 80 1234 "$2" "$3" "$4")")"
			fi
			shift 4
		done
	} | bytes >"$file"
	states "$file"
}
open='SYN-SENT| ESTAB|SYN-RECV |ESTAB'
handshake=('>' S 100 0 '<' S. 200 101 '>' . 101 201)
is 'ladder: both close at once' \
	"$open FIN-WAIT-1| CLOSING|FIN-WAIT-1 |CLOSING |TIME-WAIT TIME-WAIT|" \
	"$(ladder simultaneous "${handshake[@]}" \
		'>' F. 101 201 '<' F. 201 101 '>' . 102 202 '<' . 202 102)"
is 'ladder: the last ACK is lost, the FIN comes again' \
	"$open FIN-WAIT-1|CLOSE-WAIT FIN-WAIT-2| TIME-WAIT|LAST-ACK | | |CLOSED" \
	"$(ladder last-ack "${handshake[@]}" '>' F. 101 201 '<' . 201 102 \
		'<' F. 201 102 '>' . 102 202 '<' F. 201 102 '>' . 102 202)"
is 'ladder: both close at once, one ACK is lost' \
	"$open FIN-WAIT-1| CLOSING|FIN-WAIT-1 |CLOSING |TIME-WAIT | TIME-WAIT|" \
	"$(ladder closing "${handshake[@]}" '>' F. 101 201 '<' F. 201 101 \
		'>' . 102 202 '>' F. 101 201 '<' . 202 102)"
is 'ladder: a FIN that nobody answers has not arrived' \
	"$open FIN-WAIT-1| |" \
	"$(ladder lost-fin "${handshake[@]}" '>' F. 101 201 '>' F. 101 201)"
is 'ladder: the SYN-ACK comes again, its ACK was lost' \
	'SYN-SENT| ESTAB|SYN-RECV | | |ESTAB' \
	"$(ladder synack "${handshake[@]}" '<' S. 200 101 '>' . 101 201)"
is 'ladder: a port where nobody listens' 'SYN-SENT| CLOSED|CLOSED' \
	"$(ladder refused '>' S 100 0 '<' R. 0 101)"
is 'ladder: a RST that acknowledges something else' 'SYN-SENT| |CLOSED' \
	"$(ladder refused '>' S 100 0 '<' R. 0 999)"
close='FIN-WAIT-1|CLOSE-WAIT FIN-WAIT-2| TIME-WAIT|LAST-ACK |CLOSED'
is 'ladder: the same four-tuple again, with lower numbers' "$open $close $open $close" \
	"$(ladder again "${handshake[@]}" '>' F. 101 201 '<' . 201 102 \
		'<' F. 201 102 '>' . 102 202 '>' S 10 0 '<' S. 20 11 '>' . 11 21 \
		'>' F. 11 21 '<' . 21 12 '<' F. 21 12 '>' . 12 22)"
is 'ladder: RST ends a connection' "$open CLOSED|CLOSED" \
	"$(ladder rst "${handshake[@]}" '>' R. 101 201)"
is 'ladder: a RST out of place does not' "$open CLOSED|" \
	"$(ladder rst-out "${handshake[@]}" '>' R 5101 0)"
is 'ladder: SYN into TIME-WAIT, an ACK, the RST that kills it' \
	"$open CLOSE-WAIT|FIN-WAIT-1 LAST-ACK|TIME-WAIT CLOSED| SYN-SENT| | |CLOSED?" \
	"$(ladder old-syn "${handshake[@]}" '<' F. 201 101 '>' F. 101 202 \
		'<' . 202 102 '>' S 50 0 '<' . 202 102 '>' R 102 0)"
is 'ladder: both open at once' \
	'SYN-SENT| SYN-RECV|SYN-SENT | ESTAB|SYN-RECV |ESTAB |' \
	"$(ladder both-open '>' S 100 0 '<' S 200 0 '>' S. 100 201 '<' S. 200 101 \
		'>' . 101 201)"
# The first plain segment after a row that moves a state may be its answer.
ladder plain "${handshake[@]}" '>' . 101 201 '<' . 201 101 '>' . 101 201 \
	'>' F. 101 201 '<' . 201 102 '<' . 201 102 '<' . 201 102 >/dev/null
run "$wire" -L -m 3 -r "$tmp/plain.pcap"
is 'ladder -m: what moves no state is left out, but for answers, and counted' \
	'S S. . . ... F. . . ...' "$(sed -nE 's/.*(----|<---) ([^ ]+) .*/\2/p; s/^ +\.\.\. .*/.../p' "$tmp/.out" | paste -sd ' ')"
like 'ladder -m: how many' $'\n +\\.\\.\\. 2 segments that move no state\n.*\n +\\.\\.\\. 1 segment that moves no state$' "$out"
run "$wire" -S -m 3 -r "$tmp/plain.pcap"
like 'SVG -m: says so too' '>2 segments that move no state<.*>1 segment that moves no state<' "$out"
run "$wire" -S -r "$tmp/conv.pcap"
like 'SVG: one picture, dark and light' \
	'^<svg xmlns="http://www.w3.org/2000/svg".*prefers-color-scheme:dark.*>TIME-WAIT<.*</svg>$' "$out"
unlike 'SVG: nothing from elsewhere' '(href|src=|url\(|@import)' "$out"
if command -v xmllint >/dev/null; then
	ok 'SVG: well-formed' xmllint --noout "$tmp/.out"
else
	skip 'SVG: well-formed' 'xmllint is missing'
fi
run "$wire" -Lj -r "$tmp/simultaneous.pcap"
like 'JSON with -L has the states, and moves without a segment' \
	'"event":"move"[^}]*"src":"10.0.0.1:1234","dst":"10.0.0.2:80","dst_state":"CLOSING"}' "$out"

# --- notes --------------------------------------------------------------------

lack='connect(): EADDRNOTAVAIL'
run "$wire" -L -N "1.000025 10.0.0.1:1234 $lack" -N '+0.000005 10.0.0.2:80 accept() <&>' -r "$tmp/conv.pcap"
is 'a note on a lifeline, in its place' \
	"0.000021|             |* $lack                ||0.000030" \
	"$(sed -n '/000021/{s/ *\([^ ]*\) .*/\1/p;n;s/ *0.000025//p;n;s/ *\([^ ]*\) .*/\1/p}' "$tmp/.out" | paste -sd'|')"
is '... on the other' '   0.000005             |                            accept() <&> *|' "$(grep -F 'accept()' "$tmp/.out")"
run "$wire" -L -N "9 10.0.0.7:1 $lack" -r "$tmp/conv.pcap"
is 'a note at an end that no segment has, after the last' "10.0.0.7:1: $lack" \
	"$(tail -n 1 "$tmp/.out" | sed 's/^ *//')"
run "$wire" -S -N "1.000025 10.0.0.1:1234 $lack" -N '+0 10.0.0.2:80 a <&> b' -r "$tmp/conv.pcap"
like 'SVG: a note' "<circle class=\"dot\"[^>]*><text class=\"note f\"[^>]*>connect\(\): EADDRNOTAVAIL</text>" "$out"
like 'SVG: escaped' '>a &#60;&#38;&#62; b</text>' "$out"
run "$wire" -Lj -N "1.5 10.0.0.1:1234 $lack" -r "$tmp/conv.pcap"
like 'JSON: a note' '\{"event":"note","t":0.500000000,"time":1.500000000,"end":"10.0.0.1:1234","text":"connect\(\): EADDRNOTAVAIL"\}' "$out"
{ pcap 101; } | bytes >"$tmp/none.pcap"
run "$wire" -L -N "5 [::1]:7 $lack" -r "$tmp/none.pcap"
is 'a note without a segment' "[::1]:7: $lack" "$(sed 's/^ *//' "$tmp/.out")"
# A note stands at the connection that has begun, not at one that is read ahead.
{
	pcap 1
	record 1.000000 "$(ether 0800 "$(ip4 10.0.0.1 10.0.0.2 "$(tcp 1000 80 S 10 0)")")"
	record 5.000000 "$(ether 0800 "$(ip4 10.0.0.1 10.0.0.2 "$(tcp 1001 80 S 10 0)")")"
} | bytes >"$tmp/two.pcap"
run "$wire" -L -r "$tmp/two.pcap" -N '+2 10.0.0.2:80 accept(): EMFILE'
like '-N: the connection that has begun' '10\.0\.0\.1:1000.*accept\(\): EMFILE.*10\.0\.0\.1:1001' "$out"

# --- numbers of a RST from no connection ---
{
	pcap 1
	record 1.000000 "$(ether 0800 "$(ip4 10.0.0.1 10.0.0.2 "$(tcp 1000 80 S 4294967295 0)")")"
	record 1.100000 "$(ether 0800 "$(ip4 10.0.0.2 10.0.0.1 "$(tcp 80 1000 S. 4043309056 0)")")"
	record 1.200000 "$(ether 0800 "$(ip4 10.0.0.2 10.0.0.1 "$(tcp 80 1000 R. 0 0)")")"
} | bytes >"$tmp/reset.pcap"
run "$wire" -r "$tmp/reset.pcap"
like 'SEQ=0 has no ISN, the ACK has' 'R\.?[^,]*, seq 0, ack 1,' "$(tail -n 1 <<<"$out")"
run "$wire" -j -r "$tmp/reset.pcap"
like 'the same in JSON' '"seq":0,"ack":0,"rel_ack":1,' "$(tail -n 1 <<<"$out")"

# --- a pipe that brings no more ---
for signal in TERM INT; do
	mkfifo "$tmp/$signal.fifo"
	env --default-signal=INT "$wire" -r "$tmp/$signal.fifo" >"$tmp/$signal.out" 2>"$tmp/$signal.err" </dev/null &
	pid=$!
	exec {pipe}>"$tmp/$signal.fifo"
	cat "$tmp/two.pcap" >&"$pipe"
	# It sleeps when it has read all.
	until_true grep -q '^State:.S' "/proc/$pid/status"
	kill -"$signal" "$pid"
	wait "$pid"
	is "SIG$signal is the end of a pipe" '0 2 wire: 2 segments seen, 0 packets not TCP' "$? $(grep -c . "$tmp/$signal.out") $(<"$tmp/$signal.err")"
	exec {pipe}>&-
done
{ cat "$tmp/two.pcap"; for ((i = 0; i < 2000; i++)); do tail -c +25 "$tmp/two.pcap"; done; exec sleep 300; } >"$tmp/TERM.fifo" &
feeder=$!
run bash -c "'$wire' -r '$tmp/TERM.fifo' | head -n 1"
kill "$feeder"
like 'nobody reads what is shown: an error' '^wire: write to standard output: Broken pipe' "$err"

usage_error '-N without a ladder' -N '1 10.0.0.1:1 x' -r "$tmp/conv.pcap"
usage_error '-N without -r' -L -N '1 10.0.0.1:1 x'
for wrong in '' 1 '1 10.0.0.1:1' '1 10.0.0.1:1 ' 'x 10.0.0.1:1 t' '1 10.0.0.1 t' '99999999999 10.0.0.1:1 t' '-1 10.0.0.1:1 t'; do
	usage_error "-N '$wrong'" -L -r "$tmp/conv.pcap" -N "$wrong"
done

# --- live ---------------------------------------------------------------------

listen hand -e
is 'a line on the descriptor of -R once it captures' yes "$ready"
like 'a ready line on stderr' '^wire: listening on lo$' "$(cat "$tmp/hand.err")"
before=$(received)
connections 1 44400 s
stop
n=$(($(received) - before))
is 'live: every segment once, by the kernel'\''s count' \
	"0 $n wire: $n segments seen, 0 dropped" \
	"$status $(grep -c . "$tmp/hand.out") $(last hand)"
like 'live: the SYN' \
	'IP 127.0.0.1.44401 > 127.0.0.1.44400: Flags \[S\], seq [0-9]+, win [0-9]+, options \[mss 65495,sackOK,TS val [0-9]+ ecr 0,nop,wscale [0-9]+\], length 0' \
	"$(cat "$tmp/hand.out")"
like 'live: the SYN-ACK' 'Flags \[S\.\], seq [0-9]+, ack [0-9]+, win' "$(cat "$tmp/hand.out")"
like 'live: the ACK, counted from the ISN' 'Flags \[\.\], ack 1, win' "$(cat "$tmp/hand.out")"

listen six -e -H ::1 -p 44401
connections 1 44400 s
connections 1 -a ::1 44400 c
refuse_one 44499
stop
like 'live: IPv6, -p in the kernel' 'IP6 ::1.44401 > ::1.44400: Flags \[S\]' "$(cat "$tmp/six.out")"
like 'and the answer' 'IP6 ::1.44400 > ::1.44401: Flags \[S\.\]' "$(cat "$tmp/six.out")"
unlike 'live: -H leaves the other family out' 'IP 127' "$(cat "$tmp/six.out")"

listen port -p 44499 -H 127.0.0.1
connections 1 44400 s
refuse_one 44499
connections 1 -a ::1 44400 s
stop
is 'live: -p and -H, in the kernel' 'S R.' \
	"$(sed 's/.*Flags \[\(.*\)\].*/\1/; s/\].*//' "$tmp/port.out" | paste -sd' ')"

# A segment that was received before SIGTERM is in the output: six times each,
# without a pause in between.
for mode in lines pcap; do
	good=0
	for i in 1 2 3 4 5 6; do
		if [ $mode = pcap ]; then
			listen term -e -B 2 -w "$tmp/term.pcap"
		else
			listen term -e
		fi
		before=$(received)
		connections "$i" 44400 s
		stop
		n=$(($(received) - before))
		[ "$(last term)" = "wire: $n segments seen, 0 dropped" ] &&
			good=$((good + 1))
	done
	is "live: SIGTERM at once loses nothing ($mode)" 6 $good
done
run "$wire" -r "$tmp/term.pcap"
is 'live: -w keeps every segment' "$n" "$(printf '%s\n' "$out" | wc -l)"
listen count -c 2
refuse_one 44499
ended
is 'live: -c ends it' "0 2" "$status $(grep -c . "$tmp/count.out")"
run "$wire" -t 0.1
is 'live: -t ends it' "0 wire: 0 segments seen, 0 dropped" \
	"$status $(printf '%s\n' "$err" | tail -n 1)"
listen line
refuse_one 44499
ok 'live: a segment is printed while the capture goes on' \
	until_true grep -q 'Flags \[R\.\]' "$tmp/line.out"
stop
listen ladder -L
connections 1 44400 s
ok 'live: so is the ladder, up to the end of the connection' \
	until_true grep -q 'CLOSED |' "$tmp/ladder.out"
stop
"$wire" -w - -c 2 2>"$tmp/pipe.err" | cat >"$tmp/pipe.pcap" &
pid=$!
until_true grep -q listening "$tmp/pipe.err"
refuse_one 44499
ended
run "$wire" -r "$tmp/pipe.pcap"
is 'live: -w - to a pipe' 2 "$(printf '%s\n' "$out" | wc -l)"

# Records of more than the writer's buffer: packets as large as lo may have them.
if ip link set lo gso_max_size 500000 2>/dev/null; then
	listen big -e -B 64 -w "$tmp/big.pcap"
	"$server" -d :: 44800 >"$tmp/server.out" 2>&1 </dev/null &
	server_pid=$!
	until_true has_listener 44800
	run "$client" -c -B 20000000 ::1 44800
	is 'live: packets of up to 500,000 bytes: sent' '0|' "$status|$err"
	wait "$server_pid"
	stop
	like 'live: captured' '^0 wire: [0-9]+ segments seen, 0 dropped$' "$status $(last big)"
	run "$wire" -j -r "$tmp/big.pcap"
	like 'live: and whole' '^0 wire: [0-9]+ segments' "$status $err"
	ok 'live: some are larger than 65,535 bytes' \
		[ "$(sed -n 's/.*"len":\([0-9]*\).*/\1/p' "$tmp/.out" | sort -n | tail -n 1)" -gt 65535 ]
	ip link set lo gso_max_size 65536
else
	skip 'live: packets of up to 500,000 bytes' 'ip cannot set gso_max_size'
fi

# Drops: the capture is stopped while its ring overflows.
for mode in lines pcap; do
	args=(-B 1)
	[ $mode = pcap ] && args+=(-w "$tmp/drop.pcap")
	listen drop "${args[@]}"
	before=$(received)
	kill -STOP "$pid"
	connections 2000 44400 s
	kill -CONT "$pid"
	stop
	n=$(($(received) - before))
	like "drops are counted ($mode)" '^0 wire: [0-9]+ segments seen, [1-9][0-9]* dropped$' \
		"$status $(last drop)"
	is "seen and dropped are all there were ($mode)" "$n" \
		"$(last drop | awk '{ print $2 + $5 }')"
done
# Few segments, but the time that fills a block with one of them, many times.
listen few -B 2 -s 1600 -e -w "$tmp/few.pcap"
before=$(received)
kill -STOP "$pid"
for i in {1..16}; do
	refuse_one 44499
	sleep 0.03
done
kill -CONT "$pid"
stop
is 'a long pause and few segments: none is lost' \
	"0 wire: $(($(received) - before)) segments seen, 0 dropped" "$status $(last few)"
listen drop -B 1 -e -w "$tmp/drop.pcap"
kill -STOP "$pid"
connections 2000 44400 s
kill -CONT "$pid"
stop
like '-e: a drop is an error' '^1 wire: .* dropped: .*-B.*\[ENOBUFS\]$' "$status $(last drop)"

# --- what the system refuses --------------------------------------------------

"$wire" -r "$tmp/conv.pcap" >/dev/full 2>"$tmp/full.err"
is 'standard output is full' '1 1' "$? $(grep -c 'ENOSPC\]$' "$tmp/full.err")"
"$wire" -S -r "$tmp/conv.pcap" >/dev/full 2>"$tmp/full.err"
is 'and for a picture' '1 1' "$? $(grep -c 'ENOSPC\]$' "$tmp/full.err")"
"$wire" -r "$tmp/conv.pcap" >&- 2>"$tmp/full.err"
is 'standard output is closed' '1 1' "$? $(grep -c 'EBADF\]$' "$tmp/full.err")"
refused 'a full disk from the start' 'write /dev/full: .*\[ENOSPC\]$' -w /dev/full -t 0
mkdir "$tmp/small"
if mount -t tmpfs -o size=64k none "$tmp/small" 2>/dev/null; then
	listen full -w "$tmp/small/full.pcap"
	connections 500 44400 s
	ended
	like 'a disk that becomes full: one line, exit 1' \
		'^1 wire: write .*full.pcap: .*\[ENOSPC\]$' "$status $(last full)"
	run "$wire" -r "$tmp/small/full.pcap"
	like 'what was written before is whole' '^0 wire: [1-9][0-9]+ segments' "$status $err"
	umount "$tmp/small"
else
	skip 'a disk that becomes full' 'no tmpfs here'
fi
if ip link add wiretest0 type veth peer name wiretest1 2>/dev/null; then
	ip addr add 10.9.0.1/24 dev wiretest0
	ip link set wiretest1 up
	listen gone -w "$tmp/gone.pcap" wiretest0
	ok 'an interface that is down is waited for' \
		until_true grep -q 'wiretest0 is down' "$tmp/gone.err"
	ip link set wiretest0 up
	ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 nud permanent dev wiretest0
	(: <>/dev/tcp/10.9.0.2/80) 2>/dev/null &
	asker=$!
	ok 'and a segment leaves when it is up' \
		until_true syn_sent
	ip link del wiretest0
	ended
	is 'an interface that goes away: exit 1' 1 "$status"
	ok 'and one line' grep -q 'wiretest0: the interface is gone \[ENODEV\]' "$tmp/gone.err"
	run "$wire" -r "$tmp/gone.pcap"
	like 'what was captured stays readable' '10.9.0.2.80: Flags \[S\]' "$out"
	kill $asker # which would try for two minutes
	ip link add wiretest0 type veth peer name wiretest1
	listen gone wiretest0
	until_true grep -q 'wiretest0 is down' "$tmp/gone.err"
	ip link del wiretest0
	ended
	is 'one that goes away while it is down' 1 "$status"
else
	skip 'an interface that goes away' 'no veth here'
fi

# --- other people's eyes ------------------------------------------------------

listen both -w "$tmp/both.pcap"
connections 20 44400 s
connections 20 -a ::1 44400 c
refuse_one 44499
stop
cat >"$tmp/pcaps" <<END
both
conv
conv-be
sack
simultaneous
END
# tcpdump gives up root when it starts, which this namespace has no user for:
# so it runs as nobody, in a user namespace of its own.
if command -v tcpdump >/dev/null; then
	while read -r name; do
		unshare -U tcpdump -n -t -S -r "$tmp/$name.pcap" 2>"$tmp/theirs.err" |
			sed 's/: HTTP$//' >"$tmp/theirs"
		is "tcpdump reads $name.pcap without a warning" '' \
			"$(grep -v '^reading from file\|^dropped privs\|setuid failed' "$tmp/theirs.err")"
		run "$wire" -a -r "$tmp/$name.pcap"
		is "and shows the same segments ($name)" "$(cat "$tmp/theirs")" \
			"$(printf '%s\n' "$out" | cut -d' ' -f2-)"
	done <"$tmp/pcaps"
	unshare -U tcpdump -n -r "$tmp/both.pcap" -w "$tmp/theirs.pcap" 2>/dev/null
	run "$wire" -r "$tmp/both.pcap"
	cp "$tmp/.out" "$tmp/ours"
	run "$wire" -r "$tmp/theirs.pcap"
	# It writes microseconds, so the times may differ by one.
	is 'wire reads what tcpdump writes' "$(cut -d' ' -f2- "$tmp/ours")" \
		"$(printf '%s\n' "$out" | cut -d' ' -f2-)"
else
	skip 'tcpdump shows the same' 'tcpdump is missing'
fi
if command -v tshark >/dev/null && command -v jq >/dev/null; then
	while read -r name; do
		tshark -n -r "$tmp/$name.pcap" -o tcp.relative_sequence_numbers:FALSE \
			-T fields -E separator=, -E aggregator=+ -e ip.src -e ipv6.src \
			-e ip.dst -e ipv6.dst -e tcp.srcport -e tcp.dstport \
			-e tcp.seq_raw -e tcp.ack_raw -e tcp.window_size_value \
			-e tcp.len -e tcp.options.mss_val \
			-e tcp.options.timestamp.tsval -e tcp.options.timestamp.tsecr \
			-e tcp.options.wscale.shift -e tcp.options.sack_le \
			-e tcp.options.sack_re -e frame.time_epoch 2>"$tmp/theirs.err" |
			sed 's/^\([^,]*\),\([^,]*\),\([^,]*\),\([^,]*\)/\1\2,\3\4/' >"$tmp/theirs"
		# The time has nine decimals, which jq would lose: it is text here.
		"$wire" -j -r "$tmp/$name.pcap" 2>/dev/null |
			sed 's/"time":\([0-9.]*\)/"time":"\1"/' |
			jq -r 'def ends: capture("^\\[?(?<a>.*?)\\]?:(?<p>[0-9]+)$");
				(.src | ends) as $s | (.dst | ends) as $d |
				[$s.a, $d.a, $s.p, $d.p, .seq, .ack, .win, .len,
				.options.mss, .options.tsval, .options.tsecr,
				.options.wscale,
				(.options.sack // [] | map(.[0] | tostring) | join("+")),
				(.options.sack // [] | map(.[1] | tostring) | join("+")),
				.time] | map(. // "" | tostring) | join(",")' >"$tmp/ours"
		is "tshark reads $name.pcap without a warning" '' \
			"$(grep -v '^Running as user\|^ *$' "$tmp/theirs.err")"
		is "and agrees on every field ($name)" "$(cat "$tmp/theirs")" "$(cat "$tmp/ours")"
	done <"$tmp/pcaps"
else
	skip 'tshark agrees on every field' 'tshark or jq is missing'
fi

# --- hostile input ------------------------------------------------------------

# It compiles, which takes its time on a machine with other work to do.
out=$(timeout 3600 tests/fuzz/run 2>&1)
status=$?
if [ "$status" = 4 ]; then
	skip 'the parts under sanitizers' 'no compiler with sanitizers'
else
	like 'the parts under sanitizers' \
		'^0 pcap: [0-9]+ files, 2000 mutations.*pcapng: .* 2000 .*segment: .* 2000 .*track: .* 2000 mutations$' \
		"$status $out"
fi
run tests/fuzz/run nonsense
is 'fuzz/run wants a number' 2 "$status"

finish
