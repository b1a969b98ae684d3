package journal

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/vfs"
)

// atRest is a closed journal of n frames, none of them read, with
// payloads that compress where pack is set.
func atRest(t *testing.T, n uint64, pack bool) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	o := small(m)
	o.Compress = pack
	j := open(t, o)
	cursor(t, j, "a")
	from, packed := 150, int64(0)
	if pack {
		from = 900
	}
	for i := range n {
		add(t, j, i+1, from+int(i)*9)
		durably(t, j)
		packed += int64(from) + int64(i)*9
	}
	shut(t, j)
	if used := total(t, m) - 2*slotSize; pack && used > packed/2 {
		t.Fatalf("%d bytes of payload take %d: they are not compressed", packed, used)
	}
	return m
}

// outcome is what a journal gives after somebody changed its files.
type outcome struct {
	read []uint64
	book Book
	pos  string
}

// reopen reads everything in a damaged journal; that it does not open, or hands
// out a payload that was never written, fails the test.
func reopen(t *testing.T, m *vfs.Mem) outcome {
	t.Helper()
	j, err := Open(small(m))
	if err != nil {
		t.Fatalf("damage refuses the start: %v", err)
	}
	defer shut(t, j)
	out := outcome{pos: string(j.Mark("position/in")), read: drain(t, cursor(t, j, "a"))}
	out.book = j.Books()[0]
	if !out.book.Balanced() || !slices.IsSorted(out.read) {
		t.Fatalf("read %v, book %+v", out.read, out.book)
	}
	return out
}

