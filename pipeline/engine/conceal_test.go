package engine

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// hush makes pairs of records, and hides a word.
type hush struct{ pairs }

func (h *hush) Lane(string) plugin.Stage { return &hushing{} }

func (h *hush) Conceal(records []event.Event) {
	for i := range records {
		records[i].Raw = strings.ReplaceAll(records[i].Raw, "secret", "[hidden]")
	}
}

type hushing struct{ pairs }

func (h *hushing) Apply(ctx context.Context, in, out *event.Batch) error {
	err := h.pairs.Apply(ctx, in, out)
	for i := range out.Events {
		out.Events[i].Raw = strings.ReplaceAll(out.Events[i].Raw, "secret", "[hidden]")
	}
	return err
}

// TestHeldRecordsAreConcealed: a record that waits for its partner is in the
// journal without its secret, and its event comes of it after a restart.
func TestHeldRecordsAreConcealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &sink{}
		run := func(all ...string) {
			p := r.pipeline(t, false, &lines{all: all}, &hush{}, "", map[string]*sink{"a": a})
			e, err := New(p, "test")
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
		run("a secret", "b secret", "c secret")
		found, err := filepath.Glob(filepath.Join(r.dir, "j", "*.seg"))
		if err != nil || len(found) == 0 {
			t.Fatal(found, err)
		}
		held := false
		for _, name := range found {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte("secret")) {
				t.Errorf("%s holds the secret", filepath.Base(name))
			}
			held = held || bytes.Contains(b, []byte("c [hidden]"))
		}
		if !held {
			t.Error("the held record is not in the journal")
		}
		run("a secret", "b secret", "c secret", "d secret")
		if got := strings.Join(a.all(), " | "); got != "a [hidden]+b [hidden] | c [hidden]+d [hidden]" {
			t.Errorf("got %s", got)
		}
	})
}
