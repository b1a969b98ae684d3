package container

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// An index holds what a map would, whatever is set and removed, also where many come
// to the same slot.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		want := map[who]ref{}
		most := rapid.Int32Range(1, 300).Draw(t, "pids")
		one := rapid.Custom(func(t *rapid.T) who {
			return who{rapid.Uint32Range(0, 1).Draw(t, "node"), rapid.Int32Range(0, most).Draw(t, "pid")}
		})
		crowded := rapid.Bool().Draw(t, "crowded")
		for step := range rapid.IntRange(0, 400).Draw(t, "steps") {
			w := one.Draw(t, "who")
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2:
				x.remove(w)
				delete(want, w)
			case 3:
				if rapid.IntRange(0, 30).Draw(t, "clear") == 0 {
					x.clear()
					clear(want)
				}
			default:
				l := ref(step + 1)
				if x.set(w, l); crowded && x.odd != 0 {
					crowd(&x)
				}
				want[w] = l
			}
			if got := x.get(w); got != want[w] {
				t.Fatalf("%v is %d, want %d", w, got, want[w])
			}
		}
		if got := maps.Collect(x.all()); !maps.Equal(got, want) || x.n != len(want) {
			t.Fatalf("%d counted: %v, want %v", x.n, got, want)
		}
		for w, l := range want {
			if x.get(w) != l {
				t.Fatalf("%v is not found", w)
			}
		}
	})
}

// crowd has all pids of x come to the same slot.
func crowd(x *index) {
	before := maps.Collect(x.all())
	x.clear()
	x.odd = 0
	for w, l := range before {
		x.set(w, l)
	}
}
