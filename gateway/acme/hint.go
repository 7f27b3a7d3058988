package acme

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// hints say what to do about the problems that an authority may name. See RFC 8555, section 6.7.
var hints = map[string]string{
	"accountDoesNotExist":     "the authority does not know the account: a new one is created at the next attempt",
	"caa":                     "a CAA record of the domain forbids this authority: change it, or choose another directory",
	"externalAccountRequired": "this authority needs an account created elsewhere (external account binding), which corsgate does not support: choose another directory",
	"invalidContact":          "correct tls.acme.email",
	"rateLimited":             "the authority's rate limit is exceeded: corsgate tries again later, and less often",
	"rejectedIdentifier":      "this authority does not issue certificates for this name: correct tls.acme.domains, or choose another directory",
	"unsupportedContact":      "correct tls.acme.email",
	"userActionRequired":      "the authority wants you to visit a page, which the error names",
}

// unseen is for whatever an authority says that has looked at a name.
const unseen = "the authority must reach this gateway at port 443 of the domain (TLS-ALPN-01), or port 80 (HTTP-01): " +
	"check its A and AAAA records, firewalls, and load balancers in front of the gateway"

// cause returns err without what certmagic has put around what went wrong with an order.
func cause(err error) error {
	var ordered *orderError
	if errors.As(err, &ordered) {
		return ordered.err
	}
	return err
}

// hintFor returns what to do about an error, or "".
func hintFor(err error) string {
	var (
		problem    acme.Problem
		unverified *tls.CertificateVerificationError
		network    *net.OpError
		name       *net.DNSError
		path       *fs.PathError
		syntax     *json.SyntaxError
		ordered    *orderError
	)
	switch {
	case errors.As(err, &problem):
		if hint, ok := hints[strings.TrimPrefix(problem.Type, "urn:ietf:params:acme:error:")]; ok {
			return hint
		}
		if _, ok := problem.Resource.(acme.Authorization); ok {
			return unseen
		}
		return "the authority refuses: its error message has the details"
	case errors.As(err, &unverified):
		return "the directory's own certificate cannot be verified: name the authority's root in tls.acme.root_ca"
	case errors.As(err, &network), errors.As(err, &name), errors.Is(err, context.DeadlineExceeded):
		return "the directory cannot be reached: check the network, DNS and firewalls on the way there"
	case errors.As(err, &path):
		return "corsgate must be able to write to tls.acme.storage"
	case errors.As(err, &syntax), errors.As(err, &ordered):
		return "this is not an answer of an ACME directory: it is unavailable, and corsgate tries again later, or tls.acme.directory is not its URL"
	}
	return ""
}

// Refuses reports whether a directory is known to issue no certificate for a name: a public
// authority, for a name that is not public. See RFC 6761 and RFC 2606.
func Refuses(directory, name string) bool {
	u, err := url.Parse(directory)
	if err != nil || !strings.HasSuffix(u.Hostname(), ".letsencrypt.org") {
		return false
	}
	reserved := []string{".test", ".example", ".invalid", ".onion"}
	return !strings.Contains(name, ".") || certmagic.SubjectIsInternal(name) ||
		slices.ContainsFunc(reserved, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}
