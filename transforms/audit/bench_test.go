package audit

import (
	"context"
	"os"
	"path/filepath"
	"testing"

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
			perOp := float64(events) / float64(b.N)
			b.ReportMetric(perOp*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(len(in))*float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
		})
	}
}
