package rules

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a transform over rules that a test writes.
type bench struct {
	t     *testing.T
	dir   string
	meter meter.Registry
	log   bytes.Buffer
	stage plugin.Stage
	loan  plugintest.Loan
}

// start writes the files, whose names are 0.yaml, 1.yaml …, and starts the
// transform.
func start(t *testing.T, files ...string) *bench {
	t.Helper()
	b := &bench{t: t, dir: write(t, files...)}
	s := Default()
	s.Files = []plugin.Text{text("*.yaml")}
	b.begin(&s)
	return b
}

func write(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i, f := range files {
		name := filepath.Join(dir, string(rune('0'+i))+".yaml")
		if err := os.WriteFile(name, []byte(f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (b *bench) begin(s *Settings) {
	b.t.Helper()
	tr, err := New(s, b.env())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			b.t.Error(err)
		}
	})
	b.stage = tr.Lane("audit")
}

func (b *bench) env() plugin.Env {
	return plugin.Env{Dir: b.dir, HostID: "host", Meter: &b.meter, Log: slog.New(slog.NewTextHandler(&b.log, nil)),
		Now: func() time.Time { return noon }}
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// run judges events and returns what came out. Afterwards their texts are written over, as
// those of a lane are.
func (b *bench) run(events ...event.Event) []event.Event {
	b.t.Helper()
	var in, out event.Batch
	for _, e := range b.loan.Lend(events) {
		in.Add(e)
	}
	if err := b.stage.Apply(context.Background(), &in, &out); err != nil {
		b.t.Fatal(err)
	}
	for i := range out.Events {
		out.Events[i] = out.Events[i].Own()
	}
	b.loan.Back()
	return out.Events
}

// alerts judges events and returns the rules of the alerts that came out.
func (b *bench) alerts(events ...event.Event) []string {
	b.t.Helper()
	var ids []string
	for _, e := range b.run(events...) {
		if id := e.Get(schema.RuleID).Str(); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

func (b *bench) count(name string) (n float64) {
	b.meter.Each(func(s meter.Sample) {
		if s.Name == name {
			n += s.Value
		}
	})
	return n
}

// exec is an event after so many seconds, with fields in pairs of name and value.
func exec(seconds float64, pairs ...string) event.Event {
	at := noon.Add(time.Duration(seconds * float64(time.Second)))
	e := event.Event{ID: event.NewID([]byte(at.String() + strings.Join(pairs, "|"))), Time: at, Seen: at, Dataset: "auditd.log", Records: 1}
	names := schema.NewNames()
	e.Fields.AddString(schema.EventKind, "event")
	e.Fields.AddString(schema.EventModule, "auditd")
	e.Fields.AddString(schema.EventAction, "executed")
	for i := 0; i+1 < len(pairs); i += 2 {
		k, ok := names.Find(pairs[i])
		if !ok {
			panic(pairs[i])
		}
		e.Fields.AddString(k, pairs[i+1])
	}
	return e
}

// rule1 is a file with one rule that has these further lines.
func rule1(lines ...string) string {
	return "pack: mine\nversion: 3\nrules:\n- id: X-Y-001\n  title: A shell\n  severity: high\n  condition: process.name == \"sh\"\n  " + strings.Join(lines, "\n  ") + "\n"
}

func TestAMatchMakesAnAlert(t *testing.T) {
	b := start(t, rule1(
		"description: What it means.", "category: exec", "reference: https://docs.example/x", "tags: [watch]",
		"threat: {tactic: [TA0002], technique: [T1609, T1059.004, T1059.003]}",
		`compliance: {pci_dss: ["10.2.1.2"], pci_containers: ["8.1"], cis_docker: ["5.23"], nist_800_190: ["3.4.3"]}`,
		`message: "${process.name} of ${user.name} on $${host}"`))
	e := exec(0, "process.name", "sh", "event.category", "process", "event.type", "start", "tags", "tm_exec", "message", "said", "event.hash", "abc")
	e.Raw = "raw"
	e.Shared.AddString(schema.HostName, "node-7")
	was := slices.Clone(e.Fields)
	out := b.run(e)
	if len(out) != 2 {
		t.Fatalf("%d events came out", len(out))
	}

	judged, alert := out[0], out[1]
	was.AddString(schema.TallymanRules, "X-Y-001")
	was.AddString(schema.Tags, "watch")
	if !judged.Fields.Equal(was) || judged.ID != e.ID || judged.Records != 1 || judged.Raw != "raw" {
		t.Errorf("the judged event became %+v", judged)
	}
	if want := event.NewID(append(append(e.ID[:], 0), "X-Y-001"...)); alert.ID != want {
		t.Errorf("the alert's id is %v, not %v", alert.ID, want)
	}
	if alert.Records != 0 || alert.Raw != "" || !alert.Time.Equal(e.Time) || !alert.Seen.Equal(e.Seen) || alert.Dataset != e.Dataset || len(alert.Shared) != 1 {
		t.Errorf("the alert's head is %+v", alert)
	}
	want := []string{
		"event.module=auditd", "event.action=executed", "process.name=sh", "event.category=process", "tags=tm_exec",
		"event.kind=alert", "event.category=intrusion_detection", "event.type=info", "event.severity=8", "event.reference=" + e.ID.String(),
		"message=sh of  on ${host}", "tags=watch", "rule.id=X-Y-001", "rule.name=A shell", "rule.description=What it means.",
		"rule.ruleset=mine", "rule.version=3", "rule.category=exec", "rule.reference=https://docs.example/x",
		"threat.framework=MITRE ATT&CK", "threat.tactic.id=TA0002", "threat.technique.id=T1609", "threat.technique.id=T1059",
		"threat.technique.subtechnique.id=T1059.004", "threat.technique.subtechnique.id=T1059.003",
		"tallyman.compliance.pci_dss=10.2.1.2", "tallyman.compliance.pci_containers=8.1",
		"tallyman.compliance.cis_docker=5.23", "tallyman.compliance.nist_800_190=3.4.3",
	}
	slices.Sort(want)
	if got := said(alert.Fields); !slices.Equal(got, want) {
		t.Errorf("the alert says\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := b.count("tallyman_rules_matches_total"); n != 1 {
		t.Errorf("%v matches were counted", n)
	}
}

// said is every field as text, sorted.
func said(f event.Fields) []string {
	var out []string
	for _, one := range f {
		out = append(out, one.Key.String()+"="+string(one.Value().Append(nil)))
	}
	slices.Sort(out)
	return out
}

func TestTheMessageOfAnAlert(t *testing.T) {
	for _, c := range []struct{ name, line, said, want string }{
		{"title and message", "enabled: true", "ana ran sh", "A shell: ana ran sh"},
		{"title alone", "enabled: true", "", "A shell"},
		{"template", `message: "${lower('X')}$$${process.pid}."`, "no", "x$0."},
		{"long", `message: "` + strings.Repeat("é", 600) + `"`, "", strings.Repeat("é", 512)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := start(t, rule1(c.line)).run(exec(0, "process.name", "sh", "message", c.said))
			if got := out[1].Get(schema.Message).Str(); got != c.want {
				t.Errorf("the message is %q, not %q", got, c.want)
			}
		})
	}
}

func TestWhatIsNotJudged(t *testing.T) {
	b := start(t, rule1("sources: [auditd]", "actions: [executed, forked]"))
	record := exec(0, "process.name", "sh")
	record.Decode = "audit"
	docker := exec(1, "process.name", "sh")
	docker.Fields.Set(schema.EventModule, event.String("docker"))
	opened := exec(2, "process.name", "sh")
	opened.Fields.Set(schema.EventAction, event.String("opened-file"))
	alert := exec(3, "process.name", "sh", "rule.id", "OTHER-001")
	alert.Fields.Set(schema.EventKind, event.String("alert"))
	other := exec(4, "process.name", "cat")
	in := []event.Event{record, docker, opened, alert, other, {}}
	out := b.run(in...)
	if len(out) != len(in) {
		t.Fatalf("%d events came out of %d", len(out), len(in))
	}
	for i := range in {
		if !slices.Equal(said(out[i].Fields), said(in[i].Fields)) || out[i].ID != in[i].ID {
			t.Errorf("event %d was changed: %+v", i, out[i])
		}
	}
	// Without event.module the dataset says where it comes from.
	bare := exec(5, "process.name", "sh")
	bare.Fields = slices.DeleteFunc(bare.Fields, func(f event.Field) bool { return f.Key == schema.EventModule })
	if got := b.alerts(bare); !slices.Equal(got, []string{"X-Y-001"}) {
		t.Errorf("by its dataset: %v", got)
	}
}

func TestAnEventWithoutAnIDGetsOne(t *testing.T) {
	b := start(t, rule1("enabled: true"))
	e := exec(0, "process.name", "sh")
	e.ID, e.Offset = event.ID{}, 77
	out := b.run(e)
	want := event.NewID([]byte("host\x00auditd.log\x00audit\x00\x0077\x00")) // as the engine gives it
	if out[0].ID != want || out[1].ID != event.NewID(append(append(want[:], 0), "X-Y-001"...)) {
		t.Errorf("the ids are %v and %v", out[0].ID, out[1].ID)
	}
	if e.Fields.Get(schema.ProcessName).Str() != "sh" {
		t.Error("the event was changed")
	}
	made := exec(1, "process.name", "sh")
	made.ID, made.Records, made.Seen = event.ID{}, 0, time.Time{}
	out = b.run(made, made)
	if len(out) != 4 || out[0].ID == out[2].ID || out[0].ID.IsZero() || !out[0].Seen.Equal(noon) {
		t.Errorf("events of our own are %v and %v", out[0], out[2])
	}
}

func TestAFailingRuleIsCountedAndLoggedOnce(t *testing.T) {
	b := start(t, `
rules:
- {id: A-001, title: a, severity: low, condition: int(process.name) > 1}
- {id: A-002, title: a, severity: low, condition: "true", exceptions: [{name: x, condition: int(process.name) > 1, reason: y}]}
`)
	for range 3 {
		if got := b.alerts(exec(0, "process.name", "sh")); !slices.Equal(got, []string{"A-002"}) {
			t.Errorf("the alerts are %v", got)
		}
	}
	if n := b.count("tallyman_rules_errors_total"); n != 6 {
		t.Errorf("%v errors were counted", n)
	}
	if n := strings.Count(b.log.String(), "level=ERROR"); n != 2 {
		t.Errorf("%d errors were logged: %s", n, b.log.String())
	}
}

// Lines of two files that no decoder understood stand at one place: they and their alerts are
// told apart.
func TestWhatHasNoIDGetsThatOfItsPlace(t *testing.T) {
	b := start(t, rule1())
	seen := map[event.ID]bool{}
	for _, path := range []string{"/a.log", "/b.log"} {
		for _, raw := range []string{"sh", "sh!"} {
			e := exec(1, "process.name", "sh")
			e.ID, e.Raw, e.Offset = event.ID{}, raw, 23
			e.Shared.AddString(schema.LogFilePath, path)
			for _, out := range b.run(e) {
				seen[out.ID] = true
			}
		}
	}
	if len(seen) != 8 {
		t.Errorf("four events and their alerts have %d ids", len(seen))
	}
}
