package docker

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"tallyman/pipeline/pieces"
	"tallyman/pipeline/schema"
)

// TestPiecesAreJoined: a line that the engine read in pieces is one record, in
// frames and of a terminal, also when the streams take turns.
func TestPiecesAreJoined(t *testing.T) {
	long, rest := strings.Repeat("x", pieceSize), "end"
	for _, tty := range []bool{false, true} {
		f := engineAt(t, t.TempDir()+"/s")
		b := f.put(&box{id: idA, driver: "local", tty: tty, running: true})
		f.print(b, said{1, begun, long}, said{1, begun, long}, said{1, begun, rest + "\n"})
		if !tty {
			f.print(b, said{1, begun + 1, long}, said{2, begun + 2, "between\n"}, said{1, begun + 1, rest + "\n"})
			r := openLogs(t, logsSettings(t, f.path), nil)
			same(t, "frames", r.until(3), "stdout "+long+long+rest, "stderr between", "stdout "+long+rest)
			continue
		}
		f.print(b, said{1, begun + 1, "short\r\n"})
		r := openLogs(t, logsSettings(t, f.path), nil)
		same(t, "terminal", r.until(2), "stdout "+long+long+rest, "stdout short")
	}
}

// TestPiecesOfTheDriverLocal: the last piece of a line has no line end there; it
// ends with what is shorter than a piece, or where another time begins.
func TestPiecesOfTheDriverLocal(t *testing.T) {
	long := strings.Repeat("x", pieceSize)
	for _, tty := range []bool{false, true} {
		end := map[bool]string{true: "\r"}[tty]
		f := engineAt(t, t.TempDir()+"/s")
		b := f.put(&box{id: idA, driver: "local", tty: tty, running: true})
		f.print(b, said{1, begun, long}, said{1, begun, "end" + end}, said{1, begun + 1, "next" + end + "\n"},
			said{1, begun + 2, long}, said{1, begun + 2, long}, said{1, begun + 2, "2" + end}, said{1, begun + 3, long}, said{1, begun + 3, "3" + end}, said{1, begun + 4, "word" + end + "\n"})
		r := openLogs(t, logsSettings(t, f.path), nil)
		want := []string{"stdout " + long + "end", "stdout next", "stdout " + long + long + "2", "stdout " + long + "3", "stdout word"}
		got := r.until(len(want))
		same(t, "lines", got, want...)
		for i := range r.got {
			if nano := r.got[i].Time.UnixNano(); nano != begun+int64(i) {
				t.Errorf("line %d is of %d, want %d", i, nano-begun, i)
			}
		}
	}
	f := engineAt(t, t.TempDir()+"/s")
	b := f.put(&box{id: idA, driver: "local", running: true})
	f.print(b, said{1, begun, long}, said{1, begun, long}, said{1, begun + 1, "next\n"}, said{1, begun + 2, long})
	f.change(func() { b.running = false })
	r := openLogs(t, logsSettings(t, f.path), nil)
	same(t, "whole pieces", r.until(3), "stdout "+long+long, "stdout next", "stdout "+long)
	if r.got[2].Fields.Get(schema.Tags).Str() != pieces.TagPartial {
		t.Errorf("that the end is not there is not said: %v", r.got[2].Fields)
	}
}

// TestTheLastWordOfATerminal: what has no line end is a line once the container has
// ended, and not before.
func TestTheLastWordOfATerminal(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	b := f.put(&box{id: idA, driver: "local", tty: true, running: true})
	f.print(b, said{1, begun, "one\r\n"}, said{1, begun + 1, "last word"})
	r := openLogs(t, logsSettings(t, f.path), nil)
	same(t, "while it runs", r.until(1), "stdout one")
	f.change(func() { b.running = false })
	same(t, "once it has ended", r.until(2), "stdout one", "stdout last word")
	if len(r.lost) > 0 {
		t.Errorf("losses: %v", r.lost)
	}
}

// TestWhatIsTooLongIsSplit: nothing of a line is dropped.
func TestWhatIsTooLongIsSplit(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	b := f.put(&box{id: idA, driver: "local", running: true})
	for range maxPrinted/pieceSize + 1 {
		f.print(b, said{1, begun, strings.Repeat("x", pieceSize)})
	}
	f.print(b, said{1, begun, "end\n"})
	r := openLogs(t, logsSettings(t, f.path), nil)
	got := r.until(2)
	if n := len(got[0]) + len(got[1]); n != maxPrinted+pieceSize+3+2*len("stdout ") {
		t.Errorf("%d bytes", n)
	}
	if r.got[0].Fields.Get(schema.Tags).Str() != pieces.TagPartial || !r.got[1].Fields.Get(schema.Tags).IsZero() {
		t.Errorf("the part is not said: %v, %v", r.got[0].Fields, r.got[1].Fields)
	}
}

// TestPlaces: a position comes back as it was, and damage is noticed.
func TestPlaces(t *testing.T) {
	all := map[string]place{idA: {{begun, 3}, {}}, idB: {{begun, 1}, {begun + 1, 1 << 40}}}
	raw := appendPlaces(nil, all)
	got, err := parsePlaces(raw)
	if err != nil || len(got) != 2 || got[idA] != all[idA] || got[idB] != all[idB] {
		t.Errorf("%v, %v", got, err)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 0x10
		if _, err := parsePlaces(bad); err == nil {
			t.Errorf("damage at %d is not noticed", i)
		}
	}
}

// FuzzFrames: nothing makes the reader panic, and it never gives more than came.
func FuzzFrames(f *testing.F) {
	f.Add(said{1, begun, "x\n"}.bytes(false), false)
	f.Add(said{1, begun, strings.Repeat("x", pieceSize)}.bytes(true), true)
	f.Add([]byte{3, 0, 0, 0, 0, 0, 0, 1, 'e'}, false)
	f.Fuzz(func(t *testing.T, raw []byte, tty bool) {
		in, n := newFrames(bytes.NewReader(raw), tty), 0
		for {
			p, err := in.next()
			if err != nil {
				if errors.Is(err, io.EOF) && !tty && n > len(raw) {
					t.Error("more came than there was")
				}
				return
			}
			n += len(p.text)
			if n > len(raw) || p.stream < 0 || p.stream >= streams {
				t.Fatalf("%d bytes of %d, stream %d", n, len(raw), p.stream)
			}
		}
	})
}
