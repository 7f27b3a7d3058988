package cors

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/corsgate/corsgate/matcher"
)

// A Config is one policy as an operator writes it, the table [cors.NAME].
type Config struct {
	// Origins are the patterns of the origins that responses are shared with. Required, unless
	// FileOrigins contains some; ["*"] is any origin.
	Origins []string
	// FileOrigins are further patterns, from a file that the table names: problems call them
	// "origins_file". There may be a million of them. Optional; with any, Origins may be empty.
	FileOrigins []string
	// Methods are those allowed beyond GET, HEAD and POST; "*" is any. Optional.
	Methods []string
	// RequestHeaders are the header names that a page may set; "*" is any name, and includes
	// Authorization only in a policy with Credentials. Optional.
	RequestHeaders []string
	// ExposeHeaders are the response-header names that a page may read; "*", without
	// Credentials only, is any. Optional.
	ExposeHeaders []string
	// Credentials shares responses with requests that carry cookies, client certificates or
	// HTTP authentication.
	Credentials bool
	// MaxAge is how long browsers may cache a preflight, whole seconds up to 24 h. Nil: the
	// field is not sent.
	MaxAge *time.Duration
	// PreflightStatus is the status of an allowed preflight, 200 to 299. Zero means 204.
	PreflightStatus int
	// DeniedBlock asks the gateway to refuse actual requests of denied origins instead of
	// forwarding them.
	DeniedBlock bool
	// UpstreamCORS says what happens to the upstream's own CORS fields: "override",
	// "merge_expose" or "passthrough". Empty means "override".
	UpstreamCORS string
	// PrivateNetwork answers the retired Access-Control-Request-Private-Network.
	PrivateNetwork bool
	// TimingAllowOrigin sets Timing-Allow-Origin for allowed origins.
	TimingAllowOrigin bool
	// ResourcePolicy is the value of Cross-Origin-Resource-Policy on every response:
	// "same-origin", "same-site" or "cross-origin". Empty: the field is not set.
	ResourcePolicy string
	// WebSocketOriginCheck asks the gateway to let only allowed origins open WebSockets.
	WebSocketOriginCheck bool
	// PreflightHeaders are further fields of every answer to a preflight, allowed or refused,
	// by name. Vary among them is merged with the policy's own; see [New] for those that are
	// not to be set. Optional.
	PreflightHeaders map[string]string
	// RefusedPreflight is the status of the answer to a preflight of an allowed origin whose method
	// or header name is refused: 403, or 204 with the lists of what is allowed, so that the browser
	// can name the one that is missing. Zero means 403.
	RefusedPreflight int
	// ExposeOnPreflight sets Access-Control-Expose-Headers on allowed preflights, too. Browsers
	// ignore it there.
	ExposeOnPreflight bool

	// AllowNullOrigin permits "null" among Origins, which any sandboxed document can be. With
	// Credentials that takes ReflectAnyOrigin, too.
	AllowNullOrigin bool
	// AllowFileOrigin permits "file://" among Origins, which some WebViews send for pages from
	// files.
	AllowFileOrigin bool
	// AllowHTTPOrigins permits http:// patterns off loopback with Credentials: a network
	// attacker can impersonate those.
	AllowHTTPOrigins bool
	// AllowPublicSuffixes permits wildcards right under a public suffix with Credentials: anyone
	// can register such a name.
	AllowPublicSuffixes bool
	// ReflectAnyOrigin permits "*" among Origins with Credentials: every Origin but "null" is
	// then echoed. "null" among Origins with Credentials needs it too.
	ReflectAnyOrigin bool
}

