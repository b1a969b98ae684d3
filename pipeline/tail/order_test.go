package tail

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestTheSetIsLockedFirst: a file that is left waits for the Set without holding what
// the watcher takes while it holds the Set: each would wait for the other for ever.
func TestTheSetIsLockedFirst(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*.log")
	r.put("a.log", "1\n")
	r.open()
	r.until(1)
	m := r.s.members[filepath.Join(r.dir, "a.log")]
	r.s.mu.Lock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.t.drop()
	}()
	buf := make([]byte, 1<<20)
	for end := time.Now().Add(20 * time.Second); !strings.Contains(string(buf[:runtime.Stack(buf, true)]), "(*Set).awaited"); {
		if time.Now().After(end) {
			t.Fatal("nobody is told that the file is left")
		}
	}
	if m.t.mu.TryLock() {
		m.t.mu.Unlock()
	} else {
		t.Error("the file's own lock is held meanwhile")
	}
	r.s.mu.Unlock()
	<-done
}
