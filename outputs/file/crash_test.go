package file

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

// crashing is a real folder whose operations are counted, of which the process
// can end at each, and which knows what of it a power failure may leave: names
// that are not on stable storage are there or not, and of a file that is not,
// any part of what was added. A rename is there as a whole or not at all, as
// file systems with a journal have it.
type crashing struct {
	osDisk
	dir string

	left int  // operations until the process ends
	dead bool // it has ended
	seen []string

	ids    map[string]int // which file each name is, as a process sees it
	synced map[string]int // the same, on stable storage
	safe   map[int]string // what of each file is on stable storage
	last   map[int]string // what was in those that were removed
	moves  []move         // since the folder was synced
	next   int
}

type move struct {
	from, to string
	id       int
}

var errEnded = errors.New("the process has ended")

func newCrashing(dir string, left int) *crashing {
	return &crashing{dir: dir, left: left, ids: map[string]int{}, synced: map[string]int{}, safe: map[int]string{}, last: map[int]string{}}
}

// step ends the process before the operation, or lets it be done.
func (d *crashing) step(kind, path string) error {
	if d.dead || d.left == 0 {
		d.dead = true
		return errEnded
	}
	d.left--
	d.seen = append(d.seen, kind+" "+filepath.Ext(path))
	return nil
}

func (d *crashing) enter(path string) int {
	if id, ok := d.ids[path]; ok {
		return id
	}
	d.next++
	d.ids[path] = d.next
	return d.next
}

func (d *crashing) open(path string, own owner) (handle, bool, error) {
	if err := d.step("open", path); err != nil {
		return nil, false, err
	}
	f, fresh, err := d.osDisk.open(path, own)
	if err != nil {
		return nil, false, err
	}
	return &crashFile{f.(*os.File), d, d.enter(path)}, fresh, nil
}

func (d *crashing) create(path string) (handle, error) {
	if err := d.step("create", path); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	return &crashFile{f.(*os.File), d, d.enter(path)}, nil
}

func (d *crashing) rename(from, to string) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	d.ids[to] = d.ids[from]
	delete(d.ids, from)
	d.moves = append(d.moves, move{from, to, d.ids[to]})
	return d.osDisk.rename(from, to)
}

func (d *crashing) remove(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	if b, err := os.ReadFile(path); err == nil {
		d.last[d.ids[path]] = string(b)
	}
	delete(d.ids, path)
	return d.osDisk.remove(path)
}

func (d *crashing) syncDir(string) error {
	if err := d.step("syncdir", ""); err != nil {
		return err
	}
	d.synced, d.moves = maps.Clone(d.ids), nil
	return nil
}

// crashFile is a file of a crashing folder. A write that the process ends in is
// done in part.
type crashFile struct {
	*os.File
	d  *crashing
	id int
}

func (f *crashFile) Write(b []byte) (int, error) {
	if err := f.d.step("write", f.Name()); err != nil {
		_, _ = f.File.Write(b[:len(b)/2]) // the half that the end let through
		return 0, err
	}
	return f.File.Write(b)
}

