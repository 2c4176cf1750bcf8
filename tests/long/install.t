#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make install, uninstall, dist and deb: what is installed works with the source
# tree gone, as another user, and uninstall leaves nothing.
. "${0%/*}/../tap.bash"
chmod 755 "$tmp"
# The make that runs the tests has its own.
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR PREFIX

# other: who runs what is installed: another user, if that can be had.
other=()
((EUID)) || other=(setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent)
sandbox=1
"${other[@]}" scripts/sandbox true 2>/dev/null || sandbox=

# A copy, with the programs as make has left them, is installed and thrown away.
mkdir "$tmp/tree"
cp -Rp LICENSE Makefile README.md ./*.c src scripts docs "$tmp/tree"
for program in rtest server client wire forge peek watch; do
	[ ! -x "$program" ] || cp -p "$program" "$tmp/tree"
done
# in_tree TARGET ARGUMENT...: make, in the copy; its own folder may be private.
in_tree() { run env -C "$tmp/tree" make -s "$@"; }
mkdir "$tmp/used"
touch "$tmp/used/mine"
umask 077
in_tree install PREFIX="$tmp/p"
is 'install: exit code' "0:" "$status:$err"
in_tree install PREFIX="$tmp/p"
is 'install once more: exit code' "0:" "$status:$err"
in_tree install PREFIX="$tmp/used"
is 'install where something is: exit code' 0 "$status"
in_tree install DESTDIR="$tmp/staged" PREFIX=/usr
is 'install to DESTDIR: exit code' 0 "$status"
umask 022
in_tree install PREFIX=here
is 'a PREFIX that is not absolute: exit code of make' 2 "$status"
like 'a PREFIX that is not absolute: says why' '^make install: DESTDIR and PREFIX must be absolute' "$err"
# Uninstalling takes the Makefile.
mkdir "$tmp/keep"
cp -Rp "$tmp/tree/." "$tmp/keep"
rm -rf "$tmp/tree"

# --- what is there ---
commands=(client forge kernels lab sandbox server)
[ ! -x scripts/why ] || commands+=(why)
commands+=(wire)
names=$(printf 'rtest\n'; printf 'rtest-%s\n' "${commands[@]}")
is 'bin: rtest, and the others with a prefix' "$names" "$(ls "$tmp/p/bin")"
is 'what is installed is for all to read' '' \
	"$(find "$tmp/p" ! -type l ! -perm -444; find "$tmp/p" -type d ! -perm -555)"
is 'no more is for all to write' '' "$(find "$tmp/p" ! -type l -perm /022)"
is 'a man page for each' "$names" "$(cd "$tmp/p/share/man/man1" && printf '%s\n' * | sed 's/\.1$//' | sort)"
is 'completion for each' "$names" "$(ls "$tmp/p/share/bash-completion/completions")"
is 'every rule of the model' "$(ls scripts/model)" "$(ls "$tmp/p/lib/rtest/scripts/model")"
is 'every experiment' "$(ls scripts/experiments)" "$(ls "$tmp/p/lib/rtest/scripts/experiments")"
is 'no link is broken' '' "$(find -L "$tmp/p" "$tmp/staged" -type l)"
unlike 'nothing knows where it was built' "$tmp" "$(grep -rIl "$tmp/" "$tmp/staged/usr/share" "$tmp/staged/usr/lib/rtest/scripts")"

# --- it works, the tree gone ---
# installed COMMAND...: as the other user, in an empty folder, from the PATH.
installed() { run "${other[@]}" env -C / -u RTEST_BIN PATH="$tmp/p/bin:$PATH" "$@"; }
for name in "${commands[@]}"; do
	installed rtest "$name" --version
	is "rtest $name" "0:$name " "$status:${out%%[0-9]*}"
	installed "rtest-$name" --version
	is "rtest-$name" "0:$name " "$status:${out%%[0-9]*}"
done
installed rtest --version
is 'rtest itself' "0:rtest " "$status:${out%%[0-9]*}"
installed rtest lab list
is 'rtest lab list: exit code' 0 "$status"
if [ "$sandbox" ]; then
	installed rtest lab run server-close
	is 'rtest lab run: exit code' 0 "$status"
	like 'rtest lab run: names the command as it is here' 'Evidence: rtest lab show NAME' "$out"
	mkdir -m 755 "$tmp/own"
	sed 's/^claim .*/claim "a claim of mine" connected/' scripts/experiments/reopen-after-restart >"$tmp/own/mine"
	chmod 755 "$tmp/own/mine"
	installed rtest lab run "$tmp/own/mine"
	is 'rtest lab run FILE: exit code, nothing on stderr' 0: "$status:$err"
	like 'rtest lab run FILE: its verdict' 'holds +mine .*a claim of mine' "$out"
	sed -i 's|^\. .*|. "/nowhere/lib/experiment"|' "$tmp/own/mine"
	installed rtest lab run "$tmp/own/mine"
	is 'rtest lab run FILE, wherever it finds its words: exit code' 0 "$status"
	mkdir -m 777 "$tmp/out"
	installed rtest lab run --out "$tmp/out" two-sides
	is 'rtest lab run --out: exit code' 0 "$status"
	like 'the report names the command as it is here' 'rtest lab (show|run)' \
		"$(cat "$tmp/out/report.html")"
	installed rtest lab demo two-sides </dev/null
	like 'rtest lab demo: finds its parts, and wants keys' '^1:lab: ' "$status:$err"
	run "${other[@]}" env -C / -u RTEST_BIN "$tmp/staged/usr/bin/rtest" lab run server-close
	is 'from a DESTDIR, moved: exit code' 0 "$status"
	mv "$tmp/staged" "$tmp/moved"
	run "${other[@]}" env -C / -u RTEST_BIN "$tmp/moved/usr/bin/rtest-lab" run server-close
	is 'from a DESTDIR, moved once more: exit code' 0 "$status"
	installed rtest sandbox tcp_timestamps=1 -- rtest -n 2 44500 c
	is 'rtest in rtest sandbox: exit code' 0 "$status"
	like 'rtest: the command that it names' ': rtest sandbox tcp_timestamps=0 -- rtest 44500 c' "$out"
	installed sh -c 'rtest sandbox tcp_timestamps=0 -- rtest -n 2 44500 c'
	is 'that command: exit code' 1 "$status"
	like 'that command: outcome' 'EADDRNOTAVAIL' "$err"
	if [ -x scripts/why ]; then
		installed rtest sandbox rtest why -q connect 127.0.0.1:9
		like 'rtest why: exit code, and an answer' '^1:connect fails with ECONNREFUSED' "$status:$out"
	fi
