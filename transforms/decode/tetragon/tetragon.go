// Package tetragon understands the events of Cilium Tetragon: one JSON object
// each, as its export file has them and `tetra getevents -o json` prints them. It
// knows no transport.
package tetragon

import (
	"errors"
	"path"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `tetragon`.
var Plugin = plugin.NewDecoder("tetragon", "Events of Cilium Tetragon, as JSON: processes that began and ended, and what its tracing policies saw.",
	func(env plugin.Env) plugin.Decoder { return &decoder{env: env} })

// Dataset is that of the events.
const Dataset = "tetragon.events"

// spare is the room of an event's fields without those that come many times.
const spare = 64

var (
	errJSON  = errors.New("no JSON object, nested too deep or too large")
	errEvent = errors.New("no event of Tetragon: none of its members is a process_…")
)

// meaning is what a kind of event stands for. Tetragon says what happened in the
// kernel, not whether it was meant: policies that only watch are no alerts.
type meaning struct {
	action, category, kind string
	severity               int64
}

var meanings = map[string]meaning{
	"process_exec":       {"executed", "process", "start", 2},
	"process_exit":       {"exited", "process", "end", 2},
	"process_kprobe":     {"kprobe", "process", "info", 5},
	"process_tracepoint": {"tracepoint", "process", "info", 5},
	"process_uprobe":     {"uprobe", "process", "info", 5},
	"process_usdt":       {"usdt", "process", "info", 5},
	"process_lsm":        {"lsm", "process", "info", 5},
	"process_loader":     {"loaded-library", "process", "info", 2},
	"process_throttle":   {"throttled", "process", "info", 3},
	"process_connect":    {"connected-to", "network", "start", 2},
	"process_close":      {"closed-connection", "network", "end", 2},
	"process_accept":     {"accepted-connection", "network", "start", 2},
	"process_listen":     {"listened", "network", "info", 3},
}

// decoder belongs to one lane.
type decoder struct {
	env  plugin.Env
	doc  jsontree.Doc
	seed []byte
}

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	root, ok := d.doc.Parse(strings.TrimSpace(e.Raw))
	if !ok || !root.IsObject() {
		return errJSON
	}
	if inner := root.Get("result"); inner.IsObject() { // of the gRPC gateway
		root = inner
	}
	var kind string
	var body jsontree.Node
	root.Each(func(name string, n jsontree.Node) {
		if kind == "" && n.IsObject() && strings.HasPrefix(name, "process_") {
			kind, body = name, n
		}
	})
	if kind == "" {
		return errEvent
	}
	m, known := meanings[kind]
	if !known {
		m = meaning{record.Slug(kind), "process", "info", 3}
	}
	e.Decode, e.Dataset = "", Dataset
	e.Fields = out.Take(e.Fields, spare+body.Len()+4*64)
	f := &e.Fields
	doubt, stamp := "", root.Get("time").Str()
	if e.Time, ok = record.Time(stamp); !ok {
		e.Time, doubt = e.Seen, "the event has no time that can be read"
	}
	if !known {
		doubt = "the kind " + kind[:min(len(kind), 64)] + " is not known"
	}
	if body.Get("policy_name").Is() && m.category == "process" && kind != "process_exec" && kind != "process_exit" {
		m.severity = 5
	}
	d.head(f, &m, body)
	f.AddString(schema.HostName, root.Get("node_name").Str())
	f.AddString(schema.OrchestratorClusterName, root.Get("cluster_name").Str())
	process(f, body.Get("process"))
	parent(f, body.Get("parent"), body.Get("process"))
	about(f, body)
	left := 0
	root.Rest(func(path string, n jsontree.Node) {
		if left++; left > 128 || !record.Label(f, strings.TrimPrefix(path, kind+"."), n.Text()) {
			left = 1 << 20
		}
	})
	e.ID, d.seed = record.ID(d.seed, d.env.HostID, &e, root.Get("node_name").Str(), stamp, kind, body.Get("process", "exec_id").Str(), e.Raw)
	switch {
	case doubt != "":
		record.Doubt(f, doubt)
	case left < 1<<20:
		e.Raw = ""
	}
	out.Events = append(out.Events, e)
	return nil
}

// head adds what kind of event it is, and what the policy did.
func (d *decoder) head(f *event.Fields, m *meaning, n jsontree.Node) {
	did := n.Get("action").Str()
	outcome := "success"
	switch did {
	case "KPROBE_ACTION_SIGKILL", "KPROBE_ACTION_OVERRIDE", "KPROBE_ACTION_SIGNAL", "KPROBE_ACTION_NOTIFYENFORCER":
		outcome, m.severity = "failure", 8
	}
	if strings.HasPrefix(n.Get("return", "int_arg").JSON(), "-") {
		outcome = "failure" // of what the kernel was asked for: -EPERM
	}
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "tetragon")
	f.AddString(schema.EventCategory, m.category)
	f.AddString(schema.EventType, m.kind)
	f.AddString(schema.EventAction, m.action)
	f.AddString(schema.EventOutcome, outcome)
	f.Add(schema.EventSeverity, event.Int(m.severity))
	f.AddString(schema.EventReason, did)
	f.AddString(schema.RuleName, n.Get("policy_name").Str())
	message := n.Get("message").Str()
	f.AddString(schema.RuleDescription, message)
	n.Get("tags").Each(func(_ string, t jsontree.Node) { f.AddString(schema.Tags, t.Str()) })
	f.AddString(schema.Message, message)
}

