// Package shared bounds how often something may happen, for each of many keys, across gateways: rate limits
// whose state is in Redis.
//
// # Decisions
//
// A decision never waits for the network. Redis has the authoritative state: for each key, how far it is paid ahead, by
// the generic cell rate algorithm in one script that takes any number of events at once. A node has for each of its keys
//
//   - a lease: events that Redis has counted already and that this node may let pass by itself;
//   - an estimate of Redis' state: its last answer, and the events here since;
//   - a debt: events that passed without a lease, by the estimate, and that Redis has not counted yet.
//
// An event spends from the lease. Without one it passes if the estimate permits it, and its debt is
// charged at once, by a call that no request waits for; a new key is estimated to be idle. Redis
// never refuses a charge, since the event has passed. A charge may take a key beyond its burst; the
// nodes that use the key learn this from the answer and refuse events until the excess is paid. So
// the rate holds in the long run.
//
// A key that is busy at a node, twenty events a second or more, gets a lease: its use in 50 ms, but at most an
// eighth of the burst and a quarter of the rest of it; the lease grows to that by doubling at each call. It is
// renewed when half is spent. One that was not renewed for 200 ms is returned. A key that is not busy has no lease,
// nor has a key whose burst is used up. For these, each call charges events that have passed, so there are
// never more calls than the limit admits events, however many events are refused.
//
// # How exact
//
// Let N nodes share a limit of a rate r and a burst B. In any time W they let pass no more events than
//
//	B + r·W + N·(D + L) + r·τ    with D = min(B, max(64, B/4)) and L = B/8
//
// and one event for each core that decides at the same moment as another. D bounds a node's debt for a key: beyond
// it, events are refused until Redis has answered. L bounds its lease. τ bounds a call ([Options].Timeout).
//
// Proof. Let C be the events that Redis has counted, U the debts and H the leases of all nodes, and S the events that have
// passed: S = C + U - H. Leases contribute at most N·L, those that are held when W begins. The rest is what a single cell would
// admit, and the overrun V of C + U beyond B. Consider the time since V was last 0 until V is greatest. A node that has debts
// twice in that time learned V from its first call, and its estimate then admitted no event until V was paid, as far as it
// knew: it is ahead of Redis by at most the duration of the call, r·τ. So V is at most what the nodes spent before their
// first answer: N·D.
//
// Only a key that is new to all nodes and reaches all of them at once attains the bound. N·(D+L) is spent once,
// not in each W: the mean over long times is r. In the other direction, events in idle leases are unavailable for at
// most 200 ms.
//
// # Without Redis
//
// A call that takes longer than [Options].Timeout (by default 2 ms) fails. Its charges are then forgotten, since Redis
// may have counted them. After three failures in a row the limits are not shared: each node enforces them by itself, from
// its last estimates, so N nodes admit up to N times the limit; or it admits all events (on_failure = "open"). The
// limit is not divided by N, because the connections of one client usually reach few nodes. One call at a time probes
// Redis, first after 100 ms, then at intervals that double up to 5 s, with jitter of half between nodes. When Redis
// is back, nodes charge new events, key by key, in at most two calls at a time of at most 128 keys each.
package shared
