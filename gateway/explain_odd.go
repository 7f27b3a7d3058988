package gateway

import (
	"fmt"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file looks for the edits that origins need which are no web sites: null, file:// and those of extensions.

// What the edits about odd origins permit.
const (
	nobody    = "any site can send the origin null, from a sandboxed frame"
	anyFile   = "every page that a WebView loads from a file has the origin file://"
	everySite = "every site can then read what a signed-in user may see"
	overHTTP  = "anybody on a user's network can be an http origin: better serve the page over https"
)

// ownScheme notes what an origin that is no web site's may be next time.
func (t *trial) ownScheme() {
	switch scheme, _, _ := strings.Cut(t.a.origin, "://"); scheme {
	case "moz-extension", "safari-web-extension":
		t.notes = append(t.notes, fmt.Sprintf(`the browser gives an extension another host in each installation: "%s://*" is all extensions in it`, scheme))
	}
}

func (t *trial) oddOrigin(p *config.CORS) {
	if t.a.origin == "null" && !p.DangerouslyAllowNullOrigin {
		p.DangerouslyAllowNullOrigin = true
		t.change("cors."+p.Name+".dangerously_allow_null_origin", nobody, "write dangerously_allow_null_origin = true in [cors.%s]", p.Name)
	}
	if t.a.origin == "file://" && !p.DangerouslyAllowFileOrigin {
		p.DangerouslyAllowFileOrigin = true
		t.change("cors."+p.Name+".dangerously_allow_file_origin", anyFile, "write dangerously_allow_file_origin = true in [cors.%s]", p.Name)
	}
}

// nullCredentials comes after credentials.
func (t *trial) nullCredentials(p *config.CORS) {
	if t.a.origin == "null" && p.Credentials && !p.DangerouslyReflectAnyOrigin {
		p.DangerouslyReflectAnyOrigin = true
		t.change("cors."+p.Name+".dangerously_reflect_any_origin", everySite, "write dangerously_reflect_any_origin = true in [cors.%s]", p.Name)
	}
}
