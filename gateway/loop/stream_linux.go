package loop

type stream struct{ c *client }

func (l *Loop) streamExpired(*stream) {}
