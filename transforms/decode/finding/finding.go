// Package finding understands the reports of scanners: Trivy and its operator,
// Clair, Grype, Aqua, Prisma Cloud (Twistlock), Harbor's scanners, JFrog Xray,
// NeuVector, Sysdig, kube-bench and kubeaudit. A report becomes one event for the
// scan, and one for each finding. It knows no transport.
package finding

import (
	"errors"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `finding`.
var Plugin = plugin.NewDecoder("finding", "Reports of scanners as JSON: Trivy and its operator, Clair, Grype, Aqua, Prisma Cloud, Harbor, Xray, NeuVector, Sysdig, kube-bench, kubeaudit.",
	func(env plugin.Env) plugin.Decoder { return &decoder{env: env} })

// Dataset is that of the events.
const Dataset = "scanner.findings"

const (
	// spare is the room of an event's fields.
	spare = 48
	// mostLabels is how much of a report beside its findings becomes labels.
	mostLabels = 128
	// keptReport is how large a report may be that is kept whole because more is in
	// it than labels hold, in bytes.
	keptReport = 64 << 10
	// tagTruncated marks an event whose text is not kept whole.
	tagTruncated = "tallyman_truncated"
)

var (
	errJSON   = errors.New("no JSON, nested too deep or too large")
	errReport = errors.New("no report of a scanner that is known")
)

// decoder belongs to one lane.
type decoder struct {
	env   plugin.Env
	doc   jsontree.Doc
	seed  []byte
	e     *event.Event
	out   *event.Batch
	count int
	found bool
}

// head is what a report says of all its findings.
type head struct {
	scanner, vendor, version, report string
	image                            record.Image
	artifact, kind, os               string
	namespace, workload, container   string
	host, cluster                    string
	time                             time.Time
}

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	root, ok := d.doc.Parse(strings.TrimSpace(strings.TrimPrefix(e.Raw, "\ufeff")))
	if !ok {
		return errJSON
	}
	d.e, d.out, d.count, d.found = &e, out, 0, false
	at := len(out.Events)
	out.Events = append(out.Events, event.Event{}) // the scan stands first
	h := head{}
	d.any(&h, root)
	if !d.found {
		return errReport
	}
	out.Events[at] = d.scan(&h, root)
	return nil
}

// scan is the event of the scan itself; it stands for the record.
func (d *decoder) scan(h *head, root jsontree.Node) event.Event {
	e := *d.e
	e.Decode, e.Dataset = "", Dataset
	e.Fields = d.out.Take(d.e.Fields, spare+mostLabels)
	f := &e.Fields
	d.common(&e, h, "scan-completed", "vulnerability", 2)
	f.AddString(schema.EventOutcome, "success")
	record.Label(f, "findings", itoa(d.count))
	left, full := 0, false
	root.Rest(func(path string, n jsontree.Node) {
		if left++; left > mostLabels || full {
			full = true
			return
		}
		full = !record.Label(f, path, n.Text())
	})
	switch {
	case !full:
		e.Raw = ""
	case len(e.Raw) > keptReport:
		e.Raw = ""
		f.AddString(schema.Tags, tagTruncated)
		record.Label(f, "report_bytes", itoa(len(d.e.Raw)))
	}
	e.ID, d.seed = record.LineID(d.seed, d.env.HostID, d.e, d.e.Raw, 0)
	return e
}

func itoa(n int) string { return string(event.Int(int64(n)).Append(nil)) }

// common adds what the scan and each finding say alike.
func (d *decoder) common(e *event.Event, h *head, action, category string, severity int64) {
	f := &e.Fields
	if e.Time = h.time; e.Time.IsZero() {
		e.Time = d.e.Seen // many reports have none
	}
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "scanner")
	f.AddString(schema.EventProvider, strings.ToLower(h.scanner))
	f.AddString(schema.EventCategory, category)
	f.AddString(schema.EventType, "info")
	f.AddString(schema.EventAction, action)
	f.Add(schema.EventSeverity, event.Int(severity))
	f.AddString(schema.VulnerabilityScannerVendor, h.vendor)
	f.AddString(schema.VulnerabilityReportID, h.report)
	record.Label(f, "scanner_version", h.version)
	f.AddString(schema.HostName, h.host)
	h.image.Fields(f)
	h.image.OCI(f)
	f.AddString(schema.RelatedHash, h.image.Digest)
	record.Label(f, "artifact", h.artifact)
	record.Label(f, "artifact_type", h.kind)
	record.Label(f, "artifact_os", h.os)
	f.AddString(schema.OrchestratorClusterName, h.cluster)
	if h.namespace != "" {
		f.AddString(schema.OrchestratorType, "kubernetes")
		f.AddString(schema.OrchestratorNamespace, h.namespace)
		f.AddString(schema.KubernetesNamespace, h.namespace)
	}
	f.AddString(schema.OrchestratorResourceName, h.workload)
	f.AddString(schema.KubernetesContainerName, h.container)
}

