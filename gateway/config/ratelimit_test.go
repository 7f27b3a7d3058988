package config_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
)

func TestRates(t *testing.T) {
	f := func(text string, want config.RateLimit) {
		t.Helper()
		got := mustParse(t, minimal+"[limit.a]\n"+text).RateLimits[0]
		if want.Name = "a"; !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
	f(`rate = "100/s"`, config.RateLimit{Rate: config.Rate{Events: 100, Per: time.Second}, Burst: 100, Key: "client_ip", Store: "local"})
	f("rate = \"30/m\"\nburst = 5\nkey = \"origin\"", config.RateLimit{Rate: config.Rate{Events: 30, Per: time.Minute}, Burst: 5, Key: "origin", Store: "local"})
	f("rate = \"2000000000/h\"\nkey = \"header:X-Key\"", config.RateLimit{Rate: config.Rate{Events: 2_000_000_000, Per: time.Hour}, Burst: 1_000_000, Key: "header:X-Key", Store: "local"})
}
