package cors

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/corsgate/corsgate/matcher"
)

// This file judges origin patterns. Syntax is the matcher's; here is what a pattern means to the world: who can be an
// origin that matches it, and is that what credentials should be shared with?

func (c *checker) origins() []matcher.Pattern {
	const key = "origins"
	if len(c.cfg.Origins) == 0 {
		c.fail(key, -1, `list them, such as "https://app.example.com", or write ["*"] for any`, "no origin is allowed")
		return nil
	}
	patterns := make([]matcher.Pattern, 0, len(c.cfg.Origins))
	written := make([]int, 0, len(c.cfg.Origins)) // the index in cfg.Origins of each pattern
	for i, text := range c.cfg.Origins {
		p, err := matcher.ParsePattern(text)
		if err != nil {
			c.badPattern(i, text, err)
			continue
		}
		patterns, written = append(patterns, p), append(written, i)
		switch {
		case p.Any():
			c.anyOrigin(i)
		case p.Null():
			c.nullOrigin(i)
		default:
			c.labels(i, p)
			c.plaintext(i, p)
			c.publicSuffix(i, p)
		}
	}
	c.redundant(patterns, written)
	return patterns
}

// badPattern reports a syntax error. The matcher knows no Unicode; the A-label form of a host is added here, but only
// if it would be accepted.
func (c *checker) badPattern(i int, text string, err error) {
	message, hint := err.Error(), ""
	var e *matcher.PatternError
	if errors.As(err, &e) {
		message, hint = e.Message, e.Hint
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok && !isASCII(rest) {
		end := strings.IndexAny(rest, ":/?#")
		if end < 0 {
			end = len(rest)
		}
		// Not idna.Lookup itself: it refuses the "*" and "_" of patterns.
		profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))
		if host, err := profile.ToASCII(rest[:end]); err == nil {
			fixed := scheme + "://" + host + rest[end:]
			if _, err := matcher.ParsePattern(fixed); err == nil {
				hint = "write " + fixed
			}
		}
	}
	c.fail("origins", i, hint, "pattern %q: %s", text, message)
}

// danger reports something that a flag of the configuration permits: a warning then, so that it stays visible.
func (c *checker) danger(permitted bool, i int, hint, format string, args ...any) {
	if permitted {
		c.warn("origins", i, "", format, args...)
	} else {
		c.fail("origins", i, hint, format, args...)
	}
}

func (c *checker) anyOrigin(i int) {
	if c.cfg.Credentials {
		c.danger(c.cfg.ReflectAnyOrigin, i, "list the origins, or leave credentials out",
			`"*" with credentials: every site can read what a signed-in user may see`)
	}
	if len(c.cfg.Origins) > 1 {
		c.warn("origins", i, `remove the others, or "*"`, `"*" makes all other entries redundant`)
	}
}

func (c *checker) nullOrigin(i int) {
	c.danger(c.cfg.AllowNullOrigin, i, "remove it; dangerously_allow_null_origin = true accepts the risk",
		`"null" is not one origin: any site can send it from a sandboxed frame`)
}

// labels checks that each A-label is one: browsers never produce an origin with another, so it would match nothing.
func (c *checker) labels(i int, p matcher.Pattern) {
	for _, label := range strings.Split(p.Host(), ".") {
		if !strings.HasPrefix(label, "xn--") || strings.Contains(label, "*") {
			continue
		}
		unicode, err := idna.Lookup.ToUnicode(label)
		if err == nil {
			var back string
			if back, err = idna.Lookup.ToASCII(unicode); err == nil && back == label {
				continue
			}
		}
		c.fail("origins", i, "check the spelling of the name", "pattern %q: %q is not a valid A-label", p.String(), label)
	}
}

// plaintext refuses http:// origins with credentials: whoever sits on the user's network can be one. Loopback is
// never on the network. See Secure Contexts, "Is origin potentially trustworthy?", and RFC 6761, section 6.3.
func (c *checker) plaintext(i int, p matcher.Pattern) {
	if c.cfg.Credentials && p.Scheme() == "http" && !isLoopback(p.Host()) {
		c.danger(c.cfg.AllowHTTPOrigins, i, "write https://; dangerously_allow_http_origins = true accepts the risk",
			"pattern %q: http:// with credentials: a network attacker can be this origin", p.String())
	}
}

func isLoopback(host string) bool {
	if isLocalhost(host) {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// isLocalhost reports whether host, a name or a pattern, is localhost or below it.
func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// publicSuffix refuses, with credentials, a pattern whose literal end is a public suffix or part of one: such as
// "https://*.github.io" or "https://app-*.co.uk", of which anybody can register a match. Names that the list does not
// know count as public suffixes if they are a single label.
func (c *checker) publicSuffix(i int, p matcher.Pattern) {
	end := p.Base()
	if !p.Wildcard() || isLocalhost(end) {
		return
	}
	// The label before it matters: the list has rules such as "*.ck".
	if suffix, _ := publicsuffix.PublicSuffix("x." + end); len(suffix) >= len(end) {
		c.danger(!c.cfg.Credentials || c.cfg.AllowPublicSuffixes, i,
			"name the domains; dangerously_allow_public_suffixes = true accepts the risk",
			"pattern %q: %s is a public suffix: anybody can register a name that matches", p.String(), end)
	}
}

// redundant warns about patterns that another one covers. A pattern covers more than itself only by a wildcard, and
// then only patterns whose host ends like its own: so each is compared with those that share one of its ends.
func (c *checker) redundant(patterns []matcher.Pattern, written []int) {
	first := make(map[string]int, len(patterns))
	wide := map[string][]int{} // by literal end
	for i, p := range patterns {
		if j, ok := first[p.String()]; ok {
			c.warn("origins", written[i], "remove it", "%q is listed twice, first as number %d", p.String(), written[j]+1)
			continue
		}
		first[p.String()] = i
		if p.Any() || p.Null() {
			continue
		}
		if p.Wildcard() || p.AnyPort() {
			end := p.Base()
			wide[end] = append(wide[end], i)
		}
	}
	if len(wide) == 0 {
		return
	}
	for i, p := range patterns {
		if p.Any() || p.Null() || first[p.String()] != i {
			continue
		}
		if j := coveredBy(patterns, wide, i); j >= 0 {
			c.warn("origins", written[i], "remove one of them", "%q is covered by %q, number %d",
				p.String(), patterns[j].String(), written[j]+1)
		}
	}
}

func coveredBy(patterns []matcher.Pattern, wide map[string][]int, i int) int {
	for end, more := patterns[i].Host(), true; more; _, end, more = strings.Cut(end, ".") {
		for _, j := range wide[end] {
			if j != i && patterns[j].Covers(patterns[i]) {
				return j
			}
		}
	}
	return -1
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
