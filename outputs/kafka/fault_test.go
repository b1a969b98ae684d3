package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// settled sends as the engine does: what failed for now is sent again alone, and
// what failed for good is returned.
func settled(t testing.TB, o *output, n int) (dead []error, tries int) {
	t.Helper()
	ctx := bounded(t)
	events := keyed(n, 7)
	for len(events) > 0 && ctx.Err() == nil {
		tries++
		err := o.Send(ctx, events)
		if err == nil {
			return dead, tries
		}
		if kindOf(err) != plugin.KindPartial {
			continue
		}
		rest := events[:0:0]
		failed := failures(t, err)
		for i := range events {
			switch {
			case failed[i] == nil:
			case kindOf(failed[i]) == plugin.KindPermanent:
				dead = append(dead, failed[i])
			default:
				rest = append(rest, events[i])
			}
		}
		events = rest
	}
	return dead, tries
}

// TestO10OrderSurvivesFaults: whatever a broker answers for some partitions, no
// event is missing, and the first of each comes in the order of its key.
func TestO10OrderSurvivesFaults(t *testing.T) {
	for _, fault := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut, kerr.UnknownServerError,
		kerr.TopicAuthorizationFailed, kerr.KafkaStorageError, kerr.CorruptMessage} {
		t.Run(fault.Message, func(t *testing.T) {
			c := broker(t, kfake.SeedTopics(3, "audit"))
			s := settingsFor("audit", c.ListenAddrs()...)
			s.MaxMessage = 2 << 10 // many batches of each partition
			o := open(t, s)
			c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: fault, Count: 3})
			if dead, tries := settled(t, o, 300); len(dead) > 0 || tries < 2 {
				t.Fatalf("%d tries, dead: %v", tries, dead)
			}
			seen := map[string]bool{}
			for p := range 3 {
				last := map[string]string{}
				for _, m := range stored(t, c, "audit", p) {
					at := strings.Index(string(m.Value), "tally-")
					mark := string(m.Value)[at : at+12]
					if seen[mark] {
						continue
					}
					if seen[mark] = true; mark < last[string(m.Key)] {
						t.Errorf("of key %s, %s comes after %s", m.Key, mark, last[string(m.Key)])
					}
					last[string(m.Key)] = mark
				}
			}
			if len(seen) != 300 {
				t.Errorf("%d of 300 are there", len(seen))
			}
		})
	}
}

// TestO11MissingTopicAndAccess: they are tried again, and the error says what is
// missing; nothing is given up.
func TestO11MissingTopicAndAccess(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	o := open(t, settingsFor("absent", c.ListenAddrs()...))
	for i, err := range failures(t, o.Send(bounded(t), keyed(3, 1))) {
		if kindOf(err) != plugin.KindRetry || !strings.Contains(err.Error(), "kafka-topics --create --topic absent") {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := o.Probe(bounded(t)); err == nil {
		t.Error("the probe finds nothing")
	}
	o = open(t, settingsFor("audit", c.ListenAddrs()...))
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed})
	for i, err := range failures(t, o.Send(bounded(t), keyed(3, 1))) {
		if kindOf(err) != plugin.KindRetry || !errors.Is(err, kafka.TopicAuthorizationFailed) || !strings.Contains(err.Error(), "operation WRITE on topic audit") {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := o.Probe(bounded(t)); err != nil {
		t.Errorf("the probe: %v", err)
	}
}

// TestO17OnlyTheLargeOneDies: of a batch that a broker finds too large, the one
// that is goes to the dead letters, and the others are delivered in order.
func TestO17OnlyTheLargeOneDies(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	if err := c.CreateTopic("small", 1, map[string]string{"max.message.bytes": "2000"}); err != nil {
		t.Fatal(err)
	}
	s := settingsFor("small", c.ListenAddrs()...)
	s.Compression, s.Key.Value = codecNone, ""
	o := open(t, s)
	events := plugintest.Events(0, 9)
	large := strings.Repeat("x", 3000)
	events[4].Raw = large
	failed := failures(t, o.Send(bounded(t), events))
	if len(failed) != 1 || kindOf(failed[4]) != plugin.KindPermanent || !strings.Contains(failed[4].Error(), "max.message.bytes") {
		t.Fatalf("%v", failed)
	}
	if got := texts(stored(t, c, "small", 0)); len(got) != 8 || !slices.IsSorted(marks(got)) {
		t.Errorf("%d came, in the order %v", len(got), marks(got))
	}
	s = settingsFor("audit", c.ListenAddrs()...)
	s.MaxMessage = 2 << 10
	failed = failures(t, open(t, s).Send(bounded(t), events))
	if len(failed) != 1 || kindOf(failed[4]) != plugin.KindPermanent || !strings.Contains(failed[4].Error(), "max_message") {
		t.Errorf("%v", failed)
	}
}

func marks(list []string) (out []string) {
	for _, m := range list {
		at := strings.Index(m, "tally-")
		out = append(out, m[at:at+12])
	}
	return out
}

// TestLeaderMoves: after a partition has moved, its new leader is found.
func TestLeaderMoves(t *testing.T) {
	c := broker(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "audit"))
	o := open(t, settingsFor("audit", c.ListenAddrs()...))
	if dead, _ := settled(t, o, 10); len(dead) > 0 {
		t.Fatal(dead)
	}
	if err := c.MoveTopicPartition("audit", 0, (c.LeaderFor("audit", 0)+1)%3); err != nil {
		t.Fatal(err)
	}
	if dead, _ := settled(t, o, 10); len(dead) > 0 {
		t.Fatal(dead)
	}
	if got := stored(t, c, "audit", 0); len(got) != 20 {
		t.Errorf("%d of 20 are there", len(got))
	}
}

// TestSASL: each mechanism lets us in, and a wrong password is said, not shown.
func TestSASL(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		c := broker(t, kfake.SeedTopics(1, "audit"), kfake.EnableSASL(), kfake.Superuser(mechanism, "tally", "s3cret"))
		s := settingsFor("audit", c.ListenAddrs()...)
		s.Link.SASL = sasl(t, mechanism, "s3cret")
		if err := open(t, s).Send(bounded(t), keyed(3, 1)); err != nil {
			t.Errorf("%s: %v", mechanism, err)
		}
		s.Link.SASL = sasl(t, mechanism, "wr0ng")
		err := open(t, s).Send(bounded(t), keyed(3, 1))
		if kindOf(err) != plugin.KindRetry || err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, s), "wr0ng") {
			t.Errorf("%s with a wrong password: %v", mechanism, err)
		}
	}
}

