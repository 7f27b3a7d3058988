package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/spf13/cobra"
)

// TestExitErrors holds with which status each kind of error ends the process, and that its cause can be found.
func TestExitErrors(t *testing.T) {
	f := func(err error, status int, text string, cause error) {
		t.Helper()
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Status != status {
			t.Errorf("%v ends the process with %+v, want status %d", err, exit, status)
		}
		if err.Error() != text {
			t.Errorf("got the text %q, want %q", err, text)
		}
		if cause != nil && !errors.Is(err, cause) {
			t.Errorf("%v does not wrap %v", err, cause)
		}
	}
	f(Fail(fs.ErrExist), 1, "file already exists", fs.ErrExist)
	f(Misuse(fs.ErrNotExist), 2, "file does not exist", fs.ErrNotExist)
	f(Exit(Failed), 1, "exit status 1", nil)
	f(Exit(Usage), 2, "exit status 2", nil)
}

// TestComplain holds how errors are printed: problems begin with their place, so that editors find it, and all others with
// the program's name.
func TestComplain(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		var out bytes.Buffer
		if Complain(&out, err); out.String() != want {
			t.Errorf("Complain(%#v) prints %q, want %q", err, out.String(), want)
		}
	}
	at := func(line int) config.Problem {
		return config.Problem{File: "f.toml", Line: line, Key: "log.level", Message: "is unknown"}
	}
	f(errors.New("port in use"), "corsgate: port in use\n")
	f(at(3), "f.toml:3: log.level: is unknown\n")
	f(Misuse(at(3)), "f.toml:3: log.level: is unknown\n")
	f(config.Problems{at(3), at(4)}, "f.toml:3: log.level: is unknown\nf.toml:4: log.level: is unknown\n")
	f(config.Problem{Message: "the file is empty"}, "corsgate: "+config.Problem{Message: "the file is empty"}.Error()+"\n")
	f(config.Problems{}, "corsgate: "+config.Problems{}.Error()+"\n")
}

// TestArguments holds what each kind of command says of too few and too many arguments.
func TestArguments(t *testing.T) {
	f := func(check cobra.PositionalArgs, want string, args ...string) {
		t.Helper()
		if got := said(check(&cobra.Command{Use: "do"}, args)); got != want {
			t.Errorf("%q: got %q, want %q", args, got, want)
		}
	}
	f(NoArgs, "")
	f(NoArgs, `do takes no arguments: remove "x"`, "x", "y")
	one := OneArgument("one revision")
	f(one, "", "7")
	f(one, "do takes one revision, and there are 0 arguments")
	f(one, "do takes one revision, and there are 2 arguments", "7", "8")
	f(OneURL, "", "https://api.example")
	f(OneURL, "the URL is missing: write one such as https://api.example.com/items")
	f(OneURL, `do takes one URL, and there are 2: "b" is one too many`, "a", "b")
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestConfigArgument holds which file a command line names, by argument or by flag.
func TestConfigArgument(t *testing.T) {
	f := func(path, want string, args ...string) {
		t.Helper()
		var got string
		c := &cobra.Command{Use: "check", RunE: func(*cobra.Command, []string) error { return nil }, SilenceErrors: true, SilenceUsage: true}
		ConfigFlag(c, &got)
		ConfigArgument(c, &got)
		c.SetArgs(append([]string{}, args...))
		if err := said(c.Execute()); err != want || err == "" && got != path {
			t.Errorf("%q: got the file %q and the error %q, want %q and %q", args, got, err, path, want)
		}
	}
	f("", "")
	f("a.toml", "", "a.toml")
	f("a.toml", "", "-c", "a.toml")
	f("a.toml", "", "--config=a.toml")
	f("-", "", "-")
	f("", "check takes one FILE, and there are 2", "a.toml", "b.toml")
	f("", "a.toml and --config b.toml are two files: name one", "a.toml", "-c", "b.toml")
	f("", "-config is read as -c onfig: write --config a.toml", "-config", "a.toml")
}

// TestUsageText holds how mistakes in a command line are described.
func TestUsageText(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		root := &cobra.Command{Use: "corsgate", Args: KnownCommand, RunE: func(*cobra.Command, []string) error { return nil },
			SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2}
		c := &cobra.Command{Use: "check", Args: NoArgs, RunE: func(*cobra.Command, []string) error { return nil }}
		c.Flags().Bool("strict", false, "")
		c.Flags().Duration("timeout", time.Second, "")
		c.Flags().String("format", "", "")
		root.AddCommand(c)
		root.SetArgs(append([]string{}, args...))
		command, err := root.ExecuteC()
		if err == nil {
			t.Fatalf("%q: no error, want %q", args, want)
		}
		if got := UsageText(command, err); got != want {
			t.Errorf("%q: got %q, want %q", args, got, want)
		}
	}
	f(`unknown command "chek": did you mean check?`, "chek")
	f(`unknown command "frobnicate"`, "frobnicate")
	f("unknown flag: --strikt: did you mean --strict?", "check", "--strikt")
	f("unknown flag: --zzzzzzzz", "check", "--zzzzzzzz")
	f(`invalid argument "maybe" for "--strict": write true or false`, "check", "--strict=maybe")
	f(`invalid argument "soon" for "--timeout": write a time such as "5s"`, "check", "--timeout", "soon")
	f(`invalid argument "5" for "--timeout": write a time such as "5s"`, "check", "--timeout", "5")
	f(`invalid argument "5 flags" for "--timeout": write a time such as "5s"`, "check", "--timeout", "5 flags")
	f(`invalid argument "9999999h" for "--timeout": write a time such as "5s"`, "check", "--timeout", "9999999h")
	f("flag needs an argument: --format", "check", "--format")
	f("unknown shorthand flag: 'x' in -x", "check", "-x")
	f(`check takes no arguments: remove "a"`, "check", "a")
}

func TestFormat(t *testing.T) {
	for format, want := range map[string]string{"text": "", "json": "", "": `--format "": say "text" or "json"`,
		"JSON": `--format "JSON": say "text" or "json"`} {
		if got := said(CheckFormat(format)); got != want {
			t.Errorf("CheckFormat(%q) = %q, want %q", format, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 routes", 1: "1 route", 2: "2 routes"} {
		if got := Count(n, "route", "routes"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	var out bytes.Buffer
	if err := WriteJSON(&out, map[string]string{"pattern": "<a&b>"}); err != nil || out.String() != "{\n  \"pattern\": \"<a&b>\"\n}\n" {
		t.Errorf("WriteJSON writes %q, %v", out.String(), err)
	}
}
