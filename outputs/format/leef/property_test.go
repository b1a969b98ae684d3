package leef

import (
	"bytes"
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
			rapid.SampledFrom([]string{`\`, "|", "=", " ", "\tusrName=root", "^usrName=root", "\n", "\r", "\t", "^", "\x00", "\x1b", "\x7f", "\xff", "\xc2", "\xe2\x80", "\u0085", `\x41`, "é", "漢", "\U0001f600"}),
			rapid.StringN(0, 5, 20))
		s := strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, "parts"), "")
		return strings.Repeat(s, rapid.IntRange(1, max(1, most)).Draw(t, "times"))
	})
}

// encoders are one of each version and delimiter.
func encoders(most int) []*Encoder {
	return []*Encoder{New(Options{MaxBytes: most}), New(Options{Version: "1.0", MaxBytes: most}), New(Options{Delimiter: '^', MaxBytes: most}), New(Options{Delimiter: '*', MaxBytes: most})}
}

// plain are the attributes that are the text of one field.
func plain() (list []attribute) {
	for _, a := range attributes() {
		if a.how == first && len(a.From) == 1 || a.Name == "message" {
			list = append(list, a)
		}
	}
	return list
}

// blanks makes a blank of each line end and tab.
func blanks(s string) string { return strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(s) }

// Whatever the fields hold, a reader of the grammar gets each of them back, and
// nothing that was not written.
func TestEveryFieldComesBack(t *testing.T) {
	list := plain()
	if len(list) < 10 {
		t.Fatalf("only %d attributes are plain", len(list))
	}
	all := encoders(1 << 20)
	rapid.Check(t, func(t *rapid.T) {
		e := &event.Event{}
		want := map[string]string{}
		for _, a := range list {
			s := text(1).Draw(t, a.Name)
			e.Fields.AddString(a.From[0], s)
			if s != "" {
				want[a.Name] = blanks(s)
			}
		}
		for _, c := range all {
			out, _ := c.Append(nil, e)
			p, err := formattest.LEEF(string(out))
			if err != nil {
				t.Fatalf("%v in %q", err, out)
			}
			for name, value := range want {
				if got, err := p.Source(name); err != nil || got != value {
					t.Fatalf("%s came back as %q, %v, want %q, from %q", name, got, err, value, out)
				}
			}
			delete(p.Attr, "TallymanEscaped")
			if len(p.Attr) != len(want)+1 { // and sev
				t.Fatalf("%d attributes of %d fields: %q", len(p.Attr), len(want), out)
			}
		}
	})
}

// However long the fields are, every limit holds, and what is left of a value is
// its beginning.
func TestLimitsHold(t *testing.T) {
	list := plain()
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(300, 20000).Draw(t, "max_bytes")
		e := &event.Event{}
		full := map[string]string{}
		for _, a := range list {
			full[a.Name] = text(rapid.SampledFrom([]int{1, 1, 1, 400}).Draw(t, "long")).Draw(t, a.Name)
			e.Fields.AddString(a.From[0], full[a.Name])
		}
		user := text(100).Draw(t, "user")
		e.Fields.AddString(schema.UserName, user)
		full["usrName"] = user
		c := encoders(most)[rapid.IntRange(0, 3).Draw(t, "encoder")]
		out, _ := c.Append(nil, e)
		p, err := formattest.LEEF(string(out))
		if err != nil {
			t.Fatalf("%v in %q", err, out)
		}
		if len(out) > most {
			t.Fatalf("%d bytes, the limit is %d", len(out), most)
		}
		missing := false
		for name, whole := range full {
			got, err := p.Source(name)
			missing = missing || got != blanks(whole)
			if err != nil || !strings.HasPrefix(blanks(whole), got) {
				t.Fatalf("%s is %q, %v, which does not begin %q", name, got, err, whole)
			}
		}
		if n := utf8.RuneCountInString(p.Attr["usrName"]); n > 255 {
			t.Fatalf("usrName has %d characters", n)
		}
		if missing != (p.Attr["TallymanTruncated"] == "true") || c.Shortened() && !missing {
			t.Fatalf("missing is %v, and it is said %q, %v in %q", missing, p.Attr["TallymanTruncated"], c.Shortened(), out)
		}
	})
}

func TestWhatGivesWayFirst(t *testing.T) {
	e := with(set{schema.HostName: "node-7", schema.ProcessCommandLine: strings.Repeat("c", 500), schema.Message: strings.Repeat("m", 500), schema.ContainerName: "shop"})
	whole := len(render(t, New(Options{}), e))
	said := len(truncated) + 1
	for _, c := range []struct {
		name            string
		less            int
		command, msg    int
		container, said string
	}{
		{"enough room", 0, 500, 500, "shop", ""},
		{"one byte short", 1, 500 - 1 - said, 500, "shop", "true"},
		{"the command line is not enough", 600, 0, 500 - 100 - said, "shop", "true"},
		{"neither is enough", 1015, 0, 0, "", "true"},
	} {
		p := read(t, render(t, New(Options{MaxBytes: whole - c.less}), e))
		if len(p.Attr["commandLine"]) != c.command || len(p.Attr["message"]) != c.msg || p.Attr["containerName"] != c.container || p.Attr["TallymanTruncated"] != c.said || p.Attr["resource"] != "node-7" {
			t.Errorf("%s: %v", c.name, p.Attr)
		}
	}
	if got := render(t, New(Options{MaxBytes: 1}), e); got != "LEEF:2.0|Tallyman|tallyman|0|event|x09|TallymanTruncated=true" {
		t.Errorf("with no room: %s", got)
	}
}

// One field may hold a megabyte of anything.
func TestAMegabyte(t *testing.T) {
	for _, piece := range []string{"\x00", "\n", "a=b\t", "^", "\xff\\", "é"} {
		for _, c := range encoders(0) {
			e := with(set{schema.ProcessCommandLine: strings.Repeat(piece, 1<<20/len(piece)), schema.FilePath: strings.Repeat(piece, 1<<20/len(piece))})
			if p := read(t, render(t, c, e)); p.Attr["TallymanTruncated"] != "true" {
				t.Errorf("%q: nothing is said to be missing", piece)
			}
		}
	}
}

// Any value that is escaped and read back is the same, and the same each time.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"", "a=b", `\n\x41\\`, "\n\r\t\x00\xff\u0085é", "\\\x1b^"} {
		f.Add(s, uint16(1023))
	}
	f.Fuzz(func(t *testing.T, s string, limit uint16) {
		e := with(set{schema.FilePath: s, schema.UserName: s, schema.RuleID: s, schema.ProcessCommandLine: s})
		for _, c := range encoders(int(limit) + 400) {
			out, _ := c.Append(nil, e)
			p, err := formattest.LEEF(string(out))
			if err != nil {
				t.Fatalf("%v in %q", err, out)
			}
			back, err := p.Source("filePath")
			if err != nil || !strings.HasPrefix(blanks(s), back) || len(out) > int(limit)+400 {
				t.Fatalf("%q became %q, %v, of %q", s, back, err, out)
			}
			if again, _ := c.Append(nil, e); !bytes.Equal(out, again) {
				t.Fatalf("%q and then %q", out, again)
			}
		}
	})
}
