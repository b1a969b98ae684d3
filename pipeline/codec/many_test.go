package codec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// fieldsComeBack fails where the fields of a frame's events are others when it is read.
func fieldsComeBack(t *testing.T, what string, events []event.Event) {
	t.Helper()
	var out event.Batch
	if err := NewDecoder().Decode(NewEncoder().Append(nil, events), &out); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for i := range events {
		if got, want := fmt.Sprint(out.Events[i].Fields), fmt.Sprint(events[i].Fields); got != want {
			t.Fatalf("%s, event %d:\n%s\nwant\n%s", what, i, got, want)
		}
	}
}

// kills: a field beyond those that are made as a model's at once is refused where its value is another
func TestManyFieldsThatAreOther(t *testing.T) {
	for _, n := range []int{atOnce - 1, atOnce, atOnce + 1, 2 * atOnce, 2*atOnce + 1, 1000} {
		var events []event.Event
		for i := range 4 {
			e := event.Event{Records: 1}
			for k := range n {
				e.Fields.AddString(schema.ProcessArgs, fmt.Sprintf("%d of %d", k, i))
			}
			events = append(events, e)
		}
		fieldsComeBack(t, fmt.Sprint(n, " fields"), events)
	}
}

// kills: what is there or not there other than in the model is lost behind the first fields
func TestManyFieldsThatComeAndGo(t *testing.T) {
	keys := schema.Keys()
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		field := func() event.Field {
			k := keys[rnd.IntN(40)]
			if rnd.IntN(3) == 0 {
				return event.NewField(k, "", event.Int(int64(rnd.IntN(1000))))
			}
			return event.NewField(k, "", event.String(fmt.Sprint(rnd.IntN(50))))
		}
		f := event.Fields{}
		for range rnd.IntN(4 * atOnce) {
			f = append(f, field())
		}
		var events []event.Event
		for range 6 {
			events = append(events, event.Event{Records: 1, Fields: slices.Clone(f)})
			for range rnd.IntN(2 * atOnce) {
				switch i := rnd.IntN(len(f) + 1); {
				case i == len(f) || rnd.IntN(4) == 0:
					f = slices.Insert(f, i, field())
				case rnd.IntN(3) == 0:
					f = slices.Delete(f, i, min(len(f), i+1+rnd.IntN(5)))
				default:
					other := field()
					f[i].SetValue(other.Value())
				}
			}
		}
		fieldsComeBack(t, fmt.Sprint("seed ", seed), events)
	}
}
