package wire

// Only returns the value of a field, or nothing if the field is absent or has more than one
// line, because recipients differ in which one they read. It is for fields that few routes ask
// for: it reads all fields, by name.
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

// Values appends the value of each line of a field, in order.
func (r *Request) Values(dst [][]byte, id FieldID) [][]byte {
	for i := range r.Fields {
		if f := &r.Fields[i]; f.ID == id {
			dst = append(dst, f.Value)
		}
	}
	return dst
}
