package syslog

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
)

// retried fails unless err says that the batch is to be sent again.
func retried(t *testing.T, err error) {
	t.Helper()
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry {
		t.Fatalf("send gave %v", err)
	}
}

func datagrams(t *testing.T, path string) net.PacketConn {
	t.Helper()
	pc, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	return pc
}

// arrives fails unless the next datagram is this.
func arrives(t *testing.T, pc net.PacketConn, want string) {
	t.Helper()
	_ = pc.SetReadDeadline(time.Now().Add(20 * time.Second)) // which only a failure meets
	b := make([]byte, 1000)
	if n, _, err := pc.ReadFrom(b); err != nil || string(b[:n]) != want {
		t.Errorf("%q arrived, %v; want %q", b[:n], err, want)
	}
}

// A syslog daemon that was started anew has made its socket anew.
func TestADatagramSocketThatWasMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	pc := datagrams(t, path)
	o := open(t, "unixgram://"+path, nil)
	send(t, o, "one")
	arrives(t, pc, "one")
	_ = pc.Close()
	_ = os.Remove(path)
	retried(t, o.Send(context.Background(), texts("two")))
	retried(t, o.Send(context.Background(), texts("two")))
	pc = datagrams(t, path)
	defer func() { _ = pc.Close() }() // what was read is checked
	send(t, o, "two")
	arrives(t, pc, "two")
}

func TestADatagramSocketThatNobodyReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	pc := datagrams(t, path)
	defer func() { _ = pc.Close() }() // nothing was read
	o := open(t, "unixgram://"+path, func(s *Settings) { s.Timeout = 20 * time.Millisecond })
	retried(t, o.Send(context.Background(), texts(numbered(5000, 100)...)))
}

func TestADatagramThatIsTooLargeFailsAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	pc := datagrams(t, path)
	defer func() { _ = pc.Close() }() // what was read is checked
	o := open(t, "unixgram://"+path, func(s *Settings) { s.MaxBytes = 8 << 20 })
	err := o.Send(context.Background(), texts("one", strings.Repeat("x", 4<<20), "two"))
	var e *plugin.Error
	if !errors.As(err, &e) || e.Kind != plugin.KindPartial || len(e.Failed) != 1 || e.Failed[0].Index != 1 {
		t.Fatalf("send gave %v", err)
	}
	if kind, _ := plugin.KindOf(e.Failed[0].Err); kind != plugin.KindPermanent || !strings.Contains(e.Failed[0].Err.Error(), "lower max_bytes") {
		t.Errorf("it failed with %v", e.Failed[0].Err)
	}
	arrives(t, pc, "one")
	arrives(t, pc, "two")
}

// What a Unix stream has taken was read by the receiver, so nothing comes twice.
func TestAStreamSocketThatWasMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	handle, got := collect(lines)
	ln := listen(t, "unix", path)
	first := make(chan net.Conn, 1)
	go func() { // ends with its connection
		if c, err := ln.Accept(); err == nil {
			first <- c
			handle(c)
		}
	}()
	o := open(t, "unix://"+path, nil)
	send(t, o, "one")
	want(t, got, "one")
	_ = ln.Close() // and its path is gone
	_ = (<-first).Close()
	<-o.link.gone
	retried(t, o.Send(context.Background(), texts("two")))
	serve(t, listen(t, "unix", path), handle)
	// The receiver reads until the output is closed, which open does only later.
	defer func() { _ = o.Close() }()
	send(t, o, "two")
	want(t, got, "two")
}