// A Policy decides which responses are shared with which origins. It is immutable and safe for
// concurrent use.
//
// New decides and renders everything that does not depend on a request. A request then costs
// one lookup of its origin, comparisons of its method and names, and copies of finished lines
// around its own Origin: about 260 ns for a preflight, without an allocation.
//
//	Config ──New──► Policy ─┬─ origins, methods, headers    compared with the request
//	                        └─ …Line, …End                  appended to the response as they are
type Policy struct {
	origins *matcher.Set
	static  bool // "*" without credentials: no answer depends on the value of Origin
	null    bool // the opaque origin is allowed

	credentials   bool
	methods       []string            // normalized, without "*"; the safelisted ones are always in it
	anyMethod     bool                // "*" is listed
	headers       map[string]struct{} // lower case, at most maxHeaderName bytes each
	anyHeader     bool                // "*" is listed
	authorization bool                // Authorization may be requested

	status          int
	refused         [NumReasons]int // the status of a preflight, by the reason of its refusal
	block           bool
	passthrough     bool
	mergeExpose     bool
	privateNetwork  bool
	timing          bool
	webSocketOrigin bool

	// Rendered by New: complete field lines, or empty.
	credentialsLine string
	methodsLine     string // empty with credentials and anyMethod: the requested method is echoed
	headersLine     string // empty with credentials and anyHeader: the requested names are echoed
	maxAgeLine      string
	exposeLine      string
	resourceLine    string
	allowedEnd      string // Vary and the fields after it
	refusedEnd      string // the same for refusals

	expose string // the value of exposeLine
}

// New compiles cfg. It reports everything that is wrong with it or worth a warning, in the
// order of Config's fields; the policy is nil if any of that is more than a warning. Of many
// wrong FileOrigins it reports some and counts the rest. It keeps no slice of cfg. It works on
// all processors where there are many origins, and for about a second per million.
func New(cfg Config) (*Policy, []Problem) {
	c := &checker{cfg: &cfg}
	origins, null := c.origins()
	judged := !c.failed
	methods := c.methods()
	headers := c.requestHeaders()
	expose := c.exposeHeaders()
	c.scalars()
	c.preflightHeaders()
	// The dangers that some origin needs are known only if all origins could be read.
	if judged {
		c.unneeded()
	}
	if c.failed {
		return nil, c.problems
	}
	p := &Policy{
		origins:         origins,
		credentials:     cfg.Credentials,
		methods:         []string{"GET", "HEAD", "POST"},
		headers:         make(map[string]struct{}, len(headers)),
		status:          cfg.PreflightStatus,
		block:           cfg.DeniedBlock,
		passthrough:     cfg.UpstreamCORS == "passthrough",
		mergeExpose:     cfg.UpstreamCORS == "merge_expose",
		privateNetwork:  cfg.PrivateNetwork,
		timing:          cfg.TimingAllowOrigin,
		webSocketOrigin: cfg.WebSocketOriginCheck,
	}
	if p.status == 0 {
		p.status = 204
	}
	// With credentials "*" is not a wildcard (CORS check, step 3), so the answer names the
	// origin and varies.
	p.static = p.origins.Any() && !p.credentials
	p.null = p.static || null
	for _, m := range methods {
		if m == "*" {
			p.anyMethod = true
		} else {
			p.methods = append(p.methods, m)
		}
	}
	// With "*" among them the map is not asked: see checkHeader.
	for _, h := range headers {
		p.headers[strings.ToLower(h)] = struct{}{}
		p.anyHeader = p.anyHeader || h == "*"
		p.authorization = p.authorization || equalFold(h, "Authorization")
	}
	p.render(&cfg, methods, headers, expose)
	p.refuse(cfg.RefusedPreflight == 204)
	return p, c.problems
}

