package h3

import (
	"math"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/quic-go/quic-go/quicvarint"
)

// This file sends the response, which is written to a stream as HTTP/1.1.

// sendBytes is the largest content of one write.
const sendBytes = 32 << 10

// Write sends a piece of the response.
func (st *stream) Write(p []byte) (int, error) {
	if err := st.pour(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite ends the handler's side of a tunnel.
func (st *stream) CloseWrite() error {
	if err := st.pour(nil, true); err != nil {
		return err
	}
	if err := st.flush(); err != nil {
		return err
	}
	return st.quic.Close()
}

// pour sends p, and with closed what that is the end of. What is left of a complete response is sent with the end of the stream.
func (st *stream) pour(p []byte, closed bool) error {
	b := p
	if len(st.saved) > 0 {
		st.saved = append(st.saved, p...)
		b = st.saved
	}
	for {
		n, leaves, fault := st.outlet.PourTo(st, b, closed, sendBytes, &st.response)
		if fault != nil {
			return fault
		}
		if leaves && (st.on.c.GoingAway() || st.on.s.edge.UnderPressure()) {
			st.on.goAway()
		}
		b = b[n:]
		switch {
		case st.outlet.Done():
			st.saved = st.saved[:0]
			if len(st.out) <= keptBytes {
				return nil
			}
			return st.flush()
		case len(st.out) == 0:
			st.saved = append(st.saved[:0], b...)
			return nil
		}
		if err := st.flush(); err != nil {
			return err
		}
	}
}

// flush sends the frames that wait.
func (st *stream) flush() error {
	if len(st.out) == 0 {
		return nil // the stream may have ended: CloseWrite
	}
	_, err := st.quic.Write(st.out)
	st.out = st.out[:0]
	return err
}

// finish ends the stream: with the end of the response, or a reset if it is not complete.
func (st *stream) finish() {
	if st.outlet.Done() && st.flush() == nil {
		st.quic.Close() // it fails if the client has reset the stream
		st.quic.CancelRead(streamDone)
		return
	}
	st.quic.CancelRead(st.code)
	st.quic.CancelWrite(st.code)
}

// AppendHead is part of pipe.Sink.
func (st *stream) AppendHead(text []byte, _ bool) {
	st.block = h2.AppendQPACK(st.block[:0], text)
	st.appendFrame(frameHeaders, st.block)
}

// AppendTrailers is part of pipe.Sink.
func (st *stream) AppendTrailers(lines []byte) {
	st.block = h2.AppendQPACKLines(st.block[:0], lines)
	st.appendFrame(frameHeaders, st.block)
}

// AppendData is part of pipe.Sink. The stream ends in finish.
func (st *stream) AppendData(p []byte, _ bool) {
	if len(p) > 0 {
		st.appendFrame(frameData, p)
	}
}

// Window is part of pipe.Sink. A write that is more than QUIC's window waits.
func (st *stream) Window() int { return math.MaxInt }

func (st *stream) appendFrame(kind byte, payload []byte) {
	st.out = append(quicvarint.Append(append(st.out, kind), uint64(len(payload))), payload...)
}
