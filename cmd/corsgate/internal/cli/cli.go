// Package cli holds what the commands have in common: exit statuses, flags, arguments, and how they report errors.
package cli

import "fmt"

// Count returns "1 one" or "n many".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
