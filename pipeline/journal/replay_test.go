package journal

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"tallyman/pipeline/vfs"
)

// replayed returns the sequences of a replay, whose payloads are to be those
// that add gave them.
func replayed(t *testing.T, j *Journal, from uint64) (got []uint64) {
	t.Helper()
	err := j.Replay(from, func(seq uint64, payload []byte) error {
		if n := number(t, payload); n != seq {
			t.Errorf("frame %d holds the payload of %d", seq, n)
		}
		got = append(got, seq)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestReplayGivesWhatIsDurable(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, small(fs))
	if got := replayed(t, j, 1); got != nil {
		t.Errorf("an empty journal gave %v", got)
	}
	for n := range uint64(60) {
		add(t, j, n+1, 300) // several segments
	}
	if _, err := j.Append(t.Context(), Frame{Marks: []Mark{{"position/in", []byte("x")}}}); err != nil {
		t.Fatal(err)
	}
	if j.Appended() != 61 {
		t.Errorf("%d frames were appended", j.Appended())
	}
	durably(t, j)
	for _, again := range []string{"in the same process", "after a restart"} {
		for _, from := range []uint64{0, 1, 17, 60, 61, 62, 99} {
			if got, want := replayed(t, j, from), upTo(max(from, 1), 60); !slices.Equal(got, want) {
				t.Errorf("%s, from %d: %v", again, from, got)
			}
		}
		shut(t, j)
		j = open(t, small(fs))
	}
	stop := errors.New("stop")
	calls := 0
	if err := j.Replay(1, func(uint64, []byte) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if len(j.Books()) != 0 || len(j.Orphans()) != 0 {
		t.Error("a replay left a cursor")
	}
	shut(t, j)
}

// TestReplayPassesOverWhatIsGone: a missing segment, and a frame with a wrong sum.
func TestReplayPassesOverWhatIsGone(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, small(fs))
	for n := range uint64(60) {
		add(t, j, n+1, 300)
	}
	durably(t, j)
	shut(t, j)
	names := segments(t, fs)
	if len(names) < 4 {
		t.Fatalf("%d segments", len(names))
	}
	gone, _ := parseSegmentName(names[1])
	after, _ := parseSegmentName(names[2])
	if err := fs.Remove(filepath.Join(dir, names[1])); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Open(filepath.Join(dir, names[2]), vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	sc := scan{seg: after, file: f, off: segmentHeaderSize, end: 4 << 10}
	hit, err := sc.next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{hit.body[hit.marks] ^ 1}, hit.off+headerSize+int64(hit.marks)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, small(fs))
	defer shut(t, j)
	want := slices.DeleteFunc(upTo(1, 60), func(n uint64) bool { return n >= gone.first && n <= after.first })
	if got := replayed(t, j, 1); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
