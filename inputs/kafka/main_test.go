package kafka

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what comes soon.
const patience = 30 * time.Second

// broker starts brokers that end with the test.
func broker(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"})}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func settingsFor(c *kfake.Cluster) *Settings {
	s := defaults()
	for _, b := range c.ListenAddrs() {
		s.Link.Brokers = append(s.Link.Brokers, plugin.Text{Value: b})
	}
	s.Topics, s.Session = []string{"audit"}, 3*time.Second
	return &s
}

// produce writes messages to a partition, as another client does.
func produce(t testing.TB, c *kfake.Cluster, partition int, list ...kafka.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := kafka.DialLeader(ctx, "tcp", c.ListenAddrs()[0], "audit", partition)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.WriteMessages(list...); err != nil {
		t.Fatal(err)
	}
}

func numbered(first, n int) (list []kafka.Message) {
	for i := first; i < first+n; i++ {
		list = append(list, kafka.Message{Key: []byte("k"), Value: fmt.Appendf(nil, "m%05d", i)})
	}
	return list
}

// rig is an open input.
type rig struct {
	*input
	t        testing.TB
	position []byte
	pending  []func(error)
	closed   bool
	early    []event.Event // came with a loss, before they were asked for
}

func start(t testing.TB, s *Settings, from []byte) *rig {
	t.Helper()
	in, err := Plugin.Input(s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(context.Background(), from); err != nil {
		t.Fatal(err)
	}
	r := &rig{input: in.(*input), t: t}
	t.Cleanup(r.shut)
	return r
}

func (r *rig) shut() {
	if r.closed {
		return
	}
	r.closed = true
	if err := r.Close(); err != nil {
		r.t.Errorf("close: %v", err)
	}
}

// some reads one batch; accept says whether the journal takes it at once.
func (r *rig) some(accept bool) []event.Event {
	r.t.Helper()
	var b event.Batch
	if err := r.Read(context.Background(), &b, 10*time.Millisecond); err != nil {
		if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry {
			r.t.Fatalf("read: %v", err)
		}
	}
	if b.Position != nil {
		r.position = append([]byte(nil), b.Position...)
	}
	if b.Accepted != nil {
		if accept {
			b.Accepted(nil)
		} else {
			r.pending = append(r.pending, b.Accepted)
		}
	}
	return b.Events
}

// read reads n records at least.
func (r *rig) read(n int, accept bool) (all []event.Event) {
	r.t.Helper()
	all, r.early = r.early, nil
	for end := time.Now().Add(patience); len(all) < n; {
		if all = append(all, r.some(accept)...); time.Now().After(end) {
			r.t.Fatalf("%d records came, want %d", len(all), n)
		}
	}
	return all
}

// committed is what a group has committed of a partition, -1 for nothing.
func committed(t testing.TB, c *kfake.Cluster, group, topic string, partition int) int64 {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(c.ListenAddrs()[0]), Transport: &kafka.Transport{IdleTimeout: time.Second}, Timeout: patience}
	defer client.Transport.(*kafka.Transport).CloseIdleConnections()
	r, err := client.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {partition}}})
	if err != nil || len(r.Topics[topic]) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	return r.Topics[topic][0].CommittedOffset
}

// TestConformance: the input passes the suite.
func TestConformance(t *testing.T) {
	var mu sync.Mutex
	sources := map[string]*kfake.Cluster{}
	source := func(t testing.TB, dir string) *kfake.Cluster {
		mu.Lock()
		defer mu.Unlock()
		if dir = filepath.Clean(dir); sources[dir] == nil {
			sources[dir] = broker(t, kfake.SeedTopics(1, "audit"))
		}
		return sources[dir]
	}
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: Plugin, Golden: "testdata", NoEnd: true,
		Settings: func(t testing.TB, dir string) any { return settingsFor(source(t, dir)) },
		Append: func(t testing.TB, dir string, content []byte) {
			var list []kafka.Message
			for line := range strings.Lines(string(content)) {
				list = append(list, kafka.Message{Value: []byte(strings.TrimSuffix(line, "\n"))})
			}
			for len(list) > 0 {
				n := min(len(list), 5000)
				produce(t, source(t, dir), 0, list[:n]...)
				list = list[n:]
			}
		},
		Refused: func(testing.TB) any {
			s := defaults()
			return &s
		},
	})
}

// TestOffsetsFollowTheJournal: the group is told only of what is on stable
// storage, and a stop waits for it.
func TestOffsetsFollowTheJournal(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	produce(t, c, 0, numbered(0, 10)...)
	r := start(t, settingsFor(c), nil)
	if got := r.read(10, false); got[0].Raw != "m00000" || got[9].Raw != "m00009" {
		t.Fatalf("%q … %q", got[0].Raw, got[9].Raw)
	}
	if due := r.book.due(); due[place{"audit", 0}] > 0 {
		t.Errorf("what the journal has not taken is due: %v", due)
	}
	if at := committed(t, c, "tallyman", "audit", 0); at > 0 {
		t.Errorf("committed %d before anything was accepted", at)
	}
	for _, accepted := range r.pending {
		accepted(nil)
	}
	r.shut()
	if at := committed(t, c, "tallyman", "audit", 0); at != 10 {
		t.Errorf("committed %d, want 10", at)
	}
	next := start(t, settingsFor(c), nil)
	produce(t, c, 0, numbered(10, 1)...)
	if got := next.read(1, true); got[0].Raw != "m00010" {
		t.Errorf("after the stop comes %q", got[0].Raw)
	}
}