// process adds the actor.
func process(f *event.Fields, n jsontree.Node) {
	binary, args := n.Get("binary").Str(), n.Get("arguments").Str()
	f.AddString(schema.ProcessEntityID, n.Get("exec_id").Str())
	if pid, ok := n.Get("pid").Int(); ok {
		f.Add(schema.ProcessPID, event.Int(pid))
	}
	f.AddString(schema.ProcessExecutable, binary)
	if binary != "" {
		f.AddString(schema.ProcessName, path.Base(binary))
		f.AddString(schema.ProcessCommandLine, strings.TrimSpace(binary+" "+args))
	}
	f.AddString(schema.ProcessWorkingDirectory, n.Get("cwd").Str())
	if t, ok := record.Time(n.Get("start_time").Str()); ok {
		f.Add(schema.ProcessStart, event.Time(t))
	}
	who(f, n)
	if auid := n.Get("auid").Text(); auid != "4294967295" {
		f.AddString(schema.UserAuditID, auid)
	}
	f.AddString(schema.ProcessHashSHA256, n.Get("binary_properties", "sha256").Str())
	for _, list := range [...]struct {
		key  schema.Key
		name string
	}{{schema.ProcessThreadCapabilitiesEffective, "effective"}, {schema.ProcessThreadCapabilitiesPermitted, "permitted"}} {
		n.Get("cap", list.name).Each(func(_ string, c jsontree.Node) { f.AddString(list.key, c.Str()) })
	}
	var inheritable []string
	n.Get("cap", "inheritable").Each(func(_ string, c jsontree.Node) { inheritable = append(inheritable, c.Str()) })
	record.Label(f, "capabilities_inheritable", strings.Join(inheritable, ","))
	where(f, n)
	record.Label(f, "flags", n.Get("flags").Str())
	f.AddString(schema.ProcessParentEntityID, n.Get("parent_exec_id").Str())
	n.Get("refcnt").Skip() // of Tetragon's cache
}

// who adds the account. What Tetragon calls uid, and names, is the effective one; the
// real one is among the credentials (--enable-process-cred).
func who(f *event.Fields, n jsontree.Node) {
	effective, name, of := n.Get("uid").Text(), n.Get("user", "name").Str(), n.Get("process_credentials")
	if n.Get("uid").JSON() == of.Get("euid").JSON() {
		of.Get("euid").Skip()
	}
	own := of.Get("uid").Text()
	if own == "" || own == effective {
		f.AddString(schema.UserID, effective)
		f.AddString(schema.UserName, name)
	} else {
		f.AddString(schema.UserID, own)
		f.AddString(schema.UserEffectiveID, effective)
		f.AddString(schema.UserEffectiveName, name)
	}
	f.AddString(schema.RelatedUser, name)
}

// where adds pod and container. "docker" is the beginning of the container's id,
// all there is outside of Kubernetes.
func where(f *event.Fields, n jsontree.Node) {
	pod, short := n.Get("pod"), n.Get("docker").Str()
	c := pod.Get("container")
	id := record.ContainerID(c.Get("id").Str())
	if id == "" {
		id = short
	}
	if f.AddString(schema.ContainerID, id); id != "" {
		f.AddString(schema.TallymanContainerMethod, "source")
	}
	f.AddString(schema.ContainerName, c.Get("name").Str())
	image := record.ParseImage(c.Get("image", "name").Str())
	if image.Digest == "" {
		image.Digest = record.ParseImage(c.Get("image", "id").Str()).Digest
	}
	c.Get("image", "id").Skip()
	image.Fields(f)
	if vpid, ok := c.Get("pid").Int(); ok {
		f.Add(schema.ProcessVPID, event.Int(vpid))
	}
	c.Get("start_time").Skip() // of the container, which its own events tell
	namespace, name := pod.Get("namespace").Str(), pod.Get("name").Str()
	if name != "" {
		f.AddString(schema.OrchestratorType, "kubernetes")
	}
	f.AddString(schema.OrchestratorNamespace, namespace)
	f.AddString(schema.KubernetesNamespace, namespace)
	f.AddString(schema.KubernetesPodName, name)
	f.AddString(schema.KubernetesPodUID, pod.Get("uid").Str())
	f.AddString(schema.KubernetesContainerName, c.Get("name").Str())
	if workload := pod.Get("workload").Str(); workload != "" && pod.Get("workload_kind").Str() == "Deployment" {
		f.AddString(schema.KubernetesDeploymentName, workload)
	} else {
		record.Label(f, "workload", workload)
	}
	pod.Get("pod_labels").Each(func(name string, v jsontree.Node) {
		if text := v.Str(); text != "" {
			f.AddNamed(schema.KubernetesLabels, name, event.String(text))
		}
	})
}

// parent adds who started the actor. Where that ran is said once where it is the
// same container; all else of it stays among the labels.
func parent(f *event.Fields, n, child jsontree.Node) {
	if pid, ok := n.Get("pid").Int(); ok {
		f.Add(schema.ProcessParentPID, event.Int(pid))
	}
	binary := n.Get("binary").Str()
	f.AddString(schema.ProcessParentExecutable, binary)
	if binary != "" {
		f.AddString(schema.ProcessParentName, path.Base(binary))
		f.AddString(schema.ProcessParentCommandLine, strings.TrimSpace(binary+" "+n.Get("arguments").Str()))
	}
	if n.Get("exec_id").JSON() == child.Get("parent_exec_id").JSON() {
		n.Get("exec_id").Skip()
	}
	if n.Get("docker").JSON() == child.Get("docker").JSON() && n.Get("pod", "container", "id").JSON() == child.Get("pod", "container", "id").JSON() {
		n.Get("docker").Skip()
		n.Get("pod").Skip()
	}
	if n.Get("auid").JSON() == "4294967295" {
		n.Get("auid").Skip() // nobody logged in
	}
	n.Get("refcnt").Skip() // of Tetragon's cache
	n.Get("cap").Skip()    // the actor has its own
}
