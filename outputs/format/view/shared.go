package view

import "tallyman/pipeline/event"

// Known is a set that events share, looked at once: lanes and frames give the same
// one to hundreds of events.
type Known struct {
	at    place   // holds the set's memory, so that no other can lie there
	place []int32 // as View's, of this set alone
	many  Set
	seen  uint64

	Memo Memo
}

// Memo is what a format keeps with a set.
type Memo struct {
	Made bool
	Has  uint64 // the bits, as of Watch, of what is written below
	Text []byte // one after the other
	Ends []int  // where each of them ends in Text
}

// mostSets is how many sets are known: more than a host has inputs and containers.
const mostSets = 256

// place is where a set lies: no two that are known have the same.
type place struct {
	first *event.Field
	size  int
}

func placeOf(set event.Fields) place {
	if len(set) == 0 {
		return place{}
	}
	return place{&set[0], len(set)}
}

// share returns what is known of a set.
func (v *View) share(set event.Fields) *Known {
	at := placeOf(set)
	if v.known.at == at {
		return v.known
	}
	if k := v.sets[at]; k != nil {
		return k
	}
	return v.take(set)
}

// take looks at a set. Where there are too many, any other is forgotten.
func (v *View) take(set event.Fields) *Known {
	var k *Known
	if len(v.sets) < mostSets {
		k = &Known{}
	} else {
		for other, old := range v.sets {
			delete(v.sets, other)
			k = old // its memory serves again
			break
		}
	}
	*k = Known{at: placeOf(set), place: append(k.place[:0], make([]int32, len(v.place))...), Memo: Memo{Text: k.Memo.Text[:0], Ends: k.Memo.Ends[:0]}}
	v.sets[k.at] = k
	for i := range set {
		f := &set[i]
		if int(f.Key) >= len(v.slot) || v.slot[f.Key] == 0 {
			continue
		}
		switch n := v.slot[f.Key]; {
		case k.place[n] != 0:
			k.many.add(n)
		case !Empty(f.Value()):
			k.place[n] = -1 - int32(i)
			k.seen |= v.use[n]
		}
	}
	return k
}
