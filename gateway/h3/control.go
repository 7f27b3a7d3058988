package h3

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// This file reads and writes the unidirectional streams of a connection. See RFC 9114, section 6.2.

// The types of unidirectional streams. See RFC 9114, section 6.2, and RFC 9204, section 4.2.
const (
	streamControl = 0x00
	streamPush    = 0x01
	streamEncoder = 0x02
	streamDecoder = 0x03
)

// Settings. See RFC 9114, section 7.2.4.1, RFC 9220, section 5, and RFC 9297, section 2.1.1.
const (
	settingFieldSection = 0x06
	settingConnect      = 0x08
	settingDatagram     = 0x33
)

// Bounds on what clients send on a control stream.
const (
	maxSettings = 64      // in a SETTINGS frame
	maxControl  = 1 << 10 // bytes of a frame that has to be understood

	framesPerRequest = 4 // that there may be, beyond as many as there may be resets
)

// openControl opens our control stream and sends SETTINGS on it. The dynamic table of QPACK has no room (which is the default), so
// there are no streams for it.
func (q *conn) openControl(conn *quic.Conn) (*quic.SendStream, error) {
	control, err := conn.OpenUniStream()
	if err != nil {
		return nil, err
	}
	settings := quicvarint.Append([]byte{settingFieldSection}, uint64(q.options.ListBytes()))
	if q.options.Connect {
		settings = append(settings, settingConnect, 1)
	}
	_, err = control.Write(append([]byte{streamControl, frameSettings, byte(len(settings))}, settings...))
	return control, err
}

// appendGoAway appends a GOAWAY frame. See RFC 9114, section 7.2.6.
func appendGoAway(dst []byte, id quic.StreamID) []byte {
	return quicvarint.Append(append(dst, frameGoAway, byte(quicvarint.Len(uint64(id)))), uint64(id))
}

// acceptUni accepts the unidirectional streams that the client opens.
func (q *conn) acceptUni(conn *quic.Conn, serving *sync.WaitGroup) {
	for {
		str, err := conn.AcceptUniStream(context.Background())
		if err != nil {
			return // the connection has ended
		}
		serving.Go(func() { q.readUni(str) })
	}
}

// readUni reads a unidirectional stream.
func (q *conn) readUni(str *quic.ReceiveStream) {
	f := frameReader{src: str, buf: make([]byte, 64)}
	var kind uint64
	for n := 0; n == 0; kind, n = varint(f.buf[:f.w]) {
		if f.fill() != nil {
			return // before it has a type, it may end; see RFC 9114, section 6.2
		}
	}
	f.r = 1 << (f.buf[0] >> 6)
	var code quic.ApplicationErrorCode
	switch {
	case !q.spend():
		code = excessiveLoad
	case kind == streamPush, kind <= streamDecoder && q.has[kind].Swap(true):
		code = streamCreationError
	case kind == streamControl:
		code = q.readControl(&f)
	case kind == streamEncoder:
		code = readInstructions(&f, encoderError, 0x20) // Set Dynamic Table Capacity, to 0
	case kind == streamDecoder:
		code = readInstructions(&f, decoderError, 0x40) // Stream Cancellation
	default:
		str.CancelRead(streamUnknown)
		return
	}
	var reset *quic.StreamError
	if code == closedCriticalStream && f.err != io.EOF && !errors.As(f.err, &reset) {
		return // the connection has ended
	}
	q.fault(code)
}

// readInstructions reads a QPACK stream until it ends, or has an instruction that needs a dynamic table. See RFC 9204, sections 4.3
// and 4.4.
func readInstructions(f *frameReader, wrong quic.ApplicationErrorCode, may byte) quic.ApplicationErrorCode {
	more := false // of an integer
	for {
		for ; f.r < f.w; f.r++ {
			switch c := f.buf[f.r]; {
			case more:
				more = c >= 0x80
			case may == 0x20 && c != 0x20, may == 0x40 && c>>6 != 1:
				return wrong
			default:
				more = c&0x3f == 0x3f
			}
		}
		if f.fill() != nil {
			return closedCriticalStream
		}
	}
}

