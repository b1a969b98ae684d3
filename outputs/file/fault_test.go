package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// faulty is a real file on a disk with little room, whose operations can fail.
type faulty struct {
	*os.File
	room                   *int // bytes that still fit
	syncFails, truncateErr *error
}

func (f faulty) Write(b []byte) (int, error) {
	n := min(len(b), *f.room)
	*f.room -= n
	if _, err := f.File.Write(b[:n]); err != nil {
		return 0, err
	}
	if n < len(b) {
		return n, &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	return n, nil
}

func (f faulty) Truncate(size int64) error {
	if *f.truncateErr != nil {
		return *f.truncateErr
	}
	return f.File.Truncate(size)
}

func (f faulty) Sync() error {
	if *f.syncFails != nil {
		return *f.syncFails
	}
	return f.File.Sync()
}

// faults is what a test turns.
type faults struct {
	room           int
	sync, truncate error
}

func on(t *testing.T, d *faults, path string) *output {
	t.Helper()
	o := at(t, path, nil)
	o.disk = failing{d}
	return o
}

// failing is the real disk with the faults of a test.
type failing struct{ *faults }

func (f failing) open(path string, own owner) (handle, bool, error) {
	h, fresh, err := osDisk{}.open(path, own)
	if err != nil {
		return nil, false, err
	}
	return faulty{h.(*os.File), &f.room, &f.sync, &f.truncate}, fresh, nil
}

func (failing) create(path string) (handle, error) { return osDisk{}.create(path) }
func (failing) rename(from, to string) error       { return osDisk{}.rename(from, to) }
func (failing) remove(path string) error           { return osDisk{}.remove(path) }
func (failing) syncDir(dir string) error           { return osDisk{}.syncDir(dir) }

const lineBytes = len(`{"message":"a"}` + "\n")

func TestAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	d := &faults{room: 2*lineBytes + 5}
	o := on(t, d, path)
	err := o.Send(context.Background(), texts("a", "b", "c", "d"))
	var e *plugin.Error
	if !errors.As(err, &e) || e.Kind != plugin.KindPartial || len(e.Failed) != 2 || e.Failed[0].Index != 2 || e.Failed[1].Index != 3 {
		t.Fatalf("%+v", err)
	}
	if kind, _ := plugin.KindOf(e.Failed[0].Err); kind != plugin.KindRetry || !errors.Is(e.Failed[0].Err, syscall.ENOSPC) {
		t.Errorf("the reason is %v", e.Failed[0].Err)
	}
	want(t, path, "a", "b")

	d.room = 7
	err = o.Send(context.Background(), texts("c", "d"))
	if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("with no room for a line: %v", err)
	}
	want(t, path, "a", "b")

	d.room = 1000
	send(t, o, "c", "d")
	want(t, path, "a", "b", "c", "d")
}

func TestATornLineThatCannotBeTakenBackIsMendedLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	d := &faults{room: lineBytes + 3, truncate: errors.New("no")}
	o := on(t, d, path)
	err := o.Send(context.Background(), texts("a", "b"))
	if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v", err)
	}
	d.room, d.truncate = 1000, nil
	send(t, o, "a", "b")
	want(t, path, "a", "a", "b") // at least once
}

// An append-only file (chattr +a) gives nothing back.
func TestATornLineOfAnAppendOnlyFileIsEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	d := &faults{room: lineBytes + 3, truncate: &fs.PathError{Op: "truncate", Err: syscall.EPERM}}
	o := on(t, d, path)
	if err := o.Send(context.Background(), texts("a", "b")); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v", err)
	}
	d.room = 1000
	send(t, o, "a", "b")
	got, err := os.ReadFile(path)
	if want := `{"message":"a"}` + "\n" + `{"m` + "\n" + `{"message":"a"}` + "\n" + `{"message":"b"}` + "\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAFailedSyncIsNeverTrusted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	d := &faults{room: 1000}
	o := on(t, d, path)
	send(t, o, "a")
	d.sync = syscall.EIO
	err := o.Send(context.Background(), texts("b"))
	if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry || !errors.Is(err, syscall.EIO) {
		t.Fatalf("%v", err)
	}
	if o.only.file != nil {
		t.Error("the descriptor is used again")
	}
	want(t, path, "a")
	d.sync = nil
	send(t, o, "b")
	want(t, path, "a", "b")
}

func TestAnEventThatCannotBeRenderedIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	d := &faults{room: 2*lineBytes + 1}
	o := on(t, d, path)
	o.enc = picky{o.enc}
	err := o.Send(context.Background(), texts("a", "bad", "c", "d", "bad"))
	var e *plugin.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	got := ""
	for _, f := range e.Failed {
		kind, _ := plugin.KindOf(f.Err)
		got += fmt.Sprint(f.Index, ":", kind, " ")
	}
	if want := fmt.Sprint("1:", plugin.KindPermanent, " 3:", plugin.KindRetry, " 4:", plugin.KindPermanent, " "); got != want {
		t.Errorf("failed %s, want %s", got, want)
	}
	want(t, path, "a", "c")
}

// picky refuses some events.
type picky struct{ plugin.Encoder }

func (p picky) Append(dst []byte, e *event.Event) ([]byte, error) {
	if e.Fields[0].Str() == "bad" {
		return dst, errors.New("not for this format")
	}
	return p.Encoder.Append(dst, e)
}

// Whatever room there is at each attempt, a file never shows a torn line, and in
// the end it holds every event once, in order.
func TestAnyRoom(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		d := &faults{}
		o := on(t, d, path)
		var all []string
		for i := range rapid.IntRange(1, 9).Draw(rt, "events") {
			all = append(all, fmt.Sprint(i))
		}
		todo := texts(all...)
		for len(todo) > 0 {
			d.room = rapid.IntRange(0, 60).Draw(rt, "room")
			err := o.Send(context.Background(), todo)
			todo = left(todo, err)
			want(t, path, all[:len(all)-len(todo)]...)
			if t.Failed() {
				rt.FailNow()
			}
		}
		_ = o.Close()
	})
}

// left returns what is to be sent again after err.
func left(events []event.Event, err error) []event.Event {
	var e *plugin.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Kind == plugin.KindPartial:
		return events[e.Failed[0].Index:]
	}
	return events
}