// TestKeyGoesWhereOthersPutIt: the partition of a key is that of Kafka's own
// producers.
func TestKeyGoesWhereOthersPutIt(t *testing.T) {
	parts := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for n := range 100 {
		key := []byte(strings.Repeat("k\xff", n) + fmt.Sprint(n))
		if got, want := partition(key, len(parts)), (kafka.Murmur2Balancer{}).Balance(kafka.Message{Key: key}, parts...); got != want {
			t.Fatalf("%q goes to %d, want %d", key, got, want)
		}
	}
}

// TestTopicsAreConfined: what an event holds cannot leave the legal names, nor
// the beginning that is fixed.
func TestTopicsAreConfined(t *testing.T) {
	s := settingsFor("audit-{{ message }}", "127.0.0.1:9092")
	o := open(t, s)
	for text, want := range map[string]string{"a/../b\x00": "audit-a_.._b_", "": "audit-none", strings.Repeat("y", 300): "audit-" + strings.Repeat("y", 243)} {
		events := plugintest.Events(0, 1)
		events[0].Fields = nil
		if text != "" {
			events = plugintest.Events(0, 1)
			events[0].Fields[0].SetValue(value(text))
		}
		if got := o.topic(&events[0]); got != want {
			t.Errorf("%q leads to %q, want %q", text, got, want)
		}
	}
}

// TestStopped: a Send that is stopped returns.
func TestStopped(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := open(t, settingsFor("audit", c.ListenAddrs()...)).Send(ctx, keyed(3, 1)); err == nil {
		t.Error("it says that all was delivered")
	}
}

// TestABatchIsMeasuredPacked: what becomes small is one batch, though it was larger than
// max_message; what does not is as many as that takes, and none is refused.
func TestABatchIsMeasuredPacked(t *testing.T) {
	const most = 10_000
	c := broker(t)
	if err := c.CreateTopic("small", 1, map[string]string{"max.message.bytes": fmt.Sprint(most + most/10)}); err != nil {
		t.Fatal(err)
	}
	chance := rand.NewChaCha8([32]byte{7})
	text := func(of int) string {
		b := make([]byte, of)
		_, _ = chance.Read(b) // it never fails
		return base64.StdEncoding.EncodeToString(b)
	}
	same := text(100)
	for _, x := range []struct {
		name        string
		text        func() string
		least, most uint64 // batches
	}{
		{"alike", func() string { return same }, 1, 1},
		{"of chance", func() string { return text(600) }, 3, 9},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := settingsFor("small", c.ListenAddrs()...)
			s.MaxMessage, s.Format.OnlyFields = most, []string{"message"}
			o := open(t, s)
			events := keyed(40, 1)
			for i := range events {
				events[i].Fields.Set(schema.Message, event.String(x.text()))
			}
			before := len(stored(t, c, "small", 0))
			if err := o.Send(bounded(t), events); err != nil {
				t.Fatal(err)
			}
			if got := len(stored(t, c, "small", 0)) - before; got != len(events) || o.splits.Value() > 0 || o.batches.Value() < x.least || o.batches.Value() > x.most {
				t.Errorf("%d of %d events in %d batches, %d refused", got, len(events), o.batches.Value(), o.splits.Value())
			}
			// A broker that measures something else is not asked twice.
			c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: 1})
			for range 3 {
				if err := o.Send(bounded(t), events); err != nil {
					t.Fatal(err)
				}
			}
			if n := o.splits.Value(); n != 1 || !o.narrow {
				t.Errorf("%d refused", n)
			}
		})
	}
}

// TestABatchIsNoBomb: however small it becomes, a batch has not more in it than the largest
// max_message allows for: a reader has its limit of what is unpacked (max_batch of our own
// input is 64 MiB), and passes over a larger one.
func TestABatchIsNoBomb(t *testing.T) {
	body := make([]byte, 1<<20)
	for _, most := range []plugin.Size{1 << 20, 12 << 20, mostMessage} {
		s := settingsFor("audit", "127.0.0.1:9092")
		s.MaxMessage = most
		o, l := open(t, s), &lane{}
		for i := range 40 {
			o.messages, l.todo = append(o.messages, message{body: body}), append(l.todo, int32(i))
		}
		if err := (&delivery{o: o}).fill(l); err != nil {
			t.Fatal(err)
		}
		if want := min(wide*int(most), mostMessage)/len(body) - 1; l.batch != want {
			t.Errorf("max_message %d: %d MiB in a batch, want %d", most, l.batch, want)
		}
	}
}
