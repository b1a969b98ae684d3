package console

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Bounds of the look at what flows.
const (
	linger     = 2 * time.Minute  // after the last page, for whoever reads one
	lookUp     = 10 * time.Second // how often it is asked whether somebody still looks
	pastWithin = 2 * time.Second  // a page waits for what the journal has, so long at most
)

// viewers knows whether somebody looks. While nobody does, the engine is not tapped
// and nothing of what flows is remembered.
type viewers struct {
	mu    sync.Mutex // guards what follows
	open  int        // pages that are kept live
	until time.Time  // somebody looked lately
	ready chan struct{}
}

// looked notes that somebody looks now, and begins to remember what flows when nobody
// did. It returns once the memory has what the journal knows.
func (s *Server) looked(ctx context.Context) {
	if s.ctx.Err() != nil {
		return
	}
	v := s.viewers
	v.mu.Lock()
	v.until = s.o.Now().Add(linger)
	ready := v.ready
	if ready == nil {
		ready = make(chan struct{})
		v.ready = ready
		s.work.Go(func() { s.remember(ready) })
	}
	v.mu.Unlock()
	select {
	case <-ready:
	case <-ctx.Done():
	}
}

// remember taps the engine while somebody looks.
func (s *Server) remember(ready chan struct{}) {
	tap := s.o.Engine.Tap("", "")
	defer tap.Close()
	s.recall()
	close(ready)
	tick := time.NewTicker(lookUp)
	defer tick.Stop()
	s.memory.run(s.ctx.Done(), tap, s.o.Now, tick.C, s.stillLooked)
}

// recall fills the memory with what the journal has of late.
func (s *Server) recall() {
	if s.o.Past == nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, pastWithin)
	defer cancel()
	if err := s.o.Past(ctx, s.memory.recall); err != nil {
		s.o.Log.Debug("the console shows only what comes from now on: the journal could not be looked at", "error", err)
	}
}

// stillLooked reports whether somebody looks. When nobody does, all is forgotten.
func (s *Server) stillLooked() bool {
	v := s.viewers
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.open > 0 || s.o.Now().Before(v.until) {
		return true
	}
	v.ready = nil
	s.memory.forgetAll()
	return false
}

// stays notes that a page is kept live until the returned function is called.
func (s *Server) stays(ctx context.Context) (leaves func()) {
	v := s.viewers
	v.mu.Lock()
	v.open++
	v.mu.Unlock()
	s.looked(ctx)
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.open--
		v.until = s.o.Now().Add(linger)
	}
}

// watched has a page that shows events see them from the time before it as well.
func (s *Server) watched(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.looked(r.Context())
		page(w, r)
	}
}
