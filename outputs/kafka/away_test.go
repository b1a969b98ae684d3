package kafka

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// TestO9AwayForLong: brokers are away for two days, by a clock of the test's. Every
// Send fails for now with what to check, nothing is given up, and what is kept does
// not grow, whatever topics the events would go to.
func TestO9AwayForLong(t *testing.T) {
	s := settingsFor("audit-{{ container.id }}", "127.0.0.1:1")
	o := open(t, s)
	clock := time.Unix(1_700_000_000, 0)
	o.now = func() time.Time { return clock }
	ctx := context.Background() // one for all: contexts with a time would be what grows
	send := func(n int) {
		t.Helper()
		for range n {
			clock = clock.Add(30 * time.Second)
			events := keyed(20, 20)
			for i := range events { // topics that nobody has seen before
				events[i].Fields.Set(schema.ContainerID, value(fmt.Sprintf("%d-%d", clock.Unix(), i)))
			}
			err := o.Send(ctx, events)
			if kindOf(err) != plugin.KindRetry || !strings.Contains(err.Error(), "check brokers 127.0.0.1:1") {
				t.Fatalf("%v", err)
			}
		}
	}
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	send(760)
	before := held()
	send(5000)
	if after := held(); after > before+1<<20 {
		t.Errorf("%d bytes were held after six hours, %d after two days", before, after)
	}
	if len(o.topics) > mostTopics+20 || len(o.links) > 0 || cap(o.memory) > mostKept {
		t.Errorf("%d topics, %d connections and %d bytes are kept", len(o.topics), len(o.links), cap(o.memory))
	}
}

// TestBrokerRestarts: a broker that stops and comes back has everything, in the
// order of each key; what is said of it does not send anybody after TLS.
func TestBrokerRestarts(t *testing.T) {
	dir := t.TempDir()
	c := broker(t, kfake.SeedTopics(3, "audit"), kfake.DataDir(dir))
	_, text, err := net.SplitHostPort(c.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, settingsFor("audit", c.ListenAddrs()...))
	all := keyed(200, 7)
	first, second := all[:100], all[100:]
	if err := o.Send(bounded(t), first); err != nil {
		t.Fatal(err)
	}
	c.Close()
	for i, err := range failures(t, o.Send(bounded(t), second)) {
		if kindOf(err) != plugin.KindRetry || !strings.Contains(err.Error(), "had worked") || strings.Contains(err.Error(), "(set ") {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	if err := o.Send(bounded(t), second); kindOf(err) != plugin.KindRetry || !strings.Contains(err.Error(), "nothing listens there") {
		t.Fatalf("while it is away: %v", err)
	}
	c = broker(t, kfake.Ports(port), kfake.DataDir(dir))
	if err := o.Send(bounded(t), second); err != nil {
		t.Fatalf("when it is back: %v", err)
	}
	seen := map[string]bool{}
	for p := range 3 {
		last := map[string]string{}
		list := stored(t, c, "audit", p)
		for i, mark := range marks(texts(list)) {
			key := string(list[i].Key)
			if seen[mark] || mark < last[key] {
				t.Errorf("of key %s, %s comes after %s, or again", key, mark, last[key])
			}
			seen[mark], last[key] = true, mark
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d of 200 are there", len(seen))
	}
}
