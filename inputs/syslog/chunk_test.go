package syslog

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// TestNothingIsAllocatedPerRecord: from the bytes of a connection to the batch,
// a chunk costs its text, however many records are in it.
func TestNothingIsAllocatedPerRecord(t *testing.T) {
	in := start(t, "tcp://127.0.0.1:0", nil)
	p := stream(400, true)
	c := &conn{in: in, peer: newPeer("10.0.0.1:514", "web-1"), f: framer{max: 64 << 10}, buf: make([]byte, len(p))}
	var b event.Batch
	round := func() {
		c.n = copy(c.buf, p)
		if err := c.cut(time.Unix(1, 0)); err != nil || c.n != 0 {
			t.Fatalf("cut left %d bytes, %v", c.n, err)
		}
		b.Reset()
		in.gather(&b)
		if len(b.Events) != 400 || len(b.Events[399].Fields) != 2 {
			t.Fatalf("%d records came", len(b.Events))
		}
	}
	round()
	if n := testing.AllocsPerRun(50, round); n > 4 { // the pool may have let its chunk go
		t.Errorf("400 records take %v allocations", n)
	}
}

// TestAStreamWaits: while nobody reads the input, it takes what its buffer holds
// and no more; then everything comes.
func TestAStreamWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := quiet(t, func(s *Settings) { s.Buffer = 256 << 10 })
		defer func() { _ = in.Close() }()
		c := connect(in, "10.0.0.1:1", false)
		p, sent := stream(1000, false), 0
		go func() {
			for range 40 {
				n, err := c.Write(p)
				if sent += n; err != nil {
					t.Errorf("after %d bytes: %v", sent, err)
				}
			}
			_ = c.Close()
		}()
		time.Sleep(time.Hour) // nobody's fault but the lane's
		synctest.Wait()
		if limit := int(in.s.Buffer) + 3*chunkRoom + len(p); sent > limit {
			t.Errorf("%d bytes were taken while nobody read, want %d at most", sent, limit)
		}
		got := 0
		for got < 40_000 {
			var b event.Batch
			if err := in.Read(context.Background(), &b, time.Second); err != nil || len(b.Events) == 0 {
				t.Fatalf("%d came: %v", got, err)
			}
			got += len(b.Events)
		}
		if in.count.timeouts.Value() != 0 {
			t.Error("the sender was closed for our waiting")
		}
	})
}

// TestNeitherStarvesTheOther: however many datagrams there are, streams have their
// turn, and the other way round.
func TestNeitherStarvesTheOther(t *testing.T) {
	in := start(t, "tcp://127.0.0.1:0", nil)
	const each = 100 // of a chunk
	give := func(to chan *chunk, text string) {
		for len(to) < cap(to) {
			c := &chunk{text: text}
			for range each {
				c.spans = append(c.spans, span{to: len(text), peer: newPeer("", "")})
			}
			to <- c
		}
	}
	for range 5 {
		give(in.dgrams, "datagram")
		give(in.streams, "stream")
		var b event.Batch
		if err := in.Read(t.Context(), &b, time.Second); err != nil {
			t.Fatal(err)
		}
		of := map[string]int{}
		for _, raw := range raws(b.Events) {
			of[raw]++
		}
		if half := mostRecords/2 - each; of["datagram"] < half || of["stream"] < half || len(b.Events) != mostRecords {
			t.Errorf("a batch has %v", of)
		}
	}
}

// TestSendersBetweenMessagesStay: a connection that has given its message is not
// closed to make room, however long it is silent; one that has begun another is.
func TestSendersBetweenMessagesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := quiet(t, func(s *Settings) { s.MaxConnections, s.MessageTime = 2, time.Hour })
		defer func() { _ = in.Close() }()
		silent, begun := connect(in, "10.0.0.1:1", false), connect(in, "10.0.0.2:1", false)
		send(t, silent, "<13>one\n")
		send(t, begun, "<13>two\n<13>thr")
		until(t, in, 2)
		time.Sleep(evictAfter + time.Second)
		third := connect(in, "10.0.0.3:1", false)
		isClosed(t, begun)
		send(t, third, "<13>three\n")
		if got := until(t, in, 2); len(got) != 2 || in.count.evicted.Value() != 1 {
			t.Errorf("got %q", raws(got))
		}
		time.Sleep(evictAfter + time.Second)
		fourth := connect(in, "10.0.0.4:1", false)
		isClosed(t, fourth)
		send(t, silent, "<13>still here\n")
		if got := until(t, in, 1); got[0].Raw != "<13>still here" || in.count.evicted.Value() != 1 || in.count.full.Value() != 1 {
			t.Errorf("got %q", raws(got))
		}
		_, _ = silent.Close(), third.Close()
	})
}

// TestALongMessageKeepsNoMemory: the buffer that it took is given back.
func TestALongMessageKeepsNoMemory(t *testing.T) {
	in := start(t, "tcp://127.0.0.1:0", func(s *Settings, _ *plugin.Env) { s.MaxMessage = 1 << 20 })
	c := &conn{in: in, peer: newPeer("", ""), f: framer{max: 1 << 20}, buf: make([]byte, firstRoom)}
	most := 0
	for p := appendCounted(nil, strings.Repeat("x", 1<<20)); len(p) > 0; {
		n := copy(c.buf[c.n:], p)
		p, c.n = p[n:], c.n+n
		full := c.n == len(c.buf)
		if err := c.cut(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		c.grow(full)
		most = max(most, len(c.buf))
	}
	if got := until(t, in, 1); len(got[0].Raw) != 1<<20 {
		t.Errorf("the message has %d bytes", len(got[0].Raw))
	}
	if most > 1<<20+firstRoom || len(c.buf) > chunkRoom {
		t.Errorf("the buffer had %d bytes, and has %d after the message", most, len(c.buf))
	}
}

func TestSite(t *testing.T) {
	for in, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::9": "2001:db8:1:2::", "::1": "::", "fe80::1%eth0": "fe80::",
	} {
		if got := site(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s counts as %s, want %s", in, got, want)
		}
	}
}