else
	skip 'the lab, installed' 'there is no sandbox here'
fi
if ((EUID == 0)); then
	installed rtest wire -t 0
	like 'wire without rights names the sandbox as it is here' 'or under rtest sandbox\) \[EPERM\]' "$err"
else
	skip 'wire without rights' 'whether an ordinary user has them is not known'
fi
for name in lab sandbox why; do
	installed rtest "$name" --nonsense
	like "rtest $name: names itself as it is here" "^2:$name: .* \(try 'rtest $name --help'\)$" "$status:$err"
done
installed rtest walk
is 'an unknown word: usage error' \
	"2::rtest: 'walk' is neither a port nor a command (try 'rtest --help')" "$status:$out:$err"
installed rtest ../lab
is 'a path is no word: usage error' 2 "$status"
ln -s "$tmp/p/bin/rtest" "$tmp/rtest-old"
run "$tmp/rtest-old" --version
like 'a link of another name is rtest' '^0:rtest ' "$status:$out"
if command -v man >/dev/null; then
	run man -M "$tmp/p/share/man" -w rtest-lab
	is 'man finds the pages' "$tmp/p/share/man/man1/rtest-lab.1" "$out"
else
	skip 'man finds the pages' 'no man here'
fi

# --- the same words, in the source tree ---
for name in "${commands[@]}"; do
	run ./rtest "$name" --version
	is "./rtest $name" "0:$name " "$status:${out%%[0-9]*}"
done
run ./rtest docs
is 'a folder is no command' 2 "$status"

