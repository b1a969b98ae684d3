package runtimes

import (
	"fmt"
	"runtime"
	"testing"
)

// filled returns a store with n containers of twelve labels each.
func filled(n int) *Store {
	s, _ := testStore(n)
	for i := range n {
		labels := map[string]string{}
		for l := range 12 {
			labels[fmt.Sprintf("org.example.label-%d", l)] = fmt.Sprintf("value-%d-%d", i, l)
		}
		c := &Container{ID: far(i), Name: fmt.Sprintf("name-%d", i), Runtime: Docker, Labels: labels}
		c.setImage("reg.example/shop/api:1.2")
		s.put(theEngine, c)
	}
	return s
}

func BenchmarkLookup(b *testing.B) {
	s := filled(defaultMax)
	ids := []string{far(1), far(9000), far(16000), far(3)[:12], far(1 << 40)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Lookup(ids[i%len(ids)])
	}
}

func BenchmarkPutAgain(b *testing.B) {
	s := filled(1000)
	for i := 0; b.Loop(); i++ {
		c := s.of(theEngine, far(i%1000))
		s.put(theEngine, c)
	}
}

// BenchmarkMemory reports what one container takes, with its labels.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := filled(defaultMax)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(s.byID)), "B/container")
	}
}
