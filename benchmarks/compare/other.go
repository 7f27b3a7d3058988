//go:build !linux

// Command compare needs Linux: it pins CPUs and reads /proc.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "compare needs Linux: it pins CPUs and reads /proc. Run it in a virtual machine.")
	os.Exit(1)
}
