# json.awk - the line of design.md for one experiment.
# Input: NAME.tsv, NAME.evidence, NAME.arms (tab-separated; see trial, and
# verdict.awk for the arms).  Variable: kernel.

BEGIN { FS = "\t" }

# text(s): as a JSON string.
function text(s) {
	if (s ~ /[\\"\t\r]/) {
		gsub(/\\/, "\\\\", s)
		gsub(/"/, "\\\"", s)
		gsub(/\t/, "\\t", s)
		gsub(/\r/, "", s)
	}
	return "\"" s "\""
}

# conditions(s): "NAME=VALUE ..." as an object; a value that is a number stays one.
function conditions(s,    n, i, pair, at, value, list) {
	n = split(s, pair, " ")
	for (i = 1; i <= n; i++) {
		at = index(pair[i], "=")
		value = substr(pair[i], at + 1)
		if (value !~ /^(0|[1-9][0-9]*)(\.[0-9]+)?$/) value = text(value)
		list = list (i > 1 ? "," : "") text(substr(pair[i], 1, at - 1)) ":" value
	}
	return "{" list "}"
}

FILENAME ~ /\.tsv$/ {
	n = split($3, source, " ")
	for (i = 1; i <= n; i++) sources = sources (i > 1 ? "," : "") text(source[i])
	printf "{\"experiment\":%s,\"group\":%s,\"sources\":[%s],\"claim\":%s", \
		text($1), text($2), sources, text($9)
	printf ",\"verdict\":%s,\"condition\":%s,\"ok\":%s,\"seconds\":%s", \
		text($4), text($5), $8, $6
	printf ",\"kernel\":%s,\"arms\":[", text(kernel)
	next
}

FILENAME ~ /\.evidence$/ {
	line = $0
	sub(/^[^\t]*\t/, "", line)
	evidence[$1] = evidence[$1] (evidence[$1] == "" ? "" : ",") text(line)
	next
}

{
	printf "%s{\"arm\":%s,\"control\":%s,\"conditions\":%s", (arms++ ? "," : ""), \
		text($8), $2 == 1 ? "true" : "false", conditions($7)
	printf ",\"expected\":%s,\"observed\":%s,\"ok\":%s,\"why\":%s,\"evidence\":[%s]}", \
		text($4), text($5), $3, text($9), evidence[$1]
}

END { print "]}" }
