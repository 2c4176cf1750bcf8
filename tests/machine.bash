# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# machine.bash - a kernel that scripts/kernels can boot: the oldest one that is here, its
# $release and its $file; without one, or its tools, the whole test is skipped.  Source it
# after tap.bash.

kernels=scripts/kernels
for tool in qemu-system-x86_64 cpio modprobe; do
	command -v "$tool" >/dev/null || { echo "1..0 # SKIP no $tool here"; exit 0; }
done
read -r _ release file < <($kernels list 2>/dev/null | head -n 1)
[ -n "${file-}" ] || { echo "1..0 # SKIP no kernel is here: $kernels get 6.1"; exit 0; }
limit=3600

# tell_failed DIR EXPERIMENT...: notes those experiments' arms that are not ok, with their evidence.
tell_failed() {
	note "$(awk -F '\t' -v names=" ${*:2} " '
		NR == FNR { if ($4 != "true" && index(names, " " $1 " ")) failed[$1 FS $2] = $8; next }
		($1 FS $2) in failed { print $1 ": " failed[$1 FS $2] ": " $3 }' "$1/arms.tsv" "$1/evidence.tsv")"
}
