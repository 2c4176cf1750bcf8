# ports.awk - what the sockets on a port range mean for the ports of it
#
# Reads the rows of `peek -e -o LO-HI` once, there may be hundreds of thousands, and
# prints
#
#	K COUNT ID KEY	a kind of socket, for the model to judge
#	P PORTS R0 R1 R2 R3 PLACE MINE ID...
#			ports that have these kinds of sockets, and no others: how many,
#			in each rank, the place of one in the range, and the rank of
#			PEER_PORT if it is among them
#	T COUNT STATE DESTINATION UID PID COMMAND	for the reader
#	R RESERVED FRESH	ports that are reserved; how many sockets went into
#			TIME-WAIT in the last ten seconds
#
# The KEY of a socket for bind(): STATE ADDR V6ONLY REUSEADDR REUSEPORT UID DEV, for
# connect(): HELD or the state of our own four-tuple or -, its age, and how it got its
# port: bound, kernel, unknown, or SOURCE>DESTINATION, four at most: the route knows
# whether bind() chose that source.
#
# The search takes the ports rank by rank: connect() first those of the parity of the
# range's lower end, bind() the others; with SO_REUSEADDR the lower half before the
# upper; a range of the socket's own is of one rank.

# plain: without the mark of an IPv4 address that is mapped to IPv6
function plain(end) {
	if (!index(end, "[::ffff:")) return end
	sub(/^\[::ffff:/, "", end)
	sub(/\]/, "", end)
	return end
}

function addr_of(end) {
	sub(/:[0-9]+$/, "", end)
	gsub(/[\[\]]/, "", end)
	return end
}

function how_of(    pair) {
	if ($15 == "1") return "kernel"
	if ($15 == "-" || $14 == "0") return "unknown"
	pair = addr_of(plain($4)) ">" addr_of(plain($5))
	if (!(pair in is_pair) && pairs < 4) {
		is_pair[pair] = 1
		pairs++
	}
	return pair in is_pair ? pair : "unknown"
}

function key_of(    age) {
	if (call == "bind")
		return ($6 == "-" ? $1 : "TIME-WAIT") " " addr_of($4) " " $8 " " $9 " " $10 " " $7 " " $13
	if ($1 == "LISTEN" || $1 == "BOUND") return "HELD - bound"
	if (plain($5) != to || plain($4) != src ":" port || ($13 != "-" && $13 != dev))
		return "- - " how_of()
	age = "-"
	if ($6 != "-") age = (($1 == "TIME-WAIT" ? tw : fin * 1000) - $6 > delay) ? "old" : "young"
	return $1 " " age " " how_of()
}

BEGIN {
	n = split(reserved, parts, ",")
	for (i = 1; i <= n; i++) {
		m = split(parts[i], ends, "-")
		for (p = ends[1] + 0; p <= ends[m] + 0; p++)
			if (p >= lo && p <= hi) {
				is_reserved[p] = 1
				reserved_count++
			}
	}
	if (index(src, ":")) src = "[" src "]"
}

NF < 15 || $1 == "SYN-RECV" { next }
{
	n = split($4, parts, ":")
	port = parts[n]
	if ($14 == "0" && $6 != "-" && call == "connect" && $5 != to && !index($5, "[")) {
		# Most are of this kind, and there may be many.
		table[$1 " " $5 " - - -"]++
		key = "- - unknown"
	} else {
		held = $1 == "LISTEN" || $1 == "BOUND"
		table[$1 " " (held ? "-" : plain($5)) " " ($14 == "0" ? "- - -" : $7 " " $11 " " $12)]++
		key = key_of()
	}
	if ($6 > tw - 10000 && $1 == "TIME-WAIT") fresh++
	if (port in is_reserved) next
	if (!(key in id)) id[key] = ++ids
	count[key]++
	key = id[key]
	if ((port, key) in has) next
	has[port, key] = 1
	set[port] = set[port] " " key
}

END {
	for (key in id) print "K", count[key], id[key], key
	for (key in table) print "T", table[key], key
	print "R", reserved_count + 0, fresh + 0
	size = hi - lo + 1
	if (call == "bind" && reuseaddr && size >= 4) half = 2 * int(size / 4)
	else half = size
	for (p = lo; p <= hi; p++) {
		if (p in is_reserved) continue
		kinds = set[p]
		place = p - lo
		rank = (place >= half ? 2 : 0) + (own ? 0 : (place + (call == "bind")) % 2)
		ports[kinds]++
		ranks[kinds, rank]++
		places[kinds] = place
		if (p == peer_port) mine[kinds] = rank
	}
	for (kinds in ports)
		print "P", ports[kinds], ranks[kinds, 0] + 0, ranks[kinds, 1] + 0, ranks[kinds, 2] + 0, \
			ranks[kinds, 3] + 0, places[kinds], (kinds in mine) ? mine[kinds] : "-", kinds
}
