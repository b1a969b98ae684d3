package http

import (
	"encoding/json"
	"io"
	"log"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// quiet is where a server writes what a test makes fail on purpose.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// odd are texts that end a record, a header or a string in one format or another.
// None differs from another in what is replaced alone.
var odd = []string{
	`a|b\|c=d\=e`, "a\rb", "a\nb", "a\r\nb", `a\nb`, "a\x00b", "\ufeffa", `]"a]`, `{"create":{}}`, "a\u2028b",
	"a\xffb", "a\xfeb", "a\ufffdb", "a\xed\xa0\x80b", `a\ud800b`, `\xff`, `\\xff`, "", " a ", "\x1b[31ma", "</script>", "CEF:0|x|y|",
	"\x7f", "\u0085", strings.Repeat("a\nb|=", 300),
}

func oddEvents() []event.Event {
	env := plugintest.Env("")
	var list []event.Event
	for i, text := range odd {
		var f event.Fields
		f.AddString(schema.Message, text)
		f.AddString(schema.ProcessName, text)
		list = append(list, event.Event{ID: event.NewID([]byte{byte(i)}), Time: env.Now(), Seen: env.Now(), Dataset: "auditd.log", Records: 1,
			Fields: f, Shared: env.Shared})
	}
	return list
}

// TestHostileBytes (N1, N3): whatever an event holds, it is one record at the
// receiver, its JSON is valid, and two events that differ stay apart; not in leef, which
// has no escape for the end of a line, and in text, which is for people.
func TestHostileBytes(t *testing.T) {
	for _, preset := range presets {
		for _, format := range []string{"json", "splunk", "ocsf", "cef", "leef", "rfc5424", "text"} {
			d := newDouble(t, preset, nil)
			s := settingsFor(t, preset, d.URL)
			if s.Format.Format = format; s.Check().Bad() {
				continue // this receiver takes objects alone
			}
			if refused := send(t, open(t, s), oddEvents()); len(refused) > 0 {
				t.Errorf("%s, %s: refused %v", preset, format, refused)
			}
			stored := d.stored()
			if len(stored) != len(odd) {
				t.Errorf("%s, %s: %d events became %d records", preset, format, len(odd), len(stored))
			}
			seen := map[string]int{}
			for i, text := range stored {
				if isObject(format) && !json.Valid([]byte(text)) {
					t.Errorf("%s, %s: no JSON: %q", preset, format, text)
				}
				if other, there := seen[withoutIDs(text)]; there && format != "text" && format != "leef" {
					t.Errorf("%s, %s: %q and %q are one: %q", preset, format, odd[other], odd[i], text)
				}
				seen[withoutIDs(text)] = i
			}
		}
	}
}

// withoutIDs takes out what tells any two events apart.
func withoutIDs(text string) string {
	for i := range odd {
		text = strings.ReplaceAll(text, event.NewID([]byte{byte(i)}).String(), "")
	}
	return text
}
