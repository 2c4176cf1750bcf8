# SPDX-License-Identifier: MIT
# timing.awk - where the time went: for each experiment its arms, when the first began
# and the last ended, its longest arm, and the CPU time of its arms' shells and of the
# programs that they waited for; the costliest first.
# Input: arms.tsv; see record.awk.  Variable: began, the run's begin in milliseconds.
{
	name = $F["experiment"]
	if (!arms[name]++) from[name] = $F["began"]
	if ($F["began"] < from[name]) from[name] = $F["began"]
	if ($F["ended"] > to[name]) to[name] = $F["ended"]
	if ($F["ended"] - $F["began"] > longest[name]) longest[name] = $F["ended"] - $F["began"]
	cpu[name] += $F["cpu_ms"]
}
END {
	printf "%-22s %5s %8s %8s %8s %8s\n", "experiment", "arms", "begin", "end", "longest", "CPU"
	for (name in arms)
		printf "%-22s %5d %6.2f s %6.2f s %6.2f s %6.2f s\n", name, arms[name], \
			(from[name] - began) / 1000, (to[name] - began) / 1000, longest[name] / 1000, \
			cpu[name] / 1000 | "sort -k 9,9nr"
}
