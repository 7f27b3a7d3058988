package wire_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// salvaged returns what is salvaged of a head that comes in pieces of n bytes, and whether it has ended.
func salvaged(head string, n int) string {
	var s wire.Salvage
	var r wire.Request
	ended := false
	for b := []byte(head); len(b) > 0; b = b[min(n, len(b)):] {
		ended = s.Feed(bytes.Clone(b[:min(n, len(b))]))
	}
	s.Request(&r)
	return fmt.Sprintf("%s %s%s host=%s origin=%s*%d acrm=%s id=%s %t", r.Method, r.Path, r.Query, r.Host, r.Origin, r.OriginLines, r.ACRM, r.RequestID, ended)
}

func TestSalvage(t *testing.T) {
	const line, host, origin = "GET /a?b HTTP/1.1\r\n", "Host: h\r\n", "Origin: https://o\r\n"
	long := strings.Repeat("x", 2000)
	for _, c := range []struct{ head, want string }{
		{line + host + origin + "\r\n", "GET /a?b host=h origin=https://o*1 acrm= id= true"},
		{"\r\n" + line + "X Y: 1\r\nX: \x01\r\nhOST:h\r\norigin:https://o\r\n\r\n", "GET /a?b host=h origin=https://o*1 acrm= id= true"},
		{line + "Access-Control-Request-Method: PUT\r\nX-Request-Id: 1\r\n\r\n", "GET /a?b host= origin=*0 acrm=PUT id=1 true"},
		// What is too long, and what stands behind it.
		{line + "Cookie: " + long + "\r\n" + host + origin + "\r\n", "GET /a?b host=h origin=https://o*1 acrm= id= true"},
		{"GET /a/b?" + long + " HTTP/1.1\r\n" + host + origin + "\r\n", "GET /a/b host=h origin=https://o*1 acrm= id= true"},
		{"GET /" + strings.Repeat("x", 1017) + "%41" + long + " HTTP/1.1\r\n\r\n", "GET /" + strings.Repeat("x", 1017) + " host= origin=*0 acrm= id= true"},
		{"GET /" + strings.Repeat("x", 1015) + " HTTP/1.1\r\n\r\n", "GET /" + strings.Repeat("x", 1015) + " host= origin=*0 acrm= id= true"},
		{line + "Origin: https://" + long + "\r\n\r\n", "GET /a?b host= origin=-*1 acrm= id= true"},
		// A head without an end.
		{line + host + origin, "GET /a?b host=h origin=https://o*1 acrm= id= false"},
		{line + host + "Origin: https://o", "GET /a?b host=h origin=-*1 acrm= id= false"},
		{line + origin + "Ori", "GET /a?b host= origin=https://o*1 acrm= id= false"},
		{"GET /a?" + long, "GET /a host= origin=*0 acrm= id= false"},
		{"GET /a HTTP/1.1", "  host= origin=*0 acrm= id= false"},
		{"", "  host= origin=*0 acrm= id= false"},
		// A request line that is none.
		{"GET  /a HTTP/1.1\r\n" + host + "\r\n", "  host=h origin=*0 acrm= id= true"},
		{"GET /a b HTTP/1.1\r\n\r\n", "  host= origin=*0 acrm= id= true"},
		{"GET /a\r\n\r\n", "  host= origin=*0 acrm= id= true"},
		{"GET /a HTTP/1.1\n\r\n", "  host= origin=*0 acrm= id= true"},
		{"G(T /a HTTP/1.1\r\n\r\n", "  host= origin=*0 acrm= id= true"},
		{"GET a HTTP/1.1\r\n" + host + "\r\n", "GET  host=h origin=*0 acrm= id= true"},
		{"TRACE /a HTTP/2.7\r\n\r\n", "TRACE /a host= origin=*0 acrm= id= true"},
		{"GET http://H/a HTTP/1.1\r\n" + host + "\r\n", "GET /a host=h origin=*0 acrm= id= true"},
		{"GET http://g/a HTTP/1.1\r\n" + host + "\r\n", "GET /a host= origin=*0 acrm= id= true"},
		{"GET http://g/a HTTP/1.1\r\n\r\n", "GET /a host= origin=*0 acrm= id= true"},
		// Lines that anybody could find twice, or read in another way.
		{line + host + host + "\r\n", "GET /a?b host= origin=*0 acrm= id= true"},
		{line + host + "Host : g\r\n\r\n", "GET /a?b host= origin=*0 acrm= id= true"},
		{line + host + " Host: g\r\n\r\n", "GET /a?b host= origin=*0 acrm= id= true"},
		{line + host + "\x00Host: g\r\n\r\n", "GET /a?b host= origin=*0 acrm= id= true"},
		{line + host + "X: y\rHost: g\r\n\r\n", "GET /a?b host= origin=*0 acrm= id= true"},
		{line + host + "X: y\nHost: g\r\n\r\n", "GET /a?b host= origin=*0 acrm= id= true"},
		{line + host + "Ho", "GET /a?b host=h origin=*0 acrm= id= false"},
		{line + host + "Host", "GET /a?b host= origin=*0 acrm= id= false"},
		{line + "Host: h_\xff\r\n\r\n", "GET /a?b host= origin=*0 acrm= id= true"},
		{line + "Host: h\n\r\n", "GET /a?b host= origin=*0 acrm= id= true"},
		{line + "X: y\n" + host + "\r\n", "GET /a?b host= origin=*0 acrm= id= true"},
		{line + origin + " x\r\n\r\n", "GET /a?b host= origin=-*1 acrm= id= true"},
		{line + origin + "\tx\r\n\r\n", "GET /a?b host= origin=-*1 acrm= id= true"},
		{line + origin + origin + "\r\n", "GET /a?b host= origin=-*2 acrm= id= true"},
		{line + "Origin:  https://o\r\n\r\n", "GET /a?b host= origin=-*1 acrm= id= true"},
		{line + "Origin: https://o \r\n\r\n", "GET /a?b host= origin=-*1 acrm= id= true"},
		{line + "Origin:\r\n\r\n", "GET /a?b host= origin=-*1 acrm= id= true"},
		{line + origin + "Access-Control-Allow-Origin: *\r\n\r\n", "GET /a?b host= origin=-*1 acrm= id= true"},
		// What follows the head is not part of it.
		{line + "\r\n" + origin, "GET /a?b host= origin=*0 acrm= id= true"},
		{line + host + "\n" + origin, "GET /a?b host=h origin=*0 acrm= id= true"},
		{"\r\n\r\n" + line + host, "  host= origin=*0 acrm= id= true"},
	} {
		for _, n := range []int{1, 7, len(c.head) + 1} {
			if got := salvaged(c.head, n); got != c.want {
				t.Errorf("%.80q in pieces of %d: %s, want %s", c.head, n, got, c.want)
			}
		}
	}
}

