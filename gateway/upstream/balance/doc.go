// Package balance chooses among the endpoints of an upstream. It knows their weights and how many exchanges are in flight at
// each, and nothing of connections, health or names: package upstream says who may be chosen, and asks for each exchange.
//
//	Set: those that may be chosen, with their weights; never written to
//	├─ schedule    each number as often as its weight says: RoundRobin, and the draws of the others
//	├─ groups      who is the least busy of many: LeastInFlight
//	└─ ring        to whom a key belongs: Hash
//
// A choice takes no lock and allocates nothing.
package balance
