package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file reads functions that decide about an origin. They are programs, so only forms that
// many people write are understood: tests of the origin joined by ||, which admit, and
// everything else refused. A function of another form is lost, and said not to be judged.
//
// A function is first brought into a normal form: its tests become T0, T1 … ("N" before one
// that is negated), what admits becomes ALLOW, what refuses DENY, a missing Origin NONE, and
// blanks, braces, return and messages to the console go.

// A test is one question that a function asks about the origin.
type jsTest struct {
	name string      // of a list that the origin is looked up in, or ""
	is   string      // the origin is this, or ""
	expr *expression // the origin matches this, or nil
	show string
}

// A jsFunction is a function in normal form.
type jsFunction struct {
	form  string
	tests []jsTest
}

var (
	jsMessages = regexp.MustCompile(`(?:console|logger|log)\s*\.\s*\w+\s*\([^;]*?\)\s*;`)
	jsOptional = regexp.MustCompile(`\borigin\s*\?\.`)
	jsDeny     = regexp.MustCompile(`\b\w+\(\s*(?:new\s+\w*Error\s*\([^)]*\)|createError\s*\([^)]*\)|\w*[eE]rr\w*)\s*(?:,\s*\w+\s*)?\)|\b\w+\(\s*(?:null|undefined)\s*,\s*false\s*\)|\bthrow\s+new\s+\w*Error\s*\([^)]*\)|\breturn\s+false\b`)
	jsAllow    = regexp.MustCompile(`\b\w+\(\s*(?:null|undefined)\s*,\s*(?:true|origin)\s*\)|\breturn\s+true\b`)
	jsNone     = regexp.MustCompile(`!\s*origin\b|typeof\s+origin\s*===?\s*['"]undefined['"]|\borigin\s*===?\s*(?:undefined|null)`)
	jsResult   = regexp.MustCompile(`^\w+\(\s*(?:null|undefined)\s*,\s*(.*?)\s*\);?$`)
	jsHeader   = regexp.MustCompile(`^(?:async\s+)?(?:function\s*\w*\s*|origin\s*)?(?:\(\s*([\w$]+)\s*(?::\s*[\w |]+)?(?:,\s*\w+\s*(?::\s*[\w |]+)?)?\)|([\w$]+)\s*=>)\s*(?:=>)?`)
	jsStrings  = regexp.MustCompile("(?:const|let|var)\\s+\\w+\\s*=\\s*(?:'[^']*'|\"[^\"]*\"|`[^`]*`)(?:\\s*\\+\\s*(?:'[^']*'|\"[^\"]*\"|\\w+))*\\s*;")
	jsBlanks   = regexp.MustCompile(`[\s{};]|\breturn\b|\bawait\b`)
)

// jsTests are the tests that are understood. What takes the name is a lookup, what takes the quotes a comparison.
var jsTests = []struct {
	re      *regexp.Regexp
	negated bool
	make    func(m []string) jsTest
}{
	{regexp.MustCompile(`!\s*([\w$]+)\s*\.\s*(?:includes|has)\s*\(\s*origin\s*\)|([\w$]+)\s*\.\s*indexOf\s*\(\s*origin\s*\)\s*(?:===?\s*-\s*1|<\s*0)`), true, lookedUp},
	{regexp.MustCompile(`([\w$]+)\s*\.\s*(?:includes|has)\s*\(\s*origin\s*\)|([\w$]+)\s*\.\s*indexOf\s*\(\s*origin\s*\)\s*(?:!==?\s*-\s*1|>=\s*0|>\s*-\s*1)`), false, lookedUp},
	{regexp.MustCompile(`\borigin\s*!==?\s*(?:'([^']*)'|"([^"]*)")`), true, compared},
	{regexp.MustCompile(`\borigin\s*===?\s*(?:'([^']*)'|"([^"]*)")`), false, compared},
	{regexp.MustCompile(`\borigin\s*\.\s*endsWith\s*\(\s*(?:'([^']*)'|"([^"]*)")\s*\)`), false, func(m []string) jsTest { return affix("", m[1]+m[2], "$", m[0]) }},
	{regexp.MustCompile(`\borigin\s*\.\s*startsWith\s*\(\s*(?:'([^']*)'|"([^"]*)")\s*\)`), false, func(m []string) jsTest { return affix("^", m[1]+m[2], "", m[0]) }},
	{regexp.MustCompile(`\borigin\s*\.\s*includes\s*\(\s*(?:'([^']*)'|"([^"]*)")\s*\)`), false, func(m []string) jsTest { return affix("", m[1]+m[2], "", m[0]) }},
}

