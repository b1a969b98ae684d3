package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// TestNotTooFarAheadOfAStuckBatch: while one batch does not come to its end, the
// others go on for a while only, for what is read beyond it is kept in memory.
func TestNotTooFarAheadOfAStuckBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		well, stuck := &many{}, &many{dead: true}
		well.want.Concurrency = 2
		p := r.pipeline(t, false, &lines{all: numbered(700)}, nil, "", map[string]*sink{"a": {}})
		p.outputs[0].plugin, p.outputs[0].more = well, []plugin.Output{stuck}
		e := mustNew(t, p, 20)
		done := make(chan error, 1)
		go func() { done <- e.Run(t.Context()) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(well.all()); n < 10*7 || n > 21*7 {
			t.Errorf("beside a stuck batch %d events of frames of seven were delivered", n)
		}
		e.Drain(time.Second)
		if err := <-done; !errors.Is(err, ErrLeft) {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestACollectorIsHurriedWhenMuchWaits: frames that are not confirmed are kept in
// memory, also where they hold nothing for the output, so that what holds them up
// is moved on before its time, and nothing more is offered until it has.
func TestACollectorIsHurriedWhenMuchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRig(t), &crate{size: 1000}
		var back atomic.Bool
		c.closed = func() error {
			if !back.Load() {
				return plugin.Retry(errors.New("the store is away"))
			}
			return nil
		}
		p := r.pipeline(t, false, &lines{all: numbered(700)}, nil, "int(event.original) < 7", map[string]*sink{"b": {}})
		p.outputs[0].plugin = c
		e := mustNew(t, p, 20)
		done := make(chan error, 1)
		go func() { done <- e.Run(t.Context()) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(c.seqs); n != 20 {
			t.Errorf("with the first frame not confirmed %d were offered", n)
		}
		back.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if b := e.Books()[0]; b.Counts.Delivered != 7 || b.InFlight != 0 || !b.Balanced() {
			t.Errorf("%+v", b)
		}
		e.Drain(time.Second)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

func mustNew(t *testing.T, p *Pipeline, ahead int) *Engine {
	t.Helper()
	e, err := New(p, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range e.current().senders {
		s.ahead = ahead
	}
	return e
}

// answers is an output that says what it is told to, one after the other.
type answers struct {
	sink
	list []error
}

func (a *answers) Send(context.Context, []event.Event) error {
	err := a.list[0]
	a.list = a.list[1:]
	return err
}

// TestARefusalIsAnAnswer: a destination that takes a batch but for what it refuses
// for good works, and the next pause is a short one again.
func TestARefusalIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &answers{}
		for range 5 {
			a.list = append(a.list, plugin.Retry(errors.New("away")))
		}
		a.list = append(a.list, plugin.Partial([]plugin.Failure{{Index: 1, Err: plugin.Permanent(errors.New("never"))}}))
		p := r.pipeline(t, true, &lines{all: numbered(7)}, nil, "", map[string]*sink{"a": {}})
		p.outputs[0].plugin = a
		p.Config.Grace = time.Hour
		e := mustNew(t, p, mostAhead)
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := e.current().senders[0]
		if err := s.state.problem(); err != nil {
			t.Errorf("it is said to fail: %v", err)
		}
		if next := s.sends[0].pause.next; next != firstPause {
			t.Errorf("the next pause is %v", next)
		}
		if b := e.Books()[0]; b.Counts.Delivered != 6 || b.Counts.DeadLettered != 1 {
			t.Errorf("%+v", b)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestAnOddListOfFailures: of a list that is no list of these events nothing is
// put aside, for all come again, and would be put aside once more.
func TestAnOddListOfFailures(t *testing.T) {
	never := plugin.Permanent(errors.New("never"))
	for name, odd := range map[string][]plugin.Failure{
		"twice":    {{Index: 2, Err: never}, {Index: 2, Err: never}},
		"backward": {{Index: 3, Err: never}, {Index: 1, Err: never}},
		"beyond":   {{Index: 3, Err: never}, {Index: 7, Err: never}},
		"below":    {{Index: -1, Err: never}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, a := newRig(t), &answers{list: []error{plugin.Partial(odd), plugin.Partial(odd), nil}}
				p := r.pipeline(t, true, &lines{all: numbered(7)}, nil, "", map[string]*sink{"a": {}})
				p.outputs[0].plugin = a
				books, err := r.once(t, p)
				if err != nil || books["a"].Counts.Delivered != 7 {
					t.Errorf("%v, %+v", err, books["a"])
				}
				letters, err := os.ReadFile(filepath.Join(r.dir, "j", "deadletter", "a.jsonl"))
				if n := strings.Count(string(letters), "\n"); n != 0 || err != nil && !os.IsNotExist(err) {
					t.Errorf("%d were put aside, %v", n, err)
				}
			})
		})
	}
}
