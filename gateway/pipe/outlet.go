package pipe

import (
	"bytes"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A Sink is a stream that a response is sent on.
type Sink interface {
	// AppendHead sends the head of a response, as HTTP/1.1 text with its empty line. With end, there is no content.
	AppendHead(text []byte, end bool)
	// AppendData sends content, of which there is no more than Window. With end, the response ends with it.
	AppendData(p []byte, end bool)
	// AppendTrailers ends a response with a trailer section: lines as in a head of HTTP/1.1.
	AppendTrailers(lines []byte)
	// Window returns how much content AppendData takes.
	Window() int
}

// h2Sink is a stream of HTTP/2.
type h2Sink struct {
	s  *h2.Session
	st *h2.Stream
}

func (k *h2Sink) AppendHead(text []byte, end bool) { k.s.AppendHead(k.st, text, end) }
func (k *h2Sink) AppendData(p []byte, end bool)    { k.s.AppendData(k.st, p, end) }
func (k *h2Sink) AppendTrailers(lines []byte)      { k.s.AppendTrailers(k.st, lines) }
func (k *h2Sink) Window() int                      { return k.s.Window(k.st) }

// An Outlet sends a response, which is HTTP/1.1 as a handler has written it, as frames of a stream.
type Outlet struct {
	head    bool // the request is HEAD
	begun   bool // the head was sent
	done    bool // all was
	tunnel  bool // what follows the head is not HTTP content
	framing wire.Framing
	left    int64
	decoder wire.Chunked
	h2      h2Sink // of Pour
}

// responseLimits do not bound anything: the head was made here, or has been bounded before.
var responseLimits = wire.Limits{HeadBytes: 1 << 22, Fields: 1 << 12}

// Begin makes o ready for the response to a request, of which text is the head.
func (o *Outlet) Begin(text []byte) { *o = Outlet{head: bytes.HasPrefix(text, []byte("HEAD "))} }

// Done reports whether all of the response was sent.
func (o *Outlet) Done() bool { return o.done }

// Pour is PourTo for a stream of HTTP/2.
func (o *Outlet) Pour(s *h2.Session, st *h2.Stream, b []byte, closed bool, most int, r *wire.Response) (n int, leaves bool, fault *wire.Fault) {
	o.h2 = h2Sink{s, st}
	return o.PourTo(&o.h2, b, closed, most, r)
}

// PourTo sends what it can of b, and returns how much that is. closed says that no more will come: of a tunnel that is its end.
// most bounds the content that is sent. leaves reports that the response says that the connection ends.
func (o *Outlet) PourTo(k Sink, b []byte, closed bool, most int, r *wire.Response) (n int, leaves bool, fault *wire.Fault) {
	for !o.begun {
		size, fault := r.Parse(b[n:], responseLimits)
		if fault != nil || size == 0 {
			return n, leaves, fault
		}
		o.appendHead(k, b[n:n+size], r)
		leaves = r.Close && o.begun
		n += size
	}
	for !o.done {
		room := min(k.Window(), most)
		data, used, fault := o.decode(b[n:], room)
		if fault != nil {
			return n, leaves, fault
		}
		n += used
		end, trailers := o.ends(b[n:])
		end = end || o.tunnel && closed && n == len(b)
		if len(data) > 0 || end {
			k.AppendData(data, end && len(trailers) == 0)
			most -= len(data)
			o.done = end
		}
		if len(trailers) > 0 {
			k.AppendTrailers(trailers)
		}
		if used == 0 && !end {
			break
		}
	}
	return n, leaves, nil
}

// appendHead sends the head of a response.
func (o *Outlet) appendHead(k Sink, text []byte, r *wire.Response) {
	switch {
	case r.Status == 101: // as RFC 8441, section 5, has it
		o.begun, o.tunnel = true, true
		head := append([]byte(nil), "HTTP/1.1 200 OK\r\n"...)
		for i := range r.Fields {
			if f := &r.Fields[i]; f.ID != wire.SecWebSocketAccept {
				head = append(append(append(append(head, f.Name...), ": "...), f.Value...), '\r', '\n')
			}
		}
		k.AppendHead(append(head, '\r', '\n'), false)
	case r.Status < 200:
		k.AppendHead(text, false)
	default:
		o.begun = true
		o.framing, o.left = r.Framing(o.head), r.Length
		o.done = o.framing == wire.NoContent
		k.AppendHead(text, o.done)
	}
}

// decode takes content of at most room bytes off the front of b. It takes what frames the content also if there is no room.
func (o *Outlet) decode(b []byte, room int) (data []byte, n int, fault *wire.Fault) {
	switch {
	case o.tunnel:
		n = min(len(b), room)
		return b[:n], n, nil
	case o.framing == wire.ByLength:
		n = int(min(int64(min(len(b), room)), o.left))
		o.left -= int64(n)
		return b[:n], n, nil
	case o.framing != wire.ByChunks:
		return nil, len(b), nil // a response without an end is not made for HTTP/1.1
	}
	if o.decoder.Left() > 0 {
		return o.decoder.Next(b[:min(len(b), room)])
	}
	before := o.decoder
	data, n, fault = o.decoder.Next(b)
	if len(data) > room { // it goes into a chunk, of which not all has room
		o.decoder = before
		if n -= len(data); room == 0 && n == 0 {
			return nil, 0, nil
		}
		return o.decoder.Next(b[:n+room])
	}
	return data, n, fault
}

// ends reports whether the content ends with what was decoded, and perhaps what frames that at the front of b, and returns the lines
// of the trailer section then.
func (o *Outlet) ends(b []byte) (end bool, trailers []byte) {
	switch {
	case o.tunnel:
		return false, nil
	case o.framing == wire.ByLength:
		return o.left == 0, nil
	case o.framing != wire.ByChunks:
		return false, nil
	}
	d := o.decoder
	if data, _, fault := d.Next(b); fault != nil || len(data) > 0 || !d.Done() {
		return false, nil
	}
	return true, d.Trailers()
}
