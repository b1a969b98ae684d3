package leef

import (
	"encoding/csv"
	"os"
	"strconv"
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
		} else if n, err := strconv.ParseInt(v, 10, 64); err == nil && k.Info().Type == schema.Long {
			e.Fields.Add(k, event.Int(n))
		} else {
			e.Fields.AddString(k, v)
		}
	}
	return e
}

// exec is the worked example of SCHEMA.md section 12.
func exec() *event.Event {
	e := with(set{
		schema.Message: "uid 1000 ran bash", schema.EventAction: "executed", schema.EventOutcome: "success", schema.EventModule: "auditd",
		schema.EventSeverity: "2", schema.ProcessExecutable: "/usr/bin/bash", schema.ProcessPID: "4242", schema.ProcessParentName: "containerd-shim",
		schema.ProcessParentPID: "4100", schema.ProcessCommandLine: "bash -c 'echo a=1|b'", schema.ContainerID: containerID, schema.ContainerName: "shop-api-1",
		schema.ContainerImageName: "registry.corp.example/shop/api", schema.ContainerImageTag: "1.4.2", schema.AuditdKey: "tm_exec",
	})
	e.ID, e.Dataset, e.Time = event.NewID([]byte("exec")), "auditd.log", time.UnixMilli(1795227901123).UTC()
	e.Shared.AddString(schema.HostID, "4c4c4544")
	e.Shared.AddString(schema.HostName, "node-7")
	e.Shared.AddString(schema.AgentVersion, "1.0.0")
	return e
}

// TestListsOfOtherThings: what stands in a list and is no text is written as text, and
// what is empty is not there.
func TestListsOfOtherThings(t *testing.T) {
	e := &event.Event{}
	for _, v := range []event.Value{event.String(""), event.String("a"), event.Int(-7), event.String(""), event.Bool(true), event.Float(1.5)} {
		e.Fields.Add(schema.AuditdKey, v)
	}
	if got := read(t, render(t, New(Options{}), e)).Attr["auditKey"]; got != "a,-7,true,1.5" {
		t.Errorf("auditKey is %q", got)
	}
}

func render(t testing.TB, c *Encoder, e *event.Event) string {
	t.Helper()
	got, err := c.Append([]byte("before "), e)
	if err != nil || !strings.HasPrefix(string(got), "before ") {
		t.Fatalf("%q, %v", got, err)
	}
	return string(got[len("before "):])
}

func read(t testing.TB, s string) *formattest.Flat {
	t.Helper()
	p, err := formattest.LEEF(s)
	if err != nil {
		t.Fatalf("%v in\n%q", err, s)
	}
	return p
}

func TestTheWorkedExample(t *testing.T) {
	want := "LEEF:2.0|Tallyman|tallyman|1.0.0|auditd.executed|x09|devTime=Nov 21 2026 02:25:01.123 UTC<t>devTimeFormat=MMM dd yyyy HH:mm:ss.SSS z<t>" +
		"cat=executed-success<t>sev=2<t>resource=node-7<t>eventId=" + exec().ID.String() + "<t>outcome=success<t>process=/usr/bin/bash<t>processId=4242<t>" +
		"parentProcess=containerd-shim<t>parentProcessId=4100<t>commandLine=bash -c 'echo a=1|b'<t>containerId=" + containerID + "<t>containerName=shop-api-1<t>" +
		"containerImage=registry.corp.example/shop/api:1.4.2<t>auditKey=tm_exec<t>message=uid 1000 ran bash"
	if got := render(t, New(Options{}), exec()); got != strings.ReplaceAll(want, "<t>", "\t") {
		t.Errorf("got\n%q\nwant\n%s", got, want)
	}
	old := strings.ReplaceAll(strings.Replace(strings.Replace(want, "LEEF:2.0", "LEEF:1.0", 1), "x09|", "", 1), "<t>", "\t")
	if got := render(t, New(Options{Version: "1.0", Delimiter: '^'}), exec()); got != old {
		t.Errorf("1.0: got\n%q\nwant\n%q", got, old)
	}
	caret := strings.ReplaceAll(strings.Replace(want, "|x09|", "|^|", 1), "<t>", "^")
	if got := render(t, New(Options{Version: "2.0", Delimiter: '^'}), exec()); got != caret {
		t.Errorf("^: got\n%q\nwant\n%q", got, caret)
	}
}

