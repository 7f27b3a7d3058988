package matcher_test

import (
	"errors"
	"fmt"

	"github.com/corsgate/corsgate/matcher"
)

func ExampleParsePattern() {
	p, err := matcher.ParsePattern("https://*.example.com:8443")
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Scheme(), p.Host(), p.Port(), p.Wildcard(), p.Base())
	// Output:
	// https *.example.com 8443 true example.com
}

// A pattern that browsers could never match is an error, which says what to write instead.
func ExamplePatternError() {
	for _, s := range []string{"https://App.example.com", "https://example.com/", "https://example.com:443", "https://*.com*"} {
		_, err := matcher.ParsePattern(s)
		if e, ok := errors.AsType[*matcher.PatternError](err); ok {
			fmt.Printf("%s\n  at %d: %s: %s\n", e.Pattern, e.Offset, e.Message, e.Hint)
		}
	}
	// Output:
	// https://App.example.com
	//   at 8: upper-case letter 'A'; browsers send lower case: write https://app.example.com
	// https://example.com/
	//   at 19: slash at the end; an origin has none: write https://example.com
	// https://example.com:443
	//   at 19: port 443 is the default of https, which browsers leave out: write https://example.com
	// https://*.com*
	//   at 13: a star with no registrable name to its right: write two labels without a star to its right, such as https://app*.example.com, or https://*.example.com for subdomains
}

// The most specific pattern wins, in whatever order they are given.
func ExampleSet_Find() {
	var patterns []matcher.Pattern
	for _, s := range []string{"https://*.example.com", "https://api.example.com", "http://localhost:*"} {
		p, err := matcher.ParsePattern(s)
		if err != nil {
			panic(err)
		}
		patterns = append(patterns, p)
	}
	set := matcher.NewSet(patterns...)
	for _, origin := range []string{"https://api.example.com", "https://a.b.example.com", "http://localhost:5173", "https://example.com"} {
		fmt.Println(origin, set.Find([]byte(origin)))
	}
	// Output:
	// https://api.example.com 1
	// https://a.b.example.com 0
	// http://localhost:5173 2
	// https://example.com -1
}

// What looks alike to a regular expression without anchors is not.
func ExampleSet_Match() {
	p, err := matcher.ParsePattern("https://*.example.com")
	if err != nil {
		panic(err)
	}
	set := matcher.NewSet(p)
	for _, origin := range []string{
		"https://app.example.com",
		"https://app.example.com.evil.example",
		"https://evilexample.com",
		"http://app.example.com",
		"https://app.example.com/",
	} {
		fmt.Println(set.Match([]byte(origin)), origin)
	}
	// Output:
	// true https://app.example.com
	// false https://app.example.com.evil.example
	// false https://evilexample.com
	// false http://app.example.com
	// false https://app.example.com/
}

// A linter can tell that an entry of a list adds nothing to another.
func ExamplePattern_Covers() {
	wide, _ := matcher.ParsePattern("https://*.example.com:*")
	narrow, _ := matcher.ParsePattern("https://api.example.com")
	fmt.Println(wide.Covers(narrow), narrow.Covers(wide))
	// Output:
	// true false
}

func ExampleValidOrigin() {
	for _, s := range []string{"https://example.com", "https://example.com:443", "https://example.com/", "null"} {
		fmt.Println(matcher.ValidOrigin([]byte(s)), s)
	}
	// Output:
	// true https://example.com
	// false https://example.com:443
	// false https://example.com/
	// false null
}
