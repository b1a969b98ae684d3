package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const dir = "/var/lib/tallyman"

func small(fs vfs.FS) Options {
	return Options{Dir: dir, FS: fs, SegmentSize: 4 << 10, MaxSize: 1 << 20, CommitBytes: 1 << 10, Owner: "pid 1 (test)"}
}

func open(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func shut(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// item is the payload of a test frame: its number, told apart from damage by
// the frame's sum, and a filling that depends on it.
func item(n uint64, size int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, n)
	for len(b) < size {
		b = append(b, byte(n)*7+byte(len(b)))
	}
	return b
}

func number(t testing.TB, b []byte) uint64 {
	t.Helper()
	n := binary.LittleEndian.Uint64(b)
	if string(item(n, len(b))) != string(b) {
		t.Fatalf("payload %d is not what was appended", n)
	}
	return n
}

func add(t testing.TB, j *Journal, n uint64, size int) {
	t.Helper()
	f := Frame{Payload: item(n, size), Records: 1, Marks: []Mark{{"position/in", fmt.Appendf(nil, "%d", n)}}}
	if _, err := j.Append(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func durably(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func delivered(e Entry) Tally {
	return Tally{Records: Counts{Delivered: uint64(e.Records)}, Generated: Counts{Delivered: uint64(e.Generated)}}
}

// drain reads and finishes everything that is durable.
func drain(t testing.TB, c *Cursor) []uint64 {
	t.Helper()
	var got []uint64
	for {
		e, ok, err := c.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return got
		}
		got = append(got, number(t, e.Payload))
		if err := c.Done(e.Seq, delivered(e)); err != nil {
			t.Fatal(err)
		}
	}
}

func cursor(t testing.TB, j *Journal, name string) *Cursor {
	t.Helper()
	c, err := j.Cursor(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func balanced(t testing.TB, j *Journal) {
	t.Helper()
	for _, b := range j.Books() {
		if !b.Balanced() {
			t.Fatalf("the books do not balance: %+v", b)
		}
	}
}

func upTo(from, to uint64) []uint64 {
	var s []uint64
	for ; from <= to; from++ {
		s = append(s, from)
	}
	return s
}

func TestAppendReadResume(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	a, b := cursor(t, j, "a"), cursor(t, j, "b")
	for n := range uint64(100) {
		add(t, j, n+1, 300)
	}
	durably(t, j)
	if got := drain(t, a); fmt.Sprint(got) != fmt.Sprint(upTo(1, 100)) {
		t.Fatalf("a read %v", got)
	}
	for range 10 {
		e, err := b.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Done(e.Seq, delivered(e)); err != nil {
			t.Fatal(err)
		}
	}
	balanced(t, j)
	shut(t, j)

	j = open(t, small(m))
	defer shut(t, j)
	if got := string(j.Mark("position/in")); got != "100" {
		t.Errorf("position after a restart: %q", got)
	}
	if got := drain(t, cursor(t, j, "a")); got != nil {
		t.Errorf("a read %v again", got)
	}
	if got := drain(t, cursor(t, j, "b")); fmt.Sprint(got) != fmt.Sprint(upTo(11, 100)) {
		t.Errorf("b read %v", got)
	}
	if got := drain(t, cursor(t, j, "new")); got != nil {
		t.Errorf("a new output begins after what was accepted, but read %v", got)
	}
	add(t, j, 101, 10)
	durably(t, j)
	if got := drain(t, cursor(t, j, "b")); len(got) != 1 || got[0] != 101 {
		t.Errorf("b read %v", got)
	}
	balanced(t, j)
}

func TestDoneInAnyOrder(t *testing.T) {
	j := open(t, small(vfs.NewMem()))
	defer shut(t, j)
	c := cursor(t, j, "a")
	for n := range uint64(3) {
		add(t, j, n+1, 10)
	}
	durably(t, j)
	var all []Entry
	for range 3 {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e.Payload = nil
		all = append(all, e)
	}
	if err := c.Done(all[1].Seq, Tally{}); err == nil {
		t.Error("a tally that does not add up was taken")
	}
	done := func(i int) {
		if err := c.Done(all[i].Seq, delivered(all[i])); err != nil {
			t.Error(err)
		}
		balanced(t, j)
	}
	done(2)
	done(1)
	if b := j.Books()[0]; b.InFlight != 3 || b.Counts.Delivered != 0 {
		t.Errorf("the cursor moved over an open frame: %+v", b)
	}
	c.Rewind()
	if got := drain(t, c); fmt.Sprint(got) != "[1 2 3]" {
		t.Errorf("after a rewind: %v", got)
	}
	if b := j.Books()[0]; b.InFlight != 0 || b.Counts.Delivered != 3 {
		t.Errorf("book %+v", b)
	}
	if err := c.Done(all[0].Seq, delivered(all[0])); err == nil {
		t.Error("a frame was finished twice")
	}
}

func TestFullBlocksAndGoesOn(t *testing.T) { synctest.Test(t, fullBlocksAndGoesOn) }

func fullBlocksAndGoesOn(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.MaxSize = fixedSize + 4*o.SegmentSize
	j := open(t, o)
	defer shut(t, j)
	c := cursor(t, j, "slow")
	var wrote uint64
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := j.Append(ctx, Frame{Payload: item(wrote+1, 500), Records: 1})
		cancel()
		if err != nil {
			break
		}
		wrote++
	}
	if j.Blocked() == nil {
		t.Error("a full journal does not say so")
	}
	if got := j.Size(); got > o.MaxSize {
		t.Errorf("the journal takes %d bytes of %d", got, o.MaxSize)
	}
	var next uint64 = 1
	for next <= wrote {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := number(t, e.Payload); n != next {
			t.Fatalf("read %d, want %d", n, next)
		}
		next++
		if err := c.Done(e.Seq, delivered(e)); err != nil {
			t.Fatal(err)
		}
		balanced(t, j)
		if got := total(t, m); got > o.MaxSize {
			t.Fatalf("the folder takes %d bytes of %d", got, o.MaxSize)
		}
	}
	if err := j.Blocked(); err != nil {
		t.Errorf("still blocked: %v", err)
	}
}

func total(t testing.TB, fs vfs.FS) int64 {
	t.Helper()
	list, err := fs.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, i := range list {
		n += i.Size
	}
	return n
}

func TestRefusals(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	if _, err := Open(small(m)); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "pid 1 (test)") {
		t.Errorf("a second holder: %v", err)
	}
	if _, err := j.Append(t.Context(), Frame{Payload: make([]byte, 1<<20)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a huge frame: %v", err)
	}
	add(t, j, 1, 10_000) // larger than a segment
	durably(t, j)
	shut(t, j)
	if _, err := j.Append(t.Context(), Frame{}); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	for _, name := range []string{"state", segments(t, m)[0]} {
		k := m.Kill()
		f, err := k.Open(filepath.Join(dir, name), vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		newer(t, f, name == "state")
		if _, err := Open(small(k)); !errors.Is(err, ErrNewer) {
			t.Errorf("a newer %s: %v", name, err)
		}
	}
}

// newer raises the version of a file and mends its sum.
func newer(t *testing.T, f vfs.File, isState bool) {
	t.Helper()
	size := int64(segmentHeaderSize)
	if isState {
		size = 2 * slotSize
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && size < 2*slotSize {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	if !isState {
		b[7]++
		le.PutUint32(b[60:], key(0).sum(b[:60]))
	} else {
		for i := range 2 {
			s := b[i*slotSize:]
			if s[7] == 0 {
				continue
			}
			s[7]++
			le.PutUint32(s[20:], 0)
			le.PutUint32(s[20:], key(0).sum(s[:slotHeader+le.Uint32(s[16:])]))
		}
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
}

func segments(t testing.TB, fs vfs.FS) []string {
	t.Helper()
	list, err := fs.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range list {
		if strings.HasSuffix(i.Name, ".seg") {
			names = append(names, i.Name)
		}
	}
	return names
}

func TestFailedSyncGoesToAFreshSegment(t *testing.T) { synctest.Test(t, failedSyncGoesToAFreshSegment) }

func failedSyncGoesToAFreshSegment(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	c := cursor(t, j, "a")
	add(t, j, 1, 10)
	durably(t, j)
	m.SetHook(vfs.FailAt("datasync", 1, 1, syscall.EIO))
	var got error
	done := make(chan struct{})
	f := Frame{Payload: item(2, 10), Records: 1, Done: func(err error) { got = err; close(done) }}
	if _, err := j.Append(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	<-done
	if got != nil {
		t.Errorf("the frame was refused: %v", got)
	}
	if n := len(segments(t, m)); n != 2 {
		t.Errorf("%d segments after a failed sync, want 2", n)
	}
	// A power cut now: what was said to be durable is.
	for seed := range uint64(20) {
		k := m.Crash(seed)
		j := open(t, small(k))
		if got := drain(t, cursor(t, j, "a")); fmt.Sprint(got) != "[1 2]" {
			t.Fatalf("seed %d: read %v", seed, got)
		}
		shut(t, j)
	}
	if got := drain(t, c); fmt.Sprint(got) != "[1 2]" {
		t.Errorf("read %v", got)
	}
	shut(t, j)
}

func TestFullDiskWaits(t *testing.T) { synctest.Test(t, fullDiskWaits) }

func fullDiskWaits(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	j := open(t, o)
	cursor(t, j, "a")
	m.SetHook(vfs.FailAt("allocate", 1, 1, syscall.ENOSPC))
	add(t, j, 1, 10)
	durably(t, j)
	if err := j.Blocked(); err != nil {
		t.Errorf("room came back, but: %v", err)
	}
	if got := drain(t, cursor(t, j, "a")); fmt.Sprint(got) != "[1]" {
		t.Errorf("read %v", got)
	}
	shut(t, j)
}

func TestBothSlotsLost(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	c := cursor(t, j, "a")
	for n := range uint64(50) {
		add(t, j, n+1, 300)
	}
	durably(t, j)
	drain(t, c)
	for n := range uint64(50) {
		add(t, j, n+51, 300)
	}
	durably(t, j)
	shut(t, j)
	f, err := m.Open(filepath.Join(dir, "state"), vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 2*slotSize), 0); err != nil {
		t.Fatal(err)
	}
	j = open(t, small(m))
	defer shut(t, j)
	got := drain(t, cursor(t, j, "a"))
	if len(got) < 50 || got[len(got)-1] != 100 || fmt.Sprint(got[len(got)-50:]) != fmt.Sprint(upTo(51, 100)) {
		t.Errorf("read %v", got)
	}
	balanced(t, j)
}

func TestMissingMiddleSegment(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	cursor(t, j, "a")
	for n := range uint64(60) {
		add(t, j, n+1, 300)
		durably(t, j)
	}
	shut(t, j)
	names := segments(t, m)
	if err := m.Remove(filepath.Join(dir, names[2])); err != nil {
		t.Fatal(err)
	}
	j = open(t, small(m))
	defer shut(t, j)
	got := drain(t, cursor(t, j, "a"))
	b := j.Books()[0]
	if uint64(len(got))+b.Counts.Dropped[Corrupt] != 60 || b.Counts.Dropped[Corrupt] == 0 || !b.Balanced() {
		t.Errorf("read %d, book %+v", len(got), b)
	}
}

// TestBitFlips: no wrong payload, at most one frame lost for each flip, no
// refused start, and the loss is counted.
func TestBitFlips(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	cursor(t, j, "a")
	const frames = 40
	for n := range uint64(frames) {
		add(t, j, n+1, 200+int(n)*7)
		durably(t, j)
	}
	shut(t, j)
	names := segments(t, m)
	rnd := rand.New(rand.NewPCG(1, 2))
	trials := 2000
	if testing.Short() {
		trials = 200
	}
	for range trials {
		k := m.Kill()
		name := filepath.Join(dir, names[rnd.IntN(len(names))])
		f, err := k.Open(name, vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := f.Size()
		at, bit := rnd.Int64N(size), byte(1)<<rnd.IntN(8)
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= bit
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
		if b[0]&bit != 0 && at == 7 {
			continue // the version byte alone does not make a newer journal, but its sum fails: covered
		}
		j, err := Open(small(k))
		if err != nil {
			t.Fatalf("flip at %s:%d: %v", name, at, err)
		}
		got := drain(t, cursor(t, j, "a"))
		bk := j.Books()[0]
		lost := bk.Counts.Dropped[Corrupt]
		// The newest frame of all may be taken for torn: nothing after it proves
		// that it was durable, and its source gives it again.
		torn := bk.Received == frames-1 && string(j.Mark("position/in")) == fmt.Sprint(frames-1)
		if want := uint64(frames) - lost; (uint64(len(got)) != want && !torn) || lost > 1 || !bk.Balanced() {
			t.Fatalf("flip at %s:%d: read %d, book %+v", name, at, len(got), bk)
		}
		shut(t, j)
	}
}

func TestModesOnDisk(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	o := small(vfs.OS())
	o.Dir = filepath.Join(t.TempDir(), "a", "journal")
	j := open(t, o)
	add(t, j, 1, 10)
	durably(t, j)
	shut(t, j)
	err := filepath.Walk(o.Dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What Marks and Mark gave stays as it was, though the journal writes over what it keeps.
func TestMarksAreTheCallers(t *testing.T) {
	j := open(t, small(vfs.NewMem()))
	defer shut(t, j)
	add(t, j, 1, 10)
	durably(t, j)
	all, one := j.Marks(), j.Mark("position/in")
	add(t, j, 2, 10)
	durably(t, j)
	if got := string(all["position/in"]) + string(one); got != "11" {
		t.Errorf("the marks from before are %q", got)
	}
	if got := string(j.Marks()["position/in"]); got != "2" {
		t.Errorf("the mark is %q", got)
	}
}
