# SPDX-License-Identifier: MIT
# plot.awk - draws a plot: as SVG, or in characters for a terminal.
#
#	awk -v form=svg|text [-v width=N] -f html.awk -f plot.awk FILE
#
# FILE has tab-separated lines; those with # come first and say what is drawn, all
# others are points:
#
#	#title	What is shown
#	#x	label and (unit)
#	#y	label and (unit)
#	#xscale	log		linear unless said; so is #yscale
#	#style	points		no lines between them; line unless said
#	#yname	VALUE=NAME	y is one of these values, which have names
#	#xmark	VALUE=NAME	a line at this x, with its name
#	#band	NAME	what lies between a point's Y and its UPPER
#	X	Y	SERIES	UPPER	UPPER may be missing
#
# Series are drawn in the order of their first points, the points of one in the
# order of their X.  A point that a logarithmic axis cannot show is left out,
# and the picture says so.  Exit code 1, and a line on stderr, where there is
# nothing to draw.

BEGIN {
	FS = OFS = "\t"
	about["xscale"] = about["yscale"] = about["style"] = about["band"] = ""
	n = series = left_out = ynames = xmarks = 0
	if (width == "") width = 78
}

/^#/ {
	value = name = $2
	sub(/=.*/, "", value)
	sub(/[^=]*=/, "", name)
	if ($1 == "#yname") {
		yname[ynames] = name
		yvalue[ynames++] = value + 0
	} else if ($1 == "#xmark") {
		xmark[xmarks] = name
		xmark_at[xmarks++] = value + 0
	} else about[substr($1, 2)] = $2
	is_log["x"] = about["xscale"] == "log"
	is_log["y"] = about["yscale"] == "log"
	next
}

NF >= 2 {
	if (is_log["x"] && $1 <= 0 || is_log["y"] && $2 <= 0) {
		left_out++
		next
	}
	px[n] = scaled("x", $1)
	py[n] = scaled("y", $2)
	ps[n] = $3
	upper[n++] = scaled("y", NF >= 4 ? $4 : $2)
}

# --- numbers ---------------------------------------------------------------

function log10(v) { return log(v) / log(10) }
function floor(v,    i) { i = int(v); return i > v ? i - 1 : i }
function power(k) { return exp(k * log(10)) }
function scaled(a, v) { return is_log[a] ? log10(v) : v + 0 }

# tidy(v): v as a short text: 1500, 20k, 3M.
function tidy(v,    a) {
	a = v < 0 ? -v : v
	if (a < 1e-12) return "0"
	if (a >= 999999.5) return sprintf("%.4g", v / 1e6) "M"
	if (a >= 9999.5) return sprintf("%.4g", v / 1e3) "k"
	return sprintf("%.4g", v)
}

# nice(v): the smallest of 1, 2, 5 times a power of ten that is at least v.
function nice(v,    k, base) {
	k = floor(log10(v) + 1e-9)
	base = power(k)
	if (v <= base * 1.0000001) return base
	if (v <= base * 2.0000001) return base * 2
	if (v <= base * 5.0000001) return base * 5
	return base * 10
}

# axis(a, least, most, wanted): fills low[a], high[a] and the ticks of axis a
# (x or y): ticks[a] of them, tick[a, i].
function axis(a, least, most, wanted,    step, v, k, i, m, only_decades) {
	ticks[a] = 0
	if (is_log[a]) {
		low[a] = floor(log10(least) + 1e-9)
		high[a] = -floor(-log10(most) + 1e-9)
		if (high[a] <= low[a]) high[a] = low[a] + 1
		only_decades = high[a] - low[a] > 2
		# Not the whole first and last decade, where 2 or 5 will do.
		for (k = low[a]; k <= high[a]; k++)
			for (i = 1; i <= 3; i++) {
				m = i == 1 ? 1 : i == 2 ? 2 : 5
				v = k + log10(m)
				if (m > 1 && (only_decades || k == high[a])) continue
				tick[a, ticks[a]++] = v
			}
		if (!only_decades) trim(a, log10(least), log10(most))
		return
	}
	if (least >= 0 && least <= 0.5 * most) least = 0
	if (most <= least) most = least + (least * least > 1e12 ? sqrt(least * least) / 1e6 : 1)
	step = nice((most - least) / wanted)
	low[a] = step * floor(least / step + 1e-9)
	high[a] = -step * floor(-most / step + 1e-9)
	for (i = 0; low[a] + i * step <= high[a] + step / 2; i++)
		tick[a, ticks[a]++] = low[a] + i * step
}

