#!/usr/bin/env bash
# scripts/lib/silent: a host whose kernel stays out of it, and packets held
# back one direction at a time.

# shellcheck disable=SC2016,SC2154,SC2317 # awk's dollars; tap.bash's
# variables; functions that its words call

# Private from the first line: network, processes, mounts.
if [ -z "${RTEST_T_NS-}" ]; then
	unshare -Urmnpf --mount-proc --kill-child true 2>/dev/null || {
		echo '1..0 # SKIP this machine refuses private namespaces'
		exit 0
	}
	exec env RTEST_T_NS=1 unshare -Urmnpf --mount-proc --kill-child -- "$0" "$@"
fi

# shellcheck source=tests/tap.bash
. "${0%/*}/tap.bash"
# shellcheck source=scripts/lib/silent
. scripts/lib/silent
WIRE=${RTEST_BIN:-$PWD}/wire
FORGE=${FORGE:-$(program forge)}
ip link set lo up
# An ACK that answers a stray segment follows the last one after 500 ms at the
# earliest.  Without this, silence could be that, and not a held packet.
echo 0 >/proc/sys/net/ipv4/tcp_invalid_ratelimit
# One port for clients, so that the four-tuple is known before its SYN.
echo '5000 5000' >/proc/sys/net/ipv4/ip_local_port_range

state_is() {
	local now
	now=$(ss -Htan "src = $1 and dst = $2" | awk '{ print $1 }')
	[ "$now" = "$3" ]
}
# packets HOST DEV rx|tx: the interface's own count.
packets() {
	local column=3
	[ "$3" = rx ] || column=11
	in_host "$1" awk -v dev="$2:" -v column=$column \
		'$1 == dev { print $column }' /proc/net/dev
}
more_than() { [ "$("${@:2}")" -gt "$1" ]; }
counter() { nstat -asz "$1" | awk -v n="$1" '$1 == n { print $2 }'; }
neighbour() { in_host "$1" ip neigh show to "$3" dev "$2" | sed 's/ *$//'; }
# succeeds TEXT COMMAND...: in this shell, for what it leaves in variables.
succeeds() {
	local what=$1
	shift
	"$@"
	verdict $? "$what"
}
# fails REGEX COMMAND...: status 1 or more, and one line that matches.
fails() {
	local want=$1 said status
	shift
	"$@" >"$tmp/said" 2>&1
	status=$?
	said=$(<"$tmp/said")
	[ "$status" != 0 ]
	verdict $? "fails: $*"
	like '... in words' "$want" "$said"
	is '... in one line' 1 "$(grep -c '' <<<"$said")"
}

# --- the words --------------------------------------------------------------

fails 'no silent host' silent_forge -l 0 10.0.1.1:1 10.0.1.2:1
fails 'no silent host' silent_gone
succeeds 'silent_host makes one' silent_host .
fails 'one already' silent_host .
fails 'does not exist' hold . no-such-dev 10.0.1.1
fails 'no neighbours' hold . lo 127.0.0.1
fails 'prefix|address' hold . to-silent nonsense
fails 'not held' release . to-silent 10.0.1.1
fails 'No such file' hold no-such-host to-silent 10.0.1.1
is 'a hold that fails holds nothing' 0 "${#silent_held[@]}"
ip=$(in_host silent ip addr show dev link0)
unlike 'the silent host has no address' 'inet' "$ip"
like '... and takes no part in ARP' 'NOARP' "$ip"
mount -t tmpfs none /run && ip netns add named
is 'a name of /run/netns is a HOST' lo: \
	"$(in_host named awk 'NR == 3 { print $1 }' /proc/net/dev)"
is 'a path is one' link0: \
	"$(in_host "/proc/self/fd/$silent_fd" awk '$1 ~ /link0/ { print $1 }' /proc/net/dev)"

answers='{"event":"sent","seq":1,"t":0.1}
{"event":"answer","flags":"S.","seq":2,"data":"x\",\"seq\":3","t":0.2,"t_after":0.1}
{"event":"answer","flags":".","seq":4,"t":0.3,"t_after":0.2}'
is 'answer_field: the first answer' 2 "$(answer_field seq "$answers")"
is 'answer_field: text' S. "$(answer_field flags "$answers")"
is 'answer_field: behind the payload' 0.1 "$(answer_field t_after "$answers")"
is 'answer_field: the second answer' 4 "$(answer_field seq "$answers" 2)"
! got=$(answer_field seq "$answers" 3)
verdict $? 'answer_field: fails without such an answer'
! got=$(answer_field mss "$answers")
verdict $? 'answer_field: fails without such a field'
is '... and prints nothing' '' "$got"

# --- a peer played by hand ------------------------------------------------------

