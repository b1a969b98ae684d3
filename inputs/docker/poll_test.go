package docker

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

var (
	polledID  = strings.Repeat("ab", 32)
	anotherID = strings.Repeat("cd", 32)
)

// polled is an input whose clocks are the test's.
type polled struct {
	t       *testing.T
	f       *fakeEngine
	in      *input
	measure chan time.Time
	look    chan time.Time
}

func poll(t *testing.T, change func(*Settings), answers map[string]string) *polled {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s")
	f := engineAt(t, file)
	f.answers = answers
	s := settings(t, file)
	change(s)
	if p := s.Check(); len(p) > 0 {
		t.Fatal(p)
	}
	in, err := build(s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	p := &polled{t: t, f: f, in: in.(*input), measure: make(chan time.Time), look: make(chan time.Time)}
	p.in.poll.measure, p.in.poll.look = p.measure, p.look
	if err := in.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return p
}

// say changes what the engine answers.
func (p *polled) say(path, answer string) {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.f.answers[path] = answer
}

// take reads until as many events of our own came.
func (p *polled) take(n int) []event.Event {
	p.t.Helper()
	var got []event.Event
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	for len(got) < n {
		var b event.Batch
		if err := p.in.Read(ctx, &b, 20*time.Second); err != nil {
			p.t.Fatalf("%d events of %d: %v", len(got), n, err)
		}
		for _, e := range b.Events {
			if e.Records == 0 {
				got = append(got, e)
			}
		}
	}
	if len(got) != n {
		p.t.Fatalf("%d events came, want %d", len(got), n)
	}
	return got
}

func listed(ids ...string) string {
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`{"Id":%q,"Names":["/shop"],"Image":"registry.corp.example/shop/api:1.4","ImageID":"sha256:77","Labels":{"team":"blue"}}`, id))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// used is an answer to /stats, n seconds after an hour.
func used(n int, memory, pids, cpu, tx int64) string {
	return fmt.Sprintf(`{"read":"2026-11-21T02:25:%02d.5Z","pids_stats":{"current":%d,"limit":18446744073709551615},"memory_stats":{"usage":%d,"limit":1000,"stats":{"inactive_file":50}},`+
		`"cpu_stats":{"cpu_usage":{"total_usage":%d},"online_cpus":2},"networks":{"eth0":{"rx_bytes":%d,"tx_bytes":%d},"eth1":{"rx_bytes":1,"tx_bytes":0}},`+
		`"blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":%d},{"op":"write","value":7}]}}`, n, pids, memory+50, cpu, 2*tx, tx, 3*tx)
}

func at(id, what string) string { return "/containers/" + id + "/" + what }

// TestStats: a reading becomes an event of what is there, and the next one also
// of what happened in between; the container is named with its image and labels.
func TestStats(t *testing.T) {
	p := poll(t, func(s *Settings) { s.Stats = &Stats{} }, map[string]string{"/containers/json": listed(polledID), at(polledID, "stats"): used(1, 400, 7, 1e9, 100)})
	p.measure <- time.Time{}
	first := p.take(1)[0]
	p.say(at(polledID, "stats"), used(11, 500, 9, 6e9, 400))
	p.measure <- time.Time{}
	e := p.take(1)[0]
	if !first.Fields.Get(schema.ContainerCPUUsage).IsZero() || first.ID == e.ID || first.ID.IsZero() || e.Dataset != "docker.stats" || e.Decode != "" {
		t.Errorf("%+v\n%+v", first, e)
	}
	for k, want := range map[schema.Key]string{schema.EventKind: "metric", schema.EventModule: "docker", schema.ContainerID: polledID, schema.ContainerName: "shop",
		schema.ContainerImageName: "registry.corp.example/shop/api", schema.ContainerImageTag: "1.4", schema.ContainerMemoryUsage: "0.5",
		schema.DockerStatsMemoryBytes: "500", schema.DockerStatsMemoryLimit: "1000", schema.DockerStatsPIDs: "9", schema.DockerStatsPIDsLimit: "",
		schema.ContainerCPUUsage: "0.25", schema.ContainerNetworkIngressBytes: "600", schema.ContainerNetworkEgressBytes: "300",
		schema.ContainerDiskReadBytes: "900", schema.ContainerDiskWriteBytes: "0", schema.EventDuration: "10000000000",
		schema.Timestamp: "2026-11-21T02:25:11.5Z"} {
		if got := string(e.Get(k).Append(nil)); got != want {
			t.Errorf("%s is %q, want %q", k, got, want)
		}
	}
	if e.Fields.GetNamed(schema.ContainerLabels, "team").Str() != "blue" {
		t.Error("the label is missing")
	}
	if p.f.asked[len(p.f.asked)-1] != at(polledID, "stats")+"?stream=false&one-shot=true" {
		t.Error(p.f.asked)
	}
}

