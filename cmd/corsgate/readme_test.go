package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
)

// echo answers with the request line and the fields that begin with "X-", until the test ends.
func echo(t *testing.T) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				content := ""
				for r := bufio.NewReader(c); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if line == "\r\n" {
						break
					}
					if content == "" || strings.HasPrefix(line, "X-") {
						content += strings.Replace(line, "\r", "", 1)
					}
				}
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nServer: echo/1.0\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(content), content)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		serving.Wait()
	})
	return ln.Addr().String()
}

// TestReadme runs every example of the README: each toml block is served, and each curl line
// that follows it must be answered, byte for byte, as the README says, but for the date and the request's id.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(toml|console)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	var addr string
	exchanges := 0
	for _, b := range blocks {
		if b[1] == "toml" {
			addr = serveReadme(t, b[2])
			continue
		}
		for _, exchange := range strings.Split(b[2], "$ curl -i ")[1:] {
			command, want, _ := strings.Cut(exchange, "\n")
			got := curl(t, addr, command)
			if got != strings.TrimSpace(maskDate(want)) {
				t.Errorf("curl -i %s\ngot:\n%s\n\nthe README says:\n%s", command, got, want)
			}
			exchanges++
		}
	}
	if exchanges < 7 {
		t.Errorf("only %d examples were found in the README", exchanges)
	}
}

// serveReadme serves a configuration until the test ends and returns where.
func serveReadme(t *testing.T, text string) string {
	t.Helper()
	text = strings.ReplaceAll(text, "127.0.0.1:9002", echo(t))
	text = "[listener.http]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"off\"\n" + text
	cfg, err := config.Parse("README.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if problems, warnings := gateway.Check(cfg); len(problems)+len(warnings) > 0 {
		t.Errorf("check --strict would refuse the README's\n%s\n%v%v", text, problems, warnings)
	}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	t.Cleanup(func() {
		if err := g.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		<-served
	})
	return g.Addr("http")
}

// curl sends what curl would for the few options that the README uses, and returns the response.
func curl(t *testing.T, addr, command string) string {
	t.Helper()
	method, path, fields := "GET", "/", ""
	words := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(command, -1)
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-X":
			i++
			method = words[i]
		case word == "-H":
			i++
			fields += strings.Trim(words[i], "'") + "\r\n"
		default:
			path = strings.TrimPrefix(word, "http://127.0.0.1:8080")
		}
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n%sConnection: close\r\n\r\n", method, path, fields)
	response, err := io.ReadAll(bufio.NewReader(c))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(response), "\r", "")
	// curl keeps the connection open, this does not.
	text = strings.Replace(text, "Connection: close\n", "", 1)
	return strings.TrimSpace(maskDate(text))
}

func maskDate(s string) string {
	s = regexp.MustCompile(`(?m)^X-Request-Id: [0-9a-f]{32}`).ReplaceAllString(s, "X-Request-Id: …")
	return regexp.MustCompile(`(?m)^Date: .*$`).ReplaceAllString(s, "Date: …")
}
