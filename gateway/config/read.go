package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// This file is the list of all keys, table by table, with their defaults.

// read fills the Config from the values of a file.
func (r *reader) read(values map[string]any) {
	root := &table{r: r, values: values}
	r.cfg.Fleet = readFleet(root.sub("fleet")) // first: it says which files the others may name
	for _, t := range root.named("listener") {
		r.cfg.Listeners = append(r.cfg.Listeners, readListener(t))
	}
	if len(r.cfg.Listeners) == 0 {
		r.cfg.Listeners = []Listener{readListener(&table{r: r, path: "listener.http", name: "http"})}
	}
	r.cfg.TLS = readTLS(root.sub("tls"))
	r.cfg.Admin = readAdmin(root.sub("admin"))
	r.cfg.Log = readLog(root.sub("log"))
	r.cfg.Trust = readTrust(root.sub("trust"))
	r.cfg.Limits = readLimits(root.sub("limits"))
	r.cfg.Timeouts = readTimeouts(root.sub("timeouts"))
	r.cfg.Cache = readCache(root.sub("cache"))
	r.cfg.DefaultCORS = root.str("default_cors", "")
	for _, t := range root.named("cors") {
		r.cfg.CORS = append(r.cfg.CORS, readCORS(t))
	}
	for _, t := range root.named("upstream") {
		r.cfg.Upstreams = append(r.cfg.Upstreams, readUpstream(t))
	}
	r.cfg.Trace = readTrace(root.sub("trace"))
	for _, t := range root.named("auth") {
		r.cfg.Auths = append(r.cfg.Auths, readAuth(t))
	}
	for _, t := range root.named("limit") {
		r.cfg.RateLimits = append(r.cfg.RateLimits, readRateLimit(t))
	}
	r.cfg.Redis = readRedis(root.sub("redis"))
	for _, t := range root.named("route") {
		r.cfg.Routes = append(r.cfg.Routes, readRoute(t))
	}
	root.done()
	half := r.cfg.Fleet != nil && r.cfg.Revision == ""
	if routes, ok := values["route"].(map[string]any); !half && (!root.has("route") || ok && len(routes) == 0) {
		root.problem("route", fault{"there is no route, so every request would be answered 404",
			`add [route.api] with upstream = "api", and [upstream.api] with endpoints = ["http://127.0.0.1:9001"]`})
	}
	r.checkRedis()
	r.checkAddresses()
	r.checkListeners()
	r.checkNames(values)
}

func readListener(t *table) Listener {
	defer t.done()
	return Listener{
		Name:          t.name,
		Address:       scalar(t, "address", "127.0.0.1:8080", parseAddress),
		TLS:           t.boolean("tls", false),
		ProxyProtocol: t.boolean("proxy_protocol", false),
		RedirectHTTPS: t.boolean("redirect_https", false),
		HTTP3:         t.boolean("http3", false),
		H2C:           t.boolean("h2c", false),
		Engine:        t.oneOf("engine", "auto", "fasthttp"),
		ClientCA:      t.str("client_ca", ""),
		ClientAuth:    scalar(t, "client_auth", "", parseClientAuth),
		ReadyPath:     scalar(t, "ready_path", "", orNone(parsePath)),
	}
}

func readAdmin(t *table) Admin {
	defer t.done()
	a := Admin{
		Address:        scalar(t, "address", "127.0.0.1:9900", parseAdmin),
		MetricsAddress: scalar(t, "metrics_address", "", orNone(parseAddress)),
		MetricsAllow:   list[string, netip.Prefix](t, "metrics_allow", "a string", parsePrefix),
	}
	if t.has("metrics_allow") && !t.has("metrics_address") {
		t.problem("metrics_allow", fault{"there is no metrics_address that they could use", `write metrics_address = ":9901"`})
	}
	return a
}

func readLog(t *table) Log {
	defer t.done()
	return Log{
		Level:      scalar(t, "level", slog.LevelInfo, parseLevel),
		Format:     t.oneOf("format", "auto", "text", "json"),
		Access:     scalar(t, "access", "errors", parseAccess),
		AccessFile: t.str("access_file", ""),
	}
}

func readTrust(t *table) Trust {
	defer t.done()
	return Trust{
		Proxies:     list[string, netip.Prefix](t, "proxies", "a string", parsePrefix),
		PassHeaders: t.fieldNames("pass_headers", func(string) fault { return fault{} }),
	}
}

func readLimits(t *table) Limits {
	defer t.done()
	return Limits{
		Connections:      t.integer("connections", 0, 0, 10_000_000),
		ConnectionsPerIP: t.integer("connections_per_ip", 0, 0, 10_000_000),
		HeaderBytes:      t.size("header_bytes", 16<<10, 1<<10, 1<<20),
		HeaderFields:     t.integer("header_fields", 128, 8, 1024),
		BodyBytes:        t.size("body_bytes", 10<<20, 0, maxSize),
		InFlight:         t.integer("in_flight", 0, 0, 10_000_000),
		Underscores:      t.oneOf("underscores", "drop", "pass", "refuse"),
	}
}

