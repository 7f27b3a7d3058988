package fleet

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A Node is what a gateway says of itself.
type Node struct {
	Name    string    `json:"name"`
	Address string    `json:"address"`
	Version string    `json:"version"`
	Applied int64     `json:"applied"` // the revision that it runs; 0: none
	Wanted  int64     `json:"wanted"`  // the revision that it is to run; 0: none
	Error   string    `json:"error"`   // why it does not run the desired revision, or another error; empty: none
	Ready   bool      `json:"ready"`
	Started time.Time `json:"started"`

	// Totals since Started: all requests, those that the CORS policy refused, and responses of 5xx.
	Requests uint64 `json:"requests"`
	Refused  uint64 `json:"refused"`
	Failed   uint64 `json:"failed"`

	// Before counts up to five minutes before it applied the revision that it runs, Since what came after. The node
	// itself takes the differences, at the moment of the change. [Store.Join] fills both.
	Before Counts `json:"before"`
	Since  Counts `json:"since"`
}

// Counts are numbers of requests in some time.
type Counts struct {
	Requests uint64 `json:"requests"`
	Refused  uint64 `json:"refused"`
	Failed   uint64 `json:"failed"`
}

// totals returns n's counts since its start.
func (n *Node) totals() Counts { return Counts{n.Requests, n.Refused, n.Failed} }

// minus returns what came after b. A node that restarted has less than b.
func (a Counts) minus(b Counts) Counts {
	if a.Requests < b.Requests || a.Refused < b.Refused || a.Failed < b.Failed {
		return a
	}
	return Counts{a.Requests - b.Requests, a.Refused - b.Refused, a.Failed - b.Failed}
}

// plus returns the sum.
func (a Counts) plus(b Counts) Counts {
	return Counts{a.Requests + b.Requests, a.Refused + b.Refused, a.Failed + b.Failed}
}

// A storedNode is a node as etcd has it.
type storedNode struct {
	Format int    `json:"format"`
	ID     string `json:"id"` // of the life that wrote it: the same name with another one is another node
	Node
}

func (s *Store) nodesKey() string { return s.options.Prefix + "nodes/" }

// nodeKey is where a node of any name reports: a name with "/" stays one segment.
func (s *Store) nodeKey(name string) string { return s.nodesKey() + url.PathEscape(name) }

// Nodes returns the nodes that are alive, by name.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	answer, err := s.read(ctx, clientv3.OpGet(s.nodesKey(), clientv3.WithPrefix()))
	if err != nil {
		return nil, err
	}
	return nodes(answer.Responses[0]), nil
}

// nodes reads all nodes. One that this version cannot read is in the list, with the reason as its error.
func nodes(answer *etcdserverpb.ResponseOp) []Node {
	var all []Node
	for _, kv := range answer.GetResponseRange().Kvs {
		var n storedNode
		if err := decode(kv, &n); err != nil {
			name := string(kv.Key[strings.LastIndexByte(string(kv.Key), '/')+1:])
			if plain, err := url.PathUnescape(name); err == nil {
				name = plain
			}
			n.Node = Node{Name: name, Error: err.Error()}
		}
		all = append(all, n.Node)
	}
	slices.SortFunc(all, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return all
}
