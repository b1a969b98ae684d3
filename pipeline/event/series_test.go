package event

import "testing"

// TestSeries: ids of one series count, those of two have nothing in common, though
// host and input are the same, and where the count is at its end another series begins.
func TestSeries(t *testing.T) {
	a, b := NewSeries("host", "in"), NewSeries("host", "in")
	seen := map[ID]bool{}
	for range 1000 {
		for _, s := range []*Series{a, b} {
			id := s.Next()
			if id.IsZero() || seen[id] {
				t.Fatalf("%s is there twice, or is none", id)
			}
			seen[id] = true
		}
	}
	x, y := a.Next(), a.Next()
	if [14]byte(x[:14]) != [14]byte(y[:14]) || y[15] != x[15]+1 {
		t.Errorf("%x and %x do not count", x, y)
	}
	if z := b.Next(); [10]byte(z[:10]) == [10]byte(x[:10]) {
		t.Errorf("two series begin with %x", z[:10])
	}
	a.low |= 1<<counted - 1
	if z := a.Next(); [10]byte(z[:10]) == [10]byte(x[:10]) || z[15] != 1 {
		t.Errorf("after the last of a series came %x", z)
	}
	if n := testing.AllocsPerRun(100, func() { a.Next() }); n != 0 {
		t.Errorf("an id takes %v allocations", n)
	}
}
