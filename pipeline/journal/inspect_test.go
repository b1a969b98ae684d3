package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/vfs"
)

// writtenJournal is a journal of 40 frames in several segments, which output a
// has read to the end and output b up to 25.
func writtenJournal(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	j := open(t, small(m))
	a, b := cursor(t, j, "a"), cursor(t, j, "b")
	for n := range uint64(40) {
		add(t, j, n+1, 200+int(n)*7)
		durably(t, j)
	}
	drain(t, a)
	for range 25 {
		e, err := b.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Done(e.Seq, delivered(e)); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, j)
	return m
}

func look(t testing.TB, m *vfs.Mem) *View {
	t.Helper()
	v, err := Look(small(m))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func verify(t testing.TB, v *View) *Report {
	t.Helper()
	r, err := v.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// seen walks from a sequence and returns the numbers of the payloads, which it
// checks, and the damage.
func seen(t testing.TB, v *View, from uint64) (got []uint64, found []Damage) {
	t.Helper()
	err := v.Walk(t.Context(), from, func(f *Seen) error {
		if n := number(t, f.Payload); n != f.Seq {
			t.Fatalf("sequence %d came with payload %d", f.Seq, n)
		}
		got = append(got, f.Seq)
		return nil
	}, func(d Damage) { found = append(found, d) })
	if err != nil {
		t.Fatal(err)
	}
	return got, found
}

// changes counts what would change a file system.
func changes(m *vfs.Mem) *int {
	n := 0
	m.SetHook(func(op vfs.Op) error {
		switch op.Kind {
		case "open", "read", "readdir":
		default:
			n++
		}
		return nil
	})
	return &n
}

func TestLookAtRest(t *testing.T) {
	m := writtenJournal(t)
	before := fmt.Sprint(segments(t, m))
	changed := changes(m)
	v := look(t, m)
	books := v.Books()
	if len(books) != 2 || books[0].Output != "a" || books[0].Counts.Delivered != 40 || books[0].Buffered != 0 ||
		books[1].Counts.Delivered != 25 || books[1].Buffered != 15 || books[1].Lag != 15 {
		t.Errorf("books %+v", books)
	}
	r := verify(t, v)
	if !r.OK() || r.Frames != 40 || len(r.Damage) != 0 {
		t.Errorf("report %+v", r)
	}
	if w := r.Outputs[1]; w.Output != "b" || w.Frames != 15 || w.Bytes < 15*200 || r.Outputs[0].Frames != 0 {
		t.Errorf("what waits: %+v", r.Outputs)
	}
	last := r.Segments[len(r.Segments)-1]
	if len(r.Segments) < 3 || r.Segments[0].First != 1 || last.Last != 40 || v.Last() != 40 {
		t.Errorf("segments %+v", r.Segments)
	}
	for _, from := range []uint64{0, 1, 17, 40, 41} {
		if got, found := seen(t, v, from); len(found) != 0 || fmt.Sprint(got) != fmt.Sprint(upTo(max(from, 1), 40)) {
			t.Errorf("from %d: %v, damage %v", from, got, found)
		}
	}
	if from, ok := v.From("b"); !ok || from != 26 || v.Waits("b", 25) || !v.Waits("b", 26) || v.Waits("c", 26) {
		t.Errorf("b goes on at %d", from)
	}
	if *changed != 0 || fmt.Sprint(segments(t, m)) != before {
		t.Errorf("looking changed the folder %d times", *changed)
	}
}

// TestLookBesideAProcess: an open journal is looked at while it is written.
func TestLookBesideAProcess(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	c := cursor(t, j, "a")
	for n := range uint64(60) {
		add(t, j, n+1, 300)
		durably(t, j)
		if n%3 == 0 {
			drain(t, c)
		}
		v := look(t, m)
		if r := verify(t, v); !r.OK() || v.Last() != n+1 || r.Frames != n+1 {
			t.Fatalf("after %d frames: last %d, %+v", n+1, v.Last(), r)
		}
		if b := v.Books()[0]; !b.Balanced() || b.Received != n+1 {
			t.Fatalf("after %d frames: %+v", n+1, b)
		}
	}
	v := look(t, m)
	for n := range uint64(20) {
		add(t, j, n+61, 300)
	}
	durably(t, j)
	if got, found := seen(t, v, 0); len(got) != 60 || len(found) != 0 {
		t.Errorf("what was appended after the look: %d frames, %v", len(got), found)
	}
	if err := m.Remove(filepath.Join(dir, segments(t, m)[0])); err != nil {
		t.Fatal(err)
	}
	if got, found := seen(t, v, 0); len(got) >= 60 || len(got) < 40 || len(found) != 0 {
		t.Errorf("a segment that its process deleted after the look: %d frames, %v", len(got), found)
	}
	shut(t, j)
}

func TestLookWhereNothingIs(t *testing.T) {
	m := vfs.NewMem()
	changed := changes(m)
	if _, err := Look(small(m)); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a missing folder: %v", err)
	}
	if *changed != 0 {
		t.Errorf("it changed %d things", *changed)
	}
	m.SetHook(nil)
	if err := m.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Look(small(m)); !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	shut(t, open(t, small(m)))
	v := look(t, m)
	if r := verify(t, v); !r.OK() || len(v.Books()) != 0 || v.Last() != 0 {
		t.Errorf("a fresh journal: %+v", r)
	}
}

func TestLookAtANewerVersion(t *testing.T) {
	for _, c := range []struct{ name, file string }{{"state", "state"}, {"segment", ""}} {
		t.Run(c.name, func(t *testing.T) {
			m := writtenJournal(t)
			if c.file == "" {
				c.file = segments(t, m)[0]
			}
			newerVersion(t, m, c.file)
			if _, err := Look(small(m)); !errors.Is(err, ErrNewer) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// newerVersion raises the version of a file's header, under a right sum.
func newerVersion(t *testing.T, m *vfs.Mem, name string) {
	t.Helper()
	b, f := contents(t, m, name)
	if name == "state" {
		for at := 0; at+slotSize <= len(b) || at < len(b); at += slotSize {
			slot := b[at:min(at+slotSize, len(b))]
			slot[7]++
			sealSlot(slot)
		}
	} else {
		b[7]++
		put32(b[60:], key(0).sum(b[:60]))
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
}

func contents(t testing.TB, m *vfs.Mem, name string) ([]byte, vfs.File) {
	t.Helper()
	f, err := m.Open(filepath.Join(dir, name), vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b, f
}

func put32(b []byte, n uint32) {
	b[0], b[1], b[2], b[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
}

// sealSlot makes the sum of a slot right.
func sealSlot(b []byte) {
	length := uint32(b[16]) | uint32(b[17])<<8 | uint32(b[18])<<16 | uint32(b[19])<<24
	if length > uint32(len(b)-slotHeader) {
		return
	}
	put32(b[20:], 0)
	put32(b[20:], key(0).sum(b[:slotHeader+length]))
}

// TestLookWhileItIsWritten: looks at a folder that is written to, read and
// cleared at the same time see nothing wrong.
func TestLookWhileItIsWritten(t *testing.T) {
	o := small(vfs.OS())
	o.Dir, o.MaxSize = filepath.Join(t.TempDir(), "journal"), 200<<10
	j := open(t, o)
	c := cursor(t, j, "a")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range uint64(300) {
			add(t, j, n+1, 400)
			if n%5 == 0 {
				drain(t, c)
			}
		}
		durably(t, j)
	}()
	looks := 0
	for running := true; running; looks++ {
		select {
		case <-done:
			running = false
		default:
		}
		v, err := Look(o)
		if err != nil {
			t.Fatal(err)
		}
		if r := verify(t, v); !r.OK() {
			t.Fatalf("look %d: doubts %q, damage %v", looks, r.Doubts, r.Damage)
		}
	}
	shut(t, j)
	v, err := Look(o)
	if err != nil || v.Last() != 300 {
		t.Errorf("at the end: %d, %v", v.Last(), err)
	}
}
