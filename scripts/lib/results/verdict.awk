# SPDX-License-Identifier: MIT
# verdict.awk - computes the verdict of each experiment from its arms.
#
# Input: declared.tsv (what experiments declare), compared.tsv (which arm is compared
# with which; see controls.awk), then arms.tsv; see record.awk.
# Variable: defaults, this kernel's sysctls as NAME=VALUE ...
# Output: experiments.tsv; the last two fields are the experiment's sentence, and what
# makes it doubtful.
#
# An arm agrees with the article when it was observed to do what the article
# promised for it, and the model leaves no other number open ("4 or 5
# connections"): a promise that is kept by chance is not kept.  Arms for which it
# promises nothing, and controls, are not counted.  Of skipped arms the model's
# expectation stands for the observation where the claim would hold without them, as
# what this machine cannot show does not hold for that; and in the text of a condition.

FILENAME ~ /declared\.tsv$/ {
	declared[$E["experiment"]] = $0
	next
}

FILENAME ~ /compared\.tsv$/ {
	if ($1 == "class") class[$2, $3] = $4
	else if ($1 == "control") compared[$2, $3] = compared[$2, $3] " " $4
	else if ($1 == "means") means[$2] = $3
	else if ($1 == "rests") {
		rests_on[$2, ++bases[$2]] = $4
		rests_outcome[$2, bases[$2]] = $3
	}
	next
}

$F["experiment"] != experiment {
	finish()
	begin($F["experiment"])
}

{
	began[seen] = $F["began"]
	ended[seen++] = $F["ended"]
	arm_at[seen] = number = $F["number"]
	observed[number] = $F["observed"]
	promised[number] = $F["promised"]
	is_control[number] = $F["control"]
	why_skipped[number] = $F["why"]
	name_of_arm[number] = $F["conditions"]
	if ($F["ok"] != "true") unexpected = 1
	if ($F["observed"] == "skipped") {
		if (reason == "") reason = $F["why"]
		if ($F["control"] != 1 && $F["promised"] != "") {
			would_agree[untested] = ($F["expected"] == $F["promised"])
			untested_has[untested++] = $F["conditions"]
		}
		next
	}
	if ($F["control"] == 1 || $F["promised"] == "") next
	count($F["observed"] == $F["promised"] && $F["expected"] == $F["observed"], $F["conditions"])
}

# begin(name): nothing is known of the arms of this experiment yet.
function begin(name,    field) {
	experiment = name
	split(declared[name], field, "\t")
	article = field[E["article"]]
	arms = agreeing = nkeys = untested = seen = unexpected = 0
	reason = no_control = undecided = ""
	split("", agrees); split("", value); split("", known); split("", keys)
	split("", observed); split("", promised); split("", is_control); split("", name_of_arm)
}

# check_controls(): a control must come out otherwise than is promised for an arm that is
# equal to it but for one condition; and of each class of arms, of one question and one
# promise, one must have a control, or an arm of another promise, that does.  Leaves in
# `undecided` what does not; in no_control why none of those that a class could be
# compared with has run.
function check_controls(    k, a, c, n, i, other, told, differs, was_skipped, alike, decides) {
	for (k = 1; k <= seen; k++) {
		a = arm_at[k]
		if (is_control[a] == 1 || !((experiment, a) in class)) continue
		c = class[experiment, a]
		n = split(compared[experiment, a], other, " ")
		if (observed[a] == "skipped") {
			# (The only one of its class, maybe, that could be compared, or that its
			# control differs from.)
			if (n) was_skipped[c] = why_skipped[a]
			for (i = 1; i <= n; i++) decides[other[i]] = 1
			continue
		}
		if (!(c in told)) told[c] = a
		for (i = 1; i <= n; i++) {
			if (!(other[i] in observed)) was_skipped[c] = "it was left out of this run"
			else if (observed[other[i]] == "skipped") was_skipped[c] = why_skipped[other[i]]
			else if (observed[other[i]] != promised[a]) differs[c] = decides[other[i]] = 1
			else if (is_control[other[i]] == 1) alike[other[i]] = a
		}
	}
	for (k = 1; k <= seen; k++) {
		a = arm_at[k]
		if ((a in alike) && !(a in decides))
			undecided = "the control " name_of_arm[a] " came out as promised for " name_of_arm[alike[a]]
		if (!((experiment, a) in class)) continue
		c = class[experiment, a]
		if (!(c in told) || told[c] != a || (c in differs)) continue
		if (c in was_skipped) no_control = was_skipped[c]
		else undecided = "no control differs from what is promised for " name_of_arm[a]
	}
}

