package redact

import (
	"strings"
	"testing"
	"unicode"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// FuzzEvent: whatever the bytes are, nothing panics, the number of arguments
// stays, an event without a mark is as it was, and what is replaced once is not
// replaced again in another way.
func FuzzEvent(f *testing.F) {
	for _, s := range []string{"mysql|-psecret", "x|--password|a b", "sh|-c|mysql -p'a' \"$x\"", `{"token":"x"}`, "a://b:c@d", "eyJhbGciOi.aaaaaaaaaa.b", "\xff--token=\xfe", "curl|-u|a:b"} {
		f.Add(s, "type=EXECVE msg=audit(1.000:7): argc=2 a0=\"x\" a1_len=8 a1[0]=61 a1[1]=62")
		f.Add(s, "type=PROCTITLE msg=audit(1.000:7): proctitle=6D7973716C002D7078")
	}
	tr := build(f, nil)
	f.Fuzz(func(t *testing.T, line, raw string) {
		args := strings.Split(line, "|")
		e := exec(args...)
		e.Raw = raw
		for _, k := range []schema.Key{schema.ProcessCommandLine, schema.ProcessTitle, schema.Message} {
			e.Fields.AddString(k, line)
		}
		e.Fields.AddNamed(schema.AuditdData, strings.ToLower(line), event.String(line))
		before := append(event.Fields(nil), e.Fields...)
		got := one(t, tr, e)
		list := argsOf(got)
		if len(list) != len(args) {
			t.Fatalf("%d arguments became %d", len(args), len(list))
		}
		if got.Fields.GetNamed(schema.Tags, "").IsZero() {
			for i := range before {
				if !before[i].Equal(got.Fields[i]) {
					t.Fatalf("without a tag %q became %q", before[i].Str(), got.Fields[i].Str())
				}
			}
			if got.Raw != raw {
				t.Fatalf("without a tag %q became %q", raw, got.Raw)
			}
		}
		if strings.Count(got.Raw, "\n") != strings.Count(raw, "\n") && strings.Contains(raw, "audit(") {
			t.Fatalf("the number of records changed: %q", got.Raw)
		}
	})
}

// FuzzSecret: a secret of any bytes is in no text of its event, wherever it stands.
func FuzzSecret(f *testing.F) {
	for _, s := range []string{"abc123", "it's", `a"b\c`, "\xff\x00x", "$x", "a b|c", "[redacted:00000000]x", "--x", "p=ss"} {
		f.Add(s)
	}
	tr := build(f, nil)
	f.Fuzz(func(t *testing.T, core string) {
		if strings.IndexByte(core, 0) >= 0 { // no argument holds one
			return
		}
		// What tells it apart from the words around it.
		secret := "Zq83" + core + "xKwT"
		args := []string{"prog", "--password=" + secret, "--token", secret, "mysql", "end"}
		e := exec(args...)
		e.Fields.AddString(schema.ProcessCommandLine, quoted(args))
		e.Fields.AddString(schema.Message, "ana ran "+quoted(args))
		e.Raw = "type=EXECVE msg=audit(1.000:7): argc=6"
		for i, a := range args {
			e.Raw += " a" + itoa(i) + "=" + upper(a)
		}
		e.Raw += "\ntype=PROCTITLE msg=audit(1.000:7): proctitle=" + upper(strings.Join(args, "\x00")) +
			"\ntype=USER_CMD msg=audit(1.000:8): msg='cmd=" + upper(quoted(args)) + " res=success'"
		got := one(t, tr, e)
		texts := append(argsOf(got), got.Raw, got.Fields.Get(schema.ProcessCommandLine).Str(), got.Fields.Get(schema.Message).Str())
		for _, s := range texts {
			for _, part := range []string{secret, "Zq83", "xKwT", upper("Zq83"), upper("xKwT")} {
				if strings.Contains(s, part) {
					t.Fatalf("%q is in %q", part, s)
				}
			}
		}
		if list := argsOf(got); len(list) != len(args) || list[5] != "end" {
			t.Fatalf("the arguments are %q", list)
		}
	})
}

// quoted joins arguments as the audit transform does.
func quoted(args []string) string {
	var b strings.Builder
	for i, s := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		plain := s != ""
		for _, c := range []byte(s) {
			plain = plain && (c < 128 && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c))) || strings.IndexByte("_@%+=:,./-", c) >= 0)
		}
		if plain {
			b.WriteString(s)
		} else {
			b.WriteString("'" + strings.ReplaceAll(s, "'", `'\''`) + "'")
		}
	}
	return b.String()
}
