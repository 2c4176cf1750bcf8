#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The documents: what they tell to type works, lab find finds the questions, the
# experiments that they name exist, and findings.md tells of each experiment what its file says.
#
#	```sh        each line is run, and succeeds
#	```console   "$ COMMAND" is run in a shell, its output must have the lines
#	             that follow, numbers aside, and ... for those left out; "A$ COMMAND"
#	             and "B$ COMMAND" are run on two hosts in the place of two machines

. "${0%/*}/tap.bash"

: "${RTEST_BIN:=$PWD}"
export RTEST_BIN
# The commands say ./server and the like.
mkdir "$tmp/tree"
ln -s "$PWD"/* "$tmp/tree/"
for program in rtest server client wire forge peek watch; do
	[ -x "$RTEST_BIN/$program" ] && ln -sfn "$RTEST_BIN/$program" "$tmp/tree/$program"
done
docs=(README.md docs/*.md)

# blocks KIND FILE: its blocks of that kind, one after the other.
blocks() {
	awk -v kind="$1" '
		$0 == "```" kind { inside = 1; next }
		/^```/ { inside = 0 }
		inside' "$2"
}

# plain TEXT: numbers and runs of blanks alike, for comparisons.
plain() { sed -E 's/[0-9]+/N/g; s/[[:space:]]+/ /g; s/ $//'; }

for file in "${docs[@]}"; do
	while IFS= read -r line; do
		run bash -c "cd '$tmp/tree' && $line"
		is "$file: $line" 0 "$status"
	done < <(blocks sh "$file")
	# console: a command, and the lines that it prints, one after the other.
	said='' part=''
	while IFS= read -r line; do
		if [[ $line == '$ '* ]]; then
			command=${line#'$ '}
			run bash -c "cd '$tmp/tree' && $command"
			said=$(printf '%s\n%s\n' "$out" "$err" | plain | paste -sd' ' | plain)
			[ "$status" -le 1 ]
			verdict $? "$file: $command: exit code $status" || note "$err"
		elif [[ $line =~ ^' '*\.\.\.$|^END$ ]]; then
			[ -n "$part" ] || continue
			[[ $said == *"$(plain <<<"$part")"* ]]
			verdict $? "$file: prints: $part" || note "got: $said"
			part=''
		elif [ -n "$line" ]; then
			part+="${part:+ }$line"
		fi
	done < <(blocks console "$file" | grep -v '^[AB][$#] ' | awk '/^\$ / && on { print "END" } /^\$ / { on = 1 } on; END { if (on) print "END" }')
done

# two-machines.md, on two hosts.  A server of B's runs until the next one.
cat >"$tmp/machines" <<'END'
cd "$1" || exit
while IFS= read -r line; do
	host=${line%%[$]*} command=${line#*[$] }
	command=${command//192.0.2.2/10.0.1.2}
	command=${command#sudo }
	case $command in
	./server*)
		[ -z "${server-}" ] || { kill "$server"; wait "$server"; } 2>/dev/null
		ip netns exec "$host" $command </dev/null >/dev/null 2>&1 &
		server=$!
		until [ -n "$(ss -N "$host" -HOtln 'sport = :44400')" ]; do sleep 0.02; done
		continue
		;;
	sysctl*)
		setting=${command#*net.ipv4.}
		command="sh -c 'echo ${setting#*=} >/proc/sys/net/ipv4/${setting%=*}'"
		;;
	esac
	eval "timeout 600 ip netns exec $host $command" </dev/null >/dev/null 2>"$2"
	printf '%s\t%s\t%s\n' "$?" "$line" "$(head -n 1 "$2")"
done
kill "$server"
END
results=$(blocks console docs/two-machines.md | grep '^[AB][$] ' |
	timeout 600 scripts/sandbox --hosts A,B -- bash "$tmp/machines" "$tmp/tree" "$tmp/err" 2>&1)
count=0
while IFS=$'\t' read -r status line said; do
	[ -n "$line" ] || continue
	count=$((count + 1))
	is "two-machines.md: $line" 0 "$status" || note "$said"
done <<<"$results"
is 'two-machines.md: all commands ran' \
	"$(blocks console docs/two-machines.md | grep '^[AB][$] ' | grep -vc server)" "$count"
ok 'two-machines.md: there are commands' [ "$count" -gt 3 ]

# Experiments that are named as evidence, in brackets.
mapfile -t all < <(scripts/lab list | awk '/^[a-z]/ { print $2 }')
for file in docs/lesson.md docs/advice.md; do
	while read -r name; do
		ok "$file: \`$name\` is an experiment" test -f "scripts/experiments/$name"
	done < <( # shellcheck disable=SC2016
		grep -o '(`[a-z-]*`\(, `[a-z-]*`\)*)' "$file" | grep -o '[a-z][a-z-]*' | sort -u)
done

is 'make demo is explained in the README alone' README.md "$(grep -l 'make.* demo' "${docs[@]}")"

# lesson.md: each segment of its ladders is drawn by the experiment; the plan's sums.
# drawn: the ladders' lines, numbers and the length of arrows aside.
drawn() { sed -nE '/[|].*[|]/{s/[0-9]+/N/g; s/-+/-/g; s/ +/ /g; s/ $//; s/->/>/; s/->[|]/>|/; p}' "$@" | sort -u; }
for name in four-way-close old-duplicate; do
	run scripts/lab run -v "$name"
	drawn "$tmp/.out" "$tmp/.err" >"$tmp/drawn"
	blocks text docs/lesson.md | awk -v two="$([ $name = old-duplicate ] && echo 1)" '
		/^   0\.000000/ { n++ } (n == 2) == (two != "")' | drawn >"$tmp/lesson"
	ok "lesson.md: has a ladder of $name" [ "$(wc -l <"$tmp/lesson")" -gt 1 ]
	is "lesson.md: every segment of its ladder is one of $name" '' "$(grep -vxFf "$tmp/drawn" "$tmp/lesson")"
done
plan=$(sed -n '/^## A plan/,/^## Why/p' docs/lesson.md)
is 'lesson.md: the plan has all parts, with their names' "$(grep '^## ' docs/lesson.md | sed 's/^## //; 1d')" \
	"$(sed -nE 's/^[|] ([A-Z][^|]*) [|] [0-9].*/\1/p' <<<"$plan")"
