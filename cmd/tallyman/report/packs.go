package report

import (
	"slices"
	"strings"

	"tallyman/pipeline/schema"
)

// Pack is a standard whose controls a report is ordered by.
type Pack struct {
	Name, Title string
	field       schema.Key // of an alert: the controls that its rule serves
	texts       map[string]string
	serves      map[string][]string // controls by the id of a section
}

// Packs are those that there are. What a control is about is said in our words.
func Packs() []Pack {
	return []Pack{
		{Name: "pci-dss", Title: "PCI DSS 4.0", field: schema.TallymanCompliancePCIDSS, texts: map[string]string{
			"1.2.5": "services, protocols and ports in use are identified and approved", "1.2.6": "insecure services are mitigated", "1.3.2": "outbound traffic is restricted",
			"6.5.1": "changes of systems follow a procedure", "7.2.1": "access is given by a model", "8.6.3": "secrets of system accounts are protected", "10.2.1.1": "access of individuals to data",
			"10.3.3": "audit logs are backed up to another place",
			"7.2.5":  "application and system accounts have least privilege", "8.2.2": "shared accounts are exceptions", "8.3.4": "failed authentication is limited",
			"10.2.1.2": "actions of those with administrative access", "10.2.1.3": "access to audit logs", "10.2.1.4": "invalid logical access attempts",
			"10.2.1.5": "changes to identities and credentials", "10.2.1.6": "start, stop and pause of audit logs", "10.2.1.7": "creation and deletion of system-level objects",
			"10.3.1": "read access to audit logs is limited", "10.3.2": "audit logs are protected from change", "10.3.4": "changes of audit logs are detected",
			"10.4.1.1": "logs are reviewed by automatic means", "10.6.3": "time settings are protected, changes are logged", "10.7.2": "failures of security controls are detected",
			"11.5.1": "intrusions are detected", "11.5.2": "changes of critical files are detected",
		}, serves: map[string][]string{"PRIV": {"10.2.1.2"}, "ACC": {"10.2.1.4"}, "CONF": {"10.2.1.6", "10.6.3"}, "ADM": {"10.2.1.5"}, "LOSS": {"10.7.2"}}},
		{Name: "cis-docker", Title: "CIS Docker Benchmark 1.6.0", field: schema.TallymanComplianceCISDocker, texts: map[string]string{
			"1": "host configuration", "2": "Docker daemon configuration", "3": "files of the daemon's configuration", "4": "images and build files", "5": "container runtime", "7": "swarm",
		}, serves: map[string][]string{"PRIV": {"5.23", "5.24"}, "ADM": {"1.1.2"}, "IMG": {"4"}}},
		{Name: "nist-800-190", Title: "NIST SP 800-190", field: schema.TallymanComplianceNIST800190, texts: map[string]string{
			"3.1": "image risks", "3.2": "registry risks", "3.3": "orchestrator risks", "3.4": "container risks", "3.5": "host OS risks",
		}, serves: map[string][]string{"PRIV": {"3.5.4"}, "ACC": {"3.3.2", "3.5.4"}, "IMG": {"3.1", "3.2"}, "ADM": {"3.3.1", "3.5.4"}}},
	}
}

// about says what a control, or what it is a part of, is about.
func (p *Pack) about(control string) string {
	for part := control; ; part = part[:strings.LastIndexByte(part, '.')] {
		if text, ok := p.texts[part]; ok {
			return text
		}
		if !strings.Contains(part, ".") {
			return ""
		}
	}
}

func newTables(o *Options) tables {
	t := tables{pack: &o.Pack, control: map[string]*Row{}, seen: map[string]struct{}{}}
	add := func(to *table, id, title, intro, empty string, columns ...string) {
		to.Section = Section{ID: id, Title: title, Intro: intro, Empty: empty, Columns: columns, Serves: o.Pack.serves[id]}
	}
	add(&t.controls, "CTL", "Controls", "Alerts of the rules that name a control. A control without alerts was watched by the rules that stand beside it, where their sources were there.",
		"No rule names a control of this pack.", "Control", "About", "Rules in force")
	add(&t.rules, "RULE", "Rules that matched", "Each alert is one match. Folded repeats are those that a rule's suppress kept back.", "No rule matched.", "Rule", "Title", "Severity", "Controls")
	add(&t.privileged, "PRIV", "Privileged access", "Who used root, the engine or the orchestrator to act in or on which container.", "No privileged access is recorded.", "Who", "As", "How", "Container", "Image")
	add(&t.access, "ACC", "Access, granted and refused", "Logins, sessions and authentications, and requests that were forbidden.", "No access is recorded.", "Who", "Action", "From", "Where", "Outcome")
	add(&t.config, "CONF", "Changes of audit, time and access-control configuration", "Audit rules and daemon, clock, SELinux, and files that hold their settings.", "No change is recorded.", "What", "Who", "Where", "Outcome")
	add(&t.images, "IMG", "Images", "Images whose containers were met, and what engines and registries did with images.", "No image is recorded.", "Image", "Tag", "Digest", "From", "What")
	add(&t.admins, "ADM", "Who was given what", "Roles, groups, accounts and tokens that were given, changed or taken, as far as the logs show. What was given before the period is not here.",
		"No change of rights is recorded.", "Change", "Of", "To", "By", "Where", "Outcome")
	add(&t.losses, "LOSS", "Known losses", "What tallyman said of losses: of the kernel, of serials that never came, of files and of its own journal.", "No loss is recorded.", "Host", "Part", "Kind", "What happened")
	add(&t.sources, "SRC", "Sources", "Every event of the period, by where it is from. These figures are not in events.csv; ask for the events by the expression.", "There are no events.", "Source", "Host")
	rules, names := map[string][]string{}, []string{}
	for _, r := range o.Rules {
		for _, c := range r.Controls {
			if rules[c] == nil {
				names = append(names, c)
			}
			rules[c] = append(rules[c], r.ID)
		}
	}
	slices.SortFunc(names, Natural)
	for _, c := range names {
		t.control[c] = t.controls.row([]string{cell(c), o.Pack.about(c), strings.Join(rules[c], " ")})
	}
	t.controls.fixed = true
	return t
}

// Natural compares numbers of controls: 5.9 comes before 5.10.
func Natural(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		return strings.Compare(x, y)
	})
}
