// Package enginetest runs one output behind a real journal and a real engine, on a
// clock that the test owns, through the weather of package plugintest and through
// stops and kills. It knows no output by name; how often an event may arrive is the
// caller's to say.
package enginetest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// name is that of the output.
const name = "out"

// Run is what is run.
//
// Time passes only while nothing of it waits for a connection. So the destination
// has to be started by the test itself, and no connection may be read from while
// nobody asks for anything: a server over HTTP has to close each (Unkept).
type Run struct {
	Output  func(plugin.Env) (plugin.Output, error)
	Weather *plugintest.Weather // also chooses when events come and when a life ends
	Events  int
	Lives   int // that end amid it, by a stop or a kill; one more ends with the events

	// Real has it on the clock of the machine: for an output that reads from its
	// connection all the time. It has no lives that end amid it.
	Real bool
}

// Outcome is what the engine says when all is settled.
type Outcome struct {
	Book journal.Book
	Dead map[int]error // why events were refused for good
}

// Deliver runs until every event is settled, and fails the test where the books of
// any life do not balance, or those of the last leave an event out.
func (r Run) Deliver(t *testing.T) Outcome {
	t.Helper()
	var o Outcome
	if r.Real {
		o = r.end(t, t.TempDir())
	} else {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			for i := range r.Lives {
				dir = r.live(t, dir, filepath.Join(t.TempDir(), strconv.Itoa(i)))
			}
			o = r.end(t, dir)
		})
	}
	b := &o.Book
	if n := uint64(r.Events); b.Received != n || b.Buffered+b.InFlight != 0 || b.Counts.Delivered+b.Counts.Unconfirmed+b.Counts.DeadLettered != n {
		t.Errorf("of %d events the book says %+v", n, *b)
	}
	if b.Counts.DeadLettered != uint64(len(o.Dead)) {
		t.Errorf("%d dead letters are there, and the book says %d", len(o.Dead), b.Counts.DeadLettered)
	}
	return o
}

// live is a life that ends amid it. It returns where the journal then is: as a stop
// left it, or in another folder as a kill would have.
func (r Run) live(t *testing.T, dir, other string) string {
	t.Helper()
	e := r.open(t, dir, false)
	ctx, cancel := context.WithCancel(t.Context())
	kill, next := r.Weather.Int(2) == 0, dir
	r.Weather.Ended() // a stop leaves a frame as well of which a part was sent
	end := time.AfterFunc(time.Duration(1+r.Weather.Int(20_000))*time.Millisecond, func() {
		if kill {
			// Nothing runs at this instant but this: all else waits.
			if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
				t.Error(err)
			}
			r.Weather.Dead(true)
			next = other
		}
		cancel()
	})
	defer end.Stop()
	if err := e.Run(ctx); err != nil && !errors.Is(err, engine.ErrLeft) {
		t.Errorf("a life ends with %v", err)
	}
	r.close(t, e)
	r.Weather.Dead(false)
	return next
}

