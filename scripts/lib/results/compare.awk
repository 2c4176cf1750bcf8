# SPDX-License-Identifier: MIT
# compare.awk - what differs between runs of the lab.
#
# Input: for each run a line `@run`, a tab, its path, a tab, rtest's version; then its
# lines of JSON.  Variables: format (term, json, md or html), colour.
# Exit: 0 the same, 1 they differ, 2 a line that is none of the lab's.

# --- reading -----------------------------------------------------------------

# parse(line): json[PATH] has its values, PATH as in "arms/0/conditions/link"; 0 where it
# is not well-formed.  Between quotes are strings, and what is not is structure.
function parse(line,    n, part, i, text, c, depth, kind, key, want_key, at) {
	split("", json)
	gsub(/\\\\/, "\001", line)
	gsub(/\\"/, "\002", line)
	n = split(line, part, "\"")
	if (n % 2 == 0) return 0
	depth = 0
	key[0] = ""
	for (i = 1; i <= n; i++) {
		if (i % 2 == 0) {
			if (want_key) at = part[i]
			else json[path(key, depth)] = plain(part[i])
			if (want_key) key[depth] = at
			continue
		}
		text = part[i]
		while (text != "") {
			c = substr(text, 1, 1)
			if (c == "{" || c == "[") {
				kind[++depth] = c
				want_key = c == "{"
				key[depth] = 0
			} else if (c == "}" || c == "]") {
				if (depth < 1 || kind[depth] != (c == "}" ? "{" : "[")) return 0
				depth--
				want_key = 0
			} else if (c == ",") {
				if (depth < 1) return 0
				want_key = kind[depth] == "{"
				if (!want_key) key[depth]++
			} else if (c == ":") want_key = 0
			else if (match(text, /^[-+.0-9A-Za-z]+/)) {
				json[path(key, depth)] = substr(text, 1, RLENGTH)
				text = substr(text, RLENGTH + 1)
				continue
			} else if (c !~ /[ \t\r]/) return 0
			text = substr(text, 2)
		}
	}
	return depth == 0
}

function path(key, depth,    i, text) {
	text = key[1]
	for (i = 2; i <= depth; i++) text = text "/" key[i]
	return text
}

# plain(s): a JSON string's text.
function plain(s) {
	gsub(/\002/, "\"", s)
	gsub(/\\t/, " ", s)
	gsub(/\\n/, " ", s)
	gsub(/\001/, "\\", s)
	return s
}

function complain(text) {
	printf "lab: %s\n", text | "cat >&2"
	close("cat >&2")
	failed = 2
	exit failed
}

$1 == "@run" {
	run_path[++runs] = $2
	version[runs] = $3
	count[runs] = 0
	before = NR
	next
}

$0 == "" { next }

{
	if (!parse($0) || json["experiment"] == "" || json["verdict"] == "" || json["kernel"] == "")
		complain(run_path[runs] ": line " NR - before " is none of lab run --format json")
	name = json["experiment"]
	if ((runs, name) in slow) complain(run_path[runs] ": has " name " twice")
	count[runs]++
	kernel[runs] = json["kernel"]
	if (name in claim) shared = 1
	else {
		name_at[++experiments] = name
		claim[name] = json["claim"]
	}
	slow[runs, name] = 0
	for (i = 0; ("arms/" i "/expected") in json; i++) {
		at = "arms/" i "/"
		key = (json[at "control"] == "true" ? "control: " : "") conditions(at "conditions/")
		if (!((name, key) in arm)) {
			arm[name, key] = 1
			arm_at[name, ++arms[name]] = key
		}
		# The machine's speed is none of the kernel's doing.
		if (json[at "observed"] == "skipped" && json[at "why"] ~ /^too slow, /) {
			slow_arm[name, key, runs] = ++slow[runs, name]
			continue
		}
		expected[name, key, runs] = json[at "expected"]
		observed[name, key, runs] = json[at "observed"]
		ok[name, key, runs] = json[at "ok"] == "false" ? "false" : "true"
		why[name, key, runs] = json[at "why"]
	}
	if (json["verdict"] == "skipped" && json["condition"] ~ /too slow, [0-9]+ times/) next
	verdict[name, runs] = json["verdict"]
	condition[name, runs] = json["condition"]
}

# conditions(at): NAME=VALUE ..., sorted: the order in which an experiment names them is
# none of an arm's.
function conditions(at,    k, n, list, i, j, swap, text) {
	for (k in json) if (index(k, at) == 1) list[++n] = substr(k, length(at) + 1) "=" json[k]
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && list[j] < list[j - 1]; j--) { swap = list[j]; list[j] = list[j - 1]; list[j - 1] = swap }
	for (i = 1; i <= n; i++) text = text (i > 1 ? " " : "") list[i]
	return text
}

# --- comparing ---------------------------------------------------------------

# name_runs(): label[r]: the kernel where these differ, else the path.
function name_runs(    r, q, same) {
	for (r = 1; r <= runs; r++) for (q = 1; q < r; q++) if (kernel[r] == kernel[q]) same = 1
	for (r = 1; r <= runs; r++) label[r] = same ? run_path[r] : kernel[r]
}

