package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSetFollowsWhatComesAndGoes(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log", "one.txt")
	r.put("a/1.log", "a1\n")
	r.put("one.txt", "t1\n")
	r.put("a/other", "not this\n")
	r.open()
	r.until(2)
	r.put("b/2.log", "b1\nb2\n")
	r.put("a/1.log", "a2\n")
	r.until(5)
	if err := os.RemoveAll(filepath.Join(r.dir, "a")); err != nil {
		t.Fatal(err)
	}
	r.put("b/2.log", "b3\n")
	r.until(6)
	r.want("a/1.log", "a1", "a2")
	r.want("b/2.log", "b1", "b2", "b3")
	r.want("one.txt", "t1")
}

func TestSetGoesOnAfterARestart(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log")
	r.put("a/x.log", "a1\na2\n")
	r.put("b/x.log", "b1\nhal")
	r.open()
	r.until(3)
	r.close()
	r.put("a/x.log", "a3\n")
	r.put("b/x.log", "f\n")
	r.put("c/x.log", "c1\n")
	r.open()
	r.until(6)
	r.want("a/x.log", "a1", "a2", "a3")
	r.want("b/x.log", "b1", "half")
	r.want("c/x.log", "c1")
	if len(r.loss) > 0 {
		t.Errorf("lost: %+v", r.loss)
	}
}

// TestT1ManyRotations: rename and create, again and again, while lines come.
func TestT1ManyRotations(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log")
	r.put("a/x.log", "0\n")
	r.open()
	n := 1
	for turn := range 40 {
		for range 20 {
			r.put("a/x.log", fmt.Sprintf("%d\n", n))
			n++
		}
		r.rename("a/x.log", fmt.Sprintf("a/x.log.%d", 1000-turn))
		r.put("a/x.log", "")
		r.eventually("the rotation is read", func() bool { return len(r.all) == n })
	}
	r.until(n)
	for i, line := range r.got["a/x.log"] {
		if line != fmt.Sprint(i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

func TestT2RotationWhileStopped(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log")
	r.put("a/x.log", "1\n2\n")
	r.put("b/x.log", "1\n")
	r.open()
	r.until(3)
	r.close()
	r.put("a/x.log", "3\n")
	r.rename("a/x.log", "a/x.log.1")
	r.put("a/x.log", "4\n")
	r.put("b/x.log", "2\n")
	r.rename("b/x.log", "b/x.log.1") // and no new one
	r.open()
	r.until(6)
	r.want("a/x.log", "1", "2", "3", "4")
	r.want("b/x.log", "1", "2")
	if len(r.loss) > 0 {
		t.Errorf("lost: %+v", r.loss)
	}
}

// TestT3InodeIsUsedAgain: a file that has the inode of one that was read and
// removed is read from its start.
func TestT3InodeIsUsedAgain(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*.log")
	r.put("a.log", "a1\na2\n")
	r.open()
	r.until(2)
	r.close()
	if err := os.Remove(filepath.Join(r.dir, "a.log")); err != nil {
		t.Fatal(err)
	}
	r.put("b.log", "b1\nb2\nb3\n")
	r.open()
	r.until(5)
	r.want("b.log", "b1", "b2", "b3")
}

func TestT5LineWithoutItsEnd(t *testing.T) {
	r := newSetRig(t, SetOptions{Open: 1}, "*.log")
	r.put("a.log", "first\nsec")
	r.put("b.log", "b1\n")
	r.open()
	r.until(2)
	r.put("b.log", "b2\n") // a.log is closed for it
	r.until(3)
	r.put("a.log", "ond\n")
	r.until(4)
	r.want("a.log", "first", "second")
	r.want("b.log", "b1", "b2")
}

// TestT6DeletedFileIsGivenBack: what was deleted is read to its end, its
// descriptor given back, and the file forgotten.
func TestT6DeletedFileIsGivenBack(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := newSetRig(t, SetOptions{Now: func() time.Time { return now }}, "*.log")
	r.put("a.log", "1\n2\n")
	r.open()
	if err := os.Remove(filepath.Join(r.dir, "a.log")); err != nil {
		t.Fatal(err)
	}
	r.until(2)
	r.eventually("the file is given back", func() bool { now = now.Add(deletedRest / 2); return r.s.open.Load() == 0 })
	r.eventually("the file is forgotten", func() bool { return r.followed() == 0 && len(r.at) < 24 })
	r.put("a.log", "3\n")
	r.until(3)
	if len(r.loss) > 0 {
		t.Errorf("lost: %+v", r.loss)
	}
}
