#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# lib/slabs.awk: what it reads from the counters of the slab caches, and what it
# makes of the noise of others.
. "${0%/*}/tap.bash"

# counters FILE KIB NAME=OBJECTS ...: /proc/slabinfo and /proc/meminfo with these.
counters() {
	local file=$1 kib=$2 pair
	shift 2
	{
		if (($#)); then
			echo "slabinfo - version: 2.1"
			echo "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables"
		fi
		for pair; do
			case ${pair%=*} in
			tw_sock_TCP) set -- 256 16 1 ;;
			TCP) set -- 2368 13 8 ;;
			*) set -- 120 32 1 ;;
			esac
			printf '%-17s %6d %6d %6d %4d %4d : tunables    0    0    0 : slabdata      1      1      0\n' \
				"${pair%=*}" "${pair#*=}" 99999 "$@"
		done
		printf 'MemTotal: 1000000 kB\nSUnreclaim: %d kB\n' "$kib"
	} >"$tmp/$file"
}

# of WHAT [NAME]: the fields of that line of the last output.
of() { awk -F '\t' -v w="$1" -v n="${2-}" '$1 == w && (n == "" || $2 == n) { sub(/^[^\t]*\t[^\t]*\t/, ""); print }' <<<"$out" | tr '\t' ' '; }

for awk in mawk gawk "busybox awk"; do
	if ! command -v "${awk%% *}" >/dev/null; then
		skip "$awk" "it is not here"
		continue
	fi
	# shellcheck disable=SC2086 # busybox awk is two words
	slabs() { run $awk -v page=4096 -v ours="tw_sock_TCP merged TCP" "$@"; }

	# 1000 at a time: one socket, two of a merged cache; in the third step
	# somebody takes 5000 sockets, in the fourth gives them back.
	counters 0 1000 tw_sock_TCP=100 merged=50 dentry=10 TCP=5
	counters 1 1500 tw_sock_TCP=1100 merged=2060 dentry=900 TCP=5
	counters 2 2000 tw_sock_TCP=2096 merged=4040 dentry=1900 TCP=9
	counters 3 9500 tw_sock_TCP=8100 merged=6060 dentry=2950 TCP=2
	counters 4 3000 tw_sock_TCP=4100 merged=8050 dentry=4000 TCP=5
	counters 5 3500 tw_sock_TCP=5100 merged=10050 dentry=5000 TCP=5
	slabs -v counts="0 1000 2000 3000 4000 5000" -f scripts/lib/slabs.awk "$tmp"/[0-5]
	is "$awk: exit code" 0 "$status"
	is "$awk: a socket for each, of 256 bytes" "1 256" "$(of cache tw_sock_TCP)"
	is "$awk: two of the merged cache, with their share of a page" "2 128" "$(of cache merged)"
	is "$awk: a cache that did not grow is not there" "" "$(of cache TCP)"
	is "$awk: one that is not ours is not counted" "1.00 128" "$(of other dentry)"
	is "$awk: the sum" "512 5.12" "$(of sum)"
	is "$awk: after one step, none disturbed" "0.513 0" "$(of total 1000)"
	is "$awk: two steps disturbed, and taken as the median" "2.559 2" "$(of total 5000)"
	is "$awk: meminfo: the median step" 512 "$(of meminfo | cut -d' ' -f1)"
	is "$awk: meminfo: the smallest step and the largest" "-6656 7680" "$(of meminfo | cut -d' ' -f5,6)"

	counters 1 1500 tw_sock_TCP=600 merged=50
	counters 2 2000 tw_sock_TCP=1100 merged=50
	slabs -v counts="0 1000 2000" -f scripts/lib/slabs.awk "$tmp"/[0-2]
	is "$awk: half an object for each is unclear" 0.50 "$(of unclear tw_sock_TCP)"
	slabs -v all=1 -v counts="0 1000 2000" -f scripts/lib/slabs.awk "$tmp"/[0-2]
	is "$awk: all=1 takes it as it is" "0.5 256" "$(of cache tw_sock_TCP)"

	for i in 0 1 2 3 4 5 6 7 8 9 10; do counters "m$i" $((1000 + 500 * i)); done
	counters m10 9999
	slabs -v counts="0 1000 2000 3000 4000 5000 6000 7000 8000 9000 10000" \
		-f scripts/lib/slabs.awk "$tmp"/m? "$tmp"/m10
	is "$awk: meminfo alone: one wild step of ten does not matter" "512 512 512 10" "$(of meminfo | cut -d' ' -f1-4)"
	is "$awk: meminfo alone: no cache" "" "$(of sum)$(of cache)"
done
finish
