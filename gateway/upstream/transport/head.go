package transport

import (
	"errors"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/conn"
)

var (
	errTooManyInterim = errors.New("too many interim responses")
	errUnaskedUpgrade = errors.New("it switches protocols, but not to what was asked for")
)

// readHead reads the head of the final response into c.Response. received reports whether any byte
// came in. A switch of protocols that was not asked for is an error.
func (x *Exchange) readHead(c *conn.Conn) (received bool, err error) {
	c.Reset()
	for interims := 0; ; interims++ {
		err := x.nextHead(c)
		if err != nil {
			return c.Received() || interims > 0, err
		}
		switch s := c.Response.Status; {
		case s == 101 && x.agrees(&c.Response):
			return true, nil
		case s == 101:
			return true, errUnaskedUpgrade
		case s >= 200:
			return true, nil
		case interims == conn.MaxInterim:
			return true, errTooManyInterim
		case s == 100:
			err = x.proceed(c) // the upstream asks for the content, or has no need to
		case x.Interim != nil:
			err = x.Interim(&c.Response)
		}
		if err != nil {
			return true, err
		}
		if !x.awaits() {
			x.await(c, time.Now(), x.Endpoint.Options().FirstByteTimeout) // the endpoint says that it is at work
		}
	}
}

// nextHead reads a head. If the upstream does not answer Expect: 100-continue within continueTimeout, it is
// sent the content all the same.
func (x *Exchange) nextHead(c *conn.Conn) error {
	err := x.awaitHead(c)
	if err == nil || !x.awaits() || !errors.Is(err, os.ErrDeadlineExceeded) || x.expired() {
		return err
	}
	if err := x.proceed(c); err != nil {
		return err
	}
	return x.awaitHead(c)
}

// awaitHead reads a head, however long the wait may be.
func (x *Exchange) awaitHead(c *conn.Conn) error {
	for {
		if err := c.NextHead(); err == nil || !x.patient(c, err) {
			return err
		}
	}
}
