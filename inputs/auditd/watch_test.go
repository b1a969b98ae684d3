package auditd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

// quiet is an input that gives what a test puts into it.
type quiet struct {
	from  []byte
	batch event.Batch
	err   error
}

func (q *quiet) Open(_ context.Context, from []byte) error { q.from = from; return nil }

func (q *quiet) Read(_ context.Context, b *event.Batch, _ time.Duration) error {
	*b, q.batch = q.batch, event.Batch{}
	return q.err
}

func (q *quiet) Close() error { return nil }

// asked is the kernel's audit in the hands of a test.
type asked struct {
	mu  sync.Mutex
	st  kernelStatus
	err error
	n   int
}

func (a *asked) ask() (kernelStatus, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n++
	return a.st, a.err
}

func (a *asked) set(st kernelStatus, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.st, a.err = st, err
}

func watching(q *quiet, a *asked, boot string) *watch {
	s := defaults()
	e := env("/")
	e.Meter = new(meter.Registry)
	w := watched(&s, e, q)
	w.ask, w.boot = a.ask, boot
	return w
}

// read returns what a batch of the watched input says.
func read(t *testing.T, w *watch) (position string, losses []uint64, events []string) {
	t.Helper()
	var b event.Batch
	if err := w.Read(t.Context(), &b, 0); err != nil {
		t.Fatal(err)
	}
	for _, l := range b.Losses {
		if l.Reason != event.KernelLost {
			t.Errorf("lost: %+v", l)
		}
		losses = append(losses, l.Count)
	}
	for i := range b.Events {
		e := &b.Events[i]
		if e.Decode != "" {
			continue
		}
		if e.Dataset != "tallyman.internal" || e.Records != 0 || e.Seen.IsZero() || e.Get(schema.EventModule).Str() != "auditd" || string(e.Get(schema.EventSeverity).Append(nil)) != "9" {
			t.Errorf("an event of our own: %+v", e)
		}
		events = append(events, e.Get(schema.EventAction).Str()+" "+e.Fields.GetNamed(schema.AuditdData, "op").Str()+" "+e.Fields.GetNamed(schema.AuditdData, "old").Str())
	}
	return string(b.Position), losses, events
}

func TestTheKernelsLosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, a := &quiet{}, &asked{st: kernelStatus{Lost: 100, Enabled: 1, PID: 5, Rules: 3}}
		w := watching(q, a, "boot-1")
		if err := w.Open(t.Context(), []byte(`{"v":1}`)); err != nil || string(q.from) != `{"v":1}` {
			t.Fatalf("open at %q: %v", q.from, err)
		}
		synctest.Wait()
		position, losses, events := read(t, w)
		if want := `auditd/1 {"boot":"boot-1","lost":100,"enabled":1,"pid":5,"rules":3}` + "\n" + `{"v":1}`; position != want || len(losses)+len(events) > 0 {
			t.Errorf("at the start: %q, lost %d, %q", position, losses, events)
		}
		if position, _, _ = read(t, w); position != "" {
			t.Errorf("a position without news: %q", position)
		}
		for _, n := range []uint32{103, 110} { // nobody reads in between
			a.set(kernelStatus{Lost: n, Enabled: 1, PID: 5, Rules: 3}, nil)
			time.Sleep(10 * time.Second)
			synctest.Wait()
		}
		q.batch = event.Batch{Position: []byte("new")}
		position, losses, events = read(t, w)
		if want := `auditd/1 {"boot":"boot-1","lost":110,"enabled":1,"pid":5,"rules":3}` + "\nnew"; position != want || !slices.Equal(losses, []uint64{10}) || len(events) > 0 {
			t.Errorf("10 more: %q, lost %d, %q", position, losses, events)
		}
		if a.n != 3 {
			t.Errorf("asked %d times", a.n)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestBaselines: what is lost over a restart is seen, once.
func TestBaselines(t *testing.T) {
	kept := func(boot string, lost int) string {
		return fmt.Sprintf(`auditd/1 {"boot":%q,"lost":%d,"enabled":1,"pid":5,"rules":3}`, boot, lost) + "\nrest"
	}
	for name, c := range map[string]struct {
		from   string
		now    kernelStatus
		inner  string
		losses []uint64
		events []string
	}{
		"none":                {"", kernelStatus{Lost: 7}, "", nil, nil},
		"the form before":     {`{"v":1}`, kernelStatus{Lost: 7}, `{"v":1}`, nil, nil},
		"a later form":        {"auditd/2 ???\nrest", kernelStatus{Lost: 7}, "rest", nil, nil},
		"damage":              {"auditd/1 ???\nrest", kernelStatus{Lost: 7}, "rest", nil, nil},
		"no rest":             {"auditd/1 ???", kernelStatus{Lost: 7}, "", nil, nil},
		"as it was":           {kept("b", 7), kernelStatus{Lost: 7, Enabled: 1, PID: 6, Rules: 1}, "rest", nil, nil},
		"while we were away":  {kept("b", 7), kernelStatus{Lost: 9, Enabled: 1, PID: 5, Rules: 3}, "rest", []uint64{2}, nil},
		"another boot":        {kept("a", 7), kernelStatus{Lost: 3}, "rest", []uint64{3}, nil},
		"set back":            {kept("b", 7), kernelStatus{Lost: 2, Enabled: 1, PID: 5, Rules: 3}, "rest", []uint64{2}, nil},
		"set back to nothing": {kept("b", 7), kernelStatus{Enabled: 1, PID: 5, Rules: 3}, "rest", nil, nil},
		"all went off": {kept("b", 7), kernelStatus{Lost: 7}, "rest", nil,
			[]string{"changed-audit-configuration set 1", "shutdown-audit set 5", "changed-audit-configuration remove_rule 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, a := &quiet{}, &asked{st: c.now}
				w := watching(q, a, "b")
				if err := w.Open(t.Context(), []byte(c.from)); err != nil || string(q.from) != c.inner {
					t.Fatalf("open at %q: %v", q.from, err)
				}
				synctest.Wait()
				for i := range 2 {
					_, losses, events := read(t, w)
					if i == 1 {
						c.losses, c.events = nil, nil
					}
					if !slices.Equal(losses, c.losses) || !slices.Equal(events, c.events) {
						t.Errorf("lost %d, %q", losses, events)
					}
				}
				_ = w.Close()
			})
		})
	}
}