is 'lesson.md: the minutes of the plan' "$(awk -F '|' '{ all += $3 } $3 + 0 && n++ < 3 { three += $3 }
	END { printf "%d minutes in all, %d with the first three parts alone", all, three }' <<<"$plan")" \
	"$(grep -o '^[0-9]* minutes in all.*alone' <<<"$plan")"
while read -r name; do
	ok "lesson.md: the plan: $name" test -f "scripts/experiments/$name"
done < <(grep -o 'lab demo [a-z -]*' <<<"$plan" | cut -d' ' -f3- | tr ' ' '\n')

# questions.md: each question has an experiment, with its verdict of findings.md, and advice.
while IFS=$'\t' read -r question answer; do
	[[ $answer =~ ^\`([a-z0-9-]+)\`,\ (holds|holds\ if|does\ not\ hold)\.\ +[A-Z\`] ]] &&
		grep -qxF "  - [${BASH_REMATCH[1]}](#${BASH_REMATCH[1]}): ${BASH_REMATCH[2]}" docs/findings.md
	verdict $? "questions.md: $question" || note "$answer"
done < <(awk '/^### /{ question = substr($0, 5); getline; print question "\t" $0 }' docs/questions.md)
ok 'questions.md: 25 questions or more' test "$(grep -c '^### ' docs/questions.md)" -ge 25
# The answers of 693529: each experiment that quotes one has its statement there.
found=$(scripts/lab find 693529)
while IFS=: read -r name said; do
	[[ $said =~ '"['(question|answer' '[0-9])'] ' ]]
	verdict $? "$name: says which answer it quotes" || { note "$said"; continue; }
	like "find 693529: ${BASH_REMATCH[1]}, $name" "(^|"$'\n'")693529, [a-z ]*${BASH_REMATCH[1]}:[^"$'\n'"]*"$'\n'"    $name, " "$found"
done < <(cd scripts/experiments && grep '^quote  *SF ' ./* | sed 's,^\./,,')
is 'find 693529: nothing else' '' "$(grep '^[^ ]' <<<"$found" | grep -v ^693529)"
run scripts/lab find 693529 answer
unlike 'find: a question by its number, and words' 'the question' "$out"
run scripts/lab find qwerty tcp_no_such_thing
is 'find: nothing has these words' '1:lab: nothing has these words: qwerty tcp_no_such_thing; try fewer, as in: address in use' "$status:$err"
for message in 'java.net.BindException: Address already in use' \
	'Error response from daemon: driver failed programming external connectivity: listen tcp4 0.0.0.0:80: bind: address already in use.'; do
	run scripts/lab find "$message"
	like "find: $message" '^0:"Address already in use" \(EADDRINUSE\)' "$status:$out"
done
run scripts/lab find 'OSError: [Errno 98] Address already in use'
like 'find: a message as it is pasted' '^0:"Address already in use" \(EADDRINUSE\) when a server starts again' "$status:$out"
is 'find: says that it is not all' '1' "$(grep -c '^lab: nothing has all of these words: OSError.*most of them' "$tmp/.err")"
run scripts/lab find '2024-01-02 12:33:11 ERROR 20240102 bind() to 0.0.0.0:80 failed (98: Address already in use)'
like 'find: a message with the day and the time' '^"Address already in use"' "$out"
run scripts/lab find 1803566
like 'find: the number of a question' '^many-time-waits' "$out"
run scripts/lab find address ALREADY again
like 'find: a question' $'^"Address already in use" \\(EADDRINUSE\\) when a server starts again\n    listen-restart, holds if\\. +Set SO_REUSEADDR' "$out"
run scripts/lab find tw_recycle
like 'find: an experiment' $'\ntw-recycle-gone\n    tcp_tw_recycle is gone since Linux 4.12\\.' "$out"
run scripts/lab find EADDRINUSE
like "find: an errno's name finds the message" '^"Address already in use" \(EADDRINUSE\) when' "$out"
is "questions.md: no message without its errno's name" '' "$(
	grep -E '^###.*("Address already in use"|"Cannot assign requested address"|[^A-Z]EADDR)' docs/questions.md |
		grep -vE '"(Address already in use" \(EADDRINUSE\)|Cannot assign requested address" \(EADDRNOTAVAIL\))')"
run scripts/lab find
is 'find without words' 2 "$status"

# findings.md against the experiments' own words.
for name in "${all[@]}"; do
	part=$(awk -v name="$name" '$0 == "### " name { on = 1; next } /^### / { on = 0 } on' docs/findings.md)
	claim=$(sed -n 's/^claim *"\(.*\)" .*/\1/p' scripts/experiments/"$name")
	like "findings.md: $name: its claim" '^> ' "$(grep -F "> $claim" <<<"$part")"
	lesson=$(awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "scripts/experiments/$name")
	[[ $part == *"$lesson"* ]]
	verdict $? "findings.md: $name: its lesson" || note "run make findings"
done

finish
