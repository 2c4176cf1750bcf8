#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/sandbox: what it makes, what it refuses, and that nothing is left
. "${0%/*}/tap.bash"

PATH=$PATH:/usr/sbin:/sbin
sandbox=scripts/sandbox
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
as=()
# A place for everyone, and what COMMAND leaves there if it runs.
chmod 755 "$tmp"
mkdir -m 1777 "$tmp/open"
ran=$tmp/open/ran

# mine: what of this machine a sandbox could change, as far as other tests
# running beside this one leave it alone.
mine() {
	grep -r . /proc/sys/net/ipv4/tcp_* /proc/sys/net/ipv4/ip_local_* 2>/dev/null
	ip -br link | grep -E '^(A|B|C-1)[@ ]'
	grep -E ' /run/(rtest|netns/(A|B|C-1)) ' /proc/self/mountinfo
	ls -d /run/rtest /run/sandbox-test /run/netns/{A,B,C-1} 2>/dev/null
}

# box ARGUMENT...: runs it as the user in question.
box() { run "${as[@]}" "$sandbox" "$@"; }

# alive: the processes that have this test's mark in their environment.
alive() {
	grep -slzx "SANDBOX_TEST=$mark" /proc/[0-9]*/environ | tr -dc '0-9\n'
}
# shellcheck disable=SC2317  # until_true calls it
none_alive() { [ -z "$(alive)" ]; }
mark=$$-$RANDOM

# refused DESCRIPTION STATUS REGEX ARGUMENT...: one line, that exit code, and
# COMMAND (a touch) has not run.
refused() {
	local what=$1 want=$2 regex=$3

	shift 3
	rm -f "$ran"
	box "$@"
	is "$what: exit code" "$want" "$status"
	like "$what: says why" "$regex" "$err"
	is "$what: in one line" 1 "$(grep -c '' <<<"$err")"
	ok "$what: has not run COMMAND" test ! -e "$ran"
}

# basics USER: all that must work for anyone.
basics() {
	local who=$1

	box true
	is "$who: exit code 0" "0::" "$status:$out:$err"
	box -- sh -c 'exit 7'
	is "$who: exit code of COMMAND" 7 "$status"
	box sh -c 'kill -KILL $$'
	is "$who: COMMAND killed" "137:" "$status:$err"
	box sh -c 'kill -TERM $$'
	is "$who: COMMAND terminated" "143:" "$status:$err"
	box no-such-command
	is "$who: no such command" "127:sandbox: no-such-command: no such command" "$status:$err"
	box "$PWD/README.md/none"
	is "$who: no such path" 127 "$status"
	box /
	is "$who: a folder as COMMAND" "126:sandbox: /: not a program that can be run" "$status:$err"
	# shellcheck disable=SC2016  # to arrive as it is
	box -- printf '<%s>' 'a b' '' '$x' "'"
	is "$who: arguments arrive as they are" "<a b><><\$x><'>" "$out"
	is "$who: standard input arrives" hello "$(echo hello | "${as[@]}" "$sandbox" cat)"
	is "$who: descriptors of the caller only" \
		"$(sh -c 'exec ls /proc/self/fd' </dev/null 2>/dev/null)" \
		"$("${as[@]}" "$sandbox" ls /proc/self/fd </dev/null 2>/dev/null)"
	box pwd
	is "$who: the working directory stays" "$PWD" "$out"
	run env -i A='1  2' PATH="$PATH" "${as[@]}" "$sandbox" env
	is "$who: the environment stays, and two variables come" \
		"A=1  2 RTEST_RUN=/run/rtest RTEST_SANDBOX=1" \
		"$(grep -vE '^(_|PWD|SHLVL|PATH|OLDPWD)=' <<<"$out" | sort | paste -sd' ')"
	# shellcheck disable=SC2016  # for the bash inside
	box bash -c 'ip -br address; ls /proc | grep -c "^[0-9]"; cat /proc/1/comm
		touch "$RTEST_RUN/a" /run/sandbox-test && ls /run; grep -E "^Sig(Blk|Ign)" /proc/self/status' \
		3>&-
	like "$who: loopback is up and has its addresses" '^lo +UNKNOWN +127.0.0.1/8' "$out"
	is "$who: there is no other interface" 1 "$(grep -c /8 <<<"$out")"
	like "$who: /proc shows this pid namespace only" $'\n[1-9]\nbash\n' "$out"
	like "$who: /run is empty and can be written" $'\nrtest\nsandbox-test\n' "$out"
	ok "$who: what was written to /run is gone" test ! -e /run/sandbox-test
	box bash -c 'kill -INT $$; sleep 60'
	is "$who: COMMAND does not ignore SIGINT" 130 "$status"

	box tcp_timestamps=0 ip_local_port_range='32768 32768' net.ipv6.conf.all.forwarding=1 \
		cat /proc/sys/net/ipv4/tcp_timestamps /proc/sys/net/ipv4/ip_local_port_range \
		/proc/sys/net/ipv6/conf/all/forwarding
	is "$who: sysctls, short, with blanks, and whole" $'0\n32768\t32768\n1' "$out"
	refused "$who: unknown sysctl" 1 '^sandbox: tcp_foo: this kernel has no sysctl net.ipv4.tcp_foo' \
		tcp_timestamps=0 tcp_foo=1 touch "$ran"
	refused "$who: a folder of sysctls" 1 '^sandbox: net.ipv4.conf: this kernel has no|^sandbox: conf: ' \
		net.ipv4.conf=1 touch "$ran"
	refused "$who: refused value" 1 '^sandbox: tcp_timestamps=x: .*\[EINVAL\]$' \
		tcp_timestamps=x touch "$ran"

	box sh -c 'sleep 300 & sleep 300 & exit 3'
	is "$who: does not wait for what COMMAND leaves behind" 3 "$status"
	box "$sandbox" tcp_timestamps=0 "$sandbox" --hosts A,B cat /run/netns/A /proc/sys/net/ipv4/tcp_timestamps
	is "$who: a sandbox in a sandbox in a sandbox" 1 "$out"
}

