//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// A Peer is one row of the comparison: a product and how to run it.
type Peer struct {
	Name    string
	Program string   // looked up in PATH; for corsgate the path of its binary
	Package string   // Debian package that has it
	Version []string // arguments that print its version
	Env     []string

	config string                            // name of its template
	args   func(config, dir string) []string // to serve it
	adjust func(*values)                     // what makes this row differ from others of the same product
}

func peers(corsgate string) []Peer {
	serve := func(config, _ string) []string { return []string{"serve", "--config", config} }
	version := []string{"version"}
	one := []string{"GOMAXPROCS=1"}
	return []Peer{
		{Name: "corsgate", Program: corsgate, Version: version, Env: one, config: "corsgate.toml", args: serve},
		{Name: "corsgate (fasthttp)", Program: corsgate, Version: version, Env: one, config: "corsgate.toml", args: serve,
			adjust: func(v *values) { v.Engine = "fasthttp" }},
		{Name: "nginx", Program: "nginx", Package: "nginx-light", Version: []string{"-v"}, config: "nginx.conf",
			args: func(config, dir string) []string { return []string{"-p", dir, "-c", config} }},
		{Name: "HAProxy", Program: "haproxy", Package: "haproxy", Version: []string{"-v"}, config: "haproxy.cfg",
			args: func(config, _ string) []string { return []string{"-db", "-f", config} }},
		{Name: "Caddy", Program: "caddy", Package: "caddy", Version: version, Env: one, config: "Caddyfile",
			args: func(config, _ string) []string {
				return []string{"run", "--config", config, "--adapter", "caddyfile"}
			}},
	}
}

// cachePeers are the rows of Setups with Cache.
func cachePeers(corsgate string) []Peer {
	cached := peers(corsgate)[0]
	cached.Name = "cached"
	computed := cached
	computed.Name, computed.adjust = "computed", func(v *values) { v.NoCache = true }
	return []Peer{cached, computed}
}

// find looks for the programs of all peers and of the load generator. It tells on w what is missing and how to
// install it, and returns the rest.
func find(w io.Writer, all []Peer, want func(name string) bool) (found []Peer) {
	var missing, packages []string
	for _, p := range all {
		if !want(p.Name) {
			continue
		}
		path, err := exec.LookPath(p.Program)
		if err != nil {
			missing, packages = append(missing, p.Name), append(packages, p.Package)
			continue
		}
		p.Program = path
		found = append(found, p)
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		missing, packages = append(missing, "wrk (compare's own load generator stands in)"), append(packages, "wrk")
	}
	if _, err := exec.LookPath("h2load"); err != nil {
		missing, packages = append(missing, "h2load (HTTP/2 is left out)"), append(packages, "nghttp2-client")
	}
	if len(missing) > 0 {
		fmt.Fprintf(w, "not installed: %s. On Debian: apt-get install %s\n", strings.Join(missing, ", "), strings.Join(packages, " "))
	}
	return found
}

// version returns the first line that p prints about itself.
func (p Peer) version(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, p.Program, p.Version...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil {
		return "unknown version"
	}
	return strings.TrimSpace(line)
}

// A Fleet is the gateways of one Setup, all running, beside their upstream.
type Fleet struct {
	Gateways []*Process
	Absent   map[string]string        // name → why it does not run
	Took     map[string]time.Duration // name → from start to the first accepted connection
}

// start starts one gateway of a Setup with its files in a folder of its own.
func (b *Bench) start(ctx context.Context, p Peer, s Setup) (*Process, error) {
	dir, err := os.MkdirTemp(b.dir, "gateway-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // nginx's workers are another user
		return nil, err
	}
	v := s.values(dir)
	if v.Upstream = b.upstream.Port; s.Slow {
		if err := b.startSlow(ctx); err != nil {
			return nil, err
		}
		v.Upstream = b.slow.Port
	}
	if p.adjust != nil {
		p.adjust(&v)
	}
	if v.Port, err = freePort(); err != nil {
		return nil, err
	}
	if err := writeLists(v); err != nil {
		return nil, err
	}
	if v.TLS {
		if err := writeCertificate(dir); err != nil {
			return nil, err
		}
	}
	config, err := writeConfig(p.config, p.config, v)
	if err != nil {
		return nil, err
	}
	argv := append([]string{p.Program}, p.args(config, dir)...)
	return startServer(ctx, dir, p.Name, b.GatewayCPU, v.Port, b.Patience, p.Env, argv)
}

// fleet starts every gateway of a Setup. One that cannot start is left out, and why is told.
func (b *Bench) fleet(ctx context.Context, s Setup) *Fleet {
	f := &Fleet{Absent: map[string]string{}, Took: map[string]time.Duration{}}
	rows := b.Peers
	if s.Cache {
		rows = b.CachePeers
	}
	for _, p := range rows {
		began := time.Now()
		g, err := b.start(ctx, p, s)
		if ctx.Err() != nil {
			return f
		}
		if err == nil {
			err = verify(g.Port, s)
			if err != nil {
				g.Stop()
			}
		}
		if err != nil {
			f.Absent[p.Name] = b.anonymous(err.Error())
			continue
		}
		f.Took[p.Name] = time.Since(began)
		f.Gateways = append(f.Gateways, g)
	}
	return f
}

// anonymous takes the names of temporary folders out of a text that is to be published.
func (b *Bench) anonymous(text string) string {
	return regexp.MustCompile(regexp.QuoteMeta(b.dir)+`/(gateway-\d+/)?`).ReplaceAllString(text, "")
}

// Stop ends all gateways.
func (f *Fleet) Stop() {
	for _, g := range f.Gateways {
		g.signal(syscall.SIGTERM) // all at once, so that they end side by side
	}
	for _, g := range f.Gateways {
		g.Stop()
	}
	f.Gateways = nil
}

// startSlow starts the slow upstream, unless it runs.
func (b *Bench) startSlow(ctx context.Context) error {
	if b.slow != nil {
		return nil
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	b.slow, err = startServer(ctx, b.dir, "slow", b.LoadCPU, port, 10*time.Second, nil, []string{b.Self, "-child", "slow", "-port", fmt.Sprint(port)})
	return err
}

// startUpstream starts what all gateways forward to: nginx, which leaves most of the load's CPU to the load, or
// else a child of this program.
func (b *Bench) startUpstream(ctx context.Context) error {
	dir := filepath.Join(b.dir, "upstream")
	if err := os.MkdirAll(filepath.Join(dir, "body"), 0o755); err != nil {
		return err
	}
	for _, n := range bodySizes {
		if err := os.WriteFile(filepath.Join(dir, "body", fmt.Sprint(n)), []byte(strings.Repeat("x", n)), 0o644); err != nil {
			return err
		}
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	config, err := writeConfig("upstream.conf", "upstream.conf", values{Dir: dir, Upstream: port})
	if err != nil {
		return err
	}
	argv := []string{b.Self, "-child", "upstream", "-port", fmt.Sprint(port)}
	b.UpstreamIs = "compare itself"
	if path, err := exec.LookPath("nginx"); err == nil {
		argv = []string{path, "-p", dir, "-c", config}
		b.UpstreamIs = "nginx"
	}
	b.upstream, err = startServer(ctx, dir, "upstream", b.LoadCPU, port, 10*time.Second, nil, argv)
	return err
}
