package view

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Sets that take turns are told apart by where they lie and how long they are, more
// of them than are known too, and where one is the beginning of another.
func TestSetsInTurn(t *testing.T) {
	host := func(n int) string { return "host-" + strconv.Itoa(n) }
	var sets []event.Fields
	for n := range mostSets + 50 {
		set := event.Fields{event.NewField(schema.HostName, "", event.String(host(n))), event.NewField(schema.HostID, "", event.String(strconv.Itoa(n)))}
		sets = append(sets, set, set[:1], nil)
	}
	v := New([]schema.Key{schema.HostName, schema.HostID})
	v.Watch(3, []schema.Key{schema.HostID})
	rapid.Check(t, func(t *rapid.T) {
		for _, at := range rapid.SliceOfN(rapid.IntRange(0, len(sets)-1), 1, 400).Draw(t, "turns") {
			e := &event.Event{Shared: sets[at]}
			v.Load(e)
			name, id, bit := host(at/3), strconv.Itoa(at/3), uint64(1<<3)
			if at%3 > 0 {
				id, bit = "", 0
			}
			if at%3 > 1 {
				name = ""
			}
			all, own := v.Seen()
			if v.Str(schema.HostName) != name || v.Str(schema.HostID) != id || all != bit || own != 0 {
				t.Fatalf("set %d: %q, %q, %b, %b", at, v.Str(schema.HostName), v.Str(schema.HostID), all, own)
			}
			v.Clear()
		}
		if len(v.sets) > mostSets {
			t.Fatalf("%d sets are known", len(v.sets))
		}
	})
}

// What a view finds is what a search of the fields finds.
func TestWhatIsFound(t *testing.T) {
	asked := []schema.Key{schema.HostName, schema.ProcessArgs, schema.UserName}
	v := New(asked)
	for i, k := range asked {
		v.Watch(i, []schema.Key{k})
	}
	values := []event.Value{event.String(""), event.String("a"), event.String("b"), event.Int(0)}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string) (f event.Fields) {
			for range rapid.IntRange(0, 5).Draw(t, what) {
				f = append(f, event.NewField(rapid.SampledFrom(append(asked, schema.FilePath, schema.None)).Draw(t, "key"), "", rapid.SampledFrom(values).Draw(t, "value")))
			}
			return f
		}
		e := &event.Event{Fields: draw("own"), Shared: draw("shared")}
		v.Load(e)
		defer v.Clear()
		all, own := v.Seen()
		for i, k := range asked {
			first, count := event.Value{}, 0
			mine := false
			for n, fields := range []event.Fields{e.Fields, e.Shared} {
				for val := range fields.All(k) {
					if Empty(val) || count > 0 && mine != (n == 0) {
						continue
					}
					if count++; count == 1 {
						first, mine = val, n == 0
					}
				}
			}
			if !v.Get(k).Equal(first) || v.Has(k) != (count > 0) || all>>i&1 != 0 != (count > 0) || own>>i&1 != 0 != mine {
				t.Fatalf("%v: %v, %v, %b, %b; want %v, %d of them, its own %v", k, v.Get(k), v.Has(k), all, own, first, count, mine)
			}
			if count > 1 && v.One(k) {
				t.Fatalf("%v: there are %d, and one is said", k, count)
			}
			if fields := v.Fields(k); count > 0 && !fields[0].Value().Equal(first) {
				t.Fatalf("%v: the fields begin with %v", k, fields[0])
			}
		}
	})
}

func TestNothingIsAllocatedForSetsInTurn(t *testing.T) {
	var events []*event.Event
	for n := range mostSets - 1 { // that of no field is known as well
		events = append(events, &event.Event{Shared: event.Fields{event.NewField(schema.HostName, "", event.String(strconv.Itoa(n)))}})
	}
	v := New([]schema.Key{schema.HostName})
	turn := func() {
		for _, e := range events {
			v.Load(e)
			v.Clear()
		}
	}
	if n := testing.AllocsPerRun(10, turn); n != 0 {
		t.Errorf("%v allocations for %d events", n, len(events))
	}
}
