package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// flood is a source that never ends: numbered records, some at a time, whose
// position is how many it gave.
type flood struct {
	lines
	rnd  *rand.Rand
	most *int // over all floods: one more than the newest record that was given
}

func (f *flood) Read(ctx context.Context, b *event.Batch, _ time.Duration) error {
	t := time.NewTimer(time.Duration(f.rnd.IntN(300)) * time.Microsecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	for range 1 + f.rnd.IntN(6) {
		b.Add(event.Event{Dataset: "test", Raw: strconv.Itoa(f.at), Records: 1, Offset: int64(f.at), Time: time.Unix(int64(f.at), 0)})
		f.at++
	}
	*f.most = max(*f.most, f.at)
	b.Position = strconv.AppendInt(nil, int64(f.at), 10)
	return nil
}

// counting counts what arrives in all sinks of one output together.
type counting struct {
	mu   sync.Mutex
	seen map[string]int
}

// sinkFor returns a sink into c that takes its time and, now and then, fails for
// a while, refuses an event for good, or takes only a part.
func (c *counting) sinkFor(rnd *rand.Rand) *countingSink { return &countingSink{c: c, rnd: rnd} }

type countingSink struct {
	c   *counting
	rnd *rand.Rand
}

func (s *countingSink) Confirms() bool { return true }
func (s *countingSink) Close() error   { return nil }

func (s *countingSink) Send(_ context.Context, events []event.Event) error {
	if s.rnd.IntN(10) == 0 {
		time.Sleep(time.Duration(s.rnd.IntN(500)) * time.Microsecond)
	}
	if s.rnd.IntN(5000) == 0 {
		return plugin.Retry(errors.New("not now"))
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for i := range events {
		for _, n := range strings.Split(events[i].Raw, "+") {
			s.c.seen[strings.Clone(n)]++
		}
	}
	return nil
}

// TestManyReloads reloads again and again under load: to the same, to one that
// does not start, with an output less and one more. No record is lost and none
// is doubled, neither one that a transform held nor one that was being sent.
func TestManyReloads(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 200
	}
	synctest.Test(t, func(t *testing.T) { manyReloads(t, n) })
}

func manyReloads(t *testing.T, n int) {
	r, rnd, most := newRig(t), rand.New(rand.NewPCG(7, 11)), 0
	always, sometimes := &counting{seen: map[string]int{}}, &counting{seen: map[string]int{}}
	build := func(both bool, fails error) *Pipeline {
		fresh := func() *rand.Rand { return rand.New(rand.NewPCG(rnd.Uint64(), 1)) }
		p := r.pipeline(t, false, &lines{}, &pairs{}, "", nil)
		cfg := *p.Config
		cfg.Journal.CommitInterval = time.Millisecond
		f := &flood{lines: lines{fails: fails}, rnd: fresh(), most: &most}
		cfg.Inputs = []config.Component{{Name: "in", Plugin: plugin.Plugin{Input: func(any, plugin.Env) (plugin.Input, error) {
			return &flood{lines: f.lines, rnd: fresh(), most: &most}, nil
		}}}}
		for name, c := range map[string]*counting{"always": always, "sometimes": sometimes} {
			if name == "sometimes" && !both {
				continue
			}
			cfg.Outputs = append(cfg.Outputs, config.OutputComponent{Component: config.Component{Name: name,
				Plugin: plugin.Plugin{Output: func(any, plugin.Env) (plugin.Output, error) { return c.sinkFor(fresh()), nil }}}})
		}
		p, found := Build(&cfg, p.around)
		if p == nil {
			t.Fatal(found)
		}
		return p
	}
	l := r.run(t, build(true, nil))
	done, refused, both := 0, 0, true
	for done+refused < n {
		time.Sleep(time.Duration(rnd.IntN(3000)) * time.Microsecond)
		var fails error
		if rnd.IntN(20) == 0 {
			fails = errors.New("address in use")
		}
		with := rnd.IntN(4) != 0
		switch err := l.Reload(build(with, fails), false); {
		case err == nil && fails == nil:
			done, both = done+1, with
		case err != nil && (fails != nil || both && !with && errors.Is(err, ErrBacklog)):
			refused++
		default:
			t.Fatalf("reload %d: %v, the input fails with %v", done+refused, err, fails)
		}
	}
	time.Sleep(200 * time.Millisecond)
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d reloads, %d refused, %d records", done, refused, most)
	judge(t, l.book("always"), always, most)
	for name, times := range sometimes.seen {
		if times > 1 {
			t.Errorf("record %s came to the output that comes and goes %d times", name, times)
		}
	}
	if done < n/2 || len(sometimes.seen) == 0 {
		t.Errorf("%d of %d reloads were done, %d records came to the other output: that tests little", done, n, len(sometimes.seen))
	}
}

// judge compares what arrived with what was read. What a transform held at the
// end, and what was read and not journalled, comes with the next run.
func judge(t *testing.T, b *journal.Book, c *counting, most int) {
	t.Helper()
	var doubled, missing []int
	for i := range int(b.Received) {
		switch times := c.seen[strconv.Itoa(i)]; {
		case times > 1:
			doubled = append(doubled, i)
		case times == 0:
			missing = append(missing, i)
		}
	}
	if len(doubled) > 0 || len(missing) > 0 {
		t.Errorf("%d records came twice (%v), %d did not come (%v)", len(doubled), some(doubled), len(missing), some(missing))
	}
	if b.Counts.Delivered != b.Received || len(c.seen) != int(b.Received) || most-int(b.Received) > 20 || b.Received == 0 {
		t.Errorf("%d were read, %d arrived, the book: %+v", most, len(c.seen), b)
	}
}

func some(list []int) []int { return slices.Clone(list[:min(len(list), 10)]) }
