// Package limit bounds how often something may happen, for each of many keys: rate limits.
//
// It is the generic cell rate algorithm in a table that grows with the number of keys, up to a bound in bytes.
// A key's whole state is one time, changed by one compare-and-swap: cores contend only if they count the same key.
//
// It depends only on the standard library. Time is an argument.
package limit
