package splunk

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// collecting is a collector under test, and what the engine does with one.
type collecting struct {
	*collector
	t  *testing.T
	at *clock
}

func collect(t *testing.T, change func(*Settings), urls ...string) *collecting {
	t.Helper()
	s := settingsFor(t, urls...)
	s.Ack = true
	if change != nil {
		change(s)
	}
	out, at := open(t, s)
	return &collecting{out.(*collector), t, at}
}

func (c *collecting) take(seq uint64, events []event.Event) {
	c.t.Helper()
	if err := c.Collect(context.Background(), seq, events); err != nil {
		c.t.Fatalf("collect %d: %v", seq, err)
	}
}

// settle lets time pass and settles, until nothing is due within it.
func (c *collecting) settle(d time.Duration) (uint64, error) {
	var failed error
	end := c.at.at.Add(d)
	for {
		confirmed, again, err := c.Settle(context.Background(), false)
		if err != nil {
			failed = err
		}
		if again == 0 || c.at.at.Add(again).After(end) {
			c.at.at = end
			return confirmed, failed
		}
		c.at.at = c.at.at.Add(again)
	}
}

func (c *collecting) want(seq uint64, after time.Duration) {
	c.t.Helper()
	if got, err := c.settle(after); got != seq || err != nil {
		c.t.Errorf("after %v %d is confirmed, want %d; %v", after, got, seq, err)
	}
}

func acking(d *splunkDouble) { d.ack = true }

func slow(d *splunkDouble) { d.ack, d.manual = true, true }

// TestConfirmedWhenAcknowledged: a frame is confirmed when all before it is, and
// one that held nothing with what is before it.
func TestConfirmedWhenAcknowledged(t *testing.T) {
	a, b := newDouble(t, slow), newDouble(t, slow)
	c := collect(t, nil, a.URL, b.URL)
	c.take(3, nil)
	c.want(3, 0)
	c.take(5, marks(0, 2))
	c.take(6, marks(2, 2))
	c.take(8, nil)
	c.want(3, 3*time.Second)
	b.acknowledge() // the second
	c.want(3, 3*time.Second)
	a.acknowledge()
	c.want(8, 3*time.Second)
	if _, again, err := c.Settle(context.Background(), true); again != 0 || err != nil || c.bytes != 0 || c.pending.Value() != 0 {
		t.Errorf("with nothing open it wants to settle after %v: %v; %d bytes are held", again, err, c.bytes)
	}
	if !c.Confirms() {
		t.Error("it does not confirm")
	}
}

// TestABatchOfSeveralBodies is confirmed when the last of them is.
func TestABatchOfSeveralBodies(t *testing.T) {
	d := newDouble(t, slow)
	c := collect(t, func(s *Settings) { s.MaxBytes = leastBody }, d.URL)
	c.take(1, marks(0, 1))
	c.take(4, marks(1, 50))
	if len(c.queue) < 5 {
		t.Fatalf("%d bodies are no test", len(c.queue))
	}
	d.with(func() {
		for _, ch := range d.indexers[0].channels {
			for n := range ch.pending {
				ch.pending[n] = n != 3
			}
		}
	})
	c.want(1, 2*time.Second)
	d.acknowledge()
	c.want(4, 2*time.Second)
}

// TestNoAcknowledgement (O3): what is not acknowledged in time is sent again with
// the same ids, and the late acknowledgement of the first one confirms nothing.
func TestNoAcknowledgement(t *testing.T) {
	d := newDouble(t, slow)
	c := collect(t, nil, d.URL)
	c.take(1, marks(0, 3))
	c.want(0, 5*time.Minute-time.Second)
	if n := d.posts(); n != 1 {
		t.Fatalf("it was sent %d times before its time", n)
	}
	c.want(0, 3*time.Second)
	if got := once(t, d.stored(), 2); !slices.Equal(got, ids(marks(0, 3))) || d.posts() != 2 || c.resent.Value() != 1 {
		t.Errorf("stored %v in %d requests", d.stored(), d.posts())
	}
	d.with(func() { // the first body, after all
		for _, ch := range d.indexers[0].channels {
			ch.pending[0] = true
		}
	})
	c.want(0, 3*time.Second)
	d.acknowledge()
	c.want(1, 3*time.Second)
}

// TestAcknowledgementDisabled (O4): nothing is sent to a receiver that will not
// acknowledge, and the error says what to do.
func TestAcknowledgementDisabled(t *testing.T) {
	d := newDouble(t, nil)
	c := collect(t, nil, d.URL)
	for range 3 {
		err := c.Collect(context.Background(), 1, marks(0, 3))
		if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "set ack: false") {
			t.Errorf("%v", err)
		}
	}
	c.want(0, time.Minute)
	if d.posts() != 0 {
		t.Errorf("%d bodies were sent", d.posts())
	}
	d.with(func() { d.ack = true })
	c.take(1, marks(0, 3))
	c.want(1, 2*time.Second)
	// Switched off while it runs: what is taken is asked for, and goes on when it is
	// back.
	d.with(func() { d.manual = true })
	c.take(2, marks(3, 3))
	d.with(func() { d.ack = false })
	if got, err := c.settle(10 * time.Second); got != 1 || err == nil || !strings.Contains(err.Error(), "set ack: false") {
		t.Errorf("%d, %v", got, err)
	}
	d.with(func() { d.ack = true })
	d.acknowledge()
	c.want(2, time.Minute)
	once(t, d.stored(), 1)
}

