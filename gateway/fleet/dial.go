package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// unreachableError returns the error of a request that etcd did not answer in time. grpc keeps
// trying to connect and does not report failures, so we try ourselves.
func (s *Store) unreachableError(ctx context.Context) error {
	said := "etcd does not answer within " + s.request.String()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, endpoint := range s.options.Endpoints {
		if err := s.dial(ctx, endpoint); err != nil {
			return errors.New(said + ": " + endpoint + ": " + err.Error())
		}
	}
	return errors.New(said + ": " + strings.Join(s.options.Endpoints, ", "))
}

// dial says why no connection can be made to an endpoint, or nil.
func (s *Store) dial(ctx context.Context, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	var c net.Conn
	if u.Scheme == "https" {
		d := tls.Dialer{Config: s.options.TLS}
		c, err = d.DialContext(ctx, "tcp", u.Host)
	} else {
		var d net.Dialer
		c, err = d.DialContext(ctx, "tcp", u.Host)
	}
	if err != nil {
		return err
	}
	return c.Close()
}

// final reports whether an error stays when the request is made again.
func final(err error) bool {
	for _, is := range []error{rpctypes.ErrPermissionDenied, rpctypes.ErrAuthFailed, rpctypes.ErrUserEmpty, rpctypes.ErrRequestTooLarge, rpctypes.ErrNoSpace} {
		if errors.Is(err, is) {
			return true
		}
	}
	var unusable *UnusableError
	return errors.As(err, &unusable)
}
