package kafka

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestSelectionIsOfTheValue: only_fields and without_fields say what a message's
// value holds. Its topic, key, headers and time are those of the whole event, which
// is not changed: a dead letter has all of it.
func TestSelectionIsOfTheValue(t *testing.T) {
	e := event.Event{ID: event.NewID([]byte("x")), Time: time.Unix(1_700_000_000, 0).UTC(), Seen: time.Unix(1_700_000_009, 0).UTC(), Dataset: "auditd.log", Raw: "raw-text"}
	e.Fields.AddString(schema.Message, "said")
	e.Fields.AddString(schema.EventModule, "auditd")
	e.Fields.AddString(schema.ContainerID, "c0ffee")
	e.Shared.AddString(schema.HostName, "web-1")
	before := fmt.Sprint(e)
	render := func(only, without []string) message {
		s := settingsFor("audit-{{ event.module }}", "127.0.0.1:1")
		s.Key.Value, s.Timestamp = "{{ container.id }}/{{ host.name }}", stampEvent
		s.Format.OnlyFields, s.Format.WithoutFields = only, without
		m, err := open(t, s).message(&e, 7)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	whole := render(nil, nil)
	key, all, headers := whole.read(t)
	want := map[string]string{headerID: e.ID.String(), headerDataset: "auditd.log", headerHost: "web-1", headerType: "application/json"}
	if string(whole.key) != "c0ffee/web-1" || string(key) != string(whole.key) || whole.topic != "audit-auditd" || !maps.Equal(headers, want) || whole.millis != 1_700_000_000_000 {
		t.Fatalf("%+v", whole)
	}
	for _, c := range []struct{ only, without []string }{
		{only: []string{"message"}},
		{without: []string{"event.module", "event.dataset", "event.original", "container", "host"}},
	} {
		m := render(c.only, c.without)
		_, value, kept := m.read(t)
		for _, gone := range []string{"c0ffee", "web-1", "auditd", "raw-text"} {
			if strings.Contains(string(value), gone) || !strings.Contains(string(all), gone) {
				t.Errorf("%v: %s in %s, of %s", c, gone, value, all)
			}
		}
		if !maps.Equal(kept, headers) {
			t.Errorf("%v: headers %v, want %v", c, kept, headers)
		}
		m.body = whole.body
		if !reflect.DeepEqual(m, whole) {
			t.Errorf("%v: %+v, want %+v", c, m, whole)
		}
	}
	if after := fmt.Sprint(e); after != before {
		t.Errorf("the event became %s", after)
	}
}
