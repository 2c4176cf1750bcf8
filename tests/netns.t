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
	inside 'netns enter /nope; echo $?; netns run /nope true; echo $?'
	is 'no such namespace: exit code' $'1\n1' "$out"
	is 'no such namespace: says so' $'netns: /nope: No such file or directory\nnetns: /nope: No such file or directory' "$err"
	inside 'netns enter /etc/passwd'
	is 'not a namespace' '1:netns: /etc/passwd: Invalid argument' "$status:$err"
	for words in '' 'new x' enter 'enter a b' run 'run ""' nonsense; do
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
run env RTEST_NETNS=0 scripts/lab run --format json --quick server-close assassination other-destination
is 'the lab without it: exit code' 0 "$status"
is 'and the same results' "$with" "$(results)"

# Each arm has a namespace of its own.
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
	evidence "namespace \$(readlink /proc/self/ns/net)"
	if [ "\$old" = none ]; then saw no; else saw bound; fi
}
trial "\$@"
END
for netns in 1 0; do
	run env RTEST_NETNS=$netns RTEST_EXPERIMENTS="$tmp/experiments" scripts/lab run --format json own
	is "RTEST_NETNS=$netns: five arms in five namespaces" 5 \
		"$(grep -o 'namespace net:\[[0-9]*\]' <<<"$out" | sort -u | wc -l)"
	unlike "RTEST_NETNS=$netns: none in ours" "$(readlink /proc/self/ns/net | tr -d '[]')" "$(tr -d '[]' <<<"$out")"
done
finish
