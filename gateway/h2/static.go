package h2

import "github.com/corsgate/corsgate/gateway/wire"

type tableField struct{ name, value string }

// staticFields is the static table. See RFC 7541, appendix A.
var staticFields = [...]tableField{
	{":authority", ""}, {":method", "GET"}, {":method", "POST"}, {":path", "/"}, {":path", "/index.html"}, {":scheme", "http"},
	{":scheme", "https"}, {":status", "200"}, {":status", "204"}, {":status", "206"}, {":status", "304"}, {":status", "400"},
	{":status", "404"}, {":status", "500"}, {"accept-charset", ""}, {"accept-encoding", "gzip, deflate"}, {"accept-language", ""},
	{"accept-ranges", ""}, {"accept", ""}, {"access-control-allow-origin", ""}, {"age", ""}, {"allow", ""}, {"authorization", ""},
	{"cache-control", ""}, {"content-disposition", ""}, {"content-encoding", ""}, {"content-language", ""}, {"content-length", ""},
	{"content-location", ""}, {"content-range", ""}, {"content-type", ""}, {"cookie", ""}, {"date", ""}, {"etag", ""}, {"expect", ""},
	{"expires", ""}, {"from", ""}, {"host", ""}, {"if-match", ""}, {"if-modified-since", ""}, {"if-none-match", ""}, {"if-range", ""},
	{"if-unmodified-since", ""}, {"last-modified", ""}, {"link", ""}, {"location", ""}, {"max-forwards", ""}, {"proxy-authenticate", ""},
	{"proxy-authorization", ""}, {"range", ""}, {"referer", ""}, {"refresh", ""}, {"retry-after", ""}, {"server", ""}, {"set-cookie", ""},
	{"strict-transport-security", ""}, {"transfer-encoding", ""}, {"user-agent", ""}, {"vary", ""}, {"via", ""}, {"www-authenticate", ""},
}

// staticSize is how many entries the static table has. Their indexes begin with 1.
const staticSize = len(staticFields)

// A line is a field as a table holds it: ready to be copied to a head of HTTP/1.1, with
// everything that its validation found.
type line struct {
	text []byte // "name: value\r\n"
	name int    // length of the name
	kind kind
	id   wire.FieldID
	bad  bool // malformed wherever it stands
}

func (l *line) value() []byte { return l.text[l.name+2 : len(l.text)-2] }

// staticLines is the static table by index, as lines; index 0 is invalid (RFC 7541, section
// 6.1).
var staticLines = append(make([]line, 1), linesOf(staticFields[:])...)

// linesOf returns the fields of a table as lines.
func linesOf(fields []tableField) []line {
	lines := make([]line, len(fields))
	for i, f := range fields {
		k := kindOf([]byte(f.name))
		lines[i] = line{
			text: []byte(f.name + ": " + f.value + "\r\n"), name: len(f.name), kind: k,
			id: wire.IdentifyRequest([]byte(f.name)), bad: !k.takes([]byte(f.value)),
		}
	}
	return lines
}