# hosts USER: --hosts.
hosts() {
	local who=$1 each

	# shellcheck disable=SC2016  # for the bash inside
	box --hosts A,B,C-1 tcp_timestamps=0 net.ipv4.conf.default.rp_filter=2 bash -c '
		ip netns list | sort | cut -d" " -f1 | paste -sd" "
		for h in A B C-1; do
			echo "$h" $(ip -n $h -br address | grep -v fe80:: -c) $(ip netns exec $h cat /proc/sys/net/ipv4/tcp_timestamps)
			ip -n $h -o address show scope global | while read -r _ dev _ addr _; do echo "$h $dev $addr"; done
		done
		ip netns exec A cat /proc/sys/net/ipv4/conf/B/rp_filter
		for to in A:10.0.1.2 B:10.0.1.1 B:10.0.2.2 C-1:10.0.2.1 A:fd00:1::2 C-1:fd00:2::1 A:127.0.0.1; do
			ip netns exec ${to%%:*} bash -c ": </dev/tcp/${to#*:}/9" 2>&1 | sed "s/.*: //; s/^/$to /" | tail -1
		done
		ss -N B -tan | wc -l'
	is "$who, hosts: exit code" "0:" "$status:$err"
	like "$who, hosts: ip netns knows them" '^A B C-1' "$out"
	for each in 'A B 10.0.1.1/24' 'A B fd00:1::1/64' 'B A 10.0.1.2/24' 'B A fd00:1::2/64' \
		'B C-1 10.0.2.1/24' 'C-1 B 10.0.2.2/24' 'C-1 B fd00:2::2/64'; do
		like "$who, hosts: $each" $'\n'"$each"$'\n' "$out"
	done
	for each in A:10.0.1.2 B:10.0.1.1 B:10.0.2.2 C-1:10.0.2.1 A:fd00:1::2 C-1:fd00:2::1 A:127.0.0.1; do
		like "$who, hosts: an answer to $each" "$each Connection refused" "$out"
	done
	is "$who, hosts: tcp_timestamps is off in all three" 3 "$(grep -cE '^(A|B|C-1) [0-9] 0$' <<<"$out")"
	like "$who, hosts: conf.default counts for the links" $'\n2\n' "$out"
	is "$who, hosts: ss -N works" 1 "$(tail -1 <<<"$out")"
	refused "$who, hosts: unknown sysctl" 1 'no sysctl net.ipv4.tcp_foo' \
		--hosts A,B tcp_foo=1 touch "$ran"
}

