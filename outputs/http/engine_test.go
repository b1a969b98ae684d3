package http

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"tallyman/pipeline/enginetest"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestWeatherThroughTheEngine: a search store that fails in every way by chance, that is
// busy for single events and refuses others, behind the real journal and engine, with
// stops and kills between. Each event is there once, or among the dead letters, and
// the books agree.
func TestWeatherThroughTheEngine(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := plugintest.NewWeather(t, seed, 40, enginetest.Troubles(seed)...)
			d := newDouble(t, opensearch, func(d *double) {
				d.refuse = func(_, text string) string {
					switch {
					case poisoned(text):
						return `{"status":400,"error":{"type":"mapper_parsing_exception","reason":"no"}}`
					case w.Left() > 0 && w.Int(20) == 0:
						return `{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"busy"}}`
					}
					return ""
				}
			})
			rough := httptest.NewServer(enginetest.Unkept(w.HTTP(d)))
			defer rough.Close()
			s := settingsFor(t, opensearch, rough.URL)
			s.MaxEvents, s.MaxBytes = 5+w.Int(20), leastBody+plugin.Size(w.Int(leastBody))
			o := enginetest.Run{
				Output:  func(env plugin.Env) (plugin.Output, error) { return New(s, env) },
				Weather: w, Events: 300, Lives: 3,
			}.Deliver(t)
			w.Balance(d.stored(), 300, o.Dead, plugintest.Never)
			if refused := len(o.Dead); refused != 8 { // one of each 37
				t.Errorf("%d events are refused", refused)
			}
		})
	}
}