func lookedUp(m []string) jsTest { return jsTest{name: m[1] + m[2], show: m[0]} }
func compared(m []string) jsTest { return jsTest{is: m[1] + m[2], show: m[0]} }

func affix(before, text, after, shown string) jsTest {
	return jsTest{expr: &expression{before + regexp.QuoteMeta(text) + after, false, true}, show: shown}
}

// normal returns a function in normal form.
func normal(source string) jsFunction {
	f := jsFunction{}
	note := func(t jsTest, negated bool) string {
		f.tests = append(f.tests, t)
		if negated {
			return fmt.Sprintf("NT%d", len(f.tests)-1)
		}
		return fmt.Sprintf("T%d", len(f.tests)-1)
	}
	s := jsMessages.ReplaceAllString(source, "")
	s = strings.TrimSpace(jsStrings.ReplaceAllString(s, ""))
	if m := jsHeader.FindStringSubmatch(s); m != nil {
		s = s[len(m[0]):]
		if name := m[1] + m[2]; name != "origin" {
			s = regexp.MustCompile(`(^|[^\w$.])`+regexp.QuoteMeta(name)+`\b`).ReplaceAllString(s, "${1}origin")
		}
	}
	s = jsOptional.ReplaceAllString(s, "origin.")
	s = replaceExpressions(s, note)
	for _, t := range jsTests {
		s = t.re.ReplaceAllStringFunc(s, func(text string) string { return note(t.make(t.re.FindStringSubmatch(text)), t.negated) })
	}
	s = jsNone.ReplaceAllString(s, "NONE")
	s = jsDeny.ReplaceAllString(s, "DENY")
	s = jsAllow.ReplaceAllString(s, "ALLOW")
	f.form = jsBlanks.ReplaceAllString(s, "")
	if m := jsResult.FindStringSubmatch(f.form); m != nil { // done(null, TEST)
		f.form = "if(" + m[1] + ")ALLOWelseDENY"
	}
	return f
}

