package transport

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// Next returns the next run of the response's content, valid until the next call, and io.EOF at
// its end. Any other error means that the response is incomplete: the client must notice.
func (x *Exchange) Next() ([]byte, error) {
	c := x.conn
	if !x.content.Pending(c) {
		x.await(c, time.Now(), x.timeout)
	}
	run, err := x.content.Next(c)
	for err != nil && x.patient(c, err) {
		run, err = x.content.Next(c)
	}
	if err == nil || err == io.EOF {
		return run, err
	}
	idle := errors.Is(err, os.ErrDeadlineExceeded)
	switch over := x.abandoned(); {
	case over != nil:
		return nil, over
	case x.expired(): // a long exchange that ran out of time is not a failure of the endpoint
		return run, upstream.ErrLate
	case idle && x.flow != wire.Plain:
		return run, upstream.ErrIdle
	case idle:
		err = upstream.ErrStalled
	}
	x.Endpoint.Failed()
	return run, err
}

// Trailers returns the lines of the response's trailer section, when Next has returned io.EOF. They are valid until End, and may be
// none. See [wire.Chunked.Trailers].
func (x *Exchange) Trailers() []byte { return x.content.Trailers() }

// Whole returns all content of the response if it has come in with the head, and whether that is
// so. The slice is valid until End.
func (x *Exchange) Whole() ([]byte, bool) {
	return x.content.Whole(x.conn)
}
