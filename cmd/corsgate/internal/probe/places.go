package probe

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// This file asks as pages that anyone can publish: at hosting services, and on the user's own machine.

// hosting are services that give anyone a host with a chosen name free of charge.
var hosting = []string{
	"vercel.app", "netlify.app", "github.io", "gitlab.io", "pages.dev", "workers.dev", "herokuapp.com", "web.app", "firebaseapp.com", "onrender.com",
	"up.railway.app", "fly.dev", "azurewebsites.net", "azurestaticapps.net", "amplifyapp.com", "cloudfront.net", "run.app", "appspot.com", "surge.sh",
	"replit.app", "glitch.me", "lovable.app", "csb.app", "ngrok-free.app", "ngrok.io", "trycloudflare.com",
}

// loopback are pages of the user's own machine, as development servers have them.
var loopback = []string{
	"http://localhost", "http://localhost:3000", "http://localhost:5173", "http://localhost:8080", "http://127.0.0.1", "http://127.0.0.1:3000",
	"http://[::1]:3000", "https://localhost", "https://localhost:3000",
}

// hosts asks as strangers at hosting services; first at the one of the first allowed origin, if it is at any.
func (p *prober) hosts(ctx context.Context) {
	var origins []string
	if len(p.Origins) > 0 {
		if u, err := url.Parse(p.Origins[0]); err == nil {
			origins = neighbours(u.Hostname())
		}
	}
	for _, suffix := range hosting {
		origins = append(origins, "https://corsgate-probe."+suffix)
	}
	var shown *answer
	var allowed []string
	for _, origin := range origins {
		suffix := strings.TrimPrefix(origin[strings.IndexByte(origin, '.'):], ".")
		if slices.Contains(p.Origins, origin) || slices.Contains(allowed, suffix) {
			continue
		}
		if a := p.ask(ctx, question{origins: []string{origin}}); a.echoes() {
			if shown == nil || a.credentials() && !shown.credentials() {
				shown = a
			}
			allowed = append(allowed, suffix)
		}
	}
	if shown != nil {
		p.disguise(shown, "hosting-suffix", "every page that anyone can publish at "+strings.Join(allowed, ", ")+" is allowed ("+shown.origin()+")",
			"list your own deployments, each with its full name")
	}
}

// neighbours returns origins that anyone could register next to a host at a hosting service.
func neighbours(host string) []string {
	suffix, icann := publicsuffix.PublicSuffix(host)
	name, ok := strings.CutSuffix(host, "."+suffix)
	if icann || !ok {
		return nil
	}
	name = name[strings.LastIndexByte(name, '.')+1:]
	return []string{"https://corsgate-probe." + suffix, "https://" + name + "-corsgate-probe." + suffix, "https://corsgate-probe-" + name + "." + suffix}
}

// ownMachine asks as pages of the user's own machine. Where an allowed origin is one,
// development is what the server is for.
func (p *prober) ownMachine(ctx context.Context) {
	if slices.ContainsFunc(p.Origins, onLoopback) {
		return
	}
	for _, origin := range loopback {
		a := p.ask(ctx, question{origins: []string{origin}})
		if !a.echoes() {
			continue
		}
		if !a.credentials() {
			p.note("pages of the user's own machine are allowed (%s), without credentials", origin)
			return
		}
		p.find(a, "loopback-origin", Medium, "allow origins of localhost on servers for development only",
			"any program that serves a page on the user's machine is allowed (%s), with credentials", origin)
		return
	}
}

func onLoopback(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return addr.IsLoopback()
	}
	return u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost")
}
