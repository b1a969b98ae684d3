package tail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
)

// TestT4Truncated: a file that is copied and truncated loses nothing; of one that is
// truncated in place, as Docker does with max-file=1, it is said that something
// may be lost, and reading goes on.
func TestT4Truncated(t *testing.T) {
	for name, copied := range map[string]bool{"copied": true, "in place": false} {
		t.Run(name, func(t *testing.T) {
			r := newSetRig(t, SetOptions{Open: 1}, "*.log")
			r.put("a.log", "a1\na2\n")
			r.put("b.log", "b1\n")
			r.open()
			r.until(3)
			path := filepath.Join(r.dir, "a.log")
			r.put("a.log", "a3\n")
			r.put("b.log", "b2\n")
			r.until(5)
			if copied {
				r.put("a.log.1", "a1\na2\na3\n")
			}
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			r.put("a.log", "a4, after it\n")
			r.until(6)
			r.want("a.log", "a1", "a2", "a3", "a4, after it")
			for _, l := range r.loss {
				if copied || l.Reason != event.Truncated || l.Count != 0 {
					t.Errorf("lost: %+v", l)
				}
			}
		})
	}
}

// TestT8EndlessLine: a line of 16 MiB is cut at the limit, also where files have
// to be closed for each other, and the lines around it are whole.
func TestT8EndlessLine(t *testing.T) {
	const limit = 64 << 10
	r := newSetRig(t, SetOptions{Open: 1, MaxLine: limit}, "*.log")
	r.put("a.log", "before\n"+strings.Repeat("x", 16<<20)+"\nafter\n")
	r.put("b.log", "b1\n"+strings.Repeat("y", 1<<20)+"\nb3\n")
	r.open()
	r.until(6)
	r.want("a.log", "before", strings.Repeat("x", limit), "after")
	r.want("b.log", "b1", strings.Repeat("y", limit), "b3")
}

// TestT9Holes: a hole of 8 MiB is passed over, and bytes stay what they are.
func TestT9Holes(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*.log")
	r.put("a.log", "a1\n"+strings.Repeat("\x00", 8<<20)+"a2\r\n\xff\xfe\n")
	r.open()
	r.until(3)
	r.want("a.log", "a1", "a2\r", "\xff\xfe")
}
