//go:build linux

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const secret = "a secret of thirty-two bytes ---"

// write writes the secret, and returns a token.
func write(dir string) (token string, err error) {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		encode(fmt.Appendf(nil, `{"aud":"api","sub":"bob","pad":%q,"exp":%d}`, strings.Repeat("x", 300), time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(input))
	return input + "." + encode(mac.Sum(nil)), os.WriteFile(filepath.Join(dir, "secret"), []byte(secret), 0o600)
}

const corsgate = `
[listener.http]
address = "GATE"
[admin]
address = "off"
[auth.users]
secret_file = "secret"
algorithms = ["HS256"]
audience = ["api"]
[auth.sso]
forward = "sso"
path = "/verify"
key = ["header:Authorization"]
remember = "60s"
[upstream.sso]
endpoints = ["http://UPSTREAM"]
[upstream.api]
endpoints = ["http://UPSTREAM"]
[route.none]
path = "/none"
upstream = "api"
[route.token]
path = "/token"
upstream = "api"
auth = ["users"]
[route.forward]
path = "/forward"
upstream = "api"
auth = ["sso"]
`

const upstream = `
worker_processes 1; daemon off; pid DIR/upstream.pid; error_log DIR/upstream.log crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000;
  server {
    listen UPSTREAM;
    location / { default_type application/json; return 200 '{"id":1}'; }
    location /verify { add_header X-User bob; return 204; }
  }
}
`

const nginx = `
worker_processes 1; daemon off; pid DIR/gate.pid; error_log DIR/gate.log crit; user root;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000;
  proxy_cache_path DIR/cache keys_zone=sso:10m;
  proxy_http_version 1.1; proxy_set_header Connection "";
  upstream api { server UPSTREAM; keepalive 512; keepalive_requests 1000000; }
  server {
    listen GATE;
    location /none { proxy_pass http://api; }
    location /asked {
      auth_request /_verify;
      auth_request_set $user $upstream_http_x_user;
      proxy_set_header X-User $user; proxy_set_header Connection "";
      proxy_pass http://api;
    }
    location = /_verify {
      internal;
      proxy_pass http://api/verify;
      proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_set_header Connection "";
      proxy_cache sso; proxy_cache_key $http_authorization; proxy_cache_valid 204 60s;
    }
  }
}
`

const haproxy = `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend gate
  bind GATE
  acl asked path_beg /asked
  http-request set-var(txn.bearer) http_auth_bearer if asked
  http-request deny deny_status 401 if asked !{ var(txn.bearer),jwt_verify("HS256","SECRET") 1 }
  default_backend api
backend api
  http-reuse always
  server one UPSTREAM
`

// start starts all that are installed. end ends them.
func start(dir, bin string) (subjects []subject, end func(), err error) {
	var running []*exec.Cmd
	end = func() {
		for _, c := range running {
			c.Process.Signal(syscall.SIGTERM) // it may have ended
			c.Wait()                          // likewise
		}
	}
	addresses, err := free(4)
	if err != nil {
		return nil, end, err
	}
	begin := func(name, text, gate, cpu string, command ...string) (*exec.Cmd, error) {
		file := filepath.Join(dir, name)
		text = strings.NewReplacer("GATE", gate, "UPSTREAM", addresses[0], "DIR", dir, "SECRET", secret).Replace(text)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
		c := exec.Command("taskset", append([]string{"-c", cpu}, append(command, file)...)...)
		c.Env = append(os.Environ(), "GOMAXPROCS=1")
		err := c.Start()
		if err == nil {
			running = append(running, c)
		}
		return c, err
	}
	if _, err := begin("upstream.conf", upstream, "", "1", "nginx", "-c"); err != nil {
		return nil, end, err
	}
	add := func(c *exec.Cmd, gate string, names ...[2]string) {
		for _, n := range names {
			subjects = append(subjects, subject{name: n[0], url: "http://" + gate + n[1], process: c})
		}
	}
	c, err := begin("corsgate.toml", corsgate, addresses[1], "0", bin, "serve", "--config")
	if err != nil {
		return nil, end, err
	}
	add(c, addresses[1], [2]string{"corsgate, no auth", "/none"}, [2]string{"corsgate, token", "/token"}, [2]string{"corsgate, forward", "/forward"})
	if c, err = begin("nginx.conf", nginx, addresses[2], "0", "nginx", "-c"); err != nil {
		return nil, end, err
	}
	add(c, addresses[2], [2]string{"nginx, no auth", "/none"}, [2]string{"nginx, auth_request", "/asked"})
	if _, missing := exec.LookPath("haproxy"); missing == nil {
		if c, err = begin("haproxy.cfg", haproxy, addresses[3], "0", "haproxy", "-q", "-f"); err != nil {
			return nil, end, err
		}
		add(c, addresses[3], [2]string{"HAProxy, no auth", "/none"}, [2]string{"HAProxy, jwt_verify", "/asked"})
	}
	return subjects, end, nil
}
