#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A mistake in an experiment's file is an error with file and line, and nothing runs.

. "${0%/*}/tap.bash"
. tests/experiments.bash

# The one that is right; the cases change a line of it.
whole right <<'EOF'
claim "a claim" connected
condition colour red,green "agree: its colour"
article tcp_timestamps=0
grid old=TIME-WAIT tcp_timestamps=0,1 colour=red
control old=none tcp_timestamps=0 colour=red
promise() { [ "$tcp_timestamps" = 0 ] || promised=; }
expect() {
	[ "$old" = TIME-WAIT ] || { rule EADDRNOTAVAIL "f: a rule" connect; return; }
	model bind first_state=none
	rule connected "f: a rule"
}
steps() { saw "$expected" "$fails_in"; }
EOF
right=$tmp/experiments/right

# A sandbox would be an error of another kind: nothing is to run.
mkdir "$tmp/path"
printf '#!/bin/sh\necho a sandbox was asked for >&2\n' >"$tmp/path/setpriv"
chmod +x "$tmp/path/setpriv"

# refused WHAT LINE TEXT: the lab refuses $wrong, in one line that names it, that LINE
# and has TEXT.
refused() {
	run env PATH="$tmp/path:$PATH" "$lab" run --out "$tmp/kept" "$wrong"
	[[ $status == 2 && -z $out && $err == "$wrong:$2: "*"$3"* && $(wc -l <"$tmp/.err") == 1 ]]
	verdict $? "$1" || { note "want: exit code 2, $wrong:$2: ...$3"; note "got:  $status, $err$out"; }
}
# changed WHAT LINE TEXT SED: $wrong is the right one, after sed.
changed() {
	wrong=$tmp/experiments/wrong
	sed "${@:4}" "$right" >"$wrong"
	cmp -s "$right" "$wrong" && verdict 1 "$1: sed changes nothing"
	refused "$@"
}
line() { grep -n "$1" "$right" | head -n 1 | cut -d: -f1; }
grid=$(line ^grid) control=$(line ^control) claim=$(line ^claim) end=$(line ^trial)

# --- typing errors ---
changed 'a condition that nobody knows' "$grid" "there is no condition 'oldd=TIME-WAIT'" 's/^grid old=/grid oldd=/'
changed 'a condition of a control' "$control" "there is no condition 'lnik=link'" '/^control/s/$/ lnik=link/'
changed 'a condition of the article' "$(line ^article)" "there is no condition 'tcp_timestmaps=0'" '/^article/s/stamps/stmaps/'
changed 'a sysctl that nobody knows' "$control" "there is no condition 'tcp_tw_ruse=1'" '/^control/s/$/ tcp_tw_ruse=1/'
changed 'a sysctl of its own that no kernel has' "$(line ^condition)" 'there is no sysctl net.ipv4.tcp_wmen' '/^condition/s/^/condition tcp_wmen 0,1 "read back"; /'
changed 'a value that nobody knows' "$grid" "old is one of none,LISTEN,ESTAB,FIN-WAIT-1,FIN-WAIT-2,CLOSE-WAIT,LAST-ACK,TIME-WAIT, not 'TIMEWAIT'" '/^grid/s/TIME-WAIT/TIMEWAIT/'
changed 'a value of its own condition' "$grid" "colour is one of red,green, not 'blue'" '/^grid/s/red/blue/'
changed 'a value that is no number' "$control" "delay_s is one of the numbers, not '1s'" '/^control/s/$/ delay_s=1s/'
changed 'a value that is not there' "$control" "link is one of lo,link,silent, not ''" '/^control/s/$/ link=/'
changed 'a condition without a value' "$control" "there is no condition 'link'" '/^control/s/$/ link/'
changed 'a keyword' "$grid" "there is no word 'gird'" 's/^grid/gird/'
changed 'a keyword, the last one before trial' "$end" "there is no word 'calmm'" 's/^trial/calmm; &/'
changed 'an argument of the model' "$(line 'model bind')" "bind has no argument 'first_sate=none'" 's/first_state/first_sate/'
changed 'a rule of the model' "$(line 'model bind')" "there is no rule 'bnid'" 's/model bind/model bnid/'
changed 'a word in expect' "$(line 'model bind')" "there is no word 'modle'" 's/model bind/modle bind/'
changed 'a word in promise' "$(line ^promise)" "there is no word 'primise'" 's/^promise() {/& primise;/'
changed 'a question of no arm' "$(line ^article)" 'the question is of colou, which no arm has' '/^article/i question old colou'
changed 'a value in promise' "$(line ^promise)" 'promise() asks whether tcp_timestamps is 2, which no arm has' '/^promise/s/ = 0/ = 2/'
# shellcheck disable=SC2016 # text of an experiment
changed 'a pattern in promise' "$(line ^promise)" 'promise() asks whether old is TIMEWAIT, which no arm has' \
	's/^promise.*/promise() { case "$colour","$old" in *,none | red,TIMEWAIT) promised= ;; esac; }/'