at=("$silent_addr:9000" "$silent_peer:5000")
here=${at[1]} there=${at[0]}
sent=0 # frames that the silent host should have sent: forge's alone

# forged ARGUMENTS...: forge in the silent host; $said is what it reports.
forged() {
	sent=$((sent + 1))
	said=$(silent_forge -j "$@" "${at[@]}")
}
# listening ARGUMENTS...: forge -l, in the background, when it misses nothing
# any more; `heard` waits for its end and leaves what it reports in $said.
listening() {
	exec {ear}< <(silent_forge -v -j "$@" "${at[@]}" 2>&1)
	read -r said <&"$ear"
	[ "$said" = 'forge: listening' ]
}
heard() {
	said=$(cat <&"$ear")
	exec {ear}<&-
}

# The program on the real host, which connects and then does as it is told.
app() {
	exec 3<>"/dev/tcp/$silent_addr/9000" || exit
	echo connected
	while read -r verb text; do
		case $verb in
		say) printf %s "$text" >&3 ;;
		zeros) head -c "$text" /dev/zero >&3 ;; # in one write()
		hear) read -rN "$text" -u 3 && echo "$REPLY" ;;
		close) exec 3>&- && echo closed ;;
		esac
	done
}
tell() { echo "$*" >&"${COPROC[1]}"; }
# app_says TEXT: the program's next line.
app_says() {
	local line=
	read -rt 20 -u "${COPROC[0]}" line
	is "the program: $1" "$1" "$line"
}

succeeds 'forge -l is ready' listening -l 20
coproc app
heard
is 'the SYN reaches the silent host' S "$(answer_field flags "$said")"
seq=$(answer_field seq "$said")
ok 'nobody there answers it' state_is "$here" "$there" SYN-SENT
forged -r 10 -f SA -s 100 -k $((seq + 1)) -M 1000
is 'SYN-ACK: ACK' '. 101' "$(answer_field flags "$said") $(answer_field ack "$said")"
app_says connected
nxt=$((seq + 1))

succeeds 'forge -l is ready' listening -l 20 -n 4
tell zeros 4000
heard
is 'segments arrive one by one, of the MSS that was offered' '1000 1000 1000 1000' \
	"$(for n in 1 2 3 4; do answer_field len "$said" $n; done | paste -sd' ')"
nxt=$((nxt + 4000))
forged -f . -s 101 -k $nxt

# --- holding back ---------------------------------------------------------------

mac=$(neighbour . to-silent 10.0.1.1)
held_mac='10.0.1.1 lladdr 02:00:00:00:de:ad PERMANENT'
succeeds 'hold' hold . to-silent 10.0.1.1
is '... the neighbour is nobody' "$held_mac" "$(neighbour . to-silent 10.0.1.1)"
fails 'held already' hold . to-silent 10.0.1.1

out=$(packets . to-silent tx) in=$(packets silent link0 rx)
forged -r 0.2 -f PA -s 101 -k $nxt -d abc
like 'held: the ACK does not arrive' '"event":"silence"' "$said"
tell hear 3
app_says abc
ok '... it has left the host' more_than "$out" packets . to-silent tx
ok '... and passed the wire' more_than "$in" packets silent link0 rx

again=$(counter TcpRetransSegs)
tell say lost
ok 'held: data is sent again and again' \
	until_true 20 more_than "$((again + 1))" counter TcpRetransSegs
succeeds 'release' release . to-silent 10.0.1.1
is '... the neighbour is as before' "$mac" "$(neighbour . to-silent 10.0.1.1)"
fails 'not held' release . to-silent 10.0.1.1
said=$(silent_forge -j -l 20 "${at[@]}")
like 'released: the next retransmission arrives' '"len":4.*"data":"lost"' "$said"
is '... with the ACK of what came in meanwhile' 104 "$(answer_field ack "$said")"
nxt=$((nxt + 4))
forged -f . -s 104 -k $nxt

hold . to-silent 10.0.1.1
tell close
app_says closed
ok 'held: a FIN stays unacknowledged' until_true 20 state_is "$here" "$there" FIN-WAIT-1
said=$(silent_forge -j -l 0.1 "${at[@]}")
like '... and does not arrive' '"event":"silence"' "$said"
release . to-silent 10.0.1.1
said=$(silent_forge -j -l 20 "${at[@]}")
is 'released: the FIN arrives' "F. $nxt" "$(answer_field flags "$said") $(answer_field seq "$said")"
nxt=$((nxt + 1))
forged -f . -s 104 -k $nxt
ok 'acknowledged: FIN-WAIT-2' until_true 20 state_is "$here" "$there" FIN-WAIT-2

