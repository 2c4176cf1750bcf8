# SPDX-License-Identifier: MIT
# probe.awk - what the functions that rules name did in each arm, by the kernel's own word.
#
# Input: lib/probed; then the trace, as trace_pipe prints it, until the line `rtest over`; then
# arms.tsv, if it is there (see record.awk).  Variables: out, a folder for what it writes;
# kernel, its release.
#
#	probed_arms.tsv  arms.tsv again: an arm whose reason the kernel does not confirm is not ok
#	probe.tsv        EXPERIMENT, number, what was called, as JSON
#	evidence.tsv     a line more for each arm
#	probes           of each function, how many arms name it, and of how many that is
#	                 confirmed; or why it was not probed
#
# Between the probes' lines the trace has, each of one task,
#
#	rtest begin EXPERIMENT NUMBER    an arm begins (anew, where it was void)
#	rtest host EXPERIMENT NUMBER     this task made its namespace for that arm
#	rtest end EXPERIMENT NUMBER      the outcome is there: what comes is of no account
#
# and those of lib/probe.  What is called in a namespace between its begin, tcp_sk_init(),
# and the end of the arm is the arm's, whichever task it interrupts.

BEGIN { OFS = "\t" }

FILENAME ~ /\/probed$/ {
	if ($0 ~ /^#/) next
	n = split($0, word, " ")
	for (i = 5; i <= n; i++) answers[word[1]] = answers[word[1]] " " word[i]
	next
}

/^CPU:[0-9]+ \[LOST / {
	for (arm in open) lossy[arm] = 1
	holes = 1
	next
}

# TASK-PID [CPU] FLAGS TIME: EVENT: ...
match($0, /-[0-9]+ +\[[0-9]+\] [^:]*: [A-Za-z0-9_]+: /) {
	text = substr($0, RSTART + RLENGTH)
	n = split(substr($0, RSTART + 1, RLENGTH - 3), word, " ")
	# Each CPU has an idle task, and all of them the number 0.
	task = word[1] == 0 ? word[2] : word[1]
	event = word[n]
	if (event == "tracing_mark_write") {
		if (text ~ /^rtest /) mark(text)
	} else if (event ~ /__ret$/) leave(substr(event, 1, length(event) - 5), text)
	else enter(event, text)
	if (over) exit
}

# value(text, name): what follows NAME= in it.
function value(text, name) {
	if (!match(text, name "=[^ ]+")) return ""
	return substr(text, RSTART + length(name) + 1, RLENGTH - length(name) - 1)
}

function enter(event, text,    net, name) {
	net = value(text, "net")
	if (net ~ /^0x/ && net != "0x0") last_net[task] = net
	else net = last_net[task]
	if (event == "tcp_sk_init") {
		for (name in asked) {
			calls[net, name] = 0
			returned[net, name] = ""
		}
		made_by[task] = net
	}
	calls[net, event]++
	stack[task, event, depth[task, event]++] = net
}

function leave(event, text,    net) {
	if (depth[task, event] < 1) return
	net = stack[task, event, --depth[task, event]]
	returned[net, event] = returned[net, event] " " value(text, "ret")
}

function mark(text,    word, arm, net, n, i, event) {
	split(text, word, " ")
	arm = word[3] SUBSEP word[4]
	if (word[2] == "over") over = 1
	else if (word[2] == "on") asked[word[3]] = 1
	else if (word[2] == "as") stands_for[word[3]] = word[4]
	else if (word[2] == "no") {
		sub(/^rtest no [^ ]+ /, "", text)
		unprobed[word[3]] = text
	} else if (word[2] == "begin") {
		open[arm] = begun[arm] = 1
		nets[arm] = ""
		delete lossy[arm]
		for (event in asked) {
			delete calls_in[arm, event]
			delete returned_in[arm, event]
		}
		delete unseen[arm]
	} else if (word[2] == "host") {
		if (!(task in made_by)) unseen[arm] = 1
		nets[arm] = nets[arm] " " made_by[task]
	} else if (word[2] == "end") {
		n = split(nets[arm], net, " ")
		for (i = 1; i <= n; i++)
			for (event in asked) {
				if (!calls[net[i], event]) continue
				calls_in[arm, event] += calls[net[i], event]
				returned_in[arm, event] = returned_in[arm, event] returned[net[i], event]
			}
		nets[arm] = ""
		delete open[arm]
	}
}

# has(arm, function, values): did some call return one of these?
function has(arm, name, values,    n, m, i, j, got, wanted) {
	n = split(returned_in[arm, name], got, " ")
	m = split(values, wanted, ",")
	for (i = 1; i <= n; i++)
		for (j = 1; j <= m; j++)
			if (got[i] == wanted[j] || wanted[j] == "-*" && got[i] ~ /^-/) return 1
	return 0
}

# tally(list): "0, 0, 1" as "0 (2), 1"; with json, "0":2,"1":1
function tally(list, json,    n, i, got, count, order, m, text) {
	n = split(list, got, " ")
	for (i = 1; i <= n; i++) if (!count[got[i]]++) order[++m] = got[i]
	for (i = 1; i <= m; i++) {
		if (i > 1) text = text (json ? "," : ", ")
		if (json) text = text "\"" order[i] "\":" count[order[i]]
		else text = text order[i] (count[order[i]] > 1 ? " (" count[order[i]] " times)" : "")
	}
	return text
}

# judge(arm, rule, outcome): why the reason of the rule is not the kernel's, "" where it is;
# leaves in `said` what the kernel says, or in `silent` why it says nothing.
function judge(arm, rule, outcome,    name, n, i, answer, at, values, never) {
	said = silent = ""
	name = rule in stands_for ? stands_for[rule] : rule
	if ((arm in lossy) || holes && !(arm in begun)) silent = "the trace has lost events"
	else if (arm in unseen) silent = "the probes did not see its namespace"
	else if (rule in unprobed) silent = unprobed[rule]
	else if (!(name in asked)) silent = "it was not asked"
	if (silent != "") return ""
	said = name (name != rule ? ", of which " rule " is a part" : "") ": "
	if (!calls_in[arm, name]) {
		said = said "not called"
		return "which was not called"
	}
	said = said calls_in[arm, name] " call" (calls_in[arm, name] > 1 ? "s" : "")
	if (returned_in[arm, name] != "") said = said ", returned " tally(returned_in[arm, name])
	n = split(answers[rule], answer, " ")
	for (i = 1; i <= n; i++) {
		at = index(answer[i], "=")
		if (outcome !~ "^(" substr(answer[i], 1, at - 1) ")$") continue
		values = substr(answer[i], at + 1)
		never = ""
		if (at = index(values, "!")) {
			never = substr(values, at + 1)
			values = substr(values, 1, at - 1)
		}
		if (values != "" && !has(arm, name, values) || never != "" && has(arm, name, never))
			return "which returned" returned_in[arm, name]
		return ""
	}
	return n ? "which does not decide that" : ""
}

END {
	if (!over) exit 1
	while ((getline < arms) > 0) {
		arm = $F["experiment"] SUBSEP $F["number"]
		list = ""
		for (name in asked) {
			if (!calls_in[arm, name]) continue
			list = list (list == "" ? "" : ",") "{\"function\":\"" name "\",\"calls\":" calls_in[arm, name] \
				",\"returned\":{" tally(returned_in[arm, name], 1) "}}"
		}
		printf "%s\t%s\t%s\n", $F["experiment"], $F["number"], list >(out "/probe.tsv")
		rule = $F["why"]
		if ($F["ok"] == "true" && $F["observed"] != "skipped" && sub(/: .*/, "", rule)) {
			wrong = judge(arm, rule, $F["expected"])
			count[rule]++
			if (silent != "") why_silent[rule] = silent
			else if (wrong == "") confirmed[rule]++
			else {
				$F["ok"] = "false"
				$F["why"] = "the reason names " rule ", " wrong ": " $F["why"]
			}
			printf "%s\t%s\tprobe: %s\n", $F["experiment"], $F["number"], \
				(silent != "" ? "not " rule ": " silent : said) >>(out "/evidence.tsv")
		}
		print >(out "/probed_arms.tsv")
	}
	printf "%-30s %5s %9s\n", "function", "arms", "confirmed" >(out "/probes")
	close(out "/probes")
	for (rule in count)
		printf "%-30s %5d %9d  %s\n", rule, count[rule], confirmed[rule], why_silent[rule] | "sort >>" out "/probes"
}
