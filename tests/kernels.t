#!/usr/bin/env bash
# kernels: bad input, and a machine that dies, hangs, lies or ends, played by a qemu of our
# own; nothing is left of any.  A kernel is booted in tests/long only.
. "${0%/*}/tap.bash"
kernels=scripts/kernels
export XDG_CACHE_HOME=$tmp/cache TMPDIR=$tmp/t
mkdir "$tmp/t" "$tmp/bin" "$tmp/cache"
[ "$(uname -m)" = x86_64 ] || { echo '1..0 # SKIP kernels is for x86_64'; exit 0; }

# refused STATUS REGEX ARGUMENT...: exit STATUS, one line, nothing left.
refused() {
	run $kernels "${@:3}"
	is "kernels ${*:3}: exit $1, one line, nothing left" "$1||1|" \
		"$status|$out|$(grep -c '' "$tmp/.err")|$(ls -A "$tmp/t")"
	like "kernels ${*:3}: says why" "^kernels: .*$2" "$err"
}

# kernel FILE [VERSION [FLAGS]]: the head of a bzImage.
kernel() {
	head -c 2048 /dev/zero >"$1"
	poke() { printf '%b' "$2" | dd of="$file" bs=1 seek="$1" conv=notrunc status=none; }
	local file=$1
	poke $((0x1f1)) '\01'
	poke 514 HdrS
	poke $((0x20e)) '\00\01' # 0x100 behind 0x200
	poke $((0x236)) "${3-\\01}"
	poke $((0x300)) "${2-6.99.0-test (us) #1}"
}

# --- the command line ---
refused 2 'what shall it do'
refused 2 "unknown command 'boot'" boot
refused 2 "list takes no argument, not 'x'" list x
refused 2 'get wants a series' get
for series in 6 6.1.2 linux x.y ../6.1; do refused 2 "'$series' is no series" get "$series"; done
refused 2 '-k wants a value' run -k
refused 2 '--limit wants a whole number' run --limit 0
refused 2 "--cpus wants a whole number, not 'x'" run --cpus=x
refused 1 'no kernel is here' list

# --- an archive that does not answer ---
if (. /etc/os-release && [[ $ID == debian || $ID == ubuntu ]] && [ -n "${VERSION_CODENAME-}" ]); then
	cat >"$tmp/bin/apt-get" <<-'END'
		#!/bin/bash
		. /etc/os-release
		case "$*" in
		indextargets*) echo "$VERSION_CODENAME http://archive/"; exit ;;
		esac
		echo 'W: Failed to fetch http://archive/dists: no route'
	END
	printf '#!/bin/sh\n' >"$tmp/bin/apt-cache"
	chmod +x "$tmp/bin/apt-get" "$tmp/bin/apt-cache"
	for again in 1 2; do
		PATH=$tmp/bin:$PATH run $kernels get 6.99
		is "get without a network, $again: one line" "1|kernels: reading the archive's lists
kernels: the archive cannot be read: W: Failed to fetch http://archive/dists: no route" "$status|$err"
	done
	# One that says nothing while it is read.
	cat >"$tmp/bin/apt-cache" <<-'END'
		#!/bin/sh
		case $* in
		*search*) echo 'linux-image-6.99.0-1-amd64 - a kernel' ;;
		*show*) printf 'Package: linux-image-6.99.0-1-amd64\nVersion: 1\n' ;;
		esac
	END
	sed -i "2i case \$* in *download*) echo \$\$ >'$tmp/fetches'; exec sleep 600 ;; esac" "$tmp/bin/apt-get"
	printf '#!/bin/sh\n' | tee "$tmp/bin/dpkg-deb" "$tmp/bin/depmod" >"$tmp/bin/qemu-system-x86_64"
	chmod +x "$tmp/bin"/*
	nothing_fetched() {
		((SECONDS < 60)) && [ ! -e "/proc/$(<"$tmp/fetches")" ] &&
			[ -z "$(find "$tmp/cache" "$tmp/t" -name '*.get.*' -o -name '.rtest*')" ]
	}
	for how in get 'run -k'; do
		rm -f "$tmp/fetches"
		# shellcheck disable=SC2086 # split into words
		PATH=$tmp/bin:$PATH env --default-signal=INT setsid $kernels $how 6.99 >"$tmp/said" 2>&1 </dev/null &
		pid=$!
		until_true test -s "$tmp/fetches"
		kill -INT "-$pid"
		SECONDS=0
		wait "$pid" 2>/dev/null
		is "SIGINT while a kernel is fetched, $how: exit code" 130 "$?"
		ok "SIGINT while a kernel is fetched, $how: nothing is waited for, or left" \
			until_true nothing_fetched
	done
	rm "$tmp/bin"/*
else
	skip 'get without a network' 'neither Debian nor Ubuntu'
fi

# --- what is booted, and by what ---
cat >"$tmp/bin/qemu-system-x86_64" <<'END'
#!/bin/bash
# A machine that does what $QEMU says.
echo "$$" >"$QEMU_PID"
echo "$*" >"$QEMU_PID.words"
lines=()
for word; do [[ $word != file:* ]] || lines+=("${word#file:}"); done
case "$*" in
*/kvm*) [ -n "${NO_KVM-}" ] || echo 'Linux version' >"${lines[0]}"; exit ;;
*'-accel tcg'*) echo emulated >>"$QEMU_PID.how" ;;
esac
case $QEMU in
dies)
	printf '%s\r\n' 'init: 101-tun.ko cannot be loaded' 'BUG: unable to handle page fault' 'RIP: 0010:some_function+0x1' \
		'Kernel panic - not syncing: Fatal exception in interrupt' >>"${lines[0]}"
	;;
