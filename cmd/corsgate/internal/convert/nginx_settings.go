package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file carries over the limits, sizes, times and fields of a block.

// nearest returns the directive of a name that holds in a block, or nil.
func (s *scope) nearest(name string) *directive {
	for at := s; at != nil; at = at.outer {
		for _, d := range at.list {
			if d.name() == name {
				return d
			}
		}
	}
	return nil
}

// settings sets what holds for the requests of a block.
func (s *scope) settings(r *route) {
	f := s.file
	if d := s.nearest("client_max_body_size"); d != nil {
		if size := nginxSize(d.arg(1)); size != "" {
			set(&r.settings, "body_bytes", strconv.Quote(size))
		} else {
			f.leave("line %d: client_max_body_size %s", d.line, d.arg(1))
		}
	}
	s.times(r)
	s.guards(r)
	if d := s.nearest("limit_req"); d != nil {
		r.limit = f.limit(d)
	}
	s.responseFields(r)
	s.requestFields(r)
}

var nginxSizes = regexp.MustCompile(`^([1-9][0-9]{0,6})([kKmMgG]?)$`)

// nginxSize returns a size of nginx's as corsgate writes it, or "".
func nginxSize(s string) string {
	m := nginxSizes.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	return m[1] + map[string]string{"": "B", "k": "KiB", "m": "MiB", "g": "GiB"}[strings.ToLower(m[2])]
}

var nginxTimes = regexp.MustCompile(`^([1-9][0-9]{0,5})(ms|s|m|h)?$`)

// times sets the timeouts of the route's upstream, which other routes may share.
func (s *scope) times(r *route) {
	for _, t := range []struct {
		name string
		keys []string
	}{{"proxy_connect_timeout", []string{"connect_timeout"}}, {"proxy_read_timeout", []string{"first_byte_timeout", "idle_timeout"}}} {
		d := s.nearest(t.name)
		if d == nil {
			continue
		}
		m := nginxTimes.FindStringSubmatch(d.arg(1))
		if m == nil || r.upstream == nil {
			s.file.leave("line %d: %s %s", d.line, t.name, d.arg(1))
			continue
		}
		unit := m[2]
		if unit == "" {
			unit = "s"
		}
		for _, key := range t.keys {
			if !set(&r.upstream.settings, key, strconv.Quote(m[1]+unit)) {
				s.file.leave("line %d: %s %s: another location with the same upstream has a different value", d.line, t.name, d.arg(1))
			}
		}
	}
}

var nginxRate = regexp.MustCompile(`^rate=([1-9][0-9]{0,6})r/([sm])$`)

// limitKeys are the keys of zones that corsgate has, too.
var limitKeys = map[string]string{"$binary_remote_addr": "client_ip", "$remote_addr": "client_ip", "$http_origin": "origin"}

// limit returns the limit of a limit_req, or nil if it was not carried over.
func (f *nginxFile) limit(d *directive) *limit {
	var name string
	burst := 0
	for _, w := range d.words[1:] {
		if zone, ok := strings.CutPrefix(w, "zone="); ok {
			name = zone
		}
		if n, ok := strings.CutPrefix(w, "burst="); ok {
			burst, _ = strconv.Atoi(n)
		}
	}
	id := fmt.Sprintf("%s %d", name, burst)
	if l := f.limits[id]; l != nil {
		return l
	}
	zone := f.zones[name]
	var rate []string
	if zone != nil {
		for _, w := range zone.words {
			if m := nginxRate.FindStringSubmatch(w); m != nil {
				rate = m
			}
		}
	}
	if rate == nil || limitKeys[zone.arg(1)] == "" || burst < 0 || burst > 100_000 {
		f.leave("line %d: %s", d.line, oneLine(strings.Join(d.words, " ")))
		if zone != nil {
			f.leave("line %d: %s", zone.line, oneLine(strings.Join(zone.words, " ")))
		}
		return nil
	}
	// nginx admits its burst in addition to the one request that the rate allows.
	l := &limit{name: name, rate: rate[1] + "/" + rate[2], key: limitKeys[zone.arg(1)], burst: burst + 1}
	if burst > 0 && !slices.Contains(d.words, "nodelay") {
		l.notes = []string{fmt.Sprintf("line %d delays the requests of a burst; corsgate admits them at once", d.line)}
	}
	f.limits[id] = l
	f.document.limits = append(f.document.limits, l)
	return l
}

// responseFields sets the fields of responses that are not CORS's.
func (s *scope) responseFields(r *route) {
	var fields []setting
	for _, h := range s.fields() {
		if strings.HasPrefix(h.name, "access-control-") || h.name == "vary" {
			continue
		}
		if v := constant(h.value); v != "" && fieldName.MatchString(h.name) && !slices.Contains(gatewayFields, h.name) {
			set(&fields, h.name, v)
		} else {
			s.file.leave("line %d: the response field %s: %s", h.line, h.name, h.value)
		}
	}
	setFields(r, "response_set_headers", fields)
}

// requestFields sets the fields of requests to the upstream.
func (s *scope) requestFields(r *route) {
	var fields []setting
	for at := s; at != nil && len(fields) == 0; at = at.outer {
		for _, d := range at.list {
			name := strings.ToLower(d.arg(1))
			if v := constant(d.arg(2)); d.name() == "proxy_set_header" && v != "" && fieldName.MatchString(name) && !slices.Contains(forwardedByItself, name) && !slices.Contains(gatewayFields, name) {
				set(&fields, name, v)
			}
		}
	}
	setFields(r, "request_set_headers", fields)
}

var fieldName = regexp.MustCompile(`^[a-z0-9-]+$`)

// gatewayFields are those that corsgate writes itself, and no configuration may set.
var gatewayFields = []string{"connection", "content-length", "date", "expect", "host", "keep-alive", "origin", "proxy-authenticate", "proxy-authorization",
	"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "via", "http2-settings", "forwarded", "traceparent", "tracestate", "x-request-id", "timing-allow-origin", "cross-origin-resource-policy"}

// setFields sets a table of fields.
func setFields(r *route, key string, fields []setting) {
	if len(fields) == 0 {
		return
	}
	entries := make([]string, len(fields))
	for i, f := range fields {
		entries[i] = canonical(f.key) + " = " + strconv.Quote(f.value)
	}
	set(&r.settings, key, "{ "+strings.Join(entries, ", ")+" }")
}

// canonical returns a field name as it is usually written.
func canonical(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}
