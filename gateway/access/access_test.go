package access_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/access"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// example is a record with everything in it.
func example() *access.Record {
	return &access.Record{
		Time: time.Date(2026, 11, 22, 15, 0, 0, 123456789, time.UTC), Client: netip.MustParseAddr("2001:db8::1"), Protocol: "HTTP/3.0",
		ID: []byte("id-1"), Method: []byte("GET"), Host: []byte("api.example.com"), Path: []byte("/users"),
		Origin: []byte("https://myapp.com"), Route: "api", Upstream: "up", Endpoint: "http://127.0.0.1:9001",
		Status: 502, Verdict: "allowed", Error: "connect", Bytes: 31, Total: 1500 * time.Microsecond, Own: 42 * time.Microsecond,
	}
}

// lines puts records into a log and returns what it has written when it is closed.
func lines(t *testing.T, d access.Destination, records ...*access.Record) string {
	t.Helper()
	var out bytes.Buffer
	d.Out = &out
	l := access.New(d, quiet, 1)
	for i, r := range records {
		l.Shard(i).Put(r)
	}
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestJSON(t *testing.T) {
	const want = `{"time":"2026-11-22T15:00:00.123456Z","client":"2001:db8::1","protocol":"HTTP/3.0","method":"GET","host":"api.example.com","path":"/users",` +
		`"status":502,"route":"api","upstream":"up","endpoint":"http://127.0.0.1:9001","verdict":"allowed","error":"connect",` +
		`"origin":"https://myapp.com","bytes":31,"total_us":1500,"own_us":42,"id":"id-1"}` + "\n"
	if got := lines(t, access.Destination{}, example()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// What is not known is left out.
	bare := &access.Record{Time: time.Unix(0, 0), Client: netip.MustParseAddr("192.0.2.1"), Status: 400, Bytes: -1, Own: -1}
	const wantBare = `{"time":"1970-01-01T00:00:00.000000Z","client":"192.0.2.1","status":400,"total_us":0}` + "\n"
	if got := lines(t, access.Destination{}, bare); got != wantBare {
		t.Errorf("got  %s\nwant %s", got, wantBare)
	}
}

func TestText(t *testing.T) {
	r := example()
	got := lines(t, access.Destination{Text: true}, r)
	want := r.Time.Local().Format("15:04:05.000") + " client=2001:db8::1 protocol=HTTP/3.0 method=GET host=api.example.com path=/users status=502 route=api upstream=up " +
		"endpoint=http://127.0.0.1:9001 verdict=allowed error=connect origin=https://myapp.com bytes=31 total_us=1500 own_us=42 id=id-1\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := lines(t, access.Destination{Text: true, Color: true}, r); !strings.Contains(got, "\x1b[") {
		t.Errorf("no colours: %q", got)
	}
}

// TestControls: what a terminal would obey is in neither format, not in a field and not between two records, and JSON decodes to
// what the client sent.
func TestControls(t *testing.T) {
	r := example()
	r.Origin, r.Path, r.Host = []byte("https://\u009b31m\u202e.example"), []byte("/\u0085\x9b\x1b[2J"), []byte("\u2066")
	for _, text := range []bool{false, true} {
		got := lines(t, access.Destination{Text: text}, example(), r, r, example())
		for _, bad := range []string{"\u009b", "\u202e", "\u0085", "\x1b", "\x9b3", "\u2066"} {
			if strings.Contains(got, bad) {
				t.Errorf("text %v: %q in %q", text, bad, got)
			}
		}
		if n := strings.Count(got, "\n"); n != 4 {
			t.Errorf("text %v: %d lines: %q", text, n, got)
		}
		if text {
			continue
		}
		for i, line := range strings.Split(strings.TrimSpace(got), "\n") {
			var l struct{ Origin string }
			want := []string{"https://myapp.com", string(r.Origin)}[i*(3-i)/2]
			if err := json.Unmarshal([]byte(line), &l); err != nil || l.Origin != want {
				t.Errorf("line %d: %q, %v, want %q", i, l.Origin, err, want)
			}
		}
	}
}

var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// TestForgery: whatever a client sends, a record is one line, and reads back as what was sent.
func TestForgery(t *testing.T) {
	f := func(path string) {
		t.Helper()
		r := example()
		r.Path, r.Origin, r.Host = []byte(path), []byte(path), []byte(path)
		got := lines(t, access.Destination{}, r)
		var read struct{ Path, Origin, Host string }
		if err := json.Unmarshal([]byte(got), &read); err != nil || strings.Count(got, "\n") != 1 {
			t.Fatalf("%q: %v", got, err)
		}
		if want := strings.ToValidUTF8(path, "\uFFFD"); read.Path != want || read.Origin != want || read.Host != want {
			t.Errorf("%q reads back as %q", path, read)
		}
		text := lines(t, access.Destination{Text: true}, r)
		if strings.Count(text, "\n") != 1 || strings.ContainsAny(text, "\x1b\r\x00\u2028") || strings.Contains(quoted.ReplaceAllString(text, ""), "status=200") {
			t.Errorf("%q: %q", path, text)
		}
	}
	f("/a\n{\"status\":200}")
	f("/a\" status=200 \"")
	f("/a\x1b[2J\x1b]0;title\x07")
	f("/a\r\nx")
	f("/\x00\x7f\\\t")
	f("/\xff")
	f("/\u2028\u202e")
}

func TestCut(t *testing.T) {
	r := example()
	r.Path = bytes.Repeat([]byte("p"), 2000)
	var read struct{ Path string }
	if err := json.Unmarshal([]byte(lines(t, access.Destination{}, r)), &read); err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("p", 1024-len("…")) + "…"; read.Path != want {
		t.Errorf("%d octets, ending in %q", len(read.Path), read.Path[len(read.Path)-8:])
	}
}

// TestBlocked: nobody reads the pipe that the log is written to. That keeps nobody waiting: what
// there is no room for is dropped and counted, and when somebody reads, all the rest is there.
func TestBlocked(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	const records, putters = 20_000, 4
	l := access.New(access.Destination{Out: w}, quiet, 2)
	var all sync.WaitGroup
	for i := range putters {
		all.Go(func() {
			for range records / putters {
				l.Shard(i).Put(example())
			}
		})
	}
	all.Wait() // it would wait for ever
	if l.Dropped() == 0 {
		t.Error("nothing was dropped")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v, want that it has not waited", err)
	}
	read := make(chan int)
	go func() {
		b, _ := io.ReadAll(r)
		read <- bytes.Count(b, []byte("\n"))
	}()
	<-access.Done(l)
	w.Close()
	if got := <-read; uint64(got)+l.Dropped() != records {
		t.Errorf("%d lines and %d dropped, want %d together", got, l.Dropped(), records)
	}
}

// A full takes some bytes and then none, until it is mended.
type full struct {
	bytes.Buffer
	room   int
	mended bool
}

func (f *full) Write(b []byte) (int, error) {
	if f.mended {
		return f.Buffer.Write(b)
	}
	n := min(f.room, len(b))
	f.room -= n
	f.Buffer.Write(b[:n])
	if n < len(b) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

// TestFullDisk: lines that could not be written are counted; a torn one does not spoil the next.
func TestFullDisk(t *testing.T) {
	var log bytes.Buffer
	disk := &full{room: 300}
	l := access.New(access.Destination{Out: disk}, slog.New(slog.NewTextHandler(&log, nil)), 1)
	access.Stop(l)
	l.Shard(0).Put(example())
	l.Shard(0).Put(example())
	access.Drain(l)
	if l.Dropped() != 2 {
		t.Errorf("%d dropped, want 2", l.Dropped())
	}
	disk.mended = true
	l.Shard(0).Put(example())
	access.Drain(l)
	got := strings.Split(disk.String(), "\n")
	if len(got) != 3 || json.Valid([]byte(got[0])) || !json.Valid([]byte(got[1])) || got[2] != "" {
		t.Errorf("written: %q", got)
	}
	for _, want := range []string{"cannot be written", "no space left", "written again"} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("the log does not have %q once:\n%s", want, &log)
		}
	}
}

// TestRedirect: what is put after it goes to the new destination, in its format; each one is closed, once, after its last line.
func TestRedirect(t *testing.T) {
	type file struct {
		bytes.Buffer
		closed int
	}
	files := make([]*file, 5)
	to := func(i int) access.Destination {
		f := &file{}
		files[i] = f
		return access.Destination{Out: f, Text: i%2 == 1, Close: func() error { f.closed++; return nil }}
	}
	l := access.New(to(0), quiet, 1)
	for i := range 3 {
		l.Shard(0).Put(example())
		for access.Lines(l) > 0 {
			time.Sleep(time.Millisecond)
		}
		l.Redirect(to(i + 1))
	}
	l.Redirect(to(4)) // perhaps before anybody took the last
	l.Shard(0).Put(example())
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		lines := 1
		if i == 3 {
			lines = 0
		}
		if text := f.String(); f.closed != 1 || strings.Count(text, "\n") != lines || json.Valid(f.Bytes()) != (i%2 == 0) {
			t.Errorf("destination %d, closed %d times: %q", i, f.closed, text)
		}
	}
}

