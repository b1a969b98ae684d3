package finding

import (
	"strings"
	"time"

	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
)

// any finds out whose report it is, by the members it has.
func (d *decoder) any(h *head, n jsontree.Node) {
	has := func(list ...string) bool {
		for _, name := range list {
			if !n.Get(name).Is() {
				return false
			}
		}
		return true
	}
	var read func(*head, jsontree.Node)
	switch {
	case n.IsArray():
		n.Each(func(_ string, m jsontree.Node) {
			inner := head{}
			d.any(&inner, m)
			*h = merged(*h, inner)
		})
		return
	case has("kind", "items"):
		n.Get("kind").Skip()
		d.any(h, n.Get("items"))
		return
	case has("apiVersion") && strings.HasPrefix(n.Get("apiVersion").JSON(), "aquasecurity.github.io/"):
		read = d.operator
	case has("Target") && (has("Vulnerabilities") || has("Misconfigurations") || has("Secrets")):
		read = func(h *head, n jsontree.Node) { trivyHead(h, n); d.trivyResult(h, n) }
	case has("ClusterName"), has("SchemaVersion", "ArtifactName"), has("Results", "ArtifactType"):
		read = d.trivy
	case has("matches") && n.Get("matches").IsArray():
		read = d.grype
	case has("manifest_hash", "vulnerabilities"), has("LayerCount", "Vulnerabilities"), has("unapproved", "vulnerabilities"):
		read = d.clair
	case has("image_name") && n.Get("results").IsObject():
		read = func(h *head, n jsontree.Node) {
			h.image = record.ParseImage(n.Get("image_name").Str())
			d.aqua(h, n.Get("results"))
		}
	case has("image", "resources"), has("image_name", "cves"), has("count", "result", "page") && listOf(n.Get("result"), true, "image_name", "aqua_severity"):
		read = d.aqua
	case listOf(n.Get("results"), has("consoleURL"), "vulnerabilities", "compliances", "vulnerabilityDistribution", "complianceDistribution", "scanID"):
		read = d.prisma
	case has("total_rows", "rows") && listOf(n.Get("rows"), true, xrayMembers...), has("total_count", "data") && listOf(n.Get("data"), false, xrayMembers...):
		read = d.xray
	case hasAny(n.Get("report"), "vulnerabilities", "checks"), has("items", "kubernetes_cis_version"), has("items", "run_at"):
		read = d.neuvector
	case has("tests", "node_type"), has("Controls"):
		read = d.bench
	case has("AuditResultName"):
		read = func(h *head, n jsontree.Node) {
			h.scanner, h.vendor = "kubeaudit", "Shopify"
			h.at(n.Get("time"))
			h.namespace, h.workload = n.Get("ResourceNamespace").Str(), n.Get("ResourceName").Str()
			d.finding(h, misconfigured, n, &kubeaudit, n.Get("ResourceKind").Str())
		}
	case (has("scanner") || has("info")) && hasAny(n.Get("result"), "packages", "metadata", "policyEvaluations", "policies"):
		read = d.sysdig
	case n.Get("scanner").IsObject() && (has("vulnerabilities") || has("severity")):
		read = d.harbor
	default:
		n.Each(func(name string, m jsontree.Node) {
			if strings.HasPrefix(name, "application/vnd.") && m.IsObject() && m.Get("scanner").Is() {
				d.harbor(h, m)
				d.found = true
			}
		})
		return
	}
	d.found = true
	read(h, n)
}

// xrayMembers are those of a finding of Xray, of which each has one.
var xrayMembers = []string{"issue_id", "impacted_artifact", "vulnerable_component", "component_versions", "source_comp_id"}

// hasAny reports whether n is an object with one of some members.
func hasAny(n jsontree.Node, members ...string) bool {
	for _, name := range members {
		if n.IsObject() && n.Get(name).Is() {
			return true
		}
	}
	return false
}

// listOf reports whether n is a list of objects that have one of some members. Of an
// empty list, which many programs write under the same name, the caller knows.
func listOf(n jsontree.Node, empty bool, members ...string) bool {
	if !n.IsArray() || n.Len() == 0 {
		return n.IsArray() && empty
	}
	ours, first := false, true
	n.Each(func(_ string, m jsontree.Node) {
		if first {
			ours, first = hasAny(m, members...), false
		}
	})
	return ours
}

// merged keeps what two reports of one record have in common.
func merged(a, b head) head {
	if a.scanner == "" {
		return b
	}
	return head{scanner: a.scanner, vendor: a.vendor, version: a.version, time: a.time}
}

// at reads the time of a report.
func (h *head) at(n jsontree.Node) {
	if t, ok := record.Time(n.Str()); ok {
		h.time = t
	} else if seconds, ok := n.Get("seconds").Float(); ok {
		h.time, _ = record.Epoch(seconds)
		if nanos, ok := n.Get("nanos").Int(); ok && nanos >= 0 && nanos < 1e9 && !h.time.IsZero() {
			h.time = h.time.Add(time.Duration(nanos))
		}
	} else if v, ok := n.Float(); ok {
		h.time, _ = record.Epoch(v)
	}
}

func trivyHead(h *head, n jsontree.Node) {
	h.scanner, h.vendor, h.version = "trivy", "Aqua Security", n.Get("Trivy", "Version").Str()
	h.report, h.artifact, h.kind = n.Get("ReportID").Str(), n.Get("ArtifactName").Str(), n.Get("ArtifactType").Str()
	h.at(n.Get("CreatedAt"))
	n.Get("SchemaVersion").Skip()
	m := n.Get("Metadata")
	h.os = strings.TrimSpace(m.Get("OS", "Family").Str() + " " + m.Get("OS", "Name").Str())
	reference := text(m.Get("RepoTags"))
	if h.kind == "container_image" && reference == "" {
		reference = h.artifact
	}
	if reference != "" {
		first, _, _ := strings.Cut(reference, ", ")
		h.image = record.ParseImage(first)
	}
	if digests := text(m.Get("RepoDigests")); digests != "" {
		first, _, _ := strings.Cut(digests, ", ")
		h.image.Digest = record.ParseImage(first).Digest
	}
	if id := m.Get("ImageID").Str(); h.image.Digest == "" {
		h.image.Digest = id
	}
}