# trim(a, least, most): lets axis a begin and end at the ticks next to the data.
function trim(a, least, most,    i, first, last, m) {
	first = 0
	last = ticks[a] - 1
	while (first < last && tick[a, first + 1] <= least + 1e-9) first++
	while (last > first + 1 && tick[a, last - 1] >= most - 1e-9) last--
	m = 0
	for (i = first; i <= last; i++) tick[a, m++] = tick[a, i]
	ticks[a] = m
	low[a] = tick[a, 0]
	high[a] = tick[a, m - 1]
}

# at(a, v): where v is on axis a, from 0 to 1.
function at(a, v) { return (v - low[a]) / (high[a] - low[a]) }

# --- reading it all --------------------------------------------------------

function prepare(    i, j, k, least, most, a, v) {
	if (!n) return 0
	for (i = 0; i < n; i++) {
		if (!(ps[i] in number)) {
			number[ps[i]] = series
			label[series] = ps[i]
			count[series++] = 0
		}
		# In the order of x: each goes before all that are larger.
		k = number[ps[i]]
		for (j = count[k]; j > 0 && px[member[k, j - 1]] > px[i]; j--)
			member[k, j] = member[k, j - 1]
		member[k, j] = i
		count[k]++
	}
	for (i = 0; i < n; i++) {
		if (!i || px[i] < least["x"]) least["x"] = px[i]
		if (!i || px[i] > most["x"]) most["x"] = px[i]
		if (!i || py[i] < least["y"]) least["y"] = py[i]
		if (!i || upper[i] > most["y"]) most["y"] = upper[i]
	}
	for (a in most) if (is_log[a]) {
		least[a] = power(least[a])
		most[a] = power(most[a])
	}
	axis("x", least["x"], most["x"], 8)
	axis("y", least["y"], most["y"], form == "svg" ? 6 : 5)
	if (ynames) {
		ticks["y"] = ynames
		for (i = 0; i < ynames; i++) {
			v = scaled("y", yvalue[i])
			tick["y", i] = v
			if (!i || v < low["y"]) low["y"] = v
			if (!i || v > high["y"]) high["y"] = v
		}
		# Room above and below the names.
		v = (high["y"] - low["y"]) / (2 * ynames)
		if (!v) v = 1
		low["y"] -= v
		high["y"] += v
	}
	return 1
}

# --- SVG -------------------------------------------------------------------

# width_of(s): how wide a text is, in characters, also where awk counts bytes.
function width_of(s,    rest) {
	rest = "[\200-\277]" # of a UTF-8 character; no range where awk knows those
	if (length("µ") > 1) gsub(rest, "", s)
	return length(s)
}

