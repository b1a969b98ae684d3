package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// model is what a writer wrote, line by line, beside what was read of it.
type model struct {
	*rig
	t       *rapid.T
	n       int      // lines begun
	lines   []string // complete
	partial string   // of the last line
	files   int      // rotations
	inFile  int      // complete lines in the path's file
	running bool
	seen    []string     // everything that was read
	saved   []checkpoint // where a crash may go back to
}

type checkpoint struct {
	pos  []byte
	seen int
}

// TestEveryLineOnceInOrder lets a writer append, rotate and truncate in any
// order while the reader reads, stops, and forgets what it did last.
func TestEveryLineOnceInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "tail")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		m := &model{rig: rigAt(t, filepath.Join(dir, "audit.log"), nil), t: t}
		m.o.Open = rapid.IntRange(2, 8).Draw(t, "open")
		m.append("")
		m.run()
		defer m.halt()
		m.all() // from now on there is a position
		t.Repeat(map[string]func(*rapid.T){
			"lines":        m.someLines,
			"piece":        m.piece,
			"rotate":       m.rotateOnce,
			"copytruncate": m.copyTruncateIdle,
			"read":         func(*rapid.T) { m.readOnce() },
			"look":         func(*rapid.T) { m.lookOnce() },
			"stop":         func(*rapid.T) { m.halt() },
			"crash":        m.crash,
			"start":        func(*rapid.T) { m.run() },
		})
		m.run()
		m.all()
		if n := m.counter("tallyman_input_losses_total", ""); n != 0 {
			t.Fatalf("%v losses were counted", n)
		}
	})
}

func (m *model) line() string {
	m.n++
	text := fmt.Sprintf("line-%d ", m.n)
	if m.n%1777 == 0 {
		text += strings.Repeat("x", 300<<10) // more than one chunk
	}
	return text
}

// finish completes the line that was begun.
func (m *model) finish() string {
	if m.partial == "" {
		return ""
	}
	m.lines = append(m.lines, m.partial)
	m.partial = ""
	return "\n"
}

func (m *model) someLines(t *rapid.T) {
	text := m.finish()
	for range rapid.SampledFrom([]int{0, 1, 2, 1030}).Draw(t, "n") {
		line := m.line()
		m.lines = append(m.lines, line)
		text += line + "\n"
	}
	m.inFile += strings.Count(text, "\n")
	m.append(text)
}

func (m *model) piece(*rapid.T) {
	text := "more "
	if m.partial == "" {
		text = m.line()
	}
	m.partial += text
	m.append(text)
}

// rotateOnce begins a new file; a line that was not complete stays so.
func (m *model) rotateOnce(*rapid.T) {
	m.finish()
	line := m.line()
	m.lines = append(m.lines, line)
	m.files++
	m.rotate(m.files, line+"\n")
	m.inFile = 1
}

func (m *model) copyTruncateIdle(t *rapid.T) {
	if !m.running || m.partial != "" || m.inFile == 0 {
		t.Skip("not now")
	}
	m.all()
	m.files++
	m.copyTruncate(m.files)
	m.inFile, m.saved = 0, nil
}

// check judges everything that was read until now.
func (m *model) check() {
	m.seen = append(m.seen, m.got...)
	m.got = nil
	if len(m.seen) > len(m.lines) || !slices.Equal(m.seen, m.lines[:len(m.seen)]) {
		for i, s := range m.seen {
			if i >= len(m.lines) || s != m.lines[i] {
				m.t.Fatalf("record %d is %.40q of %d; %d lines were written", i, s, len(m.seen), len(m.lines))
			}
		}
	}
}

func (m *model) readOnce() {
	if m.running {
		m.saved = append(m.saved, checkpoint{m.pos, len(m.seen)})
		m.ok(m.readBatch())
		m.check()
	}
}

func (m *model) all() {
	m.ok(m.read())
	m.check()
	if len(m.seen) != len(m.lines) {
		m.t.Fatalf("%d of %d lines were read; position %s", len(m.seen), len(m.lines), m.pos)
	}
}

func (m *model) lookOnce() {
	if m.running {
		m.ok(m.tail.look())
	}
}

func (m *model) halt() {
	if m.running {
		m.stop()
		m.running = false
	}
}

// crash stops, and forgets some of the batches that were read last.
func (m *model) crash(t *rapid.T) {
	if len(m.saved) == 0 {
		t.Skip("not now")
	}
	m.halt()
	i := rapid.IntRange(max(0, len(m.saved)-5), len(m.saved)-1).Draw(t, "back")
	m.pos, m.seen, m.saved = m.saved[i].pos, m.seen[:m.saved[i].seen], m.saved[:i]
}

func (m *model) run() {
	if !m.running {
		m.start()
		m.running = true
	}
}
