package ocsf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// text draws any bytes, with those that have a meaning somewhere more often.
func text(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		part := rapid.OneOf(
			rapid.SampledFrom([]string{`\`, `"`, "{", "}", ",", "\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\xff", "\xc2", "\xe2\x80", "\u0085", "\u2028", `\u0041`, `\x41`, "é", "漢", "\U0001f600", "/"}),
			rapid.StringN(0, 5, 20))
		s := strings.Join(rapid.SliceOfN(part, 1, 6).Draw(t, "parts"), "")
		return strings.Repeat(s, rapid.IntRange(1, max(1, most)).Draw(t, "times"))
	})
}

// actions are some of each class.
var actions = []string{"executed", "opened-file", "connected-to", "logged-in", "authenticated", "added-user-account", "modified-group-account",
	"assigned-user-role-to", "loaded-kernel-module", "unshare", "started-audit", "started-service", "changed-system-name", "renamed", "killed-pid",
	"start", "pull", "exec_start", "create", "get", "build-started", "script-executed", "push", "started", "x", ""}

// drawn draws an event with any fields of the schema, and any number of each that
// may repeat.
func drawn(t *rapid.T, most int) *event.Event {
	e := &event.Event{Dataset: rapid.SampledFrom([]string{"auditd.log", "docker.events", ""}).Draw(t, "dataset")}
	if rapid.Bool().Draw(t, "timed") {
		e.Time, e.ID = time.UnixMilli(1795227901123).UTC(), event.NewID([]byte("x"))
	}
	e.Fields.AddString(schema.EventAction, rapid.SampledFrom(actions).Draw(t, "action"))
	e.Fields.AddString(schema.EventModule, rapid.SampledFrom([]string{"auditd", "docker", "kubernetes", "jenkins", "git", "registry", "falco", "tallyman", "syslog", "syslog", "auditd", "cef"}).Draw(t, "module"))
	if rapid.IntRange(0, 4).Draw(t, "alert") == 0 {
		e.Fields.AddString(schema.EventKind, "alert")
	}
	if rapid.Bool().Draw(t, "call") {
		e.Fields.AddNamed(schema.AuditdData, "syscall", event.String("openat"))
		e.Fields.AddNamed(schema.AuditdData, "opid", event.String("77"))
	}
	if rapid.IntRange(0, 2).Draw(t, "objects") > 0 { // else few classes would have what they require
		e.Fields.Add(schema.ProcessPID, event.Int(7))
		for _, k := range []schema.Key{schema.FilePath, schema.UserName, schema.UserTargetName, schema.GroupName, schema.ServiceName, schema.DestinationAddress, schema.JenkinsJobName, schema.JenkinsScript, schema.DockerEventType, schema.KubernetesAuditVerb} {
			e.Fields.AddString(k, rapid.SampledFrom([]string{"container", "image", "create"}).Draw(t, k.String()))
		}
	}
	for range rapid.IntRange(0, 60).Draw(t, "fields") {
		k := rapid.SampledFrom(schema.Keys()).Draw(t, "key")
		info := k.Info()
		if k == schema.EventAction || k == schema.EventModule || k == schema.EventKind || k == schema.TallymanEscaped || k == schema.Timestamp || k == schema.EventCreated || k == schema.EventDataset || k == schema.EventID {
			continue
		}
		if !info.Many && !e.Get(k).IsZero() && !info.Type.IsMap() {
			continue
		}
		to := &e.Fields
		if e.Fields.Get(k).IsZero() && rapid.IntRange(0, 5).Draw(t, "shared") == 0 {
			to = &e.Shared
		}
		var v event.Value
		switch info.Type {
		case schema.Long:
			v = event.Int(rapid.Int64().Draw(t, "n"))
		case schema.Float:
			v = event.Float(rapid.Float64().Draw(t, "f"))
		case schema.Boolean:
			v = event.Bool(rapid.Bool().Draw(t, "b"))
		case schema.IP:
			v, _ = event.IP(rapid.SampledFrom([]string{"10.0.0.8", "2001:db8::1", "::ffff:10.0.0.1"}).Draw(t, "ip"))
		case schema.Date:
			v = event.Time(time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "ms")).UTC())
		default:
			v = event.String(text(most).Draw(t, "text"))
		}
		if info.Type.IsMap() {
			name := "n" + rapid.StringN(0, 4, 8).Draw(t, "name")
			if info.Many {
				name = "0." + name
			}
			to.AddNamed(k, name, v)
			continue
		}
		to.Add(k, v)
	}
	return e
}

