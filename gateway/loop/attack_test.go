//go:build linux

package loop_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/upstream"
)

// TestSlowReader streams a large response to a client that reads little at a time. What the loop
// holds of it is bounded: the upstream has to wait.
func TestSlowReader(t *testing.T) {
	const size = 20 << 20
	for _, framing := range []string{"Content-Length: " + strconv.Itoa(size) + "\r\n\r\n", "\r\n"} {
		var sent atomic.Int64
		up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+framing)
			c.(*net.TCPConn).SetWriteBuffer(64 << 10)
			piece := []byte(strings.Repeat("0123456789abcdef", 1<<10))
			for range size / len(piece) {
				n, err := c.Write(piece)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
		r := begin(t, nil, up.at())
		c, _ := r.dial(t)
		small(t, c, 64<<10)
		read := bufio.NewReaderSize(c, 1<<10)
		write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		res, err := http.ReadResponse(read, nil)
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the upstream has to wait", func() bool { n := sent.Load(); r.counts(); return n > 0 && r.counts().Saved > 0 && n == sent.Load() })
		got, worst := 0, 0
		buf := make([]byte, 32<<10)
		for {
			n, err := res.Body.Read(buf)
			got += n
			if got%(1<<20) < n {
				worst = max(worst, r.counts().Saved)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("after %d octets: %v", got, err)
			}
		}
		if got != size || worst > loop.MostAhead {
			t.Errorf("%d octets, of which the loop held %d at a time, want %d and little", got, worst, size)
		}
	}
}

// TestNobodyStarves: clients that send 64 KiB of requests at a time do not lock out another.
func TestNobodyStarves(t *testing.T) {
	r := begin(t, nil)
	burst := strings.Repeat("GET /local HTTP/1.1\r\nHost: h\r\n\r\n", 2000)
	var stop atomic.Bool
	var greedy sync.WaitGroup
	for range 4 {
		c, read := r.dial(t)
		greedy.Go(func() {
			for !stop.Load() {
				if _, err := io.WriteString(c, burst); err != nil {
					return
				}
			}
			c.CloseWrite()
		})
		greedy.Go(func() { io.Copy(io.Discard, read) })
	}
	c, read := r.dial(t)
	for range 20 {
		write(t, c, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
		expect(t, read, "200 /local")
	}
	stop.Store(true)
	greedy.Wait()
}

// TestStorm has clients and upstreams that break off and reset at random, while the upstream is
// replaced again and again. Whoever gets a whole response gets the right one, and in the end
// nothing is left; begin's end looks.
func TestStorm(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var number atomic.Uint64
	random := func() *rand.Rand { return rand.New(rand.NewPCG(seed, number.Add(1))) }
	wild := func(c net.Conn, r *bufio.Reader) { rage(c, r, random()) }
	ups := []*peer{newPeer(t, wild), newPeer(t, wild)}
	r := begin(t, func(r *trial) {
		r.to.MaxConnections, r.to.MaxQueue, r.to.QueueTimeout = 4, 4, 30*time.Millisecond
		r.to.FirstByteTimeout, r.to.IdleTimeout, r.to.KeepAlive = 100*time.Millisecond, 100*time.Millisecond, 20*time.Millisecond
		r.options.BodyIdle, r.options.Header = 200*time.Millisecond, 200*time.Millisecond
	}, ups[0].at(), ups[1].at())
	duration := 2 * time.Second
	if testing.Short() {
		duration = time.Second / 2
	}
	end := time.Now().Add(duration)
	var clients sync.WaitGroup
	var whole atomic.Int64
	for range 24 {
		clients.Go(func() {
			random := random()
			for time.Now().Before(end) {
				n, err := visit(r, random)
				if err != nil {
					t.Error(err)
					return
				}
				whole.Add(int64(n))
			}
		})
	}
	var old []*upstream.Upstream
	reload := time.NewTicker(2 * time.Millisecond)
	defer reload.Stop()
	for time.Now().Before(end) {
		<-reload.C
		u := r.upstream.Swap(upstream.New("next", r.endpoints, r.to))
		u.Stop()
		old = append(old, u)
	}
	clients.Wait()
	if whole.Load() == 0 {
		t.Error("nobody got a response")
	}
	t.Logf("%d responses, %d exchanges done, %d gone, %d cut, %d upstreams", whole.Load(), r.dones.Load(), r.gones.Load(), r.cuts.Load(), len(old))
	for _, u := range old {
		for _, e := range u.Endpoints() {
			until(t, "no exchange is counted", func() bool { return free(e, r.to.MaxConnections) })
		}
	}
}

// rage answers like mirror, but breaks off, resets, dawdles and says too much.
func rage(c net.Conn, r *bufio.Reader, random *rand.Rand) {
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		io.Copy(io.Discard, req.Body)
		content := strings.Repeat(req.URL.Path, 1+random.IntN(2000))
		response := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(content), content)
		if random.IntN(3) == 0 {
			response = fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(content), content)
		}
		switch random.IntN(12) {
		case 0:
			c.(*net.TCPConn).SetLinger(0)
			return
		case 1:
			return
		case 2:
			io.WriteString(c, response[:random.IntN(len(response))])
			c.(*net.TCPConn).SetLinger(random.IntN(2) - 1)
			return
		case 3:
			io.Copy(io.Discard, r) // until it is given up
			return
		case 4:
			io.WriteString(c, response+"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
		case 5:
			io.WriteString(c, "NONSENSE")
			return
		case 6:
			io.WriteString(c, response)
			return
		default:
			cut := random.IntN(len(response))
			io.WriteString(c, response[:cut])
			runtime.Gosched()
			io.WriteString(c, response[cut:])
		}
	}
}

