package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// measuredEngine speaks the part of the Engine API that measures: one container of an
// image, as the test says that it does. Each reading is half a minute after the one before.
type measuredEngine struct {
	mu       sync.Mutex
	id       string
	memory   int64
	pids     int64
	sends    int64 // bytes between two readings
	sent     int64
	readings int64
	ends     []ending
	changed  chan struct{}
}

// ending is an event of the engine: a container that ended.
type ending struct {
	at   time.Time
	line string
}

// measuredBase is the time of the engine's first reading.
var measuredBase = time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)

func newMeasuredEngine(t *testing.T, socket string) *measuredEngine {
	t.Helper()
	e := &measuredEngine{changed: make(chan struct{})}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return e
}

// does says how the container does from now on.
func (e *measuredEngine) does(id string, memory, pids, sends int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.id, e.memory, e.pids, e.sends = id, memory, pids, sends
}

// ended tells that a container of the image ended, so many hours after the first reading.
func (e *measuredEngine) ended(hours int, seconds string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := measuredBase.Add(time.Duration(hours)*time.Hour + time.Duration(len(e.ends))*time.Second)
	e.ends = append(e.ends, ending{at, fmt.Sprintf(`{"Type":"container","Action":"die","Actor":{"ID":%q,"Attributes":{"image":"%s:1.4","name":"api-1","execDuration":%q,"exitCode":"0"}},`+
		`"scope":"local","time":%d,"timeNano":%d}`, e.id, baselineImage, seconds, at.Unix(), at.UnixNano())})
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *measuredEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	id := e.id
	e.mu.Unlock()
	switch {
	case r.URL.Path == "/events":
		e.stream(w, r)
	case r.URL.Path == "/containers/json":
		_, _ = fmt.Fprintf(w, `[{"Id":%q,"Names":["/api-1"],"Image":"%s:1.4","ImageID":"sha256:%s"}]`, id, baselineImage, strings.Repeat("a", 64))
	case strings.HasSuffix(r.URL.Path, "/stats"):
		e.mu.Lock()
		defer e.mu.Unlock()
		e.readings++
		e.sent += e.sends
		_, _ = fmt.Fprintf(w, `{"read":%q,"pids_stats":{"current":%d},"memory_stats":{"usage":%d,"limit":8589934592},"cpu_stats":{"cpu_usage":{"total_usage":%d},"online_cpus":2},`+
			`"networks":{"eth0":{"rx_bytes":0,"tx_bytes":%d}}}`, measuredBase.Add(time.Duration(e.readings)*30*time.Second).Format(time.RFC3339), e.pids, e.memory, e.readings*1e9, e.sent)
	default:
		http.Error(w, `{"message":"no"}`, http.StatusNotFound)
	}
}

