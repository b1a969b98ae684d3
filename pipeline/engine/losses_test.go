package engine

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// lossy is an input that gives one record and says what it lost.
type lossy struct {
	losses []event.Loss
	done   bool
}

func (l *lossy) Open(context.Context, []byte) error { return nil }
func (l *lossy) Close() error                       { return nil }

func (l *lossy) Read(_ context.Context, b *event.Batch, _ time.Duration) error {
	if l.done {
		return io.EOF
	}
	l.done = true
	b.Add(event.Event{Dataset: "test", Raw: "a record", Records: 1})
	b.Losses, b.Position = append(b.Losses, l.losses...), []byte("1")
	return nil
}

// keeps is a sink that keeps whole events.
type keeps struct {
	sink
	events []event.Event
}

func (k *keeps) Send(ctx context.Context, events []event.Event) error {
	for i := range events {
		e := events[i]
		e.Dataset, e.Raw, e.Fields = strings.Clone(e.Dataset), strings.Clone(e.Raw), slices.Clone(e.Fields)
		for j := range e.Fields {
			e.Fields[j] = e.Fields[j].Clone()
		}
		k.events = append(k.events, e)
	}
	return k.sink.Send(ctx, events)
}

// TestLossesBeforeUs: what an input lost is an event of our own for each that is
// not said yet, stands in no book, and is summed up over restarts.
func TestLossesBeforeUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for life := range uint64(2) {
			a := &keeps{}
			p := r.pipeline(t, true, &lines{}, nil, "", map[string]*sink{"a": {}})
			p.outputs[0].plugin = a
			p.inputs[0].plugin = &lossy{losses: []event.Loss{
				{Reason: event.KernelLost, Count: 7, Text: "the kernel dropped records"},
				{Reason: event.RotatedAway, Text: "a file went"},
				{Reason: event.SerialGap, Count: 3, Text: "said by a stage", Said: true},
				{Reason: event.KernelLost, Count: 5, Text: "the kernel dropped more"},
			}}
			e, err := New(p, "test")
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			b := e.Books()[0]
			got := Upstreams(e.journal.Marks())
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			if b.Received != life+1 || b.Generated != 3*(life+1) || !b.Balanced() {
				t.Errorf("life %d: book %+v", life, b)
			}
			want := []Upstream{{"in", "audit_serial_gap", life + 1, 3 * (life + 1)}, {"in", "kernel_audit_lost", 2 * (life + 1), 12 * (life + 1)}, {"in", "rotated_away_bytes", life + 1, 0}}
			if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
				t.Errorf("life %d: %+v", life, got)
			}
			if len(a.events) != 4 || a.events[0].Raw != "a record" {
				t.Fatalf("life %d: %d events", life, len(a.events))
			}
			one := a.events[1]
			if one.Dataset != internal || one.Records != 0 || one.ID.IsZero() || one.Get(schema.EventAction).Str() != "lost-audit-records" ||
				one.Get(schema.EventReason).Str() != "kernel_audit_lost" || one.Get(schema.TallymanComponent).Str() != "in" ||
				!strings.Contains(one.Get(schema.Message).Str(), "the kernel dropped records (7 ") {
				t.Errorf("life %d: the loss event is %+v", life, one)
			}
		}
	})
}

// odd leaves out every second record on purpose.
type odd struct{ n int }

func (o *odd) Lane(string) plugin.Stage { return o }
func (o *odd) Close() error             { return nil }

func (o *odd) Apply(_ context.Context, in, out *event.Batch) error {
	for _, e := range in.Events {
		if o.n++; o.n%2 == 0 {
			out.Filtered += e.Records
			continue
		}
		out.Add(e)
	}
	return nil
}

// TestFilteredBeforeTheJournal: what a stage leaves out is received and filtered
// in every book, also when it is all that a batch held.
func TestFilteredBeforeTheJournal(t *testing.T) {
	for _, n := range []int{1, 2, 100} {
		synctest.Test(t, func(t *testing.T) {
			r, a, b := newRig(t), &sink{}, &sink{}
			p := r.pipeline(t, true, &lines{all: numbered(n)}, &odd{n: 1}, `event.original == "1"`, map[string]*sink{"a": a, "b": b})
			books, err := r.once(t, p)
			if err != nil {
				t.Fatal(err)
			}
			all, left := uint64(n), uint64(n+1)/2
			if k := books["a"]; k.Received != all || k.Counts.Filtered != left || k.Counts.Delivered != all-left {
				t.Errorf("%d records: a's book %+v", n, k)
			}
			if k := books["b"]; k.Received != all || k.Counts.Filtered+k.Counts.Delivered != all {
				t.Errorf("%d records: b's book %+v", n, k)
			}
		})
	}
}

