package auditd

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRing: what is taken is what was put, in order, but for what is counted as
// lost; no more is held than the limit allows.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRing(rapid.IntRange(100, 300_000).Draw(t, "limit"))
		var want, got strings.Builder
		lost, counted := uint64(0), uint64(0)
		take := func() bool {
			x := r.take()
			got.WriteString(x.lines)
			counted += x.lost
			return x.lines != ""
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				take()
				continue
			}
			text := strings.Repeat(rapid.StringMatching(`[a-z\n ]{0,20}`).Draw(t, "text"), rapid.IntRange(0, 3000).Draw(t, "times"))
			if r.put("type=X msg=", []byte(text)) {
				want.Write(appendLine(nil, "type=X msg=", []byte(text)))
			} else {
				lost++
			}
			if r.held > r.limit {
				t.Fatalf("%d bytes are held, the limit is %d", r.held, r.limit)
			}
		}
		for take() {
		}
		if got.String() != want.String() || counted != lost || r.held != 0 {
			t.Fatalf("%d bytes came of %d; %d counted as lost of %d; %d are left", got.Len(), want.Len(), counted, lost, r.held)
		}
	})
}

func TestRingEnds(t *testing.T) {
	r := newRing(1 << 20)
	r.put("a", nil)
	r.end(errStopped)
	r.end(errTaken)
	if x := r.take(); x.lines != "a\n" || !x.ended {
		t.Errorf("the first take gave %+v", x)
	}
	if x := r.take(); x.lines != "" || !x.ended || x.err != errStopped { //nolint:errorlint // the very error
		t.Errorf("the second take gave %+v", x)
	}
}
