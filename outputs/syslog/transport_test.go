package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
)

func TestStreamsCarryEachMessageOnce(t *testing.T) {
	nasty := []string{"plain", "two\nlines\n", "nul \x00 inside", "\ufeffa mark before", "Grüße, 世界", "bad utf-8 \xff\xfe", "7 looks like a frame"}
	blanked := []string{"plain", "two lines ", "nul \x00 inside", "\ufeffa mark before", "Grüße, 世界", "bad utf-8 \xff\xfe", "7 looks like a frame"}
	dir := t.TempDir()
	for _, c := range []struct {
		name, network, addr, scheme, framing string
		parse                                func(*bufio.Reader) (string, error)
		want                                 []string
	}{
		{"tcp counts octets", "tcp", "127.0.0.1:0", "tcp", "", octets, nasty},
		{"tcp with line ends", "tcp", "127.0.0.1:0", "tcp", framingNewline, lines, blanked},
		{"unix has line ends", "unix", filepath.Join(dir, "a"), "unix", "", lines, blanked},
		{"unix counts octets", "unix", filepath.Join(dir, "b"), "unix", framingOctets, octets, nasty},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t, c.network, c.addr)
			handle, got := collect(c.parse)
			serve(t, ln, handle)
			o := open(t, c.scheme+"://"+ln.Addr().String(), func(s *Settings) { s.Framing = c.framing })
			send(t, o, nasty[:3]...)
			send(t, o, nasty[3:]...)
			for i, want := range c.want {
				if m := <-got; m != want {
					t.Errorf("message %d is %q, want %q", i, m, want)
				}
			}
			if n := o.connects.Value(); n != 1 {
				t.Errorf("%d connections for two batches", n)
			}
			if o.Confirms() {
				t.Error("syslog was said to confirm")
			}
		})
	}
}

func TestDatagramsCarryOneMessageEach(t *testing.T) {
	for _, c := range []struct{ name, network, addr string }{
		{"udp", "udp", "127.0.0.1:0"},
		{"unixgram", "unixgram", filepath.Join(t.TempDir(), "log")},
	} {
		t.Run(c.name, func(t *testing.T) {
			pc, err := net.ListenPacket(c.network, c.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = pc.Close() }() // what was read is checked above
			o := open(t, c.network+"://"+pc.LocalAddr().String(), func(s *Settings) { s.MaxBytes = 480 })
			long := strings.Repeat("x", 479) + "ü and more"
			send(t, o, "one\nline", long, "")
			for i, want := range []string{"one\nline", strings.Repeat("x", 479), ""} {
				b := make([]byte, 2000)
				n, _, err := pc.ReadFrom(b)
				if err != nil || string(b[:n]) != want {
					t.Errorf("datagram %d is %q, %v", i, b[:n], err)
				}
			}
			if n := o.truncated.Value(); n != 1 {
				t.Errorf("%d messages counted as cut", n)
			}
		})
	}
}

func TestALongMessageIsCutAndCounted(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	handle, got := collect(octets)
	serve(t, ln, handle)
	o := open(t, "tcp://"+ln.Addr().String(), nil)
	send(t, o, strings.Repeat("世", 3000))
	if m := <-got; m != strings.Repeat("世", 2730) {
		t.Errorf("%d bytes arrived", len(m))
	}
	if n := o.truncated.Value(); n != 1 {
		t.Errorf("%d messages counted as cut", n)
	}
}

func TestWhatCannotBeRenderedFailsAlone(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	handle, got := collect(octets)
	serve(t, ln, handle)
	o := open(t, "tcp://"+ln.Addr().String(), nil)
	// The second has a header that alone is longer than the limit.
	head := "<134>1 - h a p m [x y=\"" + strings.Repeat("] ", 5000) + "\"] hello"
	err := o.Send(context.Background(), texts("good", "bad", head, "also good"))
	var e *plugin.Error
	if !errors.As(err, &e) || e.Kind != plugin.KindPartial || len(e.Failed) != 2 || e.Failed[0].Index != 1 || e.Failed[1].Index != 2 {
		t.Fatalf("send gave %v", err)
	}
	for _, f := range e.Failed {
		if kind, _ := plugin.KindOf(f.Err); kind != plugin.KindPermanent {
			t.Errorf("event %d would be tried again: %v", f.Index, f.Err)
		}
	}
	if a, b := <-got, <-got; a != "good" || b != "also good" {
		t.Errorf("%q and %q arrived", a, b)
	}
}