# signals USER: what is sent to the sandbox is for COMMAND.
signals() {
	local who=$1 signal pid

	for signal in TERM INT HUP QUIT; do
		rm -f "$tmp/ready" "$tmp/got"
		: >"$tmp/got"
		chmod 666 "$tmp/got"
		# With its signals as at a login: bash has a background process ignore
		# SIGINT and SIGQUIT, and cannot undo that if we are one ourselves.
		# shellcheck disable=SC2016 # Perl's
		perl -e '$SIG{INT} = $SIG{QUIT} = "DEFAULT"; exec @ARGV' \
			"${as[@]}" "$sandbox" bash -c "
			trap 'echo $signal >>$tmp/got; exit 9' $signal
			echo ready >>$tmp/got; while :; do sleep 0.05; done" </dev/null &
		pid=$!
		until_true grep -q ready "$tmp/got"
		kill -s "$signal" "$pid"
		wait "$pid"
		is "$who: SIG$signal: COMMAND gets it, its exit code comes back" \
			"9 ready $signal" "$? $(paste -sd' ' "$tmp/got")"
	done
}

# kills USER COUNT: SIGKILL for the caller or for any process of the chain; nothing
# may be left.  Every second time COMMAND runs, and they have their turn one after
# the other; else it is at any moment of the start.  All of them hold one end of a
# pipe, which ends with the last of them.  (While a process is in execve(2) it
# has no environment, and alive does not see it.)
#
# The caller has a session of its own: one that is killed before the sandbox has
# read its parent is not missed where init, or a subreaper, is in the same one.
kills() {
	local who=$1 left='' i caller pids victim victims=0 hosts start hold all

	rm -f "$tmp/held"
	mkfifo "$tmp/held"
	start=${EPOCHREALTIME/./}
	box true
	start=$((${EPOCHREALTIME/./} - start))
	for ((i = 0; i < $2; i++)); do
		hosts=()
		((i % 4)) || hosts=('--hosts=A,B')
		rm -f "$ran"
		exec {hold}<>"$tmp/held"
		exec {all}<"$tmp/held"
		SANDBOX_TEST=$mark "${as[@]}" setsid bash -c '"$@"; :' caller "$sandbox" \
			"${hosts[@]}" tcp_timestamps=0 sh -c ": >$ran; sleep 300 & sleep 300" \
			</dev/null >/dev/null 2>&1 &
		caller=$!
		exec {hold}>&-
		if ((i % 2)); then
			until_true test -e "$ran"
			victim=$((i / 2))
		else
			victim=$((RANDOM * start / 32768))
			sleep "$((victim / 1000000)).$(printf %06d $((victim % 1000000)))"
		fi
		mapfile -t pids < <(alive)
		((${#pids[@]} == 0)) || {
			kill -KILL "${pids[victim % ${#pids[@]}]}" 2>/dev/null && ((victims++))
		}
		# It may have been COMMAND's child, which nobody misses.
		kill -KILL "$caller" 2>/dev/null && ((victims++))
		wait "$caller" 2>/dev/null
		timeout 600 cat <&"$all" || left+=" kill $i: $(alive | paste -sd,)"
		exec {all}<&-
		[ -z "$left" ] || break
	done
	is "$who: $2 kills leave no process" '' "$left"
	ok "$who: the kills hit something" test "$victims" -ge "$2"
	[ -z "$left" ] || alive | xargs -r kill -KILL
}

# namespaces: the same where namespaces are counted.  When no more than one of a
# kind is allowed, there must be none.  (The kernel ends a network namespace some
# time after the last process in it.)
namespaces() {
	local holder

	coproc space { exec unshare --user --map-root-user sh -c 'echo && read -r _'; }
	# shellcheck disable=SC2154  # coproc sets it
	holder=$space_PID
	read -r -u "${space[0]}"
	as=(nsenter --preserve-credentials --user="/proc/$holder/ns/user" --)
	kills 'in a user namespace' "$(long && echo 100 || echo 5)"
	# shellcheck disable=SC2016  # for the shell in it
	run "${as[@]}" sh -c 'for kind in user pid net mnt; do
		echo 1 >/proc/sys/user/max_${kind}_namespaces; done'
	ok 'in a user namespace: the kills leave no namespace' \
		until_true "${as[@]}" "$sandbox" true
	as=()
	kill "$holder"
	wait "$holder" 2>/dev/null
}

# shellcheck disable=SC2317  # until_true calls it
steps_are() { [ "$(grep -c . "$tmp/steps")" = "$1" ]; }

# windows USER: a parent dies after fork(), but before the child's parent-death
# signal is set.  A setpriv that waits until then holds the window open.
windows() {
	local who=$1 nth victim caller reader

	mkdir -p "$tmp/slow"
	chmod 755 "$tmp/slow"
	# All of the chain hold its other end.  (While a process is in execve(2) it
	# has no environment, and alive does not see it.)
	mkfifo "$tmp/held-$who"
	for nth in 1 2; do
		rm -f "$ran" "$tmp/steps"
		: >"$tmp/steps"
		chmod 666 "$tmp/steps"
		cat >"$tmp/slow/setpriv" <<-SH
			#!/bin/sh
			echo "\$PPID" >>$tmp/steps
			if [ "\$(wc -l <$tmp/steps)" = $nth ]; then
				while read -r stat 2>/dev/null </proc/\$PPID/stat && [ "\${stat#*) Z}" = "\$stat" ]; do sleep 0.01; done
			fi
			exec $(type -P setpriv) "\$@"
		SH
		chmod 755 "$tmp/slow/setpriv"
		SANDBOX_TEST=$mark "${as[@]}" env PATH="$tmp/slow:$PATH" bash -c '"$@"; :' caller \
			"$sandbox" touch "$ran" </dev/null >/dev/null 2>&1 9>"$tmp/held-$who" &
		caller=$!
		timeout 600 cat "$tmp/held-$who" >/dev/null &
		reader=$!
		until_true steps_are "$nth"
		victim=$(tail -1 "$tmp/steps")
		kill -KILL "$victim"
		wait "$caller" 2>/dev/null
		wait "$reader"
		ok "$who: window $nth: all end" test $? = 0
		ok "$who: window $nth: nothing is left" none_alive
		ok "$who: window $nth: COMMAND has not run" test ! -e "$ran"
	done
	# As if unshare were killed between fork() and its child's prctl().
	mkfifo -m 666 "$tmp/gate-$who"
	cat >"$tmp/slow/unshare" <<-SH
		#!/usr/bin/env bash
		[[ " \$* " == *--kill-child* ]] || exec $(type -P unshare) "\$@"
		before="\$*"
		before=\${before%% -- *}
		while [ "\$1" != -- ]; do shift; done
		(exec 5>$tmp/gate-$who; kill -KILL \$\$; while [ -e /proc/\$\$/root/. ]; do sleep 0.01; done; echo >&5) &
		exec $(type -P unshare) \${before/--kill-child/--fork} -- \\
			sh -c 'read -r _ <$tmp/gate-$who; shift; exec "\$@"' sh "\$@"
	SH
	rm -f "$tmp/slow/setpriv" "$ran"
	chmod 755 "$tmp/slow/unshare"
	run "${as[@]}" env PATH="$tmp/slow:$PATH" bash -c '"$@"' caller "$sandbox" touch "$ran"
	is "$who: window 3: says so" "137:sandbox: killed while starting" "$status:$err"
	ok "$who: window 3: COMMAND has not run" test ! -e "$ran"
	rm "$tmp/slow/unshare"
}

# callers USER: how it can be started.
callers() {
	local who=$1

	: >"$tmp/free"
	chmod 666 "$tmp/free"
	run "${as[@]}" setsid -f "$sandbox" sh -c "sleep 0.2; echo free >$tmp/free"
	ok "$who: setsid -f lets it outlive its caller" until_true grep -q free "$tmp/free"
	run "${as[@]}" bash -c "$sandbox sh -c 'echo \$0' <&- ; $sandbox sh -c 'echo x' >&- 2>/dev/null; echo \$?
		$sandbox sh -c 'echo err >&2; echo out' 2>&-"
	is "$who: closed descriptors" "0:sh 2 out" "$([[ $out == sh$'\n'[12]$'\nout' ]] && echo "$status:sh 2 out" || echo "$status:$out")"
}

# variables USER: what a user may have exported changes nothing, and arrives.
variables() {
	local who=$1 pid odd=(RTEST_STAGE='inner 1 2 3 4 5' RTEST_PARENT=1 BASH_ENV="$tmp/odd"
		ENV="$tmp/odd" TMOUT=1 POSIXLY_CORRECT=1 CDPATH=/ GLOBIGNORE='*' IFS=/ FUNCNEST=1 SHLVL=7 a.b=c
		TMPDIR=/none caller=- command=false hosts=A lib=/none terminal=1
		'BASH_FUNC_read%%=() { exit 9; }' 'BASH_FUNC_exec%%=() { exit 9; }'
		'BASH_FUNC_unshare%%=() { exit 9; }' 'BASH_FUNC_fail%%=() { exit 9; }')

	echo 'echo odd; exit 9' >"$tmp/odd"
	run env -i PATH="$PATH" SHELLOPTS=errexit:noglob BASHOPTS=nocasematch "${odd[@]}" \
		"${as[@]}" "$sandbox" --hosts A,B tcp_timestamps=0 -- sh -c 'sleep 1.2
		cat /proc/sys/net/ipv4/tcp_timestamps; tr "\0" "\n" </proc/self/environ; exit 7'
	is "$who, variables: COMMAND's exit code" "7:" "$status:$err"
	is "$who, variables: they arrive, and do nothing" \
		"$(printf '%s\n' 0 RTEST_RUN=/run/rtest RTEST_SANDBOX=1 "${odd[@]}" | sort)" \
		"$(grep -vE '^(_|PWD|OLDPWD|PATH|SHELLOPTS|BASHOPTS)=' <<<"$out" | sort)"
	: >"$tmp/got"
	chmod 666 "$tmp/got"
	env "${odd[@]}" "${as[@]}" "$sandbox" sh -c "trap 'echo hup >>$tmp/got' HUP
		trap 'echo term >>$tmp/got; exit 9' TERM
		echo ready >>$tmp/got; while :; do sleep 0.05; done" </dev/null &
	pid=$!
	until_true grep -q ready "$tmp/got"
	kill -s HUP "$pid"
	until_true grep -q hup "$tmp/got"
	kill -s TERM "$pid"
	wait "$pid"
	is "$who, variables: one signal after the other" "9 ready hup term" "$? $(paste -sd' ' "$tmp/got")"
}

# --- usage: nothing is touched ---------------------------------------------
usage() {
	local try

	for try in '=1' '1 2=3' 'a..b=1' '.a=1' 'kernel.pid_max=1' $'a=1\n2' '-x' '-x=1' '--host=A' \
		'--hosts=' '--hosts=A,' '--hosts=,A' '--hosts=A,A' '--hosts=lo' '--hosts=all,B' \
		'--hosts=A B' '--hosts=thirteenchars' '--hosts=-A' '--hosts=A/B' ''; do
		refused "usage, ${try//$'\n'/ }" 2 "^sandbox: .*\(try 'scripts/sandbox --help'\)$" "$try" touch "$ran"
	done
	box --hosts
	is 'usage, --hosts without names' 2 "$status"
	refused 'usage, --hosts twice' 2 'twice' --hosts A --hosts B touch "$ran"
	ln -s "$PWD/$sandbox" "$tmp/link"
	run "$tmp/link" sh -c 'exit 7'
	is 'a link to it: exit code of COMMAND' "7:" "$status:$err"
	box --help
	is '--help: exit code' "0:" "$status:$err"
	like '--help: on standard output' '^usage: sandbox ' "$out"
	box --version
	is '--version' 'sandbox 0.1.0' "$out"
	run bash -c "$sandbox --help >/dev/full"
	is '--help on a full disk' '1:sandbox: cannot write to standard output' "$status:$err"
	run bash -c "$sandbox --help >&-"
	is '--help on a closed descriptor' '1:sandbox: cannot write to standard output' "$status:$err"
}

# --- refusals ----------------------------------------------------------------
# with SHELL-CODE: a user and mount namespace in which it holds, as an ordinary
# user inside (the only id that is mapped is 0, so it is not quite ordinary:
# "none" is then refused for want of rights, which setpriv takes away).
with() {
	as=(unshare --user --map-root-user --mount -- bash -c "$1"'; exec setpriv --bounding-set=-sys_admin -- "$@"' bash)
}

missing_tools() {
	local tool have

	for tool in setpriv unshare nsenter mount ip; do
		rm -rf "$tmp/path"
		mkdir "$tmp/path"
		for have in bash env true touch setpriv unshare nsenter mount ip mkdir cat; do
			[ "$have" = "$tool" ] || ln -s "$(type -P "$have")" "$tmp/path"
		done
		# PATH gets /usr/sbin appended, unless that is there already.
		as=(env PATH="$tmp/path:/usr/sbin:/none")
		if [ "$tool" = ip ] && [ -L /usr/sbin ]; then
			skip "missing: $tool" '/usr/sbin is /usr/bin, and cannot be hidden'
			continue
		elif [ "$tool" = ip ]; then
			# shellcheck disable=SC2016  # for the bash inside
			as=(unshare --user --map-root-user --mount -- bash -c
				'mount -t tmpfs none /usr/sbin; PATH=$1; shift; exec "$@"' bash "$tmp/path:/usr/sbin:/none")
		fi
		refused "missing: $tool" 1 "^sandbox: $tool: not found; .*package .*scripts/setup" touch "$ran"
	done
	as=()
}

refusals() {
	local kind

	for kind in user net pid mnt; do
		with "echo 0 >/proc/sys/user/max_${kind}_namespaces"
		refused "refused: user.max_${kind}_namespaces" 1 \
			"^sandbox: the sysctl user.max_${kind}_namespaces is 0: .*sysctl -w" touch "$ran"
	done
	# A sandbox is in a user namespace for which the cover is locked.
	with 'mount -t tmpfs none /proc/driver'
	refused 'refused: /proc is covered' 1 '^sandbox: the kernel gives no fresh /proc' touch "$ran"
	if "${CC:-cc}" -o "$tmp/filter" -x c - 2>/dev/null <<-'C'; then
		#include <errno.h>
		#include <linux/filter.h>
		#include <linux/seccomp.h>
		#include <stddef.h>
		#include <sys/prctl.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		/* As container engines do: unshare(2) gives EPERM. */
		int main(int argc, char **argv)
		{
			struct sock_filter f[] = {
				BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
				BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
				BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
				BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
			};
			struct sock_fprog p = {4, f};
			return argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
			       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) ||
			       execvp(argv[1], argv + 1);
		}
	C
		as=("$tmp/filter")
		refused 'refused: seccomp filter' 1 '^sandbox: a seccomp filter.*seccomp=unconfined' touch "$ran"
	else
		skip 'refused: seccomp filter' 'no headers of the kernel to compile the filter with'
	fi
	as=()
}

# Sysctls that this kernel does not have are put over it, and unshare behaves
# as it does where they are set.  Takes root, and an ordinary user.
distributions() {
	mkdir "$tmp/fake"
	cat >"$tmp/fake/unshare" <<-'SH'
		#!/bin/sh
		case " $* " in
		" --user true ") [ "$FAKE" = apparmor ] && exit 0 ;;
		esac
		echo 'unshare: write failed /proc/self/uid_map: Operation not permitted' >&2
		exit 1
	SH
	chmod 755 "$tmp/fake" "$tmp/fake/unshare"
	# shellcheck disable=SC2016  # for the bash inside
	as=(unshare --mount -- bash -c 'mount -t tmpfs none /proc/sys/kernel && echo "$2" >"/proc/sys/kernel/$1"; shift 2; exec "$@"' bash)
	as+=(unprivileged_userns_clone 0 "${nobody[@]}" env FAKE=debian PATH="$tmp/fake:$PATH")
	refused 'refused: Debian' 1 '^sandbox: only root .*kernel.unprivileged_userns_clone=1' touch "$ran"
	as=("${as[@]:0:7}" apparmor_restrict_unprivileged_userns 1 "${nobody[@]}" env FAKE=apparmor PATH="$tmp/fake:$PATH")
	refused 'refused: AppArmor' 1 '^sandbox: AppArmor .*kernel.apparmor_restrict_unprivileged_userns=0' touch "$ran"
	as=()
	# Root gets by without a user namespace.
	run unshare --user --map-root-user bash -c "echo 0 >/proc/sys/user/max_user_namespaces; $sandbox tcp_timestamps=0 cat /proc/sys/net/ipv4/tcp_timestamps"
	is 'user namespaces off, but root: goes on without' '0:0' "$status:$out"
}

