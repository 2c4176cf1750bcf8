# SPDX-License-Identifier: MIT
# slabs.awk - how much slab memory one connection takes, from the counters after
# each of several steps.
#
#	awk -v counts="0 1000 2000 ..." -v page=4096 -v ours="NAME ..." -v all=0|1 \
#		-f slabs.awk FILE...
#
# A FILE for each count: /proc/slabinfo, if it could be read, and /proc/meminfo.
# `ours` are the caches that a TIME-WAIT may have objects of.  With all=1 every
# cache counts, and objects need not be whole.  Prints, tab-separated:
#
#	cache	NAME	OBJECTS	BYTES	so many objects for each connection; BYTES with
#				the object's share of the pages
#	unclear	NAME	OBJECTS		no whole number
#	other	NAME	OBJECTS	BYTES	a cache that grew as well; not counted
#	sum	-	BYTES	MB	of all caches, for each, and for 10,000
#	total	COUNT	MB	STEPS	what these caches have grown by, at a count; a step
#				in which others' use of a cache changed by half an
#				object for each connection and more counts as the
#				median, and in STEPS
#	meminfo	SUnreclaim	BYTES	LEAST	MOST	STEPS	MIN	MAX	for each
#
# LEAST and MOST bound what a step really takes, with 97 per cent certainty, if
# noise is as often up as down: the second smallest and the second largest of ten.
# MIN and MAX are of all steps.

BEGIN {
	n_counts = split(counts, count, " ")
	n = split(ours, name_of, " ")
	for (i = 1; i <= n; i++) counted[name_of[i]] = 1
}

FNR == 1 { file++ }

/^(slabinfo|#)/ { next }

# slabinfo: name active_objs num_objs objsize objperslab pagesperslab : ...
NF >= 16 && $7 == ":" {
	if (file == 1) {
		order[caches++] = $1
		size[$1] = page * $6 / $5
	}
	objects[$1, file] = $2
	next
}

$1 == "SUnreclaim:" { kib[file] = $2 }

# sorted(): v[1] to v[n] in their order.
function sorted(n,    i, j, x) {
	for (i = 2; i <= n; i++) {
		x = v[i]
		for (j = i; j > 1 && v[j - 1] > x; j--) v[j] = v[j - 1]
		v[j] = x
	}
}

# median(n): of v[1] to v[n], which are in their order.
function median(n) { return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }

END {
	OFS = "\t"
	for (c = 0; c < caches; c++) {
		name = order[c]
		for (i = 2; i <= n_counts; i++)
			v[i - 1] = (objects[name, i] - objects[name, i - 1]) / (count[i] - count[i - 1])
		sorted(n_counts - 1)
		m = median(n_counts - 1)
		if (m < 0.3) continue
		whole = int(m + 0.5)
		if (all) whole = m
		else if (!(name in counted)) {
			print "other", name, sprintf("%.2f", m), sprintf("%.0f", size[name])
			continue
		} else if (m - whole > 0.3 || whole - m > 0.3) {
			print "unclear", name, sprintf("%.2f", m)
			continue
		}
		print "cache", name, all ? sprintf("%.1f", m) : whole, sprintf("%.0f", size[name])
		sum += whole * size[name]
		grown = 0
		for (i = 2; i <= n_counts; i++) {
			by = (objects[name, i] - objects[name, i - 1]) / (count[i] - count[i - 1])
			if (by - m > 0.5 || m - by > 0.5) {
				by = m
				disturbed[i] = 1
			}
			grown += by * (count[i] - count[i - 1])
			total[i] += grown * size[name]
		}
	}
	if (caches) {
		print "sum", "-", sprintf("%.0f", sum), sprintf("%.2f", sum / 100)
		for (i = 2; i <= n_counts; i++)
			print "total", count[i], sprintf("%.3f", total[i] / 1e6), (steps += disturbed[i]) + 0
	}
	for (i = 2; i <= n_counts; i++)
		v[i - 1] = (kib[i] - kib[i - 1]) * 1024 / (count[i] - count[i - 1])
	n = n_counts - 1
	sorted(n)
	# The k-th smallest and largest miss the median with a chance of
	# 2 * P(fewer than k of n coins show heads).
	p = chance = exp(-n * log(2))
	k = 1
	while (k < n / 2 && 2 * (chance + p * (n - k + 1) / k) <= 0.03) {
		p = p * (n - k + 1) / k
		chance += p
		k++
	}
	print "meminfo", "SUnreclaim", sprintf("%.0f", median(n)), sprintf("%.0f", v[k]), sprintf("%.0f", v[n + 1 - k]), n, sprintf("%.0f", v[1]), sprintf("%.0f", v[n])
}
