// Package fleet is what a fleet of gateways keeps in etcd: the revisions of its configuration, which of them is live,
// a roll-out that is under way, and what each node reports. To this package a configuration is a text.
//
// # Layout
//
// All keys begin with the fleet's prefix, all values are JSON:
//
//	revisions/0000000000000007   a revision; written once
//	live                         the number of the revision that is live
//	rollout                      a candidate and the nodes that are to try it; bound to a lease of who rolls it out
//	nodes/NAME                   what a node says of itself; bound to a lease of that node
//	seen/NAME                    what it has seen of its clients; bound to a lease of ten minutes
//
// A push is one transaction: the revision is added and live set to it, if live is as it was when the push was made. A
// roll-out is two: one adds the revision and the key rollout, one sets live to it and deletes that key. A node applies
// the candidate while rollout names the node, and the live revision otherwise. So a roll-out whose owner dies is undone
// by etcd, when the lease ends.
//
// Nothing deletes a revision: a hundred pushes a month of 20 kB are 24 MB in a year, and etcd's quota is 2 GiB.
//
// # A node
//
// [Store.Join] watches live and rollout. On any event it reads both in one transaction and applies
// their current values: an event that is lost, late or duplicated changes nothing. It reads them,
// too, once a minute without an event. A revision with a newer format, or with a checksum that does
// not match its text, is refused.
//
// A node that loses etcd keeps what it runs; a node that runs a candidate then returns to the live revision.
//
// What a thousand nodes cost etcd is in deploy/fleet-etcd.md. The client of etcd adds 13.7 MB to a
// binary, most of it grpc and protobuf. It is used all the same: surviving compaction, elections
// and silent members is what etcd's own client is for, and its gateway for JSON over HTTP, the only
// alternative, does not.
package fleet
