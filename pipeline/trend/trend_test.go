package trend

import (
	"testing"
	"time"

	"tallyman/pipeline/engine"
)

// status is one of an input that read so much, and of an output.
func status(read, received, waiting uint64) *engine.Status {
	return &engine.Status{Inputs: []engine.PartStatus{{Name: "in", Records: read}},
		Outputs: []engine.BookStatus{{Name: "out", Waiting: int64(waiting) * 100, Book: map[string]uint64{
			"received": received, "buffered": waiting, "delivered": received - waiting}, Generated: map[string]uint64{}}}}
}

func TestRatesAndDrain(t *testing.T) {
	tr, at := New(100), time.Unix(1000, 0)
	for i := range uint64(20) { // a second apart: 50 read, the backlog of 1000 falls by 10
		tr.Add(at.Add(time.Duration(i)*time.Second), status(50*i, 1000+50*i, 1000-10*i))
	}
	if got := tr.Input("in"); got != 50 {
		t.Errorf("the input reads %v a second, want 50", got)
	}
	b := tr.Output("out")
	if b.In != 50 || b.Out != 60 || b.Waiting != 810 || b.Bytes != 81000 {
		t.Errorf("the output: %+v", b)
	}
	if !b.Draining || b.Drain != 81*time.Second {
		t.Errorf("810 at 10 a second drain in %v (%v)", b.Drain, b.Draining)
	}
	// 1140 are done with; the output had received 1100 at second 2 and 1150 at 3.
	if b.Age != 17*time.Second || b.AtLeast {
		t.Errorf("the oldest is %v old (at least: %v), want 17 s", b.Age, b.AtLeast)
	}
	if p := tr.Points(); len(p) != 19 || p[18].In != 50 || p[18].Out != 60 || p[18].Waiting != 810 {
		t.Errorf("points: %+v", p)
	}
}

func TestWhatCannotBeKnown(t *testing.T) {
	tr, at := New(3), time.Unix(1000, 0)
	if b := tr.Output("out"); b != (Backlog{}) {
		t.Errorf("without a status: %+v", b)
	}
	for i := range uint64(5) { // it grows, and began before what is remembered
		tr.Add(at.Add(time.Duration(i)*time.Second), status(0, 1000+i, 900+i))
	}
	b := tr.Output("out")
	if b.Draining || !b.AtLeast || b.Age != 2*time.Second {
		t.Errorf("a backlog that grows: %+v", b)
	}
	tr.Add(at, status(7, 0, 0))
	if tr.Input("in") != 0 {
		t.Error("a status of the past was taken")
	}
	tr.Add(at.Add(6*time.Second), status(0, 5, 0)) // another process: its counters are small
	if b := tr.Output("out"); b.In != 0 || b.Waiting != 0 || b.Age != 0 {
		t.Errorf("after a start: %+v", b)
	}
}
