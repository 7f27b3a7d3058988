// Command pebble runs pebble, the ACME authority for tests of Let's Encrypt, until its standard input ends. Its
// arguments are the address of a name server, and how many seconds its certificates are valid.
//
// It prints two lines: the address at which it serves HTTP, and the certificate of its root, in base64. Then it answers
// "ok" to each line of input, which is two ports of loopback: where it looks for HTTP-01, and for TLS-ALPN-01. Before the
// first of them it answers 503.
//
// In front of it something else terminates TLS and sets X-Forwarded-Proto; see acmetest.
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pebble:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: pebble NAMESERVER SECONDS")
	}
	validity, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	// By default it waits, makes clients fail, and believes what it has seen before. It takes this from the environment only.
	for key, value := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"} {
		if err := os.Setenv(key, value); err != nil {
			return err
		}
	}
	quiet, store := log.New(io.Discard, "", 0), db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: validity}})
	var handler atomic.Pointer[http.Handler]
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		err := http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := handler.Load()
			if h == nil {
				http.Error(w, "not yet", http.StatusServiceUnavailable)
				return
			}
			(*h).ServeHTTP(w, r)
		}))
		fmt.Fprintln(os.Stderr, "pebble:", err)
		os.Exit(1)
	}()
	fmt.Println(ln.Addr())
	fmt.Println(base64.StdEncoding.EncodeToString(authority.GetRootCert(0).Cert.Raw))
	for in := bufio.NewScanner(os.Stdin); in.Scan(); fmt.Println("ok") {
		var http01, tlsALPN01 int
		if _, err := fmt.Sscan(in.Text(), &http01, &tlsALPN01); err != nil {
			return err
		}
		validation := va.New(quiet, http01, tlsALPN01, true, args[0], store)
		front := wfe.New(quiet, store, validation, authority, []string{"pebble.test"}, true, false, 0, 0)
		h := front.Handler()
		handler.Store(&h)
	}
	return nil
}
