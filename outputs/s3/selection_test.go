package s3

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestSelectionIsOfTheLine: only_fields and without_fields say what a line holds. Its
// object, by the prefix, is that of the whole event, which is not changed.
func TestSelectionIsOfTheLine(t *testing.T) {
	key(t)
	e := event.Event{ID: event.NewID([]byte("x")), Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Dataset: "auditd.log"}
	e.Fields.AddString(schema.Message, "said")
	e.Fields.AddString(schema.ContainerName, "shop")
	e.Shared.AddString(schema.HostName, "web-1")
	before, clock := fmt.Sprint(e), e.Time
	for _, sel := range []struct {
		only, without []string
		gone          bool
	}{
		{},
		{only: []string{"message"}, gone: true},
		{without: []string{"event.dataset", "container", "host"}, gone: true},
	} {
		c := to(s3test.New(t))
		c.Prefix.Value, c.OnlyFields, c.WithoutFields = `{{ event.dataset }}/{{ container.name }}/{{ host.name }}/{{ time "2006/01/02" }}`, sel.only, sel.without
		o := begin(t, c, new(plugintest.Store), &clock)
		o.give(1, e)
		if o.open["auditd.log/shop/web-1/2026/01/02"] == nil || len(o.open) != 1 {
			t.Errorf("%v: the objects are %v", sel, slices.Collect(maps.Keys(o.open)))
		}
		for _, word := range []string{"auditd.log", "shop", "web-1"} {
			if strings.Contains(string(o.line), word) == sel.gone {
				t.Errorf("%v: %s and %s", sel, word, o.line)
			}
		}
	}
	if after := fmt.Sprint(e); after != before {
		t.Errorf("the event became %s", after)
	}
}
