package libraries

import (
	"bytes"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// This file holds the requests, hostile ones among them, and the judge: a browser.

// A request is a row of the benchmarks.
type request struct {
	name    string
	method  string
	origin  string
	acrm    string // Access-Control-Request-Method; "": not sent
	acrh    string // Access-Control-Request-Headers; "": not sent
	allowed bool   // what a browser must make of the answer
}

// origins returns n exact origins.
func origins(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("https://app%d.example.com", i)
	}
	return list
}

// requests returns the rows for n origins; the allowed origin stands in the middle of the list.
func requests(n int) []request {
	good, evil := fmt.Sprintf("https://app%d.example.com", n/2), "https://evil.example.org"
	preflight := func(name, origin, acrm, acrh string, allowed bool) request {
		return request{name, http.MethodOptions, origin, acrm, acrh, allowed}
	}
	return []request{
		preflight("preflight-allowed", good, "PUT", "authorization,content-type", true),
		preflight("preflight-denied-origin", evil, "PUT", "authorization,content-type", false),
		preflight("preflight-denied-method", good, "PURGE", "", false),
		preflight("preflight-denied-header", good, "PUT", "authorization,x-evil", false),
		preflight("hostile-commas", good, "PUT", "authorization"+strings.Repeat(",", 4000)+"x-evil", false),
		preflight("hostile-names", good, "PUT", strings.Repeat("x-evil,", 500)+"x-evil", false),
		preflight("hostile-name", good, "PUT", strings.Repeat("x", 4000), false),
		preflight("hostile-blanks", good, "PUT", "authorization"+strings.Repeat(" ", 4000)+",x-evil", false),
		preflight("hostile-origin", "https://"+strings.Repeat("a.", 2000)+"example.com", "PUT", "", false),
		{"actual-allowed", http.MethodGet, good, "", "", true},
		{"actual-denied-suffix", http.MethodGet, good + ".evil.example.org", "", "", false},
		{"actual-denied", http.MethodGet, evil, "", "", false},
	}
}

// netHTTP returns r as net/http's server would hand it over.
func (r request) netHTTP() *http.Request {
	req, err := http.NewRequest(r.method, "http://api.example.com/api/users", nil)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	req.Header.Set("Origin", r.origin)
	if r.acrm != "" {
		req.Header.Set("Access-Control-Request-Method", r.acrm)
	}
	if r.acrh != "" {
		req.Header.Set("Access-Control-Request-Headers", r.acrh)
	}
	return req
}

// raw returns r as it stands on a connection.
func (r request) raw() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s /api/users HTTP/1.1\r\nHost: api.example.com\r\n", r.method)
	r.netHTTP().Header.Write(&b) // a buffer
	b.WriteString("\r\n")
	return b.Bytes()
}

// parseLines parses rendered field lines.
func parseLines(lines []byte) http.Header {
	h := http.Header{}
	for line := range bytes.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), ": ")
		h.Add(textproto.CanonicalMIMEHeaderKey(name), value)
	}
	return h
}

// allows reports whether a browser that sent r without credentials lets the page have its way.
//
// See Fetch, "CORS check" and "CORS-preflight fetch". A library may thus answer every preflight with its lists, or
// refuse those that the lists do not allow: to a browser it is the same.
func allows(r request, answer http.Header) bool {
	if share := answer["Access-Control-Allow-Origin"]; len(share) != 1 || share[0] != "*" && share[0] != r.origin {
		return false
	}
	if r.method != http.MethodOptions {
		return true
	}
	safe := []string{"GET", "HEAD", "POST"}
	if !slices.Contains(safe, r.acrm) && !slices.Contains(members(answer, "Access-Control-Allow-Methods"), r.acrm) {
		return false
	}
	allowed := members(answer, "Access-Control-Allow-Headers")
	for _, name := range members(http.Header{"Acrh": {r.acrh}}, "Acrh") {
		if !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, name) }) {
			return false
		}
	}
	return true
}

// members returns the elements of a list field, without empty ones.
func members(h http.Header, name string) (list []string) {
	for _, value := range h[name] {
		for element := range strings.SplitSeq(value, ",") {
			if element = strings.Trim(element, " \t"); element != "" {
				list = append(list, element)
			}
		}
	}
	return list
}
