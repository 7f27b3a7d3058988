package browser_test

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// api is the upstream. What it does is the last segment of the path; it remembers what has reached it.
type api struct {
	mu   sync.Mutex
	seen []string
}

// take returns what has reached the API since the last call: methods, each with "+cookie" if the session's came along.
func (a *api) take() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := strings.Join(a.seen, " ")
	a.seen = nil
	return seen
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry := r.Method
	if _, err := r.Cookie("session"); err == nil {
		entry += "+cookie"
	}
	a.mu.Lock()
	a.seen = append(a.seen, entry)
	a.mu.Unlock()

	h, status := w.Header(), http.StatusOK
	h.Set("Cache-Control", "no-store")
	h.Set("X-Request-Id", "1")
	h.Set("X-Secret", "1")
	switch what := path.Base(r.URL.Path); what {
	case "login":
		// For /app/me only, so that no other case depends on it.
		h.Set("Set-Cookie", "session=1; Path=/app/me; Secure; HttpOnly; SameSite=None")
	case "enter":
		h.Set("Set-Cookie", "session=1; Path=/sso; Secure; HttpOnly; SameSite=None")
	case "status":
		status, _ = strconv.Atoi(r.FormValue("status"))
	case "redirect":
		status = http.StatusTemporaryRedirect
		h.Set("Location", r.FormValue("to")+"?n="+r.FormValue("n"))
	case "foreign":
		h.Set("Access-Control-Allow-Origin", foreign)
		h.Set("Access-Control-Expose-Headers", "X-Secret")
	case "own":
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("Access-Control-Allow-Methods", "PUT")
		h.Set("Access-Control-Expose-Headers", "X-Secret")
	case "hang":
		<-r.Context().Done()
		return
	case "ws":
		greet(w, r)
		return
	}
	w.WriteHeader(status)
	fmt.Fprintln(w, r.Method)
}

// greet accepts a WebSocket, says "hello" and closes it. See RFC 6455, sections 4.2.2 and 5.5.1.
func greet(w http.ResponseWriter, r *http.Request) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(buffered, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	buffered.WriteString("\x81\x05hello\x88\x02\x03\xe8")
	buffered.Flush()
	buffered.ReadByte() // the browser's own close frame, or its end
}
