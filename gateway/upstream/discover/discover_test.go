package discover_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/internal/dnstest"
	"github.com/corsgate/corsgate/gateway/upstream/discover"
	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var api = discover.Name{Host: "api.example", Port: 80}
var service = discover.Name{Host: "_api._tcp.example", Service: true}

// look looks up once and returns what is found as "priority weight address".
func look(t testing.TB, f *discover.Follower) (list []string, ttl time.Duration, err error) {
	t.Helper()
	servers, ttl, err := f.Look(t.Context())
	for _, s := range servers {
		list = append(list, fmt.Sprint(s.Priority, " ", s.Weight, " ", s.Addr))
	}
	return list, ttl, err
}

func TestLook(t *testing.T) {
	f := func(about string, name discover.Name, zone string, ttl time.Duration, want ...string) {
		t.Helper()
		s := dnstest.Start(t)
		s.Set(strings.Split(zone, "; ")...)
		got, gotTTL, err := look(t, discover.NewFollower(discover.NewResolver(s.Address), name))
		if diff := cmp.Diff(want, got); diff != "" || gotTTL != ttl || err != nil {
			t.Errorf("%s: %v, %v (-want +got):\n%s", about, gotTTL, err, diff)
		}
	}
	f("addresses are sorted", api, "api.example. 30 A 127.0.0.2; api.example. 20 A 127.0.0.1", 20*time.Second,
		"0 1 127.0.0.1:80", "0 1 127.0.0.2:80")
	f("capitals do not matter", api, "API.Example. 30 A 127.0.0.1", 30*time.Second, "0 1 127.0.0.1:80")
	f("an address that is there twice", api, "api.example. 30 A 127.0.0.1; api.example. 30 AAAA ::ffff:127.0.0.1", 30*time.Second,
		"0 1 127.0.0.1:80")
	f("TTL 0", api, "api.example. 0 A 127.0.0.1", discover.MinTTL, "0 1 127.0.0.1:80")
	f("a TTL that is none", api, "api.example. 4294967295 A 127.0.0.1", discover.MinTTL, "0 1 127.0.0.1:80")
	f("a long TTL", api, "api.example. 86400 A 127.0.0.1", discover.MaxTTL, "0 1 127.0.0.1:80")
	f("aliases, of which one is short-lived", api,
		"api.example. 5 CNAME b.example.; b.example. 60 CNAME c.example.; c.example. 60 A 127.0.0.3", 5*time.Second,
		"0 1 127.0.0.3:80")
	f("no server's address", api, "api.example. 30 A 0.0.0.0; api.example. 30 A 224.0.0.1; api.example. 30 A 127.0.0.1",
		30*time.Second, "0 1 127.0.0.1:80")
	f("services", service, "_api._tcp.example. 60 SRV 2 5 81 b.example.; _api._tcp.example. 60 SRV 1 7 80 a.example.; "+
		"_api._tcp.example. 60 SRV 1 0 82 a.example.; a.example. 30 A 127.0.0.1; b.example. 40 A 127.0.0.2", 30*time.Second,
		"1 7 127.0.0.1:80", "1 0 127.0.0.1:82", "2 5 127.0.0.2:81")
	f("a service that one target does not have", service, "_api._tcp.example. 60 SRV 2 5 81 .; "+
		"_api._tcp.example. 60 SRV 1 7 80 a.example.; a.example. 60 A 127.0.0.1", time.Minute, "1 7 127.0.0.1:80")
	f("targets of several addresses", service, "_api._tcp.example. 60 SRV 1 7 80 a.example.; a.example. 60 A 127.0.0.1; a.example. 60 A 127.0.0.2",
		time.Minute, "1 7 127.0.0.1:80", "1 7 127.0.0.2:80")
}

