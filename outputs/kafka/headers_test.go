package kafka

import (
	"maps"
	"testing"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestHeadersAreChosen: a message has the headers that were asked for and that the event
// has something for, and says how many.
func TestHeadersAreChosen(t *testing.T) {
	e := event.Event{ID: event.NewID([]byte("x")), Dataset: "auditd.log"}
	e.Fields.AddString(schema.Message, "said")
	e.Fields.AddString(schema.HostName, "web-1")
	for _, c := range []struct {
		asked []string
		bare  bool // an event that has none of it
		want  map[string]string
	}{
		{Default().Headers, false, map[string]string{headerID: e.ID.String(), headerDataset: "auditd.log", headerHost: "web-1", headerType: "application/json"}},
		{Default().Headers, true, map[string]string{headerType: "application/json"}},
		{[]string{headerID}, false, map[string]string{headerID: e.ID.String()}},
		{[]string{headerHost, headerDataset}, false, map[string]string{headerDataset: "auditd.log", headerHost: "web-1"}},
		{[]string{}, false, map[string]string{}},
		{[]string{headerID}, true, map[string]string{}},
	} {
		s := settingsFor("audit", "127.0.0.1:1")
		s.Headers = c.asked
		of := e
		if c.bare {
			of = event.Event{}
		}
		m, err := open(t, s).message(&of, 7)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, got := m.read(t); !maps.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.asked, got, c.want)
		}
	}
}

// TestTheTypeIsThatOfTheFormat: a reader is told whether a value is an object.
func TestTheTypeIsThatOfTheFormat(t *testing.T) {
	objects := map[string]bool{format.JSON: true, format.Splunk: true, format.OCSF: true}
	for _, word := range format.Words() {
		s := settingsFor("audit", "127.0.0.1:1")
		s.Format.Format = word
		m, err := open(t, s).message(&event.Event{}, 7)
		if err != nil {
			t.Fatal(err)
		}
		_, _, got := m.read(t)
		if is := got[headerType] == "application/json"; is != objects[word] || got[headerType] == "" {
			t.Errorf("%s is of the type %q", word, got[headerType])
		}
	}
}
