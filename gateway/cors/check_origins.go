package cors

import (
	"errors"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/corsgate/corsgate/matcher"
)

// This file judges origin patterns. Syntax is the matcher's; this is about who can be an origin
// that matches a pattern, and whether credentials should be shared with all of them. It is
// where the holes of hand-written CORS are caught, while loading instead of in an audit:
//
//	pattern                   who can match                                      with credentials
//	*                         every site                                         error, or a flag
//	null                      every site, from a sandboxed frame                 error, or two flags
//	http://app.example.com    an attacker on the user's network                  error, or a flag
//	https://*.github.io       anyone who registers a name there                  error, or a flag
//	https://*                 every site with https                              error, always
//	http://10.0.0.0/8         every machine of the network                       warning
//	moz-extension://*         every extension                                    warning

// The keys of the two lists of patterns.
const (
	keyOrigins     = "origins"
	keyOriginsFile = "origins_file"
)

// origin returns pattern i of both lists, and its place.
func (c *checker) origin(i int) (text, key string, index int) {
	if n := len(c.cfg.Origins); i >= n {
		return c.cfg.FileOrigins[i-n], keyOriginsFile, i - n
	}
	return c.cfg.Origins[i], keyOrigins, i
}

// origins returns the set of all patterns, and whether "null" is one of them. The set is nil if
// a pattern is invalid. Judging, searching for redundant patterns and compiling run in
// parallel, as a file may have a million lines:
//
//	judgeAll ─┬─► redundant ──┐
//	          └─► NewSet ─────┴─► merge
func (c *checker) origins() (set *matcher.Set, null bool) {
	n := len(c.cfg.Origins) + len(c.cfg.FileOrigins)
	if n == 0 {
		c.fail(keyOrigins, -1, `list them, such as "https://app.example.com", or write ["*"] for any`, "no origin is allowed")
		return nil, false
	}
	patterns, written := c.judgeAll(n)
	redundant := &checker{cfg: c.cfg}
	var search sync.WaitGroup
	search.Go(func() { redundant.redundant(patterns, written) })
	if !c.failed {
		set = matcher.NewSet(patterns...)
	}
	search.Wait()
	c.merge(redundant)
	if more := c.tally.failures - maxFileProblems; more > 0 {
		c.fail(keyOriginsFile, -1, "", "%d further lines of the file are wrong", more)
	}
	if more := c.tally.warnings - maxFileProblems; more > 0 {
		c.warn(keyOriginsFile, -1, "", "%d further lines of the file are worth a warning", more)
	}
	for _, p := range patterns {
		null = null || p.Null()
	}
	return set, null
}

// perJudge is how many patterns are worth a goroutine: some milliseconds of work.
const perJudge = 10000

// judgeAll judges the n patterns of both lists, and returns those that can be parsed with the
// number of each. Each goroutine has its own checker, and they are merged in order: the
// problems do not depend on how the work was divided.
func (c *checker) judgeAll(n int) (patterns []matcher.Pattern, written []int) {
	type verdict struct {
		checker
		patterns []matcher.Pattern
		written  []int
	}
	verdicts := make([]verdict, (n+perJudge-1)/perJudge)
	var judges sync.WaitGroup
	for k := range verdicts {
		v := &verdicts[k]
		v.cfg = c.cfg
		judges.Go(func() {
			for i := k * perJudge; i < min(n, (k+1)*perJudge); i++ {
				if p, ok := v.judge(i); ok {
					v.patterns, v.written = append(v.patterns, p), append(v.written, i)
				}
			}
		})
	}
	judges.Wait()
	patterns, written = make([]matcher.Pattern, 0, n), make([]int, 0, n)
	for k := range verdicts {
		v := &verdicts[k]
		c.merge(&v.checker)
		patterns, written = append(patterns, v.patterns...), append(written, v.written...)
	}
	return patterns, written
}

// judge judges pattern i of both lists. It returns false if the pattern cannot be parsed.
func (c *checker) judge(i int) (matcher.Pattern, bool) {
	text, key, index := c.origin(i)
	p, err := matcher.ParsePattern(text)
	switch {
	case err != nil:
		c.badPattern(key, index, text, err)
	case p.Any():
		c.anyOrigin(key, index)
	// Origin: null is what a sandboxed iframe on any site sends. With credentials it is
	// therefore as open as "*"; J. Kettle, "Exploiting CORS misconfigurations for Bitcoins and
	// bounties" (2016), has real cases.
	case p.Null() && c.cfg.Credentials:
		c.flag(nullOrigin|reflectAny, key, index, "remove it, or leave credentials out",
			`"null" with credentials: every site can send it from a sandboxed frame, and read what a signed-in user may see`)
	case p.Null():
		c.flag(nullOrigin, key, index, "remove it", `"null" is not one origin: any site can send it from a sandboxed frame`)
	case p.File():
		c.flag(fileOrigin, key, index, "remove it", `"file://" is not one origin: it is every page that a WebView loads from a file`)
	// It would reflect any site with https, with credentials if they are set: "*" says that
	// honestly, and browsers then refuse credentials.
	case p.AnyHost() && p.Scheme() == "https":
		c.fail(key, index, hintEverySite, "pattern %q: a star for the whole host stands for every site with https", p.String())
	default:
		c.labels(key, index, p)
		c.plaintext(key, index, p)
		c.wide(key, index, p)
		c.publicSuffix(key, index, p)
	}
	return p, err == nil
}

