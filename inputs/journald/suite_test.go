package journald

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestConformance: the input passes the suite in both ways of reading.
func TestConformance(t *testing.T) {
	t.Setenv(fakeName, "1")
	for _, way := range []struct {
		name string
		ours bool
	}{{"journalctl", false}, {"files", true}} {
		t.Run(way.name, func(t *testing.T) {
			plugintest.Input(t, plugintest.InputSuite{
				Plugin: Plugin, Golden: "testdata/" + way.name,
				Settings: func(t testing.TB, dir string) any { return settings(t, dir, way.ours) },
				Refused: func(t testing.TB) any {
					s := settings(t, "x", true)
					s.Directory = "y"
					return s
				},
				Append: func(t testing.TB, dir string, content []byte) { t.Helper(); add(t, dir, "j.export", string(content)) },
			})
		})
	}
}

// TestSettingsAreChecked: each mistake is named by its key.
func TestSettingsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"path":      func(s *Settings) { s.Path, s.Directory = "a", "b" },
		"":          func(s *Settings) { s.Matches = []plugin.Text{{Value: "--root=/"}} },
		"start_at":  func(s *Settings) { s.StartAt = "x" },
		"program":   func(s *Settings) { s.Program = "" },
		"max_entry": func(s *Settings) { s.MaxEntry = 1 },
		"decode":    func(s *Settings) { s.Decode = "" },
	} {
		s := settings(t, "/x", false)
		if p := s.Check(); len(p) > 0 {
			t.Fatalf("sound settings: %v", p)
		}
		change(s)
		if p := s.Check(); len(p) != 1 || p[0].Key != name {
			t.Errorf("%q: %v", name, p)
		}
	}
}

type rig struct {
	t        testing.TB
	in       plugin.Input
	got      []string
	events   []event.Event
	position []byte
	losses   []event.Loss
}

func open(t testing.TB, s *Settings, once bool, from []byte) *rig {
	t.Helper()
	env := plugintest.Env(t.TempDir())
	env.Once = once
	in, err := build(s, env)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, in: in, position: from}
	t.Cleanup(r.close)
	return r
}

func (r *rig) close() {
	if r.in != nil {
		if err := r.in.Close(); err != nil {
			r.t.Error(err)
		}
		r.in = nil
	}
}

func (r *rig) read() error {
	var b event.Batch
	err := r.in.Read(context.Background(), &b, 20*time.Millisecond)
	for i := range b.Events {
		r.got = append(r.got, value(b.Events[i].Raw, "MESSAGE"))
	}
	r.events = append(r.events, b.Events...)
	r.losses = append(r.losses, b.Losses...)
	if b.Position != nil {
		r.position = slices.Clone(b.Position)
	}
	return err
}

// until reads on, through errors that may be retried, until ok or the end.
func (r *rig) until(ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if err := r.read(); errors.Is(err, io.EOF) {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("only %q came", r.got)
		}
	}
}

func (r *rig) count(n int) func() bool { return func() bool { return len(r.got) >= n } }

func (r *rig) want(messages ...string) {
	r.t.Helper()
	if !slices.Equal(r.got, messages) {
		r.t.Fatalf("read %q, want %q", r.got, messages)
	}
}

// TestJournalctlDies: it is started again, says why it died, and no entry is
// missed or doubled.
func TestJournalctlDies(t *testing.T) {
	t.Setenv(fakeName, "1")
	dir := t.TempDir()
	add(t, dir, "j.export", item(1, "a")+item(2, "b"))
	r := open(t, settings(t, dir, false), false, nil)
	r.until(r.count(2))
	add(t, dir, "die", "")
	for end := time.Now().Add(20 * time.Second); r.read() == nil; {
		if time.Now().After(end) {
			t.Fatal("it did not die")
		}
	}
	add(t, dir, "j.export", item(3, "c"))
	r.until(r.count(3))
	r.want("a", "b", "c")
	if len(r.losses) > 0 {
		t.Errorf("losses: %v", r.losses)
	}
}

// TestWhyJournalctlDied: the error has its words, and the end of the child is not
// the end of the input.
func TestWhyJournalctlDied(t *testing.T) {
	t.Setenv(fakeName, "1")
	dir := t.TempDir()
	add(t, dir, "die", "")
	r := open(t, settings(t, dir, false), false, nil)
	var err error
	for end := time.Now().Add(20 * time.Second); err == nil && time.Now().Before(end); {
		err = r.read()
	}
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "told to die") {
		t.Errorf("%v", err)
	}
	s := settings(t, dir, false)
	s.Program = filepath.Join(dir, "nowhere")
	if err := open(t, s, false, nil).read(); err == nil || !strings.Contains(err.Error(), "is systemd's journalctl installed?") {
		t.Errorf("%v", err)
	}
}

// TestJournalForgot: the entry of the position is gone; that is said, and all that
// is left is read.
func TestJournalForgot(t *testing.T) {
	t.Setenv(fakeName, "1")
	dir := t.TempDir()
	add(t, dir, "j.export", item(8, "h")+item(9, "i"))
	r := open(t, settings(t, dir, false), true, []byte("s=ab;i=5;b=cd;m=1;t=2;x=3"))
	r.until(func() bool { return false })
	r.want("h", "i")
	if len(r.losses) != 1 || r.losses[0].Reason != event.Misplaced {
		t.Errorf("losses: %v", r.losses)
	}
	again := open(t, settings(t, dir, false), true, r.position)
	again.until(func() bool { return false })
	if again.want(); len(again.losses) > 0 {
		t.Errorf("losses: %v", again.losses)
	}
}

// TestStartAtEnd: what the journal holds at the first start is not read.
func TestStartAtEnd(t *testing.T) {
	s := settings(t, "/x", false)
	s.StartAt, s.Matches = "end", []plugin.Text{{Value: "_PID=1"}}
	j := &journal{common: common{s: s}}
	if got := strings.Join(j.args(), " "); got != "--output=export --no-pager --quiet --directory=/x --lines=0 --follow _PID=1" {
		t.Error(got)
	}
	j.cursor = "c"
	if got := strings.Join(j.args(), " "); got != "--output=export --no-pager --quiet --directory=/x --cursor=c --follow --no-tail _PID=1" {
		t.Error(got)
	}
}
