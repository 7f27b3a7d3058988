package config

import _ "embed"

//go:embed example.toml
var example string

// Example returns a configuration file that shows every key of this version with its default, and explains it.
// [Parse] accepts it without a problem. The caller owns the slice.
func Example() []byte { return []byte(example) }
