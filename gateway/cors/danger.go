package cors

import "strings"

// This file lists the dangers that a Config can permit by a flag. Such an origin is an error
// without its flag and a warning with it, so that it stays visible; a flag that no origin needs
// is a warning too, because it would take effect unnoticed on the day when such an origin is
// added.
//
//	            flag not set     flag set
//	origin      error            warning, at every load
//	no origin   –                warning: remove the flag

// danger is a set of dangers.
type danger uint8

// The dangers, by who can be such an origin:
//
//	nullOrigin   any site, with a sandboxed frame
//	plainHTTP    anyone on the network between a user and the server
//	suffixes     anyone who registers a name below the suffix, or publishes at the hosting service
//	reflectAny   any site at all
//	fileOrigin   any page that a WebView loads from a file, such as a download
const (
	nullOrigin danger = 1 << iota
	plainHTTP
	suffixes
	reflectAny
	fileOrigin
)

// flags are the keys that permit a danger.
var flags = []struct {
	danger    danger
	key       string
	permitted func(*Config) bool
	unneeded  string // why no origin is dangerous in this way
	concerns  bool   // only policies with credentials
}{
	{nullOrigin, "dangerously_allow_null_origin", func(c *Config) bool { return c.AllowNullOrigin },
		`"null" is not among the origins`, false},
	{plainHTTP, "dangerously_allow_http_origins", func(c *Config) bool { return c.AllowHTTPOrigins },
		"no origin is http:// except on loopback", true},
	{suffixes, "dangerously_allow_public_suffixes", func(c *Config) bool { return c.AllowPublicSuffixes },
		"no origin is a wildcard below a public suffix", true},
	{reflectAny, "dangerously_reflect_any_origin", func(c *Config) bool { return c.ReflectAnyOrigin },
		`neither "*" nor "null" is among the origins`, true},
	{fileOrigin, "dangerously_allow_file_origin", func(c *Config) bool { return c.AllowFileOrigin },
		`"file://" is not among the origins`, false},
}

// flag reports an origin that is all of d: a warning if that is permitted. hint says what to
// write instead; the flag is named after it, as the last resort.
func (c *checker) flag(d danger, key string, index int, hint, format string, args ...any) {
	c.needed |= d
	var missing []string
	for _, f := range flags {
		if d&f.danger != 0 && !f.permitted(c.cfg) {
			missing = append(missing, f.key+" = true")
		}
	}
	switch len(missing) {
	case 0:
		c.warn(key, index, "", format, args...)
	case 1:
		c.fail(key, index, hint+"; "+missing[0]+" accepts the risk", format, args...)
	default:
		c.fail(key, index, hint+"; "+strings.Join(missing, " and ")+" accept the risk", format, args...)
	}
}

// unneeded warns of flags without effect. A flag that stays after its origin was removed would
// permit the next such origin silently. Precondition: all origins were judged.
func (c *checker) unneeded() {
	for _, f := range flags {
		switch {
		case !f.permitted(c.cfg) || c.needed&f.danger != 0:
		case f.concerns && !c.cfg.Credentials:
			c.warn(f.key, -1, "remove it", "has no effect: it concerns credentials, which this policy does not allow")
		default:
			c.warn(f.key, -1, "remove it", "has no effect: %s", f.unneeded)
		}
	}
}
