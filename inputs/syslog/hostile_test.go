package syslog

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/tail"
)

func mustAddr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// TestI1AFrameThatIsNoSyslog: it does not disturb those after it.
func TestI1AFrameThatIsNoSyslog(t *testing.T) {
	in := start(t, "tcp://127.0.0.1:0", nil)
	c := dialInput(t, in)
	defer func() { _ = c.Close() }()
	want := []string{"<13>a", "no syslog at all", "\x00\xff\n", "<999>", "<13>b"}
	var b []byte
	for _, m := range want {
		b = appendCounted(b, m)
	}
	send(t, c, string(b))
	got := until(t, in, len(want))
	for i := range want {
		if got[i].Raw != want[i] || len(got[i].Fields) != 1 || got[i].Get(schema.LogSourceAddress).Str() != c.LocalAddr().String() {
			t.Errorf("record %d is %s, want %q", i, dumps(got[i:i+1]), want[i])
		}
	}
}

// TestI2LongMessages: up to the limit they are whole, above it their start is
// kept and the connection goes on.
func TestI2LongMessages(t *testing.T) {
	for _, limit := range []int{8 << 10, 64 << 10, 1 << 20} {
		for _, size := range []int{9_000, 64 << 10, 64<<10 + 1, 1 << 20, 1<<20 + 1} {
			for _, counted := range []bool{true, false} {
				t.Run(fmt.Sprintf("%d of %d, counted %v", size, limit, counted), func(t *testing.T) {
					in := start(t, "tcp://127.0.0.1:0", func(s *Settings, _ *plugin.Env) { s.MaxMessage = plugin.Size(limit) })
					c := dialInput(t, in)
					defer func() { _ = c.Close() }()
					long := "<13>" + strings.Repeat("x", size-4)
					var b []byte
					for _, m := range []string{long, "<13>next"} {
						if counted {
							b = appendCounted(b, m)
						} else {
							b = append(append(b, m...), '\n')
						}
					}
					go send(t, c, string(b))
					got := until(t, in, 2)
					whole := size <= limit
					if got[0].Raw != long[:min(size, limit)] || got[1].Raw != "<13>next" {
						t.Errorf("read %d bytes and %q", len(got[0].Raw), got[1].Raw)
					}
					said := got[0].Fields.Get(schema.Tags).Str() == tail.TagTruncated &&
						strings.Contains(got[0].Get(schema.ErrorMessage).Str(), fmt.Sprintf("the message has %d bytes, its first %d are kept", size, limit))
					if said == whole || in.count.cutBytes.Value() != uint64(max(0, size-limit)) {
						t.Errorf("it says %q, counted %d", got[0].Get(schema.ErrorMessage).Str(), in.count.cutBytes.Value())
					}
				})
			}
		}
	}
}

// TestI3CountsThatAreNone: the connection is closed and counted, what cannot be
// told apart is kept, and no memory is taken.
func TestI3CountsThatAreNone(t *testing.T) {
	for _, bad := range []string{"99999999999999999999 <13>x", "-5 <13>x", "0 ", "007 <13>abc", "+5 <13>x", "5x<13>", "67108865 <", "<13>x\n"} {
		for _, later := range []bool{true, false} {
			if !later && (bad[0] == '+' || bad[0] == '<' || bad[:2] == "5x") {
				continue // the stream is one of lines then
			}
			t.Run(fmt.Sprintf("%q, later %v", bad, later), func(t *testing.T) {
				in := start(t, "tcp://127.0.0.1:0", nil)
				c := dialInput(t, in)
				defer func() { _ = c.Close() }()
				text, n := bad, 1
				if later {
					text, n = "8 <13>good"+bad, 2
				}
				send(t, c, text)
				got := until(t, in, n)
				isClosed(t, c)
				if last := got[n-1]; last.Raw != bad || !strings.HasPrefix(last.Get(schema.ErrorMessage).Str(), "framing: ") {
					t.Errorf("kept %s", dumps(got))
				}
				if in.count.framing.Value() != 1 {
					t.Errorf("%d were counted", in.count.framing.Value())
				}
			})
		}
	}
	f := framer{max: 64 << 10, mode: octets}
	p, spans := []byte("67108864 <13>x"), make([]span, 0, 4)
	if n := testing.AllocsPerRun(100, func() {
		if got, used, _, err := f.cut(p, spans); len(got) != 0 || used != 0 || err != nil {
			t.Fatalf("a frame that has hardly begun gave %d, %d, %v", len(got), used, err)
		}
	}); n != 0 {
		t.Errorf("an octet count takes %v allocations", n)
	}
}

