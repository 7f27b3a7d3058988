package config

import (
	"fmt"
	"strings"
)

// aliases are keys that people know from other gateways and that no likeness of letters would find.
var aliases = map[string]string{
	"allow_headers":   "request_headers",
	"allowed_headers": "request_headers",
	"listen":          "listener",
	"bind":            "address",
	"backend":         "upstream",
	"servers":         "endpoints",
	"domains":         "hosts",
	"prefix":          "path",
}

// maxKnown bounds the words that one is compared with.
const maxKnown = 100

// Suggest returns the one of known that was probably meant by got, or "".
func Suggest(got string, known []string) string {
	known = known[:min(len(known), maxKnown)]
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	got = plain(got)
	best, bestScore := "", 3
	for _, k := range known {
		p := plain(k)
		if aliases[got] == k {
			return k
		}
		slips := 2
		if len(p) <= 5 {
			slips = 1 // Short words are all alike.
		}
		if len(p) > len(got)+slips || len(got) > len(p)+slips {
			continue
		}
		if score := distance(got, p); score <= slips && score < bestScore {
			best, bestScore = k, score
		}
	}
	if best != "" {
		return best
	}
	// "allowed_origins" for origins, "body" for body_bytes.
	for _, k := range known {
		p := plain(k)
		if strings.HasPrefix(p, got+"_") || len(p) >= 5 && strings.Contains(got, p) || len(got) >= 5 && strings.Contains(p, got) {
			return k
		}
	}
	return ""
}

// didYouMean returns a hint for got, or "". The verb formats the suggestion: %s for keys, %q for values.
func didYouMean(verb, got string, known []string) string {
	if s := Suggest(got, known); s != "" {
		return fmt.Sprintf("did you mean "+verb+"?", s)
	}
	return ""
}

// distance returns how many bytes must be inserted, removed, replaced or swapped with their neighbour to turn a
// into b (the optimal string alignment distance).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64 // No key is that long.
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, prev, row = prev, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
