package upstream

// A set is the endpoints of an upstream at one time. It is never written to: what changes makes
// another one. A pick loads it once.
type set struct {
	endpoints []*Endpoint // in the order of the addresses
	authority []byte      // of the first; "" if there is none
}

// Endpoints returns the endpoints of now, in the order of their addresses. The slice must not be
// changed.
func (u *Upstream) Endpoints() []*Endpoint { return u.set.Load().endpoints }

// SetEndpoints replaces the endpoints. Those whose address stays remain what they are, with their
// connections and what is known of them. Those that leave lose their idle connections now, others
// after the exchange that uses them. It may be called at any time, also with no address: then
// exchanges fail.
func (u *Upstream) SetEndpoints(addresses []Address) {
	u.mu.Lock()
	defer u.mu.Unlock()
	known := map[string]*Endpoint{}
	for _, e := range u.Endpoints() {
		known[e.Address.id()] = e
	}
	s := &set{}
	for _, a := range addresses {
		e := known[a.id()]
		if e == nil {
			e = newEndpoint(a, &u.opts)
			if u.stopped {
				e.close()
			}
		}
		delete(known, a.id())
		s.endpoints = append(s.endpoints, e)
	}
	if len(s.endpoints) > 0 {
		s.authority = []byte(s.endpoints[0].Address.authority())
	}
	u.set.Store(s)
	for _, e := range known {
		e.close()
	}
}

// An Address says where an endpoint is.
type Address struct {
	Label         string // as the configuration writes it, for logs and metrics
	Index         int    // the number of that among the upstream's configured endpoints
	Network, Dial string // as net.Dial takes them
	Authority     string // sent as Host where the client gave none; "": Dial
	ServerName    string // to ask for and to verify by TLS; "": the endpoint does not speak it
}

// id tells addresses apart.
func (a *Address) id() string { return a.Label + " " + a.Network + " " + a.Dial }

func (a *Address) authority() string {
	switch {
	case a.Authority != "":
		return a.Authority
	case a.Network == "unix":
		return "localhost"
	}
	return a.Dial
}
