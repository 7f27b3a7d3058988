package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// TestSpareDescriptors: a gateway that may open few files, with a configuration that allows any number of connections, and a
// crowd that would have them all. Who asks is served, by an upstream too, and goes on; another listener of the process accepts,
// and files can be opened.
func TestSpareDescriptors(t *testing.T) {
	if engine := os.Getenv("CORSGATE_TEST_SPARE"); engine != "" {
		serveWithFewDescriptors(t, engine, os.Getenv("CORSGATE_TEST_UPSTREAM"))
		return
	}
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			address, operators := fewDescriptors(t, engine)
			open := func(address string) crowdedClient {
				c := dial(t, address)
				return crowdedClient{c, bufio.NewReader(c)}
			}
			for range 300 {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			}
			active := open(address)
			for range 5 {
				if active.ask(t) {
					t.Error("a response ends its connection")
				}
				if open(operators).ask(t); t.Failed() {
					t.Fatal("operators are not served")
				}
			}
			if open(address).ask(t) {
				t.Error("who comes is not served, or not any longer")
			}
		})
	}
}

// fewDescriptors runs a gateway that may open 160 files. It returns where clients and operators ask.
func fewDescriptors(t *testing.T, engine string) (address, operators string) {
	t.Helper()
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		tooltest.Missing(t, "it needs /proc: %v", err)
	}
	_, _, line, _ := itself(t, "TestSpareDescriptors", "CORSGATE_TEST_SPARE="+engine, "CORSGATE_TEST_UPSTREAM="+echoing(t))
	if _, err := fmt.Sscan(line, &address, &operators); err != nil {
		t.Fatalf("%q, %v, want two addresses", line, err)
	}
	return address, operators
}

func serveWithFewDescriptors(t *testing.T, engine, url string) {
	few := syscall.Rlimit{Cur: 160, Max: 160}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	_, address := serveOn(t, engine, "[limits]\nconnections = 1000000\n[timeouts]\nheader = \"60s\"\n"+policy(url, "ONE"))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 16 {
			f, err := os.Open(os.DevNull)
			if err != nil {
				w.WriteHeader(500)
				return
			}
			defer f.Close()
		}
	})}
	go server.Serve(ln)
	defer server.Close()
	fmt.Println(address, ln.Addr())
	io.Copy(io.Discard, os.Stdin) // until the parent has seen enough
}
