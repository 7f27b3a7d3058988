package convert

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// This file reads the options of the package cors for Express: of calls cors({…}), or
// cors(name) where name is assigned an object in the same file. The facts are those of its
// documentation and source (lib/index.js):
//
//   - without options any origin is allowed; origin: true echoes any;
//   - a regular expression matches a part of the Origin, unless it is anchored;
//   - without allowedHeaders, whatever a preflight asks for is allowed;
//   - methods are GET,HEAD,PUT,PATCH,POST,DELETE unless they are set.

var corsCall = regexp.MustCompile(`(^|[^\w$.])cors\s*\(`)

func readExpress(text string) (*document, error) {
	code := blankComments(text)
	var policies []*policy
	for _, at := range corsCall.FindAllStringIndex(code, -1) {
		line := 1 + strings.Count(text[:at[1]], "\n")
		if before := strings.TrimRight(code[:at[0]+1], " \t"); strings.HasSuffix(before, "function") {
			continue
		}
		r := &jsReader{text: code, i: at[1]}
		p := newPolicy("app", fmt.Sprintf("line %d", line))
		r.skip()
		if r.peek() == ')' {
			policies = append(policies, p.fromExpress(code, jsObject{}))
			continue
		}
		v, ok := r.value(0)
		if r.skip(); !ok || r.peek() != ')' && r.peek() != ',' {
			return nil, &lineError{line, "the options of cors(…) cannot be read: are their brackets and quotes closed?"}
		}
		options, ok := v.(jsObject)
		if name, isName := v.(jsOther); isName {
			options, ok = assigned(code, string(name)).(jsObject)
		}
		if !ok {
			p.lose(oneLine(fmt.Sprint(v)), "the options of this call are not written as an object in the file")
			p.note("the options of this call are not written as an object in the file: write the policy by hand")
			p.doubt("the options of cors(…)")
			policies = append(policies, p)
			continue
		}
		policies = append(policies, p.fromExpress(code, options))
	}
	if len(policies) == 0 {
		if p := setByHand(code); p != nil {
			policies = append(policies, p)
		}
	}
	if len(policies) == 0 && strings.HasPrefix(strings.TrimSpace(code), "{") {
		r := &jsReader{text: code}
		if options, ok := r.value(0); ok {
			if o, ok := options.(jsObject); ok {
				policies = append(policies, newPolicy("app", "line 1").fromExpress(code, o))
			}
		}
	}
	return &document{policies: policies}, nil
}

// blankComments returns code with blanks in the place of comments, so that a call in a comment is none.
func blankComments(code string) string {
	b := []byte(code)
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '\'' || c == '"' || c == '`':
			r := &jsReader{text: code, i: i}
			if _, ok := r.str(); ok {
				i = r.i
				continue
			}
			i++
		case c == '/' && i+1 < len(b) && (b[i+1] == '/' || b[i+1] == '*'):
			r := &jsReader{text: code, i: i}
			r.skip()
			for ; i < r.i; i++ {
				if b[i] != '\n' {
					b[i] = ' '
				}
			}
		case c == '/':
			r := &jsReader{text: code, i: i}
			if before := strings.TrimRight(code[:i], " \t\r\n"); before != "" && strings.IndexByte("(,=:[!&|?{};", before[len(before)-1]) >= 0 && r.regex() != nil {
				i = r.i
				continue
			}
			i++
		default:
			i++
		}
	}
	return string(b)
}

// assigned returns the value that a name is given in the code, or nil.
func assigned(code, name string) any {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$") != "" || name == "" {
		return nil
	}
	at := regexp.MustCompile(`(?:^|[^\w$.])` + regexp.QuoteMeta(name) + `\s*(?::[^=;\n]*)?=\s*[^=>]`).FindStringIndex(code)
	if at == nil {
		return nil
	}
	r := &jsReader{text: code, i: at[1] - 1}
	if set := newSet.FindString(code[r.i:]); set != "" {
		r.i += len(set) // its members are what matters
	}
	v, _ := r.value(0)
	return v
}

var newSet = regexp.MustCompile(`^new\s+Set\s*(?:<\s*string\s*>)?\s*\(`)

