# table.awk - the table at the end of `lab run`.
# Input: NAME.tsv of every experiment, in order: name, group, sources, verdict,
# condition, seconds, arms, ok, claim.  Variables: colour, kernel, seconds;
# lab, what a user types to call it; report, the page's path or nothing.
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
	printf "Linux %s, %d experiments, %d arms, %s s\n", kernel, experiments, arms, seconds
	for (i = 1; i <= experiments; i++) {
		split(row[i], f, "\t")
		if (f[2] != group) printf "\n%s\n", group = f[2]
		words = f[4]
		gsub(/-/, " ", words)
		printf "  %s%-40s %16s\n", paint(f[4], sprintf("%-15s", words)), f[1], f[6] " s"
		wrap(f[9], blank, blank)
		if (f[5] != "")
			wrap(in_words(f[4], f[5]), blank, blank)
	}
	printf "\n%d unexpected. Evidence: %s show NAME%s\n", unexpected, lab, \
		(report == "" ? "" : "; report: " report)
}
