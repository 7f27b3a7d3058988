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
func lines(t *testing.T, o access.Options, records ...*access.Record) string {
	t.Helper()
	var out bytes.Buffer
	o.Shards = max(o.Shards, 1)
	l := access.New(&out, quiet, o)
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
	if got := lines(t, access.Options{}, example()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// What is not known is left out.
	bare := &access.Record{Time: time.Unix(0, 0), Client: netip.MustParseAddr("192.0.2.1"), Status: 400, Bytes: -1, Own: -1}
	const wantBare = `{"time":"1970-01-01T00:00:00.000000Z","client":"192.0.2.1","status":400,"total_us":0}` + "\n"
	if got := lines(t, access.Options{}, bare); got != wantBare {
		t.Errorf("got  %s\nwant %s", got, wantBare)
	}
}

func TestText(t *testing.T) {
	r := example()
	got := lines(t, access.Options{Text: true}, r)
	want := r.Time.Local().Format("15:04:05.000") + " client=2001:db8::1 protocol=HTTP/3.0 method=GET host=api.example.com path=/users status=502 route=api upstream=up " +
		"endpoint=http://127.0.0.1:9001 verdict=allowed error=connect origin=https://myapp.com bytes=31 total_us=1500 own_us=42 id=id-1\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := lines(t, access.Options{Text: true, Color: true}, r); !strings.Contains(got, "\x1b[") {
		t.Errorf("no colours: %q", got)
	}
}

var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// TestForgery: whatever a client sends, a record is one line, and reads back as what was sent.
func TestForgery(t *testing.T) {
	f := func(path string) {
		t.Helper()
		r := example()
		r.Path, r.Origin, r.Host = []byte(path), []byte(path), []byte(path)
		got := lines(t, access.Options{}, r)
		var read struct{ Path, Origin, Host string }
		if err := json.Unmarshal([]byte(got), &read); err != nil || strings.Count(got, "\n") != 1 {
			t.Fatalf("%q: %v", got, err)
		}
		if want := strings.ToValidUTF8(path, "\uFFFD"); read.Path != want || read.Origin != want || read.Host != want {
			t.Errorf("%q reads back as %q", path, read)
		}
		text := lines(t, access.Options{Text: true}, r)
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
	if err := json.Unmarshal([]byte(lines(t, access.Options{}, r)), &read); err != nil {
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
	l := access.New(w, quiet, access.Options{Shards: 2})
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

// A full takes some octets and then none, until it is mended.
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
	l := access.New(disk, slog.New(slog.NewTextHandler(&log, nil)), access.Options{Shards: 1})
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

func TestShare(t *testing.T) {
	f := func(s string, share float64, on bool) {
		t.Helper()
		if got, gotOn := access.ParseShare(s); got != share || gotOn != on {
			t.Errorf("ParseShare(%q) = %v, %t, want %v, %t", s, got, gotOn, share, on)
		}
	}
	f("off", 0, false)
	f("errors", 0, true)
	f("all", 1, true)
	f("1%", .01, true)
	f("12.5%", .125, true)

	sampled := func(share float64) (n int) {
		l := access.New(io.Discard, quiet, access.Options{Shards: 1, Share: share})
		defer l.Close(context.Background())
		for range 100_000 {
			if l.Sample() {
				n++
			}
		}
		return n
	}
	if n := sampled(0); n != 0 {
		t.Errorf("errors: %d sampled", n)
	}
	if n := sampled(1); n != 100_000 {
		t.Errorf("all: %d sampled", n)
	}
	if n := sampled(.1); n < 9_000 || n > 11_000 { // ten standard deviations
		t.Errorf("10%%: %d of 100000 sampled", n)
	}
}

func TestAllocations(t *testing.T) {
	l := access.New(io.Discard, quiet, access.Options{Shards: 1})
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
	l := access.New(io.Discard, quiet, access.Options{Shards: 1})
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
			l := access.New(io.Discard, quiet, access.Options{Shards: 1, Text: text})
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
