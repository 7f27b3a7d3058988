package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
)

// Options say where a fleet's store is.
type Options struct {
	// Endpoints are the URLs of etcd's members.
	Endpoints []string
	// TLS is for endpoints with https. Optional.
	TLS *tls.Config
	// Username and Password are what etcd asks for when its authentication is on. Optional.
	Username, Password string
	// Prefix begins all keys of the fleet, and ends with "/".
	Prefix string
	// Pace is how often a node reports how much it has done; during a roll-out it is six times as
	// often. Changes that a caller waits for are reported at once. Optional: 1 min.
	Pace time.Duration
	// Log receives the errors during [Store.Join]. Optional.
	Log *slog.Logger
}

// Errors that callers may want to tell apart.
var (
	ErrEmpty    = errors.New("no revision has been pushed yet")
	ErrNone     = errors.New("there is no such revision")
	ErrMoved    = errors.New("another revision went live in the meantime")
	ErrRolling  = errors.New("a rollout is in progress")
	ErrTooLarge = errors.New("the configuration is too large for etcd")
)

// timing is what a store waits for. Tests have less patience.
type timing struct {
	request time.Duration // at most for one request to etcd
	push    time.Duration // at most for a push, when etcd does not answer: a silent member is noticed after 13 s
	lease   time.Duration // until a node, or a roll-out, counts as gone
	pace    time.Duration // between reports of how much was done, a sixth of it during a roll-out; jittered
	look    time.Duration // between looks at what changed; and how often a roll-out is judged
	reread  time.Duration // between unprompted reads of the desired revision; jittered
	backOff time.Duration // at most between attempts
}

func defaults() timing {
	return timing{request: 5 * time.Second, push: 30 * time.Second, lease: 10 * time.Second, pace: time.Minute, look: time.Second,
		reread: time.Minute, backOff: 5 * time.Second}
}

// A Store is a fleet's place in etcd. Its methods are safe for concurrent use.
type Store struct {
	options Options
	timing
	log *slog.Logger
	ctx context.Context
	end context.CancelFunc

	mu     sync.Mutex
	client *clientv3.Client // nil: not made yet
}

// Open returns the store at o. It does not need etcd to be up; an error is about o. The caller closes it.
func Open(o Options) (*Store, error) {
	if len(o.Endpoints) == 0 {
		return nil, errors.New("no endpoint of etcd")
	}
	if !strings.HasSuffix(o.Prefix, "/") {
		return nil, fmt.Errorf("the prefix %q does not end with \"/\"", o.Prefix)
	}
	if (o.Username == "") != (o.Password == "") {
		return nil, errors.New("a user name for etcd needs a password, and a password a user name")
	}
	s := &Store{options: o, timing: defaults(), log: o.Log}
	if o.Pace > 0 {
		s.pace = o.Pace
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Close ends the connections. Nothing may use the store any more.
func (s *Store) Close() error {
	s.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return nil
	}
	err := s.client.Close()
	if errors.Is(err, context.Canceled) {
		return nil // that is what closing is
	}
	return err
}

// etcd returns the client. It is made by the first who needs it: with a password its library asks etcd for a token at
// once, and Open is not to need etcd.
func (s *Store) etcd() (*clientv3.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		return s.client, nil
	}
	c, err := clientv3.New(clientv3.Config{
		Context:     s.ctx,
		Endpoints:   s.options.Endpoints,
		TLS:         s.options.TLS,
		Username:    s.options.Username,
		Password:    s.options.Password,
		DialTimeout: s.request,
		// A member that is gone without a word is noticed after both: less than 10 s is not to be had from grpc.
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 3 * time.Second,
		// Its own would have us wait up to two minutes for an etcd that is back.
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: s.backOff / 10, Multiplier: 1.6, Jitter: 0.3, MaxDelay: s.backOff},
			MinConnectTimeout: s.request,
		})},
		Logger: zap.NewNop(), // it would write to stderr what our callers get as errors
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, s.unreachableError(s.ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	s.client = c
	return c, nil
}

// commit makes one transaction, in bounded time. It is atomic and, without conditions and writes, a consistent read.
func (s *Store) commit(ctx context.Context, conditions []clientv3.Cmp, then, otherwise []clientv3.Op) (*clientv3.TxnResponse, error) {
	c, err := s.etcd()
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, s.request)
	defer cancel()
	answer, err := c.Txn(clientv3.WithRequireLeader(bounded)).If(conditions...).Then(then...).Else(otherwise...).Commit()
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() == nil && bounded.Err() != nil:
		return nil, s.unreachableError(ctx)
	}
	return nil, fmt.Errorf("etcd: %w", err)
}

// read gets keys as they are at one time. While etcd is between two leaders it asks again:
// reading twice does no harm.
func (s *Store) read(ctx context.Context, ops ...clientv3.Op) (answer *clientv3.TxnResponse, err error) {
	const attempts = 4
	for range attempts {
		answer, err = s.commit(ctx, nil, ops, nil)
		var e rpctypes.EtcdError
		if !errors.As(err, &e) || e.Code() != codes.Unavailable || !sleep(ctx, jitter(s.backOff/8)) {
			break
		}
	}
	return answer, err
}
