package fleetcmd

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/spf13/cobra"
)

func newEdit() *cobra.Command {
	var f change
	c := &cobra.Command{
		Use:   "edit",
		Short: "Edit what the gateways share",
		Long: `Edit opens the text of the live revision in $VISUAL or $EDITOR and pushes the result. If the text is
not valid, or another push came first, it offers to edit again. No text is lost: unless it was pushed,
the file is kept and its name is printed.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := f.at.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			return f.edit(c, s)
		},
	}
	f.flags(c)
	return c
}

func (f *change) edit(c *cobra.Command, s *session) error {
	live, err := s.Live(s.ctx)
	if err != nil && !errors.Is(err, fleet.ErrEmpty) {
		return cli.Fail(err)
	}
	path, err := editable(live)
	if err != nil {
		return cli.Fail(err)
	}
	in := bufio.NewReader(c.InOrStdin())
	for {
		f.base = live.Number
		if err := runEditor(c, path); err != nil {
			return cli.Fail(fmt.Errorf("%w: the text is kept in %s", err, path))
		}
		text, err := config.Read(path)
		if err != nil {
			return cli.Fail(err)
		}
		if string(text.Text) == live.Text {
			os.Remove(path) // a file that stays does no harm
			fmt.Fprintln(c.OutOrStdout(), "nothing was changed")
			return nil
		}
		err = f.run(c, s, text)
		if err == nil && !f.dry {
			os.Remove(path) // as above
			return nil
		}
		if err == nil {
			fmt.Fprintf(c.OutOrStdout(), "the text is kept in %s\n", path)
			return nil
		}
		if exit := (*cli.ExitError)(nil); errors.As(err, &exit) && exit.Err != nil {
			cli.Complain(c.ErrOrStderr(), exit.Err)
		}
		if errors.Is(err, fleet.ErrMoved) {
			if live, err = f.overtaken(c, s, live); err != nil {
				return cli.Fail(fmt.Errorf("%w: the text is kept in %s", err, path))
			}
			err = cli.Fail(fleet.ErrMoved)
		}
		fmt.Fprint(c.OutOrStdout(), "Edit it again? [Y/n] ")
		answer, readErr := in.ReadString('\n')
		if answer = strings.ToLower(strings.TrimSpace(answer)); readErr != nil || answer != "" && answer != "y" && answer != "yes" {
			fmt.Fprintf(c.ErrOrStderr(), "the text is kept in %s\n", path)
			return quietly(err)
		}
	}
}

// overtaken prints how the revision that is live now differs from the one that was edited, and returns it: the next attempt
// replaces it knowingly.
func (f *change) overtaken(c *cobra.Command, s *session, edited fleet.Revision) (fleet.Revision, error) {
	live, err := s.Live(s.ctx)
	if err == nil {
		fmt.Fprintln(c.OutOrStdout(), "This changed in the meantime. If you push your text, it is undone:")
		printDiff(c.OutOrStdout(), *source.Revision(edited.Number, edited.Text), *source.Revision(live.Number, live.Text))
	}
	return live, err
}

// quietly returns an error with the status of err, which was printed.
func quietly(err error) error {
	if exit := (*cli.ExitError)(nil); errors.As(err, &exit) {
		return cli.Exit(exit.Status)
	}
	return err
}

// editable writes the text of a revision into a file for an editor, in a directory that only this user may read.
func editable(r fleet.Revision) (path string, err error) {
	dir, err := os.MkdirTemp("", "corsgate-fleet-")
	if err != nil {
		return "", err
	}
	text := r.Text
	if r.Number == 0 {
		text = "# What the gateways share: [route.NAME], [cors.NAME], [upstream.NAME] and [limit.NAME].\n"
	}
	path = filepath.Join(dir, fmt.Sprintf("revision-%d.toml", r.Number+1))
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// runEditor lets the user edit a file. The editor's name may be followed by arguments, as with other programs.
func runEditor(c *cobra.Command, path string) error {
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi")
	e := exec.CommandContext(c.Context(), "sh", "-c", editor+` "$1"`, "sh", path)
	e.Stdin, e.Stdout, e.Stderr = c.InOrStdin(), terminal.Raw(c.OutOrStdout()), terminal.Raw(c.ErrOrStderr()) // it draws on a terminal
	if err := e.Run(); err != nil {
		return fmt.Errorf("the editor %s: %w", editor, err)
	}
	return nil
}
