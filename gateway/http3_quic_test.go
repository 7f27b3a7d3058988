package gateway_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// TestProtocolLogged: the access log says by which version of HTTP a request came.
func TestProtocolLogged(t *testing.T) {
	for _, engine := range []string{secure, three} {
		multiplexed, want := multiplexedClient(t, engine), fmt.Sprintf("HTTP/%d.0", majors[engine])
		lines := logged(t, engine, "[log]\naccess = \"all\"\n"+hello, func(address string) {
			do(t, multiplexed, "GET", "https://"+address+"/", nil)
			do(t, http1Client(t), "GET", "https://"+address+"/", nil)
			if c, ok := multiplexed.(*http3.Transport); ok {
				c.Close()
			}
		})
		slices.SortFunc(lines, func(a, b line) int { return strings.Compare(b.Protocol, a.Protocol) }) // each shard of the log has its turn
		if len(lines) != 2 || lines[0].Protocol != want || lines[1].Protocol != "HTTP/1.1" {
			t.Errorf("%v, want %s and HTTP/1.1", lines, want)
		}
	}
}

// A socket of a client that looks at what it gets.
type looking struct {
	net.PacketConn
	deaf    bool         // it throws away what it gets
	retries atomic.Int64 // Retry packets that it got
}

func (l *looking) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.PacketConn.ReadFrom(p)
		if n > 0 && p[0]&0xf0 == 0xf0 { // RFC 9000, section 17.2.5
			l.retries.Add(1)
		}
		if err != nil || !l.deaf {
			return n, from, err
		}
	}
}

// TestHTTP3Unfinished: when many handshakes are under way, who comes next has to show first that it receives what is
// sent to it.
func TestHTTP3Unfinished(t *testing.T) {
	const many = 64
	g, address := serveOn(t, three, "[timeouts]\nheader = \"20s\"\n"+hello)
	to, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	listen := func(deaf bool) (*quic.Transport, *looking) {
		t.Helper()
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l := &looking{PacketConn: pc, deaf: deaf}
		transport := &quic.Transport{Conn: l}
		t.Cleanup(func() { transport.Close(); pc.Close() })
		return transport, l
	}
	config := authority(t).client()
	config.NextProtos = []string{"h3"}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var dialling sync.WaitGroup
	for range many {
		transport, _ := listen(true)
		dialling.Go(func() {
			if c, err := transport.Dial(ctx, to, config, &quic.Config{HandshakeIdleTimeout: patience}); err == nil {
				t.Error("a handshake without a client")
				c.CloseWithError(0, "")
			}
		})
	}
	counted(t, g, `corsgate_connections{listener="http"}`, many)
	transport, l := listen(false)
	client := &http3.Transport{
		TLSClientConfig: authority(t).client(),
		Dial: func(ctx context.Context, _ string, config *tls.Config, quicConfig *quic.Config) (*quic.Conn, error) {
			return transport.Dial(ctx, to, config, quicConfig)
		},
	}
	defer client.Close()
	r, _ := http.NewRequest("GET", "https://"+address+"/", nil)
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if l.retries.Load() == 0 {
		t.Error("the client was not asked to show that it is where it says")
	}
	cancel()
	dialling.Wait()
}
