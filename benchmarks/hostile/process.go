//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A gateway is a process of corsgate.
type gateway struct {
	*exec.Cmd
	address, admin string
}

const configuration = `
[listener.https]
address = %q
tls = true
engine = %q
[admin]
address = %q
[tls]
certificates = [{ cert = %q, key = %q }]
[limits]
connections = 10000
[timeouts]
body_idle = "5s"
[cors.app]
origins = ["https://app.example.com"]
methods = ["PUT"]
[upstream.api]
endpoints = [%q]
max_connections = 2000
[route.all]
cors = "app"
upstream = "api"
`

// start begins a process and waits until it is ready.
func start(ctx context.Context, dir, bin, engine, upstream string) (*gateway, error) {
	cert, key, err := certificate(dir)
	if err != nil {
		return nil, err
	}
	g := &gateway{}
	if g.address, err = free(); err != nil {
		return nil, err
	}
	if g.admin, err = free(); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "corsgate.toml")
	text := fmt.Sprintf(configuration, g.address, engine, g.admin, cert, key, upstream)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	g.Cmd = exec.Command(bin, "serve", "--config", file)
	g.Stderr = os.Stderr
	if err := g.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		res, err := http.Get("http://" + g.admin + "/readyz")
		if err == nil {
			res.Body.Close() // it is not read
			if res.StatusCode == 200 {
				return g, nil
			}
		}
		select {
		case <-ctx.Done():
			return g, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return g, errors.New("the gateway does not become ready")
}

// stop ends the process and returns how.
func (g *gateway) stop() error {
	if err := g.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return g.Wait()
}

func free() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// cpu returns the processor time that the process has used, and its resident memory in bytes.
func (g *gateway) cpu() (time.Duration, int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	pages, _ := strconv.Atoi(fields[21])
	return time.Duration(user+system) * 10 * time.Millisecond, pages * os.Getpagesize(), nil
}

// gauges are the metrics that must be zero when no client is connected.
var gauges = []string{"corsgate_connections", "corsgate_streams", "corsgate_in_flight", "corsgate_tunnels", "corsgate_loop_connections", "corsgate_upstream_in_flight"}

// metrics returns the sums of the gateway's metrics by name, and of those with labels by both.
func (g *gateway) metrics() (map[string]float64, error) {
	res, err := http.Get("http://" + g.admin + "/metrics")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() // it is read
	all := map[string]float64{}
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		at := strings.LastIndexByte(s.Text(), ' ')
		if at < 0 || strings.HasPrefix(s.Text(), "#") {
			continue
		}
		v, err := strconv.ParseFloat(s.Text()[at+1:], 64)
		if err != nil {
			return nil, err
		}
		series := s.Text()[:at]
		name, _, labelled := strings.Cut(series, "{")
		if all[name] += v; labelled {
			all[series] = v
		}
	}
	return all, nil
}

// quiet waits until all gauges are zero, and returns those that are not.
func (g *gateway) quiet(within time.Duration) (left []string, err error) {
	for end := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		m, err := g.metrics()
		if err != nil {
			return nil, err
		}
		left = left[:0]
		for _, name := range gauges {
			if m[name] != 0 {
				left = append(left, fmt.Sprint(name, " ", m[name]))
			}
		}
		if len(left) == 0 || time.Now().After(end) {
			return left, nil
		}
	}
}

// certificate writes a self-signed certificate and its key.
func certificate(dir string) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(0, 0, 2), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	return cert, key, errors.Join(os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600))
}