function verdict_of(name, r) {
	if (!((name, r) in verdict)) return (r, name) in slow ? "the machine was too slow" : "not in this run"
	return words(verdict[name, r]) (condition[name, r] == "" ? "" : " (" condition[name, r] ")")
}

# complete(name, r): it has a verdict there, of all of its arms.
function complete(name, r) { return ((name, r) in verdict) && !slow[r, name] }

# conditions_differ(name): some verdicts of it differ in their condition alone.
function conditions_differ(name,    r, first) {
	for (r = 1; r <= runs; r++) {
		if (!complete(name, r)) continue
		if (!(verdict[name, r] in first)) first[verdict[name, r]] = condition[name, r]
		else if (condition[name, r] "" != first[verdict[name, r]] "") return 1
	}
	return 0
}

# seen(name, key, r): what that arm did in that run.  (Always a text: 1 is not 1.0.)
function seen(name, key, r) {
	if (!((name, key, r) in observed)) return "-"
	if (ok[name, key, r] == "false") return observed[name, key, r] ", expected " expected[name, key, r]
	return either("true", expected[name, key, r], observed[name, key, r]) ""
}

# compare(name): differs[name]; groups[name] kinds of difference, with the arms of each.
# What a run does not have, or had too slow a machine for, is told, but is no difference; nor
# is a verdict that came from the arms that are left, but for what these differ in.
function compare(name,    r, i, key, kind, first, has_first, other, i_kind) {
	differs[name] = 0
	for (r = 1; r <= runs; r++) {
		if (!((r, name) in slow)) {
			lacks[r] = lacks[r] " " name
			continue
		}
		if (slow[r, name]) too_slow[r] = too_slow[r] (too_slow[r] == "" ? " " : ", ") name " (" slow[r, name] (slow[r, name] == 1 ? " arm)" : " arms)")
		if (!complete(name, r)) continue
		if (first == "") first = verdict_of(name, r)
		else if (verdict_of(name, r) != first) differs[name] = 1
	}
	for (i = 1; i <= arms[name]; i++) {
		key = arm_at[name, i]
		kind = ""
		other = has_first = 0
		for (r = 1; r <= runs; r++) {
			kind = kind "\t" seen(name, key, r) "\t" why[name, key, r]
			if (!((name, key, r) in observed)) {
				if ((r, name) in slow && !((name, key, r) in slow_arm)) fewer[r]++
				continue
			}
			if (!has_first++) first = seen(name, key, r)
			else if (seen(name, key, r) != first) other = 1
		}
		if (!other) continue
		differs[name] = 1
		if (!((name, kind) in kind_of)) {
			kind_of[name, kind] = ++kinds[name]
			example[name, kinds[name]] = key
		}
		i_kind = kind_of[name, kind]
		list[name, i_kind] = list[name, i_kind] (members[name, i_kind]++ ? "\n" : "") key
	}
	return differs[name]
}

# --- printing ----------------------------------------------------------------

function print_term(    i, r, name, k, n, one, j, wide) {
	for (r = 1; r <= runs; r++) if (length(label[r]) > wide) wide = length(label[r])
	for (i = 1; i <= experiments; i++) {
		name = name_at[i]
		if (!differs[name]) continue
		print ""
		print (colour ? "\033[1m" name "\033[0m" : name)
		for (r = 1; r <= runs; r++) wrap(verdict_of(name, r), sprintf("  %-*s  ", wide, label[r]), sprintf("  %*s  ", wide, ""))
		for (k = 1; k <= kinds[name]; k++) {
			n = split(list[name, k], one, "\n")
			for (j = 1; j <= n && (j <= 4 || n == 5); j++) wrap(one[j], "  - ", "    ")
			if (n > 5) print "    and " n - 4 " more arms"
			for (r = 1; r <= runs; r++)
				if ((name, example[name, k], r) in observed)
					wrap(seen(name, example[name, k], r) ": " why[name, example[name, k], r], sprintf("    %-*s  ", wide, label[r]), sprintf("    %*s    ", wide, ""))
		}
	}
	print (different ? "\n" : "") different " of " experiments " experiments differ"
	print_lacks("")
}

# print_lacks(mark): what a run does not have; each line begins with mark.
function print_lacks(mark,    r) {
	for (r = 1; r <= runs; r++) {
		if (lacks[r] != "") wrap(cell("Not in " label[r] ":" lacks[r]), mark, "  ")
		if (too_slow[r] != "") wrap(cell("The machine was too slow in " label[r] ":" too_slow[r]), mark, "  ")
		if (fewer[r]) print cell(mark fewer[r] (fewer[r] == 1 ? " arm is" : " arms are") " not in " label[r])
	}
}