// says returns what the herald says of some books, as "output reason count".
func says(t *testing.T, h *herald, books ...journal.Book) []string {
	t.Helper()
	h.books = func() []journal.Book { return books }
	h.looked = time.Time{}
	b := &event.Batch{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Read(ctx, b, 0); err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	var out []string
	for i := range b.Events {
		e := &b.Events[i]
		if e.Records != 0 || e.Dataset != internal {
			t.Errorf("the event is %+v", e)
		}
		s := e.Get(schema.TallymanComponent).Str() + " " + e.Get(schema.EventReason).Str() + " " + e.Fields.GetNamed(schema.Labels, "lost").Str()
		if strings.Contains(e.Get(schema.Message).Str(), "goes on") {
			s += " and more"
		}
		if all := e.Fields.GetNamed(schema.Labels, "lost_in_all").Str(); all != "" {
			s += " of " + all
		}
		out = append(out, s)
	}
	if len(out) > 0 && b.Position == nil {
		t.Error("what was said is not in the position")
	}
	return out
}

func dropped(output string, r journal.Reason, n uint64) journal.Book {
	b := journal.Book{Output: output}
	b.Counts.Dropped[r] = n
	return b
}

func TestHerald(t *testing.T) {
	h := &herald{now: time.Now, letGo: &farewells{}}
	if err := h.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	open := dropped("new", journal.BufferFull, 9)
	open.Dropping = true
	more := dropped("new", journal.BufferFull, 20)
	more.Dropping = true
	open2 := dropped("new", journal.BufferFull, 30)
	open2.Dropping = true
	gone := dropped("gone", journal.OperatorDiscard, 4)
	for _, step := range []struct {
		name  string
		books []journal.Book
		want  string
	}{
		{"nothing lost", []journal.Book{{Output: "a"}}, ""},
		{"a loss", []journal.Book{dropped("a", journal.Corrupt, 3)}, "a corrupt 3"},
		{"no more", []journal.Book{dropped("a", journal.Corrupt, 3)}, ""},
		{"more", []journal.Book{dropped("a", journal.Corrupt, 5)}, "a corrupt 2"},
		{"dropping begins", []journal.Book{open}, "new buffer_full 9 and more"},
		{"and goes on", []journal.Book{more}, ""},
		{"and ends", []journal.Book{dropped("new", journal.BufferFull, 21)}, "new buffer_full 12 of 21"},
		{"it is over", []journal.Book{dropped("new", journal.BufferFull, 21)}, ""},
		{"again", []journal.Book{dropped("new", journal.BufferFull, 22)}, "new buffer_full 1"},
		{"the books of a save before a kill", []journal.Book{dropped("new", journal.BufferFull, 2)}, ""},
		{"as they were", []journal.Book{dropped("new", journal.BufferFull, 22)}, ""},
		{"it begins once more", []journal.Book{open2}, "new buffer_full 8 and more"},
	} {
		if got := strings.Join(says(t, h, step.books...), ", "); got != step.want {
			t.Errorf("%s: said %q, want %q", step.name, got, step.want)
		}
	}
	h.letGo.add(&gone)
	if got := strings.Join(says(t, h), ", "); got != "gone operator_discard 4" {
		t.Errorf("of a discard it said %q", got)
	}
	after := &herald{now: time.Now, letGo: &farewells{}}
	if err := after.Open(t.Context(), h.position()); err != nil {
		t.Fatal(err)
	}
	if got := says(t, after, dropped("a", journal.Corrupt, 5), dropped("new", journal.BufferFull, 33)); strings.Join(got, ", ") != "new buffer_full 3 of 11" {
		t.Errorf("after a restart it said %q", got)
	}
	for range openRest + 2 { // it is not said at every look
		more.Counts.Dropped[journal.BufferFull] += 10
		_ = says(t, after, more)
	}
	if got := says(t, after, more); len(got) != 0 {
		t.Errorf("it said %q", got)
	}
	for n := range 200 { // any bytes are a position
		if err := after.Open(t.Context(), []byte(strings.Repeat("\x01a\xff", n)[:n])); err != nil {
			t.Fatal(err)
		}
	}
}

// TestALossIsSaidInBand: an output whose oldest events were dropped while it was
// away is told so when it is back, and so is the other.
func TestALossIsSaidInBand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, b := &keeps{}, &keeps{}
		away := true
		a.fail = func([]event.Event) error {
			if away {
				return plugin.Retry(io.ErrUnexpectedEOF)
			}
			return nil
		}
		in := &lines{}
		for range 2000 {
			in.all = append(in.all, strings.Repeat("x", 1000))
		}
		p := r.pipeline(t, false, in, nil, "", map[string]*sink{"a": {}, "b": {}})
		p.outputs[0].plugin, p.outputs[1].plugin = a, b
		p.outputs[0].policy = journal.Policy{WhenFull: journal.DropOldest}
		e, err := New(p, "test")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- e.Run(ctx) }()
		time.Sleep(time.Minute)
		a.mu.Lock()
		away = false
		a.mu.Unlock()
		time.Sleep(2 * time.Minute)
		books := e.Books()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		lost := books[0].Counts.Dropped[journal.BufferFull]
		if lost == 0 || books[1].Counts.Lost() != 0 {
			t.Fatalf("books %+v", books)
		}
		for name, k := range map[string]*keeps{"a": a, "b": b} {
			if !saysLost(k.events, "a", lost) {
				t.Errorf("%s was not told that a lost %d records", name, lost)
			}
		}
	})
}

