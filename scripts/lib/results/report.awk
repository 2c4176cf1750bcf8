# report.awk - the page of a run.
#
# Input: files, each after an operand what=KIND that says what it is:
#   ladder  from `report`: what wire drew (see read_ladder); first of all
#   about   NAME, a tab, VALUE: kernel, date, sysctls; optional
#   row     an experiment's line, of all of them, for the table
#   tsv     an experiment's line, which begins it; the files that follow are its
#   lesson  the experiment's file, for the comment at its top; optional
#   evidence, arms   as lab leaves them
#   plot    an SVG picture; optional
# Variables: lib, where report.css and report.js are; lab and wire, what a
# reader types to call them.
# Output: the page.
#
# Nothing from the files reaches the page but through html(); the pictures of
# wire are the exception, and wire escapes what it writes.

BEGIN {
	FS = "\t"
	names["SF"] = "Server Fault question 693529, \342\200\234How does server-side TIME_WAIT really work?\342\200\235, with its answers"
	names["GF"] = "\342\200\234<span lang=zh>\345\245\275\346\234\213\345\217\213 TIME_WAIT</span>\342\200\235"
	names["YK"] = "Yang\342\200\231s Kernel, on RFC 6455 and the server\342\200\231s TIME_WAIT"
	names["LT"] = "\342\200\234<span lang=zh>Linux tcp timewait \347\233\270\345\244\204\344\271\213\351\201\223</span>\342\200\235"
	n_verdicts = split("holds holds-if does-not-hold skipped unexpected", verdicts, " ")
	say["holds"] = "on this kernel, under the conditions that the article states or implies"
	say["holds-if"] = "only under a condition, which is named"
	say["does-not-hold"] = "not on this kernel"
	say["skipped"] = "this machine cannot run it"
	say["unexpected"] = "an observation differs from the model, or a control does not differ"
}

