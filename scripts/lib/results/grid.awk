# SPDX-License-Identifier: MIT
# grid.awk - the arms of an experiment as a map: rows and columns are conditions, a cell
# is what was observed.  See record.awk; for show.awk, report.awk and findings.awk.
#
# Each question has a map of its own, without the controls.  Of the conditions those are
# left out that change nothing: neither what is observed nor whether it is as claimed.
# Of the others the last ones make the columns, as many as a terminal has room for, and
# the first ones the rows.  What would be less than 2 by 2 cells, or two thirds empty, is no map.

# add_to_grid(): the arm in this line.
function add_to_grid(    name, n) {
	if ($F["control"] == 1) return
	name = $F["experiment"]
	n = ++grid_arms[name]
	grid_conditions[name, n] = $F["conditions"]
	grid_text[name, n] = short(as_told()) ($F["ok"] == "true" ? "" : " UNEXPECTED")
	grid_kind[name, n] = arm_kind()
}

# short(observed): in a cell: "NOTAVAIL" of EADDRNOTAVAIL.
function short(observed,    text) {
	text = observed = counted(observed)
	if (observed ~ /^E(ADDR|CONN)[A-Z]+$/) {
		sub(/^E..../, "", text)
		in_full[text] = observed
	}
	return text
}

# picked(set, keys): "NAME=VALUE ..." of those keys; "-" is the value of one that
# is not there.
function picked(set, keys,    n, i, key, out) {
	n = split(keys, key, " ")
	for (i = 1; i <= n; i++)
		out = out (i > 1 ? " " : "") key[i] "=" \
			(match(" " set " ", " " key[i] "=[^ ]*") ? \
			substr(set, RSTART + length(key[i]) + 1, RLENGTH - length(key[i]) - 2) : "-")
	return out
}

# value_in(head, i): the i-th value of "NAME=VALUE ...".
function value_in(head, i,    pair) {
	split(head, pair, " ")
	return substr(pair[i], index(pair[i], "=") + 1)
}

# maps(name, question): how many maps the experiment has; make_map() makes them.
function maps(name, question,    a, part) {
	n_parts = 0
	split("", part_seen)
	for (a = 1; a <= grid_arms[name]; a++) {
		part_of[a] = part = picked(grid_conditions[name, a], question)
		if (!part_seen[part]++) part_at[++n_parts] = part
	}
	return n_parts
}

# agree(name, keys): arms of the map that have the same values of these do the same.
function agree(name, keys,    a, head, all_same) {
	for (a = 1; a <= grid_arms[name]; a++) {
		if (part_of[a] != map_title) continue
		head = picked(grid_conditions[name, a], keys)
		if (!(head in all_same)) all_same[head] = grid_text[name, a] SUBSEP grid_kind[name, a]
		else if (all_same[head] != grid_text[name, a] SUBSEP grid_kind[name, a]) return 0
	}
	return 1
}

# heads(name, keys, list): fills list with the combinations of values that arms have, in
# the order in which the experiment names the values; returns how many they are.
function heads(name, keys, list,    a, i, n, m, head, pair, rank, at, seen) {
	for (a = 1; a <= grid_arms[name]; a++) {
		head = picked(grid_conditions[name, a], keys)
		if (part_of[a] != map_title || head in seen) continue
		seen[head] = ""
		m = split(head, pair, " ")
		for (i = 1; i <= m; i++) {
			if (!((name, pair[i]) in nth)) nth[name, pair[i]] = ++nths
			seen[head] = seen[head] sprintf("%09d", nth[name, pair[i]])
		}
		for (i = ++n; i > 1 && seen[list[i - 1]] > seen[head]; i--) list[i] = list[i - 1]
		list[i] = head
	}
	return n
}

# make_map(name, question, which): leaves map_title (the question's conditions), map_rows
# and map_columns (how many), map_row[i] and map_column[j] (their "NAME=VALUE ..."),
# map_cell[i, j] and map_kind[i, j] (a verdict, or nothing), map_row_keys and
# map_column_keys, map_note.  False where there is no map.
function make_map(name, question, which,    a, i, j, n, m, key, keys, some, width, filled, out, pair, known, told, full, against) {
	map_title = part_at[which]
	for (a = 1; a <= grid_arms[name]; a++) {
		if (part_of[a] != map_title) continue
		m = split(grid_conditions[name, a], pair, " ")
		for (i = 1; i <= m; i++) {
			sub(/=.*/, "", pair[i])
			if (!known[pair[i]]++ && index(" " question " ", " " pair[i] " ") == 0) key[++n] = pair[i]
		}
		if (length(grid_text[name, a]) > width) width = length(grid_text[name, a])
	}
	for (i = 1; i <= n; i++) keys = keys " " key[i]
	keys = keys " "
	# The last ones first: what the experiment names first stays.
	for (i = n; i >= 1; i--) {
		some = keys
		sub(" " key[i] " ", " ", some)
		if (!agree(name, some)) continue
		# (One that hangs on the others has not been tried without them.)
		m = heads(name, key[i], map_row)
		if (m > 1 && heads(name, keys, map_row) == m * heads(name, some, map_row)) out = (out == "" ? key[i] : key[i] ", " out)
		keys = some
	}
	n = split(keys, key, " ")
	map_column_keys = ""
	for (i = n; i >= 2; i--) {
		some = key[i] (map_column_keys == "" ? "" : " " map_column_keys)
		if (map_column_keys != "" && heads(name, some, map_column) * (width + 3) > 64) break
		map_column_keys = some
	}
	map_row_keys = ""
	for (n = 1; n <= i || n == 1; n++) map_row_keys = map_row_keys (n > 1 ? " " : "") key[n]
	map_rows = heads(name, map_row_keys, map_row)
	map_columns = heads(name, map_column_keys, map_column)
	if (map_rows < 2 || map_columns < 2) return 0
	split("", map_cell)
	split("", map_kind)
	for (a = 1; a <= grid_arms[name]; a++) {
		if (part_of[a] != map_title) continue
		for (i = 1; map_row[i] != picked(grid_conditions[name, a], map_row_keys); i++) {}
		for (j = 1; map_column[j] != picked(grid_conditions[name, a], map_column_keys); j++) {}
		filled += !((i, j) in map_cell)
		map_cell[i, j] = grid_text[name, a]
		map_kind[i, j] = grid_kind[name, a]
		if (grid_text[name, a] in in_full && !told[grid_text[name, a]]++)
			full = full "; " grid_text[name, a] ": " in_full[grid_text[name, a]]
		if (map_kind[i, j] == "does-not-hold") against = "; " not_equal ": not as claimed"
	}
	if (3 * filled <= map_rows * map_columns) return 0
	map_note = substr(against full (out == "" ? "" : "; the same with every " out), 3)
	return 1
}

# marked(i, j): the cell's text; the sign for what contradicts the claim needs no colour.
function marked(i, j) { return (map_kind[i, j] == "does-not-hold" ? not_equal " " : "") map_cell[i, j] }