func (p *policy) fromExpress(code string, options jsObject) *policy {
	p.credentials = options["credentials"] == jsOther("true")
	origin, set := options["origin"]
	if !set {
		origin = jsString("*")
	}
	p.expressOrigin(code, origin, 0)
	methods, set := options["methods"]
	if !set {
		methods = jsString("PUT,PATCH,DELETE")
		p.note("methods: the default of cors")
	}
	p.methods = p.names(code, "methods", methods)
	headers, set := options["allowedHeaders"]
	if !set {
		headers, set = options["headers"]
	}
	if set {
		p.requestHeaders = p.names(code, "allowedHeaders", headers)
	} else {
		p.requestHeaders = []string{"*"}
		if !p.credentials {
			p.requestHeaders = append(p.requestHeaders, "Authorization")
		}
		p.note("request_headers: without allowedHeaders, everything that a preflight requested was allowed: list the names that pages need")
	}
	p.exposeHeaders = p.names(code, "exposedHeaders", options["exposedHeaders"])
	if v, ok := options["maxAge"]; ok {
		p.age(number(v))
	}
	if v, ok := options["optionsSuccessStatus"]; ok {
		p.status, _ = strconv.Atoi(number(v))
	}
	if options["preflightContinue"] == jsOther("true") {
		p.note(`preflightContinue was not carried over: corsgate answers preflights itself (upstream_cors = "passthrough" leaves them to the upstream)`)
	}
	for key := range options {
		if strings.HasPrefix(key, "...") {
			p.note("%s was not read", key)
			p.doubt("what %s adds to the options", key)
		}
	}
	return p
}

// expressOrigin takes the option origin, or a member of its array.
func (p *policy) expressOrigin(code string, v any, depth int) {
	switch v := v.(type) {
	case jsString:
		if v == "*" && p.credentials {
			p.hole(`"*" with credentials, which browsers refuse`)
		}
		p.origin(string(v))
	case jsRegex:
		p.expression(expression{v.expr, strings.Contains(v.flags, "i"), true}, fmt.Sprintf("/%s/%s", v.expr, v.flags))
	case jsArray:
		for _, e := range v {
			if depth > 3 {
				return
			}
			if s, ok := e.(jsString); ok && s == "*" {
				p.lose("*", "in a list it is compared literally, and no page has that origin")
				continue
			}
			p.expressOrigin(code, e, depth+1)
		}
	case jsOther:
		p.expressExpression(code, string(v), depth)
	default:
		p.lose(fmt.Sprint(v), "it is not an origin")
	}
}

// lookup matches a test whether a list holds the request's origin.
var lookup = regexp.MustCompile(`([\w$]+)\s*\.\s*(?:indexOf|includes|has)\s*\(\s*[\w$.\[\]'"()]*[oO]rigin\b`)

func (p *policy) expressExpression(code, source string, depth int) {
	source = oneLine(source)
	short := source[:min(len(source), 60)]
	switch {
	case source == "true":
		p.reflect("origin: true echoes any origin")
		if !p.credentials {
			p.note("origin: true, which echoes any origin, became \"*\", which is the same to pages")
		}
	case source == "false":
		p.lose("false", "CORS was switched off: leave cors out of the route")
	case depth < 3 && assigned(code, source) != nil:
		p.expressOrigin(code, assigned(code, source), depth+1)
	case p.function(code, source, depth):
	default:
		p.lose(short, "its origins are only known when it runs")
		p.doubt("the origins that %s allows were not understood", short)
	}
}

// names returns the names of an option: an array, or a comma-separated string.
func (p *policy) names(code, option string, v any) (names []string) {
	switch v := v.(type) {
	case nil:
	case jsString:
		return split(string(v))
	case jsArray:
		for _, e := range v {
			if s, ok := e.(jsString); ok {
				names = append(names, string(s))
			} else {
				p.note("%s: a member that is not a string was left out", option)
			}
		}
	case jsOther:
		if a := assigned(code, string(v)); a != nil {
			if _, again := a.(jsOther); !again {
				return p.names(code, option, a)
			}
		}
		p.note("%s: %s was left out: its value is only known when it runs", option, oneLine(string(v)))
	default:
		p.note("%s was left out: it is not a list of names", option)
	}
	return names
}

func number(v any) string {
	switch v := v.(type) {
	case jsOther:
		return string(v)
	case jsString:
		return string(v)
	}
	return "?"
}
