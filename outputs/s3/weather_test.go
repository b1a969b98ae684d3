package s3

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestWeather: a store that fails in every way by chance, and kills between: each
// event is there once, and the archive is whole. What is large goes up in parts.
func TestWeather(t *testing.T) {
	key(t)
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			kinds := plugintest.Certain
			if seed%2 == 1 {
				kinds = slices.Concat(kinds, plugintest.Doubtful)
			}
			w := plugintest.NewWeather(t, seed, 25, kinds...)
			s, store, clock := s3test.New(t), new(plugintest.Store), noon
			rough := httptest.NewServer(w.HTTP(s))
			defer rough.Close()
			set := to(s)
			set.Endpoint.Value = rough.URL
			set.MaxSize = plugin.Size(300 + w.Int(1000))
			lastLife := func() plugin.Collector { return begin(t, set, store, &clock).output }
			n, dead := w.Collect(lastLife, func(d time.Duration) { clock = clock.Add(min(d, set.MaxAge)) }, 60)
			w.Balance(lines(t, s), n, dead, plugintest.Never)
			set.Endpoint.Value = s.URL
			begin(t, set, store, &clock).settle(true) // the last manifest
			if r := verify(t, s, true); !r.OK() || r.Archives[0].Events != uint64(n) || r.Archives[0].Newer != 0 {
				t.Errorf("the archive is not whole: %+v", r)
			}
		})
	}
}
