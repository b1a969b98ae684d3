package docker

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeEngine speaks the part of the Engine API that is used. It keeps what it
// told, as an engine does.
type fakeEngine struct {
	path   string
	server *http.Server
	quit   chan struct{} // closed when it goes away
	served chan struct{} // closed when it is away

	mu      sync.Mutex
	lines   []string
	forgot  int           // lines that are told no more
	changed chan struct{} // closed at the next change
	asked   []string
	inspect map[string]string // answers by container
	cutAt   int               // bytes after which the next stream is cut; 0: not

	boxes map[string]*box // containers that print
	clock int64           // what the engine's clock says, in nanoseconds since begun

	answers map[string]string // by path: what is answered, before all else
}

// engineAt starts an engine at a socket that nothing listens at yet.
func engineAt(t testing.TB, path string) *fakeEngine {
	t.Helper()
	f := &fakeEngine{path: path, changed: make(chan struct{}), inspect: map[string]string{}}
	f.start(t)
	t.Cleanup(f.stop)
	return f
}

func (f *fakeEngine) start(t testing.TB) {
	t.Helper()
	_ = os.Remove(f.path)
	ln, err := net.Listen("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	f.quit = make(chan struct{})
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	server, served := f.server, make(chan struct{})
	f.served = served
	go func() {
		defer close(served)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
}

// stop takes the engine away; it may be started again, and has forgotten all.
func (f *fakeEngine) stop() {
	select {
	case <-f.quit:
		return
	default:
	}
	close(f.quit)
	_ = f.server.Close()
	<-f.served
	f.mu.Lock()
	f.forgot = len(f.lines)
	f.mu.Unlock()
}

// tell has something happen.
func (f *fakeEngine) tell(lines ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, lines...)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.URL.String())
	said, fixed := f.answers[r.URL.Path]
	answer, ok := f.inspect[strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/containers/"), "/images/"), "/json")]
	f.mu.Unlock()
	switch {
	case fixed:
		_, _ = w.Write([]byte(said))
	case f.box(w, r):
	case r.URL.Path == "/events":
		f.stream(w, r)
	case ok:
		_, _ = w.Write([]byte(answer))
	default:
		http.Error(w, `{"message":"no"}`, http.StatusNotFound)
	}
}

func nanoOf(s string) int64 {
	sec, frac, _ := strings.Cut(s, ".")
	a, _ := strconv.ParseInt(sec, 10, 64)
	b, _ := strconv.ParseInt(frac, 10, 64)
	return a*int64(time.Second) + b
}

// stream tells as moby does: of what is kept, from the newest backwards until one
// is too old, and then what happens.
func (f *fakeEngine) stream(w http.ResponseWriter, r *http.Request) {
	since := nanoOf(r.URL.Query().Get("since"))
	f.mu.Lock()
	at := len(f.lines)
	for at > f.forgot && (timeOf(f.lines[at-1]) >= since || timeOf(f.lines[at-1]) == 0) {
		at--
	}
	cut := f.cutAt
	f.cutAt = 0
	f.mu.Unlock()
	out := http.NewResponseController(w)
	_ = out.Flush()
	for sent := 0; ; {
		f.mu.Lock()
		lines, changed := f.lines[at:], f.changed
		at = len(f.lines)
		f.mu.Unlock()
		text := []byte(strings.Join(lines, "\n"))
		if len(lines) > 0 {
			text = append(text, '\n')
		}
		if cut > 0 && sent+len(text) > cut {
			_, _ = w.Write(text[:cut-sent])
			_ = out.Flush()
			if conn, _, err := out.Hijack(); err == nil {
				_ = conn.Close()
			}
			return
		}
		sent += len(text)
		if _, err := w.Write(text); err != nil {
			return
		}
		_ = out.Flush()
		if r.URL.Query().Has("until") {
			return
		}
		select {
		case <-changed:
		case <-f.quit:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// folders remembers the engine of each folder of a test.
type folders struct {
	mu sync.Mutex
	of map[string]*fakeEngine
}

func (a *folders) at(t testing.TB, dir string) *fakeEngine {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.of[dir]
	if f == nil {
		f = engineAt(t, filepath.Join(dir, "s"))
		a.of[dir] = f
	}
	return f
}
