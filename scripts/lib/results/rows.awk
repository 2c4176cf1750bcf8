# SPDX-License-Identifier: MIT
# rows.awk - the arms of an experiment in as few rows as tell what was observed and why.
# See record.awk; for findings.awk and report.awk.
#
# rows[NAME] is their number; of row i of an experiment, R = NAME SUBSEP i:
# row_observed[R], row_why[R], row_arms[R], row_controls[R].

# add_to_rows(): the arm in this line.
function add_to_rows(    name, key, row, n, i, at, pair) {
	name = $F["experiment"]
	key = name SUBSEP ($F["observed"] == "skipped" ? "skipped" : counted(as_told())) SUBSEP $F["why"] SUBSEP $F["ok"]
	if (!(key in row_of)) {
		rows[name]++
		row_of[key] = row = name SUBSEP rows[name]
		row_observed[row] = counted(as_told()) ($F["ok"] == "true" ? "" : ", UNEXPECTED: expected " $F["expected"])
		row_why[row] = $F["why"]
	}
	row = row_of[key]
	arms_of[name]++
	row_arms[row]++
	row_controls[row] += $F["control"]
	row_against[row] += arm_kind() == "does-not-hold"
	n = split($F["conditions"], pair, " ")
	for (i = 1; i <= n; i++) {
		at = index(pair[i], "=")
		add_value(name, substr(pair[i], 1, at - 1), substr(pair[i], at + 1))
		add_value(row, substr(pair[i], 1, at - 1), substr(pair[i], at + 1))
	}
}

# add_value(of, key, value): that experiment, or row, has an arm with this condition.
function add_value(of, key, value) {
	if (!(of SUBSEP key in values)) keys[of] = keys[of] " " key
	having[of, key]++
	if (index(" " values[of, key] " ", " " value " ")) return
	values[of, key] = values[of, key] (values[of, key] == "" ? "" : " ") value
}

# kinds(of, key, arms): how many values of that condition its arms have; none is one.
function kinds(of, key, arms,    list) {
	return split(values[of, key], list, " ") + (having[of, key] < arms)
}

# row_with(name, row, left, right): the conditions of the row's arms that tell it from
# others: NAME=VALUE,VALUE, each between left and right.
function row_with(name, row, left, right,    n, i, key, list, text) {
	n = split(keys[row], key, " ")
	for (i = 1; i <= n; i++) {
		if (kinds(row, key[i], row_arms[row]) == kinds(name, key[i], arms_of[name])) continue
		list = values[row, key[i]]
		gsub(/ /, ",", list)
		text = text (text == "" ? "" : " ") left key[i] "=" list right
	}
	return text
}

# row_text(row): what was observed; with a sign where that is not as claimed.
function row_text(row) {
	if (!row_against[row]) return row_observed[row]
	return not_equal " " row_observed[row] (row_against[row] + row_controls[row] < row_arms[row] ? " (" row_against[row] " arms)" : "")
}

# row_count(row): how many arms, and how many of them controls.
function row_count(row) {
	return row_arms[row] (row_controls[row] ? " (" row_controls[row] " control" (row_controls[row] == 1 ? "" : "s") ")" : "")
}
