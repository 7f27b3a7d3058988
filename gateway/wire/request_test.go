package wire_test

import (
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// refused checks that Parse refuses in for one reason, however much has come.
func refused(t *testing.T, in string, want *wire.Fault) {
	t.Helper()
	var r wire.Request
	if n, fault := r.Parse([]byte(in), generous); n != 0 || fault != want {
		t.Errorf("Parse(%q) = %d, %v, want %v", in, n, fault, want)
	}
	checkRequest(t, in, generous)
}

// accepted checks that Parse takes all of in and returns the request.
func accepted(t *testing.T, in string) *wire.Request {
	t.Helper()
	var r wire.Request
	if n, fault := r.Parse([]byte(in), generous); n != len(in) || fault != nil {
		t.Fatalf("Parse(%q) = %d, %v, want %d", in, n, fault, len(in))
	}
	checkRequest(t, in, generous)
	return &r
}

func TestRequestLine(t *testing.T) {
	f := func(line string, want *wire.Fault) {
		t.Helper()
		if in := line + "Host: a.test\r\n\r\n"; want == nil {
			accepted(t, in)
		} else {
			refused(t, in, want)
		}
	}
	// RFC 9112, section 2.2: at least one empty line before the request line is ignored.
	f("\r\nGET / HTTP/1.1\r\n", nil)
	f("\r\n\r\nGET / HTTP/1.1\r\n", wire.FaultRequestLine)
	f("\nGET / HTTP/1.1\r\n", wire.FaultRequestLine)
	// Section 2.2: a lone LF may be a line end, but a bare CR never; we take neither.
	f("GET / HTTP/1.1\n", wire.FaultLine)
	f("GET / HTTP/1.1\r", wire.FaultRequestLine)
	f("GET /\r HTTP/1.1\r\n", wire.FaultRequestLine)
	// Section 3: method SP request-target SP HTTP-version.
	f("GET / HTTP/1.1\r\n", nil)
	f(" GET / HTTP/1.1\r\n", wire.FaultRequestLine)
	f("GET  / HTTP/1.1\r\n", wire.FaultRequestLine)
	f("GET /  HTTP/1.1\r\n", wire.FaultRequestLine)
	f("GET\t/\tHTTP/1.1\r\n", wire.FaultRequestLine)
	f("GET / HTTP/1.1 \r\n", wire.FaultRequestLine)
	f("GET /\r\n", wire.FaultRequestLine)
	f("GET\r\n", wire.FaultRequestLine)
	f("GET / / HTTP/1.1\r\n", wire.FaultRequestLine)
	// Section 3.1: the method is a token, case-sensitive; too long a one may be answered with 501.
	f("get / HTTP/1.1\r\n", nil)
	f("M-SEARCH / HTTP/1.1\r\n", nil)
	f("G(T / HTTP/1.1\r\n", wire.FaultRequestLine)
	f(strings.Repeat("A", 24)+" / HTTP/1.1\r\n", nil)
	f(strings.Repeat("A", 25)+" / HTTP/1.1\r\n", wire.FaultMethodLength)
	// Fetch, forbidden method: in any case.
	f("TRACE / HTTP/1.1\r\n", wire.FaultMethod)
	f("trace / HTTP/1.1\r\n", wire.FaultMethod)
	f("Track / HTTP/1.1\r\n", wire.FaultMethod)
	f("CONNECT a.test:443 HTTP/1.1\r\n", wire.FaultMethod)
	f("TRACES / HTTP/1.1\r\n", nil)
	// Section 2.3: HTTP-name is case-sensitive, one digit on each side; another version is 505.
	f("GET / HTTP/1.0\r\n", nil)
	f("GET / http/1.1\r\n", wire.FaultRequestLine)
	f("GET / HTTP/1.10\r\n", wire.FaultRequestLine)
	f("GET / HTTP/1.2\r\n", wire.FaultVersion)
	f("GET / HTTP/2.0\r\n", wire.FaultVersion)
	f("PRI * HTTP/2.0\r\n", wire.FaultVersion)
	f("GET / HTTP/d.d\r\n", wire.FaultRequestLine)
}

func TestRequestTarget(t *testing.T) {
	f := func(method, target, path, query string, plain bool) {
		t.Helper()
		r := accepted(t, method+" "+target+" HTTP/1.1\r\nHost: a.test\r\n\r\n")
		if string(r.Path) != path || string(r.Query) != query || r.PlainPath != plain {
			t.Errorf("target %q = %q, %q, plain %t, want %q, %q, %t", target, r.Path, r.Query, r.PlainPath, path, query, plain)
		}
	}
	bad := func(method, target string) {
		t.Helper()
		refused(t, method+" "+target+" HTTP/1.1\r\nHost: a.test\r\n\r\n", wire.FaultTarget)
	}
	flawed := func(target string, want *wire.Fault) {
		t.Helper()
		if r := accepted(t, "GET "+target+" HTTP/1.1\r\nHost: a.test\r\n\r\n"); r.Flaw != want {
			t.Errorf("target %q: flaw %v, want %v", target, r.Flaw, want)
		}
	}
	// RFC 9112, section 3.2.1: origin-form.
	f("GET", "/", "/", "", true)
	f("GET", "/a/b?c?d/..//%41", "/a/b", "?c?d/..//%41", true)
	f("GET", "/?", "/", "?", true)
	f("GET", "/a[1]|2^3~?{4}`5", "/a[1]|2^3~", "?{4}`5", true) // as browsers send them
	f("GET", "/http://b.test/x", "/http://b.test/x", "", false)
	f("GET", "/.well-known/...", "/.well-known/...", "", true)
	f("GET", "/a/", "/a/", "", true)
	f("GET", "/a/..", "/a/..", "", false)
	f("GET", "/./a", "/./a", "", false)
	f("GET", "/a//", "/a//", "", false)
	f("GET", "/a;b", "/a;b", "", false)
	f("GET", "/a%2Fb", "/a%2Fb", "", false)
	f("GET", "//b.test/x", "//b.test/x", "", false)
	bad("GET", "?x")
	bad("GET", "x")
	// URL Standard: what browsers leave as it is, in a path and in a query, and what they escape.
	f("GET", `/a?100%&x=%u00e9\b^|{}[]'`+"`", "/a", `?100%&x=%u00e9\b^|{}[]'`+"`", true)
	flawed("/a#b", wire.FaultFragment)
	flawed("/a?b#c", wire.FaultFragment)
	flawed(`/a\b`, wire.FaultUnescaped)
	flawed("/{a}", wire.FaultUnescaped)
	flawed("/\xe9", wire.FaultUnescaped)
	flawed("/a?\xc3\xbc", wire.FaultUnescaped)
	flawed(`/a?"`, wire.FaultUnescaped)
	flawed("/a?<", wire.FaultUnescaped)
	bad("GET", "/a?\x00")
	bad("GET", "/a?\x7f")
	// RFC 3986, section 2.1: an escape is '%' and two hexadecimal digits; none may hide a control.
	f("GET", "/%20%7e%80%ff", "/%20%7e%80%ff", "", false)
	f("GET", "/?%0a%00", "/", "?%0a%00", true)
	flawed("/%", wire.FaultPercent)
	flawed("/%4", wire.FaultPercent)
	flawed("/%4g", wire.FaultPercent)
	flawed("/%00", wire.FaultControl)
	flawed("/%1f", wire.FaultControl)
	flawed("/%7F", wire.FaultControl)
	f("GET", "/?%zz", "/", "?%zz", true)
	f("GET", "/?%41%4", "/", "?%41%4", true)
	// Section 3.2.2: absolute-form is understood.
	f("GET", "http://a.test/x?y", "/x", "?y", true)
	f("GET", "HTTPS://A.TEST/x", "/x", "", true)
	f("GET", "http://a.test", "/", "", true)
	f("GET", "http://a.test?y", "/", "?y", true)
	bad("GET", "http:///x")
	bad("GET", "http:/a.test/x")
	bad("GET", "ftp://a.test/x")
	f("GET", "http://a.test//x", "//x", "", false)
	// Section 3.2.3: authority-form is for CONNECT alone.
	bad("GET", "a.test:80")
	// Section 3.2.4: asterisk-form is for OPTIONS, also made of an absolute-form without a path.
	f("OPTIONS", "*", "*", "", true)
	f("OPTIONS", "http://a.test", "*", "", true)
	f("OPTIONS", "http://a.test/", "/", "", true)
	f("OPTIONS", "http://a.test?x", "/", "?x", true)
	bad("GET", "*")
	bad("options", "*")
	bad("OPTIONS", "*/x")
}

func TestRequestHost(t *testing.T) {
	const start = "GET / HTTP/1.1\r\n"
	// RFC 9112, section 3.2: no Host, more than one, or an invalid one is answered with 400.
	refused(t, start+"\r\n", wire.FaultHost)
	refused(t, start+"Host: a.test\r\nHost: a.test\r\n\r\n", wire.FaultHost)
	refused(t, start+"Host: a.test\r\nhOST: b.test\r\n\r\n", wire.FaultHost)
	refused(t, start+"Host:\r\n\r\n", wire.FaultHost)
	refused(t, start+"Host: a.test, b.test\r\n\r\n", wire.FaultHost)
	accepted(t, "GET / HTTP/1.0\r\n\r\n")
	refused(t, "GET / HTTP/1.0\r\nHost: a.test\r\nHost: a.test\r\n\r\n", wire.FaultHost)
	// Section 3.2.2: a proxy must ignore Host and take the authority: we refuse any difference.
	for _, authority := range []string{"b.test", "a.test:80", "u@a.test", "a.test.", "a.tes"} {
		refused(t, "GET http://"+authority+"/ HTTP/1.1\r\nHost: a.test\r\n\r\n", wire.FaultHost)
	}
	refused(t, "GET http://a.test/ HTTP/1.0\r\n\r\n", wire.FaultHost)
}

func TestRequestFields(t *testing.T) {
	f := func(lines string, want *wire.Fault) {
		t.Helper()
		if in := "GET / HTTP/1.1\r\nHost: a.test\r\n" + lines + "\r\n"; want == nil {
			accepted(t, in)
		} else {
			refused(t, in, want)
		}
	}
	// RFC 9112, section 5: field-name ":" OWS field-value OWS.
	f("A:b\r\nA:\t b c \t\r\nA:\r\nA: \r\n", nil)
	f("A\r\n", wire.FaultName)
	f(": b\r\n", wire.FaultName)
	f("A(: b\r\n", wire.FaultName)
	f("A\x80: b\r\n", wire.FaultName)
	// Section 5.1: no white space between the name and the colon.
	f("A : b\r\n", wire.FaultName)
	f("A\t: b\r\n", wire.FaultName)
	// Section 5.2: no obs-fold; section 2.2: no white space before the first field.
	f("A: b\r\n c\r\n", wire.FaultFold)
	f("A: b\r\n\t\r\n", wire.FaultFold)
	refused(t, "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n", wire.FaultFold)
	// RFC 9110, section 5.5: CR, LF and NUL are dangerous, the other controls invalid, obs-text opaque.
	f("A: \x80\xff\r\n", nil)
	f("A: b\x00\r\n", wire.FaultValue)
	f("A: b\x0b\r\n", wire.FaultValue)
	f("A: 1234567\t9abcde\x1f\r\n", wire.FaultValue)
	f("A: \x7f\r\n", wire.FaultValue)
	f("A: b\rc\r\n", wire.FaultLine)
	f("A: b\n", wire.FaultLine)
	f("A: b\r\r\n", wire.FaultLine)
	f("\n", wire.FaultLine)
	f("\rA: b\r\n", wire.FaultLine)
	// Section 8.3: a second Content-Type could be the one that others see.
	f("Content-Type: a/b\r\ncontent-type: a/b\r\n", wire.FaultContentType)
	// Section 10.1.1: an expectation that cannot be met is answered with 417.
	f("Expect: 100-continue\r\n", nil)
	f("Expect: y 100-continue\r\n", wire.FaultExpect)
	f("Expect:\r\n", wire.FaultExpect)
	f("Expect: 100-continue\r\nExpect: 100-continue\r\n", wire.FaultExpect)
	// Section 7.6.1: Connection is a list of tokens.
	f("Connection: , close,,\r\n", nil)
	f("Connection: close, @@\r\n", wire.FaultConnection)
	f("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,close\r\n", nil)
	f("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\nConnection: q\r\n", wire.FaultConnection)
}

// Browsers write one SP and no more around Origin, and never a response field beside it.
func TestRequestOrigin(t *testing.T) {
	f := func(lines, want string) {
		t.Helper()
		r := accepted(t, "GET / HTTP/1.1\r\nHost: a.test\r\n"+lines+"\r\n")
		if string(r.Origin) != want {
			t.Errorf("%q: Origin = %q, want %q", lines, r.Origin, want)
		}
	}
	f("", "")
	f("Access-Control-Allow-Origin: *\r\n", "")
	f("Origin: https://a\r\n", "https://a")
	f("origin:https://a\r\n", "https://a")
	f("Origin:\r\n", "")
	f("Origin: \r\n", "")
	f("Origin:  https://a\r\n", "-")
	f("Origin:\thttps://a\r\n", "-")
	f("Origin: https://a \r\n", "-")
	f("Origin: https://a\t\r\n", "-")
	f("Origin: https://a\r\nORIGIN: https://b \r\n", "-")
	f("Origin: https://a\r\nAccess-Control-Allow-Origin: *\r\n", "-")
	f("Access-Control-Allow-Origin: *\r\nOrigin: https://a\r\n", "-")
}

func TestRequestLimits(t *testing.T) {
	f := func(in string, lim wire.Limits, n int, want *wire.Fault) {
		t.Helper()
		var r wire.Request
		if got, fault := r.Parse([]byte(in), lim); got != n || fault != want {
			t.Errorf("Parse(%.40q, %+v) = %d, %v, want %d, %v", in, lim, got, fault, n, want)
		}
		checkRequest(t, in, lim)
	}
	const head = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
	f(head, wire.Limits{HeadBytes: len(head), Fields: 1}, len(head), nil)
	f(head+"and content", wire.Limits{HeadBytes: len(head), Fields: 1}, len(head), nil)
	f(head, wire.Limits{HeadBytes: len(head) - 1, Fields: 1}, 0, wire.FaultHeadSize)
	f(head, wire.Limits{HeadBytes: 15, Fields: 1}, 0, wire.FaultTargetLength)
	f("\r\n"+head, wire.Limits{HeadBytes: len(head), Fields: 1}, 0, wire.FaultHeadSize)
	f("GET / HTTP/1.1\r\nHost: a.test\r\nA: b\r\n\r\n", wire.Limits{HeadBytes: 99, Fields: 1}, 0, wire.FaultFieldCount)
	// The same verdict, whether all of it has come or only as much as the limit.
	f("GET /"+strings.Repeat("a", 99)+" HTTP/1.1\r\n\r\n", wire.Limits{HeadBytes: 50, Fields: 1}, 0, wire.FaultTargetLength)
	f("GET /"+strings.Repeat("a", 45), wire.Limits{HeadBytes: 50, Fields: 1}, 0, wire.FaultTargetLength)
	f("GET / HTTP/1.1\r\nA: "+strings.Repeat("a", 99)+"\x00\r\n\r\n", wire.Limits{HeadBytes: 50, Fields: 1}, 0, wire.FaultHeadSize)
}

func TestRequestFacts(t *testing.T) {
	r := accepted(t, "POST /x?y HTTP/1.1\r\nHost: a.test:8443\r\norigin: https://a\r\nOrigin: https://b\r\n"+
		"access-control-request-method: PUT\r\nAccess-Control-Request-Headers: a\r\nAccess-Control-Request-Headers: b\r\n"+
		"Access-Control-Request-Private-Network: true\r\nSec-Fetch-Site: same-origin\r\nVia: 1.1 x\r\nX-Real-IP: 192.0.2.1\r\n"+
		"Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n")
	if string(r.Origin) != "https://a" || r.OriginLines != 2 || string(r.ACRM) != "PUT" || r.ACRMLines != 1 || r.ACRHLines != 2 ||
		!r.WantsPrivate || string(r.SecFetchSite) != "same-origin" || !r.HasVia || !r.HasForwarding || !r.Continue || r.Length != 5 ||
		!r.HasContent() || r.Close || string(r.Host) != "a.test:8443" {
		t.Errorf("Parse = %+v", r)
	}
	// Nothing of one request is seen in the next.
	if n, fault := r.Parse([]byte("GET / HTTP/1.0\r\n\r\n"), generous); n == 0 || fault != nil {
		t.Fatalf("Parse = %d, %v", n, fault)
	}
	if len(r.Origin)+r.OriginLines+len(r.ACRM)+r.ACRMLines+r.ACRHLines+len(r.SecFetchSite)+len(r.Host)+len(r.Fields)+len(r.Query) > 0 ||
		r.WantsPrivate || r.HasVia || r.HasForwarding || r.Continue || r.HasContent() || !r.Close {
		t.Errorf("Parse again = %+v", r)
	}
}
