package container

// What an event says of its process.

import (
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// gist is what an event says, as far as it tells of its process.
type gist struct {
	action, call, code string
	failed             bool
}

// read takes from an event what the table needs; the pid is 0 where the event
// names no process.
func (s *stage) read(e *event.Event, sn *seen) {
	sn.t = e.Time.UnixNano() // the rest is clear
	var w gist
	var at [kinds]int32 // the last field of each kind, and one
	fields := e.Fields
	for i := range fields {
		f := &fields[i]
		kind := reads[f.Key%keys]
		if at[kind%kinds] = int32(i) + 1; kind < readUser || kind == readCall && f.NameLen() != len("syscall") {
			continue // most are nothing to read: what is, is read at the end
		}
		switch kind {
		case readUser:
			sn.user = sn.user || f.Str() != "0"
		case readOutcome:
			w.failed = w.failed || f.Str() == "failure"
		case readResult:
			w.failed = w.failed || f.Str() == "fail"
		case readCall:
			if f.Named("syscall") {
				w.call = f.Str()
			}
		}
	}
	str := func(kind int) string {
		if i := at[kind]; i > 0 {
			return fields[i-1].Str()
		}
		return ""
	}
	if i := at[readPID]; i > 0 {
		sn.pid = number(fields[i-1].Value())
	}
	if i := at[readParent]; i > 0 {
		sn.ppid = number(fields[i-1].Value())
	}
	if i := at[readSerial]; i > 0 {
		sn.serial, _ = fields[i-1].Value().Int64()
	}
	if i := at[readNode]; i > 0 && fields[i-1].Len() > 0 && !s.t.nodes.number(fields[i-1].Str(), &sn.node) {
		sn.pid = 0
	}
	sn.name, sn.exe = str(readName), str(readExe)
	w.action, w.code = str(readAction), str(readCode)
	sn.acts(&w)
}

// words takes the arguments of an event that may be an engine's command. They are
// good until the next call.
func (s *stage) words(e *event.Event, sn *seen) {
	if sn.act != actExec || !engineName(base(sn.exe)) {
		return
	}
	clear(s.args)
	s.args = s.args[:0]
	for arg := range e.Fields.All(schema.ProcessArgs) {
		s.args = append(s.args, arg.Str())
	}
	sn.args = s.args
}

// keys is more than the schema has; a test holds it against that.
const keys = 512

// What read does with a field: from readUser on it looks at each.
const (
	readNothing = iota
	readPID
	readParent
	readName
	readExe
	readCode
	readSerial
	readNode
	readAction
	readUser
	readOutcome
	readResult
	readCall

	kinds = 16 // more than there are
)

// reads says what read does with each field; three quarters of what an event has are
// passed over.
var reads = [keys]uint8{
	schema.ProcessPID: readPID, schema.ProcessParentPID: readParent, schema.ProcessName: readName, schema.ProcessExecutable: readExe,
	schema.EventCode: readCode, schema.EventSequence: readSerial, schema.UserID: readUser,
	schema.UserEffectiveID: readUser, schema.HostName: readNode, schema.EventAction: readAction, schema.EventOutcome: readOutcome,
	schema.AuditdResult: readResult, schema.AuditdData: readCall,
}

// besides are the kernel's own records that go with that of a system call, and
// give such an event its code.
const besides = " AVC SELINUX_ERR SECCOMP ANOM_ABEND ANOM_LINK ANOM_CREAT BPF "

// acts notes what an event says of its process, and of its host. Only the
// kernel's record of a system call is believed about a process.
func (sn *seen) acts(w *gist) {
	code, call, action := w.code, w.call, w.action
	sn.kernel = code == "SYSCALL" || call != "" && strings.Contains(besides, " "+code+" ")
	switch {
	case code != "SYSCALL":
		if code == "SYSTEM_BOOT" {
			sn.act = actBoot
		}
	case call == "exit_group", call == "" && action == "end": // exit alone ends a thread
		sn.act = actEnd
	case w.failed:
	case action == "executed", call == "execve", call == "execveat":
		sn.act = actExec
	case action == "setsid", call == "setsid":
		sn.act = actSetsid
	}
}

// note takes what an event says of its host.
func (s *stage) note(sn *seen) {
	if sn.act == actBoot {
		s.t.booted(sn.node, sn.t, sn.serial)
	}
	if sn.kernel {
		s.t.counted(sn.node, sn.serial)
	}
}

// counted notes the serial of a record of a node's kernel.
func (t *Transform) counted(node uint32, serial int64) {
	for int(node) >= len(t.serials) {
		t.serials = append(t.serials, 0)
	}
	t.serials[node] = max(t.serials[node], serial)
}

// booted ends the lives of a node at a record that says that it started, where
// that is proven: any program that may write to the audit log can say so. The
// kernel, though, counts its records, and begins again with a boot; and /proc
// knows when this host did.
func (t *Transform) booted(node uint32, at, serial int64) {
	const disorder = 1000 // records that were counted before and come after
	switch {
	case node == 0 && t.live:
		if t.proc != nil && t.proc.setBoot() {
			t.table.reboot(node, min(at, t.proc.boot-int64(time.Second)))
		}
	case serial > 0 && int(node) < len(t.serials) && serial+disorder < t.serials[node]:
		t.serials[node] = serial
		t.table.reboot(node, at)
	}
}

// number returns a pid, 0 for what is none.
func number(v event.Value) int32 {
	n, ok := v.Int64()
	if !ok || n < 0 || n > 1<<22 { // PID_MAX_LIMIT
		return 0
	}
	return int32(n)
}
