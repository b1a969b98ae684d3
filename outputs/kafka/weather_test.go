package kafka

import (
	"fmt"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tallyman/pipeline/plugintest"
)

// TestWeather: brokers that refuse, and connections that break off as a request
// arrives or, with odd seeds, as its answer leaves, all by chance. Each event arrives;
// a connection that breaks off takes the answers of other requests with it, so that what
// was in it comes again.
func TestWeather(t *testing.T) {
	faults := []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut, kerr.UnknownServerError, kerr.TopicAuthorizationFailed, kerr.KafkaStorageError}
	for seed := range uint64(16) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			kind := plugintest.Reset
			if seed%2 == 1 {
				kind = plugintest.ResetLate
			}
			w := plugintest.NewWeather(t, seed, 12, kind)
			c := broker(t, kfake.SeedTopics(3, "audit"), kfake.ListenFn(func(network, address string) (net.Listener, error) {
				ln, err := net.Listen(network, address)
				if err != nil {
					return nil, err
				}
				return w.Listener(ln), nil
			}))
			s := settingsFor("audit", c.ListenAddrs()...)
			s.MaxMessage = 2 << 10
			o := open(t, s)
			n, dead := 0, map[int]error{}
			for w.Left() > 0 || n < 100 {
				c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{int32(w.Int(3))}, Err: faults[w.Int(len(faults))], Count: 1 + w.Int(2)})
				size := 1 + w.Int(60)
				for i, err := range w.Send(o, plugintest.Events(n, size)) {
					dead[n+i] = err
				}
				n += size
			}
			var all []string
			for p := range 3 {
				all = append(all, texts(stored(t, c, "audit", p))...)
			}
			w.Balance(all, n, dead, plugintest.Freely)
		})
	}
}
