package tail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// setModel is a folder of files, what was written to each, and a Set that is
// stopped and killed at any moment.
type setModel struct {
	dir   string
	o     SetOptions
	s     *Set
	wrote map[string][]string
	got   map[string][]string
	saved []setMark // what a restart may find, newest last
	next  int

	removed bool
	err     error
}

type setMark struct {
	at  []byte
	got map[string]int
}

// TestEveryLineOfManyOnceInOrder: whatever is written, rotated, removed, stopped
// and killed, every line is read once and in the order of its file.
func TestEveryLineOfManyOnceInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "set")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		m := &setModel{dir: dir, wrote: map[string][]string{}, got: map[string][]string{}, saved: []setMark{{}},
			o: SetOptions{Patterns: []string{filepath.Join(dir, "*", "*.log")}, Poll: time.Millisecond, Open: rapid.IntRange(1, 6).Draw(t, "open")}}
		m.open()
		m.read(0)
		m.saved = m.saved[1:]
		defer func() { _ = m.s.Close() }()
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			m.step(t)
			if m.err != nil {
				t.Fatal(m.err)
			}
		}
		m.all(t)
	})
}

func (m *setModel) open() {
	last := m.saved[len(m.saved)-1]
	m.s = NewSet(m.o)
	m.fail(m.s.Open(context.Background(), last.at))
}

func (m *setModel) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

func (m *setModel) step(t *rapid.T) {
	name := fmt.Sprintf("%d/x.log", rapid.IntRange(0, 4).Draw(t, "file"))
	path := filepath.Join(m.dir, name)
	switch rapid.SampledFrom([]string{"write", "write", "write", "rotate", "read", "read", "all", "stop", "kill", "remove"}).Draw(t, "do") {
	case "write":
		for range rapid.IntRange(1, 5).Draw(t, "lines") {
			m.write(path, name)
		}
	case "rotate":
		if _, err := os.Stat(path); err == nil {
			for i := 20; i > 0; i-- {
				_ = os.Rename(fmt.Sprintf("%s.%d", path, i), fmt.Sprintf("%s.%d", path, i+1))
			}
			m.fail(os.Rename(path, path+".1"))
			m.write(path, name)
		}
	case "read":
		m.read(time.Millisecond)
	case "all":
		m.all(t)
	case "stop", "kill":
		m.fail(m.s.Close())
		if n := len(m.saved); n > 1 && rapid.Bool().Draw(t, "the last batch is lost") {
			m.saved = m.saved[:n-1]
		}
		for file, lines := range m.got {
			m.got[file] = lines[:m.saved[len(m.saved)-1].got[file]]
		}
		m.open()
	case "remove":
		m.all(t)
		m.removed = true
		m.fail(os.RemoveAll(filepath.Dir(path)))
		m.saved = m.saved[len(m.saved)-1:] // what was read before cannot be read again
	}
}

func (m *setModel) write(path, name string) {
	m.fail(os.MkdirAll(filepath.Dir(path), 0o755))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.fail(err)
		return
	}
	line := fmt.Sprintf("line %d", m.next)
	m.next++
	_, err = f.WriteString(line + "\n")
	m.fail(err)
	m.fail(f.Close())
	m.wrote[name] = append(m.wrote[name], line)
}

func (m *setModel) read(wait time.Duration) {
	var b event.Batch
	m.fail(m.s.Read(context.Background(), &b, wait))
	for i := range b.Events {
		name, err := filepath.Rel(m.dir, b.Events[i].Get(schema.LogFilePath).Str())
		m.fail(err)
		m.got[name] = append(m.got[name], strings.Clone(b.Events[i].Raw))
	}
	for _, l := range b.Losses {
		// Of a file that was removed it is not known what followed in it.
		if l.Count > 0 || !m.removed {
			m.fail(fmt.Errorf("lost: %+v", l))
		}
	}
	if b.Position == nil {
		return
	}
	mark := setMark{at: slices.Clone(b.Position), got: map[string]int{}}
	for file, lines := range m.got {
		mark.got[file] = len(lines)
	}
	m.saved = append(m.saved, mark)
}

// all reads until everything that was written has come.
func (m *setModel) all(t *rapid.T) {
	for start := time.Now(); m.err == nil; m.read(2 * time.Millisecond) {
		missing := ""
		for file, want := range m.wrote {
			got := m.got[file]
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
				t.Fatalf("of %s came %q, want %q", file, got, want)
			}
			if len(got) < len(want) {
				missing = file
			}
		}
		if missing == "" {
			return
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("of %s came %q, want %q", missing, m.got[missing], m.wrote[missing])
		}
	}
	t.Fatal(m.err)
}

// FuzzSetPosition: a position is read or refused, and what is read comes out the
// same.
func FuzzSetPosition(f *testing.F) {
	p := position{identity: identity{Dev: 1, Ino: 2, Born: -3}, Off: 400, Size: 500, Mod: 7, Head: 400, HeadSum: "000102030405060708090a0b", Tail: 256, TailSum: "0b0a09080706050403020100"}
	f.Add(append(appendMember(appendMember(nil, "/a/b.log", &p), "/c/0123456789/0123456789-json.log", &position{}), 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := sealSet(append(openSet(nil, 42), body...))
		all, made, err := parseSet(raw)
		if err != nil {
			return
		}
		again := openSet(nil, made)
		for path, p := range all {
			again = appendMember(again, path, p)
		}
		same, _, err := parseSet(sealSet(again))
		if err != nil || len(same) != len(all) {
			t.Fatalf("%q: %v, %d of %d", body, err, len(same), len(all))
		}
		for path, p := range all {
			if q := same[path]; q == nil || *q != *p {
				t.Errorf("%q: %+v came back as %+v", path, p, q)
			}
		}
	})
}