// TestI4NoLineEnd: a gigabyte without a line feed takes no memory but the limit.
func TestI4NoLineEnd(t *testing.T) {
	const limit = 64 << 10
	f := framer{max: limit}
	buf, n := make([]byte, limit+4096), 0
	piece, total := bytes.Repeat([]byte("x"), 4096), 1<<30
	for range total / len(piece) {
		n += copy(buf[n:], piece)
		spans, used, keep, err := f.cut(buf[:n], nil)
		if len(spans) > 0 || used != 0 || keep > limit || err != nil {
			t.Fatalf("an unfinished line gave %d, %d, %d, %v", len(spans), used, keep, err)
		}
		n = keep
	}
	buf[n] = '\n'
	spans, _, _, _ := f.cut(buf[:n+1], nil)
	if len(spans) != 1 || spans[0].size != int64(total) || spans[0].to != limit {
		t.Errorf("the line is %+v", spans)
	}

	in := start(t, "tcp://127.0.0.1:0", nil)
	c := dialInput(t, in)
	go func() {
		for range (32 << 20) / len(piece) {
			send(t, c, string(piece))
		}
		_ = c.Close()
	}()
	got := until(t, in, 1)
	if len(got[0].Raw) != limit || in.count.cutBytes.Value() != 32<<20-limit || in.count.cut.Value() != 1 {
		t.Errorf("kept %d bytes, counted %d", len(got[0].Raw), in.count.cutBytes.Value())
	}
}

// TestI5SlowConnections: a thousand connections that bring a byte a second, and
// as many that never finish a handshake, do not hurt a healthy sender, and lose
// their slots.
func TestI5SlowConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := quiet(t, func(s *Settings) { s.MaxConnections = 1000; s.MaxPerPeer = 10 })
		defer func() { _ = in.Close() }()
		for i := range 1000 {
			c := connect(in, fmt.Sprintf("10.0.%d.%d:1", i/8/250, i/8%250), i%2 == 1)
			go func() {
				if i%2 == 1 { // a handshake that never begins
					_, _ = c.Read(make([]byte, 1))
					return
				}
				for err := error(nil); err == nil; { // the other side closes it
					_, err = c.Write([]byte{'<'})
					time.Sleep(time.Second)
				}
			}()
		}
		refused := connect(in, "10.9.9.9:1", false)
		isClosed(t, refused)
		if n := in.count.full.Value(); n != 1 {
			t.Errorf("%d connections were refused", n)
		}
		time.Sleep(evictAfter)
		healthy := connect(in, "10.9.9.9:2", false)
		for i := range 100 {
			text := fmt.Sprintf("<13>message %d", i)
			send(t, healthy, text+"\n")
			synctest.Wait()
			for !slices.Contains(raws(until(t, in, 1)), text) { // beside the beginnings of what the slow ones sent
				synctest.Wait()
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := in.count.open.Value(); n != 1 {
			t.Errorf("%d connections are open, want the healthy one", n)
		}
		if got := in.count.handshakes.Value() + in.count.timeouts.Value(); got < 999 {
			t.Errorf("%d connections ran out of time", got)
		}
		_ = healthy.Close()
	})
}

// TestI5OneAddress: one address cannot take the slots of all.
func TestI5OneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := quiet(t, func(s *Settings) { s.MaxPerPeer = 3 })
		defer func() { _ = in.Close() }()
		var all []net.Conn
		for i := range 5 {
			c := connect(in, fmt.Sprintf("10.0.0.1:%d", i+1), false)
			all = append(all, c)
			if i >= 3 {
				isClosed(t, c)
			}
		}
		other := connect(in, "10.0.0.2:1", false)
		send(t, other, "<13>from another\n")
		if got := until(t, in, 1); got[0].Raw != "<13>from another" || in.count.peerFull.Value() != 2 {
			t.Errorf("got %q, %d refused", raws(got), in.count.peerFull.Value())
		}
		_ = other.Close()
		for _, c := range all {
			_ = c.Close()
		}
	})
}

// TestI5TimeLimits: a connection that is idle, and one that does not finish its
// message, are closed in their time, and not before; the lane's waiting is not
// held against a sender.
func TestI5TimeLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := quiet(t, nil)
		defer func() { _ = in.Close() }()
		idle, mid := connect(in, "10.0.0.1:1", false), connect(in, "10.0.0.2:1", false)
		send(t, idle, "<13>one\n")
		send(t, mid, "<13>two\n<13>unfini")
		until(t, in, 2)
		time.Sleep(in.s.MessageTime - time.Second)
		if n := in.count.open.Value(); n != 2 {
			t.Errorf("%d are open", n)
		}
		time.Sleep(2 * time.Second)
		if got := until(t, in, 1); got[0].Raw != "<13>unfini" || got[0].Get(schema.ErrorMessage).Str() != "the connection ended within this message" {
			t.Errorf("got %s", dumps(got))
		}
		isClosed(t, mid)
		time.Sleep(in.s.IdleTime - in.s.MessageTime - 2*time.Second)
		send(t, idle, "<13>three\n")
		until(t, in, 1)
		time.Sleep(in.s.IdleTime + time.Second)
		synctest.Wait()
		if n := in.count.open.Value(); n != 0 || in.count.timeouts.Value() != 2 {
			t.Errorf("%d are open, %d ran out of time", n, in.count.timeouts.Value())
		}
		_, _ = idle.Close(), mid.Close()
	})
}

// quiet is an open input without listeners, for a bubble of synctest.
func quiet(t testing.TB, change func(*Settings)) *input {
	t.Helper()
	s := settingsFor("tcp://127.0.0.1:0", "")
	if change != nil {
		change(s)
	}
	in, err := Plugin.Input(s, envOf(t))
	if err != nil {
		t.Fatal(err)
	}
	in.(*input).listen = nil
	if err := in.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return in.(*input)
}
