package plugintest

import (
	"slices"
	"testing"
	"unsafe"

	"tallyman/pipeline/event"
)

// Loan gives events to an output as the engine does: their texts lie in memory that is written
// over when they are given back, and then has the texts of the next ones, in the same places.
// What they share is not of it.
type Loan struct {
	memory []byte
	used   int
}

// call lends events to send, which is one call of an output, and checks that its error does not
// read them any more.
func (l *Loan) call(t testing.TB, events []event.Event, send func(lent []event.Event) error) error {
	t.Helper()
	err := send(l.Lend(events))
	if err == nil {
		l.Back()
		return nil
	}
	before := err.Error()
	l.Back()
	if after := err.Error(); after != before {
		t.Errorf("the error reads events that were given back: %q, and before %q", after, before)
	}
	return err
}

// Lend returns the events with their texts in the memory.
func (l *Loan) Lend(events []event.Event) []event.Event {
	l.used = 0
	lent := slices.Clone(events)
	for i := range lent {
		e := &lent[i]
		e.Dataset, e.Decode, e.Raw = l.text(e.Dataset), l.text(e.Decode), l.text(e.Raw)
		e.Fields = slices.Clone(e.Fields)
		for j := range e.Fields {
			f := &e.Fields[j]
			if name := f.Name(); name != "" {
				f.SetName(l.text(name))
			}
			switch f.Kind() {
			case event.KindString:
				f.SetValue(event.String(l.text(f.Str())))
			case event.KindIP:
				v, _ := event.IP(l.text(f.Str())) // it was one
				f.SetValue(v)
			}
		}
	}
	return lent
}

// text returns s as it lies in the memory.
func (l *Loan) text(s string) string {
	if len(l.memory)-l.used < len(s) { // what was lent keeps its place
		l.memory, l.used = make([]byte, 2*len(l.memory)+len(s)+4096), 0
	}
	at := l.memory[l.used:][:len(s)]
	l.used += copy(at, s)
	return unsafe.String(unsafe.SliceData(at), len(at))
}

// Back writes over the texts of what was lent.
func (l *Loan) Back() {
	for i := range l.memory[:l.used] {
		l.memory[i] = 0xfe
	}
}
