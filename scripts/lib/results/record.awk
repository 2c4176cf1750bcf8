# SPDX-License-Identifier: MIT
# record.awk - the fields of arms.tsv and experiments.tsv by name: $F["observed"]; and
# what is said of them in one way.
# Variables: arm_fields and experiment_fields, their names in order (lib/arm,
# lib/results/results).  Arms of an experiment stand together, in their order.

BEGIN {
	FS = "\t"
	not_equal = "\342\211\240" # the sign for what is not as claimed
	count_of_fields = split(arm_fields, name_of, " ")
	for (i = 1; i <= count_of_fields; i++) F[name_of[i]] = i
	count_of_fields = split(experiment_fields, name_of, " ")
	for (i = 1; i <= count_of_fields; i++) E[name_of[i]] = i
}

# arm_kind(): the arm in this line against what the article promises for it: holds or
# does-not-hold; or unexpected, skipped; or nothing, where it promises nothing.
function arm_kind() {
	return $F["ok"] != "true" ? "unexpected" : $F["observed"] == "skipped" ? "skipped" : \
		$F["control"] == 1 || $F["promised"] == "" ? "" : $F["observed"] == $F["promised"] && $F["expected"] == $F["promised"] ? "holds" : "does-not-hold"
}

# either(ok, expected, observed): what is told of an arm; of two numbers that its rule leaves open
# one is there by chance: both.  as_told(): of the arm in this line.
function either(ok, expected, observed) {
	return ok == "true" && observed ~ /^[0-9]/ && expected ~ /^[0-9]+ or [0-9]+ / ? expected : observed
}
function as_told() { return either($F["ok"], $F["expected"], $F["observed"]) }

# words(verdict): as people read it.
function words(verdict) {
	gsub(/-/, " ", verdict)
	return verdict
}

# in_words(verdict, condition, left, right): how a verdict's condition is said; the
# conditions of arms in it stand between left and right.
function in_words(verdict, condition, left, right,    n, i, term, at, before, text, rest) {
	if (verdict != "holds-if") return condition
	if (condition ~ /^no condition/) return "under " condition
	text = "only with "
	if (sub(/^not \(/, "", condition)) {
		text = "except with "
		sub(/\)$/, "", condition)
	}
	# What was not tested is said behind them.
	if (match(condition, /[,;] .*/)) {
		rest = substr(condition, RSTART)
		condition = substr(condition, 1, RSTART - 1)
	}
	gsub(/[()]/, "", condition)
	n = split(condition, term, " or ")
	for (i = 1; i <= n; i++) {
		at = index(term[i], "=")
		# size=4 or 1
		if (term[i] !~ / / && substr(term[i], 1, at) == before)
			text = text " or " left substr(term[i], at + 1) right
		else {
			before = term[i] ~ / / ? "" : substr(term[i], 1, at)
			gsub(/ and /, right " and " left, term[i])
			text = text (i > 1 ? ", or with " : "") left term[i] right
		}
	}
	return text rest
}

# sentence(means, doubt, verdict): the verdict in words, and what makes it doubtful; nothing of
# what is unexpected.
function sentence(means, doubt, verdict) {
	if (verdict == "unexpected") return ""
	if (doubt == "") return means
	return doubt ~ /^not so/ ? "No longer true: " means " (" doubt ")" : means " (" doubt ")"
}

# counted(observed): a number with its noun, which may be one.
function counted(observed) {
	if (observed ~ /^1 [a-z][a-z][a-z]+s$/) sub(/s$/, "", observed)
	return observed
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

# quoted(text): as a JSON string.
function quoted(text) {
	gsub(/\\/, "\\\\&", text)
	gsub(/"/, "\\\"", text)
	return "\"" text "\""
}

# paint(verdict, text): in the verdict's colour, on a terminal: where colour is 1.
function paint(verdict, text) {
	if (!colour || verdict == "") return text
	if (verdict == "holds") return "\033[32m" text "\033[0m"
	if (verdict == "holds-if") return "\033[33m" text "\033[0m"
	if (verdict == "does-not-hold") return "\033[31m" text "\033[0m"
	if (verdict == "unexpected") return "\033[1;37;41m" text "\033[0m"
	return "\033[2m" text "\033[0m"
}
