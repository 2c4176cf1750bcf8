# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034,SC2016
# experiments.bash - experiments made by a test, and what a run on them left.
# Source it after tap.bash.

lab=scripts/lab
export RTEST_BIN=${RTEST_BIN:-$PWD}
mkdir "$tmp/experiments"

# lab_works: the lab can run here at all; otherwise the whole test is skipped.
lab_works() {
	scripts/sandbox true 2>/dev/null && return
	echo '1..0 # SKIP this machine refuses private namespaces'
	exit 0
}

# whole NAME: an experiment from standard input, all but its first lines and its last.
whole() {
	{
		printf '%s\n' '#!/usr/bin/env bash' '# A test.' '. "${0%/*}/../lib/experiment"' \
			'group close' 'quote SF "It connects."'
		cat
		printf 'trial "$@"\n'
	} >"$tmp/experiments/$1"
	chmod +x "$tmp/experiments/$1"
}

# experiment NAME: one of an arm and a control, whose arm has the steps on standard
# input, and expects to be connected.
experiment() {
	{
		cat <<-'END'
			claim "a claim" connected
			arm old=TIME-WAIT tcp_timestamps=1
			control old=none tcp_timestamps=1
			expect() { [ "$old" = none ] && rule EADDRNOTAVAIL "f: a rule" connect || rule connected "f: a rule"; }
			steps() {
				[ "$old" != none ] || { saw EADDRNOTAVAIL connect; return; }
		END
		cat
		echo '}'
	} | whole "$1"
}

# field_of FOLDER NAME FIELD: of the experiment's line in that run's results.
field_of() { fields_of "$1/experiments.tsv" "$2" "$3" | head -n 1; }

# fields_of TABLE NAME FIELD: that field of each line of the experiment.  The index of
# the run names the fields.
fields_of() {
	awk -F '\t' -v name="$2" -v field="$3" -v table="${1##*/}" '
		FNR == NR {
			if ($1 != table) next
			sub(/.*: /, "", $2)
			n = split($2, names, " ")
			for (i = 1; i <= n; i++) at[names[i]] = i
			next
		}
		$1 == name { print $at[field] }' "${1%/*}/INDEX" "$1"
}

# judged FOLDER NAME VERDICT REGEX: the verdict of the run on that experiment, and what
# the records of its arms say.
judged() {
	is "$2: verdict" "$3" "$(field_of "$1" "$2" verdict)"
	like "$2: the record says why" "$4" \
		"$(fields_of "$1/arms.tsv" "$2" observed; fields_of "$1/arms.tsv" "$2" why
		awk -F '\t' -v name="$2" '$1 == name' "$1/evidence.tsv")"
}

# stub PROGRAM: makes $tmp/bin, if need be, with links to the programs, and in it that
# one from standard input.  $real is where the real ones are.
real=$(cd "$RTEST_BIN" && pwd)
stub() {
	[ -d "$tmp/bin" ] || {
		mkdir "$tmp/bin"
		ln -s "$real"/{rtest,server,client,wire,forge,peek} "$tmp/bin/"
	}
	rm -f "$tmp/bin/$1"
	cat >"$tmp/bin/$1"
	chmod +x "$tmp/bin/$1"
}

# marked_now: the processes that have RTEST_T_MARK=$$ in their environment.
# nothing_left: there is none any more.
marked_now() {
	grep -lz "^RTEST_T_MARK=$$\$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 |
		while read -r pid; do
			{ said=$(tr '\0' ' ' <"/proc/$pid/cmdline"); } 2>/dev/null && printf '%s %s\n' "$pid" "$said"
		done
}
nothing_left() { [ -z "$(marked_now)" ]; }

# declared_lines SCRIPTS FILE...: what the lab in that folder reads in the files, and
# which arm is compared with which; or what is wrong with them.
declared_lines() {
	bash -c '. "$1/lib/experiment"
		eval "$(sed -n "/^declared_in() {/,/^}/p" "$1/lab")"
		declared_in "${@:2}" 2>&1 | awk -f "$1/lib/results/controls.awk"' - "$@"
}
