package alert

import (
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// mapped is a field and what products call it.
type mapped struct {
	key   schema.Key
	names []string
}

// product is how the alerts of one product read.
type product struct {
	module, dataset                              string
	time, action, outcome, severity, rule, image []string
	digest, message                              []string
	fields                                       []mapped
}

func of(names ...string) []string { return names }

var (
	aqua = product{module: "aqua", dataset: "aqua.events",
		time: of("time", "create_time", "timestamp"), action: of("action"), outcome: of("result"), severity: of("severity", "severity_score", "level"), rule: of("rule", "response_policy_name", "policy_name", "name"),
		image: of("image", "image_name"), digest: of("imagehash", "resource_digest", "imageid"), message: of("reason", "malware", "data"),
		fields: []mapped{{schema.UserName, of("user")}, {schema.UserID, of("uid")}, {schema.ContainerName, of("container", "container_name")}, {schema.ContainerID, of("containerid", "container_id")},
			{schema.HostName, of("host", "host_name")}, {schema.HostID, of("hostid", "host_id")}, {schema.SourceIP, of("hostip", "source_ip")}, {schema.ProcessName, of("process")}, {schema.ProcessCommandLine, of("command")},
			{schema.FilePath, of("resource", "path")}, {schema.KubernetesNamespace, of("k8s_namespace", "podnamespace")}, {schema.KubernetesPodName, of("podname", "k8s_pod")}, {schema.OrchestratorClusterName, of("k8s_cluster", "cluster")},
			{schema.RuleCategory, of("category", "event_category")}}}
	prisma = product{module: "prisma", dataset: "prisma.events",
		time: of("time", "timestamp"), action: of("type", "kind"), outcome: of("effect"), severity: of("severity"), rule: of("rule", "policyName", "ruleName"),
		image: of("image_name", "image", "imageName"), digest: of("imageID", "image_id"), message: of("message", "msg", "description"),
		fields: []mapped{{schema.UserName, of("user", "username")}, {schema.ContainerName, of("container", "container_name", "containerName")}, {schema.ContainerID, of("containerID", "container_id")},
			{schema.HostName, of("host", "hostname")}, {schema.HostHostname, of("fqdn")}, {schema.ProcessName, of("process", "process_name")}, {schema.ProcessExecutable, of("processPath", "process_path")}, {schema.ProcessCommandLine, of("command", "forensic/command")},
			{schema.FilePath, of("path", "filepath")}, {schema.SourceIP, of("ip", "source_ip", "srcIP")}, {schema.DestinationPort, of("port", "dstPort")}, {schema.KubernetesNamespace, of("namespace")}, {schema.OrchestratorClusterName, of("cluster", "clusters")},
			{schema.VulnerabilityID, of("cve")}, {schema.PackageName, of("package")}, {schema.PackageVersion, of("package_version")}, {schema.PackageFixedVersion, of("vendor_status")}, {schema.RuleID, of("vulnerability_id", "compliance_id", "ruleID")},
			{schema.EventReference, of("_id", "id", "alertId")}, {schema.RuleCategory, of("log_type", "category")}}}
	sysdig = product{module: "sysdig", dataset: "sysdig.events",
		time: of("timestamp", "timestampRFC3339Nano"), severity: of("severity"), rule: of("content/ruleName", "ruleName", "name"), image: of("labels/container.image.repo", "content/fields/container.image.repository"),
		digest: of("labels/container.image.digest"), message: of("content/output", "output", "description"),
		fields: []mapped{{schema.EventReference, of("id")}, {schema.ContainerID, of("containerId", "content/fields/container.id")}, {schema.ContainerName, of("labels/container.name", "content/fields/container.name")},
			{schema.HostName, of("labels/host.hostName", "hostname")}, {schema.HostID, of("machineId", "labels/host.mac")}, {schema.ProcessName, of("content/fields/proc.name", "labels/process.name")}, {schema.ProcessCommandLine, of("content/fields/proc.cmdline")},
			{schema.ProcessPID, of("content/fields/proc.pid")}, {schema.ProcessParentName, of("content/fields/proc.pname")}, {schema.UserName, of("content/fields/user.name", "labels/user.name")}, {schema.UserAuditID, of("content/fields/user.loginuid")},
			{schema.OrchestratorClusterName, of("labels/kubernetes.cluster.name")}, {schema.KubernetesNamespace, of("labels/kubernetes.namespace.name")}, {schema.KubernetesPodName, of("labels/kubernetes.pod.name")},
			{schema.KubernetesDeploymentName, of("labels/kubernetes.deployment.name")}, {schema.RuleCategory, of("category", "content/type")}, {schema.RuleRuleset, of("content/policyName", "policyName")}}}
)

// productOf finds out whose alert an object is, nil for none of them. Words that many
// programs use make none of theirs: something that is the product's has to be beside.
func productOf(n jsontree.Node) *product {
	has := func(list ...string) bool {
		for _, name := range list {
			if !n.Get(name).Is() {
				return false
			}
		}
		return true
	}
	some := func(list ...string) bool {
		for _, name := range list {
			if n.Get(name).Is() {
				return true
			}
		}
		return false
	}
	_, numbered := n.Get("result").Int() // Aqua counts from 1
	switch {
	case n.Get("content", "ruleName").Is(), has("agentId", "severity") && some("content", "containerId", "machineId", "policyId", "timestamp"), has("originator", "source", "timestamp"):
		return &sysdig
	case has("event_category", "result"), numbered && has("action") && some("category", "type"):
		return &aqua
	case has("rule", "message", "time") && some("effect", "containerID", "imageID", "image_name", "imageName", "fqdn", "collections", "accountID"),
		has("forensic", "rule"), has("imageID", "rule"), has("alertId", "policyName"), has("kind", "accountID", "time"):
		return &prisma
	}
	return nil
}

// head adds what kind of event it is, how bad, and how it ended.
func (p *product) head(f *event.Fields, a *alert) {
	action, word := a.text(p.action...), a.text(p.severity...)
	severity, known := severityOf(p, word)
	result := strings.ToLower(a.text(p.outcome...))
	outcome := ""
	switch result {
	case "deny", "denied", "block", "blocked", "prevent", "fail", "failed", "2":
		outcome = "failure"
	case "allow", "allowed", "success", "1":
		outcome = "success"
	}
	if !known && word != "" {
		a.doubt = "the severity " + word[:min(len(word), 64)] + " is not known"
	}
	if word == "" && outcome == "failure" {
		severity = 5
	}
	f.AddString(schema.EventKind, "alert")
	f.AddString(schema.EventModule, p.module)
	f.AddString(schema.EventCategory, "intrusion_detection")
	f.AddString(schema.EventType, "info")
	if outcome == "failure" {
		f.AddString(schema.EventType, "denied")
	}
	f.AddString(schema.EventAction, "alert")
	f.AddString(schema.EventCode, action)
	f.AddString(schema.EventOutcome, outcome)
	f.Add(schema.EventSeverity, event.Int(severity))
	f.AddString(schema.EventReason, result)
	f.AddString(schema.RuleName, a.text(p.rule...))
	message := a.text(p.message...)
	if len(message) <= record.MaxText {
		f.AddString(schema.Message, message)
	} else {
		a.doubt = "the message is too long for a field"
	}
	if word != "" {
		record.Label(f, "severity", word)
	}
}

// severityOf reads a word, or a number of the product's own scale: Sysdig counts
// as syslog does, from 0 for the worst to 7, Aqua from 1 to 4, or to 10.
func severityOf(p *product, word string) (int64, bool) {
	n, ok := number(word)
	switch {
	case word == "":
		return 5, true
	case !ok:
		return record.Severity(word)
	case p == &sysdig && n >= 0 && n <= 7:
		return [...]int64{10, 10, 10, 8, 5, 3, 2, 2}[n], true
	case p == &aqua && n >= 0 && n <= 10:
		return [...]int64{2, 3, 5, 8, 10, 10, 10, 10, 10, 10, 10}[n], true
	}
	return 5, false
}

func number(v string) (int64, bool) {
	n, err := strconv.ParseInt(v, 10, 64)
	return n, err == nil
}

func decimal(v string) (float64, bool) {
	n, err := strconv.ParseFloat(v, 64)
	return n, err == nil && n-n == 0
}

// when reads a time, or seconds to nanoseconds since 1970.
func when(v string) time.Time {
	if n, ok := decimal(v); ok {
		t, _ := record.Epoch(n)
		return t
	}
	t, ok := record.Time(v)
	if !ok {
		return time.Time{}
	}
	return t
}
