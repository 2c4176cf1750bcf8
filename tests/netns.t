#!/usr/bin/env bash
# scripts/lib/netns.so, the builtin that gives an arm its network namespace, and
# the lab without it.

# shellcheck disable=SC2016 # commands for another shell
. "${0%/*}/tap.bash"

if ! scripts/sandbox true 2>/dev/null; then
	echo '1..0 # SKIP this machine refuses private namespaces'
	exit 0
fi
so=$PWD/scripts/lib/netns.so
if ! scripts/sandbox -- bash -c "enable -f $so netns" 2>/dev/null; then
	skip 'the builtin' 'this bash cannot load it'
else
	# inside TEXT: the commands, in a sandbox, by a bash that has the builtin.
	inside() { run scripts/sandbox -- bash -c "enable -f $so netns; $1"; }

	inside 'a=$(readlink /proc/self/ns/net); netns new; b=$(readlink /proc/self/ns/net); [ "$a" != "$b" ] && cat /proc/net/dev | grep -c : && ip -o link show lo'
	like 'new: another namespace, with loopback up' $'^1\n.*<LOOPBACK,UP' "$out"
	inside 'sleep 60 & a=$(readlink /proc/self/ns/net); netns new; netns enter /proc/$!/ns/net; b=$(readlink /proc/self/ns/net); kill $!; [ "$a" = "$b" ]'
	is 'enter: back to that of a process' "0:" "$status:$err"
	inside 'sleep 60 & netns new; netns run /proc/$!/ns/net readlink /proc/self/ns/net; readlink /proc/$!/ns/net; readlink /proc/self/ns/net; kill $!'
	mapfile -t lines <<<"$out"
	is 'run: there' "${lines[0]}" "${lines[1]}"
	[ "${lines[0]}" != "${lines[2]}" ]
	verdict $? 'run: and the shell stays where it was'
	inside 'netns run "" sh -c "exit 7"; echo $?; netns run "" sh -c "kill -9 \$\$"; echo $?; netns run "" /nope; echo $?'
	is 'run: exit codes' $'7\n137\n126' "$out"
	inside 'x=1; export y=2; netns run "" sh -c "echo x=\$x y=\$y" >/run/said; cat /run/said'
	is 'run: what is exported, to where it is told' 'x= y=2' "$out"
	inside 'sh -c "sleep 0.2; exit 3" & netns run "" sleep 0.4; wait $!; echo $?'
	is 'run: other children keep their exit codes' 3 "$out"
	inside 'cpu=$(taskset -cp $$); cpu=${cpu##*[ ,-]}; netns pin "$cpu"; taskset -cp $$ | sed "s/.*: //"; netns run "" sh -c "taskset -cp \$\$ | sed \"s/.*: //\""; echo "$cpu"'
	mapfile -t lines <<<"$out"
	is 'pin: this shell, and what it starts' "${lines[2]} ${lines[2]}" "${lines[0]} ${lines[1]}"
	inside 'netns pin 1023; echo $?'
	is 'pin: no such CPU' '1:netns: pin: Invalid argument' "$out:$err"

	if run scripts/sandbox -- bash -c "enable -f $so netns; netns can-start" && [ "$status" = 0 ]; then
		inside 'netns start "" sh -c "exit 7"; netns wait $netns_fd; echo $?; netns wait $netns_fd; echo $?'
		is 'start, wait: the exit code, as often as asked' $'7\n7' "$out"
		inside 'netns start "" true; until ! kill -0 $netns_pid 2>&-; do true; done; netns wait $netns_fd; echo $?
			netns start "" sh -c "exit 9"; until ! kill -0 $netns_pid 2>&-; do sleep 0.01; done; netns wait $netns_fd; echo $?'
		is 'wait: also of what bash has reaped' $'0\n9' "$out"
		inside 'netns start "" sleep 60; kill $netns_pid; netns wait $netns_fd; echo $?; netns start "" /nope; netns wait $netns_fd; echo $?'
		is 'wait: a signal; what cannot be run' $'143\n126' "$out"
		inside 'sleep 60 & netns new; netns start /proc/$!/ns/net readlink /proc/self/ns/net; netns wait $netns_fd; readlink /proc/$!/ns/net; kill $!'
		is 'start: there' 1 "$(sort -u <<<"$out" | wc -l)"
		inside ': >/run/said; exec {fd}</run/said; netns start "" sh -c "sleep 0.2; echo one; sleep 0.2" >/run/said
			netns more $fd $netns_fd 20; echo $?; read -ru $fd line; echo $line; netns more $fd $netns_fd 20; echo $?'
		is 'more: there is; there will be none' $'0\none\n1' "$out"
		inside ': >/run/said; exec {fd}</run/said; netns start "" sh -c "echo one" >/run/said; netns wait $netns_fd; netns more $fd $netns_fd 20; echo $?'
		is 'more: what the program said before it ended' 0 "$out"
		inside ': >/run/said; exec {fd}</run/said; netns start "" sleep 60; netns more $fd $netns_fd 0; echo $?; kill $netns_pid'
		is 'more: not for ever' 142 "$out"
		inside 'netns start "" sleep 60; netns start "" ls /proc/self/fd; netns wait $netns_fd; echo; ls /proc/self/fd'
		is 'start: the program inherits no descriptor of ours' "${out#*$'\n\n'}" "${out%%$'\n\n'*}"
		inside 'netns wait 99; echo $?; netns wait 1; echo $?; netns start /nope true; echo $?'
		is 'wait: no pidfd; start: no namespace' $'1\n1\n1' "$out"
		like 'and says so' $'^netns: wait: Bad file descriptor\nnetns: exit code: [^\n]*\nnetns: /nope: No such file or directory$' "$err"
	else
		skip 'start, wait, more' 'this kernel does not remember exit codes (Linux 6.15)'
	fi
	inside 'exec {p}<> <(:); printf ab >&$p; for i in 1 2 3; do netns take $p 0 && echo "$netns_byte"; done; echo $?'
	is 'take: one byte, and no more than there is' $'a\nb\n1' "$out"
	inside 'exec {p}<> <(:); (sleep 0.2; printf x >&$p) & netns take $p 60 || netns take $p 60; echo $? $netns_byte $((SECONDS < 30))'
	is 'take: waits for it' '0 x 1' "$out"
	inside 'exec {p}<> <(:); sleep 0.2 & netns take $p 60; echo $?'
	is 'take: not beyond the end of a child' 1 "$out"
	inside 'trap : EXIT; exec {p}<> <(:); netns start "" sleep 60; (sleep 0.3; kill $$) & netns wait $netns_fd; echo not here'
	is 'wait: a signal ends it' 143: "$status:$out"
	inside 'netns enter /nope; echo $?; netns run /nope true; echo $?'
	is 'no such namespace: exit code' $'1\n1' "$out"
	is 'no such namespace: says so' $'netns: /nope: No such file or directory\nnetns: /nope: No such file or directory' "$err"
	inside 'netns enter /etc/passwd'
	is 'not a namespace' '1:netns: /etc/passwd: Invalid argument' "$status:$err"
	for words in '' 'new x' enter 'enter a b' run 'run ""' start 'start ""' wait 'wait x' 'wait 1 2' 'more 1 2' 'more 1 2 3 4' 'more 1 2 -3' \
		'wait 99999999999' 'can-start 1' pin 'pin x' take 'take 1' 'take 1 x' nonsense; do
		inside "netns $words"
		is "netns $words: exit code" 2 "$status"
		like "netns $words: says how" '^netns: usage: ' "$err"
	done
