package engine

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// TestTextsLieInMemoryThatServesAgain: what is held stays until it is freed, however much
// comes; then the same memory serves again, and no more of it is kept than mostTexts.
func TestTextsLieInMemoryThatServesAgain(t *testing.T) {
	var l texts
	frame := func(c byte, n int) []byte { return bytes.Repeat([]byte{c}, n) }
	for range 3 {
		var held []string
		for i := range 40 {
			b := frame('0'+byte(i), i*i*20+mostTexts/60)
			held = append(held, l.hold(b))
			clear(b)
		}
		held = append(held, l.hold(frame('z', 2*mostTexts)), l.hold(nil), l.hold(frame('y', 1)))
		for i, s := range held[:40] {
			if strings.Trim(s, string('0'+rune(i))) != "" {
				t.Fatalf("frame %d has changed", i)
			}
		}
		if held[40] != string(frame('z', 2*mostTexts)) || held[41] != "" || held[42] != "y" {
			t.Error("a frame has changed")
		}
		l.free()
		if cap(l.block) > mostTexts {
			t.Errorf("%d bytes are kept", cap(l.block))
		}
	}
	b := frame('b', mostTexts/3)
	if n := testing.AllocsPerRun(10, func() { l.hold(b); l.hold(b); l.free() }); n != 0 {
		t.Errorf("%v allocations for a load", n)
	}
	l.spoil = true
	s := l.hold([]byte("text"))
	if l.free(); s != strings.Repeat(string([]byte{spoilt}), 4) {
		t.Errorf("a text that is read too late is %q", s)
	}
}

// hoarder keeps the texts of events, which it may not.
type hoarder struct {
	sink
	kept []string
}

func (h *hoarder) Batch() plugin.Batch { return plugin.Batch{Events: 20} }

func (h *hoarder) Send(ctx context.Context, events []event.Event) error {
	for i := range events {
		h.kept = append(h.kept, events[i].Raw)
	}
	return h.sink.Send(ctx, events)
}

// TestTextsAreSpoilt: what the tests of outputs count on.
func TestTextsAreSpoilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := newRig(t), &hoarder{}
		p := r.pipeline(t, true, &lines{all: numbered(70)}, nil, "", map[string]*sink{"a": {}})
		p.outputs[0].plugin = h
		if _, err := r.once(t, p); err != nil {
			t.Fatal(err)
		}
		if got := h.all(); !slices.Equal(got, numbered(70)) {
			t.Errorf("got %v", got)
		}
		for i, text := range h.kept {
			if strings.Trim(text, string([]byte{spoilt})) != "" {
				t.Errorf("text %d is %q", i, text)
			}
		}
	})
}
