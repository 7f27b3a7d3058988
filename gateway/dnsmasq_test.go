package gateway_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/corsgate/corsgate/gateway/tooltest"
)

// A dnsmasq is that name server, in a process of its own, on one port of loopback.
type dnsmasq struct {
	address string // for both UDP and TCP

	t       *testing.T
	program string
	process *exec.Cmd // nil: it does not run
	ended   chan struct{}
	log     lockedBuffer
}

// startDnsmasq runs dnsmasq until the test ends. It knows what these lines of its configuration say, and that there is
// nothing else below "example".
func startDnsmasq(t *testing.T, lines ...string) *dnsmasq {
	t.Helper()
	d := &dnsmasq{t: t, program: tooltest.Find(t, "dnsmasq")}
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("dnsmasq says:\n%s", d.log.String())
		}
	})
	for range 10 {
		_, list := listenOn(t, "127.0.0.1")
		d.address = list[0].Addr().String()
		list[0].Close()
		if d.start(lines) { // else somebody else has taken the port
			return d
		}
	}
	t.Fatalf("dnsmasq does not start:\n%s", d.log.String())
	return nil
}

// start starts it, and reports whether it listens.
func (d *dnsmasq) start(lines []string) bool {
	d.t.Helper()
	_, port, _ := net.SplitHostPort(d.address)
	file := filepath.Join(d.t.TempDir(), "dnsmasq.conf")
	text := "port=" + port + "\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nlocal=/example/\nlog-queries\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	c := exec.Command(d.program, "--no-daemon", "--conf-file="+file, "--pid-file=")
	c.Stderr = &d.log
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { c.Wait(); close(ended) }() // it is killed
	d.process, d.ended = c, ended
	listens := false
	until(d.t, "dnsmasq listens, or has ended", func() bool {
		select {
		case <-ended:
			d.process = nil
			return true
		default:
		}
		c, err := net.Dial("tcp", d.address)
		if listens = err == nil; listens {
			c.Close()
		}
		return listens
	})
	return listens
}

// kill ends it.
func (d *dnsmasq) kill() {
	if d.process != nil {
		d.process.Process.Kill() // it may have ended
		<-d.ended
		d.process = nil
	}
}

// set has it know other lines. It is away for a moment.
func (d *dnsmasq) set(lines ...string) {
	d.t.Helper()
	d.kill()
	if !d.start(lines) {
		d.t.Fatalf("dnsmasq does not start again:\n%s", d.log.String())
	}
}

// asked returns how often it was asked for a record, such as "A api.example".
func (d *dnsmasq) asked(kind, name string) int {
	return strings.Count(d.log.String(), "query["+kind+"] "+name+" ")
}

// answers returns how often each server has answered n requests, and how often there was another status than 200.
func answers(t *testing.T, address string, n int) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for range n {
		res, body := ask(t, address, "GET", "/")
		if res.StatusCode != 200 {
			body = res.Status
		}
		counts[body]++
	}
	return counts
}

// TestDnsmasqNames: requests go where a real name server says, and follow it when what it says has changed and the old
// answer's time is over; what was known stays in use while it is gone, or says that there is no such name.
func TestDnsmasqNames(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		port := onTwoAddresses(t)
		ns := startDnsmasq(t, "host-record=api.example,127.0.0.1,1", "host-record=long.example,127.0.0.1,250")
		g, address := serveOn(t, engine, byName(ns.address, "dns+http://api.example:"+port)+
			"[upstream.long]\nresolver = \""+ns.address+"\"\nendpoints = [\"dns+http://long.example:"+port+"\"]\n[route.long]\npath = \"/long\"\nupstream = \"long\"\n")
		// good is answers, all of which have to be those of servers.
		good := func(n int) map[string]int {
			t.Helper()
			counts := answers(t, address, n)
			if counts["127.0.0.1"]+counts["127.0.0.2"] < n {
				t.Fatalf("answers %v", counts)
			}
			return counts
		}
		follows := func(host string) {
			t.Helper()
			until(t, host+" answers all", func() bool { return good(4)[host] == 4 })
		}
		failures := func() float64 {
			return sample(t, g, `corsgate_upstream_lookup_failures_total{endpoint="dns+http://api.example:`+port+`",upstream="api"}`)
		}
		failsAgain := func(why string) {
			t.Helper()
			before := failures()
			until(t, why, func() bool { good(1); return failures() > before })
		}
		follows("127.0.0.1")
		ns.set("host-record=api.example,127.0.0.2,1", "host-record=long.example,127.0.0.2,250")
		follows("127.0.0.2")
		ns.set("host-record=api.example,127.0.0.1,1", "host-record=api.example,127.0.0.2,1")
		until(t, "both answer", func() bool { return len(good(16)) == 2 })
		ns.set("host-record=api.example,127.0.0.1,1")
		follows("127.0.0.1")
		ns.kill()
		failsAgain("it is looked up in vain")
		follows("127.0.0.1")
		ns.set() // NXDOMAIN
		failsAgain("there is no such name")
		follows("127.0.0.1")
		ns.set("host-record=api.example,127.0.0.2,1")
		follows("127.0.0.2")
		// The other name was asked for once, because its answer holds for longer than all this has taken.
		if n := ns.asked("A", "long.example"); n != 1 {
			t.Errorf("a name with a TTL of 250 s was asked for %d times", n)
		}
		if n := ns.asked("A", "api.example"); n < 2 {
			t.Errorf("a name with a TTL of 1 s was asked for %d times", n)
		}
	})
}

