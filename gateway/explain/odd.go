package explain

import (
	"regexp"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file looks for the edits needed by origins that are not web sites: null, file:// and those
// of extensions.

// What the edits about odd origins permit.
const (
	nobody    = "any site can send the origin null, from a sandboxed frame"
	anyFile   = "every page that a WebView loads from a file has the origin file://"
	everySite = "every site can then read what a signed-in user may see"
	overHTTP  = "anyone on a user's network can impersonate an http origin: serve the page over https instead"
)

// installedOrigin returns the pattern that allows an origin, and what to know of it. The host of an extension is made up at each
// installation in Firefox and Safari, so one of them would allow one user; in Chromium it is the extension's own.
func installedOrigin(origin string) (pattern, warning string) {
	scheme, host, _ := strings.Cut(origin, "://")
	if scheme == "moz-extension" || scheme == "safari-web-extension" || scheme != "http" && scheme != "https" && uuid.MatchString(host) {
		return scheme + "://*", "every extension of that browser can then send requests: each installation of an extension has a different host, so none can be listed alone"
	}
	return origin, ""
}

var uuid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func (t *editSearch) oddOrigin(p *config.CORS) {
	if t.a.Origin == "null" && !p.DangerouslyAllowNullOrigin {
		p.DangerouslyAllowNullOrigin = true
		t.change("cors."+p.Name+".dangerously_allow_null_origin", nobody, "write dangerously_allow_null_origin = true in [cors.%s]", p.Name)
	}
	if t.a.Origin == "file://" && !p.DangerouslyAllowFileOrigin {
		p.DangerouslyAllowFileOrigin = true
		t.change("cors."+p.Name+".dangerously_allow_file_origin", anyFile, "write dangerously_allow_file_origin = true in [cors.%s]", p.Name)
	}
}

// nullCredentials comes after credentials.
func (t *editSearch) nullCredentials(p *config.CORS) {
	if t.a.Origin == "null" && p.Credentials && !p.DangerouslyReflectAnyOrigin {
		p.DangerouslyReflectAnyOrigin = true
		t.change("cors."+p.Name+".dangerously_reflect_any_origin", everySite, "write dangerously_reflect_any_origin = true in [cors.%s]", p.Name)
	}
}
