package gateway_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// A script is one file of testdata/exchanges: what it shows, a configuration, and exchanges.
type script struct {
	about     string
	config    string
	exchanges []*scripted
}

type scripted struct {
	title, about string
	requests     []string // parts: each is sent when there was an answer to the one before
	says         []reply
	down         bool
	want         outcome
}

// Lines that begin sections.
const (
	titleMark = "=== "
	mark      = "--- "
)

const (
	configMark   = "--- configuration ---"
	requestMark  = "--- request ---"
	saysMark     = "--- upstream says ---"
	closesMark   = "--- upstream says and closes ---"
	muteMark     = "--- upstream says nothing ---"
	downMark     = "--- upstream is down ---"
	seesMark     = "--- upstream sees ---"
	responseMark = "--- response ---"
)

func readScript(text string) (*script, error) {
	s := &script{}
	var e *scripted
	into := func(body string) error { s.about = body; return nil }
	var body strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, mark) && !strings.HasPrefix(line, titleMark) {
			body.WriteString(line)
			continue
		}
		if err := into(body.String()); err != nil {
			return nil, err
		}
		body.Reset()
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, titleMark); ok {
			e = &scripted{title: title}
			s.exchanges = append(s.exchanges, e)
			into = func(about string) error { e.about = about; return nil }
			continue
		}
		if line == configMark {
			into = func(body string) error { s.config = body; return nil }
			continue
		}
		if e == nil {
			return nil, fmt.Errorf("%s stands before the first %s", line, titleMark)
		}
		if into = e.section(line); into == nil {
			return nil, fmt.Errorf("unknown section %s", line)
		}
	}
	return s, into(body.String())
}

// section returns what takes the body of a section.
func (e *scripted) section(line string) func(string) error {
	octets := func(add func(string)) func(string) error {
		return func(body string) error {
			o, err := decode(body)
			add(o)
			return err
		}
	}
	switch line {
	case requestMark:
		return octets(func(o string) { e.requests = append(e.requests, o) })
	case saysMark:
		return octets(func(o string) { e.says = append(e.says, reply{octets: o}) })
	case closesMark:
		return octets(func(o string) { e.says = append(e.says, reply{octets: o, closes: true}) })
	case muteMark:
		return func(string) error { e.says = append(e.says, reply{mute: true}); return nil }
	case downMark:
		return func(string) error { e.down = true; return nil }
	case seesMark:
		return octets(func(o string) { e.want.upstream = append(e.want.upstream, o) })
	case responseMark:
		return octets(func(o string) { e.want.client = o })
	}
	return nil
}

// String writes the script as readScript reads it.
func (s *script) String() string {
	var b strings.Builder
	b.WriteString(s.about + configMark + "\n" + s.config)
	for _, e := range s.exchanges {
		b.WriteString(titleMark + e.title + "\n" + e.about)
		for _, r := range e.requests {
			b.WriteString(requestMark + "\n" + encode(r))
		}
		if e.down {
			b.WriteString(downMark + "\n")
		}
		for _, r := range e.says {
			switch {
			case r.mute:
				b.WriteString(muteMark + "\n")
			case r.closes:
				b.WriteString(closesMark + "\n" + encode(r.octets))
			default:
				b.WriteString(saysMark + "\n" + encode(r.octets))
			}
		}
		for _, r := range e.want.upstream {
			b.WriteString(seesMark + "\n" + encode(r))
		}
		b.WriteString(responseMark + "\n" + encode(e.want.client))
	}
	return b.String()
}

// decode makes octets of a body: a line end is CRLF unless '\' stands before it, and \r, \n, \t,
// \\ and \xNN are what they are in Go.
func decode(body string) (string, error) {
	var b strings.Builder
	for body != "" {
		switch {
		case strings.HasPrefix(body, "\\\n"):
			body = body[2:]
		case body[0] == '\n':
			b.WriteString("\r\n")
			body = body[1:]
		case body[0] == '\\':
			c, _, rest, err := strconv.UnquoteChar(body, 0)
			if err != nil {
				return "", errors.New("bad escape in " + strconv.Quote(body))
			}
			b.WriteByte(byte(c))
			body = rest
		default:
			b.WriteByte(body[0])
			body = body[1:]
		}
	}
	return b.String(), nil
}

// encode is the inverse of decode. What does not end in CRLF ends in '\'.
func encode(octets string) string {
	var b strings.Builder
	for octets != "" {
		if rest, ok := strings.CutPrefix(octets, "\r\n"); ok {
			b.WriteByte('\n')
			octets = rest
			if rest == "" {
				return b.String()
			}
			continue
		}
		switch c := octets[0]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
		octets = octets[1:]
	}
	if b.Len() > 0 {
		b.WriteString("\\\n")
	}
	return b.String()
}

func TestScriptOctets(t *testing.T) {
	f := func(octets string) {
		t.Helper()
		got, err := decode(encode(octets))
		if err != nil || got != octets {
			t.Errorf("decode(encode(%q)) = %q, %v", octets, got, err)
		}
	}
	f("")
	f("GET / HTTP/1.1\r\n\r\n")
	f("hello")
	f("hello\n")
	f("\x00\xff\\\r\n.")
}