// TestRedirectFromBlocked: nobody reads what the log is written to, and then it is sent elsewhere.
func TestRedirectFromBlocked(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l := access.New(access.Destination{Out: w, Close: w.Close}, quiet, 1)
	for l.Dropped() == 0 {
		l.Shard(0).Put(example())
	}
	var out bytes.Buffer
	l.Redirect(access.Destination{Out: &out})
	for access.Lines(l) > 0 { // the writer is stuck, until it is let go
		time.Sleep(time.Millisecond)
	}
	l.Shard(0).Put(example())
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"path":"/users"`) {
		t.Errorf("%q", &out)
	}
}

func TestChoice(t *testing.T) {
	f := func(s string, on bool, least, most int) {
		t.Helper()
		c, n := access.ParseChoice(s), 0
		for range 100_000 {
			if c.Sample() {
				n++
			}
		}
		if c.On() != on || n < least || n > most {
			t.Errorf("%q: on %t, %d of 100000 sampled", s, c.On(), n)
		}
	}
	f("off", false, 0, 0)
	f("errors", true, 0, 0)
	f("all", true, 100_000, 100_000)
	f("10%", true, 9_000, 11_000) // ten standard deviations
	f("0.5%", true, 200, 800)
	if (access.Choice{}).On() {
		t.Error("the zero value chooses")
	}
}

func TestAllocations(t *testing.T) {
	l := access.New(access.Destination{Out: io.Discard}, quiet, 1)
	access.Stop(l)
	r := example()
	l.Shard(0).Put(r)
	access.Drain(l)
	if n := testing.AllocsPerRun(100, func() { l.Shard(0).Put(r) }); n != 0 {
		t.Errorf("Put: %v allocations", n)
	}
	access.Drain(l)
	if n := testing.AllocsPerRun(100, func() { l.Shard(0).Put(r); access.Drain(l) }); n != 0 {
		t.Errorf("Put and drain: %v allocations", n)
	}
}

// BenchmarkPut is what a logged request pays; BenchmarkDrain is what the writer pays for it.
func BenchmarkPut(b *testing.B) {
	l := access.New(access.Destination{Out: io.Discard}, quiet, 1)
	access.Stop(l)
	r, n := example(), 0
	b.ReportAllocs()
	for b.Loop() {
		if n++; n == 500 {
			n = 0
			b.StopTimer()
			access.Drain(l)
			b.StartTimer()
		}
		l.Shard(0).Put(r)
	}
}

func BenchmarkDrain(b *testing.B) {
	for _, text := range []bool{false, true} {
		b.Run(fmt.Sprintf("text=%t", text), func(b *testing.B) {
			l := access.New(access.Destination{Out: io.Discard, Text: text}, quiet, 1)
			access.Stop(l)
			r := example()
			b.ReportAllocs()
			for b.Loop() {
				for range 100 {
					l.Shard(0).Put(r)
				}
				access.Drain(l)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/record")
		})
	}
}
