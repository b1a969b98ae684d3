package kafka

import (
	"fmt"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

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
			s.MaxMessage = 2 << 10
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

// TestOneBadEventThroughTheEngine: an event that a broker refuses for good becomes a
// dead letter, and stops no other, also none of its partition.
func TestOneBadEventThroughTheEngine(t *testing.T) {
	for _, refusal := range []*kerr.Error{kerr.InvalidRecord, kerr.MessageTooLarge, kerr.RecordListTooLarge} {
		t.Run(refusal.Message, func(t *testing.T) {
			w := plugintest.NewWeather(t, 1, 0)
			c := broker(t, kfake.SeedTopics(3, "audit"))
			c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				answer, found := refusing(r.(*kmsg.ProduceRequest), refusal.Code)
				return answer, nil, found
			})
			s := settingsFor("audit", c.ListenAddrs()...)
			s.Compression, s.Key.Value = codecNone, ""
			o := enginetest.Run{Output: func(env plugin.Env) (plugin.Output, error) { return Plugin.Output(s, env) }, Weather: w, Events: 100}.Deliver(t)
			o.Refused(t, 100)
			var all []string
			for p := range 3 {
				all = append(all, texts(stored(t, c, "audit", p))...)
			}
			w.Balance(all, 100, o.Dead, plugintest.Freely)
		})
	}
}

// refusing answers a request that holds a bad event in any of its batches: what it has
// for other partitions is refused for now.
func refusing(r *kmsg.ProduceRequest, code int16) (answer *kmsg.ProduceResponse, found bool) {
	answer = r.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range r.Topics {
		to := kmsg.NewProduceResponseTopic()
		to.Topic = topic.Topic
		for _, p := range topic.Partitions {
			one := kmsg.NewProduceResponseTopicPartition()
			one.Partition, one.ErrorCode = p.Partition, kerr.NotEnoughReplicas.Code
			if enginetest.Bad(string(p.Records)) {
				one.ErrorCode, found = code, true
			}
			to.Partitions = append(to.Partitions, one)
		}
		answer.Topics = append(answer.Topics, to)
	}
	return answer, found
}
