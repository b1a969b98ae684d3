package tail

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/event"
)

func stale([]byte, int64) (int, error) { return 0, unix.ESTALE }

// TestStaleFileIsOpenedAgain: an open file that its server does not know any more
// is opened anew, where it was left.
func TestStaleFileIsOpenedAgain(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := newSetRig(t, SetOptions{Now: func() time.Time { return now }}, "*.log")
	r.put("a.log", "1\n2\n")
	r.put("b.log", "healthy\n") // where all files fail, Read says so
	r.open()
	r.until(3)
	r.s.members[filepath.Join(r.dir, "a.log")].t.file(0).read = stale
	r.put("a.log", "3\n")
	r.eventually("the failure is counted", func() bool { return r.s.failures.Value() > 0 })
	now = now.Add(2 * time.Minute)
	r.until(4)
	if r.want("a.log", "1", "2", "3"); len(r.loss) > 0 {
		t.Errorf("losses: %v", r.loss)
	}
}

// TestStaleFileThatIsGone: where another one has its name, that is read, and what was
// left of the first is said to be lost. It may have the number of the first.
func TestStaleFileThatIsGone(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := newSetRig(t, SetOptions{Now: func() time.Time { return now }}, "*.log")
	r.put("a.log", "1\n2\n")
	r.put("b.log", "healthy\n") // where all files fail, Read says so
	r.open()
	r.until(3)
	r.s.members[filepath.Join(r.dir, "a.log")].t.file(0).read = stale
	r.put("a.log", "lost\n")
	r.eventually("the failure is counted", func() bool { return r.s.failures.Value() > 0 })
	if err := os.Remove(filepath.Join(r.dir, "a.log")); err != nil {
		t.Fatal(err)
	}
	r.put("a.log", "3\n")
	now = now.Add(2 * time.Minute)
	r.until(4)
	if r.want("a.log", "1", "2", "3"); len(r.loss) != 1 || r.loss[0].Reason != event.RotatedAway && r.loss[0].Reason != event.Truncated {
		t.Errorf("losses: %v", r.loss)
	}
}
