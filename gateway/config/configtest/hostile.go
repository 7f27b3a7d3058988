// Package configtest has configuration texts for tests and benchmarks.
package configtest

import (
	"fmt"
	"strings"
)

// Hostile are texts of about n bytes that would cost more than others if they could, by name.
var Hostile = map[string]func(n int) string{
	"nothing": func(int) string { return "" },
	"parts":   func(n int) string { return strings.Repeat("a.", n/2) + "a = 1" },
	"most parts": func(n int) string {
		return Each(n, func(i int) string { return strings.Repeat("a.", 8) + Word(i) + "=1\n" })
	},
	"header": func(n int) string { return "[" + strings.Repeat("a.", n/2) + "a]" },
	"headers": func(n int) string {
		return Each(n, func(i int) string { return "[" + strings.Repeat("a.", 8) + Word(i) + "]\n" })
	},
	"long header": func(n int) string { return longHeader() + Each(n, func(i int) string { return Word(i) + "=1\n" }) },
	"long key":    func(n int) string { return strings.Repeat("k", n) + " = 1" },
	"long keys": func(n int) string {
		return Each(n, func(i int) string { return strings.Repeat("k", 200) + Word(i) + " = 1\n" })
	},
	"quoted parts": func(n int) string {
		return Each(n, func(i int) string { return `"` + strings.Repeat(`\"`, 60) + Word(i) + "\".b = 1\n" })
	},
	"keys":            func(n int) string { return Each(n, func(i int) string { return Word(i) + "=1\n" }) },
	"same key":        func(n int) string { return strings.Repeat("a=1\n", n/4) },
	"tables":          func(n int) string { return Each(n, func(i int) string { return "[" + Word(i) + "]\n" }) },
	"arrays":          func(n int) string { return strings.Repeat("[[a]]\n", n/6) },
	"arrays in array": func(n int) string { return strings.Repeat("[[a]]\n[[a.b]]\n[a.b.c]\n", n/24) },
	"inline":          func(n int) string { return "a = " + strings.Repeat("{ a = ", n/6) },
	"inline dotted": func(n int) string {
		return "a = {" + Each(n, func(i int) string { return "b.b.b.b.b.b.b." + Word(i) + "=1," }) + "c=1}"
	},
	"nested": func(n int) string {
		return strings.Repeat("a = "+strings.Repeat("{a=", 14)+"1"+strings.Repeat("}", 14)+"\n", n/62)
	},
	"brackets":        func(n int) string { return "a = " + strings.Repeat("[", n) },
	"open brackets":   func(n int) string { return strings.Repeat("[", n) },
	"array":           func(n int) string { return "a = [" + strings.Repeat("1,", n/2) + "]" },
	"empty arrays":    func(n int) string { return "a = [" + strings.Repeat("[],", n/3) + "]" },
	"empty tables":    func(n int) string { return "a = [" + strings.Repeat("{},", n/3) + "]" },
	"string":          func(n int) string { return `a = "` + strings.Repeat("s", n) + `"` },
	"open string":     func(n int) string { return `a = "` + strings.Repeat("s", n) },
	"escapes":         func(n int) string { return `a = "` + strings.Repeat(`\u00e9`, n/6) + `"` },
	"wrong escapes":   func(n int) string { return `a = "` + strings.Repeat(`\q`, n/2) + `"` },
	"continued lines": func(n int) string { return `a = """` + strings.Repeat("\\\n", n/2) + `"""` },
	"blank lines":     func(n int) string { return `a = """` + strings.Repeat("\\\n   \n", n/6) + `"""` },
	"quotes":          func(n int) string { return `a = """` + strings.Repeat(`""x`, n/3) + `"""` },
	"many quotes":     func(n int) string { return "a = " + strings.Repeat(`"`, n) },
	"comments":        func(n int) string { return strings.Repeat("# c\n", n/4) },
	"comment":         func(n int) string { return "#" + strings.Repeat("#", n) },
	"lines":           func(n int) string { return strings.Repeat("\n", n) },
	"blanks":          func(n int) string { return strings.Repeat(" ", n) },
	"integer":         func(n int) string { return "a = " + strings.Repeat("1", n) },
	"underscores":     func(n int) string { return "a = 1" + strings.Repeat("_1", n/2) },
	"float":           func(n int) string { return "a = 1." + strings.Repeat("1", n) },
	"date":            func(n int) string { return "a = 2020-01-01T00:00:00." + strings.Repeat("1", n) },
	"not utf-8":       func(n int) string { return "#" + strings.Repeat("é", n/2) + "\xff" },
	"control bytes":   func(n int) string { return strings.Repeat("\x00", n) },
	"routes":          func(n int) string { return Each(n, func(i int) string { return "[route." + Word(i) + "]\n" }) },
	"bad routes": func(n int) string {
		return Each(n, func(i int) string { return "[route." + Word(i) + "]\ncors='n'\nx=1\n" })
	},
	"policies": func(n int) string {
		return Each(n, func(i int) string { return "[cors." + Word(i) + "]\nshadow='n'\n" })
	},
	"near keys": func(n int) string {
		return "[route.a]\n" + Each(n, func(i int) string { return "upstrea_" + Word(i) + "=1\n" })
	},
	"far keys": func(n int) string {
		return "[upstream.a]\n" + Each(n, func(i int) string { return strings.Repeat("z", 58) + Word(i) + "=1\n" })
	},
	"origins": func(n int) string { return "[cors.a]\norigins = [" + strings.Repeat("1,", n/2) + "]" },
	"methods": func(n int) string {
		return "[route.a]\nmethods = [" + Each(n, func(i int) string { return "'" + Word(i) + "'," }) + "]"
	},
	"upgrades": func(n int) string {
		return "[route.a]\nupgrades = [" + Each(n, func(i int) string { return "'" + Word(i) + "'," }) + "]"
	},
	"endpoints": func(n int) string {
		return "[upstream.a]\nendpoints = [" + Each(n, func(i int) string { return "'http://" + Word(i) + "'," }) + "]"
	},
	"split": func(n int) string {
		return "[route.a]\nsplit = [" + Each(n, func(i int) string { return "{upstream='" + Word(i) + "',weight=1}," }) + "]"
	},
	"headers to set": func(n int) string {
		return "[route.a.request_set_headers]\n" + Each(n, func(i int) string { return Word(i) + "='a'\n" })
	},
	"variables": func(n int) string {
		return "[route.a]\nrequest_set_headers = { a = '" + strings.Repeat("$host", n/5) + "' }"
	},
	"names": func(n int) string {
		return Each(n/2, func(i int) string { return "[cors." + Word(i) + "]\n" }) + Each(n/2, func(i int) string { return "[route." + Word(i) + "]\ncors='n'\n" })
	},
}