# terminal: an interactive shell on a terminal, and who has it afterwards.
terminal() {
	local said

	type -P script >/dev/null || {
		skip 'on a terminal' 'script (util-linux) is missing'
		return
	}
	cat >"$tmp/session" <<-EOS
		SHELL=/bin/sh $sandbox tcp_timestamps=0
		echo "back \$?"
		read -r line
		echo "read \$line"
	EOS
	said=$({
		until_true grep -qs '[#$] ' "$tmp/typescript"
		# shellcheck disable=SC2016  # for the shell inside
		echo 'echo in-$(cat /proc/sys/net/ipv4/tcp_timestamps); exit 5'
		until_true grep -qs 'back 5' "$tmp/typescript"
		echo word
		until_true grep -qs 'read word' "$tmp/typescript"
	} | timeout 600 script -qefc "PS1='# ' bash $tmp/session" "$tmp/typescript" | tr -d '\r')
	like 'on a terminal: a shell, with the sysctl' $'in-0\n' "$said"
	like 'on a terminal: its exit code' 'back 5' "$said"
	like 'on a terminal: the caller has it back' 'read word' "$said"
}

if ! unshare --user --map-root-user true 2>/dev/null && ! unshare --net true 2>/dev/null; then
	refused 'no namespaces on this machine' 1 '^sandbox: ' touch "$ran"
	skip 'everything else' 'no namespaces on this machine'
	finish