function print_json(    i, r, name, k, n, one, j, a) {
	for (i = 1; i <= experiments; i++) {
		name = name_at[i]
		if (!differs[name]) continue
		printf "{\"experiment\":%s,\"runs\":[", quoted(name)
		for (r = 1; r <= runs; r++) {
			printf "%s{\"run\":%s,\"kernel\":%s,", (r > 1 ? "," : ""), quoted(run_path[r]), quoted(kernel[r])
			if ((name, r) in verdict)
				printf "\"verdict\":%s,\"condition\":%s}", quoted(verdict[name, r]), quoted(condition[name, r])
			else printf "\"verdict\":null,\"condition\":null}"
		}
		printf "],\"arms\":["
		a = 0
		for (k = 1; k <= kinds[name]; k++) {
			n = split(list[name, k], one, "\n")
			for (j = 1; j <= n; j++) {
				printf "%s{\"arm\":%s,\"runs\":[", (a++ ? "," : ""), quoted(one[j])
				for (r = 1; r <= runs; r++) {
					printf "%s", (r > 1 ? "," : "")
					if ((name, one[j], r) in observed)
						printf "{\"expected\":%s,\"observed\":%s,\"ok\":%s,\"why\":%s}", quoted(expected[name, one[j], r]), \
							quoted(observed[name, one[j], r]), ok[name, one[j], r], quoted(why[name, one[j], r])
					else printf "null"
				}
				printf "]}"
			}
		}
		print "]}"
	}
}

# cell(s): as Markdown or HTML takes it.
function cell(s) {
	if (format == "html") { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s) }
	else if (format == "md") gsub(/\|/, "\\|", s)
	return s
}

# row(cells, n, head): a row of a table.
function row(cells, n, head,    i, line, tag) {
	tag = head ? "th" : "td"
	for (i = 1; i <= n; i++)
		line = line (format == "html" ? "<" tag ">" cells[i] "</" tag ">" : (i > 1 ? " | " : "| ") cells[i])
	print (format == "html" ? "<tr>" line "</tr>" : line " |")
	if (head && format == "md") {
		line = "|"
		for (i = 1; i <= n; i++) line = line " --- |"
		print line
	}
}

# print_page(): the matrix, and each difference with its reasons; Markdown or HTML.
function print_page(    i, r, name, k, n, one, j, cells, html, whole) {
	html = format == "html"
	if (html) {
		print "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Runs of the lab, side by side</title>"
		print "<style>body{font:15px sans-serif;max-width:70em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}"
		print "td,th{border:1px solid #8888;padding:.2em .6em;text-align:left;vertical-align:top}.d{font-weight:bold}</style>"
		print "<h1>Runs of the lab, side by side</h1><table>"
	}
	cells[1] = "experiment"
	for (r = 1; r <= runs; r++) cells[r + 1] = cell(label[r])
	row(cells, runs + 1, 1)
	for (i = 1; i <= experiments; i++) {
		name = name_at[i]
		cells[1] = cell(name)
		if (differs[name]) cells[1] = !html ? "**" cells[1] "**" : kinds[name] ? "<a class=\"d\" href=\"#" cells[1] "\">" cells[1] "</a>" : "<b>" cells[1] "</b>"
		whole = conditions_differ(name)
		for (r = 1; r <= runs; r++)
			cells[r + 1] = !((name, r) in verdict) ? "-" : cell(whole ? verdict_of(name, r) : words(verdict[name, r]))
		row(cells, runs + 1, 0)
	}
	if (html) print "</table>"
	for (i = 1; i <= experiments; i++) {
		name = name_at[i]
		if (!differs[name] || !kinds[name]) continue
		print (html ? "<h2 id=\"" cell(name) "\">" cell(name) "</h2><p>" cell(claim[name]) "</p>" : "\n### " cell(name) "\n\n> " cell(claim[name]))
		for (k = 1; k <= kinds[name]; k++) {
			n = split(list[name, k], one, "\n")
			print (html ? "<p><code>" cell(one[1]) "</code>" : "\n`" cell(one[1]) "`") \
				(n > 1 ? " and " n - 1 " more arm" (n > 2 ? "s" : "") : "") (html ? "</p><table>" : "\n")
			cells[1] = "kernel"; cells[2] = "observed"; cells[3] = "because"
			row(cells, 3, 1)
			for (r = 1; r <= runs; r++) {
				if (!((name, one[1], r) in observed)) continue
				cells[1] = cell(label[r]); cells[2] = cell(seen(name, one[1], r)); cells[3] = cell(why[name, one[1], r])
				row(cells, 3, 0)
			}
			if (html) print "</table>"
		}
	}
	print (html ? "<pre>" : "")
	print_lacks(html ? "" : "- ")
	if (html) print "</pre></html>"
}

END {
	if (failed) exit failed
	for (r = 1; r <= runs; r++) if (!count[r]) { complain(run_path[r] ": no results"); exit 2 }
	for (r = 2; r <= runs; r++)
		if (version[r] != "" && version[1] != "" && version[r] != version[1])
			print "lab: " run_path[r] " is of rtest " version[r] ", " run_path[1] " of rtest " version[1] ": their rules may differ" | "cat >&2"
	name_runs()
	if (!shared) { complain("these runs have no experiment in common"); exit failed }
	for (i = 1; i <= experiments; i++) different += compare(name_at[i])
	different += 0
	if (format == "json") print_json()
	else if (format == "term") print_term()
	else print_page()
	exit different > 0
}