// visit makes some requests on one connection, and often breaks off. It returns how many were
// answered 200 in full; the error is about an answer that is not the request's.
func visit(r *trial, random *rand.Rand) (whole int, err error) {
	nc, err := net.Dial("tcp", r.address)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	c, read := nc.(*net.TCPConn), bufio.NewReader(nc)
	for range 1 + random.IntN(8) {
		var requests strings.Builder
		var want []string
		for range 1 + random.IntN(4) {
			path := fmt.Sprintf("/%08x", random.Uint32())
			switch random.IntN(5) {
			case 0:
				path = "/local" + path
				fmt.Fprintf(&requests, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
			case 1:
				fmt.Fprintf(&requests, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", path)
			case 2:
				content := strings.Repeat(path, 9000) // handed over
				fmt.Fprintf(&requests, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", path, len(content), content)
			default:
				fmt.Fprintf(&requests, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
			}
			want = append(want, path)
		}
		text := requests.String()
		switch random.IntN(10) {
		case 0:
			io.WriteString(c, text[:random.IntN(len(text))])
			c.SetLinger(random.IntN(2) - 1)
			return whole, nil
		case 1:
			io.WriteString(c, text)
			c.SetLinger(0)
			return whole, nil
		case 2:
			go func() { io.WriteString(c, text); c.CloseWrite() }()
		default:
			go io.WriteString(c, text)
		}
		for _, path := range want {
			res, err := http.ReadResponse(read, nil)
			if err != nil {
				return whole, nil // breaking off is everybody's right here
			}
			content, err := io.ReadAll(res.Body)
			if err == nil && res.StatusCode == 200 {
				if strings.ReplaceAll(string(content), path, "") != "" {
					return whole, errors.New("the answer to another request: " + string(content[:min(len(content), 100)]))
				}
				whole++
			}
			if err != nil || res.Close {
				return whole, nil
			}
		}
	}
	return whole, nil
}

// small makes the system keep little of what c is sent.
func small(t testing.TB, c syscall.Conn, octets int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if err := syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, octets); err != nil {
			t.Fatal(err)
		}
	})
}

// TestReadAheadIsBounded: when what is read ahead for all clients is all that it may be, a slow reader is served as slowly as
// it reads; and in the end nothing counts any more.
func TestReadAheadIsBounded(t *testing.T) {
	const size = 16 << 20 // four times what the system takes for a socket, by default
	defer loop.SetMostAhead(loop.SetMostAhead(0))
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		http.ReadRequest(r)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	})
	r := begin(t, nil, up.at())
	c, _ := r.dial(t)
	small(t, c, 64<<10)
	read := bufio.NewReaderSize(c, 1<<10)
	write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	res, err := http.ReadResponse(read, nil)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the client is behind", func() bool { return r.counts().Saved > 0 })
	if n := r.counts().Saved; n > 68<<10 {
		t.Errorf("%d bytes are held, want no more than one read brings", n)
	}
	if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
		t.Errorf("%d bytes, %v, want %d", n, err, size)
	}
	until(t, "nothing is read ahead", func() bool { return loop.Ahead() == 0 })
}
