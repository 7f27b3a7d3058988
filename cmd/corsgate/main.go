// Command corsgate is an edge gateway for APIs that browsers call: it answers CORS preflights
// itself, enforces one CORS policy per route, and forwards the rest.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }
