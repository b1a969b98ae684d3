package report

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// internal is the dataset of what tallyman says of itself.
const internal = "tallyman.internal"

// maxContainers is how many containers are told apart for the table of images.
const maxContainers = 50_000

// tables are those of a report.
type tables struct {
	pack                                                        *Pack
	controls, rules, privileged, access, config, images, admins table
	losses, sources                                             table
	control                                                     map[string]*Row
	seen                                                        map[string]struct{} // containers
}

// judge counts an event in every table that it belongs to, and appends the codes of
// the figures to codes.
func (t *tables) judge(e *event.Event, at time.Time, alert bool, codes []string) []string {
	t.source(e, at)
	if alert {
		return t.alert(e, at, codes)
	}
	if e.Dataset == internal {
		return append(codes, t.losses.count(e, at, host(e), get(e, schema.TallymanComponent), get(e, schema.EventAction), get(e, schema.Message)))
	}
	action, category := get(e, schema.EventAction), category(e)
	if how := privilege(e, action); how != "" {
		codes = append(codes, t.privileged.count(e, at, who(e), effective(e), how, container(e), image(e)))
	}
	if category.access || status(e) == 401 || status(e) == 403 {
		codes = append(codes, t.access.count(e, at, who(e), action, first(get(e, schema.SourceIP), get(e, schema.SourceAddress)), place(e), outcome(e)))
	}
	if what := auditConfig(e, action); what != "" {
		codes = append(codes, t.config.count(e, at, what, who(e), place(e), outcome(e)))
	}
	if category.iam || get(e, schema.KubernetesAuditObjectRefSubresource) == "token" {
		codes = append(codes, t.admins.count(e, at, action, granted(e), first(get(e, schema.UserTargetName), get(e, schema.UserTargetID)), who(e), place(e), outcome(e)))
	}
	if what := t.image(e, action); what != "" {
		codes = append(codes, t.images.count(e, at, image(e), first(get(e, schema.ContainerImageTag), get(e, schema.OCITag)),
			first(get(e, schema.ContainerImageHashAll), get(e, schema.OCIDigest)), registry(e), what))
	}
	return codes
}

// source counts where events come from. These figures are asked for by their dataset;
// the events behind them are all that there are.
func (t *tables) source(e *event.Event, at time.Time) {
	r := t.sources.row([]string{cell(e.Dataset), cell(host(e))})
	r.add(e, at)
	if r.Expr == "" && r != t.sources.others {
		r.Expr = "event.dataset == " + strconv.Quote(r.Cells[0]) + " && host.name == " + strconv.Quote(r.Cells[1])
	}
}

// alert counts what a rule said, for itself and for each control that it serves.
func (t *tables) alert(e *event.Event, at time.Time, codes []string) []string {
	folded, _ := e.Get(schema.TallymanSuppressed).Uint64()
	var serves []string
	for _, fields := range [...]event.Fields{e.Fields, e.Shared} {
		for v := range fields.All(t.pack.field) {
			serves = append(serves, v.Str())
		}
	}
	if len(serves) == 0 {
		return append(codes, t.rules.count(e, at, "other rules", "They name no control of this pack.", "", ""))
	}
	r := t.rules.row([]string{cell(get(e, schema.RuleID)), cell(get(e, schema.RuleName)), levels[level(severity(e))], cell(strings.Join(serves, ", "))})
	r.Folded += folded
	codes = append(codes, r.add(e, at))
	for _, c := range serves {
		r := t.control[c]
		if r == nil {
			r = t.controls.row([]string{cell(c), t.pack.about(c), "a rule that is not in force now"})
			if r != t.controls.others {
				t.control[strings.Clone(c)] = r
			}
		}
		r.Folded += folded
		codes = append(codes, r.add(e, at))
	}
	return codes
}

// image says what an event tells of an image: what an engine or a registry did with
// it, or that a container of it was met for the first time.
func (t *tables) image(e *event.Event, action string) string {
	if image(e) == "" {
		return ""
	}
	switch e.Dataset {
	case "docker.events":
		if slices.Contains([]string{"create", "start", "restart", "pull", "load", "import", "push", "save", "tag", "untag", "delete", "build", "commit"}, action) {
			return action
		}
	default:
		if get(e, schema.OCIRepository) != "" {
			return action
		}
	}
	id := get(e, schema.ContainerID)
	if _, met := t.seen[id]; met || id == "" || len(t.seen) >= maxContainers {
		return ""
	}
	t.seen[strings.Clone(id)] = struct{}{}
	return "container met"
}

// privilege says by what privileged access an event came to be, "" for none.
func privilege(e *event.Event, action string) string {
	in := get(e, schema.ContainerID) != ""
	root := first(get(e, schema.UserEffectiveID), get(e, schema.UserID)) == "0"
	person := get(e, schema.UserAuditID)
	switch {
	case action == "ran-command":
		return "ran a command through sudo"
	case action == "executed" && root && (person != "" && person != "0" || get(e, schema.UserID) != "0"):
		return "became root"
	case action == "executed" && root && in:
		return "root in a container"
	case action == "joined-namespace":
		return "joined a namespace"
	case e.Dataset == "docker.events" && (action == "exec_create" || action == "exec_start") && !e.Get(schema.DockerExecHealthcheck).True():
		return "exec by the engine"
	case e.Dataset == "docker.events" && action == "attach":
		return "attached by the engine"
	case e.Dataset == "docker.events" && (action == "archive-path" || action == "extract-to-dir"):
		return "copied files by the engine"
	case e.Dataset == "docker.events" && action == "start" && e.Get(schema.ContainerSecurityContextPrivileged).True():
		return "privileged container started"
	case e.Get(schema.KubernetesAuditPodPrivileged).True() && action == "create":
		return "privileged pod created"
	}
	switch sub := get(e, schema.KubernetesAuditObjectRefSubresource); sub {
	case "exec", "attach", "portforward", "ephemeralcontainers":
		return "Kubernetes " + sub
	}
	return ""
}

// auditConfig says what of the audit trail, of the clock or of mandatory access
// control an event changed, "" for nothing.
func auditConfig(e *event.Event, action string) string {
	switch action {
	case "changed-audit-configuration", "started-audit", "shutdown-audit", "aborted-auditd-startup", "changed-system-time",
		"changed-selinux-enforcement", "changed-selinux-boolean", "loaded-selinux-policy", "changed-mac-configuration", "loaded-mac-policy":
		return action
	}
	path := get(e, schema.FilePath)
	if path == "" || !changes(e) {
		return ""
	}
	for _, at := range [...]string{"/etc/audit/", "/etc/libaudit.conf", "/var/log/audit/", "/etc/chrony", "/etc/ntp", "/etc/systemd/timesyncd.conf", "/etc/localtime", "/etc/adjtime", "/etc/tallyman/"} {
		if strings.HasPrefix(path, at) {
			return action + " " + path
		}
	}
	return ""
}

// changes reports whether an event is of a file that was made, written or removed.
func changes(e *event.Event) bool {
	for v := range e.Fields.All(schema.EventType) {
		switch v.Str() {
		case "change", "creation", "deletion":
			return true
		}
	}
	return false
}

// sections returns the tables in the order of the report.
func (t *tables) sections() []*Section {
	var list []*Section
	for _, one := range [...]*table{&t.controls, &t.rules, &t.privileged, &t.access, &t.config, &t.images, &t.admins, &t.losses, &t.sources} {
		list = append(list, one.done())
	}
	return list
}
