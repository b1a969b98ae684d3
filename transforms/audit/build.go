package audit

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// verdict is what an event comes to: the action and what the records make of it.
type verdict struct {
	action   *action
	name     string // event.action
	types    string
	outcome  string
	severity int8
}

// build writes the fields of the event that was gathered.
func (f *facts) build(p *pending) {
	if f.call == nil {
		if nr, ok := decimal(f.nr); ok {
			f.call = f.arch.call(nr)
		}
	}
	if f.call != nil && f.call.name == "socketcall" {
		if nr, ok := hexNum(f.arg[0]); ok && nr < uint64(len(f.t.tables.sockets)) {
			f.sub = f.t.tables.sockets[nr]
		}
	}
	var v verdict
	f.judge(&v)
	out := &f.out
	f.begin(&v)
	if !p.bare {
		out.Add(schema.EventSequence, sequence(p.serial))
	}
	out.AddString(schema.HostName, p.node)
	f.result(&v)
	f.process()
	f.identity(p.node)
	f.files(p.node)
	f.network(p, &v)
	f.system()
	if f.t.set.Summary {
		f.summary(&v)
	}
	for _, k := range f.keys {
		out.AddString(schema.AuditdKey, k)
	}
	if f.head.typ != typeConfig { // the key of a rule that is changed is no key of this event
		for _, k := range f.keys {
			out.AddString(schema.Tags, k)
		}
	}
	f.addData()
	f.addPaths()
	out.AddString(schema.Message, f.message(&v))
}

func addWords(out *event.Fields, k schema.Key, words string) {
	for words != "" {
		var w string
		w, words, _ = strings.Cut(words, " ")
		out.AddString(k, w)
	}
}

func sequence(n uint64) event.Value {
	if n > 1<<63-1 {
		return event.Uint(n)
	}
	return event.Int(int64(n))
}

// judge decides what happened and how it ended.
func (f *facts) judge(v *verdict) {
	t := f.t.tables
	v.action = t.unnamed
	switch a := t.records.of(f.head.typ); {
	case f.head.typ == typeSyscall:
		v.action = f.callAction()
	case f.head.typ == typeExecve:
		v.action = t.exec
	case f.head.typ == typeBPF:
		v.action = t.bpf
		if f.bpfOp() == "UNLOAD" {
			v.action = t.unbpf
		}
	case a != nil:
		v.action = a
	}
	v.name, v.types = v.action.name, v.action.types
	switch {
	case v.action == t.other:
		v.name = f.callName()
	case v.name == "":
		v.name = t.kinds.lowered(f.head)
	}
	v.outcome = f.outcome()
	f.special(v)
	v.severity = v.action.severity
	if f.opens() && v.types != "access" {
		v.severity = 2
	}
	if v.outcome == "failure" {
		switch {
		case v.action.failure > 0:
			v.severity = v.action.failure
		case v.severity < 4:
			v.severity++
		}
	}
}

// The namespace flags of clone and unshare (linux/sched.h).
const cloneNew = 0x7E020000 | 0x80

// callAction returns the action of the system call.
func (f *facts) callAction() *action {
	c := f.call
	if f.sub != nil && f.sub.action != nil {
		return f.sub.action
	}
	if c == nil {
		return f.t.tables.other
	}
	if c.action != nil {
		return c.action
	}
	a0, ok := hexNum(f.arg[0])
	switch {
	case c.name == "clone" && ok && a0&cloneNew != 0:
		return f.t.tables.clone
	case c.name == "bpf" && ok && a0 == 5: // BPF_PROG_LOAD; the other commands load nothing
		return f.t.tables.bpf
	}
	return f.t.tables.other
}

// callName returns the name of the system call, its number where no table has it.
func (f *facts) callName() string {
	switch {
	case f.call != nil:
		return f.call.name
	case f.nrTag != "" && !strings.HasPrefix(f.nrTag, "unknown-syscall("):
		return f.nrTag
	case f.nr != "":
		return f.nr
	}
	return "syscall"
}

func (f *facts) opens() bool { return f.head.typ == typeSyscall && f.call != nil && f.call.opens }

// outcome returns success, failure or unknown. A connect that goes on in the
// background has not failed.
func (f *facts) outcome() string {
	said := f.res
	if f.head.typ == typeSyscall || said == "" {
		if said = f.success; said == "no" && f.exit == "-115" && f.role() == roleDestination {
			return "success"
		}
	}
	return outcomeOf(said)
}

