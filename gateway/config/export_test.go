package config

// Doors to what is not exported.
var (
	ParseDuration   = door(parseDuration)
	ParseSize       = door(parseSize)
	ParseRatio      = door(parseRatio)
	ParsePrefix     = door(parsePrefix)
	ParseAddress    = door(parseAddress)
	ParseAdmin      = door(parseAdmin)
	ParseEndpoint   = door(parseEndpoint)
	ParseRouteHost  = door(parseRouteHost)
	ParseHostField  = door(parseHostField)
	ParseMethod     = door(parseMethod)
	ParsePath       = door(parsePath)
	ParseRedirectTo = door(parseRedirectTo)
	ParseAccess     = door(parseAccess)
	ParseHashKey    = door(parseHashKey)
	Distance        = distance
)

// door makes the two strings of a fault visible.
func door[T any](parse func(string) (T, fault)) func(string) (T, string, string) {
	return func(s string) (T, string, string) {
		v, f := parse(s)
		return v, f.message, f.hint
	}
}

// Place is a place of a key, for tests.
type Place struct {
	Order    int
	Line     int
	Elements []int
}

// Locate returns all places of a text, or nil if it exceeds a bound.
func Locate(text []byte) map[string]Place {
	p := locate(text)
	if p.over.line > 0 {
		return nil
	}
	all := map[string]Place{}
	for key, at := range p.at {
		all[key] = Place{at.order, at.line, at.elements}
	}
	return all
}

// JoinKey is joinKey.
func JoinKey(path, key string) string { return joinKey(path, key) }