// replaceExpressions replaces "/…/.test(origin)" and "origin.match(/…/)".
func replaceExpressions(s string, note func(jsTest, bool) string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '/' {
			b.WriteByte(s[i])
			continue
		}
		r := &jsReader{text: s, i: i}
		re, ok := r.regex().(jsRegex)
		if !ok {
			b.WriteByte(s[i])
			continue
		}
		before, after := b.String(), s[r.i:]
		t := jsTest{expr: &expression{re.expr, strings.Contains(re.flags, "i"), true}, show: s[i:r.i]}
		if m := jsTested.FindString(after); m != "" {
			b.WriteString(note(t, false))
			i = r.i + len(m) - 1
		} else if m, close := jsMatched.FindString(before), strings.HasPrefix(after, ")"); m != "" && close {
			b.Reset()
			b.WriteString(strings.TrimSuffix(before, m) + note(t, false))
			i = r.i
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

var (
	jsTested  = regexp.MustCompile(`^\s*\.\s*test\s*\(\s*origin\s*\)`)
	jsMatched = regexp.MustCompile(`\borigin\s*\.\s*match\s*\($`)
)

// The forms that are understood. A condition is tests, and perhaps NONE, joined by ||.
var (
	jsAdmits    = regexp.MustCompile(`^(?:if\(NONE\)ALLOW)?(?:if\((?:(?:origin&&)?T\d+|NONE)(?:\|\|(?:(?:origin&&)?T\d+|NONE))*\)ALLOW(?:else)?)+DENY$`)
	jsRefuses   = regexp.MustCompile(`^(?:if\(NONE\)ALLOW)?if\(NT\d+(?:&&NT\d+)*\)DENY(?:else)?ALLOW$`)
	jsEverybody = regexp.MustCompile(`(?:^|[^)])ALLOW$|\)ALLOWelseALLOW$|ALLOWALLOW$`)
)

// function takes the origins that a function admits. It reports false if its form is not understood.
func (p *policy) function(code, source string, depth int) bool {
	f := normal(source)
	switch {
	case !strings.Contains(f.form, "DENY") && jsEverybody.MatchString(f.form):
		p.reflect("the function allows every origin, despite its checks")
		return true
	case !jsAdmits.MatchString(f.form) && !jsRefuses.MatchString(f.form):
		return false
	}
	for _, t := range f.tests {
		switch {
		case t.expr != nil:
			p.expression(*t.expr, t.show)
		case t.is != "":
			p.origin(t.is)
		default:
			list, ok := assigned(code, t.name).(jsArray)
			if !ok || slices.ContainsFunc(list, func(e any) bool { _, ok := e.(jsString); return !ok }) {
				p.lose(t.show, "the origins in %s are only known when it runs", t.name)
				p.doubt("the list %s", t.name)
				continue
			}
			p.note("the origins are taken from %s, in which the function looks them up", t.name)
			p.expressOrigin(code, list, depth+1)
		}
	}
	return true
}

// byHand are fields that a server sets without the package cors: an argument of a call, or a key of an object.
var byHand = regexp.MustCompile(`['"](?i:(access-control-[a-z-]+))['"]\s*[,:]`)

// setByHand returns the policy of code that sets the fields itself, or nil. What decides about them is not followed.
func setByHand(code string) *policy {
	calls := byHand.FindAllStringSubmatchIndex(code, -1)
	if len(calls) == 0 {
		return nil
	}
	p := newPolicy("app", "line "+strconv.Itoa(1+strings.Count(code[:calls[0][0]], "\n")))
	values := map[string][]any{}
	for _, at := range calls {
		name := strings.ToLower(code[at[2]:at[3]])
		r := &jsReader{text: code, i: at[1]}
		if v, ok := r.value(0); ok {
			values[name] = append(values[name], v)
		}
	}
	for _, v := range values["access-control-allow-credentials"] {
		p.credentials = p.credentials || v == jsString("true") || v == jsOther("true")
	}
	for _, v := range values["access-control-allow-origin"] {
		p.originByHand(code, v)
	}
	for _, l := range []struct {
		field string
		list  *[]string
	}{{"methods", &p.methods}, {"headers", &p.requestHeaders}} {
		for _, v := range values["access-control-allow-"+l.field] {
			*l.list = append(*l.list, p.names(code, l.field, v)...)
		}
	}
	for _, v := range values["access-control-expose-headers"] {
		p.exposeHeaders = append(p.exposeHeaders, p.names(code, "exposed headers", v)...)
	}
	p.literalStars()
	for _, v := range values["access-control-max-age"] {
		p.age(number(v))
	}
	p.doubt("the fields are set by hand (Access-Control-Allow-Origin and others): the conditions around them are not analysed")
	return p
}

func (p *policy) originByHand(code string, v any) {
	if s, ok := v.(jsString); ok {
		if s == "*" && p.credentials {
			p.hole(`"*" with credentials, which browsers refuse`)
			return
		}
		p.origin(string(s))
		return
	}
	found := false
	for _, m := range lookup.FindAllStringSubmatch(code, -1) {
		if list, ok := assigned(code, m[1]).(jsArray); ok {
			found = true
			p.note("the origins are taken from %s, in which the code looks up the Origin: check that it does no more than that", m[1])
			p.expressOrigin(code, list, 1)
		}
	}
	if !found {
		p.lose(oneLine(fmt.Sprint(v)), "its origins are only known when it runs")
	}
}
