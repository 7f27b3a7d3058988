package h3

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/ipv4"
)

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
	got := make(chan string)
	var readers sync.WaitGroup
	read := func(name string, d *Datagrams) {
		readers.Go(func() {
			ms := []ipv4.Message{{Buffers: [][]byte{make([]byte, 2000)}, OOB: make([]byte, 128)}}
			for {
				n, err := d.socket.ReadBatch(ms, 0)
				if err != nil {
					return
				}
				for _, m := range ms[:n] {
					got <- name + " " + string(m.Buffers[0][len(m.Buffers[0][:m.N])-1:m.N])
				}
			}
		})
	}
	mark := byte('a')
	check := func(packet []byte, to string) {
		t.Helper()
		if _, err := client.Write(append(packet, mark)); err != nil {
			t.Fatal(err)
		}
		if got, want := <-got, fmt.Sprintf("%s %c", to, mark); got != want {
			t.Errorf("process and packet: %s, want %s", got, want)
		}
		mark++
	}
	begin := func(id string) []byte { return append([]byte{0xc0, 0, 0, 0, 1, byte(len(id))}, id...) }
	of := func(d *Datagrams) []byte { return append(append([]byte{0x40}, d.socket.prefix[:]...), "1234567"...) }
	succeed := func(d *Datagrams) *Datagrams {
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

	first := newDatagrams(conn)
	read("first", first)
	check(begin("eight   "), "first")
	second := succeed(first)
	read("second", second)
	for range 100 { // it does not read yet
		mark = 'b'
		check(begin("eight   "), "first")
		check(of(first), "first")
	}
	first.HandOver()
	check(begin("eight   "), "first")
	check(begin("others  "), "second")
	check(begin("ten bytes "), "second")
	check(begin(""), "second")
	check(of(first), "first")
	check(of(second), "second")

	third := succeed(second)
	read("third", third)
	second.HandOver()
	check(begin("eight   "), "first")
	check(begin("others  "), "second")
	check(begin("ten bytes "), "second")
	check(begin("eight   2"), "third")
	check(of(first), "first")
	check(of(second), "second")
	check(of(third), "third")

	first.Close()
	check(of(second), "second")
	second.Close()
	check(begin("last    "), "third")
	third.Close()
	readers.Wait()
}

// TestHandOverWithout: a predecessor that ends without a word, and an end while it is waited for.
func TestHandOverWithout(t *testing.T) {
	for _, ends := range []string{"predecessor", "successor"} {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		first := newDatagrams(conn)
		files, err := first.Files()
		if err != nil {
			t.Fatal(err)
		}
		second, err := InheritDatagrams(files)
		if err != nil {
			t.Fatal(err)
		}
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
