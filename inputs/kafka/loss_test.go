package kafka

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/twmb/franz-go/pkg/kfake"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// fetcherAt is a fetcher of partition 0 of "audit", whose chunks wait in a queue.
func fetcherAt(t *testing.T, next int64) (*fetcher, place) {
	t.Helper()
	s := defaults()
	s.Link.Brokers, s.Topics = []plugin.Text{{Value: "127.0.0.1:1"}}, []string{"audit"}
	in, err := Plugin.Input(&s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	i, p := in.(*input), place{"audit", 0}
	i.chunks = make(chan chunk, 100)
	session, _ := i.book.begin(map[place]int64{p: next})
	f := &fetcher{in: i, session: session, unpack: unpackerOf(t, int(s.Batch)), next: map[place]int64{p: next}, topics: []string{"audit"}, parts: map[string][]int32{"audit": {0}}}
	return f, p
}

// take returns the values and the losses that wait.
func (f *fetcher) take() (values []string, losses []event.Loss) {
	for {
		select {
		case c := <-f.in.chunks:
			for _, r := range c.records {
				values = append(values, r.value)
			}
			losses = append(losses, c.losses...)
		default:
			return values, losses
		}
	}
}

// TestDamagedIsPassedOverOnce: a batch that cannot be read is asked for three
// times; then it is said to be lost, and what follows is read.
func TestDamagedIsPassedOverOnce(t *testing.T) {
	for _, where := range []struct {
		name string
		byte int
	}{{"in a record", headBytes + 3}, {"in the checksum", 18}, {"in what it says of its end", 23}} {
		t.Run(where.name, func(t *testing.T) {
			f, p := fetcherAt(t, 5)
			bad := batch(t, 6, compress.None, "b", "c")
			bad[where.byte] ^= 0x40
			answer := append(append(batch(t, 5, compress.None, "a"), bad...), batch(t, 8, compress.None, "d")...)
			for try := 1; try < doubts; try++ {
				if err := f.partition(context.Background(), p, nil, answer); err == nil || !strings.Contains(err.Error(), "batch at offset 6 of partition 0 of topic audit") {
					t.Fatalf("try %d: %v", try, err)
				}
				if _, losses := f.take(); len(losses) > 0 || f.next[p] != 6 {
					t.Fatalf("try %d: at %d, %v", try, f.next[p], losses)
				}
			}
			if err := f.partition(context.Background(), p, nil, answer); err != nil {
				t.Fatal(err)
			}
			values, losses := f.take()
			if len(values) != 1 || values[0] != "d" || f.next[p] != 9 {
				t.Errorf("behind it comes %q, and then offset %d", values, f.next[p])
			}
			if len(losses) != 1 || losses[0].Reason != event.Misplaced || losses[0].Count != uint64(len(bad)) || !strings.Contains(losses[0].Text, "passed over") {
				t.Errorf("%+v", losses)
			}
		})
	}
}

// TestNothingWholeIsNoHotLoop: an answer of which nothing can be read is an error,
// so that it is not asked for again at once.
func TestNothingWholeIsNoHotLoop(t *testing.T) {
	whole := batch(t, 5, compress.None, "a")
	for name, batches := range map[string][]byte{"cut": whole[:len(whole)-1], "read before": batch(t, 2, compress.None, "x", "y")} {
		f, p := fetcherAt(t, 5)
		if err := f.partition(context.Background(), p, nil, batches); err != nil || !f.had || f.gave {
			t.Errorf("%s: %v, had %v, gave %v", name, err, f.had, f.gave)
		}
		if values, losses := f.take(); len(values)+len(losses) > 0 || f.next[p] != 5 {
			t.Errorf("%s gives %q, %v and goes to %d", name, values, losses, f.next[p])
		}
	}
}

// losses reads until the input says that something was lost.
func (r *rig) losses(accept bool) (all []event.Loss) {
	r.t.Helper()
	for end := time.Now().Add(patience); len(all) == 0; {
		var b event.Batch
		if err := r.Read(context.Background(), &b, 10*time.Millisecond); err != nil {
			if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry {
				r.t.Fatalf("read: %v", err)
			}
		}
		r.early = append(r.early, b.Events...)
		if all = append(all, b.Losses...); b.Accepted != nil && accept {
			b.Accepted(nil)
		}
		if time.Now().After(end) {
			r.t.Fatal("no loss is said")
		}
	}
	return all
}

// TestRetentionLoss: messages that were deleted before they were read are said to
// be lost, with their number, and the group is told of them only once that is on
// stable storage; what is still there is read.
func TestRetentionLoss(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	s := settingsFor(c)
	produce(t, c, 0, numbered(0, 5)...)
	r := start(t, s, nil)
	r.read(5, true)
	r.shut()
	for i := range 4 {
		produce(t, c, 0, numbered(5+10*i, 10)...)
	}
	if err := c.DeleteRecords("audit", 0, 25); err != nil {
		t.Fatal(err)
	}
	r = start(t, s, nil)
	losses := r.losses(false)
	if len(losses) != 1 || losses[0].Reason != event.RotatedAway || !strings.Contains(losses[0].Text, "20 messages of partition 0 of topic audit, from offset 5 on") {
		t.Errorf("%+v", losses)
	}
	if due := r.book.due(); len(due) > 0 {
		t.Errorf("the group is to be told of %v before the loss is kept", due)
	}
	r.hangUp()
	r.shut()
	r = start(t, s, nil)
	if again := r.losses(true); len(again) != 1 || again[0].Text != losses[0].Text {
		t.Errorf("after a death before it was kept it says %+v", again)
	}
	if e := r.read(20, true); e[0].Raw != "m00025" || e[19].Raw != "m00044" {
		t.Errorf("it goes on with %q … %q", e[0].Raw, e[19].Raw)
	}
}

// TestTopicMadeAnew: where a topic is shorter than what was read of it, it is
// another one: that is said, and it is read from its start.
func TestTopicMadeAnew(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	s := settingsFor(c)
	produce(t, c, 0, numbered(0, 50)...)
	r := start(t, s, nil)
	r.read(50, true)
	position := r.position
	r.shut()
	if err := errors.Join(c.DeleteTopic("audit"), c.CreateTopic("audit", 1, nil)); err != nil {
		t.Fatal(err)
	}
	produce(t, c, 0, numbered(100, 3)...)
	r = start(t, s, position)
	seen, said := []event.Event{}, false
	for end := time.Now().Add(patience); len(seen) < 3 && time.Now().Before(end); {
		var b event.Batch
		if err := r.Read(context.Background(), &b, 10*time.Millisecond); err != nil {
			continue // what is wrong at present is no end
		}
		if seen = append(seen, b.Events...); b.Accepted != nil {
			b.Accepted(nil)
		}
		said = said || len(b.Losses) > 0
	}
	if len(seen) != 3 || seen[0].Raw != "m00100" {
		t.Errorf("%d messages of the new topic came, and a loss was said: %v", len(seen), said)
	}
}

// TestBombIsPassedOver: a batch that is larger than max_batch once unpacked is said
// to be lost at once, and what follows is read.
func TestBombIsPassedOver(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	client := &kafka.Client{Addr: kafka.TCP(c.ListenAddrs()[0]), Transport: &kafka.Transport{IdleTimeout: time.Second}, Timeout: patience}
	defer client.Transport.(*kafka.Transport).CloseIdleConnections()
	send := func(codec compress.Compression, value string) {
		t.Helper()
		r, err := client.Produce(context.Background(), &kafka.ProduceRequest{Topic: "audit", RequiredAcks: kafka.RequireAll, Compression: codec,
			Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte(value))})})
		if err != nil || r.Error != nil {
			t.Fatalf("%v, %+v", err, r)
		}
	}
	send(compress.None, "before")
	send(compress.Gzip, strings.Repeat("\x00", 8<<20))
	send(compress.None, "behind")
	s := settingsFor(c)
	s.Batch = 1 << 20
	r := start(t, s, nil)
	losses, seen := []event.Loss{}, []string{}
	for end := time.Now().Add(patience); len(seen) < 2 && time.Now().Before(end); {
		var b event.Batch
		if err := r.Read(context.Background(), &b, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for i := range b.Events {
			seen = append(seen, b.Events[i].Raw)
		}
		if losses = append(losses, b.Losses...); b.Accepted != nil {
			b.Accepted(nil)
		}
	}
	if len(seen) != 2 || seen[0] != "before" || seen[1] != "behind" || len(losses) != 1 || !strings.Contains(losses[0].Text, "max_batch") {
		t.Errorf("%q came, %+v", seen, losses)
	}
}

