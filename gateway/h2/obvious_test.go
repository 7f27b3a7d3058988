package h2

import (
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/google/go-cmp/cmp"
)

// obvious is what a header list means, read slowly. See RFC 9113, sections 8.2 and 8.3.
func obvious(fields []field, connect bool) (text string, malformed bool) {
	pseudo := map[string]string{}
	var lines, cookies []string
	hosts := 0
	for _, f := range fields {
		if strings.HasPrefix(f.name, ":") {
			if _, twice := pseudo[f.name]; twice || len(lines)+len(cookies)+hosts > 0 {
				return "", true
			}
			if !slices.Contains([]string{":method", ":scheme", ":path", ":authority", ":protocol"}, f.name) || f.value == "" || f.name == ":protocol" && !connect {
				return "", true
			}
			if strings.ContainsFunc(f.value, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
				return "", true
			}
			pseudo[f.name] = f.value
			continue
		}
		if badName(f.name) || badValue(f.value) {
			return "", true
		}
		switch f.name {
		case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
			return "", true
		case "te":
			if !strings.EqualFold(f.value, "trailers") {
				return "", true
			}
		case "cookie":
			cookies = append(cookies, f.value)
			continue
		case "host":
			a, ok := pseudo[":authority"]
			if hosts++; hosts > 1 || ok && !strings.EqualFold(a, f.value) {
				return "", true
			}
			if ok {
				continue
			}
		}
		lines = append(lines, f.name+": "+f.value)
	}
	text, malformed = obviousStart(pseudo)
	if malformed {
		return "", true
	}
	if a, ok := pseudo[":authority"]; ok {
		text += "Host: " + a + "\r\n"
	}
	if len(cookies) > 0 {
		lines = append(lines, "cookie: "+strings.Join(cookies, "; "))
	}
	for _, l := range lines {
		text += l + "\r\n"
	}
	return text, false
}

func obviousStart(pseudo map[string]string) (line string, malformed bool) {
	m, hasMethod := pseudo[":method"]
	s, hasScheme := pseudo[":scheme"]
	p, hasPath := pseudo[":path"]
	a, hasAuthority := pseudo[":authority"]
	_, hasProtocol := pseudo[":protocol"]
	switch {
	case !hasMethod, hasScheme && s != "http" && s != "https", hasPath && p != "*" && p[0] != '/':
		return "", true
	case hasProtocol:
		return "GET " + p + " HTTP/1.1\r\n", m != "CONNECT" || !hasScheme || !hasPath || !hasAuthority
	case m == "CONNECT":
		return m + " " + a + " HTTP/1.1\r\n", hasScheme || hasPath || !hasAuthority
	}
	return m + " " + p + " HTTP/1.1\r\n", !hasScheme || !hasPath
}

func badName(s string) bool {
	return s == "" || strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") != ""
}

func badValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return s != strings.Trim(s, " \t")
}

// sameHead compares a head with the obvious one.
func sameHead(t *testing.T, h *Head, fields []field, o *Options, trailers bool) {
	t.Helper()
	if trailers {
		want, malformed := "", false
		for _, f := range fields {
			v := field{f.name, f.value}
			if _, bad := obvious(append(getOf("/"), v), false); (bad && f.name != "host") || badName(v.name) || badValue(v.value) {
				malformed = true
			}
			want += f.name + ": " + f.value + "\r\n"
		}
		if h.Malformed != malformed || !malformed && h.Fault == nil && string(h.Text) != want {
			t.Fatalf("trailers %q: got %t %q, want %t %q", fields, h.Malformed, h.Text, malformed, want)
		}
		return
	}
	want, malformed := obvious(fields, o.Connect)
	if h.Malformed != malformed {
		t.Fatalf("%q: Malformed = %t, want %t", fields, h.Malformed, malformed)
	}
	if malformed {
		return
	}
	fits := len(want)+2 <= o.Limits.HeadBytes && strings.Count(want, "\r\n")-1 <= o.Limits.Fields
	if (h.Fault == nil) != fits {
		t.Fatalf("%q: %v, but it has %d bytes", fields, h.Fault, len(want)+2)
	}
	var r wire.Request
	text := string(h.Text) + "\r\n"
	n, fault := r.Parse([]byte(text), o.Limits)
	sameRequest(t, h, fields, &r, n, fault)
	if !fits {
		if n == 0 && fault == nil || len(text) > o.Limits.HeadBytes {
			t.Fatalf("what is left of %q is no whole head: %q", fields, text)
		}
		return
	}
	if string(h.Text) != want {
		t.Fatalf("%q:\ngot  %q\nwant %q", fields, h.Text, want)
	}
	if fault == nil && n != len(text) || fault == wire.FaultLine || fault == wire.FaultName || fault == wire.FaultValue || fault == wire.FaultFold {
		t.Fatalf("%q: Parse(%q) = %d, %v", fields, text, n, fault)
	}
	if n > 0 && len(r.Fields) != strings.Count(want, "\r\n")-1 {
		t.Fatalf("%q: %d fields in %q", fields, len(r.Fields), text)
	}
}

// sameRequest compares what a head gives as a request with r, which Parse made of its text, or with the fault it found.
func sameRequest(t *testing.T, h *Head, fields []field, r *wire.Request, n int, fault *wire.Fault) {
	t.Helper()
	lim := h.limits
	if n == 0 && fault == nil {
		fault = wire.FaultTruncated
	}
	var got wire.Request
	if err := h.Request(&got, lim); err != fault {
		t.Fatalf("%q: Request says %v, Parse %v", fields, err, fault)
	}
	if fault == nil {
		if diff := cmp.Diff(r, &got, cmp.AllowUnexported(wire.Request{})); diff != "" {
			t.Fatalf("%q: Parse and Request differ (-Parse +Request):\n%s", fields, diff)
		}
	}
}
