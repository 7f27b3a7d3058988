// Package libraries measures corsgate's CORS decision and its whole server beside Go's CORS libraries: rs/cors,
// go-chi/cors, gin-contrib/cors and fiber's cors. It is a module of its own, so that gin, fiber and what they need
// never become dependencies of corsgate. There is nothing in it but tests:
//
//	cd benchmarks/libraries && go test -bench . -count 6 | tee libraries.txt
//	benchstat -col /library libraries.txt
package libraries
