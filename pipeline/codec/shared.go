package codec

import (
	"slices"
	"strings"

	"tallyman/pipeline/event"
)

// sharedSet is a set of shared fields that was read before. Frame after frame
// holds the same few; who gets the same memory again need not look at it again.
type sharedSet struct {
	raw  string   // its bytes
	keys []column // that they refer to
	set  event.Fields
}

// knownSets is how many sets are known: one per input or log file.
const knownSets = 8

// shared reads a set.
func (d *Decoder) shared(r *reader) event.Fields {
	for i := range d.known {
		k := d.known[i]
		if strings.HasPrefix(r.rest(), k.raw) && len(d.keys) >= len(k.keys) && slices.Equal(d.keys[:len(k.keys)], k.keys) {
			r.at += len(k.raw)
			copy(d.known[1:i+1], d.known[:i])
			d.known[0] = k
			return k.set
		}
	}
	from := r.at
	set := r.fields(d.keys, nil)
	if r.bad || len(set) == 0 {
		return set
	}
	if !r.first {
		own := reader{s: strings.Clone(r.s[from:r.at])} // or it would keep the whole frame
		k := sharedSet{raw: own.s, keys: slices.Clone(d.keys[:min(len(set), len(d.keys))])}
		for i := range k.keys {
			k.keys[i].alien = strings.Clone(k.keys[i].alien)
		}
		// Keys are numbered in the order of their first use, so a first set uses no
		// others; one that does is not remembered.
		if k.set = own.fields(k.keys, nil); !own.bad {
			d.known = slices.Insert(d.known, 0, k)
			if len(d.known) > knownSets {
				d.known = d.known[:knownSets]
			}
			return k.set
		}
	}
	for i := range set { // formats keep sets, to know them again
		set[i] = set[i].Clone()
	}
	return set
}
