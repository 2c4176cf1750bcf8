# record.awk - the fields of arms.tsv and experiments.tsv by name: $F["observed"].
# Variables: arm_fields and experiment_fields, their names in order (lib/arm,
# lib/results/results).  Arms of an experiment stand together, in their order.

BEGIN {
	FS = "\t"
	count_of_fields = split(arm_fields, name_of, " ")
	for (i = 1; i <= count_of_fields; i++) F[name_of[i]] = i
	count_of_fields = split(experiment_fields, name_of, " ")
	for (i = 1; i <= count_of_fields; i++) E[name_of[i]] = i
}

# in_words(verdict, condition): how a verdict's condition is said.
function in_words(verdict, condition) {
	if (verdict != "holds-if") return condition
	if (condition !~ /^not \(/) return "only with " condition
	return "except with " substr(condition, 6, length(condition) - 6)
}
