package cef

import (
	"strings"
	"testing"
	"time"

	"tallyman/outputs/format/formattest"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

const containerID = "9ceff3d23f248274d76f1d1d0712c4ec08a35602b017903879d583c484eff724"

type set = map[schema.Key]string

func with(fields set) *event.Event {
	e := &event.Event{}
	for k, v := range fields {
		if ip, ok := event.IP(v); ok && k.Info().Type == schema.IP {
			e.Fields.Add(k, ip)
			continue
		}
		e.Fields.AddString(k, v)
	}
	return e
}

// exec is the worked example of SCHEMA.md section 12.
func exec() *event.Event {
	e := with(set{
		schema.Message: "uid 1000 ran bash -c 'echo a=1|b' in shop-api-1", schema.EventCategory: "process", schema.EventAction: "executed",
		schema.EventOutcome: "success", schema.EventModule: "auditd", schema.UserID: "1000", schema.ProcessExecutable: "/usr/bin/bash",
		schema.ProcessCommandLine: "bash -c 'echo a=1|b'", schema.ContainerID: containerID, schema.ContainerName: "shop-api-1",
		schema.ContainerImageName: "registry.corp.example/shop/api", schema.ContainerImageTag: "1.4.2", schema.AuditdKey: "tm_exec",
	})
	e.ID, e.Dataset, e.Time = event.NewID([]byte("exec")), "auditd.log", time.UnixMilli(1795227901123).UTC()
	e.Fields.Add(schema.EventSeverity, event.Int(2))
	e.Fields.Add(schema.ProcessPID, event.Int(4242))
	e.Fields.Add(schema.ProcessParentPID, event.Int(4100))
	e.Fields.AddNamed(schema.AuditdData, "exit", event.String("0"))
	e.Shared.AddString(schema.HostID, "4c4c4544")
	e.Shared.AddString(schema.HostName, "node-7")
	e.Shared.AddString(schema.AgentVersion, "1.0.0")
	return e
}

func render(t *testing.T, c *Encoder, e *event.Event) string {
	t.Helper()
	got, err := c.Append([]byte("before "), e)
	if err != nil || !strings.HasPrefix(string(got), "before ") {
		t.Fatalf("%q, %v", got, err)
	}
	return string(got[len("before "):])
}

func read(t *testing.T, s string) *formattest.Flat {
	t.Helper()
	p, err := formattest.CEF(s)
	if err != nil {
		t.Fatalf("%v in\n%s", err, s)
	}
	return p
}

// TestListsOfOtherThings: what stands in a list and is no text is written as text, and
// what is empty is not there. A port that is none is left out.
func TestListsOfOtherThings(t *testing.T) {
	e := &event.Event{}
	for _, v := range []event.Value{event.String(""), event.String("a=1"), event.Int(-7), event.String(""), event.Bool(true), event.Float(1.5)} {
		e.Fields.Add(schema.AuditdKey, v)
	}
	e.Fields.Add(schema.SourcePort, event.Int(65536))
	e.Fields.Add(schema.DestinationPort, event.Int(65535))
	p := read(t, render(t, New(Options{}), e))
	if got := p.Attr["cs5"]; got != "a=1,-7,true,1.5" {
		t.Errorf("cs5 is %q", got)
	}
	if p.Attr["spt"] != "" || p.Attr["dpt"] != "65535" {
		t.Errorf("the ports are %q and %q", p.Attr["spt"], p.Attr["dpt"])
	}
}

func TestTheWorkedExample(t *testing.T) {
	want := `CEF:0|Tallyman|tallyman|1.0.0|auditd.executed|Process executed|2|rt=1795227901123 dvchost=node-7 deviceExternalId=4c4c4544 ` +
		`deviceFacility=auditd.log cat=process act=executed outcome=success externalId=` + exec().ID.String() + ` suid=1000 sproc=/usr/bin/bash spid=4242 ` +
		`cs1=` + containerID + ` cs1Label=ContainerId cs2=registry.corp.example/shop/api:1.4.2 cs2Label=ContainerImage ` +
		`cs4=bash -c 'echo a\=1|b' cs4Label=CommandLine cs5=tm_exec cs5Label=AuditKey cn1=4100 cn1Label=ParentProcessId cn3=0 cn3Label=ExitCode ` +
		`flexString1=shop-api-1 flexString1Label=ContainerName msg=uid 1000 ran bash -c 'echo a\=1|b' in shop-api-1`
	if got := render(t, New(Options{}), exec()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields set
		want   string // class|name
	}{
		{"nothing", nil, "event|Event"},
		{"a rule", set{schema.EventModule: "auditd", schema.EventAction: "executed", schema.RuleID: "TM-ES-010", schema.RuleName: "Shell in a container"}, "TM-ES-010|Shell in a container"},
		{"a rule without a name", set{schema.RuleID: "A=b|c%d#e"}, "A-b-c-d-e|Rule matched"},
		{"a file that is created", set{schema.EventModule: "auditd", schema.EventAction: "opened-file", schema.EventType: "creation"}, "auditd.opened-file|File created"},
		{"a file that is written", set{schema.EventModule: "auditd", schema.EventAction: "opened-file", schema.EventType: "change"}, "auditd.opened-file|File opened for writing"},
		{"a file that is read", set{schema.EventModule: "auditd", schema.EventAction: "opened-file", schema.EventType: "access"}, "auditd.opened-file|File opened"},
		{"another record", set{schema.EventModule: "auditd", schema.EventAction: "crypto_key_user"}, "auditd.crypto_key_user|Audit record"},
		{"a container", set{schema.EventModule: "docker", schema.DockerEventType: "container", schema.EventAction: "exec_start"}, "docker.container.exec_start|Command run in container"},
		{"a copy", set{schema.EventModule: "docker", schema.DockerEventType: "container", schema.EventAction: "extract-to-dir"}, "docker.container.copy|Files copied from or to container"},
		{"an image", set{schema.EventModule: "docker", schema.DockerEventType: "image", schema.EventAction: "pull"}, "docker.image.pull|Image added"},
		{"a network", set{schema.EventModule: "docker", schema.DockerEventType: "network", schema.EventAction: "create"}, "docker.network.create|Engine object changed"},
		{"a pod's shell", set{schema.EventModule: "kubernetes", schema.KubernetesAuditObjectRefResource: "pods", schema.KubernetesAuditObjectRefSubresource: "exec", schema.EventAction: "create"}, "kubernetes.pods.exec.create|Session into pod"},
		{"a role", set{schema.EventModule: "kubernetes", schema.KubernetesAuditObjectRefResource: "clusterrolebindings", schema.EventAction: "create"}, "kubernetes.clusterrolebindings.create|Cluster permission changed"},
		{"falco", set{schema.EventModule: "falco", schema.FalcoRule: "Read  sensitive file (untrusted)", schema.EventAction: "alert"}, "falco.read-sensitive-file-untrusted-|Read  sensitive file (untrusted)"},
		{"syslog", set{schema.EventModule: "syslog", schema.LogSyslogAppname: "CRON", schema.EventAction: "syslog"}, "syslog.cron|Syslog message"},
		{"git", set{schema.EventModule: "git", schema.EventAction: "push"}, "git.push|Repository updated"},
		{"a registry", set{schema.EventModule: "registry", schema.EventAction: "pull"}, "registry.pull|Image pulled"},
		{"jenkins", set{schema.EventModule: "jenkins", schema.EventAction: "script-executed"}, "jenkins.script-executed|Jenkins script run"},
		{"ours", set{schema.EventModule: "tallyman", schema.EventAction: "started"}, "tallyman.started|Shipper event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := read(t, render(t, New(Options{}), with(c.fields)))
			if got := p.Header[4] + "|" + p.Header[5]; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	cut := &event.Event{}
	cut.Fields.AddString(schema.EventModule, "auditd")
	cut.Fields.AddString(schema.EventAction, "opened-file")
	cut.Fields.AddString(schema.EventType, "change")
	cut.Fields.AddNamed(schema.AuditdData, "syscall", event.String("ftruncate"))
	if p := read(t, render(t, New(Options{}), cut)); p.Header[5] != "File truncated" {
		t.Errorf("a truncated file is %q", p.Header[5])
	}
}

// Each action has a name that says what happened; two actions of one name are
// those that section 3.1 puts into one line.
func TestAuditNames(t *testing.T) {
	for action, want := range map[string]string{
		"used-suspicious-link": "Suspicious link used", "failed-log-in-too-many-times-to": "Too many failed logins", "access-permission": "User-space access decision",
		"changed-audit-feature": "Audit feature changed", "changed-auditd-configuration": "Audit daemon configuration changed", "user-became-root": "User became root",
	} {
		p := read(t, render(t, New(Options{}), with(set{schema.EventModule: "auditd", schema.EventAction: action})))
		if p.Header[5] != want {
			t.Errorf("%s is named %q, want %q", action, p.Header[5], want)
		}
	}
	for action, name := range auditNames {
		if name == "Audit record" || name == "" || len(name) > nameLimit || strings.ToUpper(name[:1]) != name[:1] && name[:3] != "io_" {
			t.Errorf("%s is named %q", action, name)
		}
	}
}

// What is known of the header beforehand is what would be written without.
func TestKnownHeadersAreThoseOfAnyEvent(t *testing.T) {
	known, none := New(Options{}), New(Options{})
	e := &event.Event{}
	check := func(action, kind, call string) {
		e.Fields = e.Fields[:0]
		e.Fields.AddString(schema.EventModule, "auditd")
		e.Fields.AddString(schema.EventAction, action)
		e.Fields.AddString(schema.EventType, kind)
		e.Fields.AddNamed(schema.AuditdData, "syscall", event.String(call))
		none.Load(e)
		want, esc := appendHeader(append(none.AppendClass(nil, classLimit), '|'), none.name(), nameLimit)
		known.Load(e)
		if got := known.kind(); got != "" && (got != string(want)+"|" || esc) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for action := range auditNames {
		check(action, "info", "openat")
	}
	for _, kind := range []string{"access", "creation", "change"} {
		check(openedFile, kind, "openat")
		check(openedFile, kind, "truncate")
	}
}

// What is escaped is said of what is left, however little that is.
func TestWhatIsLeftIsStillSaidToBeEscaped(t *testing.T) {
	e := with(set{schema.HostName: "a\x1b", schema.ProcessExecutable: "b\x1b", schema.ContainerName: "c\x1b", schema.RuleID: "R", schema.RuleName: "n\x1b"})
	for limit := 80; limit < 260; limit++ {
		p := read(t, render(t, New(Options{MaxBytes: limit}), e))
		for key, want := range map[string]string{"dvchost": "a\x1b", "sproc": "b\x1b", "flexString1": "c\x1b", "name": "n\x1b"} {
			if got, err := p.Source(key); err != nil || got != want && (p.Attr[key] != "" || key == "name") {
				t.Fatalf("limit %d: %s is %q, %v, of %v", limit, key, got, err, p.Attr)
			}
		}
	}
}

func TestHeaderEscapes(t *testing.T) {
	e := with(set{schema.RuleID: "R", schema.RuleName: "a|b\\c\r\n\td\x1be\xff"})
	e.Fields.Add(schema.EventSeverity, event.Int(11))
	got := render(t, New(Options{Vendor: "V|", Product: `P\`, Version: 1}), e)
	if want := `CEF:1|V\||P\\|0|R|a\|b\\\\c d\\x1be\\xff|10|TallymanEscaped=name`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	long := with(set{schema.RuleID: strings.Repeat("r", 2000), schema.RuleName: strings.Repeat("é|", 400)})
	p := read(t, render(t, New(Options{Vendor: strings.Repeat("v", 99)}), long))
	if len(p.Header[1]) != 63 || len(p.Header[4]) != 1023 || len([]rune(p.Header[5])) != 512 {
		t.Errorf("lengths %d %d %d", len(p.Header[1]), len(p.Header[4]), len([]rune(p.Header[5])))
	}
}

func TestExtensions(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields set
		want   string
	}{
		{"addresses", set{schema.SourceIP: "10.0.0.8", schema.DestinationIP: "::ffff:203.0.113.9", schema.HostIP: "10.0.0.1"}, "dvc=10.0.0.1 src=10.0.0.8 dst=203.0.113.9"},
		{"IPv6", set{schema.SourceIP: "2001:db8::1", schema.ServerIP: "::", schema.HostIP: "fe80::1"},
			"c6a1=fe80::1 c6a1Label=Device IPv6 Address c6a2=2001:db8::1 c6a2Label=Source IPv6 Address c6a3=:: c6a3Label=Destination IPv6 Address"},
		{"the person before the account", set{schema.UserAuditName: "ana", schema.UserName: "root", schema.UserEffectiveName: "root"}, "suser=ana spriv=root"},
		{"su", set{schema.UserName: "ana", schema.UserEffectiveName: "root", schema.UserEffectiveID: "0", schema.EventProvider: "sudo"}, "suser=ana spriv=root duser=root duid=0"},
		{"a group", set{schema.GroupName: "docker", schema.GroupID: "998", schema.UserEffectiveName: "root"}, "spriv=root duser=docker duid=998"},
		{"a rename", set{schema.EventAction: "renamed", schema.FilePath: "/old", schema.FileTargetPath: "/new", schema.FileName: "old"}, "act=renamed fname=new filePath=/new oldFilePath=/old"},
		{"a rename whose old path has no name", set{schema.EventAction: "renamed", schema.FilePath: "/old/", schema.FileTargetPath: "/new"}, "act=renamed fname=new filePath=/new oldFilePath=/old/"},
		{"a rename whose new name is not known", set{schema.EventAction: "renamed", schema.FilePath: "/old", schema.FileName: "old"}, "act=renamed fname=old filePath=/old"},
		{"a link", set{schema.EventAction: "linked", schema.FilePath: "/a", schema.FileTargetPath: "/b"}, "act=linked filePath=/a"},
		{"a socket's path", set{schema.DestinationAddress: "/run/docker.sock", schema.NetworkType: "unix", schema.NetworkDirection: "egress"}, "deviceDirection=1 dhost=/run/docker.sock"},
		{"an address is no host", set{schema.DestinationAddress: "203.0.113.9", schema.NetworkDirection: "ingress"}, "deviceDirection=0"},
		{"a pod", set{schema.OrchestratorType: "kubernetes", schema.OrchestratorNamespace: "shop", schema.OrchestratorResourceName: "api-1"}, "cs3=shop/api-1 cs3Label=KubernetesPod"},
		{"a pod that says so", set{schema.OrchestratorType: "kubernetes", schema.OrchestratorNamespace: "shop", schema.OrchestratorResourceType: "pod", schema.OrchestratorResourceName: "api-1"}, "cs3=shop/api-1 cs3Label=KubernetesPod"},
		{"no pod", set{schema.OrchestratorType: "kubernetes", schema.OrchestratorNamespace: "shop", schema.OrchestratorResourceType: "serviceaccount", schema.OrchestratorResourceName: "api-1"}, ""},
		{"no pod", set{schema.OrchestratorType: "compose", schema.OrchestratorNamespace: "shop", schema.OrchestratorResourceName: "api"}, ""},
		{"an image of a registry", set{schema.OCIRepository: "shop/api", schema.OCITag: "1.4.2", schema.OCIDigest: "sha256:1"}, "fileHash=sha256:1 cs2=shop/api:1.4.2 cs2Label=ContainerImage"},
		{"an image without a tag", set{schema.ContainerImageName: "a"}, "cs2=a cs2Label=ContainerImage"},
		{"a session that is a number", set{schema.AuditdSession: "3"}, "cn2=3 cn2Label=AuditSession"},
		{"a session that is none", set{schema.AuditdSession: "4x"}, ""},
		{"what was not understood", set{schema.EventOriginal: "type=?"}, "msg=type\\=?"},
		{"escapes", set{schema.Message: "a=b\\c\nd\re|f"}, `msg=a\=b\\c\nd\re|f`},
		{"what must not stand for itself", set{schema.Message: "a=b\\c\nd\re|f\x00\tg\u0085\xff", schema.ProcessCommandLine: "\x1b", schema.ProcessExecutable: `\x1b`},
			`sproc=\\x1b cs4=\\x1b cs4Label=CommandLine msg=a\=b\\\\c\nd\re|f\\x00\\x09g\\xc2\\x85\\xff TallymanEscaped=cs4,msg`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := render(t, New(Options{}), with(c.fields))
			if _, ext, _ := strings.Cut(got, "|Event|0|"); ext != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	six := with(set{schema.SourceIP: "2001:db8::1"})
	if got := render(t, New(Options{IPv6InSrc: true}), six); !strings.HasSuffix(got, "|src=2001:db8::1") {
		t.Errorf("with IPv6InSrc: %s", got)
	}
	e := &event.Event{}
	e.Fields.AddNamed(schema.AuditdData, "opid", event.String("77"))
	e.Fields.AddNamed(schema.AuditdData, "opid_comm", event.String("nginx"))
	e.Fields.AddNamed(schema.AuditdData, "exit", event.String("-13"))
	e.Fields.Add(schema.EventStart, event.Time(time.UnixMilli(1500)))
	for _, s := range []string{"a", "b=c"} {
		e.Fields.AddString(schema.ThreatTechniqueID, s)
	}
	if got := render(t, New(Options{}), e); !strings.HasSuffix(got, `|dpid=77 dproc=nginx cs6=a,b\=c cs6Label=MitreTechnique cn3=-13 cn3Label=ExitCode start=1500`) {
		t.Errorf("%s", got)
	}
}

func TestNothingIsAllocatedForAnEvent(t *testing.T) {
	c, e, buf := New(Options{}), exec(), make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() { buf, _ = c.Append(buf[:0], e) }); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	c, e, buf := New(Options{}), exec(), make([]byte, 0, 8192)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = c.Append(buf[:0], e)
	}
	b.SetBytes(int64(len(buf)))
}
