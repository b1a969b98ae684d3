package syslog

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sender is the other side of an input under test: what is to be sent to the one
// in a folder, in order, from a goroutine of its own. It is sent once the input
// listens.
type sender struct {
	write func(t testing.TB, c net.Conn, content []byte) error

	mu   sync.Mutex
	all  map[string]chan []byte
	busy sync.WaitGroup
}

// lane returns what is to be sent to the input in a folder.
func (s *sender) lane(dir string) chan []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]chan []byte{}
	}
	if s.all[dir] == nil {
		s.all[dir] = make(chan []byte, 16)
	}
	return s.all[dir]
}

// opened is an input that says where it listens.
type opened struct {
	*input
	t    testing.TB
	s    *sender
	dir  string
	stop chan struct{}
}

func (o *opened) Open(ctx context.Context, from []byte) error {
	if err := o.input.Open(ctx, from); err != nil {
		return err
	}
	c := dialInput(o.t, o.input)
	o.s.busy.Go(func() {
		defer func() { _ = c.Close() }()
		for {
			select {
			case content := <-o.s.lane(o.dir):
				if err := o.s.write(o.t, c, content); err != nil && !errors.Is(err, net.ErrClosed) {
					select {
					case <-o.stop: // the test is over and read what it wanted
					default:
						o.t.Errorf("send: %v", err)
					}
					return
				}
			case <-o.stop:
				return
			}
		}
	})
	return nil
}

func (o *opened) Close() error {
	close(o.stop)
	err := o.input.Close()
	o.s.busy.Wait()
	return err
}

// dialInput connects to the first address of an input.
func dialInput(t testing.TB, in *input) net.Conn {
	t.Helper()
	var at net.Addr
	if len(in.listeners) > 0 {
		at = in.listeners[0].Addr()
	} else {
		at = in.sockets[0].c.LocalAddr()
	}
	c, err := net.Dial(at.Network(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writeLines(_ testing.TB, c net.Conn, content []byte) error {
	_, err := c.Write(content)
	return err
}

func writeCounted(_ testing.TB, c net.Conn, content []byte) error {
	var b []byte
	for line := range bytes.Lines(content) {
		b = appendCounted(b, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	_, err := c.Write(b)
	return err
}

func writeDatagrams(_ testing.TB, c net.Conn, content []byte) error {
	for line := range bytes.Lines(content) {
		if _, err := c.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// TestConformance: every way in passes the suite of inputs.
func TestConformance(t *testing.T) {
	for _, w := range []struct {
		name, listen string
		write        func(testing.TB, net.Conn, []byte) error
	}{
		{"tcp, lines", "tcp://127.0.0.1:0", writeLines},
		{"tcp, octet counting", "tcp://127.0.0.1:0", writeCounted},
		{"udp", "udp://127.0.0.1:0", writeDatagrams},
		{"udp, IPv6", "udp://[::1]:0", writeDatagrams},
		{"unix", "unix://%s", writeLines},
		{"unixgram", "unixgram://%s", writeDatagrams},
	} {
		t.Run(w.name, func(t *testing.T) {
			s := &sender{write: w.write}
			p := Plugin
			p.Input = func(settings any, env plugin.Env) (plugin.Input, error) {
				in, err := Plugin.Input(settings, env)
				if err != nil {
					return nil, err
				}
				return &opened{input: in.(*input), t: t, s: s, dir: env.Dir, stop: make(chan struct{})}, nil
			}
			plugintest.Input(t, plugintest.InputSuite{
				Plugin: p, Golden: "testdata", NoPosition: true, NoEnd: true,
				Settings: func(_ testing.TB, dir string) any { return settingsFor(w.listen, dir) },
				Append: func(_ testing.TB, dir string, content []byte) {
					if len(content) > 0 {
						s.lane(dir) <- content
					}
				},
				Refused: func(testing.TB) any { return settingsFor("tcp://nowhere:0/path", "") },
			})
		})
	}
}

// settingsFor are settings that listen at one address; %s is a path in dir.
func settingsFor(listen, dir string) *Settings {
	s := defaults()
	if scheme, path, ok := bytes.Cut([]byte(listen), []byte("%s")); ok && len(path) == 0 {
		listen = string(scheme) + filepath.Join(dir, "s")
	}
	s.Listen.Value = listen
	s.ReceiveBuffer = 64 << 20 // as much as the tests send while nobody reads
	return &s
}

// start builds and opens an input; change may be nil.
func start(t testing.TB, listen string, change func(*Settings, *plugin.Env)) *input {
	t.Helper()
	dir := t.TempDir()
	s, env := settingsFor(listen, dir), plugintest.Env(dir)
	if change != nil {
		change(s, &env)
	}
	if p := s.Check(); p.Bad() {
		t.Fatal(p)
	}
	in, err := Plugin.Input(s, env)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return in.(*input)
}

// patience is how long a test waits for what comes at once.
const patience = 20 * time.Second

// until reads until n records have come.
func until(t testing.TB, in *input, n int) []event.Event {
	t.Helper()
	var all []event.Event
	for end := time.Now().Add(patience); len(all) < n; {
		var b event.Batch
		if err := in.Read(context.Background(), &b, 100*time.Millisecond); err != nil {
			t.Fatalf("read: %v", err)
		}
		all = append(all, b.Events...)
		if time.Now().After(end) {
			t.Fatalf("%d records came, want %d: %q", len(all), n, raws(all))
		}
	}
	return all
}

func raws(events []event.Event) []string {
	list := []string{}
	for i := range events {
		list = append(list, events[i].Raw)
	}
	return list
}