func readTimeouts(t *table) Timeouts {
	defer t.done()
	return Timeouts{
		Header:   t.positive("header", 5*time.Second),
		Idle:     t.positive("idle", DefaultIdle),
		BodyIdle: t.positive("body_idle", 30*time.Second),
		Shutdown: t.duration("shutdown", 30*time.Second),
		LameDuck: t.duration("lame_duck", 0),
	}
}

func readCache(t *table) Cache {
	defer t.done()
	return Cache{Preflights: t.integer("preflights", 32768, 0, 1<<24)}
}

func readCORS(t *table) CORS {
	defer t.done()
	c := CORS{
		Name:                 t.name,
		Origins:              t.strs("origins"),
		Methods:              t.strs("methods"),
		RequestHeaders:       t.strs("request_headers"),
		ExposeHeaders:        t.strs("expose_headers"),
		Credentials:          t.boolean("credentials", false),
		PreflightStatus:      t.integer("preflight_status", 204, -1<<31, 1<<31-1),
		RefusedPreflight:     t.integer("refused_preflight", 403, -1<<31, 1<<31-1),
		PreflightHeaders:     readPreflightHeaders(t),
		ExposeOnPreflight:    t.boolean("expose_on_preflight", false),
		Denied:               t.oneOf("denied", "forward", "block"),
		UpstreamCORS:         t.oneOf("upstream_cors", "override", "merge_expose", "passthrough"),
		WebSocketOriginCheck: t.boolean("websocket_origin_check", true),
		CSRF:                 t.oneOf("csrf", "off", "report", "enforce"),
		TimingAllowOrigin:    t.boolean("timing_allow_origin", false),
		ResourcePolicy:       t.oneOf("resource_policy", "", "same-origin", "same-site", "cross-origin"),
		PrivateNetwork:       t.boolean("private_network", false),
		Shadow:               t.str("shadow", ""),
		OriginsFile:          t.str("origins_file", ""),

		DangerouslyAllowNullOrigin:     t.boolean("dangerously_allow_null_origin", false),
		DangerouslyAllowFileOrigin:     t.boolean("dangerously_allow_file_origin", false),
		DangerouslyAllowHTTPOrigins:    t.boolean("dangerously_allow_http_origins", false),
		DangerouslyAllowPublicSuffixes: t.boolean("dangerously_allow_public_suffixes", false),
		DangerouslyReflectAnyOrigin:    t.boolean("dangerously_reflect_any_origin", false),
	}
	if t.values["max_age"] == "" {
		t.known = append(t.known, "max_age")
	} else if age, ok := t.optionalDuration("max_age", 0); ok {
		c.MaxAge = &age
	}
	array, ok := t.values["origins"].([]any)
	if c.OriginsFile == "" && (!t.has("origins") || ok && len(array) == 0) {
		t.problem("origins", fault{"a policy needs at least one origin", `write origins = ["https://myapp.com"]`})
	}
	return c
}

func readTrace(t *table) *Trace {
	if t.values == nil {
		return nil
	}
	defer t.done()
	trace := &Trace{
		Sample:   scalar(t, "sample", 0, parseRatio),
		Endpoint: scalar(t, "endpoint", "", optional(parseCollector)),
		Service:  t.str("service", "corsgate"),
	}
	switch {
	case trace.Service == "":
		t.problem("service", fault{"a collector needs a service name", `write service = "corsgate"`})
	case t.has("service") && (!t.has("endpoint") || t.values["endpoint"] == ""):
		t.problem("service", fault{"no collector is configured", `write endpoint = "http://127.0.0.1:4318", or remove this key`})
	}
	return trace
}

func readRateLimit(t *table) RateLimit {
	defer t.done()
	l := RateLimit{
		Name:  t.name,
		Rate:  scalar(t, "rate", Rate{}, parseRate),
		Key:   scalar(t, "key", "client_ip", parseLimitKey),
		Plan:  scalar(t, "plan", "", optional(parsePlan)),
		Rates: readRates(t),
		Store: t.oneOf("store", "local", "redis"),
	}
	checkPlans(t, &l)
	l.Burst = t.integer("burst", min(l.Rate.Events, maxBurst), 1, maxBurst)
	if l.Rate.Events > 0 && int64(l.Burst) > int64(maxAhead)/int64(l.Rate.Per/time.Duration(l.Rate.Events)) {
		t.problem("burst", faultf("%d would take more than a century to come back at %v", l.Burst, l.Rate))
		l.Burst = min(l.Rate.Events, maxBurst)
	}
	if !t.has("rate") {
		t.problem("rate", fault{"a limit needs a rate", `write rate = "100/s"`})
	}
	return l
}
