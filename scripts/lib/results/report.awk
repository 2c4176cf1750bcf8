# SPDX-License-Identifier: MIT
# report.awk - the page of a run.
#
# Input: standard input, from `report`: what wire drew (see read_ladder); about, which
# may be missing; evidence.tsv; arms.tsv; EXPERIMENT/lesson and EXPERIMENT/plot.svg;
# experiments.tsv.  See record.awk, html.awk, rows.awk and grid.awk.
# Variables: folder, where report.css and report.js are; lab and wire, what a reader
# types to call them.
# Output: the page.
#
# Nothing from the files reaches the page but through html(); the pictures of
# wire are the exception, and wire escapes what it writes.

BEGIN {
	names["SF"] = "Server Fault question 693529, \342\200\234How does server-side TIME_WAIT really work?\342\200\235, with its answers"
	names["GF"] = "\342\200\234<span lang=zh>\345\245\275\346\234\213\345\217\213 TIME_WAIT</span>\342\200\235"
	names["YK"] = "Yang\342\200\231s Kernel, on RFC 6455 and the server\342\200\231s TIME_WAIT"
	names["LT"] = "\342\200\234<span lang=zh>Linux tcp timewait \347\233\270\345\244\204\344\271\213\351\201\223</span>\342\200\235"
	names["rtest"] = "no article says it; rtest asks"
	names["heard"] = "many say it, without an article"
	titles["close"] = "who closes first, and what stays"
	titles["bind"] = "bind() and listen() where a TIME-WAIT is"
	titles["ports"] = "ports that run out, and are given again"
	titles["time"] = "how long it lasts"
	titles["wire"] = "segments that meet a TIME-WAIT"
	titles["cost"] = "memory and CPU time"
	titles["asked"] = "what people ask"
	split("\342\234\223 \342\211\210 \342\234\227 \342\200\223 !", signs, " ")
	n_verdicts = split("holds holds-if does-not-hold skipped unexpected", verdicts, " ")
	say["holds"] = "on this kernel, under the conditions that the article states or implies"
	say["holds-if"] = "only under a condition, which is named"
	say["does-not-hold"] = "not on this kernel"
	say["skipped"] = "this machine cannot run it"
	say["unexpected"] = "an observation differs from the model, or a control does not differ"
}

# heading(group): its heading.
function heading(group) { return html(group (group in titles ? ": " titles[group] : "")) }

