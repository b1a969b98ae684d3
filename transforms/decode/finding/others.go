package finding

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// artifact adds the package that a finding is about, where it stands beside it.
func (d *decoder) artifact(e *event.Event, a, v jsontree.Node) {
	f := &e.Fields
	f.AddString(schema.PackageName, a.Get("name").Str())
	f.AddString(schema.PackageVersion, a.Get("version").Str())
	f.AddString(schema.PackageType, a.Any("type", "format").Str())
	f.AddString(schema.PackageFixedVersion, text(v.Get("fix", "versions")))
	if path := a.Get("path").Str(); path != "" {
		f.AddString(schema.PackagePath, path)
	} else {
		done := false
		a.Get("locations").Each(func(_ string, l jsontree.Node) {
			if p := l.Get("path").Str(); !done && p != "" {
				f.AddString(schema.PackagePath, p)
				done = true
			}
		})
	}
}

// aqua reads reports of Aqua's scanner, of its console and of its API.
func (d *decoder) aqua(h *head, n jsontree.Node) {
	h.scanner, h.vendor = "aqua", "Aqua Security"
	if ref := n.Any("image", "image_name").Str(); ref != "" {
		h.image = record.ParseImage(ref)
	}
	if registry := n.Get("registry").Str(); h.image.Registry == "" {
		h.image.Registry = registry
	}
	h.image.Digest = n.Get("digest").Str()
	h.os = strings.TrimSpace(n.Get("os").Str() + " " + n.Get("version").Str())
	h.at(n.Get("scan_started"))
	n.Get("resources").Each(func(_ string, r jsontree.Node) {
		r.Get("vulnerabilities").Each(func(_ string, v jsontree.Node) {
			d.finding(h, vulnerability, v, &aquaVuln, "vulnerability")
			d.artifact(&d.out.Events[len(d.out.Events)-1], r.Get("resource"), jsontree.Node{})
		})
		r.Get("resource").Skip() // each of its findings has it
		r.Get("scanned").Skip()
	})
	d.all(h, vulnerability, n.Get("cves"), &aquaVuln, "vulnerability")
	n.Get("result").Each(func(_ string, v jsontree.Node) {
		in := *h
		if ref := v.Get("image_name").Str(); ref != "" {
			in.image = record.ParseImage(ref)
		}
		d.finding(&in, vulnerability, v, &aquaVuln, "vulnerability")
	})
}

// prisma reads a report of twistcli, or of the console of Prisma Cloud Compute.
func (d *decoder) prisma(h *head, n jsontree.Node) {
	h.scanner, h.vendor = "prisma", "Palo Alto Networks"
	n.Get("results").Each(func(_ string, r jsontree.Node) {
		in := *h
		in.image = record.ParseImage(r.Get("name").Str())
		if in.image.Digest = r.Get("digest").Str(); in.image.Digest == "" {
			in.image.Digest = r.Get("id").Str()
		}
		in.os, in.report = r.Get("distro").Str(), r.Get("scanID").Text()
		in.at(r.Get("scanTime"))
		d.all(&in, vulnerability, r.Get("vulnerabilities"), &prismaVuln, "vulnerability")
		d.all(&in, misconfigured, r.Get("compliances"), &prismaConf, "compliance")
		r.Get("packages").Skip() // an inventory, not a finding
		*h = in
	})
}

// harbor reads the report of a scanner that Harbor drives.
func (d *decoder) harbor(h *head, n jsontree.Node) {
	s := n.Get("scanner")
	h.scanner, h.vendor, h.version = s.Get("name").Str(), s.Get("vendor").Str(), s.Get("version").Str()
	h.at(n.Get("generated_at"))
	a := n.Get("artifact")
	h.image = record.Image{Name: a.Get("repository").Str(), Tag: a.Get("tag").Str(), Digest: a.Get("digest").Str()}
	d.all(h, vulnerability, n.Get("vulnerabilities"), &harborVuln, "vulnerability")
}

// xray reads reports of JFrog Xray.
func (d *decoder) xray(h *head, n jsontree.Node) {
	h.scanner, h.vendor = "xray", "JFrog"
	n.Any("rows", "data").Each(func(_ string, r jsontree.Node) {
		in := *h
		in.at(r.Any("artifact_scan_time", "edited"))
		if ref, ok := strings.CutPrefix(r.Get("impacted_artifact").JSON(), "docker://"); ok {
			in.image = record.ParseImage(ref)
		}
		d.finding(&in, vulnerability, r, &xrayVuln, "vulnerability")
	})
}

// neuvector reads scans and compliance checks of NeuVector.
func (d *decoder) neuvector(h *head, n jsontree.Node) {
	h.scanner, h.vendor = "neuvector", "SUSE"
	r := n.Get("report")
	if repository := r.Get("repository").Str(); repository != "" {
		h.image = record.Image{Registry: r.Get("registry").Str(), Name: repository, Tag: r.Get("tag").Str(), Digest: r.Get("digest").Str()}
	}
	h.at(n.Any("run_at", "run_timestamp"))
	d.all(h, vulnerability, r.Get("vulnerabilities"), &vectorVuln, "vulnerability")
	d.all(h, misconfigured, r.Get("checks"), &vectorConf, "compliance")
	d.all(h, misconfigured, n.Get("items"), &vectorConf, "compliance")
}

// sysdig reads a result of sysdig-cli-scanner.
func (d *decoder) sysdig(h *head, n jsontree.Node) {
	h.scanner, h.vendor, h.version = "sysdig", "Sysdig", n.Get("scanner", "version").Str()
	h.at(n.Get("info", "scanTime"))
	h.report = n.Get("info", "resultId").Str()
	r := n.Get("result")
	h.kind = r.Get("type").Str()
	m := r.Get("metadata")
	h.image = record.ParseImage(m.Get("pullString").Str())
	h.image.Digest, h.os = m.Get("digest").Str(), m.Get("baseOs").Str()
	r.Get("packages").Each(func(_ string, p jsontree.Node) {
		p.Get("vulns").Each(func(_ string, v jsontree.Node) {
			sev := v.Get("severity")
			d.finding(h, vulnerability, v, &sysdigVuln, "vulnerability")
			e := &d.out.Events[len(d.out.Events)-1]
			d.artifact(e, p, jsontree.Node{})
			if sev.IsObject() {
				word := sev.Get("value").JSON()
				if n, ok := record.Severity(word); ok {
					e.Fields.Set(schema.EventSeverity, event.Int(n))
				}
				e.Fields.AddString(schema.VulnerabilitySeverity, word)
			}
		})
		p.Skip() // what has no finding is an inventory
	})
}

// bench reads the checks of kube-bench.
func (d *decoder) bench(h *head, n jsontree.Node) {
	h.scanner, h.vendor = "kube-bench", "Aqua Security"
	h.version = n.Get("version").Text()
	n.Get("Controls").Each(func(_ string, c jsontree.Node) { d.bench(h, c) })
	n.Get("tests").Each(func(_ string, t jsontree.Node) {
		d.all(h, misconfigured, t.Get("results"), &benchTest, n.Get("node_type").Str())
	})
}
