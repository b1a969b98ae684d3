// Package session says who is behind a process, where another record names them:
// the login session whose id the kernel writes into audit records, and the
// command that somebody ran in a container through the engine or through
// Kubernetes. It stands behind `container`, and before `rules`.
//
// It knows the fields of events that are decoded and have their container. It
// asks nobody, and names nobody whom no record names: where two records could
// be meant and they differ, the user stays empty.
package session

import (
	"context"
	"sync"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the transform `type: session`.
var Plugin = plugin.NewTransform("session", "Says who is behind a process: a login session, docker exec or kubectl exec.", Default, New)

// Settings are the keys of the transform.
type Settings struct {
	Window    time.Duration `yaml:"window" doc:"How far apart, by their own times, an exec that the engine or Kubernetes tells of and the process that it started may be."`
	Life      time.Duration `yaml:"life" doc:"How long a session or a process of which nothing more is heard is remembered."`
	Sessions  int           `yaml:"sessions" doc:"The most login sessions that are remembered; the one used longest ago is forgotten first."`
	Processes int           `yaml:"processes" doc:"The most processes of execs that are remembered; the one used longest ago is forgotten first."`
	Execs     int           `yaml:"execs" doc:"The most execs that wait for their process, and as many processes that wait for their exec, clients and runs of a runtime; the oldest is forgotten first."`
}

// Default returns the settings that hold where a configuration says nothing.
func Default() Settings {
	return Settings{Window: 5 * time.Second, Life: 7 * 24 * time.Hour, Sessions: 4096, Processes: 32768, Execs: 1024}
}

// Check returns what a type cannot say.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	for _, d := range []struct {
		key  string
		time time.Duration
	}{{"window", s.Window}, {"life", s.Life}} {
		if d.time <= 0 {
			p = append(p, plugin.Problem{Key: d.key, Text: d.key + " is no time that anything could happen in", Hint: "leave it out for the default"})
		}
	}
	for _, n := range []struct {
		key  string
		most int
	}{{"sessions", s.Sessions}, {"processes", s.Processes}, {"execs", s.Execs}} {
		if n.most <= 0 {
			p = append(p, plugin.Problem{Key: n.key, Text: n.key + " leaves room for nothing", Hint: "leave it out for the default"})
		}
	}
	return p
}

// The words of tallyman.session.how.
const (
	howSSH     = "ssh"
	howConsole = "console"
	howSudo    = "sudo"
	howSu      = "su"
	howCron    = "cron"
	howDocker  = "docker-exec"
	howHealth  = "docker-healthcheck" // the engine itself runs it, and nobody is behind it
	howKube    = "kubectl-exec"
)

// The words of tallyman.session.confidence.
const (
	exact  = "exact"  // by an id: the kernel's of the session, or the engine's of the exec
	high   = "high"   // one exec fits by container, command and time, and one process
	medium = "medium" // and the user is that of the one client that fits, or nothing is known of the parent
	low    = "low"    // several execs fit, or several processes
)

// mark is what an event is told of who is behind it; from is the address that
// they came from.
type mark struct{ user, how, id, confidence, from string }

// Transform is shared by all lanes.
type Transform struct {
	marked    map[string]*meter.Counter // by how
	ambiguous *meter.Counter

	mu    sync.Mutex // guards what follows; held for a batch at a time
	known *knowledge
}

var _ plugin.Keeper = (*Transform)(nil)

// New builds the transform. The error is plugin.Problems.
func New(s *Settings, env plugin.Env) (plugin.Transform, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	t := &Transform{marked: map[string]*meter.Counter{}}
	for _, how := range []string{howSSH, howConsole, howSudo, howSu, howCron, howDocker, howHealth, howKube, ""} {
		t.marked[how] = env.Meter.Counter("tallyman_session_events_total", "Events that were told how somebody came to be behind them; an empty how: several ways fit.",
			meter.Label{Name: "how", Value: how})
	}
	t.ambiguous = env.Meter.Counter("tallyman_session_ambiguous_total", "Processes of execs for which several records fit.")
	forgotten := func(what string) *meter.Counter {
		return env.Meter.Counter("tallyman_session_forgotten_total", "What was forgotten because there was too much of it.", meter.Label{Name: "what", Value: what})
	}
	t.known = newKnowledge(s, t.ambiguous, forgotten)
	for what, size := range map[string]func(k *knowledge) int{
		"sessions":  func(k *knowledge) int { return k.sessions.len() },
		"processes": func(k *knowledge) int { return k.processes.len() },
	} {
		env.Meter.Func("tallyman_session_remembered", "Sessions and processes of execs that are remembered.", meter.KindGauge, func() float64 {
			t.mu.Lock()
			defer t.mu.Unlock()
			return float64(size(t.known))
		}, meter.Label{Name: "what", Value: what})
	}
	return t, nil
}

// Lane returns the stage of one lane.
func (t *Transform) Lane(string) plugin.Stage { return &stage{t: t} }

// Close has nothing to give back.
func (t *Transform) Close() error { return nil }

type stage struct{ t *Transform }

// spare is how many fields a mark is.
const spare = 6

// Apply passes every event on, with the mark that fits it. An event that was
// marked by another tallyman keeps what that one said.
func (s *stage) Apply(_ context.Context, in, out *event.Batch) error {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	for i := range in.Events {
		e := out.Add(in.Events[i])
		m, ok := s.t.known.see(e)
		if !ok || !e.Fields.Get(schema.TallymanSessionConfidence).IsZero() {
			continue
		}
		if cap(e.Fields)-len(e.Fields) < spare {
			e.Fields = out.Take(e.Fields, spare)
		}
		add(e, m)
		s.t.marked[m.how].Inc()
	}
	return nil
}

// add gives an event its mark. An event that has a peer of its own keeps it: the
// address that somebody came from is another thing.
func add(e *event.Event, m mark) {
	f := &e.Fields
	f.AddString(schema.TallymanSessionUser, m.user)
	f.AddString(schema.TallymanSessionHow, m.how)
	f.AddString(schema.TallymanSessionConfidence, m.confidence)
	f.AddString(schema.TallymanSessionID, m.id)
	if m.from == "" {
		return
	}
	for i := range *f {
		switch (*f)[i].Key {
		case schema.SourceAddress, schema.SourceIP, schema.SourcePort, schema.DestinationAddress, schema.DestinationIP, schema.DestinationPort:
			return
		}
	}
	f.AddString(schema.SourceAddress, m.from)
	if ip, ok := event.IP(m.from); ok {
		f.Add(schema.SourceIP, ip)
	}
}

// Learn takes in events as they were journalled.
func (t *Transform) Learn(events []event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range events {
		t.known.see(&events[i])
	}
}