// TestRefusedComesAgain: what the journal refused is not committed, and is read
// again, in order.
func TestRefusedComesAgain(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	produce(t, c, 0, numbered(0, 5)...)
	r := start(t, settingsFor(c), nil)
	first := r.read(5, false)
	for _, accepted := range r.pending {
		accepted(errors.New("the disk is gone"))
	}
	again := r.read(5, true)
	if again[0].Raw != "m00000" || again[0].ID != first[0].ID {
		t.Errorf("it comes again as %q with the id %s, was %s", again[0].Raw, again[0].ID, first[0].ID)
	}
}

// TestKilledMember: a member that dies after acceptance and before the commit.
// Itself goes on behind what its journal has; another one reads it again, with
// the same ids; nobody leaves a gap.
func TestKilledMember(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	produce(t, c, 0, numbered(0, 20)...)
	s := settingsFor(c)
	r := start(t, s, nil)
	got := r.read(20, false) // never accepted as far as this process knows
	position := r.position
	r.hangUp() // nothing reaches the group any more
	r.shut()
	if at := committed(t, c, "tallyman", "audit", 0); at > 0 {
		t.Fatalf("committed %d", at)
	}
	produce(t, c, 0, numbered(20, 1)...)
	itself := start(t, s, position)
	if e := itself.read(1, false); e[0].Raw != "m00020" {
		t.Errorf("with its journal it goes on with %q", e[0].Raw)
	}
	itself.hangUp()
	itself.shut()
	other := start(t, s, nil)
	again := other.read(21, true)
	for i := range got {
		if again[i].Raw != got[i].Raw || again[i].ID != got[i].ID {
			t.Fatalf("another member reads %q as %s, it was %q as %s", again[i].Raw, again[i].ID, got[i].Raw, got[i].ID)
		}
	}
}

// TestTwoMembers: two share the partitions, one of them leaves, and every message
// is read once at least, those that were committed once.
func TestTwoMembers(t *testing.T) {
	c := broker(t, kfake.SeedTopics(4, "audit"))
	s := settingsFor(c)
	a, b := start(t, s, nil), start(t, s, nil)
	seen := map[string]int{}
	collect := func(r *rig) int {
		list := r.some(true)
		for i := range list {
			seen[list[i].Raw]++
		}
		return len(list)
	}
	shared := func() bool {
		g := c.GroupInfo("tallyman")
		return g != nil && len(g.Members) == 2 && a.count.partitions.Value() == 2 && b.count.partitions.Value() == 2
	}
	for end := time.Now().Add(patience); !shared(); {
		collect(a)
		if collect(b); time.Now().After(end) {
			t.Fatalf("the partitions are not shared: %d and %d", a.count.partitions.Value(), b.count.partitions.Value())
		}
	}
	for p := range 4 {
		produce(t, c, p, numbered(1000*p, 100)...)
	}
	fromA, fromB := 0, 0
	for end := time.Now().Add(patience); len(seen) < 400 && time.Now().Before(end); {
		fromA += collect(a)
		fromB += collect(b)
	}
	if fromA == 0 || fromB == 0 || len(seen) != 400 {
		t.Fatalf("%d and %d, together %d", fromA, fromB, len(seen))
	}
	a.shut()
	for p := range 4 {
		produce(t, c, p, numbered(1000*p+100, 100)...)
	}
	for end := time.Now().Add(patience); len(seen) < 800 && time.Now().Before(end); {
		collect(b)
	}
	for m, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", m, n)
		}
	}
	if len(seen) != 800 {
		t.Errorf("%d of 800 came", len(seen))
	}
}

// TestOrigin: labels say where a message was.
func TestOrigin(t *testing.T) {
	c := broker(t, kfake.SeedTopics(1, "audit"))
	produce(t, c, 0, kafka.Message{Key: []byte("web"), Value: []byte("x"), Headers: []kafka.Header{{Key: "Trace", Value: []byte("7")}}})
	e := start(t, settingsFor(c), nil).read(1, true)[0]
	for name, want := range map[string]string{"kafka_topic": "audit", "kafka_partition": "0", "kafka_offset": "0", "kafka_key": "web", "kafka_header_trace": "7"} {
		if got := e.Fields.GetNamed(schema.Labels, name).Str(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	s := settingsFor(c)
	s.Group, s.Decode = "another", "tallyman"
	if e := start(t, s, nil).read(1, true)[0]; len(e.Fields) > 0 {
		t.Errorf("what tells itself has %s", plugintest.Dump(&e))
	}
}
