package journald

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
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
func (r *rig) until(ok func() bool) (failed []error) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if err := r.read(); errors.Is(err, io.EOF) {
			return failed
		} else if err != nil {
			failed = append(failed, err)
		}
		if time.Now().After(end) {
			r.t.Fatalf("only %q came", r.got)
		}
	}
	return failed
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
	failed := r.until(func() bool { return r.read() != nil })
	_ = failed
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

// TestFilesOfAFolder: they are read in the order of their names; one that ends
// within an entry says so.
func TestFilesOfAFolder(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, "2.export", item(3, "c"))
	add(t, dir, "1.export", item(1, "a")+strings.TrimSuffix(item(2, "b"), "\n\n"))
	add(t, dir, "0.txt", "no")
	r := open(t, settings(t, dir, true), false, nil)
	r.until(r.count(3))
	r.want("a", "b", "c")
	if got := r.events[1].Get(schema.ErrorMessage).Str(); got != "the file ends within this entry" {
		t.Errorf("%q", got)
	}
	if got := r.events[2].Get(schema.LogFilePath).Str(); got != filepath.Join(dir, "2.export") {
		t.Error(got)
	}
	r.close()
	add(t, dir, "3.export", item(4, "d"))
	again := open(t, settings(t, dir, true), true, r.position)
	again.until(func() bool { return false })
	again.want("d")
}

// TestTruncatedFile: it is read again from its beginning, and that is said.
func TestTruncatedFile(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, "j.export", item(1, "a")+item(2, "b"))
	r := open(t, settings(t, dir, true), true, nil)
	r.until(func() bool { return false })
	if err := os.Truncate(filepath.Join(dir, "j.export"), int64(len(item(1, "a")))); err != nil {
		t.Fatal(err)
	}
	again := open(t, settings(t, dir, true), true, r.position)
	again.until(func() bool { return false })
	again.want("a")
	if len(again.losses) != 1 || again.losses[0].Reason != event.Truncated {
		t.Errorf("%v", again.losses)
	}
}

// binaryField is a field in the binary form.
func binaryField(name, v string) string {
	return name + "\n" + string(binary.LittleEndian.AppendUint64(nil, uint64(len(v)))) + v + "\n"
}

// TestBinaryFields: a value may hold what looks like the end of an entry.
func TestBinaryFields(t *testing.T) {
	dir := t.TempDir()
	first := "__CURSOR=s=a;i=1\n" + binaryField("MESSAGE", "two\n\n__CURSOR=forged\nMESSAGE=forged\n") + "_PID=1\n"
	add(t, dir, "j.export", first+"\n"+item(2, "b"))
	r := open(t, settings(t, dir, true), true, nil)
	r.until(func() bool { return false })
	if len(r.events) != 2 || r.events[0].Raw != first {
		t.Fatalf("%d entries: %q", len(r.events), r.got)
	}
}

// TestLongEntries: what has no room is left out, said and counted; what is near
// the sender's words stays whole.
func TestLongEntries(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for name, field := range map[string]string{"text": "MESSAGE=" + long + "\n", "binary": binaryField("MESSAGE", long+"\n"), "endless": "MESSAGE=" + strings.Repeat("y", 1<<20) + "\n"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			add(t, dir, "j.export", "__CURSOR=s=a;i=1\n"+field+"_PID=7\n\n"+item(2, "b"))
			s := settings(t, dir, true)
			s.MaxEntry = 4096
			r := open(t, s, true, nil)
			r.until(func() bool { return false })
			if len(r.events) != 2 || r.got[1] != "b" {
				t.Fatalf("%q", r.got)
			}
			e := &r.events[0]
			if e.Get(schema.Tags).Str() != tagTruncated || e.Raw != "__CURSOR=s=a;i=1\n_PID=7\n" {
				t.Errorf("%s", plugintest.Dump(e))
			}
		})
	}
}

// TestJunkIsKept: what is not in the format is one record, and what follows is
// read.
func TestJunkIsKept(t *testing.T) {
	for _, junk := range []string{"-- Boot 1 --\nmore\n\n", "lower=1\n\n", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffrest\n\n", "M\n\x01\x00\x00\x00\x00\x00\x00\x00abc\n\n"} {
		dir := t.TempDir()
		add(t, dir, "j.export", item(1, "a")+junk+item(2, "b"))
		r := open(t, settings(t, dir, true), true, nil)
		r.until(func() bool { return false })
		if len(r.events) != 3 || r.got[0] != "a" || r.got[2] != "b" || !strings.HasPrefix(junk, r.events[1].Raw) || r.events[1].Raw == "" {
			t.Errorf("%q gave %d records: %q", junk, len(r.events), r.got)
		}
	}
}

// TestCutAnywhere: in whatever pieces the bytes come, the same entries come of them.
func TestCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text string
		var want []string
		for range rapid.IntRange(1, 5).Draw(t, "entries") {
			var e string
			for range rapid.IntRange(1, 4).Draw(t, "fields") {
				if rapid.Bool().Draw(t, "binary") {
					e += binaryField("B", rapid.StringMatching("[\n=A-C\x00]{0,20}").Draw(t, "value"))
				} else {
					e += "A=" + rapid.StringMatching("[=A-C ]{0,20}").Draw(t, "value") + "\n"
				}
			}
			want, text = append(want, e), text+e+"\n"
		}
		c := cutter{max: 1 << 20}
		var got []string
		size := int64(0)
		for rest := []byte(text); len(rest) > 0; {
			piece := rest[:rapid.IntRange(1, len(rest)).Draw(t, "piece")]
			rest = rest[len(piece):]
			for len(piece) > 0 {
				e, n := c.next(piece)
				if piece = piece[n:]; e != nil {
					got = append(got, e.text)
					size += e.size
				}
			}
		}
		if !slices.Equal(got, want) || size != int64(len(text)) || c.pending() {
			t.Fatalf("%q in %d bytes, want %q in %d", got, size, want, len(text))
		}
	})
}

// FuzzCut: any bytes are cut into entries that have all of them but what was left
// out.
func FuzzCut(f *testing.F) {
	f.Add([]byte(item(1, "a")+item(2, "b")), 100)
	f.Add([]byte("A\n\x02\x00\x00\x00\x00\x00\x00\x00ab\n\n"), 3)
	f.Add([]byte("A\n\xff\x00\x00\x00\x00\x00\x00\x00ab\n\n"), 3)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		c := cutter{max: 16 + limit&0xfff}
		size := int64(0)
		for rest := b; len(rest) > 0; {
			e, n := c.next(rest)
			if n == 0 {
				t.Fatal("nothing is taken")
			}
			rest = rest[n:]
			if e != nil {
				size += e.size
				if len(e.text) > c.max+2*maxName {
					t.Fatalf("an entry of %d bytes, %d may be", len(e.text), c.max)
				}
			}
		}
		if e := c.rest(); e != nil {
			size += e.size
		}
		if size > int64(len(b)) {
			t.Fatalf("%d bytes came of %d", size, len(b))
		}
	})
}

// BenchmarkCut is entries of a service.
func BenchmarkCut(b *testing.B) {
	text := bytes.Repeat([]byte(item(1, "Accepted publickey for ana from 10.0.0.9 port 51234 ssh2")), 100)
	c := cutter{max: 1 << 20}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := text; len(rest) > 0; {
			_, n := c.next(rest)
			rest = rest[n:]
		}
	}
}
