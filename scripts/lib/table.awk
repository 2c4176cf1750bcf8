# table.awk - the table at the end of `lab run`.
# Input, for every experiment, in order: NAME.tsv (name, group, sources, verdict,
# condition, seconds, arms, ok, claim) and NAME.arms (see verdict.awk).  Variables:
# colour, kernel, seconds; lab, what a user types to call it; report, the page's
# path or nothing.
FILENAME ~ /\.arms$/ {
	if ($5 == "skipped") {
		skipped[experiments]++
		reason[experiments] = $9
	} else if ($3 != "true")
		bad[experiments] = bad[experiments] "\n" $8 ": expected " $4 ", observed " $5 ": " $9
	next
}

{
	experiments++
	arms += $7
	if ($8 != "true") unexpected++
	row[experiments] = $0
}

# wrap(text, first, indent): prints the text in lines of 79 columns.
function wrap(text, first, indent,    n, i, word, line) {
	n = split(text, word, " ")
	line = first
	for (i = 1; i <= n; i++) {
		if (length(line) + length(word[i]) > 78 && line ~ /[^ ]$/) {
			print line
			line = indent
		}
		line = line (line ~ /[^ ]$/ ? " " : "") word[i]
	}
	print line
}

# in_words(verdict, condition): "only with ...", "except with ...".
function in_words(verdict, condition) {
	if (verdict != "holds-if") return condition
	if (condition !~ /^not \(/) return "only with " condition
	return "except with " substr(condition, 6, length(condition) - 6)
}

function paint(verdict, text) {
	if (!colour) return text
	if (verdict == "holds") return "\033[32m" text "\033[0m"
	if (verdict == "holds-if") return "\033[33m" text "\033[0m"
	if (verdict == "does-not-hold") return "\033[31m" text "\033[0m"
	if (verdict == "unexpected") return "\033[1;37;41m" text "\033[0m"
	return "\033[2m" text "\033[0m"
}

END {
	blank = "                 "
	printf "Linux %s, %d experiment%s, %d arms, %s s\n", kernel, experiments, \
		(experiments == 1 ? "" : "s"), arms, seconds
	for (i = 1; i <= experiments; i++) {
		split(row[i], f, "\t")
		if (f[2] != group) printf "\n%s\n", group = f[2]
		words = f[4]
		gsub(/-/, " ", words)
		printf "  %s%-40s %16s\n", paint(f[4], sprintf("%-15s", words)), f[1], f[6] " s"
		wrap(f[9], blank, blank)
		if (f[5] != "")
			wrap(in_words(f[4], f[5]), blank, blank)
		if (skipped[i] && f[4] != "skipped")
			wrap(sprintf("%d of %d arms skipped: %s", skipped[i], f[7], reason[i]), blank, blank)
		if (f[8] != "true") {
			names = names " " f[1]
			n = split(bad[i], arm, "\n")
			for (j = 2; j <= n; j++) wrap(arm[j], blank, blank)
		}
	}
	printf "\n%d unexpected%s. Evidence: %s show NAME%s\n", unexpected, \
		(unexpected ? ":" names : ""), lab, (report == "" ? "" : "; report: " report)
	if (unexpected && report == "")
		printf "(show runs NAME again; %s run --out DIR keeps the evidence of a run.)\n", lab
}
