package route

// Misreading says why a path that can be misread leads to no rule. Precondition: m.Misread().
func (m Miss) Misreading() string {
	switch m {
	case Dotted:
		return "the path contains a dot segment, possibly encoded, which servers resolve in different ways"
	case Nested:
		return "the path is percent-encoded twice, which servers decode in different ways"
	}
	return "the path has two readings that lead to different routes"
}

// MisreadingFix says what to send instead.
func (m Miss) MisreadingFix() string {
	switch m {
	case Dotted:
		return "send the path that it leads to, as browsers do"
	case Nested:
		return "escape the path once"
	}
	return "send it without ';', empty segments, escaped slashes and escapes of plain characters"
}