// Whatever an event holds, it has what OCSF requires of its class, and each of its
// texts stands somewhere.
func TestEveryEventIsValidAndWhole(t *testing.T) {
	o, c := release(t), New(Options{})
	rapid.Check(t, func(t *rapid.T) {
		e := drawn(t, 1)
		out, _ := c.Append(nil, e)
		_, err := o.Check(out)
		if err != nil || !utf8.Valid(out) || bytes.ContainsAny(out, "\n\r\x00\x1b") {
			t.Fatalf("%v in %s", err, out)
		}
		var all map[string]any
		if err := json.Unmarshal(out, &all); err != nil {
			t.Fatal(err)
		}
		have := map[string]bool{}
		collect(all, have)
		for i, fields := range []event.Fields{e.Fields, e.Shared} {
			for _, f := range fields {
				hidden := i == 1 && !e.Fields.Get(f.Key).IsZero()
				switch {
				case f.Kind() != event.KindString || f.Str() == "" || hidden || partial(f.Key):
				case !have[f.Str()] && !have[hex(f.Str())] && !have[f.Name()+"="+f.Str()] && !have[hex(f.Name())+"="+hex(f.Str())]:
					t.Fatalf("%s=%q stands nowhere in %s", f.Key, f.Str(), out)
				}
			}
		}
		again, _ := c.Append(nil, e)
		if !bytes.Equal(out, again) {
			t.Fatalf("%s and then %s", out, again)
		}
	})
}

// What is drawn is of many classes: of the same seeds always the same.
func TestManyClassesAreDrawn(t *testing.T) {
	o, c := release(t), New(Options{})
	events := rapid.Custom(func(t *rapid.T) *event.Event { return drawn(t, 1) })
	classes := map[string]int{}
	for seed := range 300 {
		out, _ := c.Append(nil, events.Example(seed))
		class, err := o.Check(out)
		if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		classes[class]++
	}
	if len(classes) < 10 {
		t.Errorf("only %d classes came up: %v", len(classes), classes)
	}
}

// partial are the keys that become a number, or a part of another text.
func partial(k schema.Key) bool {
	switch k {
	case schema.EventOutcome, schema.NetworkDirection, schema.NetworkType, schema.FileType, schema.KubernetesAuditVerb,
		schema.KubernetesAuditObjectRefResource, schema.KubernetesAuditObjectRefSubresource:
		return true
	}
	return false
}

// collect gathers every text.
func collect(v any, have map[string]bool) {
	switch v := v.(type) {
	case string:
		have[v] = true
	case []any:
		for _, one := range v {
			collect(one, have)
		}
	case map[string]any:
		for _, one := range v {
			collect(one, have)
		}
	}
}

