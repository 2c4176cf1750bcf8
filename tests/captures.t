#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# wire: the final states of conversations that were reordered, lost, duplicated,
# half closed, reset, opened fast, opened and closed by both at once; and which
# of their segments are drawn as lost.
. "${0%/*}/tap.bash"
. tests/fuzz/packets.bash
wire=$(program wire) || exit 1

# The variables of awk that are file names stand behind the program.
awk -v want="$tmp/want" -f tests/captures/pcap.awk tests/captures/conversations |
	bytes >"$tmp/pcap"
run "$wire" -Lj -r "$tmp/pcap"
is 'wire reads them all' "0 wire: $(grep -c segment "$tmp/.out") segments seen, 0 packets not TCP" \
	"$status $err"
# The last state of each end, by the client's port; and the lost frames.
awk -F '"' '
	function value(key) {
		return match($0, "\"" key "\":\"?[^\",}]*") ? \
			substr($0, RSTART + length(key) + 3 + (substr($0, RSTART + length(key) + 3, 1) == "\""), \
			RLENGTH - length(key) - 3 - (substr($0, RSTART + length(key) + 3, 1) == "\"")) : ""
	}
	{
		src = value("src"); dst = value("dst")
		client = src ~ /^10.0.0.1:/
		port = client ? src : dst
		sub(/.*:/, "", port)
		if (!(port in state)) state[port] = "- -"
		split(state[port], now, " ")
		if (value("src_state") != "") now[client ? 1 : 2] = value("src_state")
		if (value("dst_state") != "") now[client ? 2 : 1] = value("dst_state")
		state[port] = now[1] " " now[2]
	}
	/"lost":true/ { print "lost", value("frame") }
	END { for (port in state) print port, state[port] }' "$tmp/.out" >"$tmp/got"
ok 'there are fifty or more' [ "$(grep -vc '^lost' "$tmp/want")" -ge 50 ]
while read -r port client server name; do
	is "$name" "$port $client $server" "$(grep "^$port " "$tmp/got")"
done < <(grep -v '^lost' "$tmp/want")
is 'the segments that never arrived' "$(grep '^lost' "$tmp/want")" "$(grep '^lost' "$tmp/got")"
run "$wire" -L -r "$tmp/pcap"
is 'each ends in a cross' "$(grep -c '^lost' "$tmp/want")" "$(grep -c ✕ "$tmp/.out")"
run "$wire" -S -r "$tmp/pcap"
is 'in the picture, too' "$(grep -c '^lost' "$tmp/want")" "$(grep -c '>✕<' "$tmp/.out")"

if command -v tcpdump >/dev/null; then
	unshare -Ur true 2>/dev/null && inside='unshare -Ur' || inside=
	# As nobody of a namespace, for tcpdump would change to another user.
	${inside:+unshare -U} tcpdump -n -t -S -r "$tmp/pcap" 2>/dev/null | sed 's/: HTTP$//' >"$tmp/theirs"
	run "$wire" -a -r "$tmp/pcap"
	is 'tcpdump shows the same segments' "$(cat "$tmp/theirs")" "$(cut -d' ' -f2- "$tmp/.out")"
else
	skip 'tcpdump shows the same segments' 'tcpdump is missing'
fi
finish
