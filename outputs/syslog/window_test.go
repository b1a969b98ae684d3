package syslog

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
)

func TestAWindowKeepsWholeFramesWithinItsBytes(t *testing.T) {
	w := window{max: 25}
	var all []string
	for i := range 100 {
		f := fmt.Sprintf("<%08d>", i) // 10 bytes
		w.add([]byte(f+"lost"), []int{10, 14})
		w.rollback()
		w.add([]byte(f), []int{10})
		w.commit(time.Unix(1, 0))
		all = append(all, f)
		if len(w.buf) > 2*w.max+10 {
			t.Fatalf("%d bytes are kept", len(w.buf))
		}
	}
	b, sent := w.last()
	if len(sent) != 2 || string(b) != all[98]+all[99] {
		t.Errorf("%d frames: %q", len(sent), b)
	}
}

func TestAWindowForgetsWhatIsOld(t *testing.T) {
	for _, c := range []struct {
		name string
		age  time.Duration
		lost int64 // the frames were sent at the seconds 10, 20 and 30
		want string
	}{
		{"no limit", 0, 1 << 20, "aabbcc"},
		{"all young", time.Minute, 31, "aabbcc"},
		{"to the second", 10 * time.Second, 30, "bbcc"},
		{"one", 10 * time.Second, 31, "cc"},
		{"none", 10 * time.Second, 41, ""},
		{"the clock was set back", time.Second, 5, "aabbcc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := window{max: 100, age: c.age}
			for i, f := range []string{"aa", "bb", "cc"} {
				w.add([]byte(f), []int{2})
				w.commit(time.Unix(int64(10*(i+1)), 0))
			}
			w.expire(time.Unix(c.lost, 0))
			if b, sent := w.last(); string(b) != c.want || len(sent) != len(c.want)/2 || w.frames != len(sent) || w.bytes != len(b) {
				t.Errorf("%q in %d frames", b, len(sent))
			}
		})
	}
}

// Its age is that at the loss, not that at the next event, which may come late;
// after it was sent again it counts as young.
func TestTheAgeOfTheWindowEndsWithItsConnection(t *testing.T) {
	handle, got := collect(octets)
	conns := make(chan net.Conn, 3)
	ln := listen(t, "tcp", "127.0.0.1:0")
	serve(t, ln, func(c net.Conn) { conns <- c; handle(c) })
	o := open(t, "tcp://"+ln.Addr().String(), func(s *Settings) { s.WindowAge = time.Hour })
	var later time.Duration
	o.now = func() time.Time { return time.Now().Add(later) }
	lose := func() { _ = (<-conns).Close(); <-o.link.gone }
	send(t, o, "one")
	want(t, got, "one")
	lose()
	later = 10 * time.Hour // nothing happened meanwhile
	send(t, o, "two")
	want(t, got, "one", "two")
	o.window.again = 0 // as if it were not sent again before, or it goes in parts
	lose()
	send(t, o, "three")
	want(t, got, "one", "two", "three")
	for i := range o.window.sent {
		o.window.sent[i].at = time.Now().Add(-2 * time.Hour).UnixNano()
	}
	lose()
	send(t, o, "four")
	want(t, got, "four")
}

// A receiver that takes a little within each timeout gets the whole window and the
// batch, however long that is in all; one that takes nothing fails.
func TestASlowLinkTakesTheWindowInParts(t *testing.T) {
	client, server := net.Pipe() // takes a write only as it is read
	defer func() { _ = server.Close() }()
	l := &link{conn: client}
	o := open(t, "tcp://127.0.0.1:1", func(s *Settings) { s.Timeout = time.Hour })
	message := make([]byte, 1000)
	for range 1000 {
		o.window.add(message, []int{len(message)})
	}
	o.window.commit(time.Now())
	writes := make(chan time.Time, 100)
	l.conn = deadlines{client, writes}
	read := make(chan int64)
	go func() { n, _ := io.CopyN(io.Discard, server, 1000*1000); read <- n }()
	if err := o.again(context.Background(), l); err != nil {
		t.Fatal(err)
	}
	if n := <-read; n != 1000*1000 {
		t.Errorf("%d bytes came", n)
	}
	// One before, and one for each 64 KiB.
	if n := len(writes); n != 1+1000/66+1 {
		t.Errorf("the time was extended %d times", n)
	}
	if n := o.resent.Value(); n != 1000 {
		t.Errorf("%d messages are counted", n)
	}
	o.settings.Timeout = time.Nanosecond
	if err := o.again(context.Background(), l); err == nil {
		t.Error("nobody reads, and it was sent")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.settings.Timeout = time.Hour
	if err := o.again(ctx, l); err == nil {
		t.Error("it was sent after the end of its context")
	}
}

// deadlines is a connection that tells when its writes get another deadline.
type deadlines struct {
	net.Conn
	set chan time.Time
}

func (d deadlines) SetWriteDeadline(t time.Time) error {
	d.set <- t
	return d.Conn.SetWriteDeadline(t)
}

func TestAnAgeBelowNothingIsRefused(t *testing.T) {
	s := Default()
	s.Address, s.WindowAge = plugin.Text{Value: "tcp://a"}, -1
	if p := s.Check(); !p.Bad() {
		t.Error("accepted")
	}
}
