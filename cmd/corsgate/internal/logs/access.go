package logs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/config"
)

// OpenAccess opens the destination of the access log of cfg: log.access_file, or else stdout.
func OpenAccess(cfg *config.Config, stdout io.Writer) (access.Destination, error) {
	d := access.Destination{Out: terminal.Raw(stdout)}
	if cfg.Log.AccessFile != "" && cfg.Log.Access != "off" {
		// Opening a named pipe does not wait for its reader.
		const flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND | syscall.O_NONBLOCK
		f, err := os.OpenFile(cfg.Path(cfg.Log.AccessFile), flags, 0o640)
		if err != nil {
			hint := ""
			if errors.Is(err, syscall.ENXIO) {
				hint = "no process reads from that pipe: start its reader first"
			}
			return d, cfg.Problem("log.access_file", -1, fmt.Sprintf("cannot write the access log: %v", err), hint)
		}
		d.Out, d.Close = f, f.Close
	}
	d.Text = textual(cfg.Log, d.Out)
	d.Color = d.Text && terminal.Is(d.Out) && os.Getenv("NO_COLOR") == ""
	return d, nil
}