changed 'an expectation that is not there' "$grid" 'the model has no expectation for the arm old=TIME-WAIT tcp_timestamps=0 colour=red' '/^	rule connected/d; /model bind/d'
changed 'group of two words' "$(line ^group)" "group takes one word, not 'close bind'" 's/^group.*/group close bind/'
changed 'claim without an outcome' "$claim" 'claim wants a sentence, and the outcome' 's/^claim.*/claim "a claim"/'
changed 'claim with a misspelt errno' "$claim" 'no rule gives the outcome EADDRINSUE' 's/^claim.*/claim "a claim" EADDRINSUE/'
changed 'claim and its sentence with a misspelt errno' "$claim" 'no rule gives the outcome EADDRINSUE' \
	's/^claim.*/claim "a claim" EADDRINSUE; means "It is so." "EADDRINSUE: colour=red"/'
changed 'waits without a number' "$control" 'waits wants seconds' 's/^control/waits long &/'
changed 'ports without numbers' "$control" 'ports wants two numbers' 's/^control/ports a b; &/'
changed 'two arms of the same conditions' "$((grid + 1))" 'an arm with these conditions is there already: old=TIME-WAIT tcp_timestamps=1 colour=red' '/^grid/a arm old=TIME-WAIT tcp_timestamps=1 colour=red'
changed 'an arm and a control of the same conditions' "$((control + 1))" 'is there already' '/^control/a arm old=none tcp_timestamps=0 colour=red'

changed 'a sentence that rests on nothing' "$((claim + 1))" 'means wants a sentence, and for what it rests on' '/^claim/a means "It is so."'
changed 'a sentence without an outcome' "$((claim + 1))" "the sentence rests on \"OUTCOME: CONDITIONS\", not on 'colour=red'" '/^claim/a means "It is so." colour=red'
changed 'a sentence of no arm' "$((claim + 1))" 'the sentence rests on old=LISTEN, which no arm has' '/^claim/a means "It is so." "connected: old=LISTEN"'
changed 'a sentence of a condition that nobody knows' "$((claim + 1))" 'the sentence rests on lnik=, which no arm has' '/^claim/a means "It is so." "connected: lnik="'

wrong=$tmp/experiments/neighbour
sed -e '/^condition/d' -e 's/ colour=red//' -e '/^claim/a means "It is so." "connected: colour="' "$right" >"$wrong"
run $lab run "$right" "$wrong"
is "a condition of another experiment's own" "2:$wrong:$((claim + 1)): the sentence rests on colour=, which no arm has" "$status:$err"

# Nor does it empty a variable of that name.
# shellcheck disable=SC2016 # text of an experiment
sed -e '/^condition/d' -e 's/ colour=red//' -e '/^claim/a colour=blue' -e 's/rule connected/rule "$colour"/' "$right" >"$wrong"
like "a variable with the name of another experiment's condition" $'\tblue\n' \
	"$(declared_lines scripts "$right" "$wrong" | grep $'^arm\tneighbour')"

