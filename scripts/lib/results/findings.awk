# SPDX-License-Identifier: MIT
# findings.awk - docs/findings.md, or with table=1 the table of the README.
# Input: EXPERIMENT/lesson, compared.tsv, arms.tsv, experiments.tsv; see record.awk, rows.awk and grid.awk.
# Variables: kernel, table.

FILENAME ~ /lesson$/ {
	name = FILENAME
	sub(/\/.*/, "", name)
	lesson[name] = lesson[name] $0 "\n"
	next
}
FILENAME ~ /compared\.tsv$/ {
	if ($1 == "quote")
		quotes[$2] = quotes[$2] ">\n> " $3 ": " ($6 == "" ? ($3 == "rtest" ? $5 : "\"" $5 "\"") : $5 " (\"" $6 "\")") "\n"
	next
}
FILENAME ~ /arms\.tsv$/ {
	add_to_rows()
	add_to_grid()
	next
}
{
	name_at[++n] = $E["experiment"]
	group[n] = $E["group"]
	question[n] = $E["question"]
	sources[n] = $E["sources"]
	claim[n] = $E["claim"]
	scope[n] = $E["article"]
	gsub(/ /, "`, `", scope[n])
	verdict[n] = $E["verdict"]
	means[n] = sentence($E["means"], $E["doubt"], $E["verdict"])
	condition[n] = in_words($E["verdict"], $E["condition"], "`", "`")
}

# cell(text): in a table.
function cell(text) {
	gsub(/[|_]/, "\\\\&", text)
	return text
}

# said(verdict, condition): "Holds, only with ...".
function said(verdict, condition,    text) {
	text = words(verdict == "holds-if" ? "holds" : verdict)
	return "**" toupper(substr(text, 1, 1)) substr(text, 2) "**" \
		(condition == "" ? "" : (verdict == "holds-if" ? ", " : ": ") condition) "."
}

function print_table(    i) {
	print "| verdict on Linux " kernel " | experiment | the claim | in words |"
	print "| --- | --- | --- | --- |"
	for (i = 1; i <= n; i++) {
		gsub(/\|/, "\\|", claim[i])
		gsub(/\|/, "\\|", means[i])
		print "| " words(verdict[i]) " | " name_at[i] " | " claim[i] " (" sources[i] ") | " \
			(means[i] != "" ? means[i] : condition[i]) " |"
	}
}

# print_map(): the one that make_map() made.
function print_map(    i, j, n, key, line, text) {
	n = split(map_row_keys, key, " ")
	for (i = 1; i <= n; i++) line = line "| `" key[i] "` "
	for (j = 1; j <= map_columns; j++) {
		text = map_column[j]
		gsub(/ /, "` `", text)
		line = line "| `" text "` "
	}
	if (map_title != "") print "Of `" map_title "`:\n"
	print line "|"
	gsub(/[^|]+/, " --- ", line)
	print line "|"
	for (i = 1; i <= map_rows; i++) {
		line = ""
		for (j = 1; j <= n; j++) line = line "| " cell(value_in(map_row[i], j)) " "
		for (j = 1; j <= map_columns; j++) line = line "| " cell(marked(i, j)) " "
		print line "|"
	}
	print (map_note == "" ? "" : "\n" cell(map_note) ".") "\n"
}

function print_findings(    i, j, row, n_maps) {
	print "# Findings\n"
	print "What the claims in the articles come to on Linux " kernel ".  This file is"
	print "written by `make findings` from a run of the lab; see the"
	print "[README](../README.md) for the articles, and [reference.md](reference.md#the-verdicts)"
	print "for what the verdicts mean.  The tables"
	print "say how many arms observed what, with which of the conditions that differ, and why."
	print "Where the conditions make a grid, a map of it comes first, without the controls."
	print not_equal " marks what was claimed otherwise;"
	print "`scripts/lab show NAME` prints every arm with its evidence.\n"
	for (i = 1; i <= n; i++) {
		if (group[i] != group[i - 1]) print "- [" group[i] "](#" group[i] ")"
		print "  - [" name_at[i] "](#" name_at[i] "): " words(verdict[i])
	}
	for (i = 1; i <= n; i++) {
		if (group[i] != group[i - 1]) print "\n## " group[i]
		print "\n### " name_at[i] "\n\n> " claim[i] "\n" quotes[name_at[i]]
		if (means[i] != "") print means[i] "\n"
		print said(verdict[i], condition[i]) "  Scope: " (scope[i] == "" ? "" : "`" scope[i] "`, ") \
			"this kernel's defaults.\n"
		print lesson[name_at[i]]
		n_maps = maps(name_at[i], question[i])
		for (j = 1; j <= n_maps; j++) if (make_map(name_at[i], question[i], j)) print_map()
		print "| observed | arms | with | because |\n| --- | --- | --- | --- |"
		for (j = 1; j <= rows[name_at[i]]; j++) {
			row = name_at[i] SUBSEP j
			print "| " row_text(row) " | " row_count(row) " | " \
				row_with(name_at[i], row, "`", "`") " | " cell(row_why[row]) " |"
		}
	}
}

END {
	if (table) print_table()
	else print_findings()
}
