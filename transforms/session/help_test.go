package session

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// short are the fields that lines of tests name in one word.
var short = map[string]schema.Key{
	"host": schema.HostID, "boot": schema.HostBootID, "ses": schema.AuditdSession, "auid": schema.UserAuditName, "acct": schema.UserEffectiveName,
	"by": schema.EventProvider, "res": schema.EventOutcome, "pid": schema.ProcessPID, "ppid": schema.ProcessParentPID, "name": schema.ProcessName,
	"pname": schema.ProcessParentName, "ent": schema.ProcessEntityID, "pent": schema.ProcessParentEntityID, "arg": schema.ProcessArgs,
	"box": schema.ContainerID, "boxname": schema.ContainerName, "pod": schema.KubernetesPodName, "ns": schema.KubernetesNamespace,
	"ctr": schema.KubernetesContainerName, "cluster": schema.OrchestratorClusterName, "exec": schema.DockerExecID, "cmd": schema.DockerExecCommand,
	"user": schema.KubernetesAuditUserUsername, "audit": schema.KubernetesAuditAuditID, "sub": schema.KubernetesAuditObjectRefSubresource,
	"from": schema.SourceAddress, "check": schema.DockerExecHealthcheck,
	"said": schema.TallymanSessionConfidence, "kind": schema.EventKind,
}

// tell makes an event of a line: seconds after noon, what happened, and fields.
// A + in a value is a blank,
// #a an engine's id of 64 times a. What happened is a type of audit record, "ran" for
// a program that was started, "did" for another call, "kube", or an action of
// an engine.
func tell(t testing.TB, line string) event.Event {
	t.Helper()
	words := strings.Fields(line)
	seconds, err := strconv.ParseFloat(words[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	at := noon.Add(time.Duration(seconds * float64(time.Second)))
	e := event.Event{ID: event.NewID([]byte(line)), Time: at, Seen: at, Records: 1}
	f := &e.Fields
	module, code, action := "auditd", words[1], ""
	switch words[1] {
	case "ran":
		code, action = "SYSCALL", "executed"
	case "did":
		code, action = "SYSCALL", "opened-file"
	case "kube":
		module, code, action = "kubernetes", "ResponseStarted", "create"
		f.AddString(schema.KubernetesAuditObjectRefSubresource, "exec")
	case "exec_create", "exec_start", "exec_die":
		module, code, action = "docker", "", words[1]
	}
	f.AddString(schema.EventModule, module)
	f.AddString(schema.EventCode, code)
	f.AddString(schema.EventAction, action)
	if !strings.Contains(line, " res=") {
		f.AddString(schema.EventOutcome, "success")
	}
	for _, w := range words[2:] {
		name, value, _ := strings.Cut(w, "=")
		k, ok := short[name]
		if !ok {
			t.Fatalf("no field %q in %q", name, line)
		}
		value = strings.ReplaceAll(value, "+", " ")
		for before, id, long := strings.Cut(value, "#"); long; before, id, long = strings.Cut(value, "#") {
			value = before + strings.Repeat(id[:1], 64) + id[1:] // an engine's id
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && (k == schema.ProcessPID || k == schema.ProcessParentPID) {
			f.Add(k, event.Int(n))
		} else if k == schema.DockerExecHealthcheck {
			f.Add(k, event.Bool(value == "yes"))
		} else {
			f.AddString(k, value)
		}
	}
	return e
}

// build returns the transform with settings that change may change.
func build(t testing.TB, change func(s *Settings)) *Transform {
	t.Helper()
	s := Default()
	if change != nil {
		change(&s)
	}
	tr, err := New(&s, plugintest.Env(""))
	if err != nil {
		t.Fatal(err)
	}
	return tr.(*Transform)
}

// judge takes one event through a stage and returns what it was told, "-" for
// nothing.
func judge(t testing.TB, stage plugin.Stage, e event.Event) string {
	t.Helper()
	var out event.Batch
	var loan plugintest.Loan // the texts of a batch are written over after it
	if err := stage.Apply(t.Context(), &event.Batch{Events: loan.Lend([]event.Event{e})}, &out); err != nil {
		t.Fatal(err)
	}
	for i := range out.Events {
		out.Events[i] = out.Events[i].Own()
	}
	loan.Back()
	if len(out.Events) != 1 || len(out.Events[0].Fields) < len(e.Fields) {
		t.Fatalf("%d events came of one", len(out.Events))
	}
	get := func(k schema.Key) string { return out.Events[0].Fields.Get(k).Str() }
	if get(schema.TallymanSessionConfidence) == "" {
		return "-"
	}
	return fmt.Sprintf("%s %s %s", or(get(schema.TallymanSessionHow)), or(get(schema.TallymanSessionUser)), get(schema.TallymanSessionConfidence))
}

func or(s string) string {
	if s == "" {
		return "?"
	}
	return s
}

// What is told of a key that goes is the table's own text: the one that was asked with may be
// a view of an event.
func TestAKeyThatGoesIsToldAsItIsKept(t *testing.T) {
	tb := newTable[string, int](4, nil)
	told := ""
	tb.changed = func(key string, _ int) { told = key }
	own := "c0ffee"
	tb.put(own, 1)
	if tb.drop(strings.Clone(own)); event.Place(told) != event.Place(own) {
		t.Error("the table tells of a text that it was asked with")
	}
}
