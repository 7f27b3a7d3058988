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
