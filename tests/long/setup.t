#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/setup: does nothing when nothing is missing, names what is missing,
# and asks the right package manager in the right words
. "${0%/*}/../tap.bash"

PATH=$PATH:/usr/sbin:/sbin
setup=scripts/setup

# A folder of programs, for a PATH in which only they are.  What is really in
# /usr/sbin is seen all the same, unless it can be covered.
here=$tmp/here
path=$here
mkdir "$here"
cover=()
if [ ! -L /usr/sbin ] && unshare --user --map-root-user --mount mount -t tmpfs none /usr/sbin 2>/dev/null; then
	# shellcheck disable=SC2016  # for the bash inside
	cover=(unshare --user --map-root-user --mount -- "$BASH" -c
		'mount -t tmpfs none /usr/sbin && exec "$@"' bash)
fi

# uncovered PROGRAM: skips what cannot be tested, as it is in /usr/sbin.
uncovered() {
	if ((${#cover[@]})) || [ ! -e "/usr/sbin/$1" ]; then
		return 1
	fi
	skip "missing: $1" 'it is in /usr/sbin, which cannot be covered'
}

# fake NAME [SAYS]: a program that notes how it is called, and says something.
fake() {
	# shellcheck disable=SC2016  # for the shell in it
	printf '#!%s\nprintf "%%s %%s\\n" "${0##*/}" "$*" >>%s/calls\n%s\n' \
		"$BASH" "$tmp" "printf '%s\n' '${2-}'" >"$here/$1"
	chmod 755 "$here/$1"
}

# everything: programs that look like all that is needed.
everything() {
	local name

	rm -rf "$here"
	mkdir "$here"
	for name in make prove nft tcpdump jq mandoc chromium dh fakeroot dpkg-buildpackage lintian qemu-system-x86_64 cpio modprobe mktemp timeout stat sort mount grep sed; do
		fake "$name"
	done
	fake cc
	fake ip 'ip utility, iproute2-6.1.0'
	fake ss 'ss utility, iproute2-6.1.0'
	fake unshare ' --kill-child[=<signame>]'
	fake nsenter ' --preserve-credentials'
	fake setpriv ' --pdeathsig keep|clear|<signame>'
	fake awk yes
	ln -s "$BASH" "$here/bash"
}

# setup_in ARGUMENT...: with only those programs, as the user $user; the calls
# of programs that change anything are then in $calls.
user=()
setup_in() {
	: >"$tmp/calls"
	chmod 666 "$tmp/calls"
	run "${user[@]}" env PATH="$path" "$BASH" "$setup" "$@"
	calls=$(grep -E '^(apt|dnf|apk|pacman|zypper|sudo|doas|env)' "$tmp/calls")
}

chmod 755 "$tmp"
everything
setup_in
is 'nothing missing: says so, in one line' '0:setup: nothing is missing:' "$status:$out:$err"
setup_in --full
is 'nothing missing, --full' '0:setup: nothing is missing:' "$status:$out:$err"
is 'nothing missing: calls no package manager' '' "$calls"
run bash -c "env PATH='$path' $setup >/dev/full"
is 'a full disk' '1:setup: cannot write to standard output' "$status:$err"

# One after the other is taken away.
user=("${cover[@]}")
for each in cc make ip ss unshare nsenter setpriv awk prove; do
	uncovered "$each" && continue
	everything
	fake apt-get
	rm "$here/$each"
	setup_in -n
	is "missing: $each: the dry run names it" "0:setup: missing: $each" "$status:$(head -1 <<<"$out")"
	is "missing: $each: the dry run runs nothing" '' "$calls"
done
everything
fake apt-get
rm "$here/jq" "$here/nft"
setup_in -n
is 'optional tools are not missed' 'setup: nothing is missing' "$out"
uncovered nft || {
	setup_in --list --full
	is '--full misses them' 'setup: missing: nft jq' "$(head -1 <<<"$out")"
}
user=()

# Names are not enough.
for each in 'ip:BusyBox v1.36 multi-call binary' 'unshare:BusyBox -U -r' 'setpriv:BusyBox -d' \
	'nsenter:BusyBox -t PID' 'awk:no'; do
	everything
	fake apt-get
	fake "${each%%:*}" "${each#*:}"
	setup_in -n
	is "without the features: ${each%%:*}" "setup: missing: ${each%%:*}" "$(head -1 <<<"$out")"
done

# lacking MANAGER PROGRAM: a system that lacks four tools; the package manager
# "installs" them.
lacking() {
	local name

	everything
	for name in cc ss unshare prove jq; do
		mv "$here/$name" "$tmp/later.$name"
	done
	fake "$2"
	# shellcheck disable=SC2016  # for the shell in it
	printf 'case $* in *install*|*add*|-S*) for n in cc ss unshare prove jq; do %s %s/later.$n %s/$n; done ;; esac\n' \
		"$(type -P cp)" "$tmp" "$here" >>"$here/$2"
}

# asks MANAGER PROGRAM CALL...: these are the calls, as root.
asks() {
	local manager=$1 program=$2

	shift 2
	lacking "$manager" "$program"
	setup_in -n
	is "$manager: dry run" "$(printf 'setup: would run: %s\n' "$@")" "$(sed 1d <<<"$out")"
	is "$manager: the dry run runs nothing" '' "$calls"
	if ((EUID)); then
		skip "$manager: as root" 'this is not root'
		return
	fi
	ln -s "$(type -P env)" "$here/env"
	setup_in
	is "$manager: installs" "0:$(printf '%s\n' "$@")" "$status:$calls"
	like "$manager: says what" 'setup: installed ' "$out"
	setup_in
	is "$manager: then nothing is missing" "setup: nothing is missing:" "$out:$calls"
}
asks apt apt-get 'apt-get update' \
	'apt-get install -y --no-install-recommends gcc libc6-dev iproute2 util-linux perl'
asks dnf dnf 'dnf install -y gcc glibc-devel iproute util-linux perl-Test-Harness'
asks apk apk 'apk add gcc musl-dev linux-headers iproute2 util-linux perl-utils'
asks pacman pacman 'pacman -S --needed --noconfirm gcc iproute2 util-linux perl'
asks zypper zypper 'zypper --non-interactive install --no-recommends gcc glibc-devel iproute2 util-linux perl'

# What a package manager has no package for is not asked of it.
everything
fake pacman
rm "$here/mandoc"
setup_in --full
is 'no package for it: says so' '0:setup: nothing is missing that pacman has:' "$status:$out:$err"
rm "$here/jq"
setup_in -n --full
is 'no package for it: the others are named' 'setup: missing: jq' "$(head -1 <<<"$out")"

# Without root: sudo, else doas, else a line that says what to do.
as_user() {
	if ((EUID == 0)); then
		two_users || { skip 'without root' 'this folder is not for others to enter'; return; }
		user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	fi
	for each in sudo doas; do
		lacking dnf dnf
		fake "$each"
		setup_in
		like "without root: $each" "^$each dnf install -y gcc" "$calls"
		like "without root: $each that does nothing is found out" \
			'1:setup: still missing after the installation: cc ss unshare prove' "$status:$err"
	done
	lacking apt apt-get
	fake sudo
	setup_in
	is 'without root: apt asks no questions' 'sudo env DEBIAN_FRONTEND=noninteractive apt-get update' \
		"$(head -1 <<<"$calls")"
	lacking dnf dnf
	setup_in
	like 'without root, sudo and doas' \
		'^1:setup: missing: cc ss unshare prove; .*as root, dnf install -y gcc[^'$'\n'']*$' "$status:$err"
	is 'without root, sudo and doas: runs nothing' '' "$calls"
	everything
	setup_in
	is 'without root: not needed when nothing is missing' '0:setup: nothing is missing' "$status:$out"
	user=()
}
as_user

everything
rm "$here/make"
setup_in
like 'no package manager' '^1:setup: missing: make; none of apt-get, .*by hand$' "$status:$err"
lacking dnf dnf
printf 'exit 7\n' >>"$here/dnf"
if ((EUID == 0)); then
	setup_in
	is 'the package manager fails' \
		"1:setup: 'dnf install -y gcc glibc-devel iproute util-linux perl-Test-Harness' failed with 7" "$status:$err"
else
	skip 'the package manager fails' 'this is not root'
fi

run $setup --nonsense
like 'unknown option' '^2:setup: .*--help' "$status:$err"
run $setup extra
like 'an operand' '^2:setup: .*--help' "$status:$err"
run $setup --help
like '--help' '^0::usage: setup ' "$status:$err:$out"
run $setup --version
is '--version' 'setup 0.1.0' "$out"
finish
