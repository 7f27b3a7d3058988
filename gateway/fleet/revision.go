package fleet

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/printable"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// format is the format of everything that this package writes. It refuses a newer one.
const format = 1

// maxValue is how long a revision may be in etcd, in bytes. etcd takes requests of 1.5 MiB;
// keys and conditions are in them, too.
const maxValue = 3<<19 - 4<<10

// page is how many revisions are read at once: they may be large.
const page = 16

// highest is above the number of any revision.
const highest = 1e16 - 1

// A Revision is one version of the fleet's configuration.
type Revision struct {
	Number  int64     `json:"number"` // from 1; later revisions have higher ones, not always the next
	Parent  int64     `json:"parent"` // the revision that was live when it was pushed; 0: none
	Text    string    `json:"text"`
	Author  string    `json:"author"`
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
	Sum     string    `json:"sum"` // SHA-256 of Text, in hexadecimal

	// Trial is set in what [Store.Join] gives to a node that tries a candidate. Should it go
	// live, the node is given it again, without.
	Trial bool `json:"-"`
	// Unusable is set by [Store.Log] in a revision that cannot be used, and says why: of it only the number is known.
	Unusable string `json:"-"`
	// Dropped is set by [Store.Log] in a revision that was rolled out and never went live, or has not yet.
	Dropped bool `json:"-"`
}

// A stored revision is one as etcd has it.
type stored struct {
	Format int    `json:"format"`
	ID     string `json:"id"` // of the push: who does not know whether it was made finds it by this
	Revision
}

// A pointer is the value of the key live.
type pointer struct {
	Format int    `json:"format"`
	Number int64  `json:"number"`
	Sum    string `json:"sum"` // of the revision: after etcd was restored a number may be another's
}

func (s *Store) liveKey() string      { return s.options.Prefix + "live" }
func (s *Store) revisionsKey() string { return s.options.Prefix + "revisions/" }
func (s *Store) revisionKey(number int64) string {
	return fmt.Sprintf("%s%016d", s.revisionsKey(), number)
}

// encode writes v as JSON. It cannot err: what we keep are plain structures.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("BUG: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// An UnusableError is about something in etcd that this corsgate cannot use, and why: it is not
// there, of a newer format, or damaged.
type UnusableError struct {
	Key, Reason string
	cause       error
}

func (e *UnusableError) Error() string { return printable.Line(e.Key + " in etcd " + e.Reason) }

// Unwrap returns [ErrNone] if it is not there.
func (e *UnusableError) Unwrap() error { return e.cause }

func unusable(key string, reason string, args ...any) error {
	return &UnusableError{Key: key, Reason: fmt.Sprintf(reason, args...)}
}

// decode reads the value of kv into v, if it is of a format that we know.
func decode(kv *mvccpb.KeyValue, v any) error {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(kv.Value, &head); err != nil {
		return unusable(string(kv.Key), "was not written by corsgate: %v", err)
	}
	if head.Format != format {
		return unusable(string(kv.Key), "has format %d, and this corsgate knows %d: update it", head.Format, format)
	}
	if err := json.Unmarshal(kv.Value, v); err != nil {
		return unusable(string(kv.Key), "was not written by corsgate: %v", err)
	}
	return nil
}

// sum returns the checksum of a text.
func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// revision reads a revision and checks it.
func revision(kv *mvccpb.KeyValue) (stored, error) {
	var r stored
	if err := decode(kv, &r); err != nil {
		return r, err
	}
	if want, err := number(kv.Key); err != nil || r.Number != want {
		return r, unusable(string(kv.Key), "says that it is revision %d", r.Number)
	}
	if got := sum(r.Text); got != r.Sum {
		return r, unusable(string(kv.Key), "is damaged: its text has the checksum %.12s…, not %.12s…", got, r.Sum)
	}
	return r, nil
}

// number returns the number in the key of a revision.
func number(key []byte) (int64, error) {
	return strconv.ParseInt(string(key[bytes.LastIndexByte(key, '/')+1:]), 10, 64)
}

// Revision returns a revision by its number, or [ErrNone].
func (s *Store) Revision(ctx context.Context, number int64) (Revision, error) {
	r, err := s.stored(ctx, number)
	return r.Revision, err
}

func (s *Store) stored(ctx context.Context, number int64) (stored, error) {
	answer, err := s.read(ctx, clientv3.OpGet(s.revisionKey(number)))
	if err != nil {
		return stored{}, err
	}
	kvs := answer.Responses[0].GetResponseRange().Kvs
	if len(kvs) == 0 {
		return stored{}, &UnusableError{Key: s.revisionKey(number), Reason: "is not there: " + ErrNone.Error(), cause: ErrNone}
	}
	return revision(kvs[0])
}

// Live returns the revision that is live, or [ErrEmpty]. With an [*UnusableError] it returns
// the number alone, if that is known: enough for a push that puts it right.
func (s *Store) Live(ctx context.Context) (Revision, error) {
	n, err := s.desired(ctx)
	if err != nil {
		return Revision{}, err
	}
	if n.live == 0 {
		return Revision{}, ErrEmpty
	}
	r, err := s.Revision(ctx, n.live)
	if err != nil {
		return Revision{Number: n.live}, err
	}
	return r, nil
}

// Log returns the last revisions, newest first.
func (s *Store) Log(ctx context.Context, limit int) ([]Revision, error) {
	n, err := s.desired(ctx)
	if err != nil {
		return nil, err
	}
	last, err := s.last(ctx, n.live)
	if err != nil {
		return nil, err
	}
	var all []Revision
	line := n.live // the next of those that are or were live
	for ; last > 0 && len(all) < limit; last -= page {
		answer, err := s.read(ctx, clientv3.OpGet(s.revisionKey(max(1, last-page+1)), clientv3.WithRange(s.revisionKey(last+1))))
		if err != nil {
			return nil, err
		}
		for _, kv := range slices.Backward(answer.Responses[0].GetResponseRange().Kvs) {
			r, err := revision(kv)
			if err != nil {
				r.Revision = Revision{Parent: r.Parent, Unusable: err.Error()}
				r.Number, _ = number(kv.Key)
			}
			if r.Dropped = r.Number != line; !r.Dropped {
				line = r.Parent
			}
			all = append(all, r.Revision)
		}
	}
	return all[:min(len(all), max(0, limit))], nil
}

// prepare encodes r for the store. Its number is not known yet.
func prepare(r Revision, base int64, now time.Time) stored {
	r.Parent, r.Time, r.Sum = base, now.UTC(), sum(r.Text)
	return stored{Format: format, ID: rand.Text(), Revision: r}
}