// TestATokenThatStopsAcknowledging: a body that is taken without a number is
// offered again, and the receiver is asked before it gets it.
func TestATokenThatStopsAcknowledging(t *testing.T) {
	d := newDouble(t, acking)
	c := collect(t, nil, d.URL)
	c.take(1, marks(0, 1))
	d.with(func() { d.ack = false })
	for range 3 {
		if err := c.Collect(context.Background(), 2, marks(1, 1)); err == nil {
			t.Fatal("a body without a number is taken for one with")
		}
	}
	if d.posts() != 2 {
		t.Errorf("%d bodies were sent", d.posts())
	}
}

// TestARestartedReceiver: numbers that begin anew end the channel. What was not
// acknowledged is sent again, and no number of the new life confirms what the old
// one lost.
func TestARestartedReceiver(t *testing.T) {
	for _, first := range []int64{0, 1} { // as Splunk counts, and as others do
		d := newDouble(t, func(d *splunkDouble) { slow(d); d.first = first })
		c := collect(t, nil, d.URL)
		c.take(1, marks(0, 3))
		c.take(2, marks(3, 3))
		d.with(func() { d.indexers[0].events = nil }) // lost with the restart
		d.restart(0)
		c.take(3, marks(6, 3)) // gets the number of the first
		d.acknowledge()
		c.want(0, 3*time.Second)
		for range 3 {
			d.acknowledge()
			if _, err := c.settle(3 * time.Second); err != nil {
				t.Error(err)
			}
		}
		c.want(3, 3*time.Second)
		if got := once(t, d.stored(), 2); !slices.Equal(got, ids(marks(0, 9))) {
			t.Errorf("stored are %v", d.stored())
		}
		if c.lost.Value() != 1 {
			t.Errorf("%d channels were given up", c.lost.Value())
		}
	}
}

// TestAChannelThatIsForgotten: the receiver does not know the channel any more,
// when it is asked.
func TestAChannelThatIsForgotten(t *testing.T) {
	d := newDouble(t, slow)
	c := collect(t, nil, d.URL)
	c.take(1, marks(0, 3))
	d.restart(0)
	d.with(func() { d.manual = false })
	c.want(1, 10*time.Second)
	if got := once(t, d.stored(), 2); !slices.Equal(got, ids(marks(0, 3))) || d.posts() != 2 {
		t.Errorf("stored %v", d.stored())
	}
}

// TestBehindABalancer: with sticky sessions all goes to one indexer; without, no
// number of one confirms what the other has: everything that is confirmed is
// stored, whatever the order of questions and answers, and the error says what is
// missing.
func TestBehindABalancer(t *testing.T) {
	two := func(d *splunkDouble) { acking(d); d.indexers = []*indexer{newIndexer("a"), newIndexer("b")} }
	d := newDouble(t, func(d *splunkDouble) { two(d); d.cookies = true })
	c := collect(t, nil, d.URL)
	for i := range 5 {
		c.take(uint64(i+1), marks(10*i, 10))
	}
	c.want(5, 3*time.Second)
	if once(t, d.stored(), 1); len(d.indexers[0].events) != 0 && len(d.indexers[1].events) != 0 {
		t.Error("the balancer did not lead back to the same indexer")
	}

	d = newDouble(t, two)
	c = collect(t, nil, d.URL)
	var failed error
	seq, at := uint64(0), 0
	for range 40 {
		seq++
		c.take(seq, marks(at, 10))
		at += 10
		confirmed, err := c.settle(time.Second)
		if err != nil {
			failed = err
		}
		stored := d.stored()
		for _, id := range ids(marks(0, int(confirmed)*10)) {
			if stored[id] == 0 {
				t.Fatalf("%d is confirmed and an event of it is not stored", confirmed)
			}
		}
	}
	if failed == nil || !strings.Contains(failed.Error(), "sticky sessions") {
		t.Errorf("two indexers behind one address: %v", failed)
	}
	if n := d.posts(); n > 400 {
		t.Errorf("40 bodies were sent in %d requests", n)
	}
}

