package h2

import (
	"bytes"

	"github.com/corsgate/corsgate/gateway/wire"
)

// startLine writes the request line, and Host if there is an authority. It runs at the first
// regular field, when all pseudo-fields must be there.
func (h *Head) startLine() {
	h.lined = true
	m, target := h.get(method), h.get(path)
	switch {
	case !h.has(method):
		h.Malformed = true
	case h.has(protocol): // RFC 8441, section 4
		h.Malformed = string(m) != "CONNECT" || !h.has(path) || !h.has(scheme) || !h.has(authority)
		h.Protocol, m = h.get(protocol), methodGet
	case string(m) == "CONNECT": // RFC 9113, section 8.5
		h.Malformed = h.has(path) || h.has(scheme) || !h.has(authority)
		target = h.get(authority)
	default:
		h.Malformed = !h.has(path) || !h.has(scheme)
	}
	if h.Malformed {
		return
	}
	const version = " HTTP/1.1\r\n"
	if len(m)+1+len(target)+len(version) > h.room() {
		h.tooLarge(wire.FaultTargetLength)
		most := min(cutTarget, h.limits.HeadBytes/4)
		target = cut(target, most)
		m = m[:min(len(m), most)] // which is longer than wire takes, or has not been cut
	}
	h.Text = append(append(append(append(h.Text, m...), ' '), target...), version...)
	h.method, h.target = len(m), len(target)
	if h.has(authority) {
		a := h.get(authority)
		size := len("Host: \r\n") + len(a)
		if len(h.Text)+size > h.room() {
			h.tooLarge(wire.FaultHeadSize)
			return
		}
		h.Text = append(append(append(h.Text, "Host: "...), a...), '\r', '\n')
		h.note(len("Host"), size, wire.Host)
	}
}

// cut shortens a target that is too long, so that it still is one and may lead to the same route.
func cut(target []byte, most int) []byte {
	if len(target) <= most {
		return target
	}
	target = target[:most]
	if q := bytes.IndexByte(target, '?'); q > 0 {
		return target[:q]
	}
	if e := bytes.LastIndexByte(target, '%'); e >= len(target)-2 {
		return target[:e]
	}
	return target
}

// decimal parses v as wire does. It returns -1 for what that refuses.
func decimal(v []byte) int64 {
	if len(v) == 0 || len(v) > 18 || len(v) > 1 && v[0] == '0' {
		return -1
	}
	n := int64(0)
	for _, c := range v {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
