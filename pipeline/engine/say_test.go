package engine

import (
	"strconv"
	"testing"
	"time"

	"tallyman/pipeline/event"
)

// TestHeraldSays: what outputs say is told once and in order, and what waits to
// be told is bounded.
func TestHeraldSays(t *testing.T) {
	w := &farewells{}
	h := &herald{now: time.Now, letGo: w}
	if err := h.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for i := range mostWords + 9 {
		if told := w.say(event.Event{Dataset: strconv.Itoa(i)}); told != (i < mostWords) {
			t.Fatalf("event %d: told is %v", i, told)
		}
	}
	var b event.Batch
	h.farewell(&b)
	if len(b.Events) != mostWords {
		t.Fatalf("%d events, want %d", len(b.Events), mostWords)
	}
	for i := range b.Events {
		if b.Events[i].Dataset != strconv.Itoa(i) {
			t.Fatalf("event %d is %s", i, b.Events[i].Dataset)
		}
	}
	b = event.Batch{}
	if h.farewell(&b); len(b.Events) != 0 {
		t.Errorf("%d events were told again", len(b.Events))
	}
}
