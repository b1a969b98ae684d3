package journal

import (
	"fmt"
	"testing"
	"time"

	"tallyman/pipeline/vfs"
)

// BenchmarkAppend measures accepted frames with durability on, on the real disk:
// frames of one 512-byte event (the worst case) and of 64 KiB (a batch).
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{512, 2 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			j := open(b, Options{Dir: b.TempDir(), FS: vfs.OS(), MaxSize: 64 << 30, CommitInterval: 20 * time.Millisecond})
			payload := item(1, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := j.Append(b.Context(), Frame{Payload: payload, Records: 1}); err != nil {
					b.Fatal(err)
				}
			}
			durably(b, j)
			b.StopTimer()
			shut(b, j)
		})
	}
}

// BenchmarkRead measures a cursor over frames of 64 KiB.
func BenchmarkRead(b *testing.B) {
	j := open(b, Options{Dir: b.TempDir(), FS: vfs.OS(), MaxSize: 1 << 30, CommitInterval: 20 * time.Millisecond})
	defer shut(b, j)
	c := cursor(b, j, "a")
	const frames, size = 1024, 64 << 10
	for n := range uint64(frames) {
		add(b, j, n, size)
	}
	durably(b, j)
	b.SetBytes(frames * size)
	b.ReportAllocs()
	for b.Loop() {
		for range frames {
			if _, err := c.Next(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		c.Rewind()
	}
}
