package meter

import (
	"slices"
	"testing"
)

func TestMetersOfOneNameAreOne(t *testing.T) {
	var r Registry
	r.Counter("a_total", "A.", Label{"out", "x"}, Label{"in", "y"}).Inc()
	r.Counter("a_total", "A.", Label{"in", "y"}, Label{"out", "x"}).Add(2)
	r.Gauge("b", "B.").Set(-4)
	r.Func("c", "C.", KindGauge, func() float64 { return 1 })
	r.Func("c", "C.", KindGauge, func() float64 { return 2 })
	got := map[string]float64{}
	r.Each(func(s Sample) { got[s.Name] += s.Value })
	if len(got) != 3 || got["a_total"] != 3 || got["b"] != -4 || got["c"] != 2 {
		t.Errorf("read %v", got)
	}
}

func TestNilRegistryCounts(t *testing.T) {
	var r *Registry
	c := r.Counter("a_total", "A.")
	c.Inc()
	r.Func("b", "B.", KindGauge, nil)
	r.Each(func(Sample) { t.Error("a nil registry served a number") })
	if c.Value() != 1 {
		t.Error("the counter did not count")
	}
}

func TestMulti(t *testing.T) {
	var r Registry
	r.Multi(func(emit func(Sample)) {
		emit(Sample{Name: "a", Value: 1})
		emit(Sample{Name: "b", Value: 2})
	})
	var got []string
	r.Each(func(s Sample) { got = append(got, s.Name) })
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v", got)
	}
}

func TestDistinct(t *testing.T) {
	var r Registry
	share := func(keys ...string) func() {
		return r.Distinct("a", "A.", func(emit func(string)) {
			for _, k := range keys {
				emit(k)
			}
		}, Label{"out", "x"})
	}
	want := func(n float64) {
		t.Helper()
		served := 0
		r.Each(func(s Sample) {
			if served++; s.Value != n || s.Kind != KindGauge {
				t.Errorf("it is %v, want %v", s.Value, n)
			}
		})
		if served != 1 {
			t.Errorf("served %d times", served)
		}
	}
	one, two := share("p", "q"), share("q")
	want(2)
	one()
	want(1)
	two()
	two()
	want(0)
	(*Registry)(nil).Distinct("a", "A.", nil)()
}