// trivy reads a report of `trivy -f json`, of one artifact or of a cluster.
func (d *decoder) trivy(h *head, n jsontree.Node) {
	trivyHead(h, n)
	n.Get("Results").Each(func(_ string, r jsontree.Node) { d.trivyResult(h, r) })
	h.cluster = n.Get("ClusterName").Str()
	for _, part := range [...]string{"Vulnerabilities", "Misconfigurations", "Resources", "Findings"} {
		n.Get(part).Each(func(_ string, o jsontree.Node) {
			in := *h
			in.namespace, in.workload, in.kind = o.Get("Namespace").Str(), o.Get("Name").Str(), o.Get("Kind").Str()
			o.Get("Results").Each(func(_ string, r jsontree.Node) { d.trivyResult(&in, r) })
		})
	}
}

func (d *decoder) trivyResult(h *head, r jsontree.Node) {
	in := *h
	if in.artifact == "" {
		in.artifact = r.Get("Target").Str()
	}
	class, kind := r.Get("Class").Str(), r.Get("Type").Str()
	if class == "" {
		class = kind
	}
	d.all(&in, vulnerability, r.Get("Vulnerabilities"), &trivyVuln, class)
	d.all(&in, misconfigured, r.Get("Misconfigurations"), &trivyConf, class)
	d.all(&in, secret, r.Get("Secrets"), &trivySecret, "secret")
	d.all(&in, license, r.Get("Licenses"), &trivyLicense, "license")
}

// operator reads a custom resource of Trivy Operator.
func (d *decoder) operator(h *head, n jsontree.Node) {
	h.kind = n.Get("kind").Str()
	n.Get("apiVersion").Skip()
	m, r := n.Get("metadata"), n.Get("report")
	h.report, h.namespace = m.Get("uid").Str(), m.Get("namespace").Str()
	l := m.Get("labels")
	h.workload, h.container = l.Get("trivy-operator.resource.name").Str(), l.Get("trivy-operator.container.name").Str()
	s := r.Get("scanner")
	h.scanner, h.vendor, h.version = s.Get("name").Str(), s.Get("vendor").Str(), s.Get("version").Str()
	if h.scanner == "" {
		h.scanner, h.vendor = "trivy", "Aqua Security"
	}
	if h.at(r.Get("updateTimestamp")); h.time.IsZero() {
		h.at(m.Get("creationTimestamp"))
	}
	a := r.Get("artifact")
	server := r.Get("registry", "server").Str()
	h.image = record.Image{Registry: server, Name: strings.TrimPrefix(server+"/"+a.Get("repository").Str(), "/"), Tag: a.Get("tag").Str(), Digest: a.Get("digest").Str()}
	if h.image.Name == server+"/" || h.image.Name == "" {
		h.image = record.Image{}
	}
	d.all(h, vulnerability, r.Get("vulnerabilities"), &operatorVuln, "vulnerability")
	d.all(h, misconfigured, r.Get("checks"), &operatorCheck, "config")
	d.all(h, secret, r.Get("secrets"), &operatorSecret, "secret")
	status := n.Get("status")
	d.all(h, misconfigured, status.Get("summaryReport", "controlCheck"), &operatorCheck, "compliance")
	status.Get("detailReport", "results").Each(func(_ string, c jsontree.Node) {
		d.all(h, misconfigured, c.Get("checks"), &operatorCheck, "compliance")
	})
}

// clair reads reports of Clair: clair-scanner's, Klar's, and those of version 4.
func (d *decoder) clair(h *head, n jsontree.Node) {
	h.scanner, h.vendor = "clair", "Red Hat"
	if ref := n.Get("image").Str(); ref != "" {
		h.image = record.ParseImage(ref)
	}
	if v := n.Get("vulnerabilities"); v.IsArray() {
		d.all(h, vulnerability, v, &clairVuln, "vulnerability")
	} else if v.IsObject() { // version 4: by id, and which package has which
		h.image.Digest = n.Get("manifest_hash").Str()
		d.all(h, vulnerability, v, &clairVuln, "vulnerability")
	}
	n.Get("Vulnerabilities").Each(func(_ string, list jsontree.Node) { d.all(h, vulnerability, list, &clairVuln, "vulnerability") })
}

// grype reads a report of Anchore Grype.
func (d *decoder) grype(h *head, n jsontree.Node) {
	h.scanner, h.vendor, h.version = "grype", "Anchore", n.Get("descriptor", "version").Str()
	h.at(n.Get("descriptor", "timestamp"))
	h.kind = n.Get("source", "type").Str()
	t := n.Get("source", "target")
	if ref := t.Get("userInput").Str(); ref != "" && h.kind == "image" {
		h.image = record.ParseImage(ref)
		h.image.Digest = t.Get("manifestDigest").Str()
	}
	h.os = strings.TrimSpace(n.Get("distro", "name").Str() + " " + n.Get("distro", "version").Str())
	n.Get("matches").Each(func(_ string, m jsontree.Node) {
		v, a := m.Get("vulnerability"), m.Get("artifact")
		d.finding(h, vulnerability, v, &grypeVuln, "vulnerability")
		e := &d.out.Events[len(d.out.Events)-1]
		d.artifact(e, a, v)
		e.Raw = m.JSON()
		m.Skip()
	})
}
