//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
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

const configuration = `
[listener.http]
address = %q
engine = %q
[listener.https]
address = %q
tls = true
engine = %q
[admin]
address = %q
[tls]
certificates = [{ cert = "cert.pem", key = "key.pem" }]
[cors.app]
origins = ["https://app.example.com"]
request_headers = ["Authorization"]
[auth.users]
jwks_file = "keys.json"
algorithms = ["ES256"]
audience = ["api"]
[upstream.api]
endpoints = [%q]
[route.all]
cors = "app"
upstream = "api"
auth = ["users"]
`

// A gateway is a process of corsgate.
type gateway struct {
	*exec.Cmd
	plain, secure string // its addresses
	key           *ecdsa.PrivateKey
}

// start begins a process and waits until it is ready.
func start(ctx context.Context, dir, bin, engine, upstream string) (g *gateway, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	g = &gateway{key: key}
	var addresses [3]string
	for i := range addresses {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		addresses[i] = ln.Addr().String()
		if err := ln.Close(); err != nil {
			return nil, err
		}
	}
	g.plain, g.secure = addresses[0], addresses[1]
	if err := g.write(dir, fmt.Sprintf(configuration, g.plain, engine, g.secure, engine, addresses[2], upstream)); err != nil {
		return nil, err
	}
	g.Cmd = exec.Command(bin, "serve", "--config", filepath.Join(dir, "corsgate.toml"))
	if err := g.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		res, err := http.Get("http://" + addresses[2] + "/readyz")
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

func (g *gateway) stop() {
	g.Process.Signal(syscall.SIGTERM) // it may have ended
	g.Wait()                          // likewise
}

func (g *gateway) url(version string) string {
	if version == "2" {
		return "https://" + g.secure + "/"
	}
	return "http://" + g.plain + "/"
}

// cpu returns the processor time that the process has used.
func (g *gateway) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

func payload(expires time.Time) []byte {
	return fmt.Appendf(nil, `{"aud":"api","sub":"bob","exp":%d}`, expires.Unix())
}

// token returns a good token.
func (g *gateway) token(lifetime time.Duration) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"ES256","kid":"k"}`)) + "." + encode(payload(time.Now().Add(lifetime)))
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, g.key, sum[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	var b [64]byte
	r.FillBytes(b[:32])
	s.FillBytes(b[32:])
	return input + "." + encode(b[:])
}

// write writes the files that the gateway reads.
func (g *gateway) write(dir, config string) error {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(0, 0, 2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &g.key.PublicKey, g.key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(g.key)
	if err != nil {
		return err
	}
	point, err := g.key.PublicKey.Bytes()
	if err != nil {
		return err
	}
	encode := base64.RawURLEncoding.EncodeToString
	keys := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":%q,"y":%q}]}`, encode(point[1:33]), encode(point[33:]))
	for name, content := range map[string]string{
		"cert.pem":      string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"key.pem":       string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"keys.json":     keys,
		"corsgate.toml": config,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}
