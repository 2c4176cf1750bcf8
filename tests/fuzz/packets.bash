# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# packets.bash - pcap files and packets by hand, as hexadecimal text
#
# Each word prints hexadecimal digits; `bytes` turns them into bytes:
#
#	{ pcap 101; record 0.000001 "$(ip4 10.0.0.1 10.0.0.2 \
#		"$(tcp 1234 80 S 1000 0)")"; } | bytes >syn.pcap
#
# Checksums are left zero: wire does not look at them.

# bytes: hexadecimal on standard input, bytes on standard output.
bytes() {
	local hex
	hex=$(tr -d ' \t\n')
	# shellcheck disable=SC2059 # the escapes are the format
	printf "$(printf '%s' "$hex" | sed 's/../\\x&/g')"
}

# The byte order and the time unit of pcap and record.
pcap_order=le
pcap_unit=us

# file16, file32 NUMBER: in the file's byte order.
file16() {
	local h
	printf -v h '%04x' "$1"
	[ $pcap_order = be ] && printf '%s' "$h" || printf '%s' "${h:2:2}${h:0:2}"
}
file32() {
	local h
	printf -v h '%08x' "$1"
	if [ $pcap_order = be ]; then
		printf '%s' "$h"
	else
		printf '%s' "${h:6:2}${h:4:2}${h:2:2}${h:0:2}"
	fi
}

# pcap LINKTYPE: the header of a file.
pcap() {
	if [ $pcap_unit = ns ]; then file32 0xa1b23c4d; else file32 0xa1b2c3d4; fi
	file16 2
	file16 4
	file32 0
	file32 0
	file32 262144
	file32 "$1"
}

# record SECONDS.FRACTION HEX [LENGTH]: LENGTH is the one on the wire.
record() {
	local fraction=${1#*.}
	file32 "${1%.*}"
	file32 "$((10#$fraction))"
	file32 $((${#2} / 2))
	file32 "${3:-$((${#2} / 2))}"
	printf '%s' "$2"
}

# ng_block TYPE HEX: a block of pcapng, in $pcap_order.
ng_block() {
	local body=$2 length
	while ((${#body} % 8)); do body+=00; done
	length=$((12 + ${#body} / 2))
	file32 "$1"
	file32 $length
	printf '%s' "$body"
	file32 $length
}

# ng_section, ng_interface LINKTYPE [OPTIONS], ng_packet INTERFACE TIME HEX
# [LENGTH], ng_simple HEX: the blocks that are read.  OPTIONS is hexadecimal,
# TIME in the interface's units.
ng_section() { ng_block 0x0a0d0d0a "$(file32 0x1a2b3c4d)$(file16 1)$(file16 0)ffffffffffffffff"; }
ng_interface() { ng_block 1 "$(file16 "$1")$(file16 0)$(file32 0)${2-}"; }
ng_packet() {
	ng_block 6 "$(file32 "$1")$(file32 $(($2 >> 32)))$(file32 $(($2 & 0xffffffff)))$(file32 $((${#3} / 2)))$(file32 "${4:-$((${#3} / 2))}")$3"
}
ng_simple() { ng_block 3 "$(file32 $((${#1} / 2)))$1"; }

# pad COUNT [HEX]: COUNT times a byte.
pad() {
	local i
	for ((i = 0; i < $1; i++)); do printf '%s' "${2:-61}"; done
}

# tcp SPORT DPORT FLAGS SEQ ACK [OPTIONS [LENGTH]]: a segment; FLAGS as
# tcpdump writes them (S. F. P.), OPTIONS in hexadecimal, a multiple of four
# bytes, LENGTH bytes of payload.
tcp() {
	local i bits=0 options=${6-} names=FSRP.UEW
	for ((i = 0; i < 8; i++)); do
		[[ $3 == *"${names:i:1}"* ]] && ((bits |= 1 << i))
	done
	printf '%04x%04x%08x%08x%01x0%02x%04x00000000%s' "$1" "$2" "$4" "$5" \
		$((5 + ${#options} / 8)) $bits 512 "$options"
	pad "${7:-0}"
}

# ip4 SRC DST HEX [FRAGMENT [OPTIONS [LENGTH]]]: FRAGMENT is the 16-bit word
# of flags and offset; LENGTH is what the header claims.
ip4() {
	local options=${5-} length
	length=${6:-$((20 + ${#options} / 2 + ${#3} / 2))}
	printf '4%x00%04x0001%04x40060000%s%s%s%s' $((5 + ${#options} / 8)) \
		"$length" "${4:-0x4000}" "$(ip4_addr "$1")" "$(ip4_addr "$2")" \
		"$options" "$3"
}
ip4_addr() {
	local IFS=.
	# shellcheck disable=SC2086 # one word a number
	printf '%02x%02x%02x%02x' $1
}

# ip6 SRC DST HEX [NEXT [LENGTH]]: addresses fd00::SRC, fd00::DST (hex).
ip6() {
	printf '60000000%04x%02x40fd%026x%04xfd%026x%04x%s' \
		"${5:-$((${#3} / 2))}" "${4:-6}" 0 "0x$1" 0 "0x$2" "$3"
}

# ether TYPE HEX: an Ethernet frame; TYPE in hexadecimal, may hold VLAN tags.
ether() {
	printf '020000000002020000000001%s%s' "$1" "$2"
}

# Options of a SYN: mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7.
syn_options=020405b40402080a000000010000000001030307
# nop, nop, TS val 2 ecr 1
ts_options=0101080a0000000200000001