func TestAttributes(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields set
		want   string // parted by blanks, without sev and message
	}{
		{"addresses", set{schema.SourceIP: "10.0.0.8", schema.SourcePort: "51422", schema.ServerIP: "::ffff:10.0.0.1", schema.ServerPort: "22"}, "src=10.0.0.8 srcPort=51422 dst=10.0.0.1 dstPort=22"},
		{"IPv6", set{schema.SourceIP: "2001:db8::1", schema.DestinationIP: "::"}, "src=2001:db8::1 dst=::"},
		{"a port that is none", set{schema.SourcePort: "65536"}, ""},
		{"the person before the account", set{schema.UserAuditName: "ana", schema.UserName: "root", schema.UserEffectiveName: "bob"}, "usrName=ana accountName=bob"},
		{"an account", set{schema.UserTargetName: "carl", schema.UserEffectiveName: "root", schema.GroupName: "docker"}, "accountName=carl groupID=docker"},
		{"a login", set{schema.EventAction: "logged-in", schema.EventOutcome: "success", schema.SourceIP: "10.0.0.8", schema.SourceDomain: "h"},
			"cat=logged-in-success src=10.0.0.8 identSrc=10.0.0.8 identHostName=h outcome=success"},
		{"a login that failed", set{schema.EventAction: "logged-in", schema.EventOutcome: "failure", schema.SourceIP: "10.0.0.8"}, "cat=logged-in-failure src=10.0.0.8 outcome=failure"},
		{"a pod", set{schema.OrchestratorType: "kubernetes", schema.OrchestratorNamespace: "shop", schema.OrchestratorResourceName: "api-1"}, "k8sNamespace=shop k8sPod=api-1"},
		{"a pod that says so", set{schema.OrchestratorType: "kubernetes", schema.OrchestratorNamespace: "shop", schema.OrchestratorResourceType: "pod", schema.OrchestratorResourceName: "api-1"}, "k8sNamespace=shop k8sPod=api-1"},
		{"no pod", set{schema.OrchestratorType: "kubernetes", schema.OrchestratorNamespace: "shop", schema.OrchestratorResourceType: "serviceaccount", schema.OrchestratorResourceName: "api-1"}, "k8sNamespace=shop"},
		{"no pod", set{schema.OrchestratorType: "compose", schema.OrchestratorNamespace: "shop", schema.OrchestratorResourceName: "api"}, ""},
		{"a request", set{schema.KubernetesAuditRequestURI: "/api?x=1", schema.UserRoles: "system:masters"}, "role=system:masters url=/api?x=1"},
		{"an image of a registry", set{schema.OCIRepository: "shop/api", schema.OCITag: "1.4.2"}, "containerImage=shop/api:1.4.2"},
		{"blanks", set{schema.FilePath: "/a\tb\nc\rd=\\|é"}, `filePath=/a b c d=\|é`},
		{"escapes", set{schema.FilePath: "a\\\tb\x00\u0085\xff", schema.ProcessExecutable: `\x00`}, `process=\x00 filePath=a\\ b\x00\xc2\x85\xff TallymanEscaped=filePath`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := render(t, New(Options{}), with(c.fields))
			read(t, got)
			_, rest, _ := strings.Cut(got, "|x09|")
			rest = strings.TrimPrefix(strings.Replace("\t"+rest, "\tsev=1", "", 1), "\t")
			if rest = strings.ReplaceAll(rest, "\t", " "); rest != c.want {
				t.Errorf("got  %s\nwant %s", rest, c.want)
			}
		})
	}
	got := render(t, New(Options{Delimiter: '^'}), with(set{schema.FilePath: `^a\`}))
	if want := `LEEF:2.0|Tallyman|tallyman|0|event|^|sev=1^filePath=\x5ea\\^TallymanEscaped=filePath`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHeaders(t *testing.T) {
	e := with(set{schema.RuleID: "A=b|c" + strings.Repeat("x", 300), schema.AgentVersion: "1|2\n\x00"})
	p := read(t, render(t, New(Options{Vendor: "a|b\tc", Product: strings.Repeat("é", 200)}), e))
	if p.Header[1] != "a_b c" || len(p.Header[2]) != 254 || p.Header[3] != "1_2 _" || p.Header[4] != "A-b-c"+strings.Repeat("x", 250) {
		t.Errorf("%q", p.Header)
	}
}

// Our predefined names are those of the guide, with its lengths; no reserved one
// is used, and no custom name is one of the guide's.
func TestTheDictionary(t *testing.T) {
	f, err := os.Open("../../../../shared/spec/leef-2.0-keys.csv")
	if err != nil {
		t.Skipf("SKIPPED, our names were NOT compared with the guide's: %v", err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for _, r := range rows[1:] {
		known[r[0]] = r
	}
	for _, a := range schema.LEEF() {
		r, ok := known[a.Name]
		if ok != a.Predefined {
			t.Errorf("%s: predefined is %v, the guide says %v", a.Name, a.Predefined, ok)
		}
		if !ok {
			continue
		}
		if want, _ := strconv.Atoi(r[3]); r[1] == "string" && want != a.Chars {
			t.Errorf("%s has the limit %d, the guide says %d", a.Name, a.Chars, want)
		}
		if r[4] != "False" {
			t.Errorf("%s is reserved", a.Name)
		}
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