// outcomeOf reads the words for how something ended: of system calls, of the kernel
// and of programs.
func outcomeOf(said string) string {
	switch said {
	case "yes", "1", "success", "succeeded", "Success":
		return "success"
	case "no", "0", "failed", "fail", "failure", "Failure":
		return "failure"
	}
	return "unknown"
}

func (f *facts) role() role {
	switch {
	case f.sub != nil:
		return f.sub.role
	case f.call != nil:
		return f.call.role
	}
	return roleNone
}

// special settles what an action's row leaves to the fields of the event.
func (f *facts) special(v *verdict) {
	switch {
	case f.head.typ == typeAVC, f.head.typ == typeUserAVC && (f.verdict != "" || f.appArmor != ""):
		f.accessVerdict(v)
	case f.head.typ == typeChauthtok && strings.HasPrefix(f.op, "display"): // chage -l
		v.action = f.t.tables.looked
		v.name, v.types = v.action.name, v.action.types
	case f.head.typ == typeLandlock: // it tells of denials only
		v.outcome = "failure"
	case f.head.typ == typeIPE:
		f.ipeVerdict(v)
	case f.head.typ == typeMeasured && f.acPath == "": // of Linux before 4.18: a rule of the policy
		v.action = f.t.tables.records[typePolicyRule]
	case f.head.typ == typeSeccomp:
		v.outcome = "failure"
		if f.seccompCode == "0x7ffc0000" || f.seccompCode == "0x7fff0000" { // SECCOMP_RET_LOG, SECCOMP_RET_ALLOW
			v.outcome, v.types = "success", "allowed"
		}
	case f.opens():
		v.types = f.openType()
	}
}

// accessVerdict reads what SELinux or AppArmor decided. A word that is not known
// decides nothing.
func (f *facts) accessVerdict(v *verdict) {
	word := f.verdict
	if f.appArmor != "" {
		v.action, v.name, v.types = f.t.tables.appArmor, f.t.tables.appArmor.name, f.t.tables.appArmor.types
		word = f.appArmor
		if word == "STATUS" { // profiles were loaded, replaced or removed
			*v = verdict{action: f.t.tables.macConfig, name: f.t.tables.macConfig.name, types: f.t.tables.macConfig.types, outcome: "success"}
			return
		}
	}
	switch word {
	case "denied", "DENIED", "KILLED", "ERROR":
		if f.permissive != "1" {
			v.outcome = "failure"
			return
		}
		v.types, v.outcome = "allowed", "success"
	case "granted", "ALLOWED", "AUDIT":
		v.types, v.outcome = "allowed", "success"
	default:
		v.types, v.outcome = "info", "unknown"
	}
}

// ipeVerdict reads what IPE decided: its rule ends with the action, and holds where
// the policy is enforced.
func (f *facts) ipeVerdict(v *verdict) {
	v.outcome = "failure"
	rule := f.data.GetNamed(schema.AuditdData, "rule").Str()
	if strings.HasSuffix(rule, "action=ALLOW") || f.data.GetNamed(schema.AuditdData, "enforcing").Str() == "0" {
		v.outcome, v.types = "success", "allowed"
	}
}

func (f *facts) bpfOp() string {
	if f.op != "" {
		return f.op
	}
	return f.data.GetNamed(schema.AuditdData, "op").Str()
}

// result writes outcome, exit and reason.
func (f *facts) result(v *verdict) {
	said, other := f.success, f.res
	if f.head.typ != typeSyscall && f.res != "" || said == "" {
		said, other = f.res, f.success
	}
	switch outcomeOf(said) {
	case "success":
		f.out.AddString(schema.AuditdResult, "success")
	case "failure":
		f.out.AddString(schema.AuditdResult, "fail")
	default:
		f.out.AddString(schema.AuditdResult, said)
	}
	if other != "" && outcomeOf(other) != outcomeOf(said) { // the call and what it was for ended differently
		f.leftover("other_result", other)
	}
	if n, ok := decimal(f.exit); ok && n < 0 && f.success == "no" && v.outcome != "success" {
		f.reason = f.t.tables.errnos[-n]
		f.out.AddString(schema.EventReason, f.reason)
	}
}
