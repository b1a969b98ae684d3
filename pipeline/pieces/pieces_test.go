package pieces

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

var start = time.Unix(1_700_000_000, 0).UTC()

// rig is a Joiner and what came out of it.
type rig struct {
	now time.Time
	j   *Joiner
	out []Line
}

func newRig() *rig {
	r := &rig{now: start}
	r.j = New(func() time.Time { return r.now }, nil, "in", "dec")
	return r
}

func (r *rig) done(l *Line) { r.out = append(r.out, *l) }

// add gives one record of a file's stream.
func (r *rig) add(file, stream, text string, last bool, at time.Time) {
	var f event.Fields
	f.AddString(schema.LogFilePath, file)
	e := event.Event{Decode: "d", Raw: text, Records: 1, Fields: f}
	if r.j.Whole(&e, stream, last) {
		r.done(&Line{Event: &e, Stream: stream, Text: text, Time: at})
		return
	}
	r.j.Add(&e, Piece{Stream: StreamOf(&e, stream), Text: text, Time: at, Last: last}, r.done)
}

func (r *rig) records() (n uint32) {
	for i := range r.out {
		n += r.out[i].Event.Records
	}
	for _, e := range r.j.Held(nil) {
		n += e.Records
	}
	return n
}

func TestPiecesAreJoinedPerStream(t *testing.T) {
	r := newRig()
	r.add("a", "stdout", "one ", false, start)
	r.add("b", "stdout", "other ", false, start)
	r.add("a", "stderr", "whole", true, start)
	r.add("a", "stdout", "line", true, start)
	r.add("b", "stdout", "file", true, start)
	want := []string{"whole 1", "one line 2", "other file 2"}
	for i, l := range r.out {
		if got := fmt.Sprint(l.Text, " ", l.Event.Records); got != want[i] || l.Why != "" {
			t.Errorf("%q (%s), want %q", got, l.Why, want[i])
		}
	}
	if len(r.out) != 3 || r.j.bytes != 0 {
		t.Errorf("%d lines, %d bytes are counted as held", len(r.out), r.j.bytes)
	}
}

func TestNewRunBeginsALine(t *testing.T) {
	r := newRig()
	r.add("a", "stdout", "the last word", false, start)
	r.add("a", "stdout", "the first of the next run", true, start.Add(Patience+1))
	if len(r.out) != 2 || r.out[0].Why == "" || r.out[1].Why != "" || r.out[1].Text != "the first of the next run" {
		t.Errorf("%+v", r.out)
	}
}

// TestBounds: no line is longer than MaxLine, nothing is dropped, and neither
// many streams nor long lines hold more than is allowed.
func TestBounds(t *testing.T) {
	r := newRig()
	piece := strings.Repeat("x", 16<<10)
	const n = 200
	for range n {
		r.add("a", "stdout", piece, false, start)
	}
	r.add("a", "stdout", "end", true, start)
	total := 0
	for i, l := range r.out {
		total += len(l.Text)
		if len(l.Text) > MaxLine || (l.Why == "") != (i == len(r.out)-1) {
			t.Errorf("part %d has %d bytes (%s)", i, len(l.Text), l.Why)
		}
	}
	if total != n*len(piece)+3 || r.records() != n+1 || len(r.out) != 4 {
		t.Errorf("%d bytes, %d records, %d events", total, r.records(), len(r.out))
	}
	r = newRig()
	for i := range maxWaiting + 50 {
		r.add(fmt.Sprint(i), "stdout", "x", false, start)
	}
	if len(r.j.lines) != maxWaiting || len(r.out) != 50 || r.out[0].Event.Get(schema.LogFilePath).Str() != "0" {
		t.Errorf("%d wait, %d came", len(r.j.lines), len(r.out))
	}
	r = newRig()
	big := strings.Repeat("y", MaxLine/2)
	for i := range 200 {
		r.add(fmt.Sprint(i), "stdout", big, false, start)
	}
	if r.j.bytes > maxBytes+2*MaxLine || r.records() != 200 {
		t.Errorf("%d bytes are held of %d records", r.j.bytes, r.records())
	}
}

