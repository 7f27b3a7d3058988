package proxy

import (
	"encoding/binary"
	"strings"

	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// Seen returns questions that pages have asked lately, at most n: the most frequent of those that were refused, and as far as
// there is room preflights that were allowed. Allowed requests without a preflight leave no trace that could be listed.
func (p *Proxy) Seen(n int) []fetch.Question {
	list := []fetch.Question{}
	for _, r := range p.Refusals() {
		// Half the room: what is allowed, a change could hurt more.
		if r.Route != "" && r.Origin != "" && len(list) < n/2 {
			list = append(list, r.Example)
		}
	}
	s := p.current.Load()
	if s.Preflights == nil {
		return list
	}
	for _, key := range s.Preflights.Recent(n - len(list)) {
		list = append(list, questionOf(s, key))
	}
	return list
}

// questionOf returns the question that a key of the preflight cache stands for; see appendKey.
func questionOf(s *snapshot.Snapshot, key string) fetch.Question {
	r := &s.Config.Routes[binary.BigEndian.Uint32([]byte(key))]
	var values []string
	for rest := key[5:]; rest != ""; {
		end := 2 + int(binary.BigEndian.Uint16([]byte(rest)))
		values, rest = append(values, rest[2:end]), rest[end:]
	}
	last := len(values) - 1
	q := fetch.Question{Origin: values[last], Method: values[0], Headers: []string{}, URL: fetch.ExampleURL(r.Hosts, r.Path), Mode: fetch.ModeCORS}
	for _, line := range values[1:last] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.ToLower(strings.Trim(name, " \t")); name != "" {
				q.Headers = append(q.Headers, name)
			}
		}
	}
	return q
}
