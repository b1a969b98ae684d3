package journal

import (
	"testing"

	"tallyman/pipeline/vfs"
)

// The folder never takes more than MaxSize, damage or not.
func TestQuarantineKeepsMaxSize(t *testing.T) {
	m := vfs.NewMem()
	damaged(t, m, 500, 1500, 2500)
	o := small(m)
	j := open(t, o)
	now := j.Size()
	shut(t, j)
	o.MaxSize = now + 100 // full but for 100 bytes
	o.Quarantine = 1 << 20 / 64
	j = open(t, o)
	defer shut(t, j)
	a := cursor(t, j, "a")
	drain(t, a)
	if j.Size() > o.MaxSize {
		t.Errorf("the journal takes %d of %d bytes", j.Size(), o.MaxSize)
	}
}
