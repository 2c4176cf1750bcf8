# SPDX-License-Identifier: MIT
# tap.awk - TAP 14: a test for each experiment, its arms as subtests.
# Input: arms.tsv, experiments.tsv; see record.awk.  Variables: n, how many; version, for
# the first line.
BEGIN { print "TAP version " version "\n1.." n }

FILENAME ~ /arms\.tsv$/ {
	name = $F["experiment"]
	lines[name] = lines[name] sprintf("    %s %d - %s: %s%s\n", ($F["ok"] == "true" ? "ok" : "not ok"), \
		++count[name], $F["name"], $F["observed"], \
		($F["observed"] == "skipped" ? " # SKIP " $F["why"] : ""))
	if ($F["control"] != 1 && $F["promised"] != "")
		lines[name] = lines[name] "    # promised: " $F["promised"] "\n"
	if ($F["ok"] != "true")
		lines[name] = lines[name] sprintf("    # want: %s\n    # got:  %s (%s)\n", \
			$F["expected"], $F["observed"], $F["why"])
	next
}

{
	name = $E["experiment"]
	condition = $E["condition"]
	gsub(/#/, "\\#", condition)
	printf "# Subtest: %s\n    1..%d\n    # scope: %s\n", name, count[name], \
		$E["article"] ($E["article"] == "" ? "" : ", ") "this kernel's defaults"
	printf "%s", lines[name]
	text = sentence($E["means"], $E["doubt"], $E["verdict"])
	if (text != "") printf "    # means: %s\n", text
	printf "%s %d - %s: %s%s%s\n", ($E["ok"] == "true" ? "ok" : "not ok"), ++tests, name, \
		$E["verdict"], (condition == "" || $E["verdict"] == "skipped" ? "" : ": " condition), \
		($E["verdict"] == "skipped" ? " # SKIP " condition : "")
}
