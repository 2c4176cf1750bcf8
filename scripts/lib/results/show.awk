# SPDX-License-Identifier: MIT
# show.awk - experiments for people: the claim, the verdict, every arm.  Arms that agree
# are folded, unless all=1: the first with its evidence, the others by their names.
# names: those that are shown, or nothing for all.
# Input: compared.tsv, evidence.tsv, arms.tsv, experiments.tsv; see record.awk.
FILENAME ~ /compared\.tsv$/ {
	if ($1 == "quote")
		quotes[$2] = quotes[$2] $3 ($4 == "" ? "" : " (" $4 ")") ": " $5 "\n" ($6 == "" ? "" : "    " $6 "\n")
	next
}
FILENAME ~ /evidence\.tsv$/ {
	line = $0
	sub(/^[^\t]*\t[^\t]*\t/, "", line)
	evidence[$1, $2] = evidence[$1, $2] "      " line "\n"
	next
}
FILENAME ~ /arms\.tsv$/ {
	name = $F["experiment"]
	key = $F["expected"] SUBSEP $F["why"] SUBSEP $F["control"]
	if (!all && $F["ok"] == "true" && $F["observed"] != "skipped" && (name, key) in first) {
		also[name, first[name, key]] = also[name, first[name, key]] "   also: " $F["name"] "\n"
		next
	}
	n = ++arms[name]
	first[name, key] = n
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
	printf "%s%s (%s; %s)\n%s\nverdict: %s%s (%s s)\n", (shown++ ? "\n" : ""), name, $E["group"], $E["sources"], \
		$E["claim"], $E["verdict"], \
		($E["condition"] == "" ? "" : ": " in_words($E["verdict"], $E["condition"])), $E["seconds"]
	if ($E["means"] != "") printf "means: %s\n", sentence($E["means"], $E["doubt"])
	printf "%sscope: %sthis kernel's defaults\n", quotes[name], ($E["article"] == "" ? "" : $E["article"] ", ")
	for (i = 1; i <= arms[name]; i++) printf "%s%s", arm[name, i], also[name, i]
}
