package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/browser"
)

// TestBrowser makes every case in a real browser, over both engines. What the page sees must be what the table says and
// what explain predicts, and the servers must have seen what the table says.
func TestBrowser(t *testing.T) { play(t, false) }

// TestBrowserHTTP2 makes them over HTTP/2, WebSockets too.
func TestBrowserHTTP2(t *testing.T) { play(t, true) }

func play(t *testing.T, multiplexed bool) {
	b := browser.Find(t)
	for _, engine := range []string{"auto", "fasthttp"} {
		t.Run("engine="+engine, func(t *testing.T) {
			cases := allCases()
			s := newStage(t, engine, multiplexed, cases)
			defer s.check(t, cases) // also what came of the cases before the browser failed
			b.Load(t, s.pages.origins[0]+"/-/", s.flags...)
			secure := 0
			for _, c := range cases {
				if strings.HasPrefix(c.URL, "https://") || strings.HasPrefix(c.URL, "wss://") {
					secure++
				}
			}
			if n := s.counted("corsgate_multiplexed_requests_total"); multiplexed && n < secure/2 || !multiplexed && n > 0 {
				t.Errorf("%d requests came by HTTP/2, with %d cases for https", n, secure)
			}
			if n := s.counted("corsgate_http2_floods_total"); n > 0 {
				t.Errorf("%d connections of the browser were taken for floods", n)
			}
		})
	}
}

// check compares the results with what is wanted, and shows them with -v.
func (s *stage) check(t *testing.T, cases []*testCase) {
	s.pages.mu.Lock()
	defer s.pages.mu.Unlock()
	if n := len(s.pages.results); n != len(cases) {
		t.Errorf("%d of %d cases were made", n, len(cases))
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\npage\tcase\tverdict\treadable\tpreflights\treached\texplain")
	earlier, asked := 0, 0
	for _, origin := range s.pages.origins {
		for _, c := range cases {
			got, made := s.pages.results[c.ID]
			if c.page != origin || !made {
				continue
			}
			preflights := got.total - earlier
			earlier = got.total
			if got.Verdict != c.verdict || got.Readable != c.readable || preflights != c.preflights || got.reached != c.reached {
				t.Errorf("%s (%s from %s):\n got %s, readable %q, preflights %d, reached %q\nwant %s, readable %q, preflights %d, reached %q",
					c.name, c.ask, c.origin(), got.Verdict, got.Readable, preflights, got.reached, c.verdict, c.readable, c.preflights, c.reached)
			}
			predicted := "-"
			if c.asked() {
				asked++
				predicted = s.agree(t, c, got, preflights)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", c.origin(), c.name, got.Verdict, got.Readable, preflights, got.reached, predicted)
		}
	}
	if testing.Verbose() {
		table.Flush()
		t.Logf("%d cases, %d of them explained\n%s", len(cases), asked, text.String())
	}
}
