package h2

import (
	"bytes"
	"slices"

	"github.com/corsgate/corsgate/gateway/wire"
)

const (
	keptLine   = 16 << 10 // a longer line of a literal is left to the garbage collector
	cutTarget  = 1 << 10  // bytes at most that are left of a target that is too long
	bombFactor = 4        // a head this many times as large as announced is an attack
)

// A Head is the head of a request, or its trailer section, as HTTP/1.1 text. It is reused; what
// it holds is valid until the session's next Next.
//
//	:method: POST                     ┐           POST /items HTTP/1.1
//	:scheme: https                    │ pseudo    Host: api.example
//	:path: /items                     │           content-type: application/json
//	:authority: api.example           ┘           content-length: 7
//	content-type: application/json    copied      cookie: a=1; b=2
//	cookie: a=1                       joined
//	cookie: b=2
//	content-length: 7                 copied, and noted for Session.dataOf
//
// Every rule of RFC 9113, section 8, that has no counterpart in HTTP/1.1 is checked here; the
// others are wire's.
type Head struct {
	// Text is the request line and the field lines, or the lines of trailers. The empty line
	// that ends them is missing, so that the caller can add further lines, for chunked content
	// or an upgrade. Unless Malformed is set, package wire parses it as a head with the same
	// fields. The crumbs of Cookie are joined (RFC 9113, section 8.2.3), and Host is the
	// authority, once.
	Text []byte
	// Length is what Content-Length says, -1 without one that can be understood.
	Length int64
	// Protocol is the :protocol of an extended CONNECT (RFC 8441), else empty. The method is
	// then written as GET, the method of the equivalent upgrade.
	Protocol []byte
	// Priority is the value of the priority field; see RFC 9218, section 4.
	Priority Priority
	// Malformed is set if the fields are not those of a request. See RFC 9113, section 8.1.1.
	Malformed bool
	// Fault is set if the head is larger than the limits. Lines that have no place are then
	// missing in Text, but it still is a whole head, so that the answer can be the one that the
	// page can read.
	Fault *wire.Fault

	limits        wire.Limits
	connect       bool // extended CONNECT is taken
	trailers      bool
	lined         bool // the request line is written, or none is needed
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

// add adds a field. Its size counts even if there is no room for it: a list is bounded as
// announced.
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
	// RFC 9113, section 8.1.1, compares it with the content: see Session.dataOf.
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

// note notes the field whose line, of size bytes, was added last. Text may move to other memory
// when it grows: the field then keeps the old memory, which is not written to any more.
func (h *Head) note(name, size int, id wire.FieldID) {
	h.lines++
	l := h.Text[len(h.Text)-size:]
	h.fields = appendField(h.fields, l[:name], l[name+2:size-2:size-2], id)
}

// appendField appends a field. It writes to it where it stands: a composite literal is made elsewhere in pieces of 8 bytes and copied
// in pieces of 16, for which the processor has to wait until the former are in its cache.
func appendField(fields []wire.Field, name, value []byte, id wire.FieldID) []wire.Field {
	n := len(fields)
	if n == cap(fields) {
		fields = slices.Grow(fields, 1)
	}
	fields = fields[:n+1]
	f := &fields[n]
	f.Name, f.Value, f.ID = name, value, id
	return fields
}

// Request makes r the request that Text is, as wire.Request.Parse would with an empty line
// behind it, and returns the fault that Parse would. It is for the head of a request that is
// not Malformed, and may be called once: r takes the fields with it. lim are the current
// limits. The usual head is not parsed again: its fields are known, so Assemble is enough.
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

// tooLarge notes the first limit that the head exceeds. It is not an error of the protocol: the
// stream gets 431 or 414, with CORS fields.
func (h *Head) tooLarge(f *wire.Fault) {
	if h.Fault == nil {
		h.Fault = f
	}
}

// addPseudo adds a pseudo-field. None may be repeated, and none may follow a regular field,
// which two readers could resolve differently. See RFC 9113, section 8.3.
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

// addCookie adds a crumb of Cookie. Clients split Cookie so that HPACK can index its parts;
// HTTP/1.1 wants one line, joined by "; " (RFC 9113, section 8.2.3).
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

// addHost adds Host, which must agree with the authority, or replaces it if it is missing. See
// RFC 9113, section 8.3.1, which lets an intermediary refuse a request in which they differ:
// the gateway would route by one of them and the upstream serve the other.
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
