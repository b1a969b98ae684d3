package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/vfs"
)

// TestLookAtFlippedBits: whatever bit is wrong, no wrong payload is handed out,
// at most one frame is lost, and what is lost is told.
func TestLookAtFlippedBits(t *testing.T) {
	m := writtenJournal(t)
	names := segments(t, m)
	rnd := rand.New(rand.NewPCG(3, 4))
	trials := 3000
	if testing.Short() {
		trials = 300
	}
	for range trials {
		k := m.Kill()
		name := names[rnd.IntN(len(names))]
		b, f := contents(t, k, name)
		at, bit := rnd.IntN(len(b)), byte(1)<<rnd.IntN(8)
		if _, err := f.WriteAt([]byte{b[at] ^ bit}, int64(at)); err != nil {
			t.Fatal(err)
		}
		v := look(t, k)
		got, found := seen(t, v, 0)
		lost := uint64(0)
		for _, d := range found {
			lost += d.Records
			if d.Segment != name || d.Offset > int64(at) || d.Offset+d.Bytes <= int64(at) || d.Unmeasured {
				t.Fatalf("flip at %s:%d is told as %v", name, at, d)
			}
		}
		if uint64(len(got))+lost != 40 || lost > 1 || len(found) != 1 {
			t.Fatalf("flip at %s:%d: %d frames, %d lost, %v", name, at, len(got), lost, found)
		}
		if r := verify(t, v); r.OK() {
			t.Fatalf("flip at %s:%d: verify finds nothing: %+v", name, at, r)
		}
	}
}

func TestLookAtAMissingSegment(t *testing.T) {
	m := writtenJournal(t)
	names := segments(t, m)
	for _, c := range []struct {
		name   string
		remove int
		kind   Trouble
		bad    bool
	}{
		{"that an output waits for", len(names) - 2, MissingFrames, true},
		{"that all have passed", 1, DeletedFrames, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := m.Kill()
			if err := k.Remove(filepath.Join(dir, names[c.remove])); err != nil {
				t.Fatal(err)
			}
			v := look(t, k)
			got, found := seen(t, v, 0)
			if len(found) != 1 || found[0].Kind != c.kind || found[0].Bad() != c.bad || uint64(len(got))+found[0].Records != 40 {
				t.Errorf("%d frames, %v", len(got), found)
			}
			if r := verify(t, v); r.OK() == c.bad {
				t.Errorf("report %+v", r)
			}
		})
	}
}

// TestVerifyRecomputes: a false book or a false place of a cursor is named.
func TestVerifyRecomputes(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*cursorState)
		want  string
	}{
		{"a count", func(c *cursorState) { c.counts.Delivered++ }, `the book of output "b" does not balance`},
		{"a place", func(c *cursorState) { c.at.records++; c.counts.Delivered++ }, `output "b" stands before sequence 26`},
		{"ahead of the log", func(c *cursorState) { c.seq = 50 }, `output "b" has finished sequence 49, and the journal ends at 40`},
		{"a beginning behind the end", func(c *cursorState) { c.base.records = 99 }, `output "b" began at totals of 99`},
		{"before the first segment", func(c *cursorState) { c.seq = 0 }, `output "b" still has to get sequence 0`},
		{"behind the last frame", func(c *cursorState) { c.seq, c.at.records = 41, 39 }, `output "b" stands behind sequence 40`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := look(t, writtenJournal(t))
			c.spoil(&v.state.cursors[1])
			v.settle(&v.state, &tail{last: v.logged, all: v.all})
			r := verify(t, v)
			if all := strings.Join(r.Doubts, "\n"); r.OK() || !strings.Contains(all, c.want) {
				t.Errorf("doubts: %s", all)
			}
		})
	}
}

func TestVerifyDoubtsTotals(t *testing.T) {
	m := writtenJournal(t)
	name := segments(t, m)[1]
	b, f := contents(t, m, name)
	s, _ := parseSegmentName(name)
	sc := &scan{seg: s, file: f, off: segmentHeaderSize, end: int64(len(b))}
	fr, err := sc.next()
	if err != nil {
		t.Fatal(err)
	}
	if fr, err = sc.next(); err != nil {
		t.Fatal(err)
	}
	fr.before.records += 5
	fr.put(b[fr.off:], s.key)
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
	r := verify(t, look(t, m))
	if len(r.Doubts) != 2 || !strings.Contains(r.Doubts[0], name) || !strings.Contains(r.Doubts[0], fmt.Sprintf("sequence %d", fr.seq)) {
		t.Errorf("doubts: %q", r.Doubts)
	}
}

func TestBothSlotsAreDamaged(t *testing.T) {
	m := writtenJournal(t)
	b, f := contents(t, m, "state")
	if _, err := f.WriteAt(make([]byte, len(b)), 0); err != nil {
		t.Fatal(err)
	}
	v := look(t, m)
	if r := verify(t, v); !v.Rebuilt() || r.OK() || len(v.Books()) != 2 {
		t.Errorf("rebuilt %v, report %+v", v.Rebuilt(), r)
	}
}

func TestWalkEnds(t *testing.T) {
	v := look(t, writtenJournal(t))
	enough := errors.New("enough")
	n := 0
	err := v.Walk(t.Context(), 0, func(*Seen) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	}, nil)
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("%d frames, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Walk(ctx, 0, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestLookAtWhatIsGivenUp: what an output gives up is neither waited for nor,
// once it is deleted, missed.
func TestLookAtWhatIsGivenUp(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	j := open(t, o)
	c := cursor(t, j, "a")
	c.SetPolicy(Policy{WhenFull: DropOldest, MaxLag: 3 * o.SegmentSize})
	for n := range uint64(80) {
		add(t, j, n+1, 300)
		durably(t, j)
	}
	shut(t, j)
	v := look(t, m)
	b := v.Books()[0]
	r := verify(t, v)
	lost := b.Counts.Dropped[BufferFull]
	if !b.Balanced() || !r.OK() || lost == 0 || b.Buffered+lost != 80 || r.Outputs[0].Frames != b.Buffered {
		t.Errorf("book %+v, waiting %+v, doubts %q, damage %v", b, r.Outputs, r.Doubts, r.Damage)
	}
	if v.Waits("a", lost) || !v.Waits("a", lost+1) {
		t.Errorf("%d were given up, and they are waited for", lost)
	}
	if err := m.Remove(filepath.Join(dir, segments(t, m)[1])); err != nil {
		t.Fatal(err)
	}
	if _, found := seen(t, look(t, m), 0); len(found) != 1 || found[0].Kind != DeletedFrames {
		t.Errorf("what was given up and deleted: %v", found)
	}
	v.state.cursors[0].spans[0].before.records++
	if r := verify(t, v); r.OK() || !strings.Contains(r.Doubts[0], `output "a" gives up sequences`) {
		t.Errorf("a span with false totals: %q", r.Doubts)
	}
}
