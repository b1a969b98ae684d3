package audit

import (
	"strings"

	"tallyman/pipeline/schema"
)

// summary writes who did it, to what and how, in the fields that Auditbeat has
// for it (auditd.summary.*). They repeat what stands in others, so they are
// written only when the settings ask for them.
func (f *facts) summary(v *verdict) {
	id, out := f.ids, &f.out
	primary := or(f.auditName, id.auid)
	if unset(primary) {
		primary = or(f.who, id.uid)
	}
	if !unset(primary) {
		out.AddString(schema.AuditdSummaryActorPrimary, primary)
	}
	secondary := or(account(id.acct), or(out.Get(schema.UserEffectiveName).Str(), or(f.who, id.uid)))
	if secondary != primary && !unset(secondary) {
		out.AddString(schema.AuditdSummaryActorSecondary, secondary)
	}
	kind, object, detail := f.summaryObject(v)
	out.AddString(schema.AuditdSummaryObjectType, kind)
	out.AddString(schema.AuditdSummaryObjectPrimary, object)
	out.AddString(schema.AuditdSummaryObjectSecondary, detail)
	how := f.exe
	if none(how) {
		how = or(f.comm, out.Get(schema.ProcessTTYName).Str())
	}
	out.AddString(schema.AuditdSummaryHow, how)
}

// summaryObject returns the kind of thing that was acted on, its name and a
// second one.
func (f *facts) summaryObject(v *verdict) (kind, object, detail string) {
	category, _, _ := strings.Cut(v.action.category, " ")
	switch {
	case v.action.object == objUnit:
		return "service", f.unit, ""
	case category == "file", v.action.object == objFile, v.action.object == objAccess && f.head.typ != typeUserAVC:
		return "file", or(f.path, f.acName), f.toPath
	case category == "network":
		if f.sock.port > 0 {
			detail = f.number(f.sock.port)
		}
		return "socket", f.sock.text, detail
	case category == "authentication", category == "session":
		return "user-session", f.written(schema.ProcessTTYName), or(f.written(schema.SourceAddress), f.written(schema.SourceDomain))
	case category == "iam":
		return "account", or(f.written(schema.UserTargetName), or(f.written(schema.GroupName), or(f.written(schema.UserTargetID), f.written(schema.GroupID)))), ""
	case v.action.object == objTarget:
		return "process", f.target, f.data.GetNamed(schema.AuditdData, "opid").Str()
	case category == "configuration":
		return "configuration", f.op, ""
	case category == "host":
		return "system", "", ""
	}
	return "process", or(f.path, or(f.exe, f.comm)), ""
}

// written returns the text of a field that was written.
func (f *facts) written(k schema.Key) string { return f.out.Get(k).Str() }