# mark(k, x, y): the marker of series k; its shape tells it apart without colour.
function mark(k, x, y,    c) {
	c = "class=\"m s" k % 6 "\""
	k %= 6
	if (k == 0) return sprintf("<circle %s cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"/>", c, x, y)
	if (k == 1) return sprintf("<rect %s x=\"%.1f\" y=\"%.1f\" width=\"6\" height=\"6\"/>", c, x - 3, y - 3)
	if (k == 2) return sprintf("<path %s d=\"M%.1f %.1fl4 7h-8z\"/>", c, x, y - 4)
	if (k == 3) return sprintf("<path %s d=\"M%.1f %.1fl4.2 4.2l-4.2 4.2l-4.2-4.2z\"/>", c, x, y - 4.2)
	if (k == 4) return sprintf("<path %s d=\"M%.1f %.1fl-4-7h8z\"/>", c, x, y + 4)
	return sprintf("<path %s d=\"M%.1f %.1fh-2.6v2h5.2v-2zM%.1f %.1fv-2.6h-2v5.2h2z\"/>", c, x, y - 1, x + 1, y)
}

function style(    i, light, dark, text, night, l, d) {
	light = "#0969da #bc4c00 #1a7f37 #8250df #cf222e #57606a"
	dark = "#58a6ff #f0883e #3fb950 #bc8cff #ff7b72 #9da7b3"
	split(light, l, " ")
	split(dark, d, " ")
	for (i = 0; i < 6; i++) {
		text = text sprintf(".m.s%d{fill:%s}.line.s%d{stroke:%s}\n", i, l[i + 1], i, l[i + 1])
		night = night sprintf(".m.s%d{fill:%s}.line.s%d{stroke:%s}\n", i, d[i + 1], i, d[i + 1])
	}
	return "text{font:12px ui-monospace,\"DejaVu Sans Mono\",Menlo,Consolas,monospace;fill:#1f2328}\n" \
		".bg{fill:#ffffff}.head{font-weight:bold;font-size:13px}.mid{text-anchor:middle}.end{text-anchor:end}\n" \
		".num{fill:#57606a;font-size:11px}.grid{stroke:#d8dee4;stroke-width:1}.axis{stroke:#57606a;stroke-width:1}\n" \
		".band{opacity:.18}.mark{stroke:#57606a;stroke-width:1.5;stroke-dasharray:3 3}\n" \
		".line{fill:none;stroke-width:1.8}.s1.line{stroke-dasharray:7 3}.s2.line{stroke-dasharray:2 3}\n" \
		".s3.line{stroke-dasharray:8 3 2 3}.s4.line{stroke-dasharray:4 4}.s5.line{stroke-dasharray:1 4}\n" \
		text "@media (prefers-color-scheme:dark){\n" \
		"text{fill:#e6edf3}.bg{fill:#0d1117}.num{fill:#9da7b3}.grid{stroke:#262c34}.axis,.mark{stroke:#9da7b3}\n" \
		night "}\n"
}

# describe(): the plot in words, for those who do not see it.
function describe(    k, i, j, text) {
	text = "x: " about["x"] (is_log["x"] ? ", logarithmic" : "") \
		". y: " about["y"] (is_log["y"] ? ", logarithmic" : "") "."
	for (k = 0; k < series; k++) {
		i = member[k, 0]
		j = member[k, count[k] - 1]
		text = text " " (label[k] == "" ? "The points" : label[k]) ": " \
			count[k] (count[k] == 1 ? " point" : " points") ", from (" \
			of_axis("x", px[i]) ", " of_axis("y", py[i]) ") to (" \
			of_axis("x", px[j]) ", " of_axis("y", py[j]) ")."
	}
	for (i = 0; i < xmarks; i++) text = text " At x = " tidy(xmark_at[i]) ": " xmark[i] "."
	return text (about["band"] == "" ? "" : " Above each point a band: " about["band"] ".") omitted()
}

# mark_at(i): where that mark is on the x axis.
function mark_at(i) { return at("x", scaled("x", xmark_at[i])) }

function of_axis(a, v,    i) {
	if (a == "y")
		for (i = 0; i < ynames; i++) if (scaled("y", yvalue[i]) == v) return yname[i]
	return tidy(is_log[a] ? power(v) : v)
}

function omitted() {
	if (!left_out) return ""
	return " Left out, as a logarithmic axis has no place for them: " left_out "."
}

function draw_svg(    W, H, left, right, top, bottom, k, i, j, x, y, wide, most, path, band) {
	W = 720
	most = 0
	for (i = 0; i < ticks["y"]; i++)
		if (width_of(of_axis("y", tick["y", i])) > most) most = width_of(of_axis("y", tick["y", i]))
	left = 28 + 7 * most
	right = W - 24
	# The legend stands above the plot, in as many rows as it takes.
	top = 62
	x = left
	for (k = 0; k < series; k++) {
		wide = 40 + 7.3 * width_of(label[k])
		if (x > left && x + wide > right) {
			x = left
			top += 18
		}
		legend_x[k] = x
		legend_y[k] = top - 16
		x += wide
	}
	bottom = top + (ynames ? 60 + 40 * ynames : 320)
	H = bottom + 52 + (left_out || about["band"] != "" ? 18 : 0)
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", W, H, W, H
	printf "<title>%s</title>\n<desc>%s</desc>\n<style>\n%s</style>\n", html(about["title"]), html(describe()), style()
	print "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>"
	printf "<text class=\"head\" x=\"%d\" y=\"22\">%s</text>\n", 16, html(about["title"])
	for (i = 0; i < ticks["y"]; i++) {
		y = bottom - at("y", tick["y", i]) * (bottom - top)
		printf "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", left, y, right, y
		printf "<text class=\"num end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", left - 7, y + 4, html(of_axis("y", tick["y", i]))
	}
	for (i = 0; i < ticks["x"]; i++) {
		x = left + at("x", tick["x", i]) * (right - left)
		printf "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x, top, x, bottom
		printf "<text class=\"num mid\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x, bottom + 17, of_axis("x", tick["x", i])
	}
	printf "<path class=\"axis\" fill=\"none\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", left, top, bottom, right
	printf "<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", (left + right) / 2, bottom + 38, html(about["x"])
	printf "<text class=\"mid\" transform=\"translate(15 %.1f) rotate(-90)\">%s</text>\n", (top + bottom) / 2, html(about["y"])
	for (i = 0; i < xmarks; i++) {
		x = left + mark_at(i) * (right - left)
		printf "<path class=\"mark\" d=\"M%.1f %.1fV%.1f\"/>", x, top, bottom
		printf "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x + 5, top + 14, html(xmark[i])
	}
	for (k = 0; k < series; k++) {
		path = band = ""
		for (j = 0; j < count[k]; j++) {
			i = member[k, j]
			x = left + at("x", px[i]) * (right - left)
			y = bottom - at("y", py[i]) * (bottom - top)
			path = path sprintf("%s%.1f %.1f", j ? "L" : "M", x, y)
			band = sprintf("L%.1f %.1f", x, bottom - at("y", upper[i]) * (bottom - top)) band
		}
		printf "<g><title>%s</title>\n", html(label[k])
		if (about["band"] != "") printf "<path class=\"band m s%d\" d=\"%s%sz\"/>\n", k % 6, path, band
		if (about["style"] != "points")
			printf "<path class=\"line s%d\" d=\"%s\"/>\n", k % 6, path
		for (j = 0; j < count[k]; j++) {
			i = member[k, j]
			print mark(k, left + at("x", px[i]) * (right - left), bottom - at("y", py[i]) * (bottom - top))
		}
		print "</g>"
		if (label[k] == "") continue
		x = legend_x[k]
		y = legend_y[k]
		if (about["style"] != "points")
			printf "<path class=\"line s%d\" d=\"M%.1f %.1fh22\"/>", k % 6, x, y - 4
		print mark(k, x + 11, y - 4)
		printf "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x + 28, y, html(label[k])
	}
	if (left_out || about["band"] != "")
		printf "<text class=\"num\" x=\"16\" y=\"%d\">%s</text>\n", H - 12, \
			(about["band"] == "" ? "" : "The band: " html(about["band"]) ".") omitted()
	print "</svg>"
}

# --- characters ------------------------------------------------------------

function pad(s, to) { while (width_of(s) < to) s = " " s; return s }

function draw_text(    rows, cols, margin, i, j, k, r, c, line, ruler, cell, owner, shared, sign, text, far, row_name) {
	rows = ynames ? 4 * ynames - 1 : 16
	margin = 6
	for (i = 0; i < ticks["y"]; i++) {
		text = of_axis("y", tick["y", i])
		if (width_of(text) > margin) margin = width_of(text)
		r = int((1 - at("y", tick["y", i])) * (rows - 1) + 0.5)
		row_name[r] = text
	}
	cols = width - margin - 5
	if (cols < 20) cols = 20
	sign = "ox+*#@"
	for (k = 0; k < series; k++)
		for (j = 0; j < count[k]; j++) {
			i = member[k, j]
			r = int((1 - at("y", py[i])) * (rows - 1) + 0.5)
			c = int(at("x", px[i]) * (cols - 1) + 0.5)
			# Of points on one place none hides the others.
			if ((r, c) in cell && owner[r, c] != k) {
				cell[r, c] = "&"
				shared = 1
			} else if (!((r, c) in cell)) {
				cell[r, c] = substr(sign, k % 6 + 1, 1)
				owner[r, c] = k
			}
		}
	# A mark, and the upper end of a band, where no point is.
	for (k = 0; about["band"] != "" && k < series; k++)
		for (j = 0; j < count[k]; j++) {
			i = member[k, j]
			r = int((1 - at("y", upper[i])) * (rows - 1) + 0.5)
			c = int(at("x", px[i]) * (cols - 1) + 0.5)
			if (!((r, c) in cell)) cell[r, c] = "'"
		}
	for (i = 0; i < xmarks; i++)
		for (r = 0; r < rows; r++) {
			c = int(mark_at(i) * (cols - 1) + 0.5)
			if (!((r, c) in cell)) cell[r, c] = ":"
		}
	print about["title"]
	print "  y: " about["y"]
	for (r = 0; r < rows; r++) {
		line = ""
		for (c = 0; c < cols; c++)
			line = line ((r, c) in cell ? cell[r, c] : r in row_name ? "." : " ")
		sub(/ +$/, "", line)
		print pad(r in row_name ? row_name[r] : "", margin) " |" line
	}
	line = pad("", margin) " +"
	for (c = 0; c < cols; c++) line = line "-"
	print line
	ruler = ""
	far = -1
	for (i = 0; i < ticks["x"]; i++) {
		text = of_axis("x", tick["x", i])
		c = margin + 2 + int(at("x", tick["x", i]) * (cols - 1) + 0.5) - int(length(text) / 2)
		if (c <= far + 1) continue
		while (length(ruler) < c) ruler = ruler " "
		ruler = ruler text
		far = length(ruler)
	}
	print ruler
	print "  x: " about["x"]
	for (k = 0; k < series; k++)
		if (label[k] != "") print "  " substr(sign, k % 6 + 1, 1) "  " label[k]
	for (i = 0; i < xmarks; i++) print "  :  " xmark[i]
	if (about["band"] != "") print "  '  " about["band"]
	if (shared) print "  &  several of these on one place"
	if (left_out) print " " omitted()
}

END {
	if (!prepare()) {
		print "plot: there is no point to draw" >"/dev/stderr"
		exit 1
	}
	if (form == "svg") draw_svg()
	else draw_text()
}
