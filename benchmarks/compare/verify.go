//go:build linux

package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// verify asks a gateway the four questions whose answers all policies share. A gateway that decides otherwise is
// not comparable: it would be measured at another task.
func verify(port int, s Setup) error {
	allowed, path := "https://app.example.com", "/api/users"
	if s.Origins > 0 {
		allowed = origin(s.Origins - 1)
	}
	if s.Routes > 0 {
		path = routePath(s.Routes-1) + "users"
	}
	const denied = "https://app.example.com.evil.test"
	for _, q := range []struct {
		request, share string
		status         int // 0: any
	}{
		{preflight(allowed, path), allowed, 204},
		{preflight(denied, path), "", 0},
		{forward(allowed, path), allowed, 200},
		{forward(denied, path), "", 200},
	} {
		status, share, err := ask(port, s.TLS, q.request)
		line, _, _ := strings.Cut(q.request, "\r\n")
		switch {
		case err != nil:
			return fmt.Errorf("no answer to %s: %w", line, err)
		case share != q.share:
			return fmt.Errorf("not comparable: it answers %s with Access-Control-Allow-Origin %q, where %q is right", line, share, q.share)
		case q.status != 0 && status != q.status:
			return fmt.Errorf("not comparable: it answers %s with status %d, where %d is right", line, status, q.status)
		}
	}
	return nil
}

// ask sends one request and returns the status and Access-Control-Allow-Origin of its answer.
func ask(port int, secure bool, request string) (status int, share string, err error) {
	c, err := net.DialTimeout("tcp", address(port), time.Second)
	if err != nil {
		return 0, "", err
	}
	defer c.Close() // nothing was written that could be lost
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, "", err
	}
	if secure {
		// Who answers is known: this program has started it.
		c = tls.Client(c, &tls.Config{ServerName: serverName, InsecureSkipVerify: true}) // see above
	}
	if _, err := io.WriteString(c, request); err != nil {
		return 0, "", err
	}
	method, _, _ := strings.Cut(request, " ")
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close() // the connection is closed anyway
	return r.StatusCode, strings.Join(r.Header["Access-Control-Allow-Origin"], " and "), nil
}
