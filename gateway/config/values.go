package config

import (
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file holds the grammar of scalar values. Each parse function returns a value, or a fault whose message is
// not empty.

// fault describes an error in a value whose place is not known yet. The zero fault is no error.
type fault struct{ message, hint string }

// faultf returns a fault without a hint.
func faultf(format string, args ...any) fault { return fault{message: fmt.Sprintf(format, args...)} }

// ByteSize is a number of bytes.
type ByteSize int64

// maxSize keeps sums of sizes far from overflow.
const maxSize ByteSize = 1 << 40

// sizeUnits are the units that sizes are written in, the largest first.
var sizeUnits = []struct {
	suffix string
	bytes  ByteSize
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String returns b in the largest unit that divides it, as it would be written in a file: "16KiB".
func (b ByteSize) String() string {
	for _, u := range sizeUnits {
		if b != 0 && b%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(b/u.bytes), u.suffix)
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// parseSize understands "16KiB", "10MiB", "1GiB" and plain bytes.
func parseSize(s string) (ByteSize, fault) {
	digits, unit := s, ByteSize(1)
	for _, u := range sizeUnits {
		if d, ok := strings.CutSuffix(s, u.suffix); ok {
			digits, unit = d, u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		f := faultf(`%q is not a size: write it such as "16KiB", "10MiB" or plain bytes`, s)
		if i := strings.TrimRight(s, "KMGkmgiIbB"); i != s && isDigits(i) {
			f.hint = fmt.Sprintf(`did you mean "%s%ciB"?`, i, strings.ToUpper(s[len(i):])[0])
			if strings.ToUpper(s[len(i):])[0] == 'B' {
				f.hint = fmt.Sprintf("did you mean %q?", i)
			}
		}
		return 0, f
	}
	if n > uint64(maxSize/unit) {
		return 0, faultf("%q is more than %v", s, maxSize)
	}
	return ByteSize(n) * unit, fault{}
}

// parseDuration understands what time.ParseDuration does, from zero on.
func parseDuration(s string) (time.Duration, fault) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil && isDigits(s):
		return 0, fault{fmt.Sprintf("%q has no unit", s), fmt.Sprintf(`write "%ss" for seconds, "%sms" for milliseconds`, s, s)}
	case err != nil && strings.HasSuffix(s, "d") && isDigits(s[:len(s)-1]) && len(s) < 6:
		days, _ := strconv.Atoi(s[:len(s)-1]) // a few digits
		return 0, fault{fmt.Sprintf("%q is written in days", s), fmt.Sprintf(`write "%dh"`, 24*days)}
	case err != nil:
		return 0, faultf(`%q is not a duration: write it such as "250ms", "10s" or "24h"`, s)
	case d < 0:
		return 0, faultf("%q is negative", s)
	}
	return d, fault{}
}

// parseRatio understands "20%", from 0% to 100%, as 0.2.
func parseRatio(s string) (float64, fault) {
	number, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !percent || strings.Trim(number, "0123456789.") != "" {
		return 0, faultf(`%q is not a share: write it such as "20%%"`, s)
	}
	if v > 100 {
		return 0, faultf("%q is more than 100%%", s)
	}
	return v / 100, fault{}
}

// maxBurst is what a limiter can count ahead, and maxAhead for how long.
const (
	maxBurst = 1_000_000
	maxAhead = maxBurst * time.Hour
)

// rateUnits are the times that rates are written in.
var rateUnits = []struct {
	suffix string
	per    time.Duration
}{{"/s", time.Second}, {"/m", time.Minute}, {"/h", time.Hour}, {"/d", 24 * time.Hour}, {"/month", Month}}

// Month is what a rate takes for one.
const Month = 30 * 24 * time.Hour

// String returns r as it would be written in a file: "100/s".
func (r Rate) String() string {
	for _, u := range rateUnits {
		if r.Per == u.per {
			return strconv.Itoa(r.Events) + u.suffix
		}
	}
	return ""
}

// parseRate understands "100/s", "30/m", "1000/h", "100000/d" and "1000000/month".
func parseRate(s string) (Rate, fault) {
	for _, u := range rateUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok || !isDigits(digits) {
			continue
		}
		n, err := strconv.Atoi(digits)
		switch most := int(min(u.per/time.Microsecond, math.MaxInt)); {
		case err != nil || n > most:
			return Rate{}, faultf("%q is more than %d%s, which would not limit anything", s, most, u.suffix)
		case n == 0:
			return Rate{}, fault{fmt.Sprintf("%q admits nothing", s), "to refuse all requests write respond = { status = 403 } in the route"}
		}
		return Rate{Events: n, Per: u.per}, fault{}
	}
	return Rate{}, faultf(`%q is not a rate: write it such as "100/s", "30/m", "1000/h" or "100000/d"`, s)
}

// parseCollector understands the URL of a collector of traces.
func parseCollector(s string) (string, fault) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", faultf(`%q is not the URL of a collector: write it such as "http://127.0.0.1:4318"`, s)
	}
	base := strings.TrimSuffix(s, "/")
	if short, ok := strings.CutSuffix(base, "/v1/traces"); ok {
		return "", fault{fmt.Sprintf("%q: corsgate adds /v1/traces itself", s), fmt.Sprintf("did you mean %q?", short)}
	}
	return base, fault{}
}

