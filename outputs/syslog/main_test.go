package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plainText is an encoder that gives an event's message and refuses "bad".
type plainText struct{}

func (plainText) Append(dst []byte, e *event.Event) ([]byte, error) {
	text := e.Get(schema.Message).Str()
	if text == "bad" {
		return dst, errors.New("not for this format")
	}
	return append(dst, text...), nil
}

func texts(messages ...string) []event.Event {
	var list []event.Event
	for _, m := range messages {
		var f event.Fields
		f.AddString(schema.Message, m)
		list = append(list, event.Event{Fields: f, Records: 1})
	}
	return list
}

// open builds an output of address; change may be nil.
func open(t *testing.T, address string, change func(*Settings)) *output {
	t.Helper()
	c := Default()
	c.Address = plugin.Text{Value: address}
	if change != nil {
		change(&c)
	}
	if p := c.Check(); p.Bad() {
		t.Fatal(p)
	}
	o, err := build(&c, plugin.Env{Name: "siem", Meter: new(meter.Registry), Now: time.Now}, plainText{})
	if err != nil {
		t.Fatal(err)
	}
	o.parting = func(context.Context, *link) {} // tests have many parts, and what they need is in parts_test.go
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return o
}

func send(t *testing.T, o *output, messages ...string) {
	t.Helper()
	if err := o.Send(context.Background(), texts(messages...)); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// serve accepts connections and hands each to handle, one after the other,
// until the listener is closed at the end of the test.
func serve(t *testing.T, ln net.Listener, handle func(net.Conn)) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			handle(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
}

// collect returns a handler that puts each frame that parse finds into the
// channel, until the connection ends.
func collect(parse func(*bufio.Reader) (string, error)) (func(net.Conn), chan string) {
	got := make(chan string, 10000)
	return func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			m, err := parse(r)
			if err != nil {
				return
			}
			got <- m
		}
	}, got
}

// octets reads one octet-counted frame (RFC 6587 section 3.4.1).
func octets(r *bufio.Reader) (string, error) {
	head, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(head, " "))
	if err != nil || head[0] == '0' {
		return "", fmt.Errorf("MSG-LEN %q", head)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

// lines reads one frame that ends with a line feed.
func lines(r *bufio.Reader) (string, error) {
	s, err := r.ReadString('\n')
	return strings.TrimSuffix(s, "\n"), err
}

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
