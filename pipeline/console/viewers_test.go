package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// tapped counts how often an engine is tapped.
type tapped struct {
	*fake
	n atomic.Int32
}

func (f *tapped) Tap(input, stage string) *engine.Tap {
	f.n.Add(1)
	return f.fake.Tap(input, stage)
}

// looking is a console whose clock is that of the bubble, and its engine. past is what
// the journal has; it is asked for so often.
func looking(t *testing.T, past ...event.Event) (s *Server, f *tapped, asked *int) {
	t.Helper()
	f, asked = &tapped{fake: newFake()}, new(int)
	s, err := newServer(Options{Settings: config.Console{}, Engine: f, Meters: &meter.Registry{}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Line: func() (plugin.Encoder, error) { return plain{}, nil },
		Past: func(_ context.Context, emit func([]byte)) error {
			*asked++
			emit([]byte("a damaged frame"))
			if len(past) > 0 {
				emit(codec.NewEncoder().Append(nil, past))
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(); s.work.Wait() })
	s.observe()
	return s, f, asked
}

// TestNobodyLooks: the engine is tapped from the first page on, until nobody has
// looked for a while; then all is forgotten, and the next page begins anew.
func TestNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, asked := looking(t, thing("before anybody came", "c0ffee"))
		for _, path := range []string{"/books", "/playground", "/history.json", "/static/console.js", "/login"} {
			ask(s, "GET", path, "", nil)
		}
		if n := f.n.Load(); n != 0 || *asked != 0 {
			t.Fatalf("pages without events tapped the engine %d times and asked the journal %d times", n, *asked)
		}
		for _, path := range []string{"/events", "/containers", "/"} {
			if body := ask(s, "GET", path, "", nil).Body.String(); path != "/" && !strings.Contains(body, "c0ffee") {
				t.Errorf("%s does not show what the journal has:\n%s", path, body)
			}
		}
		if n := f.n.Load(); n != 1 || *asked != 1 {
			t.Fatalf("three pages tapped %d times and asked %d times, want once", n, *asked)
		}
		// What the journal had comes from the tap as well, and counts once.
		s.memory.take(&event.Batch{Events: []event.Event{thing("before anybody came", "c0ffee"), thing("now", "c0ffee")}}, 0, time.Now())
		if n := len(s.memory.events.list); n != 2 {
			t.Errorf("%d events are remembered, want 2", n)
		}
		time.Sleep(linger + lookUp)
		synctest.Wait()
		if s.viewers.ready != nil || len(s.memory.events.list) != 0 || len(s.memory.containers) != 0 {
			t.Errorf("when nobody looks %d events and %d containers are remembered", len(s.memory.events.list), len(s.memory.containers))
		}
		ask(s, "GET", "/rules", "", nil)
		if n := f.n.Load(); n != 2 || *asked != 2 {
			t.Errorf("after a while the engine was tapped %d times in all and the journal asked %d times, want 2", n, *asked)
		}
	})
}

// TestAnOpenPageStays: a page that is kept live is somebody who looks, however long.
func TestAnOpenPageStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := looking(t)
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/live", nil)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			defer s.stays(r.Context())()
			<-ctx.Done()
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if s.viewers.ready == nil || f.n.Load() != 1 {
			t.Errorf("an open page is no reason to look (tapped %d times)", f.n.Load())
		}
		leave()
		<-gone
		time.Sleep(linger + lookUp)
		synctest.Wait()
		if s.viewers.ready != nil {
			t.Error("it is looked after the page has gone")
		}
	})
}