# --- completion ---
# completed WORD...: what the last word can become, sorted, on one line.
completed() {
	# shellcheck disable=SC2016 # for the bash that completes
	env -C / PATH="$tmp/p/bin:$PATH" bash --norc -c '
		. "$0"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		spec=$(complete -p "$1") || exit
		[[ $spec =~ -F\ ([^ ]+) ]] && "${BASH_REMATCH[1]}"
		printf "%s\n" "${COMPREPLY[@]}"' \
		"$tmp/p/share/bash-completion/completions/$1" "$@" | sort | paste -sd' '
}
is 'completion: commands' "lab" "$(completed rtest la)"
is 'completion: the commands of the lab' "run" "$(completed rtest lab ru)"
is 'completion: experiments' 'two-sides' "$(completed rtest lab show two-s)"
is 'completion: experiments, and groups to run' 'wildcard-vs-address wire' \
	"$(completed rtest lab run wi)"
is 'completion: and to show' 'wildcard-vs-address wire' "$(completed rtest-lab show wi)"
is 'completion: groups to list' 'asked bind close cost ports time wire' "$(completed rtest-lab list '')"
is 'completion: every experiment and group' \
	"$({ sed -n 's/^group *//p' scripts/experiments/* | sort -u; ls scripts/experiments; } | sort | paste -sd' ')" \
	"$(completed rtest-lab show '')"
is 'completion: an experiment of your own' "$tmp/own/mine" "$(completed rtest lab run "$tmp/own/m")"
is 'completion: where a run was kept' "$tmp/own" "$(completed rtest lab show hello "$tmp/ow")"
is 'completion: experiments to demonstrate' 'two-sides' "$(completed rtest lab demo two-s)"
is 'completion: options of the lab' '--format' "$(completed rtest lab run --fo)"
is 'completion: options that are new' '--patience' "$(completed rtest lab run --pa)"
is 'completion: a number has none' '' "$(completed rtest lab run --patience '')"
is 'completion: values' 'json tap term' "$(completed rtest-lab run --format '')"
like 'completion: options of the server' ' -A .* -q ' "$(completed rtest server -) "
like 'completion: options of the link' ' -b .*-l ' "$(completed rtest-client -) "
is 'completion: sysctls' 'tcp_timestamps=' "$(completed rtest sandbox tcp_timest)"
like 'completion: interfaces' '(^| )lo( |$)' "$(completed rtest wire '')"
like 'completion: options of rtest' '(^| )-p( |$)' "$(completed rtest -)"

# here WORD...: the same, in the source tree.
here() {
	# shellcheck disable=SC2016 # for the bash that completes
	bash --norc -c '
		. scripts/lib/completion.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		spec=$(complete -p "$1") || exit
		[[ $spec =~ -F\ ([^ ]+) ]] && "${BASH_REMATCH[1]}"
		printf "%s\n" "${COMPREPLY[@]}"' - "$@" | sort | paste -sd' '
}
is 'completion of scripts/lab: commands' list "$(here scripts/lab li)"
is 'completion of scripts/lab: experiments and groups' 'time timer-restart' "$(here ./scripts/lab show -v ti)"
is 'completion of scripts/lab: options' --why "$(here scripts/lab run --wh)"
is 'completion of scripts/lab: the formats of compare' 'html json md term' "$(here scripts/lab compare --format '')"
like 'completion of ./server' ' -A .* -q ' "$(here ./server -) "

# --- uninstall ---
mv "$tmp/keep" "$tmp/tree"
in_tree uninstall PREFIX="$tmp/p"
is 'uninstall: exit code' "0:" "$status:$err"
is 'uninstall: nothing is left' '' "$(find "$tmp/p" 2>/dev/null)"
touch "$tmp/used/share/man/theirs"
in_tree uninstall PREFIX="$tmp/used"
is 'uninstall: what is of others stays, and nothing else' \
	"$(printf '%s\n' "$tmp/used" "$tmp/used/mine" "$tmp/used/share" "$tmp/used/share/man" "$tmp/used/share/man/theirs")" \
	"$(find "$tmp/used" | sort)"
