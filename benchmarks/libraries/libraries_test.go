package libraries

import (
	"fmt"
	"io"
	"net/http"
	"time"

	gincors "github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
	chicors "github.com/go-chi/cors"
	"github.com/gofiber/fiber/v3"
	fibercors "github.com/gofiber/fiber/v3/middleware/cors"
	rscors "github.com/rs/cors"
	"github.com/valyala/fasthttp"

	"github.com/corsgate/corsgate/gateway/cors"
)

// This file holds the libraries, all with the policy of methods, names and maxAge, and how one request is put to
// each: through the types that it is made for, request and response reused, so that what is measured is the library.

const maxAge = 24 * time.Hour

var (
	methods = []string{"GET", "POST", "PUT", "DELETE"}
	names   = []string{"Authorization", "Content-Type"}
)

// A library is a subject of the benchmarks.
type library struct {
	name string
	// prepare returns a function that answers r, again and again, and one that tells the last answer's fields.
	prepare func(origins []string, r request) (answer func(), fields func() http.Header)
}

func libraries() []library {
	return []library{
		{"corsgate", prepareCorsgate},
		{"rs", overNetHTTP(rsHandler)},
		{"chi", overNetHTTP(chiHandler)},
		{"gin", overNetHTTP(ginHandler)},
		{"fiber", prepareFiber},
	}
}

// hello is what stands behind the libraries that are middleware.
func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") } // a benchmark

func rsHandler(origins []string) http.Handler {
	return rscors.New(rscors.Options{AllowedOrigins: origins, AllowedMethods: methods, AllowedHeaders: names,
		MaxAge: int(maxAge.Seconds())}).Handler(http.HandlerFunc(hello))
}

func chiHandler(origins []string) http.Handler {
	return chicors.Handler(chicors.Options{AllowedOrigins: origins, AllowedMethods: methods, AllowedHeaders: names,
		MaxAge: int(maxAge.Seconds())})(http.HandlerFunc(hello))
}

func ginHandler(origins []string) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.Use(gincors.New(gincors.Config{AllowOrigins: origins, AllowMethods: methods, AllowHeaders: names, MaxAge: maxAge}))
	e.GET("/api/users", func(c *gin.Context) { c.String(http.StatusOK, "hello") })
	return e
}

func fiberApp(origins []string) *fiber.App {
	app := fiber.New()
	app.Use(fibercors.New(fibercors.Config{AllowOrigins: origins, AllowMethods: methods, AllowHeaders: names,
		MaxAge: int(maxAge.Seconds())}))
	app.Get("/api/users", func(c fiber.Ctx) error { return c.SendString("hello") })
	return app
}

func corsgatePolicy(origins []string) *cors.Policy {
	age := maxAge
	policy, problems := cors.New(cors.Config{Origins: origins, Methods: []string{"PUT", "DELETE"}, RequestHeaders: names, MaxAge: &age})
	if policy == nil {
		panic(fmt.Sprint("BUG: ", problems))
	}
	return policy
}

// A writer is a http.ResponseWriter that keeps the fields and nothing else.
type writer struct{ header http.Header }

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) WriteHeader(int)             {}
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }

func overNetHTTP(handler func(origins []string) http.Handler) func([]string, request) (func(), func() http.Header) {
	return func(origins []string, r request) (func(), func() http.Header) {
		h, w, req := handler(origins), &writer{http.Header{}}, r.netHTTP()
		answer := func() {
			clear(w.header)
			h.ServeHTTP(w, req)
		}
		return answer, func() http.Header { return w.header }
	}
}

func prepareFiber(origins []string, r request) (func(), func() http.Header) {
	handler, ctx := fiberApp(origins).Handler(), &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, nil, nil)
	ctx.Request.SetRequestURI("/api/users")
	ctx.Request.Header.SetHost("api.example.com")
	ctx.Request.Header.SetMethod(r.method)
	for name, values := range r.netHTTP().Header {
		ctx.Request.Header.Set(name, values[0])
	}
	answer := func() {
		ctx.Response.Reset()
		ctx.ResetUserValues()
		handler(ctx)
	}
	fields := func() http.Header {
		h := http.Header{}
		for name, value := range ctx.Response.Header.All() {
			h.Add(string(name), string(value))
		}
		return h
	}
	return answer, fields
}

// prepareCorsgate asks the policy as the gateway does: bytes in, field lines out.
func prepareCorsgate(origins []string, r request) (func(), func() http.Header) {
	policy, dst := corsgatePolicy(origins), make([]byte, 0, 8192)
	var out []byte
	origin := []byte(r.origin)
	answer := func() { out, _ = policy.AppendActual(dst, origin, 1) }
	if r.method == http.MethodOptions {
		p := cors.Preflight{Origin: origin, OriginLines: 1, Method: []byte(r.acrm), MethodLines: 1}
		if r.acrh != "" {
			p.Headers = [][]byte{[]byte(r.acrh)}
		}
		answer = func() { out, _ = policy.AppendPreflight(dst, &p) }
	}
	return answer, func() http.Header { return parseLines(out) }
}
