//go:build linux

package main

import (
	"fmt"
	"strings"
)

// This file makes the requests, as the bytes that both load generators send. They are those of a Chromium page.

const browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"

// different is how many different requests a workload cycles through where its Setup has many origins or routes.
const different = 1000

// preflight returns a preflight from origin for a PUT with two header names.
func preflight(origin, path string, lines ...string) string {
	return "OPTIONS " + path + " HTTP/1.1\r\nHost: api.example.com\r\nOrigin: " + origin +
		"\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: authorization,content-type" +
		"\r\nUser-Agent: " + browser + "\r\n" + strings.Join(lines, "") + "\r\n"
}

// forward returns an actual request from origin, with further lines.
func forward(origin, path string, lines ...string) string {
	return head("GET", origin, path) + strings.Join(lines, "") + "\r\n"
}

// upload returns an actual request with a body of n bytes.
func upload(origin, path string, n int) string {
	return head("POST", origin, path) + fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", n) + strings.Repeat("x", n)
}

func head(method, origin, path string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: api.example.com\r\nOrigin: " + origin +
		"\r\nAuthorization: Bearer abcdefghijklmnopqrstuvwxyz\r\nUser-Agent: " + browser +
		"\r\nAccept: application/json\r\nAccept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br, zstd" +
		"\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n"
}

// extraLines returns n header field lines of about 40 bytes.
func extraLines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("X-Field-%03d: value-of-about-20-bytes\r\n", i)
	}
	return lines
}

// spread calls f for at most different numbers below n, evenly spread, in an order that jumps about.
func spread(n int, f func(i int) string) []string {
	count := min(n, different)
	requests := make([]string, count)
	for i := range requests {
		j := i * 617 % count // 617 is a prime that divides no count used here: each number comes once
		requests[i] = f(j * (n / count))
	}
	return requests
}
