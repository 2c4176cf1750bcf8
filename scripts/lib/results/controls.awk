# SPDX-License-Identifier: MIT
# controls.awk - which arm is compared with which; and what is wrong with declarations.
#
# Input: the lines that lab's declared_in prints.  Output: the same, and for each
# experiment
#
#	class EXPERIMENT NUMBER TEXT        the question that this arm asks, and its promise
#	control EXPERIMENT NUMBER OTHER     OTHER is equal to it but for one condition, and
#	                                    is a control, or an arm of another promise
#
# A condition of `question` is no cause.  What is wrong is a line FILE:LINE: TEXT.

BEGIN { FS = OFS = "\t" }

$1 == "experiment" {
	experiment = $2
	file = $3
	n_questions = split($8, question, " ")
	n_arms = n_quotes = 0
}

$1 == "quote" { spoken_of[n_quotes++] = $4 }

$1 == "arm" {
	arm[n_arms] = $3
	is_control[n_arms] = $4
	conditions[n_arms] = $6 (" " $6 ~ / link=/ ? "" : " link=lo") # see conditions_of
	named[n_arms] = $6
	line[n_arms] = $7
	promised[n_arms++] = $8
}

$1 == "whole" {
	look()
	next
}

$1 == "end" && wrongs { next }

{ print }

# wrong(i, text): of the declaration of that arm.
function wrong(i, text) {
	wrongs++
	print file ":" line[i] ": " text
}

# parse(text, into): NAME=VALUE ... as an array.
function parse(text, into,    n, i, pair, at) {
	split("", into)
	n = split(text, pair, " ")
	for (i = 1; i <= n; i++) {
		at = index(pair[i], "=")
		into[substr(pair[i], 1, at - 1)] = substr(pair[i], at + 1)
	}
}

# differing(i, j): how many conditions the two do not share; `names` is which.
function differing(i, j,    a, b, k, n) {
	parse(conditions[i], a)
	parse(conditions[j], b)
	n = 0
	names = ""
	for (k in a)
		if (!(k in b) || a[k] != b[k]) { n++; names = names (names == "" ? "" : ", ") k }
	for (k in b)
		if (!(k in a)) { n++; names = names (names == "" ? "" : ", ") k }
	return n
}

# asks(i): the values of the conditions that are the question.
function asks(i,    a, k, text) {
	parse(conditions[i], a)
	for (k = 1; k <= n_questions; k++)
		text = text question[k] "=" a[question[k]] " "
	return text
}

# speaks(i): does a quote speak of this arm?
function speaks(i,    q, a, c, k, all) {
	parse(conditions[i], a)
	for (q = 0; q < n_quotes; q++) {
		parse(spoken_of[q], c)
		all = 1
		for (k in c) if (a[k] != c[k]) all = 0
		if (all) return 1
	}
	return 0
}

function look(    i, j, n, least, which, promises, asked, class, compared) {
	for (i = 0; i < n_arms; i++) {
		asked[i] = asks(i)
		class[i] = asked[i] "promised=" promised[i]
		if (!is_control[i] && promised[i] != "") {
			print "class", experiment, arm[i], class[i]
			if (!(class[i] in compared)) compared[class[i]] = 0
			if (n_quotes && !speaks(i))
				wrong(i, "the arm " named[i] " has a promise, and no quote speaks of it")
		}
	}
	for (j = 0; j < n_arms; j++) {
		least = 99
		which = promises = ""
		for (i = 0; i < n_arms; i++) {
			if (i == j || is_control[i] || promised[i] == "" || asked[i] != asked[j]) continue
			if (!is_control[j] && promised[i] == promised[j]) continue
			n = differing(i, j)
			if (n < least) { least = n; which = names }
			if (n != 1) continue
			print "control", experiment, arm[i], arm[j]
			compared[class[i]]++
		}
		if (!is_control[j] || least == 1) continue
		if (least == 0) wrong(j, "the control " named[j] " has the conditions of an arm: it controls nothing")
		else if (least == 99) wrong(j, "the control " named[j] " has no arm: none of its question has a promise")
		else wrong(j, "the control " named[j] " has more than one cause: it differs from every arm in " which " or more")
	}
	for (i = 0; i < n_arms; i++)
		if ((class[i] in compared) && !is_control[i] && !compared[class[i]]) {
			wrong(i, "the arm " named[i] " (promised: " promised[i] ") has no control that differs from it in one condition")
			compared[class[i]] = 1
		}
}
