package wire

// Only returns the value of a field, or nothing if it is not there, or in more than one line, of which others may read another.
func (r *Request) Only(name string) (value []byte) {
	lines := 0
	for i := range r.Fields {
		if f := &r.Fields[i]; EqualFold(f.Name, name) {
			value = f.Value
			lines++
		}
	}
	if lines > 1 {
		return nil
	}
	return value
}