# with_links(sources): the letters of sources, as links to where these are explained.
function with_links(sources,    n, i, f, out) {
	n = split(sources, f, " ")
	for (i = 1; i <= n; i++)
		out = out (i > 1 ? " " : "") "<a href=\"#_source-" html(f[i]) "\">" html(f[i]) "</a>"
	return out
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
# @ladder NAME ARM CUT WHAT-WIRE-SAYS FILE, the picture, @text, the same as text; CUT
# is after how many segments the picture ends, or nothing.
function read_ladder() {
	if ($1 == "@ladder") {
		ladders[$2]++
		drawing = $2 SUBSEP ladders[$2]
		ladder_arm[drawing] = $2 SUBSEP $3
		cut[drawing] = $4
		segments[drawing] = $5
		capture_of[drawing] = $6
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

# print_ladders(name, verdict): those of the experiment, first of the arm that decides.
function print_ladders(name, verdict,    i, key, first) {
	if (ladders[name]) print "<h4>On the wire</h4>"
	if (verdict == "holds-if") verdict = "does-not-hold"
	for (i = 1; !first && i <= ladders[name]; i++)
		if (kind_of[ladder_arm[name, i]] == verdict) print_ladder(name SUBSEP (first = i))
	for (i = 1; i <= ladders[name]; i++) if (i != first) print_ladder(name SUBSEP i)
}

function print_ladder(key,    arm, count) {
	arm = ladder_arm[key]
	$0 = line_of[arm]
	count = segments[key] + 0
	print "<figure class=ladder><figcaption>" conditions($F["name"]) " <span class=\"badge " kind_of[arm] "\">" \
		(kind_of[arm] == "does-not-hold" ? not_equal " " : "") html(counted($F["observed"])) "</span>" \
		(kind_of[arm] == "holds" ? " as claimed" : kind_of[arm] == "does-not-hold" ? " not as claimed" : "") "</figcaption>"
	if (picture[key] !~ /<\/svg>/ || !count) {
		print "<p>No ladder: wire says of " html(capture_of[key] ": " segments[key]) "</p></figure>"
		return
	}
	print "<div class=scroll tabindex=0 role=group aria-label=\"ladder of " html($F["name"]) "\">" \
		"<svg role=img aria-label=\"a ladder of " count " TCP segments; the same as text follows\"" \
		picture[key] "</div>"
	if (cut[key] != "")
		print "<p class=dim>The first " cut[key] " of " count " segments; all of them: <code>" wire " -L -r " \
			html(capture_of[key]) "</code></p>"
	print "<details><summary>as text</summary><pre tabindex=0>" ladder_text[key] "</pre></details></figure>"
}

# --- the files -----------------------------------------------------------------

FILENAME == "about" {
	if ($1 == "sysctl") {
		sysctl[++sysctls] = $2
		value[$2] = $3
	} else about[$1] = $2
	next
}

FILENAME == "evidence.tsv" {
	evidence[$1, $2] = evidence[$1, $2] html($3) "\n"
	evidence_lines[$1, $2]++
	next
}

FILENAME == "arms.tsv" {
	add_to_rows()
	add_to_grid()
	arms_in_all++
	arm = $F["experiment"] SUBSEP $F["number"]
	arm_at[$F["experiment"], ++n_arms[$F["experiment"]]] = arm
	kind_of[arm] = arm_kind()
	line_of[arm] = $0
	next
}

# Paragraphs are parted by an empty line, and what is indented is a drawing.
FILENAME ~ /lesson$/ {
	name = substr(FILENAME, 1, index(FILENAME, "/") - 1)
	if (FNR == 1) kind_before = ""
	kind = ($0 == "") ? "" : /^[ \t]/ ? "pre" : "p"
	if (kind != kind_before)
		lesson[name] = lesson[name] (kind_before == "" ? "" : "</" kind_before ">\n") \
			(kind == "" ? "" : kind == "pre" ? "<pre tabindex=0>" : "<p>")
	kind_before = kind
	if (kind == "pre") sub(/^\t/, "")
	if (kind != "") lesson[name] = lesson[name] (kind == "pre" ? html($0) : linked(html($0))) "\n"
	closing[name] = kind == "" ? "" : "</" kind ">"
	next
}

# A picture of its own, with a style of its own: as an image, so that the two
# do not meet.
FILENAME ~ /plot\.svg$/ {
	name = substr(FILENAME, 1, index(FILENAME, "/") - 1)
	if (match($0, /<title>[^<]*/) && !(name in plot_title)) {
		plot_title[name] = substr($0, RSTART + 7, RLENGTH - 7)
		gsub(/"/, "\\&quot;", plot_title[name])
	}
	gsub(/%/, "%25")
	gsub(/#/, "%23")
	gsub(/"/, "%22")
	gsub(/</, "%3C")
	gsub(/>/, "%3E")
	gsub(/&/, "%26")
	plot[name] = plot[name] $0 "%0A"
	next
}

FILENAME == "compared.tsv" {
	if ($1 == "quote") {
		if (!source_seen[$3]++) source_name[++sources] = $3
		quotes[$2] = quotes[$2] "<p><q>" html($5) "</q>" ($6 == "" ? "" : " " html($6)) " " with_links($3) "</p>"
	}
	next
}

FILENAME == "experiments.tsv" {
	name_at[++experiments] = $E["experiment"]
	group_of[experiments] = $E["group"]
	sources_of[experiments] = $E["sources"]
	question_of[experiments] = $E["question"]
	verdict_of[experiments] = $E["verdict"]
	claim_of[experiments] = $E["claim"]
	said[experiments] = in_words($E["verdict"], html($E["condition"]), "<code>", "</code>")
	means[experiments] = html(sentence($E["means"], $E["doubt"], $E["verdict"]))
	tally[$E["verdict"]]++
	if (!group_seen[$E["group"]]++) group_name[++groups] = $E["group"]
	n = split($E["sources"], f, " ")
	for (i = 1; i <= n; i++)
		if (!source_seen[f[i]]++) source_name[++sources] = f[i]
	next
}

{ read_ladder() }

# --- an experiment -----------------------------------------------------------

# conditions(name): an arm's name, as HTML.
function conditions(name,    n, i, f, out) {
	if (sub(/^control: /, "", name)) out = "<span class=\"badge control\">control</span>"
	n = split(name, f, /,? /)
	for (i = 1; i <= n; i++) out = out "<code>" html(f[i]) "</code>" (i < n ? " " : "")
	return "<span class=arm>" out "</span>"
}

# print_map: the one that make_map() made.
function print_map(    i, j, n, m, key, column_key) {
	n = split(map_row_keys, key, " ")
	m = split(map_column_keys, column_key, " ")
	print "<div class=maps tabindex=0 role=group aria-label=map><table class=map><caption>What was observed" \
		(map_title == "" ? "" : " of " conditions(map_title)) (map_note == "" ? "" : " (" html(map_note) ")") "</caption><thead>"
	for (i = 1; i <= m; i++) {
		print "<tr><th scope=row colspan=" n ">" html(column_key[i])
		for (j = 1; j <= map_columns; j++) print "<th scope=col>" html(value_in(map_column[j], i))
	}
	print "<tr>"
	for (i = 1; i <= n; i++) print "<th scope=col>" html(key[i])
	print "<td colspan=" map_columns "></thead><tbody>"
	for (i = 1; i <= map_rows; i++) {
		print "<tr>"
		for (j = 1; j <= n; j++) print "<th scope=row>" html(value_in(map_row[i], j))
		for (j = 1; j <= map_columns; j++) print "<td class=\"" map_kind[i, j] "\">" html(marked(i, j))
	}
	print "</tbody></table></div>"
}

# short_table: how many arms observed what, and why.
function short_table(name,    i, row) {
	print "<table class=\"cards short\"><caption>What " n_arms[name] " arms came to; \342\200\234with\342\200\235 are the" \
		" conditions that tell a row from the others; " not_equal ": not as claimed</caption><thead><tr>" \
		"<th scope=col>observed<th scope=col>arms<th scope=col>with<th scope=col>because</thead><tbody>"
	for (i = 1; i <= rows[name]; i++) {
		row = name SUBSEP i
		print "<tr><th scope=row class=value>" html(row_text(row)) "<td>" row_count(row) \
			"<td>" conditions(row_with(name, row)) "<td>" html(row_why[row])
	}
	print "</tbody></table>"
}

# arm_table: every arm.
function arm_table(name,    i, arm, claimed) {
	print "<table class=\"cards each\"><caption>Every arm. \342\200\234claimed\342\200\235 is what the article promises" \
		" for it; \342\200\234expected\342\200\235 what the kernel\342\200\231s rules say; " not_equal ": not as claimed</caption><thead><tr>" \
		"<th scope=col>arm<th scope=col>claimed<th scope=col>expected<th scope=col>observed<th scope=col>why, and evidence" \
		"</thead><tbody>"
	for (i = 1; i <= n_arms[name]; i++) {
		arm = arm_at[name, i]
		$0 = line_of[arm]
		claimed = $F["control"] == 1 || $F["promised"] == "" ? "\342\200\223" : html(counted($F["promised"]))
		print "<tr" ($F["ok"] == "true" ? "" : " class=bad") "><th scope=row>" conditions($F["name"]) \
			"<td>" claimed "<td>" html(counted($F["expected"])) "<td class=\"value" \
			(kind_of[arm] == "does-not-hold" ? " does-not-hold\">" not_equal " " : "\">") \
			($F["observed"] == "skipped" ? badge("skipped") : html(counted($F["observed"]))) \
			($F["ok"] == "true" ? "" : " " badge("unexpected")) "<td>" html($F["why"]) \
			(arm in evidence ? "<details><summary>evidence (" evidence_lines[arm] \
			(evidence_lines[arm] == 1 ? " line" : " lines") ")</summary><pre>" evidence[arm] "</pre></details>" : "")
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
	insert(folder "/report.css")
	print scoped(style) "</style></head><body>"
	print "<a class=skip href=\"#_summary\">to the verdicts</a>"
	print_contents()
	print "<header><h1>TIME_WAIT on trial</h1>"
	print "<p>What articles say of TCP\342\200\231s TIME_WAIT, put to Linux " html(kernel) ": " \
		experiments " experiments, " arms_in_all " arms" \
		("seconds" in about ? ", " html(about["seconds"]) " s" : "") ".</p>"
	print "<ul class=tally>"
	for (i = 1; i <= n_verdicts; i++)
		if (tally[verdicts[i]])
			print "<li><button type=button disabled class=\"badge " verdicts[i] "\" data-verdict=\"" verdicts[i] \
				"\"><strong>" tally[verdicts[i]] "</strong> " words(verdicts[i]) "</button>"
	print "</ul></header><main>"
	print_sources()
	print_summary()
	print_run()
}

# print_contents: they stay in view.
function print_contents(    i, v) {
	for (i = 1; i <= n_verdicts; i++) sign[verdicts[i]] = signs[i]
	print "<nav id=_contents aria-label=contents><details open><summary>Contents</summary><ul>" \
		"<li><a href=\"#_sources\">Sources and words</a><li><a href=\"#_summary\">The verdicts</a><li><a href=\"#_run\">The run</a>"
	for (i = 1; i <= experiments; i++) {
		if (group_of[i] != group_of[i - 1])
			print (i > 1 ? "</ul>" : "") "<li><a href=\"#" group_id(i) "\">" heading(group_of[i]) "</a><ul>"
		v = verdict_of[i]
		print "<li data-name=\"" html(name_at[i]) "\"><span class=\"sign " html(v) "\" role=img aria-label=\"" html(words(v)) \
			"\">" sign[v] "</span><a href=\"#" html(name_at[i]) "\">" html(name_at[i]) "</a>"
	}
	print "</ul></ul></details></nav>"
}

# insert(file): a file of our own, as it is.
function insert(file,    line, got) {
	while ((got = (getline line < file)) > 0) print line
	close(file)
	if (got < 0) exit 1
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
	print "<section id=_summary><h2>The verdicts</h2><form id=_filter hidden>"
	print "<label>source<select name=source>" options("all", sources, source_name)
	print "<label>group<select name=group>" options("all", groups, group_name)
	print "<label>verdict<select name=verdict>" options("all", known, present)
	print "<label>words<input type=search name=find></label>"
	print "<button type=reset>show all</button><output id=_count role=status></output></form>"
	print "<table id=_verdicts class=cards><caption>One line an experiment; each is told below</caption><thead><tr>" \
		"<th scope=col>verdict<th scope=col>experiment<th scope=col>claim, and what it comes to<th scope=col>source</thead>"
	for (i = 1; i <= experiments; i++) {
		if (group_of[i] != group_of[i - 1])
			print "<tbody><tr><th scope=rowgroup colspan=4>" heading(group_of[i])
		print "<tr data-name=\"" html(name_at[i]) "\" data-group=\"" html(group_of[i]) \
			"\" data-sources=\"" html(sources_of[i]) "\" data-verdict=\"" html(verdict_of[i]) \
			"\"><td>" badge(verdict_of[i]) "<th scope=row><a href=\"#" html(name_at[i]) "\">" html(name_at[i]) \
			"</a><td>" html(claim_of[i]) \
			(means[i] != "" ? "<div class=\"if dim\">" means[i] "</div>" : \
			said[i] == "" ? "" : "<div class=\"if dim\">" said[i] "</div>") \
			"<td>" with_links(sources_of[i])
	}
	print "</table></section>"
}

# print_run: what ran where.
function print_run(    i) {
	print "<section id=_run><h2>The run</h2>"
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
	print "</section>"
}

# print_sources: they, and the words, before they are used.
function print_sources(    i) {
	print "<section id=_sources><h2>Sources and words</h2><dl>"
	for (i = 1; i <= sources; i++)
		print "<dt id=\"_source-" html(source_name[i]) "\">" html(source_name[i]) "<dd>" source(source_name[i])
	print "</dl><h3>The words</h3><dl>"
	for (i = 1; i <= n_verdicts; i++)
		if (tally[verdicts[i]]) print "<dt>" badge(verdicts[i]) "<dd>" say[verdicts[i]]
	print "<dt>arm<dd>the same steps under named conditions, in network namespaces of its own" \
		"<dt>control<dd>an arm that differs from another in one condition, the cause, and must come out otherwise than is promised for that</dl></section>"
}

# asked_on(question): a question of Server Fault (SF) or Stack Overflow (SO), by its number.
function asked_on(question,    site, number) {
	site = question ~ /^SF/ ? "Server Fault" : "Stack Overflow"
	number = substr(question, 3)
	return "<a href=\"https://" (question ~ /^SF/ ? "serverfault" : "stackoverflow") ".com/questions/" \
		number "\">" site " question " number "</a>"
}

# source(letters): in full, as HTML.
function source(letters,    text) {
	if (letters ~ /^S[FO][0-9]+$/)
		return asked_on(letters)
	text = (letters in names) ? names[letters] : html(letters)
	if (letters == "SF")
		sub(/Server Fault question 693529/, asked_on("SF693529"), text)
	return text
}

# group_id(t): the anchor of the group that begins with the t-th experiment; experiments of
# one's own come first, and their group may begin again.
function group_id(t,    i) {
	for (i = 1; i < t; i++) if (group_of[i] == group_of[t]) return html("_group-" group_of[t] "-" t)
	return html("_group-" group_of[t])
}

# print_trial(t): the t-th experiment.
function print_trial(t,    name, verdict, i, n, f, list) {
	name = name_at[t]
	verdict = verdict_of[t]
	if (group_of[t] != group_of[t - 1])
		print (t > 1 ? "</section>" : "") "<section class=group><h2 id=\"" group_id(t) "\">" heading(group_of[t]) "</h2>"
	n = split(sources_of[t], f, " ")
	for (i = 1; i <= n; i++) list = list (i > 1 ? "; " : "") source(f[i])
	print "<section class=trial id=\"" html(name) "\"><h3><a href=\"#" html(name) "\">" html(name) "</a> " \
		badge(verdict) "</h3>"
	print "<blockquote><p>" html(claim_of[t]) "</p>" quotes[name] "<footer class=dim>" list "</footer></blockquote>"
	if (means[t] != "") print "<p class=means>" means[t] "</p>"
	print "<p class=if><strong>" html(capital(words(verdict == "holds-if" ? "holds" : verdict))) \
		"</strong>" (said[t] == "" ? "" : (verdict == "holds-if" ? ", " : ": ") said[t]) ".</p>"
	print lesson[name] closing[name]
	n = maps(name, question_of[t])
	for (i = 1; i <= n; i++) if (make_map(name, question_of[t], i)) print_map()
	if (n_arms[name] > 12) {
		short_table(name)
		print "<details class=arms><summary>all " n_arms[name] " arms</summary>"
		arm_table(name)
		print "</details>"
	} else if (n_arms[name]) arm_table(name)
	if (name in plot)
		print "<h4>Measured</h4><figure><div class=scroll tabindex=0 role=group aria-label=plot><img alt=\"" \
			plot_title[name] "\" src=\"data:image/svg+xml," plot[name] "\"></div></figure>"
	print_ladders(name, verdict)
	print "<h4>To see it yourself</h4><pre tabindex=0>" lab " show " html(name) \
		"      # every arm with its evidence\n" lab " run -v " html(name) \
		"    # step by step, with what crosses the wire</pre></section>"
}

function capital(text) { return toupper(substr(text, 1, 1)) substr(text, 2) }

END {
	if (!whole || !experiments) exit 1
	print_head()
	for (t = 1; t <= experiments; t++) print_trial(t)
	print "</section></main><footer><p>Written by <code>lab report</code> from a run. The claims and" \
		" the lessons stand in the experiments; the rest was observed.</p></footer><script>"
	insert(folder "/report.js")
	print "</script></body></html>"
}
