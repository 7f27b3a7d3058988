package cors

// This file holds the dangers that a Config can permit by a flag of its own. An origin that is one is an error without
// its flag and a warning with it, so that it stays visible; a flag that no origin needs is a warning too, because it
// waits for the day when somebody adds one.

// danger is a set of dangers.
type danger uint8

const (
	nullOrigin danger = 1 << iota
	plainHTTP
	suffixes
	reflectAny
)

// flags are the keys that permit a danger.
var flags = []struct {
	danger    danger
	key       string
	permitted func(*Config) bool
	unneeded  string // why no origin can be it
	concerns  bool   // only policies with credentials
}{
	{nullOrigin, "dangerously_allow_null_origin", func(c *Config) bool { return c.AllowNullOrigin },
		`"null" is not among the origins`, false},
	{plainHTTP, "dangerously_allow_http_origins", func(c *Config) bool { return c.AllowHTTPOrigins },
		"no origin is http:// and off loopback", true},
	{suffixes, "dangerously_allow_public_suffixes", func(c *Config) bool { return c.AllowPublicSuffixes },
		"no origin is a wildcard below a public suffix", true},
	{reflectAny, "dangerously_reflect_any_origin", func(c *Config) bool { return c.ReflectAnyOrigin },
		`"*" is not among the origins`, true},
}

// endanger reports an origin that is d: a warning if that is permitted. hint says what else to write.
func (c *checker) endanger(d danger, key string, index int, hint, format string, args ...any) {
	c.needed |= d
	for _, f := range flags {
		switch {
		case f.danger != d:
		case f.permitted(c.cfg):
			c.warn(key, index, "", format, args...)
		default:
			c.fail(key, index, hint+"; "+f.key+" = true accepts the risk", format, args...)
		}
	}
}

// unneeded warns of flags without effect. Precondition: all origins were judged.
func (c *checker) unneeded() {
	for _, f := range flags {
		switch {
		case !f.permitted(c.cfg) || c.needed&f.danger != 0:
		case f.concerns && !c.cfg.Credentials:
			c.warn(f.key, -1, "remove it", "has no effect: it is about credentials, which this policy does not share")
		default:
			c.warn(f.key, -1, "remove it", "has no effect: %s", f.unneeded)
		}
	}
}
