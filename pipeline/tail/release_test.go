package tail

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// TestDeletedAndClosed (RELIABILITY T6): a file that was deleted is read as long
// as its writer has it open, then given back; what comes next at its path is
// read from the start, also after a stop in between, and nothing counts as lost.
func TestDeletedAndClosed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT RUN: whether a file has a writer is known on Linux only")
	}
	for _, c := range []struct {
		name          string
		fromEnd, stop bool
	}{{"goes on", false, false}, {"from the end", true, false}, {"stopped in between", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Now()
			r := newRig(t, func(o *Options) {
				o.Now = func() time.Time { return now }
				o.FromEnd = c.fromEnd
			})
			r.append("old\n")
			r.start()
			defer func() { r.stop() }()
			r.want(map[bool][]string{false: {"old"}}[c.fromEnd]...)
			writer, err := os.OpenFile(r.path, os.O_WRONLY|os.O_APPEND, 0)
			r.ok(err)
			write := func(text string) {
				_, err := writer.WriteString(text)
				r.ok(err)
			}
			write("a\n")
			r.ok(os.Remove(r.path))
			write("b\n")
			r.want("a", "b")
			for range 3 { // an intruder's rm hides nothing of a writer that goes on
				now = now.Add(time.Minute)
				r.want()
			}
			write("c\nd")
			r.want("c")
			r.ok(writer.Close())
			now = now.Add(time.Minute)
			r.want("d")
			if n := len(r.tail.files); n != 0 {
				t.Fatalf("%d files are held", n)
			}
			if c.stop {
				r.stop()
				r.start()
				r.want()
			}
			r.append("e\n")
			r.want("e")
			r.rotate(3, "f\n")
			r.want("f")
			r.noLoss()
		})
	}
}
