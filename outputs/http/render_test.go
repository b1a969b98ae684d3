package http

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func hostile(value string) []event.Event {
	events := marks(1)
	events[0].Fields.AddString(schema.EventModule, value)
	events[0].Fields.AddString(schema.ContainerName, value)
	return events
}

// TestIndex (S3): what a field holds leaves neither the names that are legal nor
// the beginning that is fixed.
func TestIndex(t *testing.T) {
	for _, c := range []struct {
		index, value, want string
		list               []string
	}{
		{"audit-{{ event.module }}", "Docker", "audit-docker", nil},
		{"audit-{{ event.module }}", "", "audit-none", nil},
		{"audit-{{ event.module }}", "../../_all,*\r\n\x00\"}}", "audit-.._..__all________", nil},
		{"audit-{{ event.module }}", strings.Repeat("x", 400), "audit-" + strings.Repeat("x", 249), nil},
		{`audit-{{ time "2006.01.02" }}`, "", "audit-2023.11.14", nil},
		{"audit-{{ container.id | event.module }}", "a", "audit-a", nil},
		{"{{ event.module }}", "containers", "containers", []string{"audit", "containers"}},
		{"{{ event.module }}", ".security", "audit", []string{"audit", "containers"}},
	} {
		d := newDouble(t, elasticsearch, nil)
		s := settingsFor(t, elasticsearch, d.URL)
		s.Index.Value, s.Indexes = c.index, c.list
		if p := s.Check(); p.Bad() {
			t.Fatal(p)
		}
		send(t, open(t, s), hostile(c.value))
		var act struct {
			Create struct {
				Index string `json:"_index"`
			}
		}
		if err := json.Unmarshal([]byte(strings.SplitN(string(d.bodies[0]), "\n", 2)[0]), &act); err != nil || act.Create.Index != c.want {
			t.Errorf("%s of %q gives %q, want %q (%v)", c.index, c.value, act.Create.Index, c.want, err)
		}
	}
}

// FuzzIndex (S3): whatever a value holds, the name is legal and begins as the
// template does, and the action is one line of JSON.
func FuzzIndex(f *testing.F) {
	for _, s := range []string{"", ".", "..", "/", "\n", "\"", "ü", "A"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s := settingsFor(t, elasticsearch, "http://127.0.0.1:9")
		out := open(t, s)
		out.render(hostile(value))
		head, _, _ := strings.Cut(string(out.raw), "\n")
		var act struct {
			Create struct {
				Index string `json:"_index"`
			}
		}
		if err := json.Unmarshal([]byte(head), &act); err != nil || !isIndex(act.Create.Index) || !strings.HasPrefix(act.Create.Index, "audit-") {
			t.Fatalf("%q gives %q: %v", value, head, err)
		}
	})
}

type pushed struct {
	Streams []struct {
		Stream map[string]string
		Values [][2]string
	}
}

// TestLoki (S3): one stream for each set of labels, nanoseconds, in order, and no
// value breaks out of its label.
func TestLoki(t *testing.T) {
	d := newDouble(t, loki, nil)
	s := settingsFor(t, loki, d.URL)
	s.Labels = map[string]string{"job": "tallyman", "container": "{{ container.name }}", "none": "{{ service.name }}"}
	events := marks(6)
	for i := range events {
		events[i].Time = time.Unix(1_700_000_000, int64(i)+7).UTC()
		events[i].Fields.AddString(schema.ContainerName, []string{"a", "b\r\n\"}{\x00"}[i%2])
	}
	send(t, open(t, s), events)
	var in pushed
	if err := json.Unmarshal(d.bodies[0], &in); err != nil || len(in.Streams) != 2 {
		t.Fatalf("%s: %v", d.bodies[0], err)
	}
	for i, want := range []string{"a", "b__\"}{_"} {
		one := in.Streams[i]
		if len(one.Stream) != 2 || one.Stream["container"] != want || one.Stream["job"] != "tallyman" || len(one.Values) != 3 {
			t.Errorf("stream %d is %v with %d values", i, one.Stream, len(one.Values))
		}
		for j, v := range one.Values {
			if n := 2*j + i; v[0] != fmt.Sprint(1_700_000_000_000_000_007+int64(n)) || !strings.Contains(v[1], fmt.Sprintf("tally-%06d", n)) {
				t.Errorf("value %d of stream %d is %q", j, i, v)
			}
		}
	}
}

// TestLokiStreamsAreBounded (S3): no event makes a stream more than max_streams
// in half an hour; what is too much goes to one stream, whole.
func TestLokiStreamsAreBounded(t *testing.T) {
	d := newDouble(t, loki, nil)
	s := settingsFor(t, loki, d.URL)
	s.Labels, s.MaxStreams = map[string]string{"job": "tallyman", "container": "{{ container.name }}"}, 5
	out := open(t, s)
	now := plugintest.Env("").Now()
	out.now = func() time.Time { return now }
	events := marks(20)
	for i := range events {
		events[i].Fields.AddString(schema.ContainerName, fmt.Sprint("c", i))
	}
	send(t, out, events)
	once(t, d.stored(), 20, 1)
	var in pushed
	if err := json.Unmarshal(d.bodies[0], &in); err != nil || len(in.Streams) != 6 || in.Streams[0].Stream["overflow"] != "true" || in.Streams[0].Stream["job"] != "tallyman" || len(in.Streams[0].Values) != 15 {
		t.Errorf("%s: %v", d.bodies[0], err)
	}
	if n := out.overflows.Value(); n != 15 {
		t.Errorf("%v are counted", n)
	}
	now = now.Add(while)
	send(t, out, events[15:])
	in = pushed{}
	if err := json.Unmarshal(d.bodies[1], &in); err != nil || len(in.Streams) != 5 || in.Streams[0].Stream["container"] != "c15" {
		t.Errorf("half an hour later: %s: %v", d.bodies[1], err)
	}
}

// TestDatadog: the object that Datadog wants.
func TestDatadog(t *testing.T) {
	d := newDouble(t, datadog, nil)
	s := settingsFor(t, datadog, d.URL)
	s.Tags, s.Service.Value = []string{"env:test", "team:a"}, "svc-{{ event.module }}"
	send(t, open(t, s), hostile("x\ny"))
	var list []map[string]string
	if err := json.Unmarshal(d.bodies[0], &list); err != nil || len(list) != 1 {
		t.Fatalf("%s: %v", d.bodies[0], err)
	}
	got := list[0]
	var inner map[string]any
	if err := json.Unmarshal([]byte(got["message"]), &inner); err != nil || inner["message"] != "tally-000000-mark" {
		t.Errorf("the message is %q: %v", got["message"], err)
	}
	if got["ddsource"] != "tallyman" || got["ddtags"] != "env:test,team:a" || got["hostname"] != "host-1" || got["service"] != "svc-x_y" || len(got) != 5 {
		t.Errorf("%v", got)
	}
	if r := d.seen[0]; r.URL.Path != "/api/v2/logs" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %v", r.URL, r.Header)
	}
}

// TestLoggly: the token and the tags are in the path.
func TestLoggly(t *testing.T) {
	d := newDouble(t, loggly, nil)
	s := settingsFor(t, loggly, d.URL+"/base")
	s.Tags = []string{"a", "b.c"}
	send(t, open(t, s), marks(1))
	if at := d.seen[0].URL.Path; at != "/base/bulk/"+goodKey+"/tag/a,b.c/" {
		t.Errorf("the path is %q", at)
	}
}
