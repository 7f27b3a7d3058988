// Package limit bounds how often something may happen, for each of many keys: rate limits.
//
// It is the generic cell rate algorithm in a table that grows with the keys it has to tell apart, up to a bound in bytes.
// A key's whole state is one time, which is moved by one compare-and-swap: cores meet only where they count the same key.
//
// It needs the standard library only, and time is an argument.
package limit
