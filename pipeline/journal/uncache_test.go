package journal

import (
	"path/filepath"
	"slices"
	"testing"

	"tallyman/pipeline/vfs"
)

// uncaching notes which files are to be forgotten by the host's memory, in order.
type uncaching struct {
	vfs.FS
	names []string
}

type uncachingFile struct {
	vfs.File
	u    *uncaching
	name string
}

func (u *uncaching) Open(name string, mode vfs.Mode) (vfs.File, error) {
	f, err := u.FS.Open(name, mode)
	return &uncachingFile{f, u, filepath.Base(name)}, err
}

func (f *uncachingFile) Uncache() { f.u.names = append(f.u.names, f.name) }

// kills: forgets what another cursor has to read; forgets nothing; forgets the active segment
func TestWhatAllHaveReadIsNotCached(t *testing.T) {
	u := &uncaching{FS: vfs.NewMem()}
	j := open(t, small(u))
	defer shut(t, j)
	a, b := cursor(t, j, "a"), cursor(t, j, "b")
	fill := func(from uint64) {
		for n := range uint64(60) {
			add(t, j, from+n, 300)
			durably(t, j)
		}
	}
	names := func() (list []string) { // of the segments but the active one
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, s := range j.segments[:len(j.segments)-1] {
			list = append(list, s.name)
		}
		return list
	}
	fill(1)
	if drain(t, a); len(u.names) > 0 {
		t.Fatalf("forgotten, though a cursor has to read them: %v", u.names)
	}
	drain(t, b)
	if want := names(); len(want) < 3 || !slices.Equal(u.names, want) {
		t.Errorf("forgotten are\n%v, want\n%v", u.names, want)
	}
	fill(61)
	drain(t, b)
	drain(t, a)
	slices.Sort(u.names) // one that both had read to its end as it was the active one is told of by both
	if got, want := slices.Compact(u.names), names(); !slices.Equal(got, want) {
		t.Errorf("forgotten are\n%v, want\n%v", got, want)
	}
}

// kills: forgets what is to be read again
func TestWhatIsReadAgainIsNotForgotten(t *testing.T) {
	u := &uncaching{FS: vfs.NewMem()}
	j := open(t, small(u))
	defer shut(t, j)
	c := cursor(t, j, "a")
	for n := range uint64(60) {
		add(t, j, n+1, 300)
		durably(t, j)
	}
	for range 3 {
		if _, ok, err := c.TryNext(); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	if c.Rewind(); len(u.names) > 0 {
		t.Errorf("forgotten before it is read: %v", u.names)
	}
	if got := drain(t, c); len(got) != 60 {
		t.Errorf("%d frames came, want 60", len(got))
	}
}
