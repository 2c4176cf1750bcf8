#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/man: lint has nothing to say, every option of a program is in its page
# and no other, and the examples run.
. "${0%/*}/tap.bash"
. scripts/lib/completion.bash

pages=docs/man
commands=(rtest)
for path in server client wire forge scripts/lab scripts/sandbox scripts/why scripts/kernels; do
	[ ! -x "$path" ] || commands+=("rtest-${path##*/}")
done
for name in "${commands[@]}"; do
	ok "$name has a page" test -f "$pages/$name.1"
done

# words_of NAME: the array command has what runs it here.
words_of() {
	command=(./rtest)
	[ "$1" = rtest ] || command+=("${1#rtest-}")
}

# page_options PAGE: what its lists tag as options.
page_options() {
	awk '/^\.It Fl/ {
		for (i = 2; i < NF; i++)
			if ($i == "Fl" && $(i + 1) ~ /[A-Za-z0-9]/) print "-" $(i + 1)
	}' "$1"
}
# The words that ask for help and version are every program's; not each says so.
always=$'-h\n--help\n--version'
for name in "${commands[@]}"; do
	words_of "$name"
	in_help=$(_rtest_options "${command[@]}")
	in_page=$(page_options "$pages/$name.1")
	like "$name: the help lists options" '^-' "$in_help"
	is "$name: options in the help and in the page" \
		"$(printf '%s\n' "$in_help" "$always" | sort -u)" \
		"$(printf '%s\n' "$in_page" "$always" | sort -u)"
	is "$name: each option once" '' "$(sort <<<"$in_page" | uniq -d)"
	# The synopsis leaves out help and version, as is the custom.
	synopsis=$(sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' "$pages/$name.1")
	while read -r option; do
		case $option in
		-h | --help | --version) continue ;;
		--*) pattern="Fl -${option#--}\\>" ;;
		*) pattern="Fl ([A-Za-z]*${option#-}|${option#-})" ;;
		esac
		ok "$name: $option is in the synopsis" grep -Eq "$pattern" <<<"$synopsis"
	done <<<"$in_page"
done

like "rtest-lab: its words" '(^|[[:space:]])run([[:space:]]|$)' "$(_rtest_lab_words ./rtest lab)"
for word in $(_rtest_lab_words ./rtest lab); do
	ok "rtest-lab: $word is in the synopsis" \
		grep -Pzq "\n\.Nm rtest lab\n\.Cm $word\b" "$pages/rtest-lab.1"
	ok "rtest-lab: $word is in the list" grep -q "^\.It Cm $word\>" "$pages/rtest-lab.1"
done

# --- lint ---
for page in "$pages"/*.1; do
	name=${page##*/}
	if command -v mandoc >/dev/null; then
		# It looks among the installed pages; our own are looked at below.
		is "$name: mandoc -Tlint" '' "$(mandoc -Tlint "$page" 2>/dev/null |
			grep -v 'referenced manual not found: Xr')"
	else
		skip "$name: mandoc -Tlint" 'no mandoc here'
	fi
	if command -v groff >/dev/null && echo '.Dd' | groff -mdoc >/dev/null 2>&1; then
		is "$name: groff -ww" '' "$(groff -ww -mdoc -Tascii "$page" 2>&1 >/dev/null)"
	else
		skip "$name: groff -ww" 'no groff with mdoc here'
	fi
done

while read -r name; do
	ok "the pages refer to $name, which is there" test -f "$pages/$name.1"
done < <(sed -n 's/.*Xr \(rtest[a-z-]*\) 1.*/\1/p' "$pages"/*.1 | sort -u)

# --- the examples ---
the_rest_is_long
# Each block is run as it stands, in a sandbox, where the programs are called
# rtest; so an option that is gone is found.
mkdir "$tmp/bin" "$tmp/work"
ln -s "$PWD/rtest" "$tmp/bin/rtest"
# split PAGE: the commands of its blocks to $tmp/block.N, and what they print, by
# the page, to $tmp/block.N.want; leaves their number in $blocks.
split() {
	rm -f "$tmp"/block.*
	blocks=$(awk -v to="$tmp/block." '
		function block() { n++; printf "" >(to n); printf "" >(to n ".want") }
		/^\.Dl \$ / { block(); print substr($0, 7) >(to n); next }
		/^\.Bd -literal/ { inside = 1; block(); next }
		/^\.Ed/ { inside = 0 }
		!inside { next }
		{ gsub(/\\e/, "\\") }
		/^[$>] / { print substr($0, 3) >(to n); next }
		{ print >(to n ".want") }
		END { print n + 0 }' "$1")
}
# plain: numbers aside.
plain() { sed -E 's/[0-9]+(\.[0-9]+)?/N/g; s/connections?/connections/g; s/failures?/failures/g'; }
if ! scripts/sandbox true 2>/dev/null; then
	skip 'the examples' 'there is no sandbox here'
else
	for name in "${commands[@]}"; do
		split "$pages/$name.1"
		[ "$blocks" != 0 ] || verdict 1 "$name: the page has examples"
		for ((i = 1; i <= blocks; i++)); do
			what="$name: $(head -n 1 "$tmp/block.$i")"
			# These are tested where the lab is.
			grep -q 'rtest lab run' "$tmp/block.$i" && continue
			# What several print at a time has no order, and what hangs
			# on the time is another on a loaded machine.  Some of these
			# end only when they are told to.
			compared=1 seconds=60
			[ -s "$tmp/block.$i.want" ] &&
				! grep -q -e '&' -e 'rtest lab' -e --ages "$tmp/block.$i" ||
				compared='' seconds=5
			run scripts/sandbox -- env -C "$tmp/work" PATH="$tmp/bin:$PATH" \
				timeout "$seconds" bash "$tmp/block.$i"
			unlike "$what: no usage error" "\\(try '|not found|No such command" "$err"
			[ "$compared" ] || continue
			is "$what: prints what the page says" "$(plain <"$tmp/block.$i.want" | sort)" \
				"$(printf '%s\n' "$out" "$err" | sed '/^$/d' | plain | sort)"
		done
	done
fi
finish
