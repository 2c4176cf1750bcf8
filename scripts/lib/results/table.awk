# SPDX-License-Identifier: MIT
# table.awk - the table at the end of `lab run`.
# Input: arms.tsv, experiments.tsv; see record.awk.  Variables: colour, kernel, seconds;
# lab, what a user types to call it; report, the page's path or nothing.
FILENAME ~ /arms\.tsv$/ {
	arms++
	name = $F["experiment"]
	count[name]++
	if ($F["observed"] == "skipped") {
		skipped[name]++
		reason[name] = $F["why"]
	} else if ($F["ok"] != "true")
		bad[name] = bad[name] "\n" $F["name"] ": expected " $F["expected"] ", observed " $F["observed"] ": " $F["why"]
	next
}

{
	row[++experiments] = $0
	tally[$E["verdict"]]++
}

# say(number, one, many): "27 hold", "1 holds".
function say(number, one, many) {
	if (number) summary = summary (summary == "" ? "" : ", ") number " " (number == 1 ? one : many)
}

END {
	blank = "                 "
	printf "Linux %s, %d experiment%s, %d arms, %s s\n", kernel, experiments, \
		(experiments == 1 ? "" : "s"), arms, seconds
	for (i = 1; i <= experiments; i++) {
		split(row[i], f, "\t")
		name = f[E["experiment"]]
		verdict = f[E["verdict"]]
		if (f[E["group"]] != group) printf "\n%s\n", group = f[E["group"]]
		printf "  %s%-40s %16s\n", paint(verdict, sprintf("%-15s", words(verdict))), name, f[E["seconds"]] " s"
		wrap(f[E["claim"]], blank, blank)
		text = sentence(f[E["means"]], f[E["doubt"]], verdict)
		if (text != "" && verdict != "skipped")
			wrap(text, substr(blank, 4) "=> ", blank)
		else if (f[E["condition"]] != "") wrap(in_words(verdict, f[E["condition"]]), blank, blank)
		if (skipped[name] && verdict != "skipped")
			wrap(sprintf("%d of %d arms skipped: %s", skipped[name], count[name], reason[name]), blank, blank)
		if (verdict == "unexpected") {
			names = names " " name
			n = split(bad[name], arm, "\n")
			for (j = 2; j <= n; j++) wrap(arm[j], blank, blank)
		}
	}
	say(tally["holds"], "holds", "hold")
	say(tally["holds-if"], "holds only under a condition", "hold only under a condition")
	say(tally["does-not-hold"], "does not hold", "do not hold")
	say(tally["skipped"], "skipped", "skipped")
	printf "\n%s%s%d unexpected%s\n", summary, (summary == "" ? "" : "; "), tally["unexpected"], \
		(tally["unexpected"] ? ":" names : "")
	printf "Evidence: %s show NAME%s\n", lab, (report == "" ? "" : "; report: " report)
	if (tally["unexpected"] && report == "")
		printf "(show runs NAME again; %s run --out DIR keeps the evidence of a run.)\n", lab
}
