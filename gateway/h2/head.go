package h2

import (
	"bytes"

	"github.com/corsgate/corsgate/gateway/wire"
)

const (
	keptLine   = 16 << 10 // a longer line of a literal is left to the garbage collector
	cutTarget  = 1 << 10  // bytes at most that are left of a target that is too long
	bombFactor = 4        // a head this many times as large as announced is an attack
)

// A Head is the head of a request, or its trailer section, as HTTP/1.1 has it. It is used again and again; what it holds is
// valid until the session's next Next.
type Head struct {
	// Text is the request line and the field lines, or the lines of trailers. The empty line that ends them is not
	// there, so that the caller can add lines of its own: that content is chunked, or an upgrade. If Malformed is
	// not set, it is what package wire takes for a head with the same fields. The crumbs of Cookie are joined
	// (RFC 9113, section 8.2.3), and Host is the authority, once.
	Text []byte
	// Length is what Content-Length says, -1 without one that can be understood.
	Length int64
	// Protocol is that of an extended CONNECT (RFC 8441), else empty. The method is then written as GET, as the upgrade that
	// it stands for has it.
	Protocol []byte
	// Priority is what the priority field says; see RFC 9218, section 4.
	Priority Priority
	// Malformed is set if the fields are not those of a request. See RFC 9113, section 8.1.1.
	Malformed bool
	// Fault is set if the head is larger than the limits. Lines that have no place are then missing in Text, but it still is a
	// whole head, so that the answer can be the one that the page can read.
	Fault *wire.Fault

	limits        wire.Limits
	connect       bool // extended CONNECT is taken
	trailers      bool
	lined         bool // the request line is written, or there is none
	size, most    int  // as RFC 9113, section 6.5.2, counts (SETTINGS_MAX_HEADER_LIST_SIZE)
	lines         int
	hosts, crumbs int
	lengths       int
	fields        []wire.Field // of the lines in Text
	method        int          // lengths of the parts of the request line
	target        int
	pseudo        []byte
	at            [protocol + 1]span // by kind, in pseudo
	cookie        []byte
	line          []byte // the decoder's
}

var methodGet = []byte("GET")

// A span is a part of a buffer; its end is 0 if there is none.
type span struct{ start, end int }

// Begin makes h ready for a block.
func (h *Head) Begin(o *Options, trailers bool) {
	text, fields, pseudo, cookie, line := h.Text[:0], h.fields[:0], h.pseudo[:0], h.cookie[:0], h.line
	*h = Head{} // a literal with anything in it is made elsewhere and copied
	h.Text, h.fields, h.pseudo, h.cookie, h.line = text, fields, pseudo, cookie, line
	h.Length, h.Priority, h.limits, h.connect = -1, defaultPriority, o.Limits, o.Connect
	h.trailers, h.lined, h.most = trailers, trailers, bombFactor*o.ListBytes()
}

// add adds a field.
func (h *Head) add(l *line) {
	h.size += len(l.text) - len(": \r\n") + overhead
	if l.bad || h.Malformed {
		h.Malformed = true
		return
	}
	switch l.kind {
	case plain, te:
		h.copy(l)
	case method, scheme, path, authority, protocol:
		h.addPseudo(l)
	case cookie:
		h.addCookie(l)
	case host:
		h.addHost(l)
	case length:
		if h.lengths++; h.lengths == 1 {
			h.Length = decimal(l.value())
		} else {
			h.Length = -1 // which wire refuses
		}
		h.copy(l)
	case priority:
		h.Priority.update(l.value())
		h.copy(l)
	}
}

// room returns how many bytes Text may have, so that an empty line still fits.
func (h *Head) room() int { return h.limits.HeadBytes - len("\r\n") }

