package http

import (
	"fmt"
	"net/http"
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

// TestOneBadEventThroughTheEngine: an event that a receiver refuses for good, alone or
// with what is in its body, becomes a dead letter, and stops no other.
func TestOneBadEventThroughTheEngine(t *testing.T) {
	for _, preset := range presets {
		for _, status := range []int{400, 413, 422} {
			t.Run(fmt.Sprintf("%s/%d", preset, status), func(t *testing.T) {
				w := plugintest.NewWeather(t, uint64(status), 0)
				d := newDouble(t, preset, func(d *double) {
					d.trouble = func(n int, w http.ResponseWriter) bool {
						bad := enginetest.Bad(string(d.bodies[n]))
						if bad {
							say(w, status, `{"error":{"type":"x_content_parse_exception","reason":"no"}}`)
						}
						return bad
					}
				})
				rough := httptest.NewServer(enginetest.Unkept(d))
				defer rough.Close()
				s := settingsFor(t, preset, rough.URL)
				s.Web.Compression = "none"
				o := enginetest.Run{Output: func(env plugin.Env) (plugin.Output, error) { return New(s, env) }, Weather: w, Events: 100}.Deliver(t)
				o.Refused(t, 100)
				w.Balance(d.stored(), 100, o.Dead, plugintest.Freely)
			})
		}
	}
}
