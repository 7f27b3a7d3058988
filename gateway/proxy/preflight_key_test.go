package proxy

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// question parses a preflight and routes it.
func question(t testing.TB, head []byte) (*request, bool) {
	t.Helper()
	req := &wire.Request{}
	n, fault := req.Parse(head, wire.Limits{HeadBytes: 64 << 10, Fields: 128})
	if n == 0 || fault != nil {
		return nil, false
	}
	return &request{client: client{req: req}, route: &snapshot.Route{ID: uint32(len(req.Path))}}, true
}

// sameQuestion is the twin of comparing keys: it compares what the answer may depend on.
func sameQuestion(x, y *request) bool {
	lists := func(x *request) (list [][]byte) {
		for i := range x.req.Fields {
			if f := &x.req.Fields[i]; f.ID == wire.AccessControlRequestHeaders {
				list = append(list, f.Value)
			}
		}
		return list
	}
	a, b := lists(x), lists(y)
	if len(a) != len(b) || x.route.ID != y.route.ID || x.req.WantsPrivate != y.req.WantsPrivate ||
		!bytes.Equal(x.req.ACRM, y.req.ACRM) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// FuzzKey makes two preflights of two sets of field lines. Their keys are equal exactly if the
// questions are.
func FuzzKey(f *testing.F) {
	const all = "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n"
	f.Add(all, all)
	f.Add("Origin: https://b.example\r\nAccess-Control-Request-Method: PUT\r\n", all)
	// What one field ends with another could begin with.
	f.Add(all+"Access-Control-Request-Headers: a\r\n", "Origin: https://a.example\r\nAccess-Control-Request-Method: PUTa\r\n")
	f.Add(all+"Access-Control-Request-Headers: a,b\r\n", all+"Access-Control-Request-Headers: a\r\nAccess-Control-Request-Headers: b\r\n")
	f.Add(all+"Access-Control-Request-Headers: \r\n", all)
	f.Add(all+"Access-Control-Request-Private-Network: true\r\n", all+"Access-Control-Request-Private-Network: false\r\n")
	f.Add(all+"Origin: https://a.example\r\n", all)
	f.Fuzz(func(t *testing.T, a, b string) {
		const line = "OPTIONS / HTTP/1.1\r\nHost: h\r\n"
		x, ok := question(t, []byte(line+a+"\r\n"))
		y, ok2 := question(t, []byte(line+b+"\r\n"))
		if !ok || !ok2 {
			return
		}
		keyX, rememberX := appendKey(make([]byte, 0, maxKey), x.req, x.route.ID)
		keyY, rememberY := appendKey(make([]byte, 0, maxKey), y.req, y.route.ID)
		if len(keyX) > maxKey {
			t.Errorf("key of %q has %d bytes", a, len(keyX))
		}
		if !rememberX || !rememberY {
			return
		}
		if got, want := bytes.Equal(keyX, keyY), sameQuestion(x, y); got != want {
			t.Errorf("the keys of %q and %q are equal: %t, want %t", a, b, got, want)
		}
	})
}

func TestKeyIsNotTooLong(t *testing.T) {
	for n := range 2 * maxKey {
		head := fmt.Appendf(nil, "OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n"+
			"Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: %s\r\n\r\n", bytes.Repeat([]byte("a"), n))
		x, ok := question(t, head)
		if !ok {
			t.Fatal("not a request")
		}
		var buf [maxKey]byte
		key, remember := appendKey(buf[:0], x.req, x.route.ID)
		whole := 4 + 1 + 2 + len("PUT") + 2 + n
		if want := whole <= maxKey; remember != want || remember && len(key) != whole {
			t.Errorf("list of %d bytes: key of %d bytes, remembered: %t, want %d and %t", n, len(key), remember, whole, want)
		}
	}
}
