package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/schema"
)

// told returns what a herald says next, as "action reason hash", and its position.
func told(ctx context.Context, t *testing.T, h *herald) (string, []byte) {
	t.Helper()
	var b event.Batch
	if err := h.Read(ctx, &b, 0); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	var list []string
	for i := range b.Events {
		e := &b.Events[i]
		hash := ""
		for _, f := range e.Fields {
			if f.Key == schema.Labels && f.Name() == "config_hash" {
				hash = f.Str()
			}
		}
		list = append(list, strings.TrimSpace(e.Get(schema.EventAction).Str()+" "+e.Get(schema.EventReason).Str())+" "+hash)
		if e.Dataset != internal || e.Records != 0 {
			t.Errorf("%+v is no event of our own", e)
		}
	}
	return strings.Join(list, ", "), b.Position
}

// TestLife: a start says how the run before ended, a reload that another
// configuration runs, and a stop comes once.
func TestLife(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	ending := false
	fresh := func(l *lifetime, hash string, from []byte) *herald {
		h := &herald{now: time.Now, letGo: &farewells{}, books: func() []journal.Book { return nil },
			life: l, hash: hash, ending: func() bool { return ending }}
		if err := h.Open(t.Context(), from); err != nil {
			t.Fatal(err)
		}
		return h
	}
	say := func(h *herald, ctx context.Context, want string) []byte {
		t.Helper()
		got, at := told(ctx, t, h)
		if got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
		return at
	}
	var first, second, third lifetime
	h := fresh(&first, "aa", nil)
	at := say(h, t.Context(), "agent-started first-start aa")
	say(h, ended, "") // a reload stops only the graph
	h = fresh(&first, "aa", at)
	say(h, ended, "") // the same configuration again
	h = fresh(&first, "bb", at)
	at = say(h, t.Context(), "configuration-reloaded bb")

	h = fresh(&second, "bb", at) // kill -9
	say(h, t.Context(), "agent-started unclean-stop bb")
	ending = true
	at = say(h, ended, "agent-stopped bb")
	say(h, ended, "")

	say(fresh(&third, "bb", at), t.Context(), "agent-started clean-stop bb")
	h = fresh(nil, "bb", at)
	h.life = nil
	say(h, ended, "") // nothing is said where nothing is to be
}
