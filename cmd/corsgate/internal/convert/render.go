package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// This file writes policies that were settled as a configuration that corsgate accepts.

// placeholder stands where an origin is required and none was carried over. Nobody can have it: see RFC 2606.
const placeholder = "https://replace-me.invalid"

func render(from, file string, policies []*policy) string {
	for _, p := range policies {
		p.settle()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Converted from %s (%s) by corsgate convert. Check it: corsgate check --config corsgate.toml\n", comment(file), from)
	writeHoles(&b, policies)
	b.WriteString("\n[upstream.api]\nendpoints = [\"http://127.0.0.1:9001\"]   # write the address of your servers\n")
	names := map[string]bool{}
	paths := map[string]bool{}
	for _, p := range policies {
		p.name = unique(p.name, names)
		p.writePolicy(&b)
		p.writeRoute(&b, paths)
	}
	return b.String()
}

func writeHoles(b *strings.Builder, policies []*policy) {
	count := 0
	for _, p := range policies {
		for _, h := range p.holes {
			if count++; count == 1 {
				b.WriteString("#\n# Holes in it, which this file does not have:\n")
			}
			if !strings.HasPrefix(h, "line ") {
				h = p.where + ": " + h
			}
			fmt.Fprintf(b, "#   %s\n", comment(h))
		}
	}
	if count == 0 {
		b.WriteString("#\n# No hole was found in it.\n")
	}
}

// comment makes s fit in a line of a comment.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\ufffd' {
			return ' '
		}
		return r
	}, s)
}

// unique returns a name of a table like want.
func unique(want string, taken map[string]bool) string {
	var b strings.Builder
	for _, r := range strings.ToLower(want) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			b.WriteRune(r)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-_")
	if name = name[:min(len(name), 40)]; name == "" {
		name = "app"
	}
	for base, n := name, 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[name] = true
	return name
}

func (p *policy) writePolicy(b *strings.Builder) {
	fmt.Fprintf(b, "\n# %s\n", comment(p.where))
	for _, n := range p.notes {
		fmt.Fprintf(b, "# note: %s\n", comment(n))
	}
	fmt.Fprintf(b, "[cors.%s]\n", p.name)
	c := p.config()
	if len(c.Origins) == 1 && c.Origins[0] == placeholder {
		b.WriteString("# No origin could be carried over: write yours in the place of this one, which nobody can have.\n")
	}
	if len(c.Origins) == 1 && len(p.lost) == 0 {
		fmt.Fprintf(b, "origins = [%q]\n", c.Origins[0])
	} else {
		b.WriteString("origins = [\n")
		for _, o := range c.Origins {
			fmt.Fprintf(b, "  %q,\n", o)
		}
		for _, l := range p.lost {
			fmt.Fprintf(b, "  # %s   was not carried over: %s\n", comment(l.text), comment(l.reason))
		}
		b.WriteString("]\n")
	}
	for _, l := range []struct {
		key  string
		list []string
	}{{"methods", p.methods}, {"request_headers", p.requestHeaders}, {"expose_headers", p.exposeHeaders}} {
		if len(l.list) > 0 {
			fmt.Fprintf(b, "%s = [%s]\n", l.key, quotedList(l.list))
		}
	}
	if p.credentials {
		b.WriteString("credentials = true\n")
	}
	if p.maxAge != noMaxAge {
		fmt.Fprintf(b, "max_age = %q\n", duration(p.maxAge))
	}
	if p.status != 0 && p.status != 204 {
		fmt.Fprintf(b, "preflight_status = %d\n", p.status)
	}
}

// duration returns seconds as people write them.
func duration(seconds int64) string {
	switch {
	case seconds > 0 && seconds%3600 == 0:
		return fmt.Sprintf("%dh", seconds/3600)
	case seconds > 0 && seconds%60 == 0:
		return fmt.Sprintf("%dm", seconds/60)
	}
	return fmt.Sprintf("%ds", seconds)
}

// writeRoute writes a route for p. Where another has its path already, p gets one of its own, to be corrected.
func (p *policy) writeRoute(b *strings.Builder, paths map[string]bool) {
	path, hosts := p.path, p.hosts
	if path == "" {
		path = "/"
	}
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	fmt.Fprintf(b, "\n[route.%s]\n", p.name)
	taken := func() bool { return slices.ContainsFunc(hosts, func(h string) bool { return paths[h+" "+path] }) }
	if taken() {
		for path = "/" + p.name; taken(); path += "-too" {
		}
		b.WriteString("# Write the hosts or the path of the requests that this is for.\n")
	}
	for _, h := range hosts {
		paths[h+" "+path] = true
	}
	if len(p.hosts) > 0 {
		fmt.Fprintf(b, "hosts    = [%s]\n", quotedList(p.hosts))
	}
	fmt.Fprintf(b, "path     = %q\ncors     = %q\nupstream = \"api\"\n", path, p.name)
}

func quotedList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return strings.Join(quoted, ", ")
}