refuses) echo 'qemu-system-x86_64: cannot set up guest memory: Cannot allocate memory' >&2; exit 1 ;;
silent) ;;
hangs) exec sleep 600 ;;
cut | ends)
	kept=$(mktemp -d)
	mkdir "$kept/run"
	echo "${CODE-0}" >"$kept/code"
	echo the table >"$kept/stdout"
	echo '{}' >"$kept/run/results.json"
	echo >"$kept/run/arms.tsv"
	printf 'arms.tsv\ta line for each arm: its fields\nresults.json\tthe same as JSON\n' >"$kept/run/INDEX"
	[ -z "${NO_INDEX-}" ] || rm "$kept/run/INDEX"
	tar -czf "$kept.tgz" -C "$kept" .
	if [ "$QEMU" = cut ]; then head -c 100 "$kept.tgz"; else cat "$kept.tgz"; fi >>"${lines[2]}"
	printf '\r\033[K0:01  1 of 2 arms  x\r\033[Klab: a word\n' >>"${lines[1]}"
	rm -r "$kept" "$kept.tgz"
	echo booted >>"${lines[0]}"
	;;
esac
END
chmod +x "$tmp/bin/qemu-system-x86_64"
# What it is given is not looked at.
cat >"$tmp/bin/cpio" <<'END'
#!/bin/sh
cat >/dev/null
cp command "$QEMU_PID.command"
find files 2>/dev/null >"$QEMU_PID.files" || :
END
printf '#!/bin/sh\n' >"$tmp/bin/ldd"
chmod +x "$tmp/bin/cpio" "$tmp/bin/ldd"
PATH=$tmp/bin:$PATH
export QEMU=ends QEMU_PID=$tmp/pid
refused 2 "unknown option '--fast'" run --fast
refused 2 "--jobs wants a number" run --jobs x
refused 2 "--format is term, tap or json" run --format xml hello
refused 2 '--quick and --long: one of the two' run --quick --long
refused 2 "'closed' is neither an experiment nor a group" run closed
refused 2 'no such file' run "$tmp/none/x"
k=$tmp/vmlinuz
refused 1 "'6.x' is neither a series" run --out "$tmp/out" -k 6.x
refused 1 'no such file' run --out "$tmp/out" -k "$tmp/none"
refused 1 'not a file' run --out "$tmp/out" -k "$tmp/"
refused 1 'not a Linux kernel' run --out "$tmp/out" -k rtest.c
: >"$k"
refused 1 'not a Linux kernel' run --out "$tmp/out" -k "$k"
{ head -c 56 /dev/zero; printf 'ARMd'; head -c 2000 /dev/zero; } >"$k"
refused 1 'another architecture' run --out "$tmp/out" -k "$k"
kernel "$k" 6.99.0-test '\00'
refused 1 'another architecture' run --out "$tmp/out" -k "$k"
kernel "$k" no-version
refused 1 'without a version' run --out "$tmp/out" -k "$k"
kernel "$k"
truncate -s 900 "$k"
refused 1 'end of the kernel is missing' run --out "$tmp/out" -k "$k"
kernel "$k"
refused 1 'cannot keep runs there' run --out "$k/x" -k "$k"
QEMU=dies refused 1 '6.99.0-test: the guest died: no verdict from this run; its last words: before the lab said a word; BUG: unable to handle page fault; RIP: 0010:some_function[+]0x1; Kernel panic .* [(]its console: .*/6.99.0-test.console[)]' run --out "$tmp/out" -k "$k"
like 'the console of a guest that died is kept' 'tun.ko cannot be loaded' "$(<"$tmp/out/6.99.0-test.console")"
rm "$tmp/out/6.99.0-test.console"
QEMU=silent refused 1 'the guest died: .*serial console' run --out "$tmp/out" -k "$k"
QEMU=refuses refused 1 'qemu: cannot set up guest memory' run --out "$tmp/out" -k "$k"
QEMU="cut" refused 1 'the guest died' run --out "$tmp/out" -k "$k"
CODE='' refused 1 'the guest died' run --out "$tmp/out" -k "$k"
NO_INDEX=1 run $kernels run --out "$tmp/out" -k "$k"
is 'no results: no table, nothing kept' "1||$tmp/out/6.99.0-test.console" "$status|$out|$(echo "$tmp/out/"*)"
rm "$tmp/out/6.99.0-test.console"
mkdir "$tmp/mine" "$tmp/mine/6.99.0-test"
printf 'notes\tmy own\n' >"$tmp/mine/6.99.0-test/INDEX"
refused 1 "INDEX is here and is no run's of the lab" run --out "$tmp/mine" -k "$k"
rm -r "$tmp/mine/6.99.0-test"
: >"$tmp/mine/6.99.0-test"
refused 1 'cannot keep the run there' run --out "$tmp/mine" -k "$k"
QEMU=hangs refused 1 'not done in 2 s' run --out "$tmp/out" --limit 2 -k "$k"
ok 'the guest that hung has ended' until_true test ! -e "/proc/$(<"$tmp/pid")"
is 'no run is kept of these' '' "$(ls -A "$tmp/out")"

