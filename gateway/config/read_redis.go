package config

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// This file reads the keys of [redis].

func readRedis(t *table) *Redis {
	if t.values == nil {
		return nil
	}
	defer t.done()
	d := &Redis{
		Address:       scalar(t, "address", "127.0.0.1:6379", parseRedisAddress),
		Username:      t.str("username", ""),
		PasswordFile:  t.str("password_file", ""),
		Database:      t.integer("database", 0, 0, 16383),
		TLS:           t.boolean("tls", false),
		TLSCA:         t.str("tls_ca", ""),
		TLSCert:       t.str("tls_cert", ""),
		TLSKey:        t.str("tls_key", ""),
		TLSServerName: scalar(t, "tls_server_name", "", optional(parseServerName)),
		Timeout:       t.positive("timeout", 2*time.Millisecond),
		OnFailure:     t.oneOf("on_failure", "local", "open"),
		Prefix:        scalar(t, "prefix", "corsgate:", parseKeyPrefix),
	}
	if d.Username != "" && d.PasswordFile == "" {
		t.problem("username", fault{"a user needs a password", `write password_file = "FILE"`})
	}
	if d.Timeout > time.Second {
		t.problem("timeout", fault{fmt.Sprintf("%v is too long: the counts of other gateways would be out of date", d.Timeout), `write timeout = "2ms", or what a call takes in your network`})
	}
	network, _ := d.Address.Split()
	if d.TLS && network == "unix" {
		t.problem("tls", fault{"a unix socket does not leave this machine", "remove this key"})
	}
	t.checkPair(d.TLS, `this connection does not use TLS`, "write tls = true, or remove this key")
	return d
}

// parseRedisAddress understands where Redis is.
func parseRedisAddress(s string) (Address, fault) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return Address(s), socketFault(path)
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		host, _, _ := strings.Cut(rest[strings.LastIndexByte(rest, '@')+1:], "/")
		return "", fault{fmt.Sprintf("an address cannot have a scheme (%s://), user or database: they have their own keys", scheme), fmt.Sprintf("did you mean %q?", host)}
	}
	host, port, f := splitHost(s)
	if f.message == "" && port == "" {
		return "", fault{fmt.Sprintf("%q has no port", s), fmt.Sprintf("did you mean %q?", net.JoinHostPort(host, "6379"))}
	}
	return Address(s), f
}

// parseKeyPrefix understands what keys in Redis begin with.
func parseKeyPrefix(s string) (string, fault) {
	if !isFieldValue(s) || strings.Contains(s, " ") || len(s) > 64 || s == "" {
		return "", faultf("%q is not a prefix of keys: write up to 64 visible characters, such as \"corsgate:\"", s)
	}
	return s, fault{}
}

// checkRedis finds limits that need [redis] where the table is missing.
func (r *reader) checkRedis() {
	if r.cfg.Redis != nil {
		return
	}
	for i := range r.cfg.RateLimits {
		if l := &r.cfg.RateLimits[i]; l.Store == "redis" {
			r.problem(joinKey("limit", l.Name)+".store", -1, fault{"there is no table [redis] with its address",
				`add [redis] with address = "127.0.0.1:6379"`})
		}
	}
}