// TestLocalhost: the name never reaches a name server.
func TestLocalhost(t *testing.T) {
	s := dnstest.Start(t)
	s.Set("localhost. 60 A 192.0.2.1")
	got, _, err := look(t, discover.NewFollower(discover.NewResolver(s.Address), discover.Name{Host: "localhost", Port: 80}))
	if err != nil || !slices.Contains(got, "0 1 127.0.0.1:80") || s.Asked("udp A localhost.") > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestAdditional: addresses that come with the SRV records are not asked for.
func TestAdditional(t *testing.T) {
	s := dnstest.Start(t)
	s.Set("_api._tcp.example. 60 SRV 1 7 80 a.example.", "_api._tcp.example. 60 SRV 1 7 80 b.example.", "b.example. 60 A 127.0.0.2")
	s.Extra("a.example. 20 A 127.0.0.1", "other.example. 1 A 127.0.0.9")
	got, ttl, err := look(t, discover.NewFollower(discover.NewResolver(s.Address), service))
	if diff := cmp.Diff([]string{"1 7 127.0.0.1:80", "1 7 127.0.0.2:80"}, got); diff != "" || err != nil || ttl != 20*time.Second {
		t.Errorf("%v, %v:\n%s", ttl, err, diff)
	}
	if a, b := s.Asked("udp A a.example."), s.Asked("udp A b.example."); a != 0 || b != 1 {
		t.Errorf("asked %d and %d times", a, b)
	}
}

// TestFailures: what is known stays, and what is new is taken, whatever fails.
func TestFailures(t *testing.T) {
	f := func(about string, breaks func(*dnstest.Server), message string) {
		t.Helper()
		s := dnstest.Start(t)
		s.Set("api.example. 30 A 127.0.0.1")
		follower := discover.NewFollower(discover.NewResolver(s.Address), api)
		if got, _, err := look(t, follower); len(got) != 1 || err != nil {
			t.Fatalf("%s: at first %v, %v", about, got, err)
		}
		breaks(s)
		for range 2 {
			got, _, err := look(t, follower)
			if !slices.Equal(got, []string{"0 1 127.0.0.1:80"}) || err == nil || !strings.Contains(err.Error(), message) {
				t.Errorf("%s: %v, %v", about, got, err)
			}
		}
		s.Spoil(nil)
		s.Set("api.example. 30 A 127.0.0.2")
		if got, _, err := look(t, follower); !slices.Equal(got, []string{"0 1 127.0.0.2:80"}) || err != nil {
			t.Errorf("%s: afterwards %v, %v", about, got, err)
		}
	}
	f("no such name", func(s *dnstest.Server) { s.Set() }, "api.example: there is no such name")
	f("no address", func(s *dnstest.Server) { s.Set("api.example. 30 TXT x") }, "no address")
	f("another's address", func(s *dnstest.Server) {
		s.Spoil(func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "evil.example.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 9}, A: []byte{127, 0, 0, 9}}}
		})
	}, "no address")
	f("aliases in a circle", func(s *dnstest.Server) { s.Set("api.example. 1 CNAME b.example.", "b.example. 1 CNAME api.example.") }, "no address")
	f("SERVFAIL", func(s *dnstest.Server) { s.Fail(dns.TypeA, dns.RcodeServerFailure) }, "it answers SERVFAIL")
	f("REFUSED", func(s *dnstest.Server) { s.Fail(dns.TypeA, dns.RcodeRefused) }, "it answers REFUSED")
	f("another question", func(s *dnstest.Server) { s.Spoil(func(m *dns.Msg) { m.Question[0].Name = "evil.example." }) }, "another question")
	f("no response", func(s *dnstest.Server) { s.Spoil(func(m *dns.Msg) { m.Response = false }) }, "another question")
}

// TestOneKindFails: while one kind of address cannot be looked up, what is known of it stays and
// the other is followed.
func TestOneKindFails(t *testing.T) {
	s := dnstest.Start(t)
	s.Set("_api._tcp.example. 60 SRV 1 7 80 a.example.", "_api._tcp.example. 60 SRV 1 7 80 b.example.", "a.example. 60 A 127.0.0.1", "b.example. 60 A 127.0.0.2")
	f := discover.NewFollower(discover.NewResolver(s.Address), service)
	look(t, f)
	s.Set("_api._tcp.example. 60 SRV 1 7 81 a.example.", "_api._tcp.example. 60 SRV 1 7 80 c.example.", "c.example. 60 A 127.0.0.3")
	s.Extra("c.example. 60 A 127.0.0.3")
	s.Fail(dns.TypeA, dns.RcodeServerFailure)
	got, _, err := look(t, f)
	if diff := cmp.Diff([]string{"1 7 127.0.0.1:81", "1 7 127.0.0.3:80"}, got); diff != "" || err == nil {
		t.Errorf("%v:\n%s", err, diff)
	}
}

