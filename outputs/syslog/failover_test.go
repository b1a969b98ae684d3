package syslog

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
)

// take reads n messages, or fails after a bound that only a failure meets.
func take(t *testing.T, got chan string, n int) (list []string) {
	t.Helper()
	for range n {
		select {
		case m := <-got:
			list = append(list, m)
		case <-time.After(20 * time.Second):
			t.Fatalf("%d of %d messages came: %q", len(list), n, list)
		}
	}
	return list
}

// want fails unless the next messages are these, and no other follows them.
func want(t *testing.T, got chan string, messages ...string) {
	t.Helper()
	if list := take(t, got, len(messages)); !slices.Equal(list, messages) {
		t.Errorf("got %q, want %q", list, messages)
	}
	if len(got) > 0 {
		t.Errorf("%q came besides", <-got)
	}
}

func TestTheWindowIsSentAgainAfterAConnectionWasLost(t *testing.T) {
	for _, framing := range []string{framingOctets, framingNewline} {
		t.Run(framing, func(t *testing.T) {
			parse := octets
			if framing == framingNewline {
				parse = lines
			}
			handle, got := collect(parse)
			conns := make(chan net.Conn, 2)
			ln := listen(t, "tcp", "127.0.0.1:0")
			serve(t, ln, func(c net.Conn) { conns <- c; handle(c) })
			o := open(t, "tcp://"+ln.Addr().String(), func(s *Settings) { s.Framing = framing })
			send(t, o, "one", "two")
			want(t, got, "one", "two")
			_ = (<-conns).Close()
			<-o.link.gone
			send(t, o, "three")
			want(t, got, "one", "two", "three")
			if n := o.resent.Value(); n != 2 {
				t.Errorf("%d messages are counted as sent again", n)
			}
		})
	}
}

func TestWithoutAWindowNothingIsSentTwice(t *testing.T) {
	handle, got := collect(octets)
	conns := make(chan net.Conn, 2)
	ln := listen(t, "tcp", "127.0.0.1:0")
	serve(t, ln, func(c net.Conn) { conns <- c; handle(c) })
	o := open(t, "tcp://"+ln.Addr().String(), func(s *Settings) { s.Window = 0 })
	send(t, o, "one")
	want(t, got, "one")
	_ = (<-conns).Close()
	<-o.link.gone
	send(t, o, "two")
	want(t, got, "two")
}

func TestTheNextReceiverTakesOverAndTheFirstComesBack(t *testing.T) {
	first, second := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	a, gotA := collect(octets)
	b, gotB := collect(octets)
	address := first.Addr().String()
	conns := make(chan net.Conn, 2)
	go func() { // ends with its connection
		if c, err := first.Accept(); err == nil {
			conns <- c
			a(c)
		}
	}()
	serve(t, second, b)
	o := open(t, "tcp://"+address, func(s *Settings) {
		s.Fallbacks = append(s.Fallbacks, plugin.Text{Value: "tcp://" + second.Addr().String()})
	})
	// The receiver that comes back is waited for before the output is closed otherwise.
	defer func() { _ = o.Close() }() // closed once more, with its error, by open
	now := time.Now()
	o.now = func() time.Time { return now }

	send(t, o, "1")
	want(t, gotA, "1")
	_ = first.Close()
	_ = (<-conns).Close()
	<-o.link.gone
	send(t, o, "2")
	want(t, gotB, "1", "2") // the first may never have read what its host took

	serve(t, listen(t, "tcp", address), a)
	now = now.Add(o.settings.FallBack - 1)
	send(t, o, "3")
	want(t, gotB, "3") // not yet
	now = now.Add(1)
	send(t, o, "4")
	want(t, gotA, "4")
	if len(gotB) > 0 {
		t.Errorf("%q went to the second", <-gotB)
	}
}

func TestAllReceiversAreTriedBeforeItFails(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	away := ln.Addr().String()
	_ = ln.Close()
	o := open(t, "tcp://"+away, func(s *Settings) {
		s.Fallbacks = append(s.Fallbacks, plugin.Text{Value: "tcp://127.0.0.1:1"})
	})
	for range 2 { // the second time all of them rest
		err := o.Send(context.Background(), texts("x"))
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(away)) || !bytes.Contains([]byte(err.Error()), []byte("127.0.0.1:1:")) {
			t.Errorf("the error names not both: %v", err)
		}
	}
}

func TestReceiversOfTwoSchemesAreRefused(t *testing.T) {
	s := Default()
	s.Address.Value, s.Fallbacks = "tcp://a", []plugin.Text{{Value: "tls://b"}}
	if p := s.Check(); !p.Bad() {
		t.Error("accepted")
	}
}
