// Package balance chooses among the endpoints of an upstream. It uses their weights and the number of exchanges in flight at
// each. Connections, health and names belong to package upstream, which passes the endpoints that may be chosen.
//
//	Set: endpoints that may be chosen, with their weights; immutable
//	├─ schedule    each endpoint as often as its weight: RoundRobin, and the random choices of the others
//	├─ groups      the least busy of many: LeastInFlight
//	└─ ring        the endpoint of a key: Hash
//
// A choice takes no lock and allocates nothing.
package balance