// render writes down everything that no request changes. Lists are sent in full, not reduced to
// the requested names: a browser creates a cache entry for each member (CORS-preflight fetch,
// steps 7.12 to 7.15) and sends fewer preflights. It also makes the answer the same for all
// requests of a policy, which is what lets a cache keep one copy.
func (p *Policy) render(cfg *Config, methods, headers, expose []string) {
	if p.credentials {
		p.credentialsLine = "Access-Control-Allow-Credentials: true\r\n"
	}
	switch {
	// "*" as such is only understood without credentials (CORS-preflight fetch, step 7.5).
	case p.anyMethod && !p.credentials:
		p.methodsLine = line("Access-Control-Allow-Methods", "*")
	case !p.anyMethod:
		p.methodsLine = line("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	}
	switch {
	// Step 7.6: Authorization is a CORS non-wildcard request-header name, so "*" does not cover
	// it.
	case p.anyHeader && !p.credentials && p.authorization:
		p.headersLine = line("Access-Control-Allow-Headers", "*, Authorization")
	case p.anyHeader && !p.credentials:
		p.headersLine = line("Access-Control-Allow-Headers", "*")
	case !p.anyHeader:
		p.headersLine = line("Access-Control-Allow-Headers", strings.Join(headers, ", "))
	}
	if cfg.MaxAge != nil {
		p.maxAgeLine = line("Access-Control-Max-Age", strconv.FormatInt(int64(*cfg.MaxAge/time.Second), 10))
	}
	p.expose = strings.Join(expose, ", ")
	// "*" with other names: New has warned about them, and "*" alone means the same in fewer bytes.
	for _, name := range expose {
		if name == "*" {
			p.expose = "*"
		}
	}
	p.exposeLine = line("Access-Control-Expose-Headers", p.expose)
	p.resourceLine = line("Cross-Origin-Resource-Policy", cfg.ResourcePolicy)

	// HTTP does not let caches store answers to OPTIONS (RFC 9110, section 9.3.7), but
	// CDNs cache it when told to: then these are the fields that they must tell requests apart
	// by.
	vary := "Access-Control-Request-Method, Access-Control-Request-Headers"
	if !p.static {
		vary = "Origin, " + vary
	}
	if p.privateNetwork {
		vary += ", Access-Control-Request-Private-Network"
	}
	var written [][]byte
	extra := ""
	for _, name := range slices.Sorted(maps.Keys(cfg.PreflightHeaders)) {
		if value := cfg.PreflightHeaders[name]; equalFold(name, "Vary") {
			written = append(written, []byte(value))
		} else {
			extra += line(name, value)
		}
	}
	p.refusedEnd = string(AppendVary(nil, written, vary)) + extra
	p.allowedEnd = p.refusedEnd
	if cfg.ExposeOnPreflight {
		p.allowedEnd += p.exposeLine
	}
}

// line returns a field line, or nothing for an empty value: an absent field and an empty one
// mean the same to a browser, and the absent one needs no explanation.
func line(name, value string) string {
	if value == "" {
		return ""
	}
	return name + ": " + value + "\r\n"
}

// VaryOrigin reports whether every response of a route with this policy depends on Origin, also
// those to requests without one. See Fetch, "CORS protocol and HTTP caches".
func (p *Policy) VaryOrigin() bool { return !p.static }

// PreflightStatus returns the status code of an allowed preflight.
func (p *Policy) PreflightStatus() int { return p.status }

// RefusedStatus returns the status code of a preflight that is refused for reason: 403, or 204
// where the answer names what is allowed; see [Config].
func (p *Policy) RefusedStatus(reason Reason) int { return p.refused[reason] }

// Passthrough reports whether the upstream owns CORS: it is sent the preflights, and its
// responses are left alone. What the gateway itself answers on such a route is still shared by
// this policy.
func (p *Policy) Passthrough() bool { return p.passthrough }

// MergeExpose reports whether the names that an upstream exposes are added to the policy's: see
// [Policy.AppendExposing].
func (p *Policy) MergeExpose() bool { return p.mergeExpose }

// Block reports whether actual requests of denied origins are refused rather than forwarded.
func (p *Policy) Block() bool { return p.block }

// PrivateNetwork reports whether Access-Control-Request-Private-Network is answered, so that
// the response to a preflight depends on it.
func (p *Policy) PrivateNetwork() bool { return p.privateNetwork }

// WebSocketOriginCheck reports whether a WebSocket handshake needs an allowed origin.
func (p *Policy) WebSocketOriginCheck() bool { return p.webSocketOrigin }

// Credentials reports whether responses are shared with credentialed requests.
func (p *Policy) Credentials() bool { return p.credentials }

// Owns reports whether name, in any case, is a response field that only this policy sets: an
// [OwnedField], or Timing-Allow-Origin or Cross-Origin-Resource-Policy if the policy sets
// those.
func (p *Policy) Owns(name []byte) bool {
	return OwnedField(name) ||
		p.timing && equalFold(name, "Timing-Allow-Origin") ||
		p.resourceLine != "" && equalFold(name, "Cross-Origin-Resource-Policy")
}
