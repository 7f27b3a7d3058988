package balance

// maxSchedule bounds the length of a schedule. Weights whose sum is larger are scaled down, by
// which a share is off by 1/maxSchedule at most.
const maxSchedule = 8192

// schedule returns an order in which each index stands as often as its weight says, spread as
// evenly as can be: smooth weighted round robin, as nginx does it, but once for all. Weights are
// positive.
func schedule(weights []int64) []int32 {
	weights = reduce(weights)
	total := int64(0)
	for _, w := range weights {
		total += w
	}
	order := make([]int32, 0, total)
	current := make([]int64, len(weights))
	for range total {
		best := 0
		for i, w := range weights {
			if current[i] += w; current[i] > current[best] {
				best = i
			}
		}
		current[best] -= total
		order = append(order, int32(best))
	}
	return order
}

// reduce returns small weights of the same proportions: divided by what they have in common, and
// scaled down if they are too large still.
func reduce(weights []int64) []int64 {
	common, total := int64(0), int64(0)
	for _, w := range weights {
		common, total = GCD(common, w), total+w
	}
	bound := max(maxSchedule, int64(len(weights)))
	small := make([]int64, len(weights))
	for i, w := range weights {
		if small[i] = w / common; total/common > bound {
			small[i] = max(1, w*bound/total)
		}
	}
	return small
}

// GCD returns the greatest common divisor. GCD(0, n) is n.
func GCD[T int | int64](a, b T) T {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
