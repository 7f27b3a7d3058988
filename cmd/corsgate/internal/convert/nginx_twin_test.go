package convert

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
	"github.com/google/go-cmp/cmp"
)

// TestNginxIsRun holds what is found out about nginx's configurations to nginx itself: what it adds to its responses.
func TestNginxIsRun(t *testing.T) {
	files, err := filepath.Glob("testdata/nginx-*.conf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			directives, err := parseNginx(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "more_") {
				directives = withoutModule(directives)
			}
			compareWithNginx(t, directives)
		})
	}
}

// withoutModule leaves out the blocks that need a module which nginx is often built without.
func withoutModule(list []*directive) []*directive {
	list = slices.DeleteFunc(list, func(d *directive) bool {
		return d.name() != "server" && slices.ContainsFunc(d.block, func(in *directive) bool { return strings.HasPrefix(in.name(), "more_") })
	})
	for _, d := range list {
		d.block = withoutModule(d.block)
	}
	return list
}

func compareWithNginx(t *testing.T, directives []*directive) {
	if slices.ContainsFunc(directives, func(d *directive) bool { return d.name() == "location" }) { // a part of a file
		directives = []*directive{{words: []string{"server"}, bare: []bool{true}, block: directives}}
	}
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	port := serveNginx(t, directives, up.Listener.Addr().String())
	f := newNginxFile(directives)
	origins := []string{"https://evil.test", "https://x.example.com", "http://www.yourdomain.com", "https://sub.partner.test"}
	var scopes []*scope
	var find func(s *scope)
	find = func(s *scope) {
		if s.d != nil && s.d.name() == "location" {
			scopes = append(scopes, s)
		}
		for _, d := range s.list {
			if slices.Contains([]string{"http", "server", "location"}, d.name()) {
				find(&scope{outer: s, d: d, list: d.block, file: f})
			}
		}
	}
	find(&scope{list: directives, file: f})
	compared := 0
	for _, s := range scopes {
		hosts, path, exact := s.place()
		if !exact {
			continue
		}
		var asked questions
		for i := 0; i < len(origins); i++ {
			for _, method := range []string{"GET", "OPTIONS", "PUT"} {
				o := atom{operator: "=", text: origins[i]}
				r := &run{file: f, method: method, origin: &o, asked: &asked, vars: map[string]string{}, unknown: new([]string)}
				sent, _ := s.respond(r)
				want := askNginx(t, port, append(hosts, "localhost")[0], path+"/x", method, origins[i])
				var got []string
				for _, h := range sent {
					got = append(got, h.name+": "+strings.ReplaceAll(h.value, askedMark, "x-asked"))
				}
				slices.Sort(got)
				if diff := cmp.Diff(want, fields(got)); diff != "" {
					t.Errorf("%s %s from %s (-nginx +run):\n%s", method, path, origins[i], diff)
				}
				compared++
			}
			for _, a := range asked.list {
				if a.operator == "=" && !slices.Contains(origins, a.text) && a.text != "" {
					origins = append(origins, a.text)
				}
			}
		}
	}
	if compared == 0 {
		t.Errorf("of %d locations none was compared", len(scopes))
	}
}

// fields returns the lines that are CORS's, sorted.
func fields(lines []string) (kept []string) {
	for _, line := range lines {
		if strings.HasPrefix(line, "access-control-") {
			kept = append(kept, line)
		}
	}
	return kept
}

func askNginx(t *testing.T, port, host, path, method, origin string) []string {
	t.Helper()
	r, err := http.NewRequest(method, "http://127.0.0.1:"+port+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Headers", "x-asked")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	var lines []string
	for name, values := range res.Header {
		for _, v := range values {
			lines = append(lines, strings.ToLower(name)+": "+v)
		}
	}
	slices.Sort(lines)
	return fields(lines)
}

// serveNginx runs nginx with what matters of a configuration, in front of upstream, until the test ends.
func serveNginx(t *testing.T, directives []*directive, upstream string) (port string) {
	t.Helper()
	return tooltest.Nginx(t, func(address string) string {
		var b strings.Builder
		writeNginx(&b, directives, address, upstream)
		return b.String()
	})
}

// writeNginx writes the directives that matter here: for one address, and one upstream.
func writeNginx(b *strings.Builder, list []*directive, address, upstream string) {
	for _, d := range list {
		switch d.name() {
		case "http", "events":
			writeNginx(b, d.block, address, upstream)
			continue
		case "map", "server", "location", "if":
		case "proxy_pass":
			fmt.Fprintf(b, "proxy_pass http://%s;\n", upstream)
			continue
		case "set", "add_header", "return", "server_name":
			b.WriteString(nginxWords(d) + ";\n")
			continue
		default:
			continue
		}
		b.WriteString(nginxWords(d) + " {\n")
		if d.name() == "server" {
			fmt.Fprintf(b, "listen %s;\n", address)
		}
		if d.name() == "map" {
			for _, e := range d.block {
				b.WriteString(nginxWords(e) + ";\n")
			}
		} else {
			writeNginx(b, d.block, address, upstream)
		}
		b.WriteString("}\n")
	}
}

func nginxWords(d *directive) string {
	words := slices.Clone(d.words)
	for i, w := range words {
		if !d.bare[i] {
			words[i] = `"` + strings.ReplaceAll(w, `"`, `\"`) + `"`
		}
	}
	return strings.Join(words, " ")
}
