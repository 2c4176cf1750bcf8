# SPDX-License-Identifier: MIT
# show.awk - experiments for people: the claim, the verdict, every arm.  Arms that agree
# are folded, unless all=1: the first with its evidence, the others by their names.
# names: those that are shown, or nothing for all; colour: 1 for the maps' cells; legend: of
# conditions, a line each (lib/experiment).
# Input: compared.tsv, evidence.tsv, arms.tsv, experiments.tsv; see record.awk, grid.awk.

# print_map(): the one that make_map() made.  Of the rows' conditions the names stand
# above one another, so that their values need little room.
function print_map(    i, j, n, m, key, column_key, wide, left, bars, width, text) {
	n = split(map_row_keys, key, " ")
	m = split(map_column_keys, column_key, " ")
	for (i = 1; i <= n; i++) {
		for (j = 1; j <= map_rows; j++)
			if (length(value_in(map_row[j], i)) > wide[i]) wide[i] = length(value_in(map_row[j], i))
		left += wide[i] + 2
	}
	for (i = 1; i <= m; i++) {
		if (length(column_key[i]) + 2 > left) left = length(column_key[i]) + 2
		for (j = 1; j <= map_columns; j++)
			if (length(value_in(map_column[j], i)) > width) width = length(value_in(map_column[j], i))
	}
	for (i = 1; i <= map_rows; i++)
		for (j = 1; j <= map_columns; j++)
			if (length(map_cell[i, j]) > width) width = length(map_cell[i, j])
	printf "map%s%s\n", (map_title == "" ? "" : " of " map_title), (map_note == "" ? "" : " (" map_note ")")
	for (i = 1; i <= m; i++) {
		text = sprintf("  %-" left "s", column_key[i])
		for (j = 1; j <= map_columns; j++) text = text sprintf("  %-" width "s", value_in(map_column[j], i))
		sub(/ +$/, "", text)
		print text
	}
	for (i = 1; i <= n; i++) {
		print "  " bars key[i]
		bars = bars sprintf("%-" wide[i] + 2 "s", "|")
	}
	for (i = 1; i <= map_rows; i++) {
		text = ""
		for (j = 1; j <= n; j++) text = text sprintf("%-" wide[j] + 2 "s", value_in(map_row[i], j))
		text = sprintf("  %-" left "s", text)
		for (j = 1; j <= map_columns; j++)
			text = text " " (map_kind[i, j] == "does-not-hold" ? not_equal : " ") \
				paint(map_kind[i, j] "", map_cell[i, j] "") sprintf("%" width - length(map_cell[i, j]) "s", "")
		sub(/ +$/, "", text)
		print text
	}
}
# print_legend(name): of the conditions that its arms have.
function print_legend(name,    n, i, line, head, text) {
	n = split(legend, line, "\n")
	for (i = 1; i <= n; i++) {
		head = line[i]
		sub(/ .*/, "", head)
		if ((name, head) in in_use)
			text = text (text == "" ? "conditions: " : "; ") head ":" substr(line[i], length(head) + 1)
	}
	if (text != "") wrap(text, "", "    ")
}
FILENAME ~ /compared\.tsv$/ {
	if ($1 == "quote")
		quotes[$2] = quotes[$2] $3 ($4 == "" ? "" : " (" $4 ")") ": " $5 "\n" ($6 == "" ? "" : "    " $6 "\n")
	next
}
FILENAME ~ /evidence\.tsv$/ {
	evidence[$1, $2] = evidence[$1, $2] "      " $3 "\n"
	next
}
FILENAME ~ /arms\.tsv$/ {
	add_to_grid()
	name = $F["experiment"]
	n = split($F["conditions"], pair, " ")
	for (i = 1; i <= n; i++) {
		in_use[name, pair[i]]
		sub(/=.*/, "", pair[i])
		in_use[name, pair[i]]
	}
	key = $F["expected"] SUBSEP $F["why"] SUBSEP ($F["control"] == 1 ? "control" : "promised " $F["promised"])
	if (!all && $F["ok"] == "true" && $F["observed"] != "skipped" && (name, key) in first) {
		also[name, first[name, key]] = also[name, first[name, key]] "   also: " $F["name"] "\n"
		next
	}
	n = ++arms[name]
	if ($F["ok"] == "true" && $F["observed"] != "skipped") first[name, key] = n
	text = sprintf("\n%s %s\n", ($F["observed"] == "skipped" ? "-" : $F["ok"] == "true" ? "ok" : "UNEXPECTED"), $F["name"])
	if ($F["observed"] == "skipped") text = text "   skipped: " $F["why"] "\n"
	else text = text "   expected " $F["expected"] ", observed " $F["observed"] \
		($F["promised"] == "" || $F["control"] == 1 ? "" : \
		$F["promised"] == $F["observed"] ? ", as the article promises" : "; the article promises " $F["promised"]) "\n   " $F["why"] "\n"
	arm[name, n] = text evidence[name, $F["number"]]
	next
}
names != "" && index(" " names " ", " " $E["experiment"] " ") == 0 { next }
{
	name = $E["experiment"]
	printf "%s%s (%s; %s)\n%s\n", (shown++ ? "\n" : ""), name, $E["group"], $E["sources"], $E["claim"]
	text = sentence($E["means"], $E["doubt"], $E["verdict"])
	if (text != "") printf "means: %s\n", text
	printf "verdict: %s%s (%s s)\n", $E["verdict"], \
		($E["condition"] == "" ? "" : ": " in_words($E["verdict"], $E["condition"])), $E["seconds"]
	printf "%sscope: %sthis kernel's defaults\n", quotes[name], ($E["article"] == "" ? "" : $E["article"] ", ")
	print_legend(name)
	n = maps(name, $E["question"])
	for (i = 1; i <= n; i++) if (make_map(name, $E["question"], i)) print_map()
	for (i = 1; i <= arms[name]; i++) printf "%s%s", arm[name, i], also[name, i]
}
