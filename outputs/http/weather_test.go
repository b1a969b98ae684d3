package http

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestWeather: a receiver that fails in every way by chance. Each event arrives, or is
// refused with a reason; it arrives twice only where an answer was lost, and never at a
// receiver that knows events by their ids.
func TestWeather(t *testing.T) {
	for _, preset := range presets {
		for seed := range uint64(24) {
			t.Run(fmt.Sprintf("%s/seed %d", preset, seed), func(t *testing.T) {
				kinds := plugintest.Certain
				if seed%2 == 1 {
					kinds = slices.Concat(kinds, plugintest.Doubtful)
				}
				w := plugintest.NewWeather(t, seed, 20, kinds...)
				d := newDouble(t, preset, func(d *double) {
					d.refuse = func(_, text string) string {
						switch {
						case poisoned(text):
							return `{"status":400,"error":{"type":"mapper_parsing_exception","reason":"no"}}`
						case w.Left() > 0 && w.Int(20) == 0:
							return `{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"busy"}}`
						}
						return ""
					}
					d.statuses = func(body []byte) int {
						if preset != elasticsearch && preset != opensearch && poisoned(string(body)) {
							return 400
						}
						return 0
					}
				})
				rough := httptest.NewServer(w.HTTP(d))
				defer rough.Close()
				s := settingsFor(t, preset, rough.URL)
				s.MaxEvents, s.MaxBytes = 5+w.Int(20), leastBody+plugin.Size(w.Int(leastBody))
				out := open(t, s)
				n, dead := 0, map[int]error{}
				for w.Left() > 0 || n < 100 {
					size := 1 + w.Int(40)
					for i, err := range w.Send(out, plugintest.Events(n, size)) {
						dead[n+i] = err
					}
					n += size
				}
				twice := plugintest.InDoubt
				if preset == elasticsearch || preset == opensearch {
					twice = plugintest.Never
				}
				w.Balance(d.stored(), n, dead, twice)
				if len(dead) == 0 {
					t.Error("nothing was refused for good: this tests little")
				}
			})
		}
	}
}

// poisoned reports whether a body holds an event that the receiver never takes: one
// of each 37.
func poisoned(text string) bool {
	for i := 11; i < 2000; i += 37 {
		if strings.Contains(text, fmt.Sprintf("tally-%06d-mark", i)) {
			return true
		}
	}
	return false
}
