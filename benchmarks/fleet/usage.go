package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
)

// A usage is what etcd's members have used up to a time, or, as a difference, in a time.
type usage struct {
	at                     time.Time // in a difference, the time since time.Time{}
	cpu                    time.Duration
	writes, received, sent float64
	grown                  float64            // its file, in bytes
	syncs                  map[string]float64 // writes to disk, by their upper bound in seconds
}

func (a usage) minus(b usage) usage {
	d := usage{time.Time{}.Add(a.at.Sub(b.at)), a.cpu - b.cpu, a.writes - b.writes, a.received - b.received, a.sent - b.sent, a.grown - b.grown, map[string]float64{}}
	for bound, n := range a.syncs {
		d.syncs[bound] = n - b.syncs[bound]
	}
	return d
}

func (a usage) plus(b usage) usage {
	return usage{a.at.Add(b.at.Sub(time.Time{})), a.cpu + b.cpu, a.writes + b.writes, a.received + b.received, a.sent + b.sent, a.grown + b.grown, nil}
}

// disk returns the bound below which 99 in 100 writes to disk stayed.
func (a usage) disk() string {
	best := "+Inf"
	for bound, n := range a.syncs {
		if n >= 0.99*a.syncs["+Inf"] && less(bound, best) {
			best = bound
		}
	}
	return "under " + best + " s"
}

func less(a, b string) bool {
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return x < y
}

// take reads what has been used. Writes are the first member's: each makes all of them.
func take(c *etcdtest.Cluster) (usage, error) {
	u := usage{at: time.Now(), syncs: map[string]float64{}}
	for i, endpoint := range c.Endpoints() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process(i)))
		if err != nil {
			return u, err
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, field := range fields[11:13] { // user and system, in hundredths of a second
			ticks, err := strconv.Atoi(field)
			if err != nil {
				return u, err
			}
			u.cpu += time.Duration(ticks) * 10 * time.Millisecond
		}
		if err := u.metrics(endpoint, i == 0); err != nil {
			return u, err
		}
	}
	return u, nil
}

// metrics adds what a member says of itself.
func (u *usage) metrics(endpoint string, first bool) error {
	answer, err := http.Get(endpoint + "/metrics")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil {
			continue // a comment
		}
		bound, isSync := strings.CutPrefix(name, `etcd_disk_wal_fsync_duration_seconds_bucket{le="`)
		switch {
		case name == "etcd_network_client_grpc_received_bytes_total":
			u.received += n
		case name == "etcd_network_client_grpc_sent_bytes_total":
			u.sent += n
		case name == "etcd_server_proposals_committed_total" && first:
			u.writes += n
		case name == "etcd_mvcc_db_total_size_in_use_in_bytes" && first:
			u.grown += n
		case isSync && first:
			u.syncs[strings.TrimSuffix(bound, `"}`)] += n
		}
	}
	return lines.Err()
}

// resident returns how much memory the first member has, in bytes.
func resident(c *etcdtest.Cluster) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.Process(0)))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * os.Getpagesize(), err
}