// hintEverySite is what to write in place of a star for all sites of a scheme.
const hintEverySite = `write "*", which is any origin, without credentials, or list the origins, such as "https://*.example.com"`

// badPattern reports a syntax error. The matcher knows no Unicode; the A-label form of a host
// is added here, but only if it would be accepted. A line of a file is shown only as far as
// showable permits: see there.
func (c *checker) badPattern(key string, index int, text string, err error) {
	shown := text
	if key == keyOriginsFile {
		var ok bool
		if shown, text, ok = showable(text); !ok {
			c.fail(key, index, `write one pattern per line, such as https://app.example.com, without quotes and commas`,
				"the line does not resemble an origin, so its text is not shown")
			return
		}
		_, err = matcher.ParsePattern(text)
	}
	message, hint := "", ""
	var e *matcher.PatternError
	if errors.As(err, &e) {
		message, hint = e.Message, e.Hint
	}
	if strings.HasPrefix(text, "https://*:") {
		hint = hintEverySite // what the matcher suggests, "https://*", is refused as well
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
	c.fail(key, index, hint, "pattern %q: %s", shown, message)
}

// anyOrigin judges "*". Browsers refuse "*" with credentials (CORS check, step 3), so a policy
// with both must echo each origin: that is the reflected-origin hole by another name, and needs
// its flag.
func (c *checker) anyOrigin(key string, index int) {
	if c.cfg.Credentials {
		c.flag(reflectAny, key, index, "list the origins, or leave credentials out",
			`"*" with credentials: every site can read what a signed-in user may see`)
	}
	if len(c.cfg.Origins)+len(c.cfg.FileOrigins) > 1 {
		c.warn(key, index, `remove the others, or "*"`, `"*" makes all other entries redundant`)
	}
}

// labels checks that each A-label is one: browsers never produce an origin with another, so it
// would match nothing.
func (c *checker) labels(key string, index int, p matcher.Pattern) {
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
		c.fail(key, index, "check the spelling of the name", "pattern %q: %q is not a valid A-label", p.String(), label)
	}
}

// plaintext refuses http:// origins with credentials: an attacker on the user's network can
// impersonate them. Loopback is never on the network. See Secure Contexts, "Is origin potentially
// trustworthy?", and RFC 6761, section 6.3.
func (c *checker) plaintext(key string, index int, p matcher.Pattern) {
	if c.cfg.Credentials && p.Scheme() == "http" && !isLoopback(p) {
		c.flag(plainHTTP, key, index, "write https://",
			"pattern %q: http:// with credentials: a network attacker can impersonate this origin", p.String())
	}
}

// isLoopback reports whether every origin that p matches is on the machine of the browser:
// localhost and names below it, 127.0.0.0/8 or a part of it, [::1].
func isLoopback(p matcher.Pattern) bool {
	if isLocalhost(p.Host()) {
		return true
	}
	if network, ok := p.Network(); ok {
		return network.Addr().IsLoopback() && (network.Addr().Is4() && network.Bits() >= 8 || network.IsSingleIP())
	}
	addr, err := netip.ParseAddr(strings.Trim(p.Host(), "[]"))
	return err == nil && addr.IsLoopback()
}

// wide warns of patterns with credentials that do not name one party. They may be meant, in an
// office network or for extensions, and no narrower pattern can be proposed, so there is no flag.
func (c *checker) wide(key string, index int, p matcher.Pattern) {
	_, network := p.Network()
	switch {
	case !c.cfg.Credentials:
	case network:
		c.warn(key, index, "", "pattern %q with credentials: pages served by any machine of that network can read what a signed-in user may see", p.String())
	case p.AnyHost():
		c.warn(key, index, "list the hosts, where they are known",
			"pattern %q with credentials: every extension or app of that scheme can read what a signed-in user may see", p.String())
	}
}

// isLocalhost reports whether host, a name or a pattern, is localhost or below it.
func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// publicSuffix refuses, with credentials, a pattern whose literal end is a public suffix or part of
// one, such as "https://*.github.io" or "https://app-*.co.uk": anyone can register a name that
// matches. Names that the list does not know count as public suffixes if they are a single label.
func (c *checker) publicSuffix(key string, index int, p matcher.Pattern) {
	end := p.Base()
	if !p.Wildcard() || p.AnyHost() || isLocalhost(end) {
		return
	}
	// The label before it matters: the list has rules such as "*.ck".
	suffix, _ := publicsuffix.PublicSuffix("x." + end)
	const message = "pattern %q: %s is a public suffix: anyone can register a name that matches"
	switch {
	// There is a registrable label to the right of the star: its owner decides who gets names
	// below it.
	case len(suffix) < len(end):
	case c.cfg.Credentials:
		c.flag(suffixes, key, index, "name the domains", message, p.String(), end)
	default:
		c.warn(key, index, "", message, p.String(), end)
	}
}

// isASCII reports whether s has no byte above 0x7f.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