// copy adds a line to the text, if there is room for it.
func (h *Head) copy(l *line) {
	if !h.lined {
		h.startLine()
	}
	switch {
	case len(h.Text)+len(l.text) > h.room():
		h.tooLarge(wire.FaultHeadSize)
	case h.lines == h.limits.Fields:
		h.tooLarge(wire.FaultFieldCount)
	default:
		h.Text = append(h.Text, l.text...)
		h.note(l.name, len(l.text), l.id)
	}
}

// note notes the field whose line, of size bytes, was added last. Text may grow into other memory after that, and what the field is
// in stays as it is.
func (h *Head) note(name, size int, id wire.FieldID) {
	h.lines++
	l := h.Text[len(h.Text)-size:]
	h.fields = append(h.fields, wire.Field{Name: l[:name], Value: l[name+2 : size-2 : size-2], ID: id})
}

// Request has r say what Text, with an empty line behind it, is to wire.Request.Parse, and returns the fault that Parse would. It is
// for the head of a request that is not Malformed, and may be called once: r takes the fields with it. lim are those of now.
func (h *Head) Request(r *wire.Request, lim wire.Limits) *wire.Fault {
	if h.Fault != nil || lim != h.limits {
		n, fault := r.Parse(append(h.Text, "\r\n"...), lim)
		if fault == nil && n == 0 {
			fault = wire.FaultTruncated // it is longer than a reload allows since
		}
		return fault
	}
	r.Fields, h.fields = h.fields, r.Fields
	return r.Assemble(h.Text[:h.method:h.method], h.Text[h.method+1:][:h.target:h.target])
}

func (h *Head) tooLarge(f *wire.Fault) {
	if h.Fault == nil {
		h.Fault = f
	}
}

// addPseudo adds a pseudo-field. None comes twice, or after another field. See RFC 9113, section 8.3.
func (h *Head) addPseudo(l *line) {
	if h.lined || h.has(l.kind) || l.kind == protocol && !h.connect {
		h.Malformed = true
		return
	}
	v := l.value()
	if len(v) > h.limits.HeadBytes {
		v = v[:h.limits.HeadBytes] // enough to be too large
	}
	start := len(h.pseudo)
	h.pseudo = append(h.pseudo, v...)
	h.at[l.kind] = span{start, len(h.pseudo)}
}

func (h *Head) has(k kind) bool { return h.at[k].end > 0 }

func (h *Head) get(k kind) []byte { return h.pseudo[h.at[k].start:h.at[k].end] }

// addCookie adds a crumb of Cookie.
func (h *Head) addCookie(l *line) {
	if h.trailers {
		h.copy(l)
		return
	}
	if !h.lined {
		h.startLine()
	}
	switch h.crumbs++; {
	case len(h.cookie)+len(l.text) > h.room():
		h.tooLarge(wire.FaultHeadSize)
	case h.crumbs == 1:
		h.cookie = append(h.cookie, l.text[:len(l.text)-len("\r\n")]...)
	default:
		h.cookie = append(append(h.cookie, "; "...), l.value()...)
	}
}

// addHost adds Host, which says what the authority says, or stands for it. See RFC 9113, section 8.3.1.
func (h *Head) addHost(l *line) {
	h.hosts++
	switch {
	case h.trailers:
		h.copy(l)
	case h.hosts > 1, h.has(authority) && !bytes.EqualFold(h.get(authority), l.value()):
		h.Malformed = true
	case !h.has(authority):
		h.copy(l)
	case !h.lined:
		h.startLine()
	}
}

// startLine writes the request line, and Host if there is an authority.
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

// end ends the head when all fields have come.
func (h *Head) end() {
	if h.Malformed {
		return
	}
	if !h.lined {
		h.startLine()
	}
	if len(h.cookie) > 0 && !h.Malformed {
		h.cookie = append(h.cookie, "\r\n"...)
		if h.copy(&line{text: h.cookie, name: len("cookie")}); h.Fault == nil {
			f := &h.fields[len(h.fields)-1]
			f.Value = bytes.TrimRight(f.Value, " ") // of "; " before an empty crumb
		}
	}
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
