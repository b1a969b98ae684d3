package json

import (
	stdjson "encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

const containerID = "9ceff3d23f248274d76f1d1d0712c4ec08a35602b017903879d583c484eff724"

// exec is the worked example of SCHEMA.md section 12.
func exec() *event.Event {
	e := &event.Event{
		ID: event.NewID([]byte("exec")), Dataset: "auditd.log", Records: 3, Offset: 182736,
		Time: time.Date(2026, 11, 21, 2, 25, 1, 123e6, time.UTC), Seen: time.Date(2026, 11, 21, 2, 25, 1, 201e6, time.UTC),
	}
	f := &e.Fields
	f.AddString(schema.Message, "uid 1000 ran bash -c 'echo a=1|b' in shop-api-1")
	for _, p := range []struct {
		k schema.Key
		v string
	}{
		{schema.Tags, "tm_exec"}, {schema.EventKind, "event"}, {schema.EventCategory, "process"}, {schema.EventType, "start"},
		{schema.EventAction, "executed"}, {schema.EventOutcome, "success"}, {schema.EventModule, "auditd"}, {schema.EventCode, "SYSCALL"},
		{schema.UserID, "1000"}, {schema.UserEffectiveID, "1000"}, {schema.ProcessName, "bash"}, {schema.ProcessExecutable, "/usr/bin/bash"},
		{schema.ProcessArgs, "bash"}, {schema.ProcessArgs, "-c"}, {schema.ProcessArgs, "echo a=1|b"},
		{schema.ProcessCommandLine, "bash -c 'echo a=1|b'"}, {schema.ProcessWorkingDirectory, "/app"}, {schema.ProcessTTYName, "pts0"},
		{schema.ProcessParentName, "containerd-shim"}, {schema.ContainerID, containerID}, {schema.ContainerName, "shop-api-1"},
		{schema.ContainerRuntime, "docker"}, {schema.ContainerImageName, "registry.corp.example/shop/api"}, {schema.ContainerImageTag, "1.4.2"},
		{schema.AuditdMessageType, "syscall"}, {schema.AuditdResult, "success"}, {schema.AuditdKey, "tm_exec"},
		{schema.TallymanContainerMethod, "lineage"}, {schema.TallymanContainerConfidence, "exact"},
	} {
		f.AddString(p.k, p.v)
	}
	f.Add(schema.EventSeverity, event.Int(2))
	f.Add(schema.EventSequence, event.Uint(348501))
	f.Add(schema.ProcessPID, event.Int(4242))
	f.Add(schema.ProcessArgsCount, event.Int(3))
	f.Add(schema.ProcessInteractive, event.Bool(true))
	f.Add(schema.ProcessParentPID, event.Int(4100))
	f.AddNamed(schema.AuditdData, "syscall", event.String("execve"))
	f.AddNamed(schema.AuditdData, "arch", event.String("x86_64"))
	f.AddNamed(schema.AuditdData, "exit", event.Int(0))
	f.AddNamed(schema.AuditdPaths, "0.name", event.String("/usr/bin/bash"))
	f.AddNamed(schema.AuditdPaths, "0.inode", event.String("1312"))
	f.AddNamed(schema.AuditdPaths, "1.name", event.String("/lib64/ld-linux-x86-64.so.2"))
	e.Shared.AddString(schema.HostID, "4c4c4544")
	e.Shared.AddString(schema.HostName, "node-7")
	e.Shared.AddString(schema.ECSVersion, "9.4.0")
	e.Shared.AddString(schema.TallymanSchemaVersion, "1")
	e.Shared.AddString(schema.TallymanInput, "audit")
	e.Shared.AddString(schema.LogFilePath, "/var/log/audit/audit.log")
	return e
}

func render(t *testing.T, c *Encoder, e *event.Event) string {
	t.Helper()
	got, err := c.Append([]byte("before"), e)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(string(got), "before")
	if !ok {
		t.Fatalf("what stood before is gone: %s", got)
	}
	if !stdjson.Valid([]byte(text)) {
		t.Fatalf("no JSON: %s", text)
	}
	return text
}

func TestTheWorkedExample(t *testing.T) {
	want := `{"@timestamp":"2026-11-21T02:25:01.123Z","message":"uid 1000 ran bash -c 'echo a=1|b' in shop-api-1",` +
		`"ecs":{"version":"9.4.0"},` +
		`"event":{"id":"` + exec().ID.String() + `","kind":"event","category":["process"],"type":["start"],"action":"executed","outcome":"success","module":"auditd","dataset":"auditd.log","code":"SYSCALL","severity":2,"sequence":348501,"created":"2026-11-21T02:25:01.201Z"},` +
		`"host":{"id":"4c4c4544","name":"node-7"},` +
		`"auditd":{"message_type":"syscall","result":"success","key":["tm_exec"],"data":{"syscall":"execve","arch":"x86_64","exit":"0"},"paths":[{"name":"/usr/bin/bash","inode":"1312"},{"name":"/lib64/ld-linux-x86-64.so.2"}]},` +
		`"container":{"id":"` + containerID + `","name":"shop-api-1","runtime":"docker","image":{"name":"registry.corp.example/shop/api","tag":["1.4.2"]}},` +
		`"log":{"file":{"path":"/var/log/audit/audit.log"},"offset":182736},` +
		`"process":{"pid":4242,"name":"bash","executable":"/usr/bin/bash","args":["bash","-c","echo a=1|b"],"args_count":3,"command_line":"bash -c 'echo a=1|b'","working_directory":"/app","interactive":true,"tty":{"name":"pts0"},"parent":{"pid":4100,"name":"containerd-shim"}},` +
		`"tags":["tm_exec"],` +
		`"tallyman":{"schema_version":"1","input":"audit","container":{"method":"lineage","confidence":"exact"}},` +
		`"user":{"id":"1000","effective":{"id":"1000"}}}`
	if got := render(t, New(false), exec()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDotted(t *testing.T) {
	e := &event.Event{Time: time.Unix(0, 5).UTC(), Dataset: "d"}
	e.Fields.AddNamed(schema.AuditdData, "a.b", event.String("x"))
	e.Fields.AddNamed(schema.AuditdPaths, "0.name", event.String("/a"))
	e.Fields.AddNamed(schema.AuditdData, "c", event.String("y"))
	e.Fields.Add(schema.ProcessPID, event.Int(7))
	want := `{"@timestamp":"1970-01-01T00:00:00.000000005Z","event.dataset":"d","auditd.data.a.b":"x","auditd.data.c":"y","auditd.paths":[{"name":"/a"}],"process.pid":7}`
	if got := render(t, New(true), e); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// single is an event with little in it.
type single struct {
	name string
	make func(*event.Event)
	want string
}

func (c single) run(t *testing.T) {
	e := &event.Event{}
	c.make(e)
	if got := render(t, New(false), e); got != c.want {
		t.Errorf("got  %s\nwant %s", got, c.want)
	}
}

func TestTexts(t *testing.T) {
	for _, c := range []single{
		{"nothing", func(*event.Event) {}, `{}`},
		{"control characters", func(e *event.Event) {
			e.Fields.AddString(schema.Message, "a\x00\x1b[31m\n\r\t\"\\\x7f\u0085\u2028ü€</")
		},
			`{"message":"a\u0000\u001b[31m\n\r\t\"\\\u007f\u0085\u2028ü€</"}`},
		{"no UTF-8", func(e *event.Event) { e.Fields.AddString(schema.ProcessTitle, "a\xff\\x\xc3\xc3\xa9\n") },
			`{"process":{"title":"a\\xff\\\\x\\xc3é\n"},"tallyman":{"escaped":["process.title"]}}`},
		{"one of a list is no UTF-8", func(e *event.Event) {
			e.Fields.AddString(schema.ProcessArgs, `\xff`)
			e.Fields.AddString(schema.ProcessArgs, "\xff")
		}, `{"process":{"args":["\\\\xff","\\xff"]},"tallyman":{"escaped":["process.args"]}}`},
		{"a name that is no UTF-8", func(e *event.Event) { e.Fields.AddNamed(schema.Labels, "k\xfe", event.String(`\`)) },
			`{"labels":{"k\\xfe":"\\\\"},"tallyman":{"escaped":["labels"]}}`},
		{"escaped before and here", func(e *event.Event) {
			e.Fields.AddString(schema.TallymanEscaped, "process.args")
			e.Fields.AddString(schema.TallymanEscaped, "message")
			e.Fields.AddString(schema.Message, "\xff")
			e.Fields.AddString(schema.UserName, "\xff")
		}, `{"message":"\\xff","tallyman":{"escaped":["process.args","message","user.name"]},"user":{"name":"\\xff"}}`},
	} {
		t.Run(c.name, c.run)
	}
}

func TestShapes(t *testing.T) {
	for _, c := range []single{
		{"the source text", func(e *event.Event) { e.Raw = "abc" },
			`{"event":{"original":"abc","hash":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}`},
		{"a source text that is a field", func(e *event.Event) {
			e.Raw = "abc"
			e.Fields.AddString(schema.EventOriginal, "field")
		}, `{"event":{"original":"field"}}`},
		{"its own hides the shared", func(e *event.Event) {
			e.Fields.AddString(schema.HostName, "own")
			e.Shared.AddString(schema.HostName, "shared")
			e.Shared.AddString(schema.HostIP, "a")
			e.Shared.AddString(schema.HostIP, "b")
		}, `{"host":{"name":"own","ip":["a","b"]}}`},
		{"labels of its own beside the shared", func(e *event.Event) {
			e.Fields.AddNamed(schema.Labels, "env", event.String("own"))
			e.Shared.AddNamed(schema.Labels, "env", event.String("shared"))
			e.Shared.AddNamed(schema.Labels, "site", event.String("b"))
		}, `{"labels":{"env":"own","site":"b"}}`},
		{"types", func(e *event.Event) {
			e.Fields.Add(schema.UserID, event.Int(1000))
			e.Fields.Add(schema.FileInode, event.Uint(1<<64-1))
			e.Fields.Add(schema.EventDuration, event.Uint(1<<64-1))
			e.Fields.Add(schema.EventRiskScore, event.Float(47.5))
			e.Fields.Add(schema.EventStart, event.Time(time.Unix(1, 120e6)))
			e.Fields.Add(schema.GitForced, event.Bool(false))
			e.Fields.AddString(schema.ProcessPID, "4x")
		}, `{"event":{"risk_score":47.5,"start":"1970-01-01T00:00:01.120Z","duration":18446744073709551615},"file":{"inode":"18446744073709551615"},"git":{"forced":false},"process":{"pid":"4x"},"user":{"id":"1000"}}`},
		{"a key that repeats though it is no list", func(e *event.Event) {
			e.Fields.AddString(schema.UserName, "a")
			e.Fields.AddString(schema.UserName, "b")
		}, `{"user":{"name":["a","b"]}}`},
		{"a name that repeats", func(e *event.Event) {
			e.Fields.AddNamed(schema.AuditdData, "op", event.String("a"))
			e.Fields.AddNamed(schema.AuditdData, "x", event.String("b"))
			e.Fields.AddNamed(schema.AuditdData, "op", event.String("c"))
		}, `{"auditd":{"data":{"op":["a","c"],"x":"b"}}}`},
		{"objects out of order", func(e *event.Event) {
			e.Fields.AddNamed(schema.DockerContainerMounts, "1.source", event.String("/b"))
			e.Fields.AddNamed(schema.DockerContainerMounts, "0.source", event.String("/a"))
			e.Fields.AddNamed(schema.DockerContainerMounts, "0.rw", event.Bool(true))
			e.Fields.AddNamed(schema.DockerContainerMounts, "odd", event.String("x"))
		}, `{"docker":{"container":{"mounts":[{"source":"/a","rw":true},{"source":"/b"},{"odd":"x"}]}}}`},
		{"an offset needs a file", func(e *event.Event) { e.Offset = 7 }, `{}`},
		{"no number", func(e *event.Event) { e.Fields.Add(schema.EventRiskScore, event.Float(nan())) }, `{"event":{"risk_score":"NaN"}}`},
	} {
		t.Run(c.name, c.run)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func TestTimes(t *testing.T) {
	for ns, want := range map[int]string{
		0: ".000Z", 100e6: ".100Z", 120e6: ".120Z", 123e6: ".123Z", 123456e3: ".123456Z", 123456789: ".123456789Z", 120456e3: ".120456Z", 10e6: ".010Z", 1e6: ".001Z", 1: ".000000001Z",
	} {
		got := string(appendTime(nil, time.Date(2026, 11, 21, 2, 25, 1, ns, time.FixedZone("x", 3600))))
		if got != `"2026-11-21T01:25:01`+want+`"` {
			t.Errorf("%d ns: %s, want %s", ns, got, want)
		}
	}
}

func TestManyMembersWithRepeatedNames(t *testing.T) {
	e := &event.Event{}
	for i := range 3 * few {
		e.Fields.AddNamed(schema.AuditdData, fmt.Sprintf("n%02d", i%30), event.String(fmt.Sprint(i)))
	}
	var got struct{ Auditd struct{ Data map[string]any } }
	if err := stdjson.Unmarshal([]byte(render(t, New(false), e)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Auditd.Data) != 30 {
		t.Errorf("%d names, want 30", len(got.Auditd.Data))
	}
	if s := fmt.Sprint(got.Auditd.Data["n05"], got.Auditd.Data["n20"]); s != "[5 35 65] [20 50]" {
		t.Errorf("values %s", s)
	}
}

func TestNoFieldIsBelowAnother(t *testing.T) {
	keys := schema.Keys()
	if n := len(keys); n > words*64 {
		t.Fatalf("%d fields, and there is room for %d", n, words*64)
	}
	for _, a := range keys {
		for _, b := range keys {
			if strings.HasPrefix(b.String(), a.String()+".") {
				t.Errorf("%s is both a value and an object: %s", a, b)
			}
		}
	}
}

func TestNothingIsAllocatedForAnEvent(t *testing.T) {
	for _, dotted := range []bool{false, true} {
		c, e, buf := New(dotted), exec(), make([]byte, 0, 8192)
		e.Raw = "kept"
		if n := testing.AllocsPerRun(100, func() { buf, _ = c.Append(buf[:0], e) }); n != 0 {
			t.Errorf("dotted %v: %v allocations for an event", dotted, n)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	c, e, buf := New(false), exec(), make([]byte, 0, 8192)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = c.Append(buf[:0], e)
	}
	b.SetBytes(int64(len(buf)))
}
