package cef

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tallyman/outputs/format/formattest"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// text draws any bytes, with those that have a meaning somewhere more often.
func text(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		part := rapid.OneOf(
			rapid.SampledFrom([]string{`\`, "|", "=", " ", " a=b", "\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\xff", "\xc2", "\xe2\x80", "\u0085", `\x41`, `\n`, "é", "漢", "\U0001f600"}),
			rapid.StringN(0, 5, 20))
		s := strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, "parts"), "")
		return strings.Repeat(s, rapid.IntRange(1, max(1, most)).Draw(t, "times"))
	})
}

// plain are the keys that are the text of one field and nothing else.
func plain() (list []pair) {
	for _, p := range extension {
		if p.how == first && len(p.from) == 1 || p.key == "msg" {
			list = append(list, p)
		}
	}
	return list
}

// Whatever the fields hold, a reader of the grammar gets each of them back.
func TestEveryFieldComesBack(t *testing.T) {
	c, list := New(Options{MaxBytes: 1 << 20}), plain()
	if len(list) < 15 {
		t.Fatalf("only %d keys are plain", len(list))
	}
	rapid.Check(t, func(t *rapid.T) {
		e := &event.Event{}
		want := map[string]string{}
		for _, p := range list {
			s := text(1).Draw(t, p.key)
			e.Fields.AddString(p.from[0], s)
			if s != "" && storedLength(s) <= p.limit {
				want[p.key] = s
			}
		}
		rule := text(1).Draw(t, "rule")
		e.Fields.AddString(schema.RuleID, "R")
		e.Fields.AddString(schema.RuleName, rule)
		out, _ := c.Append(nil, e)
		p, err := formattest.CEF(string(out))
		if err != nil || !utf8.Valid(out) {
			t.Fatalf("%v in %q", err, out)
		}
		for key, value := range want {
			if got, err := p.Source(key); err != nil || got != value {
				t.Fatalf("%s came back as %q, %v, want %q, from %q", key, got, err, value, out)
			}
		}
		if got, err := p.Source("name"); rule != "" && (err != nil || got != blanks(rule)) {
			t.Fatalf("the name came back as %q, %v, want %q", got, err, rule)
		}
	})
}

// Any value that is escaped and read back is the same.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"", "a=b", `\n\x41\\`, "\n\r\t\x00\xff\u0085é", "\\\x1b"} {
		f.Add(s, 1023)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		out, n, cut := appendValue(nil, s, dirty(s), limit, unlimited)
		back, err := formattest.Unescape(string(out), `\=nr`)
		if err == nil && dirty(s) {
			back, err = formattest.Undo(back)
		}
		if err != nil || !strings.HasPrefix(s, back) || cut == (s == back) || cut && n > max(limit, 0) {
			t.Errorf("%q with the limit %d became %q and %q, %d characters, cut %v, %v", s, limit, out, back, n, cut, err)
		}
		want, _, _ := appendValue(nil, s, false, len(s), unlimited)
		if plain, ok := appendPlain(nil, s); ok == dirty(s) || ok && string(plain) != string(want) {
			t.Errorf("%q became %q, %v without a limit, want %q", s, plain, ok, want)
		}
	})
}

// blanks makes one blank of each run of line ends and tabs, as a header must.
func blanks(s string) string {
	var b strings.Builder
	run := false
	for i := range len(s) {
		if c := s[i]; c != '\n' && c != '\r' && c != '\t' {
			b.WriteByte(c)
			run = false
		} else if !run {
			b.WriteByte(' ')
			run = true
		}
	}
	return b.String()
}

// storedLength is how many characters a receiver stores of s: four for each byte
// that is written as \xHH, and then two for a backslash.
func storedLength(s string) (n int) {
	hex := dirty(s)
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == '\n' || r == '\r':
			n++
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError && size == 1:
			n += 4 * size
		case r == '\\' && hex:
			n += 2
		default:
			n++
		}
		s = s[size:]
	}
	return n
}

// However long the fields are, every limit holds, and what is left of a value is
// its beginning.
func TestLimitsHold(t *testing.T) {
	limits := dictionary(t)
	list := plain()
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(300, 20000).Draw(t, "max_bytes")
		c := New(Options{MaxBytes: most})
		e := &event.Event{}
		full := map[string]string{}
		for _, p := range list {
			full[p.key] = text(rapid.SampledFrom([]int{1, 1, 1, 400}).Draw(t, "long")).Draw(t, p.key)
			e.Fields.AddString(p.from[0], full[p.key])
		}
		for range 3 {
			e.Fields.AddString(schema.EventCategory, text(200).Draw(t, "cat"))
		}
		out, _ := c.Append(nil, e)
		p, err := formattest.CEF(string(out))
		if err != nil || !utf8.Valid(out) {
			t.Fatalf("%v in %q", err, out)
		}
		ours := 0
		for key := range p.Attr {
			if strings.HasPrefix(key, "Tallyman") {
				ours++
			}
		}
		if len(out) > most && len(p.Attr) > ours { // a header alone may be longer
			t.Fatalf("%d bytes, the limit is %d", len(out), most)
		}
		missing := false
		for key, whole := range full {
			got, err := p.Source(key)
			missing = missing || got != whole
			if err != nil || !strings.HasPrefix(whole, got) {
				t.Fatalf("%s is %q, %v, which does not begin %q", key, got, err, whole)
			}
		}
		for key, value := range p.Attr {
			if limit := limits[key]; limit > 0 && utf8.RuneCountInString(value) > limit {
				t.Fatalf("%s has %d characters, its limit is %d", key, utf8.RuneCountInString(value), limit)
			}
		}
		if missing && p.Attr["TallymanTruncated"] != "true" {
			t.Fatalf("something is missing and not said in %q", out)
		}
		if _, ok := p.Attr["cs4Label"]; ok != (p.Attr["cs4"] != "") {
			t.Fatalf("a label without its value, or the other way round, in %q", out)
		}
	})
}

// dictionary returns the length of each key: those of the standard's table where
// it is there, else our own.
func dictionary(t *testing.T) map[string]int {
	t.Helper()
	m := map[string]int{}
	for _, p := range extension {
		m[p.key] = p.limit
	}
	f, err := os.Open("../../../../shared/spec/cef-v27-keys.csv")
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("the table of the standard is not there: lengths are checked against our own only")
		return m
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[1:] {
		if n, err := strconv.Atoi(r[3]); err == nil {
			m[r[0]] = n
		}
	}
	return m
}

// Our keys are those of the standard, for producers, with its lengths.
func TestTheDictionary(t *testing.T) {
	f, err := os.Open("../../../../shared/spec/cef-v27-keys.csv")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the table of the standard's keys is not there: nothing to compare with")
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for _, r := range rows[1:] {
		known[r[0]] = r
	}
	for _, p := range extension {
		r, ok := known[p.key]
		if !ok || r[4] != "producer" {
			t.Errorf("%s: %v", p.key, r)
			continue
		}
		if want, _ := strconv.Atoi(r[3]); p.limit != want {
			t.Errorf("%s has the limit %d, the standard says %d", p.key, p.limit, want)
		}
		if _, ok := known[p.key+"Label"]; ok != (p.label != "") {
			t.Errorf("%s: label %q", p.key, p.label)
		}
	}
}

func TestWhatGivesWayFirst(t *testing.T) {
	e := with(set{schema.HostName: "node-7", schema.ProcessCommandLine: strings.Repeat("c", 500), schema.Message: strings.Repeat("m", 500), schema.ContainerName: "shop"})
	whole := len(render(t, New(Options{}), e))
	for _, c := range []struct {
		name            string
		less            int
		command, msg    int
		container, said string
	}{
		{"enough room", 0, 500, 500, "shop", ""},
		{"one byte short", 1, 500 - 1 - len(truncated), 500, "shop", "true"},
		{"the command line is not enough", 600, 0, 500 - 100 - len(truncated), "shop", "true"},
		{"neither is enough", 1040, 0, 0, "", "true"},
	} {
		p := read(t, render(t, New(Options{MaxBytes: whole - c.less}), e))
		if len(p.Attr["cs4"]) != c.command || len(p.Attr["msg"]) != c.msg || p.Attr["flexString1"] != c.container || p.Attr["TallymanTruncated"] != c.said || p.Attr["dvchost"] != "node-7" {
			t.Errorf("%s: %d of the command line, %d of the message, container %q, said %q", c.name, len(p.Attr["cs4"]), len(p.Attr["msg"]), p.Attr["flexString1"], p.Attr["TallymanTruncated"])
		}
	}
	if got := render(t, New(Options{MaxBytes: 1}), e); got != "CEF:0|Tallyman|tallyman|0|event|Event|0|TallymanTruncated=true" {
		t.Errorf("with no room: %s", got)
	}
}
