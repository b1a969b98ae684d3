package deflate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// unpacked is what the standard library reads, of one member with nothing behind it.
func unpacked(t testing.TB, packed []byte) []byte {
	t.Helper()
	r := bytes.NewReader(packed)
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	got, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if r.Len() > 0 {
		t.Fatalf("%d bytes stand behind the end", r.Len())
	}
	return got
}

// check packs src and reads it again.
func check(t testing.TB, p *Packer, src []byte) (packed int) {
	t.Helper()
	before := []byte("what stands before")
	got := p.AppendGzip(before, src)
	if !bytes.HasPrefix(got, before) {
		t.Fatalf("what stood before is %q", got[:len(before)])
	}
	got = got[len(before):]
	if back := unpacked(t, got); !bytes.Equal(back, src) {
		t.Fatalf("%d bytes came back of %d, and not the same", len(back), len(src))
	}
	if most := len(src) + 5*(len(src)/mostStored+2) + 32; len(got) > most {
		t.Fatalf("%d bytes became %d, more than %d", len(src), len(got), most)
	}
	return len(got)
}

// random is n bytes of so many values.
func random(seed uint64, n, values int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(values))
	}
	return b
}

// events is like the body of an output: lines that differ in a few places.
func events(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"time":%d.%03d,"host":"web-1","fields":{"event_id":"%013X"},"event":{"message":"GET /%d took %dms","container":{"id":"%s"},"log":{"offset":%d}}}`+"\n",
			1790000000+i/100, r.IntN(1000), r.Uint64(), r.IntN(50), r.IntN(900), strings.Repeat("5e", 32), i*217)
	}
	return b.Bytes()
}

// TestWhatComesBackIsWhatWasPacked holds each kind of body against the reader of the
// standard library, with one Packer for all.
func TestWhatComesBackIsWhatWasPacked(t *testing.T) {
	far := append(append(random(3, 300, 256), bytes.Repeat([]byte{0}, window-300)...), random(3, 300, 256)...)
	skewed := []byte{}
	for i, n := 0, 1.0; i < 24; i, n = i+1, n*math.Phi { // of such counts Huffman's code is as deep as it can be
		skewed = append(skewed, bytes.Repeat([]byte{byte(i)}, int(n))...)
	}
	r := rand.New(rand.NewPCG(5, 5))
	r.Shuffle(len(skewed), func(i, j int) { skewed[i], skewed[j] = skewed[j], skewed[i] })
	words := bytes.Buffer{} // more matches than one block has
	for i := range 200_000 {
		fmt.Fprintf(&words, "%04d", i%997*(i%31))
	}
	var p Packer
	for name, src := range map[string][]byte{
		"nothing": nil, "a byte": {'x'}, "two": {'x', 'x'}, "fifteen": []byte("aaaaaaaaaaaaaaa"), "seventeen": []byte("aaaaaaaaaaaaaaaaa"),
		"one byte again and again": bytes.Repeat([]byte{0}, 3<<20), "three": bytes.Repeat([]byte("abc"), 100_001), "noise": random(1, 200_000, 256),
		"noise to the byte": random(2, mostStored, 256), "noise of two blocks": random(2, mostBlock+1, 256), "digits": random(1, 300_000, 10), "a bit": random(1, 300_000, 2),
		"as far as it may be": far, "farther": append(far[:window:window], far[window-1:]...), "deep": skewed, "words": words.Bytes(),
		"events": events(2000), "events of two blocks": events(6000), "a block": events(6000)[:mostBlock], "a block and a byte": events(6000)[:mostBlock+1],
	} {
		t.Run(name, func(t *testing.T) { t.Logf("%d bytes became %d", len(src), check(t, &p, src)) })
	}
}

// TestEachLength: a match of every length, also of those that are cut into several.
func TestEachLength(t *testing.T) {
	var p Packer
	noise := random(9, 1500, 256)
	for n := range 1100 {
		check(t, &p, append(append(noise[:1200:1200], noise[50:50+n]...), noise[1200:]...))
	}
}

// TestRandomBodies packs bodies of any size whose texts come again at any distance.
func TestRandomBodies(t *testing.T) {
	var p Packer
	r := rand.New(rand.NewPCG(7, 7))
	for range 1500 {
		b, values, back := make([]byte, r.IntN(1<<r.IntN(18))), 1+r.IntN(255), 1+r.IntN(1<<r.IntN(17))
		for i := range b {
			if b[i] = byte(r.IntN(values)); i >= back && r.IntN(40) > 0 {
				b[i] = b[i-back]
			}
		}
		check(t, &p, b)
	}
}

// TestTheTableBeginsAnew: the places of bodies are numbers of 32 bits, and go round.
func TestTheTableBeginsAnew(t *testing.T) {
	var p Packer
	body := events(100)
	want := check(t, &p, body)
	p.finder.base = 1<<32 - uint64(len(body)) - 1 // it still fits
	for range 3 {
		if got := check(t, &p, body); got != want {
			t.Errorf("%d bytes, not %d", got, want)
		}
	}
	if p.finder.base > 1<<20 {
		t.Errorf("the places begin at %d", p.finder.base)
	}
}

// TestSize: events become as small as by the fastest level of others.
func TestSize(t *testing.T) {
	var p Packer
	for name, src := range map[string][]byte{"events": events(2000), "one event": events(1), "two": events(2)} {
		var other bytes.Buffer
		w, err := gzip.NewWriterLevel(&other, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(src)
		_ = w.Close() // into memory
		if got := check(t, &p, src); got > other.Len()+other.Len()/10 {
			t.Errorf("%s: %d bytes became %d, and %d by the standard library", name, len(src), got, other.Len())
		}
	}
}

// TestAllocations: a Packer that has its memory takes no more.
func TestAllocations(t *testing.T) {
	var p Packer
	src := events(1000)
	dst := p.AppendGzip(nil, src)
	if n := testing.AllocsPerRun(20, func() { dst = p.AppendGzip(dst[:0], src) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAppendGzip(f *testing.F) {
	for _, s := range [][]byte{nil, []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), events(3), random(1, 100, 256)} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var p Packer
		check(t, &p, a)
		check(t, &p, bytes.Repeat(b, 3))
		check(t, &p, append(bytes.Repeat(a, 2), b...))
	})
}

func BenchmarkAppendGzip(b *testing.B) {
	var p Packer
	var dst []byte
	for _, n := range []int{1, 700} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src := events(n)
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				dst = p.AppendGzip(dst[:0], src)
			}
		})
	}
}
