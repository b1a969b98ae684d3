package journal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"tallyman/pipeline/vfs"
)

// text is a payload that compresses well and says its number.
func text(n uint64, size int) []byte {
	return append(item(n, 8), strings.Repeat("type=SYSCALL arch=c000003e ", size/27)...)
}

func TestCompressedFramesComeBack(t *testing.T) {
	sizes := []int{0, 1, compressFrom - 1, compressFrom, 4000, 100_000}
	bytesOf := func(compress bool) int64 {
		m := vfs.NewMem()
		o := small(m)
		o.Compress = compress
		j := open(t, o)
		c := cursor(t, j, "a")
		for n, size := range sizes {
			if _, err := j.Append(t.Context(), Frame{Payload: text(uint64(n), size), Records: 1, Marks: []Mark{{"k", []byte("v")}}}); err != nil {
				t.Fatal(err)
			}
		}
		noise := make([]byte, 2000)
		r := rand.New(rand.NewPCG(1, 2))
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		if _, err := j.Append(t.Context(), Frame{Payload: noise, Records: 1}); err != nil {
			t.Fatal(err)
		}
		durably(t, j)
		read := func(c *Cursor) {
			for n := 0; ; n++ {
				e, ok, err := c.TryNext()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					if n != len(sizes)+1 {
						t.Fatalf("compress=%v: read %d frames", compress, n)
					}
					return
				}
				want := noise
				if n < len(sizes) {
					want = text(uint64(n), sizes[n])
				}
				if !bytes.Equal(e.Payload, want) {
					t.Fatalf("compress=%v: frame %d has %d bytes, want %d", compress, n, len(e.Payload), len(want))
				}
			}
		}
		read(c)
		c.Rewind()
		if err := j.Replay(1, func(seq uint64, p []byte) error {
			if n := int(seq) - 1; n < len(sizes) && !bytes.Equal(p, text(uint64(n), sizes[n])) {
				t.Errorf("replay: frame %d differs", n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		shut(t, j)
		o.Compress = false // a reader needs no setting
		j = open(t, o)
		defer shut(t, j)
		if j.Mark("k") == nil {
			t.Error("the marks of compressed frames are gone after a restart")
		}
		read(cursor(t, j, "a"))
		v, err := Look(o)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		if err := v.Walk(t.Context(), 1, func(s *Seen) error {
			if n := int(s.Seq) - 1; n < len(sizes) && !bytes.Equal(s.Payload, text(uint64(n), sizes[n])) {
				t.Errorf("walk: frame %d differs", n)
			}
			seen++
			return nil
		}, nil); err != nil || seen != len(sizes)+1 {
			t.Errorf("the walk saw %d frames: %v", seen, err)
		}
		return total(t, m)
	}
	if plain, packed := bytesOf(false), bytesOf(true); packed > plain/2+fixedSize {
		t.Errorf("compressed the journal takes %d bytes, plain %d", packed, plain)
	}
}

// A body whose sum is right and whose payload does not unfold is damage like
// any other: counted, and what follows stands.
func TestPayloadThatDoesNotUnfold(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"nothing", nil},
		{"no zstd", []byte{5, 'h', 'e', 'l', 'l', 'o'}},
		{"another length", func() []byte {
			p, _ := newPacker()
			b, _ := p.pack(nil, text(1, 3000))
			b[0]++
			return b
		}()},
		{"a bomb", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x28, 0xb5, 0x2f, 0xfd}},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := unpacker{}
			defer u.close()
			if _, err := u.payload(&header{flags: flagZstd}, c.body); !errors.Is(err, errUnfold) {
				t.Fatalf("unfolded: %v", err)
			}
			m := vfs.NewMem()
			j := open(t, small(m))
			defer shut(t, j)
			a := cursor(t, j, "a")
			forge := func(b []byte) {
				j.mu.Lock()
				defer j.mu.Unlock()
				g := j.filling
				w := waiting{off: len(g.buf)}
				g.buf = append(append(g.buf, make([]byte, headerSize)...), b...)
				w.header = header{kind: kindBatch, flags: flagZstd, length: uint32(len(b)), seq: j.seq, before: j.totals, records: 1}
				g.frames = append(g.frames, w)
				j.seq++
				j.totals = j.totals.plus(1, 0)
			}
			forge(c.body)
			add(t, j, 2, 100)
			durably(t, j)
			if got := drain(t, a); c.body != nil && (len(got) != 1 || got[0] != 2) {
				t.Errorf("read %v", got)
			}
			balanced(t, j)
			if b := j.Books()[0]; b.Counts.Dropped[Corrupt] != 1 {
				t.Errorf("book %+v", b)
			}
		})
	}
}
