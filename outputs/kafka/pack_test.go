package kafka

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/klauspost/compress/s2"

	"tallyman/pipeline/event"
)

// lines are messages as the lines of an audit log make them, each with an id of its own.
func lines(n int) (all []message, list []int32) {
	for i := range n {
		id := event.NewID(fmt.Append(nil, i)).String()
		value := fmt.Appendf(nil, `{"@timestamp":"2026-11-27T19:45:32.332634246Z","message":"type=SYSCALL msg=audit(1790000000.%03d:%d): arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd%06x a2=80000 a3=0 items=1 ppid=%d pid=%d auid=1000 uid=0 gid=0 comm=\"cat\" exe=\"/usr/bin/cat\" key=\"files\"","event":{"id":"%s"}}`,
			i%1000, 1000+i, i*7919%(1<<24), 900+i%37, 1000+i%911, id)
		all = append(all, rendered([]byte("3d1219c7c4c5404aaa1f6d2a48adfda4"), value, 1_790_000_000_000, headerID, id, headerDataset, "file.log", headerHost, "node-7", headerType, "application/json"))
		list = append(list, int32(i))
	}
	return all, list
}

// TestSnappyIsOneBlock: there is no frame around what snappy packs, which librdkafka
// and Java's client both read.
func TestSnappyIsOneBlock(t *testing.T) {
	all, list := lines(1000)
	packed := map[string][]byte{}
	for _, codec := range []string{codecNone, "snappy"} {
		p, err := newPacker(codec)
		if err != nil {
			t.Fatal(err)
		}
		if packed[codec], err = p.appendBatch(nil, all, list); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s2.Decode(nil, packed["snappy"][headBytes:]); err != nil || !bytes.Equal(got, packed[codecNone][headBytes:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// BenchmarkPack is a batch of a thousand lines, and how large it becomes.
func BenchmarkPack(b *testing.B) {
	all, list := lines(1000)
	for _, codec := range []string{codecNone, "gzip", "snappy", "lz4", codecZstd} {
		b.Run(codec, func(b *testing.B) {
			p, err := newPacker(codec)
			if err != nil {
				b.Fatal(err)
			}
			var batch []byte
			b.ReportAllocs()
			for b.Loop() {
				if batch, err = p.appendBatch(batch[:0], all, list); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(batch))/1000, "B/message")
		})
	}
}
