# tap.awk - TAP 14: a test for each experiment, its arms as subtests.
# Input: for each experiment NAME.tsv and NAME.arms.  Variables: n, how
# many; version, for the first line.
BEGIN { print "TAP version " version "\n1.." n }

function close_test() {
	if (name == "") return
	printf "%s %d - %s: %s%s%s\n", (ok == "true" ? "ok" : "not ok"), ++tests, name, verdict, \
		(condition == "" || verdict == "skipped" ? "" : ": " condition), \
		(verdict == "skipped" ? " # SKIP " condition : "")
}

# A .tsv has nine fields, an .arms line nine as well; the file's name tells.
FILENAME ~ /\.tsv$/ {
	close_test()
	name = $1; verdict = $4; condition = $5; ok = $8
	gsub(/#/, "\\#", condition)
	printf "# Subtest: %s\n    1..%d\n", name, $7
	next
}
{
	printf "    %s %d - %s: %s%s\n", ($3 == "true" ? "ok" : "not ok"), $1 + 1, $8, $5, \
		($5 == "skipped" ? " # SKIP " $9 : "")
	if ($3 != "true")
		printf "    # want: %s\n    # got:  %s (%s)\n", $4, $5, $9
}
END { close_test() }