in_tree uninstall PREFIX="$tmp/never"
is 'uninstall where nothing is: exit code' "0:" "$status:$err"

# --- dist ---
version=$(sed -n 's/.*RTEST_VERSION "\(.*\)"/\1/p' src/net.h)
name=rtest-$version
run make -s dist tarball="$tmp/$name.tar.gz"
is 'dist: exit code' "0:" "$status:$err"
mkdir "$tmp/dist"
tar -xzf "$tmp/$name.tar.gz" -C "$tmp/dist"
is 'dist: one folder' "$name" "$(ls "$tmp/dist")"
is 'dist: nothing that was built' '' "$(find "$tmp/dist" -type f -exec grep -l $'^\177ELF' {} +)"
# It is what is committed, so it is held to itself: a tarball made from it, where
# there is no git, is the same.
run make -s -C "$tmp/dist/$name" dist tarball="$tmp/again.tar.gz"
is 'dist of a dist: exit code' "0:" "$status:$err"
# files TARBALL: their names, sums and modes.
files() {
	mkdir "$tmp/files" && tar -xzf "$1" -C "$tmp/files"
	(cd "$tmp/files" && find . -type f -exec sha256sum {} + | sort -k 2 && find . -type f -perm -100 | sort)
	rm -rf "$tmp/files"
}
is 'dist of a dist: the same' "$(files "$tmp/$name.tar.gz")" "$(files "$tmp/again.tar.gz")"
run env -C "$tmp/dist/$name" -u RTEST_BIN make -s CFLAGS=-O0
is 'dist: builds' "0:" "$status:$err"
if [ "$sandbox" ]; then
	run env -C "$tmp/dist/$name" -u RTEST_BIN scripts/lab run server-close
	is 'dist: an experiment runs' 0 "$status"
else
	skip 'dist: an experiment runs' 'there is no sandbox here'
fi

# --- the Debian package ---
# (command -v succeeds when it knows one of several.)
if command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null &&
	command -v fakeroot >/dev/null && [ -e debian/control ]; then
	# Not with run: it takes longer on a loaded machine.
	mkdir "$tmp/tmpdir"
	TMPDIR=$tmp/tmpdir make -s deb debdir="$tmp/deb" >"$tmp/deb.log" 2>&1 </dev/null
	is 'deb: exit code' 0 $? || note "$(tail -n 20 "$tmp/deb.log")"
	if command -v lintian >/dev/null; then
		is 'deb: lintian has nothing to say' '' "$(grep -E '^[EWI]: ' "$tmp/deb.log")"
	else
		skip 'deb: lintian has nothing to say' 'no lintian here'
	fi
	is 'deb: leaves no temporary file' '' "$(ls -A "$tmp/tmpdir"; ls -d "$tmp/deb/tmp" 2>/dev/null)"
	dpkg-deb -x "$tmp/deb"/rtest_*.deb "$tmp/root"
	is 'deb: the commands' "$names" "$(ls "$tmp/root/usr/bin")"
	is 'deb: the version' "$version" "$(dpkg-deb -f "$tmp/deb"/rtest_*.deb Version)"
	if [ "$sandbox" ]; then
		run "${other[@]}" env -C / -u RTEST_BIN "$tmp/root/usr/bin/rtest" lab run server-close
		is 'deb: unpacked, rtest lab runs' 0 "$status"
	fi
	if ((EUID == 0)); then
		# A root of its own, with dpkg's lists and nothing else.
		mkdir -p "$tmp/throwaway/var/lib/dpkg"
		touch "$tmp/throwaway/var/lib/dpkg/status"
		run dpkg --root="$tmp/throwaway" --force-depends -i "$tmp/deb"/rtest_*.deb
		is 'deb: dpkg installs it' 0 "$status"
		run dpkg --root="$tmp/throwaway" --purge rtest
		is 'deb: dpkg removes it, and all of it' "0:" "$status:$(find "$tmp/throwaway/usr" 2>/dev/null)"
	else
		skip 'deb: dpkg installs it' 'this is not root'
	fi
else
	skip 'the Debian package' 'no dpkg-buildpackage, dh or fakeroot here'
fi
finish
