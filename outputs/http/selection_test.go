package http

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestSelectionIsOfTheEvent: only_fields and without_fields say what is written of an
// event. Index, id, labels, time, hostname and service are those of the whole event,
// which is not changed: a dead letter has all of it.
func TestSelectionIsOfTheEvent(t *testing.T) {
	e := event.Event{ID: event.NewID([]byte("x")), Time: time.Unix(1_700_000_000, 7).UTC(), Dataset: "auditd.log"}
	e.Fields.AddString(schema.Message, "said")
	e.Fields.AddString(schema.EventModule, "auditd")
	e.Fields.AddString(schema.ContainerID, "c0ffee")
	e.Fields.AddString(schema.ContainerName, "shop")
	e.Shared.AddString(schema.HostName, "web-1")
	before := fmt.Sprint(e)
	for _, c := range []struct {
		preset string
		change func(*Settings)
		head   []string // what stands outside of what is written of the event
		cut    string   // where that ends
	}{
		{elasticsearch, func(s *Settings) { s.Index.Value = "a-{{ event.module }}-{{ host.name }}" }, []string{`"_index":"a-auditd-web-1"`, `"_id":"` + e.ID.String() + `"`}, "\n"},
		{opensearch, func(s *Settings) { s.Index.Value = "a-{{ event.dataset }}" }, []string{`"_index":"a-auditd.log"`, `"_id":"` + e.ID.String() + `"`}, "\n"},
		{loki, func(s *Settings) {
			s.Labels = map[string]string{"host": "{{ host.name }}", "c": "{{ container.name }}", "m": "{{ event.module }}"}
		}, []string{`"host":"web-1"`, `"c":"shop"`, `"m":"auditd"`, `"1700000000000000007"`}, `","{`},
		{datadog, func(s *Settings) {
			s.Hostname.Value, s.Service.Value = "{{ host.name }}", "{{ container.id }}-{{ event.module }}"
		},
			[]string{`"hostname":"web-1"`, `"service":"c0ffee-auditd"`}, `"message":`},
	} {
		render := func(only, without []string) (head, body string) {
			s := settingsFor(t, c.preset, "http://127.0.0.1:9")
			c.change(s)
			s.Format.OnlyFields, s.Format.WithoutFields = only, without
			if p := s.Check(); p.Bad() {
				t.Fatal(p)
			}
			o := open(t, s)
			if failed := o.render([]event.Event{e}); len(failed) > 0 {
				t.Fatal(failed)
			}
			head, body, _ = strings.Cut(string(o.body(o.spans)), c.cut)
			return head, body
		}
		whole, all := render(nil, nil)
		for _, want := range c.head {
			if !strings.Contains(whole+`"`, want) {
				t.Errorf("%s: %s has no %s", c.preset, whole, want)
			}
		}
		for _, sel := range []struct{ only, without []string }{
			{only: []string{"message"}},
			{without: []string{"event.module", "event.dataset", "container", "host"}},
		} {
			head, body := render(sel.only, sel.without)
			if head != whole {
				t.Errorf("%s, %v: %s, want %s", c.preset, sel, head, whole)
			}
			for _, gone := range []string{"c0ffee", "shop", "web-1", "auditd"} {
				if strings.Contains(body, gone) || !strings.Contains(all, gone) {
					t.Errorf("%s, %v: %s in %s, of %s", c.preset, sel, gone, body, all)
				}
			}
		}
	}
	if after := fmt.Sprint(e); after != before {
		t.Errorf("the event became %s", after)
	}
}
