package config

import (
	"strings"
	"unicode"
)

// Key returns the key of a file that a field of this package's types stands for: "BodyBytes" is body_bytes.
func Key(field string) string {
	switch field {
	case "WebSocketOriginCheck":
		return "websocket_origin_check"
	case "TLSCA":
		return "tls_ca"
	}
	runes := []rune(field)
	var b strings.Builder
	for i, r := range runes {
		// A word begins at an upper-case letter that follows, or is followed by, a lower-case one.
		if i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
