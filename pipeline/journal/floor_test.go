package journal

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// TestLostTailIsCounted: the state says what was durable, so that accepted
// frames whose last sectors a disk lost are counted as lost and not taken for a
// write that the crash tore. What came after them stands.
func TestLostTailIsCounted(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, m *vfs.Mem, seg string, end int64)
		lost   uint64 // of frames 1 to 8; 8 came after the last save
	}{
		{"nothing", func(*testing.T, *vfs.Mem, string, int64) {}, 0},
		{"the last sector is zero", func(t *testing.T, m *vfs.Mem, seg string, end int64) {
			f, err := m.Open(filepath.Join(dir, seg), vfs.Write)
			if err != nil {
				t.Fatal(err)
			}
			at := end/512*512 - 512
			if _, err := f.WriteAt(make([]byte, end-at), at); err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"the file is cut to its header", func(t *testing.T, m *vfs.Mem, seg string, _ int64) {
			f, err := m.Open(filepath.Join(dir, seg), vfs.Write)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Truncate(segmentHeaderSize); err != nil {
				t.Fatal(err)
			}
		}, 7},
		{"the file is gone", func(t *testing.T, m *vfs.Mem, seg string, _ int64) {
			if err := m.Remove(filepath.Join(dir, seg)); err != nil {
				t.Fatal(err)
			}
		}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := vfs.NewMem()
				j := open(t, small(m))
				cursor(t, j, "a")
				for n := range uint64(7) {
					add(t, j, n+1, 300)
				}
				durably(t, j)
				time.Sleep(2 * time.Second) // the cursors are saved, and what is durable with them
				add(t, j, 8, 300)
				durably(t, j)
				seg, end := j.active.name, j.active.end
				left := m.Kill()
				shut(t, j)
				c.damage(t, left, seg, end)
				v, err := Look(small(left))
				if err != nil {
					t.Fatal(err)
				}
				looked := v.Books()
				j = open(t, small(left))
				defer shut(t, j)
				a := cursor(t, j, "a")
				add(t, j, 9, 300)
				durably(t, j)
				got := drain(t, a)
				balanced(t, j)
				b := j.Books()[0]
				if b.Counts.Dropped[Corrupt] != c.lost || got[len(got)-1] != 9 {
					t.Errorf("read %v, book %+v; %d were lost of what was known", got, b.Counts, c.lost)
				}
				if looked[0].Received+1 != b.Received {
					t.Errorf("a look said that %d were received, the journal with one more says %d", looked[0].Received, b.Received)
				}
			})
		})
	}
}