// TestHeldComesAgain: what was held, given to another Joiner, makes the same
// line, and waits anew.
func TestT20HeldComesAgain(t *testing.T) {
	r := newRig()
	r.add("a", "stdout", "before ", false, start)
	r.add("a", "stdout", "the stop, ", false, start)
	again := newRig()
	again.now = start.Add(time.Hour)
	for _, e := range r.j.Held(nil) {
		again.add(e.Get(schema.LogFilePath).Str(), "stdout", e.Raw, false, start)
	}
	if again.j.Idle(again.done); len(again.out) > 0 {
		t.Fatalf("it did not wait after the restart: %+v", again.out)
	}
	again.add("a", "stdout", "after", true, start)
	if len(again.out) != 1 || again.out[0].Text != "before the stop, after" || again.out[0].Event.Records != 3 {
		t.Errorf("%+v", again.out)
	}
}

// TestEveryRecordOnce: whatever comes in whatever order, each record is in one
// line, in the order of its stream, or held.
func TestEveryRecordOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig()
		at, given := start, map[string]string{}
		n := rapid.IntRange(1, 60).Draw(t, "n")
		for i := range n {
			file := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "file")
			stream := rapid.SampledFrom([]string{"stdout", "stderr"}).Draw(t, "stream")
			at = at.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "pause")) * time.Second)
			text := fmt.Sprintf("%d.", i)
			given[file+stream] += text
			r.add(file, stream, text, rapid.Bool().Draw(t, "last"), at)
			if r.records() != uint32(i+1) {
				t.Fatalf("%d records of %d", r.records(), i+1)
			}
			r.now = r.now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "time")) * time.Second)
			r.j.Idle(r.done)
		}
		r.j.Flush(r.done)
		got := map[string]string{}
		for _, l := range r.out {
			got[l.Event.Get(schema.LogFilePath).Str()+l.Stream] += l.Text
		}
		for key, want := range given {
			if got[key] != want {
				t.Errorf("%s: %q, want %q", key, got[key], want)
			}
		}
		if r.records() != uint32(n) || len(r.j.lines) != 0 || r.j.bytes != 0 {
			t.Errorf("%d records of %d, %d bytes", r.records(), n, r.j.bytes)
		}
	})
}

// FuzzParseTime: it reads what the library reads, and the same, whatever was read before.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-11-21T03:27:36.398204065Z", "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "2024-04-13T07:59:37.505201169-10:00",
		"2024-12-31T23:59:60Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.1234567891Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00,5Z", "0000-01-01T00:00:00Z",
		"2024-04-31T00:00:00Z", "2024-04-30T12:00:00.5Z", "2024-04-13T7:59:37..5Z", strings.Repeat("\x00", secondRoom) + "Z", "2024-04-13T7:59:37.5Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := time.Parse(time.RFC3339Nano, s)
		for _, before := range []string{"", "2026-11-21T03:27:36.3Z", s, s[:min(len(s), secondRoom)] + ".5Z"} {
			var c Clock
			c.Parse(before)
			got, ok := c.Parse(s)
			if ok != (err == nil) || ok && !got.Equal(want) {
				t.Errorf("%q after %q: %v (%v), want %v (%v)", s, before, got, ok, want.UTC(), err)
			}
		}
	})
}

// TestTinyPieces: pieces without a text take memory too, and a line of such pieces
// that never ends is not held for ever.
func TestTinyPieces(t *testing.T) {
	r := newRig()
	const n = 3*maxPieces + 7
	for range n {
		r.add("a", "stdout", "", false, start)
	}
	if held := len(r.j.Held(nil)); held > maxPieces || r.records() != n || len(r.out) != 3 || r.out[0].Why == "" {
		t.Errorf("%d pieces are held of %d, %d events came", held, r.records(), len(r.out))
	}
}

// TestLinesThatGrowAtOnce: the bound on what waits holds when lines grow that were
// begun before it was reached.
func TestLinesThatGrowAtOnce(t *testing.T) {
	r := newRig()
	const n = 100
	for _, piece := range []string{"begun ", strings.Repeat("z", MaxLine/2)} {
		for i := range n {
			r.add(fmt.Sprint(i), "stdout", piece, false, start)
		}
	}
	held := 0
	for _, e := range r.j.Held(nil) {
		held += 2 * len(e.Raw)
	}
	if held > maxBytes || r.records() != 2*n {
		t.Errorf("%d bytes are held of %d records", held, r.records())
	}
}

// TestDays: each day of the years that can be written has its number.
func TestDays(t *testing.T) {
	at := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := at.Unix() / 86400; at.Year() < 10000; at, n = at.AddDate(0, 0, 1), n+1 {
		if year, month, day := at.Date(); days(int64(year), int64(month), int64(day)) != n {
			t.Fatalf("%v is day %d, not %d", at, days(int64(year), int64(month), int64(day)), n)
		}
	}
}
