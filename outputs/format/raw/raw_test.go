package raw

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func made(raw string, records uint32, fields ...string) *event.Event {
	e := &event.Event{Raw: raw, Records: records}
	for i := 0; i+1 < len(fields); i += 2 {
		k, _ := schema.NewNames().Find(fields[i])
		e.Fields.AddString(k, fields[i+1])
	}
	return e
}

func TestTexts(t *testing.T) {
	for name, c := range map[string]struct {
		e    *event.Event
		want string
	}{
		"a line":                      {made("", 1, "message", "GET / 200"), "GET / 200"},
		"what was read comes first":   {made(`{"log":"x"}`, 1, "message", "x"), `{"log":"x"}`},
		"bytes stand as they are":     {made("", 1, "message", "a\tb\\n\x1b[0m\x00\xff é"), "a\tb\\n\x1b[0m\x00\xff é"},
		"records of one event":        {made("type=SYSCALL a\ntype=PATH b", 2, "message", "ana ran sh"), "type=SYSCALL a\ntype=PATH b"},
		"a line end in a line":        {made("", 1, "message", "a\ntype=SYSCALL"), `a\ntype=SYSCALL`},
		"more line ends than lines":   {made("a\nb\ntype=SYSCALL", 2), `a\nb\ntype=SYSCALL`},
		"fewer line ends than lines":  {made("a\nb", 3), `a\nb`},
		"carriage returns in a line":  {made("", 1, "message", "a\rb\r\nc"), `a\rb\r\nc`},
		"at the end of each line":     {made("a\r\nb\r", 2), "a\r\nb\r"},
		"a line end of Windows":       {made("", 1, "message", "a\r"), "a\r"},
		"an alert":                    {made("type=SYSCALL a", 0, "message", "Shell: ana ran sh", "event.kind", "alert"), "Shell: ana ran sh"},
		"an action alone":             {made("", 1, "event.action", "executed"), "executed"},
		"nothing":                     {made("", 1), "-"},
		"an alert of several records": {made("a\nb", 2, "message", "m\nn", "event.kind", "alert"), `m\nn`},
	} {
		got, err := New().Append([]byte("> "), c.e)
		if err != nil || string(got) != "> "+c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}

// TestNoLineIsForged: whatever an event says, it is one line, or as many as it was
// read from; and a text without line ends is written byte for byte.
func TestNoLineIsForged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringOf(rapid.RuneFrom([]rune{'a', '\\', 'n', '\n', '\r', 'é', 0, 0x2028}))
		e := made(part.Draw(t, "raw"), rapid.Uint32Range(0, 4).Draw(t, "records"), "message", part.Draw(t, "message"))
		if rapid.Bool().Draw(t, "alert") {
			e.Fields.AddString(schema.EventKind, "alert")
		}
		out, _ := New().Append(nil, e)
		if n := strings.Count(string(out), "\n"); n > 0 && n != int(e.Records)-1 {
			t.Fatalf("%d records are %q", e.Records, out)
		}
		if i := strings.IndexByte(string(out), '\r'); i >= 0 && i < len(out)-1 && e.Records < 2 {
			t.Fatalf("%q", out)
		}
		if text, _ := Text(e); !strings.ContainsAny(text, "\r\n") && string(out) != text {
			t.Fatalf("%q became %q", text, out)
		}
	})
}

func TestALimitIsKept(t *testing.T) {
	c := New()
	for _, limit := range []int{0, 1, 3, 4, 5, 100} {
		out, err := c.AppendMax(nil, made("", 1, "message", "ééé\x00x"), limit)
		if err != nil || len(out) > limit || c.Shortened() != (limit < 8) {
			t.Errorf("%d: %q, %v, shortened: %v", limit, out, err, c.Shortened())
		}
	}
	if out, _ := c.AppendMax(nil, made("", 1, "message", "abcdefgh"), 6); string(out) != "abc…" {
		t.Errorf("cut to %q", out)
	}
}
