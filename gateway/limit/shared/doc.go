// Package shared bounds how often something may happen, for each of many keys, over many gateways: rate limits
// whose state is in Redis.
//
// # Who decides
//
// A decision never waits for the network. Redis holds the truth: for each key, how far it is paid ahead, by the
// generic cell rate algorithm in one script that takes any number of events at once. A node holds for each of its
// keys
//
//   - a lease: events that Redis has counted already and that this node may let pass by itself;
//   - an estimate of the truth: what Redis said last, and what happened here since;
//   - a debt: events that passed by the estimate, without a lease, and that Redis has not counted yet.
//
// An event spends from the lease. Without one it passes if the estimate permits it, and its debt is
// charged at once, by a call that no request waits for; a new key is estimated to be idle. Redis
// never refuses a charge, since the event has passed: it may take a key beyond its burst, and then
// all nodes that ask are told and wait until it is back. So what is too much now is missing later,
// and the rate holds in the long run.
//
// A key that is busy at a node, twenty events a second or more, gets a lease: what it uses in 50 ms, at most an
// eighth of the burst and a quarter of what is left of it, and not at once but twice as much at each call. It is
// renewed when half is spent. One that was not renewed for 200 ms is given back. A key that is not busy has none,
// and neither has one of which nothing is left: there each call charges events that have passed, so that calls are
// never more than the events that the limit admits, whatever is refused meanwhile.
//
// # How exact
//
// Let N nodes share a limit of a rate r and a burst B. In any time W they let pass no more events than
//
//	B + r·W + N·(D + L) + r·τ    with D = min(B, max(64, B/4)) and L = B/8
//
// and for each core one event that it decides in the same moment as another. D bounds a node's debt of a key: beyond
// it, events are refused until Redis has answered. L bounds its lease. τ bounds a call ([Options].Timeout).
//
// For: let C be what Redis has counted, U the debts and H the leases of all nodes, S what has passed: S = C + U - H.
// Leases contribute at most N·L, those that are held when W begins. The rest is what a single cell would admit, and the overrun V
// of C + U beyond B. Consider a time at which V is greatest since it was last 0. A node that has debts twice in that
// time was told of V by the first call, and its estimate let nothing pass before V was gone, as far as it knew: it
// is ahead of Redis by no more than the way of the call, r·τ. So V is at most what the nodes spent before they were told, once
// each: N·D.
//
// The bound is met only by a key that is new to all nodes and comes to all of them at once. N·(D+L) is spent once,
// not each time: the mean over long times is r. In the other direction, what is idle in leases is missing for at most
// 200 ms.
//
// # Without Redis
//
// A call takes at most a time, 2 ms unless configured. What it would have charged is then forgotten, since Redis may
// have counted it. After three failures in a row the limits are not shared: each node enforces them by itself, with
// the estimates that it had, so N nodes admit up to N times the limit; or it admits all (on_failure = "open"). The
// limit is not divided by N: mostly the connections of one client lead to few nodes. One call asks whether Redis is back, first
// after 100 ms, then in times that double up to 5 s and differ from node to node by half. Then nodes charge what
// happens from then on, each key as it comes, at most two calls at a time of at most 128 keys each.
package shared
