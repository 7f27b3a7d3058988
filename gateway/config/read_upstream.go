package config

import (
	"fmt"
	"slices"
	"time"
)

// This file reads the keys of [upstream.NAME].

func readUpstream(t *table) Upstream {
	defer t.done()
	u := Upstream{
		Name:              t.name,
		Endpoints:         list[string, Endpoint](t, "endpoints", "a string", parseEndpoint),
		Resolver:          scalar(t, "resolver", "", optional(parseResolver)),
		Weights:           list[int64, int](t, "weights", "an integer", parseWeight),
		Balance:           t.oneOf("balance", "p2c", "round_robin", "least_in_flight", "hash"),
		SlowStart:         t.duration("slow_start", 0),
		HashKey:           scalar(t, "hash_key", "", parseHashKey),
		MaxConnections:    t.integer("max_connections", 0, 0, 1_000_000),
		MaxStreams:        t.integer("max_streams", 0, 0, 1_000_000),
		MaxQueue:          t.integer("max_queue", 1024, 0, 1_000_000),
		QueueTimeout:      t.duration("queue_timeout", time.Second),
		ConnectTimeout:    t.positive("connect_timeout", 2*time.Second),
		FirstByteTimeout:  t.duration("first_byte_timeout", 30*time.Second),
		IdleTimeout:       t.duration("idle_timeout", DefaultIdleTimeout),
		KeepAlive:         t.duration("keep_alive", time.Minute),
		Retries:           t.integer("retries", 1, 0, 10),
		RetryBudget:       scalar(t, "retry_budget", 0.2, parseRatio),
		Host:              scalar(t, "host", "", parseHostField),
		TLSCA:             t.str("tls_ca", ""),
		TLSCert:           t.str("tls_cert", ""),
		TLSKey:            t.str("tls_key", ""),
		TLSServerName:     scalar(t, "tls_server_name", "", optional(parseServerName)),
		SendProxyProtocol: t.boolean("send_proxy_protocol", false),
		Health:            readHealth(t),
		Ejection:          readEjection(t.sub("ejection")),
	}
	u.checkEndpoints(t)
	if u.Resolver != "" && !slices.ContainsFunc(u.Endpoints, func(e Endpoint) bool { return e.Discovery != "" }) && !t.r.bad(t.key("endpoints")) {
		t.problem("resolver", fault{"only dns+ and srv+ endpoints are looked up there, and this upstream has none",
			`write endpoints = ["dns+http://name:port"], or remove this key`})
	}
	t.checkSecure(&u)
	u.checkBalance(t)
	return u
}

// checkEndpoints reports endpoints that are missing, too many, or there twice.
func (u *Upstream) checkEndpoints(t *table) {
	array, ok := t.values["endpoints"].([]any)
	if !t.has("endpoints") || ok && len(array) == 0 {
		t.problem("endpoints", fault{"an upstream needs at least one endpoint", `write endpoints = ["http://127.0.0.1:9001"]`})
	}
	if !t.spend("endpoints", len(u.Endpoints)) {
		u.Endpoints = nil
	}
	for i := range u.Endpoints {
		u.Endpoints[i].URL, _ = t.r.cfg.Shown(element(t.key("endpoints"), i), u.Endpoints[i].URL)
	}
	seen := map[string]int{}
	for i, e := range u.Endpoints {
		id := fmt.Sprint(e.Discovery, e.TLS, e.Network, e.Address)
		if first, twice := seen[id]; twice {
			t.r.problem(t.key("endpoints"), i, faultf("%q is listed twice, also at %s", e.URL, t.r.at(t.key("endpoints"), first)))
			continue
		}
		seen[id] = i
		if e.Network == "unix" {
			if _, err := t.r.cfg.Named(t.key("endpoints"), e.Address); err != nil {
				t.r.problem(t.key("endpoints"), i, faultf("a socket is a file: %v", err))
			}
		}
	}
}

// checkBalance notes what the keys of a balance do not say together.
func (u *Upstream) checkBalance(t *table) {
	written := func(key string) int { array, _ := t.values[key].([]any); return len(array) }
	if n, m := written("weights"), written("endpoints"); n > 0 && n != m {
		f := faultf("weights has %d elements, and endpoints, at %[3]s, has %[2]d", n, m, t.r.at(t.key("endpoints"), -1))
		f.hint = "write one for each endpoint, in their order"
		t.problem("weights", f)
		u.Weights = nil
	}
	switch {
	case t.r.bad(t.key("balance")) || t.r.bad(t.key("hash_key")):
	case u.Balance == "hash" && u.HashKey == "":
		t.problem("balance", fault{`balance by hash needs a hash_key`, `write hash_key = "client_ip"`})
	case u.Balance != "hash" && u.HashKey != "":
		f := faultf("only balance = \"hash\" uses a key, and this upstream's is %q", u.Balance)
		f.hint = `write balance = "hash", or remove this key`
		t.problem("hash_key", f)
	}
}

// parseWeight understands the weight of an endpoint.
func parseWeight(n int64) (int, fault) {
	if n < 0 || n > 1000 {
		return 0, faultf("%d is out of range: 0 to 1000", n)
	}
	return int(n), fault{}
}

func readHealth(upstream *table) *Health {
	t := upstream.sub("health")
	if t.values == nil {
		return nil
	}
	defer t.done()
	h := &Health{
		Path:      scalar(t, "path", "/healthz", optional(parseCheckPath)),
		Interval:  t.positive("interval", 2*time.Second),
		Timeout:   t.positive("timeout", time.Second),
		Healthy:   t.integer("healthy", 2, 1, 100),
		Unhealthy: t.integer("unhealthy", 3, 1, 100),
		Status:    []int{200},
	}
	if t.has("status") {
		h.Status = list[int64, int](t, "status", "an integer", parseCheckStatus)
		if array, ok := t.values["status"].([]any); ok && len(array) == 0 {
			t.problem("status", fault{"a health check needs a status that counts as success", "write status = [200]"})
		}
		if h.Path == "" && !t.r.bad(t.key("path")) {
			t.problem("status", fault{`path = "" checks the connection only: there is no status`, "remove this key, or write a path"})
		}
	}
	return h
}

// parseCheckPath understands the target of a check: a path, perhaps with a query.
func parseCheckPath(s string) (string, fault) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '#' || s[i] == '\\' {
			return "", faultf("%q is not a request path", s)
		}
	}
	if s[0] != '/' {
		return "", fault{fmt.Sprintf("%q does not begin with a slash", s), fmt.Sprintf("did you mean %q?", "/"+s)}
	}
	return s, fault{}
}

// parseCheckStatus understands the status of a good check.
func parseCheckStatus(n int64) (int, fault) {
	if n < 200 || n > 599 {
		return 0, faultf("%d is out of range: 200 to 599", n)
	}
	return int(n), fault{}
}

func readEjection(t *table) Ejection {
	defer t.done()
	return Ejection{
		Failures: t.integer("failures", 5, 0, 1_000_000),
		BaseTime: t.positive("base_time", 5*time.Second),
		MaxShare: scalar(t, "max_share", 0.5, parseRatio),
	}
}