// FuzzSalvage: of a head that Parse takes, what is salvaged is what Parse has found, or nothing.
func FuzzSalvage(f *testing.F) {
	f.Add("GET /a?b HTTP/1.1\r\nHost: h\r\nOrigin: https://o\r\nX-Request-Id: 1\r\n\r\n")
	f.Add("OPTIONS http://h/%41 HTTP/1.0\r\nhost:h\r\nOrigin: o\r\nAccess-Control-Request-Method: PUT\r\n\r\n")
	f.Fuzz(func(t *testing.T, head string) {
		var r, got wire.Request
		if n, fault := r.Parse([]byte(head), wire.Limits{HeadBytes: 900, Fields: 99}); n == 0 || fault != nil {
			return
		}
		var s wire.Salvage
		if !s.Feed([]byte(head)) {
			t.Fatalf("%q has no end", head)
		}
		s.Request(&got)
		if string(got.Method) != string(r.Method) || string(got.Path) != string(r.Path) || got.OriginLines < r.OriginLines ||
			got.PlainPath != r.PlainPath || r.OriginLines == 1 && string(got.Origin) != string(r.Origin) && string(got.Origin) != "-" ||
			len(got.Host) > 0 && string(got.Host) != string(r.Host) || len(got.ACRM) > 0 && string(got.ACRM) != string(r.ACRM) {
			t.Errorf("%q: salvaged %+v, parsed %+v", head, got, r)
		}
	})
}
