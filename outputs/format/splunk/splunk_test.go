package splunk

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func sample() *event.Event {
	e := &event.Event{Time: time.UnixMilli(1795227901023).UTC(), Dataset: "auditd.log"}
	e.Fields.AddString(schema.EventCategory, "file")
	e.Fields.Add(schema.ProcessPID, event.Int(7))
	for i, one := range []struct{ name, inode string }{{"/bin/sh", "11"}, {"/lib/ld", "12"}} {
		e.Fields.AddNamed(schema.AuditdPaths, strconv.Itoa(i)+".name", event.String(one.name))
		e.Fields.AddNamed(schema.AuditdPaths, strconv.Itoa(i)+".inode", event.String(one.inode))
	}
	e.Fields.AddNamed(schema.DockerContainerMounts, "0.rw", event.Bool(true))
	e.Shared.AddString(schema.HostName, "node-7")
	return e
}

func TestAnEvent(t *testing.T) {
	want := `{"time":1795227901.023,"@timestamp":"2026-11-21T02:25:01.023Z","event.category":["file"],"event.dataset":"auditd.log","host.name":"node-7","process.pid":7,` +
		`"auditd.paths.name":["/bin/sh","/lib/ld"],"auditd.paths.inode":["11","12"],"docker.container.mounts.rw":[true]}`
	if got, err := New(0).Append([]byte("before "), sample()); err != nil || string(got) != "before "+want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, _ := New(0).Append(nil, &event.Event{}); string(got) != `{"time":0.000}` {
		t.Errorf("of nothing: %s", got)
	}
}

func TestWhatIsEscapedIsSaid(t *testing.T) {
	e := &event.Event{}
	e.Fields.AddNamed(schema.AuditdPaths, "0.name", event.String("a\\\xff"))
	if got, _ := New(0).Append(nil, e); string(got) != `{"time":0.000,"tallyman.escaped":["auditd.paths"],"auditd.paths.name":["a\\\\\\xff"]}` {
		t.Errorf("%s", got)
	}
	// A text that reads like an escape, beside one that has one, comes back as it is.
	e.Fields.AddNamed(schema.AuditdPaths, "1.name", event.String(`b\x41`))
	if got, _ := New(0).Append(nil, e); string(got) != `{"time":0.000,"tallyman.escaped":["auditd.paths"],"auditd.paths.name":["a\\\\\\xff","b\\\\x41"]}` {
		t.Errorf("%s", got)
	}
	e.Fields = e.Fields[1:]
	if got, _ := New(0).Append(nil, e); string(got) != `{"time":0.000,"auditd.paths.name":["b\\x41"]}` {
		t.Errorf("%s", got)
	}
}

// Whatever an event holds: one flat object on one line, time first, no object in
// any list, within the limit.
func TestEveryEventIsFlat(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		s := rapid.OneOf(rapid.SampledFrom([]string{"\n", "\x00", "\xff", `"`, `\`, "}", "é", "\u2028"}), rapid.StringN(0, 5, 20)).Draw(t, "text")
		return strings.Repeat(s, rapid.SampledFrom([]int{1, 1, 1, 500}).Draw(t, "times"))
	})
	rapid.Check(t, func(t *rapid.T) {
		e := sample()
		for range rapid.IntRange(0, 30).Draw(t, "fields") {
			k := rapid.SampledFrom(schema.Keys()).Draw(t, "key")
			if info := k.Info(); info.Type.IsMap() {
				e.Fields.AddNamed(k, rapid.SampledFrom([]string{"0.", "1.", "", "x."}).Draw(t, "index")+text.Draw(t, "name"), event.String(text.Draw(t, "value")))
			} else if info.Many || e.Get(k).IsZero() {
				e.Fields.AddString(k, text.Draw(t, "value"))
			}
		}
		limit := rapid.IntRange(1024, 9000).Draw(t, "limit")
		c := New(limit)
		out, _ := c.Append(nil, e)
		if !bytes.HasPrefix(out, []byte(`{"time":1795227901.023`)) || !utf8.Valid(out) || bytes.ContainsAny(out, "\n\r\x00") || len(out) > limit {
			t.Fatalf("%d bytes of %d: %s", len(out), limit, out)
		}
		var m map[string]any
		if err := json.Unmarshal(out, &m); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		for name, v := range m {
			list, _ := v.([]any)
			if slices.ContainsFunc(list, func(v any) bool { _, is := v.(map[string]any); return is }) {
				t.Fatalf("%s is a list of objects in %s", name, out)
			}
			if o, is := v.(map[string]any); len(o) > 0 && is { // a map that was cut to nothing is no field
				t.Fatalf("%s is an object in %s", name, out)
			}
		}
		if whole, _ := New(0).Append(nil, e); len(whole) > limit != c.Shortened() || len(whole) > limit && !bytes.Contains(out, []byte("tallyman_shortened")) {
			t.Fatalf("%d bytes in %d, and shortened is %v: %s", len(whole), limit, c.Shortened(), out)
		}
	})
}

func TestNothingIsAllocatedForAnEvent(t *testing.T) {
	c, e, buf := New(0), sample(), make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() { buf, _ = c.Append(buf[:0], e) }); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}
