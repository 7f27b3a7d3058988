package browser_test

import "strings"

// columns are pages, and what each asks.
var columns = []struct{ name, page, url string }{
	{"app", app, api443 + "/app"},                                    // the one origin, with credentials
	{"any", foreign, api443 + "/any"},                                // "*", any header
	{"subdomain", "https://a.b.apps.test", api443 + "/subdomains"},   // https://*.apps.test, with credentials
	{"apex", "https://apps.test", api443 + "/subdomains"},            // the same pattern does not match it
	{"port", "http://localhost:3000", "http://api.localhost/ports"},  // http://localhost:*
	{"preview", "https://pr-7.preview.test", api443 + "/previews"},   // https://pr-*.preview.test, any method
	{"dots", "https://pr-7.x.preview.test", api443 + "/previews"},    // the same pattern does not match it
	{"echo", app, api443 + "/echo"},                                  // any method and header, with credentials
	{"foreign", foreign, api443 + "/app"},                            // not in the policy
	{"otherport", "https://app.corsgate.test:8443", api443 + "/app"}, // the same host is another origin
	{"otherscheme", "http://app.corsgate.test", api80 + "/app"},      // likewise
}

// The cells of the grid:
//
//	ok    the page reads the response
//	pre   it does so after a preflight
//	lost  the request reaches the API, but the page cannot read the response
//	no    the preflight is refused: nothing reaches the API
const gridText = `
                             app  any  subdomain apex port preview dots echo foreign otherport otherscheme
GET    -             omit    ok   ok   ok        lost ok   ok      lost ok   lost    lost      lost
GET    -             include ok   lost ok        lost lost lost    lost ok   lost    lost      lost
GET    X-Client      omit    pre  pre  pre       no   pre  no      no   pre  no      no        no
GET    X-Client      include pre  no   pre       no   no   no      no   pre  no      no        no
GET    X-Debug       omit    no   pre  no        no   no   no      no   pre  no      no        no
GET    X-Debug       include no   no   no        no   no   no      no   pre  no      no        no
GET    Authorization omit    pre  no   no        no   no   no      no   pre  no      no        no
GET    Authorization include pre  no   no        no   no   no      no   pre  no      no        no
POST   -             omit    ok   ok   ok        lost ok   ok      lost ok   lost    lost      lost
POST   -             include ok   lost ok        lost lost lost    lost ok   lost    lost      lost
POST   X-Client      omit    pre  pre  pre       no   pre  no      no   pre  no      no        no
POST   X-Client      include pre  no   pre       no   no   no      no   pre  no      no        no
POST   X-Debug       omit    no   pre  no        no   no   no      no   pre  no      no        no
POST   X-Debug       include no   no   no        no   no   no      no   pre  no      no        no
POST   Authorization omit    pre  no   no        no   no   no      no   pre  no      no        no
POST   Authorization include pre  no   no        no   no   no      no   pre  no      no        no
PUT    -             omit    pre  pre  pre       no   pre  pre     no   pre  no      no        no
PUT    -             include pre  no   pre       no   no   no      no   pre  no      no        no
PUT    X-Client      omit    pre  pre  pre       no   pre  no      no   pre  no      no        no
PUT    X-Client      include pre  no   pre       no   no   no      no   pre  no      no        no
PUT    X-Debug       omit    no   pre  no        no   no   no      no   pre  no      no        no
PUT    X-Debug       include no   no   no        no   no   no      no   pre  no      no        no
PUT    Authorization omit    pre  no   no        no   no   no      no   pre  no      no        no
PUT    Authorization include pre  no   no        no   no   no      no   pre  no      no        no
DELETE -             omit    no   no   no        no   no   pre     no   pre  no      no        no
DELETE -             include no   no   no        no   no   no      no   pre  no      no        no
DELETE X-Client      omit    no   no   no        no   no   no      no   pre  no      no        no
DELETE X-Client      include no   no   no        no   no   no      no   pre  no      no        no
DELETE X-Debug       omit    no   no   no        no   no   no      no   pre  no      no        no
DELETE X-Debug       include no   no   no        no   no   no      no   pre  no      no        no
DELETE Authorization omit    no   no   no        no   no   no      no   pre  no      no        no
DELETE Authorization include no   no   no        no   no   no      no   pre  no      no        no
`

// grid returns a case for each cell.
func grid() (cases []*testCase) {
	lines := strings.Split(strings.TrimSpace(gridText), "\n")
	for _, line := range lines[1:] {
		words := strings.Fields(line)
		method, header, credentials := words[0], words[1], words[2]
		for i, column := range columns {
			c := &testCase{
				name:        column.name + ": " + method + " " + header + " " + credentials,
				page:        column.page,
				ask:         method + " " + column.url,
				Credentials: credentials == "include",
			}
			if header != "-" {
				c.Headers = []string{header + ": x"}
			}
			if method == "POST" || method == "PUT" {
				c.Body = "text"
			}
			c.verdict, c.preflights, c.reached = cell(words[3+i], method)
			cases = append(cases, c)
		}
	}
	return cases
}

func cell(word, method string) (verdict string, preflights int, reached string) {
	switch word {
	case "ok":
		return "200", 0, method
	case "pre":
		return "200", 1, method
	case "lost":
		return unreadable, 0, method
	case "no":
		return unreadable, 1, ""
	}
	panic("BUG: the grid has a cell " + word)
}
