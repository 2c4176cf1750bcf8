# timing.awk - adds up what the arms of an experiment say of their time, as lines
# of two kinds: "0m0.010s 0m0.004s" (CPU: user, system; one line for the arm's
# shell, one for its programs) and "120 40" (milliseconds, and those of them
# aside).  Prints name, arms, begin and end since the lab's begin, the longest
# arm, all arms together without what they stood aside, CPU: in milliseconds.

function ms(text, part) {
	split(text, part, /[ms]/)
	return (part[1] * 60 + part[2]) * 1000
}

/m.*s/ { cpu += ms($1) + ms($2); next }
{
	arms++
	busy += $1 - $2
	if ($1 > longest) longest = $1
}
END {
	printf "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", name, arms, began, ended, longest, busy, cpu
}