# --- what proves nothing ---
changed 'a control with two causes' "$control" 'the control old=none tcp_timestamps=0 link=link colour=red has more than one cause: it differs from every arm in' '/^control/s/colour/link=link colour/'
changed 'a control with the conditions of an arm' "$control" 'the control colour=red tcp_timestamps=0 old=TIME-WAIT has the conditions of an arm: it controls nothing' 's/^control.*/control colour=red tcp_timestamps=0 old=TIME-WAIT/'
changed 'a control with the conditions of an arm, link=lo named' "$control" 'the control colour=red tcp_timestamps=0 old=TIME-WAIT link=lo has the conditions of an arm: it controls nothing' 's/^control.*/control colour=red tcp_timestamps=0 old=TIME-WAIT link=lo/'
sed 's/^quote SF/& link=lo/' "$right" >"$wrong"
run $lab list --check "$wrong"
is 'a quote on link=lo, which no arm need name' '0|' "$status|$err"
mkdir "$tmp/twin"
cp "$right" "$tmp/twin/"
run $lab list --check "$right" "$tmp/twin/${right##*/}"
is 'two files of one name' "2|lab: $right and $tmp/twin/${right##*/} have the same name: one of them at a time (try 'scripts/lab --help')" "$status|$err"
run $lab list --check "$right" "$right"
like 'one file twice is one' '^0\|1 experiment' "$status|$out"
changed 'a control of arms without a promise' "$control" 'has no arm: none of its question has a promise' 's/^promise.*/promise() { promised=; }/'
# shellcheck disable=SC2016 # text of an experiment
changed 'a promise that nothing controls' "$((grid + 1))" 'the arm old=TIME-WAIT tcp_timestamps=0 colour=green link=link (promised: silence) has no control' \
	-e '/^grid/a arm old=TIME-WAIT tcp_timestamps=0 colour=green link=link' -e 's/^promise.*/promise() { [ "$colour" != green ] || promised=silence; }/'
changed 'a question that nothing controls' "$((grid + 2))" 'the arm old=TIME-WAIT tcp_timestamps=0 colour=green (promised: connected) has no control' \
	-e '/^grid/a arm old=TIME-WAIT tcp_timestamps=0 colour=green' -e '/^article/i question colour'
changed 'a promise of which no quote speaks' "$grid" 'the arm old=TIME-WAIT tcp_timestamps=0 colour=red has a promise, and no quote speaks of it' 's/^quote SF/& tcp_timestamps=1/'
changed 'a promise that no rule gives' "$grid" 'no rule gives ECONREFUSED, which is promised for the arm' 's/^promise.*/promise() { promised=ECONREFUSED; }/'
changed 'a quote of conditions that no arm has' "$(line ^quote)" 'the quote speaks of colour=green, which no arm has' 's/^quote SF/& colour=green/'
changed 'a claim with a tab' "$claim" 'in one line without tabs' "s/^claim .*/claim \$'a\\\\tb' connected/"
changed 'a condition that nothing shows' "$(line ^condition)" 'condition wants a name, its values, and what shows that it is in effect' '/^condition/s/ "agree.*//'
changed 'a quote without words' "$(line ^quote)" 'quote wants a source' 's/^quote.*/quote SF colour=red/'
changed 'a quote of arms that are not there' "$(line ^quote)" "colour is one of red,green, not 'blue'" 's/^quote.*/quote SF colour=blue "words"/'
changed 'a rule that names no function' "$grid" 'names no kernel function: a rule' 's/"f: a rule"$/"a rule"/'
changed 'a rule that does not say which call fails' "$control" 'does not say which call fails: f: a rule' 's/"f: a rule" connect/"f: a rule"/'
# All that is wrong is told to whom asks for it, a line each.
wrong=$tmp/experiments/wrong
sed -e 's/"f: a rule" connect/"a rule"/' -e 's/^promise.*/promise() { promised=ECONREFUSED; }/' "$right" >"$wrong"
run $lab list --check "$wrong"
is 'list --check: exit code' 2 "$status"
like 'list --check: both, a line each' $'names no kernel function[^\n]*\n.*no rule gives ECONREFUSED|no rule gives ECONREFUSED[^\n]*\n.*names no kernel function' "$err"
run $lab list --check "$right"
is 'list --check of the right one' '0:1 experiment: nothing wrong:' "$status:$out:$err"

