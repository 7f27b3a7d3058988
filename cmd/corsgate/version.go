package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and what it was built from",
		Args:  cli.NoArgs,
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprintf(c.OutOrStdout(), "corsgate %s\n%s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// release is the version of a package, which its linker sets; "": see version.
var release string

// version returns the version of the package, or else the module's, and the revision that it was built from, where the
// toolchain recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	v := cmp.Or(release, info.Main.Version, "(devel)")
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		v += " " + revision
		if settings["vcs.modified"] == "true" {
			v += " (modified)"
		}
	}
	return v
}
