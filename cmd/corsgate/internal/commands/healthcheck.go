package commands

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/spf13/cobra"
)

// NewHealthcheck returns the command healthcheck.
func NewHealthcheck() *cobra.Command {
	var path string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the gateway on this machine whether it is ready",
		Long: `Healthcheck asks the gateway on this machine whether it is ready: at admin.address, or if that is off
at admin.metrics_address, or else at the ready_path of a listener. It is meant for containers, which
have no curl.

It exits with status 0 if the gateway is ready, 1 if it is not or does not respond, and 2 if the
configuration cannot be read or has no address to ask.`,
		Example: `  HEALTHCHECK CMD ["/corsgate", "healthcheck"]`,
		Args:    cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			own, err := source.Read(path)
			if err != nil {
				return cli.Misuse(err)
			}
			// A mistake in a file that has been edited since says nothing about the running gateway.
			cfg, err := config.Parse(own.Name, own.Text)
			if cfg == nil {
				return cli.Misuse(err)
			}
			at, err := readinessOf(cfg)
			if err != nil {
				return cli.Misuse(err)
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			if err := at.ask(ctx); err != nil {
				return cli.Fail(err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: ready\n", at)
			return nil
		},
	}
	cli.ConfigFlag(c, &path)
	c.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "for the answer")
	return c
}

// A readiness is a place where a gateway tells whether it is ready.
type readiness struct {
	address config.Address
	path    string
	tls     bool
}

// readinessOf returns the first such place of a configuration.
func readinessOf(cfg *config.Config) (readiness, error) {
	var places []readiness
	if a := cfg.Admin.Address; a != config.Off {
		places = append(places, readiness{address: a, path: "/readyz"})
	}
	if a := cfg.Admin.MetricsAddress; a != "" {
		places = append(places, readiness{address: a, path: "/readyz"})
	}
	for _, l := range cfg.Listeners {
		if network, _ := l.Address.Split(); l.ReadyPath != "" && !l.ProxyProtocol && network != "systemd" {
			places = append(places, readiness{address: l.Address, path: l.ReadyPath, tls: l.TLS})
		}
	}
	for _, p := range places {
		if !strings.HasSuffix(string(p.address), ":0") {
			return p, nil
		}
	}
	return readiness{}, fmt.Errorf(`%s names no place to ask at: set admin.address, admin.metrics_address, or ready_path of a listener, with a port other than 0`, cfg.File)
}

// dial returns the network and address of p, as reached from this machine.
func (p readiness) dial() (network, address string) {
	network, address = p.address.Split()
	if network != "tcp" {
		return network, address
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return network, address
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = map[bool]string{true: "127.0.0.1", false: "::1"}[ip.Is4()]
	}
	return network, net.JoinHostPort(cmp.Or(host, "localhost"), port)
}

func (p readiness) String() string {
	_, address := p.dial()
	return address + p.path
}

// ask returns nil if the gateway is ready.
func (p readiness) ask(ctx context.Context) error {
	network, address := p.dial()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		// This connects to the same machine, whatever name the certificate has.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
	defer transport.CloseIdleConnections()
	scheme, host := "http", "localhost"
	if p.tls {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+host+p.path, nil)
	if err != nil {
		return err
	}
	res, err := transport.RoundTrip(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer in time", p)
	case err != nil:
		return fmt.Errorf("%s: %w", p, err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(io.LimitReader(res.Body, 200)); res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d: %s", p, res.StatusCode, strings.TrimSpace(string(text)))
	}
	return nil
}
