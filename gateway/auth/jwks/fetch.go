package jwks

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/auth/token"
)

const (
	fetchTime   = 10 * time.Second // of one request and its response
	maxHops     = 3                // redirects
	maxMetadata = 256 << 10        // bytes
	metadataFor = time.Hour        // how long the place of the keys is believed
)

// A fetcher is what is remembered between two fetches. Run's goroutine alone uses it.
type fetcher struct {
	client *http.Client
	uri    string    // of the keys
	found  time.Time // when that was found out
	// of the response that the keys came with
	etag, modified string
	of             string // its URL
}

func newClient(through http.RoundTripper) *http.Client {
	c := &http.Client{
		Timeout: fetchTime,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 2, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10,
			DialContext:     (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxHops || !Trustworthy(r.URL) {
				return errors.New("it redirects too often, or to where keys are not to come from: they come by https, or from this machine")
			}
			return nil
		},
	}
	if through != nil {
		c.Transport = through
	}
	return c
}

// Trustworthy reports whether keys may come from a URL: by https, or from this machine.
func Trustworthy(u *url.URL) bool {
	if u.Host == "" || u.User != nil {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && a.IsLoopback())
}

// fetch asks for the keys once, and takes them over.
func (s *Source) fetch(ctx context.Context, log *slog.Logger) error {
	text, err := s.ask(ctx)
	var keys *token.Keys
	if err == nil && text != nil {
		keys, err = token.ParseKeys(text)
	}
	if err != nil {
		s.fetcher.uri, s.fetcher.etag, s.fetcher.modified = "", "", "" // the next attempt begins at the beginning
		s.Counts.Failed.Add(1)
		if ctx.Err() == nil {
			log.Warn("keys cannot be fetched: the last ones stay in use", "from", s.URL, "keys", s.Keys().Len(), "error", bare(err).Error())
		}
		return err
	}
	s.updated.Store(time.Now().Unix())
	if keys == nil {
		s.Counts.Unchanged.Add(1)
		return nil
	}
	s.Counts.Fetched.Add(1)
	before := s.Keys()
	s.keys.Store(keys.Replace(before))
	if before == nil || string(text) != s.lastText {
		s.lastText = string(text)
		log.Info("keys fetched", "from", s.URL, "keys", keys.Len())
		s.save(text, log)
	}
	return nil
}

// bare returns an error without the URL, which may have a query that is secret.
func bare(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// ask returns the text of a key set, nil if it is the same as the last time.
func (s *Source) ask(ctx context.Context) ([]byte, error) {
	f := &s.fetcher
	uri := s.URL
	if s.Discover {
		if f.uri == "" || time.Since(f.found) > metadataFor {
			found, err := f.discover(ctx, s.URL)
			if err != nil {
				return nil, err
			}
			f.uri, f.found = found, time.Now()
		}
		uri = f.uri
	}
	r, err := http.NewRequestWithContext(ctx, "GET", uri, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	if f.of == uri && s.Keys() != nil {
		if f.etag != "" {
			r.Header.Set("If-None-Match", f.etag)
		}
		if f.modified != "" {
			r.Header.Set("If-Modified-Since", f.modified)
		}
	}
	res, text, err := f.do(r, token.MaxSet)
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode == 304 && s.Keys() != nil:
		return nil, nil
	case res.StatusCode != 200:
		return nil, fmt.Errorf("the answer is %s", res.Status)
	}
	f.etag, f.modified, f.of = res.Header.Get("ETag"), res.Header.Get("Last-Modified"), uri
	return text, nil
}

// discover returns where the keys of an issuer are. See OpenID Connect Discovery 1.0, section 4, and RFC 8414, section 3.
func (f *fetcher) discover(ctx context.Context, issuer string) (uri string, err error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return "", err
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	base := u.Scheme + "://" + u.Host
	for _, at := range []string{base + path + "/.well-known/openid-configuration", base + "/.well-known/oauth-authorization-server" + path} {
		var one error
		if uri, one = f.metadata(ctx, at, issuer); one == nil {
			return uri, nil
		}
		err = errors.Join(err, fmt.Errorf("%s: %w", strings.TrimPrefix(at, base), bare(one)))
	}
	return "", err
}

func (f *fetcher) metadata(ctx context.Context, at, issuer string) (uri string, err error) {
	r, err := http.NewRequestWithContext(ctx, "GET", at, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Accept", "application/json")
	res, text, err := f.do(r, maxMetadata)
	if err != nil {
		return "", err
	}
	if res.StatusCode != 200 {
		return "", fmt.Errorf("the answer is %s", res.Status)
	}
	var m struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if json.Unmarshal(text, &m) != nil {
		return "", errors.New("the metadata are not JSON")
	}
	if m.Issuer != issuer { // RFC 8414, section 3.3: else one issuer could speak for another
		return "", errors.New("the metadata are those of another issuer")
	}
	if u, err := url.Parse(m.JWKSURI); err != nil || !Trustworthy(u) {
		return "", errors.New("their jwks_uri is not an https URL")
	}
	return m.JWKSURI, nil
}

// do sends a request and reads the content of the response, up to a bound.
func (f *fetcher) do(r *http.Request, most int64) (*http.Response, []byte, error) {
	r.Header.Set("User-Agent", "corsgate")
	res, err := f.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("the answer is longer than %d bytes", most)
	}
	return res, text, err
}
