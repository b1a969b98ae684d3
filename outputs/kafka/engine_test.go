package kafka

import (
	"fmt"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"tallyman/pipeline/enginetest"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestWeatherThroughTheEngine: connections to a broker that break off by chance, as a
// request arrives or as its answer leaves, behind the real journal and engine, with
// stops and kills between. Each event arrives, and the books agree. A connection that
// breaks off takes the answers of other requests with it, so that what was in it comes
// again.
func TestWeatherThroughTheEngine(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			kind := plugintest.Reset
			if seed%2 == 1 {
				kind = plugintest.ResetLate
			}
			w := plugintest.NewWeather(t, seed, 25, kind)
			c := broker(t, kfake.SeedTopics(3, "audit"), kfake.ListenFn(func(network, address string) (net.Listener, error) {
				ln, err := net.Listen(network, address)
				if err != nil {
					return nil, err
				}
				return w.Listener(ln), nil
			}))
			s := settingsFor("audit", c.ListenAddrs()...)
			s.MaxMessage = 4 << 10
			o := enginetest.Run{
				Output:  func(env plugin.Env) (plugin.Output, error) { return Plugin.Output(s, env) },
				Weather: w, Events: 300, Lives: 3,
			}.Deliver(t)
			var all []string
			for p := range 3 {
				all = append(all, texts(stored(t, c, "audit", p))...)
			}
			w.Balance(all, 300, o.Dead, plugintest.Freely)
			if got := o.Book.Counts.Delivered; got != 300 {
				t.Errorf("the book says that %d are delivered", got)
			}
		})
	}
}