// TestMetricsGoOnWhileTheLaneIsBlocked is the other half of I13.
func TestMetricsGoOnWhileTheLaneIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, a := &quiet{}, &asked{}
		w := watching(q, a, "b")
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		want := map[string]float64{"lost": 5, "backlog": 6, "backlog_limit": 7, "enabled": 1, "rate_limit": 8, "pid": 9, "rules": 10}
		a.set(kernelStatus{Lost: 5, backlog: 6, backlogLimit: 7, Enabled: 1, rateLimit: 8, PID: 9, Rules: 10}, nil)
		time.Sleep(10 * time.Second)
		synctest.Wait() // and no Read
		got := 0
		w.env.Meter.Each(func(s meter.Sample) {
			for name, v := range want {
				if s.Name == "tallyman_audit_kernel_"+name {
					if got++; s.Value != v {
						t.Errorf("%s is %v", s.Name, s.Value)
					}
				}
			}
		})
		if got != len(want) {
			t.Errorf("%d metrics of %d", got, len(want))
		}
		_ = w.Close()
	})
}

// TestAKernelThatDoesNotAnswer: where it never will it is asked once; where it
// may it is asked again.
func TestAKernelThatDoesNotAnswer(t *testing.T) {
	for err, n := range map[error]int{
		fmt.Errorf("status: %w", unix.EPERM): 1, unix.ECONNREFUSED: 1, unix.EPROTONOSUPPORT: 1, errors.New("no reply received"): 4,
	} {
		synctest.Test(t, func(t *testing.T) {
			q, a := &quiet{}, &asked{err: err}
			w := watching(q, a, "b")
			if err := w.Open(t.Context(), []byte("rest")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(31 * time.Second)
			synctest.Wait()
			q.batch = event.Batch{Position: []byte("rest")}
			if position, losses, events := read(t, w); position != "rest" || len(losses)+len(events) > 0 {
				t.Errorf("%v: %q, lost %d, %q", err, position, losses, events)
			}
			if a.n != n {
				t.Errorf("%v: asked %d times, want %d", err, a.n, n)
			}
			_ = w.Close()
		})
	}
}

// TestNotWatched: a run with an end, and one that does not want it, ask nothing
// and leave positions as they are.
func TestNotWatched(t *testing.T) {
	q, a := &quiet{}, &asked{}
	s := defaults()
	e := env("/")
	e.Once = true
	w := watched(&s, e, q)
	w.ask = a.ask
	if err := w.Open(t.Context(), []byte("auditd/1 {\"boot\":\"b\"}\nrest")); err != nil || string(q.from) != "rest" {
		t.Fatalf("open at %q: %v", q.from, err)
	}
	q.batch = event.Batch{Position: []byte("next")}
	if position, _, _ := read(t, w); position != "next" || a.n != 0 {
		t.Errorf("%q, asked %d times", position, a.n)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestASourceWithoutAPositionIsCommittedAtOnce: the position that the kernel's
// losses bring must not let the lane wait with what its transforms hold.
func TestASourceWithoutAPositionIsCommittedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, a := &quiet{}, &asked{}
		w := watching(q, a, "b")
		if err := w.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, c := range []struct {
			batch event.Batch
			want  bool
		}{
			{event.Batch{Events: []event.Event{{Decode: "audit"}}}, true},
			{event.Batch{}, false},
			{event.Batch{Events: []event.Event{{Decode: "audit"}}, Position: []byte("x")}, false},
		} {
			q.batch = c.batch
			var b event.Batch
			if err := w.Read(t.Context(), &b, 0); err != nil || (b.Accepted != nil) != c.want {
				t.Errorf("%+v: %v, %v", c.batch, b.Accepted != nil, err)
			}
		}
		_ = w.Close()
	})
}
