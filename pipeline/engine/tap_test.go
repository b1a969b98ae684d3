package engine

import (
	"testing"
	"testing/synctest"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// hider replaces what source records say, as a transform that keeps secrets out does.
type hider struct{ odd }

func (h *hider) Lane(string) plugin.Stage { return h }

func (h *hider) Conceal(records []event.Event) {
	for i := range records {
		records[i].Raw = "[hidden]"
	}
}

// TestTap: who looks sees each stage of the input that was asked for, with nothing of
// what must not be stored in records as they were read; who is slow misses, and holds
// nobody up.
func TestTap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &sink{}
		in := &lines{all: numbered(700)}
		p := r.pipeline(t, true, in, &hider{}, "", map[string]*sink{"a": a})
		e, err := New(p, "test")
		if err != nil {
			t.Fatal(err)
		}
		read, after, final, other := e.Tap("", TapRead), e.Tap("in", "t"), e.Tap("", ""), e.Tap("another", "")
		if got := e.TapStages(); len(got) != 1 || got[0] != "t" {
			t.Errorf("the stages are %v", got)
		}
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(a.all()); got != 350 {
			t.Errorf("%d events were delivered", got)
		}
		for name, c := range map[string]struct {
			tap  *Tap
			all  int
			text string
		}{"read": {read, 700, "[hidden]"}, "after": {after, 350, ""}, "final": {final, 350, ""}, "other": {other, 0, ""}} {
			seen := 0
			for len(c.tap.C) > 0 {
				b := &event.Batch{}
				if err := codec.NewDecoder().Decode(<-c.tap.C, b); err != nil {
					t.Fatal(err)
				}
				for i := range b.Events {
					if raw := b.Events[i].Raw; raw == "" || (raw == "[hidden]") != (c.text != "") {
						t.Errorf("%s: an event says %q", name, raw)
					}
				}
				seen += len(b.Events)
			}
			if missed := int(c.tap.Missed()); seen+missed != c.all || c.all > 0 && (seen == 0 || missed == 0) {
				t.Errorf("%s: %d were seen and %d missed of %d", name, seen, missed, c.all)
			}
			c.tap.Close()
		}
		if e.taps.list.Load() != nil {
			t.Error("somebody still looks")
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}