// saysLost reports whether the last losses that events speak of sum up.
func saysLost(events []event.Event, output string, n uint64) bool {
	seen := map[string]bool{}
	var sum uint64
	for i := range events {
		e := &events[i]
		if e.Dataset != internal || e.Get(schema.TallymanComponent).Str() != output || seen[e.ID.String()] {
			continue
		}
		seen[e.ID.String()] = true
		var one uint64
		for _, c := range e.Fields.GetNamed(schema.Labels, "lost").Str() {
			one = one*10 + uint64(c-'0')
		}
		sum += one
	}
	return sum >= n && n > 0
}

// once is an input whose source gives nothing twice: what was read ahead comes
// after ctx is done.
type once struct {
	stream
	ahead []string
}

func (o *once) GivesOnce() bool { return true }

func (o *once) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if ctx.Err() == nil {
		if err := o.stream.Read(ctx, b, wait); ctx.Err() == nil || len(b.Events) > 0 {
			return err
		}
	}
	if len(o.ahead) == 0 {
		return ctx.Err()
	}
	b.Add(event.Event{Dataset: "test", Raw: o.ahead[0], Records: 1})
	o.ahead = o.ahead[1:]
	return nil
}

// TestReadAheadAtAStop: what a source that gives once had given when it was
// stopped is in the journal, or counted where the journal takes nothing.
func TestReadAheadAtAStop(t *testing.T) {
	for _, full := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, a := newRig(t), &sink{}
			in := &once{}
			size := 10
			if full {
				size = 100_000
				a.fail = func([]event.Event) error { return plugin.Retry(io.ErrUnexpectedEOF) }
			}
			for range 40 {
				in.ahead = append(in.ahead, strings.Repeat("x", size))
			}
			p := r.pipeline(t, false, &lines{}, nil, "", map[string]*sink{"a": a})
			p.inputs[0].plugin = in
			e, err := New(p, "test")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := e.Run(ctx); err != nil && !full {
				t.Fatal(err)
			}
			b, l := e.Books()[0], e.current().lanes[0]
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			gave := l.gaveUp + l.refused.Load()
			if full && gave == 0 || !full && gave != 0 || b.Received+gave != 40 {
				t.Errorf("full=%v: %d were received and %d given up of 40", full, b.Received, gave)
			}
			if full != strings.Contains(r.log.String(), "records were lost at the end") {
				t.Errorf("full=%v: the log says %s", full, r.log.String())
			}
		})
	}
}
