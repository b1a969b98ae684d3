package stdout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func texts(messages ...string) []event.Event {
	var list []event.Event
	for _, m := range messages {
		var f event.Fields
		f.AddString(schema.Message, m)
		list = append(list, event.Event{Fields: f, Records: 1})
	}
	return list
}

// piped builds the output with a pipe in the place of the standard output.
func piped(t *testing.T, c Settings) (plugin.Output, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdout
	os.Stdout = w
	o, err := New(&c, plugin.Env{})
	os.Stdout = old
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return o, r
}

func TestLinesGoToTheStandardOutput(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{"text", "-                        -         -                -         a\n-                        -         -                -         b\\nc\n"},
		{"json", `{"message":"a"}` + "\n" + `{"message":"b\nc"}` + "\n"},
	} {
		s := Default()
		s.Format = c.format
		o, r := piped(t, s)
		if err := o.Send(context.Background(), texts("a", "b\nc")); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v", c.format, got, err)
		}
		if !o.Confirms() {
			t.Error("what was taken is not confirmed")
		}
	}
}

func TestAReaderThatHasGoneIsForGood(t *testing.T) {
	o, r := piped(t, Default())
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	err := o.Send(context.Background(), texts("a"))
	if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry || !errors.Is(err, syscall.EPIPE) || !strings.Contains(err.Error(), "has gone") {
		t.Errorf("%v", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// A reader that stands still fills the pipe; the end of the program is not held
// up by it.
func TestAReaderThatStandsStill(t *testing.T) {
	s := Default()
	s.Format = "json"
	o, r := piped(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- o.Send(ctx, texts(strings.Repeat("x", 1<<20))) }()
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil { // it has begun
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	// What was cut is ended, and the event comes again, whole.
	go func() { done <- errors.Join(o.Send(context.Background(), texts("a")), o.Close()) }()
	got, err := io.ReadAll(r)
	if err := errors.Join(err, <-done); err != nil || !strings.HasSuffix(string(got), "x\n"+`{"message":"a"}`+"\n") {
		t.Errorf("ends in %q, %v", got[max(0, len(got)-40):], err)
	}
}

// scripted is a stream that takes as much of each write as it is told.
type scripted struct {
	take []int
	got  strings.Builder
}

func (s *scripted) Write(b []byte) (int, error) {
	n := len(b)
	if len(s.take) > 0 {
		n, s.take = s.take[0], s.take[1:]
	}
	s.got.Write(b[:n])
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (s *scripted) Close() error { return nil }

// message is an encoder that gives an event's message and refuses "bad".
type message struct{}

func (message) Append(dst []byte, e *event.Event) ([]byte, error) {
	text := e.Get(schema.Message).Str()
	if text == "bad" {
		return dst, errors.New("not for this format")
	}
	return append(dst, text...), nil
}

func TestACutLineIsEndedBeforeItComesAgain(t *testing.T) {
	s := &scripted{take: []int{4}}
	o := &output{enc: message{}, to: s, piece: piece, ready: context.Context.Err}
	events := texts("one", "two")
	if err := o.Send(context.Background(), events); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v", err)
	} else if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry {
		t.Fatalf("kind %v", kind)
	}
	s.take = []int{2}
	_ = o.Send(context.Background(), events)
	if err := o.Send(context.Background(), events); err != nil {
		t.Fatal(err)
	}
	if got := s.got.String(); got != "one\non\none\ntwo\n" {
		t.Errorf("%q", got)
	}
}

func TestManyLinesAreWrittenInChunks(t *testing.T) {
	s := &scripted{}
	o := &output{enc: message{}, to: s, piece: piece, ready: context.Context.Err}
	var want strings.Builder
	var list []string
	for i := range 3 {
		list = append(list, strings.Repeat(fmt.Sprint(i), chunk))
		want.WriteString(list[i] + "\n")
	}
	if err := o.Send(context.Background(), texts(list...)); err != nil || s.got.String() != want.String() {
		t.Errorf("%d bytes of %d, %v", s.got.Len(), want.Len(), err)
	}
	if cap(o.buf) > 4*chunk {
		t.Errorf("a buffer of %d bytes", cap(o.buf))
	}
}

func TestWhatCannotBeRenderedIsSetAside(t *testing.T) {
	s := &scripted{}
	o := &output{enc: message{}, to: s, piece: piece, ready: context.Context.Err}
	err := o.Send(context.Background(), texts("a", "bad", "c"))
	var e *plugin.Error
	if !errors.As(err, &e) || e.Kind != plugin.KindPartial || len(e.Failed) != 1 || e.Failed[0].Index != 1 || s.got.String() != "a\nc\n" {
		t.Errorf("%v, wrote %q", err, s.got.String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := o.Send(ctx, texts("x")); !errors.Is(err, context.Canceled) || s.got.String() != "a\nc\n" {
		t.Errorf("after a cancel: %v, wrote %q", err, s.got.String())
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if terminal(f) {
		t.Error("the null device is a terminal")
	}
}
