# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034
# silent.bash - a host whose kernel says nothing, for the tests of forge.  Source it
# as root of a user namespace.
#
#	ours                                 silent
#	10.0.1.2/24, fd00:1::2/64            no address: nobody there
#	to-silent ------------------------- link0
#
# Our neighbour table takes 10.0.1.1 and fd00:1::1 for neighbours on the link, for
# ever.  The kernel behind link0 drops what is sent there without a word, because no
# address there is its own: no RST, no ICMP.  So the peer's part is forge's alone.

# silent_host: makes it, with a process that holds its network namespace.
silent_host() {
	local ours=02:00:00:00:01:02 theirs=02:00:00:00:01:01

	exec {silent_in}> >(exec unshare -n -- cat)
	silent_pid=$!
	until_true other_namespace || return
	# Segments leave one by one, as on a wire, and not as one large packet for the
	# link to cut (GSO).  nodad: the address is usable now.
	ip -batch - <<-BATCH && in_silent ip -batch - <<-BATCH || return
		link add to-silent address $ours gso_max_segs 1 type veth peer name link0 address $theirs netns $silent_pid
		link set to-silent up
		addr add 10.0.1.2/24 dev to-silent
		neigh replace 10.0.1.1 lladdr $theirs nud permanent dev to-silent
		addr add fd00:1::2/64 dev to-silent nodad
		neigh replace fd00:1::1 lladdr $theirs nud permanent dev to-silent
	BATCH
		link set link0 arp off addrgenmode none
		link set link0 up
	BATCH
	until_true link_sends && until_true address_is_ours
}

# in_silent COMMAND...: runs it there.
in_silent() { nsenter --net="/proc/$silent_pid/ns/net" -- "$@"; }

# silent_forge [OPTION...] SRC DST: forge, run there; it sends through the link to us.
silent_forge() { in_silent "$forge" -i link0 -e 02:00:00:00:01:02 "$@"; }

# shellcheck disable=SC2317 # until_true calls these three
{
other_namespace() { ! [ "/proc/$silent_pid/ns/net" -ef /proc/self/ns/net ]; }

# The end that came up first has no carrier at first: its queue drops all until a
# kernel thread (linkwatch_event) has run dev_activate().
link_sends() { [[ $(ip -o link show dev to-silent) != *' qdisc noop '* ]]; }

# The local route to the address comes from a kernel thread too (addrconf_dad_work).
address_is_ours() { ip -6 route show table local | grep -q 'fd00:1::2 dev to-silent'; }
}

# answer_field NAME LINES [NTH]: prints that field of the NTH (first) answer in forge's
# JSON lines; fails without such an answer or field.
answer_field() {
	local nth=${3-1} line
	while IFS= read -r line; do
		[[ $line == '{"event":"answer"'* ]] || continue
		((--nth == 0)) || continue
		# The payload may hold anything: leave it out.
		[[ $line =~ ^(.*)(,\"data\":\".*\")(,\"t\":.*)$ ]] &&
			line=${BASH_REMATCH[1]}${BASH_REMATCH[3]}
		[[ $line =~ ,\"$1\":\"?([^,\"}]*) ]] || return
		printf '%s\n' "${BASH_REMATCH[1]}"
		return
	done <<<"$2"
	return 1
}
