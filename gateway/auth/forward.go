package auth

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sync/singleflight"
)

// This file remembers what another server decides. The rules are:
//
//   - a decision is remembered by the values of all parts of the key, each in its place and with its length, compared whole. A
//     request that has none of them, or one of them twice, is asked about each time;
//   - its Cache-Control can only shorten the time, and without a word in the configuration there is none;
//   - requests of one key that come at once are asked about once, but where the decision is not to be remembered each asks;
//   - that there is no decision is never remembered. Refusals have a memory of their own: they displace no admission.

// A Forward asks another server, whose name is that of an upstream.
type Forward struct {
	Upstream string
	Path     string
	Send     []string
	Timeout  time.Duration

	key              []place
	perRequest       bool
	admitted, denied *memory[*Decision]
	flights          singleflight.Group
}

// An Asker asks the server of a table about the current request. It waits no longer than the table's timeout.
type Asker interface {
	// Ask returns the decision, or nil if there is none.
	Ask(t *Table) *Decision
}

// A Decision is what another server says of a request. It is not changed.
type Decision struct {
	Status   int
	Identity *Identity // of an admission
	// Of a refusal: lines for the client, but for Location, Vary and those that frame the content.
	Fields     []byte
	Location   []byte
	Vary       [][]byte
	Challenged bool // there is a WWW-Authenticate among them
	Content    []byte

	age  time.Duration // for which it may be remembered, by its Cache-Control; -1: that says nothing
	kept bool
}

// MaxContent bounds the content of a refusal, in bytes.
const MaxContent = 64 << 10

const (
	maxDecisions = 65536
	decisionSize = 1 << 10 // on average, of an admission
	deniedBytes  = 16 << 20
	// maxDecisionKey bounds the values that a decision is remembered by, in bytes: what is longer is asked about each time.
	maxDecisionKey = 8 << 10
)

func newForward(t *Table) *Forward {
	c := &t.Config
	f := &Forward{Upstream: c.Forward, Path: c.Path, Send: c.Send, Timeout: c.Timeout, perRequest: c.Per == "request"}
	for _, s := range c.Key {
		f.key = append(f.key, parsePlace(s))
	}
	f.admitted, f.denied = newMemory[*Decision](maxDecisions, maxDecisions*decisionSize), newMemory[*Decision](maxDecisions/4, deniedBytes)
	return f
}

// Forward returns how the table asks another server, or nil.
func (t *Table) Forward() *Forward { return t.forward }

// remembers reports whether decisions are remembered at all.
func (t *Table) remembers() bool { return t.Config.Remember > 0 || t.Config.RememberDenied > 0 }

// appendKey appends what a decision is remembered by. It reports false if this request's is not to be.
func (f *Forward) appendKey(dst []byte, q *Subject) ([]byte, bool) {
	some := false
	for i := range f.key {
		p := &f.key[i]
		if p.kind == inClient {
			a := q.Client.As16()
			dst, some = append(append(dst, 16), a[:]...), true
			continue
		}
		value, n := p.find(q.Request)
		if n > 1 {
			return dst, false
		}
		some = some || n == 1
		dst = appendPart(dst, value)
	}
	if len(dst) > maxDecisionKey {
		return dst, false
	}
	if some && f.perRequest {
		r := q.Request
		for _, part := range [...][]byte{r.Method, q.Host, r.Path, r.Query} {
			dst = appendPart(dst, part)
		}
	}
	return dst, some
}

// appendPart appends a value behind its length: no two lists of values are one key.
func appendPart(dst, value []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(value))), value...)
}

// recallForward finds out what is known without asking.
func (t *Table) recallForward(q *Subject) outcome {
	if !t.remembers() {
		return outcome{}
	}
	var buf [1 << 10]byte
	key, ok := t.forward.appendKey(buf[:0], q)
	if !ok {
		return outcome{}
	}
	if d, ok := t.forward.admitted.get(key, q.Now); ok {
		return outcome{reason: Remembered, identity: d.Identity}
	}
	if t.Config.RememberDenied > 0 {
		if d, ok := t.forward.denied.get(key, q.Now); ok {
			return outcome{reason: Denied, decision: d}
		}
	}
	return outcome{}
}

