# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# tap.bash - the words that the tests are written in.  Source it first:
#
#	. "${0%/*}/tap.bash"
#
# It goes to the project's root, makes a folder $tmp for this test alone and
# removes it at the end, and prints TAP for prove.  A test that dies before
# `finish` fails, because its plan is missing.

set -u
# Under nohup: bash cannot trap a signal that was ignored when it began, and some
# tests wait for such traps.  (SIGHUP is the lowest bit of the mask.)
if [ -z "${RTEST_T_HUP-}" ] && grep -q '^SigIgn:.*[13579bdf]$' /proc/$$/status; then
	exec env --default-signal=HUP RTEST_T_HUP=1 "$BASH" "$0" "$@"
fi
cd "${BASH_SOURCE[0]%/*}/.." || exit 1
tree=$PWD
export LC_ALL=C
umask 022
unset NO_COLOR CDPATH
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rtest-test.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
tests=0
failed=0

# on_one_cpu: this test and all that it starts.  On two CPUs a bare ACK may arrive
# behind the FIN that was sent after it, and then an RST kills the TIME-WAIT: see
# scripts/lib/run.
on_one_cpu() { taskset -cp "$(awk '{ print $39 }' /proc/self/stat)" $$ >/dev/null; }

# two_users: this is root, and whoever root becomes may enter this folder.
two_users() { ((!EUID)) && setpriv --reuid 65534 --clear-groups -- test -x "$tree/scripts/lab"; }

# only_one: root cannot be another user here.
only_one() { ((!EUID)) && ! two_users; }

# program NAME: prints where the program is: in RTEST_BIN, or here, made by make.
program() {
	[ -n "${RTEST_BIN-}" ] || make -s "$1" >&2 || return
	echo "${RTEST_BIN:-.}/$1"
}

# long: is this the long suite?  tests/long has some tests of tests, with more in them.
long() { [ -n "${RTEST_T_LONG-}" ]; }

# the_rest_is_long: in the short suite the test ends here.
the_rest_is_long() { long || finish; }

# verdict STATUS DESCRIPTION: one line of TAP; any STATUS but 0 is a failure.
verdict() {
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then
		printf 'ok %d - %s\n' "$tests" "$2"
		return 0
	fi
	failed=$((failed + 1))
	printf 'not ok %d - %s\n' "$tests" "$2"
	return 1
}

# note TEXT...: a comment for whoever reads the output.
note() { printf '%s\n' "$*" | sed 's/^/# /'; }

# ok DESCRIPTION COMMAND...: the command succeeds.
ok() {
	local what=$1 status said
	shift
	said=$("$@" 2>&1)
	status=$?
	verdict "$status" "$what" || note "$* gave $status: $said"
}

# is DESCRIPTION WANT GOT: the two are the same text.
is() {
	[ "$2" = "$3" ]
	verdict $? "$1" || { note "want: $2"; note "got:  $3"; }
}

# like DESCRIPTION REGEX GOT: the text has a match of the extended regex.
like() {
	[[ $3 =~ $2 ]]
	verdict $? "$1" || { note "want a match of: $2"; note "got: $3"; }
}

# unlike DESCRIPTION REGEX GOT: it has none.
unlike() {
	! [[ $3 =~ $2 ]]
	verdict $? "$1" || { note "want no match of: $2"; note "got: $3"; }
}

# skip DESCRIPTION REASON: a test that cannot run here.
skip() {
	tests=$((tests + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tests" "$1" "$2"
}

# run COMMAND...: leaves $out, $err and $status for the checks that follow.
# Standard input is empty; a command that hangs is ended after $limit (600) s (status
# 124, or 137), and that is no status that any check asks for.
run() {
	timeout -k 5 "${limit-600}" "$@" >"$tmp/.out" 2>"$tmp/.err" </dev/null
	status=$?
	out=$(tr -d '\0' <"$tmp/.out")
	err=$(tr -d '\0' <"$tmp/.err")
}

# until_true COMMAND...: polls until the command succeeds; fails, loudly, after two
# minutes.
until_true() {
	local end=$((SECONDS + 120))
	until "$@" >/dev/null 2>&1; do
		((SECONDS <= end)) || { note "gave up on: $*"; return 1; }
		sleep 0.02
	done
}

# up STATE PORT: polls until there is such a socket, as peek shows it; says so after 30 s.
# For the scripts that a test runs elsewhere: export -f up.
up() {
	local i
	for ((i = 0; i < 1500; i++)); do
		[[ $("${RTEST_BIN:-.}/peek" "$2") == *"$1 "* ]] && return
		sleep 0.02
	done
	echo "no $1 on $2" >&2
	return 1
}

# A minimal system has neither sysctl(8) nor pgrep(1).
# set_sysctl NAME=VALUE...: of net.ipv4, in this network namespace.
set_sysctl() {
	local setting
	for setting; do
		printf '%s\n' "${setting#*=}" >"/proc/sys/net/ipv4/${setting%%=*}" || return
	done
}

# children_of PID: the process ids of its children.
children_of() {
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*)/-/' |
		awk -v parent="$1" '$4 == parent { print $1 }'
}

# finish: the plan, and the test's exit code.
finish() {
	printf '1..%d\n' "$tests"
	[ "$failed" = 0 ]
	exit
}
