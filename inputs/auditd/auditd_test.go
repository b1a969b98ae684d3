package auditd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/tail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func env(dir string) plugin.Env {
	return plugin.Env{Name: "audit", Dir: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "audit.log"), []byte("type=A\ntype=B\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := defaults()
	s.StatusEvery = 0
	s.Path.Value = "audit.log"
	in, err := build(&s, env(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	if err := in.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var b event.Batch
	if err := in.Read(t.Context(), &b, 0); err != nil {
		t.Fatal(err)
	}
	if len(b.Events) != 2 || b.Events[1].Raw != "type=B" || b.Events[1].Offset != 7 || b.Events[1].Decode != "audit" {
		t.Fatalf("read %+v", b.Events)
	}
	if got := b.Events[0].Get(schema.LogFilePath).Str(); got != filepath.Join(dir, "audit.log") {
		t.Errorf("log.file.path is %q", got)
	}
}

// served is a socket as auditd's af_unix plugin gives it.
func served(t *testing.T) (string, net.Listener) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return path, l
}

func say(t *testing.T, l net.Listener, text string) {
	t.Helper()
	c, err := l.Accept()
	if err == nil {
		_, err = c.Write([]byte(text))
		err = errors.Join(err, c.Close())
	}
	if err != nil {
		t.Error(err)
	}
}

func raws(b *event.Batch) []string {
	var s []string
	for _, e := range b.Events {
		s = append(s, e.Raw)
	}
	return s
}

// TestSocketReconnects: a record that the end of a connection cut is a record of
// its own, and the next connection begins a new one.
func TestSocketReconnects(t *testing.T) {
	path, l := served(t)
	s := defaults()
	s.StatusEvery = 0
	s.Socket.Value = path
	s.MaxLine = 2000
	e := env("/")
	e.Meter = new(meter.Registry)
	in, err := build(&s, e)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	var got, cut []string
	long := strings.Repeat("x", 300_000)
	for _, text := range []string{"one\ntwo\nthr", "ee\n" + long + "\nfour\n"} {
		go say(t, l, text)
		for {
			var b event.Batch
			err := in.Read(t.Context(), &b, time.Minute)
			got = append(got, raws(&b)...)
			for i := range b.Events {
				if e := &b.Events[i]; e.Get(schema.ErrorMessage).Str() == "the connection ended within this record" && e.Get(schema.Tags).Str() == tail.TagTruncated {
					cut = append(cut, e.Raw)
				}
			}
			if err != nil {
				if k, _ := plugin.KindOf(err); k != plugin.KindRetry || errors.Is(err, io.EOF) {
					t.Fatalf("the end of a connection is %v", err)
				}
				break
			}
		}
	}
	if want := []string{"one", "two", "thr", "ee", long[:2000], "four"}; !slices.Equal(got, want) {
		t.Errorf("read %.300q", got)
	}
	if n := in.(*watch).Input.(*stream).parts.Value(); n != 1 || !slices.Equal(cut, []string{"thr"}) {
		t.Errorf("%d records are counted as cut, and %q say so", n, cut)
	}
}

func TestSocketStops(t *testing.T) {
	path, l := served(t)
	s := defaults()
	s.StatusEvery = 0
	s.Socket.Value = path
	in, err := build(&s, env("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		var b event.Batch
		done <- in.Read(ctx, &b, time.Hour)
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
}

func TestNoSocket(t *testing.T) {
	s := defaults()
	s.StatusEvery = 0
	s.Socket.Value = "nowhere"
	in, err := build(&s, env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	var b event.Batch
	err = in.Read(t.Context(), &b, 0)
	if k, _ := plugin.KindOf(err); err == nil || k != plugin.KindRetry || !strings.Contains(err.Error(), "af_unix") {
		t.Errorf("read: %v", err)
	}
}

// pipe is standard input in the hands of a test.
type pipe struct{ io.Reader }

func (pipe) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }
func (pipe) Close() error                    { return nil }

func TestStdinEnds(t *testing.T) {
	for _, text := range []string{"", "a\nb", "a\nb\n", "\n\na\n\nb"} {
		s := defaults()
		s.StatusEvery = 0
		s.Stdin = true
		in, err := build(&s, env("/"))
		if err != nil {
			t.Fatal(err)
		}
		in.(*watch).Input.(*stream).dial = func(context.Context) (source, error) { return pipe{strings.NewReader(text)}, nil }
		var got []string
		for {
			var b event.Batch
			err := in.Read(t.Context(), &b, 0)
			got = append(got, raws(&b)...)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := strings.Fields(text); !slices.Equal(got, want) {
			t.Errorf("%q gave %q", text, got)
		}
	}
}

func TestOneSource(t *testing.T) {
	for _, c := range []struct {
		s   Settings
		bad bool
	}{
		{Settings{Buffer: 1 << 20, MaxLine: 4096}, false},
		{Settings{Buffer: 1 << 20, MaxLine: 4096, Stdin: true}, false},
		{Settings{Buffer: 1 << 20, MaxLine: 4096, Stdin: true, Socket: plugin.Text{Value: "s"}}, true},
		{Settings{Buffer: 1 << 20, MaxLine: 4096, Path: plugin.Text{Value: "p"}, Socket: plugin.Text{Value: "s"}}, true},
		{Settings{Buffer: 1 << 20, MaxLine: 1}, true},
	} {
		if got := c.s.Check(); got.Bad() != c.bad {
			t.Errorf("%+v: %v", c.s, got)
		}
	}
}

func TestBinarySocket(t *testing.T) {
	path, l := served(t)
	s := defaults()
	s.StatusEvery = 0
	s.Socket.Value = path
	in, err := build(&s, env("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	go say(t, l, "\x00\x00\x00\x00\x10\x00\x00\x00\x14\x05\x00\x00\x04\x00\x00\x00type")
	var b event.Batch
	if err = in.Read(t.Context(), &b, time.Minute); !errors.Is(err, errBinary) || len(b.Events) > 0 {
		t.Errorf("read %q: %v", raws(&b), err)
	}
}

func TestOnceNeedsASource(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"socket": func(s *Settings) { s.Socket.Value = "nowhere" },
		"path":   func(s *Settings) { s.Path.Value = "nowhere" },
	} {
		s := defaults()
		s.StatusEvery = 0
		change(&s)
		e := env(t.TempDir())
		e.Once = true
		in, err := build(&s, e)
		if err != nil {
			t.Fatal(err)
		}
		if err = in.Open(t.Context(), nil); err == nil {
			err = in.Read(t.Context(), new(event.Batch), 0)
		}
		if k, _ := plugin.KindOf(err); k != plugin.KindPermanent || !strings.Contains(err.Error(), filepath.Join(e.Dir, "nowhere")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
