package probe

import "context"

// This file repeats requests to see how a cache in front of the server treats Vary, and whether the fields survive
// when the answer is that nothing has changed.

// caches finds a cache that gives the answer for one origin to another: at a URL that no cache
// can know the answer differs. If there is one, all that follows is asked past it.
func (p *prober) caches(ctx context.Context, origin string) {
	usual := p.ask(ctx, question{origins: []string{origin}})
	fresh := p.ask(ctx, question{origins: []string{origin}, fresh: true})
	const name = "Access-Control-Allow-Origin"
	if usual.err != nil || fresh.err != nil || usual.code != fresh.code || usual.get(name) == fresh.get(name) {
		return
	}
	p.find(usual, "cache-ignores-vary", High, "make the cache store answers by Origin (Vary), or not store this resource",
		"a cache ignores Vary: %s is %q for this page at the URL itself, and %q at a URL that the cache has not seen", name,
		printable(usual.get(name)), printable(fresh.get(name)))
	p.past = true
}

// notModified asks whether the resource has changed, as a browser does that has it, and judges a 304.
func (p *prober) notModified(ctx context.Context, a *answer) {
	for _, c := range []struct{ validator, field string }{{"ETag", "If-None-Match"}, {"Last-Modified", "If-Modified-Since"}} {
		value := a.header.Get(c.validator)
		if value == "" {
			continue
		}
		again := p.ask(ctx, question{origins: a.origins, condition: c.field + ": " + value, again: a.target})
		if again.err != nil || again.code != 304 {
			continue
		}
		if !again.shares() {
			p.find(again, "not-modified-unshared", Medium, "send the CORS fields with 304 as well (nginx: add_header … always)",
				"a 304 has no CORS fields: the page can read the first answer, and fails when it revalidates")
		} else if a.credentials() && !again.credentials() {
			p.find(again, "not-modified-unshared", Medium, "send the CORS fields with 304 as well",
				"a 304 has no Access-Control-Allow-Credentials: a page with credentials fails when it revalidates")
		}
		p.judgeField(again)
		return
	}
}
