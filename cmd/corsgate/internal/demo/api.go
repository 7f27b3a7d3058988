package demo

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// Bounds of what the API remembers.
const (
	maxID   = 99
	maxName = 100 // bytes
)

// session is the cookie of the demo, and user whom it stands for. It guards nothing.
const (
	session = "corsgate_demo"
	user    = "ada"
)

// item is what the API is about.
type item struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// api is the API behind the gateway. It does not know CORS, except in one place, where it gets
// it wrong.
type api struct {
	mu    sync.Mutex
	items map[int]item
}

func newAPI() http.Handler {
	a := &api{items: map[int]item{1: {1, "compass"}, 2: {2, "sextant"}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/items", a.list)
	mux.HandleFunc("PUT /api/items/{id}", a.put)
	mux.HandleFunc("DELETE /api/items/{id}", a.remove)
	mux.HandleFunc("GET /api/legacy", legacy)
	mux.HandleFunc("POST /account/login", login)
	mux.HandleFunc("GET /account/profile", profile)
	mux.HandleFunc("GET /orders", orders)
	mux.HandleFunc("GET /jwks.json", keySet)
	return mux
}

func (a *api) list(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	items := slices.SortedFunc(maps.Values(a.items), func(a, b item) int { return cmp.Compare(a.ID, b.ID) })
	a.mu.Unlock()
	w.Header().Set("X-Total-Count", strconv.Itoa(len(items)))
	answer(w, http.StatusOK, items)
}

func (a *api) put(w http.ResponseWriter, r *http.Request) {
	id, ok := idOf(r)
	var it item
	if err := json.NewDecoder(r.Body).Decode(&it); err != nil || !ok || len(it.Name) > maxName {
		problem(w, http.StatusBadRequest, `send {"name": "…"} to an id from 1 to 99`)
		return
	}
	it.ID = id
	a.mu.Lock()
	a.items[id] = it
	a.mu.Unlock()
	answer(w, http.StatusOK, it)
}

func (a *api) remove(w http.ResponseWriter, r *http.Request) {
	id, ok := idOf(r)
	switch {
	case r.Header.Get("Authorization") == "":
		w.Header().Set("WWW-Authenticate", "Bearer")
		problem(w, http.StatusUnauthorized, "send Authorization")
		return
	case !ok:
		problem(w, http.StatusNotFound, "ids are 1 to 99")
		return
	}
	a.mu.Lock()
	delete(a.items, id)
	a.mu.Unlock()
	answer(w, http.StatusOK, map[string]int{"deleted": id})
}

// legacy answers like a service that has brought its own CORS, for another page.
func legacy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "https://old-frontend.example")
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	answer(w, http.StatusOK, map[string]string{"from": "a service with a CORS field of its own"})
}

func login(w http.ResponseWriter, _ *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: session, Value: user, Path: "/", MaxAge: 600, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	answer(w, http.StatusOK, map[string]string{"signed_in": user})
}

func profile(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(session); err != nil || c.Value != user {
		problem(w, http.StatusUnauthorized, "no cookie came with this request")
		return
	}
	answer(w, http.StatusOK, map[string]string{"user": user})
}

func idOf(r *http.Request) (int, bool) {
	id, err := strconv.Atoi(r.PathValue("id"))
	return id, err == nil && 1 <= id && id <= maxID
}

func problem(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"error": message})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value) // the client has gone
}