// TestBrokerRestarts: the input goes on behind what it had, once the broker is
// back, and what it says meanwhile does not send anybody after TLS.
func TestBrokerRestarts(t *testing.T) {
	dir := t.TempDir()
	c := broker(t, kfake.SeedTopics(1, "audit"), kfake.DataDir(dir))
	_, text, err := net.SplitHostPort(c.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	produce(t, c, 0, numbered(0, 10)...)
	r := start(t, settingsFor(c), nil)
	r.read(10, true)
	c.Close()
	said := ""
	for end := time.Now().Add(patience); said == "" && time.Now().Before(end); {
		var b event.Batch
		if err := r.Read(context.Background(), &b, 10*time.Millisecond); err != nil {
			said = err.Error()
		}
	}
	if said == "" || strings.Contains(said, "set tls") {
		t.Errorf("while the broker is away it says %q", said)
	}
	for range 20 { // as long as it lasts
		var b event.Batch
		err := r.Read(context.Background(), &b, 10*time.Millisecond)
		if err == nil {
			t.Fatal("it works again, while the broker is away")
		}
		if n := strings.Count(err.Error(), "nothing listens there"); n > 1 {
			t.Fatalf("%d times what can be done: %v", n, err)
		}
	}
	c = broker(t, kfake.Ports(port), kfake.DataDir(dir))
	produce(t, c, 0, numbered(10, 10)...)
	got := r.read(10, true)
	for range 20 {
		var b event.Batch
		if err := r.Read(context.Background(), &b, 10*time.Millisecond); err != nil {
			t.Fatalf("the broker is back: %v", err)
		}
	}
	if got[0].Raw != "m00010" || got[len(got)-1].Raw != "m00019" || len(got) != 10 {
		t.Errorf("after the restart come %d, %q … %q", len(got), got[0].Raw, got[len(got)-1].Raw)
	}
}

// TestOffsetsOfTheGroupExpire: where brokers have forgotten the offsets of a group, a
// partition that was read before is read from its start, whatever `start` says: what
// came meanwhile was never read.
func TestOffsetsOfTheGroupExpire(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	s := settingsFor(c)
	produce(t, c, 0, numbered(0, 5)...)
	r := start(t, s, nil)
	r.read(5, true)
	for end := time.Now().Add(patience); r.count.commits.Value() == 0 && time.Now().Before(end); {
		r.some(true)
	}
	produce(t, c, 0, numbered(5, 1)...)
	r.read(1, true)
	position := r.position // which knows that offsets were committed
	r.shut()
	client := &kafka.Client{Addr: kafka.TCP(c.ListenAddrs()[0]), Transport: &kafka.Transport{IdleTimeout: time.Second}, Timeout: patience}
	defer client.Transport.(*kafka.Transport).CloseIdleConnections()
	if gone, err := client.DeleteGroups(context.Background(), &kafka.DeleteGroupsRequest{GroupIDs: []string{s.Group}}); err != nil || gone.Errors[s.Group] != nil {
		t.Fatal(err, gone)
	}
	produce(t, c, 0, numbered(6, 2)...)
	s.Start = latest
	r = start(t, s, position)
	if e := r.read(8, true); e[0].Raw != "m00000" || e[7].Raw != "m00007" {
		t.Errorf("it goes on with %q … %q", e[0].Raw, e[len(e)-1].Raw)
	}
}