// TestTimeout: a server that is silent is given up on, and another one asked.
func TestTimeout(t *testing.T) {
	silent, well := dnstest.Start(t), dnstest.Start(t)
	silent.Mute()
	well.Set("api.example. 30 A 127.0.0.1")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	servers, _, err := discover.NewFollower(discover.NewResolver(silent.Address), api).Look(ctx)
	if len(servers) > 0 || err == nil {
		t.Errorf("%v, %v", servers, err)
	}
	r := discover.ResolverOf(50*time.Millisecond, silent.Address, well.Address)
	if got, _, err := look(t, discover.NewFollower(r, api)); !slices.Equal(got, []string{"0 1 127.0.0.1:80"}) || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TestLargeAnswers: what does not fit a datagram is asked for by TCP, and is bounded.
func TestLargeAnswers(t *testing.T) {
	f := func(n, largest, want, byTCP int) {
		t.Helper()
		s := dnstest.Start(t)
		s.Largest(largest)
		var zone []string
		for i := range n {
			zone = append(zone, fmt.Sprintf("api.example. 30 A 127.0.%d.%d", 1+i/200, 1+i%200))
		}
		s.Set(zone...)
		got, _, err := look(t, discover.NewFollower(discover.NewResolver(s.Address), api))
		if len(got) != want || err != nil || s.Asked("tcp A api.example.") != byTCP {
			t.Errorf("of %d addresses %d, %v, %d times by TCP", n, len(got), err, s.Asked("tcp A api.example."))
		}
	}
	f(20, 1232, 20, 0)
	f(100, 1232, 100, 1)
	f(100, 512, 100, 1)
	f(300, 1232, discover.MaxServers, 1)
}

// TestOldServer: a server that does not know EDNS is asked without it.
func TestOldServer(t *testing.T) {
	s := dnstest.Start(t)
	s.Old()
	s.Set("api.example. 30 A 127.0.0.1")
	if got, _, err := look(t, discover.NewFollower(discover.NewResolver(s.Address), api)); len(got) != 1 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TestResolvConf: the file is read again when it has changed, and need not be there.
func TestResolvConf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	r := discover.ResolverByFile(file)
	f := func(text, want string) {
		t.Helper()
		if text != "" {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(r.Servers(), " "); got != want {
			t.Errorf("servers %s, want %s", got, want)
		}
	}
	f("", "127.0.0.1:53")
	f("nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch example\noptions timeout:1 attempts:3\n", "192.0.2.1:53 [2001:db8::1]:53")
	f("nameserver 192.0.2.33\n", "192.0.2.33:53")
	f("# nothing\n", "127.0.0.1:53")
}

// FuzzAnswers: whatever a name server sends, a look-up ends, and what it returns is within bounds.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte{}, true)
	m := new(dns.Msg).SetQuestion("_api._tcp.example.", dns.TypeSRV)
	m.Response = true
	rr, _ := dns.NewRR("_api._tcp.example. 1 SRV 1 2 3 a.example.")
	m.Answer = append(m.Answer, rr)
	packed, _ := m.Pack()
	f.Add(packed, true)
	m.Answer[0], _ = dns.NewRR("_api._tcp.example. 1 CNAME _api._tcp.example.")
	packed, _ = m.Pack()
	f.Add(packed, false)
	f.Fuzz(func(t *testing.T, packet []byte, srv bool) {
		kind := dns.TypeA
		if srv {
			kind = dns.TypeSRV
		}
		var m dns.Msg
		if m.Unpack(packet) != nil {
			return
		}
		if n, ttl := discover.Read("_api._tcp.example.", kind, &m); n > len(m.Answer) || ttl < 0 || ttl > discover.MaxTTL {
			t.Errorf("%d records, %v", n, ttl)
		}
	})
}