// hex is the escape of SCHEMA.md section 1 rule 6.
func hex(s string) string {
	const digits = "0123456789abcdef"
	if utf8.ValidString(s) {
		return strings.ReplaceAll(s, `\`, `\\`) // beside another value of its field that is no UTF-8
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + string(digits[s[i]>>4]) + string(digits[s[i]&15]))
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// However long the texts are, the limit holds and the event stays valid, and says
// that something is missing.
func TestLimitsHold(t *testing.T) {
	o := release(t)
	rapid.Check(t, func(t *rapid.T) {
		e := drawn(t, 400)
		e.Raw = text(100).Draw(t, "raw")
		limit := rapid.IntRange(LeastMaxBytes, 20000).Draw(t, "max_bytes")
		c := New(Options{MaxBytes: limit})
		out, _ := c.Append(nil, e)
		if _, err := o.Check(out); err != nil || len(out) > limit {
			t.Fatalf("%d bytes of %d, %v in %s", len(out), limit, err, out)
		}
		whole, _ := New(Options{MaxBytes: 1 << 30}).Append(nil, e)
		said := bytes.Contains(out, []byte(`"is_truncated":true,"untruncated_size":`))
		if long := len(whole) > limit; long != said || long != c.Shortened() || !long && !bytes.Equal(out, whole) {
			t.Fatalf("%d bytes in %d: said is %v, %v in %s", len(whole), limit, said, c.Shortened(), out)
		}
	})
}

// One field may hold a megabyte of anything, and there may be very many.
func TestAMegabyte(t *testing.T) {
	o := release(t)
	for _, piece := range []string{"\x00", "\n", `"`, "\xff\\", "é"} {
		e := exec()
		e.Fields.Set(schema.ProcessCommandLine, event.String(strings.Repeat(piece, 1<<20/len(piece))))
		for range 1000 {
			e.Fields.AddString(schema.ProcessArgs, strings.Repeat(piece, 100))
			e.Fields.AddString(schema.RelatedUser, strings.Repeat(piece, 100))
		}
		for _, limit := range []int{LeastMaxBytes, 8192, 0} {
			c := New(Options{MaxBytes: limit})
			out, _ := c.Append(nil, e)
			if _, err := o.Check(out); err != nil || !c.Shortened() || len(out) > DefaultMaxBytes || limit > 0 && len(out) > limit {
				t.Errorf("%q in %d: %d bytes, %v", piece, limit, len(out), err)
			}
		}
	}
}

// What is escaped is said under its name of ECS.
func TestWhatIsEscapedIsSaid(t *testing.T) {
	e := exec()
	e.Fields.Set(schema.ProcessName, event.String("a\\\xff"))
	m := decoded(t, render(t, New(Options{}), e))
	list, _ := at(m, "unmapped").(map[string]any)["tallyman.escaped"].([]any)
	if at(m, "process.name") != `a\\\xff` || len(list) != 1 || list[0] != "process.name" {
		t.Errorf("%v, %v", at(m, "process.name"), list)
	}
	// A text that reads like an escape, beside those that have one, comes back as it is.
	e = exec()
	for _, s := range []string{`a\x41`, "b\xff", "c", "d\xff"} {
		e.Fields.AddString(schema.Tags, s)
	}
	m = decoded(t, render(t, New(Options{}), e))
	list, _ = at(m, "unmapped").(map[string]any)["tallyman.escaped"].([]any)
	if got := fmt.Sprint(at(m, "metadata.labels")); got != `[a\\x41 b\xff c d\xff]` || fmt.Sprint(list) != "[tags]" {
		t.Errorf("%v, %v", got, list)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add("executed", "bash -c x", "\x00\xff\\", uint16(0))
	f.Add("opened-file", "/etc/passwd", `"}`, uint16(900))
	o := release(f)
	c := New(Options{})
	f.Fuzz(func(t *testing.T, action, a, b string, limit uint16) {
		e := with(set{schema.EventModule: "auditd", schema.EventAction: action, schema.ProcessCommandLine: a, schema.FilePath: b, schema.UserName: a, schema.HostName: b,
			schema.DestinationAddress: a, schema.ProcessPID: "7", schema.UserTargetName: b, schema.EventReason: a, schema.ServiceName: b})
		e.Fields.AddNamed(schema.ContainerLabels, a, event.String(b))
		e.Fields.AddNamed(schema.Labels, b, event.String(a))
		out, _ := c.AppendMax(nil, e, LeastMaxBytes+int(limit))
		if _, err := o.Check(out); err != nil || len(out) > LeastMaxBytes+int(limit) {
			t.Fatalf("%d bytes, %v in %s", len(out), err, out)
		}
	})
}
