# SPDX-License-Identifier: MIT
# captures.awk - of each arm: EXPERIMENT, number, where its capture is kept, and what
# it is for the claim (see arm_kind() in record.awk), or that it is a control.
# Input: arms.tsv; see record.awk.
{
	file = ($F["control"] == 1 ? "control," : "") $F["conditions"]
	gsub(/ /, ",", file)
	gsub(/\//, "-", file)
	if (length(file) > 200) file = substr(file, 1, 200) ",arm-" $F["number"] # a name has 255 bytes
	print $F["experiment"] "\t" $F["number"] "\t" $F["experiment"] "/" file ".pcap\t" \
		(arm_kind() == "" && $F["control"] == 1 ? "control" : arm_kind())
}
