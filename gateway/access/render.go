package access

import (
	"bytes"
	"io"

	"github.com/corsgate/corsgate/gateway/printable"
	"github.com/rs/zerolog"
)

// A renderer makes lines of records, in buf. One goroutine uses it.
type renderer struct {
	buf    bytes.Buffer
	logger zerolog.Logger
	json   bool
	scrap  []byte
}

// fields are those of a line, in order.
var fields = []string{
	"client", "protocol", "method", "host", "path", "status", "route", "upstream", "endpoint", "auth", "consumer", "verdict", "error", "limit", "origin", "bytes",
	"total_us", "own_us", "id",
}

func newRenderer(d *Destination) *renderer {
	r := &renderer{json: !d.Text}
	var w io.Writer = &r.buf
	if d.Text {
		w = zerolog.ConsoleWriter{
			Out: &r.buf, NoColor: !d.Color, TimeFormat: "15:04:05.000",
			PartsOrder: []string{zerolog.TimestampFieldName}, FieldsOrder: fields,
		}
	}
	r.logger = zerolog.New(w)
	return r
}

// record appends a line. Times are in UTC, which a terminal shows as local ones, durations in
// microseconds.
func (r *renderer) record(c *Record) {
	from := r.buf.Len()
	e := r.logger.Log()
	r.scrap = c.Time.UTC().AppendFormat(r.scrap[:0], "2006-01-02T15:04:05.000000Z")
	e.Bytes("time", r.scrap)
	r.scrap = c.Client.AppendTo(r.scrap[:0])
	e.Bytes("client", r.scrap)
	word(e, "protocol", c.Protocol)
	octets(e, "method", c.Method)
	octets(e, "host", c.Host)
	octets(e, "path", c.Path)
	e.Int("status", c.Status)
	word(e, "route", c.Route)
	word(e, "upstream", c.Upstream)
	word(e, "endpoint", c.Endpoint)
	word(e, "auth", c.Auth)
	word(e, "consumer", c.Consumer)
	word(e, "verdict", c.Verdict)
	word(e, "error", c.Error)
	word(e, "limit", c.Limit)
	octets(e, "origin", c.Origin)
	if c.Bytes >= 0 {
		e.Int64("bytes", c.Bytes)
	}
	e.Int64("total_us", c.Total.Microseconds())
	if c.Own >= 0 {
		e.Int64("own_us", c.Own.Microseconds())
	}
	octets(e, "id", c.ID)
	e.Send()
	if r.json {
		r.escape(from)
	}
}

// escape makes what was appended since from printable: zerolog leaves C1 controls and marks of direction to JSON as they are.
// Of text it quotes them.
func (r *renderer) escape(from int) {
	line := r.buf.Bytes()[from:]
	if escaped := printable.JSON(line); len(escaped) != len(line) {
		r.buf.Truncate(from)
		r.buf.Write(escaped)
	}
}

func octets(e *zerolog.Event, name string, value []byte) {
	if len(value) > 0 {
		e.Bytes(name, value)
	}
}

func word(e *zerolog.Event, name, value string) {
	if value != "" {
		e.Str(name, value)
	}
}