# The last ACK, and those of TIME-WAIT, are sent by no socket of their own
# (tcp_v4_send_ack): these must be held as well.
hold . to-silent 10.0.1.1
forged -r 0.1 -f FA -s 104 -k $nxt
like 'held: the last ACK' '"event":"silence"' "$said"
ok '... though the FIN came in' until_true 20 state_is "$here" "$there" TIME-WAIT
out=$(packets . to-silent tx)
forged -r 0.1 -f FA -s 104 -k $nxt
like "held: TIME-WAIT's ACK" '"event":"silence"' "$said"
ok '... which has left the host' more_than "$out" packets . to-silent tx
release . to-silent 10.0.1.1
forged -r 10 -f FA -s 104 -k $nxt
is "released: TIME-WAIT's ACK arrives, at once" '. 105' \
	"$(answer_field flags "$said") $(answer_field ack "$said")"

# A closed port has no socket at all.  IPv4, then IPv6.
for pair in '10.0.1.1 10.0.1.2' 'fd00:1::1 fd00:1::2'; do
	read -r me you <<<"$pair"
	at=("$me:9001" "$you:79")
	[[ $me != *:* ]] || at=("[$me]:9001" "[$you]:79")
	forged -r 10
	is "$me: a closed port's RST" R. "$(answer_field flags "$said")"
	hold . to-silent "$me"
	forged -r 0.1
	like "$me: held" '"event":"silence"' "$said"
	release . to-silent "$me"
	forged -r 10
	is "$me: released" R. "$(answer_field flags "$said")"
done

# Whatever asks the silent host's kernel: it has nothing to say.
in=$(packets silent link0 rx)
echo x >/dev/udp/10.0.1.1/53
echo x >"/dev/udp/fd00:1::1/53"
ok 'two datagrams reach the silent host' until_true 20 more_than $((in + 1)) packets silent link0 rx
is 'and all that ever left it are the forged segments' "$sent" "$(packets silent link0 tx)"
succeeds 'silent_gone' silent_gone
ip=$(ip -o link)
unlike '... takes the link along' 'to-silent' "$ip"
succeeds 'a new silent host after that' silent_host .
succeeds '... and gone' silent_gone

# --- between two real hosts, which find each other by ARP -----------------------

ip link add v0 type veth peer name v1 netns named
ip addr add 10.0.2.1/24 dev v0 && ip link set v0 up
in_host named ip addr add 10.0.2.2/24 dev v1 && in_host named ip link set v1 up
# knock: a SYN to a closed port of the other host, and its RST or silence.
knock() {
	local said
	said=$("$FORGE" -j -r "$1" 10.0.2.1:700 10.0.2.2:79)
	answer_field flags "$said" || echo silence
}
hold . v0 10.0.2.2
is 'held before they ever met' silence "$(knock 0.1)"
release . v0 10.0.2.2
is 'released: ARP finds the neighbour' R. "$(knock 10)"
was=$(neighbour . v0 10.0.2.2)
like '... as an ordinary entry' 'lladdr .* (REACHABLE|STALE|DELAY|PROBE)$' "$was"
hold . v0 10.0.2.2
is 'held' silence "$(knock 0.1)"
release . v0 10.0.2.2
is '... and put back, not for ever' "${was% *}" "$(neighbour . v0 10.0.2.2 | sed 's/ [A-Z]*$//')"
unlike '... and put back, not for ever' PERMANENT "$(neighbour . v0 10.0.2.2)"
is 'released' R. "$(knock 10)"
hold named v1 10.0.2.1
in=$(packets named v1 rx)
is 'held at the other host: no RST' silence "$(knock 0.1)"
ok '... though the SYN arrived' more_than "$in" packets named v1 rx
release named v1 10.0.2.1
is 'released' R. "$(knock 10)"

# wire on the receiving side shows what arrives, not what passes by.
exec {ready}<> <(:)
nsenter --net=/run/netns/named -- "$WIRE" -w "$tmp/pcap" -R 3 v1 3>&"$ready" 2>"$tmp/said" &
read -rt 20 -u "$ready" || verdict 1 'wire starts'
hold . v0 10.0.2.2
in=$(packets named v1 rx)
is 'held' silence "$(knock 0.1)"
ok '... and its frame did pass by' until_true 20 more_than "$in" packets named v1 rx
release . v0 10.0.2.2
is 'released' R. "$(knock 10)"
kill -TERM $!
wait $!
status=$?
is "wire ends well" 0 "$status"
[ "$status" = 0 ] || note "$(<"$tmp/said")"
is 'wire shows the second SYN and its RST alone' 'S R.' \
	"$("$WIRE" -j -r "$tmp/pcap" | sed 's/.*"flags":"\([^"]*\)".*/\1/' | paste -sd' ')"

finish
