package config

// Policy returns the policy with a name, or nil.
func (c *Config) Policy(name string) *CORS {
	for i := range c.CORS {
		if c.CORS[i].Name == name {
			return &c.CORS[i]
		}
	}
	return nil
}

// ClientAuthOf returns the name of the file of authorities whose certificates a listener accepts,
// the key that names it, and how clients without a certificate are treated. The file is "" if the
// listener asks for none.
func (c *Config) ClientAuthOf(l *Listener) (file, key, mode string) {
	file, key, mode = l.ClientCA, "listener."+l.Name+".client_ca", l.ClientAuth
	if file == "" {
		file, key = c.TLS.ClientCA, "tls.client_ca"
	}
	if mode == "" {
		mode = c.TLS.ClientAuth
	}
	if !l.TLS {
		file = ""
	}
	return file, key, mode
}

// Upstream returns the upstream with a name, or nil.
func (c *Config) Upstream(name string) *Upstream {
	for i := range c.Upstreams {
		if c.Upstreams[i].Name == name {
			return &c.Upstreams[i]
		}
	}
	return nil
}
