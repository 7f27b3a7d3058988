// Package fleet stores a fleet's shared state in etcd: the revisions of its configuration, the number of the live one, a
// roll-out in progress, and the report of each node. It treats a configuration as text.
//
// # Layout
//
// All keys begin with the fleet's prefix, all values are JSON:
//
//	revisions/0000000000000007   a revision; written once
//	live                         the number of the revision that is live
//	rollout                      a candidate and the nodes that try it; bound to a lease of the process that rolls it out
//	nodes/NAME                   a node's report; bound to a lease of that node
//	seen/NAME                    requests that it has seen recently; bound to a lease of ten minutes
//
// A push is one transaction: it adds the revision and sets live to it, if live has not changed since the push began. A
// roll-out is two: one adds the revision and the key rollout, one sets live to it and deletes that key. A node applies
// the candidate while rollout names the node, and the live revision otherwise. So a roll-out whose owner dies is undone
// by etcd, when the lease ends.
//
// Nothing deletes a revision: a hundred pushes a month of 20 kB are 24 MB in a year, and etcd's quota is 2 GiB.
//
// # A node
//
// [Store.Join] watches live and rollout. On any event, and once a minute, it reads both in one transaction
// and applies their current values, so that events may be lost, late or duplicated. A revision with a newer format, or with a checksum that does
// not match its text, is refused.
//
// A node that loses etcd keeps its revision; if that is a candidate, it returns to the live one.
//
// deploy/fleet-etcd.md has the load of a thousand nodes on etcd. Its client adds 13.7 MB to the
// binary, most of it grpc and protobuf. We accept this because the client handles compaction, elections
// and silent members; etcd's JSON gateway over HTTP, the only alternative, does not.
package fleet
