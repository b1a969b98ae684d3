package journal

import (
	"bytes"
	"path/filepath"
	"syscall"
	"testing"

	"tallyman/pipeline/vfs"
)

// twoSegments writes frames until a second segment begins and returns the first's name.
func damaged(t *testing.T, m *vfs.Mem, at ...int64) string {
	t.Helper()
	j := open(t, small(m))
	cursor(t, j, "a")
	cursor(t, j, "b")
	for n := range uint64(30) {
		add(t, j, n+1, 200)
		durably(t, j)
	}
	name := j.segments[0].name
	shut(t, j)
	for _, off := range at {
		flip(t, m, name, off)
	}
	return name
}

// TestQuarantine: every cursor counts what it misses, and the damaged bytes are
// set aside once, as they were.
func TestQuarantine(t *testing.T) {
	m := vfs.NewMem()
	clean := vfs.NewMem()
	name := damaged(t, m, 1000)
	damaged(t, clean)
	j := open(t, small(m))
	before := j.Size()
	a, b := cursor(t, j, "a"), cursor(t, j, "b")
	drain(t, a)
	drain(t, b)
	list, err := Quarantined(small(m))
	if err != nil || len(list) != 1 {
		t.Fatalf("set aside are %+v, %v", list, err)
	}
	got := list[0]
	if got.Segment != name || got.Bytes != got.Length || got.Offset > 1000 || got.Offset+got.Length <= 1000 {
		t.Errorf("set aside is %+v", got)
	}
	if j.Size() != before+got.Bytes {
		t.Errorf("the journal takes %d bytes, before %d, and %d are set aside", j.Size(), before, got.Bytes)
	}
	balanced(t, j)
	if n := j.Books()[0].Counts.Dropped[Corrupt]; n != 1 {
		t.Errorf("%d records are corrupt", n)
	}
	want := bytesIn(t, m, filepath.Join(dir, name))[got.Offset : got.Offset+got.Length]
	if have := bytesIn(t, m, filepath.Join(dir, quarantineDir, got.Name)); !bytes.Equal(have, want) {
		t.Error("what is set aside is not what stood there")
	}
	shut(t, j)
	j = open(t, small(m))
	defer shut(t, j)
	if j.aside.size != got.Bytes || !j.aside.known[got.Name] {
		t.Errorf("after a restart the quarantine is %+v", j.aside.size)
	}
}

func bytesIn(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name, vfs.Read)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestQuarantineIsCapped: what there is no room for is not set aside, the books
// are the same, and a quarantine that cannot be written stops nobody.
func TestQuarantineIsCapped(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit int64
		fault string
		parts int
		bytes int64
	}{
		{"room for one and a half", 400, "", 2, 400},
		{"no room", 1, "", 1, 1},
		{"the folder cannot be made", 0, "mkdir", 0, 0},
		{"the file cannot be made", 0, "create", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := vfs.NewMem()
			damaged(t, m, 500, 1500, 2500)
			o := small(m)
			o.Quarantine = c.limit
			j := open(t, o)
			defer shut(t, j)
			a := cursor(t, j, "a")
			if c.fault != "" {
				m.SetHook(vfs.FailAt(c.fault, 1, 0, syscall.EIO))
			}
			got := drain(t, a)
			m.SetHook(nil)
			if len(got) != 27 {
				t.Errorf("read %d frames", len(got))
			}
			list, err := Quarantined(o)
			if err != nil {
				t.Fatal(err)
			}
			var bytes int64
			for _, a := range list {
				bytes += a.Bytes
			}
			if len(list) != c.parts || c.bytes > 0 && bytes != c.bytes {
				t.Errorf("set aside are %d parts of %d bytes: %+v", len(list), bytes, list)
			}
			balanced(t, j)
		})
	}
}

func TestAsideNames(t *testing.T) {
	name := segmentName(7, 9, 0xabcdef)
	a, ok := parseAsideName(asideName(name, 64, 300))
	if !ok || a.Segment != name || a.Offset != 64 || a.Length != 300 {
		t.Errorf("read back as %+v, %v", a, ok)
	}
	for _, bad := range []string{"", "x.bin", name, asideName(name, 64, 300) + "x", "../" + asideName(name, 1, 1)} {
		if _, ok := parseAsideName(bad); ok {
			t.Errorf("%q passes", bad)
		}
	}
}