// end is the life that goes on until nothing is left.
func (r Run) end(t *testing.T, dir string) Outcome {
	t.Helper()
	e := r.open(t, dir, true)
	if err := e.Run(t.Context()); err != nil {
		t.Errorf("the last life ends with %v", err)
	}
	o := Outcome{Book: r.close(t, e), Dead: map[int]error{}}
	file, err := engine.DeadLettersOf(filepath.Join(dir, "journal")).Read(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, letter := range file.Letters {
		found, err := letter.Decode()
		if err != nil {
			t.Fatal(err)
		}
		o.Dead[int(found.Offset)] = errors.New(letter.Reason)
	}
	return o
}

func (r Run) open(t *testing.T, dir string, last bool) *engine.Engine {
	t.Helper()
	cfg := &config.Config{Grace: 2 * time.Second, Journal: config.Journal{Dir: filepath.Join(dir, "journal"), MaxSize: 8 << 20, SegmentSize: 64 << 10}}
	if last {
		cfg.Grace = 48 * time.Hour
	}
	cfg.Inputs = []config.Component{{Name: "in", Plugin: plugin.Plugin{Input: func(any, plugin.Env) (plugin.Input, error) {
		return &numbered{weather: r.Weather, all: r.Events, ends: last}, nil
	}}}}
	cfg.Outputs = []config.OutputComponent{{Component: config.Component{Name: name,
		Plugin: plugin.Plugin{Output: func(_ any, env plugin.Env) (plugin.Output, error) { return r.Output(env) }}}}}
	p, found := engine.Build(cfg, engine.Surroundings{Once: last, Meter: new(meter.Registry), Log: slog.New(slog.DiscardHandler), Now: time.Now, Spoil: true})
	if p == nil {
		t.Fatal(found)
	}
	e, err := engine.New(p, "test")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// close ends a life and returns the book of the output.
func (r Run) close(t *testing.T, e *engine.Engine) journal.Book {
	t.Helper()
	var book journal.Book
	for _, b := range e.Books() {
		if !b.Balanced() {
			t.Errorf("the book of %s does not balance: %+v", b.Output, b)
		}
		if b.Output == name {
			book = b
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	return book
}

// numbered is an input over the events of plugintest.Events, some at a time with
// pauses between; its position is how many it gave.
type numbered struct {
	weather *plugintest.Weather
	all, at int
	ends    bool
}

// Open implements plugin.Input.
func (n *numbered) Open(_ context.Context, from []byte) (err error) {
	if len(from) > 0 {
		n.at, err = strconv.Atoi(string(from))
	}
	return err
}

// Read implements plugin.Input.
func (n *numbered) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if n.at == n.all && n.ends {
		return io.EOF
	}
	t := time.NewTimer(min(wait, time.Duration(n.weather.Int(300))*time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if n.at == n.all {
		return nil
	}
	some := min(1+n.weather.Int(12), n.all-n.at)
	for _, e := range plugintest.Events(n.at, some) {
		e.Offset = int64(n.at)
		b.Add(e)
		n.at++
	}
	b.Position = strconv.AppendInt(nil, int64(n.at), 10)
	return nil
}

// Close implements plugin.Input.
func (n *numbered) Close() error { return nil }

// Unkept is a receiver that does as next does, and closes every connection.
func Unkept(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		next.ServeHTTP(w, r)
	})
}

// Troubles are those that a run can meet: such as leave no doubt where the seed is
// even. None is a stall, which only the passing of time ends.
func Troubles(seed uint64) []plugintest.Trouble {
	kinds := slices.Concat(plugintest.Certain, []plugintest.Trouble{plugintest.Trickle})
	if seed%2 == 1 {
		kinds = slices.Concat(kinds, plugintest.Doubtful)
	}
	return slices.DeleteFunc(kinds, func(k plugintest.Trouble) bool { return k == plugintest.Stall })
}

// Bad reports whether a text holds an event of plugintest.Events that a destination
// of a test never takes: one of each 37, and two beside each other.
func Bad(text string) bool {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "tally-")
		if !ok {
			return false
		}
		if n, err := strconv.Atoi(after[:min(6, len(after))]); err == nil && bad(n) {
			return true
		}
		rest = after
	}
}

func bad(n int) bool { return n%37 == 11 || n == 12 }

// Refused fails the test unless the bad ones of n events, and no others, are among
// the dead letters.
func (o Outcome) Refused(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		if _, dead := o.Dead[i]; dead != bad(i) {
			t.Errorf("event %d: refused %v", i, o.Dead[i])
		}
	}
}

// Refusing is an encoder that cannot render the bad events.
func Refusing(e plugin.Encoder) plugin.Encoder { return refusing{e} }

type refusing struct{ plugin.Encoder }

var errBad = errors.New("there is no way to write this event")

// Append implements plugin.Encoder.
func (r refusing) Append(dst []byte, e *event.Event) ([]byte, error) {
	out, err := r.Encoder.Append(dst, e)
	if err == nil && Bad(string(out[len(dst):])) {
		return dst, errBad
	}
	return out, err
}