// settleForward asks the other server.
func (t *Table) settleForward(q *Subject, a Asker) outcome {
	if o := t.recallForward(q); o.reason != undecided {
		return o
	}
	if q.rehearsed() {
		return outcome{reason: Unknown}
	}
	var d *Decision
	if key, ok := t.forward.appendKey(nil, q); ok && t.remembers() {
		d = t.together(string(key), a)
	} else {
		d = a.Ask(t)
	}
	switch {
	case d == nil && t.Config.OnFailure == "allow":
		return outcome{reason: Allowed}
	case d == nil:
		return outcome{reason: Unavailable}
	case d.Identity != nil:
		return outcome{reason: Verified, identity: d.Identity}
	case len(d.Location) > 0:
		return outcome{reason: Login, decision: d}
	}
	return outcome{reason: Denied, decision: d}
}

// together asks once for all requests of a key that are here.
func (t *Table) together(key string, a Asker) *Decision {
	first := false
	v, _, _ := t.forward.flights.Do(key, func() (any, error) {
		first = true
		d := a.Ask(t)
		t.keep(key, d)
		return d, nil
	})
	d := v.(*Decision)
	if first || d == nil || d.kept {
		return d
	}
	return a.Ask(t)
}

// keep remembers a decision, if it may be.
func (t *Table) keep(key string, d *Decision) {
	if d == nil {
		return
	}
	memory, most := t.forward.admitted, t.Config.Remember
	if d.Identity == nil {
		if memory, most = t.forward.denied, t.Config.RememberDenied; d.Status != 401 && d.Status != 403 {
			return
		}
	}
	if d.age >= 0 {
		most = min(most, d.age)
	}
	if most <= 0 {
		return
	}
	size := len(d.Fields) + len(d.Content) + 200
	if d.Identity != nil {
		size += d.Identity.size()
	}
	now := time.Now()
	d.kept = true
	memory.put(key, d, size, now, now.Add(most))
}

// Judge returns the decision that a response is, without its content.
func (t *Table) Judge(res *wire.Response) *Decision {
	d := &Decision{Status: res.Status, age: ageOf(res)}
	if res.Status/100 == 2 {
		d.Identity = t.admittedBy(res)
		return d
	}
	redirects := false
	switch res.Status {
	case 301, 302, 303, 307, 308:
		redirects = true
	}
	for i := range res.Fields {
		f := &res.Fields[i]
		switch {
		case !res.Forwardable(f) || f.ID == wire.Date || f.ID == wire.XRequestID || hasPrefixFold(f.Name, "Access-Control-") || wire.EqualFold(f.Name, "Alt-Svc"):
			continue
		case f.ID == wire.Vary:
			d.Vary = append(d.Vary, bytes.Clone(f.Value))
			continue
		case f.ID == wire.Location && redirects:
			d.Location = bytes.Clone(f.Value)
			continue
		case f.ID == wire.WWWAuthenticate:
			d.Challenged = true
		}
		d.Fields = append(append(append(append(d.Fields, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	return d
}

// admittedBy returns who the other server says it is: the first field of copy that it sends is the name.
func (t *Table) admittedBy(res *wire.Response) *Identity {
	i := &Identity{}
	subject := ""
	for _, name := range t.Config.Copy {
		for k := range res.Fields {
			f := &res.Fields[k]
			if !wire.EqualFold(f.Name, name) || len(f.Value) == 0 {
				continue
			}
			if subject == "" {
				subject = string(f.Value)
			}
			i.Fields = append(append(append(append(i.Fields, name...), ": "...), f.Value...), "\r\n"...)
		}
	}
	i.Key, i.Consumer = []byte(t.Name+"\x00"+subject), consumerOf(&t.Config, subject)
	return i
}

// ageOf returns for how long a response may be kept by its Cache-Control, or -1 if that says nothing. See RFC 9111, section 5.2.2.
func ageOf(res *wire.Response) time.Duration {
	age := time.Duration(-1)
	shorten := func(d time.Duration) {
		if age < 0 || d < age {
			age = d
		}
	}
	for i := range res.Fields {
		f := &res.Fields[i]
		if !wire.EqualFold(f.Name, "Cache-Control") {
			continue
		}
		for member := range strings.SplitSeq(strings.ToLower(string(f.Value)), ",") {
			name, value, _ := strings.Cut(strings.Trim(member, " \t"), "=")
			switch name {
			case "no-store", "no-cache":
				shorten(0)
			case "max-age", "s-maxage":
				seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
				if err != nil {
					seconds = 0 // a word that is not understood is taken for the shortest time
				}
				shorten(time.Duration(seconds) * time.Second)
			}
		}
	}
	return age
}

func hasPrefixFold(name []byte, prefix string) bool {
	return len(name) >= len(prefix) && wire.EqualFold(name[:len(prefix)], prefix)
}