func (f *crashFile) Truncate(size int64) error {
	if err := f.d.step("truncate", f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *crashFile) Sync() error {
	if err := f.d.step("sync", f.Name()); err != nil {
		return err
	}
	b := make([]byte, 1<<16)
	n, _ := f.ReadAt(b, 0) // a file of a test is short
	f.d.safe[f.id] = string(b[:n])
	return nil
}

// cut makes of the folder what a power failure may leave.
func (d *crashing) cut(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	now := map[int]string{}
	for path, id := range d.ids {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		now[id] = string(b)
	}
	names := maps.Clone(d.synced)
	moved := map[string]bool{}
	undone := false
	for _, m := range d.moves {
		moved[m.from], moved[m.to] = true, true
		if undone = undone || rnd.IntN(2) == 0; undone { // a journal of names keeps their order
			continue
		}
		if names[m.from] == m.id {
			delete(names, m.from)
		}
		names[m.to] = m.id
	}
	for _, path := range slices.Sorted(maps.Keys(d.ids)) {
		if _, ok := names[path]; !ok && !moved[path] && rnd.IntN(2) == 0 {
			names[path] = d.ids[path]
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		if _, ok := d.ids[path]; !ok && !moved[path] && rnd.IntN(2) == 0 {
			delete(names, path)
		}
	}
	for path := range d.ids {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for path, id := range names {
		whole, ok := now[id]
		if !ok {
			whole = d.last[id]
		}
		n := len(d.safe[id])
		if len(whole) > n {
			n += rnd.IntN(len(whole) - n + 1)
		}
		write(t, path, whole[:min(n, len(whole))])
	}
}

// crashRule is what the tests of crashes rotate by.
var crashRule = Rotate{Size: plugin.Size(2 * lineBytes), Compress: "gzip"}

// events is how many a life of the tests has.
const events = 8

// live runs an output over a folder for some events and returns which were
// acknowledged. The rotated files are looked after between the batches.
func live(t *testing.T, path string, d *crashing, sync bool, from int) (acked int) {
	t.Helper()
	c := Default()
	c.Path.Value, c.Sync, c.Rotate = path, sync, &crashRule
	o, err := build(&c, plugin.Env{Name: "archive", Dir: d.dir})
	if err != nil {
		t.Fatal(err)
	}
	o.disk, o.tender.disk = d, d
	o.tender.cancel, o.tender.done = func() {}, make(chan struct{})
	close(o.tender.done)
	acked = from
	for acked < events && !d.dead {
		if o.Send(context.Background(), texts(name(acked))) == nil {
			acked++
		}
		o.tender.round(context.Background())
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return acked
}

func name(n int) string { return fmt.Sprintf("%c", 'a'+n) }

// judgeCrash checks what is in all files together: every acknowledged event, in
// order, none twice but the one whose acknowledgement the end took.
func judgeCrash(t *testing.T, path string, ended int) {
	t.Helper()
	got, names := lines(t, path)
	i := 0
	for n := range events {
		if i < len(got) && got[i] == line(name(n)) {
			i++
		} else {
			t.Fatalf("event %s is missing after %d in %q: %q", name(n), i, names, got)
		}
		if n == ended && i < len(got) && got[i] == line(name(n)) {
			i++
		}
	}
	if i != len(got) {
		t.Fatalf("there is more than was sent, from %d on in %q: %q", i, names, got)
	}
	entries, _ := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), part) {
			t.Fatalf("%s was left", e.Name())
		}
		if r, ok := split(e.Name()); ok && r.ending == "" {
			t.Fatalf("%s is not compressed", e.Name())
		}
	}
}

// Whatever operation the process ends at, and however the next one ends too,
// every acknowledged event is in the files, and only the event that was under
// way is there twice: it was written, and its acknowledgement never came.
func TestAKillAtEachStep(t *testing.T) {
	for _, sync := range []bool{true, false} {
		all := newCrashing(t.TempDir(), 1<<20)
		live(t, filepath.Join(all.dir, "out"), all, sync, 0)
		if want := []string{"open", "write", "rename", "create", "remove", "syncdir", "sync"}; len(all.seen) < 20 || !holdsAll(all.seen, want) {
			t.Fatalf("a life has the steps %q, and should have %q among them", all.seen, want)
		}
		for step := range all.seen {
			d := newCrashing(t.TempDir(), step)
			path := filepath.Join(d.dir, "out")
			acked := live(t, path, d, sync, 0)
			if !d.dead {
				t.Fatalf("step %d never came", step)
			}
			again := newCrashing(d.dir, 1<<20)
			if n := live(t, path, again, sync, acked); n != events {
				t.Fatalf("step %d: %d events were acknowledged", step, n)
			}
			judgeCrash(t, path, acked)
			if t.Failed() {
				t.Fatalf("after a kill at step %d: %s", step, all.seen[step])
			}
		}
	}
}

func holdsAll(seen, want []string) bool {
	for _, w := range want {
		if !slices.ContainsFunc(seen, func(s string) bool { return strings.HasPrefix(s, w+" ") }) {
			return false
		}
	}
	return true
}

// The same for a power failure at each step, of which six outcomes are tried:
// with sync nothing that was acknowledged is missing.
func TestAPowerFailureAtEachStep(t *testing.T) {
	all := newCrashing(t.TempDir(), 1<<20)
	live(t, filepath.Join(all.dir, "out"), all, true, 0)
	for step := range all.seen {
		for seed := range uint64(6) {
			d := newCrashing(t.TempDir(), step)
			path := filepath.Join(d.dir, "out")
			acked := live(t, path, d, true, 0)
			d.cut(t, rand.New(rand.NewPCG(seed, uint64(step))))
			again := newCrashing(d.dir, 1<<20)
			live(t, path, again, true, acked)
			judgeCrash(t, path, acked)
			if t.Failed() {
				t.Fatalf("after a power failure at step %d (%s), seed %d", step, all.seen[step], seed)
			}
		}
	}
}
