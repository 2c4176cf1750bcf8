# SPDX-License-Identifier: MIT
# pcap.awk - conversations (see there) as the records of a raw IP pcap file, in
# hexadecimal.  Each is from a client port of its own, 1001 and on, to port 80.
# want=FILE: there go the states that are to be, as "PORT CLIENT SERVER NAME",
# and the numbers of the segments that never arrived, as "lost FRAME".

function file32(n) { return sprintf("%02x%02x%02x%02x", n % 256, int(n / 256) % 256, int(n / 65536) % 256, int(n / 16777216)) }

# segment(side, flags, seq, ack, len, left, right, window)
function segment(side, flags, seq, ack, len, left, right, window,   i, bits, names, opts, p, ends) {
	names = "FSRP."
	for (i = bits = 0; i < 5; i++)
		if (index(flags, substr(names, i + 1, 1))) bits += 2 ^ i
	if (left != "") opts = sprintf("0101050a%08x%08x", left, right)
	ends = side == "c" ? sprintf("%04x0050", port) : sprintf("0050%04x", port)
	p = ends sprintf("%08x%08x%x0%02x%04x00000000", seq, ack, 5 + length(opts) / 8, bits, window) opts
	for (i = 0; i < len; i++) p = p "78"
	i = side == "c" ? "0a0000010a000002" : "0a0000020a000001"
	p = sprintf("4500%04x000140004006%s%s", 20 + length(p) / 2, "0000", i) p
	frame++
	print file32(1 + int(frame / 1000)) file32(frame % 1000 * 1000) file32(length(p) / 2) file32(length(p) / 2) p
}

BEGIN { port = 1000; print "d4c3b2a1" "02000400" "00000000" "00000000" "00000400" "65000000" }
/^#/ || !NF { next }
/^[^\t]/ {
	port++
	name = $0
	sub(/: [^:]*$/, "", name)
	print port, $(NF - 1), $NF, name >want
	next
}
$1 == "open" {
	segment("c", "S", 100, 0, 0, "", "", 512)
	segment("s", "S.", 500, 101, 0, "", "", 512)
	segment("c", ".", 101, 501, 0, "", "", 512)
	next
}
{
	lost = $NF == "x"
	shut = $NF == "w0"
	n = NF - lost - shut
	segment($1, $2, $3, $4, n > 4 ? $5 : 0, n > 6 ? $6 : "", n > 6 ? $7 : "", shut ? 0 : 512)
	if (lost) print "lost", frame >want
}
