# SPDX-License-Identifier: MIT
# json.awk - JSON, a line for each experiment.
# Input: compared.tsv, evidence.tsv, probe.tsv (--probe), arms.tsv, experiments.tsv; see
# record.awk.
# Variables: kernel; defaults, its sysctls as NAME=VALUE ...

# text(s): as a JSON string.
function text(s) {
	gsub(/\\/, "\\\\&", s)
	gsub(/"/, "\\\"", s)
	gsub(/\t/, "\\t", s)
	return "\"" s "\""
}

# conditions(s): "NAME=VALUE ..." as an object; a value that is a number stays one.
function conditions(s,    n, i, pair, at, value, list) {
	n = split(s, pair, " ")
	for (i = 1; i <= n; i++) {
		at = index(pair[i], "=")
		value = substr(pair[i], at + 1)
		if (value !~ /^-?(0|[1-9][0-9]*)(\.[0-9]+)?$/) value = text(value)
		list = list (i > 1 ? "," : "") text(substr(pair[i], 1, at - 1)) ":" value
	}
	return "{" list "}"
}

FILENAME ~ /compared\.tsv$/ {
	if ($1 == "quote")
		quotes[$2] = quotes[$2] (quotes[$2] == "" ? "" : ",") "{\"source\":" text($3) \
			",\"conditions\":" conditions($4) ",\"words\":" text($5) ",\"english\":" text($6) "}"
	next
}

FILENAME ~ /evidence\.tsv$/ {
	line = $0
	sub(/^[^\t]*\t[^\t]*\t/, "", line)
	evidence[$1, $2] = evidence[$1, $2] (evidence[$1, $2] == "" ? "" : ",") text(line)
	next
}

FILENAME ~ /probe\.tsv$/ {
	probe[$1, $2] = ",\"probe\":[" $3 "]"
	next
}

FILENAME ~ /arms\.tsv$/ {
	name = $F["experiment"]
	arms[name] = arms[name] (arms[name] == "" ? "" : ",") "{\"arm\":" text($F["name"]) \
		",\"control\":" ($F["control"] == 1 ? "true" : "false") \
		",\"conditions\":" conditions($F["conditions"]) \
		",\"expected\":" text($F["expected"]) ",\"observed\":" text($F["observed"]) \
		",\"ok\":" $F["ok"] ",\"why\":" text($F["why"]) \
		",\"promised\":" text($F["promised"]) ",\"call\":" text($F["call"]) \
		",\"evidence\":[" evidence[name, $F["number"]] "]" probe[name, $F["number"]] "}"
	next
}

{
	n = split($E["sources"], source, " ")
	sources = ""
	for (i = 1; i <= n; i++) sources = sources (i > 1 ? "," : "") text(source[i])
	printf "{\"experiment\":%s,\"group\":%s,\"sources\":[%s],\"claim\":%s", \
		text($E["experiment"]), text($E["group"]), sources, text($E["claim"])
	printf ",\"verdict\":%s,\"condition\":%s,\"ok\":%s,\"seconds\":%s", \
		text($E["verdict"]), text($E["condition"]), $E["ok"], $E["seconds"]
	print ",\"kernel\":" text(kernel) ",\"outcome\":" text($E["outcome"]) \
		",\"arms\":[" arms[$E["experiment"]] "]" \
		",\"scope\":" conditions($E["article"]) ",\"defaults\":" conditions(defaults) \
		",\"question\":" text($E["question"]) ",\"quotes\":[" quotes[$E["experiment"]] "]" \
		",\"means\":" text($E["means"]) ",\"doubt\":" text($E["doubt"]) "}"
}
