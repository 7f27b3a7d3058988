package shared

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Options say where Redis is, and how limits behave without it.
type Options struct {
	// Network is "tcp" or "unix", and Address "host:port" or a path. A name is looked up for each connection.
	Network, Address string
	// Username and Password are for AUTH; without a Password it is not sent.
	Username, Password string
	// Database is the number to SELECT.
	Database int
	// TLS is how to speak TLS; nil: not at all.
	TLS *tls.Config
	// Timeout bounds a call. It is not one that a request waits for.
	Timeout time.Duration
	// Prefix is what all keys begin with.
	Prefix string
	// Open: while Redis fails, everything is allowed.
	Open bool
	// Called is told how many keys were queried in Redis, and the result: one of [Results].
	Called func(keys int, result string)
}

// Results are the possible results of calls: an answer; none in time; no connection; an error that Redis reports.
var Results = []string{ResultOK, ResultTimeout, ResultConnection, ResultError}

// See [Results].
const (
	ResultOK         = "ok"
	ResultTimeout    = "timeout"
	ResultConnection = "connection"
	ResultError      = "error"
)

// A link is how calls come to Redis.
type link interface {
	// call makes calls in one batch. An error applies to all of them.
	call(ctx context.Context, calls []call) error
	// probe reports why a call would fail.
	probe(ctx context.Context) error
	close()
}

// atOnce is how many calls may be in flight at once, each with its own keys.
const atOnce = 2

// connectTime bounds the making of a connection, where no call waits for it.
const connectTime = time.Second

type redisLink struct {
	client *redis.Client
	prefix string
}

// dial returns a link that has no connection yet.
func (o *Options) dial() link {
	return redisLink{redis.NewClient(&redis.Options{
		Network: o.Network, Addr: o.Address, Username: o.Username, Password: o.Password, DB: o.Database, TLSConfig: o.TLS,
		// Nothing is said on a connection but calls. RESP3 is for what servers say unasked.
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		// A call that failed is not made again: Redis may have counted it.
		MaxRetries: -1, DialerRetries: 1, DialTimeout: connectTime,
		ReadTimeout: connectTime, WriteTimeout: connectTime, ContextTimeoutEnabled: true,
		PoolSize: atOnce + 1, PipelinePoolSize: -1, ConnMaxIdleTime: -1,
	}), o.Prefix}
}

// quiet keeps the library from writing to stderr: failures are also reported as errors. It does so
// for the process.
func quiet() { logging.Disable() }

func (r redisLink) close() { r.client.Close() } // there is nothing to be lost

func (r redisLink) call(ctx context.Context, calls []call) error {
	todo := make([]int, len(calls))
	for i := range calls {
		todo[i] = i
	}
	todo, err := r.run(ctx, calls, todo)
	if err == nil && len(todo) > 0 {
		// Redis has been restarted, or its scripts were flushed.
		if err = script.Load(ctx, r.client).Err(); err == nil {
			if todo, err = r.run(ctx, calls, todo); err == nil && len(todo) > 0 {
				err = errors.New("redis forgets the script at once")
			}
		}
	}
	return err
}

// run makes some of calls, and returns those for which Redis does not know the script.
func (r redisLink) run(ctx context.Context, calls []call, todo []int) (again []int, err error) {
	p := r.client.Pipeline()
	answers := make([]*redis.Cmd, len(todo))
	for i, n := range todo {
		a := &calls[n]
		answers[i] = script.EvalSha(ctx, p, []string{a.name}, a.limiter.args[0], a.limiter.args[1], a.debt-a.back, a.want)
	}
	_, err = p.Exec(ctx)
	if err != nil && !isReply(err) {
		return nil, err
	}
	for i, n := range todo {
		a := &calls[n]
		values, err := answers[i].Int64Slice()
		switch {
		case err == nil && len(values) == 2:
			a.granted, a.ahead = values[0], values[1]
		case err == nil:
			return nil, fmt.Errorf("the script answers %v", values)
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			again = append(again, n)
		case strings.Contains(err.Error(), "WRONGTYPE"):
			a.err = err // the key has another type: that says nothing about other keys
		default:
			return nil, err
		}
	}
	return again, nil
}

// probe counts an event of no key, so that it fails where a call would: without a password,
// without memory, at a replica.
func (r redisLink) probe(ctx context.Context) error {
	return script.Run(ctx, r.client, []string{r.prefix + "probe"}, int64(time.Millisecond), 1, 1, 0).Err()
}

// isReply reports whether an error is what Redis has answered.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// resultOf classifies the result of a call.
func resultOf(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return ResultOK
	case isReply(err):
		return ResultError
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ResultTimeout
	}
	return ResultConnection
}

// encode returns the name of a key for people who look at Redis. It does not tell what the key
// was to those who cannot guess.
func encode(name [16]byte) string { return base64.RawURLEncoding.EncodeToString(name[:]) }
