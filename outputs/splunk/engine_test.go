package splunk

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"tallyman/pipeline/enginetest"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestWeatherThroughTheEngine: a collector that fails in every way by chance, with and
// without acknowledgement, behind the real journal and engine, with stops and kills
// between. Each event arrives, twice only where an answer was lost or something was
// under way as a life ended, and the books agree.
func TestWeatherThroughTheEngine(t *testing.T) {
	for seed := range uint64(16) {
		ack := seed%4 < 2
		t.Run(fmt.Sprintf("seed %d, ack %v", seed, ack), func(t *testing.T) {
			w := plugintest.NewWeather(t, seed, 40, enginetest.Troubles(seed)...)
			d := newDouble(t, func(d *splunkDouble) { d.ack = ack })
			rough := httptest.NewServer(enginetest.Unkept(w.HTTP(d)))
			defer rough.Close()
			s := settingsFor(t, rough.URL)
			s.Ack, s.MaxBytes = ack, leastBody+plugin.Size(w.Int(leastBody))
			lives := 3
			if seed%8 == 2 {
				lives = 0 // nothing is in doubt then: each event is there once
			}
			o := enginetest.Run{
				Output:  func(env plugin.Env) (plugin.Output, error) { return New(s, env) },
				Weather: w, Events: 300, Lives: lives,
			}.Deliver(t)
			twice := plugintest.InDoubt
			if ack {
				twice = plugintest.Freely // an acknowledgement that cannot be asked for is late
			}
			w.Balance(d.texts(), 300, o.Dead, twice)
			if got := o.Book.Counts; ack && got.Delivered != 300 || !ack && got.Unconfirmed != 300 {
				t.Errorf("the book says %+v", got)
			}
		})
	}
}

// TestOneBadEventThroughTheEngine: an event that Splunk refuses for good, whether it
// says which or not, becomes a dead letter, and stops no other.
func TestOneBadEventThroughTheEngine(t *testing.T) {
	for _, ack := range []bool{false, true} {
		for _, named := range []bool{false, true} {
			t.Run(fmt.Sprintf("ack %v, named %v", ack, named), func(t *testing.T) {
				w := plugintest.NewWeather(t, 1, 0)
				d := newDouble(t, func(d *splunkDouble) {
					d.ack = ack
					d.refuse = func(event string) (bool, bool) { return enginetest.Bad(event), named }
				})
				rough := httptest.NewServer(enginetest.Unkept(d))
				defer rough.Close()
				s := settingsFor(t, rough.URL)
				s.Ack = ack
				o := enginetest.Run{Output: func(env plugin.Env) (plugin.Output, error) { return New(s, env) }, Weather: w, Events: 100}.Deliver(t)
				o.Refused(t, 100)
				w.Balance(d.texts(), 100, o.Dead, plugintest.Freely)
			})
		}
	}
}
