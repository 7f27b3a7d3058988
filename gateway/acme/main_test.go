package acme_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds what should happen soon. It is never waited for in a test that passes.
const patience = time.Minute

// until waits for something that nobody tells of.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("it did not come about that %s", what)
		}
	}
}
