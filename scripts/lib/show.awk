# show.awk - one experiment for people: the claim, the verdict, every arm.
# Input: NAME.tsv, NAME.evidence (where there is one), NAME.arms.
FILENAME ~ /\.tsv$/ {
	printf "%s (%s; %s)\n%s\nverdict: %s%s (%s s)\n", $1, $2, $3, $9, $4, \
		($5 == "" ? "" : ": " $5), $6
	next
}
FILENAME ~ /\.evidence$/ {
	evidence[$1] = evidence[$1] "      " $2 "\n"
	next
}
{
	printf "\n%s %s\n", ($5 == "skipped" ? "-" : $3 == "true" ? "ok" : "UNEXPECTED"), $8
	if ($5 == "skipped") printf "   skipped: %s\n", $9
	else printf "   expected %s, observed %s\n   %s\n", $4, $5, $9
	printf "%s", evidence[$1]
}
