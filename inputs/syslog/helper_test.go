package syslog

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// appendCounted appends a message in octet counting.
func appendCounted(b []byte, message string) []byte {
	b = strconv.AppendInt(b, int64(len(message)), 10)
	b = append(b, ' ')
	return append(b, message...)
}

// from is a connection that says where it comes from.
type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

// connect gives an input a connection from an address, over memory.
func connect(in *input, address string, encrypted bool) net.Conn {
	client, server := net.Pipe()
	in.admit(from{server, net.TCPAddrFromAddrPort(mustAddr(address))}, encrypted)
	return client
}

// isClosed waits until the other side has closed a connection.
func isClosed(t testing.TB, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the connection is open: %d bytes, %v", n, err)
	}
}

// send writes to a connection and fails the test where that does not work.
func send(t testing.TB, c io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Errorf("write: %v", err)
	}
}

// stopped reads an input whose context is done to its end.
func stopped(t testing.TB, in *input) []event.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var all []event.Event
	for {
		var b event.Batch
		err := in.Read(ctx, &b, time.Hour)
		all = append(all, b.Events...)
		if err != nil {
			if !errors.Is(err, context.Canceled) || len(b.Events) > 0 {
				t.Errorf("a stopped read gave %d records and %v", len(b.Events), err)
			}
			return all
		}
	}
}

// dumps are events as a golden holds them.
func dumps(events []event.Event) []string {
	list := []string{}
	for i := range events {
		list = append(list, plugintest.Dump(&events[i]))
	}
	return list
}

// envOf is an environment in a folder of its own.
func envOf(t testing.TB) plugin.Env { return plugintest.Env(t.TempDir()) }
