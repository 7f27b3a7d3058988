//go:build race

package limit_test

// raced says that the race detector looks on, for which each event takes microseconds.
const raced = true