// flipOne flips one bit of a file and returns where.
func flipOne(t *testing.T, m *vfs.Mem, name string, rnd *rand.Rand) (int64, int) {
	t.Helper()
	f, err := m.Open(filepath.Join(dir, name), vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	at, bit := rnd.Int64N(size), rnd.IntN(8)
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << bit
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	return at, bit
}

// TestTenThousandBitFlips (RELIABILITY B5): over the segments and the state of a
// journal, with and without compression: no wrong payload, at most one frame
// lost for each flip, counted, and no refused start. What the state names as
// durable is never taken for torn.
func TestTenThousandBitFlips(t *testing.T) {
	trials := 5000
	if testing.Short() {
		trials = 300
	}
	const frames = 40
	for _, pack := range []bool{false, true} {
		t.Run(fmt.Sprintf("compressed=%v", pack), func(t *testing.T) {
			m := atRest(t, frames, pack)
			names := append(segments(t, m), "state")
			rnd := rand.New(rand.NewPCG(5, 8))
			lost := 0
			for range trials {
				k := m.Kill()
				name := names[rnd.IntN(len(names))]
				at, bit := flipOne(t, k, name, rnd)
				got := reopen(t, k)
				n := got.book.Counts.Dropped[Corrupt]
				lost += int(n)
				if uint64(len(got.read))+n != frames || n > 1 || got.book.Received != frames || got.book.Counts.Lost() != n {
					t.Fatalf("bit %d of byte %d of %s: read %v, book %+v", bit, at, name, got.read, got.book)
				}
			}
			if lost == 0 {
				t.Error("no flip lost a frame: that tests nothing")
			}
			t.Logf("%d flips, %d of them cost a frame, none more than one", trials, lost)
		})
	}
}

// TestTails (RELIABILITY B6, B8): damage at the newest end. What the state
// knows as durable and is gone is counted; the start is never refused.
func TestTails(t *testing.T) {
	const frames = 40
	garbage := func(n int) []byte {
		b := make([]byte, n)
		rnd := rand.New(rand.NewPCG(1, 1))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	for _, c := range []struct {
		name string
		do   func(f vfs.File, size int64) error
		most uint64 // frames that may be lost
	}{
		{"ten bytes cut off", func(f vfs.File, size int64) error { return f.Truncate(size - 10) }, 1},
		{"half of it cut off", func(f vfs.File, size int64) error { return f.Truncate(size / 2) }, 12},
		{"cut to a part of its header", func(f vfs.File, _ int64) error { return f.Truncate(33) }, 12},
		{"zero length", func(f vfs.File, _ int64) error { return f.Truncate(0) }, 12},
		{"garbage behind the end", func(f vfs.File, size int64) error { _, err := f.WriteAt(garbage(4096), size); return err }, 0},
		{"the magic behind the end", func(f vfs.File, size int64) error {
			_, err := f.WriteAt([]byte(strings.Repeat(string(frameMagic[:]), 1000)), size)
			return err
		}, 0},
		{"a sector of zeros before the end", func(f vfs.File, size int64) error { _, err := f.WriteAt(make([]byte, 512), size-700); return err }, 3},
		{"all of it zeros", func(f vfs.File, size int64) error { _, err := f.WriteAt(make([]byte, size), 0); return err }, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := atRest(t, frames, false)
			names := segments(t, m)
			f, err := m.Open(filepath.Join(dir, names[len(names)-1]), vfs.Write)
			if err != nil {
				t.Fatal(err)
			}
			size, err := f.Size()
			if err == nil {
				err = c.do(f, size)
			}
			if err != nil {
				t.Fatal(err)
			}
			got := reopen(t, m)
			lost := got.book.Counts.Dropped[Corrupt]
			if uint64(len(got.read))+lost != frames || got.book.Received != frames || lost > c.most || c.most > 0 && lost == 0 {
				t.Errorf("read %v, lost %d (%d at most), book %+v", got.read, lost, c.most, got.book)
			}
			// And it goes on.
			j := open(t, small(m))
			defer shut(t, j)
			add(t, j, 99, 10)
			durably(t, j)
			if got := drain(t, cursor(t, j, "a")); fmt.Sprint(got) != "[99]" {
				t.Errorf("what is accepted afterwards is read as %v", got)
			}
		})
	}
}

// TestHugeLengths (RELIABILITY B9): a frame whose length is absurd is damage,
// with a wrong sum and with one that is right, and nothing of that size is
// allocated.
func TestHugeLengths(t *testing.T) {
	const frames = 40
	for _, length := range []uint32{0xFFFFFFFF, 1 << 31, 1<<31 - 1, 1 << 30} {
		for _, right := range []bool{false, true} {
			t.Run(fmt.Sprintf("%#x/right sum=%v", length, right), func(t *testing.T) {
				m := atRest(t, frames, false)
				name := segments(t, m)[1]
				path := filepath.Join(dir, name)
				b := bytesIn(t, m, path)
				at := frameAt(t, b, 2)
				le32(b[at+8:], length)
				if right {
					s, _ := parseSegmentName(name)
					le32(b[at+60:], s.key.sum(b[at:at+60]))
				}
				f, err := m.Open(path, vfs.Write)
				if err == nil {
					_, err = f.WriteAt(b, 0)
				}
				if err != nil {
					t.Fatal(err)
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				got := reopen(t, m)
				runtime.ReadMemStats(&after)
				if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
					t.Errorf("%d bytes were allocated", n)
				}
				if n := got.book.Counts.Dropped[Corrupt]; n != 1 || len(got.read) != frames-1 || got.book.Received != frames {
					t.Errorf("read %v, book %+v", got.read, got.book)
				}
			})
		}
	}
}

func le32(b []byte, n uint32) {
	b[0], b[1], b[2], b[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
}

// frameAt returns where the nth frame of a segment begins, the snapshot being 0.
func frameAt(t *testing.T, b []byte, nth int) int {
	t.Helper()
	at := segmentHeaderSize
	for range nth {
		if string(b[at:at+4]) != string(frameMagic[:]) {
			t.Fatalf("no frame at %d", at)
		}
		at += headerSize + int(uint32(b[at+8])|uint32(b[at+9])<<8|uint32(b[at+10])<<16|uint32(b[at+11])<<24)
	}
	return at
}
