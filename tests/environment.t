#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What comes from outside: a user's variables and functions change nothing, and
# docs/environment.md has all that does.
. "${0%/*}/tap.bash"

export RTEST_BIN=${RTEST_BIN:-$PWD}
if ! scripts/sandbox true 2>/dev/null; then
	skip 'the lab in another environment' 'there is no sandbox here'
	finish
fi

# same RUN-OF-THE-LAB: its words, without what differs from run to run.
same() { sed 's/"seconds":[0-9.]*//; s/"evidence":\[[^]]*\]//g' <<<"$1"; }

run scripts/lab run --format json two-sides
is 'the lab: exit code, nothing on stderr' 0: "$status:$err"
want=$(same "$out")

# A variable of each name that the scripts use, a function in the place of each tool,
# and a file that bash would read first.
mapfile -t names < <(cat scripts/lab scripts/sandbox scripts/lib/[a-z]* scripts/lib/*/* \
	scripts/model/* scripts/experiments/two-sides 2>/dev/null |
	grep -oE '\$\{?[#!]?[a-z_]+' | tr -d '\173\044#!' | sort -u)
like 'there are such names' ' verbose ' " ${names[*]} "
echo 'echo BASH_ENV was read >&2' >"$tmp/first"
cat >"$tmp/hostile" <<'END'
for name; do export "$name=7"; done
for name in ss ip awk cat sort unshare order rule start observe await printf read mkdir; do
	eval "$name() { echo a function of the user: $name >&2; return 1; }"
	export -f "$name"
done
export BASH_ENV=$first ENV=$first POSIXLY_CORRECT=1 IFS=e LANG=xx LC_ALL=C.UTF-8 TMPDIR=/nowhere \
	CDPATH=/ GREP_OPTIONS=-v AWKPATH=/nowhere BASHOPTS SHELLOPTS
exec scripts/lab run --format json two-sides
END
run env first="$tmp/first" bash "$tmp/hostile" "${names[@]}"
is 'in a hostile environment: exit code, nothing on stderr' 0: "$status:$err"
is 'in a hostile environment: the same' "$want" "$(same "$out")"

# Those that mean something to bash, or to a tool, one at a time; the descriptors of xtrace
# are ours.
# shellcheck disable=SC2016 # a prompt that runs something
for variable in BASH_XTRACEFD={1,2} BASH_SOURCE=y BASH_LINENO=7 FUNCNAME=y BASH_ENV="$tmp/first" \
	SHELLOPTS=xtrace:noexec:posix BASHOPTS=extdebug:nocasematch 'PS4=$(echo PS4 was read >&2)' \
	POSIXLY_CORRECT=1 BASH_COMPAT=3.2 IFS=e GREP_OPTIONS=-v GLOBIGNORE='*' EXECIGNORE='*' TMOUT=1; do
	run env "$variable" scripts/lab run --format json two-sides
	is "$variable: exit code, nothing on stderr" 0: "$status:$err"
	is "$variable: the same" "$want" "$(same "$out")"
done
like 'BASH_SOURCE and a mistake: file and line' '^/dev/null:1: not a file' \
	"$(env BASH_SOURCE=y BASH_LINENO=7 scripts/lab run /dev/null 2>&1)"

# The document has each variable that passes, and no other.
{
	sed -n 's/^\t\(PATH | .*\) | RTEST_\*) ;;$/\1/p' scripts/lab |
		sed 's/\[ALT]SAN_OPTIONS/ASAN_OPTIONS | LSAN_OPTIONS | TSAN_OPTIONS/; s/ | /\n/g'
	cat scripts/lab scripts/sandbox scripts/lib/[a-ce-z]* scripts/lib/*/* scripts/model/* \
		scripts/experiments/* src/*.c 2>/dev/null |
		grep -oE 'RTEST_[A-Z_]+' | grep -vxE 'RTEST_(VERSION|STAGE|PARENT|)'
	echo LC_ALL
} | sort -u >"$tmp/variables"
is 'docs/environment.md: has them all' "$(<"$tmp/variables")" \
	"$(sed -n 's/^| .\([A-Z_]*\). .*/\1/p' docs/environment.md | sort -u)"
# What an arm pins is named there.
mapfile -t pinned < <(sed -n '/^bring_up() {/,/for pair/p' scripts/lib/hosts | grep -oE 'tcp_[a-z_]+ ["r]' | cut -d' ' -f1)
like 'sysctls that each arm pins' tcp_wmem "${pinned[*]}"
for name in "${pinned[@]}"; do ok "docs/environment.md: $name" grep -q "\`$name\`" docs/environment.md; done
finish