// The kinds of finding.
const (
	vulnerability = "vulnerability-found"
	misconfigured = "misconfiguration-found"
	secret        = "secret-found"
	license       = "license-found"
	passed        = "check-passed"
)

// finding adds the event of one finding.
func (d *decoder) finding(h *head, action string, n jsontree.Node, s *names, typ string) {
	d.count++
	e := *d.e
	e.Decode, e.Dataset, e.Records = "", Dataset, 0
	e.Fields = d.out.Take(d.e.Fields, spare)
	f := &e.Fields
	word := n.Any(s.severity...).Text()
	category, severity, known := "vulnerability", int64(0), false
	if severity, known = record.Severity(word); word == "" || strings.EqualFold(word, "unknown") {
		severity, known = 3, true
	}
	outcome := ""
	switch status := strings.ToUpper(n.Any(s.status...).Text()); {
	case action == misconfigured && (status == "PASS" || status == "TRUE" || status == "OK"):
		action, outcome, severity = passed, "success", 1
	case action == misconfigured && (status == "INFO" || status == "NOTE" || status == "MANUAL" || status == "EXCEPTION" || status == "WARN" && s == &benchTest):
		outcome, severity = "unknown", min(severity, 3) // somebody has to look: kube-bench warns where it cannot tell
	case action == misconfigured:
		outcome = "failure"
	}
	if action == misconfigured || action == passed {
		category = "configuration"
	}
	d.common(&e, h, action, category, severity)
	f.AddString(schema.EventOutcome, outcome)
	id := n.Any(s.id...).Text()
	if id == "" {
		id = cve(n)
	}
	f.AddString(schema.EventCode, id)
	f.AddString(schema.VulnerabilityID, id)
	f.AddString(schema.VulnerabilitySeverity, word)
	f.AddString(schema.VulnerabilityCategory, typ)
	if v, ok := score(n, s); ok {
		f.Add(schema.VulnerabilityScoreBase, event.Float(v))
	}
	f.AddString(schema.PackageName, n.Any(s.pkg...).Text())
	f.AddString(schema.PackageVersion, n.Any(s.version...).Text())
	f.AddString(schema.PackageFixedVersion, text(n.Any(s.fixed...)))
	f.AddString(schema.PackageType, n.Any(s.kind...).Text())
	f.AddString(schema.PackagePath, n.Any(s.path...).Text())
	f.AddString(schema.VulnerabilityReference, text(n.Any(s.link...)))
	if about := n.Any(s.text...); len(about.JSON()) <= record.MaxText {
		f.AddString(schema.VulnerabilityDescription, text(about))
	}
	message := text(n.Any(s.title...))
	if message == "" {
		message = id
	}
	f.AddString(schema.RuleName, message)
	f.AddString(schema.Message, strings.TrimSpace(id+" "+n.Any(s.pkg...).Text()+" "+n.Any(s.version...).Text()))
	e.ID, d.seed = record.LineID(d.seed, d.env.HostID, d.e, n.JSON(), d.count)
	switch e.Raw = n.JSON(); {
	case !known:
		record.Doubt(f, "the severity "+word[:min(len(word), 64)]+" is not known")
	case id == "" && message == "":
		record.Doubt(f, "the finding has no name")
	case !n.Left():
		e.Raw = ""
	}
	n.Skip() // the finding has it; the scan need not
	d.out.Events = append(d.out.Events, e)
}

// score is the CVSS score: a member of its own, or Trivy's, by who gave it.
func score(n jsontree.Node, s *names) (v float64, ok bool) {
	if v, ok = n.Any(s.score...).Float(); ok {
		return v, true
	}
	n.Get("CVSS").Each(func(_ string, by jsontree.Node) {
		if !ok {
			v, ok = by.Any("V40Score", "V3Score", "V2Score").Float()
		}
	})
	return v, ok
}

// cve is the first CVE that a finding of Xray lists, which may have no id.
func cve(n jsontree.Node) (id string) {
	cves := n.Get("cves")
	if !cves.Is() {
		cves = n.Get("component_versions", "more_details", "cves")
	}
	cves.Each(func(_ string, c jsontree.Node) {
		if id == "" {
			id = c.Get("cve").Str()
		}
	})
	return id
}

// text takes a scalar, or the texts of a list.
func text(n jsontree.Node) string {
	if !n.IsArray() {
		return n.Text()
	}
	var list []string
	n.Each(func(_ string, m jsontree.Node) {
		if t := m.Text(); t != "" {
			list = append(list, t)
		}
	})
	return strings.Join(list, ", ")
}

// all adds a finding for each item of a list or member of an object.
func (d *decoder) all(h *head, action string, n jsontree.Node, s *names, typ string) {
	n.Each(func(_ string, m jsontree.Node) {
		if m.IsObject() {
			d.finding(h, action, m, s, typ)
		}
	})
}
