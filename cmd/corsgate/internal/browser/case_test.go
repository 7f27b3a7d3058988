package browser_test

import (
	"strconv"
	"strings"
)

// A testCase is one request of one page, and what comes of it. Its JSON is what the page needs to know.
type testCase struct {
	ID   int    `json:"id"`
	By   string `json:"by"`     // "": fetch() | "sandboxed": fetch() in a sandboxed frame | "socket": a WebSocket | "form"
	Verb string `json:"method"` // of ask
	URL  string `json:"url"`    // of ask, made unique

	name string
	page string // the page's origin
	ask  string // "METHOD URL". What has no query gets one of its own: browsers cache preflights by URL

	Headers     []string `json:"headers"` // "Name: value"
	Credentials bool     `json:"credentials"`
	Mode        string   `json:"mode"`     // fetch()'s; "" is "cors"
	Redirect    string   `json:"redirect"` // fetch()'s; "" is "follow"
	Body        string   `json:"body"`
	Timing      bool     `json:"timing"` // look whether the timing may be seen, too

	// What is wanted:

	verdict    string   // the status that the page reads, or the name of the error, or what page.html makes of it
	readable   string   // the X- headers that it can read
	preflights int      // answered by policies of the gateway
	reached    string   // the API; see api.take
	then       []string // the URLs that the upstream redirects to: what explain cannot know
	differs    string   // why explain, which goes by the standard, does not predict this; "": it does
	dropped    bool     // the browser drops the headers, which explain refuses to be asked about
}

// A result is what came of a case.
type result struct {
	ID       int
	Verdict  string
	Readable string

	reached string // see api.take
	total   int    // of preflights since the start
}

// unreadable is the name of the error by which fetch() hides a response, and why.
const unreadable = "TypeError"

// allCases returns the cases in the order in which they are to be made, but for that all of one page come together.
func allCases() []*testCase {
	cases := append(grid(), others()...)
	for i, c := range cases {
		c.ID = i
		c.Verb, c.URL, _ = strings.Cut(c.ask, " ")
		if !strings.Contains(c.URL, "?again") {
			separator := "?"
			if strings.Contains(c.URL, "?") {
				separator = "&"
			}
			c.URL += separator + "n=" + strconv.Itoa(i)
		}
	}
	return cases
}

// asked reports whether c is a question for explain.
func (c *testCase) asked() bool { return c.differs == "" }

// origin returns what the page's origin is to servers.
func (c *testCase) origin() string {
	if c.By == "sandboxed" {
		return "null"
	}
	return c.page
}
