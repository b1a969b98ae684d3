package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tallyman/pipeline/plugin"
)

// deferred returns an output whose Sends are synced together, on a disk that can fail.
func deferred(t *testing.T, d *faults, path string, change func(*Settings)) *output {
	t.Helper()
	o := at(t, path, change)
	o.disk = failing{d}
	if !o.Defer() {
		t.Fatal("it defers nothing")
	}
	return o
}

// TestWhoDefers: without sync there is nothing to defer, and each file of a path with places
// is synced by itself.
func TestWhoDefers(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"no sync": func(c *Settings) { c.Sync = false },
		"places":  func(c *Settings) { c.Path.Value = filepath.Join(t.TempDir(), "{{host.name}}.json") },
	} {
		if at(t, filepath.Join(t.TempDir(), "out"), change).Defer() {
			t.Errorf("%s: it defers", name)
		}
	}
}

func TestSyncBringsSeveralSends(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	d := newCrashing(dir, 1000)
	o := at(t, path, nil)
	o.disk = d
	o.Defer()
	send(t, o, "a")
	send(t, o, "b")
	if got := d.safe[d.ids[path]]; got != "" {
		t.Errorf("before Sync %q is on stable storage: what is this for?", got)
	}
	if err := o.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := d.safe[d.ids[path]]; got != line("a")+"\n"+line("b")+"\n" {
		t.Errorf("after Sync there is %q", got)
	}
	seen := len(d.seen)
	if err := o.Sync(); err != nil || len(d.seen) != seen {
		t.Errorf("a Sync of nothing: %v, %q", err, d.seen[seen:])
	}
	send(t, o, "c")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if got := d.safe[d.ids[path]]; got != line("a")+"\n"+line("b")+"\n"+line("c")+"\n" {
		t.Errorf("after Close there is %q", got)
	}
}

// TestAFailedSyncTakesBackEachSend: nothing since the last Sync stays, and Sync says so
// whichever operation it was that could not bring it to stable storage.
func TestAFailedSyncTakesBackEachSend(t *testing.T) {
	for name, turn := range map[string]func(t *testing.T, o *output, path string){
		"Sync": func(*testing.T, *output, string) {},
		"rotation": func(t *testing.T, o *output, _ string) {
			if err := o.Send(context.Background(), texts("d", "e", "f", "g")); !errors.Is(err, plugin.ErrSyncFirst) {
				t.Errorf("a file that is not synced was rotated: %v", err)
			}
		},
		"moved away": func(t *testing.T, o *output, path string) {
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
			if err := o.Send(context.Background(), texts("d")); !errors.Is(err, plugin.ErrSyncFirst) {
				t.Errorf("what was in the file that was moved away is forgotten: %v", err)
			}
			if err := os.Rename(path+".1", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			d := &faults{room: 1000}
			o := deferred(t, d, path, func(c *Settings) { c.Rotate = &Rotate{Size: plugin.Size(5 * lineBytes)} })
			send(t, o, "a")
			if err := o.Sync(); err != nil {
				t.Fatal(err)
			}
			send(t, o, "b")
			send(t, o, "c")
			d.sync = syscall.EIO
			turn(t, o, path)
			err := o.Sync()
			if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry {
				t.Fatalf("Sync says %v", err)
			}
			want(t, path, "a")
			d.sync = nil
			if err := o.Sync(); err != nil {
				t.Errorf("it is said twice: %v", err)
			}
			send(t, o, "b", "c")
			if err := o.Sync(); err != nil {
				t.Fatal(err)
			}
			want(t, path, "a", "b", "c")
		})
	}
}

// TestAFullDiskBetweenSyncs: what was taken before stays, and can be synced.
func TestAFullDiskBetweenSyncs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	d := &faults{room: lineBytes + 5}
	o := deferred(t, d, path, nil)
	send(t, o, "a")
	if err := o.Send(context.Background(), texts("b")); err == nil {
		t.Error("there was room")
	}
	if err := o.Sync(); err != nil {
		t.Fatal(err)
	}
	want(t, path, "a")
}

// TestSomebodyShortensTheFile: it is not made longer again with zeros, and what was written since
// is taken back.
func TestSomebodyShortensTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	d := &faults{room: 1000}
	o := deferred(t, d, path, nil)
	send(t, o, "a")
	if err := o.Sync(); err != nil {
		t.Fatal(err)
	}
	send(t, o, "b")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	send(t, o, "c")
	d.sync = syscall.EIO
	if err := o.Sync(); err == nil {
		t.Error("Sync says nothing")
	}
	d.sync = nil
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("%v, %v", info.Size(), err)
	}
}
