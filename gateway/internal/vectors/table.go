package vectors

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/cors"
)

// A Table is [cors.NAME] as the vectors write it.
type Table struct {
	Origins              []string `json:"origins"`
	Methods              []string `json:"methods"`
	RequestHeaders       []string `json:"request_headers"`
	ExposeHeaders        []string `json:"expose_headers"`
	Credentials          bool     `json:"credentials"`
	MaxAge               string   `json:"max_age"`
	PreflightStatus      int      `json:"preflight_status"`
	UpstreamCORS         string   `json:"upstream_cors"`
	TimingAllowOrigin    bool     `json:"timing_allow_origin"`
	ResourcePolicy       string   `json:"resource_policy"`
	PrivateNetwork       bool     `json:"private_network"`
	WebSocketOriginCheck bool     `json:"websocket_origin_check"`
	CSRF                 string   `json:"csrf"` // the gateway's
	AllowNullOrigin      bool     `json:"dangerously_allow_null_origin"`
	AllowHTTPOrigins     bool     `json:"dangerously_allow_http_origins"`
	AllowPublicSuffixes  bool     `json:"dangerously_allow_public_suffixes"`
	ReflectAnyOrigin     bool     `json:"dangerously_reflect_any_origin"`

	Gateway []string        `json:"_gateway"` // flags of the gateway around the policy
	Routes  json.RawMessage `json:"_routes"`
}

// Config returns the policy that f describes.
func (f Table) Config(t *testing.T) cors.Config {
	t.Helper()
	cfg := cors.Config{
		Origins: f.Origins, Methods: f.Methods, RequestHeaders: f.RequestHeaders, ExposeHeaders: f.ExposeHeaders,
		Credentials: f.Credentials, PreflightStatus: f.PreflightStatus, UpstreamCORS: f.UpstreamCORS,
		PrivateNetwork: f.PrivateNetwork, TimingAllowOrigin: f.TimingAllowOrigin, ResourcePolicy: f.ResourcePolicy,
		WebSocketOriginCheck: f.WebSocketOriginCheck, AllowNullOrigin: f.AllowNullOrigin,
		AllowHTTPOrigins: f.AllowHTTPOrigins, AllowPublicSuffixes: f.AllowPublicSuffixes, ReflectAnyOrigin: f.ReflectAnyOrigin,
	}
	if f.MaxAge != "" {
		d, err := time.ParseDuration(f.MaxAge)
		if err != nil {
			t.Fatal(err)
		}
		cfg.MaxAge = &d
	}
	return cfg
}

// Load reads the JSON of a file. A key that into does not have fails t: it would be a rule that is not tested.
func Load(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}
