package audit

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tallyman/pipeline/event"
)

// BenchmarkStage sends a capture through the whole stage, batch by batch.
func BenchmarkStage(b *testing.B) {
	for _, dir := range []string{"small-raw", "small-enriched"} {
		b.Run(dir, func(b *testing.B) {
			name := filepath.Join(shared, "audit-live", dir, "audit.log.gz")
			if _, err := os.Stat(name); err != nil {
				b.Skip("SKIPPED: ../shared is not beside this clone")
			}
			lines := readLines(b, name)
			in := records(lines)
			size := 0
			for i := range in {
				size += len(in[i].Raw) + 1
			}
			tr := build(b, nil)
			var src, dst event.Batch
			events := 0
			b.SetBytes(int64(size))
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				st := tr.Lane("x").(*stage)
				for at := 0; at < len(in); at += 512 {
					src.Events = append(src.Events[:0], in[at:min(at+512, len(in))]...)
					if err := st.Apply(context.Background(), &src, &dst); err != nil {
						b.Fatal(err)
					}
					events += len(dst.Events)
					dst.Reset()
				}
				st.Flush(&dst)
				events += len(dst.Events)
				dst.Reset()
			}
			used := cpu(b) - before
			b.ReportMetric(float64(size)*float64(b.N)/1e6/used.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(events)/used.Seconds(), "events/cpu-s")
			b.ReportMetric(float64(len(in))*float64(b.N)/used.Seconds(), "records/cpu-s")
			b.ReportMetric(float64(used.Nanoseconds())/float64(events), "cpu-ns/event")
		})
	}
}

// cpu returns the processor time that this process has used: on a machine that
// others use too, the clock on the wall says little.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
