package runtimes

// A watcher as the tests follow it.

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"tallyman/pipeline/meter"
)

// serve serves h on a socket until the test ends.
func serve(t *testing.T, path string, h http.Handler) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
}

// follow starts a watcher that the test ends, whose pauses are short.
type following struct {
	*Watcher
	t      *testing.T
	log    *lockedBuffer
	meter  *meter.Registry
	paused chan struct{} // something begins to wait, as it does again and again
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func follow(t *testing.T, o Options) *following {
	t.Helper()
	f := &following{t: t, log: &lockedBuffer{}, meter: &meter.Registry{}, paused: make(chan struct{}, 1)}
	o.Log, o.Meter = slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})), f.meter
	if o.pause == nil {
		o.pause = func(ctx context.Context, d time.Duration) {
			select {
			case f.paused <- struct{}{}:
			default:
			}
			pause(ctx, d/100)
		}
	}
	w, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	f.Watcher = w
	t.Cleanup(func() { _ = w.Close() })
	return f
}

// until waits for a container to be as ok wants it.
func (f *following) until(what, id string, ok func(*Container) bool) *Container {
	f.t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		changed := f.Store().Changed()
		c := f.Store().Lookup(id)
		if c != nil && ok(c) {
			return c
		}
		select {
		case <-changed:
		case <-limit.C:
			f.t.Fatalf("still not: %s; it is %+v\n%s", what, c, f.log)
		}
	}
}

func (f *following) value(name string) float64 {
	sum := 0.0
	f.meter.Each(func(s meter.Sample) {
		if s.Name == name {
			sum += s.Value
		}
	})
	return sum
}

func named(name string) func(*Container) bool {
	return func(c *Container) bool { return c.Name == name }
}

func running(c *Container) bool { return c.InitPID != 0 }
func isGone(c *Container) bool  { return !c.Gone.IsZero() }

func (f *following) runnersAre(n int) {
	f.t.Helper()
	if got := len(f.runners()); got != n {
		f.t.Errorf("%d sources are followed, want %d", got, n)
	}
}
