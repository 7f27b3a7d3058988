package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
)

// messages is a log that a test waits for. It drops what nobody takes.
type messages struct {
	slog.Handler
	all chan string
}

func newMessages() *messages {
	return &messages{slog.DiscardHandler, make(chan string, 1000)}
}

func (m *messages) Enabled(context.Context, slog.Level) bool { return true }

func (m *messages) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += fmt.Sprintf(" %s=%v", a.Key, a.Value); return true })
	select {
	case m.all <- text:
	default:
	}
	return nil
}

// await waits for a message that holds all parts.
func (m *messages) await(t *testing.T, parts ...string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	var seen []string
	for {
		select {
		case text := <-m.all:
			seen = append(seen, text)
			missing := 0
			for _, part := range parts {
				if !strings.Contains(text, part) {
					missing++
				}
			}
			if missing == 0 {
				return
			}
		case <-deadline:
			t.Fatalf("the log has no %q: %q", parts, seen)
		}
	}
}

// watching runs a gateway that watches its files until the test ends.
func watching(t *testing.T, cfg *config.Config) (*Gateway, *messages) {
	t.Helper()
	log := newMessages()
	g, err := New(cfg, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); g.Watch(ctx, nil) }()
	t.Cleanup(func() { cancel(); <-done })
	return g, log
}

const reloaded, refused = "origins reloaded", "origins not reloaded"

func wantAllowed(t *testing.T, g *Gateway, origin string, want bool) {
	t.Helper()
	if g.allows(origin) != want {
		t.Errorf("%s is allowed: %t, want %t", origin, !want, want)
	}
}

// TestWatch: what is written to a file, in whatever way, is what is allowed; what is wrong changes nothing.
func TestWatch(t *testing.T) {
	cfg, path := withOrigins(t, "", "https://a.com\n")
	g, log := watching(t, cfg)
	wantAllowed(t, g, "https://a.com", true)

	// Another file in its place.
	replace(t, path, "https://b.com\n")
	log.await(t, reloaded)
	wantAllowed(t, g, "https://a.com", false)
	wantAllowed(t, g, "https://b.com", true)

	// A line that is wrong.
	replace(t, path, "https://c.com\n# d\nhttps://D.com\n")
	log.await(t, refused, path+`:3: pattern "https://D.com"`)
	wantAllowed(t, g, "https://c.com", false)
	wantAllowed(t, g, "https://b.com", true)

	// Gone, and there again.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	log.await(t, refused, "cors.app.origins_file: cannot read "+path)
	wantAllowed(t, g, "https://b.com", true)
	replace(t, path, "https://e.com\r\n")
	log.await(t, reloaded)
	wantAllowed(t, g, "https://e.com", true)

	// Written in place, by a writer that stops for a while in the middle of a line.
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "https://e.com\nhttps:")
	log.await(t, refused, path+":2: the line does not resemble an origin")
	wantAllowed(t, g, "https://e.com", true)
	io.WriteString(f, "//f.com\n")
	f.Close()
	log.await(t, reloaded)
	wantAllowed(t, g, "https://f.com", true)

	// Emptied: it is more likely that something more is to come.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	log.await(t, refused, "holds no pattern")
	wantAllowed(t, g, "https://f.com", true)
	if v := g.proxy.Current().Generation; v != 4 {
		t.Errorf("generation %d, want 4", v)
	}
}

// TestWatchSymlinks: Kubernetes swaps a link beside the file; others link to a file elsewhere, and write to that.
func TestWatchSymlinks(t *testing.T) {
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, name+"~"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+"~", name); err != nil {
			t.Fatal(err)
		}
	}
	cfg, path := withOrigins(t, "", "https://a.com\n")
	dir, elsewhere := filepath.Dir(path), filepath.Join(t.TempDir(), "list")
	for _, name := range []string{"1", "2"} {
		os.Mkdir(filepath.Join(dir, name), 0o700)
		replace(t, filepath.Join(dir, name, "origins.txt"), "https://of-"+name+".com\n")
	}
	link("1", filepath.Join(dir, "..data"))
	link("..data/origins.txt", path)
	g, log := watching(t, cfg)
	wantAllowed(t, g, "https://of-1.com", true)
	link("2", filepath.Join(dir, "..data"))
	log.await(t, reloaded)
	wantAllowed(t, g, "https://of-2.com", true)

	replace(t, elsewhere, "https://elsewhere.com\n")
	link(elsewhere, path)
	log.await(t, reloaded)
	wantAllowed(t, g, "https://elsewhere.com", true)
	replace(t, elsewhere, "https://again.com\n")
	log.await(t, reloaded)
	wantAllowed(t, g, "https://again.com", true)
}

// TestWatchFollowsReloads: what is watched is what the configuration in force names.
func TestWatchFollowsReloads(t *testing.T) {
	cfg, path := withOrigins(t, "", "https://a.com\n")
	other := filepath.Join(t.TempDir(), "other.txt")
	replace(t, other, "https://b.com\n")
	without := *cfg
	without.CORS = []config.CORS{{Name: "app", Origins: []string{"https://z.com"}}}
	g, log := watching(t, &without)

	reload := func(file string) {
		t.Helper()
		next := *cfg
		next.CORS = []config.CORS{cfg.CORS[0]}
		next.CORS[0].OriginsFile = file
		if err := g.Reload(&next); err != nil {
			t.Fatal(err)
		}
	}
	reload("origins.txt")
	replace(t, path, "https://c.com\n")
	log.await(t, reloaded)
	wantAllowed(t, g, "https://c.com", true)
	reload(other)
	replace(t, other, "https://d.com\n")
	log.await(t, reloaded)
	wantAllowed(t, g, "https://d.com", true)
	// The first file is nobody's now.
	generation := g.proxy.Current().Generation
	replace(t, path, "https://e.com\n")
	replace(t, other, "https://f.com\n")
	log.await(t, reloaded, fmt.Sprint("generation=", generation+1))
	wantAllowed(t, g, "https://f.com", true)
}

// TestRefreshUnderLoad: while the file changes, requests of an origin that is always in it are answered, and allowed,
// each on the connection of the one before.
func TestRefreshUnderLoad(t *testing.T) {
	cfg, path := withOrigins(t, "", "https://a.com\n")
	g, log := watching(t, cfg)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.Attach(edge.NewListener("test", ln), &config.Listener{})
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	var stop atomic.Bool
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for n := 0; n < 100 || !stop.Load(); n++ {
				method, more := "GET", ""
				if (n+i)%2 == 0 {
					method, more = "OPTIONS", "Access-Control-Request-Method: GET\r\n"
				}
				fmt.Fprintf(c, "%s / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.com\r\n%s\r\n", method, more)
				res, err := http.ReadResponse(r, &http.Request{Method: method})
				if err != nil || res.Close || res.Header.Get("Access-Control-Allow-Origin") != "https://a.com" {
					t.Errorf("request %d: %v, %v", n, res, err)
					return
				}
				io.Copy(io.Discard, res.Body)
			}
		})
	}
	for i := range 10 {
		replace(t, path, fmt.Sprintf("https://a%d.com\nhttps://a.com\n", i))
		log.await(t, reloaded)
	}
	stop.Store(true)
	clients.Wait()
	wantAllowed(t, g, "https://a9.com", true)
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-served
}
