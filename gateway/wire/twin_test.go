package wire_test

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file holds the slow twins of the parsers: strict readers over strings, by Split and by
// regular expressions, that know nothing of increments. Bytes above 0x7f are RuneError to a
// regular expression, which a negated class takes.

const tokenClass = "[!#$%&'*+.^_`|~0-9A-Za-z-]"

var (
	requestLineShape = regexp.MustCompile(`^(` + tokenClass + `{1,24}) ([^\x00-\x20\x7f]+) HTTP/1\.([01])$`)
	statusLineShape  = regexp.MustCompile(`^HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?$`)
	targetShape      = regexp.MustCompile(`^(?:(?i:https?)://([^/?]+))?(/[^?]*)?(\?.*)?$`)
	pathShape        = regexp.MustCompile(`^(?:[!$&'()*+,./0-9:;=@A-Z\[\]^_a-z|~-]|%(?i:[2-689a-f][0-9a-f]|7[0-9a-e]))*$`)
	queryShape       = regexp.MustCompile(`^\?[!$-;=?-~]*$`)
	oddPath          = regexp.MustCompile(`[%;]|//|/\.\.?(/|$)`)
	fieldShape       = regexp.MustCompile(`^(` + tokenClass + `+):([^\x00-\x08\x0a-\x1f\x7f]*)$`)
	looseFieldShape  = regexp.MustCompile(`^(` + tokenClass + `+)[ \t]*:([^\x00-\x08\x0a-\x1f\x7f]*)$`)
	lookalike        = regexp.MustCompile(`[^A-Za-z0-9-]`)
	tokenShape       = regexp.MustCompile(`^` + tokenClass + `+$`)
	hostShape        = regexp.MustCompile(`^([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)
	lengthShape      = regexp.MustCompile(`^(?:0|[1-9][0-9]{0,17})$`)
	looseLengthShape = regexp.MustCompile(`^[0-9]{1,18}$`)
)

// asciiLower is strings.ToLower for ASCII: the latter makes a k of the Kelvin sign.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

type slowField struct {
	name, value string
	id          wire.FieldID
	forwardable bool
}

// A slowMessage is what both kinds of heads have in common.
type slowMessage struct {
	size    int // bytes of the head
	minor   int
	fields  []slowField
	length  int64
	chunked bool
	close   bool
}

type slowRequest struct {
	slowMessage
	method, path, query, host string
	plain, continues, ws      bool
	flawed                    bool
	upgrade                   string
	takes                     bool
}

type slowResponse struct {
	slowMessage
	status int
	reason string
	// upgrade and accept of a switch to another protocol
	upgrade, accept string
}

// slowHead splits s into the lines of its head; ok is false if there is no end within the limit.
func slowHead(s string, lim wire.Limits) (lines []string, size int, ok bool) {
	head, _, ok := strings.Cut(s, "\r\n\r\n")
	size = len(head) + 4
	lines = strings.Split(head, "\r\n")
	return lines, size, ok && size <= lim.HeadBytes && len(lines)-1 <= lim.Fields
}

// slowFields reads the field lines; ok is false if one is malformed.
func (m *slowMessage) slowFields(lines []string, shape *regexp.Regexp) bool {
	for _, line := range lines {
		f := shape.FindStringSubmatch(line)
		if f == nil {
			return false
		}
		m.fields = append(m.fields, slowField{name: f[1], value: strings.Trim(f[2], " \t")})
	}
	return true
}

// values returns the values of all lines of a field.
func (m *slowMessage) values(name string) (values []string) {
	for _, f := range m.fields {
		if asciiLower(f.name) == name {
			values = append(values, f.value)
		}
	}
	return values
}

// members returns the members of all lines of a list field, in lower case and without empty ones.
func (m *slowMessage) members(name string) (members []string) {
	for _, member := range strings.Split(asciiLower(strings.Join(m.values(name), ",")), ",") {
		if member = strings.Trim(member, " \t"); member != "" {
			members = append(members, member)
		}
	}
	return members
}

// framing sets length, chunked and close; ok is false if they are refused.
func (m *slowMessage) framing(length *regexp.Regexp) bool {
	lengths, codings := m.values("content-length"), m.values("transfer-encoding")
	if len(lengths)+len(codings) > 1 {
		return false
	}
	if len(codings) == 1 {
		if m.chunked = asciiLower(codings[0]) == "chunked"; !m.chunked || m.minor == 0 {
			return false
		}
	}
	if len(lengths) == 1 {
		if !length.MatchString(lengths[0]) {
			return false
		}
		m.length, _ = strconv.ParseInt(lengths[0], 10, 64)
	}
	options := m.members("connection")
	m.close = slices.Contains(options, "close") || m.minor == 0 && !slices.Contains(options, "keep-alive")
	return m.hopByHop(options)
}

// hopByHop sets which fields are forwardable; ok is false for too many options.
func (m *slowMessage) hopByHop(options []string) bool {
	never := []string{"connection", "transfer-encoding", "upgrade", "te", "trailer", "keep-alive", "proxy", "proxy-connection",
		"proxy-authenticate", "proxy-authorization", "http2-settings", "content-length"}
	known := []string{"close", "keep-alive", "upgrade"}
	if len(slices.DeleteFunc(slices.Clone(options), func(o string) bool { return slices.Contains(known, o) })) > 16 {
		return false
	}
	for i := range m.fields {
		f := &m.fields[i]
		name := asciiLower(f.name)
		f.id = slowIdentify(name)
		f.forwardable = !slices.Contains(never, name) && (!slices.Contains(options, name) || slices.Contains(known, name))
	}
	return true
}

// slowRequestParse returns nil for what is not a complete acceptable head.
func slowRequestParse(s string, lim wire.Limits) *slowRequest {
	rest, blank := strings.CutPrefix(s, "\r\n")
	if blank {
		lim.HeadBytes -= 2
	}
	lines, size, ok := slowHead(rest, lim)
	if !ok {
		return nil
	}
	line := requestLineShape.FindStringSubmatch(lines[0])
	if line == nil || slices.Contains([]string{"connect", "trace", "track"}, asciiLower(line[1])) {
		return nil
	}
	r := &slowRequest{method: line[1]}
	r.size, r.minor = size+len(s)-len(rest), int(line[3][0]-'0')
	authority, ok := r.slowTarget(line[2])
	if !ok || !r.slowFields(lines[1:], fieldShape) || !r.framing(lengthShape) || !r.slowHost(authority) || !r.slowRest() {
		return nil
	}
	for i := range r.fields {
		f := &r.fields[i]
		if lookalike.MatchString(f.name) {
			f.id = wire.Lookalike
		}
		f.forwardable = f.forwardable && f.id != wire.Lookalike && f.id != wire.Host && f.id != wire.Expect
	}
	return r
}

func (r *slowRequest) slowTarget(t string) (authority string, ok bool) {
	if t == "*" && r.method == "OPTIONS" {
		r.path, r.plain = "*", true
		return "", true
	}
	m := targetShape.FindStringSubmatch(t)
	if m == nil || m[1] == "" && m[2] == "" {
		return "", false
	}
	if r.path, r.query = m[2], m[3]; r.path == "" {
		if r.path = "/"; r.query == "" && r.method == "OPTIONS" {
			r.path = "*"
		}
	}
	whole := pathShape.MatchString(r.path)
	r.plain = whole && !oddPath.MatchString(r.path)
	r.flawed = !whole || r.query != "" && !queryShape.MatchString(r.query)
	return m[1], true
}

func (r *slowRequest) slowHost(authority string) bool {
	hosts := r.values("host")
	switch {
	case len(hosts) == 0:
		return r.minor == 0 && authority == ""
	case len(hosts) > 1 || !slowValidHost(hosts[0]):
		return false
	}
	r.host = hosts[0]
	return authority == "" || asciiLower(authority) == asciiLower(r.host)
}

func slowValidHost(s string) bool {
	m := hostShape.FindStringSubmatch(s)
	if m == nil || len(m[1]) > 255 {
		return false
	}
	if m[2] != "" {
		if port, _ := strconv.Atoi(m[2][1:]); port > 65535 {
			return false
		}
	}
	address, v6 := strings.CutPrefix(m[1], "[")
	return !v6 || net.ParseIP(strings.TrimSuffix(address, "]")) != nil && strings.Contains(address, ":")
}

// slowRest applies the rules about the other fields.
func (r *slowRequest) slowRest() bool {
	content := r.length > 0 || r.chunked
	for _, option := range r.members("connection") {
		if !tokenShape.MatchString(option) {
			return false
		}
	}
	if len(r.values("content-type")) > 1 {
		return false
	}
	if expects := r.values("expect"); len(expects) > 0 && r.minor == 1 {
		if len(expects) > 1 || asciiLower(expects[0]) != "100-continue" {
			return false
		}
		r.continues = content
	}
	r.takes = r.minor == 1 && slices.Contains(r.members("te"), "trailers")
	upgrades := r.values("upgrade")
	if len(upgrades) == 1 && r.minor == 1 && !content && slices.Contains(r.members("connection"), "upgrade") {
		r.upgrade = upgrades[0]
	}
	if !slices.ContainsFunc(upgrades, func(u string) bool { return asciiLower(u) == "websocket" }) ||
		!slices.Contains(r.members("connection"), "upgrade") || r.minor == 0 {
		return true
	}
	r.ws = len(upgrades) == 1 && r.method == "GET" && len(r.values("sec-websocket-key")) == 1
	return !content
}

// slowResponseParse returns nil for what is not a complete acceptable head.
func slowResponseParse(s string, lim wire.Limits) *slowResponse {
	lines, size, ok := slowHead(s, lim)
	if !ok {
		return nil
	}
	line := statusLineShape.FindStringSubmatch(lines[0])
	if line == nil {
		return nil
	}
	r := &slowResponse{reason: line[3]}
	r.size, r.minor, r.length = size, int(line[1][0]-'0'), -1
	r.status, _ = strconv.Atoi(line[2])
	if !r.slowFields(lines[1:], looseFieldShape) || !r.framing(looseLengthShape) {
		return nil
	}
	if upgrades := r.values("upgrade"); len(upgrades) == 1 && r.minor == 1 && slices.Contains(r.members("connection"), "upgrade") {
		r.upgrade = upgrades[0]
	}
	if accepts := r.values("sec-websocket-accept"); len(accepts) == 1 {
		r.accept = accepts[0]
	}
	return r
}
