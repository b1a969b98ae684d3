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
	action, call, node, code string
	failed                   bool
	serial                   int64
}

// read takes from an event what the table needs; the pid is 0 where the event
// names no process. The arguments are good until the next call.
func (s *stage) read(e *event.Event, sn *seen) {
	sn.t = e.Time.UnixNano() // the rest is clear
	s.args = s.args[:0]
	var w gist
	fields := e.Fields
	for i := range fields {
		f := &fields[i]
		switch reads[f.Key%keys] {
		case readNothing:
		case readPID:
			sn.pid = number(f.Value())
		case readParent:
			sn.ppid = number(f.Value())
		case readName:
			sn.name = f.Str()
		case readExe:
			sn.exe = f.Str()
		case readArg:
			s.args = append(s.args, f.Str())
		case readCode:
			w.code = f.Str()
		case readSerial:
			w.serial, _ = f.Value().Int64()
		case readUser:
			sn.user = sn.user || f.Str() != "0"
		case readNode:
			w.node = f.Str()
		case readAction:
			w.action = f.Str()
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
	if w.node != "" && !s.t.nodes.number(w.node, &sn.node) {
		sn.pid = 0
	}
	s.acts(sn, &w)
}

// keys is more than the schema has; a test holds it against that.
const keys = 512

// What read does with a field.
const (
	readNothing = iota
	readPID
	readParent
	readName
	readExe
	readArg
	readCode
	readSerial
	readUser
	readNode
	readAction
	readOutcome
	readResult
	readCall
)

// reads says what read does with each field; three quarters of what an event has are
// passed over.
var reads = [keys]uint8{
	schema.ProcessPID: readPID, schema.ProcessParentPID: readParent, schema.ProcessName: readName, schema.ProcessExecutable: readExe,
	schema.ProcessArgs: readArg, schema.EventCode: readCode, schema.EventSequence: readSerial, schema.UserID: readUser,
	schema.UserEffectiveID: readUser, schema.HostName: readNode, schema.EventAction: readAction, schema.EventOutcome: readOutcome,
	schema.AuditdResult: readResult, schema.AuditdData: readCall,
}

// besides are the kernel's own records that go with that of a system call, and
// give such an event its code.
const besides = " AVC SELINUX_ERR SECCOMP ANOM_ABEND ANOM_LINK ANOM_CREAT BPF "

// acts notes what an event says of its process, and of its host. Only the
// kernel's record of a system call is believed about a process.
func (s *stage) acts(sn *seen, w *gist) {
	code, call, action := w.code, w.call, w.action
	sn.kernel = code == "SYSCALL" || call != "" && strings.Contains(besides, " "+code+" ")
	switch {
	case code != "SYSCALL":
		if code == "SYSTEM_BOOT" {
			s.t.booted(sn.node, sn.t, w.serial)
		}
	case call == "exit_group", call == "" && action == "end": // exit alone ends a thread
		sn.act = actEnd
	case w.failed:
	case action == "executed", call == "execve", call == "execveat":
		sn.act, sn.args = actExec, s.args
	case action == "setsid", call == "setsid":
		sn.act = actSetsid
	}
	if sn.kernel {
		s.t.counted(sn.node, w.serial)
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
