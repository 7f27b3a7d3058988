package pipe

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file makes the head that a handler reads.

// smallContent is waited for, as the event loop does: if it is not what the head says, nothing was begun.
const smallContent = 16 << 10

// faultProtocol is for an extended CONNECT with another protocol than websocket. See RFC 8441, section 4.
var faultProtocol = &wire.Fault{Status: 501, Class: "upgrade", Reason: "the only protocol of an extended CONNECT here is websocket"}

// Begin gives the pipe a request: text is its head, as h has it or had it, without the empty line; ended says that there is no
// content. It returns what is wrong with a request that is served all the same.
func (p *Pipe) Begin(h *h2.Head, text []byte, ended bool) (flaw *wire.Fault) {
	text, sized, flaw := Lines(h, text, ended)
	awaits, method := Awaits(text), Method(text)
	p.sized, p.whole = sized, sized && h.Length <= smallContent && flaw == nil && !awaits
	known := sized && !awaits || len(h.Protocol) > 0 || flaw != nil || string(method) == "CONNECT"
	p.begin(text, known, ended, awaits || Expects(method))
	return flaw
}

// Lines returns the head that a handler reads, as far as it does not depend on how the content comes: text is what h has or had. sized
// says whether it tells how much content there is, and flaw what is wrong with a request that is served all the same.
func Lines(h *h2.Head, text []byte, ended bool) (lines []byte, sized bool, flaw *wire.Fault) {
	flaw = h.Fault
	if len(h.Protocol) > 0 {
		text = appendUpgrade(text, h.Protocol)
		if flaw == nil && !wire.EqualFold(h.Protocol, "websocket") {
			flaw = faultProtocol
		}
	}
	sized = h.Length >= 0
	if sized && !ended && Announces(text) {
		text, sized = Unsized(text), false
	}
	return text, sized, flaw
}

// Awaits reports whether a head says that the client waits for an interim response before it sends content.
func Awaits(text []byte) bool { return bytes.Contains(text, []byte("\r\nexpect: ")) }

// Method returns the method of a head.
func Method(text []byte) []byte { return text[:max(0, bytes.IndexByte(text, ' '))] }

// BeginLate gives the pipe a request of which some content has come, or is to come: sized says whether the head tells how much.
func (p *Pipe) BeginLate(text []byte, sized, ended bool) {
	p.begin(text, sized, ended, Expects(Method(text)))
}

// appendUpgrade adds the lines of the upgrade that an extended CONNECT stands for. See RFC 8441, section 5.
func appendUpgrade(text, protocol []byte) []byte {
	text = append(append(text, "Connection: Upgrade\r\nUpgrade: "...), protocol...)
	var nonce [16]byte
	rand.Read(nonce[:]) // it cannot fail
	text = append(text, "\r\nSec-WebSocket-Key: "...)
	return append(base64.StdEncoding.AppendEncode(text, nonce[:]), '\r', '\n')
}

// Announces reports whether a head, in HTTP/1.1 text as of package h2, says that a trailer section will follow the content. Such content
// has to be forwarded in chunks, even if its length is known.
func Announces(text []byte) bool { return bytes.Contains(text, []byte("\r\ntrailer: ")) }

// Unsized takes Content-Length out of such a head, in place.
func Unsized(text []byte) []byte {
	const line = "\r\ncontent-length: "
	at := bytes.Index(text, []byte(line))
	if at < 0 {
		return text
	}
	end := at + len(line) + bytes.IndexByte(text[at+len(line):], '\r')
	return append(text[:at], text[end:]...)
}

// Expects reports whether a method is one that is used with content.
func Expects(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}
