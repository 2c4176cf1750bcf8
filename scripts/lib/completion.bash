# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# completion.bash - completion for bash: the commands, their options, the
# experiments and their groups.  In the source tree: . scripts/lib/completion.bash; then
# for scripts/lab and ./server as well, as they are typed there.
#
# Nothing is listed here.  Options come from --help, the experiments and their
# groups from their files, found from where the command really is; so a new one
# is completed at once, and without running the lab.

# _rtest_options COMMAND...: its options, a line each: what the lines of its
# help begin with.
_rtest_options() {
	"$@" --help 2>/dev/null </dev/null |
		sed -nE '/^ *--?[A-Za-z0-9]/ { s/^ *(-[A-Za-z0-9-]+(, +-[A-Za-z0-9-]+)*).*/\1/; s/, +/\n/g; p; }'
}

# _rtest_lab_words COMMAND...: list, show, run, report: the words after lab in its
# usage.
_rtest_lab_words() {
	"$@" --help 2>/dev/null </dev/null | awk '
		!NF { exit }
		{ sub(/^usage:/, "") }
		$1 == "lab" && $2 ~ /^[a-z]+$/ { print $2 }'
}

# _rtest_paths KIND: fills COMPREPLY with paths, of compgen's -f or -d.
_rtest_paths() {
	mapfile -t COMPREPLY < <(compgen "$1" -- "$word")
	compopt -o filenames 2>/dev/null || :
}

# _rtest: fills COMPREPLY; for rtest, and for each rtest-NAME.
_rtest() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local path folder name first=1 words='' count command_word
	local -a command

	COMPREPLY=()
	path=$(type -P -- "${COMP_WORDS[0]/#\~/$HOME}") && path=$(readlink -f -- "$path") || return 0
	folder=${path%/*}
	[ -d "$folder/scripts" ] || folder=${folder%/*}
	name=${COMP_WORDS[0]##*/} command=("${COMP_WORDS[0]/#\~/$HOME}")
	case $name in
	rtest-*) name=${name#rtest-} ;;
	rtest)
		if ((COMP_CWORD == 1)); then
			for path in "$folder"/scripts/* "$folder"/{server,client,wire,forge}; do
				[ -f "$path" ] && [ -x "$path" ] && words+=" ${path##*/}"
			done
			[[ $word != -* ]] || words=$(_rtest_options "${command[@]}")
			mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
			return
		fi
		if [[ ${COMP_WORDS[1]} == [a-z]* ]]; then
			name=${COMP_WORDS[1]} first=2
			command+=("$name")
		fi
		;;
	esac
	# Behind the command of the sandbox nothing is known.
	case $word:$name:$previous in
	*:lab:--format) [ "${COMP_WORDS[first]}" = compare ] && words='term json md html' || words='term tap json' ;;
	*:lab:--jobs | *:lab:--patience | *:lab:--retry) return ;;
	*:lab:compare | *:wire:-[wr] | *:kernels:-k) _rtest_paths -f && return ;;
	*:lab:--out | *:lab:report | *:kernels:--out) _rtest_paths -d && return ;;
	-*) words=$(_rtest_options "${command[@]}") ;;
	*:wire:*) words=$(cd /sys/class/net 2>/dev/null && echo *) ;;
	*:lab:*)
		count=$((COMP_CWORD - first))
		command_word=${COMP_WORDS[first]}
		if ((count == 0)); then
			words=$(_rtest_lab_words "${command[@]}")
		elif [[ $command_word == compare ]]; then
			_rtest_paths -f && return
		elif [[ $command_word == show && $count -gt 1 && $previous != -v ]]; then
			_rtest_paths -d && return
		elif [[ $word == */* && ($command_word != list || " ${COMP_WORDS[*]} " == *' --check '*) ]]; then
			_rtest_paths -f && return
		else
			words=$(sed -n 's/^group[[:space:]]*//p' "$folder"/scripts/experiments/* 2>/dev/null | sort -u)
			[[ $command_word == list && " ${COMP_WORDS[*]} " != *' --check '* ]] ||
				words+=" $(cd "$folder/scripts/experiments" 2>/dev/null && echo *)"
		fi
		;;
	*:sandbox:*)
		mapfile -t COMPREPLY < <(compgen -c -- "$word")
		for path in /proc/sys/net/ipv4/"$word"*; do
			[ -f "$path" ] && COMPREPLY+=("${path##*/}=")
		done
		return
		;;
	*:kernels:*) ((COMP_CWORD > first)) || words='list get run' ;;
	*:why:*) ((COMP_CWORD > first)) || words='connect bind ports' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _rtest rtest rtest-{lab,sandbox,why,kernels,server,client,wire,forge} ./rtest
complete -F _rtest {,./}scripts/{lab,sandbox,why,kernels} ./{server,client,wire,forge}
