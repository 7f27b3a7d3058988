package gateway

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// TestConnectionsDerived: what max_connections is where nothing is written.
func TestConnectionsDerived(t *testing.T) {
	f := func(connections, endpoints, written, want int) {
		t.Helper()
		s := &snapshot{}
		s.edge.Connections = connections
		c := &config.Upstream{Endpoints: make([]config.Endpoint, endpoints), MaxConnections: written}
		if got := s.connectionsOf(c); got != want {
			t.Errorf("of %d connections, with %d endpoints and %d written: %d, want %d", connections, endpoints, written, got, want)
		}
	}
	f(10000, 1, 0, 5000)
	f(10000, 4, 0, 1250)
	f(10000, 1000, 0, 64)
	f(100, 1, 0, 64)
	f(100, 1, 7, 7)
	f(1<<30, 1, 0, 1<<20)
	f(10000, 0, 0, 5000) // names that are looked up are one each; none is an error elsewhere
}

// TestBoundsAreTested: each test that the table of bounds names is there.
func TestBoundsAreTested(t *testing.T) {
	text, err := os.ReadFile("../deploy/bounds.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("grep", "-rhoE", "^func Test[A-Za-z0-9]+", "--include=*_test.go", "..").Output()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, line := range strings.Fields(string(out)) {
		there[line] = true
	}
	names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
	if len(names) < 12 {
		t.Errorf("the table names %d tests", len(names))
	}
	for _, name := range names {
		if !there[name[1]] {
			t.Errorf("there is no %s", name[1])
		}
	}
}
