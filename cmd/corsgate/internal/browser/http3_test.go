package browser_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/browser"
	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

// http3Page asks a gateway on another origin, with a preflight, and opens a WebSocket through it. Its document is what
// came of it.
const http3Page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>HTTP/3</title><pre></pre>
<script>
"use strict";
(async () => {
	const say = text => document.querySelector("pre").append(text + "\n");
	const url = "https://gateway.test:PORT/";
	try {
		for (const method of ["PUT", "POST", "DELETE"]) {
			performance.clearResourceTimings();
			const init = {method, headers: {"X-Client": "1"}, body: method === "POST" ? "x".repeat(100000) : undefined};
			const response = await fetch(url + "app/" + method, init).catch(error => error);
			const text = response.text ? await response.text() : response.name;
			const entries = performance.getEntriesByName(url + "app/" + method);
			say([method, response.status, text.trim(), entries.at(-1)?.nextHopProtocol].join(" "));
		}
		say("WebSocket " + await new Promise(resolve => {
			const s = new WebSocket("wss://gateway.test:PORT/app/ws");
			s.onmessage = event => resolve(event.data);
			s.onclose = () => resolve("refused");
		}));
	} finally {
		await fetch("/end", {method: "POST"});
	}
})();
</script><script async src="/end.js"></script>`

// TestBrowserHTTP3: what a browser asks over QUIC, preflights too, is what it would get over TCP.
func TestBrowserHTTP3(t *testing.T) {
	b := browser.Find(t)
	ended := make(chan bool)
	var port string
	bound := make(chan bool) // closed when port is known
	s := &stage{}
	pages := s.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			<-bound
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, strings.ReplaceAll(http3Page, "PORT", port))
		case "/end":
			close(ended)
		case "/end.js": // it holds back the load event
			select {
			case <-ended:
			case <-r.Context().Done():
			}
		}
	}), false)
	upstream := s.serve(t, &api{}, false)
	certificate := pkitest.NewAuthority(t, "authority").Issue(t, "gateway.test")
	cert, key := certificate.Write(t, t.TempDir(), "c")
	cfg, err := config.Parse("corsgate.toml", fmt.Appendf(nil, `
[listener.https]
address = "127.0.0.1:0"
tls = true
http3 = true
[tls]
certificates = [{ cert = %q, key = %q }]
[cors.app]
origins = ["http://page.test"]
methods = ["PUT"]
request_headers = ["X-Client"]
timing_allow_origin = true
[upstream.api]
endpoints = [%q]
[route.app]
cors = "app"
upstream = "api"
`, cert, key, upstream.URL))
	if err != nil {
		t.Fatal(err)
	}
	gate, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := gate.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- gate.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := gate.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		<-served
	})
	address := gate.Addr("https")
	_, port, _ = net.SplitHostPort(address)
	close(bound)
	spki := sha256.Sum256(certificate.Leaf.RawSubjectPublicKeyInfo)
	document := b.Load(t, "http://page.test/",
		"--enable-quic", "--origin-to-force-quic-on=gateway.test:"+port,
		"--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(spki[:]),
		"--host-resolver-rules=MAP page.test:80 "+pages.Listener.Addr().String()+",MAP gateway.test:"+port+" "+address+",MAP * ~NOTFOUND")
	said := regexp.MustCompile(`(?s)<pre>(.*)</pre>`).FindStringSubmatch(document)
	if said == nil {
		t.Fatal(document)
	}
	want := "PUT 200 PUT h3\nPOST 200 POST h3\nDELETE  TypeError \nWebSocket hello\n"
	got := html.UnescapeString(said[1])
	if got = regexp.MustCompile(`(?m)^(DELETE  TypeError).*$`).ReplaceAllString(got, "$1 "); got != want {
		t.Errorf("the page says\n%s\nwant\n%s", got, want)
	}
	families, err := gate.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == "corsgate_multiplexed_requests_total" && m.Label[0].GetValue() == "HTTP/3.0" {
				if n := m.GetCounter().GetValue(); n < 5 {
					t.Errorf("%v requests by HTTP/3, want five: three preflights and two requests", n)
				}
			}
		}
	}
}