fi

# results: the JSON of the last run, without what differs from run to run.
results() { sed -E 's/"seconds":[0-9.]+/"seconds":/; s/"evidence":\[[^]]*\]//g' <<<"$out"; }
run scripts/lab run --format json --quick server-close assassination other-destination
is 'the lab with it: exit code' 0 "$status"
with=$(results)
for mode in 0 fork; do
	run env RTEST_NETNS=$mode scripts/lab run --format json --quick server-close assassination other-destination
	is "RTEST_NETNS=$mode: exit code" 0 "$status"
	is "RTEST_NETNS=$mode: the same results" "$with" "$(results)"
done

# Each arm has a namespace of its own.  Its number will not do: a namespace that
# has ended gives it to the next.  So each leaves a mark in its own.
mkdir "$tmp/experiments"
cat >"$tmp/experiments/own" <<END
. "$PWD/scripts/lib/experiment"
group close
sources SF
claim "a claim" bound
grid size=1,2,3,4
control old=none
expect() { [ "\$old" = none ] && rule no "a rule" || rule bound "a rule"; }
steps() {
	local mark=/proc/sys/net/ipv4/tcp_retries2 had
	had=\$(<\$mark)
	echo 9 >\$mark
	evidence "namespace \$(readlink /proc/self/ns/net) had \$had, has \$(<\$mark)"
	if [ "\$old" = none ]; then saw no; else saw bound; fi
}
trial "\$@"
END
for netns in 1 0 fork; do
	run env RTEST_NETNS=$netns RTEST_EXPERIMENTS="$tmp/experiments" scripts/lab run --format json own
	is "RTEST_NETNS=$netns: five arms in five namespaces" 5 \
		"$(grep -oE 'namespace net:\[[0-9]*\] had [0-9]+, has 9' <<<"$out" | grep -vc 'had 9,')"
	unlike "RTEST_NETNS=$netns: none in ours" "$(readlink /proc/self/ns/net | tr -d '[]')" "$(tr -d '[]' <<<"$out")"
done
finish
