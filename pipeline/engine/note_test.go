package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// noting passes records on and keeps a note of how many there were, which it takes
// back as one more event.
type noting struct{ n int }

func (s *noting) Lane(string) plugin.Stage { return &noting{} }
func (s *noting) Close() error             { return nil }
func (s *noting) Flush(*event.Batch)       {}

func (s *noting) Apply(_ context.Context, in, out *event.Batch) error {
	for _, e := range in.Events {
		if s.n++; e.Records == 0 {
			e.Raw = "back: " + e.Raw
			e.Dataset, e.Decode = "noted", ""
		}
		out.Add(e)
	}
	return nil
}

func (s *noting) Held(dst []event.Event) []event.Event {
	return append(dst, event.Event{Decode: "noting", Raw: "a note", Seen: time.Unix(1, 0)})
}

// TestANoteOfAStageComesBackOrIsDropped: what a stage noted comes back to it after
// a restart, and is no event where the stage is not there any more.
func TestANoteOfAStageComesBackOrIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			after plugin.Transform
			want  string
		}{
			"the stage is there":  {&noting{}, "a | back: a note | b"},
			"the stage is absent": {nil, "a | b"},
		} {
			r, a := newRig(t), &sink{}
			run := func(tr plugin.Transform, all ...string) {
				e, err := New(r.pipeline(t, false, &lines{all: all}, tr, "", map[string]*sink{"a": a}), "test")
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if err := e.Run(ctx); err != nil {
					t.Fatal(err)
				}
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
			}
			run(&noting{}, "a")
			run(c.after, "a", "b")
			if got := strings.Join(a.all(), " | "); got != c.want {
				t.Errorf("%s: got %s, want %s", name, got, c.want)
			}
		}
	})
}
