# ports.awk - what the sockets on a port range mean for each port of it
#
# Lines "= KEY... VERDICT" first, then the rows of `peek -e -o LO-HI`.  The MODE:
#
#	keys    "COUNT KEY", for each kind of socket that the model is to judge, the
#	        most frequent first
#	ports   with these verdicts, 1 or 0: "SIZE USABLE ONLY RESERVED SELF": ports
#	        in all; that can be used; the place of the one, if it is one; reserved;
#	        and 1, ?, 0: PEER_PORT is picked, may be picked, is not
#	table   "COUNT STATE DESTINATION UID PID COMMAND", the most frequent first
#	rate    "SECONDS NEW": how many went into TIME-WAIT in the last SECONDS
#
# The KEY of a socket for bind(): STATE ADDR V6ONLY REUSEADDR REUSEPORT UID DEV, for
# connect(): HELD or the state of our own four-tuple or -, its age, and how it got
# its port: bound, kernel, unknown, or SOURCE>DESTINATION, four at most: the route
# knows whether bind() chose that source.

function plain(end) {
	sub(/^\[::ffff:/, "", end)
	if (end ~ /\./) sub(/\]/, "", end)
	return end
}

function addr_of(end) {
	sub(/:[0-9]+$/, "", end)
	gsub(/[\[\]]/, "", end)
	return end
}

function how_of(    pair) {
	if ($15 == 1) return "kernel"
	if ($15 != 0 || !$14) return "unknown"
	pair = addr_of(plain($4)) ">" addr_of(plain($5))
	if (!(pair in is_pair) && pairs < 4) {
		is_pair[pair] = 1
		pairs++
	}
	return pair in is_pair ? pair : "unknown"
}

function key_of(    state, age) {
	state = $6 == "-" ? $1 : "TIME-WAIT"
	if (call == "bind")
		return state " " addr_of($4) " " $8 " " $9 " " $10 " " $7 " " $13
	if ($1 == "LISTEN" || $1 == "BOUND") return "HELD - bound"
	if (plain($5) != plain(to) || addr_of(plain($4)) != src || ($13 != "-" && $13 != dev))
		return "- - " how_of()
	age = "-"
	if ($6 != "-") age = (($1 == "TIME-WAIT" ? tw : fin * 1000) - $6 > delay) ? "old" : "young"
	return $1 " " age " " how_of()
}

BEGIN {
	n = split(reserved, parts, ",")
	for (i = 1; i <= n; i++) {
		from = to_port = parts[i]
		if (split(parts[i], ends, "-") == 2) { from = ends[1]; to_port = ends[2] }
		for (p = from + 0; p <= to_port + 0; p++)
			if (p >= lo && p <= hi) { is_reserved[p] = 1; reserved_count++ }
	}
}

$1 == "=" {
	if (NF < 3) next
	verdict = $NF
	sub(/^= /, ""); sub(/ [^ ]+$/, "")
	judged[$0] = verdict
	next
}
NF < 15 || $1 == "SYN-RECV" { next }
mode == "table" {
	count[$1 " " ($5 ~ /:0$/ ? "-" : plain($5)) " " ($14 ? $7 " " $11 " " $12 : "- - -")]++
	next
}
mode == "rate" {
	if ($1 == "TIME-WAIT" && $6 != "-" && $6 > tw - 10000) fresh++
	next
}
{
	port = $4
	sub(/.*:/, "", port)
	if (port in is_reserved) next
}
mode == "keys" { count[key_of()]++; next }
{
	verdict = judged[key_of()]
	if (verdict == "0") is_taken[port] = 1
}

END {
	if (mode == "rate") print 10, fresh + 0
	if (mode == "table" || mode == "keys")
		for (key in count) print count[key], key | "sort -k 1,1nr -k 2"
	if (mode != "ports") exit
	size = hi - lo + 1
	# bind() with SO_REUSEADDR goes over the lower half first.
	if (call == "bind" && reuseaddr && size >= 4) half = 2 * int(size / 4)
	for (p = lo; p <= hi; p++) {
		if (p in is_reserved || p in is_taken) continue
		usable++
		only = p - lo
		# connect() goes over the ports of the parity of the range's lower end
		# first, bind() over the others.
		rank = (only >= half ? 2 : 0) + (own ? 0 : (only + (call == "bind")) % 2)
		ranks[rank]++
		if (p == peer_port) mine = rank
	}
	self = 0
	if (mine != "") {
		self = ranks[mine] == 1 ? 1 : "?"
		for (rank = 0; rank < mine; rank++) if (ranks[rank]) self = 0
	}
	print size, usable + 0, usable == 1 ? only : "-", reserved_count + 0, self
}
