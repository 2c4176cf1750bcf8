# SPDX-License-Identifier: MIT
# list.awk - what `lab list` prints: a line for each experiment declared, and its claim.

$1 == "experiment" {
	experiment[++experiments] = $2
	kept[$2] = $0
}
$1 == "arm" { arms[$2]++ }
END {
	for (i = 1; i <= experiments; i++) {
		$0 = kept[experiment[i]]
		printf "%-7s %-22s %3d arms  %s\n", $5, $2, arms[$2], $6
		wrap($9, "        ", "        ")
	}
}
