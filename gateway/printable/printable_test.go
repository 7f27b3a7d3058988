package printable_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/corsgate/corsgate/gateway/printable"
)

func TestLine(t *testing.T) {
	f := func(in, line, text string) {
		t.Helper()
		if got := printable.Line(in); got != line {
			t.Errorf("Line(%q) = %q, want %q", in, got, line)
		}
		if got := printable.Text(in); got != text {
			t.Errorf("Text(%q) = %q, want %q", in, got, text)
		}
		var b bytes.Buffer
		if n, err := (printable.Writer{W: &b}).Write([]byte(in)); n != len(in) || err != nil || b.String() != text {
			t.Errorf("Writer: %q, %d, %v, want %q", b.String(), n, err, text)
		}
	}
	f("", "", "")
	f("bücher — 日本", "bücher — 日本", "bücher — 日本")
	f("a\nb\tc", `a\nb\tc`, "a\nb\tc")
	f("\x1b[2J\x1b]0;x\a", `\u001b[2J\u001b]0;x\u0007`, `\u001b[2J\u001b]0;x\u0007`)
	f("\u009b31m\u0085\x7f", `\u009b31m\u0085\u007f`, `\u009b31m\u0085\u007f`)
	f("\x9b31m", `\x9b31m`, `\x9b31m`) // a terminal of eight bits takes it for CSI
	f("\u202egnp.exe\u2066\u200f\u061c", `\u202egnp.exe\u2066\u200f\u061c`, `\u202egnp.exe\u2066\u200f\u061c`)
	f("\u2028\u2029\ufeff\u200b", `\u2028\u2029\ufeff\u200b`, `\u2028\u2029\ufeff\u200b`)
	f("a\rb", `a\rb`, `a\rb`)
	f("a\r\nb\r", `a\r\nb\r`, "a\r\nb\\r")
	f("\ufffd", "\ufffd", "\ufffd") // somebody has replaced it already
	f("👩‍🚀", "👩‍🚀", "👩‍🚀")
}

// FuzzPrintable: nothing that acts remains, what is printable is not touched, and JSON decodes to what it was.
func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[31m")   // a control sequence
	f.Add("\u009b\x9b") // C1, encoded and raw
	f.Add("ok\n\u202e") // a line and an override
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{printable.Line(s), printable.Text(s)} {
			for _, r := range out {
				if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' || unicode.Is(unicode.Bidi_Control, r) || unicode.In(r, unicode.Zl, unicode.Zp) {
					t.Errorf("%q has %U", out, r)
				}
			}
			if !utf8.ValidString(out) {
				t.Errorf("%q is not UTF-8", out)
			}
		}
		if strings.ContainsAny(printable.Line(s), "\n\t") {
			t.Errorf("Line(%q) has several lines", s)
		}
		if again := printable.Text(printable.Text(s)); again != printable.Text(s) {
			t.Errorf("%q becomes %q the second time", printable.Text(s), again)
		}
		encoded, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		if json.Unmarshal(encoded, &want) != nil || json.Unmarshal(printable.JSON(encoded), &got) != nil || got != want {
			t.Errorf("%q: JSON is %q, want %q", s, got, want)
		}
	})
}
