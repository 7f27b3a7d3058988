package cors_test

import (
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/cors"
)

// What is in other files is not shown, whatever a line of it is like.
func TestLinesOfOtherFiles(t *testing.T) {
	for _, line := range []string{
		"-----BEGIN PRIVATE KEY-----",
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2",
		"root:$6$Kx3Q9zUa$hunter2hunter2:19000:0:99999:7:::",
		"root:x:0:0:root:/root:/bin/bash",
		"hunter2", "correct horse battery staple", "\x00\x01\x02\xff", "s3cr3t:", "s3cr3t/",
		`{"access_token":"s3cr3t","token_uri":"https://oauth2.example.com/token"}`,
		`  "client_secret": "s3cr3t",`,
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2VjcmV0",
		"DATABASE_URL=postgres://user:s3cr3t@db.example.com/app",
		"export URL='https://user:s3cr3t@db.example.com/'",
		"API_KEY=s3cr3t", "api_key: s3cr3t", "password = \"s3cr3t\"",
		"postgres://user:s3cr3t@db.example.com/app", "https://s3cr3t@example.com", "https://user:s3cr3t@example.com",
		"redis://:s3cr3t@cache:6379/0", "amqp://user:s3cr3t", "https://user:s3cr3t/x", "https://s3cr3t:x", "https://example.com:s3cr3t",
		"https://example.com/a@b", "machine example.com login a password s3cr3t", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 a@b",
		"https://", "://s3cr3t", "s3 cr3t://example.com", "s3cr3t=https://example.com", "https://s3cr3t value", "https://\"s3cr3t\"",
		"https://exa\x1b[2Jmple.com", "https://exa\u202emple.com", "https://\xff\xfe", "https://[s3cr3t]", "https://[::1",
		"https://" + strings.Repeat("a", 64) + ".com", "https://" + strings.Repeat("a.", 130) + "com",
		strings.Repeat("s", 33) + "://exa mple.com", `"https://app.example.com",`,
	} {
		_, problems := cors.New(cors.Config{FileOrigins: []string{line}})
		if len(problems) != 1 || strings.Contains(problems[0].Message, "pattern") || problems[0].Hint != "write one pattern per line, such as https://app.example.com, without quotes and commas" {
			t.Errorf("%q: %v", line, problems)
		}
	}
}

// What is meant to be an origin is shown, and no more of it than that.
func TestLinesThatAreMeantToBeOrigins(t *testing.T) {
	for line, want := range map[string]string{
		"https://App.example.com":                         `pattern "https://App.example.com": `,
		"HTTPS://app.example.com":                         `pattern "HTTPS://app.example.com": `,
		"https://app.example.com/":                        `pattern "https://app.example.com/": slash at the end`,
		"https://hooks.example.com/services/T0/B0/s3cr3t": `pattern "https://hooks.example.com…": path`,
		"https://app.example.com?token=s3cr3t":            `pattern "https://app.example.com…": query`,
		"https://app.example.com#s3cr3t":                  `pattern "https://app.example.com…": fragment`,
		`https://app\.example\.com`:                       `pattern "https://app…": backslash`,
		"https://app.example.com:443":                     `pattern "https://app.example.com:443": port 443`,
		"https://app.example.com:99999":                   `pattern "https://app.example.com:99999": port 99999`,
		"https://*":                                       `pattern "https://*": `,
		"https://münchen.example":                         `pattern "https://münchen.example": `,
		"http://[::1%eth0]":                               "the line does not resemble an origin",
		"http://[0::1]":                                   `pattern "http://[0::1]": `,
	} {
		_, problems := cors.New(cors.Config{FileOrigins: []string{line}})
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Message, want) || strings.Contains(problems[0].String(), "s3cr3t") {
			t.Errorf("%q: %v, want %s", line, problems, want)
		}
	}
}

// FuzzShowable holds that a message says nothing of a line but what is like an origin: no run of six bytes after its host.
func FuzzShowable(f *testing.F) {
	f.Add("https://a.example/", "s3cr3t")
	f.Add("https://user:", "s3cr3t@host")
	f.Add("KEY=", "s3cr3t://x")
	f.Fuzz(func(t *testing.T, before, secret string) {
		const marker = "qzjxkvwq" // in no message of ours
		line := before + marker + secret
		if strings.ContainsAny(before, "/?#@\\=\" ") && strings.Contains(before, "://") {
			tail := before[strings.Index(before, "://")+3:]
			if !strings.ContainsAny(tail, "/?#@\\=\" ") {
				return
			}
			_, problems := cors.New(cors.Config{FileOrigins: []string{line}})
			for _, p := range problems {
				if strings.Contains(p.String(), marker) {
					t.Errorf("%q: %v", line, p)
				}
			}
		}
	})
}
