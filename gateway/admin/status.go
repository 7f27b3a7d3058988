package admin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// Status is the state of the process and its configuration.
type Status struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// File is the configuration's, Revision what a fleet shares of it ("": nothing), Generation its number, and Loaded the
	// time since which it is in force.
	File       string    `json:"file"`
	Revision   string    `json:"revision"`
	Generation uint64    `json:"generation"`
	Loaded     time.Time `json:"loaded"`
	// ReloadError is why the last attempt to load another one failed, one problem a line, or "".
	ReloadError string `json:"reload_error"`
}

// snapshot is what /status shows: the state, and all metrics of the gateway, whose names have lost
// their prefix.
type snapshot struct {
	Now   time.Time `json:"now"`
	Ready bool      `json:"ready"`
	Status
	Metrics map[string][]series `json:"metrics"`
}

// series is one series of a metric: a value, or a histogram.
type series struct {
	Labels  map[string]string `json:"labels"`
	Value   *float64          `json:"value,omitempty"`
	Count   *uint64           `json:"count,omitempty"`
	Sum     *float64          `json:"sum,omitempty"`
	Buckets []bucket          `json:"buckets,omitempty"`
}

// bucket is an upper bound, as Prometheus writes it, and how many observations were not above it.
type bucket [2]any

const prefix = "corsgate_"

func (a *Admin) status(w http.ResponseWriter, _ *http.Request) {
	s := snapshot{Now: time.Now(), Ready: a.Ready(), Status: a.Status(), Metrics: map[string][]series{}}
	families, err := a.Registry.Gather()
	if err != nil {
		a.Log.Error("collect metrics", "error", err) // and show those that there are
	}
	for _, f := range families {
		name, ours := strings.CutPrefix(f.GetName(), prefix)
		if !ours {
			continue
		}
		list := make([]series, len(f.GetMetric()))
		for i, m := range f.GetMetric() {
			list[i] = seriesOf(m)
		}
		s.Metrics[name] = list
	}
	data(w, s)
}

func seriesOf(m *dto.Metric) series {
	s := series{Labels: map[string]string{}}
	for _, l := range m.GetLabel() {
		s.Labels[l.GetName()] = l.GetValue()
	}
	switch h := m.GetHistogram(); {
	case h != nil:
		s.Count, s.Sum = h.SampleCount, h.SampleSum
		for _, b := range h.GetBucket() {
			s.Buckets = append(s.Buckets, bucket{strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64), b.GetCumulativeCount()})
		}
		s.Buckets = append(s.Buckets, bucket{"+Inf", h.GetSampleCount()})
	case m.GetCounter() != nil:
		s.Value = m.GetCounter().Value
	default:
		s.Value = m.GetGauge().Value
	}
	return s
}