# busy(): the seconds in which one of its arms was running, or more than one.
function busy(    i, j, k, sum, to) {
	for (i = 1; i < seen; i++)
		for (j = i; j > 0 && began[j - 1] > began[j]; j--) {
			k = began[j]; began[j] = began[j - 1]; began[j - 1] = k
			k = ended[j]; ended[j] = ended[j - 1]; ended[j - 1] = k
		}
	for (i = 0; i < seen; i++) {
		if (began[i] > to) to = began[i]
		if (ended[i] > to) {
			sum += ended[i] - to
			to = ended[i]
		}
	}
	return sprintf("%.2f", sum / 1000)
}

# count(yes, conditions): one more arm, that agrees or does not.
function count(yes, conditions,    n, i, pair, at, key) {
	agrees[arms] = yes
	conditions_of[arms] = conditions
	agreeing += yes
	n = split(conditions, pair, " ")
	for (i = 1; i <= n; i++) {
		at = index(pair[i], "=")
		key = substr(pair[i], 1, at - 1)
		value[arms, key] = substr(pair[i], at + 1)
		if (!(key in known)) {
			known[key] = 1
			keys[nkeys++] = key
		}
	}
	arms++
}

# add_terms(size, from, text): appends every term of `size` conditions that covers an arm
# that agrees as is `sought`, and no other, and that no shorter term includes.
function add_terms(size, from, text,    k, a, v, seen, i, yes, no) {
	if (size == 0) {
		for (i = 0; i < terms; i++)
			if (includes(text, term[i])) return
		for (a = 0; a < arms; a++)
			if (includes(conditions_of[a], text)) {
				if (agrees[a] == sought) yes++
				else no++
			}
		if (yes && !no) {
			term[terms] = text
			length_of[terms] = split(text, seen, " ")
			terms++
		}
		return
	}
	for (k = from; k < nkeys; k++)
		for (a = 0; a < arms; a++) {
			if (!((a, keys[k]) in value)) continue
			v = keys[k] "=" value[a, keys[k]]
			if (v in seen) continue
			seen[v] = 1
			add_terms(size - 1, k + 1, text (text == "" ? "" : " ") v)
		}
}

# includes(text, short): is every condition of `short` in `text`?  NAME= is one that
# `text` does not name.
function includes(text, short,    n, i, pair) {
	n = split(short, pair, " ")
	for (i = 1; i <= n; i++)
		if (pair[i] ~ /=$/ ? index(" " text, " " pair[i]) : !index(" " text " ", " " pair[i] " ")) return 0
	return 1
}

# cover(which): the terms that together cover all arms that agree, or do not, as few and as short
# as can be found: each time the term that covers most arms not covered yet;
# then terms that the others made needless are dropped.  Returns them joined by
# "or", and leaves in `literals` how many conditions that names; "" if the
# arms' conditions cannot tell.
function cover(which,    size, a, t, best, gain, most, left, text, part, n, u, needed, n_chosen) {
	sought = which
	terms = n_chosen = left = literals = 0
	split("", term); split("", length_of); split("", covered); split("", chosen); split("", dropped)
	for (size = 1; size <= nkeys && size <= 5; size++)
		add_terms(size, 0, "")
	for (a = 0; a < arms; a++)
		if (agrees[a] == which) left++
	while (left) {
		most = 0
		for (t = 0; t < terms; t++) {
			gain = 0
			for (a = 0; a < arms; a++)
				if (agrees[a] == which && !covered[a] && includes(conditions_of[a], term[t])) gain++
			if (gain > most || (gain == most && gain && length_of[t] < length_of[best])) {
				most = gain
				best = t
			}
		}
		if (!most) return ""
		chosen[n_chosen++] = best
		for (a = 0; a < arms; a++)
			if (agrees[a] == which && !covered[a] && includes(conditions_of[a], term[best])) {
				covered[a] = 1
				left--
			}
	}
	for (n = 0; n < n_chosen; n++) {
		needed = 0
		for (a = 0; a < arms && !needed; a++) {
			if (agrees[a] != which || !includes(conditions_of[a], term[chosen[n]])) continue
			needed = 1
			for (u = 0; u < n_chosen; u++)
				if (u != n && !(u in dropped) && includes(conditions_of[a], term[chosen[u]])) needed = 0
		}
		if (!needed) dropped[n] = 1
	}
	for (n = 0; n < n_chosen; n++) {
		if (n in dropped) continue
		literals += length_of[chosen[n]]
		part = term[chosen[n]]
		gsub(/ /, " and ", part)
		if (n_chosen > 1 && part ~ / and /) part = "(" part ")"
		text = text (text == "" ? "" : " or ") part
	}
	return text
}