# --- what is not there ---
for word in group claim quote; do
	changed "no $word" "$((end - 1))" "it has no $word" "/^$word/d"
done
changed 'no control' "$((end - 1))" 'it has no control' '/^control/d'
changed 'no arm' "$((end - 2))" 'it has no arm' '/^grid/d; /^control/d'
changed 'no steps' "$((end - 1))" 'it has no steps()' '/^steps/d'
changed 'no expect' "$end" 'it has no expect()' 's/^expect/expcet/'
changed 'no trial' 1 'there is no trial "$@" at its end' '/^trial/d'

# --- what is no experiment ---
changed 'it sources something else' "$claim" "it sources /dev/null: an experiment is one file" "${claim}i . /dev/null"
changed 'it sources something else, the long way' "$claim" "it sources /dev/null: an experiment is one file" "${claim}i source /dev/null"
changed 'a syntax error' "$((end + 1))" 'syntax error' '/^control/s/^/if /'
changed 'not bash' 1 'its first line is not #!/usr/bin/env bash' '1s/bash/perl/'
wrong=$tmp/experiments/empty
: >"$wrong"
refused 'an empty file' 1 'its first line is not'
wrong=$tmp/experiments/binary
head -c 3000 "$real/server" >"$wrong"
refused 'a program' 1 'its first line is not'
wrong=$tmp/experiments/folder
mkdir "$wrong"
refused 'a folder' 1 'a folder, not an experiment'
wrong=$tmp/experiments/folder/
refused 'a folder, with a slash behind it' 1 'a folder, not an experiment'
wrong=$tmp/experiments/pipe
mkfifo "$wrong"
refused 'a pipe' 1 'not a file'
wrong=$tmp/experiments/secret
cp "$right" "$wrong"
chmod 0 "$wrong"
user=()
((EUID)) || user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
if only_one; then
	skip 'one that cannot be read' 'root reads all, and others may not enter this folder'
else
	chmod 755 "$tmp"
	run "${user[@]}" "$lab" run "$wrong"
	is 'one that cannot be read' "2:$wrong:1: it cannot be read" "$status:$err"
fi
wrong=$tmp/experiments/none
run $lab run "$wrong"
is 'one that is not there' "2:lab: $wrong: no such file (try 'scripts/lab --help')" "$status:$err"
wrong=$tmp/experiments/exits
sed "${claim}i exit 0" "$right" >"$wrong"
run $lab run "$wrong"
is 'one that calls exit' '1:lab: an experiment ended the lab while it was read: it must not call exit' "$status:$err"
wrong=$tmp/experiments/talks
sed "${claim}i echo hello" "$right" >"$wrong"
run $lab run "$wrong"
like 'one that talks while it is read: refused' '^2:' "$status:"

ok 'nothing ran: no results' [ ! -e "$tmp/kept/results.json" ]
# One that is wrong keeps the right one from running, too.
changed 'no control, beside one that is right' "$((end - 1))" 'it has no control' '/^control/d'
run env PATH="$tmp/path:$PATH" "$lab" run "$right" "$wrong"
is 'the right one beside it does not run' "2:" "$status:$out"

# What is right is right, or the rest proves nothing.
if scripts/sandbox true 2>/dev/null; then
	run $lab run "$right"
	is 'the right one runs: exit code, nothing on stderr' 0: "$status:$err"
	sed 's/colour/place/g' "$right" >"$tmp/experiments/hidden"
	run $lab run "$tmp/experiments/hidden"
	like 'a condition with the name of a variable of the lab' 'unexpected +hidden.*the lab has a variable place of its own' "$(tr -s ' \n' '  ' <<<"$out")"
	run scripts/experiments/hello
	is 'one that is run by hand: exit code, nothing on stderr' 0: "$status:$err"
	like 'one that is run by hand: its table' 'holds +hello' "$out"
else
	skip 'the right one runs' 'this machine refuses private namespaces'
fi
finish
