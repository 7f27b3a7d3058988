package upstream

import "github.com/corsgate/corsgate/gateway/upstream/balance"

// Member is what e is to package balance.
func (e *Endpoint) Member() *balance.Member { return &e.load }
