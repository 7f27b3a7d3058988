package fleet

import (
	"context"
	"net/url"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// sighted is how long what a node has seen is kept after it said so last.
const sighted = 10 * time.Minute

// maxSights is how many nodes say what they have seen: the first by name. They are a sample, and what a thousand wrote
// each minute would be most of what etcd has to do.
const maxSights = 64

// A sight is what a node has seen.
type sight struct {
	Format int    `json:"format"`
	Text   string `json:"text"`
}

func (s *Store) seenKey() string { return s.options.Prefix + "seen/" }

// See writes what a node has seen of its clients, a text whose meaning is the callers' own, in the place of what it wrote
// before. It is forgotten after ten minutes. Of a large fleet only a sample of the nodes writes; the others have asked etcd
// whether they are in it, so that an error means the same for all.
func (s *Store) See(ctx context.Context, name, text string) error {
	key := s.seenKey() + url.PathEscape(name)
	answer, err := s.read(ctx, clientv3.OpGet(s.seenKey(), clientv3.WithPrefix(), clientv3.WithLimit(maxSights), clientv3.WithKeysOnly()))
	if err != nil {
		return err
	}
	if kvs := answer.Responses[0].GetResponseRange().Kvs; len(kvs) == maxSights && key > string(kvs[maxSights-1].Key) {
		return nil
	}
	lease, err := s.grant(ctx, sighted)
	if err != nil {
		return err
	}
	_, err = s.commit(ctx, nil, []clientv3.Op{clientv3.OpPut(key, encode(sight{format, text}), clientv3.WithLease(lease))}, nil)
	return err
}

// Seen returns what nodes have seen, of many a sample. What another version has written is left out.
func (s *Store) Seen(ctx context.Context) ([]string, error) {
	answer, err := s.read(ctx, clientv3.OpGet(s.seenKey(), clientv3.WithPrefix(), clientv3.WithLimit(maxSights)))
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, kv := range answer.Responses[0].GetResponseRange().Kvs {
		var is sight
		if decode(kv, &is) == nil {
			texts = append(texts, is.Text)
		}
	}
	return texts, nil
}
