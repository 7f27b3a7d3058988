package demo

// A Call is one fetch that the page makes, and its expected result.
type Call struct {
	// ID names the call in URLs.
	ID string `json:"id"`
	// Shows says what the call demonstrates, for people.
	Shows string `json:"shows"`
	// Method, Path, Headers, Body and Credentials are what the page passes to fetch. Path is the
	// gateway's. Credentials: the credentials mode is "include", otherwise "omit".
	Method      string   `json:"method"`
	Path        string   `json:"path"`
	Headers     []Header `json:"headers,omitempty"`
	Body        string   `json:"body"`
	Credentials bool     `json:"credentials"`
	// Status is what the allowed page can read, or 0 if the browser refuses it. The page that is
	// not allowed is refused every time.
	Status int `json:"status"`
}

// A Header is a request header that the page sets.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// calls returns the calls in the order in which the page makes them.
func calls() []Call {
	return []Call{
		{
			ID: "list", Shows: "A simple GET needs no preflight",
			Method: "GET", Path: "/api/items", Status: 200,
		}, {
			ID: "put", Shows: "JSON and a method that is not safelisted need one",
			Method: "PUT", Path: "/api/items/3", Status: 200,
			Headers: []Header{{"Content-Type", "application/json"}}, Body: `{"name":"astrolabe"}`,
		}, {
			ID: "delete", Shows: "Authorization must be listed by name",
			Method: "DELETE", Path: "/api/items/3", Status: 200,
			Headers: []Header{{"Authorization", "Bearer demo"}},
		}, {
			ID: "patch", Shows: "A method that the policy does not list",
			Method: "PATCH", Path: "/api/items/1",
			Headers: []Header{{"Content-Type", "application/json"}}, Body: `{"name":"map"}`,
		}, {
			ID: "header", Shows: "A header that the policy does not list",
			Method: "GET", Path: "/api/items",
			Headers: []Header{{"X-Debug", "1"}},
		}, {
			ID: "login", Shows: "A response may set a cookie where the policy has credentials",
			Method: "POST", Path: "/account/login", Credentials: true, Status: 200,
		}, {
			ID: "profile", Shows: "The cookie goes along when the page asks for it",
			Method: "GET", Path: "/account/profile", Credentials: true, Status: 200,
		}, {
			ID: "anonymous", Shows: "Without credentials the API sees a stranger, which an allowed page can read",
			Method: "GET", Path: "/account/profile", Status: 401,
		}, {
			ID: "credentials", Shows: "Credentials against a policy without them: refused by the browser, not by the gateway",
			Method: "GET", Path: "/api/items", Credentials: true,
		}, {
			ID: "legacy", Shows: "The API names an origin of its own; the gateway owns these fields and drops that",
			Method: "GET", Path: "/api/legacy", Status: 200,
		}, {
			ID: "token", Shows: "The gateway verifies a token, after a preflight without one, and tells the API whose it is",
			Method: "GET", Path: "/orders", Status: 200,
			Headers: []Header{{"Authorization", "Bearer " + tokens().good}},
		}, {
			ID: "expired", Shows: "An allowed page can read why its token is refused",
			Method: "GET", Path: "/orders", Status: 401,
			Headers: []Header{{"Authorization", "Bearer " + tokens().expired}},
		}, {
			ID: "down", Shows: "The upstream is down, which an allowed page can still read",
			Method: "GET", Path: "/down", Status: 502,
		},
	}
}

// callOf returns the call with an ID.
func callOf(id string) (Call, bool) {
	for _, c := range calls() {
		if c.ID == id {
			return c, true
		}
	}
	return Call{}, false
}
