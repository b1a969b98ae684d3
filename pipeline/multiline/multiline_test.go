package multiline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

// kind of a test: a line of capitals begins, one with a point is whole.
func kind(line string) Kind {
	switch {
	case strings.HasPrefix(line, "."):
		return Whole
	case line != "" && line == strings.ToUpper(line) && strings.ContainsAny(line, "ABC"):
		return Begins
	}
	return Follows
}

type rig struct {
	*Joiner
	now time.Time
	got []string
}

func start() *rig {
	r := &rig{now: time.Unix(1e9, 0)}
	r.Joiner = New(func() time.Time { return r.now }, &meter.Registry{}, "in", "d", kind)
	return r
}

func (r *rig) done(e *event.Event) { r.got = append(r.got, fmt.Sprintf("%d:%s", e.Records, e.Raw)) }

// add takes "PATH LINE".
func (r *rig) add(lines ...string) {
	for _, l := range lines {
		path, text, _ := strings.Cut(l, " ")
		e := event.Event{Raw: text, Records: 1, Decode: "d"}
		e.Shared.AddString(schema.LogFilePath, path)
		r.Add(&e, r.done)
	}
}

func TestJoin(t *testing.T) {
	r := start()
	r.add("x a", "x A", "y B", "x one", "y .w", "x two", "x .done", "x late", "x C")
	want := []string{"1:a", "1:B", "1:.w", "3:A\none\ntwo", "1:.done", "1:late"}
	if !slices.Equal(r.got, want) {
		t.Errorf("%q, want %q", r.got, want)
	}
	held := r.Held(nil)
	if len(held) != 1 || held[0].Raw != "C" || held[0].Decode != "d" {
		t.Errorf("held are %+v", held)
	}
	r.Idle(r.done)
	r.now = r.now.Add(Patience)
	if r.Idle(r.done); len(r.got) != len(want)+1 || len(r.Held(nil)) != 0 {
		t.Errorf("after a while: %q", r.got)
	}
	r.add("x A", "y B", "x ", "x ", "x 1")
	for _, e := range r.Held(nil) {
		if e.Raw == "" {
			t.Errorf("a record without a text is held: %+v", e)
		}
	}
	if r.Flush(r.done); !slices.Equal(r.got[len(want)+1:], []string{"4:A\n\n\n1", "1:B"}) {
		t.Errorf("flushed: %q", r.got)
	}
}

// TestBounds: neither a record nor the number of those that wait grows for ever.
func TestBounds(t *testing.T) {
	r := start()
	r.add("x A")
	for range 300 {
		r.add("x " + strings.Repeat("z", 1<<10))
	}
	r.Flush(r.done)
	n := 0
	for _, s := range r.got {
		n += strings.Count(s, "z") >> 10
		if len(s) > MaxBytes+16 {
			t.Errorf("a record of %d bytes", len(s))
		}
	}
	if n != 300 {
		t.Errorf("%d of 300 lines came", n)
	}
	r = start()
	for i := range maxWaiting + 3 {
		r.add(fmt.Sprintf("%d A", i))
	}
	if len(r.got) != 3 || len(r.Held(nil)) != maxWaiting {
		t.Errorf("%d came, %d wait", len(r.got), len(r.Held(nil)))
	}
}

// TestTinyLines: lines without much text take memory too: a record has no more of
// them than it may, and what waits of all records is bounded.
func TestTinyLines(t *testing.T) {
	r := start()
	r.add("x A")
	for range 3 * maxLines {
		r.add("x ")
	}
	if n := len(r.Held(nil)); n > maxLines || r.split.Value() == 0 {
		t.Errorf("%d lines are held", n)
	}
	r = start()
	for i := range 60 {
		r.add(fmt.Sprintf("%d A", i))
	}
	for range maxLines - 1 {
		for i := range 60 {
			r.add(fmt.Sprintf("%d %s", i, strings.Repeat("z", 40)))
		}
	}
	if n := len(r.Held(nil)) * int(unsafe.Sizeof(event.Event{})); n > maxHeld {
		t.Errorf("%d bytes are held", n)
	}
	if r.Flush(r.done); r.held != 0 {
		t.Errorf("%d bytes are counted of nothing", r.held)
	}
}
