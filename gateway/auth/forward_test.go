package auth

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// A counted authoriser is slow, and says who the session is of.
type counted struct {
	asked   *atomic.Int64
	request *wire.Request
	fields  string
}

func (c counted) Ask(t *Table) *Decision {
	c.asked.Add(1)
	time.Sleep(100 * time.Millisecond)
	session, _ := c.request.Cookie("session")
	if string(session) == "down" {
		return nil
	}
	status := "200 OK"
	if string(session) == "bad" {
		status = "401 Unauthorized"
	}
	return says{"HTTP/1.1 " + status + "\r\nRemote-User: " + string(session) + "\r\n" + c.fields + "Content-Length: 0\r\n\r\n"}.Ask(t)
}

// ask asks a gate about requests with some sessions, all at once, and returns what becomes of them and how often was asked.
func ask(t *testing.T, g *Gate, fields string, sessions ...string) (answers []Answer, asked int64) {
	t.Helper()
	var n atomic.Int64
	var all sync.WaitGroup
	answers = make([]Answer, len(sessions))
	for i, s := range sessions {
		r := parse(t, "/", "Cookie: session="+s)
		q := subject(r)
		q.Now = time.Now()
		all.Go(func() { answers[i] = g.Settle(q, counted{&n, r, fields}) })
	}
	all.Wait()
	return answers, n.Load()
}

// TestForwardTogether: requests of one key at once are one question, and get the answer of their own key.
func TestForwardTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, gates := compileText(t, tables, nil)
		g := gates["sso"]
		sessions := strings.Fields(strings.Repeat("bob eve bad ", 10))
		answers, asked := ask(t, g, "", sessions...)
		for i, a := range answers {
			switch {
			case sessions[i] == "bad" && (a.Admitted || a.Refusal.Status != 401):
				t.Errorf("%s: %+v", sessions[i], a)
			case sessions[i] != "bad" && (!a.Admitted || string(a.Identity.Fields) != "Remote-User: "+sessions[i]+"\r\n"):
				t.Errorf("%s: %+v", sessions[i], a)
			}
		}
		if asked != 3 {
			t.Errorf("asked %d times, want 3", asked)
		}
		if _, asked = ask(t, g, "", "bob", "bad"); asked != 0 {
			t.Errorf("asked %d times about what is remembered", asked)
		}
		time.Sleep(11 * time.Second)
		if _, asked = ask(t, g, "", "bob", "bad"); asked != 1 {
			t.Errorf("after remember_denied: asked %d times, want once", asked)
		}
		time.Sleep(20 * time.Second)
		if _, asked = ask(t, g, "", "bob"); asked != 1 {
			t.Errorf("after remember: asked %d times, want once", asked)
		}
		if _, asked = ask(t, g, "Cache-Control: no-store\r\n", "joe", "joe", "joe"); asked != 3 {
			t.Errorf("what is not to be stored: asked %d times, want once for each", asked)
		}
		if answers, asked = ask(t, g, "", "down", "down"); asked != 1 || answers[0].Admitted || answers[1].Refusal.Status != 503 {
			t.Errorf("no answer: asked %d times, %+v", asked, answers)
		}
		if _, asked = ask(t, g, "", "down"); asked != 1 {
			t.Errorf("a failure is remembered")
		}
	})
}

func TestAge(t *testing.T) {
	for control, want := range map[string]time.Duration{
		"": -1, "private": -1, "public, immutable": -1, "no-store": 0, "No-Cache": 0, "max-age=0": 0, "max-age=5": 5 * time.Second, `max-age="5"`: 5 * time.Second,
		"max-age=5, s-maxage=3": 3 * time.Second, "max-age=5,no-store": 0, "max-age=x": 0, "max-age": 0, "max-age=-1": 0, "max-age=99999999999999": 0,
	} {
		var res wire.Response
		if _, fault := res.Parse([]byte("HTTP/1.1 200 OK\r\nCache-Control: "+control+"\r\n\r\n"), wire.Limits{HeadBytes: 4096, Fields: 9}); fault != nil {
			t.Fatal(fault)
		}
		if got := ageOf(&res); got != want {
			t.Errorf("%q: %v, want %v", control, got, want)
		}
	}
}

// FuzzDecisionKey: two requests have one key exactly if all parts of it are the same.
func FuzzDecisionKey(f *testing.F) {
	f.Add("a", "b", "a", "b")
	f.Add("ab", "", "a", "b")
	f.Add("", "\x01a", "\x01", "a")
	forward := &Forward{key: []place{{inHeader, "A"}, {inHeader, "B"}}}
	key := func(a, b string) ([]byte, bool) {
		r := &wire.Request{Fields: []wire.Field{{Name: []byte("A"), Value: []byte(a)}, {Name: []byte("B"), Value: []byte(b)}}}
		return forward.appendKey(nil, subject(r))
	}
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		one, ok := key(a, b)
		two, also := key(c, d)
		if ok != (a != "" || b != "") {
			t.Errorf("%q, %q: a key: %t", a, b, ok)
		}
		if ok && also && bytes.Equal(one, two) != (a == c && b == d) {
			t.Errorf("%q, %q and %q, %q have the keys %q, %q", a, b, c, d, one, two)
		}
	})
}
