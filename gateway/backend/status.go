package backend

import (
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/upstream"
)

// A Status is the state of an upstream at one time.
type Status struct {
	Name      string
	Endpoints []upstream.Status
}

// Status returns the state of each upstream, by name.
func (s Set) Status() []Status {
	var list []Status
	for name, u := range s {
		list = append(list, Status{name, u.Pool.Status()})
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// A Condition is the state of a configured endpoint at one time.
type Condition struct {
	Upstream, Endpoint string
	Named              bool // it stands for the servers that its name leads to
	Servers            int
	Healthy, Failing   float64 // 0 or 1; of a name the share of its servers
	Known              bool    // it is checked, or there were requests for it
	InFlight, Streams  int
}

// Conditions visits the current state of each configured endpoint. One that stands for several
// servers, because its name is looked up, counts by the share of them that can be used: an address
// that a name leads to makes no series of its own.
func (s Set) Conditions(visit func(c *Condition)) {
	for name, u := range s {
		list := make([]Condition, len(u.Config.Endpoints))
		for _, e := range u.Pool.Status() {
			c := &list[e.Index]
			c.Servers++
			switch {
			case e.Usable && e.Failing:
				c.Failing++
			case e.Usable:
				c.Healthy++
			}
			c.Known = c.Known || e.Checked || e.Used
		}
		for _, e := range u.Pool.Endpoints() {
			c := &list[e.Address.Index]
			c.InFlight += e.InFlight()
			c.Streams += e.Streams()
		}
		for i, e := range u.Config.Endpoints {
			c := &list[i]
			c.Upstream, c.Endpoint, c.Named = name, e.URL, e.Discovery != ""
			n := float64(max(c.Servers, 1))
			c.Healthy, c.Failing = c.Healthy/n, c.Failing/n
			visit(c)
		}
	}
}
