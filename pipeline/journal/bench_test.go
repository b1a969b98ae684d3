package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
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

// BenchmarkCompress measures frames of 64 KiB of audit events, plain and
// compressed, and says how much smaller they get.
func BenchmarkCompress(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var payload []byte
	for len(payload) < 64<<10 {
		payload = fmt.Appendf(payload, "type=SYSCALL msg=audit(17321559%02d.%03d:%d): arch=c000003e syscall=%d success=yes exit=%d a0=%x a1=%x ppid=%d pid=%d uid=0 comm=\"sh\" exe=\"/usr/bin/dash\" key=\"exec\"\n",
			rnd.IntN(100), rnd.IntN(1000), rnd.IntN(1e6), rnd.IntN(300), rnd.IntN(9), rnd.Uint64(), rnd.Uint64(), rnd.IntN(4e6), rnd.IntN(4e6))
	}
	for _, compress := range []bool{false, true} {
		b.Run(fmt.Sprint(compress), func(b *testing.B) {
			j := open(b, Options{Dir: b.TempDir(), FS: vfs.OS(), MaxSize: 64 << 30, CommitInterval: 20 * time.Millisecond, Compress: compress})
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := j.Append(b.Context(), Frame{Payload: payload, Records: 1}); err != nil {
					b.Fatal(err)
				}
			}
			durably(b, j)
			b.StopTimer()
			b.ReportMetric(float64(j.Size())/float64(b.N)/float64(len(payload)), "disk/payload")
			shut(b, j)
		})
	}
}

// BenchmarkStart measures an open and the first frame of every output on a
// backlog of BACKLOG_MIB (1024), and the memory that it takes beyond what it took
// before.
func BenchmarkStart(b *testing.B) {
	mib, err := strconv.Atoi(os.Getenv("BACKLOG_MIB"))
	if err != nil {
		mib = 1024
	}
	o := Options{Dir: b.TempDir(), FS: vfs.OS(), MaxSize: int64(mib+256) << 20, CommitInterval: 20 * time.Millisecond}
	j := open(b, o)
	for _, name := range []string{"a", "b", "c"} {
		cursor(b, j, name)
	}
	for n := range uint64(mib * 16) {
		add(b, j, n, 64<<10)
	}
	durably(b, j)
	shut(b, j)
	var was, is runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&was)
	b.ReportAllocs()
	for b.Loop() {
		j := open(b, o)
		for _, name := range []string{"a", "b", "c"} {
			if _, ok, err := cursor(b, j, name).TryNext(); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
		b.StopTimer()
		runtime.ReadMemStats(&is)
		shut(b, j)
		b.StartTimer()
	}
	b.ReportMetric(float64(is.Sys-was.Sys)/(1<<20), "MiB")
}

// BenchmarkOutputs measures what a second and a third output cost: each frame is
// appended once and read by every cursor.
func BenchmarkOutputs(b *testing.B) {
	for _, outputs := range []int{1, 2, 3} {
		b.Run(fmt.Sprint(outputs), func(b *testing.B) {
			j := open(b, Options{Dir: b.TempDir(), FS: vfs.OS(), MaxSize: 1 << 30, CommitInterval: 20 * time.Millisecond})
			defer shut(b, j)
			var readers sync.WaitGroup
			b.SetBytes(64 << 10)
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			for n := range outputs {
				c := cursor(b, j, fmt.Sprint(n))
				readers.Go(func() {
					for {
						e, err := c.Next(ctx)
						if err != nil {
							return
						}
						if err := c.Done(e.Seq, delivered(e)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			payload := item(1, 64<<10)
			for b.Loop() {
				if _, err := j.Append(b.Context(), Frame{Payload: payload, Records: 1}); err != nil {
					b.Fatal(err)
				}
			}
			durably(b, j)
			for slices.ContainsFunc(j.Books(), func(k Book) bool { return k.Buffered+k.InFlight > 0 }) {
				<-j.Changed()
			}
			b.StopTimer()
			stop()
			readers.Wait()
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
