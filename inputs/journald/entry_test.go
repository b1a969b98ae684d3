package journald

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

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