fi

before=$(mine)
export SANDBOX_TEST=$mark-self
me=$(id -un 2>/dev/null || id -u)
usage
missing_tools
users=("$me")
((EUID)) || users+=(nobody)
for run_as in "${users[@]}"; do
	if [ "$run_as" != "$me" ]; then
		two_users || { skip 'as an ordinary user' 'this folder is not for others to enter'; continue; }
		as=("${nobody[@]}")
	fi
	basics "$run_as"
	hosts "$run_as"
	signals "$run_as"
	callers "$run_as"
	variables "$run_as"
	windows "$run_as"
	! long || kills "$run_as" 20
	as=()
done
namespaces
terminal
refusals
if ((EUID == 0)); then
	distributions
	box cat /proc/self/uid_map
	is 'root: all ids are mapped' "$(awk '{ print $1, $1, $3 }' /proc/self/uid_map)" "$(awk '{ $1 = $1; print }' <<<"$out")"
	# The kernel takes such a map in one write() only.
	coproc space { exec unshare --user sh -c 'echo && read -r _ && exec "$@"' sh "$sandbox" cat /proc/self/uid_map; }
	exec {from}<&"${space[0]}"
	read -r -u "$from"
	for map in uid_map gid_map; do
		cat <<<$'0 0 1\n1 1 70000' >"/proc/$space_PID/$map"
	done
	echo >&"${space[1]}"
	is 'root: a map of two lines' '0 0 1,1 1 70000,' "$(awk -v ORS=, '{ $1 = $1; print }' <&"$from")"
	exec {from}<&-
	echo secret >"$tmp/theirs"
	chown 65534 "$tmp/theirs"
	chmod 600 "$tmp/theirs"
	box cat "$tmp/theirs"
	is 'root: reads the files of others' "0:secret" "$status:$out"
	box setpriv --reuid=65534 --clear-groups --regid=65534 id -u
	is 'root: can become another user inside' "0:65534" "$status:$out"
	if two_users; then
		as=("${nobody[@]}")
		box cat /proc/self/uid_map
		is 'ordinary user: only the own id is mapped' '0 65534 1' "$(awk '{ $1 = $1; print }' <<<"$out")"
		as=()
	fi
fi
is 'the machine is as it was' "$before" "$(mine)"
finish