// Judged are texts of about n bytes that are TOML, and that a gateway has much to say about, or much to compile, by name.
var Judged = map[string]func(n int) string{
	"origins":             listOf("[cors.a]\norigins", func(i int) string { return "https://" + Word(i) + ".io" }),
	"wildcards":           listOf("[cors.a]\norigins", func(i int) string { return "https://*." + Word(i) + ".io" }),
	"globs":               listOf("[cors.a]\norigins", func(i int) string { return "https://a-*." + Word(i) + ".io" }),
	"any port":            listOf("[cors.a]\norigins", func(i int) string { return "https://" + Word(i) + ".io:*" }),
	"networks":            listOf("[cors.a]\norigins", func(i int) string { return fmt.Sprintf("http://10.%d.%d.0/24:*", i>>8&255, i&255) }),
	"nested networks":     listOf("[cors.a]\norigins", func(i int) string { return fmt.Sprintf("http://[fd00::%x00:0/%d]", i&0xff, 104+i%24) }),
	"nested origins":      listOf("[cors.a]\norigins", func(i int) string { return "https://*" + strings.Repeat(".a", 1+i%60) + ".io" }),
	"nested globs":        listOf("[cors.a]\norigins", func(i int) string { return "https://" + Word(i)[:1] + "*-" + Word(i) + ".a.io" }),
	"deep origins":        listOf("[cors.a]\norigins", func(i int) string { return "https://" + strings.Repeat("a.", 110) + Word(i) + ".io" }),
	"same origin":         listOf("[cors.a]\norigins", func(int) string { return "https://a.io" }),
	"subsumed origins":    listOf("[cors.a]\norigins=['https://*.io']\ncredentials=false\n[cors.b]\norigins", func(i int) string { return []string{"https://*.a.io", "https://" + Word(i) + ".a.io"}[min(i, 1)] }),
	"upper case":          listOf("[cors.a]\norigins", func(i int) string { return "https://A" + Word(i) + ".io" }),
	"names not ASCII":     listOf("[cors.a]\norigins", func(i int) string { return "https://é" + Word(i) + ".io" }),
	"suffixes":            listOf("[cors.a]\ncredentials=true\norigins", func(i int) string { return "https://*.co.uk" }),
	"not origins":         listOf("[cors.a]\norigins", func(i int) string { return Word(i) }),
	"methods of a policy": listOf("[cors.a]\norigins=['https://a.io']\nmethods", func(i int) string { return "M" + Word(i) }),
	"same method":         listOf("[cors.a]\norigins=['https://a.io']\nmethods", func(i int) string { return "PUT" }),
	"bad methods":         listOf("[cors.a]\norigins=['https://a.io']\nmethods", func(i int) string { return "put" + Word(i) }),
	"request headers":     listOf("[cors.a]\norigins=['https://a.io']\nrequest_headers", func(i int) string { return "x" + Word(i) }),
	"same header":         listOf("[cors.a]\norigins=['https://a.io']\nrequest_headers", func(i int) string { return "a" }),
	"dropped headers":     listOf("[cors.a]\norigins=['https://a.io']\nrequest_headers", func(i int) string { return "x_" + Word(i) }),
	"bad headers":         listOf("[cors.a]\norigins=['https://a.io']\nrequest_headers", func(i int) string { return "x " + Word(i) }),
	"exposed headers":     listOf("[cors.a]\norigins=['https://a.io']\nexpose_headers", func(i int) string { return "x" + Word(i) }),
	"policies":            tables(func(w string) string { return "[cors." + w + "]\norigins=['https://a.io']\n" }),
	"policies of routes": tables(func(w string) string {
		return "[cors." + w + "]\norigins=['https://a.io']\n[route." + w + "]\ncors='" + w + "'\nhosts=['" + w + "']\nrespond={}\n"
	}),
	"routes": tables(func(w string) string { return "[route." + w + "]\npath='/" + w + "'\nrespond={}\n" }),
	"paths below paths": tables(func(w string) string {
		return "[route." + w + "]\npath='/a" + strings.Repeat("/a", len(w)) + w + "'\nrespond={}\n"
	}),
	"same route":       tables(func(w string) string { return "[route." + w + "]\nrespond={}\n" }),
	"hosts":            tables(func(w string) string { return "[route." + w + "]\nhosts=['*.a.io','" + w + ".a.io']\nrespond={}\n" }),
	"hosts of a route": listOf("[route.a]\nrespond={}\nhosts", func(i int) string { return Word(i) + ".io" }),
	"same host":        listOf("[route.a]\nrespond={}\nhosts", func(i int) string { return "a.io" }),
	"routes of a policy": func(n int) string {
		return "default_cors='a'\n[cors.a]\norigins=['https://*.io']\ncredentials=true\n" + tables(func(w string) string { return "[route." + w + "]\nhosts=['" + w + ".io']\nrespond={}\n" })(n)
	},
	"origins and hosts": func(n int) string {
		return "default_cors='a'\n" + listOf("[cors.a]\norigins", func(i int) string { return "https://" + Word(i) + ".io" })(n/2) + "\n" +
			tables(func(w string) string { return "[route." + w + "]\nhosts=['" + w + ".io']\nrespond={}\n" })(n/2)
	},
	"policies and hosts": func(n int) string {
		return tables(func(w string) string { return "[cors." + w + "]\norigins=['https://a.io']\n" })(n/2) +
			tables(func(w string) string {
				return "[route." + w + "]\ncors='000'\nhosts=['a.io']\npath='/" + w + "'\nrespond={}\n"
			})(n/2)
	},
	"unknown names": tables(func(w string) string { return "[route." + w + "]\nupstream='u" + w + "'\n" }),
	"near names": func(n int) string {
		return tables(func(w string) string { return "[upstream.u" + w + "]\nendpoints=['http://a']\n" })(n/2) +
			tables(func(w string) string { return "[route." + w + "]\nupstream='v" + w + "'\n" })(n/2)
	},
	"upstreams": tables(func(w string) string { return "[upstream.u" + w + "]\nendpoints=['http://a']\n" }),
	"upstreams of routes": tables(func(w string) string {
		return "[upstream.u" + w + "]\nendpoints=['http://a']\n[route." + w + "]\nupstream='u" + w + "'\npath='/" + w + "'\n"
	}),
	"endpoints": func(n int) string {
		return listOf("[upstream.a]\nendpoints", func(i int) string { return "http://" + Word(i) })(n) + "\n[route.a]\nupstream='a'\n"
	},
	"same endpoint": func(n int) string {
		return listOf("[upstream.a]\nendpoints", func(i int) string { return "http://a" })(n) + "\n[route.a]\nupstream='a'\n"
	},
	"limits":          tables(func(w string) string { return "[limit." + w + "]\nrate='1/s'\n" }),
	"listeners":       tables(func(w string) string { return "[listener." + w + "]\naddress='127.0.0.1:1'\n" }),
	"proxies":         listOf("[route.a]\nrespond={}\n[trust]\nproxies", func(i int) string { return fmt.Sprintf("10.%d.%d.0/24", i>>8&255, i&255) }),
	"references":      tables(func(w string) string { return "[route." + w + "]\nrequest_set_headers={a='${env:PATH}'}\nrespond={}\n" }),
	"removed headers": listOf("[route.a]\nrespond={}\nrequest_remove_headers", func(i int) string { return "x" + Word(i) }),
	"set headers": func(n int) string {
		return "[route.a]\nrespond={}\n[route.a.response_set_headers]\n" + Each(n, func(i int) string { return "x" + Word(i) + "='a'\n" })
	},
	"shadows": func(n int) string {
		return listOf("[cors.a]\nshadow='b'\norigins", func(i int) string { return "https://" + Word(i) + ".io" })(n/2) + "\n" +
			listOf("[cors.b]\norigins", func(i int) string { return "https://" + Word(i) + ".io" })(n/2) + "\n[route.a]\ncors='a'\nrespond={}\n"
	},
	"splits": func(n int) string {
		return "[upstream.a]\nendpoints=['http://a']\n" + "[route.a]\nsplit=[" + Each(n, func(i int) string { return "{upstream='a',weight=1}," }) + "]"
	},
}

// listOf returns texts with one long array of strings.
func listOf(key string, element func(i int) string) func(n int) string {
	return func(n int) string {
		return key + " = [" + Each(n, func(i int) string { return "'" + element(i) + "'," }) + "]"
	}
}

// tables returns texts of many tables.
func tables(table func(word string) string) func(n int) string {
	return func(n int) string { return Each(n, func(i int) string { return table(Word(i)) }) }
}

// Each returns what part returns for 0, 1, 2, … until that is n bytes.
func Each(n int, part func(i int) string) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(part(i))
	}
	return b.String()
}

// Word returns a short word, another for each i.
func Word(i int) string { return fmt.Sprintf("%03x", i) }

// longHeader is as long as it may be, so that the keys below it have long names.
func longHeader() string { return "[" + strings.Repeat("a.", 9) + strings.Repeat("h", 220) + "]\n" }
