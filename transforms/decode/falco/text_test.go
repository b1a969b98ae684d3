package falco

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// Whatever a command line holds, no field of a line of Falco's own rules is another
// than Falco wrote, or it is absent.
func TestNoCommandForgesAField(t *testing.T) {
	d := &decoder{env: plugintest.Env("")}
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"sh", " ", ")", "(", " | ", "user=bob", " user_uid=7", " process=x", " parent=y", " command=z", " terminal=1",
			" container_id=feed", ") container=feed", " k8s_pod_name=bad", " k8s.ns=bad", "=", ": "})
		command := "x" + strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "command"), "")
		const before, after = "evt_type=execve user=ana user_uid=1000 user_loginuid=1000 process=sh proc_exepath=/bin/sh parent=runc command=", " terminal=0 container_id=c0ffee"
		text := "2026-11-21T03:04:05.1+0000: Notice A shell "
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 0:
			text += "| " + before + command + after
		case 1:
			text += "(" + before + command + after + ")"
		default:
			text += "(" + before + command + after + ") container=c0ffee"
		}
		var out event.Batch
		if err := d.Decode(event.Event{Raw: text, Records: 1, Seen: d.env.Now()}, &out); err != nil {
			t.Fatal(err)
		}
		e := out.Events[0]
		for _, c := range [...]struct {
			key  schema.Key
			want string
		}{{schema.UserName, "ana"}, {schema.UserID, "1000"}, {schema.ProcessName, "sh"}, {schema.ProcessParentName, "runc"}, {schema.ProcessCommandLine, command},
			{schema.ContainerID, "c0ffee"}, {schema.KubernetesPodName, ""}, {schema.KubernetesNamespace, ""}} {
			if got := e.Get(c.key).Str(); got != "" && got != c.want {
				t.Fatalf("%q: %s is %q", text, c.key.Info().Name, got)
			}
		}
		if e.Get(schema.Message).Str() != text {
			t.Fatalf("%q became %q", text, e.Get(schema.Message).Str())
		}
	})
}

// TestWhen: a time without a date is that of the head, to the second of Falco's; of
// zones that differ the head's counts.
func TestWhen(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	seen, berlin := at("2026-11-21T12:00:00Z"), time.FixedZone("", 3600)
	for _, c := range []struct{ line, given, want string }{
		{"10:59:58.5", "2026-11-21T10:59:59Z", "2026-11-21T10:59:58.5Z"},
		{"15:59:59.9", "2026-11-21T11:00:00Z", "2026-11-21T10:59:59.9Z"}, // of another zone
		{"16:30:00.1", "2026-11-21T10:59:59Z", "2026-11-21T11:00:00.1Z"},
		{"16:20:00.1", "2026-11-21T11:00:00Z", "2026-11-21T11:00:00Z"},   // the two have nothing to do with each other
		{"10:59:58.5", "", "2026-11-21T09:59:58.5Z"},                     // of the source's zone
		{"14:00:00.5", "", "2026-11-20T13:00:00.5Z"},                     // and never in the future
		{"10:59:58.5", "2026-11-21T12:00:00Z", "2026-11-21T09:59:58.5Z"}, // what was only received has no time
	} {
		l, ok := readLine(c.line + ": Notice x")
		if !ok {
			t.Fatalf("%s is no time", c.line)
		}
		var given time.Time
		if c.given != "" {
			given = at(c.given)
		}
		if got := l.when(given, seen, berlin); !got.Equal(at(c.want)) {
			t.Errorf("%s with %s: %s, not %s", c.line, c.given, got, c.want)
		}
	}
}

// TestHeadOfAnother: what the head of syslog says of the host gives way to what the
// alert says.
func TestHeadOfAnother(t *testing.T) {
	d := &decoder{env: plugintest.Env("")}
	e := event.Event{Raw: `{"hostname":"node-9","output":"o","priority":"Notice","rule":"r"}`, Records: 1, Seen: d.env.Now(), Time: d.env.Now().Add(-time.Hour)}
	e.Fields.AddString(schema.HostName, "relay")
	var out event.Batch
	if err := d.Decode(e, &out); err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for v := range out.Events[0].Fields.All(schema.HostName) {
		hosts = append(hosts, v.Str())
	}
	if strings.Join(hosts, " ") != "node-9" || !out.Events[0].Time.Equal(e.Time) {
		t.Errorf("%q at %s", hosts, out.Events[0].Time)
	}
}
