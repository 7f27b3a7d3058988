//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What the slow upstream can do.
const (
	slowFor    = 10 * time.Millisecond
	slowAtOnce = 16
	slowRate   = slowAtOnce * int(time.Second/slowFor) // requests per second
)

// serveSlow is an upstream that does a few requests at once, and takes its time, until ctx is done.
func serveSlow(ctx context.Context, port string) error {
	room := make(chan struct{}, slowAtOnce)
	return serve(ctx, port, func(w http.ResponseWriter, r *http.Request) {
		room <- struct{}{}
		time.Sleep(slowFor)
		<-room
		io.WriteString(w, "{}\n") // the client's loss
	})
}

// serveUpstream is the upstream where nginx is not installed, until ctx is done. It answers as nginx would by
// upstream.conf.
func serveUpstream(ctx context.Context, port string) error {
	const hello = `{"hello":"world","n":12345,"items":[1,2,3,4,5,6,7,8]}` + "\n"
	return serve(ctx, port, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // the client's loss
		body := hello
		if size, ok := strings.CutPrefix(r.URL.Path, "/body/"); ok {
			n, _ := strconv.Atoi(size)
			body = strings.Repeat("x", n)
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		io.WriteString(w, body) // the client's loss
	})
}

func serve(ctx context.Context, port string, handle http.HandlerFunc) error {
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: address(number), Handler: handle}
	defer context.AfterFunc(ctx, func() { server.Close() })() // it ends either way
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
