package engine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// TestFullDeadLetters (RELIABILITY O18): when refused events have used up their
// room, the output waits and says why; it drops nothing, the other output goes
// on, and with room again it goes on by itself, counting each once.
func TestFullDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, other := newRig(t), &sink{}
		picky := &sink{fail: func([]event.Event) error { return plugin.Permanent(errors.New("not to my taste")) }}
		var src []string
		for range 70 {
			src = append(src, strings.Repeat("x", 2000)) // the room is 64 KiB
		}
		l := r.run(t, r.several(t, &lines{all: src}, map[string]plugin.Output{"picky": picky, "other": other}))
		time.Sleep(10 * time.Minute)
		b := l.book("picky")
		if b.Counts.DeadLettered == 0 || b.Buffered+b.InFlight == 0 || b.Counts.DeadLettered+b.Buffered+b.InFlight != 70 {
			t.Errorf("the book of the output that waits: %+v", b)
		}
		if !slices.Equal(other.all(), src) {
			t.Errorf("the other output got %d of 70", len(other.all()))
		}
		if r.value("tallyman_output_up", "output", "picky") != 0 || !strings.Contains(r.log.String(), "used up their room") {
			t.Errorf("nobody is told:\n%s", r.log.String())
		}
		folder := filepath.Join(r.dir, "j", "deadletter")
		size := func() (n int64) {
			list, err := os.ReadDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range list {
				info, err := d.Info()
				if err != nil {
					t.Fatal(err)
				}
				n += info.Size()
			}
			return n
		}
		kept := 0
		for range 10 {
			if n := size(); n > 64<<10 {
				t.Errorf("the dead letters take %d bytes", n)
			}
			text, err := os.ReadFile(filepath.Join(folder, "picky.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			if kept += strings.Count(string(text), "not to my taste"); kept >= 70 {
				break
			}
			if err := os.Remove(filepath.Join(folder, "picky.jsonl")); err != nil { // an operator has settled them
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
		}
		if b := l.book("picky"); kept != 70 || b.Counts.DeadLettered != 70 || b.Counts.Lost() != 0 {
			t.Errorf("%d were kept aside, book %+v", kept, b)
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	})
}
