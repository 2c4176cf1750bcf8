# SPDX-License-Identifier: MIT
# json.awk - JSON, a line for each experiment.
# Input: compared.tsv, evidence.tsv, probe.tsv (--probe), arms.tsv, experiments.tsv; see
# record.awk.
# Variables: kernel; defaults, its sysctls as NAME=VALUE ...

# conditions(s): "NAME=VALUE ..." as an object; a value that is a number stays one.
function conditions(s,    n, i, pair, at, value, list) {
	n = split(s, pair, " ")
	for (i = 1; i <= n; i++) {
		at = index(pair[i], "=")
		value = substr(pair[i], at + 1)
		if (value !~ /^-?(0|[1-9][0-9]*)(\.[0-9]+)?$/) value = quoted(value)
		list = list (i > 1 ? "," : "") quoted(substr(pair[i], 1, at - 1)) ":" value
	}
	return "{" list "}"
}

FILENAME ~ /compared\.tsv$/ {
	if ($1 == "quote")
		quotes[$2] = quotes[$2] (quotes[$2] == "" ? "" : ",") "{\"source\":" quoted($3) \
			",\"conditions\":" conditions($4) ",\"words\":" quoted($5) ",\"english\":" quoted($6) "}"
	next
}

FILENAME ~ /evidence\.tsv$/ {
	evidence[$1, $2] = evidence[$1, $2] (evidence[$1, $2] == "" ? "" : ",") quoted($3)
	next
}

FILENAME ~ /probe\.tsv$/ {
	probe[$1, $2] = ",\"probe\":[" $3 "]"
	next
}

FILENAME ~ /arms\.tsv$/ {
	name = $F["experiment"]
	arms[name] = arms[name] (arms[name] == "" ? "" : ",") "{\"arm\":" quoted($F["name"]) \
		",\"control\":" ($F["control"] == 1 ? "true" : "false") \
		",\"conditions\":" conditions($F["conditions"]) \
		",\"expected\":" quoted($F["expected"]) ",\"observed\":" quoted($F["observed"]) \
		",\"ok\":" $F["ok"] ",\"why\":" quoted($F["why"]) \
		",\"promised\":" quoted($F["promised"]) ",\"call\":" quoted($F["call"]) \
		",\"evidence\":[" evidence[name, $F["number"]] "]" probe[name, $F["number"]] "}"
	next
}

{
	n = split($E["sources"], source, " ")
	sources = ""
	for (i = 1; i <= n; i++) sources = sources (i > 1 ? "," : "") quoted(source[i])
	printf "{\"experiment\":%s,\"group\":%s,\"sources\":[%s],\"claim\":%s", \
		quoted($E["experiment"]), quoted($E["group"]), sources, quoted($E["claim"])
	printf ",\"verdict\":%s,\"condition\":%s,\"ok\":%s,\"seconds\":%s", \
		quoted($E["verdict"]), quoted($E["condition"]), $E["ok"], $E["seconds"]
	print ",\"kernel\":" quoted(kernel) ",\"outcome\":" quoted($E["outcome"]) \
		",\"arms\":[" arms[$E["experiment"]] "]" \
		",\"scope\":" conditions($E["article"]) ",\"defaults\":" conditions(defaults) \
		",\"question\":" quoted($E["question"]) ",\"quotes\":[" quotes[$E["experiment"]] "]" \
		",\"means\":" quoted($E["means"]) ",\"doubt\":" quoted($E["doubt"]) "}"
}
