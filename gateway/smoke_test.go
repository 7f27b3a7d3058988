package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
)

func TestSmoke(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %v\n%s", r.Method, r.URL, r.Header, b)
	}))
	defer up.Close()
	cfg, err := config.Parse("x.toml", []byte(`
[upstream.up]
endpoints=["`+up.URL+`"]
[cors.a]
origins=["https://myapp.com"]
methods=["PUT","DELETE"]
request_headers=["Authorization"]
max_age="24h"
[route.all]
cors="a"
upstream="up"
`))
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(cfg, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	ln, _ := net.Listen("tcp", "127.0.0.1:0")
	g.Attach(edge.NewListener("x", ln), false)
	done := make(chan error)
	go func() { done <- g.Serve() }()
	send := func(s string) {
		c, _ := net.Dial("tcp", ln.Addr().String())
		c.Write([]byte(s))
		c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		b, _ := io.ReadAll(c)
		fmt.Printf("%s\n----\n", b)
		c.Close()
	}
	send("OPTIONS /api/users HTTP/1.1\r\nHost: a\r\nOrigin: https://myapp.com\r\nAccess-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: Authorization\r\n\r\nOPTIONS /api/users HTTP/1.1\r\nHost: a\r\nOrigin: https://myapp.com\r\nAccess-Control-Request-Method: PATCH\r\n\r\n")
	send("GET /api/users HTTP/1.1\r\nHost: a\r\nOrigin: https://myapp.com\r\n\r\nPOST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloPOST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n")
	send("GET /api/users HTTP/1.1\r\nHost: a\nOrigin: https://myapp.com\r\n\r\n")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	fmt.Println(g.Shutdown(ctx), <-done)
}
