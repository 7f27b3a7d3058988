package wire_test

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

func TestConnectionAuth(t *testing.T) {
	f := func(value string, want bool) {
		t.Helper()
		r := accepted(t, "GET / HTTP/1.1\r\nHost: a\r\naUTHORIZATION: "+value+"\r\n\r\n")
		var res, proxy wire.Response
		res.Parse([]byte("HTTP/1.1 401 No\r\nContent-Length: 0\r\nwww-authenticate: "+value+"\r\n\r\n"), generous)     // judged below
		proxy.Parse([]byte("HTTP/1.1 407 No\r\nContent-Length: 0\r\nProxy-Authenticate: "+value+"\r\n\r\n"), generous) // likewise
		if r.ConnectionAuth != want || res.ConnectionAuth != want || proxy.ConnectionAuth != want {
			t.Errorf("%q: ConnectionAuth is %t, %t and %t, want %t", value, r.ConnectionAuth, res.ConnectionAuth, proxy.ConnectionAuth, want)
		}
	}
	f("NTLM", true)
	f("ntlm TlRMTVNTUAABAAAA==", true)
	f("Negotiate\tYII=", true)
	f("Basic x, Negotiate", true)
	f(`Digest realm="a",Negotiate YII=`, true)
	f("Basic bnRsbQ==", false)
	f("NTLMv2 x", false)
	f("XNTLM", false)
	f("Digest realm=x, ntlm=1", false)
	f("", false)
}

func TestPortableChallenges(t *testing.T) {
	f := func(list, want string) {
		t.Helper()
		if got := string(wire.AppendPortableChallenges(nil, []byte(list))); got != want {
			t.Errorf("%q becomes %q, want %q", list, got, want)
		}
		if twice := string(wire.AppendPortableChallenges(nil, []byte(want))); twice != want {
			t.Errorf("%q is not left as it is, but becomes %q", want, twice)
		}
	}
	f("NTLM", "")
	f("Negotiate YII=", "")
	f("NTLM, Negotiate,", "")
	f("Basic realm=x", "Basic realm=x")
	f(`Basic realm="a, NTLM", NTLM , Bearer`, `Basic realm="a, NTLM", Bearer`)
	f(`Negotiate a=b, c="d,e", Digest realm="\",NTLM", nonce=n`, `Digest realm="\",NTLM", nonce=n`)
	f(`Basic realm="open, NTLM`, `Basic realm="open, NTLM`)
	f("", "")
}