# --- a run ---
run $kernels run --out "$tmp/out" -k "$k" --quick hello
is 'a run: exit code, the table' '0|the table' "$status|$out"
like "a run: the lab's words, not its progress" $'^lab: a word\nkernels: the run is kept in '"$tmp/out" "$err"
is 'a run: kept' 'INDEX arms.tsv results.json ' "$(cd "$tmp/out/6.99.0-test" && printf '%s ' *)"
run $kernels run --cpus 3 --memory=512 --out "$tmp/out" -k "$k" hello
like 'its CPUs and its memory' ' -smp 3 -m 512 ' "$(<"$tmp/pid.words")"
CODE=1 run $kernels run --out "$tmp/out" -k "$k" hello
is 'something unexpected: 1' 1 "$status"
rm -f "$tmp/pid"
refused 1 '--quick leaves out many-time-waits' run --out "$tmp/out" -k "$k" --quick many-time-waits
cp "$k" "$tmp/again"
refused 2 "-k $k and -k $tmp/again are the same release, 6.99.0-test" run --out "$tmp/out" -k "$k" -k "$tmp/again"
ok 'of these nothing was booted' test ! -e "$tmp/pid"
# An experiment of one's own keeps its name, wherever it lies.
mkdir "$tmp/x"
cp scripts/experiments/hello "$tmp/x/hello.v2"
ln -s hello.v2 "$tmp/x/mine"
run $kernels run --out "$tmp/out" -k "$k" "$tmp/x/mine"
is 'a file: exit code' 0 "$status"
like 'a file: its name in the machine' ' (/files/[0-9]+/mine) ' "$(<"$tmp/pid.command")"
is 'a file: it is there' "${BASH_REMATCH[1]}" "$(grep mine "$tmp/pid.files" | sed 's|^|/|')"
mkdir -p "$tmp/[c]/rtest/kernels/6.99/boot"
cp "$k" "$tmp/[c]/rtest/kernels/6.99/boot/vmlinuz-6.99.0-test"
XDG_CACHE_HOME="$tmp/[c]" run $kernels run --out "$tmp/out" -k 6.99 hello
is 'a series, in a folder with brackets' '0|the table' "$status|$out"

if [[ -r /dev/kvm && -w /dev/kvm ]]; then
	rm -f "$tmp/pid.how"
	NO_KVM=1 run $kernels run --out "$tmp/out" -k "$k" --quick hello
	like 'KVM that does not work: emulation, and it is said' 'kernels: 6.99.0-test: emulated, as KVM does not boot it' "$err"
	is 'KVM that does not work: the run' "0|emulated" "$status|$(<"$tmp/pid.how")"
else
	skip 'KVM that does not work: emulation' 'no /dev/kvm here'
fi

# --- signals ---
# gone PID: neither the process nor a file of ours is left, after a moment.
gone() {
	local i
	for ((i = 0; i < 300; i++)); do
		[ ! -e "/proc/$1" ] && [ -z "$(ls -A "$tmp/t")" ] && return
		sleep 0.1
	done
	ps -p "$1" >&2
	ls -A "$tmp/t" >&2
	return 1
}
for signal in INT TERM HUP KILL; do
	rm -f "$tmp/pid"
	# (A shell's job in the background ignores SIGINT.)
	QEMU=hangs env --default-signal=INT setsid $kernels run --out "$tmp/out" -k "$k" hello >"$tmp/said" 2>&1 </dev/null &
	pid=$!
	for ((i = 0; i < 1200; i++)); do [ ! -s "$tmp/pid" ] || break; sleep 0.1; done
	qemu=$(<"$tmp/pid")
	kill -"$signal" "$pid"
	wait "$pid" 2>/dev/null
	status=$?
	ok "SIG$signal: nothing is left" gone "$qemu"
	case $signal in
	INT) is "SIG$signal: exit code" 130 "$status" ;;
	TERM | HUP) is "SIG$signal: exit code" 143 "$status" ;;
	esac
done
finish
