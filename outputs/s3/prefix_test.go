package s3

import (
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func TestPrefix(t *testing.T) {
	e := event.Event{Dataset: "auditd.log", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))}
	e.Fields.AddString(schema.ContainerName, "../../etc\x00\r\n/x")
	for _, c := range []struct{ template, want, root string }{
		{`{{ event.dataset }}/{{ time "2006/01/02" }}`, "auditd.log/2026/01/02", ""},
		{`audit/host-{{ event.dataset }}/`, "audit/host-auditd.log", "audit/"},
		{`audit/all`, "audit/all", "audit/all/"},
		{`a/b/{{time "15"}}`, "a/b/02", "a/b/"},
		{``, "", ""},
		{`x/{{ container.name }}`, "x/_._.._etc____x", "x/"},
		{`x/{{ user.name }}`, "x/none", "x/"},
		{`x/{{ user.name == "" ? "nobody" : user.name }}`, "x/nobody", "x/"},
	} {
		p, found := compile(plugin.Text{Value: c.template})
		if found != nil {
			t.Errorf("%q is refused: %v", c.template, found)
			continue
		}
		got, _ := p.append(nil, &e)
		if string(got) != c.want || p.root != c.root {
			t.Errorf("%q gives %q below %q, want %q below %q", c.template, got, p.root, c.want, c.root)
		}
	}
}

// TestPrefixRefused is a part of case S3: what would lead out of the prefix.
func TestPrefixRefused(t *testing.T) {
	for _, c := range []string{
		"/audit", "../audit", "audit/../x", "audit/./x", "audit//x", "a\x00b", "a\nb", "a\rb", `a\b`, "a{{ event.dataset", "a{{ }}",
		"a{{ nonsense.field }}", `a{{ time 2006 }}`, `a{{ time "" }}`, `{{ time "/2006" }}`, `x/{{ time "2006/../01" }}`, "ü/x", "a}}b",
		strings.Repeat("a", mostLiteral+1), strings.Repeat("{{ event.dataset }}", mostValues+1), "{{ process.args }}",
	} {
		set := Default()
		set.Bucket, set.Prefix.Value = "b", c
		if p := set.Check(); !p.Bad() || p[0].Hint == "" {
			t.Errorf("%q is taken, or refused without a hint: %v", c, p)
		}
	}
}

// FuzzValue is the rest of case S3: whatever a value holds, it is one part of a
// key, not empty, and leads nowhere.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"", ".", "..", "../x", "/", "a\x00b", "ü", "a b", strings.Repeat("x", 300)} {
		f.Add(s)
	}
	p, found := compile(plugin.Text{Value: "{{ container.name }}"})
	if found != nil {
		f.Fatal(found)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var e event.Event
		e.Fields.AddString(schema.ContainerName, s)
		got, _ := p.append(nil, &e)
		if len(got) == 0 || len(got) > mostValue || got[0] == '.' {
			t.Fatalf("%q gives %q", s, got)
		}
		for _, c := range got {
			if c <= ' ' || c >= 0x7f || strings.IndexByte(`/\`, c) >= 0 {
				t.Fatalf("%q gives %q", s, got)
			}
		}
	})
}

func TestSettings(t *testing.T) {
	good := func() *Settings { c := Default(); c.Bucket = "b"; return &c }
	if p := good().Check(); len(p) > 0 {
		t.Fatalf("the defaults: %v", p)
	}
	for name, change := range map[string]func(*Settings){
		"bucket":             func(c *Settings) { c.Bucket = "" },
		"endpoint":           func(c *Settings) { c.Endpoint.Value = "store:9000" },
		"endpoint user":      func(c *Settings) { c.Endpoint.Value = "https://a:b@store" },
		"endpoint password":  func(c *Settings) { c.Endpoint.Value = "s3://ana:hush@store" },
		"access_key_id":      func(c *Settings) { c.AccessKeyID = "x" },
		"kms_key":            func(c *Settings) { c.KMSKey = "x" },
		"object_lock.retain": func(c *Settings) { c.ObjectLock = &ObjectLock{Mode: "compliance"} },
		"object_lock and sum": func(c *Settings) {
			c.ObjectLock, c.Checksum = &ObjectLock{Mode: "compliance", Retain: time.Hour}, "none"
		},
		"part_size": func(c *Settings) { c.PartSize = 1 << 20 },
		"max_size":  func(c *Settings) { c.MaxSize = 0 },
		"buffer":    func(c *Settings) { c.Buffer = c.PartSize },
		"open":      func(c *Settings) { c.Open = 0 },
		"max_age":   func(c *Settings) { c.MaxAge = 0 },
		"timeout":   func(c *Settings) { c.Timeout = 0 },
	} {
		c := good()
		change(c)
		if p := c.Check(); !p.Bad() || strings.Contains(p.Error(), "hush") {
			t.Errorf("%s is taken, or shown: %v", name, p)
		}
	}
}
