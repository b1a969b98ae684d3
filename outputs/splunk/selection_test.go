package splunk

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestSelectionIsOfTheEvent: only_fields and without_fields say what stands in the
// member event. Time, host, source, sourcetype, index and fields of the envelope, and
// of the query of endpoint raw, are those of the whole event, which is not changed.
func TestSelectionIsOfTheEvent(t *testing.T) {
	e := execve()
	e.Fields.AddString(schema.EventKind, "alert")
	e.Fields.AddString(schema.Message, "said")
	e.Fields.AddString(schema.ContainerID, "c0ffee")
	before := fmt.Sprint(*e)
	templates := func(s *Settings) {
		s.Host.Value, s.Source.Value, s.Sourcetype.Value, s.Index.Value = "h-{{ host.name }}", "s-{{ container.id }}", "t-{{ event.action }}", "i-{{ event.module }}"
		s.Fields = map[string]string{"set": "{{ event.dataset }}", "file": "{{ log.file.path }}"}
	}
	for _, c := range []struct {
		name   string
		change func(*Settings)
	}{{"templates", templates}, {"defaults", func(*Settings) {}}} {
		whole, body, _ := strings.Cut(rendered(t, e, c.change), `"event":`)
		for _, sel := range []struct{ only, without []string }{
			{only: []string{"message"}},
			{without: []string{"event.module", "event.dataset", "event.action", "event.kind", "container", "host", "log", "tallyman.input"}},
		} {
			head, part, _ := strings.Cut(rendered(t, e, func(s *Settings) {
				c.change(s)
				s.Format.OnlyFields, s.Format.WithoutFields = sel.only, sel.without
			}), `"event":`)
			if head != whole {
				t.Errorf("%s, %v: the envelope is %s, want %s", c.name, sel, head, whole)
			}
			for _, gone := range []string{"c0ffee", "web-1", "executed", "alert", "audit.log"} {
				if strings.Contains(part, gone) || !strings.Contains(body, gone) {
					t.Errorf("%s, %v: %s in %s, of %s", c.name, sel, gone, part, body)
				}
			}
		}
	}
	said := func(only ...string) []meta {
		s := settingsFor(t, "http://127.0.0.1:1")
		templates(s)
		s.Endpoint, s.Fields, s.Format.OnlyFields = endpointRaw, nil, only
		o, err := build(s, plugintest.Env(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		o.said(e)
		return o.meta
	}
	if got, want := said("message"), said(); !reflect.DeepEqual(got, want) || want[0].query.Get("host") != "h-web-1" {
		t.Errorf("endpoint raw says %v, want %v", got, want)
	}
	if after := fmt.Sprint(*e); after != before {
		t.Errorf("the event became %s", after)
	}
}
