package ocsf

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallyman/outputs/format/formattest"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

const containerID = "9ceff3d23f248274d76f1d1d0712c4ec08a35602b017903879d583c484eff724"

type set = map[schema.Key]string

func with(fields set) *event.Event {
	e := &event.Event{}
	keys := schema.Keys()
	slices.Sort(keys)
	for _, k := range keys {
		v, ok := fields[k]
		if !ok {
			continue
		}
		if ip, ok := event.IP(v); ok && k.Info().Type == schema.IP {
			e.Fields.Add(k, ip)
		} else if n, ok := parse(v); ok && k.Info().Type == schema.Long {
			e.Fields.Add(k, event.Int(n))
		} else {
			e.Fields.AddString(k, v)
		}
	}
	return e
}

func parse(s string) (n int64, ok bool) {
	return n, json.Unmarshal([]byte(s), &n) == nil
}

func render(t testing.TB, c *Encoder, e *event.Event) string {
	t.Helper()
	got, err := c.Append([]byte("before "), e)
	if err != nil || !strings.HasPrefix(string(got), "before ") {
		t.Fatalf("%q, %v", got, err)
	}
	return string(got[len("before "):])
}

// decoded reads what was rendered.
func decoded(t testing.TB, s string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return m
}

// at returns what stands at a path.
func at(m map[string]any, path string) any {
	var v any = m
	for part := range strings.SplitSeq(path, ".") {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

// exec is the worked example of SCHEMA.md section 12.
func exec() *event.Event {
	e := with(set{
		schema.Message: "uid 1000 ran bash -c 'echo a=1|b' in shop-api-1", schema.EventAction: "executed", schema.EventOutcome: "success",
		schema.EventModule: "auditd", schema.EventSeverity: "2", schema.EventSequence: "348501", schema.EventCode: "SYSCALL", schema.UserID: "1000",
		schema.UserEffectiveID: "1000", schema.ProcessExecutable: "/usr/bin/bash", schema.ProcessName: "bash", schema.ProcessPID: "4242",
		schema.ProcessParentName: "containerd-shim", schema.ProcessParentPID: "4100", schema.ProcessCommandLine: "bash -c 'echo a=1|b'",
		schema.ProcessWorkingDirectory: "/app", schema.ContainerID: containerID, schema.ContainerName: "shop-api-1", schema.ContainerRuntime: "docker",
		schema.ContainerImageName: "registry.corp.example/shop/api", schema.ContainerImageTag: "1.4.2",
	})
	e.Fields.AddNamed(schema.AuditdData, "syscall", event.String("execve"))
	e.ID, e.Dataset, e.Time = event.NewID([]byte("exec")), "auditd.log", time.UnixMilli(1795227901123).UTC()
	e.Shared.AddString(schema.HostID, "4c4c4544")
	e.Shared.AddString(schema.HostName, "node-7")
	e.Shared.AddString(schema.HostOSName, "Debian GNU/Linux")
	e.Shared.AddString(schema.AgentVersion, "1.0.0")
	return e
}

func TestTheWorkedExample(t *testing.T) {
	want := decoded(t, `{"class_uid":1007,"category_uid":1,"activity_id":1,"type_uid":100701,"severity_id":1,"status_id":1,"time":1795227901123,
 "message":"uid 1000 ran bash -c 'echo a=1|b' in shop-api-1",
 "metadata":{"version":"1.8.0","uid":"`+exec().ID.String()+`","original_event_uid":"1795227901.123:348501","event_code":"SYSCALL","log_name":"auditd.log","log_provider":"auditd","sequence":348501,"profiles":["host","container","linux/linux_users"],"product":{"name":"Tallyman","vendor_name":"Tallyman","version":"1.0.0"}},
 "device":{"hostname":"node-7","uid":"4c4c4544","type_id":1,"os":{"name":"Debian GNU/Linux","type_id":200}},
 "actor":{"process":{"pid":4100,"name":"containerd-shim"},"user":{"uid":"1000","type_id":1}},
 "process":{"pid":4242,"name":"bash","cmd_line":"bash -c 'echo a=1|b'","working_directory":"/app","file":{"name":"bash","path":"/usr/bin/bash","type_id":1},"user":{"uid":"1000","type_id":1},"euid":1000,
  "parent_process":{"pid":4100,"name":"containerd-shim"},
  "container":{"uid":"`+containerID+`","name":"shop-api-1","runtime":"docker","image":{"uid":"registry.corp.example/shop/api","name":"registry.corp.example/shop/api","tag":"1.4.2"}}},
 "unmapped":{"event.action":"executed","auditd.data.syscall":"execve"}}`)
	got := decoded(t, render(t, New(Options{}), exec()))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- wanted, + got:\n%s", diff)
	}
}

// Each attribute of the table that an encoder has to compute is computed, and
// every other is not.
func TestTheTableIsComputed(t *testing.T) {
	for _, a := range schema.OCSF() {
		if (computations(a.Path) != nil) != (a.As == schema.OCSFComputed) {
			t.Errorf("%s: computed is %v in the table", a.Path, a.As == schema.OCSFComputed)
		}
	}
}

func release(t testing.TB) *formattest.OCSF {
	t.Helper()
	o, err := formattest.LoadOCSF("../../../../shared/spec/ocsf-1.8.0-required.json")
	if err != nil {
		t.Skipf("SKIPPED, no event was held against what OCSF requires: %v", err)
	}
	return o
}

func TestClasses(t *testing.T) {
	o := release(t)
	c := New(Options{})
	for _, one := range []struct {
		name   string
		fields set
		want   string // class/activity
		paths  map[string]any
	}{
		{"nothing", set{}, "0/0", map[string]any{"activity_name": nil, "type_uid": 0.0}},
		{"a file written", set{schema.EventModule: "auditd", schema.EventAction: "opened-file", schema.EventType: "change", schema.FilePath: "/etc/passwd", schema.FileType: "file"}, "1001/3",
			map[string]any{"file.name": "passwd", "file.path": "/etc/passwd", "actor.app_name": "auditd", "device.name": "unknown"}},
		{"a rename", set{schema.EventModule: "auditd", schema.EventAction: "renamed", schema.FilePath: "/a/b", schema.FileTargetPath: "/c/d"}, "1001/5", map[string]any{"file_result.path": "/c/d", "file_result.name": "d"}},
		{"a file that is not known", set{schema.EventModule: "auditd", schema.EventAction: "opened-file"}, "0/99", map[string]any{"activity_name": "opened-file"}},
		{"a connection refused", set{schema.EventModule: "auditd", schema.EventAction: "connected-to", schema.EventOutcome: "failure", schema.EventReason: "ECONNREFUSED", schema.DestinationIP: "203.0.113.9",
			schema.DestinationPort: "443", schema.DestinationAddress: "203.0.113.9", schema.NetworkDirection: "egress", schema.NetworkType: "ipv4", schema.ProcessPID: "7"}, "4001/5",
			map[string]any{"dst_endpoint.ip": "203.0.113.9", "dst_endpoint.name": nil, "connection_info.direction_id": 2.0, "connection_info.protocol_ver_id": 4.0, "status_id": 2.0, "status_code": "ECONNREFUSED", "actor.process.pid": 7.0}},
		{"a unix socket", set{schema.EventModule: "auditd", schema.EventAction: "connected-to", schema.DestinationAddress: "/run/docker.sock", schema.NetworkType: "unix"}, "4001/1", map[string]any{"dst_endpoint.name": "/run/docker.sock"}},
		{"a listener", set{schema.EventModule: "auditd", schema.EventAction: "bound-socket", schema.ServerIP: "::ffff:0.0.0.0", schema.ServerPort: "8080"}, "4001/7", map[string]any{"dst_endpoint.ip": "0.0.0.0", "dst_endpoint.port": 8080.0}},
		{"a login", set{schema.EventModule: "auditd", schema.EventAction: "logged-in", schema.EventOutcome: "success", schema.UserName: "ana", schema.EventProvider: "sshd", schema.SourceIP: "10.0.0.8"}, "3002/1",
			map[string]any{"user.name": "ana", "service.name": "sshd", "logon_type_id": 10.0, "is_remote": true, "src_endpoint.ip": "10.0.0.8"}},
		{"su", set{schema.EventModule: "auditd", schema.EventAction: "authenticated", schema.UserName: "ana", schema.UserEffectiveName: "root", schema.UserEffectiveID: "0", schema.EventProvider: "su"}, "3002/7",
			map[string]any{"user.name": "root", "actor.user.name": "ana", "account_switch_type_id": 1.0}},
		{"a new account", set{schema.EventModule: "auditd", schema.EventAction: "added-user-account", schema.UserTargetName: "bob"}, "3001/1", map[string]any{"user.name": "bob"}},
		{"a password of one's own", set{schema.EventModule: "syslog", schema.EventAction: "changed-password", schema.UserName: "ana"}, "3001/3", map[string]any{"user.name": "ana"}},
		{"a group", set{schema.EventModule: "auditd", schema.EventAction: "added-group-account-to", schema.GroupName: "docker"}, "3006/6", map[string]any{"group.name": "docker"}},
		{"a role", set{schema.EventModule: "auditd", schema.EventAction: "assigned-user-role-to", schema.UserTargetName: "bob"}, "3005/1", nil},
		{"a denial", set{schema.EventModule: "auditd", schema.EventAction: "violated-apparmor-policy", schema.EventType: "denied", schema.FilePath: "/etc/shadow"}, "1001/14", map[string]any{"action_id": 2.0, "disposition_id": 2.0}},
		{"the log is off", set{schema.EventModule: "auditd", schema.EventAction: "shutdown-audit"}, "1008/7", map[string]any{"log_name": "audit"}},
		{"a service", set{schema.EventModule: "auditd", schema.EventAction: "started-service", schema.ServiceName: "sshd"}, "6002/3", map[string]any{"app.name": "sshd"}},
		{"a name of the host", set{schema.EventModule: "auditd", schema.EventAction: "changed-system-name"}, "5019/1", nil},
		{"a container", set{schema.EventModule: "docker", schema.DockerEventType: "container", schema.EventAction: "start", schema.ContainerID: containerID, schema.ContainerImageName: "nginx"}, "6002/3",
			map[string]any{"app.uid": containerID, "device.container.uid": containerID, "device.container.image.uid": "nginx"}},
		{"a command in a container", set{schema.EventModule: "docker", schema.DockerEventType: "container", schema.EventAction: "exec_start", schema.DockerExecID: "abc", schema.DockerExecCommand: "sh", schema.ContainerID: containerID}, "1007/1",
			map[string]any{"process.uid": "abc", "process.cmd_line": "sh", "process.container.uid": containerID, "actor.app_name": "docker"}},
		{"an image", set{schema.EventModule: "docker", schema.DockerEventType: "image", schema.EventAction: "pull", schema.ContainerImageName: "nginx"}, "6003/1", map[string]any{"api.operation": "pull", "src_endpoint.name": "unknown", "resources.name": "nginx"}},
		{"a request", set{schema.EventModule: "kubernetes", schema.EventAction: "patch", schema.KubernetesAuditVerb: "patch", schema.KubernetesAuditObjectRefResource: "pods", schema.KubernetesAuditObjectRefSubresource: "status",
			schema.UserName: "ana", schema.SourceIP: "10.0.0.8", schema.HTTPResponseStatusCode: "403", schema.EventReason: "Forbidden"}, "6003/3",
			map[string]any{"api.operation": "patch pods/status", "api.response.code": 403.0, "status_code": "403", "status_detail": "Forbidden", "actor.user.name": "ana", "src_endpoint.ip": "10.0.0.8"}},
		{"an event of a cluster", set{schema.EventModule: "kubernetes", schema.EventAction: "BackOff"}, "0/99", nil},
		{"a build", set{schema.EventModule: "jenkins", schema.EventAction: "build-started", schema.JenkinsJobName: "a"}, "1006/6", map[string]any{"job.run_state_id": 3.0}},
		{"a script", set{schema.EventModule: "jenkins", schema.EventAction: "script-executed", schema.JenkinsScript: "println 1"}, "1009/1", map[string]any{"script.script_content.value": "println 1", "script.type_id": 99.0, "script.type": "Groovy"}},
		{"a device's own words", set{schema.EventModule: "cef", schema.EventAction: "executed", schema.ProcessPID: "7"}, "0/99", nil},
		{"we start", set{schema.EventModule: "tallyman", schema.EventAction: "started"}, "1008/6", nil},
		{"an alert", set{schema.EventKind: "alert", schema.EventModule: "auditd", schema.EventAction: "executed", schema.RuleID: "TM-ES-010", schema.RuleName: "Escape", schema.ThreatTacticID: "TA0004", schema.ThreatTechniqueID: "T1611",
			schema.ProcessPID: "7", schema.EventSeverity: "8"}, "2004/1",
			map[string]any{"finding_info.title": "Escape", "finding_info.analytic.uid": "TM-ES-010", "finding_info.attacks.technique.uid": "T1611", "finding_info.attacks.tactic.uid": "TA0004", "evidences.process.pid": 7.0, "severity_id": 4.0, "is_alert": true}},
	} {
		t.Run(one.name, func(t *testing.T) {
			text := render(t, c, with(one.fields))
			if _, err := o.Check([]byte(text)); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
			m := decoded(t, text)
			activity, _ := json.Marshal(m["activity_id"])
			class, _ := json.Marshal(m["class_uid"])
			if got := string(class) + "/" + string(activity); got != one.want {
				t.Errorf("class %s, want %s\n%s", got, one.want, text)
			}
			for path, want := range one.paths {
				if got := at(m, path); got != want {
					t.Errorf("%s is %v, want %v\n%s", path, got, want, text)
				}
			}
		})
	}
}

func TestSystemCalls(t *testing.T) {
	o, c := release(t), New(Options{})
	for _, one := range []struct {
		action, call, opid, want string
	}{
		{"killed-pid", "kill", "77", `"process":{"pid":77`},
		{"opened-file", "openat", "", `"kernel":{"name":"openat","type_id":2,"system_call":"openat"}`},
		{"keyctl", "keyctl", "", `"class_uid":1003,"category_uid":1,"activity_id":4`},
		{"loaded-kernel-module", "finit_module", "", `"driver":{"file":{"name":"overlay","type_id":1}}`},
	} {
		e := with(set{schema.EventModule: "auditd", schema.EventAction: one.action, schema.ProcessPID: "7"})
		e.Fields.AddNamed(schema.AuditdData, "syscall", event.String(one.call))
		e.Fields.AddNamed(schema.AuditdData, "name", event.String("overlay"))
		if one.opid != "" {
			e.Fields.AddNamed(schema.AuditdData, "opid", event.String(one.opid))
		}
		text := render(t, c, e)
		if _, err := o.Check([]byte(text)); err != nil || !strings.Contains(text, one.want) {
			t.Errorf("%s: %v\n%s", one.action, err, text)
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
