package config_test

import (
	"strings"
	"testing"
)

// None of the text of a file that is not TOML is in a message.
func TestSyntaxIsNotQuoted(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, text := range []string{
		"password = " + secret, "password = 1" + secret, "password = -" + secret, "password = t" + secret, "password = true" + secret,
		"password = \"\n" + secret, "password = '" + secret, "password = \"" + secret, `password = """` + secret, "password = '''" + secret,
		`password = "\u` + secret, `password = "\x` + secret + `"`, `password = "\q` + secret + `"`, `password = "a" ` + secret,
		"password = 0x" + secret, "password = 0b" + secret, "password = 0o" + secret, "password = 1_" + secret, "password = 2020-01-01" + secret,
		"password = 2020-99-99T" + secret, "password = 1." + secret, "password = 1e" + secret, "password = inf" + secret, "password = nan" + secret,
		"password = [" + secret, "password = [1 " + secret, "password = {a = " + secret, "password = {a = 1 " + secret, "password = {" + secret,
		secret, secret + " " + secret, "[" + secret, "[[" + secret + "]", "[a] " + secret, "a." + secret, "a = 1 " + secret, ": " + secret,
		"password: " + secret, "- " + secret, "{\"password\": \"" + secret + "\"}", "export PASSWORD=" + secret, "\x01" + secret, "a = \"\x01" + secret + "\"",
		"-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----\n", "user:" + secret + "@host", "a = " + secret + ",", "a = ," + secret,
	} {
		got := problems(t, "# é\n"+text)
		if len(got) != 1 || got[0].Line < 2 || strings.Contains(got[0].Error(), "hunter") {
			t.Errorf("%q: %v, want one problem, and not the text", text, got)
		}
	}
}

// What is expected is said, and where.
func TestSyntax(t *testing.T) {
	const value = "a value is expected: a string in quotes, a number, true, false, an array or a table (write text in quotes: key = \"text\")"
	for text, want := range map[string]string{
		"password = hunter2":            "1: column 12: " + value,
		"x = 1\npassword = hunter2":     "2: column 12: " + value,
		"é = 1":                         "1: column 1: the name of a key is followed by \"=\" (write key = \"value\")",
		"\"é\" = hunter2":               "1: column 7: " + value,
		"password =\nx = 1":             "1: column 11: " + value,
		"password =":                    "1: column 10: " + value,
		"x = 2020-13-01":                "1: column 5: this is neither a date nor a number (write text in quotes: key = \"text\")",
		"x = 99999999999999999999":      "1: column 5: the number is too large",
		"x = 1 2":                       "1: column 6: the line must end after a value (write text in quotes: key = \"text\")",
		"x = ['a' 'b']":                 `1: column 10: a value of an array is followed by "," or "]" (write text in quotes: key = "text")`,
		"x = \"a\ny = 1":                `1: column 7: a string in quotes ends on the line that it begins on (write the closing quote, or """ at both ends)`,
		"x = '''a\ny = 1":               "2: column 5: the text ends within a string (write the closing quote)",
		`x = "C:\Windows"`:              `1: column 6: a backslash in a string begins no escape that TOML has (write \\ for a backslash, or the string in single quotes)`,
		"[a]\nx = 1\n[a.b]\n[a]\ny = 1": "4: key 'a' has already been defined (first at line 1)",
		"[route.api":                    `1: column 10: the name of a table continues with "." or ends in "]"`,
		"cors: app":                     `1: column 5: the name of a key is followed by "=" (write key = "value")`,
		"= 1":                           `1: column 1: there is no key before "="`,
		"x = \"\x01\"":                  "1: column 5: a control character is not allowed here",
	} {
		if got := problems(t, text); len(got) != 1 || got[0].Error() != "f.toml:"+want {
			t.Errorf("%q:\n got %v\nwant f.toml:%s", text, got, want)
		}
	}
}

// Nor is the value of a field that is set for upstreams.
func TestValuesOfFieldsAreNotQuoted(t *testing.T) {
	for value, want := range map[string]string{
		"Bearer hunter2\\n": "a field value must be printable ASCII, without spaces at its ends",
		"Basic hun$ter2":    `"$" begins an unknown variable: the variables are $client_ip, `,
		"Basic hunter2$":    `"$" begins the name of a variable (write "$$" for a dollar sign)`,
	} {
		for _, field := range []string{"Authorization", "X-Any"} {
			got := problems(t, minimal+"request_set_headers = { "+field+" = \""+value+"\" }\n")
			if len(got) != 1 || !strings.Contains(got[0].Error(), want) || strings.Contains(got[0].Error(), "hunter") || strings.Contains(got[0].Error(), "ter2") {
				t.Errorf("%s: %q: %v, want one problem with %q and not the value", field, value, got, want)
			}
		}
	}
	got := problems(t, minimal+"request_set_headers = { X-Any = \"$hots\" }\n")
	if want := "did you mean $host?"; len(got) != 1 || got[0].Hint != want {
		t.Errorf("%v, want the hint %q", got, want)
	}
}
