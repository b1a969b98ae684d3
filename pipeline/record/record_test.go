package record

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func TestPairs(t *testing.T) {
	for _, c := range []struct {
		line string
		sep  byte
		want string
		ok   bool
	}{
		{`time="2026-11-21T03:25:29Z" level=info msg="a \"b\" c" x.y=`, ' ', `time=2026-11-21T03:25:29Z|level=info|msg=a "b" c|x.y=`, true},
		{`action=create,user=root,image=a:b`, ',', `action=create|user=root|image=a:b`, true},
		{`a=1 junk b=2`, ' ', `a=1|b=2`, false},
		{`a="no end`, ' ', `a=no end`, false},
		{`a="b"c d=e`, ' ', `a=b|d=e`, false},
		{`a=1;;b=2; c=3;`, ';', `a=1|b=2|c=3`, true},
		{`=x a=1`, ' ', `a=1`, false},
		{`a="\q" b=2`, ' ', `a=\q|b=2`, false},
		{`a="x\xe4y"`, ' ', "a=x\xe4y", true},
		{``, ' ', ``, true},
	} {
		var got []string
		ok := Pairs(c.line, c.sep, func(n, v string) { got = append(got, n+"="+v) })
		if s := strings.Join(got, "|"); s != c.want || ok != c.ok {
			t.Errorf("%s: %s, %v; want %s, %v", c.line, s, ok, c.want, c.ok)
		}
	}
}

// FuzzPairs: no name is empty, nothing panics, and the walk ends.
func FuzzPairs(f *testing.F) {
	for _, s := range []string{`a="b\"c" d=e`, `a="`, `,,=,a=`, `a="\u12"`, "a=\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, sep := range []byte{' ', ',', ';', '|', '\t'} {
			Pairs(line, sep, func(name, value string) {
				if name == "" || len(value) > 3*len(line) {
					t.Errorf("%q: %q=%q", line, name, value)
				}
			})
		}
	})
}

// TestLineID: two places have two ids, also where only the input can tell them apart;
// one place has one, however often it is read and whichever host reads it.
func TestLineID(t *testing.T) {
	at := func(id byte, path string, offset int64) *event.Event {
		e := &event.Event{Dataset: "d", Offset: offset, Shared: event.Fields{event.NewField(schema.LogFilePath, "", event.String(path))}}
		e.ID[0] = id
		return e
	}
	seen := map[event.ID]string{}
	var seed []byte
	for range 2 {
		for name, e := range map[string]*event.Event{"a": at(0, "p", 1), "another file": at(0, "q", 1), "further on": at(0, "p", 2), "a partition": at(1, "p", 1), "another": at(2, "p", 1)} {
			for index := range 2 {
				var id, other event.ID
				id, seed = LineID(seed, "h", e, "text", index)
				other, seed = LineID(seed, "another host", e, "text", index)
				what := name + strconv.Itoa(index)
				if was, ok := seen[id]; ok && was != what || (id == other) == e.ID.IsZero() {
					t.Errorf("%s has the id of %q; the same on another host: %v", what, was, id == other)
				}
				seen[id] = what
			}
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d ids of ten places", len(seen))
	}
}

func TestTime(t *testing.T) {
	want := time.Date(2026, 11, 21, 3, 25, 31, 500_000_000, time.UTC)
	for _, s := range []string{"2026-11-21T03:25:31.5Z", "2026-11-21T04:25:31.5+01:00", "2026-11-21 03:25:31,500", "2026-11-21T03:25:31.5", "2026-11-21T04:25:31.5+0100"} {
		if got, ok := Time(s); !ok || !got.Equal(want) {
			t.Errorf("%s is %v, %v", s, got, ok)
		}
	}
	if got, ok := Time("21/Nov/2026:03:25:31 +0000"); !ok || got.Unix() != want.Unix() {
		t.Errorf("the access log's time is %v, %v", got, ok)
	}
	for _, s := range []string{"", "yesterday", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z"} {
		if _, ok := Time(s); ok {
			t.Errorf("%q is a time", s)
		}
	}
	for v, want := range map[float64]int64{1680501893: 1680501893, 1680501893000: 1680501893, 1680501893000000: 1680501893, 1680501893000000000: 1680501893} {
		if got, ok := Epoch(v); !ok || got.Unix() != want {
			t.Errorf("%v is %v", v, got)
		}
	}
	for _, v := range []float64{-1, 0, 9e10, 9e13, 9e16, 1e19, math.NaN(), math.Inf(1)} {
		if got, ok := Epoch(v); ok && !Sane(got) || !ok && !got.IsZero() {
			t.Errorf("%v is the time %v", v, got)
		}
	}
}

func TestSource(t *testing.T) {
	for addr, want := range map[string]string{"10.0.0.1:5": "10.0.0.1|5", "10.0.0.1": "10.0.0.1|", "[::1]:80": "::1|80", "::1": "::1|", "client.local": "|", "1.1.1.1, 10.0.0.2": "1.1.1.1|", "-": "|", "": "|"} {
		var f event.Fields
		Source(&f, addr)
		if got := f.Get(schema.SourceIP).Str() + "|" + string(f.Get(schema.SourcePort).Append(nil)); got != want {
			t.Errorf("%q: %s, want %s", addr, got, want)
		}
	}
}

func TestParseImage(t *testing.T) {
	for ref, want := range map[string]Image{
		"alpine":                         {Name: "alpine"},
		"library/test:1":                 {Name: "library/test", Tag: "1"},
		"localhost:5000/a/b":             {Registry: "localhost:5000", Name: "localhost:5000/a/b"},
		"r.example/a/b:1@sha256:ff":      {Registry: "r.example", Name: "r.example/a/b", Tag: "1", Digest: "sha256:ff"},
		"docker-pullable://n@sha256:ff":  {Name: "n", Digest: "sha256:ff"},
		"localhost/harbor/alpine@sha1:a": {Registry: "localhost", Name: "localhost/harbor/alpine", Digest: "sha1:a"},
	} {
		if got := ParseImage(ref); got != want {
			t.Errorf("%s: %+v, want %+v", ref, got, want)
		}
	}
	if got := ParseImage("r.example:5000/a/b:1").Repository(); got != "a/b" {
		t.Errorf("the repository is %q", got)
	}
}

func TestWords(t *testing.T) {
	if Slug("Terminal shell in container!") != "terminal-shell-in-container" || Slug("--") != "" {
		t.Error("slug")
	}
	for word, want := range map[string]int64{"CRITICAL": 10, "High": 8, "Warning": 5, "low": 3, "Negligible": 2} {
		if got, ok := Severity(word); got != want || !ok {
			t.Errorf("%s is %d", word, got)
		}
	}
	if _, ok := Severity("UNKNOWN"); ok {
		t.Error("UNKNOWN is a severity")
	}
}