// TestThresholds: one is told of when it is crossed upwards and, below the part of
// it that clears it, downwards; one that sways in between is not told of again.
func TestThresholds(t *testing.T) {
	p := poll(t, func(s *Settings) {
		s.Stats = &Stats{Thresholds: &Thresholds{Memory: 0.5, PIDs: 10, CPU: 0.9, Egress: 1000, Clear: 0.8}}
	}, map[string]string{"/containers/json": listed(polledID)})
	for n, step := range []struct {
		name                  string
		memory, pids, cpu, tx int64
		want                  []string
	}{
		{"below all", 100, 1, 0, 0, nil},
		{"memory and pids", 500, 10, 0, 0, []string{"exceeded memory 0.5 failure", "exceeded pids 10 failure"}},
		{"they sway", 499, 11, 0, 0, nil},
		{"not yet below the part", 401, 8, 0, 0, nil},
		{"below the part", 399, 7, 0, 0, []string{"cleared memory 0.399 success", "cleared pids 7 success"}},
		{"processors", 1, 1, 19e8, 0, []string{"exceeded cpu 0.95 failure"}},
		{"the network", 1, 1, 19e8, 5000, []string{"cleared cpu 0 success", "exceeded egress 5000 failure"}},
		{"started anew, which tells nothing of rates", 1, 1, 0, 0, nil},
	} {
		p.say(at(polledID, "stats"), used(n+1, step.memory, step.pids, step.cpu, step.tx))
		p.measure <- time.Time{}
		var got []string
		for _, e := range p.take(1 + len(step.want)) {
			if e.Fields.Get(schema.EventKind).Str() == "event" {
				got = append(got, fmt.Sprintf("%s %s %s %s", strings.TrimPrefix(e.Fields.Get(schema.EventAction).Str(), "container-threshold-"), e.Fields.Get(schema.DockerThresholdName).Str(),
					e.Fields.Get(schema.DockerThresholdValue).Append(nil), e.Fields.Get(schema.EventOutcome).Str()))
			}
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

// TestStatsAreBounded: the containers that were there first are measured, others
// are counted, and one that does not answer hinders no other.
func TestStatsAreBounded(t *testing.T) {
	third := strings.Repeat("ef", 32)
	p := poll(t, func(s *Settings) { s.Stats = &Stats{Containers: 2} }, map[string]string{"/containers/json": listed(third, anotherID, polledID, "../evil"),
		at(polledID, "stats"): used(1, 1, 1, 1, 1), at(third, "stats"): used(1, 1, 1, 1, 1), at(anotherID, "stats"): `{"read":`})
	p.measure <- time.Time{}
	if e := p.take(1)[0]; e.Fields.Get(schema.ContainerID).Str() != polledID {
		t.Errorf("%+v", e)
	}
	if n, m := p.in.poll.over.Value(), p.in.poll.failed.Value(); n != 1 || m != 1 {
		t.Errorf("%d left out, %d failed", n, m)
	}
}

// TestReadings: what an engine lacks, or says beyond all bounds, makes no nonsense.
func TestReadings(t *testing.T) {
	var none usage
	now := time.Unix(9, 0)
	if r := none.reading(now); !r.at.Equal(now) || r.memoryShare() != 0 || r.cpus != 1 {
		t.Errorf("%+v", r)
	}
	for f, want := range map[float64]int64{math.NaN(): 0, -1: 0, 7.9: 7, 1e300: math.MaxInt64, math.Inf(1): math.MaxInt64} {
		if got := whole(f); got != want {
			t.Errorf("%v becomes %d", f, got)
		}
	}
	a := reading{at: now, cpu: 5, cpus: 1}
	for name, b := range map[string]reading{"the first": {}, "the same time": {at: now}, "started anew": {at: now.Add(-1), cpu: 6}} {
		if g := a.since(&b); g.known {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

// TestChanges: each file that is not as in the image is told of once, without the
// folders that change with it; at once, by the clock, and after a command.
func TestChanges(t *testing.T) {
	list := `{"Path":"/usr","Kind":0},{"Path":"/usr/bin","Kind":0},{"Path":"/usr/bin/x","Kind":1},{"Path":"/etc/passwd","Kind":0},{"Path":"/etc/motd","Kind":2},{"Path":"/etc","Kind":0},` +
		`{"Path":"/tmp","Kind":0},{"Path":"/tmp/a","Kind":1},{"Path":"/tmpfile","Kind":1},{"Path":"/odd","Kind":7}`
	p := poll(t, func(s *Settings) { s.Changes = &Changes{Exclude: []string{"/tmp"}} }, map[string]string{"/containers/json": listed(polledID), at(polledID, "changes"): "[" + list + "]"})
	say := func(e *event.Event) string {
		return e.Fields.Get(schema.EventAction).Str() + " " + e.Fields.Get(schema.EventType).Str() + " " + e.Fields.Get(schema.FilePath).Str()
	}
	var got []string
	first := p.take(4)
	for i := range first {
		got = append(got, say(&first[i]))
	}
	if want := []string{"container-file-added creation /usr/bin/x", "container-file-changed change /etc/passwd", "container-file-deleted deletion /etc/motd", "container-file-added creation /tmpfile"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	p.look <- time.Time{} // nothing is new
	p.say(at(polledID, "changes"), "["+list+`,{"Path":"/usr/bin/y","Kind":1}]`)
	p.f.tell(`{"Type":"container","Action":"exec_die","Actor":{"ID":"` + polledID + `"},"timeNano":1795231588000000001}`)
	if e := p.take(1)[0]; say(&e) != "container-file-added creation /usr/bin/y" || e.Dataset != "docker.changes" || e.Fields.Get(schema.ContainerImageName).IsZero() {
		t.Errorf("%+v", e)
	}
	again := poll(t, func(s *Settings) { s.Changes = &Changes{Paths: 1} }, map[string]string{"/containers/json": listed(polledID), at(polledID, "changes"): "[" + list + "]"})
	if e := again.take(1)[0]; e.ID != first[0].ID {
		t.Errorf("%s has another id after a restart", say(&e))
	}
	again.look <- time.Time{} // the round before is done
	if n := again.in.poll.over.Value(); n < 4 {
		t.Errorf("%d are left out", n)
	}
	again.say(at(polledID, "changes"), "null")
}

// TestPollerEnds: it leaves no goroutine behind, also while nobody takes what it
// found.
func TestPollerEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p := poll(t, func(s *Settings) { s.Stats, s.Changes = &Stats{}, &Changes{} }, map[string]string{"/containers/json": listed(polledID),
		at(polledID, "stats"): used(1, 1, 1, 1, 1), at(polledID, "changes"): `[{"Path":"/x","Kind":1}]`})
	p.measure <- time.Time{} // what changed is not taken yet
	if err := p.in.Close(); err != nil {
		t.Error(err)
	}
	p.f.stop()
}

// TestOnceAsksNothing: what is read once is what happened.
func TestOnceAsksNothing(t *testing.T) {
	env := plugintest.Env(t.TempDir())
	env.Once = true
	s := settings(t, "/x")
	s.Stats, s.Changes = &Stats{}, &Changes{}
	in, err := build(s, env)
	if err != nil || in.(*input).poll != nil {
		t.Error("it is asked by the clock", err)
	}
}

// TestPollSettingsAreChecked: each mistake is named by its key.
func TestPollSettingsAreChecked(t *testing.T) {
	for key, change := range map[string]func(*Settings){
		"stats.every":             func(s *Settings) { s.Stats.Every = time.Millisecond },
		"stats.containers":        func(s *Settings) { s.Stats.Containers = -1 },
		"stats.thresholds.memory": func(s *Settings) { s.Stats.Thresholds.Memory = 90 },
		"stats.thresholds.clear":  func(s *Settings) { s.Stats.Thresholds.Clear = math.NaN() },
		"changes.every":           func(s *Settings) { s.Changes.Every = time.Second },
		"changes.containers":      func(s *Settings) { s.Changes.Containers = 1 << 20 },
		"changes.paths":           func(s *Settings) { s.Changes.Paths = -1 },
		"changes.exclude":         func(s *Settings) { s.Changes.Exclude = []string{"/tmp/"} },
	} {
		s := settings(t, "/x")
		s.Stats, s.Changes = &Stats{Thresholds: &Thresholds{}}, &Changes{}
		if p := s.Check(); len(p) > 0 {
			t.Fatalf("sound settings: %v", p)
		}
		change(s)
		if p := s.Check(); len(p) != 1 || p[0].Key != key {
			t.Errorf("%s: %v", key, p)
		}
	}
}
