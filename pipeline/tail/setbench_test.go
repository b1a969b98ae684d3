package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
)

// BenchmarkSet reads lines of 100 bytes from many files to their end: what a line
// costs, and what a file does.
func BenchmarkSet(b *testing.B) {
	for _, files := range []int{1, 50, 2000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			dir := b.TempDir()
			line := strings.Repeat("x", 99) + "\n"
			per := 200_000 / files
			for i := range files {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", i)), []byte(strings.Repeat(line, per)), 0o600); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(files * per * len(line)))
			b.ReportAllocs()
			lines := 0
			for b.Loop() {
				lines += readAll(b, dir)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(lines), "ns/line")
		})
	}
}

func readAll(b *testing.B, dir string) (lines int) {
	b.Helper()
	s := NewSet(SetOptions{Patterns: []string{filepath.Join(dir, "*.log")}, Once: true, Decode: "plain"})
	if err := s.Open(context.Background(), nil); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for batch := (&event.Batch{}); ; {
		batch.Reset()
		err := s.Read(context.Background(), batch, time.Second)
		lines += len(batch.Events)
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSetPosition is the position of a batch that read from one file, where
// many are followed.
func BenchmarkSetPosition(b *testing.B) {
	for _, files := range []int{50, 5000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			s := NewSet(SetOptions{})
			id := strings.Repeat("0123456789abcdef", 4)
			for i := range files {
				p := position{identity: identity{Dev: 2049, Ino: uint64(1000 + i), Born: 1_700_000_000_000_000_000}, Off: 1 << 20, Size: 1 << 20, Mod: 1_700_000_000_000_000_000}
				p.Head, p.HeadSum = 1024, strings.Repeat("ab", sumBytes)
				p.Tail, p.TailSum = 256, strings.Repeat("cd", sumBytes)
				name := fmt.Sprintf("%08d%s", i, id[8:])
				s.list = append(s.list, &member{pos: appendMember(nil, "/var/lib/docker/containers/"+name+"/"+name+"-json.log", &p)})
			}
			var batch event.Batch
			b.ReportAllocs()
			for b.Loop() {
				s.moved = true
				s.mark(&batch)
			}
			b.ReportMetric(float64(len(batch.Position))/float64(files), "bytes/file")
		})
	}
}
