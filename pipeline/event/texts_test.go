package event

import (
	"fmt"
	"strings"
	"testing"
)

// TestTextsOfABatch: each text stays as it was until Reset, whatever comes after it, and
// what one batch needed is not kept for all that follow.
func TestTextsOfABatch(t *testing.T) {
	var b Batch
	for round := range 3 {
		var got, want []string
		for i := range 2000 {
			s := strings.Repeat(fmt.Sprint(round), i)
			got, want = append(got, b.Text([]byte(s))), append(want, s)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("round %d: text %d has become %.20q", round, i, got[i])
			}
		}
		if n := cap(b.texts.block); n > mostTexts {
			t.Errorf("round %d: %d bytes are kept", round, n)
		}
		b.Reset()
	}
	text := []byte(strings.Repeat("x", 1000))
	if n := testing.AllocsPerRun(100, func() {
		b.Reset()
		for range 100 {
			b.Text(text)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