// parseLimitKey understands limit.key.
func parseLimitKey(s string) (string, fault) {
	kind, name, named := strings.Cut(s, ":")
	switch {
	case !named && slices.Contains([]string{"client_ip", "origin", "route", "auth"}, s),
		named && isToken(name) && (kind == "header" || kind == "cookie"), kind == "claim" && name != "":
		return s, fault{}
	}
	return "", faultf(`%q is not one of "client_ip", "origin", "header:NAME", "cookie:NAME", "route", "auth", "claim:NAME"`, s)
}

// parsePrefix understands a CIDR, or a bare address as a network of one.
func parsePrefix(s string) (netip.Prefix, fault) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), fault{}
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, faultf(`%q is not a network: write it such as "10.0.0.0/8", "2001:db8::/32" or "192.0.2.7"`, s)
	case p.Addr().Is4In6():
		return netip.Prefix{}, faultf("%q is an IPv4 network written as IPv6: write the IPv4 network", s)
	case p != p.Masked():
		return netip.Prefix{}, fault{fmt.Sprintf("%q has bits set beyond its prefix length", s), fmt.Sprintf("did you mean %q?", p.Masked())}
	}
	return p, fault{}
}

// parseLevel understands the levels of a log.
func parseLevel(s string) (slog.Level, fault) {
	levels := []string{"debug", "info", "warn", "error"}
	if f := notOneOf(s, levels); f.message != "" {
		return 0, f
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(s)); err != nil {
		panic("BUG: slog does not know its level " + s)
	}
	return level, fault{}
}

// parseAccess understands [log].access: a word, or a share of requests.
func parseAccess(s string) (string, fault) {
	if strings.HasSuffix(s, "%") {
		_, f := parseRatio(s)
		return s, f
	}
	words := []string{"off", "errors", "all"}
	f := notOneOf(s, words)
	if f.message != "" {
		f.message += `, nor a share such as "1%"`
	}
	return s, f
}

// parseHashKey understands upstream.hash_key.
func parseHashKey(s string) (string, fault) {
	_, name, named := strings.Cut(s, ":")
	switch {
	case s == "", s == "client_ip", s == "path":
	case named && isToken(name) && (strings.HasPrefix(s, "header:") || strings.HasPrefix(s, "cookie:")):
	default:
		return "", faultf(`%q is not one of "client_ip", "path", "header:NAME", "cookie:NAME"`, s)
	}
	return s, fault{}
}

// parseMethod understands a method. Lower-case spellings of well-known methods are other methods, and mistakes.
func parseMethod(s string) (string, fault) {
	if !isToken(s) {
		return "", faultf("%q is not a method", s)
	}
	switch upper := strings.ToUpper(s); upper {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS":
		if s != upper {
			return "", fault{fmt.Sprintf("%q: methods are case-sensitive", s), fmt.Sprintf("did you mean %q?", upper)}
		}
	}
	return s, fault{}
}

// parseFieldName understands the name of a header field.
func parseFieldName(s string) (string, fault) {
	if !isToken(s) {
		return "", faultf("%q is not a header name", s)
	}
	return s, fault{}
}

// isToken reports whether s is a token. See RFC 9110, section 5.6.2, Tokens.
func isToken(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// isFieldValue reports whether s is visible ASCII and inner blanks, as a field value may be.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return strings.TrimSpace(s) == s
}

// isName reports whether s can be the name of a table: a bare key of TOML.
func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isNameByte(c byte) bool { return isAlphanumeric(c) || c == '-' || c == '_' }

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
