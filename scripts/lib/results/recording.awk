# SPDX-License-Identifier: MIT
# recording.awk - draws what a program printed on a terminal as an animated SVG.
#
#	LC_ALL=C awk [-v title=TEXT] [-v longest=SECONDS] -f html.awk -f recording.awk TIMING LOG
#
# TIMING and LOG are what `script --log-timing TIMING --log-out LOG` of util-linux has
# recorded: lines "SECONDS BYTES", and a line of its own before the bytes.  The terminal is
# one of 80 x 24, which knows what lab demo writes: CR, LF, ESC [ row ; column H, ESC [ 2 J,
# ESC [ K, ESC [ 1 m and ESC [ 0 m.  Times are the real ones, but for pauses longer than LONGEST (4),
# which take so long.  Who wants no motion sees the last picture.
# Exit code 1, and a line on stderr, where there is nothing to draw.

BEGIN {
	rows = 24
	columns = 80
	if (longest == "") longest = 4
	brief = 0.05 # a picture that stands no longer than this is not drawn
	cell = 8.4   # the width of a character
	leading = 18
	for (i = 128; i < 192; i++) continues[sprintf("%c", i)] = 1
	n = chunks = 0
	clear()
	row = column = 1
	bold = 0
}

FNR == NR {
	wait[chunks] = $1
	size[chunks++] = $2
	next
}
FNR > 1 { text = text $0 "\n" }

function clear(    r, c) {
	for (r = 1; r <= rows; r++) for (c = 1; c <= columns; c++) {
		char[r, c] = " "
		weight[r, c] = 0
	}
}

function scroll(    r, c) {
	for (r = 1; r <= rows; r++) for (c = 1; c <= columns; c++) {
		char[r, c] = r < rows ? char[r + 1, c] : " "
		weight[r, c] = r < rows ? weight[r + 1, c] : 0
	}
}

# escape(sequence): what stands between ESC [ and its last letter, and that.
function escape(sequence,    part, c) {
	if (sequence ~ /H$/) {
		split(substr(sequence, 1, length(sequence) - 1), part, ";")
		row = part[1] < 1 ? 1 : part[1] > rows ? rows : part[1] + 0
		column = part[2] < 1 ? 1 : part[2] > columns ? columns : part[2] + 0
	} else if (sequence == "2J") clear()
	else if (sequence == "K")
		for (c = column; c <= columns; c++) char[row, c] = " "
	else if (sequence ~ /m$/) bold = sequence == "1m"
}

# show(bytes): the terminal shows them too.
function show(bytes,    i, c) {
	for (i = 1; i <= length(bytes); i++) {
		c = substr(bytes, i, 1)
		if (pending != "") {
			pending = pending c
			if (pending ~ /^\033\[[0-9;?]*[A-Za-z]$/) {
				escape(substr(pending, 3))
				pending = ""
			} else if (pending !~ /^\033(\[[0-9;?]*)?$/) pending = ""
		} else if (c == "\033") pending = c
		else if (c == "\r") column = 1
		else if (c == "\n") {
			if (row < rows) row++
			else scroll()
		} else if (c in continues) char[row, column - 1] = char[row, column - 1] c
		else if (c >= " ") {
			if (column > columns) {
				column = 1
				if (row < rows) row++
				else scroll()
			}
			char[row, column] = c
			weight[row, column++] = bold
		}
	}
}

# picture(): the terminal as SVG, a text for each run of one weight.
function picture(    r, c, from, run, svg, last) {
	svg = ""
	for (r = 1; r <= rows; r++) {
		last = columns
		while (last && char[r, last] == " ") last--
		for (from = 1; from <= last; from = c) {
			run = ""
			for (c = from; c <= last && (char[r, c] == " " || weight[r, c] == weight[r, from]); c++)
				run = run char[r, c]
			if (run ~ /^ *$/) continue
			# Its width is given: no font of another width moves what follows.
			svg = svg sprintf("<text%s x=\"%.1f\" y=\"%d\" textLength=\"%.1f\">%s</text>\n", \
				weight[r, from] ? " class=\"b\"" : "", 16 + (from - 1) * cell, \
				50 + (r - 1) * leading, (c - from) * cell, html(run))
		}
	}
	return svg
}

# keep(at): from then on the terminal shows this picture.
function keep(at,    now) {
	now = picture()
	if (now == "" || (n && frame[n - 1] == now)) return
	if (n && at - since[n - 1] < brief) n--
	since[n] = at
	frame[n++] = now
}

END {
	if (!chunks || text == "") {
		print "recording: there is nothing to draw" >"/dev/stderr"
		exit 1
	}
	for (i = 0; i < chunks; i++) from += size[i]
	text = substr(text, 1, from) # the rest is what script says itself
	sub(/[\r\n]+$/, "", text)    # behind the last page, for the prompt
	at = 0
	from = 1
	for (i = 0; i < chunks; i++) {
		at += wait[i] > longest ? longest : wait[i]
		show(substr(text, from, size[i]))
		from += size[i]
		keep(at)
	}
	if (!n) {
		print "recording: the terminal stayed empty" >"/dev/stderr"
		exit 1
	}
	first = since[0]
	whole = at - first + longest # the last picture stands as long as a page
	W = 32 + columns * cell
	H = 64 + (rows - 1) * leading
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" xml:space=\"preserve\">\n", W, H, W, H
	printf "<title>%s</title>\n<desc>A recording of a terminal: %d pictures in %.0f seconds, again and again.</desc>\n", html(title), n, whole
	print "<style>"
	print "text{font:14px ui-monospace,\"DejaVu Sans Mono\",Menlo,Consolas,monospace;fill:#c9d1d9;white-space:pre}"
	print ".b{font-weight:bold;fill:#f0c674}.t{fill:#8b949e}"
	print ".f{visibility:hidden;animation-duration:" sprintf("%.3f", whole) "s;animation-timing-function:step-end;animation-iteration-count:infinite}"
	for (i = 0; i < n; i++) {
		a = (since[i] - first) / whole * 100
		b = i < n - 1 ? (since[i + 1] - first) / whole * 100 : 100
		printf "@keyframes k%d{0%%{visibility:%s}", i, i ? "hidden" : "visible"
		if (i) printf "%.3f%%{visibility:visible}", a
		if (i < n - 1) printf "%.3f%%{visibility:hidden}", b
		printf "100%%{visibility:%s}}\n", i < n - 1 ? "hidden" : "visible"
		printf "#f%d{animation-name:k%d}\n", i, i
	}
	printf "@media (prefers-reduced-motion:reduce){.f{animation:none}#f%d{visibility:visible}}\n", n - 1
	print "</style>"
	print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>"
	printf "<text class=\"t\" x=\"16\" y=\"24\">%s</text>\n", html(title)
	for (i = 0; i < n; i++) printf "<g class=\"f\" id=\"f%d\">\n%s</g>\n", i, frame[i]
	print "</svg>"
}
