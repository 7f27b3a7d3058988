package explain

import (
	"fmt"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/proxy"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file finds the listener of a question, and describes how it treats clients without a
// certificate.

// hasListener returns an error that names the listeners if there is none with the given name. "" is
// always there.
func hasListener(s *snapshot.Snapshot, name string) error {
	var names []string
	for i := range s.Config.Listeners {
		names = append(names, s.Config.Listeners[i].Name)
		if names[i] == name {
			return nil
		}
	}
	if name == "" {
		return nil
	}
	return fmt.Errorf("there is no listener %q: the listeners are %s", name, strings.Join(names, ", "))
}

// listenerFor returns a listener with the settings that the exchange of a question depends on.
func listenerFor(s *snapshot.Snapshot, a *inquiry) *edge.Listener {
	l := edge.NewListener("explain", nil)
	if c := listenerOf(s.Config, a); c != nil {
		l.RedirectHTTPS, l.ReadyPath = c.RedirectHTTPS, c.ReadyPath
		if a.bare {
			_, _, mode := s.Config.ClientAuthOf(c)
			l.ClientAuth = &tlsconf.ClientAuth{Exempt: mode == "preflight-exempt"}
		}
	}
	return l
}

// listenerOf returns the listener of a question: the one that it names, or else the one with its
// URL's port and scheme, or its port, or the first with its scheme, or the first. Without any
// listener it is nil.
func listenerOf(cfg *config.Config, a *inquiry) *config.Listener {
	port := string(a.Host[len(wire.HostName([]byte(a.Host))):])
	if port == "" {
		port = ":" + a.DefaultPort()
	}
	var best *config.Listener
	most := -1
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		fit := 0
		if l.TLS == a.HTTPS {
			fit++
		}
		if strings.HasSuffix(string(l.Address), port) {
			fit += 2
		}
		switch {
		case a.listener == l.Name:
			return l
		case fit > most:
			best, most = l, fit
		}
	}
	return best
}

// asksForCertificate describes how the listener of a question treats clients without a
// certificate, or returns "".
func asksForCertificate(s *snapshot.Snapshot, a *inquiry) string {
	l := listenerOf(s.Config, a)
	if l == nil || !a.HTTPS {
		return ""
	}
	file, key, mode := s.Config.ClientAuthOf(l)
	if file == "" {
		return ""
	}
	which := "and this request is one"
	if !a.Credentials {
		which = "and this request has none"
	}
	note := fmt.Sprintf("listener %s asks clients for a certificate (%s, %s): a browser sends one with credentials only, %s, and never with a preflight; ",
		l.Name, key, place(s.Config, key), which)
	switch mode {
	case "require":
		return note + `without one no request is answered, not even preflights (client_auth = "require"): the handshake fails, and the page sees a network error`
	case "optional":
		return note + `without one a client is answered like any other (client_auth = "optional")`
	}
	bare := *a
	bare.bare = true
	note += `without one only preflights are answered (client_auth = "preflight-exempt")`
	if a.NeedsPreflight() {
		note += fmt.Sprintf(": this preflight with %s", said(ask(s, &bare, a.Preflight())))
	}
	return note + fmt.Sprintf(", and this request with %s", said(ask(s, &bare, a.Actual(0))))
}

// said names who answers, and with which status.
func said(r *proxy.Rehearsal) string {
	if r.Status != 0 {
		return fmt.Sprint(r.Status)
	}
	return "what the upstream says"
}