# condition(): when the claim holds, or, where that names fewer conditions, when
# it does not, as "not (...)".
function condition(    yes, no, n_yes) {
	yes = cover(1)
	n_yes = literals
	no = cover(0)
	if (no != "" && (yes == "" || literals < n_yes)) return "not (" no ")"
	return yes == "" ? "no condition of these arms alone" : yes
}

END { finish() }

# finish(): prints the line of the experiment whose arms have all been read.
function finish(    a, text, tested_text) {
	if (experiment == "") return
	check_controls()
	if (unexpected || undecided != "") {
		verdict = "unexpected"
		text = undecided
	}
	else if (arms == 0 && reason != "") {
		verdict = "skipped"
		text = reason
	} else if (arms && no_control != "") {
		# The claim was put to the test, and this machine has nothing to
		# compare it with.
		verdict = "skipped"
		text = "no control: " no_control
	} else if (arms == 0) {
		verdict = "unexpected"
		text = "the article promises nothing of any arm"
	} else {
		tested = arms
		verdict = judge()
		if (verdict == "holds-if") tested_text = condition()
		for (a = 0; a < untested; a++) count(would_agree[a], untested_has[a])
		if (verdict == "holds") {
			verdict = judge()
			if (verdict == "holds-if") text = exceptions()
		} else if (verdict == "holds-if") {
			# The text is the same whatever this machine cannot run.
			text = condition()
			if (text != tested_text) text = text "; not all of that was tested here"
		} else if (judge() == "holds") {
			verdict = "skipped" # those that the article speaks of
			text = reason
		} else if (judge() != verdict) text = "of the arms that ran; others would agree"
	}
	printf "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", declared[experiment], verdict, text, \
		(verdict == "unexpected" ? "false" : "true"), busy(), seen, means[experiment], doubt()
}

# doubt(): why the sentence of this experiment is not true of these arms, or was not
# tested whole; "" where each arm that it rests on did as it says.
function doubt(    i, k, a, on, ran, untested_basis) {
	for (i = 1; i <= bases[experiment]; i++) {
		on = rests_on[experiment, i]
		ran = 0
		for (k = 1; k <= seen; k++) {
			a = arm_at[k]
			if (observed[a] == "skipped" || !includes((name_of_arm[a] ~ /link=/ ? "" : "link=lo ") name_of_arm[a], on)) continue
			ran = 1
			if (index("|" rests_outcome[experiment, i] "|", "|" observed[a] "|") == 0)
				return "not so here: " observed[a] " with " name_of_arm[a]
		}
		if (!ran) untested_basis = "not all of that was tested here"
	}
	return untested_basis
}

# judge(): the verdict by the arms that are counted.
function judge(    a, meant) {
	if (agreeing == arms) return "holds"
	if (agreeing == 0) return "does-not-hold"
	for (a = 0; a < arms; a++)
		if (in_scope(a)) {
			meant++
			if (!agrees[a]) return "holds-if"
		}
	return meant ? "holds" : "holds-if"
}

# in_scope(a): the arm has what the article states, and for the rest this kernel's
# defaults, as far as it has these conditions at all.
function in_scope(a,    n, i, pair, at, key, stated) {
	n = split(article " " defaults, pair, " ")
	for (i = 1; i <= n; i++) {
		at = index(pair[i], "=")
		key = substr(pair[i], 1, at - 1)
		if ((a, key) in value && !(key in stated) && value[a, key] != substr(pair[i], at + 1)) return 0
		stated[key]
	}
	return 1
}

# exceptions(): the same as condition(), where the arms from `tested` on are of the
# model alone.  So it names what does not hold, which was not tested.
function exceptions(    a, text, seen) {
	for (a = 0; a < tested; a++)
		if (!agrees[a]) seen = 1
	text = cover(0)
	if (text == "") return condition() "; not all that this leaves out was tested here"
	return "not (" text ", " (seen ? "part of " : "") "which was not tested here)"
}