// stream tells the events since a time, and then what happens.
func (e *measuredEngine) stream(w http.ResponseWriter, r *http.Request) {
	since, err := strconv.ParseFloat(r.URL.Query().Get("since"), 64)
	if err != nil {
		http.Error(w, `{"message":"no time"}`, http.StatusBadRequest)
		return
	}
	out := http.NewResponseController(w)
	for at := 0; ; {
		e.mu.Lock()
		lines, changed := e.ends[at:], e.changed
		at = len(e.ends)
		e.mu.Unlock()
		for _, l := range lines {
			if float64(l.at.Unix()) >= since {
				_, _ = fmt.Fprintln(w, l.line)
			}
		}
		_ = out.Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// measuredHost is a host whose engine is measured.
func measuredHost(t *testing.T) (*imageHost, *measuredEngine) {
	t.Helper()
	h := newImageHost(t)
	socket := filepath.Join(h.dir, "engine.sock")
	text := slurp(t, h.conf)
	text = strings.Replace(text, "  audit: {type: auditd, path: audit.log}\n",
		"  engine: {type: docker, host: \"unix://"+socket+"\", start_at: beginning, inspect: false, stats: {every: 1s}}\n", 1)
	write(t, h.conf, text)
	return h, newMeasuredEngine(t, socket)
}

// measured is what is in the file: how many readings there are of a container that tell
// what it sent, how many ends of containers, and the numbers that alerts tell, by rule and
// container.
type measured struct {
	readings, ends int
	alerts         map[string]float64
}

func (h *imageHost) measured(id string) measured {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, "all.json"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		h.t.Fatal(err)
	}
	m, seen := measured{alerts: map[string]float64{}}, map[string]bool{}
	for line := range strings.Lines(string(b)) {
		var e struct {
			Event     struct{ ID, Kind, Action string }
			Rule      struct{ ID string }
			Container struct {
				ID      string
				Network struct{ Egress struct{ Bytes *int64 } }
			}
			Tallyman struct{ Band struct{ Value float64 } }
		}
		if json.Unmarshal([]byte(line), &e) != nil {
			break // it is being written
		}
		switch first := !seen[e.Event.ID]; {
		case !first:
		case e.Event.Kind == "alert":
			m.alerts[fmt.Sprintf("%s %.2s", e.Rule.ID, e.Container.ID)] = e.Tallyman.Band.Value
		case e.Event.Action == "die":
			m.ends++
		case e.Container.ID == id && e.Container.Network.Egress.Bytes != nil:
			m.readings++
		}
		seen[e.Event.ID] = true
	}
	return m
}

// rests waits for further readings of a container and for all of its ends: what there was
// to judge until now is judged, since an alert stands before what is read after its event.
func (h *imageHost) rests(e *measuredEngine, id string) measured {
	h.t.Helper()
	var m measured
	from := h.measured(id).readings
	until(h.t, "two more readings are delivered", func() bool {
		m = h.measured(id)
		return m.readings >= from+2 && m.ends == len(e.ends)
	})
	return m
}

// TestMeasuredBandsLive: memory, processes, outbound bytes and the lifetime of an image are
// learned in silence, approved with limits in the running process, and told from then on, over
// kills; what is usual stays silent.
func TestMeasuredBandsLive(t *testing.T) {
	h, engine := measuredHost(t)
	one, two := strings.Repeat("c1", 32), strings.Repeat("d2", 32)
	usual := func(id string) { engine.does(id, 100<<20, 8, 4096) }
	strange := func(id string) { engine.does(id, 700<<20, 300, 64<<20) }

	usual(one)
	engine.ended(1, "60")
	engine.ended(1, "64")
	cmd := h.started()
	if m := h.rests(engine, one); len(m.alerts) > 0 {
		t.Errorf("while it learns: %v", m.alerts)
	}
	for kind, limits := range map[string]string{"memory": "..209715200", "pids": "..20", "egress-bytes": "..1048576", "lifetime": "30..120"} {
		if text := h.asked("list", "--kind", kind); !strings.Contains(text, "learned from ") {
			t.Errorf("list of %s says %s", kind, text)
		}
		if text := h.asked("approve", "--image", baselineImage, "--kind", kind, limits); !strings.Contains(text, "approved: 1 baseline, 1 value") {
			t.Errorf("approve of %s says %s", kind, text)
		}
	}
	h.killed(cmd) // at once: what was approved is not lost

	cmd = h.started()
	engine.ended(2, "70")
	if m := h.rests(engine, one); len(m.alerts) > 0 {
		t.Errorf("what is usual, after a kill: %v", m.alerts)
	}
	strange(one)
	engine.ended(3, "2")
	want := map[string]float64{"TM-BH-101 c1": 700 << 20, "TM-BH-102 c1": 300, "TM-BH-103 c1": 2, "TM-BH-105 c1": 64 << 20}
	h.tells(one, want)
	h.killed(cmd)

	usual(two)
	cmd = h.started()
	engine.ended(10, "65")
	if m := h.rests(engine, two); !maps.Equal(m.alerts, want) {
		t.Errorf("another container that does what is usual: %v, want %v", m.alerts, want)
	}
	strange(two)
	engine.ended(11, "500")
	maps.Copy(want, map[string]float64{"TM-BH-101 d2": 700 << 20, "TM-BH-102 d2": 300, "TM-BH-103 d2": 500, "TM-BH-105 d2": 64 << 20})
	h.tells(two, want)
	h.killed(cmd)
}

// tells waits for alerts, and holds them to be all.
func (h *imageHost) tells(id string, want map[string]float64) {
	h.t.Helper()
	keys := slices.Collect(maps.Keys(want))
	until(h.t, "the alerts are there", func() bool {
		got := h.measured(id).alerts
		return !slices.ContainsFunc(keys, func(k string) bool { _, ok := got[k]; return !ok })
	})
	if got := h.measured(id).alerts; !maps.Equal(got, want) {
		h.t.Errorf("alerts %v, want %v", got, want)
	}
}
