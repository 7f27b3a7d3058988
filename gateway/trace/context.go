package trace

import "encoding/hex"

// A Context is what traceparent says. See W3C, "Trace Context", section 3.2.
type Context struct {
	Trace   [16]byte // not all 0
	Parent  [8]byte  // not all 0: the span that the request belongs to
	Sampled bool
	Random  bool // the trace's id is known to be random; see level 2 of the standard
}

// parentLen is the length of a traceparent of version 00: "00-", 32 digits, "-", 16 digits, "-", 2 digits.
const parentLen = 55

// Parse reads a traceparent. It reads the known parts of unknown versions. It reports false if v
// has none.
func Parse(v []byte) (c Context, ok bool) {
	if len(v) < parentLen || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return c, false
	}
	var version, flags [1]byte
	if !decode(version[:], v[:2]) || !decode(c.Trace[:], v[3:35]) || !decode(c.Parent[:], v[36:52]) || !decode(flags[:], v[53:55]) {
		return c, false
	}
	switch {
	case version[0] == 0xff, version[0] == 0 && len(v) > parentLen, len(v) > parentLen && v[parentLen] != '-':
		return c, false
	case c.Trace == [16]byte{}, c.Parent == [8]byte{}:
		return c, false
	}
	c.Sampled, c.Random = flags[0]&1 != 0, flags[0]&2 != 0
	return c, true
}

// decode reads hexadecimal digits, which must be in lower case.
func decode(dst, src []byte) bool {
	for i := range dst {
		high, low := digit(src[2*i]), digit(src[2*i+1])
		if high > 15 || low > 15 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

// digit returns the value of a digit, or more than 15.
func digit(b byte) byte {
	switch {
	case b >= '0' && b <= '9':
		return b - '0'
	case b >= 'a' && b <= 'f':
		return b - 'a' + 10
	}
	return 255
}

// Append appends c as a traceparent of version 00.
func (c *Context) Append(dst []byte) []byte {
	dst = hex.AppendEncode(append(dst, "00-"...), c.Trace[:])
	dst = hex.AppendEncode(append(dst, '-'), c.Parent[:])
	flags := byte('0')
	if c.Sampled {
		flags |= 1
	}
	if c.Random {
		flags |= 2
	}
	return append(dst, '-', '0', flags)
}