// TestDnsmasqIPv6: AAAA records are asked for as well.
func TestDnsmasqIPv6(t *testing.T) {
	port, list := listenOn(t, "::1")
	serveName(t, list[0])
	ns := startDnsmasq(t, "host-record=api.example,::1")
	_, address := serveOn(t, looped, byName(ns.address, "dns+http://api.example:"+port))
	if n := answers(t, address, 4); n["::1"] != 4 {
		t.Errorf("answers %v", n)
	}
}

// TestDnsmasqServices: the servers of a service share its requests by their weights; those of a lower priority get some
// only when none of a higher one can be used, and changes are followed.
func TestDnsmasqServices(t *testing.T) {
	hosts := []string{"host-record=a.example,127.0.0.1,1", "host-record=b.example,127.0.0.2,1", "host-record=c.example,127.0.0.3,1"}
	onEngines(t, func(t *testing.T, engine string) {
		port, list := listenOn(t, "127.0.0.1", "127.0.0.2", "127.0.0.3")
		var doubles []*double
		for _, ln := range list {
			doubles = append(doubles, serveName(t, ln))
		}
		srv := func(host string, priority, weight int) string {
			return fmt.Sprintf("srv-host=_api._tcp.example,%s.example,%s,%d,%d", host, port, priority, weight)
		}
		const local = "local-ttl=1"
		ns := startDnsmasq(t, append(hosts, local, srv("a", 1, 3), srv("b", 1, 1), srv("c", 2, 100))...)
		_, address := serveOn(t, engine, strings.Replace(byName(ns.address, "srv+http://_api._tcp.example"), "[route.api]",
			"balance = \"round_robin\"\nretries = 2\n[upstream.api.ejection]\nfailures = 1\nbase_time = \"1h\"\nmax_share = \"100%\"\n[route.api]", 1))
		want := func(counts map[string]int) {
			t.Helper()
			n := 0
			for _, count := range counts {
				n += count
			}
			until(t, fmt.Sprint(counts, " answer"), func() bool { return fmt.Sprint(answers(t, address, n)) == fmt.Sprint(counts) })
		}
		want(map[string]int{"127.0.0.1": 30, "127.0.0.2": 10})
		ns.set(append(hosts, local, srv("a", 1, 1), srv("b", 1, 4), srv("c", 2, 100))...)
		want(map[string]int{"127.0.0.1": 8, "127.0.0.2": 32})
		doubles[0].stop()
		doubles[1].stop()
		// That they are down has to be noticed first.
		want(map[string]int{"127.0.0.3": 20})
		ns.set(append(hosts, local, srv("b", 1, 1), srv("c", 1, 1))...)
		want(map[string]int{"127.0.0.3": 20})
	})
}

// TestDnsmasqTLS: the certificate of a server that was looked up has to bear the name that is configured: the host's, or
// the domain's whose service it is. What DNS says of it proves nothing.
func TestDnsmasqTLS(t *testing.T) {
	ca := pkitest.NewAuthority(t, "DNS")
	file := filepath.Join(t.TempDir(), "ca.pem")
	pkitest.Replace(t, file, ca.PEM)
	onEngines(t, func(t *testing.T, engine string) {
		f := func(want int, endpoint, name string) {
			t.Helper()
			port, list := listenOn(t, "127.0.0.1")
			serveName(t, tls.NewListener(list[0], &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, name).TLS(t)}}))
			ns := startDnsmasq(t, "host-record=api.example,127.0.0.1", "srv-host=_api._tcp.example,api.example,"+port)
			endpoint = strings.ReplaceAll(endpoint, "PORT", port)
			_, address := serveOn(t, engine, strings.Replace(byName(ns.address, endpoint), "[route.api]",
				fmt.Sprintf("tls_ca = %q\nretries = 0\n[route.api]", file), 1))
			for range 2 {
				if res, body := ask(t, address, "GET", "/"); res.StatusCode != want {
					t.Errorf("%s, where the certificate is for %s: %d %s, want %d", endpoint, name, res.StatusCode, body, want)
				}
			}
		}
		f(200, "dns+https://api.example:PORT", "api.example")
		f(502, "dns+https://api.example:PORT", "other.example")
		f(502, "dns+https://api.example:PORT", "127.0.0.1")
		f(200, "srv+https://_api._tcp.example", "example")
		f(502, "srv+https://_api._tcp.example", "api.example")
	})
}
