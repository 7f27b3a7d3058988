package cors

import "fmt"

// A Problem is one thing that is wrong with a Config.
type Problem struct {
	Key     string // the key of the policy's table, such as "request_headers"
	Index   int    // the element of the key's list, or -1: the key itself
	Message string // what is wrong
	Hint    string // what to write instead; may be empty
	Warning bool   // the policy works, though perhaps not as meant

	// OtherKey and OtherIndex are another entry that the message ends in, which then reads on with
	// "at" and its place. No OtherKey: none.
	OtherKey   string
	OtherIndex int
}

// Error is [Problem.String]: a Problem is an error.
func (p Problem) Error() string { return p.String() }

// String returns p in one line.
func (p Problem) String() string {
	place := func(key string, index int) string {
		if index < 0 {
			return key
		}
		return fmt.Sprintf("%s[%d]", key, index)
	}
	s := place(p.Key, p.Index) + ": " + p.Message
	if p.OtherKey != "" {
		s += ", at " + place(p.OtherKey, p.OtherIndex)
	}
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}
