//go:build linux

package main

import (
	"embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

// This file makes the configurations of all gateways from the templates in configs. They carry one policy:
// the same origins, methods, request headers and max age, Vary, keep-alive to clients and to the upstream, one
// worker, no access log. Where a product has a data structure for long lists (nginx's hash, HAProxy's tree), it
// is used. What is tuned for a peer is tuned in its favour.

//go:embed configs
var configs embed.FS

// maxInline is how many origins corsgate gets in its file; more go to an origins_file, as a user would write it.
const maxInline = 100_000

// A Setup says what the gateways of a measurement are configured for. The zero Setup is a policy of two exact
// origins and a wildcard, and one route.
type Setup struct {
	Origins int  `json:"origins,omitempty"` // exact origins, instead of the policy with the wildcard
	Routes  int  `json:"routes,omitempty"`  // routes by path prefix, instead of the one for all
	Cache   bool `json:"cache,omitempty"`   // measure corsgate alone, with and without its preflight cache
	TLS     bool `json:"tls,omitempty"`     // listen for TLS, with one certificate (ECDSA, P-256)
	HTTP2   bool `json:"http2,omitempty"`   // offer HTTP/2, too; with TLS
	Slow    bool `json:"slow,omitempty"`    // forward to an upstream that can do slowRate and no more, and queue a little for it
}

// origin returns the i-th exact origin of a Setup with Origins. They are spread over many registrable domains.
func origin(i int) string { return "https://t" + strconv.FormatInt(int64(i), 36) + ".io" }

// routePath returns the path prefix of the i-th route of a Setup with Routes.
func routePath(i int) string { return fmt.Sprintf("/r%d/", i) }

// values are what the templates are filled with.
type values struct {
	Dir            string // absolute; all files are below it
	Port, Upstream int
	Engine         string
	NoCache        bool
	TLS, HTTP2     bool
	Slow           bool
	OriginsFile    bool
	Origins        []string
	Routes         int
	Paths          []string
}

// HashSize is nginx's map_hash_max_size. From 10 000 on nginx tries no smaller size than nearly this one, so four
// buckets for each origin are built at once, where the search for the smallest would take minutes.
func (v values) HashSize() int { return max(20_000, 4*len(v.Origins)) }

func (s Setup) values(dir string) values {
	v := values{Dir: dir, Routes: s.Routes, OriginsFile: s.Origins > maxInline, TLS: s.TLS, HTTP2: s.HTTP2, Slow: s.Slow}
	for i := range s.Origins {
		v.Origins = append(v.Origins, origin(i))
	}
	for i := range s.Routes {
		v.Paths = append(v.Paths, routePath(i))
	}
	if s.Routes == 0 {
		v.Paths = []string{"/"}
	}
	return v
}

// render fills the template called name.
func render(w io.Writer, name string, v values) error {
	t, err := template.ParseFS(configs, "configs/"+name+".tmpl")
	if err != nil {
		return fmt.Errorf("parse template %s: %w", name, err)
	}
	return t.Execute(w, v)
}

// writeConfig writes the template called name to v.Dir and returns the file's path.
func writeConfig(name, as string, v values) (string, error) {
	path := filepath.Join(v.Dir, as)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if err := render(f, name, v); err != nil {
		f.Close() // the first error is the one to tell
		return "", err
	}
	return path, f.Close()
}

// writeLists writes the lists that configurations include: origins for each product in its own syntax, and routes.
func writeLists(v values) error {
	var plain, nginx, caddy, haproxy strings.Builder
	for _, o := range v.Origins {
		fmt.Fprintln(&plain, o)
		fmt.Fprintf(&nginx, "%q $http_origin;\n", o)
		fmt.Fprintf(&caddy, "%s yes\n", o)
	}
	for _, p := range v.Paths {
		fmt.Fprintln(&haproxy, p, "be")
	}
	files := map[string]string{"origins.list": plain.String(), "nginx-origins.map": nginx.String(),
		"caddy-origins.map": caddy.String(), "haproxy-routes.map": haproxy.String()}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(v.Dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	_, err := writeConfig("nginx-route.inc", "nginx-route.inc", v)
	return err
}
