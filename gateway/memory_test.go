package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// TestMemory sends large contents through a gateway in a process of its own, both ways at once,
// and looks at the most memory that this process has ever had.
func TestMemory(t *testing.T) {
	if url := os.Getenv("CORSGATE_TEST_UPSTREAM"); url != "" {
		_, address := serve(t, "[limits]\nbody_bytes = \"4GiB\"\n"+policy(url, "ONE"))
		fmt.Println(address)
		io.Copy(io.Discard, os.Stdin) // until the parent has seen enough
		return
	}
	if testing.Short() {
		t.Skip("it takes a few seconds")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		tooltest.Missing(t, "it needs /proc: %v", err)
	}
	const size, most = 1 << 30, 32 << 20
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r.Body}, make([]byte, 64<<10))
	}))
	_, _, address, pid := itself(t, "TestMemory", "CORSGATE_TEST_UPSTREAM="+url)
	before := memory(t, pid, "VmHWM:")
	transport := &http.Transport{WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10}
	defer transport.CloseIdleConnections()
	req, _ := http.NewRequest("POST", "http://"+address+"/", io.LimitReader(&counting{}, size))
	req.ContentLength = size
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{res.Body}, make([]byte, 64<<10)); n != size || err != nil {
		t.Errorf("%d bytes, %v, want %d", n, err, size)
	}
	peak := memory(t, pid, "VmHWM:")
	t.Logf("%d MiB, of which the test binary takes %d", peak>>20, before>>20)
	if more := peak - before; more > most {
		t.Errorf("the content took %d MiB, want at most %d", more>>20, most>>20)
	}
}

// memory returns a line of a process's status, in bytes: VmRSS is its resident set, VmHWM the largest it has had.
func memory(t *testing.T, pid int, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("no %s in the status of the process", name)
	return 0
}
