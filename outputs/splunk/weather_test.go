package splunk

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// weather is a double behind an address that fails by chance, in ways that leave no
// doubt where the seed is even.
func weather(t *testing.T, seed uint64, ack bool) (*plugintest.Weather, *splunkDouble, *Settings) {
	t.Helper()
	kinds := plugintest.Certain
	if seed%2 == 1 {
		kinds = slices.Concat(kinds, plugintest.Doubtful)
	}
	w := plugintest.NewWeather(t, seed, 20, kinds...)
	d := newDouble(t, func(d *splunkDouble) { d.ack = ack })
	rough := httptest.NewServer(w.HTTP(d))
	t.Cleanup(rough.Close)
	s := settingsFor(t, rough.URL)
	s.Ack, s.MaxBytes = ack, leastBody+plugin.Size(w.Int(leastBody))
	return w, d, s
}

// TestWeather: a receiver that fails in every way by chance, without acknowledgement.
// Each event arrives, twice only where an answer was lost.
func TestWeather(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w, d, s := weather(t, seed, false)
			out, _ := open(t, s)
			n, dead := 0, map[int]error{}
			for w.Left() > 0 || n < 100 {
				size := 1 + w.Int(40)
				for i, err := range w.Send(out, marks(n, size)) {
					dead[n+i] = err
				}
				n += size
			}
			w.Balance(d.texts(), n, dead, plugintest.InDoubt)
		})
	}
}

// TestWeatherWithAcknowledgement is the same with acknowledgement, where requests for
// them fail as well, which makes them late, and with kills between.
func TestWeatherWithAcknowledgement(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w, d, s := weather(t, seed, true)
			at := &clock{at: time.Unix(1_700_000_000, 0)}
			n, dead := w.Collect(func() plugin.Collector {
				env := plugintest.Env(t.TempDir())
				env.Now = at.now
				out, err := New(s, env)
				if err != nil {
					t.Fatal(err)
				}
				c := out.(*collector)
				c.now, c.wait = at.now, at.wait
				return c
			}, func(d time.Duration) { at.at = at.at.Add(d) }, 40)
			w.Balance(d.texts(), n, dead, plugintest.Freely)
		})
	}
}
