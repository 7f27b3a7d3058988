// Package printabletest helps tests hold that output cannot control the terminal that shows it.
package printabletest

import "unicode"

// Nasty clears a screen, forges a line and reverses the reading direction.
const Nasty = "x\x1b[2J\u009b31m\u202e\x9b\nforged  127.0.0.1:1  99  yes"

// Obeyed returns the first part of a text that a terminal would obey, or "".
func Obeyed(text string) string {
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return string(r)
		}
	}
	return ""
}