// TestTheWindow: no more is taken than it holds; Collect waits for
// acknowledgements, and ends with its context.
func TestTheWindow(t *testing.T) {
	d := newDouble(t, slow)
	c := collect(t, func(s *Settings) { s.Requests = 3 }, d.URL)
	for i := range 3 {
		c.take(uint64(i+1), marks(i, 1))
	}
	ctx, cancel := context.WithCancel(context.Background())
	waits := 0
	c.wait = func(ctx context.Context, d time.Duration) error {
		if waits++; waits == 10 {
			cancel()
		}
		return c.at.wait(ctx, d)
	}
	err := c.Collect(ctx, 4, marks(3, 1))
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || waits != 10 || d.posts() != 3 {
		t.Fatalf("%v after %d waits and %d posts", err, waits, d.posts())
	}
	d.acknowledge()
	c.take(4, marks(3, 1))
	c.want(3, 0)
	c.settings.Requests, c.settings.Window = 100, 1
	d.acknowledge()
	c.take(5, marks(4, 1)) // larger than the window, which is empty
	d.acknowledge()
	c.want(5, 5*time.Second)
	once(t, d.stored(), 1)
}

// TestAnAnswerThatIsLost: Splunk forgets an acknowledgement when it has said it,
// whoever heard it. The body is sent again in its time.
func TestAnAnswerThatIsLost(t *testing.T) {
	d := newDouble(t, acking)
	c := collect(t, nil, d.URL)
	c.take(1, marks(0, 2))
	n := 0
	d.with(func() {
		d.trouble = func(path string, _ int, w http.ResponseWriter) bool {
			if n++; n > 1 || !strings.HasSuffix(path, "/ack") {
				return false
			}
			for _, ch := range d.indexers[0].channels {
				clear(ch.pending)
			}
			reset(w)
			return true
		}
	})
	if got, err := c.settle(2 * time.Second); got != 0 || err == nil {
		t.Errorf("%d, %v", got, err)
	}
	c.want(1, 6*time.Minute)
	if got := once(t, d.stored(), 2); len(got) != 2 || d.posts() != 2 {
		t.Errorf("%v in %d posts", d.stored(), d.posts())
	}
}

// TestANonsenseAnswerConfirmsNothing: numbers that nobody asked for, and what is
// no answer.
func TestANonsenseAnswerConfirmsNothing(t *testing.T) {
	for _, answer := range []string{
		`{"acks":{"7":true,"-1":true,"00":true,"0x0":true,"":true}}`, `{"acks":{}}`, `{"acks":{"0":"true"}}`, `{"acks":[0]}`,
		`{"text":"Success","code":0}`, `{"acks":{"0":true}`, `<html>{"acks":{"0":true}}</html>`, `{"acks":{"0":null}}`,
	} {
		d := newDouble(t, acking)
		c := collect(t, nil, d.URL)
		c.take(1, marks(0, 2))
		d.with(func() {
			d.trouble = func(_ string, _ int, w http.ResponseWriter) bool { say(w, 200, answer); return true }
		})
		if got, _ := c.settle(10 * time.Second); got != 0 {
			t.Errorf("%s confirms %d", answer, got)
		}
		d.with(func() { d.trouble = nil })
		c.want(1, time.Minute)
	}
}

// TestAReceiverThatDiesWithWhatItTook: its bodies go to the other when their time
// is over.
func TestAReceiverThatDiesWithWhatItTook(t *testing.T) {
	a, b := newDouble(t, slow), newDouble(t, acking)
	c := collect(t, nil, a.URL, b.URL)
	c.take(1, marks(0, 2))
	c.take(2, marks(2, 2))
	a.Close()
	if got, err := c.settle(4 * time.Minute); got != 0 || err == nil {
		t.Errorf("%d, %v", got, err)
	}
	if got, _ := c.settle(4 * time.Minute); got != 2 {
		t.Errorf("%d is confirmed", got)
	}
	if got := once(t, b.stored(), 1); !slices.Equal(got, ids(marks(0, 4))) {
		t.Errorf("the other has %v", got)
	}
}

// TestAPartOfABatch: of a batch whose second body was not taken nothing is
// confirmed until the rest was taken as well.
func TestAPartOfABatch(t *testing.T) {
	d := newDouble(t, acking)
	c := collect(t, func(s *Settings) { s.MaxBytes = leastBody }, d.URL)
	n := 0
	d.with(func() {
		d.trouble = func(_ string, _ int, w http.ResponseWriter) bool {
			if n++; n == 4 { // a question, and two bodies before
				say(w, 503, `{"text":"Server is busy","code":9}`)
			}
			return n == 4
		}
	})
	events := marks(0, 30)
	err := c.Collect(context.Background(), 9, events)
	if kind, _ := plugin.KindOf(err); kind != plugin.KindPartial {
		t.Fatalf("%v", err)
	}
	c.want(0, 10*time.Second)
	send(t, &again{c.collector, 9}, events)
	c.want(9, 10*time.Second)
	if got := once(t, d.stored(), 2); len(got) != 30 {
		t.Errorf("stored %v", got)
	}
}

// again is a collector as what the engine's deliveries send to.
type again struct {
	*collector
	seq uint64
}

func (a *again) Send(ctx context.Context, events []event.Event) error {
	return a.Collect(ctx, a.seq, events)
}