func numbered(n, size int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%06d %s", i, strings.Repeat("z", size)))
	}
	return list
}

func TestAPeerThatClosesMidwayGetsTheBatchAgain(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	handle, got := collect(octets)
	calls := 0
	serve(t, ln, func(c net.Conn) {
		calls++
		if calls > 1 {
			handle(c)
			return
		}
		// Too much is on its way for the kernel to have taken it all.
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		for r := bufio.NewReaderSize(c, 16); len(got) < 10; {
			m, err := octets(r)
			if err != nil {
				t.Errorf("first connection: %v", err)
				return
			}
			got <- m
		}
	})
	o := open(t, "tcp://"+ln.Addr().String(), nil)
	batch := texts(numbered(4000, 4000)...)
	err := o.Send(context.Background(), batch)
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry {
		t.Fatalf("a broken batch was reported as %v", err)
	}
	if err := o.Send(context.Background(), batch); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for range 10 + len(batch) {
		seen[(<-got)[:6]]++
	}
	if len(seen) != len(batch) {
		t.Errorf("%d of %d events arrived", len(seen), len(batch))
	}
}

func TestAPeerThatLeftIsNoticedBeforeTheNextBatch(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	got := make(chan string, 10)
	serve(t, ln, func(c net.Conn) { // one message for each connection
		if m, err := octets(bufio.NewReader(c)); err == nil {
			got <- m
		}
		// Half closed: we could still write, into nothing.
		_ = c.(*net.TCPConn).CloseWrite()
	})
	o := open(t, "tcp://"+ln.Addr().String(), func(s *Settings) { s.Window = 0 })
	for _, m := range []string{"first", "second", "third"} {
		// Where the peer leaves faster than we ask, the batch is to be sent again.
		err := o.Send(context.Background(), texts(m))
		if a := <-got; a != m {
			t.Fatalf("%q arrived in place of %q", a, m)
		}
		if err == nil {
			if o.link != nil { // not after a part
				<-o.link.gone
			}
		} else if !errors.Is(err, errLeft) {
			t.Fatal(err)
		}
	}
}

func TestAPeerThatDoesNotReadIsNotBelieved(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	release := make(chan struct{})
	serve(t, ln, func(net.Conn) { <-release })
	t.Cleanup(func() { close(release) })
	o := open(t, "tcp://"+ln.Addr().String(), func(s *Settings) { s.Timeout = 50 * time.Millisecond })
	err := o.Send(context.Background(), texts(numbered(8000, 4000)...))
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry {
		t.Errorf("send into a full window gave %v", err)
	}
	o.settings.Timeout = time.Hour
	if err := o.Probe(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(time.Millisecond, cancel)
	if err := o.Send(ctx, texts(numbered(8000, 4000)...)); err == nil {
		t.Error("a cancelled send reported success")
	}
}

func TestAUnixPeerThatDoesNotReadIsNotBelieved(t *testing.T) {
	ln := listen(t, "unix", filepath.Join(t.TempDir(), "s"))
	release := make(chan struct{})
	serve(t, ln, func(net.Conn) { <-release })
	t.Cleanup(func() { close(release) })
	o := open(t, "unix://"+ln.Addr().String(), func(s *Settings) { s.Timeout = 20 * time.Millisecond })
	err := o.Send(context.Background(), texts("small enough for any buffer"))
	if err == nil || !strings.Contains(err.Error(), "did not take") {
		t.Errorf("send gave %v", err)
	}
}

func TestAReceiverThatIsAwaySaysWhatToCheck(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	addr := ln.Addr().String()
	_ = ln.Close()
	missing := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct{ address, hint string }{
		{"tcp://" + addr, "check address tcp://" + addr},
		{"unix://" + missing, "check address unix://" + missing},
		{"unixgram://" + missing, "no such socket"},
	} {
		o := open(t, c.address, nil)
		err := o.Probe(context.Background())
		if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("%s: %v", c.address, err)
		}
	}
}

func TestAUDPReceiverThatIsAwayIsNoticed(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, "udp://"+pc.LocalAddr().String(), nil)
	_ = pc.Close()
	// The refusal of the first datagram is told at one of the next.
	for range 100 {
		if err = o.Send(context.Background(), texts("a", "b")); err != nil {
			break
		}
	}
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "nothing listens") {
		t.Errorf("send to nobody gave %v", err)
	}
}
