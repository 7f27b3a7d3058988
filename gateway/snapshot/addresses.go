package snapshot

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/files"
)

// Addresses are those whose requests a route admits.
type Addresses struct {
	any         bool // there is no allow
	allow, deny networks
}

// Admits reports whether a client may ask. IPv4 that is written as IPv6 is IPv4.
func (a *Addresses) Admits(client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	return !a.deny.contains(client) && (a.any || a.allow.contains(client))
}

// networks are sets of prefixes, by family and length: however many there are, an address is looked up once for each length.
type networks struct {
	v4, v6 []int // lengths that there are
	all    map[netip.Prefix]struct{}
}

func (n *networks) add(p netip.Prefix) {
	if n.all == nil {
		n.all = map[netip.Prefix]struct{}{}
	}
	n.all[p] = struct{}{}
	lengths := &n.v4
	if p.Addr().Is6() {
		lengths = &n.v6
	}
	if !slices.Contains(*lengths, p.Bits()) {
		*lengths = append(*lengths, p.Bits())
	}
}

func (n *networks) contains(a netip.Addr) bool {
	lengths := n.v4
	if a.Is6() {
		lengths = n.v6
	}
	for _, bits := range lengths {
		if p, err := a.Prefix(bits); err == nil {
			if _, ok := n.all[p]; ok {
				return true
			}
		}
	}
	return false
}

// compileAddresses reads allow and deny of all routes, and the files that they name.
func (s *Snapshot) compileAddresses(cfg *config.Config) (problems config.Problems) {
	s.addresses, s.addressFiles = map[string]*Addresses{}, map[string]files.Digest{}
	for i := range cfg.Routes {
		c := &cfg.Routes[i]
		if len(c.Allow) == 0 && len(c.Deny) == 0 {
			continue
		}
		a := &Addresses{any: len(c.Allow) == 0}
		for _, list := range []struct {
			key    string
			values []string
			to     *networks
		}{{"allow", c.Allow, &a.allow}, {"deny", c.Deny, &a.deny}} {
			for j, value := range list.values {
				key := "route." + c.Name + "." + list.key
				if err := s.addAddresses(cfg, key, value, list.to); err != nil {
					problems = append(problems, cfg.Problem(key, j, err.Error(), ""))
				}
			}
		}
		s.addresses[c.Name] = a
	}
	return problems
}

// addAddresses adds a network, or, of "@FILE", those of a file, one a line.
func (s *Snapshot) addAddresses(cfg *config.Config, key, value string, to *networks) error {
	name, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		p, wrong := config.ParseNetwork(value)
		if wrong == "" { // else the parser has said so
			to.add(p)
		}
		return nil
	}
	named, err := cfg.Named(key, name)
	if err != nil {
		return err
	}
	text, err := files.Read(named)
	if err != nil {
		return err
	}
	s.addressFiles[named.Path] = sha256.Sum256(text)
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.Trim(line, " \t\r"); line == "" {
			continue
		}
		p, wrong := config.ParseNetwork(line)
		if wrong != "" {
			return fmt.Errorf("%s:%d: it is not an address or a network such as \"192.0.2.0/24\"", name, number)
		}
		to.add(p)
	}
	return nil
}
