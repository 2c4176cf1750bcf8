# SPDX-License-Identifier: MIT
# captures.awk - of each arm: EXPERIMENT, number, where its capture is kept, and whether it
# is a control, or did what the article promises for it (yes, no).
# Input: arms.tsv; see record.awk.
{
	print $F["experiment"] "\t" $F["number"] "\t" capture() "\t" \
		($F["control"] == 1 ? "control" : $F["observed"] == $F["promised"] ? "yes" : "no")
}
