package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// This file writes policies that were settled as a configuration that corsgate accepts.

// placeholder stands where an origin is required and none was carried over. No page can have it: see RFC 2606.
const placeholder = "https://replace-me.invalid"

// placeholderServer stands where an upstream is required and none was found.
const placeholderServer = "http://127.0.0.1:9001"

// render writes the document. Nothing may be added to it afterwards.
func (d *document) render(from, file string) string {
	d.complete()
	d.name()
	var b strings.Builder
	fmt.Fprintf(&b, "# Converted from %s (%s) by corsgate convert. Check it: corsgate check --config corsgate.toml\n", comment(file), from)
	d.writeHoles(&b)
	writeList(&b, "Routes that are closed here, because what protects them was not carried over: see deny there", d.closedRoutes())
	writeList(&b, "Not carried over", d.left)
	for _, u := range d.upstreams {
		u.write(&b)
	}
	for _, l := range d.limits {
		writeNotes(&b, "", l.notes)
		fmt.Fprintf(&b, "[limit.%s]\nrate  = %q\nburst = %d\nkey   = %q\n", l.name, l.rate, l.burst, l.key)
	}
	for _, a := range d.auths {
		a.write(&b)
	}
	paths := map[string]bool{}
	for _, p := range append(slices.Clone(d.policies), nil) {
		if p != nil {
			p.write(&b)
		}
		for _, r := range d.routes {
			if r.policy == p {
				r.write(&b, paths)
			}
		}
	}
	return b.String()
}

// writeHoles writes the holes that were found, and what may hold more.
func (d *document) writeHoles(b *strings.Builder) {
	var holes, unjudged []string
	at := func(p *policy, s string) string {
		if strings.HasPrefix(s, "line ") {
			return s
		}
		return p.where + ": " + s
	}
	for _, p := range d.policies {
		for _, h := range p.holes {
			holes = append(holes, at(p, h))
		}
		for _, u := range p.unjudged {
			unjudged = append(unjudged, at(p, u))
		}
	}
	if len(holes)+len(unjudged) == 0 {
		b.WriteString("#\n# No hole was found in it.\n")
	}
	writeList(b, "Holes in it that this file does not have", holes)
	writeList(b, "Not understood, and therefore not judged: look for holes there yourself", unjudged)
}

func writeList(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "#\n# %s:\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "#   %s\n", comment(line))
	}
}

// writeNotes begins a table with a blank line and comments.
func writeNotes(b *strings.Builder, where string, notes []string) {
	b.WriteString("\n")
	if where != "" {
		fmt.Fprintf(b, "# %s\n", comment(where))
	}
	for _, n := range notes {
		fmt.Fprintf(b, "# note: %s\n", comment(n))
	}
}

func (u *upstream) write(b *strings.Builder) {
	writeNotes(b, "", u.notes)
	fmt.Fprintf(b, "[upstream.%s]\nendpoints = [%s]", u.name, quotedList(u.endpoints))
	if len(u.endpoints) == 1 && u.endpoints[0] == placeholderServer {
		b.WriteString("   # write the address of your servers")
	}
	b.WriteString("\n")
	if u.weights != nil {
		fmt.Fprintf(b, "weights = %s\n", strings.ReplaceAll(fmt.Sprint(u.weights), " ", ", "))
	}
	for _, s := range u.settings {
		fmt.Fprintf(b, "%s = %s\n", s.key, s.value)
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

func (p *policy) write(b *strings.Builder) {
	writeNotes(b, p.where, p.notes)
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

// write writes a route. If another has its path already, it gets a different one, to be corrected.
func (r *route) write(b *strings.Builder, paths map[string]bool) {
	path, hosts := r.path, r.hosts
	if path == "" {
		path = "/"
	}
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	writeNotes(b, r.where, r.notes)
	taken := func() bool { return slices.ContainsFunc(hosts, func(h string) bool { return paths[h+" "+path] }) }
	settings := r.settings
	if taken() {
		for path = "/" + r.name; taken(); path += "-too" {
		}
		b.WriteString("# Write the hosts or the path of the requests that this is for.\n")
		settings = slices.DeleteFunc(slices.Clone(settings), func(s setting) bool { return s.key == "strip_prefix" })
	}
	for _, h := range hosts {
		paths[h+" "+path] = true
	}
	fmt.Fprintf(b, "[route.%s]\n", r.name)
	if len(r.hosts) > 0 {
		fmt.Fprintf(b, "hosts    = [%s]\n", quotedList(r.hosts))
	}
	fmt.Fprintf(b, "path     = %q\n", path)
	if r.policy != nil {
		fmt.Fprintf(b, "cors     = %q\n", r.policy.name)
	}
	fmt.Fprintf(b, "upstream = %q\n", r.upstream.name)
	if r.limit != nil {
		fmt.Fprintf(b, "limit    = %q\n", r.limit.name)
	}
	r.writeGuards(b)
	for _, s := range settings {
		if len(r.closed) == 0 || s.key != "deny" && s.key != "allow" {
			fmt.Fprintf(b, "%s = %s\n", s.key, s.value)
		}
	}
}

func quotedList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return strings.Join(quoted, ", ")
}
