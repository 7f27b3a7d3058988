package gateway_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"
)

// TestCrowd: when there are nearly as many connections as there may be, idle ones end early, also
// those that were idle before, and when there are even more, responses end theirs.
func TestCrowd(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			// Without the crowd they would be idle for longer than the test is patient.
			g, address := serveOn(t, engine, "[limits]\nconnections = 20\n[timeouts]\nidle = \"32s\"\n[route.a]\nrespond = { body = \"a\" }\n")
			var idle []clientConn
			ask := func() (closes bool) {
				c := dial(t, address)
				idle = append(idle, c)
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				return res.Close
			}
			for i := range 18 {
				if ask() {
					t.Errorf("connection %d ends after its response", i+1)
				}
			}
			if !ask() {
				t.Error("the 19th of 20 connections does not end after its response")
			}
			until(t, "idle connections have made room", func() bool {
				return sample(t, g, `corsgate_connections{listener="http"}`) < 14
			})
			if _, err := idle[0].Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the connection that was idle first: %v, want its end", err)
			}
			if ask() {
				t.Error("there is room, and yet a connection ends after its response")
			}
		})
	}
}
