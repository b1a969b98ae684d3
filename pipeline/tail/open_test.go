package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

func TestNoFileYet(t *testing.T) {
	r := newRig(t, func(o *Options) { o.FromEnd = true })
	r.start()
	r.want()
	r.append("a\n")
	r.want("a")
	r.stop()
	r.append("b\n")
	r.start()
	defer r.stop()
	r.want("b")
	r.noLoss()
}

func TestVanishedFile(t *testing.T) {
	r := newRig(t, nil)
	r.append("a\n")
	r.start()
	defer r.stop()
	r.want("a")
	r.ok(os.Remove(r.path))
	r.want()
	r.append("b\n")
	r.want("b")
	r.noLoss()
}

func TestFromEnd(t *testing.T) {
	r := newRig(t, func(o *Options) { o.FromEnd = true })
	r.append("a\nb\nc")
	r.start()
	r.want()
	r.stop()
	r.append("d\ne\n")
	r.start()
	defer r.stop()
	r.want("cd", "e")
}

func TestOnce(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Once = true })
	r.append("a\nb")
	r.start()
	defer r.stop()
	for range 2 {
		if err := r.read(); !errors.Is(err, io.EOF) {
			t.Fatalf("read: %v", err)
		}
	}
	r.wantRead("a", "b")
}

func TestOnceNeedsTheFile(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Once = true })
	err := New(r.o).Open(t.Context(), nil)
	if kind, _ := plugin.KindOf(err); kind != plugin.KindPermanent || !strings.Contains(err.Error(), r.path) {
		t.Errorf("open: %v", err)
	}
}

func TestNoRegularFile(t *testing.T) {
	r := newRig(t, nil)
	r.ok(os.Mkdir(r.path, 0o700))
	err := New(r.o).Open(t.Context(), nil)
	if kind, _ := plugin.KindOf(err); kind != plugin.KindPermanent || !strings.Contains(err.Error(), "folder") {
		t.Errorf("open: %v", err)
	}
}

func TestDamagedPosition(t *testing.T) {
	for _, pos := range []string{"\x00\x00", "{", `{"v":9}`, `{"v":1,"off":-1}`, "null", `{"v":1,"off":3,"tail":4}`} {
		r := newRig(t, nil)
		r.append("a\n")
		r.rotate(3, "b\n")
		r.pos = []byte(pos)
		r.start()
		r.want("a", "b")
		r.stop()
		if n := r.counter("tallyman_input_losses_total", "position"); n != 1 {
			t.Errorf("%q: %v losses were counted", pos, n)
		}
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("NOT RUN: root may read every file")
	}
	r := newRig(t, nil)
	r.append("a\n")
	r.ok(os.Chmod(r.path, 0))
	r.start()
	defer r.stop()
	err := r.read()
	if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry || !errors.Is(err, os.ErrPermission) {
		t.Fatalf("read: %v", err)
	}
	r.ok(os.Chmod(r.path, 0o600))
	r.want("a")
}

func TestSymlink(t *testing.T) {
	dir := t.TempDir()
	r := rigAt(t, filepath.Join(dir, "real.log"), nil)
	r.append("a\n")
	link := filepath.Join(dir, "link")
	r.ok(os.Symlink(r.path, link))
	r.o.Path = link
	r.start()
	r.want("a")
	r.stop()
	r.append("b\n")
	r.rotate(3, "c\n")
	r.start()
	defer r.stop()
	r.want("b", "c")
	r.noLoss()
}

// TestWakes: a Read that waits is woken by what is written, and by a stop.
func TestWakes(t *testing.T) {
	for _, poll := range []time.Duration{time.Millisecond, time.Hour} {
		if poll == time.Hour {
			needWatch(t)
		}
		r := newRig(t, func(o *Options) { o.Poll = poll })
		r.append("a\n")
		r.start()
		r.want("a")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			var b event.Batch
			err := r.tail.Read(ctx, &b, time.Hour)
			r.take(&b)
			done <- err
		}()
		r.append("b\n")
		r.ok(<-done)
		r.wantRead("b")
		go func() { done <- r.tail.Read(ctx, new(event.Batch), time.Hour) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("a stopped read: %v", err)
		}
		r.stop()
	}
}

// TestTruncatedThenRotated: the file is empty when it is rotated away.
func TestTruncatedThenRotated(t *testing.T) {
	r := newRig(t, nil)
	r.append("a\n")
	r.start()
	defer r.stop()
	r.want("a")
	r.append("b\n")
	r.copyTruncate(5)
	r.rotate(5, "c\n")
	r.want("b", "c")
	r.noLoss()
}

// TestWatcherHolds: what is rotated away and deleted while Read is not called
// is held open.
func TestWatcherHolds(t *testing.T) {
	for _, poll := range []time.Duration{time.Millisecond, time.Hour} {
		if poll == time.Hour {
			needWatch(t)
		}
		r := newRig(t, func(o *Options) { o.Poll = poll })
		r.append("a\n")
		r.start()
		r.want("a")
		for i := range 4 {
			r.rotate(1, fmt.Sprintf("r%d\n", i))
			for r.open() < i+2 {
				<-r.tail.wake
			}
		}
		r.want("r0", "r1", "r2", "r3")
		r.noLoss()
		r.stop()
	}
}

// TestTruncatedWhileItWaited: a file that is held, and not read yet, is copied
// and truncated.
func TestTruncatedWhileItWaited(t *testing.T) {
	r := newRig(t, nil)
	r.append("a\n")
	r.start()
	defer r.stop()
	r.tail.watch.close() // it would hold the next file before it has content
	r.tail.watch = nil
	r.want("a")
	r.rotate(5, "b\n")
	r.ok(r.tail.look())
	r.copyTruncate(5)
	r.rotate(5, "c\n")
	r.want("b", "c")
	r.noLoss()
}

// open is the number of files that are held.
func (r *rig) open() int {
	r.tail.mu.Lock()
	defer r.tail.mu.Unlock()
	return len(r.tail.files)
}

func TestExplainSaysWhatToDo(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: "/var/log/audit/audit.log", Err: fs.ErrPermission}
	for hint, want := range map[string]string{
		"":                  "tail: open /var/log/audit/audit.log: permission denied (give the user",
		"set the log_group": "tail: open /var/log/audit/audit.log: permission denied (set the log_group)",
	} {
		err := New(Options{Path: denied.Path, Hint: hint}).explain(denied)
		if !strings.HasPrefix(err.Error(), want) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("explained as %v", err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "audit.log")
	text := strings.Repeat(strings.Repeat("x", 300)+"\n", 50_000)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		t := New(Options{Path: path, Once: true})
		if err := t.Open(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
		var batch event.Batch
		for t.Read(b.Context(), &batch, 0) == nil {
			batch.Reset()
		}
		if err := t.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func needWatch(t *testing.T) {
	t.Helper()
	w, err := fsnotify.NewWatcher()
	if err != nil {
		t.Skipf("NOT RUN: the kernel gives no watch: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
