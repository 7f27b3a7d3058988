package h3

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/ipv4"
)

// A packets is a client of UDP sockets that several processes share, one after the other, each with a goroutine that reads.
type packets struct {
	t       *testing.T
	client  net.Conn
	got     chan string // by whom a packet was read, and its mark
	mark    byte        // ends the next packet
	readers sync.WaitGroup
}

// read lets the process of that name read, until d is closed.
func (p *packets) read(name string, d *Datagrams) {
	p.readers.Go(func() {
		ms := []ipv4.Message{{Buffers: [][]byte{make([]byte, 2000)}, OOB: make([]byte, 128)}}
		for {
			n, err := d.socket.ReadBatch(ms, 0)
			if err != nil {
				return
			}
			for _, m := range ms[:n] {
				p.got <- name + " " + string(m.Buffers[0][m.N-1:m.N])
			}
		}
	})
}

// check sends a packet and holds that it is read by the process of that name.
func (p *packets) check(packet []byte, to string) {
	p.t.Helper()
	if _, err := p.client.Write(append(packet, p.mark)); err != nil {
		p.t.Fatal(err)
	}
	if got, want := <-p.got, fmt.Sprintf("%s %c", to, p.mark); got != want {
		p.t.Errorf("process and packet: %s, want %s", got, want)
	}
	p.mark++
}

// begin returns the beginning of a packet that opens a connection: a long header with that connection ID (RFC 9000,
// section 17.2).
func begin(id string) []byte { return append([]byte{0xc0, 0, 0, 0, 1, byte(len(id))}, id...) }

// of returns the beginning of a packet of a connection of d: a short header (RFC 9000, section 17.3.1).
func of(d *Datagrams) []byte {
	return append(append([]byte{0x40}, d.socket.prefix[:]...), "1234567"...)
}

// succeed returns what a successor inherits from d.
func succeed(t *testing.T, d *Datagrams) *Datagrams {
	t.Helper()
	files, err := d.Files()
	if err != nil {
		t.Fatal(err)
	}
	next, err := InheritDatagrams(files)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TestHandOver: a socket passes through three processes that all would read it. A packet comes to the process that its connection
// is in, also when it is the second one of a handshake, and all that begins to the one that has no successor.
func TestHandOver(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.DialUDP("udp", nil, conn.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p := &packets{t: t, client: client, got: make(chan string), mark: 'a'}

	first := newDatagrams(conn)
	p.read("first", first)
	p.check(begin("eight   "), "first")
	second := succeed(t, first)
	p.read("second", second)
	for range 100 { // it does not read yet
		p.mark = 'b'
		p.check(begin("eight   "), "first")
		p.check(of(first), "first")
	}
	first.HandOver()
	p.check(begin("eight   "), "first")
	p.check(begin("others  "), "second")
	p.check(begin("ten bytes "), "second")
	p.check(begin(""), "second")
	p.check(of(first), "first")
	p.check(of(second), "second")

	third := succeed(t, second)
	p.read("third", third)
	second.HandOver()
	p.check(begin("eight   "), "first")
	p.check(begin("others  "), "second")
	p.check(begin("ten bytes "), "second")
	p.check(begin("eight   2"), "third")
	p.check(of(first), "first")
	p.check(of(second), "second")
	p.check(of(third), "third")

	first.Close()
	p.check(of(second), "second")
	second.Close()
	p.check(begin("last    "), "third")
	third.Close()
	p.readers.Wait()
}

// TestHandOverWithout: a predecessor that ends without a word, and an end while it is waited for.
func TestHandOverWithout(t *testing.T) {
	for _, ends := range []string{"predecessor", "successor"} {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		first := newDatagrams(conn)
		second := succeed(t, first)
		read := make(chan error)
		go func() {
			ms := []ipv4.Message{{Buffers: [][]byte{make([]byte, 2000)}, OOB: make([]byte, 128)}}
			_, err := second.socket.ReadBatch(ms, 0)
			read <- err
		}()
		if ends == "successor" {
			second.Close()
			if err := <-read; err == nil {
				t.Error("a socket that is closed is read")
			}
			first.Close()
			continue
		}
		// What its last reference was held by is a duplicate here, as it is where a process ends.
		first.Close()
		client, err := net.DialUDP("udp", nil, second.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte{0x40, 1}); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil {
			t.Errorf("the successor reads: %v, want a packet", err)
		}
		client.Close()
		second.Close()
	}
}
