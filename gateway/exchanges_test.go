package gateway_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/tooltest"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/exchanges with what the gateway does")

// TestExchanges plays the exchanges of testdata/exchanges; see the README there. Each is played
// three times, and has to come out the same: with an empty preflight cache, with one that has
// seen the same requests before, and without a cache.
func TestExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/exchanges/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		script, err := readScript(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			for _, e := range script.exchanges {
				t.Run(e.title, func(t *testing.T) { playThrice(t, script.config, e) })
			}
		})
		if *update && !t.Failed() {
			if err := os.WriteFile(file, []byte(script.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func playThrice(t *testing.T, config string, e *scripted) {
	d := newDouble(t, e.says...)
	url := d.url()
	if e.down {
		url = "http://" + tooltest.Refusing(t)
	}
	if !strings.Contains(config, "[upstream.") {
		config += "\n[upstream.api]\nendpoints = [\"http://UPSTREAM\"]\n"
	}
	config = strings.ReplaceAll(config, "http://UPSTREAM", url)
	cached, address := serve(t, config)
	got := play(t, d, cached.Pseudonym(), address, e, e.want)
	again := play(t, d, cached.Pseudonym(), address, e, e.want)
	if diff := cmp.Diff(got, again, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("the second time is another (-first +second):\n%s", diff)
	}
	uncached, address := serve(t, config+"\n[cache]\npreflights = 0\n")
	without := play(t, d, uncached.Pseudonym(), address, e, e.want)
	if diff := cmp.Diff(got, without, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("without the cache it is another (-with +without):\n%s", diff)
	}
	if *update {
		e.want = got
		return
	}
	if diff := cmp.Diff(e.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An outcome is what the two other sides of an exchange see.
type outcome struct {
	upstream []string
	client   string
}

var (
	dates      = regexp.MustCompile(`Date: \w{3}, \d\d \w{3} (20\d\d) \d\d:\d\d:\d\d GMT`)
	requestIDs = regexp.MustCompile(`X-Request-Id: [0-9a-f]{32}\r\n`)
	addresses  = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// mask replaces what differs from run to run.
func mask(s, pseudonym string) string {
	s = strings.ReplaceAll(s, pseudonym, "PSEUDONYM")
	s = addresses.ReplaceAllString(s, "UPSTREAM")
	s = requestIDs.ReplaceAllString(s, "") // those that were made; see TestRequestID
	return dates.ReplaceAllString(s, "Date: NOW")
}

// play sends the requests and reads until the gateway closes the connection, which it does when
// it has answered everything and the client's side has ended. That ends when what is wanted has come:
// before, the client would seem to have gone.
func play(t *testing.T, d *double, pseudonym, address string, e *scripted, want outcome) outcome {
	t.Helper()
	d.reset()
	c := dial(t, address)
	defer c.Close()
	var client []byte
	buf := make([]byte, 64<<10)
	for i, request := range e.requests {
		if i > 0 {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatalf("waiting for an answer before part %d of the request: %v", i+1, err)
			}
			client = append(client, buf[:n]...)
		}
		if _, err := io.WriteString(c, strings.ReplaceAll(request, "PSEUDONYM", pseudonym)); err != nil {
			t.Fatal(err)
		}
	}
	mask := func(s string) string { return mask(s, pseudonym) }
	var err error
	for mask(string(client)) != want.client && err == nil {
		var n int
		wait := patience // which passes in a test that fails
		if *update {
			wait = 300 * time.Millisecond // which passes in each that is another now
		}
		c.SetReadDeadline(time.Now().Add(wait))
		n, err = c.Read(buf)
		client = append(client, buf[:n]...)
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.SetReadDeadline(time.Now().Add(patience))
		c.CloseWrite() // it may be closed already
		var rest []byte
		rest, err = io.ReadAll(c)
		client = append(client, rest...)
	}
	if err != nil && err != io.EOF {
		client = fmt.Appendf(client, "(reset)")
	}
	got := outcome{client: mask(string(client))}
	for _, s := range d.requests() {
		got.upstream = append(got.upstream, mask(s))
	}
	return got
}
