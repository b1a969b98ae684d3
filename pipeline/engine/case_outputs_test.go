package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// several is a pipeline over records with any number of outputs.
func (r *rig) several(t *testing.T, in plugin.Input, outputs map[string]plugin.Output) *Pipeline {
	t.Helper()
	p := r.pipeline(t, false, &lines{}, nil, "", nil)
	cfg := *p.Config
	cfg.Inputs = []config.Component{{Name: "in", Plugin: plugin.Plugin{Input: func(any, plugin.Env) (plugin.Input, error) { return in, nil }}}}
	for name, o := range outputs {
		cfg.Outputs = append(cfg.Outputs, config.OutputComponent{Component: config.Component{Name: name,
			Plugin: plugin.Plugin{Output: func(any, plugin.Env) (plugin.Output, error) { return o, nil }}}})
	}
	p, found := Build(&cfg, p.around)
	if p == nil {
		t.Fatal(found)
	}
	return p
}

// counted is a sink that counts what it is asked to send.
type counted struct {
	sink
	sends int
}

func (c *counted) Send(ctx context.Context, events []event.Event) error {
	c.mu.Lock()
	c.sends++
	c.mu.Unlock()
	return c.sink.Send(ctx, events)
}

// stuck is an output whose Send returns only when it is cut off.
type stuck struct{}

func (stuck) Send(ctx context.Context, _ []event.Event) error { <-ctx.Done(); return ctx.Err() }
func (stuck) Confirms() bool                                  { return true }
func (stuck) Close() error                                    { return nil }

// TestADeadOutputDelaysNoOther (RELIABILITY O16): with one of three outputs dead
// for hours the other two get every record as it comes, in as many batches as
// without it, and are asked for nothing twice.
func TestADeadOutputDelaysNoOther(t *testing.T) {
	const records = 700
	for _, c := range []struct {
		name string
		dead plugin.Output
	}{{"none is dead", &sink{}}, {"it refuses every connection", down()}, {"it never answers", stuck{}}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, a, b := newRig(t), &counted{}, &counted{}
				in := &paced{lines: lines{all: numbered(records)}}
				l := r.run(t, r.several(t, in, map[string]plugin.Output{"a": a, "b": b, "dead": c.dead}))
				for n := 1; n <= records/7; n++ { // seven records a minute
					time.Sleep(time.Minute)
					synctest.Wait()
					for name, o := range map[string]*counted{"a": a, "b": b} {
						if got := len(o.all()); uint64(got) != in.gave.Load() {
							t.Fatalf("minute %d: %d records were read and %d came to %s", n, in.gave.Load(), got, name)
						}
					}
				}
				if in.gave.Load() != records {
					t.Fatalf("%d records were read", in.gave.Load())
				}
				for name, o := range map[string]*counted{"a": a, "b": b} {
					if !slices.Equal(o.all(), in.all) || o.sends != records/7 {
						t.Errorf("%s got %d records in %d batches, want %d in %d", name, len(o.all()), o.sends, records, records/7)
					}
				}
				alive := c.name == "none is dead"
				if bk := l.book("dead"); alive != (bk.Counts.Delivered == records) || !alive && bk.Buffered+bk.InFlight != records {
					t.Errorf("the third output's book: %+v", bk)
				}
				if err := l.stop(); errors.Is(err, ErrLeft) == alive {
					t.Errorf("the stop: %v", err)
				}
			})
		})
	}
}

// paced gives seven records a minute.
type paced struct {
	lines
	next time.Time
	gave atomic.Uint64
}

func (p *paced) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if now := time.Now(); now.Before(p.next) {
		t := time.NewTimer(min(wait, p.next.Sub(now)))
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.next = time.Now().Add(time.Minute)
	err := p.lines.Read(ctx, b, wait)
	p.gave.Add(uint64(len(b.Events)))
	return err
}

// TestStopWithinGrace (RELIABILITY O19, B18): a stop delivers what is under way
// for as long as the grace time, an output that is dead or hangs holds it no
// longer, and the next run delivers what is left, in order.
func TestStopWithinGrace(t *testing.T) {
	src := numbered(70) // ten batches
	for _, c := range []struct {
		name string
		out  plugin.Output
		left bool
	}{
		{"healthy", &sink{}, false},
		{"slow, and ready within the grace time", slow(150 * time.Millisecond), false},
		{"slower than the grace time", slow(900 * time.Millisecond), true},
		{"refuses every connection", down(), true},
		{"never answers", stuck{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				l := r.run(t, r.several(t, &lines{all: src}, map[string]plugin.Output{"a": c.out, "b": &sink{}}))
				begun := time.Now()
				err := l.stop()
				if took := time.Since(begun); took > 2*time.Second+time.Second || errors.Is(err, ErrLeft) != c.left {
					t.Errorf("the stop took %v of a grace time of 2s and a batch's, and said %v", took, err)
				}
				var got []string
				if s, ok := c.out.(*sink); ok {
					got = s.all()
				}
				again := &sink{}
				next := r.run(t, r.several(t, &lines{all: src}, map[string]plugin.Output{"a": again, "b": &sink{}}))
				time.Sleep(time.Minute)
				if err := next.stop(); err != nil {
					t.Errorf("the next run: %v", err)
				}
				if rest := again.all(); !c.left && len(rest) > 0 || len(rest) == 0 && c.left {
					t.Errorf("the next run delivered %d", len(rest))
				}
				// A batch that was cut off while it was being sent may come twice.
				if all := slices.Concat(got, again.all()); !slices.Equal(slices.Compact(sortedNumbers(all)), src) || len(all) > len(src)+7 {
					t.Errorf("before the stop %v came, after it %v", got, again.all())
				}
			})
		})
	}
}

func sortedNumbers(s []string) []string {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return s
}
