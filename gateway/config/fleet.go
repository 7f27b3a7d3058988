package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// This file is about gateways that share their configuration: which parts, and where they are stored.

// sharedSections are the sections that the gateways of a fleet share, and that are not in their own
// files: those that decide about requests. All else is of one machine, or of who runs it:
// addresses, certificates, memory, logs, where to find the fleet.
var sharedSections = []string{"default_cors", "cors", "upstream", "auth", "limit", "route"}

// ownSections are all others.
var ownSections = []string{"listener", "tls", "admin", "log", "trust", "limits", "timeouts", "cache", "trace", "fleet", "redis"}

// Shared reports whether a table of this name, such as "route", is shared by the gateways of a
// fleet. In a file with a table [fleet] it may not stand, and what a fleet shares holds nothing
// else.
func Shared(section string) bool { return slices.Contains(sharedSections, section) }

// refuse notes the sections of a text that it may not have, and deletes them.
func (r *reader) refuse(file string, values map[string]any, places *places, wrong func(section string) bool) {
	dropped := map[string]bool{}
	defer func() {
		if len(dropped) > 0 {
			places.drop(dropped)
		}
	}()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !wrong(key) {
			continue
		}
		delete(values, key)
		dropped[joinKey("", key)] = true
		if r.full() {
			continue
		}
		p := Problem{File: file, Line: places.line(joinKey("", key), -1), Key: key}
		switch {
		case Shared(key):
			p.Message, p.Hint = "with [fleet] this belongs in the shared configuration, not in the file of a gateway", "move it there: corsgate fleet edit"
		case slices.Contains(ownSections, key):
			p.Message, p.Hint = "this belongs in each gateway's own file: the shared configuration has only "+headers(sharedSections), "move it there"
		default:
			p.Message, p.Hint = "unknown key", didYouMean("%s", key, sharedSections)
		}
		r.problems = append(r.problems, p)
	}
}

// headers lists sections as one would write them.
func headers(sections []string) string {
	list := make([]string, len(sections))
	for i, s := range sections {
		if list[i] = "[" + s + ".NAME]"; s == "default_cors" {
			list[i] = s
		}
	}
	return strings.Join(list, ", ")
}

func readFleet(t *table) *Fleet {
	if t.values == nil {
		return nil
	}
	defer t.done()
	f := &Fleet{
		Etcd:         []string{"https://127.0.0.1:2379"},
		Prefix:       scalar(t, "prefix", "/corsgate/production/", parseFleetPrefix),
		Name:         scalar(t, "name", "", optional(parseFleetName)),
		TLSCA:        t.str("tls_ca", ""),
		TLSCert:      t.str("tls_cert", ""),
		TLSKey:       t.str("tls_key", ""),
		Username:     t.str("username", ""),
		PasswordFile: t.str("password_file", ""),
		State:        t.str("state", ""),
		Files:        t.str("files", ""),
		StartTimeout: t.positive("start_timeout", 5*time.Second),
	}
	if t.has("etcd") {
		f.Etcd = list[string, string](t, "etcd", "a string", parseEtcd)
		if array, ok := t.values["etcd"].([]any); ok && len(array) == 0 {
			t.problem("etcd", fault{"a fleet needs at least one member of etcd", `write etcd = ["https://127.0.0.1:2379"]`})
		}
	}
	t.checkFleet(f)
	return f
}

// checkFleet notes what the keys do not say together.
func (t *table) checkFleet(f *Fleet) {
	secure := func(url string) bool { return strings.HasPrefix(url, "https:") }
	some, all := slices.ContainsFunc(f.Etcd, secure), !slices.ContainsFunc(f.Etcd, func(url string) bool { return !secure(url) })
	if some != all && !t.r.bad(t.key("etcd")) {
		t.problem("etcd", fault{"some members use TLS, and some do not", `write "https://" for all of them`})
	}
	if !some && !t.r.bad(t.key("etcd")) {
		for _, key := range []string{"tls_ca", "tls_cert", "tls_key"} {
			if s, ok := t.values[key].(string); ok && s != "" {
				t.problem(key, fault{"no member of etcd uses TLS", `write etcd = ["https://host:port"], or remove this key`})
			}
		}
	}
	pairs := []struct{ one, other, message string }{
		{"tls_cert", "tls_key", "a certificate needs its key"},
		{"tls_key", "tls_cert", "a key needs its certificate"},
		{"username", "password_file", "a user needs a password, in a separate file"},
		{"password_file", "username", "a password needs a user"},
	}
	for _, p := range pairs {
		if filled(t.values[p.one]) && (!t.has(p.other) || t.values[p.other] == "") && !t.r.bad(t.key(p.one)) {
			t.problem(p.one, fault{p.message, fmt.Sprintf(`add %s = "…"`, p.other)})
		}
	}
}

// parseEtcd understands the URL of a member of etcd.
func parseEtcd(s string) (string, fault) {
	scheme, rest, ok := strings.Cut(s, "://")
	if scheme != "http" && scheme != "https" || !ok {
		return "", fault{fmt.Sprintf("%q is not the URL of a member of etcd", s), `write one such as "https://127.0.0.1:2379"`}
	}
	_, port, f := splitHost(rest)
	if f.message == "" && port == "" {
		f = fault{fmt.Sprintf("%q has no port", s), fmt.Sprintf("did you mean %q?", s+":2379")}
	}
	return s, f
}

// parseFleetPrefix understands what the keys of a fleet begin with.
func parseFleetPrefix(s string) (string, fault) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "", faultf("%q: a prefix must be printable ASCII without spaces", s)
		}
	}
	if !strings.HasSuffix(s, "/") { // else "/corsgate" would have the keys of "/corsgate-next" too
		return "", fault{fmt.Sprintf("%q does not end with a slash", s), fmt.Sprintf("did you mean %q?", s+"/")}
	}
	return s, fault{}
}

// parseFleetName understands the name of a gateway, which is a part of a key and of a file's name.
func parseFleetName(s string) (string, fault) {
	if f := FleetName(s); f != "" {
		return "", fault{message: f}
	}
	return s, fault{}
}

// FleetName returns the reason why s cannot be the name of a gateway in a fleet, or "".
func FleetName(s string) string {
	bad := func(r rune) bool { return r > '~' || r != '.' && !isNameByte(byte(r)) }
	if s == "" || len(s) > 64 || s[0] == '.' || strings.ContainsFunc(s, bad) {
		return fmt.Sprintf("%q is not a name: up to 64 of a-z, A-Z, 0-9, ., _ and -, and not starting with a dot", s)
	}
	return ""
}

// KeepDirectory returns the directory for what is to outlive the process, or "" if there is none: the default one is not made.
func (c *Config) KeepDirectory() string {
	const usual = "/var/lib/corsgate"
	if c.Fleet != nil {
		return c.StateDirectory()
	}
	if first := filepath.SplitList(os.Getenv("STATE_DIRECTORY")); len(first) > 0 && first[0] != "" {
		return first[0]
	}
	if info, err := os.Stat(usual); err != nil || !info.IsDir() {
		return ""
	}
	return usual
}

// StateDirectory returns the directory of f.State: if it is not set, the first one that systemd
// gives.
func (c *Config) StateDirectory() string {
	if c.Fleet.State != "" {
		return c.Path(c.Fleet.State)
	}
	if first := filepath.SplitList(os.Getenv("STATE_DIRECTORY")); len(first) > 0 && first[0] != "" {
		return first[0]
	}
	return "/var/lib/corsgate"
}