# html(text): as it stands in the page, in text or in a quoted attribute.
function html(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	gsub(/"/, "\\&quot;", text)
	# Control characters are no HTML.
	gsub(/[\001-\010\013-\037\177]/, "?", text)
	return text
}

# attribute(markup): text that is escaped already, for a quoted attribute.
function attribute(markup) {
	gsub(/"/, "\\&quot;", markup)
	return markup
}

# words(verdict): as people read it.
function words(verdict) {
	gsub(/-/, " ", verdict)
	return verdict
}

function badge(verdict) {
	return "<span class=\"badge " html(verdict) "\">" html(words(verdict)) "</span>"
}

# linked(text): HTML, in which "RFC 1122" becomes a link.
function linked(text,    done) {
	while (match(text, /RFC [0-9]+/)) {
		done = done substr(text, 1, RSTART - 1) "<a href=\"https://www.rfc-editor.org/rfc/rfc" \
			substr(text, RSTART + 4, RLENGTH - 4) "\">" substr(text, RSTART, RLENGTH) "</a>"
		text = substr(text, RSTART + RLENGTH)
	}
	return done text
}

# --- ladders -----------------------------------------------------------------
#
# A page has one namespace for styles, so the pictures' <style>, which is the
# same in all, is put once into the page's, and only for what is in .ladder.

# scoped(css): the rules of wire's pictures for .ladder only.  In print, all is
# as on a light screen.
function scoped(css,    out, rule, selectors, n, i, at) {
	sub(/@media \(prefers-color-scheme: ?dark\)/, "@media screen and (prefers-color-scheme:dark)", css)
	while (match(css, /[{}]/)) {
		rule = substr(css, 1, RSTART - 1)
		at = substr(css, RSTART, 1)
		css = substr(css, RSTART + 1)
		if (at == "{" && rule !~ /@/) {
			n = split(rule, selectors, ",")
			for (i = 1; i <= n; i++) {
				sub(/^[ \n]+/, "", selectors[i])
				out = out (i == 1 ? "" : ",") ".ladder " selectors[i]
			}
			out = out "{"
			# Declarations go to the end of this rule.
			match(css, /}/)
			out = out substr(css, 1, RSTART)
			css = substr(css, RSTART + 1)
		} else out = out rule at
	}
	return out
}

# read_ladder: a line of what `report` makes of each:
# @ladder NAME ARM CUT WHAT-WIRE-SAYS, the picture, @text, the same as text; CUT
# is after how many segments the picture ends, or nothing.
function read_ladder() {
	if ($1 == "@ladder") {
		ladders[$2]++
		drawing = $2 SUBSEP ladders[$2]
		ladder_arm[drawing] = $3
		cut[drawing] = $4
		segments[drawing] = $5
		sub(/^wire: /, "", segments[drawing])
		in_text = 0
	} else if ($0 == "@end") whole = 1
	else if ($0 == "@text") in_text = 1
	else if (in_text) {
		if ($0 !~ /^wire: /)
			ladder_text[drawing] = ladder_text[drawing] html($0) "\n"
	} else if (/^<style>/) in_style = 1
	else if (/^<\/style>/) {
		in_style = 0
		styled = 1
	} else if (in_style) {
		if (!styled) style = style $0 "\n"
	} else if (/^<svg /) {
		# The rest of this tag waits for a label.
		sub(/^<svg xmlns="[^"]*"/, "")
		picture[drawing] = $0
	} else if (!/^<title>/) picture[drawing] = picture[drawing] "\n" $0
}

# print_ladders: those of the experiment.
function print_ladders(    i, key, count, arm) {
	for (i = 1; i <= ladders[name]; i++) {
		key = name SUBSEP i
		arm = ladder_arm[key]
		count = segments[key] + 0
		if (i == 1) print "<h4>On the wire</h4>"
		print "<figure class=ladder><figcaption>" conditions(arm_name[arm]) \
			" <span class=value>" html(observed[arm]) "</span></figcaption>"
		if (picture[key] !~ /<\/svg>/ || !count) {
			print "<p>No ladder: wire says of " html(name "." arm ".pcap: " segments[key]) "</p></figure>"
			continue
		}
		print "<div class=scroll tabindex=0 role=group aria-label=\"ladder of " html(arm_name[arm]) "\">" \
			"<svg role=img aria-label=\"a ladder of " count " TCP segments; the same as text follows\"" \
			picture[key] "</div>"
		if (cut[key] != "")
			print "<p class=dim>The first " cut[key] " of " count " segments; all of them: <code>" wire " -L -r " \
				html(name "." arm) ".pcap</code></p>"
		print "<details><summary>as text</summary><pre tabindex=0>" ladder_text[key] "</pre></details></figure>"
	}
}

# --- about the run -----------------------------------------------------------

what == "ladder" { read_ladder(); next }

what == "about" {
	if ($1 == "sysctl") {
		sysctl[++sysctls] = $2
		value[$2] = $3
	} else about[$1] = $2
	next
}

# --- an experiment -----------------------------------------------------------

what == "row" {
	row = ++rows
	row_name[row] = $1
	row_group[row] = $2
	row_sources[row] = $3
	row_verdict[row] = $4
	row_condition[row] = $5
	row_arms[row] = $7
	row_claim[row] = $9
	arms_in_all += $7
	tally[$4]++
	if (!group_seen[$2]++) group_name[++groups] = $2
	n = split($3, f, " ")
	for (i = 1; i <= n; i++)
		if (!source_seen[f[i]]++) source_name[++sources] = f[i]
	next
}

what == "tsv" {
	if (name == "") print_head()
	else print_trial()
	trial++
	name = $1
	seconds = $6
	lesson = lesson_kind = plot = plot_title = ""
	lesson_over = n_arms = 0
	for (i in evidence) delete evidence[i]
	for (i in evidence_lines) delete evidence_lines[i]
	next
}

# The comment at the top; paragraphs are parted by an empty line, and what is
# indented is a drawing.
what == "lesson" {
	if (FNR == 1 || lesson_over) next
	if (!/^#/) {
		lesson_over = 1
		next
	}
	sub(/^# ?/, "")
	kind = ($0 == "") ? "" : ($0 ~ /^[ \t]/) ? "pre" : "p"
	if (kind != lesson_kind && lesson_kind != "") lesson = lesson "</" lesson_kind ">\n"
	if (kind != lesson_kind && kind != "")
		lesson = lesson (kind == "pre" ? "<pre tabindex=0>" : "<p>")
	if (kind == "pre") sub(/^\t/, "")
	if (kind != "") lesson = lesson (kind == "pre" ? html($0) : linked(html($0))) "\n"
	lesson_kind = kind
	next
}

what == "evidence" {
	if ($2 == "") next
	evidence[$1] = evidence[$1] html(substr($0, length($1) + 2)) "\n"
	evidence_lines[$1]++
	next
}

what == "arms" {
	i = n_arms++
	arm_control[i] = $2
	arm_ok[i] = $3
	expected[i] = $4
	observed[i] = $5
	promised[i] = $6
	arm_name[i] = $8
	why[i] = $9
	next
}

# A picture of its own, with a style of its own: as an image, so that the two
# do not meet.
what == "plot" {
	if (match($0, /<title>[^<]*/) && plot_title == "")
		plot_title = attribute(substr($0, RSTART + 7, RLENGTH - 7))
	gsub(/%/, "%25")
	gsub(/#/, "%23")
	gsub(/"/, "%22")
	gsub(/</, "%3C")
	gsub(/>/, "%3E")
	gsub(/&/, "%26")
	plot = plot $0 "%0A"
}

# conditions(name): an arm's name, as HTML.
function conditions(name,    n, i, f, out) {
	if (sub(/^control: /, "", name)) out = "<span class=\"badge control\">control</span>"
	n = split(name, f, ", ")
	for (i = 1; i <= n; i++) out = out "<code>" html(f[i]) "</code>" (i < n ? " " : "")
	return "<span class=arm>" out "</span>"
}

# in_words(verdict, condition): what comes after the verdict, as HTML, "" for nothing.
function in_words(verdict, condition) {
	if (condition == "") return ""
	if (verdict != "holds-if") return html(condition)
	if (condition !~ /^not \(/) return "only with <code>" html(condition) "</code>"
	return "except with <code>" html(substr(condition, 6, length(condition) - 6)) "</code>"
}

# short_table: how many arms observed what, and why.
function short_table(    i, key, keys, order, count, of_control, f) {
	for (i = 0; i < n_arms; i++) {
		key = observed[i] "\t" why[i]
		if (!(key in count)) order[++keys] = key
		count[key]++
		if (arm_control[i] == 1) of_control[key]++
	}
	print "<table class=\"cards short\"><caption>What " n_arms " arms came to</caption>" \
		"<thead><tr><th scope=col>observed<th scope=col>arms<th scope=col>because</thead><tbody>"
	for (i = 1; i <= keys; i++) {
		split(order[i], f, "\t")
		print "<tr><th scope=row class=value>" html(f[1]) "<td>" count[order[i]] \
			(of_control[order[i]] ? " (" of_control[order[i]] " control)" : "") "<td>" html(f[2])
	}
	print "</tbody></table>"
}

# arm_table: every arm.
function arm_table(    i, claimed) {
	print "<table class=\"cards each\"><caption>Every arm. \342\200\234claimed\342\200\235 is what the article promises" \
		" for it; \342\200\234expected\342\200\235 what the kernel\342\200\231s rules say</caption><thead><tr>" \
		"<th scope=col>arm<th scope=col>claimed<th scope=col>expected<th scope=col>observed<th scope=col>why, and evidence" \
		"</thead><tbody>"
	for (i = 0; i < n_arms; i++) {
		claimed = arm_control[i] == 1 || promised[i] == "" ? "\342\200\223" : html(promised[i])
		print "<tr" (arm_ok[i] == "true" ? "" : " class=bad") "><th scope=row>" conditions(arm_name[i]) \
			"<td>" claimed "<td>" html(expected[i]) "<td class=value>" \
			(observed[i] == "skipped" ? badge("skipped") : html(observed[i])) \
			(arm_ok[i] == "true" ? "" : " " badge("unexpected")) "<td>" html(why[i]) \
			(i in evidence ? "<details><summary>evidence (" evidence_lines[i] \
			(evidence_lines[i] == 1 ? " line" : " lines") ")</summary><pre>" evidence[i] "</pre></details>" : "")
	}
	print "</tbody></table>"
}

# print_head: what stands before the experiments.
function print_head(    i, kernel) {
	kernel = ("kernel" in about) ? about["kernel"] : "unknown"
	print "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
	print "<meta name=viewport content=\"width=device-width,initial-scale=1\">"
	# The page needs nothing from elsewhere, and gets nothing.
	print "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; img-src data:;" \
		" style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
	print "<title>TIME_WAIT on trial: Linux " html(kernel) "</title>\n<style>"
	insert(lib "/report.css")
	print scoped(style) "</style></head><body>"
	print "<a class=skip href=\"#summary\">to the verdicts</a>"
	print "<header><h1>TIME_WAIT on trial</h1>"
	print "<p>What articles say of TCP\342\200\231s TIME_WAIT, put to Linux " html(kernel) ": " \
		rows " experiments, " arms_in_all " arms" \
		("seconds" in about ? ", " html(about["seconds"]) " s" : "") ".</p>"
	print "<ul class=tally>"
	for (i = 1; i <= n_verdicts; i++)
		if (tally[verdicts[i]])
			print "<li><strong>" tally[verdicts[i]] "</strong>" badge(verdicts[i])
	print "</ul></header><main>"
	print_summary()
	print_run()
}

# insert(file): a file of our own, as it is.
function insert(file,    line, got) {
	while ((got = (getline line < file)) > 0) print line
	close(file)
	if (got < 0) {
		broken = 1
		exit
	}
}

# options(n, list, prefix): those of a filter.
function options(title, n, list,    i, out) {
	out = "<option value=\"\">" title
	for (i = 1; i <= n; i++)
		out = out "<option value=\"" html(list[i]) "\">" html(words(list[i]))
	return out "</select></label>"
}

# print_summary: the verdicts, and the filters.
function print_summary(    i, known, present) {
	for (i = 1; i <= n_verdicts; i++)
		if (tally[verdicts[i]]) present[++known] = verdicts[i]
	print "<section id=summary><h2>The verdicts</h2><form id=filter hidden>"
	print "<label>source<select name=source>" options("all", sources, source_name)
	print "<label>group<select name=group>" options("all", groups, group_name)
	print "<label>verdict<select name=verdict>" options("all", known, present)
	print "<label>words<input type=search name=find></label>"
	print "<button type=reset>show all</button><output id=count role=status></output></form>"
	print "<table id=verdicts class=cards><caption>One line an experiment; each is told below</caption><thead><tr>" \
		"<th scope=col>verdict<th scope=col>experiment<th scope=col>group<th scope=col>claim<th scope=col>source</thead><tbody>"
	for (i = 1; i <= rows; i++)
		print "<tr data-name=\"" html(row_name[i]) "\" data-group=\"" html(row_group[i]) \
			"\" data-sources=\"" html(row_sources[i]) "\" data-verdict=\"" html(row_verdict[i]) \
			"\"><td>" badge(row_verdict[i]) "<th scope=row><a href=\"#" html(row_name[i]) "\">" html(row_name[i]) \
			"</a><td class=dim>" html(row_group[i]) "<td>" html(row_claim[i]) \
			(row_condition[i] == "" ? "" : "<div class=\"if dim\">" in_words(row_verdict[i], row_condition[i]) "</div>") \
			"<td>" html(row_sources[i])
	print "</tbody></table></section>"
}

# print_run: what ran where, and the words used.
function print_run(    i) {
	print "<section id=run><h2>The run</h2>"
	if ("kernel" in about) {
		print "<dl><dt>kernel<dd>Linux " html(about["kernel"]) ", " html(about["machine"]) ", " html(about["cpus"]) " CPUs"
		print "<dt>when<dd>" html(about["date"]) "<dt>as<dd>" html(about["user"])
		print "<dt>command<dd><code>" html(about["command"]) "</code><dt>rtest<dd>" html(about["rtest"]) "</dl>"
	} else print "<p>The directory does not say where and when it ran.</p>"
	if (sysctls) {
		print "<table class=narrow><caption>net.ipv4 in a new network namespace: this kernel\342\200\231s defaults</caption>" \
			"<thead><tr><th scope=col>sysctl<th scope=col>value</thead><tbody>"
		for (i = 1; i <= sysctls; i++)
			print "<tr><th scope=row><code>" html(sysctl[i]) "</code><td><code>" html(value[sysctl[i]]) "</code>"
		print "</tbody></table>"
	}
	print "<h3>The sources</h3><dl>"
	for (i = 1; i <= sources; i++)
		print "<dt>" html(source_name[i]) "<dd>" source(source_name[i])
	print "</dl><h3>The words</h3><dl>"
	for (i = 1; i <= n_verdicts; i++)
		print "<dt>" badge(verdicts[i]) "<dd>" say[verdicts[i]]
	print "<dt>arm<dd>the same steps under named conditions, in network namespaces of its own" \
		"<dt>control<dd>an arm whose outcome must differ from what the claim promises</dl></section>"
}

# source(letters): in full, as HTML.
function source(letters,    text) {
	text = (letters in names) ? names[letters] : html(letters)
	if (letters == "SF")
		sub(/Server Fault question 693529/, "<a href=\"https://serverfault.com/questions/693529\">Server Fault question 693529</a>", text)
	return text
}

# print_trial: the experiment whose files have been read.
function print_trial(    i, n, f, list, rest) {
	if (lesson_kind != "") lesson = lesson "</" lesson_kind ">"
	if (row_group[trial] != group) {
		if (trial > 1) print "</section>"
		group = row_group[trial]
		print "<section class=group><h2>" html(group) "</h2>"
	}
	n = split(row_sources[trial], f, " ")
	for (i = 1; i <= n; i++) list = list (i > 1 ? "; " : "") source(f[i])
	rest = in_words(row_verdict[trial], row_condition[trial])
	print "<section class=trial id=\"" html(name) "\"><h3><a href=\"#" html(name) "\">" html(name) "</a> " \
		badge(row_verdict[trial]) "</h3>"
	print "<blockquote><p>" html(row_claim[trial]) "</p><footer class=dim>" list "</footer></blockquote>"
	print "<p class=if><strong>" html(capital(words(row_verdict[trial] == "holds-if" ? "holds" : row_verdict[trial]))) \
		"</strong>" (rest == "" ? "" : (row_verdict[trial] == "holds-if" ? ", " : ": ") rest) ".</p>"
	if (lesson != "") print lesson
	if (n_arms > 12) {
		short_table()
		print "<details class=arms><summary>all " n_arms " arms</summary>"
		arm_table()
		print "</details>"
	} else if (n_arms) arm_table()
	if (plot != "")
		print "<h4>Measured</h4><figure><div class=scroll tabindex=0 role=group aria-label=plot><img alt=\"" \
			plot_title "\" src=\"data:image/svg+xml," plot "\"></div></figure>"
	print_ladders()
	print "<h4>To see it yourself</h4><pre tabindex=0>" lab " show " html(name) \
		"      # every arm with its evidence\n" lab " run -v " html(name) \
		"    # step by step, with what crosses the wire</pre></section>"
}

function capital(text) { return toupper(substr(text, 1, 1)) substr(text, 2) }

END {
	if (broken || !whole || name == "") exit 1
	print_trial()
	print "</section></main><footer><p>Written by <code>lab report</code> from a run. The claims and" \
		" the lessons stand in the experiments; the rest was observed.</p></footer><script>"
	insert(lib "/report.js")
	print "</script></body></html>"
	if (broken) exit 1
}
