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

// What is read through leaves no chunk behind, whatever comes of the files.
func TestChunksAreUsedAgain(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 3 {
		var text strings.Builder
		for n := 0; text.Len() < 40*setChunkBytes; n++ {
			line := fmt.Sprintf("%d %d %s", i, n, strings.Repeat("x", n%500))
			want = append(want, line)
			text.WriteString(line + "\n")
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", i)), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := NewSet(SetOptions{Patterns: []string{filepath.Join(dir, "*.log")}, Once: true})
	if err := s.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	got := map[string]int{}
	most := 0
	for end := false; !end; {
		var b event.Batch
		err := s.Read(context.Background(), &b, time.Second)
		if end = errors.Is(err, io.EOF); err != nil && !end {
			t.Fatal(err)
		}
		for i := range b.Events {
			got[strings.Clone(b.Events[i].Raw)]++
		}
		most = max(most, len(s.chunks.free)+len(s.chunks.lent))
	}
	if len(got) != len(want) {
		t.Errorf("%d different lines came of %d", len(got), len(want))
	}
	for _, line := range want {
		if got[line] != 1 {
			t.Fatalf("line %.20q came %d times", line, got[line])
		}
	}
	if most > 8 {
		t.Errorf("%d chunks were made", most)
	}
}

// A chunk that a file which was given up has not been cut to its end is not waited for.
func TestAChunkOfALostFile(t *testing.T) {
	c := &chunks{size: 64}
	for range 3 * keptChunks {
		f := &file{}
		f.rest = c.text(f, append(c.next().buf[:0], strings.Repeat("a", 60)...))
		c.reuse()
	}
	if n := len(c.lent); n > keptChunks {
		t.Errorf("%d chunks are waited for", n)
	}
	f := &file{}
	f.rest = c.text(f, c.next().buf[:60])
	f.rest = ""
	c.reuse()
	if len(c.free) == 0 {
		t.Error("a chunk that was cut to its end is not used again")
	}
}