// readControl reads the client's control stream until it ends or breaks a rule.
func (q *conn) readControl(f *frameReader) quic.ApplicationErrorCode {
	var said control
	for first := true; ; first = false {
		kind, err := f.next()
		switch {
		case err != nil:
			return controlFailed(err)
		case first && kind != frameSettings:
			return missingSettings
		case !first && kind == frameSettings:
			return frameUnexpected
		case !first && !q.spend():
			return excessiveLoad
		case ignored(kind):
			continue
		case f.left > maxControl:
			return excessiveLoad
		}
		p, err := f.payload(maxControl)
		if err != nil {
			return controlFailed(err)
		}
		if code := q.controlFrame(&said, kind, p); code != 0 {
			return code
		}
	}
}

// control is the state of a client's control stream.
type control struct {
	left           bool // GOAWAY
	goAway, pushID uint64
}

// controlFrame processes a frame of the control stream. It returns 0 if the frame is valid.
func (q *conn) controlFrame(said *control, kind uint64, p []byte) quic.ApplicationErrorCode {
	switch kind {
	case frameSettings:
		return readSettings(p)
	case framePriorityUpdate:
		return q.priorityUpdate(p)
	case framePriorityUpdatePush: // none was promised
		return idError
	case frameGoAway, frameMaxPushID, frameCancelPush:
	default:
		return frameUnexpected
	}
	id, n := varint(p)
	switch {
	case n == 0 || n != len(p):
		return frameError
	case kind == frameGoAway && said.left && id > said.goAway, kind == frameMaxPushID && id < said.pushID, kind == frameCancelPush:
		return idError
	case kind == frameGoAway: // of pushes, of which there are none
		said.left, said.goAway = true, id
	default:
		said.pushID = id
	}
	return 0
}

// controlFailed is the error of a control stream that cannot be read any more.
func controlFailed(err error) quic.ApplicationErrorCode {
	if errors.Is(err, errCut) {
		return frameError
	}
	return closedCriticalStream
}

// readSettings reads the client's settings, none of which changes what we send. See RFC 9114, section 7.2.4.
func readSettings(p []byte) quic.ApplicationErrorCode {
	var seen [maxSettings]uint64
	for i := 0; len(p) > 0; i++ {
		id, n := varint(p)
		v, m := varint(p[n:])
		if n == 0 || m == 0 {
			return frameError
		}
		p = p[n+m:]
		switch {
		case i == len(seen):
			return excessiveLoad
		case id == 0, id >= 0x02 && id <= 0x05: // HTTP/2's
			return settingsError
		case (id == settingConnect || id == settingDatagram) && v > 1:
			return settingsError
		}
		for _, s := range seen[:i] {
			if s == id {
				return settingsError
			}
		}
		seen[i] = id
	}
	return 0
}

// priorityUpdate acts on a PRIORITY_UPDATE frame. See RFC 9218, section 7.2.
func (q *conn) priorityUpdate(p []byte) quic.ApplicationErrorCode {
	id, n := varint(p)
	switch {
	case n == 0:
		return frameError
	case id%4 != 0: // not a request's
		return idError
	}
	q.aware.Store(true)
	q.mu.Lock()
	str := q.streams[quic.StreamID(id)]
	q.mu.Unlock()
	if str != nil {
		priority := h2.ParsePriority(p[n:])
		str.SetPriority(int8(priority.Urgency), priority.Incremental)
	}
	return 0
}

// prioritise applies the priority that the client has asked for. Responses to a client that sends no priorities share the connection.
func (q *conn) prioritise(str *quic.Stream, p h2.Priority) {
	if p.Told {
		q.aware.Store(true)
	}
	if q.aware.Load() {
		str.SetPriority(int8(p.Urgency), p.Incremental)
	}
}

// spend counts a frame that no request needs. It reports false if there were too many: a few for each request, and some.
func (q *conn) spend() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.frames++
	return q.frames < maxResets+framesPerRequest*q.requests
}

// fault closes the connection with an error of the client's, before anything else is sent.
func (q *conn) fault(code quic.ApplicationErrorCode) {
	q.s.edge.Fault(edge.FaultHTTP3, q.c.Peer())
	if code == excessiveLoad {
		q.floods("control")
	}
	q.closeFirst(code)
}

// floods reports that the connection ends because of a flood, once: several streams may notice.
func (q *conn) floods(kind string) {
	if q.flooded.CompareAndSwap(false, true) {
		q.s.edge.ReportFlood(q.c.Listener(), q.c.Peer(), "http3", kind)
	}
}
